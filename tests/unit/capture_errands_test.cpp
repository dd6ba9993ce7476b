// What is asked of the ledger while a browser runs: one thing at a time, and nothing that would hold the
// browser up.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "client/capture/ledger_errands.h"

using namespace cunzheng;
using namespace cunzheng::capture;

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kNever{3'600};
const std::function<bool()> kGoOn = [] { return false; };

std::vector<std::string> Steps(const OperationSteps& steps, std::string_view what) {
  std::vector<std::string> details;
  for (const OperationStep& step : steps.list()) {
    if (step.what == what) details.push_back(step.detail.substr(0, 13));  // "recording-000"
  }
  return details;
}

// Waits for what happens on another thread.
void TickUntil(LedgerErrands* errands, const std::function<bool()>& done) {
  for (int i = 0; i < 2'000 && !done(); ++i) {
    errands->Tick();
    std::this_thread::sleep_for(milliseconds(5));
  }
  REQUIRE(done());
}

}  // namespace

TEST_CASE("segments are deposited one after the other, in their order") {
  OperationSteps steps;
  std::atomic<int> at_once = 0, most = 0;
  LedgerCalls calls;
  calls.anchor = [&](size_t segment, const std::string& index) -> Result<std::string> {
    most = std::max<int>(most, ++at_once);
    std::this_thread::sleep_for(milliseconds(5));
    --at_once;
    return "receipt of " + std::to_string(segment) + " " + index;
  };
  LedgerErrands errands(&calls, kNever, &steps);
  for (size_t i = 0; i < 3; ++i) errands.SegmentEnded(i, "index");
  errands.Tick();
  errands.Finish(seconds(30), kGoOn);
  CHECK(Steps(steps, "anchored") ==
        std::vector<std::string>{"recording-000", "recording-001", "recording-002"});
  CHECK(errands.receipts().at(2) == "receipt of 2 index");
  CHECK(most == 1);
}

TEST_CASE("when the ledger fails, the newest segment is tried next and the others are told as missed") {
  OperationSteps steps;
  LedgerCalls calls;
  calls.anchor = [](size_t segment, const std::string&) -> Result<std::string> {
    if (segment == 0) return Error{Errc::kUnreachable, "no node"};
    return std::string("receipt");
  };
  LedgerErrands errands(&calls, kNever, &steps);
  for (size_t i = 0; i < 4; ++i) errands.SegmentEnded(i, "index");
  errands.Finish(seconds(30), kGoOn);
  CHECK(Steps(steps, "anchor_missed") ==
        std::vector<std::string>{"recording-000", "recording-001", "recording-002"});
  CHECK(Steps(steps, "anchored") == std::vector<std::string>{"recording-003"});
}

TEST_CASE("the end waits for receipts no longer than it may, and not after it was stopped") {
  LedgerCalls calls;
  std::atomic<bool> release = false;
  calls.anchor = [&](size_t, const std::string&) -> Result<std::string> {
    while (!release) std::this_thread::sleep_for(milliseconds(1));
    return std::string("receipt");
  };
  for (const bool stopped : {false, true}) {
    OperationSteps steps;
    release = false;
    LedgerErrands errands(&calls, kNever, &steps);
    errands.SegmentEnded(0, "index");
    errands.SegmentEnded(1, "index");
    errands.Tick();
    errands.Finish(milliseconds(stopped ? 3'600'000 : 20), [&] { return stopped; });
    CHECK(Steps(steps, "anchor_missed").size() == 2);
    CHECK(errands.receipts().empty());
    release = true;  // or the thread would never end
  }
}

TEST_CASE("fresh checkpoints are fetched now and then, and one that could not be had is told") {
  OperationSteps steps;
  LedgerCalls calls;
  std::atomic<int> asked = 0;
  calls.fetch_checkpoint = [&]() -> Result<std::string> {
    if (++asked == 2) return Error{Errc::kUnreachable, "no node"};
    return std::string("a note");
  };
  LedgerErrands errands(&calls, seconds(0), &steps);
  TickUntil(&errands, [&] { return Steps(steps, "checkpoint").size() >= 2; });
  CHECK(Steps(steps, "checkpoint_missed").size() == 1);
}

TEST_CASE("a segment waits for a checkpoint that is being fetched, also at the end") {
  OperationSteps steps;
  LedgerCalls calls;
  std::atomic<int> at_once = 0, most = 0;
  const auto busy = [&]() -> Result<std::string> {
    most = std::max<int>(most, ++at_once);
    std::this_thread::sleep_for(milliseconds(30));
    --at_once;
    return std::string("answer");
  };
  calls.fetch_checkpoint = busy;
  calls.anchor = [&](size_t, const std::string&) { return busy(); };
  LedgerErrands errands(&calls, seconds(0), &steps);
  errands.Tick();  // asks for a checkpoint
  errands.SegmentEnded(0, "index");
  errands.Finish(seconds(30), kGoOn);
  CHECK(Steps(steps, "checkpoint").size() == 1);
  CHECK(Steps(steps, "anchored") == std::vector<std::string>{"recording-000"});
  CHECK(most == 1);
}

TEST_CASE("without a ledger nothing is asked, and segments wait for nothing") {
  OperationSteps steps;
  const LedgerCalls calls;
  LedgerErrands errands(&calls, seconds(0), &steps);
  errands.SegmentEnded(0, "index");
  errands.Tick();
  errands.Finish(seconds(30), kGoOn);
  CHECK(steps.list().empty());
}
