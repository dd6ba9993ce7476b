#include "crypto/digest.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <system_error>
#include <thread>

// SHA-256 of small messages is the hottest thing that the project does. Behind EVP each digest pays
// for provider dispatch and context set-up, which costs about as much as one more 64-byte block; the
// low-level calls reach the same assembly without it. OpenSSL 3 deprecates them but keeps them.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace cunzheng {
namespace {

struct MdContextFree {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using MdContext = std::unique_ptr<EVP_MD_CTX, MdContextFree>;

class Sm3Stream {
 public:
  Sm3Stream() : context_(EVP_MD_CTX_new()) {
    CHECK_INVARIANT(context_ != nullptr);
    Restart();
  }
  void Restart() { CHECK_INVARIANT(EVP_DigestInit_ex2(context_.get(), Algorithm(), nullptr) == 1); }
  void Update(ByteSpan bytes) {
    CHECK_INVARIANT(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
  }
  Hash Finish() {
    Hash hash;
    unsigned length = 0;
    CHECK_INVARIANT(EVP_DigestFinal_ex(context_.get(), hash.data(), &length) == 1 && length == hash.size());
    return hash;
  }

 private:
  // Fetched once: a fetch walks the providers under a lock.
  static const EVP_MD* Algorithm() {
    static const EVP_MD* const algorithm = [] {
      const EVP_MD* fetched = EVP_MD_fetch(nullptr, "SM3", nullptr);
      CHECK_INVARIANT(fetched != nullptr);
      return fetched;
    }();
    return algorithm;
  }
  MdContext context_;
};

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd, bool owned) : fd_(fd), owned_(owned) {}
  ~FileDescriptor() {
    if (owned_ && fd_ >= 0) close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
  bool owned_;
};

// Reports the bytes read about ten times a second and carries the caller's wish to stop.
class Pace {
 public:
  explicit Pace(const DigestProgress& progress) : progress_(progress) {}
  bool Continue(uint64_t bytes_done) {
    const auto now = std::chrono::steady_clock::now();
    if (!progress_ || now < next_) return true;
    next_ = now + std::chrono::milliseconds(100);
    return progress_(bytes_done);
  }
  // A signal arrived: ask at once.
  bool ContinueAfterSignal(uint64_t bytes_done) { return !progress_ || progress_(bytes_done); }

 private:
  const DigestProgress& progress_;
  std::chrono::steady_clock::time_point next_ =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(100);
};

constexpr size_t kBlockLength = size_t{1} << 20;
constexpr size_t kBlockCount = 4;

struct Block {
  std::unique_ptr<uint8_t[]> bytes = std::make_unique_for_overwrite<uint8_t[]>(kBlockLength);
  size_t length = 0;
  ByteSpan span() const { return {bytes.get(), length}; }
};

// A thread that makes SM3 over blocks which the reader hands over in order. Both threads only read a
// block that has been handed over; the reader gets it back through Acquire() when SM3 is done with it.
class Sm3Pipeline {
 public:
  Sm3Pipeline() : thread_([this] { Run(); }) {}
  ~Sm3Pipeline() { Close(); }

  // The next free block; waits for one.
  Block* Acquire() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return handed_ - done_ < kBlockCount; });
    auto& block = blocks_[handed_ % kBlockCount];
    if (!block) block = std::make_unique<Block>();
    return block.get();
  }
  void HandOver() {
    {
      std::lock_guard lock(mutex_);
      ++handed_;
    }
    changed_.notify_all();
  }
  Hash Finish() {
    Close();
    return sm3_.Finish();
  }

 private:
  void Close() {
    if (!thread_.joinable()) return;
    {
      std::lock_guard lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  void Run() {
    for (;;) {
      const Block* block = nullptr;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return done_ < handed_ || closed_; });
        if (done_ == handed_) return;
        block = blocks_[done_ % kBlockCount].get();
      }
      sm3_.Update(block->span());
      {
        std::lock_guard lock(mutex_);
        ++done_;
      }
      changed_.notify_all();
    }
  }

  std::array<std::unique_ptr<Block>, kBlockCount> blocks_;
  Sm3Stream sm3_;
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t handed_ = 0;  // blocks given to SM3
  uint64_t done_ = 0;    // blocks that SM3 has consumed
  bool closed_ = false;
  std::thread thread_;  // last: it starts when all else stands
};

Error IoError(const std::string& path, int code) {
  return {Errc::kIo, path + ": " + std::system_category().message(code)};
}

class EvidenceReader {
 public:
  EvidenceReader(std::string path, int fd, const DigestProgress& progress)
      : path_(std::move(path)), fd_(fd), pace_(progress) {}

  // Fills `block` as far as the input goes; a length below kBlockLength means the end.
  Result<void> Fill(Block* block) {
    block->length = 0;
    while (block->length < kBlockLength) {
      const ssize_t got = read(fd_, block->bytes.get() + block->length, kBlockLength - block->length);
      if (got < 0 && errno == EINTR) {
        if (!pace_.ContinueAfterSignal(bytes_done_)) return Interrupted();
        continue;
      }
      if (got < 0) return IoError(path_, errno);
      if (got == 0) break;
      block->length += static_cast<size_t>(got);
      bytes_done_ += static_cast<uint64_t>(got);
      if (!pace_.Continue(bytes_done_)) return Interrupted();
    }
    return {};
  }
  uint64_t bytes_done() const { return bytes_done_; }

 private:
  Error Interrupted() const { return {Errc::kInterrupted, path_ + ": stopped before the end"}; }

  std::string path_;
  int fd_;
  Pace pace_;
  uint64_t bytes_done_ = 0;
};

Result<Digests> DigestAll(EvidenceReader* reader) {
  Block first;
  RETURN_IF_ERROR(reader->Fill(&first));
  // Most evidence files fit one block; they need neither thread nor ring.
  if (first.length < kBlockLength) return DigestBytes(first.span());

  Sha256Stream sha256;
  Sm3Pipeline sm3;
  Block* block = sm3.Acquire();
  std::swap(*block, first);
  while (block->length > 0) {
    sm3.HandOver();
    sha256.Update(block->span());
    if (block->length < kBlockLength) break;
    block = sm3.Acquire();
    RETURN_IF_ERROR(reader->Fill(block));
  }
  return Digests{.sha256 = sha256.Finish(), .sm3 = sm3.Finish()};
}

bool SameVersion(const struct stat& a, const struct stat& b) {
  return a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
         a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

}  // namespace

Hash Sha256(ByteSpan a, ByteSpan b, ByteSpan c) {
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, a.data(), a.size());
  if (!b.empty()) SHA256_Update(&context, b.data(), b.size());
  if (!c.empty()) SHA256_Update(&context, c.data(), c.size());
  Hash hash;
  SHA256_Final(hash.data(), &context);
  return hash;
}

Hash Sm3(ByteSpan a) {
  thread_local Sm3Stream stream;
  stream.Restart();
  stream.Update(a);
  return stream.Finish();
}

struct Sha256Stream::Impl {
  SHA256_CTX context;
};

Sha256Stream::Sha256Stream() : impl_(std::make_unique<Impl>()) {
  SHA256_Init(&impl_->context);
}
Sha256Stream::~Sha256Stream() = default;
Sha256Stream::Sha256Stream(Sha256Stream&&) noexcept = default;
Sha256Stream& Sha256Stream::operator=(Sha256Stream&&) noexcept = default;

void Sha256Stream::Update(ByteSpan bytes) {
  CHECK_INVARIANT(impl_ != nullptr);
  SHA256_Update(&impl_->context, bytes.data(), bytes.size());
}

Hash Sha256Stream::Finish() {
  CHECK_INVARIANT(impl_ != nullptr);
  Hash hash;
  SHA256_Final(hash.data(), &impl_->context);
  impl_.reset();
  return hash;
}

Digests DigestBytes(ByteSpan bytes) {
  return {.sha256 = Sha256(bytes), .sm3 = Sm3(bytes)};
}

Result<FileDigest> DigestFile(const std::string& path, const DigestProgress& progress) {
  const bool from_stdin = path == "-";
  const std::string name = from_stdin ? "standard input" : path;
  const FileDescriptor file(from_stdin ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY),
                            !from_stdin);
  if (file.get() < 0) return IoError(name, errno);
  struct stat before {};
  if (fstat(file.get(), &before) != 0) return IoError(name, errno);
  if (S_ISDIR(before.st_mode)) return IoError(name, EISDIR);
  posix_fadvise(file.get(), 0, 0, POSIX_FADV_SEQUENTIAL);  // only a hint; pipes refuse it

  EvidenceReader reader(name, file.get(), progress);
  Result<Digests> digests = Error{Errc::kInternal, ""};
  try {
    digests = DigestAll(&reader);
  } catch (const std::system_error& e) {  // no thread to be had
    return Error{Errc::kIo, name + ": " + e.what()};
  }
  if (!digests) return digests.error();

  if (S_ISREG(before.st_mode)) {
    struct stat after {};
    if (fstat(file.get(), &after) != 0) return IoError(name, errno);
    // Standard input may have been opened part of the way through a file, so its length proves nothing.
    const bool whole = from_stdin || reader.bytes_done() == static_cast<uint64_t>(after.st_size);
    if (!SameVersion(before, after) || !whole) {
      return Error{Errc::kIo, name + ": changed while it was being read"};
    }
  }
  return FileDigest{.digests = *digests, .length = reader.bytes_done()};
}

}  // namespace cunzheng
