// A page that is watched: each look is compared with the last package, and written down in the history beside
// the packages (specs/capture.md, "Change history"). Whoever captures, packs and deposits is the caller. Not
// thread-safe; one process a history.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "client/capture/watch.h"
#include "client/evidence/history.h"
#include "client/evidence/zip.h"
#include "crypto/result.h"

namespace cunzheng::capture {

class PageWatch {
 public:
  // Goes on with the history at `path` (NAME.history.jsonl), or begins it; packages lie in the same folder.
  // Errors: kIo; DecodeHistory's; kInvalidValue (it is another page's); kDigestMismatch (the last package is
  // another).
  static Result<PageWatch> Open(const std::string& path, const std::string& url, uint64_t interval_s,
                                const WatchThresholds& thresholds = {});

  // What a new capture, not packed yet, shows: kFirst, kChanged or kUnchanged, without package and
  // difference. Errors: kInvalidValue (no WACZ, or without screenshot or DOM), kTooLarge, kIo.
  Result<evidence::Look> Compare(const std::string& wacz_path, uint64_t time_unix_us);

  // Writes the look of the last Compare down: for kFirst and kChanged with the package, which lies there now,
  // and the picture of the difference as NAME.difference.png beside it; kUnchanged needs no package. Errors:
  // kIo, kTooLarge.
  Result<void> Record(evidence::Look look, const std::string& package_name);
  Result<void> RecordFailure(const std::string& reason, uint64_t time_unix_us);

  size_t looks() const { return history_.looks.size(); }
  // Digest of the history's last line, for the operation log of the next capture.
  const Hash& last() const { return history_.last; }

 private:
  struct Seen {
    std::string picture, dom;
  };
  PageWatch() = default;
  static Result<Seen> ReadWacz(std::shared_ptr<evidence::ByteSource> source);
  Result<void> Append(const evidence::Look& look);

  std::string path_, folder_;
  WatchThresholds thresholds_;
  std::string text_;  // of the history
  evidence::History history_;
  std::optional<Seen> before_;  // of the last package
  Seen now_;
  std::string difference_png_;
};

}  // namespace cunzheng::capture
