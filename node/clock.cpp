#include "node/clock.h"

#include <sys/timex.h>
#include <time.h>

#include <algorithm>
#include <fstream>

#include "crypto/json.h"

namespace cunzheng::node {
namespace {

uint64_t ReadMs(clockid_t id) {
  timespec now{};
  CHECK_INVARIANT(clock_gettime(id, &now) == 0);
  // A wall clock before 1970 reads as 1970; the last stamp is then far ahead, and nothing is stamped.
  if (now.tv_sec < 0) return 0;
  return static_cast<uint64_t>(now.tv_sec) * 1'000 + static_cast<uint64_t>(now.tv_nsec) / 1'000'000;
}

std::string Seconds(uint64_t ms) {
  std::string text = std::to_string(ms / 1'000);
  const uint64_t rest = ms % 1'000;
  text += '.';
  text += static_cast<char>('0' + rest / 100);
  return text + " s";
}

// How far the wall clock ran ahead of the even clock since the reference; negative: behind.
int64_t Skew(const ClockReference& reference, uint64_t wall_ms, uint64_t boot_ms) {
  return static_cast<int64_t>(wall_ms) - static_cast<int64_t>(reference.wall_ms) -
         (static_cast<int64_t>(boot_ms) - static_cast<int64_t>(reference.boot_ms));
}

}  // namespace

uint64_t SystemClock::WallMs() const {
  return ReadMs(CLOCK_REALTIME);
}

uint64_t SystemClock::BootMs() const {
  return ReadMs(CLOCK_BOOTTIME);
}

bool SystemClock::Synchronised() const {
  timex query{};
  const int state = adjtimex(&query);
  return state >= 0 && state != TIME_ERROR && (query.status & STA_UNSYNC) == 0;
}

std::string SystemClock::BootId() const {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id.empty() ? "unknown" : id;
}

std::string EncodeClockReference(const ClockReference& reference) {
  json::Object object;
  object["boot_id"] = reference.boot_id;
  object["boot_ms"] = reference.boot_ms;
  object["held"] = reference.held;
  object["wall_ms"] = reference.wall_ms;
  return json::EncodePretty(std::move(object));
}

Result<ClockReference> DecodeClockReference(std::string_view text) {
  ASSIGN_OR_RETURN(const json::Value value, json::Parse(text, json::Form::kReadable, 4'096));
  json::ObjectReader reader(value, "clock");
  ClockReference reference;
  reference.boot_id = reader.String("boot_id", 1, 128);
  reference.boot_ms = reader.Integer("boot_ms", 0, json::kIntegerMax);
  reference.held = reader.Bool("held");
  reference.wall_ms = reader.Integer("wall_ms", 0, json::kIntegerMax);
  RETURN_IF_ERROR(reader.Finish());
  return reference;
}

ClockGuard::ClockGuard(const Clock& clock, bool require_sync, std::optional<ClockReference> kept,
                       std::function<void(const ClockReference&)> keep)
    : clock_(clock), require_sync_(require_sync), keep_(std::move(keep)) {
  if (kept && kept->boot_id == clock_.BootId()) {
    reference_ = *kept;
  } else {
    // After a reboot there is no even clock to measure against; only a hold outlives it.
    Renew(kept && kept->held);
  }
}

void ClockGuard::Renew(bool held) {
  reference_ = {clock_.BootId(), clock_.WallMs(), clock_.BootMs(), held};
  if (keep_) keep_(reference_);
}

Result<void> ClockGuard::CheckSync() const {
  if (require_sync_ && !clock_.Synchronised()) {
    return Error{Errc::kClockUnsound, "clock: not synchronised (adjtimex), and require_clock_sync is set"};
  }
  return {};
}

Result<void> ClockGuard::CheckAhead(uint64_t wall_ms, uint64_t last_ms) {
  if (last_ms > wall_ms + kAheadMsMax) {
    return Error{Errc::kClockUnsound, "clock: the ledger's last entry is " + Seconds(last_ms - wall_ms) +
                                          " ahead of the clock; at most 2 s is allowed"};
  }
  return {};
}

Result<uint64_t> ClockGuard::Stamp(uint64_t last_ms) {
  RETURN_IF_ERROR(CheckSync());
  const uint64_t wall_ms = clock_.WallMs();
  const uint64_t boot_ms = clock_.BootMs();
  const int64_t skew = Skew(reference_, wall_ms, boot_ms);
  if (!reference_.held && skew > static_cast<int64_t>(kLeapMsMax)) {
    // The reference stays as it was: the reason keeps telling how far the clock leapt.
    reference_.held = true;
    if (keep_) keep_(reference_);
  }
  if (reference_.held) {
    std::string detail = "clock: leapt forward";
    if (skew > 0) detail += " by " + Seconds(static_cast<uint64_t>(skew));
    return Error{Errc::kClockUnsound, detail + "; writes are refused until an operator confirms the clock"};
  }
  RETURN_IF_ERROR(CheckAhead(wall_ms, last_ms));
  // Stepped back, and the ledger's time has been caught up with: measure from here on. Otherwise a
  // later leap forward could hide in the gap.
  if (skew < -static_cast<int64_t>(kLeapMsMax) || boot_ms >= reference_.boot_ms + kRenewMs) Renew(false);
  return std::max(wall_ms, last_ms + 1);
}

Result<uint64_t> ClockGuard::StampForResume(uint64_t last_ms) const {
  RETURN_IF_ERROR(CheckSync());
  const uint64_t wall_ms = clock_.WallMs();
  RETURN_IF_ERROR(CheckAhead(wall_ms, last_ms));
  return std::max(wall_ms, last_ms + 1);
}

void ClockGuard::Resume() {
  Renew(false);
}

}  // namespace cunzheng::node
