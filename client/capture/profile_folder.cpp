#include "client/capture/profile_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

namespace cunzheng::capture {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kBegin = "cunzheng-capture.";
constexpr int kRemoveTries = 20;

Error IoError(const std::string& what) {
  return {Errc::kIo, what + ": " + std::strerror(errno)};
}

std::string LockOf(const std::string& folder) {
  return folder + "/lock";
}

// Held before it has its name, so that nobody finds a lock that is free in a folder that is being made.
Result<int> MakeLock(const std::string& folder) {
  const std::string name = LockOf(folder), new_name = name + ".new";
  const int lock = open(new_name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (lock < 0) return IoError(new_name);
  if (flock(lock, LOCK_EX | LOCK_NB) == 0 && rename(new_name.c_str(), name.c_str()) == 0) return lock;
  const Error error = IoError(name);
  close(lock);
  return error;
}

// Of this user, and with a lock that nobody holds: a folder whose lock is not there yet is being made.
bool IsLeft(const std::string& folder) {
  struct stat info {};
  if (lstat(folder.c_str(), &info) != 0 || !S_ISDIR(info.st_mode) || info.st_uid != geteuid()) return false;
  const int lock = open(LockOf(folder).c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (lock < 0) return false;
  const bool left = flock(lock, LOCK_EX | LOCK_NB) == 0;
  close(lock);
  return left;
}

void RemoveLeft(const std::string& below) {
  std::error_code failed;
  for (const fs::directory_entry& entry : fs::directory_iterator(below, failed)) {
    const std::string path = entry.path().string();
    if (entry.path().filename().string().starts_with(kBegin) && IsLeft(path)) fs::remove_all(path, failed);
  }
}

}  // namespace

Result<std::unique_ptr<ProfileFolder>> ProfileFolder::Create() {
  const char* below = std::getenv("TMPDIR");
  if (below == nullptr || *below == '\0') below = "/tmp";
  RemoveLeft(below);
  std::string path = std::string(below) + "/" + std::string(kBegin) + "XXXXXX";
  if (mkdtemp(path.data()) == nullptr) return IoError(path);
  const auto lock = MakeLock(path);
  if (!lock) {
    std::error_code failed;
    fs::remove_all(path, failed);
    return lock.error();
  }
  return std::unique_ptr<ProfileFolder>(new ProfileFolder(std::move(path), *lock));
}

ProfileFolder::~ProfileFolder() {
  std::error_code failed;
  for (int tries = 0; tries < kRemoveTries; ++tries) {
    fs::remove_all(path_, failed);
    if (!failed) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  close(lock_);
}

}  // namespace cunzheng::capture
