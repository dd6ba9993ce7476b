#include "client/capture/page_watch.h"

#include <unistd.h>

#include <algorithm>

#include "client/evidence/package_members.h"
#include "client/evidence/wacz.h"
#include "client/evidence/zip.h"
#include "crypto/digest.h"
#include "crypto/file.h"

namespace cunzheng::capture {
namespace {

using evidence::Look;
using evidence::LookState;
using evidence::ZipReader;

constexpr size_t kPictureBytesMax = 512u << 20, kDomBytesMax = 256u << 20;
constexpr std::string_view kPackageEnd = ".evidence.zip";

Result<std::string> ReadAttachment(const ZipReader& wacz, std::string_view name, size_t length_max) {
  const std::string member = std::string(evidence::kWaczAttachments) + std::string(name);
  const evidence::ZipMember* found = wacz.Find(member);
  if (found == nullptr) return Error{Errc::kInvalidValue, member + ": the capture has none to compare"};
  return wacz.Read(*found, length_max);
}

// Of a package.
Result<std::shared_ptr<evidence::ByteSource>> OpenWacz(const std::string& path) {
  ASSIGN_OR_RETURN(auto source, evidence::OpenFileSource(path));
  ASSIGN_OR_RETURN(const ZipReader package, ZipReader::Open(std::move(source)));
  const evidence::ZipMember* member = package.Find(evidence::kWaczMember);
  if (member == nullptr) return Error{Errc::kInvalidValue, path + ": is no package"};
  return package.Source(*member);
}

}  // namespace

Result<PageWatch::Seen> PageWatch::ReadWacz(std::shared_ptr<evidence::ByteSource> source) {
  ASSIGN_OR_RETURN(const ZipReader wacz, ZipReader::Open(std::move(source)));
  Seen seen;
  ASSIGN_OR_RETURN(seen.picture, ReadAttachment(wacz, "screenshot.png", kPictureBytesMax));
  ASSIGN_OR_RETURN(seen.dom, ReadAttachment(wacz, "dom.html", kDomBytesMax));
  return seen;
}

Result<PageWatch> PageWatch::Open(const std::string& path, const std::string& url, uint64_t interval_s,
                                  const WatchThresholds& thresholds) {
  PageWatch watch;
  watch.path_ = path;
  watch.folder_ = path.substr(0, path.rfind('/') + 1);  // empty: here
  watch.thresholds_ = thresholds;
  if (access(path.c_str(), F_OK) != 0) {
    watch.text_ = evidence::BeginHistory(url, interval_s);
    ASSIGN_OR_RETURN(watch.history_, evidence::DecodeHistory(watch.text_));
    return watch;
  }
  ASSIGN_OR_RETURN(watch.text_, ReadWholeFile(path, evidence::kHistoryBytesMax));
  auto history = evidence::DecodeHistory(watch.text_);
  if (!history) return Error{history.error().code, path + ": " + history.error().detail};
  watch.history_ = std::move(*history);
  ASSIGN_OR_RETURN(const evidence::History same_page,
                   evidence::DecodeHistory(evidence::BeginHistory(url, interval_s)));
  if (watch.history_.url != same_page.url) {
    return Error{Errc::kInvalidValue, path + ": is the history of " + watch.history_.url};
  }
  const auto& looks = watch.history_.looks;
  const auto last =
      std::find_if(looks.rbegin(), looks.rend(), [](const Look& look) { return !look.package.empty(); });
  if (last == looks.rend()) return watch;
  const std::string package = watch.folder_ + last->package;
  ASSIGN_OR_RETURN(const auto wacz, OpenWacz(package));
  ASSIGN_OR_RETURN(const FileDigest digest, evidence::DigestSource(*wacz));
  if (digest.digests.sha256 != last->wacz_sha256) {
    return Error{Errc::kDigestMismatch, package + ": is not the package that " + path + " names"};
  }
  ASSIGN_OR_RETURN(watch.before_, ReadWacz(wacz));
  return watch;
}

Result<Look> PageWatch::Compare(const std::string& wacz_path, uint64_t time_unix_us) {
  ASSIGN_OR_RETURN(auto source, evidence::OpenFileSource(wacz_path));
  ASSIGN_OR_RETURN(now_, ReadWacz(std::move(source)));
  // A page that nobody has seen before is compared with itself, so that its picture is known to be one.
  const Seen& before = before_ ? *before_ : now_;
  ASSIGN_OR_RETURN(PageChange change,
                   ComparePages(before.picture, before.dom, now_.picture, now_.dom, thresholds_));
  Look look;
  look.time_unix_us = time_unix_us;
  look.state = !before_ ? LookState::kFirst : change.changed() ? LookState::kChanged : LookState::kUnchanged;
  look.text_sha256 = change.text_after;
  look.pixels = change.pixels;
  look.pixels_changed = change.pixels_changed;
  difference_png_ = std::move(change.difference_png);
  return look;
}

Result<void> PageWatch::Record(Look look, const std::string& package_name) {
  if (look.state == LookState::kUnchanged) return Append(look);
  look.package = package_name;
  ASSIGN_OR_RETURN(const auto wacz, OpenWacz(folder_ + package_name));
  ASSIGN_OR_RETURN(const FileDigest digest, evidence::DigestSource(*wacz));
  look.wacz_sha256 = digest.digests.sha256;
  if (look.state == LookState::kChanged && !difference_png_.empty()) {
    std::string name = package_name;
    if (name.ends_with(kPackageEnd)) name.resize(name.size() - kPackageEnd.size());
    look.difference = name + ".difference.png";
    look.difference_sha256 = Sha256(AsBytes(difference_png_));
    RETURN_IF_ERROR(WriteFileAtomically(folder_ + look.difference, difference_png_, 0644, true));
  }
  RETURN_IF_ERROR(Append(look));
  before_ = std::move(now_);
  return {};
}

Result<void> PageWatch::RecordFailure(const std::string& reason, uint64_t time_unix_us) {
  Look look;
  look.state = LookState::kFailed;
  look.time_unix_us = time_unix_us;
  look.reason = reason;
  return Append(look);
}

Result<void> PageWatch::Append(const Look& look) {
  const std::string text = text_ + evidence::HistoryLine(text_, look);
  // What is written is what can be read again; a bug in between would otherwise be found too late.
  ASSIGN_OR_RETURN(evidence::History history, evidence::DecodeHistory(text));
  RETURN_IF_ERROR(WriteFileAtomically(path_, text, 0644, true));
  text_ = text;
  history_ = std::move(history);
  return {};
}

}  // namespace cunzheng::capture
