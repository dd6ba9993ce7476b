#include <zlib.h>

#include <algorithm>
#include <cstdio>

#include "client/evidence/gzip.h"
#include "client/evidence/recording.h"
#include "client/evidence/screenshot.h"
#include "client/evidence/wacz.h"
#include "client/evidence/wacz_index.h"
#include "client/evidence/wacz_text.h"
#include "crypto/digest.h"

namespace cunzheng::evidence {
namespace {

constexpr size_t kPackageBytesMax = 4u << 20;
constexpr size_t kPagesBytesMax = 16u << 20;
constexpr size_t kPictureBytesMax = 512u << 20;
constexpr std::string_view kStitched = "screenshot.png";

Error About(std::string_view member, const Error& error) {
  return {error.code, std::string(member) + ": " + error.detail};
}
Error Wrong(std::string_view member, const std::string& what) {
  return {Errc::kInvalidValue, std::string(member) + ": " + what};
}

// One check of one WACZ; what a stage finds, later ones use.
class Checker {
 public:
  Checker(const ZipReader& wacz, const WaczProgress& progress) : wacz_(wacz), progress_(progress) {}

  Result<WaczReport> Run() {
    RETURN_IF_ERROR(Stage(WaczStage::kMembers, [this] { return CheckMembers(); }));
    RETURN_IF_ERROR(Stage(WaczStage::kPackage, [this] { return CheckPackage(); }));
    RETURN_IF_ERROR(Stage(WaczStage::kSignature, [this] { return CheckSignature(); }));
    RETURN_IF_ERROR(Stage(WaczStage::kRecords, [this] { return CheckRecords(); }));
    RETURN_IF_ERROR(Stage(WaczStage::kIndex, [this] { return CheckIndex(); }));
    RETURN_IF_ERROR(Stage(WaczStage::kPages, [this] { return CheckPages(); }));
    RETURN_IF_ERROR(Stage(WaczStage::kPictures, [this]() -> Result<void> {
      RETURN_IF_ERROR(CheckPictures());
      return CheckRecording();
    }));
    report_.records = index_.places().size();
    report_.responses = index_.responses();
    report_.record_bytes = index_.record_bytes();
    report_.places = index_.places();
    report_.created = package_.created;
    report_.software = package_.software;
    return std::move(report_);
  }

 private:
  template <typename Check>
  Result<void> Stage(WaczStage stage, const Check& check) {
    stage_ = stage;
    RETURN_IF_ERROR(Tell(0));
    return check();
  }
  Result<void> Tell(uint64_t bytes_done) const {
    if (progress_ && !progress_(stage_, bytes_done)) {
      return Error{Errc::kInterrupted, std::string(WaczStageName(stage_)) + ": stopped before the end"};
    }
    return {};
  }
  Result<std::string> Read(std::string_view name, size_t length_max) const {
    return wacz_.Read(*wacz_.Find(name), length_max);
  }

  // Archive, index, pages, attachments, datapackage.json and its digest.
  Result<void> CheckMembers() const {
    const auto& members = wacz_.members();
    for (const auto name : {kWaczArchive, kWaczIndex, kWaczPages, kWaczPackage, kWaczPackageDigest}) {
      if (wacz_.Find(name) == nullptr) return Wrong(name, "missing");
    }
    if (members.size() > 5 + kWaczAttachmentsMax)
      return Error{Errc::kTooLarge, "evidence/: must be at most 4,000 attachments"};
    for (size_t i = 0; i < members.size(); ++i) {
      const std::string_view name = members[i].name;
      const std::string_view due = i == 0                    ? kWaczArchive
                                   : i == 1                  ? kWaczIndex
                                   : i == 2                  ? kWaczPages
                                   : i == members.size() - 2 ? kWaczPackage
                                   : i == members.size() - 1 ? kWaczPackageDigest
                                                             : kWaczAttachments;
      if (due == kWaczAttachments && name.starts_with(due)) {
        const auto fine = CheckAttachmentName(name.substr(due.size()));
        if (!fine) return About(name, fine.error());
      } else if (name != due) {
        return Wrong(name,
                     "stands where " + std::string(due) + (due == kWaczAttachments ? "…" : "") + " must be");
      }
    }
    return {};
  }

  // What datapackage.json says of every member but itself and its digest, and each member's CRC-32.
  Result<void> CheckPackage() {
    ASSIGN_OR_RETURN(package_text_, Read(kWaczPackage, kPackageBytesMax));
    auto package = DecodePackage(package_text_);
    if (!package) return About(kWaczPackage, package.error());
    package_ = std::move(*package);
    const auto& members = wacz_.members();
    uint64_t done = 0;
    for (size_t i = 0; i < members.size(); ++i) {
      const auto& member = members[i];
      const bool listed = i + 2 < members.size();
      if (listed && (i >= package_.resources.size() || package_.resources[i].path != member.name)) {
        return Wrong(member.name, "must be listed in datapackage.json, in the order of the members");
      }
      Sha256Stream sha256;
      uLong crc = 0;
      const auto read = ReadInPieces(*wacz_.Source(member), [&](std::string_view bytes) {
        sha256.Update(AsBytes(bytes));
        crc = crc32_z(crc, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
        done += bytes.size();
        return Tell(done);
      });
      if (!read) return About(member.name, read.error());
      if (listed && package_.resources[i].bytes != member.length) {
        return Wrong(member.name, "must be as long as datapackage.json says, " +
                                      std::to_string(package_.resources[i].bytes) + " bytes");
      }
      if (listed && package_.resources[i].hash != "sha256:" + ToHex(sha256.Finish())) {
        return Error{Errc::kDigestMismatch, member.name + ": is not what datapackage.json has the digest of"};
      }
      if (crc != member.crc)
        return Error{Errc::kDigestMismatch, member.name + ": its bytes do not have its CRC-32"};
    }
    if (package_.resources.size() != members.size() - 2) {
      return Wrong(kWaczPackage, "resources: lists what the archive has not: " +
                                     package_.resources[members.size() - 2].path);
    }
    return {};
  }

  Result<void> CheckSignature() const {
    ASSIGN_OR_RETURN(const std::string text, Read(kWaczPackageDigest, kPackageBytesMax));
    const auto valid = CheckPackageSignature(text, package_text_, package_);
    if (!valid) return About(kWaczPackageDigest, valid.error());
    return {};
  }

  Result<void> CheckRecords() {
    const auto source = wacz_.Source(*wacz_.Find(kWaczArchive));
    GzipReader reader(*source);
    for (uint64_t offset = 0; offset < source->length();) {
      auto taken = TakeRecord(&reader);
      if (!taken)
        return About(kWaczArchive,
                     {taken.error().code, "at " + std::to_string(offset) + ": " + taken.error().detail});
      offset += *taken;
      RETURN_IF_ERROR(Tell(offset));
    }
    const auto closed = index_.Close();
    if (!closed) return About(kWaczArchive, closed.error());
    return {};
  }
  // Returns the length of its gzip member.
  Result<uint64_t> TakeRecord(GzipReader* reader) {
    ASSIGN_OR_RETURN(auto member, reader->Next(kWaczRecordBytesMax));
    ASSIGN_OR_RETURN(const WarcRecord record, DecodeWarcRecord(member->bytes));
    const RecordPlace place{.offset = member->offset,
                            .length = member->length,
                            .type = std::string(record.Header("WARC-Type")),
                            .url = std::string(record.Header("WARC-Target-URI"))};
    RETURN_IF_ERROR(index_.Check({&record, 1}));
    index_.Add(record, place, member->sha256);
    return member->length;
  }

  // The index must be the one that follows from the records; otherwise says where it is not.
  Result<void> CheckIndex() const {
    ASSIGN_OR_RETURN(const std::string text, Read(kWaczIndex, kWaczIndexBytesMax));
    const auto& lines = index_.lines();
    std::string_view rest = text, before;
    size_t number = 0;
    while (!rest.empty()) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      const std::string what = "line " + std::to_string(number + 1) + ": ";
      if (line.size() == rest.size()) return Wrong(kWaczIndex, what + "must end with a line end");
      if (number > 0 && line <= before)
        return Wrong(kWaczIndex, what + "must come after the line before it, bytewise");
      if (number >= lines.size() || lines[number].text != line)
        return Wrong(kWaczIndex, Explain(line, number));
      rest.remove_prefix(line.size() + 1);
      before = line;
      ++number;
    }
    if (number < lines.size()) return Wrong(kWaczIndex, Missing(lines[number]));
    return {};
  }
  std::string Missing(const WaczIndex::Line& line) const {
    const auto& place = index_.places()[line.record];
    return "has no line for the " + place.type + " at " + std::to_string(place.offset) + ", " + place.url;
  }
  // Why `line`, which is not the one that is due, is wrong.
  std::string Explain(std::string_view line, size_t number) const {
    const std::string what = "line " + std::to_string(number + 1) + ": ";
    const auto offset = CdxjOffset(line);
    if (!offset) return what + offset.error().detail;
    const auto& lines = index_.lines();
    const auto at = [&](const WaczIndex::Line& other) {
      return index_.places()[other.record].offset == *offset;
    };
    const auto meant = std::find_if(lines.begin(), lines.end(), at);
    if (meant == lines.end()) return what + "offset: no response begins at " + std::to_string(*offset);
    // The line is right, so one that should come before it is missing.
    if (meant->text == line) return Missing(lines[number]);
    return what + CdxjDifference(meant->text, line);
  }

  Result<void> CheckPages() {
    ASSIGN_OR_RETURN(const std::string text, Read(kWaczPages, kPagesBytesMax));
    const auto pages = DecodePages(text);
    if (!pages) return About(kWaczPages, pages.error());
    for (size_t i = 0; i < pages->size(); ++i) {
      const auto& page = (*pages)[i];
      const int status = index_.StatusOf(page.url);
      if (page.status != status) {
        const std::string due = status == 0 ? "0: the archive has no response of "
                                            : std::to_string(status) + ", as the archive has it of ";
        return Wrong(kWaczPages, "line " + std::to_string(i + 2) + ": status: must be " + due + page.url);
      }
      report_.pages.push_back({.url = page.url, .title = page.title, .time = page.time});
    }
    const auto& main = pages->front();
    if (main.url != package_.main_url || main.time != package_.main_time) {
      return Wrong(kWaczPackage, "mainPageUrl, mainPageDate: must be those of the first page");
    }
    return {};
  }

  // The picture against its tiles; a capture that ended early has tiles alone, or none.
  Result<void> CheckPictures() {
    const auto tile_name = [](size_t index) {
      char name[32];
      std::snprintf(name, sizeof name, "screenshot-%03zu.png", index);
      return std::string(kWaczAttachments) + name;
    };
    size_t count = 0;
    while (wacz_.Find(tile_name(count)) != nullptr) ++count;
    const std::string prefix = std::string(kWaczAttachments) + "screenshot-";
    size_t all = 0;
    for (const auto& member : wacz_.members()) {
      if (member.name.starts_with(prefix)) ++all;
    }
    if (all != count) return Wrong(tile_name(count), "missing: tiles must be numbered from 000 without gaps");
    report_.tiles = static_cast<uint32_t>(count);
    const std::string name = std::string(kWaczAttachments) + std::string(kStitched);
    const ZipMember* stitched = wacz_.Find(name);
    uint64_t done = 0;
    size_t last = 0;
    const TileSource tile = [&](size_t index) -> Result<std::string> {
      RETURN_IF_ERROR(Tell(done));
      last = index;
      const ZipMember* member = wacz_.Find(tile_name(index));
      done += member->length;
      return wacz_.Read(*member, kPictureBytesMax);
    };
    if (stitched == nullptr) {
      const auto sound = count == 0 ? Result<PictureSize>(PictureSize()) : CheckTiles(count, tile);
      if (!sound) return About(tile_name(last), sound.error());
      return {};
    }
    ASSIGN_OR_RETURN(const std::string picture, wacz_.Read(*stitched, kPictureBytesMax));
    const auto same = CheckStitched(picture, count, tile);
    if (!same) return About(name, same.error());
    return {};
  }

  // The recording's segments, each against the one before.
  Result<void> CheckRecording() {
    const std::string attachments(kWaczAttachments), prefix = attachments + "recording-";
    size_t left = 0;
    for (const auto& member : wacz_.members()) {
      if (member.name.starts_with(prefix)) ++left;
    }
    Hash previous{};
    RecordingTotals totals;
    for (size_t segment = 0; left > 0; ++segment) {
      const ZipMember* const film = wacz_.Find(attachments + RecordingFilmName(segment));
      const ZipMember* const index = wacz_.Find(attachments + RecordingIndexName(segment));
      if (film == nullptr || index == nullptr) {
        return Wrong(attachments + RecordingName(segment),
                     "missing: a recording's segments must be numbered from 000 without gaps, film and index "
                     "each");
      }
      left -= wacz_.Find(attachments + RecordingReceiptName(segment)) == nullptr ? 2 : 3;
      if (segment == kRecordingSegmentsMax) {
        return Error{Errc::kTooLarge, attachments + RecordingName(segment) + ": a recording has at most " +
                                          std::to_string(kRecordingSegmentsMax) + " segments"};
      }
      RETURN_IF_ERROR(Tell(0));
      RecordingSegment content;
      ASSIGN_OR_RETURN(content.film, wacz_.Read(*film, kFilmBytesMax));
      ASSIGN_OR_RETURN(content.index, wacz_.Read(*index, kRecordingSegmentBytesMax));
      const auto checked = CheckRecordingSegment(segment, previous, content, &totals);
      if (!checked) {
        return Error{checked.error().code, std::string(kWaczAttachments) + checked.error().detail};
      }
      report_.pictures = totals.frames;
      previous = *checked;
      report_.segments.push_back(previous);
    }
    return {};
  }

  const ZipReader& wacz_;
  const WaczProgress& progress_;
  WaczStage stage_ = WaczStage::kMembers;
  std::string package_text_;
  Package package_;
  WaczIndex index_;
  WaczReport report_;
};

}  // namespace

std::string_view WaczStageName(WaczStage stage) {
  switch (stage) {
    case WaczStage::kMembers:
      return "members";
    case WaczStage::kPackage:
      return "package";
    case WaczStage::kSignature:
      return "signature";
    case WaczStage::kRecords:
      return "records";
    case WaczStage::kIndex:
      return "index";
    case WaczStage::kPages:
      return "pages";
    case WaczStage::kPictures:
      return "pictures";
  }
  return "unknown";
}

Result<WaczReport> CheckWacz(const ZipReader& wacz, const WaczProgress& progress) {
  return Checker(wacz, progress).Run();
}

Result<std::vector<RecordPlace>> ListRecords(const ByteSource& archive) {
  GzipReader reader(archive);
  std::vector<RecordPlace> places;
  while (true) {
    ASSIGN_OR_RETURN(auto member, reader.Next(kWaczRecordBytesMax));
    if (!member) return places;
    if (places.size() == kWaczRecordsMax) {
      return Error{Errc::kTooLarge,
                   "warc: must have at most " + std::to_string(kWaczRecordsMax) + " records"};
    }
    ASSIGN_OR_RETURN(const WarcRecord record, DecodeWarcRecord(member->bytes));
    places.push_back({.offset = member->offset,
                      .length = member->length,
                      .type = std::string(record.Header("WARC-Type")),
                      .url = std::string(record.Header("WARC-Target-URI"))});
  }
}

}  // namespace cunzheng::evidence
