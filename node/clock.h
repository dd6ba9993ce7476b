// The node's clock, and the rule for when it may stamp (DESIGN.md "Engines", specs/http-api.md "Time").
//
// A stamp pins a time on the ledger for ever, so a wrong one is worse than none: the guard refuses
// while the clock cannot be believed, and says why.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "crypto/result.h"

namespace cunzheng::node {

// Injected, so that tests can make it leap. Implementations are safe from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual uint64_t WallMs() const = 0;  // CLOCK_REALTIME, since 1970
  virtual uint64_t BootMs() const = 0;  // CLOCK_BOOTTIME: runs evenly, also in suspend
  virtual bool Synchronised() const = 0;
  virtual std::string BootId() const = 0;  // BootMs() compares only within one of these
};

class SystemClock final : public Clock {
 public:
  uint64_t WallMs() const override;
  uint64_t BootMs() const override;
  bool Synchronised() const override;
  std::string BootId() const override;
};

// A moment at which the wall clock was believed; later moments are measured against it.
struct ClockReference {
  std::string boot_id;
  uint64_t wall_ms = 0;
  uint64_t boot_ms = 0;
  bool held = false;  // a leap forward was seen and no operator has confirmed the clock since
  bool operator==(const ClockReference&) const = default;
};
std::string EncodeClockReference(const ClockReference& reference);
Result<ClockReference> DecodeClockReference(std::string_view text);

// Not thread-safe: the engine's thread owns it.
class ClockGuard {
 public:
  static constexpr uint64_t kLeapMsMax = 1'000;
  static constexpr uint64_t kAheadMsMax = 2'000;
  // The reference is renewed this often while the clock is sound, so that a leap second or an
  // honest small correction does not use up the tolerance for good.
  static constexpr uint64_t kRenewMs = 3'600'000;

  // `kept`: the reference that an earlier process left, so that a restart neither forgets a hold nor
  // hides a leap. `keep` is called with each new one; it must not fail (it may log).
  ClockGuard(const Clock& clock, bool require_sync, std::optional<ClockReference> kept,
             std::function<void(const ClockReference&)> keep);

  // A stamp for the next block: now, or just after `last_ms` when the clock stands a little behind
  // it. Errors: kClockUnsound.
  Result<uint64_t> Stamp(uint64_t last_ms);
  // The stamp for an operator's clock_resume act: as Stamp(), but a leap forward does not refuse.
  Result<uint64_t> StampForResume(uint64_t last_ms) const;
  // The operator's act is on the ledger: now is the new reference.
  void Resume();
  bool held() const { return reference_.held; }

 private:
  void Renew(bool held);
  Result<void> CheckSync() const;
  static Result<void> CheckAhead(uint64_t wall_ms, uint64_t last_ms);

  const Clock& clock_;
  const bool require_sync_;
  ClockReference reference_;
  std::function<void(const ClockReference&)> keep_;
};

}  // namespace cunzheng::node
