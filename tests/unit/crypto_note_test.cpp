#include <doctest/doctest.h>

#include <numeric>

#include "crypto/note.h"

using namespace cunzheng;

namespace {

// Made by a plain Python implementation of Ed25519 (RFC 8032) from the seed 00 01 … 1f.
constexpr std::string_view kLogVkey =
    "example.org/ledger+5f5b716d+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
constexpr std::string_view kCosignerVkey = "notary-a+95db8e5f+BAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
constexpr std::string_view kBody = "example.org/ledger\n3\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
constexpr std::string_view kLogLine =
    "— example.org/ledger "
    "X1txbfEVkDauWgBlI+TNYr53mI82fHTdYoOi3xLDYkNgJSSC2fUvdcVCIjsim8e7QStKRJIgqp/Bjgq9QqT1VvU/CAQ=\n";
constexpr std::string_view kCosignerLine =
    "— notary-a "
    "lduOXwAAAABndIWA/"
    "1Mxn6gvyVkkYpUkjjEG5+fASx3jv6UDnnPFEhrbqhzKeIYV7PlYfbiuYLzddctXbwmJ7YxTuTw2x3aaBTvFDw==\n";
constexpr uint64_t kTime = 1735689600;

std::string KnownNote() {
  return std::string(kBody).append("\n").append(kLogLine).append(kCosignerLine);
}

Hash Seed() {
  Hash seed;
  std::iota(seed.begin(), seed.end(), uint8_t{0});
  return seed;
}

bool Malformed(std::string_view text) {
  const auto note = ParseNote(text);
  return !note && note.error().code == Errc::kNoteMalformed;
}

std::string Outcome(const Result<uint64_t>& result) {
  return std::string(result ? "ok" : ErrcName(result.error().code));
}

}  // namespace

TEST_CASE("a note of an independent implementation parses, verifies and encodes to itself") {
  const auto note = ParseNote(KnownNote());
  REQUIRE(note);
  CHECK(note->body == kBody);
  REQUIRE(note->signatures.size() == 2);
  CHECK(EncodeNote(*note) == KnownNote());
  const NoteKey log = ParseNoteKey(kLogVkey).value();
  const NoteKey cosigner = ParseNoteKey(kCosignerVkey).value();
  CHECK(VerifyNoteSignature(*note, note->signatures[0], log).value() == 0);
  CHECK(VerifyNoteSignature(*note, note->signatures[1], cosigner).value() == kTime);
}

TEST_CASE("the signer makes the same lines from the same seed") {
  const auto log = NoteSigner::FromSeed("example.org/ledger", NoteKeyType::kEd25519, Seed());
  const auto cosigner = NoteSigner::FromSeed("notary-a", NoteKeyType::kCosignatureV1, Seed());
  REQUIRE(log);
  REQUIRE(cosigner);
  CHECK(log->key().Encode() == kLogVkey);
  CHECK(cosigner->key().Encode() == kCosignerVkey);
  Note note{.body = std::string(kBody), .signatures = {log->Sign(kBody), cosigner->Sign(kBody, kTime)}};
  CHECK(EncodeNote(note) == KnownNote());
}

TEST_CASE("a signature counts for its own key, body and time only") {
  const NoteSigner signer = NoteSigner::Generate("a", NoteKeyType::kCosignatureV1).value();
  const NoteSigner namesake = NoteSigner::Generate("a", NoteKeyType::kCosignatureV1).value();
  const NoteSigner log = NoteSigner::Generate("a", NoteKeyType::kEd25519).value();
  Note note{.body = "x\n", .signatures = {}};
  const NoteSignature good = signer.Sign(note.body, 7);
  CHECK(VerifyNoteSignature(note, good, signer.key()).value() == 7);
  CHECK(Outcome(VerifyNoteSignature(note, good, namesake.key())) == "signature_invalid");
  CHECK(Outcome(VerifyNoteSignature(note, good, log.key())) == "signature_invalid");
  CHECK(Outcome(VerifyNoteSignature({.body = "y\n", .signatures = {}}, good, signer.key())) ==
        "signature_invalid");

  // The key id is only a hint: a line that carries another key's id does not pass either.
  NoteSignature forged = namesake.Sign(note.body, 7);
  forged.key_id = signer.key().Id();
  CHECK(Outcome(VerifyNoteSignature(note, forged, signer.key())) == "signature_invalid");
  // A log signature is no cosignature, whatever key made it.
  NoteSignature plain =
      NoteSigner::FromSeed("a", NoteKeyType::kEd25519, signer.seed()).value().Sign(note.body);
  plain.key_id = signer.key().Id();
  CHECK(Outcome(VerifyNoteSignature(note, plain, signer.key())) == "signature_invalid");
}

TEST_CASE("every flipped bit of a cosignature, its time included, is rejected") {
  const NoteSigner signer = NoteSigner::Generate("a", NoteKeyType::kCosignatureV1).value();
  const Note note{.body = "x\n", .signatures = {}};
  const NoteSignature good = signer.Sign(note.body, 1735689600);
  for (size_t bit = 0; bit < good.signature.size() * 8; ++bit) {
    NoteSignature changed = good;
    changed.signature[bit / 8] = static_cast<uint8_t>(changed.signature[bit / 8] ^ 1u << bit % 8);
    if (Outcome(VerifyNoteSignature(note, changed, signer.key())) != "signature_invalid") FAIL("bit " << bit);
  }
  NoteSignature shorter = good;
  shorter.signature.pop_back();
  CHECK(Outcome(VerifyNoteSignature(note, shorter, signer.key())) == "signature_invalid");
  NoteSignature longer = good;
  longer.signature.push_back(0);
  CHECK(Outcome(VerifyNoteSignature(note, longer, signer.key())) == "signature_invalid");
}

TEST_CASE("malformed notes are rejected") {
  const std::string note = KnownNote();
  const std::string body(kBody);
  const std::string line(kLogLine);
  CHECK(Malformed(""));
  CHECK(Malformed("\n"));
  CHECK(Malformed(body));
  CHECK(Malformed(body + "\n"));
  CHECK(Malformed(body + line));
  CHECK(Malformed(note.substr(0, note.size() - 1)));
  CHECK(Malformed(note + "\n"));
  CHECK(Malformed(note + "\n\n"));
  CHECK(Malformed(note + "x\n"));
  CHECK(Malformed(body + "\n\n" + line + "- x\n"));
  CHECK(Malformed("\n\n" + line));
  CHECK(Malformed(body + "\n- notary " + "AAAAAAA=\n"));
  CHECK(Malformed(body + "\n—notary AAAAAAA=\n"));
  CHECK(Malformed(body + "\n— notary\n"));
  CHECK(Malformed(body + "\n—  AAAAAAA=\n"));
  CHECK(Malformed(body + "\n— a+b AAAAAAA=\n"));
  CHECK(Malformed(body + "\n— a\u00a0b AAAAAAA=\n"));
  CHECK(Malformed(body + "\n— a b AAAAAAA=\n"));
  CHECK(Malformed(body + "\n— notary AAAAAAA\n"));
  CHECK(Malformed(body + "\n— notary AAAAAA==\n"));  // a key id and nothing else
  CHECK(Malformed(body + "\n— notary \n"));
  CHECK(Malformed("a\tb\n\n" + line));
  CHECK(Malformed("a\r\n\n" + line));
  CHECK(Malformed("a\xff\n\n" + line));
  CHECK(Malformed("a\xed\xa0\x80\n\n" + line));
  CHECK(Malformed(std::string("a\0\n\n", 4) + line));
  CHECK(Malformed("\xef\xbb\xbf\n" + line));
  CHECK_FALSE(Malformed(body + "\n— notary AAAAAAA=\n"));
}

TEST_CASE("two lines of one key are malformed, whoever's key it is") {
  const std::string body(kBody);
  CHECK(Malformed(KnownNote().append(kLogLine)));
  CHECK(Malformed(body + "\n— x AAAAAAA=\n— x AAAAAAE=\n"));
  CHECK_FALSE(Malformed(body + "\n— x AAAAAAA=\n— y AAAAAAA=\n"));
  CHECK_FALSE(Malformed(body + "\n— x AAAAAAA=\n— x AAAAAQA=\n"));
}

TEST_CASE("a cosignature's time ends at 2^53-1") {
  const NoteSigner signer = NoteSigner::Generate("a", NoteKeyType::kCosignatureV1).value();
  const Note note{.body = "x\n", .signatures = {}};
  constexpr uint64_t kMax = (uint64_t{1} << 53) - 1;
  CHECK(VerifyNoteSignature(note, signer.Sign(note.body, kMax), signer.key()).value() == kMax);
  CHECK(Outcome(VerifyNoteSignature(note, signer.Sign(note.body, kMax + 1), signer.key())) ==
        "signature_invalid");
}

TEST_CASE("the last blank line parts body and signatures") {
  const auto note = ParseNote("a\n\nb\n\n" + std::string(kLogLine));
  REQUIRE(note);
  CHECK(note->body == "a\n\nb\n");
}

TEST_CASE("a note has at most sixteen signature lines and 16384 bytes") {
  const auto with_lines = [](int count) {
    std::string text = "a\n\n";
    for (int i = 0; i < count; ++i) text += "— n" + std::to_string(i) + " AAAAAAA=\n";
    return text;
  };
  CHECK_FALSE(Malformed(with_lines(16)));
  CHECK(Malformed(with_lines(17)));
  const std::string tail = "\n\n" + std::string(kLogLine);
  CHECK_FALSE(Malformed(std::string(kNoteLengthMax - tail.size(), 'a') + tail));
  CHECK(Malformed(std::string(kNoteLengthMax - tail.size() + 1, 'a') + tail));
}

TEST_CASE("every single-byte change of a note is rejected or encodes to itself") {
  const std::string text = KnownNote();
  for (size_t at = 0; at < text.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string changed = text;
      changed[at] = static_cast<char>(byte);
      const auto note = ParseNote(changed);
      if (note && EncodeNote(*note) != changed) FAIL("byte " << at << " as " << byte);
    }
  }
}

TEST_CASE("note keys go there and back, and others are rejected") {
  for (const std::string_view vkey : {kLogVkey, kCosignerVkey})
    CHECK(ParseNoteKey(vkey).value().Encode() == vkey);
  const auto rejects = [](std::string_view vkey) {
    const auto key = ParseNoteKey(vkey);
    return !key && key.error().code == Errc::kKeyInvalid;
  };
  CHECK(rejects(""));
  CHECK(rejects("notary-a"));
  CHECK(rejects("notary-a+95db8e5f"));
  CHECK(rejects("+95db8e5f+BAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"));
  CHECK(rejects("notary a+95db8e5f+BAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"));
  CHECK(rejects("notary-b+95db8e5f+BAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"));  // id of another name
  CHECK(rejects("notary-a+95DB8E5F+BAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"));
  CHECK(rejects("notary-a+95db8e+BAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"));
  CHECK(rejects("notary-a+95db8e5f+BAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG5"));
  CHECK(rejects("notary-a+95db8e5f+BAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVQ=="));
  CHECK(rejects("notary-a+95db8e5f+"));
  CHECK(rejects(std::string(kLogVkey) + " "));
  // A type that the project does not know, with the right id for it.
  NoteKey unknown = ParseNoteKey(kLogVkey).value();
  unknown.type = static_cast<NoteKeyType>(2);
  CHECK(rejects(unknown.Encode()));
}

TEST_CASE("a signer needs a valid name and a seed of 32 bytes") {
  const auto rejects = [](const std::string& name, const Bytes& seed) {
    const auto signer = NoteSigner::FromSeed(name, NoteKeyType::kEd25519, seed);
    return !signer && signer.error().code == Errc::kKeyInvalid;
  };
  const Bytes seed(32, 1);
  CHECK_FALSE(rejects("公证处", seed));
  CHECK_FALSE(rejects(std::string(255, 'a'), seed));
  CHECK(rejects(std::string(256, 'a'), seed));
  CHECK(rejects("", seed));
  CHECK(rejects("a b", seed));
  CHECK(rejects("a+b", seed));
  CHECK(rejects("a\u3000b", seed));
  CHECK(rejects("a\nb", seed));
  CHECK(rejects("a\x01", seed));
  CHECK(rejects("a\x7f", seed));
  CHECK(rejects("a\u0090", seed));
  CHECK(rejects("a\xff", seed));
  CHECK(rejects("a", Bytes(31, 1)));
  CHECK(rejects("a", {}));
}
