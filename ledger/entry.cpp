#include "ledger/entry.h"

#include <algorithm>
#include <set>

#include "ledger/fields.h"

namespace cunzheng::ledger {
namespace {

constexpr std::string_view kDepositType = "cunzheng/entry/v1";
constexpr std::string_view kActEntryType = "cunzheng/act_entry/v1";
constexpr std::string_view kActType = "cunzheng/act/v1";
constexpr std::string_view kGenesisType = "cunzheng/genesis/v1";
constexpr size_t kMemberIdLengthMax = 128;
constexpr size_t kOriginLengthMax = 200;
constexpr size_t kAccountNameLengthMax = 200;
constexpr size_t kReasonLengthMax = 500;
// An act's envelope: the act and two short lines.
constexpr size_t kActEnvelopeLengthMax = kActLengthMax + 1'024;

// Suite and public key of an account that is being named for the first time: the point is checked here.
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

// Actions: one reader and one writer each, in the order of specs/entry.md.

AccountAdd ReadAccountAdd(json::ObjectReader& args) {
  AccountAdd action;
  action.key = ReadPublicKey(args);
  action.name = args.String("name", 1, kAccountNameLengthMax);
  action.records_per_day_max = ReadOptionalInteger(args, "records_per_day_max", 0, json::kIntegerMax);
  action.bytes_per_day_max = ReadOptionalInteger(args, "bytes_per_day_max", 0, json::kIntegerMax);
  return action;
}

template <typename SuspendOrResume>
SuspendOrResume ReadAccountAndReason(json::ObjectReader& args) {
  SuspendOrResume action;
  action.account = args.Hex32("account");
  action.reason = args.String("reason", 1, kReasonLengthMax);
  return action;
}

AccountQuota ReadAccountQuota(json::ObjectReader& args) {
  AccountQuota action;
  action.account = args.Hex32("account");
  action.records_per_day_max = args.Integer("records_per_day_max", 0, json::kIntegerMax);
  action.bytes_per_day_max = args.Integer("bytes_per_day_max", 0, json::kIntegerMax);
  return action;
}

Action ReadAction(json::ObjectReader& reader) {
  const std::string name = reader.String("action", 1, 64);
  json::ObjectReader args(reader.Child("args"), "act.args");
  Action action;
  if (name == "account_add") {
    action = ReadAccountAdd(args);
  } else if (name == "account_suspend") {
    action = ReadAccountAndReason<AccountSuspend>(args);
  } else if (name == "account_resume") {
    action = ReadAccountAndReason<AccountResume>(args);
  } else if (name == "account_quota") {
    action = ReadAccountQuota(args);
  } else if (name == "clock_resume") {
    action = ClockResume{args.String("reason", 1, kReasonLengthMax)};
  } else {
    reader.Fail(Errc::kInvalidValue, "action", "is none that this version knows");
  }
  if (auto status = args.Finish(); !status) reader.Adopt(status.error());
  return action;
}

struct ActionWriter {
  json::Object& act;
  void Put(const char* name, json::Object args) const {
    act.emplace("action", name);
    act.emplace("args", std::move(args));
  }
  void operator()(const AccountAdd& a) const {
    json::Object args{
        {"public_key", ToHex(a.key.bytes)}, {"suite", SuiteName(a.key.suite)}, {"name", a.name}};
    if (a.records_per_day_max) args.emplace("records_per_day_max", *a.records_per_day_max);
    if (a.bytes_per_day_max) args.emplace("bytes_per_day_max", *a.bytes_per_day_max);
    Put("account_add", std::move(args));
  }
  void operator()(const AccountSuspend& a) const {
    Put("account_suspend", {{"account", ToHex(a.account)}, {"reason", a.reason}});
  }
  void operator()(const AccountResume& a) const {
    Put("account_resume", {{"account", ToHex(a.account)}, {"reason", a.reason}});
  }
  void operator()(const AccountQuota& a) const {
    Put("account_quota", {{"account", ToHex(a.account)},
                          {"records_per_day_max", a.records_per_day_max},
                          {"bytes_per_day_max", a.bytes_per_day_max}});
  }
  void operator()(const ClockResume& a) const { Put("clock_resume", {{"reason", a.reason}}); }
};

NoteKey ReadMemberNoteKey(json::ObjectReader& reader, std::string_view field, NoteKeyType type,
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
  if (key->name != name) reader.Fail(Errc::kInvalidValue, field, "must be named " + std::string(name));
  return std::move(*key);
}

// An institution counts once, so nothing that identifies one may stand under two members.
void CheckDistinct(json::ObjectReader& reader, const std::vector<MemberInfo>& members) {
  std::set<std::string> ids;
  std::set<Bytes> account_keys;
  std::set<Hash> note_keys;
  for (const MemberInfo& member : members) {
    if (!ids.insert(member.id).second) {
      reader.Fail(Errc::kInvalidValue, "members", "two members have the id " + member.id);
    }
    if (!account_keys.insert(member.account_key.bytes).second ||
        !note_keys.insert(member.log_key.public_key).second ||
        !note_keys.insert(member.cosign_key.public_key).second) {
      reader.Fail(Errc::kInvalidValue, "members", "a key of " + member.id + " stands twice");
    }
  }
}

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

Result<Act> DecodeAct(std::string_view bytes) {
  ASSIGN_OR_RETURN(const json::Value value, json::Parse(bytes, json::Form::kCanonical, kActLengthMax));
  json::ObjectReader reader(value, "act");
  Act act;
  reader.Type(kActType);
  act.ledger = reader.Hex32("ledger");
  act.member = ReadOriginName(reader, "member", kMemberIdLengthMax);
  act.action = ReadAction(reader);
  act.client_time_unix_ms = reader.Integer("client_time_unix_ms", 0, json::kIntegerMax);
  act.nonce = reader.Hex32("nonce");
  RETURN_IF_ERROR(reader.Finish());
  return act;
}

std::string EncodeAct(const Act& act) {
  json::Object object{{"type", kActType},
                      {"ledger", ToHex(act.ledger)},
                      {"member", act.member},
                      {"client_time_unix_ms", act.client_time_unix_ms},
                      {"nonce", ToHex(act.nonce)}};
  std::visit(ActionWriter{object}, act.action);
  return json::Encode(object);
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

Result<VerifiedAct> VerifyAct(std::string_view envelope, const Hash& ledger) {
  ASSIGN_OR_RETURN(const EnvelopeView view, ParseEnvelope(envelope, kActEnvelopeLengthMax));
  VerifiedAct verified;
  ASSIGN_OR_RETURN(verified.act, DecodeAct(view.signed_bytes));
  if (verified.act.ledger != ledger) {
    return Error{Errc::kWrongLedger,
                 "act.ledger: is " + ToHex(verified.act.ledger) + ", this ledger is " + ToHex(ledger)};
  }
  ASSIGN_OR_RETURN(verified.signature, DecodeSignatureBlock(view.signature_block));
  RETURN_IF_ERROR(VerifySignature(verified.signature.key, kPurposeAct, AsBytes(view.signed_bytes),
                                  verified.signature.signature));
  if (!view.records.empty()) {
    return Error{Errc::kRecordsUnexpected, "envelope: an act comes without records"};
  }
  verified.act_bytes = view.signed_bytes;
  verified.id = ActId(view.signed_bytes);
  return verified;
}

std::string SignAct(const PrivateKey& key, const Act& act) {
  const std::string bytes = EncodeAct(act);
  return EncodeEnvelope(bytes, {key.public_key(), key.Sign(kPurposeAct, AsBytes(bytes))}, {});
}

json::Value ParamsToJson(const Params& params) {
  return json::Object{{"batch_bytes_max", params.batch_bytes_max},
                      {"checkpoint_interval_ms", params.checkpoint_interval_ms},
                      {"client_time_ahead_ms_max", params.client_time_ahead_ms_max},
                      {"records_per_day_max", params.records_per_day_max},
                      {"bytes_per_day_max", params.bytes_per_day_max}};
}

Result<Params> ParamsFromJson(const json::Value& value) {
  json::ObjectReader reader(value, "params");
  Params params;
  params.batch_bytes_max = reader.Integer("batch_bytes_max", 65'536, 1'048'576);
  params.checkpoint_interval_ms = reader.Integer("checkpoint_interval_ms", 0, 60'000);
  params.client_time_ahead_ms_max = reader.Integer("client_time_ahead_ms_max", 1, 86'400'000);
  params.records_per_day_max = reader.Integer("records_per_day_max", 1, json::kIntegerMax);
  params.bytes_per_day_max = reader.Integer("bytes_per_day_max", 1, json::kIntegerMax);
  RETURN_IF_ERROR(reader.Finish());
  return params;
}

json::Value MemberToJson(const MemberInfo& member) {
  return json::Object{{"id", member.id},
                      {"name", NamesToJson(member.name_en, member.name_zh)},
                      {"role", member.role},
                      {"suite", SuiteName(member.account_key.suite)},
                      {"public_key", ToHex(member.account_key.bytes)},
                      {"log_key", member.log_key.Encode()},
                      {"cosign_key", member.cosign_key.Encode()}};
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
  member.log_key = ReadMemberNoteKey(reader, "log_key", NoteKeyType::kEd25519, origin);
  member.cosign_key = ReadMemberNoteKey(reader, "cosign_key", NoteKeyType::kCosignatureV1, member.id);
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
