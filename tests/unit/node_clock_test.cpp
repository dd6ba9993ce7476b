#include <doctest/doctest.h>

#include <optional>

#include "node/clock.h"
#include "tests/unit/node_fake_clock.h"

namespace cunzheng::node {
namespace {

using testing::FakeClock;

constexpr uint64_t kStart = 1'800'000'000'000;

// A guard over a fake clock, which remembers what it was told to keep.
struct Stage {
  explicit Stage(bool require_sync = false) : clock(kStart), require(require_sync) { Restart(); }
  void Restart() {
    guard.emplace(clock, require, kept, [this](const ClockReference& reference) { kept = reference; });
  }
  // The stamp, booked as the ledger's last; or the error.
  Result<uint64_t> Stamp() {
    auto stamp = guard->Stamp(last_ms);
    if (stamp) {
      CHECK(*stamp > last_ms);
      last_ms = *stamp;
    }
    return stamp;
  }
  std::string Refusal() {
    const auto stamp = Stamp();
    REQUIRE_FALSE(stamp.has_value());
    CHECK(stamp.error().code == Errc::kClockUnsound);
    return stamp.error().detail;
  }

  FakeClock clock;
  bool require;
  std::optional<ClockReference> kept;
  std::optional<ClockGuard> guard;
  uint64_t last_ms = kStart - 1'000;
};

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a sound clock stamps its own time") {
  Stage stage;
  CHECK(*stage.Stamp() == kStart);
  stage.clock.Advance(5);
  CHECK(*stage.Stamp() == kStart + 5);
}

TEST_CASE("stamps strictly increase within one millisecond") {
  Stage stage;
  CHECK(*stage.Stamp() == kStart);
  CHECK(*stage.Stamp() == kStart + 1);
  CHECK(*stage.Stamp() == kStart + 2);
}

TEST_CASE("after a small step back time goes on without decreasing") {
  Stage stage;
  REQUIRE(stage.Stamp().has_value());
  stage.clock.Leap(-1'900);
  CHECK(*stage.Stamp() == kStart + 1);
}

TEST_CASE(
    "after a step back the node refuses while the last stamp is over 2 s ahead, then recovers by itself") {
  Stage stage;
  REQUIRE(stage.Stamp().has_value());
  stage.clock.Leap(-10'000);
  CHECK(Contains(stage.Refusal(), "10.0 s ahead of the clock"));
  stage.clock.Advance(7'999);
  CHECK(Contains(stage.Refusal(), "ahead of the clock"));
  stage.clock.Advance(1);
  CHECK(*stage.Stamp() == kStart + 1);
  stage.clock.Advance(5'000);
  CHECK(*stage.Stamp() == kStart + 3'000);
}

TEST_CASE("a leap forward refuses writes, also after the clock is set back") {
  Stage stage;
  REQUIRE(stage.Stamp().has_value());
  stage.clock.Leap(3'600'000);
  CHECK(Contains(stage.Refusal(), "leapt forward by 3600.0 s"));
  stage.clock.Advance(1'000);
  CHECK(Contains(stage.Refusal(), "leapt forward"));
  stage.clock.Leap(-3'600'000);
  CHECK(Contains(stage.Refusal(), "until an operator confirms the clock"));
}

TEST_CASE("a leap of exactly one second passes and one of a millisecond more does not") {
  Stage within;
  within.clock.Leap(1'000);
  CHECK(within.Stamp().has_value());
  Stage beyond;
  beyond.clock.Leap(1'001);
  beyond.Refusal();
}

TEST_CASE("a leap is seen however long the node was idle") {
  Stage stage;
  stage.clock.Advance(86'400'000);
  stage.clock.Leap(1'500);
  stage.Refusal();
}

TEST_CASE("small corrections within an hour do not add up beyond the tolerance, but an hour apart they may") {
  Stage hasty;
  hasty.clock.Leap(800);
  REQUIRE(hasty.Stamp().has_value());
  hasty.clock.Leap(800);
  hasty.Refusal();
  Stage patient;
  patient.clock.Leap(800);
  patient.clock.Advance(ClockGuard::kRenewMs);
  REQUIRE(patient.Stamp().has_value());
  patient.clock.Leap(800);
  CHECK(patient.Stamp().has_value());
}

TEST_CASE("a leap forward cannot hide in the gap that a step back left") {
  Stage stage;
  REQUIRE(stage.Stamp().has_value());
  stage.clock.Leap(-100'000);
  stage.clock.Advance(100'000);
  REQUIRE(stage.Stamp().has_value());
  stage.clock.Leap(50'000);
  stage.Refusal();
}

TEST_CASE("an operator's resume takes the leapt clock as right") {
  Stage stage;
  REQUIRE(stage.Stamp().has_value());
  stage.clock.Leap(3'600'000);
  stage.Refusal();
  const auto stamp = stage.guard->StampForResume(stage.last_ms);
  REQUIRE(stamp.has_value());
  CHECK(*stamp == kStart + 3'600'000);
  CHECK(stage.guard->held());
  stage.guard->Resume();
  CHECK_FALSE(stage.guard->held());
  CHECK(*stage.Stamp() == kStart + 3'600'000);
}

TEST_CASE("a resume does not overcome a clock behind the ledger or an unsynchronised one") {
  Stage stage(true);
  REQUIRE(stage.Stamp().has_value());
  stage.clock.Leap(-10'000);
  CHECK_FALSE(stage.guard->StampForResume(stage.last_ms).has_value());
  stage.clock.Leap(10'000);
  stage.clock.SetSynchronised(false);
  CHECK_FALSE(stage.guard->StampForResume(stage.last_ms).has_value());
}

TEST_CASE("with require_clock_sync an unsynchronised clock refuses until it is synchronised again") {
  Stage stage(true);
  REQUIRE(stage.Stamp().has_value());
  stage.clock.SetSynchronised(false);
  CHECK(Contains(stage.Refusal(), "not synchronised"));
  stage.clock.SetSynchronised(true);
  CHECK(stage.Stamp().has_value());
  Stage careless(false);
  careless.clock.SetSynchronised(false);
  CHECK(careless.Stamp().has_value());
}

TEST_CASE("a restart neither forgets a hold nor hides a leap that came while the node was down") {
  Stage held;
  held.clock.Leap(5'000);
  held.Refusal();
  held.Restart();
  held.Refusal();
  held.clock.Reboot("boot-2");
  held.Restart();
  held.Refusal();

  Stage down;
  REQUIRE(down.Stamp().has_value());
  down.clock.Leap(5'000);
  down.Restart();
  down.Refusal();
}

TEST_CASE("after a reboot a sound clock is measured anew") {
  Stage stage;
  REQUIRE(stage.Stamp().has_value());
  stage.clock.Leap(50'000);
  stage.clock.Reboot("boot-2");
  stage.Restart();
  CHECK(stage.Stamp().has_value());
}

TEST_CASE("a kept reference reads back as it was written, and a damaged one is refused") {
  const ClockReference reference{"boot-1", kStart, 77, true};
  CHECK(*DecodeClockReference(EncodeClockReference(reference)) == reference);
  CHECK_FALSE(DecodeClockReference("{}").has_value());
  CHECK_FALSE(DecodeClockReference("").has_value());
}

TEST_CASE("the system clock runs forward and names its boot") {
  const SystemClock clock;
  const uint64_t boot_ms = clock.BootMs();
  CHECK(clock.WallMs() > 1'700'000'000'000);
  CHECK(clock.BootMs() >= boot_ms);
  CHECK(clock.BootId() == SystemClock().BootId());
}

}  // namespace cunzheng::node
