// Finds the files to deposit or verify below the paths that a person named. Reads folders, never file
// contents.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cunzheng::client {

struct FoundFile {
  std::string path;      // as it can be opened
  std::string relative;  // below the argument that led to it; the base name for an argument itself
  uint64_t length = 0;   // bytes, when it was found
  uint64_t modified_unix_ms = 0;
};

enum class SkipReason {
  kReceipt,     // *.receipt.json
  kSymlink,     // a symbolic link within a folder, and links are not followed
  kVisited,     // a folder that was entered already: a loop, or a second way to it
  kSpecial,     // a pipe, socket or device
  kUnreadable,  // missing, no permission, dangling link
};
struct SkippedPath {
  std::string path;
  SkipReason reason = SkipReason::kUnreadable;
  std::string detail;  // why, in words
  // True when the person will miss it: evidence that was asked for was not reached.
  bool failure() const { return reason == SkipReason::kSpecial || reason == SkipReason::kUnreadable; }
};

struct EvidenceList {
  std::vector<FoundFile> files;  // in the order of the arguments; folders in byte order of names
  std::vector<SkippedPath> skipped;
  uint64_t length_total = 0;
};

// Walks `paths`. Links named by the caller are followed always, links within folders when `follow` is
// set; no folder is entered twice, so loops end.
EvidenceList WalkEvidence(const std::vector<std::string>& paths, bool follow);

}  // namespace cunzheng::client
