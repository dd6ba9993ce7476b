#include "client/sdk/journal.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include "client/sdk/paths.h"
#include "crypto/key_file.h"

namespace cunzheng::client {
namespace {

constexpr std::string_view kSuffix = ".batch.json";

Error IoError(const std::string& path) {
  return {Errc::kIo, path + ": " + std::strerror(errno)};
}

std::string NameOf(const QueuedBatch& batch) {
  char time[24];
  std::snprintf(time, sizeof time, "%016llu",
                static_cast<unsigned long long>(batch.header.client_time_unix_ms));
  return std::string(time) + "-" + ToHex(batch.id()).substr(0, 16) + std::string(kSuffix);
}

// -1 when another process holds the lock or the file is gone.
Result<int> OpenLocked(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) {
    if (errno == ENOENT) return -1;
    return IoError(path);
  }
  struct stat held {
  }, named{};
  const bool locked = flock(fd, LOCK_EX | LOCK_NB) == 0;
  // Between open and lock its former owner may have finished and removed it.
  const bool same = locked && fstat(fd, &held) == 0 && stat(path.c_str(), &named) == 0 &&
                    held.st_ino == named.st_ino && held.st_dev == named.st_dev;
  if (same) return fd;
  close(fd);
  return -1;
}

// Serialises "write, then lock": nobody claims a batch before its maker does.
class FolderLock {
 public:
  explicit FolderLock(const std::string& folder)
      : fd_(open(JoinPath(folder, "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    while (fd_ >= 0 && flock(fd_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  ~FolderLock() {
    if (fd_ >= 0) close(fd_);
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  bool held() const { return fd_ >= 0; }

 private:
  int fd_;
};

}  // namespace

ClaimedBatch::ClaimedBatch(QueuedBatch batch, std::string path, int fd)
    : batch_(std::move(batch)), path_(std::move(path)), fd_(fd) {}
ClaimedBatch::ClaimedBatch(ClaimedBatch&& other) noexcept
    : batch_(std::move(other.batch_)), path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}
ClaimedBatch::~ClaimedBatch() {
  if (fd_ >= 0) close(fd_);
}

Result<Journal> Journal::Open(std::string folder) {
  std::error_code ec;
  const std::filesystem::path path(folder);
  std::filesystem::create_directories(path.parent_path(), ec);
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return IoError(folder);
  return Journal(std::move(folder));
}

Result<ClaimedBatch> Journal::Add(QueuedBatch batch) {
  ASSIGN_OR_RETURN(const auto names, List());
  if (names.size() >= kJournalBatchesMax) {
    return Error{Errc::kBusy,
                 "queue " + folder_ + ": holds " + std::to_string(names.size()) + " batches, its limit"};
  }
  const std::string path = JoinPath(folder_, NameOf(batch));
  const FolderLock lock(folder_);
  if (!lock.held()) return IoError(folder_);
  RETURN_IF_ERROR(WriteFileAtomically(path, EncodeQueuedBatch(batch), 0600, true));
  ASSIGN_OR_RETURN(const int fd, OpenLocked(path));
  if (fd < 0) return Error{Errc::kIo, path + ": vanished while it was being queued"};
  return ClaimedBatch(std::move(batch), path, fd);
}

Result<std::vector<std::string>> Journal::List() const {
  const auto close = [](DIR* dir) { closedir(dir); };
  const std::unique_ptr<DIR, decltype(close)> dir(opendir(folder_.c_str()), close);
  if (!dir) return IoError(folder_);
  std::vector<std::string> names;
  while (const dirent* item = readdir(dir.get())) {
    std::string name = item->d_name;
    if (name.ends_with(kSuffix)) names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<QueuedBatch> Journal::Read(const std::string& name) const {
  const std::string path = JoinPath(folder_, name);
  ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(path, kQueuedBatchLengthMax));
  auto batch = DecodeQueuedBatch(text);
  if (!batch) return Error{batch.error().code, path + ": " + batch.error().detail};
  return batch;
}

Result<std::optional<ClaimedBatch>> Journal::Claim(const std::string& name) const {
  const std::string path = JoinPath(folder_, name);
  int fd = -1;
  {
    const FolderLock lock(folder_);
    if (!lock.held()) return IoError(folder_);
    ASSIGN_OR_RETURN(fd, OpenLocked(path));
  }
  if (fd < 0) return std::optional<ClaimedBatch>();
  auto batch = Read(name);
  if (!batch) {
    close(fd);
    return batch.error();
  }
  return std::optional<ClaimedBatch>(std::in_place, std::move(batch).value(), path, fd);
}

Result<void> Journal::Remove(const ClaimedBatch& claimed) const {
  if (unlink(claimed.path().c_str()) != 0 && errno != ENOENT) return IoError(claimed.path());
  return {};
}

}  // namespace cunzheng::client
