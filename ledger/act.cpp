#include "ledger/act.h"

#include <algorithm>
#include <array>
#include <utility>

#include "ledger/fields.h"

namespace cunzheng::ledger {
namespace {

constexpr std::string_view kActType = "cunzheng/act/v1";
constexpr size_t kReasonLengthMax = 500;
constexpr size_t kRootsMax = 16;
constexpr size_t kCertificateLengthMax = 16 * 1024;
// An act's envelope: the act and two short lines.
constexpr size_t kActEnvelopeLengthMax = kActLengthMax + 1'024;

constexpr std::array<std::pair<KeyRole, std::string_view>, 4> kKeyRoles{{
    {KeyRole::kLog, "log"},
    {KeyRole::kCosign, "cosign"},
    {KeyRole::kAccount, "account"},
    {KeyRole::kConsensus, "consensus"},
}};

// Actions and changes: one reader and one writer each, in the order of the specifications.

AccountAdd ReadAccountAdd(json::ObjectReader& args) {
  AccountAdd action;
  action.key = ReadPublicKey(args);
  action.name = args.String("name", 1, kAccountNameLengthMax);
  action.records_per_day_max = ReadOptionalInteger(args, "records_per_day_max", 0, json::kIntegerMax);
  action.bytes_per_day_max = ReadOptionalInteger(args, "bytes_per_day_max", 0, json::kIntegerMax);
  return action;
}

template <typename AccountStep>
AccountStep ReadAccountStep(json::ObjectReader& args) {
  AccountStep action;
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

// Forms alone; whether the numbers fit the members is the charter's to say.
Thresholds ReadThresholds(json::ObjectReader& reader) {
  Thresholds thresholds;
  thresholds.f = reader.Integer("f", 0, kMembersMax);
  thresholds.k = reader.Integer("k", 1, kMembersMax);
  thresholds.govern = reader.Integer("govern", 1, kMembersMax);
  return thresholds;
}

std::optional<Thresholds> ReadOptionalThresholds(json::ObjectReader& args) {
  if (!args.Has("thresholds")) return std::nullopt;
  json::ObjectReader inner(args.Child("thresholds"), args.what() + ".thresholds");
  const Thresholds thresholds = ReadThresholds(inner);
  if (auto status = inner.Finish(); !status) args.Adopt(status.error());
  return thresholds;
}

MemberAdd ReadMemberAdd(json::ObjectReader& args) {
  MemberAdd change;
  if (auto member = MemberFromJson(args.Child("member"), {})) {
    change.member = std::move(*member);
  } else {
    args.Adopt({member.error().code, args.what() + "." + member.error().detail});
  }
  change.thresholds = ReadOptionalThresholds(args);
  return change;
}

template <typename MemberStep>
MemberStep ReadMemberStep(json::ObjectReader& args) {
  MemberStep change;
  change.member = ReadOriginName(args, "member", kMemberIdLengthMax);
  change.reason = args.String("reason", 1, kReasonLengthMax);
  change.thresholds = ReadOptionalThresholds(args);
  return change;
}

KeyRotate ReadKeyRotate(json::ObjectReader& args) {
  KeyRotate change;
  change.member = ReadOriginName(args, "member", kMemberIdLengthMax);
  const std::string purpose = args.String("purpose", 1, 16);
  const auto role = KeyRoleFromName(purpose);
  if (!role) {
    args.Fail(Errc::kInvalidValue, "purpose", "must be log, cosign, account or consensus");
    return change;
  }
  change.role = *role;
  if (*role == KeyRole::kLog || *role == KeyRole::kCosign) {
    change.note_key = ReadNoteKey(
        args, "key", *role == KeyRole::kLog ? NoteKeyType::kEd25519 : NoteKeyType::kCosignatureV1, {});
    return change;
  }
  auto key = ParsePublicKey(args.String("key", 1, kSuiteNameLengthMax));
  if (!key) {
    args.Fail(Errc::kKeyInvalid, "key", "must be suite:hex of a point on the suite's curve");
  } else if (*role == KeyRole::kConsensus && key->suite != Suite::kSecp256k1) {
    args.Fail(Errc::kKeyInvalid, "key", "a consensus key is of suite ecdsa-secp256k1-sha256");
  } else {
    change.public_key = std::move(*key);
  }
  return change;
}

WitnessesSet ReadWitnesses(json::ObjectReader& args) {
  WitnessesSet change;
  change.w = args.Integer("w", 0, kWitnessesMax);
  change.witness_f = args.Integer("witness_f", 0, kWitnessesMax);
  for (const json::Value& item : args.List("witnesses", 0, kWitnessesMax)) {
    json::ObjectReader reader(item,
                              args.what() + ".witnesses[" + std::to_string(change.witnesses.size()) + "]");
    WitnessInfo witness;
    witness.id = ReadOriginName(reader, "id", kMemberIdLengthMax);
    Names names = ReadNames(reader, "name");
    witness.name_en = std::move(names.en);
    witness.name_zh = std::move(names.zh);
    witness.key = ReadNoteKey(reader, "key", NoteKeyType::kCosignatureV1, witness.id);
    if (auto status = reader.Finish(); !status) {
      args.Adopt(status.error());
      break;
    }
    change.witnesses.push_back(std::move(witness));
  }
  return change;
}

TsaRootsSet ReadTsaRoots(json::ObjectReader& args) {
  return {ReadBase64List(args, "roots", kRootsMax, kCertificateLengthMax)};
}

std::optional<Change> ReadChange(std::string_view name, json::ObjectReader& args) {
  if (name == "member_add") return ReadMemberAdd(args);
  if (name == "member_suspend") return ReadMemberStep<MemberSuspend>(args);
  if (name == "member_resume") return ReadMemberStep<MemberResume>(args);
  if (name == "member_remove") return ReadMemberStep<MemberRemove>(args);
  if (name == "key_rotate") return ReadKeyRotate(args);
  if (name == "thresholds") return ReadThresholds(args);
  if (name == "params") {
    auto params = ReadParams(args);
    return params;
  }
  if (name == "witnesses") return ReadWitnesses(args);
  if (name == "tsa_roots") return ReadTsaRoots(args);
  if (name == "account_suspend") return ReadAccountStep<AccountSuspend>(args);
  if (name == "account_resume") return ReadAccountStep<AccountResume>(args);
  if (name == "account_remove") return ReadAccountStep<AccountRemove>(args);
  return std::nullopt;
}

// `action` and `args` of a change, into the reader of whatever holds them.
Change ReadNamedChange(json::ObjectReader& reader) {
  const std::string name = reader.String("action", 1, 64);
  json::ObjectReader args(reader.Child("args"), reader.what() + ".args");
  auto change = ReadChange(name, args);
  if (!change) {
    reader.Fail(Errc::kInvalidValue, "action", "is no change that this version knows");
    return {};
  }
  if (auto status = args.Finish(); !status) reader.Adopt(status.error());
  return std::move(*change);
}

Propose ReadPropose(json::ObjectReader& args) {
  Propose action;
  action.change = ReadNamedChange(args);
  action.expires_unix_ms = args.Integer("expires_unix_ms", 0, json::kIntegerMax);
  return action;
}

Action ReadAction(json::ObjectReader& reader) {
  const std::string name = reader.String("action", 1, 64);
  json::ObjectReader args(reader.Child("args"), "act.args");
  Action action;
  if (name == "account_add") {
    action = ReadAccountAdd(args);
  } else if (name == "account_suspend") {
    action = ReadAccountStep<AccountSuspend>(args);
  } else if (name == "account_resume") {
    action = ReadAccountStep<AccountResume>(args);
  } else if (name == "account_remove") {
    action = ReadAccountStep<AccountRemove>(args);
  } else if (name == "account_quota") {
    action = ReadAccountQuota(args);
  } else if (name == "clock_resume") {
    action = ClockResume{args.String("reason", 1, kReasonLengthMax)};
  } else if (name == "propose") {
    action = ReadPropose(args);
  } else if (name == "approve") {
    action = Approve{args.Hex32("proposal")};
  } else {
    reader.Fail(Errc::kInvalidValue, "action", "is none that this version knows");
  }
  if (auto status = args.Finish(); !status) reader.Adopt(status.error());
  return action;
}

// Puts `action` and `args` into `object`.
struct ActionWriter {
  json::Object& object;
  void Put(const char* name, json::Object args) const {
    object.emplace("action", name);
    object.emplace("args", std::move(args));
  }
  void PutAccountStep(const char* name, const Hash& account, const std::string& reason) const {
    Put(name, {{"account", ToHex(account)}, {"reason", reason}});
  }
  static json::Object ThresholdsObject(const Thresholds& t) {
    return {{"f", t.f}, {"k", t.k}, {"govern", t.govern}};
  }
  static void PutThresholds(const std::optional<Thresholds>& thresholds, json::Object* args) {
    if (thresholds) args->emplace("thresholds", ThresholdsObject(*thresholds));
  }
  template <typename MemberStep>
  void PutMemberStep(const char* name, const MemberStep& step) const {
    json::Object args{{"member", step.member}, {"reason", step.reason}};
    PutThresholds(step.thresholds, &args);
    Put(name, std::move(args));
  }

  void operator()(const AccountAdd& a) const {
    json::Object args{
        {"public_key", ToHex(a.key.bytes)}, {"suite", SuiteName(a.key.suite)}, {"name", a.name}};
    if (a.records_per_day_max) args.emplace("records_per_day_max", *a.records_per_day_max);
    if (a.bytes_per_day_max) args.emplace("bytes_per_day_max", *a.bytes_per_day_max);
    Put("account_add", std::move(args));
  }
  void operator()(const AccountSuspend& a) const { PutAccountStep("account_suspend", a.account, a.reason); }
  void operator()(const AccountResume& a) const { PutAccountStep("account_resume", a.account, a.reason); }
  void operator()(const AccountRemove& a) const { PutAccountStep("account_remove", a.account, a.reason); }
  void operator()(const AccountQuota& a) const {
    Put("account_quota", {{"account", ToHex(a.account)},
                          {"records_per_day_max", a.records_per_day_max},
                          {"bytes_per_day_max", a.bytes_per_day_max}});
  }
  void operator()(const ClockResume& a) const { Put("clock_resume", {{"reason", a.reason}}); }
  void operator()(const MemberAdd& c) const {
    json::Object args{{"member", MemberToJson(c.member)}};
    PutThresholds(c.thresholds, &args);
    Put("member_add", std::move(args));
  }
  void operator()(const MemberSuspend& c) const { PutMemberStep("member_suspend", c); }
  void operator()(const MemberResume& c) const { PutMemberStep("member_resume", c); }
  void operator()(const MemberRemove& c) const { PutMemberStep("member_remove", c); }
  void operator()(const KeyRotate& c) const {
    const bool note = c.role == KeyRole::kLog || c.role == KeyRole::kCosign;
    Put("key_rotate", {{"member", c.member},
                       {"purpose", KeyRoleName(c.role)},
                       {"key", note ? c.note_key.Encode() : PublicKeyText(c.public_key)}});
  }
  void operator()(const Thresholds& c) const { Put("thresholds", ThresholdsObject(c)); }
  void operator()(const Params& c) const { Put("params", *ParamsToJson(c).AsObject()); }
  void operator()(const WitnessesSet& c) const {
    json::Array list;
    for (const WitnessInfo& witness : c.witnesses) {
      list.push_back(json::Object{{"id", witness.id},
                                  {"name", NamesToJson(witness.name_en, witness.name_zh)},
                                  {"key", witness.key.Encode()}});
    }
    Put("witnesses", {{"w", c.w}, {"witness_f", c.witness_f}, {"witnesses", std::move(list)}});
  }
  void operator()(const TsaRootsSet& c) const {
    json::Array list;
    for (const Bytes& root : c.roots) list.emplace_back(ToBase64(root));
    Put("tsa_roots", {{"roots", std::move(list)}});
  }
  void operator()(const Propose& a) const {
    json::Object args = *ChangeToJson(a.change).AsObject();
    args.emplace("expires_unix_ms", a.expires_unix_ms);
    Put("propose", std::move(args));
  }
  void operator()(const Approve& a) const { Put("approve", {{"proposal", ToHex(a.proposal)}}); }
};

}  // namespace

std::string_view KeyRoleName(KeyRole role) {
  for (const auto& [known, name] : kKeyRoles) {
    if (known == role) return name;
  }
  return "";
}

std::optional<KeyRole> KeyRoleFromName(std::string_view name) {
  for (const auto& [role, known] : kKeyRoles) {
    if (known == name) return role;
  }
  return std::nullopt;
}

json::Value ChangeToJson(const Change& change) {
  json::Object object;
  std::visit(ActionWriter{object}, change);
  return object;
}

Result<Change> ChangeFromJson(const json::Value& value) {
  json::ObjectReader reader(value, "change");
  Change change = ReadNamedChange(reader);
  RETURN_IF_ERROR(reader.Finish());
  return change;
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

}  // namespace cunzheng::ledger
