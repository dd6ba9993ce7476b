// The one shape of ZIP file that packages and WACZ files have (specs/capture.md, "Container"): stored members
// and no free byte, so that a reader accepts exactly what the writer writes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/digest.h"
#include "crypto/result.h"

namespace cunzheng::evidence {

inline constexpr size_t kZipMembersMax = 65'534;
inline constexpr uint64_t kZipBytesMax = 0xffff'fffe;

struct ZipMember {
  std::string name;
  uint64_t offset = 0;  // of its bytes, in the archive
  uint64_t length = 0;
  uint32_t crc = 0;
  bool operator==(const ZipMember&) const = default;
};

// The rule for one name. Errors: kInvalidValue, with what is wrong.
Result<void> CheckZipName(std::string_view name);

// Bytes that are read at an offset: a file, a part of one, or memory. Shared by readers of nested archives;
// const reads are safe from any thread.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual uint64_t length() const = 0;
  // Exactly `length` bytes from `offset`. Errors: kIo (also when the source ends before).
  virtual Result<std::string> Read(uint64_t offset, size_t length) const = 0;
};
// Errors: kIo.
Result<std::shared_ptr<ByteSource>> OpenFileSource(const std::string& path);
std::shared_ptr<ByteSource> MemorySource(std::string bytes);
// Precondition: the part lies within `whole`.
std::shared_ptr<ByteSource> PartOf(std::shared_ptr<ByteSource> whole, uint64_t offset, uint64_t length);
// All of it from the start, at most kPieceBytes at a time. Errors: kIo; the reader's.
inline constexpr size_t kPieceBytes = size_t{1} << 20;
using PieceReader = std::function<Result<void>(std::string_view bytes)>;
Result<void> ReadInPieces(const ByteSource& source, const PieceReader& piece);
// Both digests of all of it, in pieces. Errors: kIo, kInterrupted (`progress` said so).
Result<FileDigest> DigestSource(const ByteSource& source, const DigestProgress& progress = {});

// Writes an archive beside `path` and gives it that name when it is whole and durable: until then, and when
// anything fails or the object goes away, there is no file of that name. Not thread-safe.
class ZipWriter {
 public:
  // Mode 0600: what a browser exchanged may hold cookies. Errors: kIo.
  static Result<ZipWriter> Create(std::string path);
  ZipWriter(ZipWriter&&) noexcept;
  ZipWriter& operator=(ZipWriter&&) noexcept;
  ~ZipWriter();

  // Errors: kInvalidValue (the name, or one that is there already), kTooLarge, kIo.
  Result<void> Add(std::string_view name, std::string_view bytes);
  // All of a source, in pieces, or of a file. Errors: the same.
  Result<void> Add(std::string_view name, const ByteSource& source);
  Result<void> AddFile(std::string_view name, const std::string& path);
  // Syncs; replaces an existing file only when `replace` says so. Errors: kIo, kAlreadyExists.
  Result<void> Finish(bool replace);

 private:
  struct Impl;
  explicit ZipWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// An archive that was found to be of the one shape; CRC-32s are not read until CheckCrc, since digests say
// more.
class ZipReader {
 public:
  // Errors: kIo; kInvalidValue, naming the member and what is wrong.
  static Result<ZipReader> Open(std::shared_ptr<ByteSource> source);

  const std::vector<ZipMember>& members() const { return members_; }
  const ZipMember* Find(std::string_view name) const;
  // Errors: kTooLarge (longer than `length_max`), kIo.
  Result<std::string> Read(const ZipMember& member, size_t length_max) const;
  std::shared_ptr<ByteSource> Source(const ZipMember& member) const;
  // Errors: kDigestMismatch, kIo, kInterrupted.
  Result<void> CheckCrc(const ZipMember& member, const DigestProgress& progress = {}) const;

 private:
  std::shared_ptr<ByteSource> source_;
  std::vector<ZipMember> members_;
};

}  // namespace cunzheng::evidence
