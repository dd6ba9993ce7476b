// gzip members (RFC 1952) that follow one another, as in a WARC file: each without name, time or comment,
// unpacked within a limit, so that a few bytes cannot claim all memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "client/evidence/zip.h"
#include "crypto/bytes.h"
#include "crypto/result.h"

namespace cunzheng::evidence {

struct UnpackedMember {
  uint64_t offset = 0, length = 0;  // in the source
  Hash sha256{};                    // of the member as it stands there
  std::string bytes;                // unpacked
};

// Reads a source's members from its start, in pieces. Not thread-safe; the source must outlive it.
class GzipReader {
 public:
  explicit GzipReader(const ByteSource& source) : source_(source) {}
  // The next member, nullopt at the end. After an error nothing more can be read.
  // Errors: kInvalidValue (no member, or a broken one), kTooLarge (longer than `length_max` unpacked), kIo.
  Result<std::optional<UnpackedMember>> Next(size_t length_max);

 private:
  const ByteSource& source_;
  uint64_t offset_ = 0;  // of `piece_`'s end
  std::string piece_;
  size_t used_ = 0;  // of `piece_`
};

}  // namespace cunzheng::evidence
