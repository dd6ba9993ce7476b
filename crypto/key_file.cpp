#include "crypto/key_file.h"

#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "crypto/json.h"

namespace cunzheng {
namespace {

constexpr std::string_view kAccountKeyType = "cunzheng/account_key/v1";
constexpr std::string_view kNoteKeyType = "cunzheng/note_key/v1";
constexpr std::string_view kPublicKeyType = "cunzheng/public_key/v1";
constexpr size_t kFileLengthMax = 16 * 1024;
constexpr size_t kSecretLength = 32;
constexpr size_t kNonceLength = 12;
constexpr size_t kTagLength = 16;
constexpr uint64_t kScryptR = 8;
constexpr uint64_t kScryptP = 1;

Error Invalid(std::string detail) {
  return {Errc::kKeyFileInvalid, std::move(detail)};
}

// ---- The format ----

void AddOwner(const AccountPublicKey& owner, json::Object* object) {
  object->emplace("account", ToHex(owner.account));
  object->emplace("public_key", ToHex(owner.key.bytes));
  object->emplace("suite", SuiteName(owner.key.suite));
}

// The object without `cipher`: what the tag covers beside the secret.
json::Object Header(const KeyFile& file) {
  json::Object object;
  if (const auto* account = std::get_if<AccountPublicKey>(&file.owner)) {
    AddOwner(*account, &object);
    object.emplace("type", kAccountKeyType);
  } else {
    object.emplace("key", std::get<NoteKey>(file.owner).Encode());
    object.emplace("type", kNoteKeyType);
  }
  object.emplace("kdf", json::Object{{"log_n", uint64_t{file.log_n}},
                                     {"name", "scrypt"},
                                     {"p", kScryptP},
                                     {"r", kScryptR},
                                     {"salt", ToHex(file.salt)}});
  return object;
}

AccountPublicKey ReadOwner(json::ObjectReader* reader) {
  AccountPublicKey owner;
  owner.account = reader->Hex32("account");
  const Bytes bytes = reader->Hex("public_key", 33);
  const auto suite = SuiteFromName(reader->String("suite", 1, 64));
  if (!suite) {
    reader->Fail(suite.error().code, "suite", "must be ecdsa-secp256k1-sha256 or sm2-sm3");
    return owner;
  }
  auto key = MakePublicKey(*suite, bytes);
  if (!key) {
    reader->Fail(key.error().code, "public_key",
                 "must be a compressed point of 33 bytes on the suite's curve");
    return owner;
  }
  owner.key = std::move(key).value();
  return owner;
}

void RequireText(json::ObjectReader* reader, std::string_view key, std::string_view text) {
  if (reader->String(key, 0, 64) != text) {
    reader->Fail(Errc::kInvalidValue, key, "must be \"" + std::string(text) + "\"");
  }
}

void ReadCipher(const json::Value& value, KeyFile* file, json::ObjectReader* parent) {
  json::ObjectReader reader(value, parent->what() + ".cipher");
  RequireText(&reader, "name", "aes-256-gcm");
  const Bytes nonce = reader.Hex("nonce", kNonceLength);
  if (nonce.size() == kNonceLength) {
    std::copy(nonce.begin(), nonce.end(), file->nonce.begin());
  } else {
    reader.Fail(Errc::kInvalidValue, "nonce", "must be 12 bytes");
  }
  file->text = reader.Hex("text", kSecretLength + kTagLength);
  if (file->text.size() != kSecretLength + kTagLength)
    reader.Fail(Errc::kInvalidValue, "text", "must be 48 bytes");
  if (const auto read = reader.Finish(); !read) parent->Adopt(read.error());
}

void ReadKdf(const json::Value& value, KeyFile* file, json::ObjectReader* parent) {
  json::ObjectReader reader(value, parent->what() + ".kdf");
  file->log_n = static_cast<uint32_t>(reader.Integer("log_n", kScryptLogNMin, kScryptLogNMax));
  RequireText(&reader, "name", "scrypt");
  reader.Integer("p", kScryptP, kScryptP);
  reader.Integer("r", kScryptR, kScryptR);
  file->salt = reader.Hex32("salt");
  if (const auto read = reader.Finish(); !read) parent->Adopt(read.error());
}

// ---- The cipher ----

struct CipherFree {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, CipherFree>;

SecretBytes DeriveKey(const KeyFile& file, ByteSpan passphrase) {
  SecretBytes key(32);
  const uint64_t n = uint64_t{1} << file.log_n;
  const uint64_t memory_max = 2 * 128 * kScryptR * n;  // what scrypt needs, twice
  const std::string_view text = AsText(passphrase);
  CHECK_INVARIANT(EVP_PBE_scrypt(text.empty() ? "" : text.data(), text.size(), file.salt.data(),
                                 file.salt.size(), n, kScryptR, kScryptP, memory_max, key.data(),
                                 key.size()) == 1);
  return key;
}

// AES-256-GCM set up with key, nonce and additional data; `encrypt` 1 or 0.
CipherContext StartCipher(const KeyFile& file, const SecretBytes& key, int encrypt) {
  CipherContext context(EVP_CIPHER_CTX_new());
  const std::string header = json::Encode(Header(file));
  int length = 0;
  CHECK_INVARIANT(context != nullptr);
  CHECK_INVARIANT(EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.data(), file.nonce.data(),
                                    encrypt) == 1);
  CHECK_INVARIANT(EVP_CipherUpdate(context.get(), nullptr, &length, AsBytes(header).data(),
                                   static_cast<int>(header.size())) == 1);
  return context;
}

Error LogNOutOfRange() {
  return {Errc::kUsage,
          "log_n: must be from " + std::to_string(kScryptLogNMin) + " to " + std::to_string(kScryptLogNMax)};
}

bool LogNInRange(uint32_t log_n) {
  return log_n >= kScryptLogNMin && log_n <= kScryptLogNMax;
}

bool Owns(const std::variant<AccountPublicKey, NoteKey>& owner, ByteSpan secret) {
  if (const auto* account = std::get_if<AccountPublicKey>(&owner)) {
    const auto key = PrivateKey::FromSecret(account->key.suite, secret);
    return key && key->public_key() == account->key;
  }
  const NoteKey& named = std::get<NoteKey>(owner);
  const auto signer = NoteSigner::FromSeed(named.name, named.type, secret);
  return signer && signer->key() == named;
}

// Reads a key file. Details of errors begin with the path, here and below.
Result<KeyFile> ReadKeyFile(const std::string& path) {
  const auto text = ReadSecretFile(path, kFileLengthMax);
  if (!text) return text.error().code == Errc::kIo ? text.error() : Invalid(text.error().detail);
  auto file = DecodeKeyFile(*text);
  if (!file) return Invalid(path + ": " + file.error().detail);
  return file;
}

Result<SecretBytes> OpenKeyOf(const std::string& path, const KeyFile& file, ByteSpan passphrase) {
  auto secret = OpenKey(file, passphrase);
  if (!secret) return Error{secret.error().code, path + ": " + secret.error().detail};
  return secret;
}

}  // namespace

std::string EncodeKeyFile(const KeyFile& file) {
  json::Object object = Header(file);
  object.emplace(
      "cipher",
      json::Object{{"name", "aes-256-gcm"}, {"nonce", ToHex(file.nonce)}, {"text", ToHex(file.text)}});
  return json::EncodePretty(std::move(object));
}

Result<KeyFile> DecodeKeyFile(std::string_view text) {
  const auto value = json::Parse(text, json::Form::kReadable, kFileLengthMax);
  if (!value) return Invalid(value.error().detail);
  KeyFile file;
  json::ObjectReader reader(*value, "key_file");
  const std::string type = reader.String("type", 0, 64);
  if (type == kAccountKeyType) {
    file.owner = ReadOwner(&reader);
  } else if (type == kNoteKeyType) {
    auto key = ParseNoteKey(reader.String("key", 1, 512));
    if (key) {
      file.owner = std::move(key).value();
    } else {
      reader.Fail(key.error().code, "key", key.error().detail);
    }
  } else {
    reader.Fail(Errc::kUnsupportedVersion, "type",
                "must be \"cunzheng/account_key/v1\" or \"cunzheng/note_key/v1\"");
  }
  const json::Value& cipher = reader.Child("cipher");
  const json::Value& kdf = reader.Child("kdf");
  ReadCipher(cipher, &file, &reader);
  ReadKdf(kdf, &file, &reader);
  if (const auto read = reader.Finish(); !read) return Invalid(read.error().detail);
  return file;
}

KeyFile SealKey(std::variant<AccountPublicKey, NoteKey> owner, ByteSpan secret, ByteSpan passphrase,
                uint32_t log_n) {
  CHECK_INVARIANT(LogNInRange(log_n) && secret.size() == kSecretLength);
  KeyFile file{.owner = std::move(owner), .log_n = log_n, .salt = RandomHash(), .nonce = {}, .text = {}};
  const Bytes nonce = RandomBytes(kNonceLength);
  std::copy(nonce.begin(), nonce.end(), file.nonce.begin());
  const SecretBytes key = DeriveKey(file, passphrase);
  const CipherContext context = StartCipher(file, key, 1);
  file.text.resize(kSecretLength + kTagLength);
  int length = 0;
  CHECK_INVARIANT(EVP_CipherUpdate(context.get(), file.text.data(), &length, secret.data(),
                                   static_cast<int>(secret.size())) == 1);
  CHECK_INVARIANT(EVP_CipherFinal_ex(context.get(), file.text.data() + length, &length) == 1);
  CHECK_INVARIANT(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagLength,
                                      file.text.data() + kSecretLength) == 1);
  return file;
}

Result<SecretBytes> OpenKey(const KeyFile& file, ByteSpan passphrase) {
  CHECK_INVARIANT(LogNInRange(file.log_n) && file.text.size() == kSecretLength + kTagLength);
  const SecretBytes key = DeriveKey(file, passphrase);
  const CipherContext context = StartCipher(file, key, 0);
  SecretBytes secret(kSecretLength);
  Bytes tag(file.text.begin() + kSecretLength, file.text.end());
  int length = 0;
  CHECK_INVARIANT(EVP_CipherUpdate(context.get(), secret.data(), &length, file.text.data(), kSecretLength) ==
                  1);
  CHECK_INVARIANT(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagLength, tag.data()) == 1);
  if (EVP_CipherFinal_ex(context.get(), secret.data() + length, &length) != 1) {
    return Error{Errc::kPassphraseWrong, "the passphrase is wrong or the file was changed"};
  }
  if (!Owns(file.owner, secret.span())) return Invalid("holds another key than the one that it names");
  return secret;
}

std::string EncodeAccountPublicKey(const AccountPublicKey& key) {
  json::Object object;
  AddOwner(key, &object);
  object.emplace("type", kPublicKeyType);
  return json::EncodePretty(std::move(object));
}

Result<AccountPublicKey> DecodeAccountPublicKey(std::string_view text) {
  const auto value = json::Parse(text, json::Form::kReadable, kFileLengthMax);
  if (!value) return Invalid(value.error().detail);
  json::ObjectReader reader(*value, "public_key_file");
  reader.Type(kPublicKeyType);
  AccountPublicKey key = ReadOwner(&reader);
  if (const auto read = reader.Finish(); !read) return Invalid(read.error().detail);
  return key;
}

Result<void> WriteAccountKey(const std::string& path, const PrivateKey& key, const Hash& account,
                             ByteSpan passphrase, uint32_t log_n) {
  if (!LogNInRange(log_n)) return LogNOutOfRange();
  const AccountPublicKey owner{.key = key.public_key(), .account = account};
  const std::string public_path = path + ".pub";
  // Before the secret is written: a pair that cannot be completed is not begun.
  if (access(public_path.c_str(), F_OK) == 0)
    return Error{Errc::kAlreadyExists, public_path + ": already exists"};
  const KeyFile file = SealKey(owner, key.secret(), passphrase, log_n);
  RETURN_IF_ERROR(WriteFileAtomically(path, EncodeKeyFile(file), 0600, /*replace=*/false));
  auto published = WriteFileAtomically(public_path, EncodeAccountPublicKey(owner), 0644, /*replace=*/false);
  if (!published) unlink(path.c_str());  // our own new file, which nobody has used yet
  return published;
}

Result<AccountKey> ReadAccountKey(const std::string& path, ByteSpan passphrase) {
  ASSIGN_OR_RETURN(const KeyFile file, ReadKeyFile(path));
  const auto* owner = std::get_if<AccountPublicKey>(&file.owner);
  if (owner == nullptr) return Invalid(path + ": is a note key, not an account key");
  ASSIGN_OR_RETURN(const SecretBytes secret, OpenKeyOf(path, file, passphrase));
  ASSIGN_OR_RETURN(PrivateKey key, PrivateKey::FromSecret(owner->key.suite, secret.span()));
  return AccountKey{.key = std::move(key), .account = owner->account};
}

Result<AccountPublicKey> ReadAccountPublicKey(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(path, kFileLengthMax));
  auto key = DecodeAccountPublicKey(text);
  if (!key) return Invalid(path + ": " + key.error().detail);
  return key;
}

Result<void> WriteNoteKey(const std::string& path, const NoteSigner& signer, ByteSpan passphrase,
                          uint32_t log_n) {
  if (!LogNInRange(log_n)) return LogNOutOfRange();
  const KeyFile file = SealKey(signer.key(), signer.seed(), passphrase, log_n);
  return WriteFileAtomically(path, EncodeKeyFile(file), 0600, /*replace=*/false);
}

Result<NoteSigner> ReadNoteKey(const std::string& path, ByteSpan passphrase) {
  ASSIGN_OR_RETURN(const KeyFile file, ReadKeyFile(path));
  const auto* owner = std::get_if<NoteKey>(&file.owner);
  if (owner == nullptr) return Invalid(path + ": is an account key, not a note key");
  ASSIGN_OR_RETURN(const SecretBytes seed, OpenKeyOf(path, file, passphrase));
  return NoteSigner::FromSeed(owner->name, owner->type, seed.span());
}

}  // namespace cunzheng
