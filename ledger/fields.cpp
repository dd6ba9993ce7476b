#include "ledger/fields.h"

#include <algorithm>

namespace cunzheng::ledger {
namespace {

constexpr size_t kAttrsMax = 32;
constexpr size_t kAttrLengthMax = 1'024;
constexpr std::string_view kRoles[] = {"notary", "court", "platform", "agency", "arbitration", "operator"};

bool IsLowerOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

}  // namespace

std::optional<std::string_view> TakeLine(std::string_view* rest) {
  const size_t end = rest->find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = rest->substr(0, end);
  rest->remove_prefix(end + 1);
  return line;
}

bool IsOriginName(std::string_view text) {
  bool first_segment = true;
  size_t segment_length = 0;
  for (char c : text) {
    if (c == '/') {
      if (segment_length == 0) return false;
      first_segment = false;
      segment_length = 0;
      continue;
    }
    if (!IsLowerOrDigit(c) && c != '.' && c != '-' && (c != '_' || first_segment)) return false;
    segment_length++;
  }
  return segment_length != 0;
}

std::string ReadOriginName(json::ObjectReader& reader, std::string_view key, size_t length_max) {
  std::string name = reader.String(key, 1, length_max);
  if (!IsOriginName(name)) {
    reader.Fail(Errc::kInvalidValue, key, "must match [a-z0-9.-]+(/[a-z0-9._-]+)*");
  }
  return name;
}

std::optional<uint64_t> ReadOptionalInteger(json::ObjectReader& reader, std::string_view key, uint64_t min,
                                            uint64_t max) {
  if (!reader.Has(key)) return std::nullopt;
  return reader.Integer(key, min, max);
}

Path ReadPath(json::ObjectReader& reader, std::string_view key, size_t count_max) {
  Path path;
  const json::Array& list = reader.List(key, 0, count_max);
  path.reserve(list.size());
  for (const json::Value& value : list) {
    const std::string* text = value.AsString();
    if (text == nullptr) {
      reader.Fail(Errc::kWrongType, key, "every element must be a string");
      return {};
    }
    auto hash = HashFromHex(*text);
    if (!hash) {
      reader.Fail(Errc::kInvalidValue, key, "every element must be 64 lowercase hex digits");
      return {};
    }
    path.push_back(*hash);
  }
  return path;
}

json::Value PathToJson(const Path& path) {
  json::Array list;
  list.reserve(path.size());
  for (const Hash& hash : path) list.emplace_back(ToHex(hash));
  return list;
}

PublicKey ReadPublicKey(json::ObjectReader& reader) {
  const Bytes bytes = reader.Hex("public_key", 33);
  auto suite = SuiteFromName(reader.String("suite", 0, kSuiteNameLengthMax));
  if (!suite) {
    reader.Fail(Errc::kSuiteUnknown, "suite", "is none that this version knows");
    return {};
  }
  auto key = MakePublicKey(*suite, bytes);
  if (!key) {
    reader.Fail(key.error().code, "public_key", "is no compressed point on the suite's curve");
    return {};
  }
  return std::move(*key);
}

NoteKey ReadNoteKey(json::ObjectReader& reader, std::string_view field, NoteKeyType type,
                    std::string_view name) {
  auto key = ParseNoteKey(reader.String(field, 1, 1'024));
  if (!key) {
    reader.Fail(key.error().code, field, "is no well-formed vkey");
    return {};
  }
  if (key->type != type) {
    reader.Fail(Errc::kInvalidValue, field,
                type == NoteKeyType::kEd25519 ? "must be of note type 01" : "must be of note type 04");
  }
  if (!name.empty() && key->name != name)
    reader.Fail(Errc::kInvalidValue, field, "must be named " + std::string(name));
  return std::move(*key);
}

std::optional<PublicKey> ParsePublicKey(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto suite = SuiteFromName(text.substr(0, colon));
  const auto bytes = FromHex(text.substr(colon + 1));
  if (!suite || !bytes) return std::nullopt;
  auto key = MakePublicKey(*suite, *bytes);
  if (!key) return std::nullopt;
  return std::move(*key);
}

std::string PublicKeyText(const PublicKey& key) {
  return std::string(SuiteName(key.suite)) + ":" + ToHex(key.bytes);
}

std::vector<Bytes> ReadBase64List(json::ObjectReader& reader, std::string_view field, size_t count_max,
                                  size_t length_max) {
  std::vector<Bytes> list;
  for (const json::Value& item : reader.List(field, 0, count_max)) {
    if (item.AsString() == nullptr) {
      reader.Fail(Errc::kWrongType, field, "every element must be a string");
      break;
    }
    auto bytes = FromBase64(*item.AsString());
    if (!bytes || bytes->empty() || bytes->size() > length_max) {
      reader.Fail(Errc::kInvalidValue, field,
                  "every element must be base64 of at most " + std::to_string(length_max) + " bytes");
      break;
    }
    list.push_back(std::move(*bytes));
  }
  return list;
}

SignatureBlock ReadSignatureBlock(json::ObjectReader& reader) {
  SignatureBlock block;
  const std::string suite_name = reader.String("suite", 0, kSuiteNameLengthMax);
  if (auto suite = SuiteFromName(suite_name)) {
    block.key.suite = *suite;
  } else {
    reader.Fail(Errc::kSuiteUnknown, "suite", "is none that this version knows");
  }
  block.key.bytes = reader.Hex("public_key", 33);
  if (block.key.bytes.size() != 33) reader.Fail(Errc::kInvalidValue, "public_key", "must be 66 hex digits");
  block.signature = reader.Hex("signature", 64);
  if (block.signature.size() != 64) reader.Fail(Errc::kInvalidValue, "signature", "must be 128 hex digits");
  return block;
}

void PutSignatureBlock(const SignatureBlock& block, json::Object* object) {
  object->emplace("public_key", ToHex(block.key.bytes));
  object->emplace("signature", ToHex(block.signature));
  object->emplace("suite", SuiteName(block.key.suite));
}

std::map<std::string, std::string> ReadAttrs(json::ObjectReader& reader) {
  std::map<std::string, std::string> attrs;
  if (!reader.Has("attrs")) return attrs;
  const json::Object* object = reader.Child("attrs").AsObject();
  if (object == nullptr) {
    reader.Fail(Errc::kWrongType, "attrs", "must be an object");
    return attrs;
  }
  if (object->empty() || object->size() > kAttrsMax) {
    reader.Fail(Errc::kInvalidValue, "attrs", "must have 1 to 32 keys");
    return attrs;
  }
  for (const auto& [key, value] : *object) {
    const std::string* text = value.AsString();
    if (text == nullptr) {
      reader.Fail(Errc::kWrongType, "attrs", "every value must be a string");
      return {};
    }
    if (text->size() > kAttrLengthMax) {
      reader.Fail(Errc::kInvalidValue, "attrs", "every value must be at most 1,024 bytes");
      return {};
    }
    attrs.emplace_hint(attrs.end(), key, *text);
  }
  return attrs;
}

void PutAttrs(const std::map<std::string, std::string>& attrs, json::Object* object) {
  if (attrs.empty()) return;
  json::Object values;
  for (const auto& [key, value] : attrs) values.emplace_hint(values.end(), key, value);
  object->emplace("attrs", std::move(values));
}

Names ReadNames(json::ObjectReader& reader, std::string_view key) {
  json::ObjectReader inner(reader.Child(key), reader.what() + "." + std::string(key));
  Names names;
  names.en = inner.String("en", 1, 200);
  names.zh = inner.String("zh", 1, 200);
  if (auto status = inner.Finish(); !status) reader.Adopt(status.error());
  return names;
}

json::Value NamesToJson(std::string_view en, std::string_view zh) {
  return json::Object{{"en", en}, {"zh", zh}};
}

std::string ReadRole(json::ObjectReader& reader) {
  std::string role = reader.String("role", 1, 32);
  if (std::find(std::begin(kRoles), std::end(kRoles), role) == std::end(kRoles)) {
    reader.Fail(Errc::kInvalidValue, "role",
                "must be notary, court, platform, agency, arbitration or operator");
  }
  return role;
}

}  // namespace cunzheng::ledger
