#include "ledger/trust_update.h"

#include <algorithm>
#include <set>

#include "crypto/json.h"
#include "ledger/entry.h"
#include "ledger/fields.h"

namespace cunzheng::ledger {
namespace {

constexpr std::string_view kType = "cunzheng/trust_update/v1";
constexpr size_t kSignaturesMax = 64;
constexpr size_t kPathMax = 64;

const PublicKey* CurrentAccountKey(const Trust& trust, std::string_view id) {
  const TrustMember* member = trust.FindMember(id);
  if (member == nullptr) return nullptr;
  for (const TrustKey& key : member->keys) {
    if (key.purpose == KeyPurpose::kAccount && key.current()) return &key.account_key;
  }
  return nullptr;
}

Error Rewrites(const std::string& id, const std::string& what) {
  return {Errc::kTrustInvalid, "trust.members: " + id + ": " + what};
}

// A new version may retire keys and add keys, from its own size on; what was, stays.
Result<void> CheckContinues(const std::vector<TrustMember>& before, const std::vector<TrustMember>& after,
                            uint64_t size) {
  const auto find = [](const std::vector<TrustMember>& list, const std::string& id) {
    return std::find_if(list.begin(), list.end(), [&](const TrustMember& member) { return member.id == id; });
  };
  for (const TrustMember& member : before) {
    const auto now = find(after, member.id);
    if (now == after.end()) return Rewrites(member.id, "was a member, and must stay on record");
    if (now->keys.size() < member.keys.size()) return Rewrites(member.id, "a key of it is missing");
    for (size_t i = 0; i < member.keys.size(); ++i) {
      TrustKey expected = member.keys[i];
      if (expected.current() && now->keys[i].until_size == size) expected.until_size = size;
      if (now->keys[i] != expected)
        return Rewrites(member.id, "a key's range must end now or stay as it was");
    }
  }
  for (const TrustMember& member : after) {
    const auto then = find(before, member.id);
    for (size_t i = then == before.end() ? 0 : then->keys.size(); i < member.keys.size(); ++i) {
      if (member.keys[i].from_size != size || !member.keys[i].current()) {
        return Rewrites(member.id, "a new key holds from this version's size on");
      }
    }
  }
  return {};
}

}  // namespace

Result<TrustUpdate> DecodeTrustUpdate(std::string_view text) {
  ASSIGN_OR_RETURN(const json::Value value, json::Parse(text, json::Form::kReadable, kTrustUpdateLengthMax));
  json::ObjectReader reader(value, "trust_update");
  TrustUpdate update;
  reader.Type(kType);
  update.trust = reader.String("trust", 1, kTrustLengthMax);
  update.entry = reader.String("entry", 1, kActEntryLengthMax);
  update.inclusion = ReadPath(reader, "inclusion", kPathMax);
  for (const json::Value& item : reader.List("signatures", 0, kSignaturesMax)) {
    json::ObjectReader inner(item,
                             "trust_update.signatures[" + std::to_string(update.signatures.size()) + "]");
    TrustSignature signature;
    signature.member = ReadOriginName(inner, "member", kMemberIdLengthMax);
    signature.signature = inner.Hex("signature", 64);
    if (signature.signature.size() != 64) {
      inner.Fail(Errc::kInvalidValue, "signature", "must be 128 hex digits");
    }
    if (auto status = inner.Finish(); !status) {
      reader.Adopt(status.error());
      break;
    }
    update.signatures.push_back(std::move(signature));
  }
  RETURN_IF_ERROR(reader.Finish());
  return update;
}

std::string EncodeTrustUpdate(const TrustUpdate& update) {
  json::Array signatures;
  for (const TrustSignature& each : update.signatures) {
    signatures.push_back(json::Object{{"member", each.member}, {"signature", ToHex(each.signature)}});
  }
  return json::EncodePretty(json::Object{{"type", kType},
                                         {"trust", update.trust},
                                         {"entry", update.entry},
                                         {"inclusion", PathToJson(update.inclusion)},
                                         {"signatures", std::move(signatures)}});
}

Bytes SignTrust(const PrivateKey& key, std::string_view trust) {
  return key.Sign(kPurposeTrust, AsBytes(trust));
}

Result<void> CheckTrustSignature(const Trust& before, std::string_view trust,
                                 const TrustSignature& signature) {
  const PublicKey* key = CurrentAccountKey(before, signature.member);
  if (key == nullptr) {
    return Error{Errc::kUnknownMember, "signatures: " + signature.member + " was no member with a current " +
                                           "account key in version " + std::to_string(before.version)};
  }
  return VerifySignature(*key, kPurposeTrust, AsBytes(trust), signature.signature);
}

Result<Trust> VerifyTrustUpdate(const Trust& pinned, const TrustUpdate& update) {
  ASSIGN_OR_RETURN(Trust next, DecodeTrust(update.trust));
  if (CanonicalTrust(next) != update.trust) {
    return Error{Errc::kNotCanonical, "trust_update.trust: must be the canonical bytes"};
  }
  if (next.ledger != pinned.ledger || next.origin != pinned.origin) {
    return Error{Errc::kWrongLedger, "trust.ledger: is " + ToHex(next.ledger) + " (" + next.origin +
                                         "), pinned is " + ToHex(pinned.ledger) + " (" + pinned.origin + ")"};
  }
  if (next.version != pinned.version + 1) {
    return Error{Errc::kTrustInvalid, "trust.version: is " + std::to_string(next.version) + ", after " +
                                          std::to_string(pinned.version) + " comes " +
                                          std::to_string(pinned.version + 1) +
                                          "; no version may be left out"};
  }
  if (next.previous != TrustId(pinned)) {
    return Error{Errc::kTrustInvalid, "trust.previous: it continues another version " +
                                          std::to_string(pinned.version) +
                                          " than the one that is pinned: a fork"};
  }
  if (next.effective_size <= pinned.effective_size) {
    return Error{Errc::kTrustInvalid, "trust.effective: must be a larger tree than the version's before"};
  }
  RETURN_IF_ERROR(CheckContinues(pinned.members, next.members, next.effective_size));
  RETURN_IF_ERROR(CheckContinues(pinned.witnesses, next.witnesses, next.effective_size));
  std::vector<EarlierQuorum> earlier = pinned.earlier;
  if (next.quorum != pinned.quorum) earlier.push_back({next.effective_size, pinned.quorum});
  if (next.earlier != earlier) {
    return Error{Errc::kTrustInvalid, "trust.earlier: must tell the thresholds that held before"};
  }
  RETURN_IF_ERROR(DecodeActEntry(update.entry));
  RETURN_IF_ERROR(VerifyInclusion(LeafHash(AsBytes(update.entry)), next.effective_size - 1,
                                  next.effective_size, update.inclusion, next.effective_root));
  std::set<std::string> signers;
  for (const TrustSignature& signature : update.signatures) {
    // A line of someone else's proves nothing and does no harm; a wrong one of a member is a lie.
    const auto checked = CheckTrustSignature(pinned, update.trust, signature);
    if (!checked && checked.error().code == Errc::kUnknownMember) continue;
    if (!checked) return checked.error();
    signers.insert(signature.member);
  }
  if (signers.size() < pinned.quorum.k) {
    return Error{Errc::kQuorumNotMet, "signatures: " + std::to_string(signers.size()) + " of the " +
                                          std::to_string(pinned.quorum.k) + " members of version " +
                                          std::to_string(pinned.version) + " that must sign"};
  }
  return next;
}

}  // namespace cunzheng::ledger
