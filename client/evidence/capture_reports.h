// The reports that a capture makes about itself (specs/capture.md, "Completeness report", "Cleanliness
// report", "Operation log"): what they are made of, and their exact text. Those who make them sit in
// client/capture; whoever checks a package needs only this. Pure; safe from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crypto/json.h"
#include "crypto/result.h"

namespace cunzheng::evidence {

inline constexpr size_t kCleanlinessBytesMax = 8u << 20;
inline constexpr size_t kCompletenessBytesMax = 64u << 20;
inline constexpr size_t kOperationsBytesMax = 64u << 20;
inline constexpr size_t kGapsMax = 50'000, kRemarksMax = 20'000, kOperationsMax = 100'000;
inline constexpr size_t kReportUrlBytesMax = 2'048, kReportTextBytesMax = 1'024;

// Any bytes as text that the project's JSON can hold: what is no UTF-8 becomes U+FFFD, control characters
// become spaces, and what is longer than `length_max` is cut before a character and ends in "…".
std::string PlainText(std::string_view bytes, size_t length_max);

// ---- cleanliness.json: the machine, before the capture.

enum class ItemState { kOk, kNotice, kWarning, kNotChecked };
std::string_view ItemStateName(ItemState state);  // ok, notice, warning, not_checked

// What is looked at, in the report's order; a report has each of them once.
inline constexpr std::array<std::string_view, 14> kCleanlinessItems = {
    "system", "virtualisation", "users",  "processes", "preload", "hosts",   "proxy",
    "dns",    "interfaces",     "routes", "roots",     "clock",   "browser", "profile"};

struct CleanlinessItem {
  std::string id;
  ItemState state = ItemState::kNotChecked;
  std::string zh, en;  // one sentence each
  json::Object facts;
  bool operator==(const CleanlinessItem&) const = default;
};

struct CleanlinessReport {
  std::string tool;  // "cunzheng/0.1.0"
  uint64_t began_unix_us = 0, ended_unix_us = 0;
  std::vector<CleanlinessItem> items;
  bool operator==(const CleanlinessReport&) const = default;
};

// Precondition of Encode: what Decode accepts. Errors of Decode: specs/json.md's, and kInvalidValue for items
// that are missing, unknown or out of order.
std::string EncodeCleanliness(const CleanlinessReport& report);
Result<CleanlinessReport> DecodeCleanliness(std::string_view text);

// ---- completeness.json: what of the page is not in the package, and why.

enum class GapState {
  kMissed,      // the response came, its body could not be had
  kCutLength,   // the body was longer than a limit
  kCutTime,     // it did not end in time
  kUnfinished,  // neither answered nor failed when the capture ended
  kFailed,      // the request failed; nothing came
};
std::string_view GapStateName(GapState state);  // missed, cut_length, cut_time, unfinished, failed

struct Gap {
  uint64_t number = 0;             // of the exchange
  std::string method, url;         // the address, at most its first kReportUrlBytesMax bytes
  std::optional<Hash> url_sha256;  // of all of it, when it is longer
  std::string resource_type;       // "Image"; may be empty
  uint64_t status = 0;             // 0: no response
  GapState state = GapState::kMissed;
  uint64_t bytes_kept = 0;
  std::string reason;  // may be empty
  bool operator==(const Gap&) const = default;
};

struct ReportRemark {
  std::string what, detail;
  bool operator==(const ReportRemark&) const = default;
};

struct CompletenessReport {
  std::string url, final_url;  // cut like a gap's; final_url may be empty
  std::string stopped;         // why the capture ended
  uint64_t exchanges = 0, responses = 0;
  uint64_t bodies_whole = 0, bodies_none = 0, body_bytes = 0;
  uint64_t missed = 0, cut_length = 0, cut_time = 0, unfinished = 0, failed = 0;
  uint64_t from_cache = 0, from_service_worker = 0;
  std::vector<std::pair<std::string, uint64_t>> limits;  // those that were set, by name, ascending
  std::vector<std::string> limits_hit;                   // names, ascending
  std::vector<std::string> attachments_missing;          // "page.pdf", ascending
  std::vector<Gap> gaps;                                 // ascending by number
  std::vector<ReportRemark> remarks;
  bool operator==(const CompletenessReport&) const = default;

  // Whether everything that came is there whole, and nothing that should have been made is missing. Failed
  // requests are what happened, and no gap in this sense.
  bool Complete() const;
};

// Precondition of Encode: what Decode accepts. Decode also checks that the numbers are those of the gaps,
// unless there were more gaps than kGapsMax. Errors: specs/json.md's.
std::string EncodeCompleteness(const CompletenessReport& report);
Result<CompletenessReport> DecodeCompleteness(std::string_view text);

// ---- operations.jsonl: what was done, when.

struct OperationLine {
  uint64_t monotonic_us = 0;  // since the first; never less than the line before
  uint64_t time_unix_us = 0;
  std::string what;                 // [a-z][a-z0-9_]{0,31}
  std::vector<std::string> detail;  // lines; mostly one or none
  bool operator==(const OperationLine&) const = default;
};

struct OperationLog {
  std::string tool;  // version and digest of the program, as the manifest has it
  std::optional<Hash> operator_account;
  std::vector<OperationLine> lines;
  bool operator==(const OperationLog&) const = default;
};

std::string EncodeOperations(const OperationLog& log);
Result<OperationLog> DecodeOperations(std::string_view text);

}  // namespace cunzheng::evidence
