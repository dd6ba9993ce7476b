// Every small change of a receipt, and of each decoded field inside it, is rejected or leaves its meaning as
// it was.
//
// The meaning: all that the report tells, and all bytes that it rests on. Left out of the comparison is what
// a verifier passes over by specification: signature lines of unknown keys, anchors, links between trees that
// it does not know. A changed name or key id makes a line one of an unknown key; then the report must be that
// of the receipt without the line, which claims less and is as true. The same holds for a link, an end of
// which becomes unknown.
#include <doctest/doctest.h>

#include <functional>
#include <map>
#include <set>

#include "client/verify/verify.h"
#include "crypto/digest.h"
#include "ledger/checkpoint.h"
#include "ledger/receipt.h"
#include "tests/unit/vectors.h"

using namespace cunzheng;
using namespace cunzheng::ledger;
using verify::Report;
using verify::Verdict;

namespace {

// A receipt with all that its verification needs, from the vectors.
struct Subject {
  std::string text;
  FileDigest evidence;
  Trust trust;
  Receipt receipt;
  Report report;
};

Subject Load(std::string_view file, std::string_view desc) {
  std::optional<Subject> subject;
  ForEachVector(file, "receipt.verify", [&](const VectorCase& vector) {
    if (vector.Text("desc") != desc) return;
    const Bytes evidence = vector.Base64("evidence_b64");
    subject = Subject{vector.Text("receipt"),
                      {DigestBytes(evidence), evidence.size()},
                      DecodeTrust(vector.Text("trust")).value(),
                      DecodeReceipt(vector.Text("receipt")).value(),
                      {}};
  });
  REQUIRE_MESSAGE(subject.has_value(), desc);
  subject->report = verify::Verify(subject->text, subject->evidence, &subject->trust);
  REQUIRE(subject->report.verdict == Verdict::kValid);
  return std::move(*subject);
}

std::set<std::pair<std::string, uint32_t>> KnownKeys(const Trust& trust) {
  std::set<std::pair<std::string, uint32_t>> known;
  for (const auto* list : {&trust.members, &trust.witnesses}) {
    for (const TrustMember& member : *list) {
      for (const TrustKey& key : member.keys) {
        if (key.purpose != KeyPurpose::kAccount) known.emplace(key.note_key.name, key.note_key.Id());
      }
    }
  }
  return known;
}

// The receipt without what a verifier passes over. Tokens stay as a count: bytes of theirs that no signature
// covers may change, and what they prove stands in the report.
Receipt Essence(Receipt receipt, const Trust& trust) {
  const auto known = KnownKeys(trust);
  for (Attestation& attestation : receipt.attestations) {
    Note note = ParseNote(attestation.checkpoint).value();
    std::erase_if(note.signatures, [&](const NoteSignature& line) {
      return !known.contains({line.name, line.key_id});
    });
    attestation.checkpoint = EncodeNote(note);
    attestation.anchors.clear();
    attestation.tokens.assign(attestation.tokens.size(), {});
  }
  receipt.consistency.clear();
  return receipt;
}

std::string Told(const Report& report) {
  return verify::ReportToJson(report, "evidence");
}

class Changes {
 public:
  // `thorough`: each byte is also tried against each class of byte, which takes six times as long.
  Changes(const Subject& subject, bool thorough)
      : subject_(subject),
        thorough_(thorough),
        essence_(Essence(subject.receipt, subject.trust)),
        told_(Told(subject.report)) {
    // What may come of one line whose key has become unknown.
    for (size_t a = 0; a < essence_.attestations.size(); a++) {
      const Note note = ParseNote(essence_.attestations[a].checkpoint).value();
      for (size_t line = 0; note.signatures.size() > 1 && line < note.signatures.size(); line++) {
        Receipt fewer = essence_, whole = subject.receipt;
        Drop(&fewer.attestations[a].checkpoint, note.signatures[line]);
        Drop(&whole.attestations[a].checkpoint, note.signatures[line]);
        AddReduced(fewer, whole);
      }
    }
    // What may come of one link an end of which has become unknown.
    for (size_t i = 0; i < subject.receipt.consistency.size(); i++) {
      Receipt whole = subject.receipt;
      whole.consistency.erase(whole.consistency.begin() + static_cast<ptrdiff_t>(i));
      AddReduced(essence_, whole);
    }
  }

  // Judges one changed receipt.
  void Check(const std::string& changed) {
    tried_++;
    const Report report = verify::Verify(changed, subject_.evidence, &subject_.trust);
    if (report.verdict != Verdict::kValid) {
      CHECK(report.error.has_value());
      rejected_++;
      return;
    }
    const Receipt essence = Essence(DecodeReceipt(changed).value(), subject_.trust);
    const std::string told = Told(report);
    if (essence == essence_ && told == told_) return;
    for (const auto& [fewer, less] : reduced_) {
      if (essence == fewer && told == less) return;
    }
    FAIL_CHECK("a change was accepted with another meaning:\n" << changed << "\n" << told);
  }

  // Judges changes of one text at every place: each bit; each byte gone, or doubled; when thorough, replaced
  // by and preceded by one of each class of byte that the formats know.
  void CheckAround(const std::string& text, const std::function<void(const std::string&)>& judge) {
    static constexpr std::string_view kClasses = "0a9fFz\"\\/ \n,:{}[]-+=._\x7f\xc2\xe2\xff";
    for (size_t i = 0; i < text.size(); i++) {
      std::string changed = text;
      for (int bit = 0; bit < 8; bit++) {
        changed[i] = static_cast<char>(text[i] ^ (1 << bit));
        judge(changed);
      }
      for (char c : thorough_ ? kClasses : std::string_view()) {
        changed = text;
        if (text[i] != c) {
          changed[i] = c;
          judge(changed);
          changed[i] = text[i];
        }
        judge(changed.insert(i, 1, c));
      }
      changed = text;
      judge(changed.erase(i, 1));
      changed = text;
      judge(changed.insert(i, 1, text[i]));
    }
  }

  size_t tried() const { return tried_; }
  size_t rejected() const { return rejected_; }

 private:
  void AddReduced(const Receipt& essence, const Receipt& whole) {
    const Report report = verify::Verify(EncodeReceipt(whole), subject_.evidence, &subject_.trust);
    if (report.verdict == Verdict::kValid) reduced_.emplace_back(essence, Told(report));
  }

  static void Drop(std::string* checkpoint, const NoteSignature& line) {
    Note note = ParseNote(*checkpoint).value();
    std::erase_if(note.signatures, [&](const NoteSignature& other) {
      return other.name == line.name && other.key_id == line.key_id;
    });
    *checkpoint = EncodeNote(note);
  }

  const Subject& subject_;
  const bool thorough_;
  const Receipt essence_;
  const std::string told_;
  std::vector<std::pair<Receipt, std::string>> reduced_;
  size_t tried_ = 0, rejected_ = 0;
};

// Judges changes of one decoded field; `field` finds it in a copy of the receipt.
template <typename Field>
void CheckText(Changes& changes, const Receipt& receipt, Field field) {
  Receipt changed = receipt;
  const std::string good = field(changed);
  changes.CheckAround(good, [&](const std::string& text) {
    field(changed) = text;
    changes.Check(EncodeReceipt(changed));
  });
}

template <typename Field>
void CheckNumber(Changes& changes, const Receipt& receipt, Field field) {
  Receipt changed = receipt;
  const uint64_t good = field(changed);
  std::set<uint64_t> values = {0, 1, good + 1, good - 1, json::kIntegerMax, UINT64_MAX};
  for (int bit = 0; bit < 64; bit++) values.insert(good ^ (uint64_t{1} << bit));
  values.erase(good);
  for (uint64_t value : values) {
    field(changed) = value;
    changes.Check(EncodeReceipt(changed));
  }
}

// Each hash of a path: each bit, gone, doubled, exchanged with its neighbour.
template <typename Field>
void CheckPath(Changes& changes, const Receipt& receipt, Field field) {
  Receipt changed = receipt;
  const Path good = field(changed);
  const auto judge = [&](const Path& path) {
    field(changed) = path;
    changes.Check(EncodeReceipt(changed));
  };
  for (size_t i = 0; i < good.size(); i++) {
    for (size_t bit = 0; bit < 256; bit++) {
      Path path = good;
      path[i][bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
      judge(path);
    }
    Path path = good;
    path.erase(path.begin() + static_cast<ptrdiff_t>(i));
    judge(path);
    path = good;
    path.insert(path.begin() + static_cast<ptrdiff_t>(i), good[i]);
    judge(path);
    if (i > 0 && good[i] != good[i - 1]) {
      path = good;
      std::swap(path[i], path[i - 1]);
      judge(path);
    }
  }
  Path path = good;
  path.push_back(Hash{});
  judge(path);
}

void CheckToken(Changes& changes, const Receipt& receipt, size_t a, size_t t) {
  Receipt changed = receipt;
  const Bytes good = receipt.attestations[a].tokens[t];
  for (size_t i = 0; i < good.size(); i++) {
    for (int bit = 0; bit < 8; bit++) {
      changed.attestations[a].tokens[t][i] = static_cast<uint8_t>(good[i] ^ (1 << bit));
      changes.Check(EncodeReceipt(changed));
    }
    changed.attestations[a].tokens[t] = good;
  }
  for (size_t length = 1; length < good.size(); length += 7) {
    changed.attestations[a].tokens[t] = Bytes(good.begin(), good.begin() + static_cast<ptrdiff_t>(length));
    changes.Check(EncodeReceipt(changed));
  }
}

void CheckFields(Changes& changes, const Receipt& r) {
  CheckText(changes, r, [](Receipt& x) -> std::string& { return x.record; });
  CheckText(changes, r, [](Receipt& x) -> std::string& { return x.entry; });
  if (r.manifest) CheckText(changes, r, [](Receipt& x) -> std::string& { return *x.manifest; });
  CheckNumber(changes, r, [](Receipt& x) -> uint64_t& { return x.batch_index; });
  CheckNumber(changes, r, [](Receipt& x) -> uint64_t& { return x.index; });
  CheckPath(changes, r, [](Receipt& x) -> Path& { return x.batch_path; });
  for (size_t i = 0; i < r.attestations.size(); i++) {
    CheckText(changes, r, [i](Receipt& x) -> std::string& { return x.attestations[i].checkpoint; });
    CheckPath(changes, r, [i](Receipt& x) -> Path& { return x.attestations[i].inclusion; });
    for (size_t t = 0; t < r.attestations[i].tokens.size(); t++) CheckToken(changes, r, i, t);
  }
  for (size_t i = 0; i < r.consistency.size(); i++) {
    CheckNumber(changes, r, [i](Receipt& x) -> uint64_t& { return x.consistency[i].from; });
    CheckNumber(changes, r, [i](Receipt& x) -> uint64_t& { return x.consistency[i].to; });
    CheckPath(changes, r, [i](Receipt& x) -> Path& { return x.consistency[i].path; });
  }
}

// The deposit entry's own fields, each by itself, under a leaf that is not the tree's any more.
void CheckEntryFields(Changes& changes, const Receipt& r) {
  const DepositEntry good = DecodeDepositEntry(r.entry).value();
  const auto judge = [&](const DepositEntry& entry) {
    Receipt changed = r;
    changed.entry = EncodeDepositEntry(entry);
    changes.Check(EncodeReceipt(changed));
  };
  for (std::string DepositEntry::*field :
       {&DepositEntry::header_bytes, &DepositEntry::account_name, &DepositEntry::sponsor}) {
    changes.CheckAround(good.*field, [&](const std::string& text) {
      DepositEntry entry = good;
      entry.*field = text;
      judge(entry);
    });
  }
  for (size_t i = 0; i < 64 * 8; i++) {
    DepositEntry entry = good;
    entry.signature.signature[i / 8] ^= static_cast<uint8_t>(1 << (i % 8));
    judge(entry);
  }
  for (size_t i = 0; i < 33 * 8; i++) {
    DepositEntry entry = good;
    entry.signature.key.bytes[i / 8] ^= static_cast<uint8_t>(1 << (i % 8));
    judge(entry);
  }
  for (size_t i = 0; i < 256; i++) {
    DepositEntry entry = good;
    entry.account[i / 8] ^= static_cast<uint8_t>(1 << (i % 8));
    judge(entry);
  }
  for (int bit = 0; bit < 64; bit++) {
    DepositEntry entry = good;
    entry.time_unix_ms ^= uint64_t{1} << bit;
    judge(entry);
  }
}

struct Choice {
  const char* file;
  const char* desc;
  bool thorough = false;
};
const Choice kChoices[] = {
    {"receipt/valid", "one operator, a batch of one", true},
    {"receipt/valid", "three of four institutions and one more"},
    {"receipt/valid", "an item of a sealed batch"},
    {"receipt/valid", "an anchor of unknown type"},
    {"receipt/valid", "a manifest with a checkpoint gives T1"},
    {"receipt/tokens", "a token earlier than the cosignatures gives T2"},
    {"receipt/retired", "connected by a consistency proof: the early time counts"},
};

}  // namespace

TEST_CASE("every single-byte change of a receipt file is rejected or leaves its meaning") {
  for (const Choice& choice : kChoices) {
    SUBCASE(choice.desc) {
      const Subject subject = Load(choice.file, choice.desc);
      Changes changes(subject, choice.thorough);
      changes.CheckAround(subject.text, [&](const std::string& changed) { changes.Check(changed); });
      CHECK(changes.tried() >= subject.text.size() * 10);
      CHECK(changes.rejected() > changes.tried() / 2);
      MESSAGE(changes.tried() << " changes, " << changes.rejected() << " rejected");
    }
  }
}

TEST_CASE("every change of a decoded field is rejected or leaves the meaning") {
  for (const Choice& choice : kChoices) {
    SUBCASE(choice.desc) {
      const Subject subject = Load(choice.file, choice.desc);
      Changes changes(subject, choice.thorough);
      CheckFields(changes, subject.receipt);
      CheckEntryFields(changes, subject.receipt);
      CHECK(changes.tried() > 10'000);
      MESSAGE(changes.tried() << " changes, " << changes.rejected() << " rejected");
    }
  }
}

TEST_CASE("a receipt cut at any byte is rejected") {
  const Subject subject = Load("receipt/valid", "a manifest with a checkpoint gives T1");
  // Behind the closing brace stands one line end, which is white space.
  const size_t whole = subject.text.find_last_of('}') + 1;
  for (size_t length = 0; length < whole; length++) {
    CHECK(verify::Verify(subject.text.substr(0, length), subject.evidence, &subject.trust).verdict ==
          Verdict::kNotValid);
  }
}

TEST_CASE("every change of a receipt is survived without a trust file") {
  const Subject subject = Load("receipt/valid", "exactly k signed");
  Changes changes(subject, true);
  changes.CheckAround(subject.text, [&](const std::string& changed) {
    const Report report = verify::Verify(changed, subject.evidence, nullptr);
    CHECK((report.verdict == Verdict::kNotValid || report.verdict == Verdict::kTrustNotEstablished));
  });
}
