// Account signatures: ECDSA over secp256k1 (libsecp256k1) and SM2 with SM3 (OpenSSL). specs/keys.md.
//
// What is signed is the tagged message: "cunzheng/<purpose>/v1\n" ‖ bytes. secp256k1 signs its
// SHA-256, hashed once; SM2 signs SM3(Z ‖ tagged message) with the default id 1234567812345678.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "crypto/bytes.h"
#include "crypto/result.h"

namespace cunzheng {

enum class Suite { kSecp256k1, kSm2 };

// "ecdsa-secp256k1-sha256", "sm2-sm3".
std::string_view SuiteName(Suite suite);
Result<Suite> SuiteFromName(std::string_view name);  // Errors: kSuiteUnknown

// The purposes that exist; a signature for one never passes for another.
inline constexpr std::string_view kPurposeBatch = "batch";
inline constexpr std::string_view kPurposeAct = "act";
inline constexpr std::string_view kPurposeTrust = "trust";

// "cunzheng/<purpose>/v1\n" hashed with SHA-256 before `message`: batch ids, act ids, trust ids.
Hash TaggedHash(std::string_view purpose, ByteSpan message);

struct PublicKey {
  Suite suite = Suite::kSecp256k1;
  Bytes bytes;  // 33 bytes, SEC 1 compressed point, both suites
  bool operator==(const PublicKey&) const = default;
};

// Checks that the bytes are a compressed point on the suite's curve. Errors: kKeyInvalid.
Result<PublicKey> MakePublicKey(Suite suite, ByteSpan bytes);

// SHA-256("cunzheng/account/v1\n" ‖ suite name ‖ "\n" ‖ 33 key bytes); the account's name for ever,
// also after its key is rotated (specs/keys.md).
Hash AccountId(const PublicKey& key);

// `signature`: 64 bytes r ‖ s; secp256k1 demands low s. Pure; safe from any thread.
// Errors: kKeyInvalid, kSignatureInvalid, kSignatureNotLowS.
Result<void> VerifySignature(const PublicKey& key, std::string_view purpose, ByteSpan message,
                             ByteSpan signature);

// An account's private key. Cleansed on destruction. Sign() is safe from any thread.
class PrivateKey {
 public:
  static PrivateKey Generate(Suite suite);
  // `secret`: 32 bytes, big-endian scalar. Errors: kKeyInvalid.
  static Result<PrivateKey> FromSecret(Suite suite, ByteSpan secret);

  const PublicKey& public_key() const { return public_key_; }
  ByteSpan secret() const { return secret_.span(); }
  // 64 bytes r ‖ s. secp256k1 nonces are RFC 6979.
  Bytes Sign(std::string_view purpose, ByteSpan message) const;

 private:
  PrivateKey() = default;
  PublicKey public_key_;
  SecretBytes secret_;
};

}  // namespace cunzheng
