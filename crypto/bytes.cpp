#include "crypto/bytes.h"

#include <openssl/crypto.h>
#include <sys/random.h>

#include <cerrno>

namespace cunzheng {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";
constexpr char kBase64Digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr uint8_t kNotADigit = 0xff;

// Value of each character in an alphabet, kNotADigit for all others.
constexpr std::array<uint8_t, 256> InverseOf(std::string_view alphabet) {
  std::array<uint8_t, 256> table{};
  table.fill(kNotADigit);
  for (size_t i = 0; i < alphabet.size(); ++i) {
    table[static_cast<uint8_t>(alphabet[i])] = static_cast<uint8_t>(i);
  }
  return table;
}

constexpr auto kHexValues = InverseOf({kHexDigits, 16});
constexpr auto kBase64Values = InverseOf({kBase64Digits, 64});

// `out` has room for hex.size() / 2 bytes; hex.size() is even.
bool DecodeHex(std::string_view hex, uint8_t* out) {
  for (size_t i = 0; i < hex.size(); i += 2) {
    const uint8_t high = kHexValues[static_cast<uint8_t>(hex[i])];
    const uint8_t low = kHexValues[static_cast<uint8_t>(hex[i + 1])];
    if (high == kNotADigit || low == kNotADigit) return false;
    *out++ = static_cast<uint8_t>(high << 4 | low);
  }
  return true;
}

void FillRandom(uint8_t* out, size_t length) {
  while (length > 0) {
    const ssize_t got = getrandom(out, length, 0);
    if (got < 0 && errno == EINTR) continue;
    CHECK_INVARIANT(got > 0);
    out += got;
    length -= static_cast<size_t>(got);
  }
}

}  // namespace

void AppendHex(ByteSpan bytes, std::string* out) {
  size_t at = out->size();
  out->resize(at + bytes.size() * 2);
  for (const uint8_t byte : bytes) {
    (*out)[at++] = kHexDigits[byte >> 4];
    (*out)[at++] = kHexDigits[byte & 15];
  }
}

std::string ToHex(ByteSpan bytes) {
  std::string hex;
  AppendHex(bytes, &hex);
  return hex;
}

Result<Bytes> FromHex(std::string_view hex) {
  if (hex.size() % 2 != 0) return Error{Errc::kInvalidEncoding, "hex: must have an even number of digits"};
  Bytes bytes(hex.size() / 2);
  if (!DecodeHex(hex, bytes.data())) {
    return Error{Errc::kInvalidEncoding, "hex: must hold only the digits 0-9 and a-f"};
  }
  return bytes;
}

Result<Hash> HashFromHex(std::string_view hex) {
  Hash hash;
  if (hex.size() != 2 * hash.size() || !DecodeHex(hex, hash.data())) {
    return Error{Errc::kInvalidEncoding, "hex: must be 64 lowercase hex digits"};
  }
  return hash;
}

std::string ToBase64(ByteSpan bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t left = bytes.size() - i;
    const uint32_t group = uint32_t{bytes[i]} << 16 | (left > 1 ? uint32_t{bytes[i + 1]} << 8 : 0) |
                           (left > 2 ? uint32_t{bytes[i + 2]} : 0);
    text += kBase64Digits[group >> 18];
    text += kBase64Digits[group >> 12 & 63];
    text += left > 1 ? kBase64Digits[group >> 6 & 63] : '=';
    text += left > 2 ? kBase64Digits[group & 63] : '=';
  }
  return text;
}

Result<Bytes> FromBase64(std::string_view text) {
  const auto invalid = [](const char* rule) { return Error{Errc::kInvalidEncoding, rule}; };
  if (text.size() % 4 != 0) return invalid("base64: length must be a multiple of 4");
  size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;

  Bytes bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (size_t i = 0; i < text.size(); i += 4) {
    const size_t digits = i + 4 == text.size() ? 4 - padding : 4;
    uint32_t group = 0;
    for (size_t j = 0; j < 4; ++j) {
      const uint8_t value = j < digits ? kBase64Values[static_cast<uint8_t>(text[i + j])] : uint8_t{0};
      if (value == kNotADigit)
        return invalid("base64: must hold only RFC 4648 digits, with padding at the end");
      group = group << 6 | value;
    }
    bytes.push_back(static_cast<uint8_t>(group >> 16));
    if (digits > 2) bytes.push_back(static_cast<uint8_t>(group >> 8));
    if (digits > 3) bytes.push_back(static_cast<uint8_t>(group));
    // Bits that no byte takes must be zero, so that each byte string has one text only.
    if ((digits == 2 && (group & 0xffff) != 0) || (digits == 3 && (group & 0xff) != 0)) {
      return invalid("base64: unused trailing bits must be zero");
    }
  }
  return bytes;
}

void AppendBe64(uint64_t value, std::string* out) {
  for (int shift = 56; shift >= 0; shift -= 8) out->push_back(static_cast<char>(value >> shift));
}

uint64_t LoadBe64(const uint8_t* bytes) {
  uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = value << 8 | bytes[i];
  return value;
}

bool ConstantTimeEqual(ByteSpan a, ByteSpan b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  // The swapped-out bytes are cleansed when `taken` goes.
  SecretBytes taken(std::move(other));
  bytes_.swap(taken.bytes_);
  return *this;
}

SecretBytes::~SecretBytes() {
  OPENSSL_cleanse(bytes_.data(), bytes_.size());
}

Bytes RandomBytes(size_t length) {
  Bytes bytes(length);
  FillRandom(bytes.data(), bytes.size());
  return bytes;
}

Hash RandomHash() {
  Hash hash;
  FillRandom(hash.data(), hash.size());
  return hash;
}

}  // namespace cunzheng
