#include "ledger/trust.h"

#include <algorithm>
#include <set>

#include "crypto/digest.h"
#include "crypto/json.h"
#include "ledger/fields.h"
#include "ledger/merkle.h"

namespace cunzheng::ledger {
namespace {

constexpr std::string_view kTrustType = "cunzheng/trust/v1";
constexpr size_t kCountMax = 64;  // members, witnesses, keys of one, roots
constexpr size_t kCertificateLengthMax = 16 * 1024;

std::string_view PurposeName(KeyPurpose purpose) {
  switch (purpose) {
    case KeyPurpose::kLog:
      return "log";
    case KeyPurpose::kCosign:
      return "cosign";
    case KeyPurpose::kAccount:
      break;
  }
  return "account";
}

// A name that has no canonical form has no place in a file whose id is a hash of that form.
void CheckOneLine(json::ObjectReader& reader, std::string_view key, std::string_view text) {
  if (text.find('\n') != std::string_view::npos) {
    reader.Fail(Errc::kInvalidString, key, "must not hold a line end");
  }
}

Result<TrustKey> KeyFromJson(const json::Value& value, std::string what, std::string_view origin,
                             std::string_view owner, bool witness) {
  json::ObjectReader reader(value, std::move(what));
  TrustKey key;
  const std::string purpose = reader.String("purpose", 1, 16);
  const std::string text = reader.String("key", 1, 1'024);
  if (witness && purpose != "cosign") {
    reader.Fail(Errc::kInvalidValue, "purpose", "a witness has keys for cosign only");
  } else if (purpose == "account") {
    key.purpose = KeyPurpose::kAccount;
    if (auto account_key = ParsePublicKey(text)) {
      key.account_key = std::move(*account_key);
    } else {
      reader.Fail(Errc::kTrustInvalid, "key", "must be suite:hex of a point on the suite's curve");
    }
  } else if (purpose == "log" || purpose == "cosign") {
    const bool log = purpose == "log";
    key.purpose = log ? KeyPurpose::kLog : KeyPurpose::kCosign;
    if (auto note_key = ParseNoteKey(text)) {
      key.note_key = std::move(*note_key);
    } else {
      reader.Fail(Errc::kTrustInvalid, "key", "is no well-formed vkey");
    }
    if (key.note_key.type != (log ? NoteKeyType::kEd25519 : NoteKeyType::kCosignatureV1)) {
      reader.Fail(Errc::kTrustInvalid, "key", "is of another note type than its purpose needs");
    }
    if (key.note_key.name != (log ? origin : owner)) {
      reader.Fail(Errc::kTrustInvalid, "key",
                  "is named otherwise than the origin (log) or its owner (cosign)");
    }
  } else {
    reader.Fail(Errc::kInvalidValue, "purpose", "must be log, cosign or account");
  }
  key.from_size = reader.Integer("from_size", 1, json::kIntegerMax);
  key.until_size = ReadOptionalInteger(reader, "until_size", 1, json::kIntegerMax);
  if (key.until_size && *key.until_size <= key.from_size) {
    reader.Fail(Errc::kTrustInvalid, "until_size", "must be larger than from_size");
  }
  RETURN_IF_ERROR(reader.Finish());
  return key;
}

json::Value KeyToJson(const TrustKey& key) {
  json::Object object{{"purpose", PurposeName(key.purpose)}, {"from_size", key.from_size}};
  if (key.purpose == KeyPurpose::kAccount) {
    object.emplace("key", PublicKeyText(key.account_key));
  } else {
    object.emplace("key", key.note_key.Encode());
  }
  if (key.until_size) object.emplace("until_size", *key.until_size);
  return object;
}

Result<TrustMember> MemberFromJson(const json::Value& value, const std::string& what, std::string_view origin,
                                   bool witness) {
  json::ObjectReader reader(value, what);
  TrustMember member;
  member.id = ReadOriginName(reader, "id", 128);
  Names names = ReadNames(reader, "name");
  CheckOneLine(reader, "name", names.en);
  CheckOneLine(reader, "name", names.zh);
  member.name_en = std::move(names.en);
  member.name_zh = std::move(names.zh);
  if (!witness) member.role = ReadRole(reader);
  for (const json::Value& item : reader.List("keys", 1, kCountMax)) {
    auto key = KeyFromJson(item, what + ".keys[" + std::to_string(member.keys.size()) + "]", origin,
                           member.id, witness);
    if (!key) {
      reader.Adopt(key.error());
      break;
    }
    member.keys.push_back(std::move(*key));
  }
  if (std::none_of(member.keys.begin(), member.keys.end(),
                   [](const TrustKey& key) { return key.purpose == KeyPurpose::kCosign; })) {
    reader.Fail(Errc::kTrustInvalid, "keys", "must hold at least one for cosign");
  }
  RETURN_IF_ERROR(reader.Finish());
  return member;
}

json::Value MemberToJson(const TrustMember& member, bool witness) {
  json::Array keys;
  for (const TrustKey& key : member.keys) keys.push_back(KeyToJson(key));
  json::Object object{
      {"id", member.id}, {"name", NamesToJson(member.name_en, member.name_zh)}, {"keys", std::move(keys)}};
  if (!witness) object.emplace("role", member.role);
  return object;
}

std::vector<TrustMember> ReadMembers(json::ObjectReader& reader, std::string_view field, size_t count_min,
                                     std::string_view origin, bool witness) {
  std::vector<TrustMember> members;
  for (const json::Value& item : reader.List(field, count_min, kCountMax)) {
    const std::string what = "trust." + std::string(field) + "[" + std::to_string(members.size()) + "]";
    auto member = MemberFromJson(item, what, origin, witness);
    if (!member) {
      reader.Adopt(member.error());
      break;
    }
    members.push_back(std::move(*member));
  }
  return members;
}

json::Value MembersToJson(const std::vector<TrustMember>& members, bool witness) {
  json::Array list;
  for (const TrustMember& member : members) list.push_back(MemberToJson(member, witness));
  return list;
}

// An institution counts once: no id, and no note key, may stand for two.
void CheckDistinct(json::ObjectReader& reader, const Trust& trust) {
  std::set<std::string> ids;
  std::set<std::pair<std::string, uint32_t>> note_ids;
  std::set<Hash> note_keys;
  for (const auto* list : {&trust.members, &trust.witnesses}) {
    for (const TrustMember& member : *list) {
      if (!ids.insert(member.id).second) {
        reader.Fail(Errc::kTrustInvalid, "members", "the id " + member.id + " stands twice");
      }
      for (const TrustKey& key : member.keys) {
        if (key.purpose == KeyPurpose::kAccount) continue;
        if (!note_ids.emplace(key.note_key.name, key.note_key.Id()).second ||
            !note_keys.insert(key.note_key.public_key).second) {
          reader.Fail(Errc::kTrustInvalid, "members", "a note key of " + member.id + " stands twice");
        }
      }
    }
  }
}

void PutQuorum(const Quorum& quorum, json::Object* object) {
  object->emplace("f", quorum.f);
  object->emplace("k", quorum.k);
  object->emplace("w", quorum.w);
  if (quorum.witness_f != 0) object->emplace("witness_f", quorum.witness_f);
}

Quorum ReadQuorum(json::ObjectReader& reader) {
  Quorum quorum;
  quorum.f = reader.Integer("f", 0, kCountMax);
  quorum.k = reader.Integer("k", 1, kCountMax);
  quorum.w = reader.Integer("w", 0, kCountMax);
  // 0 is written by leaving the field out, so that a trust file has one canonical form.
  quorum.witness_f = ReadOptionalInteger(reader, "witness_f", 1, kCountMax).value_or(0);
  if (quorum.w > 0 ? quorum.witness_f >= quorum.w : quorum.witness_f != 0) {
    reader.Fail(Errc::kTrustInvalid, "witness_f", "must be smaller than w");
  }
  return quorum;
}

bool Suffices(const Quorum& quorum, uint64_t n) {
  return 2 * quorum.k > n + quorum.f && quorum.k <= n && quorum.f < quorum.k;
}

std::vector<EarlierQuorum> ReadEarlier(json::ObjectReader& reader) {
  std::vector<EarlierQuorum> earlier;
  if (!reader.Has("earlier")) return earlier;
  for (const json::Value& item : reader.List("earlier", 1, kCountMax)) {
    json::ObjectReader inner(item, "trust.earlier[" + std::to_string(earlier.size()) + "]");
    EarlierQuorum each;
    each.until_size = inner.Integer("until_size", 2, json::kIntegerMax);
    each.quorum = ReadQuorum(inner);
    if (auto status = inner.Finish(); !status) {
      reader.Adopt(status.error());
      break;
    }
    earlier.push_back(each);
  }
  return earlier;
}

void CheckEarlier(json::ObjectReader& reader, const Trust& trust) {
  uint64_t before = 1;
  for (const EarlierQuorum& each : trust.earlier) {
    if (each.until_size <= before || each.until_size > trust.effective_size) {
      reader.Fail(Errc::kTrustInvalid, "earlier", "must ascend by until_size, to effective.size at most");
    }
    before = each.until_size;
    if (!Suffices(each.quorum, trust.MembersAt(each.until_size - 1))) {
      reader.Fail(Errc::kTrustInvalid, "earlier", "must satisfy 2k > n + f, k <= n and f < k");
    }
  }
}

}  // namespace

json::Value TrustToJson(const Trust& trust) {
  json::Array roots;
  for (const Bytes& root : trust.tsa_roots) roots.emplace_back(ToBase64(root));
  json::Object object{
      {"type", kTrustType},
      {"ledger", ToHex(trust.ledger)},
      {"origin", trust.origin},
      {"version", trust.version},
      {"effective", json::Object{{"root", ToHex(trust.effective_root)}, {"size", trust.effective_size}}},
      {"members", MembersToJson(trust.members, false)},
      {"witnesses", MembersToJson(trust.witnesses, true)},
      {"tsa_roots", std::move(roots)}};
  if (trust.previous) object.emplace("previous", ToHex(*trust.previous));
  PutQuorum(trust.quorum, &object);
  if (!trust.earlier.empty()) {
    json::Array earlier;
    for (const EarlierQuorum& each : trust.earlier) {
      json::Object item{{"until_size", each.until_size}};
      PutQuorum(each.quorum, &item);
      earlier.push_back(std::move(item));
    }
    object.emplace("earlier", std::move(earlier));
  }
  return object;
}

namespace {

template <typename Holds>
uint64_t CountMembers(const std::vector<TrustMember>& members, Holds holds) {
  return static_cast<uint64_t>(std::count_if(members.begin(), members.end(), [&](const TrustMember& member) {
    return std::any_of(member.keys.begin(), member.keys.end(),
                       [&](const TrustKey& key) { return key.purpose == KeyPurpose::kCosign && holds(key); });
  }));
}

}  // namespace

uint64_t Trust::n() const {
  return CountMembers(members, [](const TrustKey& key) { return key.current(); });
}

uint64_t Trust::MembersAt(uint64_t size) const {
  return CountMembers(members, [&](const TrustKey& key) { return key.HoldsAt(size); });
}

const Quorum& Trust::QuorumAt(uint64_t size) const {
  for (const EarlierQuorum& each : earlier) {
    if (size < each.until_size) return each.quorum;
  }
  return quorum;
}

const TrustMember* Trust::FindMember(std::string_view id) const {
  for (const TrustMember& member : members) {
    if (member.id == id) return &member;
  }
  return nullptr;
}

Result<Trust> DecodeTrust(std::string_view text) {
  ASSIGN_OR_RETURN(const json::Value value, json::Parse(text, json::Form::kReadable, kTrustLengthMax));
  json::ObjectReader reader(value, "trust");
  Trust trust;
  reader.Type(kTrustType);
  trust.ledger = reader.Hex32("ledger");
  trust.origin = ReadOriginName(reader, "origin", 200);
  trust.version = reader.Integer("version", 1, json::kIntegerMax);
  {
    json::ObjectReader effective(reader.Child("effective"), "trust.effective");
    trust.effective_root = effective.Hex32("root");
    trust.effective_size = effective.Integer("size", 1, json::kIntegerMax);
    if (auto status = effective.Finish(); !status) reader.Adopt(status.error());
  }
  if (trust.version == 1 && trust.effective_size != 1) {
    reader.Fail(Errc::kTrustInvalid, "effective", "version 1 takes effect at size 1");
  }
  if (reader.Has("previous")) trust.previous = reader.Hex32("previous");
  if (trust.previous.has_value() != (trust.version > 1)) {
    reader.Fail(Errc::kTrustInvalid, "previous",
                "is mandatory from version 2 on, and forbidden in version 1");
  }
  trust.quorum = ReadQuorum(reader);
  trust.earlier = ReadEarlier(reader);
  trust.members = ReadMembers(reader, "members", 1, trust.origin, false);
  trust.witnesses = ReadMembers(reader, "witnesses", 0, trust.origin, true);
  CheckDistinct(reader, trust);
  if (!Suffices(trust.quorum, trust.n())) {
    reader.Fail(Errc::kTrustInvalid, "k", "must satisfy 2k > n + f, k <= n and f < k");
  }
  CheckEarlier(reader, trust);
  trust.tsa_roots = ReadBase64List(reader, "tsa_roots", kCountMax, kCertificateLengthMax);
  RETURN_IF_ERROR(reader.Finish());
  return trust;
}

std::string EncodeTrust(const Trust& trust) {
  return json::EncodePretty(TrustToJson(trust));
}

std::string CanonicalTrust(const Trust& trust) {
  return json::Encode(TrustToJson(trust));
}

Hash TrustId(const Trust& trust) {
  return TaggedHash(kPurposeTrust, AsBytes(CanonicalTrust(trust)));
}

std::string TrustFingerprint(const Trust& trust) {
  const std::string hex = ToHex(TrustId(trust));
  std::string groups;
  for (size_t i = 0; i < hex.size(); i += 8) {
    if (i > 0) groups += ' ';
    groups += hex.substr(i, 8);
  }
  return groups;
}

Trust TrustFromGenesis(std::string_view genesis_bytes, const Genesis& genesis) {
  Trust trust;
  trust.ledger = LedgerId(genesis_bytes);
  trust.origin = genesis.origin;
  trust.effective_root = LeafHash(AsBytes(genesis_bytes));
  trust.quorum = {genesis.f, genesis.k, genesis.w, 0};
  for (const MemberInfo& info : genesis.members) {
    TrustMember member{info.id, info.name_zh, info.name_en, info.role, {}};
    member.keys.push_back({KeyPurpose::kLog, info.log_key, {}, 1, std::nullopt});
    member.keys.push_back({KeyPurpose::kCosign, info.cosign_key, {}, 1, std::nullopt});
    member.keys.push_back({KeyPurpose::kAccount, {}, info.account_key, 1, std::nullopt});
    trust.members.push_back(std::move(member));
  }
  return trust;
}

}  // namespace cunzheng::ledger
