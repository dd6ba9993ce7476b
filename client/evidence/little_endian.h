// Numbers as ZIP and RIFF write them.
#pragma once

#include <cstdint>
#include <string>

namespace cunzheng::evidence {

inline void Append16(uint64_t value, std::string* out) {
  out->push_back(static_cast<char>(value & 0xff));
  out->push_back(static_cast<char>(value >> 8 & 0xff));
}

inline void Append32(uint64_t value, std::string* out) {
  Append16(value & 0xffff, out);
  Append16(value >> 16 & 0xffff, out);
}

}  // namespace cunzheng::evidence
