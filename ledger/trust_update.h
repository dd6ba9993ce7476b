// Trust update (specs/trust.md, "Following the versions"): what leads a verifier from the version of the
// trust file that it has pinned to the next one. Pure; safe from any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/result.h"
#include "crypto/sign.h"
#include "ledger/merkle.h"
#include "ledger/trust.h"

namespace cunzheng::ledger {

inline constexpr size_t kTrustUpdateLengthMax = 4 * 1024 * 1024;

struct TrustSignature {
  std::string member;
  Bytes signature;  // 64 bytes, by the member's account key, over the trust file's canonical bytes
  bool operator==(const TrustSignature&) const = default;
};

struct TrustUpdate {
  std::string trust;  // canonical bytes
  std::string entry;  // the act that brought it about: the last one of the tree that it takes effect at
  Path inclusion;     // of that entry, in that tree
  std::vector<TrustSignature> signatures;
  bool operator==(const TrustUpdate&) const = default;
};
Result<TrustUpdate> DecodeTrustUpdate(std::string_view text);
std::string EncodeTrustUpdate(const TrustUpdate& update);

// One member's word that it computed this version itself.
Bytes SignTrust(const PrivateKey& key, std::string_view trust);
// Errors: kUnknownMember (no member of `before` with a current account key), kSignatureInvalid.
Result<void> CheckTrustSignature(const Trust& before, std::string_view trust,
                                 const TrustSignature& signature);

// The next version after `pinned`. Errors: kWrongLedger; kTrustInvalid: a version is missing in between, or
// it continues another version than the one that is pinned (a fork), or it rewrites what was; those of a
// proof; kQuorumNotMet: fewer than k of the members of `pinned` have signed it.
Result<Trust> VerifyTrustUpdate(const Trust& pinned, const TrustUpdate& update);

}  // namespace cunzheng::ledger
