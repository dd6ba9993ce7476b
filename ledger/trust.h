// Trust file (specs/trust.md): the verifier's pinned root. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "crypto/note.h"
#include "crypto/result.h"
#include "crypto/sign.h"
#include "ledger/genesis.h"

namespace cunzheng::ledger {

inline constexpr size_t kTrustLengthMax = 1024 * 1024;

enum class KeyPurpose { kLog, kCosign, kAccount };

struct TrustKey {
  KeyPurpose purpose = KeyPurpose::kCosign;
  NoteKey note_key;       // log, cosign
  PublicKey account_key;  // account
  uint64_t from_size = 1;
  std::optional<uint64_t> until_size;
  bool HoldsAt(uint64_t size) const { return size >= from_size && (!until_size || size < *until_size); }
  bool current() const { return !until_size; }
  bool operator==(const TrustKey&) const = default;
};

struct TrustMember {
  std::string id;
  std::string name_zh, name_en;
  std::string role;
  std::vector<TrustKey> keys;
  bool operator==(const TrustMember&) const = default;
};

// How many must sign.
struct Quorum {
  uint64_t f = 0, k = 1, w = 0, witness_f = 0;
  bool operator==(const Quorum&) const = default;
};
struct EarlierQuorum {
  uint64_t until_size = 0;  // it held for smaller trees, from the one before it on
  Quorum quorum;
  bool operator==(const EarlierQuorum&) const = default;
};

struct Trust {
  Hash ledger{};
  std::string origin;
  uint64_t version = 1;
  uint64_t effective_size = 1;
  Hash effective_root{};
  std::optional<Hash> previous;
  Quorum quorum;
  std::vector<EarlierQuorum> earlier;  // ascending
  std::vector<TrustMember> members;
  std::vector<TrustMember> witnesses;  // role unused
  std::vector<Bytes> tsa_roots;        // DER certificates
  bool operator==(const Trust&) const = default;

  // Members with a current cosigning key.
  uint64_t n() const;
  // What held for trees of `size`: how many had to sign, and of how many.
  const Quorum& QuorumAt(uint64_t size) const;
  uint64_t MembersAt(uint64_t size) const;
  const TrustMember* FindMember(std::string_view id) const;
};
Result<Trust> DecodeTrust(std::string_view text);  // Errors: kTrustInvalid, specs/json.md's
std::string EncodeTrust(const Trust& trust);       // readable form
std::string CanonicalTrust(const Trust& trust);    // the bytes that TrustId hashes
json::Value TrustToJson(const Trust& trust);
Hash TrustId(const Trust& trust);
// "1a2b3c4d 5e6f..." for people to compare.
std::string TrustFingerprint(const Trust& trust);
// Version 1 of a ledger's trust file.
Trust TrustFromGenesis(std::string_view genesis_bytes, const Genesis& genesis);

}  // namespace cunzheng::ledger
