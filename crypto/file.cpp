#include "crypto/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

namespace cunzheng {
namespace {

constexpr mode_t kSecretMode = 0600;

Error IoError(const std::string& path, int code) {
  return {Errc::kIo, path + ": " + std::system_category().message(code)};
}
Error Exists(const std::string& path) {
  return {Errc::kAlreadyExists, path + ": already exists"};
}

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

bool WriteAll(int fd, std::string_view bytes, uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t put = pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(put));
    offset += static_cast<uint64_t>(put);
  }
  return true;
}

// Moves `from` to `to`, atomically; 0 or an errno. Without `replace`, EEXIST when `to` exists.
int Move(const std::string& from, const std::string& to, bool replace) {
  if (replace) return rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
  if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  // File systems that do not know the flag know hard links, which never replace either.
  if (link(from.c_str(), to.c_str()) != 0) return errno;
  unlink(from.c_str());
  return 0;
}

Result<void> SyncFolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const FileDescriptor fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // EINVAL: the file system has no notion of syncing a folder.
  if (fd.get() < 0 || (fsync(fd.get()) != 0 && errno != EINVAL)) return IoError(folder, errno);
  return {};
}

// `mode_allowed`: the permission bits that a regular file may have.
Result<std::string> Read(const std::string& path, size_t length_max, mode_t mode_allowed) {
  const FileDescriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  struct stat status {};
  if (fd.get() < 0 || fstat(fd.get(), &status) != 0) return IoError(path, errno);
  if (S_ISREG(status.st_mode) && (status.st_mode & 0777 & ~mode_allowed) != 0) {
    char mode[8];
    std::snprintf(mode, sizeof mode, "%04o", static_cast<unsigned>(status.st_mode & 0777));
    return Error{Errc::kNotAuthorised,
                 path + ": mode " + mode + " is wider than 0600; run: chmod 600 " + path};
  }
  std::string bytes;
  if (S_ISREG(status.st_mode) && static_cast<uint64_t>(status.st_size) <= length_max) {
    bytes.reserve(static_cast<size_t>(status.st_size));
  }
  char buffer[64 * 1024];
  for (;;) {
    const ssize_t got = read(fd.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return IoError(path, errno);
    if (got == 0) return bytes;
    if (static_cast<size_t>(got) > length_max - bytes.size()) {
      return Error{Errc::kTooLarge, path + ": must be at most " + std::to_string(length_max) + " bytes"};
    }
    bytes.append(buffer, static_cast<size_t>(got));
  }
}

}  // namespace

Result<NewFile> NewFile::Create(std::string path, uint32_t mode) {
  NewFile file;
  std::string temporary_path = path + ".tmp-XXXXXX";
  file.path_ = std::move(path);
  file.fd_ = mkostemp(temporary_path.data(), O_CLOEXEC);
  if (file.fd_ < 0) return IoError(file.path_, errno);
  file.temporary_path_ = std::move(temporary_path);
  if (fchmod(file.fd_, static_cast<mode_t>(mode)) != 0) return IoError(file.path_, errno);
  return file;
}

NewFile::NewFile(NewFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_path_(std::exchange(other.temporary_path_, {})),
      fd_(std::exchange(other.fd_, -1)),
      length_(other.length_) {}

NewFile& NewFile::operator=(NewFile&& other) noexcept {
  if (this == &other) return *this;
  Discard();
  path_ = std::move(other.path_);
  temporary_path_ = std::exchange(other.temporary_path_, {});
  fd_ = std::exchange(other.fd_, -1);
  length_ = other.length_;
  return *this;
}

NewFile::~NewFile() {
  Discard();
}

void NewFile::Discard() {
  if (fd_ >= 0) close(fd_);
  if (!temporary_path_.empty()) unlink(temporary_path_.c_str());
  fd_ = -1;
  temporary_path_.clear();
}

Result<void> NewFile::Append(std::string_view bytes) {
  if (!WriteAll(fd_, bytes, length_)) return IoError(path_, errno);
  length_ += bytes.size();
  return {};
}

Result<void> NewFile::Overwrite(uint64_t offset, std::string_view bytes) {
  CHECK_INVARIANT(offset <= length_ && bytes.size() <= length_ - offset);
  if (!WriteAll(fd_, bytes, offset)) return IoError(path_, errno);
  return {};
}

Result<void> NewFile::Finish(bool replace) {
  if (fsync(fd_) != 0) return IoError(path_, errno);
  const int moved = Move(temporary_path_, path_, replace);
  if (moved == EEXIST && !replace) return Exists(path_);
  if (moved != 0) return IoError(path_, moved);
  temporary_path_.clear();
  Discard();
  return SyncFolderOf(path_);
}

Result<void> WriteFileAtomically(const std::string& path, std::string_view bytes, uint32_t mode,
                                 bool replace) {
  // Said early, so that nothing is written for nothing; Finish() settles races.
  if (!replace && access(path.c_str(), F_OK) == 0) return Exists(path);
  ASSIGN_OR_RETURN(NewFile file, NewFile::Create(path, mode));
  RETURN_IF_ERROR(file.Append(bytes));
  return file.Finish(replace);
}

Result<std::string> ReadWholeFile(const std::string& path, size_t length_max) {
  return Read(path, length_max, 0777);
}

Result<std::string> ReadSecretFile(const std::string& path, size_t length_max) {
  return Read(path, length_max, kSecretMode);
}

}  // namespace cunzheng
