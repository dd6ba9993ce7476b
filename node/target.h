// Strict parsing of request targets. No path or parameter of the API needs percent-encoding, so a
// target with any is malformed, and there is nothing to decode twice.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/bytes.h"
#include "crypto/result.h"
#include "ledger/tile_tree.h"

namespace cunzheng::node {

inline constexpr size_t kTargetLengthMax = 2'048;

// Views into the target text.
class Target {
 public:
  // Errors: kInvalidValue.
  static Result<Target> Parse(std::string_view text);

  std::string_view path() const { return path_; }
  // The rest of the path when it starts with `prefix`.
  std::optional<std::string_view> After(std::string_view prefix) const;

  // Errors: kInvalidValue: a parameter that is not among `names`, or one that stands twice.
  Result<void> AllowOnly(std::initializer_list<std::string_view> names) const;
  std::optional<std::string_view> Parameter(std::string_view name) const;
  // Errors: kMissingField (no default), kInvalidValue.
  Result<uint64_t> Integer(std::string_view name, uint64_t min, uint64_t max,
                           std::optional<uint64_t> by_default = std::nullopt) const;
  Result<Hash> Hex32(std::string_view name) const;

 private:
  static constexpr size_t kParametersMax = 8;
  std::string_view path_;
  std::array<std::pair<std::string_view, std::string_view>, kParametersMax> parameters_;
  size_t parameter_count_ = 0;
};

// A decimal without sign or leading zeros, in min..max. Errors: kInvalidValue, naming `what`.
Result<uint64_t> ParseDecimal(std::string_view text, uint64_t min, uint64_t max, std::string_view what);
// 64 lowercase hex digits. Errors: kInvalidValue, naming `what`.
Result<Hash> ParseHex32(std::string_view text, std::string_view what);

// What "/tile/" is followed by: "<L>/<N>[.p/<W>]" or "entries/<N>[.p/<W>]" (c2sp.org/tlog-tiles).
struct TileTarget {
  bool entries = false;
  ledger::TileId id;     // level 0 for entries
  uint64_t width = 256;  // 1..256
};
// Errors: kNotFound: only the one canonical spelling of a tile exists.
Result<TileTarget> ParseTileTarget(std::string_view text);
// "x001/x234/067[.p/<W>]".
std::string TileNumberPath(uint64_t number, uint64_t width);

}  // namespace cunzheng::node
