// One page, from its address to what a person would have seen: loaded, scrolled to its end, settled, pictured. Logs what
// it does and why it stops.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "client/capture/browser_process.h"
#include "client/capture/exchanges.h"
#include "crypto/result.h"

namespace cunzheng::capture {

struct PageLimits {
  std::chrono::milliseconds quiet{1'500};          // without traffic: it has settled
  std::chrono::milliseconds load_within{60'000};   // then it is taken as it is
  std::chrono::milliseconds scroll_within{60'000};
  std::chrono::milliseconds answer_within{30'000};  // of the browser, to any one command
  uint32_t height_max = 60'000;                    // CSS pixels that are scrolled and pictured
  uint32_t tile_height = 2'000;
  uint32_t navigations_max = 20, dialogs_max = 20;
};

struct OperationStep {
  uint64_t monotonic_us = 0, time_unix_us = 0;
  std::string what, detail;
};

struct Tile {
  uint32_t y = 0, height = 0;
  std::string png;
};

struct PageResult {
  std::string url, final_url, title, user_agent, browser_version;
  uint32_t width = 0, height = 0;  // of the content, CSS pixels
  double scale = 1;                // device pixels a CSS pixel
  std::vector<Tile> tiles;
  std::string pdf, mhtml, dom;
  std::vector<OperationStep> steps;
  std::string stopped;  // why loading or scrolling ended: "settled", "load_limit", "height_limit", "crashed", …
  bool partial = false;
};

class PageCapture {
 public:
  // `stop` is asked often and ends the capture with what there is. Both outlive this.
  PageCapture(BrowserProcess* browser, PageLimits limits, ExchangeLimits exchange_limits,
              std::function<bool(const std::string& url)> allowed, std::function<bool()> stop);

  // Progress, in words of OperationStep::what.
  void OnStep(std::function<void(const OperationStep&)> handler) { on_step_ = std::move(handler); }
  // Errors: kUnreachable (the browser has ended), kTimeout. A page that cannot be loaded is no error: it is recorded as
  // what happened.
  Result<PageResult> Run(const std::string& url);
  const ExchangeRecorder& exchanges() const { return recorder_; }

 private:
  void Note(const std::string& what, const std::string& detail = {});
  void Take(const CdpEvent& event);
  Result<boost::json::object> Ask(std::string_view method, boost::json::object params = {});
  Result<boost::json::value> Evaluate(const std::string& expression);
  // Until there is no traffic, or `within` is over; false: it was over.
  Result<bool> Settle(std::chrono::milliseconds within);
  // Ends scripts that never come to their end; afterwards the page answers, or is given up.
  void Free();
  Result<void> Scroll();
  Result<void> Picture();
  void TakeText(std::string_view method, boost::json::object params, std::string_view key, bool base64,
                std::string* out);

  Cdp& cdp_;
  const PageLimits limits_;
  const std::function<bool()> stop_;
  ExchangeRecorder recorder_;
  std::function<void(const OperationStep&)> on_step_;
  std::string session_, main_frame_;
  PageResult result_;
  bool crashed_ = false, loaded_ = false, over_ = false, hung_ = false;
  uint32_t navigations_ = 0, dialogs_ = 0;
  const Clock::time_point began_ = Clock::now();
};

}  // namespace cunzheng::capture
