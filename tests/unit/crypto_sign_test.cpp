#include <doctest/doctest.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/x509.h>

#include <atomic>
#include <memory>
#include <thread>

#include "crypto/digest.h"
#include "crypto/sign.h"

using namespace cunzheng;

namespace {

// Both suites, with values from a plain Python implementation of the curves, RFC 6979 and SM2 that
// reproduces the published examples (GB/T 32918.5-2017 annex A; RFC 6979 over secp256k1).
struct Known {
  Suite suite;
  const char* secret;
  const char* public_key;
  const char* account;
  const char* signature;  // over kMessage, purpose "batch"
};
constexpr std::string_view kMessage = "存证";
constexpr Known kKnown[] = {
    {Suite::kSecp256k1, "6df8f8c3e685fe5427f934982f1f883771c0909e3754365c0b8ca64735ba8545",
     "03cf46d643371da84f4e9e443d4b3955b1f0a3bb35f6fb1e25c2e32d110df05965",
     "30c4d0f8740df4e1da49ed8fd6c014986622c74c2e273ae2e9bdbdb10a59b9ae",
     "0ae5686e7d645a7385460a6b2c50c377f4de80b6802b5d37ead1604a459d270b"
     "754f1e1eccc07c0fc5709615e6639bf486751d0fd7bee4f9a386fcb59e8fb2a5"},
    {Suite::kSm2, "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8",
     "0309f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020",
     "4d7a3ad10d6ef2a053fac50051d9057e439323104b23b0633e5de5790e7d60a0",
     "426acb19b371dc6081e0742bd5a7e3352be446306f572e5fe27f4abf4d73ed07"
     "a76a1adb311a20d172c36bd5c3deab7b6f0fe94637192fe4b5972682d2f60653"},
};
// The secp256k1 signature above with n - s in the place of s.
constexpr const char* kHighS =
    "0ae5686e7d645a7385460a6b2c50c377f4de80b6802b5d37ead1604a459d270b"
    "8ab0e1e1333f83f03a8f69ea199c640a3439bfd6d789bb421c4b61d731a68e9c";
constexpr const char* kSecpOrder = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
constexpr const char* kSm2Order = "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123";

Bytes Unhex(std::string_view hex) {
  return FromHex(hex).value();
}

std::string Outcome(const Result<void>& result) {
  return std::string(result ? "ok" : ErrcName(result.error().code));
}

// The order of the suite's group minus `less`.
Bytes OrderMinus(Suite suite, uint8_t less) {
  Bytes order = Unhex(suite == Suite::kSecp256k1 ? kSecpOrder : kSm2Order);
  REQUIRE(order.back() >= less);
  order.back() = static_cast<uint8_t>(order.back() - less);
  return order;
}

struct PkeyFree {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};

}  // namespace

TEST_CASE("suites have names and unknown ones are rejected") {
  CHECK(SuiteName(Suite::kSecp256k1) == "ecdsa-secp256k1-sha256");
  CHECK(SuiteName(Suite::kSm2) == "sm2-sm3");
  CHECK(SuiteFromName("sm2-sm3").value() == Suite::kSm2);
  CHECK(SuiteFromName("ecdsa-secp256k1-sha256").value() == Suite::kSecp256k1);
  CHECK(SuiteFromName("SM2-SM3").error().code == Errc::kSuiteUnknown);
  CHECK(SuiteFromName("").error().code == Errc::kSuiteUnknown);
}

TEST_CASE("a tagged hash is the hash of tag and message") {
  CHECK(TaggedHash("batch", AsBytes(kMessage)) == Sha256(AsBytes("cunzheng/batch/v1\n存证")));
  CHECK(TaggedHash("batch", {}) != TaggedHash("act", {}));
}

TEST_CASE("keys, account ids and signatures are those of an independent implementation") {
  for (const Known& known : kKnown) {
    CAPTURE(SuiteName(known.suite));
    const auto key = PrivateKey::FromSecret(known.suite, Unhex(known.secret));
    REQUIRE(key);
    CHECK(ToHex(key->public_key().bytes) == known.public_key);
    CHECK(ToHex(AccountId(key->public_key())) == known.account);
    CHECK(ToHex(key->secret()) == known.secret);
    CHECK(Outcome(VerifySignature(key->public_key(), "batch", AsBytes(kMessage), Unhex(known.signature))) ==
          "ok");
  }
  const auto key = PrivateKey::FromSecret(Suite::kSecp256k1, Unhex(kKnown[0].secret));
  CHECK(ToHex(key->Sign("batch", AsBytes(kMessage))) == kKnown[0].signature);  // RFC 6979: no choice
}

TEST_CASE("what a new key signs verifies, and nothing else does") {
  for (const Suite suite : {Suite::kSecp256k1, Suite::kSm2}) {
    CAPTURE(SuiteName(suite));
    for (int i = 0; i < 20; ++i) {
      const PrivateKey key = PrivateKey::Generate(suite);
      const Bytes message = RandomBytes(static_cast<size_t>(i * 7));
      const Bytes signature = key.Sign("act", message);
      REQUIRE(signature.size() == 64);
      CHECK(Outcome(VerifySignature(key.public_key(), "act", message, signature)) == "ok");
      CHECK(Outcome(VerifySignature(key.public_key(), "batch", message, signature)) == "signature_invalid");
      CHECK(Outcome(VerifySignature(PrivateKey::Generate(suite).public_key(), "act", message, signature)) ==
            "signature_invalid");
    }
  }
}

TEST_CASE("every flipped bit of a signature is rejected") {
  for (const Known& known : kKnown) {
    CAPTURE(SuiteName(known.suite));
    const PublicKey key = MakePublicKey(known.suite, Unhex(known.public_key)).value();
    for (size_t bit = 0; bit < 512; ++bit) {
      Bytes signature = Unhex(known.signature);
      signature[bit / 8] = static_cast<uint8_t>(signature[bit / 8] ^ 1u << bit % 8);
      const std::string outcome = Outcome(VerifySignature(key, "batch", AsBytes(kMessage), signature));
      const bool top_of_s = bit / 8 == 32 && known.suite == Suite::kSecp256k1;
      CHECK((outcome == "signature_invalid" || (top_of_s && outcome == "signature_not_low_s")));
    }
  }
}

TEST_CASE("a high s of secp256k1 is rejected by its own name") {
  const PublicKey key = MakePublicKey(Suite::kSecp256k1, Unhex(kKnown[0].public_key)).value();
  CHECK(Outcome(VerifySignature(key, "batch", AsBytes(kMessage), Unhex(kHighS))) == "signature_not_low_s");
}

TEST_CASE("r and s outside 1..n-1 and wrong lengths are rejected") {
  for (const Known& known : kKnown) {
    CAPTURE(SuiteName(known.suite));
    const PublicKey key = MakePublicKey(known.suite, Unhex(known.public_key)).value();
    const Bytes good = Unhex(known.signature);
    const auto verify = [&](const Bytes& signature) {
      return Outcome(VerifySignature(key, "batch", AsBytes(kMessage), signature));
    };
    for (const size_t half : {size_t{0}, size_t{32}}) {
      for (const Bytes& part : {Bytes(32, 0), OrderMinus(known.suite, 0), Bytes(32, 0xff)}) {
        Bytes signature = good;
        std::copy(part.begin(), part.end(), signature.begin() + static_cast<std::ptrdiff_t>(half));
        CHECK(verify(signature) == "signature_invalid");
      }
    }
    Bytes longer = good;
    longer.push_back(0);
    CHECK(verify(longer) == "signature_invalid");
    CHECK(verify(Bytes(good.begin(), good.end() - 1)) == "signature_invalid");
    CHECK(verify({}) == "signature_invalid");
  }
}

TEST_CASE("a public key is a compressed point on its own curve") {
  for (const Known& known : kKnown) {
    CAPTURE(SuiteName(known.suite));
    const Bytes good = Unhex(known.public_key);
    CHECK(MakePublicKey(known.suite, good).value().bytes == good);
    const auto rejects = [&](const Bytes& bytes) {
      const auto made = MakePublicKey(known.suite, bytes);
      const PublicKey unchecked{.suite = known.suite, .bytes = bytes};
      return !made && made.error().code == Errc::kKeyInvalid &&
             Outcome(VerifySignature(unchecked, "batch", AsBytes(kMessage), Unhex(known.signature))) ==
                 "key_invalid";
    };
    for (int prefix = 0; prefix < 256; ++prefix) {
      if (prefix == 2 || prefix == 3) continue;
      Bytes bytes = good;
      bytes[0] = static_cast<uint8_t>(prefix);
      if (!rejects(bytes)) FAIL("accepts prefix " << prefix);
    }
    CHECK(rejects({}));
    CHECK(rejects(Bytes(1, 0)));
    CHECK(rejects(Bytes(good.begin(), good.end() - 1)));
    Bytes longer = good;
    longer.push_back(0);
    CHECK(rejects(longer));
    Bytes too_large(33, 0xff);  // x not below the field's prime
    too_large[0] = 2;
    CHECK(rejects(too_large));
    // About half of all x have no point.
    int rejected = 0;
    for (uint8_t i = 1; i <= 40; ++i) {
      Bytes bytes = good;
      bytes[32] = i;
      rejected += MakePublicKey(known.suite, bytes) ? 0 : 1;
    }
    CHECK(rejected > 5);
    CHECK(rejected < 35);
  }
}

TEST_CASE("a secret is in the range of its suite") {
  for (const Suite suite : {Suite::kSecp256k1, Suite::kSm2}) {
    CAPTURE(SuiteName(suite));
    const auto valid = [&](const Bytes& secret) { return PrivateKey::FromSecret(suite, secret).has_value(); };
    Bytes one(32, 0);
    one[31] = 1;
    CHECK(valid(one));
    CHECK(valid(OrderMinus(suite, 2)));
    CHECK(valid(OrderMinus(suite, 1)) == (suite == Suite::kSecp256k1));  // SM2 needs an inverse of 1 + d
    CHECK_FALSE(valid(OrderMinus(suite, 0)));
    CHECK_FALSE(valid(Bytes(32, 0)));
    CHECK_FALSE(valid(Bytes(32, 0xff)));
    CHECK_FALSE(valid(Bytes(31, 1)));
    CHECK_FALSE(valid(Bytes(33, 1)));
    CHECK_FALSE(valid({}));
    CHECK(PrivateKey::FromSecret(suite, {}).error().code == Errc::kKeyInvalid);
  }
}

TEST_CASE("a secp256k1 signature verifies with OpenSSL over the plain SHA-256 of the tagged message") {
  const PrivateKey key = PrivateKey::Generate(Suite::kSecp256k1);
  const Bytes signature = key.Sign("batch", AsBytes(kMessage));
  // SubjectPublicKeyInfo of a compressed point: what `openssl dgst -verify` is given.
  Bytes spki = Unhex("3036301006072a8648ce3d020106052b8104000a032200");
  spki.insert(spki.end(), key.public_key().bytes.begin(), key.public_key().bytes.end());
  const uint8_t* in = spki.data();
  const std::unique_ptr<EVP_PKEY, PkeyFree> pkey(d2i_PUBKEY(nullptr, &in, static_cast<long>(spki.size())));
  REQUIRE(pkey != nullptr);
  ECDSA_SIG* parts = ECDSA_SIG_new();
  ECDSA_SIG_set0(parts, BN_bin2bn(signature.data(), 32, nullptr),
                 BN_bin2bn(signature.data() + 32, 32, nullptr));
  uint8_t* der = nullptr;
  const int length = i2d_ECDSA_SIG(parts, &der);
  const std::string tagged = "cunzheng/batch/v1\n" + std::string(kMessage);
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  CHECK(EVP_DigestVerifyInit(context, nullptr, EVP_sha256(), nullptr, pkey.get()) == 1);
  CHECK(EVP_DigestVerify(context, der, static_cast<size_t>(length), AsBytes(tagged).data(), tagged.size()) ==
        1);
  EVP_MD_CTX_free(context);
  OPENSSL_free(der);
  ECDSA_SIG_free(parts);
}

TEST_CASE("threads sign and verify with one key at once") {
  const PrivateKey secp = PrivateKey::Generate(Suite::kSecp256k1);
  const PrivateKey sm2 = PrivateKey::Generate(Suite::kSm2);
  std::atomic<int> verified = 0;
  std::vector<std::thread> threads;
  for (uint8_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (uint8_t i = 0; i < 10; ++i) {
        const Bytes message{t, i};
        for (const PrivateKey* key : {&secp, &sm2}) {
          if (VerifySignature(key->public_key(), "batch", message, key->Sign("batch", message))) ++verified;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(verified == 80);
}
