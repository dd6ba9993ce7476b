// Films: pictures in the slots of their times, in a container that players know.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "client/evidence/film.h"

using namespace cunzheng::evidence;

namespace {

std::string Jpeg(const std::string& segments) {
  return "\xff\xd8" + segments + "\xff\xd9";
}

// Marker segment with `data`.
std::string Segment(char code, const std::string& data) {
  return {'\xff', code, static_cast<char>((data.size() + 2) >> 8), static_cast<char>(data.size() + 2)};
}

const std::string kFrameHeader = std::string("\xff\xc0\0\x0b\x08\x02\x58\x03\x20\x01\x01\x11\0", 13);

uint32_t At(const std::string& film, size_t offset) {
  uint32_t value = 0;
  for (size_t i = 4; i-- > 0;) value = value << 8 | static_cast<uint8_t>(film[offset + i]);
  return value;
}

// Each slot of a film by its index: the picture's bytes, empty where there is none.
std::vector<std::string> Slots(const std::string& film) {
  const size_t movi = film.find("movi"), index = movi + At(film, movi - 4);
  std::vector<std::string> slots;
  REQUIRE(film.substr(index, 4) == "idx1");
  for (size_t at = index + 8; at < film.size(); at += 16) {
    const size_t chunk = movi + At(film, at + 8), length = At(film, at + 12);
    CHECK(film.substr(chunk, 4) == "00dc");
    CHECK(At(film, chunk + 4) == length);
    CHECK(At(film, at + 4) == (length == 0 ? 0 : 16));
    slots.push_back(film.substr(chunk + 8, length));
  }
  CHECK(At(film, 4) + 8 == film.size());
  CHECK(At(film, 48) == slots.size());
  return slots;
}

}  // namespace

TEST_CASE("pictures stand in the slots of their times") {
  const uint64_t t = 1'790'000'000'000'000;
  const std::vector<FilmPicture> pictures = {{t, "a"},           {t + 39'999, "bb"}, {t + 80'000, "c"},
                                             {t + 200'000, "d"}, {t + 200'000, "e"}, {t + 239'999, "f"}};
  const std::string film = MakeFilm(pictures);
  CHECK(Slots(film) == std::vector<std::string>{"a", "bb", "c", "", "", "d", "e", "f"});
  FilmLayout layout;
  for (const FilmPicture& picture : pictures) {
    const size_t offset = layout.Add(picture.time_us, picture.jpeg.size()).offset;
    CHECK(film.substr(offset, picture.jpeg.size()) == picture.jpeg);
  }
  CHECK(layout.slots() == 8);
}

TEST_CASE("a film is as large as its first picture") {
  const std::string picture = Jpeg(kFrameHeader);
  const std::string film = MakeFilm({{{1, picture}, {2, "other"}}});
  CHECK(At(film, 64) == 800);
  CHECK(At(film, 68) == 600);
  CHECK(At(film, 60) == picture.size());
}

TEST_CASE("a picture's size is that of its frame header") {
  const auto is = [](const std::string& jpeg, unsigned width, unsigned height) {
    const JpegSize size = SizeOfJpeg(jpeg);
    return size.width == width && size.height == height;
  };
  CHECK(is(Jpeg(kFrameHeader), 800, 600));
  const std::string tables =
      Segment('\xc4', "tables") + "tables" + Segment('\xe0', std::string(300, 'x')) + std::string(300, 'x');
  CHECK(is(Jpeg(tables + kFrameHeader), 800, 600));
  for (size_t cut = 0; cut < tables.size() + 11; cut++) {
    CHECK(is(("\xff\xd8" + tables + kFrameHeader).substr(0, cut), 0, 0));
  }
  for (const std::string& none :
       {std::string(), std::string("\xff"), std::string("frame"), Jpeg(""),
        Jpeg(std::string("\xff\xe0\0\1", 4) + kFrameHeader), Jpeg("x" + kFrameHeader)}) {
    CHECK(is(none, 0, 0));
  }
}
