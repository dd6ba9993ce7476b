// specs/vectors: what an implementation written from the specifications alone answers.
#include <doctest/doctest.h>

#include "crypto/digest.h"
#include "crypto/key_file.h"
#include "crypto/note.h"
#include "crypto/sign.h"
#include "tests/unit/vectors.h"

using namespace cunzheng;

namespace {

constexpr size_t kJsonLengthMax = 1 << 20;

void CheckJson(const VectorCase& vector) {
  const bool canonical = vector.Text("form") == "canonical";
  const Bytes input = vector.Base64("input_b64");
  const auto value =
      json::Parse(AsText(input), canonical ? json::Form::kCanonical : json::Form::kReadable, kJsonLengthMax);
  if (!vector.Expects(value)) return;
  CHECK(json::EncodePretty(*value) == vector.Text("readable"));
  if (vector.Has("canonical")) CHECK(json::Encode(*value) == vector.Text("canonical"));
}

Result<PublicKey> KeyOf(const VectorCase& vector) {
  ASSIGN_OR_RETURN(const Suite suite, SuiteFromName(vector.Text("suite")));
  return MakePublicKey(suite, vector.Hex("public_key"));
}

// The secret of an account key file or a note key file.
Result<Bytes> OpenText(std::string_view text, ByteSpan passphrase) {
  ASSIGN_OR_RETURN(const KeyFile file, DecodeKeyFile(text));
  ASSIGN_OR_RETURN(const SecretBytes secret, OpenKey(file, passphrase));
  return Bytes(secret.span().begin(), secret.span().end());
}

struct Signed {
  std::string name;
  uint64_t time_unix_s;
};

// Each line that one of the keys made, in the note's order.
Result<std::vector<Signed>> VerifyLines(const Note& note, const std::vector<NoteKey>& keys) {
  std::vector<Signed> lines;
  for (const NoteSignature& signature : note.signatures) {
    for (const NoteKey& key : keys) {
      if (signature.name != key.name || signature.key_id != key.Id()) continue;
      ASSIGN_OR_RETURN(const uint64_t time_unix_s, VerifyNoteSignature(note, signature, key));
      lines.push_back({key.name, time_unix_s});
    }
  }
  return lines;
}

}  // namespace

TEST_CASE("JSON vectors: canonical text") {
  ForEachVector("json/canonical", "json.decode", CheckJson);
}
TEST_CASE("JSON vectors: readable text") {
  ForEachVector("json/readable", "json.decode", CheckJson);
}

TEST_CASE("digest vectors") {
  ForEachVector("digest/digest", "digest", [](const VectorCase& vector) {
    const Bytes input = vector.Base64("input_b64");
    CHECK(DigestBytes(input) == Digests{.sha256 = vector.Hex32("sha256"), .sm3 = vector.Hex32("sm3")});
    CHECK(input.size() == vector.Integer("length"));
  });
}

TEST_CASE("key vectors: tagged hashes") {
  ForEachVector("keys/tagged", "keys.tagged", [](const VectorCase& vector) {
    CHECK(TaggedHash(vector.Text("purpose"), vector.Base64("message_b64")) == vector.Hex32("digest"));
  });
}

TEST_CASE("key vectors: account ids") {
  ForEachVector("keys/account_id", "keys.account_id", [](const VectorCase& vector) {
    const auto key = KeyOf(vector);
    if (vector.Expects(key)) CHECK(AccountId(*key) == vector.Hex32("account"));
  });
}

TEST_CASE("key vectors: signing") {
  ForEachVector("keys/sign", "keys.sign", [](const VectorCase& vector) {
    const auto key =
        PrivateKey::FromSecret(SuiteFromName(vector.Text("suite")).value(), vector.Hex("secret"));
    if (!vector.Expects(key)) return;
    CHECK(key->public_key().bytes == vector.Hex("public_key"));
    CHECK(AccountId(key->public_key()) == vector.Hex32("account"));
    CHECK(key->Sign(vector.Text("purpose"), vector.Base64("message_b64")) == vector.Hex("signature"));
  });
}

TEST_CASE("key vectors: verifying") {
  ForEachVector("keys/verify", "keys.verify", [](const VectorCase& vector) {
    const auto verify = [&]() -> Result<void> {
      ASSIGN_OR_RETURN(const PublicKey key, KeyOf(vector));
      return VerifySignature(key, vector.Text("purpose"), vector.Base64("message_b64"),
                             vector.Hex("signature"));
    };
    vector.Expects(verify());
  });
}

TEST_CASE("key vectors: key files") {
  ForEachVector("keys/key_file", "keys.key_file", [](const VectorCase& vector) {
    const auto secret = OpenText(vector.Text("text"), AsBytes(vector.Text("passphrase")));
    if (vector.Expects(secret)) CHECK(*secret == vector.Hex("secret"));
  });
}

TEST_CASE("note vectors: keys") {
  ForEachVector("checkpoint/vkey", "note.vkey", [](const VectorCase& vector) {
    const auto key = ParseNoteKey(vector.Text("vkey"));
    if (!vector.Expects(key)) return;
    CHECK(key->name == vector.Text("name"));
    CHECK(static_cast<uint64_t>(key->type) == vector.Integer("type"));
    CHECK(key->public_key == vector.Hex32("public_key"));
    CHECK(vector.Text("vkey").substr(key->name.size() + 1, 8) == vector.Text("id"));
    CHECK(key->Encode() == vector.Text("vkey"));
  });
}

TEST_CASE("note vectors: signatures") {
  ForEachVector("checkpoint/note", "note.verify", [](const VectorCase& vector) {
    std::vector<NoteKey> keys;
    for (const json::Value& vkey : vector.List("vkeys"))
      keys.push_back(ParseNoteKey(*vkey.AsString()).value());
    const auto note = ParseNote(vector.Text("text"));
    const auto lines = note ? VerifyLines(*note, keys) : Result<std::vector<Signed>>(note.error());
    if (!vector.Expects(lines)) return;
    CHECK(note->body == vector.Text("body"));
    const json::Array& expected = vector.List("signed");
    REQUIRE(lines->size() == expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      const VectorCase line(*expected[i].AsObject());
      CHECK((*lines)[i].name == line.Text("name"));
      CHECK((*lines)[i].time_unix_s == line.Integer("time_unix_s"));
    }
  });
}
