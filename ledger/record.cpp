#include "ledger/record.h"

#include <algorithm>

#include "ledger/fields.h"

namespace cunzheng::ledger {
namespace {

constexpr std::string_view kRecordType = "cunzheng/record/v1";
constexpr std::string_view kManifestType = "cunzheng/manifest/v1";
constexpr std::string_view kKinds[] = {"file", "capture", "recording", "data", "reveal"};

bool IsRel(std::string_view rel) {
  if (rel.empty() || rel.size() > 32 || rel[0] < 'a' || rel[0] > 'z') return false;
  return std::all_of(rel.begin(), rel.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

Digests ReadDigests(json::ObjectReader& reader, std::string_view key) {
  auto digests = DigestsFromJson(reader.Child(key), reader.what() + "." + std::string(key));
  if (digests) return *digests;
  reader.Adopt(digests.error());
  return {};
}

std::vector<Ref> ReadRefs(json::ObjectReader& reader) {
  std::vector<Ref> refs;
  if (!reader.Has("refs")) return refs;
  for (const json::Value& value : reader.List("refs", 1, 16)) {
    json::ObjectReader item(value, reader.what() + ".refs");
    Ref ref;
    ref.id = item.Hex32("id");
    ref.rel = item.String("rel", 1, 32);
    if (!IsRel(ref.rel)) item.Fail(Errc::kInvalidValue, "rel", "must match [a-z][a-z0-9_]{0,31}");
    if (auto status = item.Finish(); !status) {
      reader.Adopt(status.error());
      return {};
    }
    refs.push_back(std::move(ref));
  }
  return refs;
}

}  // namespace

json::Value DigestsToJson(const Digests& digests) {
  return json::Object{{"sha256", ToHex(digests.sha256)}, {"sm3", ToHex(digests.sm3)}};
}

Result<Digests> DigestsFromJson(const json::Value& value, std::string what) {
  json::ObjectReader reader(value, std::move(what));
  Digests digests;
  digests.sha256 = reader.Hex32("sha256");
  digests.sm3 = reader.Hex32("sm3");
  RETURN_IF_ERROR(reader.Finish());
  return digests;
}

Result<Record> DecodeRecord(std::string_view bytes) {
  ASSIGN_OR_RETURN(const json::Value value, json::Parse(bytes, json::Form::kCanonical, kRecordLengthMax));
  json::ObjectReader reader(value, "record");
  Record record;
  reader.Type(kRecordType);
  record.ledger = reader.Hex32("ledger");
  record.account = reader.Hex32("account");
  record.kind = reader.String("kind", 1, 32);
  if (std::find(std::begin(kKinds), std::end(kKinds), record.kind) == std::end(kKinds)) {
    reader.Fail(Errc::kInvalidValue, "kind", "must be file, capture, recording, data or reveal");
  }
  record.digest = ReadDigests(reader, "digest");
  record.length = reader.Integer("length", 0, json::kIntegerMax);
  if (reader.Has("manifest")) record.manifest = ReadDigests(reader, "manifest");
  if (reader.Has("case")) record.case_ref = reader.String("case", 1, 256);
  record.refs = ReadRefs(reader);
  record.attrs = ReadAttrs(reader);
  if (reader.Has("salt")) record.salt = reader.Hex32("salt");
  RETURN_IF_ERROR(reader.Finish());

  const auto reveals = std::count_if(record.refs.begin(), record.refs.end(),
                                     [](const Ref& ref) { return ref.rel == kRevealRel; });
  if (reveals != (record.kind == "reveal" ? 1 : 0)) {
    return Error{Errc::kInvalidValue,
                 "record.refs: kind reveal has exactly one ref with rel reveals, other kinds have none"};
  }
  return record;
}

std::string EncodeRecord(const Record& record) {
  json::Object object{
      {"type", kRecordType}, {"ledger", ToHex(record.ledger)},         {"account", ToHex(record.account)},
      {"kind", record.kind}, {"digest", DigestsToJson(record.digest)}, {"length", record.length}};
  if (record.manifest) object.emplace("manifest", DigestsToJson(*record.manifest));
  if (record.case_ref) object.emplace("case", *record.case_ref);
  if (!record.refs.empty()) {
    json::Array refs;
    for (const Ref& ref : record.refs) refs.push_back(json::Object{{"id", ToHex(ref.id)}, {"rel", ref.rel}});
    object.emplace("refs", std::move(refs));
  }
  PutAttrs(record.attrs, &object);
  if (record.salt) object.emplace("salt", ToHex(*record.salt));
  return json::Encode(object);
}

Result<Manifest> DecodeManifest(std::string_view bytes) {
  ASSIGN_OR_RETURN(const json::Value value, json::Parse(bytes, json::Form::kCanonical, kManifestLengthMax));
  json::ObjectReader reader(value, "manifest");
  Manifest manifest;
  reader.Type(kManifestType);
  manifest.name = reader.String("name", 1, 1'024);
  if (manifest.name.find_first_of("/\\") != std::string::npos || manifest.name == "." ||
      manifest.name == "..") {
    reader.Fail(Errc::kInvalidValue, "name", "must hold no / or \\ and be neither . nor ..");
  }
  if (reader.Has("media_type")) manifest.media_type = reader.String("media_type", 1, 128);
  manifest.modified_unix_ms = ReadOptionalInteger(reader, "modified_unix_ms", 0, json::kIntegerMax);
  if (reader.Has("checkpoint")) {
    std::string note;
    for (const json::Value& line : reader.List("checkpoint", 3, 40)) {
      if (line.AsString() == nullptr) {
        reader.Fail(Errc::kWrongType, "checkpoint", "every element must be a string");
        break;
      }
      note += *line.AsString() + "\n";
    }
    manifest.checkpoint = std::move(note);
  }
  manifest.attrs = ReadAttrs(reader);
  RETURN_IF_ERROR(reader.Finish());
  return manifest;
}

std::string EncodeManifest(const Manifest& manifest) {
  json::Object object{{"type", kManifestType}, {"name", manifest.name}};
  if (manifest.media_type) object.emplace("media_type", *manifest.media_type);
  if (manifest.modified_unix_ms) object.emplace("modified_unix_ms", *manifest.modified_unix_ms);
  if (manifest.checkpoint) {
    json::Array lines;
    std::string_view rest = *manifest.checkpoint;
    for (size_t end; (end = rest.find('\n')) != std::string_view::npos; rest.remove_prefix(end + 1)) {
      lines.emplace_back(rest.substr(0, end));
    }
    object.emplace("checkpoint", std::move(lines));
  }
  PutAttrs(manifest.attrs, &object);
  return json::Encode(object);
}

}  // namespace cunzheng::ledger
