// Records, batches, entries, receipts and trust files: what one side writes the other reads, and the rules of
// specs/batch.md in their order.
#include <doctest/doctest.h>

#include <random>

#include "ledger/batch.h"
#include "ledger/checkpoint.h"
#include "ledger/entry.h"
#include "ledger/fields.h"
#include "ledger/receipt.h"
#include "ledger/record.h"
#include "ledger/trust.h"
#include "tests/unit/vectors.h"

using namespace cunzheng;
using namespace cunzheng::ledger;

namespace {

constexpr size_t kBatchBytesMax = 524'288;
constexpr uint64_t kNow = 1'790'000'000'000;

Hash Filled(uint8_t byte) {
  Hash hash;
  hash.fill(byte);
  return hash;
}
const Hash kLedger = Filled(0x11);

PrivateKey KeyFrom(Suite suite, uint8_t byte) {
  return PrivateKey::FromSecret(suite, Filled(byte)).value();
}
const PrivateKey& Alice() {
  static const PrivateKey key = KeyFrom(Suite::kSecp256k1, 0x21);
  return key;
}

Record MakeRecord(const PrivateKey& key, uint8_t number) {
  Record record;
  record.ledger = kLedger;
  record.account = AccountId(key.public_key());
  record.kind = "file";
  record.digest = DigestBytes(Bytes{number});
  record.length = 1;
  return record;
}

std::vector<std::string> MakeRecords(const PrivateKey& key, size_t count, bool salted = false) {
  std::vector<std::string> records;
  for (size_t i = 0; i < count; i++) {
    Record record = MakeRecord(key, static_cast<uint8_t>(i));
    if (salted) record.salt = Filled(static_cast<uint8_t>(i));
    records.push_back(EncodeRecord(record));
  }
  return records;
}

BatchHeader MakeHeader(const PrivateKey& key, BatchMode mode = BatchMode::kPlain) {
  return {kLedger, AccountId(key.public_key()), mode, {}, 0, kNow, {}};
}

std::optional<Errc> CodeOf(const Result<VerifiedBatch>& result) {
  return result ? std::nullopt : std::optional(result.error().code);
}
std::optional<Errc> CodeOf(const std::string& envelope) {
  return CodeOf(VerifyBatch(envelope, kLedger, kBatchBytesMax));
}

// An envelope over whatever header and records, signed by `key` all the same.
std::string Envelope(const PrivateKey& key, const std::string& header,
                     const std::vector<std::string>& records) {
  return EncodeEnvelope(header, {key.public_key(), key.Sign(kPurposeBatch, AsBytes(header))}, records);
}

BatchHeader HeaderOver(const PrivateKey& key, const std::vector<std::string>& records) {
  BatchHeader header = MakeHeader(key);
  std::vector<Hash> leaves;
  for (const std::string& record : records) leaves.push_back(RecordId(record));
  header.root = RootFromLeaves(leaves);
  header.count = records.size();
  return header;
}

MemberInfo MakeMember(const std::string& origin, const std::string& id, uint8_t seed) {
  const auto note_key = [&](const std::string& name, NoteKeyType type, uint8_t byte) {
    return NoteSigner::FromSeed(name, type, Filled(byte)).value().key();
  };
  const auto byte = [&](int offset) { return static_cast<uint8_t>(seed + offset); };
  return {id,
          "公证处",
          "Notary",
          "notary",
          KeyFrom(Suite::kSecp256k1, byte(0)).public_key(),
          note_key(origin, NoteKeyType::kEd25519, byte(1)),
          note_key(id, NoteKeyType::kCosignatureV1, byte(2))};
}

Genesis MakeGenesis(size_t n, uint64_t f, uint64_t k) {
  Genesis genesis;
  genesis.origin = "example.org/ledger";
  genesis.created_unix_ms = kNow;
  genesis.f = f;
  genesis.k = k;
  for (size_t i = 0; i < n; i++) {
    genesis.members.push_back(MakeMember(genesis.origin, "m" + std::to_string(i) + ".example.org",
                                         static_cast<uint8_t>(1 + 3 * i)));
  }
  return genesis;
}

// Changes each byte of `text` to each other value, and takes each byte out, and doubles it.
template <typename Check>
void ForEachByteChange(const std::string& text, Check check) {
  for (size_t i = 0; i < text.size(); i++) {
    std::string changed = text;
    for (int byte = 0; byte < 256; byte++) {
      changed[i] = static_cast<char>(byte);
      if (changed[i] != text[i]) check(changed);
    }
    changed = text;
    check(changed.erase(i, 1));
    changed = text;
    check(changed.insert(i, 1, text[i]));
  }
}

// The first accepted case of a vector file.
std::string FirstAccepted(std::string_view file, std::string_view op) {
  std::string text;
  ForEachVector(file, op, [&](const VectorCase& vector) {
    if (text.empty() && vector.Text("expect") == "ok") text = vector.Text("text");
  });
  REQUIRE(!text.empty());
  return text;
}

template <typename Decode, typename Encode>
void CheckIdentityUnderChanges(const std::string& text, Decode decode, Encode encode) {
  size_t accepted = 0, wrong = 0;
  ForEachByteChange(text, [&](const std::string& changed) {
    const auto decoded = decode(changed);
    if (!decoded) return;
    accepted++;
    if (encode(*decoded) != changed) wrong++;
  });
  CHECK(wrong == 0);
  CHECK(accepted > 0);  // digits of digests may change: the property was tried
}

}  // namespace

TEST_CASE("whatever bytes a decoder of signed data accepts, its encoder gives back") {
  SUBCASE("record") {
    CheckIdentityUnderChanges(FirstAccepted("record/record", "record.decode"), DecodeRecord, EncodeRecord);
  }
  SUBCASE("manifest") {
    CheckIdentityUnderChanges(FirstAccepted("record/manifest", "manifest.decode"), DecodeManifest,
                              EncodeManifest);
  }
  SUBCASE("batch header") {
    CheckIdentityUnderChanges(FirstAccepted("batch/header", "batch.header"), DecodeBatchHeader,
                              EncodeBatchHeader);
  }
  SUBCASE("signature block") {
    const SignatureBlock block{Alice().public_key(), Alice().Sign(kPurposeBatch, {})};
    CheckIdentityUnderChanges(EncodeSignatureBlock(block), DecodeSignatureBlock, EncodeSignatureBlock);
  }
  SUBCASE("deposit entry") {
    CheckIdentityUnderChanges(FirstAccepted("entry/deposit_entry", "entry.deposit_entry"), DecodeDepositEntry,
                              EncodeDepositEntry);
  }
  SUBCASE("act") {
    CheckIdentityUnderChanges(FirstAccepted("entry/act", "entry.act"), DecodeAct, EncodeAct);
  }
  SUBCASE("act entry") {
    CheckIdentityUnderChanges(FirstAccepted("entry/act_entry", "entry.act_entry"), DecodeActEntry,
                              EncodeActEntry);
  }
}

TEST_CASE("a record with every field comes back as it was") {
  Record record = MakeRecord(Alice(), 1);
  record.kind = "reveal";
  record.manifest = DigestBytes(AsBytes("manifest"));
  record.case_ref = "(2026)京0101民初1号 \"附件\\一\"";
  record.refs = {{"see_also", Filled(3)}, {"reveals", Filled(4)}};
  record.attrs = {{"camera", ""}, {"operator", "张三"}};
  record.salt = Filled(5);
  record.length = json::kIntegerMax;
  CHECK(DecodeRecord(EncodeRecord(record)).value() == record);
}

TEST_CASE("random records come back as they were") {
  const uint32_t seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  const auto text = [&](size_t length_max) {
    static const char* const kPieces[] = {
        "a", "9", "_", "\"", "\\", "/", " ", "证", "\xF0\x9F\x93\x84", "\u00e9", "e\u0301"};
    std::string out;
    const size_t length = below(length_max);
    while (out.size() < length) out += kPieces[below(std::size(kPieces))];
    return out + "x";
  };
  for (int i = 0; i < 2'000; i++) {
    Record record = MakeRecord(Alice(), static_cast<uint8_t>(i));
    record.length = (uint64_t{random()} << 21) ^ random();
    record.length &= json::kIntegerMax;
    if (below(2) != 0) record.case_ref = text(200);
    if (below(2) != 0) record.manifest = DigestBytes(AsBytes(text(50)));
    if (below(2) != 0) record.salt = Filled(static_cast<uint8_t>(i));
    for (size_t n = below(4); n > 0; n--) record.refs.push_back({"rel" + std::to_string(n), Filled(1)});
    for (size_t n = below(4); n > 0; n--) record.attrs["key_" + std::to_string(n)] = text(300);
    const std::string bytes = EncodeRecord(record);
    const auto decoded = DecodeRecord(bytes);
    REQUIRE(decoded);
    REQUIRE(*decoded == record);
  }
}

TEST_CASE("a manifest carries a signed note as lines and gives the same note back") {
  Manifest manifest;
  manifest.name = "照片 1.jpg";
  manifest.media_type = "image/jpeg";
  manifest.modified_unix_ms = kNow;
  manifest.checkpoint = "example.org/ledger\n2\nroot\n\n— line one\n— line two\n";
  manifest.attrs = {{"tool", "cunzheng"}};
  CHECK(DecodeManifest(EncodeManifest(manifest)).value() == manifest);
}

TEST_CASE("a plain batch that its client signed verifies, under both suites") {
  for (Suite suite : {Suite::kSecp256k1, Suite::kSm2}) {
    const PrivateKey key = KeyFrom(suite, 0x31);
    const auto records = MakeRecords(key, 5);
    const SignedBatch made = SignBatch(key, MakeHeader(key), records);
    const auto batch = VerifyBatch(made.envelope, kLedger, kBatchBytesMax);
    REQUIRE(batch);
    CHECK(batch->id == made.id);
    CHECK(batch->header_bytes == made.header_bytes);
    CHECK(batch->header.count == 5);
    CHECK(batch->signature == made.signature);
    CHECK(batch->length == made.envelope.size());
    CHECK(batch->index.size() == 5);
    CHECK(batch->reveals.empty());
    std::string blob;
    for (size_t i = 0; i < records.size(); i++) {
      blob += records[i] + "\n";
      CHECK(batch->index[i].id == RecordId(records[i]));
      CHECK(batch->index[i].sha256 == DecodeRecord(records[i]).value().digest.sha256);
    }
    CHECK(batch->records_blob == blob);
  }
}

TEST_CASE("a sealed batch keeps its records to itself") {
  const SignedBatch made =
      SignBatch(Alice(), MakeHeader(Alice(), BatchMode::kSealed), MakeRecords(Alice(), 5, true));
  const auto batch = VerifyBatch(made.envelope, kLedger, kBatchBytesMax);
  REQUIRE(batch);
  CHECK(batch->header.count == 5);
  CHECK(batch->records_blob.empty());
  CHECK(batch->index.empty());
  CHECK(made.envelope.find("cunzheng/record/v1") == std::string::npos);
}

TEST_CASE("a reveal names the batch that it opens, wherever its ref stands") {
  Record record = MakeRecord(Alice(), 1);
  record.kind = "reveal";
  record.refs = {{"see_also", Filled(3)}, {"reveals", Filled(4)}};
  const auto made = SignBatch(Alice(), MakeHeader(Alice()), {EncodeRecord(record)});
  CHECK(VerifyBatch(made.envelope, kLedger, kBatchBytesMax).value().reveals == std::vector<Hash>{Filled(4)});
}

TEST_CASE("the largest batch verifies, and one record more has no header") {
  const auto records = MakeRecords(Alice(), 1);
  const std::vector<std::string> many(kBatchCountMax, records[0]);
  const auto made = SignBatch(Alice(), MakeHeader(Alice()), many);
  CHECK(VerifyBatch(made.envelope, kLedger, size_t{64} << 20));
  BatchHeader header = MakeHeader(Alice());
  header.count = kBatchCountMax + 1;
  CHECK(DecodeBatchHeader(EncodeBatchHeader(header)).error().code == Errc::kInvalidValue);
}

TEST_CASE("rule 1: framing and size come first") {
  const std::string good = SignBatch(Alice(), MakeHeader(Alice()), MakeRecords(Alice(), 2)).envelope;
  CHECK(CodeOf(good) == std::nullopt);
  CHECK(CodeOf(VerifyBatch(good, kLedger, good.size())) == std::nullopt);
  CHECK(CodeOf(VerifyBatch(good, kLedger, good.size() - 1)) == Errc::kTooLarge);
  std::string crlf;
  for (char c : good) crlf += c == '\n' ? std::string("\r\n") : std::string(1, c);
  CHECK(CodeOf(crlf) == Errc::kEnvelopeMalformed);
  // Cut anywhere, it is not framed, or lacks records, or is signed by nobody; it never passes.
  for (size_t length = 0; length < good.size(); length++) {
    const auto code = CodeOf(good.substr(0, length));
    REQUIRE(code.has_value());
    if (good[length == 0 ? 0 : length - 1] != '\n') CHECK(*code == Errc::kEnvelopeMalformed);
  }
}

TEST_CASE("rules 2 to 7 are checked in their order") {
  const auto records = MakeRecords(Alice(), 3);
  const PrivateKey bob = KeyFrom(Suite::kSecp256k1, 0x41);
  const BatchHeader good = HeaderOver(Alice(), records);
  REQUIRE(CodeOf(Envelope(Alice(), EncodeBatchHeader(good), records)) == std::nullopt);

  BatchHeader other_ledger = good;
  other_ledger.ledger = Filled(0x12);
  // 3 before 4: the signature is wrong as well
  CHECK(CodeOf(EncodeEnvelope(EncodeBatchHeader(other_ledger), {Alice().public_key(), Bytes(64)}, records)) ==
        Errc::kWrongLedger);
  // 4 before 5: no records either
  CHECK(CodeOf(EncodeEnvelope(EncodeBatchHeader(good), {Alice().public_key(), Bytes(64, 1)}, {})) ==
        Errc::kSignatureInvalid);
  const SignatureBlock by_bob{Alice().public_key(),
                              bob.Sign(kPurposeBatch, AsBytes(EncodeBatchHeader(good)))};
  CHECK(CodeOf(EncodeEnvelope(EncodeBatchHeader(good), by_bob, records)) == Errc::kSignatureInvalid);
  const SignatureBlock off_curve{{Suite::kSecp256k1, Bytes(33, 2)}, Bytes(64, 1)};
  CHECK(CodeOf(EncodeEnvelope(EncodeBatchHeader(good), off_curve, records)).has_value());
  const SignatureBlock as_act{Alice().public_key(),
                              Alice().Sign(kPurposeAct, AsBytes(EncodeBatchHeader(good)))};
  CHECK(CodeOf(EncodeEnvelope(EncodeBatchHeader(good), as_act, records)) == Errc::kSignatureInvalid);

  const std::string header = EncodeBatchHeader(good);
  CHECK(CodeOf(Envelope(Alice(), header, {})) == Errc::kRecordsMissing);
  CHECK(CodeOf(Envelope(Alice(), header, {records[0], records[1]})) == Errc::kCountMismatch);
  BatchHeader sealed = good;
  sealed.mode = BatchMode::kSealed;
  CHECK(CodeOf(Envelope(Alice(), EncodeBatchHeader(sealed), records)) == Errc::kRecordsUnexpected);

  // 6 before 7: in each the root is wrong as well
  const auto with = [&](const Record& record) {
    return CodeOf(Envelope(Alice(), header, {records[0], EncodeRecord(record), records[2]}));
  };
  Record record = MakeRecord(Alice(), 9);
  CHECK(with(record) == Errc::kRootMismatch);
  record.ledger = Filled(0x12);
  CHECK(with(record) == Errc::kWrongLedger);
  CHECK(with(MakeRecord(bob, 9)) == Errc::kWrongAccount);
  record = MakeRecord(Alice(), 9);
  record.salt = Filled(1);
  CHECK(with(record) == Errc::kSaltForbidden);
  record = MakeRecord(Alice(), 9);
  record.kind = "rumour";
  CHECK(with(record) == Errc::kInvalidValue);
  CHECK(CodeOf(Envelope(Alice(), header, {records[0], records[1] + " ", records[2]})) == Errc::kNotCanonical);
  CHECK(CodeOf(Envelope(Alice(), header, {records[1], records[0], records[2]})) == Errc::kRootMismatch);
}

TEST_CASE("an error of a record says which") {
  auto records = MakeRecords(Alice(), 3);
  const BatchHeader header = HeaderOver(Alice(), records);
  records[1] = "{}";
  const auto result =
      VerifyBatch(Envelope(Alice(), EncodeBatchHeader(header), records), kLedger, kBatchBytesMax);
  CHECK(result.error().code == Errc::kMissingField);
  CHECK(result.error().detail.find("record 1: ") == 0);
}

TEST_CASE("no single byte of an envelope can be changed") {
  const std::string good = SignBatch(Alice(), MakeHeader(Alice()), MakeRecords(Alice(), 2)).envelope;
  size_t accepted = 0;
  for (size_t i = 0; i < good.size(); i++) {
    std::string changed = good;
    for (int bit = 0; bit < 8; bit++) {
      changed[i] = static_cast<char>(good[i] ^ (1 << bit));
      if (VerifyBatch(changed, kLedger, kBatchBytesMax)) accepted++;
    }
  }
  CHECK(accepted == 0);
}

TEST_CASE("acts of every kind come back as they were, and verify when signed") {
  const Action actions[] = {
      AccountAdd{KeyFrom(Suite::kSm2, 0x51).public_key(), "某公司", 0, 5},
      AccountAdd{KeyFrom(Suite::kSecp256k1, 0x52).public_key(), "x", std::nullopt, std::nullopt},
      AccountSuspend{Filled(1), "投诉"},
      AccountResume{Filled(1), "resolved"},
      AccountQuota{Filled(1), 0, json::kIntegerMax},
      ClockResume{"checked against the radio clock"},
  };
  for (const Action& action : actions) {
    const Act act{kLedger, "m0.example.org", action, kNow, Filled(7)};
    const auto decoded = DecodeAct(EncodeAct(act));
    REQUIRE(decoded);
    CHECK(decoded->action == action);
    const auto verified = VerifyAct(SignAct(Alice(), act), kLedger);
    REQUIRE(verified);
    CHECK(verified->act_bytes == EncodeAct(act));
    CHECK(verified->id == ActId(EncodeAct(act)));
    CHECK(VerifyAct(SignAct(Alice(), act), Filled(0x12)).error().code == Errc::kWrongLedger);
    const ActEntry entry{EncodeAct(act), verified->signature, "m0.example.org", kNow};
    CHECK(DecodeActEntry(EncodeActEntry(entry)).value().act_bytes == entry.act_bytes);
  }
}

TEST_CASE("an act comes alone and within its limit") {
  const Act act{kLedger, "m0.example.org", ClockResume{"x"}, kNow, Filled(7)};
  const std::string envelope = SignAct(Alice(), act);
  CHECK(VerifyAct(envelope + "{}\n", kLedger).error().code == Errc::kRecordsUnexpected);
  CHECK(VerifyAct(envelope + std::string(10'000, 'x') + "\n", kLedger).error().code == Errc::kTooLarge);
  // A batch is no act and an act is no batch.
  CHECK(CodeOf(envelope) == Errc::kUnsupportedVersion);
  const std::string batch = SignBatch(Alice(), MakeHeader(Alice()), MakeRecords(Alice(), 1)).envelope;
  CHECK(VerifyAct(batch, kLedger).error().code == Errc::kUnsupportedVersion);
}

TEST_CASE("a genesis comes back as it was and gives a trust file that loads") {
  for (const auto& [n, f, k] : {std::tuple<size_t, uint64_t, uint64_t>{1, 0, 1}, {4, 1, 3}, {16, 5, 11}}) {
    const Genesis genesis = MakeGenesis(n, f, k);
    const std::string bytes = EncodeGenesis(genesis);
    REQUIRE(DecodeGenesis(bytes));
    CHECK(*DecodeGenesis(bytes) == genesis);
    const Trust trust = TrustFromGenesis(bytes, genesis);
    const auto loaded = DecodeTrust(EncodeTrust(trust));
    REQUIRE(loaded);
    CHECK(*loaded == trust);
    CHECK(trust.ledger == LedgerId(bytes));
    CHECK(trust.effective_root == LeafHash(AsBytes(bytes)));
    CHECK(trust.n() == n);
    CHECK(TrustFingerprint(trust).substr(0, 8) == ToHex(TrustId(trust)).substr(0, 8));
    CHECK(TrustFingerprint(trust).size() == 64 + 7);
  }
}

TEST_CASE("a quorum that could fork does not load") {
  for (const auto& [n, f, k] :
       {std::tuple<size_t, uint64_t, uint64_t>{4, 1, 2}, {4, 2, 3}, {4, 0, 5}, {2, 0, 1}}) {
    const Genesis genesis = MakeGenesis(n, f, k);
    const auto decoded = DecodeGenesis(EncodeGenesis(genesis));
    REQUIRE(!decoded);
    CHECK(decoded.error().code == Errc::kInvalidValue);
    CHECK(decoded.error().detail.find("2k > n + f") != std::string::npos);
    CHECK(DecodeTrust(EncodeTrust(TrustFromGenesis("", genesis))).error().code == Errc::kTrustInvalid);
  }
}

TEST_CASE("one key cannot stand for two institutions") {
  Genesis genesis = MakeGenesis(4, 1, 3);
  // The same Ed25519 key under the second name: another key id, but one signer.
  genesis.members[1].cosign_key.public_key = genesis.members[0].cosign_key.public_key;
  CHECK(DecodeGenesis(EncodeGenesis(genesis)).error().code == Errc::kInvalidValue);
  CHECK(DecodeTrust(EncodeTrust(TrustFromGenesis("", genesis))).error().code == Errc::kTrustInvalid);
}

TEST_CASE("a trust file with every field comes back as it was") {
  const Genesis genesis = MakeGenesis(4, 1, 3);
  Trust trust = TrustFromGenesis(EncodeGenesis(genesis), genesis);
  trust.version = 2;
  trust.previous = Filled(9);
  trust.effective_size = 100;
  trust.quorum.w = 2;
  trust.quorum.witness_f = 1;
  const MemberInfo witness = MakeMember("w", "witness.example.net/w1", 0x71);
  trust.witnesses.push_back(
      {witness.id, "见证", "Witness", "", {{KeyPurpose::kCosign, witness.cosign_key, {}, 5, 9}}});
  trust.members[0].keys[1].until_size = 100;
  trust.members[0].keys.push_back(
      {KeyPurpose::kCosign, MakeMember("x", trust.members[0].id, 0x61).cosign_key, {}, 100, std::nullopt});
  trust.tsa_roots = {Bytes{1, 2, 3}};
  const auto loaded = DecodeTrust(EncodeTrust(trust));
  REQUIRE(loaded);
  CHECK(*loaded == trust);
  CHECK(TrustId(*loaded) == TrustId(trust));
}

TEST_CASE("a receipt with every field comes back as it was") {
  Receipt receipt;
  receipt.record = EncodeRecord(MakeRecord(Alice(), 1));
  receipt.batch_index = 3;
  receipt.batch_path = {Filled(1), Filled(2)};
  receipt.entry = "{\"quoted\":\"\\\\\"}";
  receipt.index = 7;
  receipt.attestations.resize(2);
  receipt.attestations[0] = {{Filled(3)}, "a\n1\nb\n\n— c d\n", {Bytes{1}, Bytes{2, 3}}, {{"ots", Bytes{4}}}};
  receipt.attestations[1] = {{}, "x\n", {}, {}};
  receipt.consistency = {{1, 2, {}}, {2, 3, {Filled(4)}}};
  receipt.manifest = "{}";
  const auto decoded = DecodeReceipt(EncodeReceipt(receipt));
  REQUIRE(decoded);
  CHECK(*decoded == receipt);
}

TEST_CASE("origins and member ids keep to their characters") {
  for (const char* good : {"example.org", "a", "a-b.c/d_e/f.g", "127.0.0.1", "-"}) CHECK(IsOriginName(good));
  for (const char* bad : {"", "/", "a/", "/a", "a//b", "A", "a b", "a+b", "a_b", "证", "a\n"})
    CHECK(!IsOriginName(bad));
}

TEST_CASE("a checkpoint body is three lines and no more") {
  const Checkpoint checkpoint{"example.org/ledger", 42, Filled(8)};
  const std::string body = EncodeCheckpointBody(checkpoint);
  CHECK(ParseCheckpointBody(body).value() == checkpoint);
  for (const std::string& bad :
       {body + "x\n", body + "\n", body.substr(0, body.size() - 1), std::string("\n") + body,
        "o\n042\n" + ToBase64(Filled(8)) + "\n", "o\n-1\n" + ToBase64(Filled(8)) + "\n",
        "o\n9007199254740992\n" + ToBase64(Filled(8)) + "\n", "o\n1\n" + ToBase64(Bytes(31)) + "\n",
        std::string("o\n1\n\n"), "\n1\n" + ToBase64(Filled(8)) + "\n"}) {
    CHECK(ParseCheckpointBody(bad).error().code == Errc::kNoteMalformed);
  }
}
