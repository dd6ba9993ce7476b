#include "ledger/entry.h"

#include "ledger/fields.h"

namespace cunzheng::ledger {
namespace {

constexpr std::string_view kDepositType = "cunzheng/entry/v1";
constexpr std::string_view kActEntryType = "cunzheng/act_entry/v1";

}  // namespace

Result<DepositEntry> DecodeDepositEntry(std::string_view bytes) {
  ASSIGN_OR_RETURN(const json::Value value,
                   json::Parse(bytes, json::Form::kCanonical, kDepositEntryLengthMax));
  json::ObjectReader reader(value, "entry");
  DepositEntry entry;
  reader.Type(kDepositType);
  entry.header_bytes = reader.String("header", 1, kHeaderLengthMax);
  if (auto header = DecodeBatchHeader(entry.header_bytes)) {
    entry.header = *header;
  } else {
    reader.Adopt({header.error().code, "entry.header: " + header.error().detail});
  }
  entry.signature = ReadSignatureBlock(reader);
  entry.account = reader.Hex32("account");
  if (entry.account != entry.header.account) {
    reader.Fail(Errc::kWrongAccount, "account", "must be the header's");
  }
  entry.account_name = reader.String("account_name", 1, kAccountNameLengthMax);
  entry.sponsor = ReadOriginName(reader, "sponsor", kMemberIdLengthMax);
  entry.time_unix_ms = reader.Integer("time_unix_ms", 0, json::kIntegerMax);
  RETURN_IF_ERROR(reader.Finish());
  return entry;
}

// Written out in the canonical order of its keys, since every deposit passes here on the ledger's one strand.
std::string EncodeDepositEntry(const DepositEntry& entry) {
  std::string out;
  out.reserve(kDepositEntryLengthMax);
  const auto hex = [&out](std::string_view name, ByteSpan bytes) {
    out.append(name).push_back('"');
    AppendHex(bytes, &out);
    out.push_back('"');
  };
  const auto text = [&out](std::string_view name, std::string_view value) {
    out.append(name);
    json::AppendQuoted(value, &out);
  };
  hex("{\"account\":", entry.account);
  text(",\"account_name\":", entry.account_name);
  text(",\"header\":", entry.header_bytes);
  hex(",\"public_key\":", entry.signature.key.bytes);
  hex(",\"signature\":", entry.signature.signature);
  text(",\"sponsor\":", entry.sponsor);
  text(",\"suite\":", SuiteName(entry.signature.key.suite));
  out.append(",\"time_unix_ms\":").append(std::to_string(entry.time_unix_ms));
  text(",\"type\":", kDepositType);
  out.push_back('}');
  return out;
}

Result<ActEntry> DecodeActEntry(std::string_view bytes) {
  ASSIGN_OR_RETURN(const json::Value value, json::Parse(bytes, json::Form::kCanonical, kActEntryLengthMax));
  json::ObjectReader reader(value, "entry");
  ActEntry entry;
  reader.Type(kActEntryType);
  entry.act_bytes = reader.String("act", 1, kActLengthMax);
  if (auto act = DecodeAct(entry.act_bytes); !act) {
    reader.Adopt({act.error().code, "entry.act: " + act.error().detail});
  }
  entry.signature = ReadSignatureBlock(reader);
  entry.member = ReadOriginName(reader, "member", kMemberIdLengthMax);
  entry.time_unix_ms = reader.Integer("time_unix_ms", 0, json::kIntegerMax);
  RETURN_IF_ERROR(reader.Finish());
  return entry;
}

std::string EncodeActEntry(const ActEntry& entry) {
  json::Object object{{"type", kActEntryType},
                      {"act", entry.act_bytes},
                      {"member", entry.member},
                      {"time_unix_ms", entry.time_unix_ms}};
  PutSignatureBlock(entry.signature, &object);
  return json::Encode(object);
}

}  // namespace cunzheng::ledger
