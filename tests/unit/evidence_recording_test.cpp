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
  uint64_t frames = 0;
  for (size_t i = 0; i < segments.size(); i++) {
    const auto checked = CheckRecordingSegment(i, previous, segments[i], &frames);
    if (!checked) return checked.error().ToString();
    previous = *checked;
  }
  return std::to_string(frames) + " frames, " + ToHex(previous);
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
    for (size_t at = 0; at < segments[i].frames.size(); at++) {
      const std::string said = Changed([&](auto* changed) { (*changed)[i].frames[at] ^= 1; });
      CHECK(said.starts_with("digest_mismatch: " + RecordingName(i) + ".mjpeg: frame "));
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
  CHECK(Changed([](auto* s) { (*s)[2].frames += "x"; }) ==
        "invalid_value: recording-002.jsonl: does not list all of its frames");
  CHECK(Changed([](auto* s) { (*s)[2].frames.clear(); }) == "digest_mismatch: recording-002.mjpeg: frame 1");
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
