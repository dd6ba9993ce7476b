#include "client/evidence/capture_reports.h"

#include <algorithm>
#include <iterator>

#include "crypto/utf8.h"

namespace cunzheng::evidence {
namespace {

constexpr std::string_view kCleanlinessType = "cunzheng/cleanliness/v1";
constexpr std::string_view kCompletenessType = "cunzheng/completeness/v1";
constexpr std::string_view kOperationsType = "cunzheng/operations/v1";
constexpr std::string_view kItemStates[] = {"ok", "notice", "warning", "not_checked"};
constexpr std::string_view kGapStates[] = {"missed", "cut_length", "cut_time", "unfinished", "failed"};
constexpr size_t kSentenceBytesMax = 1'024, kFactsMax = 64, kNamesMax = 64, kLinesMax = 64, kStatusMax = 999;
constexpr std::string_view kEllipsis = "…", kReplacement = "\xef\xbf\xbd";

template <typename State, size_t N>
State StateFrom(const std::string& name, const std::string_view (&names)[N], json::ObjectReader* reader) {
  const auto it = std::find(std::begin(names), std::end(names), name);
  if (it != std::end(names)) return static_cast<State>(it - std::begin(names));
  std::string rule = "must be one of";
  for (const std::string_view known : names) rule.append(" ").append(known);
  reader->Fail(Errc::kInvalidValue, "state", rule);
  return State{};
}

bool IsName(std::string_view name) {
  if (name.empty() || name.size() > 32 || name[0] < 'a' || name[0] > 'z') return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

std::string ReadName(json::ObjectReader* reader, std::string_view key) {
  std::string name = reader->String(key, 1, 32);
  if (!IsName(name)) reader->Fail(Errc::kInvalidValue, key, "must match [a-z][a-z0-9_]{0,31}");
  return name;
}

// Different texts, ascending.
std::vector<std::string> ReadNames(json::ObjectReader* reader, std::string_view key) {
  std::vector<std::string> names;
  for (const json::Value& value : reader->List(key, 0, kNamesMax)) {
    const std::string* name = value.AsString();
    if (name == nullptr || name->empty() || name->size() > 128 || (!names.empty() && *name <= names.back())) {
      reader->Fail(Errc::kInvalidValue, key, "must be different strings of 1 to 128 bytes, ascending");
      return {};
    }
    names.push_back(*name);
  }
  return names;
}

json::Array NamesToJson(const std::vector<std::string>& names) {
  return {names.begin(), names.end()};
}

Result<CleanlinessItem> ItemFromJson(const json::Value& value, std::string_view id) {
  json::ObjectReader reader(value, "cleanliness.items." + std::string(id));
  CleanlinessItem item;
  item.id = reader.String("id", 1, 32);
  if (item.id != id) reader.Fail(Errc::kInvalidValue, "id", "must be \"" + std::string(id) + "\"");
  item.state = StateFrom<ItemState>(reader.String("state", 1, 32), kItemStates, &reader);
  item.zh = reader.String("zh", 1, kSentenceBytesMax);
  item.en = reader.String("en", 1, kSentenceBytesMax);
  if (const json::Object* facts = reader.Child("facts").AsObject(); facts != nullptr) {
    if (facts->size() > kFactsMax) reader.Fail(Errc::kInvalidValue, "facts", "must have at most 64 members");
    item.facts = *facts;
  } else {
    reader.Fail(Errc::kWrongType, "facts", "must be an object");
  }
  RETURN_IF_ERROR(reader.Finish());
  return item;
}

json::Value GapToJson(const Gap& gap) {
  json::Object object{{"number", gap.number},
                      {"method", gap.method},
                      {"url", gap.url},
                      {"status", gap.status},
                      {"state", GapStateName(gap.state)},
                      {"bytes_kept", gap.bytes_kept}};
  if (gap.url_sha256) object.emplace("url_sha256", ToHex(*gap.url_sha256));
  if (!gap.resource_type.empty()) object.emplace("resource_type", gap.resource_type);
  if (!gap.reason.empty()) object.emplace("reason", gap.reason);
  return object;
}

Result<Gap> GapFromJson(const json::Value& value) {
  json::ObjectReader reader(value, "completeness.gaps");
  Gap gap;
  gap.number = reader.Integer("number", 0, json::kIntegerMax);
  gap.method = reader.String("method", 0, 32);
  gap.url = reader.String("url", 0, kReportUrlBytesMax);
  gap.status = reader.Integer("status", 0, kStatusMax);
  gap.state = StateFrom<GapState>(reader.String("state", 1, 32), kGapStates, &reader);
  gap.bytes_kept = reader.Integer("bytes_kept", 0, json::kIntegerMax);
  if (reader.Has("url_sha256")) gap.url_sha256 = reader.Hex32("url_sha256");
  if (reader.Has("resource_type")) gap.resource_type = reader.String("resource_type", 1, 64);
  if (reader.Has("reason")) gap.reason = reader.String("reason", 1, kReportTextBytesMax);
  RETURN_IF_ERROR(reader.Finish());
  return gap;
}

// The numbers of a completeness report by their names in it.
using Count = std::pair<std::string_view, uint64_t CompletenessReport::*>;
constexpr Count kCounts[] = {
    {"exchanges", &CompletenessReport::exchanges},
    {"responses", &CompletenessReport::responses},
    {"bodies_whole", &CompletenessReport::bodies_whole},
    {"bodies_none", &CompletenessReport::bodies_none},
    {"body_bytes", &CompletenessReport::body_bytes},
    {"missed", &CompletenessReport::missed},
    {"cut_length", &CompletenessReport::cut_length},
    {"cut_time", &CompletenessReport::cut_time},
    {"unfinished", &CompletenessReport::unfinished},
    {"failed", &CompletenessReport::failed},
    {"from_cache", &CompletenessReport::from_cache},
    {"from_service_worker", &CompletenessReport::from_service_worker},
};

// Every exchange is one of: whole, without a body, or a gap; and the gaps are those that were counted.
Result<void> CheckCounts(const CompletenessReport& report) {
  const auto wrong = [](const std::string& rule) {
    return Error{Errc::kInvalidValue, "completeness." + rule};
  };
  if (std::max({report.exchanges, report.responses, report.bodies_whole, report.bodies_none, report.missed,
                report.cut_length, report.cut_time, report.unfinished, report.failed}) >
      (uint64_t{1} << 32)) {
    return wrong("counts: must be at most 4294967296, but for body_bytes");
  }
  const uint64_t gaps =
      report.missed + report.cut_length + report.cut_time + report.unfinished + report.failed;
  if (report.exchanges != report.bodies_whole + report.bodies_none + gaps) {
    return wrong(
        "counts.exchanges: must be the sum of bodies_whole, bodies_none, missed, cut_length, cut_time, "
        "unfinished and failed");
  }
  if (report.responses > report.exchanges) return wrong("counts.responses: must not be more than exchanges");
  if (report.gaps.size() != std::min<uint64_t>(gaps, kGapsMax)) {
    return wrong("gaps: must be as many as were counted, or " + std::to_string(kGapsMax));
  }
  uint64_t of_state[std::size(kGapStates)] = {};
  for (size_t i = 0; i < report.gaps.size(); ++i) {
    if (i > 0 && report.gaps[i].number <= report.gaps[i - 1].number) {
      return wrong("gaps.number: must ascend");
    }
    ++of_state[static_cast<size_t>(report.gaps[i].state)];
  }
  if (gaps > kGapsMax) return {};
  const uint64_t counted[] = {report.missed, report.cut_length, report.cut_time, report.unfinished,
                              report.failed};
  if (!std::equal(std::begin(counted), std::end(counted), std::begin(of_state))) {
    return wrong("gaps.state: must occur as often as was counted");
  }
  return {};
}

void ReadLimits(json::ObjectReader* reader, CompletenessReport* report) {
  const json::Object* limits = reader->Child("limits").AsObject();
  if (limits == nullptr || limits->size() > kNamesMax) {
    return reader->Fail(Errc::kWrongType, "limits", "must be an object of at most 64 members");
  }
  for (const auto& [name, value] : *limits) {
    if (value.AsInteger() == nullptr) return reader->Fail(Errc::kWrongType, "limits", "must hold integers");
    report->limits.emplace_back(name, *value.AsInteger());
  }
}

Result<OperationLine> LineFromJson(const json::Value& value) {
  json::ObjectReader reader(value, "operations");
  OperationLine line;
  line.monotonic_us = reader.Integer("monotonic_us", 0, json::kIntegerMax);
  line.time_unix_us = reader.Integer("time_unix_us", 0, json::kIntegerMax);
  line.what = ReadName(&reader, "what");
  if (reader.Has("detail")) line.detail = {reader.String("detail", 1, kReportUrlBytesMax)};
  if (reader.Has("lines")) {
    if (!line.detail.empty()) reader.Fail(Errc::kInvalidValue, "lines", "must not stand beside detail");
    for (const json::Value& item : reader.List("lines", 2, kLinesMax)) {
      if (item.AsString() == nullptr || item.AsString()->size() > kReportUrlBytesMax) {
        reader.Fail(Errc::kInvalidValue, "lines", "must be strings of at most 2048 bytes");
        break;
      }
      line.detail.push_back(*item.AsString());
    }
  }
  RETURN_IF_ERROR(reader.Finish());
  return line;
}

// Takes a line off `text`. Errors: kInvalidValue (no line end), json's.
Result<json::Value> TakeLine(std::string_view* text) {
  const size_t end = text->find('\n');
  if (end == std::string_view::npos) {
    return Error{Errc::kInvalidValue, "operations: every line must end with a line end"};
  }
  auto value = json::Parse(text->substr(0, end), json::Form::kCanonical, kOperationsBytesMax);
  text->remove_prefix(end + 1);
  return value;
}

}  // namespace

std::string PlainText(std::string_view bytes, size_t length_max) {
  std::string text;
  while (!bytes.empty()) {
    char32_t c = 0;
    const size_t length = DecodeUtf8(bytes, &c);
    std::string_view piece = bytes.substr(0, length);
    if (length == 0) {
      piece = kReplacement;
    } else if (c < 0x20 || (c >= 0x7f && c <= 0x9f)) {
      piece = " ";
    }
    if (text.size() + piece.size() > length_max) {
      // Room for the mark is made character by character.
      while (!text.empty() && text.size() + kEllipsis.size() > length_max) {
        while ((static_cast<uint8_t>(text.back()) & 0xc0) == 0x80) text.pop_back();
        text.pop_back();
      }
      if (kEllipsis.size() <= length_max) text += kEllipsis;
      return text;
    }
    text += piece;
    bytes.remove_prefix(std::max<size_t>(length, 1));
  }
  return text;
}

std::string_view ItemStateName(ItemState state) {
  return kItemStates[static_cast<size_t>(state)];
}

std::string_view GapStateName(GapState state) {
  return kGapStates[static_cast<size_t>(state)];
}

std::string EncodeCleanliness(const CleanlinessReport& report) {
  json::Array items;
  for (const CleanlinessItem& item : report.items) {
    items.push_back(json::Object{{"id", item.id},
                                 {"state", ItemStateName(item.state)},
                                 {"zh", item.zh},
                                 {"en", item.en},
                                 {"facts", item.facts}});
  }
  return json::Encode(json::Object{{"type", kCleanlinessType},
                                   {"tool", report.tool},
                                   {"began_unix_us", report.began_unix_us},
                                   {"ended_unix_us", report.ended_unix_us},
                                   {"items", std::move(items)}});
}

Result<CleanlinessReport> DecodeCleanliness(std::string_view text) {
  ASSIGN_OR_RETURN(const json::Value value, json::Parse(text, json::Form::kCanonical, kCleanlinessBytesMax));
  json::ObjectReader reader(value, "cleanliness");
  CleanlinessReport report;
  reader.Type(kCleanlinessType);
  report.tool = reader.String("tool", 1, 256);
  report.began_unix_us = reader.Integer("began_unix_us", 0, json::kIntegerMax);
  report.ended_unix_us = reader.Integer("ended_unix_us", report.began_unix_us, json::kIntegerMax);
  const json::Array& items = reader.List("items", kCleanlinessItems.size(), kCleanlinessItems.size());
  RETURN_IF_ERROR(reader.Finish());
  for (size_t i = 0; i < items.size(); ++i) {
    ASSIGN_OR_RETURN(CleanlinessItem item, ItemFromJson(items[i], kCleanlinessItems[i]));
    report.items.push_back(std::move(item));
  }
  return report;
}

bool CompletenessReport::Complete() const {
  return missed + cut_length + cut_time + unfinished == 0 && limits_hit.empty() &&
         attachments_missing.empty();
}

std::string EncodeCompleteness(const CompletenessReport& report) {
  json::Object counts, limits;
  for (const auto& [name, member] : kCounts) counts.emplace(name, report.*member);
  for (const auto& [name, limit] : report.limits) limits.emplace(name, limit);
  json::Array gaps, remarks;
  for (const Gap& gap : report.gaps) gaps.push_back(GapToJson(gap));
  for (const ReportRemark& remark : report.remarks) {
    remarks.push_back(json::Object{{"what", remark.what}, {"detail", remark.detail}});
  }
  json::Object object{{"type", kCompletenessType},
                      {"url", report.url},
                      {"stopped", report.stopped},
                      {"counts", std::move(counts)},
                      {"limits", std::move(limits)},
                      {"limits_hit", NamesToJson(report.limits_hit)},
                      {"attachments_missing", NamesToJson(report.attachments_missing)},
                      {"gaps", std::move(gaps)},
                      {"remarks", std::move(remarks)}};
  if (!report.final_url.empty()) object.emplace("final_url", report.final_url);
  return json::Encode(object);
}

Result<CompletenessReport> DecodeCompleteness(std::string_view text) {
  ASSIGN_OR_RETURN(const json::Value value, json::Parse(text, json::Form::kCanonical, kCompletenessBytesMax));
  json::ObjectReader reader(value, "completeness");
  CompletenessReport report;
  reader.Type(kCompletenessType);
  report.url = reader.String("url", 1, kReportUrlBytesMax);
  if (reader.Has("final_url")) report.final_url = reader.String("final_url", 1, kReportUrlBytesMax);
  report.stopped = ReadName(&reader, "stopped");
  json::ObjectReader counts(reader.Child("counts"), "completeness.counts");
  for (const auto& [name, member] : kCounts) report.*member = counts.Integer(name, 0, json::kIntegerMax);
  if (const auto status = counts.Finish(); !status) reader.Adopt(status.error());
  ReadLimits(&reader, &report);
  report.limits_hit = ReadNames(&reader, "limits_hit");
  report.attachments_missing = ReadNames(&reader, "attachments_missing");
  const json::Array& gaps = reader.List("gaps", 0, kGapsMax);
  const json::Array& remarks = reader.List("remarks", 0, kRemarksMax);
  RETURN_IF_ERROR(reader.Finish());
  report.gaps.reserve(gaps.size());
  for (const json::Value& item : gaps) {
    ASSIGN_OR_RETURN(Gap gap, GapFromJson(item));
    report.gaps.push_back(std::move(gap));
  }
  for (const json::Value& item : remarks) {
    json::ObjectReader one(item, "completeness.remarks");
    ReportRemark remark{ReadName(&one, "what"), one.String("detail", 0, kReportTextBytesMax)};
    RETURN_IF_ERROR(one.Finish());
    report.remarks.push_back(std::move(remark));
  }
  RETURN_IF_ERROR(CheckCounts(report));
  return report;
}

std::string EncodeOperations(const OperationLog& log) {
  json::Object head{{"type", kOperationsType}, {"tool", log.tool}};
  if (log.operator_account) head.emplace("operator", ToHex(*log.operator_account));
  std::string text = json::Encode(head) + "\n";
  for (const OperationLine& line : log.lines) {
    json::Object object{
        {"monotonic_us", line.monotonic_us}, {"time_unix_us", line.time_unix_us}, {"what", line.what}};
    if (line.detail.size() == 1) object.emplace("detail", line.detail.front());
    if (line.detail.size() > 1) object.emplace("lines", NamesToJson(line.detail));
    text += json::Encode(object) + "\n";
  }
  return text;
}

Result<OperationLog> DecodeOperations(std::string_view text) {
  if (text.size() > kOperationsBytesMax) {
    return Error{Errc::kTooLarge,
                 "operations: must be at most " + std::to_string(kOperationsBytesMax) + " bytes"};
  }
  ASSIGN_OR_RETURN(const json::Value first, TakeLine(&text));
  json::ObjectReader head(first, "operations");
  OperationLog log;
  head.Type(kOperationsType);
  log.tool = head.String("tool", 1, 256);
  if (head.Has("operator")) log.operator_account = head.Hex32("operator");
  RETURN_IF_ERROR(head.Finish());
  while (!text.empty()) {
    if (log.lines.size() == kOperationsMax) {
      return Error{Errc::kTooLarge,
                   "operations: must be at most " + std::to_string(kOperationsMax) + " lines"};
    }
    ASSIGN_OR_RETURN(const json::Value value, TakeLine(&text));
    ASSIGN_OR_RETURN(OperationLine line, LineFromJson(value));
    if (!log.lines.empty() && line.monotonic_us < log.lines.back().monotonic_us) {
      return Error{Errc::kInvalidValue, "operations.monotonic_us: must not go back"};
    }
    log.lines.push_back(std::move(line));
  }
  return log;
}

}  // namespace cunzheng::evidence
