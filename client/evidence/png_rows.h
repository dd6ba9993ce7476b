// PNG pictures row by row, as 8-bit RGB, by libpng within limits. Not thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "client/evidence/screenshot.h"
#include "crypto/result.h"

namespace cunzheng::evidence {

inline constexpr size_t kPngChannels = 3;

class PngReader {
 public:
  // `bytes` must outlive it.
  explicit PngReader(std::string_view bytes);
  ~PngReader();

  // Errors: kInvalidValue (no PNG, or interlaced), kTooLarge.
  Result<PictureSize> Begin();
  // The next row, of width * kPngChannels bytes. Requires Begin() and that there is one. Errors:
  // kInvalidValue.
  Result<void> Row(std::string* row);
  // After the last row: what follows must be the end. Errors: kInvalidValue.
  Result<void> End();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class PngWriter {
 public:
  // Requires a size within the limits of pictures, and not 0.
  explicit PngWriter(PictureSize size);
  ~PngWriter();

  // As many as the picture is high, of width * kPngChannels bytes each; then End gives the picture.
  void Row(const std::string& row);
  std::string End();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cunzheng::evidence
