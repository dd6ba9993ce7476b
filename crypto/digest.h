// SHA-256, SM3 (GB/T 32905-2016) and the one-pass digest of evidence by both (specs/record.md, "digest").
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "crypto/bytes.h"
#include "crypto/result.h"

namespace cunzheng {

// SHA-256 of the concatenation of up to three parts. Pure; safe from any thread.
Hash Sha256(ByteSpan a, ByteSpan b = {}, ByteSpan c = {});
Hash Sm3(ByteSpan a);

// Both digests of one byte string; both are always made and both must match.
struct Digests {
  Hash sha256{};
  Hash sm3{};
  bool operator==(const Digests&) const = default;
};

// Incremental SHA-256. Not thread-safe.
class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  Sha256Stream(Sha256Stream&&) noexcept;
  Sha256Stream& operator=(Sha256Stream&&) noexcept;
  void Update(ByteSpan bytes);
  Hash Finish();  // Once; the object is spent afterwards.

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Both digests of a short byte string, on the calling thread.
Digests DigestBytes(ByteSpan bytes);

struct FileDigest {
  Digests digests;
  uint64_t length = 0;  // bytes read
};

// Called from the reading thread about ten times a second with the bytes read so far.
// Returning false stops the work with kInterrupted.
using DigestProgress = std::function<bool(uint64_t bytes_done)>;

// Digests a file of any size in one pass: one thread reads and makes SHA-256, another makes SM3;
// memory is constant (a few MiB). "-" reads standard input.
// Errors: kIo (with the path and the system's reason; directories and a file that changed length or
// modification time while being read are errors too), kInterrupted.
Result<FileDigest> DigestFile(const std::string& path, const DigestProgress& progress = {});

}  // namespace cunzheng
