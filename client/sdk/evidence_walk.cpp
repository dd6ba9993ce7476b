#include "client/sdk/evidence_walk.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <set>
#include <utility>

#include "client/sdk/paths.h"

namespace cunzheng::client {
namespace {

class Walker {
 public:
  explicit Walker(bool follow) : follow_(follow) {}

  void Start(const std::string& path) {
    std::string trimmed = path;
    while (trimmed.size() > 1 && trimmed.back() == '/') trimmed.pop_back();
    struct stat info {};
    if (stat(trimmed.c_str(), &info) != 0)
      return Skip(trimmed, SkipReason::kUnreadable, std::strerror(errno));
    if (S_ISDIR(info.st_mode)) {
      EnterFolders(trimmed, info);
    } else {
      Take(trimmed, std::string(BaseName(trimmed)), info);
    }
  }

  EvidenceList Finish() && { return std::move(list_); }

 private:
  struct Folder {
    std::string path;
    std::string relative;  // "" at the top
  };

  void Skip(const std::string& path, SkipReason reason, std::string detail) {
    list_.skipped.push_back({path, reason, std::move(detail)});
  }

  bool FirstVisit(const struct stat& info) { return visited_.emplace(info.st_dev, info.st_ino).second; }

  void Take(const std::string& path, std::string relative, const struct stat& info) {
    if (!S_ISREG(info.st_mode)) {
      const char* what = S_ISFIFO(info.st_mode)   ? "is a pipe"
                         : S_ISSOCK(info.st_mode) ? "is a socket"
                                                  : "is a device";
      return Skip(path, SkipReason::kSpecial, std::string(what) + ", not a file");
    }
    if (IsReceiptName(path)) return Skip(path, SkipReason::kReceipt, "is a receipt");
    if (access(path.c_str(), R_OK) != 0) return Skip(path, SkipReason::kUnreadable, std::strerror(errno));
    const auto seconds = std::max<int64_t>(info.st_mtim.tv_sec, 0);
    list_.files.push_back(
        {path, std::move(relative), static_cast<uint64_t>(info.st_size),
         static_cast<uint64_t>(seconds) * 1'000 + static_cast<uint64_t>(info.st_mtim.tv_nsec) / 1'000'000});
    list_.length_total += static_cast<uint64_t>(info.st_size);
  }

  // Depth first with a stack of our own: the depth of a tree is the user's to choose, our stack's is not.
  void EnterFolders(const std::string& path, const struct stat& info) {
    if (!FirstVisit(info)) return Skip(path, SkipReason::kVisited, "was visited already");
    std::vector<Folder> stack{{path, ""}};
    while (!stack.empty()) {
      const Folder folder = std::move(stack.back());
      stack.pop_back();
      std::vector<Folder> inner = ReadFolder(folder);
      std::move(inner.rbegin(), inner.rend(), std::back_inserter(stack));
    }
  }

  // Takes the files of one folder and returns the folders in it.
  std::vector<Folder> ReadFolder(const Folder& folder) {
    std::vector<Folder> inner;
    const auto close = [](DIR* dir) { closedir(dir); };
    const std::unique_ptr<DIR, decltype(close)> dir(opendir(folder.path.c_str()), close);
    if (!dir) {
      Skip(folder.path, SkipReason::kUnreadable, std::strerror(errno));
      return inner;
    }
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* item = readdir(dir.get())) {
      const std::string name = item->d_name;
      if (name != "." && name != "..") names.push_back(name);
    }
    if (errno != 0) Skip(folder.path, SkipReason::kUnreadable, std::strerror(errno));
    std::sort(names.begin(), names.end());

    for (const std::string& name : names) {
      const std::string path = JoinPath(folder.path, name);
      struct stat info {};
      if (lstat(path.c_str(), &info) != 0) {
        Skip(path, SkipReason::kUnreadable, std::strerror(errno));
        continue;
      }
      if (S_ISLNK(info.st_mode)) {
        if (!follow_) {
          Skip(path, SkipReason::kSymlink, "is a symbolic link");
          continue;
        }
        if (stat(path.c_str(), &info) != 0) {
          Skip(path, SkipReason::kUnreadable, std::strerror(errno));
          continue;
        }
      }
      const std::string relative = JoinPath(folder.relative, name);
      if (!S_ISDIR(info.st_mode)) {
        Take(path, relative, info);
      } else if (!FirstVisit(info)) {
        Skip(path, SkipReason::kVisited, "leads to a folder that was visited already");
      } else {
        inner.push_back({path, relative});
      }
    }
    return inner;
  }

  const bool follow_;
  EvidenceList list_;
  std::set<std::pair<dev_t, ino_t>> visited_;
};

}  // namespace

EvidenceList WalkEvidence(const std::vector<std::string>& paths, bool follow) {
  Walker walker(follow);
  for (const std::string& path : paths) walker.Start(path);
  return std::move(walker).Finish();
}

}  // namespace cunzheng::client
