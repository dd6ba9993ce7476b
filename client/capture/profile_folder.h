// A browser's home for one capture: a new, empty folder that is gone afterwards. What a run that was ended by
// force has left is removed by the next one: cookies and a page's data are nobody's to keep.
#pragma once

#include <memory>
#include <string>

#include "crypto/result.h"

namespace cunzheng::capture {

class ProfileFolder {
 public:
  // Below $TMPDIR, or /tmp. Errors: kIo.
  static Result<std::unique_ptr<ProfileFolder>> Create();
  // Tries for a second: processes that were ended by force may write a file more while they go.
  ~ProfileFolder();
  ProfileFolder(const ProfileFolder&) = delete;
  ProfileFolder& operator=(const ProfileFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  ProfileFolder(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}
  const std::string path_;
  const int lock_;  // held while the folder is in use
};

}  // namespace cunzheng::capture
