// What is asked of the ledger while the browser runs, one thing after the other, on a thread of its own: a
// fresh checkpoint now and then, and a deposit of each segment of a recording as it ends. A node that does
// not answer holds nothing up but, if it still has not, the end.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <optional>
#include <string>

#include "client/capture/page_capture.h"
#include "crypto/result.h"

namespace cunzheng::capture {

// Each is called from another thread, one at a time; either may be empty.
struct LedgerCalls {
  std::function<Result<std::string>()> fetch_checkpoint;
  // Deposits the index of a recording's segment (specs/capture.md, "Recording"); gives the receipt's text.
  std::function<Result<std::string>(size_t segment, const std::string& index)> anchor;
};

// Not thread-safe: of the thread that drives the browser.
class LedgerErrands {
 public:
  // Both pointers outlive this.
  LedgerErrands(const LedgerCalls* calls, std::chrono::seconds rebind_every, OperationSteps* steps)
      : calls_(calls),
        rebind_every_(rebind_every),
        steps_(steps),
        rebind_next_(Clock::now() + rebind_every) {}

  void SegmentEnded(size_t segment, const std::string& index);
  // Takes what has been answered, and asks what is next. Never waits.
  void Tick();
  // Waits for the receipts that are still to come, but not past `within`, nor after `stop`.
  void Finish(std::chrono::milliseconds within, const std::function<bool()>& stop);
  // By segment.
  const std::map<size_t, std::string>& receipts() const { return receipts_; }

 private:
  void Take();
  void Missed(size_t segment, const std::string& why);

  const LedgerCalls* const calls_;
  const std::chrono::seconds rebind_every_;
  OperationSteps* const steps_;
  Clock::time_point rebind_next_;
  std::deque<std::pair<size_t, std::string>> waiting_;  // segments that have ended
  std::map<size_t, std::string> receipts_;
  std::optional<size_t> anchoring_;  // what `answer_` is of; else of a checkpoint
  std::future<Result<std::string>> answer_;
};

}  // namespace cunzheng::capture
