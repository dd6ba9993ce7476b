// Chromium as a child process with a profile of its own that nobody has used and nobody will.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "client/capture/cdp.h"
#include "client/capture/profile_folder.h"
#include "crypto/result.h"

namespace cunzheng::capture {

struct BrowserOptions {
  std::string program;  // empty: `chromium`, `chromium-browser`, `google-chrome` on PATH, in this order
  bool headless = true;
  bool sandbox = true;  // Chromium's own; it cannot be had as root, nor in some containers
  int width = 1280, height = 960;
  std::vector<std::string> arguments;  // further ones
};

class BrowserProcess {
 public:
  // The thread that calls this must outlive the browser, which is ended with it. Errors: kNotFound (no
  // Chromium), kIo, kUsage (no display for a visible one).
  static Result<std::unique_ptr<BrowserProcess>> Start(const BrowserOptions& options);
  ~BrowserProcess();  // ends all its processes and removes the profile

  Cdp& cdp() { return *cdp_; }
  const std::string& program() const { return program_; }
  const std::vector<std::string>& command() const { return command_; }
  const std::string& profile() const { return profile_->path(); }
  // What really runs, once it does: `program` may be a script that adds arguments of its own. Empty: it has
  // ended.
  std::string Executable() const;
  std::vector<std::string> RealCommand() const;
  // Memory of all its processes, without what they share with files; and what the profile's files take.
  uint64_t MemoryBytes() const;
  uint64_t ProfileBytes() const;
  // All its processes, at once.
  void Kill();
  // What it has written on standard error, the last 64 KiB.
  std::string Complaints() const;

 private:
  BrowserProcess() = default;
  pid_t pid_ = -1;
  std::string program_;
  std::unique_ptr<ProfileFolder> profile_;
  std::vector<std::string> command_;
  std::unique_ptr<Cdp> cdp_;
};

// The file that would be run; kNotFound.
Result<std::string> FindChromium(const std::string& program);

}  // namespace cunzheng::capture
