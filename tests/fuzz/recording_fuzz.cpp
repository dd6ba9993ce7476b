// Recordings: what the writer makes of any pictures and times is accepted, and no byte of it is free; any
// bytes as a segment end in an error or in a film that follows from them.
//
// Input: one byte that says what follows: 0 a segment, its index up to NUL, then its film; else pictures to
// write, each two bytes (its time in eighths of a second since the last one, its length) and that many bytes
// of the rest.
#include <algorithm>

#include "client/evidence/film.h"
#include "client/evidence/recording.h"
#include "crypto/bytes.h"
#include "crypto/digest.h"

using namespace cunzheng;
using namespace cunzheng::evidence;

namespace {

constexpr uint64_t kTickUs = 125'000;
constexpr size_t kWrittenMax = 2'000;  // of pictures: more would be slow, and no different

Result<Hash> Check(const std::vector<RecordingSegment>& segments, RecordingTotals* totals) {
  Hash previous{};
  for (size_t i = 0; i < segments.size(); i++) {
    ASSIGN_OR_RETURN(previous, CheckRecordingSegment(i, previous, segments[i], totals));
  }
  return previous;
}

void TakeSegment(std::string_view text) {
  const size_t end = std::min(text.find('\0'), text.size());
  const RecordingSegment segment{std::string(text.substr(std::min(end + 1, text.size()))),
                                 std::string(text.substr(0, end))};
  RecordingTotals totals;
  const auto checked = CheckRecordingSegment(0, Hash{}, segment, &totals);
  CHECK_INVARIANT(checked ? totals.frames > 0 && *checked == Sha256(AsBytes(segment.index))
                          : !checked.error().detail.empty());
}

void Write(std::string_view text) {
  RecordingWriter writer;
  uint64_t time_us = 1, frames = 0;
  const size_t at = text.size();
  text = text.substr(0, kWrittenMax);
  while (text.size() >= 3) {
    const auto wait = static_cast<uint8_t>(text[0]), length = static_cast<uint8_t>(text[1]);
    text.remove_prefix(2);
    time_us += wait * kTickUs;
    frames += writer.Add(time_us, text.substr(0, std::max<size_t>(length, 1))) ? 1 : 0;
    text.remove_prefix(std::min<size_t>(length, text.size()));
  }
  writer.Finish();
  auto segments = writer.segments();
  RecordingTotals totals;
  CHECK_INVARIANT(Check(segments, &totals).has_value() && totals.frames == frames);
  if (segments.empty()) return;
  std::string& film = segments[at % segments.size()].film;
  film[at * 7'919 % film.size()] ^= 1;
  CHECK_INVARIANT(!Check(segments, &totals).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text = AsText({data + 1, size - 1});
  static_cast<void>(SizeOfJpeg(text));
  if (data[0] == 0) {
    TakeSegment(text);
  } else {
    Write(text);
  }
  return 0;
}
