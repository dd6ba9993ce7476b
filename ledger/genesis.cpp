#include "ledger/genesis.h"

#include <algorithm>
#include <set>

#include "ledger/fields.h"

namespace cunzheng::ledger {
namespace {

constexpr std::string_view kGenesisType = "cunzheng/genesis/v1";
constexpr size_t kOriginLengthMax = 200;

// An institution counts once, so nothing that identifies one may stand under two members.
void CheckDistinct(json::ObjectReader& reader, const std::vector<MemberInfo>& members) {
  std::set<std::string> ids;
  std::set<Bytes> account_keys;
  std::set<Hash> note_keys;
  std::set<Bytes> consensus_keys;
  for (const MemberInfo& member : members) {
    if (!ids.insert(member.id).second) {
      reader.Fail(Errc::kInvalidValue, "members", "two members have the id " + member.id);
    }
    if (!account_keys.insert(member.account_key.bytes).second ||
        !note_keys.insert(member.log_key.public_key).second ||
        !note_keys.insert(member.cosign_key.public_key).second ||
        (member.consensus_key && !consensus_keys.insert(member.consensus_key->bytes).second)) {
      reader.Fail(Errc::kInvalidValue, "members", "a key of " + member.id + " stands twice");
    }
    if (member.consensus_key.has_value() != members.front().consensus_key.has_value()) {
      reader.Fail(Errc::kInvalidValue, "members", "all have a consensus_key, or none");
    }
  }
}

}  // namespace

json::Value ParamsToJson(const Params& params) {
  return json::Object{{"batch_bytes_max", params.batch_bytes_max},
                      {"checkpoint_interval_ms", params.checkpoint_interval_ms},
                      {"client_time_ahead_ms_max", params.client_time_ahead_ms_max},
                      {"records_per_day_max", params.records_per_day_max},
                      {"bytes_per_day_max", params.bytes_per_day_max}};
}

Params ReadParams(json::ObjectReader& reader) {
  Params params;
  params.batch_bytes_max = reader.Integer("batch_bytes_max", 65'536, 1'048'576);
  params.checkpoint_interval_ms = reader.Integer("checkpoint_interval_ms", 0, 60'000);
  params.client_time_ahead_ms_max = reader.Integer("client_time_ahead_ms_max", 1, 86'400'000);
  params.records_per_day_max = reader.Integer("records_per_day_max", 1, json::kIntegerMax);
  params.bytes_per_day_max = reader.Integer("bytes_per_day_max", 1, json::kIntegerMax);
  return params;
}

Result<Params> ParamsFromJson(const json::Value& value) {
  json::ObjectReader reader(value, "params");
  const Params params = ReadParams(reader);
  RETURN_IF_ERROR(reader.Finish());
  return params;
}

json::Value MemberToJson(const MemberInfo& member) {
  json::Object object{{"id", member.id},
                      {"name", NamesToJson(member.name_en, member.name_zh)},
                      {"role", member.role},
                      {"suite", SuiteName(member.account_key.suite)},
                      {"public_key", ToHex(member.account_key.bytes)},
                      {"log_key", member.log_key.Encode()},
                      {"cosign_key", member.cosign_key.Encode()}};
  if (member.consensus_key) object.emplace("consensus_key", ToHex(member.consensus_key->bytes));
  return object;
}

Result<MemberInfo> MemberFromJson(const json::Value& value, std::string_view origin) {
  json::ObjectReader reader(value, "member");
  MemberInfo member;
  member.id = ReadOriginName(reader, "id", kMemberIdLengthMax);
  Names names = ReadNames(reader, "name");
  member.name_en = std::move(names.en);
  member.name_zh = std::move(names.zh);
  member.role = ReadRole(reader);
  member.account_key = ReadPublicKey(reader);
  member.log_key = ReadNoteKey(reader, "log_key", NoteKeyType::kEd25519, origin);
  member.cosign_key = ReadNoteKey(reader, "cosign_key", NoteKeyType::kCosignatureV1, member.id);
  if (reader.Has("consensus_key")) {
    auto key = MakePublicKey(Suite::kSecp256k1, reader.Hex("consensus_key", 33));
    if (key) {
      member.consensus_key = std::move(*key);
    } else {
      reader.Fail(key.error().code, "consensus_key", "is no compressed point on secp256k1");
    }
  }
  RETURN_IF_ERROR(reader.Finish());
  return member;
}

Result<Genesis> DecodeGenesis(std::string_view bytes) {
  ASSIGN_OR_RETURN(const json::Value value, json::Parse(bytes, json::Form::kCanonical, kGenesisLengthMax));
  json::ObjectReader reader(value, "genesis");
  Genesis genesis;
  reader.Type(kGenesisType);
  genesis.origin = ReadOriginName(reader, "origin", kOriginLengthMax);
  genesis.created_unix_ms = reader.Integer("created_unix_ms", 0, json::kIntegerMax);
  genesis.nonce = reader.Hex32("nonce");
  for (const json::Value& item : reader.List("members", 1, kMembersMax)) {
    auto member = MemberFromJson(item, genesis.origin);
    if (!member) {
      reader.Adopt(member.error());
      break;
    }
    genesis.members.push_back(std::move(*member));
  }
  CheckDistinct(reader, genesis.members);
  const uint64_t n = genesis.members.size();
  genesis.f = reader.Integer("f", 0, kMembersMax);
  genesis.k = reader.Integer("k", 1, kMembersMax);
  if (2 * genesis.k <= n + genesis.f || genesis.k > n || genesis.f >= genesis.k) {
    reader.Fail(Errc::kInvalidValue, "k", "must satisfy 2k > n + f, k <= n and f < k");
  }
  genesis.w = reader.Integer("w", 0, 64);
  genesis.govern = reader.Integer("govern", 1, kMembersMax);
  if (genesis.govern > n) reader.Fail(Errc::kInvalidValue, "govern", "must be at most n");
  if (auto params = ParamsFromJson(reader.Child("params"))) {
    genesis.params = *params;
  } else {
    reader.Adopt({params.error().code, "genesis." + params.error().detail});
  }
  RETURN_IF_ERROR(reader.Finish());
  return genesis;
}

std::string EncodeGenesis(const Genesis& genesis) {
  json::Array members;
  for (const MemberInfo& member : genesis.members) members.push_back(MemberToJson(member));
  return json::Encode(json::Object{{"type", kGenesisType},
                                   {"origin", genesis.origin},
                                   {"created_unix_ms", genesis.created_unix_ms},
                                   {"nonce", ToHex(genesis.nonce)},
                                   {"members", std::move(members)},
                                   {"f", genesis.f},
                                   {"k", genesis.k},
                                   {"w", genesis.w},
                                   {"govern", genesis.govern},
                                   {"params", ParamsToJson(genesis.params)}});
}

}  // namespace cunzheng::ledger
