#include "client/evidence/recording.h"

#include <algorithm>
#include <cstdio>

#include "client/evidence/film.h"
#include "crypto/digest.h"
#include "crypto/json.h"

namespace cunzheng::evidence {
namespace {

constexpr std::string_view kType = "cunzheng/recording/v1";
constexpr size_t kLineBytesMax = 1'024;

Error Wrong(const std::string& name, const std::string& rule) {
  return {Errc::kInvalidValue, name + ".jsonl: " + rule};
}

std::string Head(size_t segment, const Hash& previous) {
  return json::Encode(
             json::Object{{"type", kType}, {"segment", uint64_t{segment}}, {"previous", ToHex(previous)}}) +
         "\n";
}

}  // namespace

std::string RecordingName(size_t segment) {
  char name[32];
  std::snprintf(name, sizeof name, "recording-%03zu", segment);
  return name;
}

std::string RecordingFilmName(size_t segment) {
  return RecordingName(segment) + ".avi";
}

std::string RecordingIndexName(size_t segment) {
  return RecordingName(segment) + ".jsonl";
}

std::string RecordingReceiptName(size_t segment) {
  return RecordingName(segment) + ".receipt.json";
}

std::string SegmentDetail(size_t segment, const Hash& digest) {
  return RecordingName(segment) + " sha256:" + ToHex(digest);
}

bool RecordingWriter::Add(uint64_t time_unix_us, std::string_view jpeg) {
  if (frames_ == kRecordingFramesMax || jpeg.size() > kRecordingSegmentBytesMax ||
      jpeg.size() > kRecordingBytesMax - bytes_) {
    return false;
  }
  Tick(time_unix_us);
  last_us_ = std::max(last_us_, time_unix_us);
  if (open_ && jpeg.size() > kRecordingSegmentBytesMax - pictures_.size()) Finish();
  if (!open_) {
    if (segments_.size() == kRecordingSegmentsMax) return false;
    segments_.push_back({{}, Head(segments_.size(), previous_)});
    segment_began_us_ = last_us_;
    open_ = true;
  }
  segments_.back().index += json::Encode(json::Object{{"time_unix_us", last_us_},
                                                      {"length", uint64_t{jpeg.size()}},
                                                      {"sha256", ToHex(Sha256(AsBytes(jpeg)))}}) +
                            "\n";
  pictures_.append(jpeg);
  frames_of_segment_.emplace_back(last_us_, jpeg.size());
  ++frames_;
  bytes_ += jpeg.size();
  return true;
}

void RecordingWriter::Tick(uint64_t time_unix_us) {
  if (open_ && std::max(last_us_, time_unix_us) - segment_began_us_ >= kRecordingSegmentUs) Finish();
}

void RecordingWriter::Finish() {
  if (!open_) return;
  open_ = false;
  std::vector<FilmPicture> pictures;
  std::string_view rest = pictures_;
  for (const auto& [time_us, length] : frames_of_segment_) {
    pictures.push_back({time_us, rest.substr(0, length)});
    rest.remove_prefix(length);
  }
  segments_.back().film = MakeFilm(pictures);
  frames_of_segment_.clear();
  pictures_.clear();
  const std::string& index = segments_.back().index;
  previous_ = Sha256(AsBytes(index));
  if (observer_) observer_(segments_.size() - 1, index, previous_);
}

Result<Hash> CheckRecordingSegment(size_t segment, const Hash& previous, const RecordingSegment& content,
                                   RecordingTotals* totals) {
  const std::string name = RecordingName(segment), head = Head(segment, previous);
  std::string_view lines = content.index;
  const std::string_view film = content.film;
  if (!lines.starts_with(head)) {
    return Error{Errc::kDigestMismatch,
                 name + ".jsonl: its first line must name it and the digest of the segment before"};
  }
  lines.remove_prefix(head.size());
  if (lines.empty()) return Wrong(name, "has no frame");
  std::vector<FilmPicture> pictures;
  FilmLayout layout;
  uint64_t bytes = 0;
  for (uint64_t number = 1, last_us = 0; !lines.empty(); ++number) {
    const size_t end = lines.find('\n');
    if (end == std::string_view::npos) return Wrong(name, "its last line has no end");
    ASSIGN_OR_RETURN(const json::Value line,
                     json::Parse(lines.substr(0, end), json::Form::kCanonical, kLineBytesMax));
    lines.remove_prefix(end + 1);
    json::ObjectReader reader(line, name + ": frame " + std::to_string(number));
    const uint64_t time_us = reader.Integer("time_unix_us", last_us, json::kIntegerMax);
    const uint64_t length = reader.Integer("length", 1, kRecordingSegmentBytesMax);
    const Hash digest = reader.Hex32("sha256");
    RETURN_IF_ERROR(reader.Finish());
    if (number > 1 && time_us - pictures.front().time_us >= kRecordingSegmentUs) {
      return Wrong(name, "frame " + std::to_string(number) + ": is not of these 10 seconds");
    }
    bytes += length;
    totals->bytes += length;
    if (++totals->frames > kRecordingFramesMax || bytes > kRecordingSegmentBytesMax ||
        totals->bytes > kRecordingBytesMax) {
      return Error{Errc::kTooLarge, name + ".jsonl: a recording has at most " +
                                        std::to_string(kRecordingFramesMax) + " pictures and " +
                                        std::to_string(kRecordingBytesMax) + " bytes of them, a segment " +
                                        std::to_string(kRecordingSegmentBytesMax)};
    }
    const size_t offset = layout.Add(time_us, length).offset;
    if (offset > film.size() || length > film.size() - offset ||
        Sha256(AsBytes(film.substr(offset, length))) != digest) {
      return Error{Errc::kDigestMismatch, name + ".avi: frame " + std::to_string(number)};
    }
    pictures.push_back({time_us, film.substr(offset, length)});
    last_us = time_us;
  }
  if (MakeFilm(pictures) != film) {
    return Error{Errc::kInvalidValue, name + ".avi: is not the film of its frames and their times"};
  }
  return Sha256(AsBytes(content.index));
}

}  // namespace cunzheng::evidence
