// One page, from its address to what a person would have seen: loaded, scrolled to its end, settled,
// pictured. Logs what it does and why it stops. Whatever a page does, it is bounded in time, memory, disk and
// number.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/capture/browser_process.h"
#include "client/capture/exchanges.h"
#include "client/capture/identity.h"
#include "client/capture/ranges.h"
#include "client/evidence/recording.h"
#include "crypto/result.h"

namespace cunzheng::capture {

struct PageLimits {
  std::chrono::milliseconds quiet{1'500};         // without traffic: it has settled
  std::chrono::milliseconds load_within{60'000};  // then it is taken as it is
  std::chrono::milliseconds scroll_within{60'000};
  std::chrono::milliseconds answer_within{30'000};  // of the browser, to any one command
  std::chrono::milliseconds total_within{600'000};  // everything
  uint32_t height_max = 60'000;                     // CSS pixels that are scrolled and pictured
  uint32_t tile_height = 2'000;
  uint32_t refetches_max = 20;                       // second fetches of what came in ranges
  std::chrono::milliseconds refetch_within{60'000};  // all of them
  uint32_t navigations_max = 20, dialogs_max = 20, targets_max = 100;
  uint64_t memory_bytes_max = uint64_t{4} << 30;   // of all processes of the browser
  uint64_t profile_bytes_max = uint64_t{1} << 30;  // of its files
};

struct PageOptions {
  bool allow_local = false;  // addresses of the machine's own network too
  bool phone = false;        // a phone's viewport and touch
  Identity identity;         // of LearnIdentity; without an override the browser's own
  // What the page shows is recorded for so long once it has loaded; of a person's browsing from its
  // beginning, at most so long.
  std::chrono::milliseconds record{0};
  // Told of each segment of the recording as it ends.
  std::function<void(size_t segment, const std::string& index)> on_segment;
  // Set: a person browses in the window until this says that it is enough, or the window is closed.
  std::function<bool()> enough;
};

struct OperationStep {
  uint64_t monotonic_us = 0, time_unix_us = 0;
  std::string what, detail;
};

// The steps of one capture, as they happen. A page cannot make them endless: past a limit they are counted
// only.
class OperationSteps {
 public:
  explicit OperationSteps(std::function<void(const OperationStep&)> observer = {})
      : observer_(std::move(observer)) {}
  // `what`: [a-z][a-z0-9_]{0,31}; `detail` may be empty and have several lines.
  void Note(const std::string& what, const std::string& detail = {});
  const std::vector<OperationStep>& list() const { return list_; }

 private:
  std::function<void(const OperationStep&)> observer_;
  std::vector<OperationStep> list_;
  const Clock::time_point began_ = Clock::now();
};

// What one page looked like while a person browsed.
struct View {
  uint64_t time_unix_us = 0;
  std::string url, title, png;
};

struct Tile {
  uint32_t y = 0, height = 0;  // CSS pixels
  std::string png;
};

struct PageResult {
  std::string url, final_url, title, browser_version;
  std::string user_agent;          // that was sent
  std::string failure;             // "net::ERR_…" when the page's own address could not be loaded
  uint32_t width = 0, height = 0;  // of what was pictured, CSS pixels
  double scale = 1;                // device pixels a CSS pixel
  std::vector<Tile> tiles;
  std::vector<evidence::RecordingSegment> recording;
  std::vector<View> views;  // of an interactive capture: each page that came, once it had settled
  std::string pdf, mhtml, dom;
  std::map<std::string, std::vector<std::string>> certificates;  // DER, the leaf first, by origin
  // Why it ended: "settled"; "failed", "download"; load_limit, scroll_limit, height_limit (it was taken as it
  // was); or what cut it short: interrupted, crashed, hung, browser_ended,
  // {dialog,navigation,target,exchange,time,memory,disk}_limit.
  std::string stopped;
  bool partial = false;  // cut short
};

class PageCapture {
 public:
  // `stop` is asked often and ends the capture with what there is. All outlive this.
  PageCapture(BrowserProcess* browser, const PageLimits& limits, const ExchangeLimits& exchange_limits,
              const PageOptions& options, OperationSteps* steps, std::function<bool()> stop);
  ~PageCapture();
  PageCapture(const PageCapture&) = delete;
  PageCapture& operator=(const PageCapture&) = delete;

  // Called about every 50 ms; must not take long.
  void OnTick(std::function<void()> tick) { on_tick_ = std::move(tick); }
  // Once. Errors: kUnreachable, kTimeout, kInterrupted: the browser ended, did not answer, or `stop` said so
  // before there was a page. One that cannot be loaded is no error: it is recorded as what happened.
  Result<PageResult> Run(const std::string& url);
  const ExchangeRecorder& exchanges() const { return recorder_; }

 private:
  Result<void> Guard();
  void WatchMemory();
  void WatchProfile();
  // The first reason stands. End: nothing more is asked of the browser.
  void Stop(const std::string& reason, const std::string& detail = {});
  void End(const std::string& reason, const std::string& detail = {});
  // Whether the page can still be asked anything; and whether it may go on by itself.
  bool Answers() const { return !ended_ && !crashed_ && !hung_ && !cdp_.gone(); }
  bool GoesOn() const { return Answers() && !over_; }

  void Take(const CdpEvent& event);
  void Attached(const CdpEvent& event);
  void Dialog(const CdpEvent& event);
  void Navigated(const boost::json::object& frame);
  void TakeIdentity(const std::string& session, const std::string& type);

  Result<boost::json::object> Ask(std::string_view method, boost::json::object params = {});
  // In a world of the page (CDP's executionContextId); 0: its own.
  Result<boost::json::value> Evaluate(const std::string& expression, int64_t context = 0);
  void Pause(std::chrono::milliseconds time);
  // Until there is no traffic, or `within` is over; false: it was over, or cut short.
  bool Settle(std::chrono::milliseconds within);
  // Ends scripts that never come to their end; afterwards the page answers, or is given up.
  void Free();
  Result<void> Open();
  void Load(const std::string& url);
  // What the page shows from here on, for as long as PageOptions::record says. End: does nothing twice.
  void BeginRecording();
  bool IsRecording() const;
  void EndRecording();
  void TakeFrame(const CdpEvent& event);
  void AskForFrames();
  void Scroll();
  // The few largest elements that scroll within the page (page_scroll.cpp).
  void ScrollInside();
  void ScrollElement(size_t i, const std::string& name, int64_t context, Clock::time_point until);
  void Browse();
  void TakeView();
  void Picture();
  void TakeText(const std::string& name, std::string_view method, boost::json::object params,
                std::string_view key, bool base64, std::string* out);
  void TakeDom();
  struct Place {
    std::string url, title;
  };
  Result<Place> WhereItIs();
  void TakePlace();
  // Of origins that have none yet.
  void TakeCertificates();
  // All of the addresses of which the page got ranges that are not the whole (page_refetch.cpp).
  void FetchWholes();
  void FetchWhole(const RangedAddress& address, Clock::time_point until);

  BrowserProcess* const browser_;
  Cdp& cdp_;
  const PageLimits limits_;
  const PageOptions options_;
  OperationSteps* const steps_;
  const std::function<bool()> stop_;
  std::function<void()> on_tick_;
  ExchangeRecorder recorder_;
  PageResult result_;
  std::string target_, session_;
  std::string refetch_target_;                   // of the second fetch that is under way
  std::map<std::string, std::string> sessions_;  // type by session
  std::map<std::string, std::string> targets_;   // session by target
  evidence::RecordingWriter recording_;
  std::optional<Clock::time_point> recording_until_;  // set while it runs
  bool recording_full_ = false;
  std::vector<int64_t> frames_waiting_;
  bool loaded_ = false;  // the page's load event has come
  bool over_ = false;    // a limit on what it may do was reached
  bool hung_ = false, crashed_ = false, ended_ = false;
  uint32_t navigations_ = 0, dialogs_ = 0, targets_seen_ = 0, downloads_ = 0;
  const Clock::time_point began_ = Clock::now();
  Clock::time_point frame_next_{}, memory_next_{}, profile_next_{}, memory_over_since_{};
};

}  // namespace cunzheng::capture
