// Key files: private keys under scrypt + AES-256-GCM, mode 0600 (specs/keys.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "crypto/note.h"
#include "crypto/sign.h"

namespace cunzheng {

// log2 of scrypt's N. People's passphrases get the first; 256-bit random ones need no stretching.
inline constexpr uint32_t kScryptLogNDefault = 17;
inline constexpr uint32_t kScryptLogNMin = 14;
inline constexpr uint32_t kScryptLogNMax = 20;

// Writes `path` (account key) and `path`.pub. Never overwrites: kAlreadyExists. Errors: kIo.
Result<void> WriteAccountKey(const std::string& path, const PrivateKey& key, const Hash& account,
                             ByteSpan passphrase, uint32_t log_n = kScryptLogNDefault);
struct AccountKey {
  PrivateKey key;
  Hash account{};
};
// Errors: kIo, kKeyFileInvalid (schema, or permissions wider than 0600), kPassphraseWrong.
Result<AccountKey> ReadAccountKey(const std::string& path, ByteSpan passphrase);

struct AccountPublicKey {
  PublicKey key;
  Hash account{};
};
Result<AccountPublicKey> ReadAccountPublicKey(const std::string& path);  // K.pub

Result<void> WriteNoteKey(const std::string& path, const NoteSigner& signer, ByteSpan passphrase,
                          uint32_t log_n = kScryptLogNDefault);
Result<NoteSigner> ReadNoteKey(const std::string& path, ByteSpan passphrase);

// Where a passphrase comes from, first that is set: `file` (first line; mode 0600), the environment
// variable CUNZHENG_PASSPHRASE, a prompt on the terminal (twice when `confirm`).
// Errors: kIo, kUsage (nothing given and no terminal; empty; over 1,024 bytes; the two entries differ).
Result<SecretBytes> ObtainPassphrase(const std::optional<std::string>& file, const std::string& prompt, bool confirm);

// Writes bytes to a new temporary file beside `path`, syncs, renames, syncs the folder.
// `mode` e.g. 0600. With `replace` false an existing path is kAlreadyExists.
Result<void> WriteFileAtomically(const std::string& path, std::string_view bytes, uint32_t mode, bool replace);
// Errors: kIo, kTooLarge.
Result<std::string> ReadWholeFile(const std::string& path, size_t length_max);

}  // namespace cunzheng
