// Key files: private keys under scrypt + AES-256-GCM, mode 0600 (specs/keys.md).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "crypto/file.h"
#include "crypto/note.h"
#include "crypto/sign.h"

namespace cunzheng {

// log2 of scrypt's N. People's passphrases get the first; 256-bit random ones need no stretching.
inline constexpr uint32_t kScryptLogNDefault = 17;
inline constexpr uint32_t kScryptLogNMin = 14;
inline constexpr uint32_t kScryptLogNMax = 20;

struct AccountPublicKey {
  PublicKey key;
  Hash account{};
  bool operator==(const AccountPublicKey&) const = default;
};

// What a key file says, its secret still encrypted. The functions on it are pure; they stand apart from
// the disk so that the format can be tested and fuzzed alone.
struct KeyFile {
  std::variant<AccountPublicKey, NoteKey> owner;
  uint32_t log_n = kScryptLogNDefault;
  Hash salt{};
  std::array<uint8_t, 12> nonce{};
  Bytes text;  // 32 bytes of secret, encrypted, and the 16-byte tag
  bool operator==(const KeyFile&) const = default;
};
std::string EncodeKeyFile(const KeyFile& file);
Result<KeyFile> DecodeKeyFile(std::string_view text);  // Errors: kKeyFileInvalid
// With fresh salt and nonce. Requires kScryptLogNMin <= log_n <= kScryptLogNMax.
KeyFile SealKey(std::variant<AccountPublicKey, NoteKey> owner, ByteSpan secret, ByteSpan passphrase,
                uint32_t log_n);
// The secret. Errors: kPassphraseWrong, kKeyFileInvalid (it is not the owner's).
Result<SecretBytes> OpenKey(const KeyFile& file, ByteSpan passphrase);

std::string EncodeAccountPublicKey(const AccountPublicKey& key);
Result<AccountPublicKey> DecodeAccountPublicKey(std::string_view text);  // Errors: kKeyFileInvalid

// Writes `path` (account key) and `path`.pub. Never overwrites: kAlreadyExists. Errors: kIo,
// kUsage (log_n out of range).
Result<void> WriteAccountKey(const std::string& path, const PrivateKey& key, const Hash& account,
                             ByteSpan passphrase, uint32_t log_n = kScryptLogNDefault);
struct AccountKey {
  PrivateKey key;
  Hash account{};
};
// Errors: kIo, kKeyFileInvalid (schema, or permissions wider than 0600), kPassphraseWrong.
Result<AccountKey> ReadAccountKey(const std::string& path, ByteSpan passphrase);

// K.pub. Errors: kIo, kKeyFileInvalid.
Result<AccountPublicKey> ReadAccountPublicKey(const std::string& path);

// As for account keys, but without a .pub file: the public form is NoteKey::Encode().
Result<void> WriteNoteKey(const std::string& path, const NoteSigner& signer, ByteSpan passphrase,
                          uint32_t log_n = kScryptLogNDefault);
Result<NoteSigner> ReadNoteKey(const std::string& path, ByteSpan passphrase);

// Where a passphrase comes from, first that is set: `file` (first line; mode 0600), the environment
// variable CUNZHENG_PASSPHRASE, a prompt on the terminal (twice when `confirm`).
// Errors: kIo, kInterrupted (Ctrl-C at the prompt), kUsage (nothing given and no terminal; empty; over
// 1,024 bytes; the two entries differ; file open to others).
Result<SecretBytes> ObtainPassphrase(const std::optional<std::string>& file, const std::string& prompt,
                                     bool confirm);

}  // namespace cunzheng
