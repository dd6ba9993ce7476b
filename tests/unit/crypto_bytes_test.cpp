#include <doctest/doctest.h>

#include <set>

#include "crypto/bytes.h"
#include "crypto/result.h"
#include "crypto/utf8.h"

using namespace cunzheng;

namespace {

Errc CodeOf(const auto& result) {
  return result ? Errc::kInternal : result.error().code;
}

}  // namespace

TEST_CASE("every error code has a wire name of its own, an HTTP status and an exit code") {
  constexpr Errc kAll[] = {
#define X(name, wire, http, exit) Errc::name,
      CUNZHENG_ERRC_LIST(X)
#undef X
  };
  std::set<std::string_view> names;
  for (const Errc code : kAll) {
    CAPTURE(ErrcName(code));
    CHECK(names.insert(ErrcName(code)).second);
    CHECK(ErrcHttpStatus(code) >= 400);
    CHECK(ErrcHttpStatus(code) < 600);
    CHECK(ErrcExitCode(code) > 0);
    CHECK(ErrcExitCode(code) < 256);
  }
  CHECK(ErrcName(Errc::kSignatureInvalid) == "signature_invalid");
  CHECK(ErrcHttpStatus(Errc::kQuotaExceeded) == 429);
  CHECK(ErrcExitCode(Errc::kTrustNotEstablished) == 5);
  CHECK(Error{Errc::kBusy, "queue is full"}.ToString() == "busy: queue is full");
  CHECK(Error{Errc::kBusy, ""}.ToString() == "busy");
}

TEST_CASE("RETURN_IF_ERROR and ASSIGN_OR_RETURN hand on the error and nothing else") {
  const auto half = [](int n) -> Result<int> {
    if (n % 2 != 0) return Error{Errc::kInvalidValue, "odd"};
    return n / 2;
  };
  const auto quarter = [&](int n) -> Result<int> {
    ASSIGN_OR_RETURN(const int h, half(n));
    RETURN_IF_ERROR(half(h));
    return half(h);
  };
  CHECK(quarter(8).value() == 2);
  CHECK(quarter(6).error().detail == "odd");
  CHECK(quarter(3).error().code == Errc::kInvalidValue);
}

TEST_CASE("hex is lowercase, of even length, and goes there and back") {
  CHECK(ToHex({}) == "");
  Bytes all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<uint8_t>(i));
  CHECK(FromHex(ToHex(all)).value() == all);
  CHECK(ToHex(Bytes{0x00, 0x0f, 0xf0, 0xff}) == "000ff0ff");
  for (const char* bad : {"0", "0g", "AB", "0x", " 0", "00 "})
    CHECK(CodeOf(FromHex(bad)) == Errc::kInvalidEncoding);
}

TEST_CASE("a hash is exactly 64 lowercase hex digits") {
  const std::string hex(64, 'a');
  CHECK(HashFromHex(hex).value()[31] == 0xaa);
  CHECK(CodeOf(HashFromHex(hex.substr(1))) == Errc::kInvalidEncoding);
  CHECK(CodeOf(HashFromHex(hex + "a")) == Errc::kInvalidEncoding);
  CHECK(CodeOf(HashFromHex(hex + "aa")) == Errc::kInvalidEncoding);
  CHECK(CodeOf(HashFromHex(std::string(64, 'A'))) == Errc::kInvalidEncoding);
  CHECK(CodeOf(HashFromHex("")) == Errc::kInvalidEncoding);
}

TEST_CASE("base64 gives the vectors of RFC 4648 section 10") {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : vectors) {
    CHECK(ToBase64(AsBytes(plain)) == text);
    CHECK(AsText(FromBase64(text).value()) == plain);
  }
  CHECK(ToBase64(Bytes{0xfb, 0xff}) == "+/8=");
}

TEST_CASE("base64 with other than canonical bytes is rejected") {
  for (const char* bad : {"Z", "Zg", "Zg=", "Zg==\n", "Zh==", "Zm9=", "Zm8", "=",
                          "====", "Z===", "Zg==Zg==", "Z=g=", "Zm-v", "Zm_v", "Zm v", "Zm9v===="}) {
    CAPTURE(bad);
    CHECK(CodeOf(FromBase64(bad)) == Errc::kInvalidEncoding);
  }
}

TEST_CASE("of all four-character base64 texts only re-encodable ones are accepted") {
  const std::string alphabet = "AQgwZ/+=-\n";
  int accepted = 0;
  for (const char a : alphabet)
    for (const char b : alphabet)
      for (const char c : alphabet)
        for (const char d : alphabet) {
          const std::string text{a, b, c, d};
          const auto bytes = FromBase64(text);
          if (!bytes) continue;
          ++accepted;
          if (ToBase64(*bytes) != text) FAIL("accepts " << text);
        }
  CHECK(accepted > 0);
}

TEST_CASE("big-endian integers go there and back") {
  for (const uint64_t value : {uint64_t{0}, uint64_t{1}, uint64_t{0x0123456789abcdef}, ~uint64_t{0}}) {
    std::string text;
    AppendBe64(value, &text);
    CHECK(text.size() == 8);
    CHECK(LoadBe64(AsBytes(text).data()) == value);
  }
  std::string text;
  AppendBe64(0x0102030405060708, &text);
  CHECK(text == "\x01\x02\x03\x04\x05\x06\x07\x08");
}

TEST_CASE("constant-time comparison compares bytes and lengths") {
  CHECK(ConstantTimeEqual({}, {}));
  CHECK(ConstantTimeEqual(AsBytes("abc"), AsBytes("abc")));
  CHECK_FALSE(ConstantTimeEqual(AsBytes("abc"), AsBytes("abd")));
  CHECK_FALSE(ConstantTimeEqual(AsBytes("abc"), AsBytes("ab")));
}

TEST_CASE("a moved-from secret is empty and its bytes arrive") {
  SecretBytes first(Bytes{1, 2, 3});
  SecretBytes second(std::move(first));
  CHECK(second.size() == 3);
  SecretBytes third(Bytes{9, 9});
  third = std::move(second);
  CHECK(third.size() == 3);
  CHECK(third.data()[2] == 3);
  CHECK(second.empty());
  SecretBytes& same = third;
  third = std::move(same);
  CHECK(third.size() == 3);
}

TEST_CASE("random bytes have the asked length and differ") {
  CHECK(RandomBytes(0).empty());
  CHECK(RandomBytes(1000).size() == 1000);
  CHECK(RandomHash() != RandomHash());
}

TEST_CASE("every Unicode scalar value goes through UTF-8 and back, and nothing else decodes") {
  for (char32_t c = 0; c <= 0x10ffff; ++c) {
    if (c >= 0xd800 && c <= 0xdfff) continue;
    std::string text;
    AppendUtf8(c, &text);
    char32_t back = 0;
    if (DecodeUtf8(text, &back) != text.size() || back != c) FAIL("character " << static_cast<uint32_t>(c));
    if (DecodeUtf8(std::string_view(text).substr(0, text.size() - 1), &back) != 0) {
      FAIL("accepts the start of character " << static_cast<uint32_t>(c));
    }
  }
  // All texts of up to three bytes: accepted ones re-encode to themselves, so no longer form passes.
  for (uint32_t n = 0; n < 1u << 24; n += n < 1u << 23 ? 257 : 1) {
    const std::string text{static_cast<char>(n >> 16), static_cast<char>(n >> 8), static_cast<char>(n)};
    char32_t c = 0;
    const size_t length = DecodeUtf8(text, &c);
    if (length == 0) continue;
    std::string again;
    AppendUtf8(c, &again);
    if (again != text.substr(0, length)) FAIL("accepts another form: " << n);
  }
  char32_t c = 0;
  for (const char* bad :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x80\x80\x80",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xc3\x28", "\xe4\xbd"}) {
    CHECK(DecodeUtf8(bad, &c) == 0);
  }
}
