// Tiles stitched to one picture, and the picture checked against them.
#include <doctest/doctest.h>
#include <png.h>
#include <zlib.h>

#include "client/evidence/screenshot.h"
#include "tests/unit/wacz_fixture.h"

using namespace cunzheng;
using namespace cunzheng::evidence;

namespace {

TileSource From(const std::vector<std::string>& tiles) {
  return [&tiles](size_t index) -> Result<std::string> { return tiles[index]; };
}

std::string Stitched(const std::vector<std::string>& tiles) {
  auto picture = StitchTiles(tiles.size(), From(tiles));
  REQUIRE(picture);
  return *picture;
}

std::string Check(std::string_view picture, const std::vector<std::string>& tiles) {
  const auto same = CheckStitched(picture, tiles.size(), From(tiles));
  return same ? "" : same.error().ToString();
}

// Any format of libpng's simplified interface.
std::string Png(uint32_t format, uint32_t width, uint32_t height, const std::string& pixels, int flags = 0) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = width;
  image.height = height;
  image.format = format;
  image.flags = static_cast<png_uint_32>(flags);
  png_alloc_size_t length = 0;
  REQUIRE(png_image_write_to_memory(&image, nullptr, &length, 0, pixels.data(), 0, nullptr));
  std::string png(length, '\0');
  REQUIRE(png_image_write_to_memory(&image, png.data(), &length, 0, pixels.data(), 0, nullptr));
  png.resize(length);
  return png;
}

}  // namespace

TEST_CASE("a stitched picture shows its tiles from the top down") {
  const std::vector<std::string> tiles = {PlainPng(4, 3, 0xff0000), PlainPng(4, 1, 0x00ff00),
                                          PlainPng(4, 2, 0x0000ff)};
  const std::string picture = Stitched(tiles);
  const auto size = CheckStitched(picture, tiles.size(), From(tiles));
  REQUIRE(size);
  CHECK(*size == PictureSize{.width = 4, .height = 6});
  CHECK(Stitched(tiles) == picture);
  CHECK(Stitched({picture}) == picture);

  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  REQUIRE(png_image_begin_read_from_memory(&image, picture.data(), picture.size()));
  image.format = PNG_FORMAT_RGB;
  std::string pixels(PNG_IMAGE_SIZE(image), '\0');
  REQUIRE(png_image_finish_read(&image, nullptr, pixels.data(), 0, nullptr));
  std::string expected;
  for (const auto& [rows, colour] :
       {std::pair(3, "\xff\0\0"), std::pair(1, "\0\xff\0"), std::pair(2, "\0\0\xff")}) {
    for (int i = 0; i < rows * 4; ++i) expected.append(colour, 3);
  }
  CHECK(pixels == expected);
}

TEST_CASE("a picture that differs from its tiles in one pixel is refused, with tile and row") {
  const std::vector<std::string> tiles = {PlainPng(4, 3, 0xff0000), PlainPng(4, 2, 0x00ff00)};
  std::string pixels;
  for (int i = 0; i < 4 * 3; ++i) pixels.append("\xff\0\0", 3);
  for (int i = 0; i < 4 * 2; ++i) pixels.append("\0\xff\0", 3);
  CHECK(Check(Png(PNG_FORMAT_RGB, 4, 5, pixels), tiles) == "");
  pixels[4 * 4 * 3 + 5] = 1;
  CHECK(Check(Png(PNG_FORMAT_RGB, 4, 5, pixels), tiles) ==
        "digest_mismatch: is not what tile 1 shows in its row 1");
  CHECK(Check(Stitched({tiles[1], tiles[0]}), tiles) ==
        "digest_mismatch: is not what tile 0 shows in its row 0");
  CHECK(Check(Stitched({tiles[0]}), tiles) == "digest_mismatch: is 4 by 3 pixels, and its tiles make 4 by 5");
  CHECK(Check(tiles[0], {}) == "invalid_value: there must be a tile");
}

TEST_CASE("tiles of other forms are stitched as RGB") {
  const std::string grey = Png(PNG_FORMAT_GRAY, 2, 1, std::string("\x10\x20", 2));
  const std::string alpha = Png(PNG_FORMAT_RGBA, 2, 1, std::string("\1\2\3\xff\4\5\6\xff", 8));
  std::string wide;
  for (const uint16_t value : {uint16_t{0}, uint16_t{65'535}})
    wide.append(reinterpret_cast<const char*>(&value), 2);
  const std::string deep = Png(PNG_FORMAT_LINEAR_Y, 2, 1, wide);
  const std::vector<std::string> tiles = {grey, alpha, deep};
  CHECK(Check(Stitched(tiles), tiles) == "");
  const std::string pixels("\x10\x10\x10\x20\x20\x20\1\2\3\4\5\6\0\0\0\xff\xff\xff", 18);
  CHECK(Check(Png(PNG_FORMAT_RGB, 2, 3, pixels), tiles) == "");
}

TEST_CASE("what is no picture, or not all of one, is refused") {
  const std::string good = PlainPng(4, 4, 0x123456);
  const auto stitch = [](const std::vector<std::string>& tiles) {
    const auto picture = StitchTiles(tiles.size(), From(tiles));
    return picture ? "" : picture.error().ToString();
  };
  CHECK(stitch({}) == "invalid_value: there must be a tile");
  CHECK(stitch({good, "no picture"}) == "invalid_value: tile 1: png: Not a PNG file");
  CHECK(stitch({""}) == "invalid_value: tile 0: png: ends too early");
  CHECK(stitch({good, PlainPng(3, 4, 0)}) == "invalid_value: tile 1: must be as wide as tile 0, 4 pixels");
  CHECK(stitch({good + "x"}) == "invalid_value: tile 0: png: has bytes after its end");
  for (size_t length = 0; length < good.size(); ++length)
    CHECK_MESSAGE(stitch({good.substr(0, length)}) != "", length);
  // Each chunk has a CRC-32: no byte of it can change unseen.
  for (size_t at = 0; at < good.size(); ++at) {
    std::string changed = good;
    changed[at] = static_cast<char>(changed[at] ^ 0x20);
    CHECK_MESSAGE(stitch({changed}) != "", at);
  }
  const auto broken = StitchTiles(1, [](size_t) -> Result<std::string> { return Error{Errc::kIo, "gone"}; });
  CHECK(broken.error().ToString() == "io_error: gone");
}

TEST_CASE("a picture that is too large is refused by its header") {
  std::string wide = PlainPng(4, 4, 0);
  const auto with_size = [&wide](uint32_t width, uint32_t height) {
    std::string png = wide;
    for (int i = 0; i < 4; ++i) {
      png[static_cast<size_t>(16 + i)] = static_cast<char>(width >> (24 - 8 * i));
      png[static_cast<size_t>(20 + i)] = static_cast<char>(height >> (24 - 8 * i));
    }
    const auto crc = static_cast<uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(png.data() + 12), 17));
    for (int i = 0; i < 4; ++i) png[static_cast<size_t>(29 + i)] = static_cast<char>(crc >> (24 - 8 * i));
    return png;
  };
  const auto stitch = [](const std::vector<std::string>& tiles) {
    return StitchTiles(tiles.size(), From(tiles)).error().ToString();
  };
  CHECK(stitch({with_size(kPictureWidthMax + 1, 4)}) != "");
  CHECK(stitch({with_size(4, kPictureHeightMax + 1)}) != "");
  CHECK(stitch({with_size(4, kPictureHeightMax), wide}) ==
        "too_large: tile 1: all tiles together must be at most 262,144 pixels high");
  CHECK(stitch({with_size(4, 0x7fffffff)}).starts_with("invalid_value: tile 0: png: "));
}

TEST_CASE("an interlaced picture is refused") {
  // IHDR's last byte, with the chunk's CRC-32 made anew.
  std::string png = PlainPng(4, 4, 0);
  png[28] = 1;
  const auto crc = static_cast<uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(png.data() + 12), 17));
  for (int i = 0; i < 4; ++i) png[static_cast<size_t>(29 + i)] = static_cast<char>(crc >> (24 - 8 * i));
  const std::vector<std::string> tiles = {png};
  CHECK(StitchTiles(1, From(tiles)).error().ToString() ==
        "invalid_value: tile 0: a picture must not be interlaced");
}
