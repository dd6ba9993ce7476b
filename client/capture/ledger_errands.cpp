#include "client/capture/ledger_errands.h"

#include <utility>

#include "client/evidence/recording.h"
#include "crypto/digest.h"

namespace cunzheng::capture {

void LedgerErrands::SegmentEnded(size_t segment, const std::string& index) {
  if (calls_->anchor) waiting_.emplace_back(segment, index);
}

void LedgerErrands::Missed(size_t segment, const std::string& why) {
  steps_->Note("anchor_missed", evidence::RecordingName(segment) + ": " + why);
}

void LedgerErrands::Take() {
  const Result<std::string> answer = answer_.get();
  if (!anchoring_) {
    steps_->Note(answer ? "checkpoint" : "checkpoint_missed", answer ? *answer : answer.error().detail);
    rebind_next_ = Clock::now() + rebind_every_;
    return;
  }
  const size_t segment = *std::exchange(anchoring_, std::nullopt);
  if (answer) {
    steps_->Note("anchored",
                 evidence::RecordingName(segment) + ", receipt sha256:" + ToHex(Sha256(AsBytes(*answer))));
    receipts_.emplace(segment, *answer);
    return;
  }
  Missed(segment, answer.error().detail);
  // The newest names all that were before it: while the ledger is slow, that is the one to go on with.
  for (; waiting_.size() > 1; waiting_.pop_front()) Missed(waiting_.front().first, "a later one is next");
}

void LedgerErrands::Tick() {
  if (answer_.valid()) {
    if (answer_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) return;
    Take();
  }
  if (!waiting_.empty()) {
    anchoring_ = waiting_.front().first;
    answer_ = std::async(std::launch::async, [call = &calls_->anchor, next = std::move(waiting_.front())] {
      return (*call)(next.first, next.second);
    });
    waiting_.pop_front();
  } else if (calls_->fetch_checkpoint && Clock::now() >= rebind_next_) {
    answer_ = std::async(std::launch::async, calls_->fetch_checkpoint);
  }
}

void LedgerErrands::Finish(std::chrono::milliseconds within, const std::function<bool()>& stop) {
  const auto until = Clock::now() + within;
  if (!waiting_.empty() || anchoring_) steps_->Note("awaiting_anchors");
  rebind_next_ = Clock::time_point::max();
  for (; (!waiting_.empty() || anchoring_) && Clock::now() < until && !stop(); Tick()) {
    if (answer_.valid())
      answer_.wait_for(std::chrono::milliseconds(50));  // also a checkpoint's, which comes first
  }
  const std::string why = stop() ? "stopped" : "the time for it is over";
  if (anchoring_) Missed(*anchoring_, why);
  for (; !waiting_.empty(); waiting_.pop_front()) Missed(waiting_.front().first, why);
}

}  // namespace cunzheng::capture
