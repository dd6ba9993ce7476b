// C2SP signed notes (c2sp.org/signed-note) and Ed25519 cosignatures (c2sp.org/tlog-cosignature).
// specs/checkpoint.md. Pure but for key generation; safe from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/result.h"

namespace cunzheng {

inline constexpr size_t kNoteSignaturesMax = 16;
inline constexpr size_t kNoteLengthMax = 16 * 1024;

enum class NoteKeyType : uint8_t { kEd25519 = 0x01, kCosignatureV1 = 0x04 };

// A key that checks note signatures: "name+hex8(key id)+base64(type ‖ 32 bytes)".
struct NoteKey {
  std::string name;  // no spaces, no '+', non-empty, at most 255 bytes
  NoteKeyType type = NoteKeyType::kEd25519;
  Hash public_key{};

  uint32_t Id() const;         // first 4 bytes of SHA-256(name ‖ 0x0A ‖ type ‖ key), big-endian
  std::string Encode() const;  // the vkey form above
  bool operator==(const NoteKey&) const = default;
};
Result<NoteKey> ParseNoteKey(std::string_view vkey);  // Errors: kKeyInvalid

struct NoteSignature {
  std::string name;
  uint32_t key_id = 0;
  Bytes signature;  // without the 4-byte key id: 64 bytes for type 01, 8 + 64 for type 04
};

struct Note {
  std::string body;  // ends in "\n"; what is signed
  std::vector<NoteSignature> signatures;
};

// body ‖ "\n" ‖ one "— name base64\n" line a signature.
std::string EncodeNote(const Note& note);
// Errors: kNoteMalformed (structure, UTF-8, control characters, no body, no signature, two lines of one
// name and key id, over kNoteSignaturesMax, over kNoteLengthMax). Only bytes that EncodeNote gives back are
// accepted.
Result<Note> ParseNote(std::string_view text);

// Checks one signature line against `key` (name and id must match too).
// Returns the cosignature's time in seconds since 1970, at most 2^53-1 (0 for type 01).
// Errors: kSignatureInvalid, kKeyInvalid.
Result<uint64_t> VerifyNoteSignature(const Note& note, const NoteSignature& signature, const NoteKey& key);

// Signs notes. Cleansed on destruction.
class NoteSigner {
 public:
  // Errors: kKeyInvalid (name).
  static Result<NoteSigner> Generate(std::string name, NoteKeyType type);
  // `seed`: 32-byte Ed25519 seed.
  static Result<NoteSigner> FromSeed(std::string name, NoteKeyType type, ByteSpan seed);

  const NoteKey& key() const { return key_; }
  ByteSpan seed() const { return seed_.span(); }
  // `time_unix_s` is used by type 04 only.
  NoteSignature Sign(std::string_view body, uint64_t time_unix_s = 0) const;

 private:
  NoteSigner() = default;
  NoteKey key_;
  SecretBytes seed_;
};

}  // namespace cunzheng
