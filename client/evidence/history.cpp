#include "client/evidence/history.h"

#include <algorithm>
#include <iterator>

#include "client/evidence/capture_reports.h"
#include "crypto/digest.h"
#include "crypto/json.h"

namespace cunzheng::evidence {
namespace {

constexpr std::string_view kHistoryType = "cunzheng/history/v1";
constexpr std::string_view kStates[] = {"first", "changed", "unchanged", "failed"};
constexpr size_t kNameBytesMax = 255;

Hash LineDigest(std::string_view line) {
  return Sha256(AsBytes(line));
}

// A file's name, without folders.
std::string ReadFileName(json::ObjectReader* reader, std::string_view key) {
  std::string name = reader->String(key, 1, kNameBytesMax);
  if (name.find_first_of("/\\") != std::string::npos || name == "." || name == "..") {
    reader->Fail(Errc::kInvalidValue, key, "must hold no / or \\ and be neither . nor ..");
  }
  return name;
}

// `seen`: whether a look before did not fail.
Result<Look> LookFromJson(const json::Value& value, uint64_t number, const Hash& previous, bool seen) {
  json::ObjectReader reader(value, "history");
  Look look;
  if (reader.Integer("number", 0, json::kIntegerMax) != number) {
    reader.Fail(Errc::kInvalidValue, "number", "must be " + std::to_string(number));
  }
  if (reader.Hex32("previous") != previous) {
    reader.Fail(Errc::kDigestMismatch, "previous",
                "must be the digest of the line before look " + std::to_string(number));
  }
  look.time_unix_us = reader.Integer("time_unix_us", 0, json::kIntegerMax);
  const std::string state = reader.String("state", 1, 16);
  const auto known = std::find(std::begin(kStates), std::end(kStates), state);
  if (known == std::end(kStates)) {
    reader.Fail(Errc::kInvalidValue, "state", "must be first, changed, unchanged or failed");
  } else {
    look.state = static_cast<LookState>(known - std::begin(kStates));
  }
  if (look.state != LookState::kFailed && (look.state == LookState::kFirst) == seen) {
    reader.Fail(Errc::kInvalidValue, "state",
                "must be first at the first look that did not fail and nowhere else");
  }
  if (look.state == LookState::kFailed) {
    look.reason = reader.String("reason", 1, kReportTextBytesMax);
  } else {
    look.text_sha256 = reader.Hex32("text_sha256");
    look.pixels = reader.Integer("pixels", 0, json::kIntegerMax);
    look.pixels_changed = reader.Integer("pixels_changed", 0, look.pixels);
  }
  if (look.state == LookState::kFirst || look.state == LookState::kChanged) {
    look.package = ReadFileName(&reader, "package");
    look.wacz_sha256 = reader.Hex32("wacz_sha256");
  }
  if (reader.Has("difference") || reader.Has("difference_sha256")) {
    look.difference = ReadFileName(&reader, "difference");
    look.difference_sha256 = reader.Hex32("difference_sha256");
  }
  RETURN_IF_ERROR(reader.Finish());
  return look;
}

// The last whole line of a text whose every line ends.
std::string_view LastLine(std::string_view text) {
  CHECK_INVARIANT(text.ends_with('\n'));
  text.remove_suffix(1);
  const size_t end = text.rfind('\n');
  return end == std::string_view::npos ? text : text.substr(end + 1);
}

}  // namespace

std::string_view LookStateName(LookState state) {
  return kStates[static_cast<size_t>(state)];
}

std::string BeginHistory(std::string_view url, uint64_t interval_s) {
  return json::Encode(json::Object{{"type", kHistoryType},
                                   {"url", PlainText(url, kReportUrlBytesMax)},
                                   {"interval_s", interval_s}}) +
         "\n";
}

std::string HistoryLine(std::string_view history, const Look& look) {
  const auto lines = static_cast<uint64_t>(std::count(history.begin(), history.end(), '\n'));
  json::Object object{{"number", lines - 1},
                      {"previous", ToHex(LineDigest(LastLine(history)))},
                      {"time_unix_us", look.time_unix_us},
                      {"state", LookStateName(look.state)}};
  if (look.state == LookState::kFailed) {
    object.emplace("reason", PlainText(look.reason.empty() ? "unknown" : look.reason, kReportTextBytesMax));
  } else {
    object.emplace("text_sha256", ToHex(look.text_sha256.value_or(Hash{})));
    object.emplace("pixels", look.pixels);
    object.emplace("pixels_changed", look.pixels_changed);
  }
  if (look.state == LookState::kFirst || look.state == LookState::kChanged) {
    object.emplace("package", look.package);
    object.emplace("wacz_sha256", ToHex(look.wacz_sha256.value_or(Hash{})));
  }
  if (!look.difference.empty()) {
    object.emplace("difference", look.difference);
    object.emplace("difference_sha256", ToHex(look.difference_sha256.value_or(Hash{})));
  }
  return json::Encode(object) + "\n";
}

Result<History> DecodeHistory(std::string_view text) {
  if (text.size() > kHistoryBytesMax) {
    return Error{Errc::kTooLarge, "history: must be at most " + std::to_string(kHistoryBytesMax) + " bytes"};
  }
  if (!text.ends_with('\n'))
    return Error{Errc::kInvalidValue, "history: every line must end with a line end"};
  History history;
  bool first = true, seen = false;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(line.size() + 1);
    ASSIGN_OR_RETURN(const json::Value value, json::Parse(line, json::Form::kCanonical, kHistoryBytesMax));
    if (first) {
      json::ObjectReader head(value, "history");
      head.Type(kHistoryType);
      history.url = head.String("url", 1, kReportUrlBytesMax);
      history.interval_s = head.Integer("interval_s", 1, json::kIntegerMax);
      RETURN_IF_ERROR(head.Finish());
    } else {
      if (history.looks.size() == kHistoryLooksMax) {
        return Error{Errc::kTooLarge,
                     "history: must have at most " + std::to_string(kHistoryLooksMax) + " looks"};
      }
      ASSIGN_OR_RETURN(Look look, LookFromJson(value, history.looks.size(), history.last, seen));
      seen = seen || look.state != LookState::kFailed;
      history.looks.push_back(std::move(look));
    }
    first = false;
    history.last = LineDigest(line);
  }
  return history;
}

}  // namespace cunzheng::evidence
