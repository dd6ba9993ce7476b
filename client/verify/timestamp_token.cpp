#include "client/verify/timestamp_token.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pkcs7.h>
#include <openssl/ts.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>

namespace cunzheng::verify {
namespace {

// Security level 2 of OpenSSL: no SHA-1 and no RSA key under 2,048 bits anywhere in the chain.
constexpr int kAuthLevel = 2;
constexpr uint64_t kAccuracySecondsMax = 86'400;
constexpr uint64_t kMicros = 1'000'000;

template <auto kFree>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
template <typename T, auto kFree>
using Handle = std::unique_ptr<T, Deleter<kFree>>;

Error Invalid(std::string_view rule) {
  return Error{Errc::kTokenInvalid, "token: " + std::string(rule)};
}

// With OpenSSL's own reason, which names the certificate rule that failed.
Error InvalidBecause(std::string_view rule) {
  const char* reason = nullptr;
  const char* data = nullptr;
  int flags = 0;
  std::string text(rule);
  while (const unsigned long code = ERR_get_error_all(nullptr, nullptr, nullptr, &data, &flags)) {
    if ((reason = ERR_reason_error_string(code)) != nullptr) text.append("; ").append(reason);
    if ((flags & ERR_TXT_STRING) != 0 && data != nullptr && *data != '\0') text.append(": ").append(data);
  }
  return Invalid(text);
}

const EVP_MD* ImprintDigest(int nid) {
  switch (nid) {
    case NID_sha256:
      return EVP_sha256();
    case NID_sha384:
      return EVP_sha384();
    case NID_sha512:
      return EVP_sha512();
    default:
      return nullptr;
  }
}

int AlgorithmNid(const X509_ALGOR* algorithm) {
  const ASN1_OBJECT* object = nullptr;
  X509_ALGOR_get0(&object, nullptr, nullptr, algorithm);
  return OBJ_obj2nid(object);
}

// The content type that the signature covers (RFC 5652 section 11.1), which OpenSSL does not compare.
int SignedContentType(const PKCS7_SIGNER_INFO* signer_info) {
  const ASN1_TYPE* const value = PKCS7_get_signed_attribute(signer_info, NID_pkcs9_contentType);
  return value != nullptr && value->type == V_ASN1_OBJECT ? OBJ_obj2nid(value->value.object) : NID_undef;
}

Result<void> CheckImprint(TS_TST_INFO* info, std::string_view data) {
  TS_MSG_IMPRINT* const imprint = TS_TST_INFO_get_msg_imprint(info);
  const EVP_MD* const digest = ImprintDigest(AlgorithmNid(TS_MSG_IMPRINT_get_algo(imprint)));
  if (digest == nullptr) return Invalid("the imprint must be SHA-256, SHA-384 or SHA-512");
  const ASN1_OCTET_STRING* const stated = TS_MSG_IMPRINT_get_msg(imprint);
  const ByteSpan stated_bytes{ASN1_STRING_get0_data(stated), static_cast<size_t>(ASN1_STRING_length(stated))};
  Bytes actual(static_cast<size_t>(EVP_MD_get_size(digest)));
  if (EVP_Digest(data.data(), data.size(), actual.data(), nullptr, digest, nullptr) != 1) {
    return Invalid("the imprint could not be computed");
  }
  if (!std::equal(actual.begin(), actual.end(), stated_bytes.begin(), stated_bytes.end())) {
    return Invalid("it stamps other bytes than this checkpoint");
  }
  return {};
}

// A small non-negative INTEGER; an absent one is 0.
std::optional<uint64_t> SmallInteger(const ASN1_INTEGER* integer, uint64_t max) {
  if (integer == nullptr) return 0;
  uint64_t value = 0;
  if (ASN1_INTEGER_get_uint64(&value, integer) != 1 || value > max) return std::nullopt;
  return value;
}

struct GenTime {
  time_t seconds = 0;
  uint64_t micros = 0;  // rounded up
};

std::optional<GenTime> ReadGenTime(const TS_TST_INFO* info) {
  const ASN1_GENERALIZEDTIME* const time = TS_TST_INFO_get_time(info);
  const Handle<ASN1_TIME, ASN1_TIME_free> epoch(ASN1_TIME_set(nullptr, 0));
  int days = 0, seconds = 0;
  if (time == nullptr || epoch == nullptr || ASN1_TIME_diff(&days, &seconds, epoch.get(), time) != 1) {
    return std::nullopt;
  }
  if (days < 0 || seconds < 0) return std::nullopt;
  GenTime result;
  result.seconds = static_cast<time_t>(days) * 86'400 + seconds;
  // OpenSSL passes over a fraction of a second; a bound must not.
  const std::string_view text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(time)),
                              static_cast<size_t>(ASN1_STRING_length(time)));
  if (const size_t point = text.find('.'); point != std::string_view::npos) {
    uint64_t unit = kMicros / 10;
    for (char c : text.substr(point + 1)) {
      if (c < '0' || c > '9') break;
      if (unit > 0) {
        result.micros += static_cast<uint64_t>(c - '0') * unit;
        unit /= 10;
      } else if (c != '0') {
        result.micros++;
        break;
      }
    }
  }
  return result;
}

// genTime + accuracy, rounded up.
std::optional<uint64_t> NotAfter(TS_TST_INFO* info, const GenTime& time) {
  uint64_t micros = time.micros;
  uint64_t seconds = static_cast<uint64_t>(time.seconds);
  if (const TS_ACCURACY* const accuracy = TS_TST_INFO_get_accuracy(info); accuracy != nullptr) {
    const auto s = SmallInteger(TS_ACCURACY_get_seconds(accuracy), kAccuracySecondsMax);
    const auto ms = SmallInteger(TS_ACCURACY_get_millis(accuracy), 999);
    const auto us = SmallInteger(TS_ACCURACY_get_micros(accuracy), 999);
    if (!s || !ms || !us) return std::nullopt;
    seconds += *s;
    micros += *ms * 1'000 + *us;
  }
  return seconds + (micros + kMicros - 1) / kMicros;
}

// The subject as one line for people. Control characters come out escaped.
std::string Subject(X509* certificate) {
  const auto print = [certificate](unsigned long flags) {
    const Handle<BIO, BIO_free_all> out(BIO_new(BIO_s_mem()));
    X509_NAME_print_ex(out.get(), X509_get_subject_name(certificate), 0, flags);
    char* text = nullptr;
    const long length = BIO_get_mem_data(out.get(), &text);
    return std::string(text, length > 0 ? static_cast<size_t>(length) : 0);
  };
  std::string readable = print(XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB));
  // U+0080..U+009F steer terminals, and OpenSSL escapes only the ASCII ones.
  for (size_t i = 0; i + 1 < readable.size(); i++) {
    if (readable[i] == '\xC2' && static_cast<uint8_t>(readable[i + 1]) < 0xA0) return print(XN_FLAG_RFC2253);
  }
  return readable;
}

// A store of `roots` that judges certificates as of `time`.
Result<Handle<X509_STORE, X509_STORE_free>> MakeStore(const std::vector<Bytes>& roots, time_t time) {
  Handle<X509_STORE, X509_STORE_free> store(X509_STORE_new());
  CHECK_INVARIANT(store != nullptr);
  for (const Bytes& der : roots) {
    const uint8_t* in = der.data();
    const Handle<X509, X509_free> root(d2i_X509(nullptr, &in, static_cast<long>(der.size())));
    if (root == nullptr || in != der.data() + der.size()) {
      return Error{Errc::kTrustInvalid, "trust.tsa_roots: an element is no DER certificate"};
    }
    CHECK_INVARIANT(X509_STORE_add_cert(store.get(), root.get()) == 1);
  }
  X509_VERIFY_PARAM* const param = X509_STORE_get0_param(store.get());
  X509_VERIFY_PARAM_set_time(param, time);
  X509_VERIFY_PARAM_set_auth_level(param, kAuthLevel);
  // Whatever the trust file lists is an anchor, also when it is no self-signed certificate.
  X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
  return store;
}

}  // namespace

Result<TrustedToken> VerifyTimestampToken(ByteSpan token, std::string_view data,
                                          const std::vector<Bytes>& roots) {
  if (token.size() > std::numeric_limits<int>::max()) return Invalid("too large");
  ERR_clear_error();
  const uint8_t* in = token.data();
  const Handle<PKCS7, PKCS7_free> cms(d2i_PKCS7(nullptr, &in, static_cast<long>(token.size())));
  if (cms == nullptr || in != token.data() + token.size() || !PKCS7_type_is_signed(cms.get()) ||
      cms->d.sign == nullptr) {
    return InvalidBecause("is no DER TimeStampToken");
  }
  const Handle<TS_TST_INFO, TS_TST_INFO_free> info(PKCS7_to_TS_TST_INFO(cms.get()));
  if (info == nullptr) return InvalidBecause("holds no TSTInfo");
  RETURN_IF_ERROR(CheckImprint(info.get(), data));
  const auto gen_time = ReadGenTime(info.get());
  if (!gen_time) return Invalid("genTime is malformed");
  const auto not_after = NotAfter(info.get(), *gen_time);
  if (!not_after) return Invalid("its accuracy is malformed or over a day");

  STACK_OF(PKCS7_SIGNER_INFO)* const signers = PKCS7_get_signer_info(cms.get());
  if (sk_PKCS7_SIGNER_INFO_num(signers) != 1) return Invalid("must have exactly one signature");
  const PKCS7_SIGNER_INFO* const signer_info = sk_PKCS7_SIGNER_INFO_value(signers, 0);
  if (ImprintDigest(AlgorithmNid(signer_info->digest_alg)) == nullptr) {
    return Invalid("is signed over a digest other than SHA-256, SHA-384 or SHA-512");
  }

  if (SignedContentType(signer_info) != NID_id_smime_ct_TSTInfo) {
    return Invalid("the signature is over another content type");
  }

  ASSIGN_OR_RETURN(auto store, MakeStore(roots, gen_time->seconds));
  const Handle<TS_VERIFY_CTX, TS_VERIFY_CTX_free> context(TS_VERIFY_CTX_new());
  CHECK_INVARIANT(context != nullptr);
  TS_VERIFY_CTX_set_flags(context.get(), TS_VFY_SIGNATURE | TS_VFY_VERSION);
  TS_VERIFY_CTX_set_store(context.get(), store.release());
  // OpenSSL checks here: signature, chain, key usage, EKU (critical, alone), and the ESS certificate id.
  if (TS_RESP_verify_token(context.get(), cms.get()) != 1) return InvalidBecause("does not verify");

  STACK_OF(X509)* const certificates = PKCS7_get0_signers(cms.get(), nullptr, 0);
  CHECK_INVARIANT(sk_X509_num(certificates) == 1);  // as many as signatures, which were just verified
  TrustedToken result{*not_after, Subject(sk_X509_value(certificates, 0))};
  sk_X509_free(certificates);
  return result;
}

}  // namespace cunzheng::verify
