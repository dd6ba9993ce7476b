#include "client/sdk/retry.h"

#include <algorithm>

namespace cunzheng::client {

bool IsTransient(Errc code) {
  switch (code) {
    case Errc::kUnreachable:
    case Errc::kTimeout:
    case Errc::kBusy:
    case Errc::kRateLimited:
    case Errc::kReadOnly:
    case Errc::kClockUnsound:
    case Errc::kStopping:
      return true;
    default:
      return false;
  }
}

std::optional<uint64_t> RetryDelayMs(const RetryPolicy& policy, unsigned attempts_made, Errc code,
                                     std::optional<uint64_t> retry_after_s, double unit) {
  if (!IsTransient(code) || attempts_made == 0 || attempts_made >= policy.attempts_max) return std::nullopt;
  const unsigned doublings = std::min(attempts_made - 1, 20u);
  const uint64_t step = std::min(policy.delay_ms_first << doublings, policy.delay_ms_max);
  const auto jittered = static_cast<uint64_t>(static_cast<double>(step) * (0.5 + 0.5 * unit));
  if (!retry_after_s) return jittered;
  if (*retry_after_s > policy.retry_after_ms_max / 1'000) return std::nullopt;
  // Those who were told the same moment should not all come at it.
  return std::max(*retry_after_s * 1'000 + jittered / 4, jittered);
}

}  // namespace cunzheng::client
