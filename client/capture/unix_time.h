// The machine's clock, as records and reports of a capture have it.
#pragma once

#include <chrono>
#include <cstdint>

namespace cunzheng::capture {

inline uint64_t UnixUs() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

}  // namespace cunzheng::capture
