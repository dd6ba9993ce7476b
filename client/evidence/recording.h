// What a page showed over time (specs/capture.md, "Recording"): films in segments, each of which names the
// digest of the one before, so that what was recorded first is fixed by whatever is known of a later segment.
// Pure but for the observer; not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/result.h"

namespace cunzheng::evidence {

inline constexpr size_t kRecordingSegmentsMax = 1'000;
inline constexpr size_t kRecordingFramesMax = 36'000;
inline constexpr uint64_t kRecordingBytesMax = 512u << 20;      // of pictures
inline constexpr size_t kRecordingSegmentBytesMax = 64u << 20;  // of pictures
// With its container: less than 32 bytes a slot, of which there are at most 250 more than pictures.
inline constexpr size_t kFilmBytesMax = kRecordingSegmentBytesMax + (2u << 20);
inline constexpr uint64_t kRecordingSegmentUs = 10'000'000;

struct RecordingSegment {
  std::string film;   // recording-000.avi, once the segment has ended
  std::string index;  // recording-000.jsonl
};
// How the operation log names a segment that has ended: "recording-000 sha256:…", of its index.
inline constexpr std::string_view kSegmentStep = "segment";
std::string SegmentDetail(size_t segment, const Hash& digest);
// "recording-000"
std::string RecordingName(size_t segment);
// The segment's film, its index, and the receipt of that, which is optional: "recording-000.avi", "….jsonl",
// "….receipt.json".
std::string RecordingFilmName(size_t segment);
std::string RecordingIndexName(size_t segment);
std::string RecordingReceiptName(size_t segment);
inline constexpr std::string_view kRecordingKind = "recording";  // of an index's record
inline constexpr std::string_view kRecordingIndexMediaType = "application/jsonl";

class RecordingWriter {
 public:
  // Told of each segment once it is whole: its index, and the digest of that.
  using Observer = std::function<void(size_t segment, const std::string& index, const Hash& digest)>;
  explicit RecordingWriter(Observer observer = {}) : observer_(std::move(observer)) {}

  // Times of one clock; one that goes back is held. False: a limit is reached, and the frame is left out.
  bool Add(uint64_t time_unix_us, std::string_view jpeg);
  // Ends the segment that is under way when its time is over, though no frame comes: what a page that stays
  // as it is showed is not to wait for the page's next change.
  void Tick(uint64_t time_unix_us);
  // Ends the segment that is under way.
  void Finish();
  const std::vector<RecordingSegment>& segments() const { return segments_; }
  uint64_t frames() const { return frames_; }

 private:
  const Observer observer_;
  std::vector<RecordingSegment> segments_;
  bool open_ = false;  // the last segment is under way
  Hash previous_{};
  std::string pictures_;  // of the segment under way, one after the other
  std::vector<std::pair<uint64_t, size_t>> frames_of_segment_;  // time and length
  uint64_t frames_ = 0, bytes_ = 0, segment_began_us_ = 0, last_us_ = 0;
};

struct RecordingTotals {
  uint64_t frames = 0, bytes = 0;  // of all pictures
};
// Checks one segment against the digest of the one before (zeros: there is none); gives its own. Adds to
// `totals`. Errors: kInvalidValue, kDigestMismatch (a frame; or the one before), kTooLarge.
Result<Hash> CheckRecordingSegment(size_t segment, const Hash& previous, const RecordingSegment& content,
                                   RecordingTotals* totals);

}  // namespace cunzheng::evidence
