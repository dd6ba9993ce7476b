// The history of a page that is watched (specs/capture.md, "Change history"): one line a look, each with the
// digest of the line before, so that none can be taken out or put in unseen. Pure; safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/result.h"

namespace cunzheng::evidence {

inline constexpr std::string_view kHistorySuffix = ".history.jsonl";
inline constexpr std::string_view kHistoryMediaType = "application/jsonl";
inline constexpr size_t kHistoryBytesMax = 64u << 20, kHistoryLooksMax = 100'000;

enum class LookState {
  kFirst,      // the first that did not fail; there is a package
  kChanged,    // there is a package
  kUnchanged,  // as at the last package
  kFailed,     // the page could not be captured
};
std::string_view LookStateName(LookState state);  // first, changed, unchanged, failed

struct Look {
  uint64_t time_unix_us = 0;
  LookState state = LookState::kFirst;
  std::string package;              // file name; of kFirst and kChanged
  std::optional<Hash> wacz_sha256;  // of its capture.wacz: a package may get its receipt later
  std::optional<Hash> text_sha256;  // of the page's normalised text; absent: kFailed
  uint64_t pixels = 0, pixels_changed = 0;
  std::string difference;  // file name of the picture of what changed; may be empty
  std::optional<Hash> difference_sha256;
  std::string reason;  // of kFailed
  bool operator==(const Look&) const = default;
};

struct History {
  std::string url;
  uint64_t interval_s = 0;
  std::vector<Look> looks;
  Hash last{};  // digest of the last line
};

// A history without looks.
std::string BeginHistory(std::string_view url, uint64_t interval_s);
// The line that follows `history`, which is whole, with its line end.
std::string HistoryLine(std::string_view history, const Look& look);
// Errors: specs/json.md's; kDigestMismatch, naming the line that does not follow the one before.
Result<History> DecodeHistory(std::string_view text);

}  // namespace cunzheng::evidence
