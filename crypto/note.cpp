#include "crypto/note.h"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>

#include "crypto/digest.h"
#include "crypto/json.h"
#include "crypto/utf8.h"

namespace cunzheng {
namespace {

constexpr std::string_view kLineStart = "\xE2\x80\x94 ";  // U+2014 and a space
constexpr size_t kNameLengthMax = 255;
constexpr size_t kKeyIdLength = 4;
constexpr size_t kEd25519Length = 64;
constexpr size_t kTimeLength = 8;

struct PkeyFree {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using PkeyPtr = std::unique_ptr<EVP_PKEY, PkeyFree>;
struct MdContextFree {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using MdContextPtr = std::unique_ptr<EVP_MD_CTX, MdContextFree>;

MdContextPtr NewContext() {
  MdContextPtr context(EVP_MD_CTX_new());
  CHECK_INVARIANT(context != nullptr);
  return context;
}

Error Malformed(const char* rule) {
  return {Errc::kNoteMalformed, std::string("note: ") + rule};
}
Error KeyInvalid(const char* rule) {
  return {Errc::kKeyInvalid, std::string("note key: ") + rule};
}

// Unicode White_Space.
bool IsSpace(char32_t c) {
  return c == ' ' || (c >= 0x09 && c <= 0x0d) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
         c == 0x3000;
}

bool ValidName(std::string_view name) {
  if (name.empty() || name.size() > kNameLengthMax) return false;
  while (!name.empty()) {
    char32_t c = 0;
    const size_t length = DecodeUtf8(name, &c);
    // Names travel in JSON too, whose strings hold no control characters.
    const bool control = c < 0x20 || (c >= 0x7f && c <= 0x9f);
    if (length == 0 || control || c == '+' || IsSpace(c)) return false;
    name.remove_prefix(length);
  }
  return true;
}

bool ValidText(std::string_view text) {
  while (!text.empty()) {
    char32_t c = 0;
    const size_t length = DecodeUtf8(text, &c);
    if (length == 0 || (c < 0x20 && c != '\n')) return false;
    text.remove_prefix(length);
  }
  return true;
}

// The bytes that are signed under `type`.
std::string SignedMessage(NoteKeyType type, std::string_view body, uint64_t time_unix_s) {
  std::string message;
  if (type == NoteKeyType::kCosignatureV1) {
    message = "cosignature/v1\ntime " + std::to_string(time_unix_s) + "\n";
  }
  return message.append(body);
}

void AppendBe32(uint32_t value, Bytes* out) {
  for (int shift = 24; shift >= 0; shift -= 8) out->push_back(static_cast<uint8_t>(value >> shift));
}
uint32_t LoadBe32(const uint8_t* bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

Result<NoteSignature> ParseLine(std::string_view line) {
  if (!line.starts_with(kLineStart)) return Malformed("a signature line must begin with U+2014 and a space");
  line.remove_prefix(kLineStart.size());
  const size_t space = line.find(' ');
  if (space == std::string_view::npos)
    return Malformed("a signature line must hold a name, a space and base64");
  NoteSignature signature;
  signature.name = line.substr(0, space);
  if (!ValidName(signature.name))
    return Malformed("a signer's name must be 1 to 255 bytes without spaces and '+'");
  auto bytes = FromBase64(line.substr(space + 1));
  if (!bytes) return Malformed("a signature must be RFC 4648 base64 with padding");
  if (bytes->size() <= kKeyIdLength)
    return Malformed("a signature must hold a 4-byte key id and the signature");
  signature.key_id = LoadBe32(bytes->data());
  signature.signature.assign(bytes->begin() + kKeyIdLength, bytes->end());
  return signature;
}

}  // namespace

uint32_t NoteKey::Id() const {
  const std::string prefix = name + "\n" + static_cast<char>(type);
  return LoadBe32(Sha256(AsBytes(prefix), public_key).data());
}

std::string NoteKey::Encode() const {
  Bytes id;
  AppendBe32(Id(), &id);
  Bytes key{static_cast<uint8_t>(type)};
  key.insert(key.end(), public_key.begin(), public_key.end());
  return name + "+" + ToHex(id) + "+" + ToBase64(key);
}

Result<NoteKey> ParseNoteKey(std::string_view vkey) {
  const size_t first = vkey.find('+');
  const size_t second = first == std::string_view::npos ? first : vkey.find('+', first + 1);
  if (second == std::string_view::npos) return KeyInvalid("must have the form name+keyid+base64");
  NoteKey key;
  key.name = vkey.substr(0, first);
  if (!ValidName(key.name)) return KeyInvalid("name must be 1 to 255 bytes without spaces and '+'");
  const auto id = FromHex(vkey.substr(first + 1, second - first - 1));
  if (!id || id->size() != kKeyIdLength) return KeyInvalid("key id must be 8 lowercase hex digits");
  const auto bytes = FromBase64(vkey.substr(second + 1));
  if (!bytes || bytes->size() != 1 + key.public_key.size()) {
    return KeyInvalid("key must be base64 of a type byte and 32 bytes");
  }
  key.type = static_cast<NoteKeyType>(bytes->front());
  if (key.type != NoteKeyType::kEd25519 && key.type != NoteKeyType::kCosignatureV1) {
    return KeyInvalid("type must be 1 (Ed25519) or 4 (cosignature/v1)");
  }
  std::copy(bytes->begin() + 1, bytes->end(), key.public_key.begin());
  if (LoadBe32(id->data()) != key.Id()) return KeyInvalid("key id does not belong to this name and key");
  return key;
}

std::string EncodeNote(const Note& note) {
  std::string text = note.body + "\n";
  for (const NoteSignature& signature : note.signatures) {
    Bytes bytes;
    AppendBe32(signature.key_id, &bytes);
    bytes.insert(bytes.end(), signature.signature.begin(), signature.signature.end());
    text.append(kLineStart).append(signature.name).append(" ").append(ToBase64(bytes)).append("\n");
  }
  return text;
}

Result<Note> ParseNote(std::string_view text) {
  if (text.size() > kNoteLengthMax) return Malformed("must be at most 16384 bytes");
  if (!ValidText(text)) return Malformed("must be UTF-8 without control characters other than line ends");
  const size_t split = text.rfind("\n\n");
  if (split == std::string_view::npos || split == 0) {
    return Malformed("must be a body, a blank line and signature lines");
  }
  Note note;
  note.body = text.substr(0, split + 1);
  std::string_view lines = text.substr(split + 2);
  if (lines.empty()) return Malformed("must have at least one signature line");
  if (lines.back() != '\n') return Malformed("the last signature line must end in a line end");
  while (!lines.empty()) {
    if (note.signatures.size() == kNoteSignaturesMax)
      return Malformed("must have at most 16 signature lines");
    const size_t end = lines.find('\n');
    ASSIGN_OR_RETURN(NoteSignature signature, ParseLine(lines.substr(0, end)));
    const auto same_key = [&signature](const NoteSignature& other) {
      return other.name == signature.name && other.key_id == signature.key_id;
    };
    if (std::any_of(note.signatures.begin(), note.signatures.end(), same_key)) {
      return Malformed("must not have two signature lines of one key");
    }
    note.signatures.push_back(std::move(signature));
    lines.remove_prefix(end + 1);
  }
  return note;
}

Result<uint64_t> VerifyNoteSignature(const Note& note, const NoteSignature& signature, const NoteKey& key) {
  const auto invalid = [&key](const char* rule) {
    return Error{Errc::kSignatureInvalid, "note signature of " + key.name + ": " + rule};
  };
  if (signature.name != key.name || signature.key_id != key.Id()) return invalid("line names another key");
  ByteSpan bytes = signature.signature;
  uint64_t time_unix_s = 0;
  if (key.type == NoteKeyType::kCosignatureV1) {
    if (bytes.size() != kTimeLength + kEd25519Length)
      return invalid("must be 8 bytes of time and 64 of signature");
    time_unix_s = LoadBe64(bytes.data());
    if (time_unix_s > json::kIntegerMax) return invalid("time must not pass 9007199254740991");
    bytes = bytes.subspan(kTimeLength);
  } else if (bytes.size() != kEd25519Length) {
    return invalid("must be 64 bytes");
  }
  const PkeyPtr pkey(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.public_key.data(), key.public_key.size()));
  if (!pkey) return KeyInvalid("not an Ed25519 public key");
  const std::string message = SignedMessage(key.type, note.body, time_unix_s);
  const MdContextPtr context = NewContext();
  CHECK_INVARIANT(EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, pkey.get()) == 1);
  if (EVP_DigestVerify(context.get(), bytes.data(), bytes.size(), AsBytes(message).data(), message.size()) !=
      1) {
    return invalid("does not verify");
  }
  return time_unix_s;
}

Result<NoteSigner> NoteSigner::Generate(std::string name, NoteKeyType type) {
  const SecretBytes seed(RandomBytes(32));
  return FromSeed(std::move(name), type, seed.span());
}

Result<NoteSigner> NoteSigner::FromSeed(std::string name, NoteKeyType type, ByteSpan seed) {
  if (!ValidName(name)) return KeyInvalid("name must be 1 to 255 bytes without spaces and '+'");
  if (seed.size() != 32) return KeyInvalid("seed must be 32 bytes");
  const PkeyPtr pkey(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()));
  NoteSigner signer;
  signer.key_.name = std::move(name);
  signer.key_.type = type;
  size_t length = signer.key_.public_key.size();
  CHECK_INVARIANT(pkey != nullptr);
  CHECK_INVARIANT(EVP_PKEY_get_raw_public_key(pkey.get(), signer.key_.public_key.data(), &length) == 1);
  signer.seed_ = SecretBytes(Bytes(seed.begin(), seed.end()));
  return signer;
}

NoteSignature NoteSigner::Sign(std::string_view body, uint64_t time_unix_s) const {
  NoteSignature signature{.name = key_.name, .key_id = key_.Id(), .signature = {}};
  size_t offset = 0;
  if (key_.type == NoteKeyType::kCosignatureV1) {
    std::string time;
    AppendBe64(time_unix_s, &time);
    signature.signature.assign(time.begin(), time.end());
    offset = time.size();
  }
  const PkeyPtr pkey(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed_.data(), seed_.size()));
  const std::string message = SignedMessage(key_.type, body, time_unix_s);
  const MdContextPtr context = NewContext();
  size_t length = kEd25519Length;
  signature.signature.resize(offset + length);
  CHECK_INVARIANT(pkey != nullptr);
  CHECK_INVARIANT(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, pkey.get()) == 1);
  CHECK_INVARIANT(EVP_DigestSign(context.get(), signature.signature.data() + offset, &length,
                                 AsBytes(message).data(), message.size()) == 1);
  return signature;
}

}  // namespace cunzheng
