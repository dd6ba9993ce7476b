// The picture of a page that is too tall for one: PNG tiles from the top down, and the one that they make
// together. Row by row, so that memory does not follow the page's height. libpng does the decoding, within
// limits.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/result.h"

namespace cunzheng::evidence {

inline constexpr uint32_t kPictureWidthMax = 16'384;
inline constexpr uint32_t kPictureHeightMax = 262'144;

struct PictureSize {
  uint32_t width = 0, height = 0;
  bool operator==(const PictureSize&) const = default;
};

// One tile at a time, from the top.
using TileSource = std::function<Result<std::string>(size_t index)>;

// All tiles under one another, as PNG, 8-bit RGB. Errors: kInvalidValue (no PNG; widths differ), kTooLarge;
// the source's.
Result<std::string> StitchTiles(size_t count, const TileSource& tile);
// Whether the tiles alone are pictures that could be stitched, whole to the last row. Errors: as StitchTiles.
Result<PictureSize> CheckTiles(size_t count, const TileSource& tile);
// Whether the picture shows the tiles under one another, pixel by pixel. Errors: kDigestMismatch, naming the
// first tile and row that differ; as StitchTiles.
Result<PictureSize> CheckStitched(std::string_view stitched, size_t count, const TileSource& tile);

}  // namespace cunzheng::evidence
