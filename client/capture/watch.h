// Whether a page that is watched has changed, and a picture of where (specs/capture.md, "Change history").
// Pure; safe from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "client/evidence/screenshot.h"
#include "crypto/bytes.h"
#include "crypto/result.h"

namespace cunzheng::capture {

struct WatchThresholds {
  uint32_t channel = 16;       // a pixel differs when red, green or blue does by more than this, of 255
  uint32_t share_ppm = 1'000;  // a picture differs when more pixels than this do, of a million
};

// What a page says, without what changes by itself: of each element its tag, of its attributes alt, content,
// href, placeholder, src, title and value, and its text; blanks as one; without scripts, styles, comments.
// One piece a line.
std::string NormalisedText(std::string_view dom);

struct PageChange {
  Hash text_before{}, text_after{};  // SHA-256 of the normalised texts
  evidence::PictureSize before, after;
  uint64_t pixels = 0;          // of a picture that holds both
  uint64_t pixels_changed = 0;  // those of only one of them, too
  bool picture_changed = false;
  // The later picture, pale, with what changed in red; empty when nothing did.
  std::string difference_png;

  bool text_changed() const { return text_before != text_after; }
  bool changed() const { return text_changed() || picture_changed; }
};

// Pictures are PNG, as StitchTiles makes them. Errors: kInvalidValue (no PNG), kTooLarge.
Result<PageChange> ComparePages(std::string_view picture_before, std::string_view dom_before,
                                std::string_view picture_after, std::string_view dom_after,
                                const WatchThresholds& thresholds = {});

}  // namespace cunzheng::capture
