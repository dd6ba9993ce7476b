// Recordings: segments in a chain, of which nothing can be changed, left out or put elsewhere.
#include <doctest/doctest.h>

#include <functional>

#include "client/evidence/recording.h"
#include "crypto/digest.h"

using namespace cunzheng;
using namespace cunzheng::evidence;

namespace {

std::vector<RecordingSegment> Three(std::vector<Hash>* digests = nullptr) {
  RecordingWriter writer([digests](size_t, const std::string&, const Hash& digest) {
    if (digests != nullptr) digests->push_back(digest);
  });
  for (uint64_t i = 0; i < 6; i++) {
    REQUIRE(writer.Add(1'000'000 + i * kRecordingSegmentUs / 2, "frame " + std::to_string(i)));
  }
  writer.Finish();
  writer.Finish();  // does nothing more
  return writer.segments();
}

std::string Check(const std::vector<RecordingSegment>& segments) {
  Hash previous{};
  RecordingTotals totals;
  for (size_t i = 0; i < segments.size(); i++) {
    const auto checked = CheckRecordingSegment(i, previous, segments[i], &totals);
    if (!checked) return checked.error().ToString();
    previous = *checked;
  }
  return std::to_string(totals.frames) + " frames, " + ToHex(previous);
}

std::string Changed(const std::function<void(std::vector<RecordingSegment>*)>& change) {
  auto segments = Three();
  change(&segments);
  return Check(segments);
}

}  // namespace

TEST_CASE("a recording's segments end by time and are chained") {
  std::vector<Hash> digests;
  const auto segments = Three(&digests);
  REQUIRE(segments.size() == 3);
  CHECK(Check(segments).starts_with("6 frames"));
  REQUIRE(digests.size() == 3);
  for (size_t i = 0; i < 3; i++) CHECK(digests[i] == Sha256(AsBytes(segments[i].index)));
  CHECK(segments[1].index.find(ToHex(digests[0])) != std::string::npos);
  CHECK(RecordingName(7) == "recording-007");
}

TEST_CASE("a change anywhere in a recording is found") {
  // What the last segment's digest says is for the operation log to know.
  const auto segments = Three();
  const std::string whole = Check(segments);
  for (size_t i = 0; i < segments.size(); i++) {
    for (size_t at = 0; at < segments[i].index.size(); at++) {
      const std::string said = Changed([&](auto* changed) { (*changed)[i].index[at] ^= 1; });
      CHECK_MESSAGE(said != whole, i, " ", at);
    }
    const std::string_view film = segments[i].film;
    for (size_t at = 0; at < film.size(); at++) {
      const std::string said = Changed([&](auto* changed) { (*changed)[i].film[at] ^= 1; });
      // A picture's own bytes, or the container's.
      const size_t picture = film.rfind("frame ", at);
      const bool inside = picture != film.npos && at < picture + std::string_view("frame 0").size();
      const std::string name = RecordingFilmName(i);
      CHECK(said.starts_with(inside ? "digest_mismatch: " + name + ": frame "
                                    : "invalid_value: " + name + ": is not the film"));
    }
  }
}

TEST_CASE("segments that are left out, changed places, or hold more than they list are found") {
  CHECK(Changed([](auto* s) { s->erase(s->begin()); }).starts_with("digest_mismatch: recording-000.jsonl"));
  CHECK(
      Changed([](auto* s) { s->erase(s->begin() + 1); }).starts_with("digest_mismatch: recording-001.jsonl"));
  CHECK(Changed([](auto* s) {
          std::swap((*s)[1], (*s)[2]);
        }).starts_with("digest_mismatch: recording-001.jsonl"));
  CHECK(Changed([](auto* s) { (*s)[2].film += "x"; }) ==
        "invalid_value: recording-002.avi: is not the film of its frames and their times");
  CHECK(Changed([](auto* s) { (*s)[2].film.clear(); }) == "digest_mismatch: recording-002.avi: frame 1");
}

TEST_CASE("a frame of another time than its segment's is found") {
  const auto moved = [](const std::string& time) {
    return Changed([&](auto* s) {
      std::string& index = (*s)[0].index;
      const std::string last = "\"time_unix_us\":6000000}";
      index.replace(index.rfind(last), last.size(), "\"time_unix_us\":" + time + "}");
    });
  };
  CHECK(moved("10999999") == "digest_mismatch: recording-000.avi: frame 2");
  CHECK(moved("11000000") == "invalid_value: recording-000.jsonl: frame 2: is not of these 10 seconds");
  CHECK(moved("9007199254740991") ==
        "invalid_value: recording-000.jsonl: frame 2: is not of these 10 seconds");
  CHECK(moved("999999") ==
        "invalid_value: recording-000: frame 2.time_unix_us: must be an integer from 1000000 to "
        "9007199254740991");
  // Within one slot of the film.
  CHECK(moved("6000001").starts_with("digest_mismatch: recording-001.jsonl"));
}

TEST_CASE("a segment ends when its time is over, though no frame comes") {
  size_t ended = 0;
  RecordingWriter writer([&](size_t, const std::string&, const Hash&) { ++ended; });
  writer.Tick(5'000'000);  // nothing is under way
  CHECK(writer.Add(5'000'000, "a"));
  writer.Tick(5'000'000 + kRecordingSegmentUs - 1);
  CHECK(ended == 0);
  writer.Tick(5'000'000 + kRecordingSegmentUs);
  CHECK(ended == 1);
  writer.Tick(5'000'000 + 9 * kRecordingSegmentUs);
  writer.Finish();
  CHECK(ended == 1);
  CHECK(writer.Add(5'000'000 + 9 * kRecordingSegmentUs, "b"));
  writer.Finish();
  CHECK(ended == 2);
  CHECK(Check(writer.segments()).starts_with("2 frames"));
}

TEST_CASE("a clock that goes back is held, and limits end a recording") {
  RecordingWriter writer;
  CHECK(writer.Add(2'000'000, "a"));
  CHECK(writer.Add(1'000'000, "b"));
  CHECK_FALSE(writer.Add(3'000'000, std::string(kRecordingSegmentBytesMax + 1, 'x')));
  writer.Finish();
  CHECK(Check(writer.segments()).starts_with("2 frames"));
  for (uint64_t i = 2; i < kRecordingFramesMax; i++) REQUIRE(writer.Add(2'000'000, "c"));
  CHECK_FALSE(writer.Add(2'000'000, "d"));
  CHECK(writer.frames() == kRecordingFramesMax);
}
