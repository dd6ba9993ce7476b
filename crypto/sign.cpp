#include "crypto/sign.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/params.h>
#include <secp256k1.h>

#include <algorithm>
#include <iterator>

#include "crypto/digest.h"

namespace cunzheng {
namespace {

constexpr size_t kPublicKeyLength = 33;
constexpr size_t kSecretLength = 32;
constexpr size_t kSignatureLength = 64;
constexpr std::string_view kSm2Id = "1234567812345678";

std::string Tag(std::string_view purpose) {
  std::string tag("cunzheng/");
  return tag.append(purpose).append("/v1\n");
}

Error KeyInvalid(Suite suite, const char* rule) {
  return {Errc::kKeyInvalid, std::string(SuiteName(suite)) + ": " + rule};
}
Error PublicKeyInvalid(Suite suite) {
  return KeyInvalid(suite, "public key must be a compressed point of 33 bytes on the curve");
}
Error SignatureInvalid(Suite suite, const char* rule) {
  return {Errc::kSignatureInvalid, std::string(SuiteName(suite)) + ": " + rule};
}

// ---- secp256k1: libsecp256k1 ----

// One context for all threads: after randomisation it is only read.
const secp256k1_context* Secp() {
  static const secp256k1_context* const context = [] {
    secp256k1_context* made = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    CHECK_INVARIANT(made != nullptr);
    CHECK_INVARIANT(secp256k1_context_randomize(made, RandomHash().data()) == 1);
    return made;
  }();
  return context;
}

bool SecpParse(ByteSpan bytes, secp256k1_pubkey* key) {
  return bytes.size() == kPublicKeyLength &&
         secp256k1_ec_pubkey_parse(Secp(), key, bytes.data(), bytes.size()) == 1;
}

Result<void> SecpVerify(ByteSpan public_key, const Hash& digest, ByteSpan signature) {
  secp256k1_pubkey key;
  if (!SecpParse(public_key, &key)) return PublicKeyInvalid(Suite::kSecp256k1);
  secp256k1_ecdsa_signature parsed;
  if (signature.size() != kSignatureLength ||
      secp256k1_ecdsa_signature_parse_compact(Secp(), &parsed, signature.data()) != 1) {
    return SignatureInvalid(Suite::kSecp256k1,
                            "signature must be 64 bytes r and s, each below the group order");
  }
  // High s would give every signature a second valid form.
  if (secp256k1_ecdsa_signature_normalize(Secp(), nullptr, &parsed) == 1) {
    return Error{Errc::kSignatureNotLowS, "ecdsa-secp256k1-sha256: s must be at most half the group order"};
  }
  if (secp256k1_ecdsa_verify(Secp(), &parsed, digest.data(), &key) != 1) {
    return SignatureInvalid(Suite::kSecp256k1, "signature does not verify");
  }
  return {};
}

Bytes SecpSign(ByteSpan secret, const Hash& digest) {
  secp256k1_ecdsa_signature signature;
  // The default nonce function is RFC 6979; the result is always low-S.
  CHECK_INVARIANT(secp256k1_ecdsa_sign(Secp(), &signature, digest.data(), secret.data(), nullptr, nullptr) ==
                  1);
  Bytes compact(kSignatureLength);
  secp256k1_ecdsa_signature_serialize_compact(Secp(), compact.data(), &signature);
  return compact;
}

Result<Bytes> SecpPublicKey(ByteSpan secret) {
  secp256k1_pubkey key;
  if (secret.size() != kSecretLength || secp256k1_ec_pubkey_create(Secp(), &key, secret.data()) != 1) {
    return KeyInvalid(Suite::kSecp256k1, "secret must be 32 bytes, from 1 to the group order minus 1");
  }
  Bytes bytes(kPublicKeyLength);
  size_t length = bytes.size();
  secp256k1_ec_pubkey_serialize(Secp(), bytes.data(), &length, &key, SECP256K1_EC_COMPRESSED);
  return bytes;
}

// ---- SM2: OpenSSL ----

template <auto Free>
struct FreeWith {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using PkeyPtr = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using PkeyContextPtr = std::unique_ptr<EVP_PKEY_CTX, FreeWith<EVP_PKEY_CTX_free>>;
using MdContextPtr = std::unique_ptr<EVP_MD_CTX, FreeWith<EVP_MD_CTX_free>>;
using BignumPtr = std::unique_ptr<BIGNUM, FreeWith<BN_clear_free>>;
using GroupPtr = std::unique_ptr<EC_GROUP, FreeWith<EC_GROUP_free>>;
using PointPtr = std::unique_ptr<EC_POINT, FreeWith<EC_POINT_clear_free>>;
using EcdsaSigPtr = std::unique_ptr<ECDSA_SIG, FreeWith<ECDSA_SIG_free>>;

BignumPtr ToBignum(ByteSpan bytes) {
  BignumPtr number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
  CHECK_INVARIANT(number != nullptr);
  return number;
}

// Null when the bytes are no point on the curve. `secret` empty: a public key only.
PkeyPtr Sm2Key(ByteSpan public_key, ByteSpan secret) {
  if (public_key.size() != kPublicKeyLength) return nullptr;
  Bytes point(public_key.begin(), public_key.end());
  char group[] = "SM2";
  SecretBytes scalar(kSecretLength);  // OSSL_PARAM holds integers in the machine's byte order
  OSSL_PARAM params[4];
  size_t count = 0;
  params[count++] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
  params[count++] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
  if (!secret.empty()) {
    const BignumPtr number = ToBignum(secret);
    CHECK_INVARIANT(BN_bn2nativepad(number.get(), scalar.data(), static_cast<int>(scalar.size())) > 0);
    params[count++] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, scalar.data(), scalar.size());
  }
  params[count] = OSSL_PARAM_construct_end();

  const PkeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "SM2", nullptr));
  CHECK_INVARIANT(context != nullptr && EVP_PKEY_fromdata_init(context.get()) == 1);
  EVP_PKEY* key = nullptr;
  const int selection = secret.empty() ? EVP_PKEY_PUBLIC_KEY : EVP_PKEY_KEYPAIR;
  if (EVP_PKEY_fromdata(context.get(), &key, selection, params) != 1) return nullptr;
  return PkeyPtr(key);
}

// Public key of a secret in 1..n-2 (n-1 has no inverse of 1 + d, which signing needs).
Result<Bytes> Sm2PublicKey(ByteSpan secret) {
  const GroupPtr group(EC_GROUP_new_by_curve_name(NID_sm2));
  CHECK_INVARIANT(group != nullptr);
  const BignumPtr limit(BN_dup(EC_GROUP_get0_order(group.get())));
  CHECK_INVARIANT(limit != nullptr && BN_sub_word(limit.get(), 1) == 1);
  const bool sized = secret.size() == kSecretLength;
  const BignumPtr scalar = ToBignum(sized ? secret : ByteSpan{});
  if (!sized || BN_is_zero(scalar.get()) || BN_cmp(scalar.get(), limit.get()) >= 0) {
    return KeyInvalid(Suite::kSm2, "secret must be 32 bytes, from 1 to the group order minus 2");
  }
  const PointPtr point(EC_POINT_new(group.get()));
  CHECK_INVARIANT(point != nullptr);
  CHECK_INVARIANT(EC_POINT_mul(group.get(), point.get(), scalar.get(), nullptr, nullptr, nullptr) == 1);
  Bytes bytes(kPublicKeyLength);
  CHECK_INVARIANT(EC_POINT_point2oct(group.get(), point.get(), POINT_CONVERSION_COMPRESSED, bytes.data(),
                                     bytes.size(), nullptr) == bytes.size());
  return bytes;
}

// OpenSSL speaks DER; the project stores r ‖ s.
Bytes CompactToDer(ByteSpan compact) {
  const EcdsaSigPtr signature(ECDSA_SIG_new());
  CHECK_INVARIANT(signature != nullptr);
  BignumPtr r = ToBignum(compact.first(32));
  BignumPtr s = ToBignum(compact.subspan(32));
  CHECK_INVARIANT(ECDSA_SIG_set0(signature.get(), r.release(), s.release()) == 1);
  const int length = i2d_ECDSA_SIG(signature.get(), nullptr);
  CHECK_INVARIANT(length > 0);
  Bytes der(static_cast<size_t>(length));
  uint8_t* out = der.data();
  i2d_ECDSA_SIG(signature.get(), &out);
  return der;
}

Bytes DerToCompact(ByteSpan der) {
  const uint8_t* in = der.data();
  const EcdsaSigPtr signature(d2i_ECDSA_SIG(nullptr, &in, static_cast<long>(der.size())));
  CHECK_INVARIANT(signature != nullptr);
  Bytes compact(kSignatureLength);
  CHECK_INVARIANT(BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), compact.data(), 32) == 32);
  CHECK_INVARIANT(BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), compact.data() + 32, 32) == 32);
  return compact;
}

using InitFunction = int (*)(EVP_MD_CTX*, EVP_PKEY_CTX**, const char*, OSSL_LIB_CTX*, const char*, EVP_PKEY*,
                             const OSSL_PARAM*);

// A digest-sign or digest-verify operation with SM3 and the default id, ready for the message.
MdContextPtr Sm2Start(InitFunction init, EVP_PKEY* key) {
  MdContextPtr context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* operation = nullptr;  // owned by `context`
  CHECK_INVARIANT(context != nullptr);
  CHECK_INVARIANT(init(context.get(), &operation, "SM3", nullptr, nullptr, key, nullptr) == 1);
  CHECK_INVARIANT(EVP_PKEY_CTX_set1_id(operation, kSm2Id.data(), static_cast<int>(kSm2Id.size())) == 1);
  return context;
}

Result<void> Sm2Verify(ByteSpan public_key, std::string_view tag, ByteSpan message, ByteSpan signature) {
  const PkeyPtr key = Sm2Key(public_key, {});
  if (!key) return PublicKeyInvalid(Suite::kSm2);
  if (signature.size() != kSignatureLength)
    return SignatureInvalid(Suite::kSm2, "signature must be 64 bytes r and s");
  const MdContextPtr context = Sm2Start(EVP_DigestVerifyInit_ex, key.get());
  CHECK_INVARIANT(EVP_DigestVerifyUpdate(context.get(), tag.data(), tag.size()) == 1);
  CHECK_INVARIANT(EVP_DigestVerifyUpdate(context.get(), message.data(), message.size()) == 1);
  const Bytes der = CompactToDer(signature);
  if (EVP_DigestVerifyFinal(context.get(), der.data(), der.size()) != 1) {
    return SignatureInvalid(Suite::kSm2, "signature does not verify");
  }
  return {};
}

Bytes Sm2Sign(const PublicKey& public_key, ByteSpan secret, std::string_view tag, ByteSpan message) {
  const PkeyPtr key = Sm2Key(public_key.bytes, secret);
  CHECK_INVARIANT(key != nullptr);
  const MdContextPtr context = Sm2Start(EVP_DigestSignInit_ex, key.get());
  CHECK_INVARIANT(EVP_DigestSignUpdate(context.get(), tag.data(), tag.size()) == 1);
  CHECK_INVARIANT(EVP_DigestSignUpdate(context.get(), message.data(), message.size()) == 1);
  size_t length = 0;
  CHECK_INVARIANT(EVP_DigestSignFinal(context.get(), nullptr, &length) == 1);
  Bytes der(length);
  CHECK_INVARIANT(EVP_DigestSignFinal(context.get(), der.data(), &length) == 1);
  return DerToCompact(ByteSpan(der).first(length));
}

}  // namespace

std::string_view SuiteName(Suite suite) {
  return suite == Suite::kSecp256k1 ? "ecdsa-secp256k1-sha256" : "sm2-sm3";
}

Result<Suite> SuiteFromName(std::string_view name) {
  for (const Suite suite : {Suite::kSecp256k1, Suite::kSm2}) {
    if (name == SuiteName(suite)) return suite;
  }
  return Error{Errc::kSuiteUnknown, "suite: must be ecdsa-secp256k1-sha256 or sm2-sm3"};
}

Hash TaggedHash(std::string_view purpose, ByteSpan message) {
  return Sha256(AsBytes(Tag(purpose)), message);
}

Result<PublicKey> MakePublicKey(Suite suite, ByteSpan bytes) {
  secp256k1_pubkey parsed;
  const bool valid = suite == Suite::kSecp256k1 ? SecpParse(bytes, &parsed) : Sm2Key(bytes, {}) != nullptr;
  if (!valid) return PublicKeyInvalid(suite);
  return PublicKey{.suite = suite, .bytes = Bytes(bytes.begin(), bytes.end())};
}

Hash AccountId(const PublicKey& key) {
  return Sha256(AsBytes(Tag("account")), AsBytes(std::string(SuiteName(key.suite)) + "\n"), key.bytes);
}

Result<void> VerifySignature(const PublicKey& key, std::string_view purpose, ByteSpan message,
                             ByteSpan signature) {
  if (key.suite == Suite::kSecp256k1) return SecpVerify(key.bytes, TaggedHash(purpose, message), signature);
  return Sm2Verify(key.bytes, Tag(purpose), message, signature);
}

PrivateKey PrivateKey::Generate(Suite suite) {
  for (;;) {  // a random scalar is out of range about once in 2^32 tries or less
    const SecretBytes secret(RandomBytes(kSecretLength));
    auto key = FromSecret(suite, secret.span());
    if (key) return std::move(key).value();
  }
}

Result<PrivateKey> PrivateKey::FromSecret(Suite suite, ByteSpan secret) {
  ASSIGN_OR_RETURN(Bytes bytes, suite == Suite::kSecp256k1 ? SecpPublicKey(secret) : Sm2PublicKey(secret));
  PrivateKey key;
  key.public_key_ = {.suite = suite, .bytes = std::move(bytes)};
  key.secret_ = SecretBytes(Bytes(secret.begin(), secret.end()));
  return key;
}

Bytes PrivateKey::Sign(std::string_view purpose, ByteSpan message) const {
  if (public_key_.suite == Suite::kSecp256k1) return SecpSign(secret(), TaggedHash(purpose, message));
  return Sm2Sign(public_key_, secret(), Tag(purpose), message);
}

}  // namespace cunzheng
