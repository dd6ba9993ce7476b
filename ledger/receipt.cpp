#include "ledger/receipt.h"

#include "crypto/note.h"
#include "ledger/batch.h"
#include "ledger/entry.h"
#include "ledger/fields.h"

namespace cunzheng::ledger {
namespace {

constexpr std::string_view kReceiptType = "cunzheng/receipt/v1";
constexpr size_t kInclusionMax = 64;
constexpr size_t kConsistencyMax = 128;
constexpr size_t kAttestationsMax = 64;
constexpr size_t kTokensMax = 16;
constexpr size_t kAnchorLengthMax = 65'536;

// Base64 in a string field; `length_max` bytes after decoding.
Bytes DecodeBase64(json::ObjectReader& reader, std::string_view key, std::string_view text,
                   size_t length_max) {
  auto bytes = FromBase64(text);
  if (!bytes || bytes->empty() || bytes->size() > length_max) {
    reader.Fail(Errc::kInvalidValue, key, "must be base64 of 1 to " + std::to_string(length_max) + " bytes");
    return {};
  }
  return std::move(*bytes);
}

std::vector<Bytes> ReadTokens(json::ObjectReader& reader) {
  std::vector<Bytes> tokens;
  if (!reader.Has("tokens")) return tokens;
  for (const json::Value& value : reader.List("tokens", 1, kTokensMax)) {
    if (value.AsString() == nullptr) {
      reader.Fail(Errc::kWrongType, "tokens", "every element must be a string");
      return {};
    }
    tokens.push_back(DecodeBase64(reader, "tokens", *value.AsString(), kReceiptLengthMax));
  }
  return tokens;
}

std::vector<Anchor> ReadAnchors(json::ObjectReader& reader) {
  std::vector<Anchor> anchors;
  if (!reader.Has("anchors")) return anchors;
  for (const json::Value& value : reader.List("anchors", 1, kTokensMax)) {
    json::ObjectReader item(value, reader.what() + ".anchors");
    Anchor anchor;
    anchor.type = item.String("type", 1, 64);
    anchor.data = DecodeBase64(item, "data", item.String("data", 0, kReceiptLengthMax), kAnchorLengthMax);
    if (auto status = item.Finish(); !status) {
      reader.Adopt(status.error());
      return {};
    }
    anchors.push_back(std::move(anchor));
  }
  return anchors;
}

std::vector<ConsistencyLink> ReadConsistency(json::ObjectReader& reader) {
  std::vector<ConsistencyLink> links;
  if (!reader.Has("consistency")) return links;
  for (const json::Value& value : reader.List("consistency", 1, kAttestationsMax)) {
    json::ObjectReader item(value, "receipt.consistency");
    ConsistencyLink link;
    link.from = item.Integer("from", 1, json::kIntegerMax);
    link.to = item.Integer("to", 1, json::kIntegerMax);
    link.path = ReadPath(item, "path", kConsistencyMax);
    if (auto status = item.Finish(); !status) {
      reader.Adopt(status.error());
      return {};
    }
    links.push_back(std::move(link));
  }
  return links;
}

}  // namespace

json::Value AttestationToJson(const Attestation& attestation) {
  json::Object object{{"inclusion", PathToJson(attestation.inclusion)},
                      {"checkpoint", attestation.checkpoint}};
  if (!attestation.tokens.empty()) {
    json::Array tokens;
    for (const Bytes& token : attestation.tokens) tokens.emplace_back(ToBase64(token));
    object.emplace("tokens", std::move(tokens));
  }
  if (!attestation.anchors.empty()) {
    json::Array anchors;
    for (const Anchor& anchor : attestation.anchors) {
      anchors.push_back(json::Object{{"type", anchor.type}, {"data", ToBase64(anchor.data)}});
    }
    object.emplace("anchors", std::move(anchors));
  }
  return object;
}

Result<Attestation> AttestationFromJson(const json::Value& value, std::string what) {
  json::ObjectReader reader(value, std::move(what));
  Attestation attestation;
  attestation.inclusion = ReadPath(reader, "inclusion", kInclusionMax);
  attestation.checkpoint = reader.String("checkpoint", 1, kNoteLengthMax);
  attestation.tokens = ReadTokens(reader);
  attestation.anchors = ReadAnchors(reader);
  RETURN_IF_ERROR(reader.Finish());
  return attestation;
}

Result<Receipt> DecodeReceipt(std::string_view text) {
  ASSIGN_OR_RETURN(const json::Value value, json::Parse(text, json::Form::kReadable, kReceiptLengthMax));
  json::ObjectReader reader(value, "receipt");
  Receipt receipt;
  reader.Type(kReceiptType);
  receipt.record = reader.String("record", 1, kRecordLengthMax);
  {
    json::ObjectReader batch(reader.Child("batch"), "receipt.batch");
    receipt.batch_index = batch.Integer("index", 0, kBatchCountMax - 1);
    receipt.batch_path = ReadPath(batch, "path", 16);
    if (auto status = batch.Finish(); !status) reader.Adopt(status.error());
  }
  receipt.entry = reader.String("entry", 1, kDepositEntryLengthMax);
  receipt.index = reader.Integer("index", 0, json::kIntegerMax);
  for (const json::Value& item : reader.List("attestations", 1, kAttestationsMax)) {
    auto attestation = AttestationFromJson(
        item, "receipt.attestations[" + std::to_string(receipt.attestations.size()) + "]");
    if (!attestation) {
      reader.Adopt(attestation.error());
      break;
    }
    receipt.attestations.push_back(std::move(*attestation));
  }
  receipt.consistency = ReadConsistency(reader);
  if (reader.Has("manifest")) receipt.manifest = reader.String("manifest", 1, kManifestLengthMax);
  RETURN_IF_ERROR(reader.Finish());
  return receipt;
}

std::string EncodeReceipt(const Receipt& receipt) {
  json::Array attestations;
  for (const Attestation& attestation : receipt.attestations) {
    attestations.push_back(AttestationToJson(attestation));
  }
  json::Object object{
      {"type", kReceiptType},
      {"record", receipt.record},
      {"batch", json::Object{{"index", receipt.batch_index}, {"path", PathToJson(receipt.batch_path)}}},
      {"entry", receipt.entry},
      {"index", receipt.index},
      {"attestations", std::move(attestations)}};
  if (!receipt.consistency.empty()) {
    json::Array links;
    for (const ConsistencyLink& link : receipt.consistency) {
      links.push_back(json::Object{{"from", link.from}, {"to", link.to}, {"path", PathToJson(link.path)}});
    }
    object.emplace("consistency", std::move(links));
  }
  if (receipt.manifest) object.emplace("manifest", *receipt.manifest);
  return json::EncodePretty(object);
}

}  // namespace cunzheng::ledger
