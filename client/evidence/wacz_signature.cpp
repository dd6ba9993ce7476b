#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <boost/json.hpp>
#include <memory>
#include <optional>

#include "client/evidence/wacz_text.h"

namespace cunzheng::evidence {
namespace {

namespace bj = boost::json;

constexpr size_t kCoordinateBytes = 48;  // P-384
constexpr std::string_view kAuthVersion = "0.1.0";

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  void operator()(ECDSA_SIG* signature) const { ECDSA_SIG_free(signature); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Context = std::unique_ptr<EVP_MD_CTX, Free>;
using Signature = std::unique_ptr<ECDSA_SIG, Free>;

struct SignedData {
  std::string hash, signature, public_key;  // the latter two base64: r ‖ s, SubjectPublicKeyInfo
};

std::string Encode(const Package& package, const SignedData& data) {
  const bj::object signed_data{{"hash", data.hash},
                               {"created", package.created},
                               {"software", package.software},
                               {"version", bj::string_view(kAuthVersion.data(), kAuthVersion.size())},
                               {"signature", data.signature},
                               {"publicKey", data.public_key}};
  return bj::serialize(
      bj::object{{"path", "datapackage.json"}, {"hash", data.hash}, {"signedData", signed_data}});
}

Bytes KeyInfo(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int length = i2d_PUBKEY(key, &der);
  CHECK_INVARIANT(length > 0);
  Bytes bytes(der, der + length);
  OPENSSL_free(der);
  return bytes;
}

// What WebCrypto gives and takes: r ‖ s.
Bytes Sign(EVP_PKEY* key, ByteSpan message) {
  const Context context(EVP_MD_CTX_new());
  size_t length = 0;
  CHECK_INVARIANT(context && EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key) == 1 &&
                  EVP_DigestSign(context.get(), nullptr, &length, message.data(), message.size()) == 1);
  Bytes der(length);
  CHECK_INVARIANT(EVP_DigestSign(context.get(), der.data(), &length, message.data(), message.size()) == 1);
  const unsigned char* at = der.data();
  const Signature signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(length)));
  CHECK_INVARIANT(signature != nullptr);
  Bytes bytes(2 * kCoordinateBytes);
  constexpr int kLength = kCoordinateBytes;
  CHECK_INVARIANT(BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), bytes.data(), kLength) == kLength &&
                  BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), bytes.data() + kCoordinateBytes, kLength) ==
                      kLength);
  return bytes;
}

bool Verify(EVP_PKEY* key, ByteSpan message, ByteSpan bytes) {
  const Signature signature(ECDSA_SIG_new());
  BIGNUM* r = BN_bin2bn(bytes.data(), kCoordinateBytes, nullptr);
  BIGNUM* s = BN_bin2bn(bytes.data() + kCoordinateBytes, kCoordinateBytes, nullptr);
  CHECK_INVARIANT(signature && r != nullptr && s != nullptr && ECDSA_SIG_set0(signature.get(), r, s) == 1);
  unsigned char* der = nullptr;
  const int length = i2d_ECDSA_SIG(signature.get(), &der);
  CHECK_INVARIANT(length > 0);
  const Context context(EVP_MD_CTX_new());
  const bool valid =
      context && EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key) == 1 &&
      EVP_DigestVerify(context.get(), der, static_cast<size_t>(length), message.data(), message.size()) == 1;
  OPENSSL_free(der);
  return valid;
}

// A P-384 key in its one form, with the curve named.
Key ParseKey(const Bytes& bytes) {
  const unsigned char* at = bytes.data();
  Key key(d2i_PUBKEY(nullptr, &at, static_cast<long>(bytes.size())));
  char group[32] = "";
  if (!key || EVP_PKEY_get_group_name(key.get(), group, sizeof group, nullptr) != 1 ||
      std::string_view(group) != "secp384r1" || KeyInfo(key.get()) != bytes) {
    return nullptr;
  }
  return key;
}

Error Wrong(const std::string& what) {
  return {Errc::kInvalidValue, what};
}

}  // namespace

std::string SignPackage(std::string_view package_text, const Package& package) {
  const Key key(EVP_EC_gen("P-384"));
  CHECK_INVARIANT(key != nullptr);
  const std::string hash = WarcDigest(package_text);
  return Encode(package, {.hash = hash,
                          .signature = ToBase64(Sign(key.get(), AsBytes(hash))),
                          .public_key = ToBase64(KeyInfo(key.get()))});
}

Result<void> CheckPackageSignature(std::string_view text, std::string_view package_text,
                                   const Package& package) {
  bj::error_code failed;
  const bj::value value = bj::parse(bj::string_view(text.data(), text.size()), failed);
  const bj::object* json = failed ? nullptr : value.if_object();
  if (json == nullptr) return Wrong("must be a JSON object");
  const bj::value* inner = json->if_contains("signedData");
  if (inner == nullptr || !inner->is_object()) return Wrong("signedData: missing");
  const auto field = [inner](std::string_view name) -> std::string {
    const bj::value* found = inner->as_object().if_contains(bj::string_view(name.data(), name.size()));
    return found == nullptr || !found->is_string() ? std::string() : std::string(found->as_string());
  };
  const SignedData data{
      .hash = field("hash"), .signature = field("signature"), .public_key = field("publicKey")};
  const std::string hash = WarcDigest(package_text);
  const bj::value* outer = json->if_contains("hash");
  if (outer == nullptr || !outer->is_string() || std::string_view(outer->as_string()) != hash) {
    return Error{Errc::kDigestMismatch, "hash: is not that of datapackage.json"};
  }
  if (data.hash != hash)
    return Error{Errc::kDigestMismatch, "signedData.hash: is not that of datapackage.json"};
  if (field("created") != package.created) return Wrong("signedData.created: must be datapackage.json's");
  if (field("software") != package.software) return Wrong("signedData.software: must be datapackage.json's");
  if (Encode(package, data) != text) {
    return Wrong(
        "must be path, hash and signedData of hash, created, software, version, signature, publicKey, in "
        "their one form");
  }
  const auto key_info = FromBase64(data.public_key);
  const Key key = key_info ? ParseKey(*key_info) : nullptr;
  if (!key) return Wrong("signedData.publicKey: must be a P-384 key in base64");
  const auto signature = FromBase64(data.signature);
  if (!signature || signature->size() != 2 * kCoordinateBytes) {
    return Wrong("signedData.signature: must be 96 bytes in base64");
  }
  if (!Verify(key.get(), AsBytes(hash), *signature)) {
    return Error{Errc::kSignatureInvalid, "signedData.signature: does not verify with its publicKey"};
  }
  return {};
}

}  // namespace cunzheng::evidence
