// Byte strings, 32-byte hashes, and their text forms. Pure; safe from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/result.h"

namespace cunzheng {

using Bytes = std::vector<uint8_t>;
using ByteSpan = std::span<const uint8_t>;
using Hash = std::array<uint8_t, 32>;

inline ByteSpan AsBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
inline std::string_view AsText(ByteSpan bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Lowercase hex.
std::string ToHex(ByteSpan bytes);
void AppendHex(ByteSpan bytes, std::string* out);
// Strict: lowercase, even length. Errors: kInvalidEncoding.
Result<Bytes> FromHex(std::string_view hex);
// Strict: exactly 64 lowercase hex digits. Errors: kInvalidEncoding.
Result<Hash> HashFromHex(std::string_view hex);

// RFC 4648 section 4 with padding.
std::string ToBase64(ByteSpan bytes);
// Strict: canonical padding and zero trailing bits, no white space. Errors: kInvalidEncoding.
Result<Bytes> FromBase64(std::string_view text);

// Big-endian integers, as in LevelDB keys and C2SP formats.
void AppendBe64(uint64_t value, std::string* out);
uint64_t LoadBe64(const uint8_t* bytes);

// Constant-time in the length of the inputs. Unequal lengths compare false.
bool ConstantTimeEqual(ByteSpan a, ByteSpan b);

// A byte buffer that is cleansed on destruction; for secrets. Movable, not copyable.
class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(Bytes bytes) : bytes_(std::move(bytes)) {}
  explicit SecretBytes(size_t length) : bytes_(length) {}
  SecretBytes(SecretBytes&& other) noexcept : bytes_(std::move(other.bytes_)) { other.bytes_.clear(); }
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  ~SecretBytes();

  uint8_t* data() { return bytes_.data(); }
  const uint8_t* data() const { return bytes_.data(); }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  ByteSpan span() const { return bytes_; }

 private:
  Bytes bytes_;
};

// `length` bytes from the operating system's generator; aborts when there is none.
Bytes RandomBytes(size_t length);
Hash RandomHash();

}  // namespace cunzheng
