#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "client/evidence/spool.h"
#include "client/evidence/zip.h"

namespace cunzheng::evidence {
namespace {

Error IoError(const std::string& path, int code) {
  return {Errc::kIo, path + ": " + std::system_category().message(code)};
}

// Exactly `length` bytes of an open file.
Result<std::string> ReadAt(const std::string& path, int fd, uint64_t offset, size_t length) {
  std::string bytes(length, '\0');
  for (size_t done = 0; done < length;) {
    const ssize_t got = pread(fd, bytes.data() + done, length - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return IoError(path, errno);
    if (got == 0) return Error{Errc::kIo, path + ": ends too early"};
    done += static_cast<size_t>(got);
  }
  return bytes;
}

class FileSource final : public ByteSource {
 public:
  FileSource(std::string path, int fd, uint64_t length) : path_(std::move(path)), fd_(fd), length_(length) {}
  ~FileSource() override { close(fd_); }
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  uint64_t length() const override { return length_; }
  Result<std::string> Read(uint64_t offset, size_t length) const override {
    return ReadAt(path_, fd_, offset, length);
  }

 private:
  const std::string path_;
  const int fd_;
  const uint64_t length_;
};

Error BeyondTheEnd() {
  return {Errc::kIo, "ends too early"};
}

class StringSource final : public ByteSource {
 public:
  explicit StringSource(std::string bytes) : bytes_(std::move(bytes)) {}
  uint64_t length() const override { return bytes_.size(); }
  Result<std::string> Read(uint64_t offset, size_t length) const override {
    if (offset > bytes_.size() || length > bytes_.size() - offset) return BeyondTheEnd();
    return bytes_.substr(offset, length);
  }

 private:
  const std::string bytes_;
};

class PartSource final : public ByteSource {
 public:
  PartSource(std::shared_ptr<ByteSource> whole, uint64_t offset, uint64_t length)
      : whole_(std::move(whole)), offset_(offset), length_(length) {}
  uint64_t length() const override { return length_; }
  Result<std::string> Read(uint64_t offset, size_t length) const override {
    if (offset > length_ || length > length_ - offset) return BeyondTheEnd();
    return whole_->Read(offset_ + offset, length);
  }

 private:
  const std::shared_ptr<ByteSource> whole_;
  const uint64_t offset_, length_;
};

}  // namespace

Result<std::shared_ptr<ByteSource>> OpenFileSource(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0) return IoError(path, errno);
  struct stat status {};
  const int code = fstat(fd, &status) != 0 ? errno : S_ISDIR(status.st_mode) ? EISDIR : 0;
  if (code != 0 || !S_ISREG(status.st_mode)) {
    close(fd);
    return code != 0 ? IoError(path, code) : Error{Errc::kIo, path + ": is no regular file"};
  }
  return std::shared_ptr<ByteSource>(
      std::make_shared<FileSource>(path, fd, static_cast<uint64_t>(status.st_size)));
}

Result<std::unique_ptr<Spool>> Spool::Create(const std::string& path) {
  std::string name = path + ".tmp-XXXXXX";
  const int fd = mkostemp(name.data(), O_CLOEXEC);
  if (fd < 0) return IoError(path, errno);
  unlink(name.c_str());
  return std::unique_ptr<Spool>(new Spool(path, fd));
}

Spool::~Spool() {
  close(fd_);
}

Result<void> Spool::Append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(length_));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return IoError(path_, errno);
    bytes.remove_prefix(static_cast<size_t>(put));
    length_ += static_cast<uint64_t>(put);
  }
  return {};
}

Result<std::string> Spool::Read(uint64_t offset, size_t length) const {
  return ReadAt(path_, fd_, offset, length);
}

std::shared_ptr<ByteSource> MemorySource(std::string bytes) {
  return std::make_shared<StringSource>(std::move(bytes));
}

std::shared_ptr<ByteSource> PartOf(std::shared_ptr<ByteSource> whole, uint64_t offset, uint64_t length) {
  CHECK_INVARIANT(offset <= whole->length() && length <= whole->length() - offset);
  return std::make_shared<PartSource>(std::move(whole), offset, length);
}

Result<void> ReadInPieces(const ByteSource& source, const PieceReader& piece) {
  for (uint64_t done = 0; done < source.length();) {
    const auto length = static_cast<size_t>(std::min<uint64_t>(kPieceBytes, source.length() - done));
    ASSIGN_OR_RETURN(const std::string bytes, source.Read(done, length));
    RETURN_IF_ERROR(piece(bytes));
    done += length;
  }
  return {};
}

Result<FileDigest> DigestSource(const ByteSource& source, const DigestProgress& progress) {
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> sm3(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  CHECK_INVARIANT(sm3 != nullptr && EVP_DigestInit_ex2(sm3.get(), EVP_sm3(), nullptr) == 1);
  Sha256Stream sha256;
  FileDigest digest;
  RETURN_IF_ERROR(ReadInPieces(source, [&](std::string_view bytes) -> Result<void> {
    sha256.Update(AsBytes(bytes));
    CHECK_INVARIANT(EVP_DigestUpdate(sm3.get(), bytes.data(), bytes.size()) == 1);
    digest.length += bytes.size();
    if (progress && !progress(digest.length)) return Error{Errc::kInterrupted, "stopped before the end"};
    return {};
  }));
  digest.digests.sha256 = sha256.Finish();
  CHECK_INVARIANT(EVP_DigestFinal_ex(sm3.get(), digest.digests.sm3.data(), nullptr) == 1);
  return digest;
}

}  // namespace cunzheng::evidence
