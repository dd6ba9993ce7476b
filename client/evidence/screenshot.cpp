#include "client/evidence/screenshot.h"

#include <algorithm>

#include "client/evidence/png_rows.h"

namespace cunzheng::evidence {
namespace {

Error OfTile(size_t index, const Error& error) {
  return {error.code, "tile " + std::to_string(index) + ": " + error.detail};
}

// The size that the tiles have together.
Result<PictureSize> SizeOfAll(size_t count, const TileSource& tile) {
  if (count == 0) return Error{Errc::kInvalidValue, "there must be a tile"};
  PictureSize all;
  for (size_t i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(const std::string bytes, tile(i));
    const auto size = PngReader(bytes).Begin();
    if (!size) return OfTile(i, size.error());
    if (i == 0) all.width = size->width;
    if (size->width != all.width) {
      return OfTile(
          i, {Errc::kInvalidValue, "must be as wide as tile 0, " + std::to_string(all.width) + " pixels"});
    }
    if (size->height > kPictureHeightMax - all.height) {
      return OfTile(i, {Errc::kTooLarge, "all tiles together must be at most 262,144 pixels high"});
    }
    all.height += size->height;
  }
  return all;
}

// Every row of every tile, from the top. The width was checked by SizeOfAll; a source that answers otherwise
// now is caught.
using RowReader = std::function<Result<void>(size_t tile, uint32_t row, const std::string& pixels)>;
Result<void> ReadTiles(size_t count, const TileSource& tile, PictureSize all, const RowReader& take) {
  uint32_t rows = 0;
  std::string row;
  for (size_t i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(const std::string bytes, tile(i));
    PngReader decoder(bytes);
    const auto size = decoder.Begin();
    if (!size) return OfTile(i, size.error());
    if (size->width != all.width || size->height > all.height - rows) {
      return OfTile(i, {Errc::kInvalidValue, "changed while it was being read"});
    }
    for (uint32_t y = 0; y < size->height; ++y) {
      if (const auto read = decoder.Row(&row); !read) return OfTile(i, read.error());
      RETURN_IF_ERROR(take(i, y, row));
    }
    if (const auto end = decoder.End(); !end) return OfTile(i, end.error());
    rows += size->height;
  }
  if (rows != all.height) return Error{Errc::kInvalidValue, "the tiles changed while they were being read"};
  return {};
}

}  // namespace

Result<std::string> StitchTiles(size_t count, const TileSource& tile) {
  ASSIGN_OR_RETURN(const PictureSize size, SizeOfAll(count, tile));
  PngWriter encoder(size);
  RETURN_IF_ERROR(
      ReadTiles(count, tile, size, [&encoder](size_t, uint32_t, const std::string& pixels) -> Result<void> {
        encoder.Row(pixels);
        return {};
      }));
  return encoder.End();
}

Result<PictureSize> CheckTiles(size_t count, const TileSource& tile) {
  ASSIGN_OR_RETURN(const PictureSize size, SizeOfAll(count, tile));
  RETURN_IF_ERROR(
      ReadTiles(count, tile, size, [](size_t, uint32_t, const std::string&) { return Result<void>(); }));
  return size;
}

Result<PictureSize> CheckStitched(std::string_view stitched, size_t count, const TileSource& tile) {
  ASSIGN_OR_RETURN(const PictureSize size, SizeOfAll(count, tile));
  PngReader whole(stitched);
  ASSIGN_OR_RETURN(const PictureSize stated, whole.Begin());
  if (stated != size) {
    const auto text = [](PictureSize s) {
      return std::to_string(s.width) + " by " + std::to_string(s.height);
    };
    return Error{Errc::kDigestMismatch, "is " + text(stated) + " pixels, and its tiles make " + text(size)};
  }
  std::string row;
  RETURN_IF_ERROR(
      ReadTiles(count, tile, size, [&](size_t i, uint32_t y, const std::string& pixels) -> Result<void> {
        RETURN_IF_ERROR(whole.Row(&row));
        if (row == pixels) return {};
        return Error{Errc::kDigestMismatch,
                     "is not what tile " + std::to_string(i) + " shows in its row " + std::to_string(y)};
      }));
  RETURN_IF_ERROR(whole.End());
  return size;
}

}  // namespace cunzheng::evidence
