#include "client/evidence/film.h"

#include <algorithm>
#include <initializer_list>

#include "client/evidence/little_endian.h"

namespace cunzheng::evidence {
namespace {

constexpr size_t kFramesAt = 224;  // the first slot's chunk
constexpr size_t kChunkHead = 8;
constexpr size_t kMoviAt = kFramesAt - 4;  // the word "movi", from which the index counts
constexpr std::string_view kSlotId = "00dc";
constexpr uint32_t kHasIndex = 0x10, kKeyFrame = 0x10, kDefaultQuality = 0xffffffff;
constexpr uint32_t kSlotsEachSecond = 25, kBitsEachPixel = 24;

void AppendChunk(std::string_view id, std::string_view data, std::string* out) {
  out->append(id);
  Append32(data.size(), out);
  out->append(data);
  if (data.size() % 2 != 0) out->push_back('\0');
}

std::string Chunk(std::string_view id, std::string_view data) {
  std::string chunk;
  AppendChunk(id, data, &chunk);
  return chunk;
}

std::string List(std::string_view type, std::string_view data) {
  return Chunk("LIST", std::string(type).append(data));
}

void AppendAll32(std::initializer_list<uint64_t> values, std::string* out) {
  for (const uint64_t value : values) Append32(value, out);
}

std::string Headers(uint64_t slots, uint64_t longest, const JpegSize& size) {
  const uint64_t width = size.width, height = size.height;
  std::string main, stream, format;
  AppendAll32({kFilmSlotUs, 0, 0, kHasIndex, slots, 0, 1, longest, width, height, 0, 0, 0, 0}, &main);
  stream = "vidsMJPG";
  // Flags, priority and language (16 bits each), initial frames, scale, rate, start, length, buffer, quality,
  // sample size.
  AppendAll32({0, 0, 0, 1, kSlotsEachSecond, 0, slots, longest, kDefaultQuality, 0}, &stream);
  for (const uint64_t edge : {uint64_t{0}, uint64_t{0}, width, height}) Append16(edge, &stream);
  AppendAll32({40, width, height}, &format);
  Append16(1, &format);
  Append16(kBitsEachPixel, &format);
  format += "MJPG";
  AppendAll32({width * height * 3, 0, 0, 0, 0}, &format);
  return List("hdrl", Chunk("avih", main) + List("strl", Chunk("strh", stream) + Chunk("strf", format)));
}

}  // namespace

FilmLayout::Place FilmLayout::Add(uint64_t time_us, size_t length) {
  if (slots_ == 0) {
    first_us_ = time_us;
    offset_ = kFramesAt;
  }
  const uint64_t slot = std::max(slots_, (time_us - first_us_) / kFilmSlotUs);
  offset_ += (slot - slots_) * kChunkHead + kChunkHead;
  const Place place{slot, offset_};
  offset_ += length + length % 2;
  slots_ = slot + 1;
  return place;
}

std::string MakeFilm(std::span<const FilmPicture> pictures) {
  FilmLayout layout;
  std::string frames, index;
  size_t longest = 0;
  const auto append = [&](std::string_view data, uint32_t flags) {
    index += kSlotId;
    AppendAll32({flags, kFramesAt + frames.size() - kMoviAt, data.size()}, &index);
    AppendChunk(kSlotId, data, &frames);
  };
  for (const FilmPicture& picture : pictures) {
    const uint64_t slots = layout.slots(), slot = layout.Add(picture.time_us, picture.jpeg.size()).slot;
    for (uint64_t empty = slots; empty < slot; ++empty) append({}, 0);
    append(picture.jpeg, kKeyFrame);
    longest = std::max(longest, picture.jpeg.size());
  }
  std::string film = "AVI " + Headers(layout.slots(), longest, SizeOfJpeg(pictures.front().jpeg));
  film += "LIST";
  Append32(4 + frames.size(), &film);
  film += "movi";
  film += frames;
  frames.clear();
  AppendChunk("idx1", index, &film);
  return Chunk("RIFF", film);
}

JpegSize SizeOfJpeg(std::string_view jpeg) {
  const auto byte = [&](size_t at) { return static_cast<uint8_t>(jpeg[at]); };
  const auto big16 = [&](size_t at) { return static_cast<uint16_t>(byte(at) << 8 | byte(at + 1)); };
  if (!jpeg.starts_with("\xff\xd8")) return {};
  for (size_t at = 2; jpeg.size() - at >= 9 && byte(at) == 0xff;) {
    const uint8_t code = byte(at + 1);
    const bool frame = code >= 0xc0 && code <= 0xcf && code != 0xc4 && code != 0xc8 && code != 0xcc;
    if (frame) return {big16(at + 7), big16(at + 5)};
    const uint16_t length = big16(at + 2);
    if (length < 2 || jpeg.size() - at - 2 < length) break;
    at += size_t{2} + length;
  }
  return {};
}

}  // namespace cunzheng::evidence
