#include "client/sdk/answers.h"

#include <algorithm>

#include "crypto/json.h"

namespace cunzheng::client {
namespace {

constexpr size_t kAnswerLengthMax = 64u << 20;  // the transport's own limit is tighter
constexpr size_t kEntryLengthMax = 16 * 1024;
constexpr size_t kRecordLengthMax = 16 * 1024;
constexpr size_t kDetailLengthMax = 2'000;

Result<json::Value> ParseAnswer(std::string_view text) {
  return json::Parse(text, json::Form::kReadable, kAnswerLengthMax);
}

constexpr size_t kPathLengthMax = 128;

// Unknown fields are reported last, so every field that was asked for is sound when only they remain.
Result<void> FinishLenient(json::ObjectReader& reader) {
  auto status = reader.Finish();
  if (!status && status.error().code == Errc::kUnknownField) return {};
  return status;
}

std::optional<ledger::Attestation> ReadAttestation(json::ObjectReader& reader) {
  if (!reader.Has("attestation")) return std::nullopt;
  auto attestation = ledger::AttestationFromJson(reader.Child("attestation"), reader.what() + ".attestation");
  if (attestation) return std::move(attestation).value();
  reader.Adopt(attestation.error());
  return std::nullopt;
}

Errc ErrcFromStatus(unsigned status) {
  switch (status) {
    case 404:
      return Errc::kNotFound;
    case 408:
      return Errc::kTimeout;
    case 413:
      return Errc::kTooLarge;
    case 429:
      return Errc::kRateLimited;
    case 502:
      return Errc::kUnreachable;
    case 503:
      return Errc::kBusy;
    case 504:
      return Errc::kTimeout;
    default:
      return status >= 500 ? Errc::kInternal : Errc::kInvalidValue;
  }
}

}  // namespace

Result<LedgerInfo> DecodeLedgerInfo(std::string_view text) {
  ASSIGN_OR_RETURN(const json::Value value, ParseAnswer(text));
  json::ObjectReader reader(value, "ledger answer");
  LedgerInfo info;
  info.ledger = reader.Hex32("ledger");
  info.origin = reader.String("origin", 1, 200);
  info.size = reader.Integer("size", 1, json::kIntegerMax);
  info.root = reader.Hex32("root");
  info.n = reader.Integer("n", 1, 64);
  info.k = reader.Integer("k", 1, 64);
  info.f = reader.Integer("f", 0, 63);
  info.writable = reader.Bool("writable");
  if (reader.Has("reason")) info.reason = reader.String("reason", 0, kDetailLengthMax);
  json::ObjectReader params(reader.Child("params"), "ledger answer.params");
  info.batch_bytes_max = params.Integer("batch_bytes_max", 65'536, 1u << 20);
  RETURN_IF_ERROR(FinishLenient(params));
  RETURN_IF_ERROR(FinishLenient(reader));
  return info;
}

Result<Submission> DecodeSubmission(std::string_view text) {
  ASSIGN_OR_RETURN(const json::Value value, ParseAnswer(text));
  json::ObjectReader reader(value, "submission");
  Submission out;
  reader.Type("cunzheng/submission/v1");
  out.id = reader.Hex32("id");
  out.index = reader.Integer("index", 0, json::kIntegerMax);
  out.repeated = reader.Bool("repeated");
  out.entry = reader.String("entry", 1, kEntryLengthMax);
  const std::string status = reader.String("status", 1, 64);
  out.attested = status == "attested";
  out.attestation = ReadAttestation(reader);
  if (out.attested && !out.attestation)
    reader.Fail(Errc::kMissingField, "attestation", "an attested batch has one");
  RETURN_IF_ERROR(FinishLenient(reader));
  return out;
}

Result<RecordPage> DecodeRecordPage(std::string_view text) {
  ASSIGN_OR_RETURN(const json::Value value, ParseAnswer(text));
  json::ObjectReader reader(value, "records answer");
  RecordPage page;
  for (const json::Value& item : reader.List("items", 0, 100)) {
    json::ObjectReader fields(item, "records answer.items");
    RecordItem record;
    record.record_id = fields.Hex32("record_id");
    record.index = fields.Integer("index", 0, json::kIntegerMax);
    record.record_index = fields.Integer("record_index", 0, 65'535);
    record.record = fields.String("record", 1, kRecordLengthMax);
    RETURN_IF_ERROR(FinishLenient(fields));
    page.items.push_back(std::move(record));
  }
  if (reader.Has("next")) page.next = reader.String("next", 1, 200);
  RETURN_IF_ERROR(FinishLenient(reader));
  return page;
}

Result<EntryItem> DecodeEntryItem(std::string_view text) {
  ASSIGN_OR_RETURN(const json::Value value, ParseAnswer(text));
  json::ObjectReader reader(value, "entry answer");
  EntryItem item;
  item.index = reader.Integer("index", 0, json::kIntegerMax);
  item.entry = reader.String("entry", 1, kEntryLengthMax);
  item.attestation = ReadAttestation(reader);
  RETURN_IF_ERROR(FinishLenient(reader));
  return item;
}

Result<ledger::Path> DecodePath(std::string_view text) {
  ASSIGN_OR_RETURN(const json::Value value, ParseAnswer(text));
  json::ObjectReader reader(value, "proof");
  ledger::Path path;
  for (const json::Value& item : reader.List("path", 0, kPathLengthMax)) {
    const auto hash = item.AsString() == nullptr ? Result<Hash>(Error{Errc::kWrongType, "proof.path"})
                                                 : HashFromHex(*item.AsString());
    if (!hash) {
      reader.Fail(Errc::kInvalidValue, "path", "every element must be 64 lowercase hex digits");
      break;
    }
    path.push_back(*hash);
  }
  RETURN_IF_ERROR(FinishLenient(reader));
  return path;
}

Error ErrorFromResponse(const HttpResponse& response) {
  Error error{ErrcFromStatus(response.status),
              "the node answered with HTTP status " + std::to_string(response.status)};
  const auto value = ParseAnswer(response.body);
  if (!value) return error;
  json::ObjectReader reader(*value, "problem");
  const std::string code = reader.String("code", 1, 64);
  const std::string detail = reader.String("detail", 0, kDetailLengthMax);
  if (!FinishLenient(reader)) return error;
  if (const auto known = ErrcFromName(code)) error.code = *known;
  error.detail = detail;
  return error;
}

}  // namespace cunzheng::client
