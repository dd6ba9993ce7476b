// When to try again, and how long to wait first. Pure; safe from any thread.
#pragma once

#include <cstdint>
#include <optional>

#include "crypto/result.h"

namespace cunzheng::client {

struct RetryPolicy {
  unsigned attempts_max = 4;      // the first one included
  uint64_t delay_ms_first = 250;  // doubles with each attempt
  uint64_t delay_ms_max = 10'000;
  uint64_t retry_after_ms_max = 30'000;  // a node that asks for more than this is given up for now
};

// True when the same bytes may succeed later without anyone's doing: the node is out of reach, slow, busy or
// not taking writes just now. Refusals (schema, signature, quota) are not transient.
bool IsTransient(Errc code);

// The pause before the next attempt after `attempts_made` failed, the last with `code`; nullopt: give up.
// `retry_after_s` is the node's own wish and is a lower bound. `unit` in [0, 1) spreads clients out:
// the pause is 50-100% of the exponential step.
std::optional<uint64_t> RetryDelayMs(const RetryPolicy& policy, unsigned attempts_made, Errc code,
                                     std::optional<uint64_t> retry_after_s, double unit);

}  // namespace cunzheng::client
