// specs/vectors of ledger and verifier: what an implementation written from the specifications alone answers.
// Every decoder's vector also states that encoding gives the very same bytes back.
#include "tests/unit/vectors.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <set>

#include "client/verify/verify.h"
#include "crypto/digest.h"
#include "ledger/batch.h"
#include "ledger/checkpoint.h"
#include "ledger/entry.h"
#include "ledger/merkle.h"
#include "ledger/receipt.h"
#include "ledger/record.h"
#include "ledger/state.h"
#include "ledger/trust.h"
#include "ledger/trust_update.h"

using namespace cunzheng;
using namespace cunzheng::ledger;

namespace {

constexpr size_t kLengthMax = size_t{64} << 20;

std::vector<std::string> Texts(const VectorCase& vector, std::string_view key) {
  std::vector<std::string> list;
  for (const json::Value& item : vector.List(key)) list.push_back(*item.AsString());
  return list;
}

Path Hashes(const VectorCase& vector, std::string_view key) {
  Path path;
  for (const std::string& text : Texts(vector, key)) path.push_back(HashFromHex(text).value());
  return path;
}

FileDigest DigestOf(ByteSpan evidence) {
  return {DigestBytes(evidence), evidence.size()};
}

void CheckRecord(const VectorCase& vector) {
  const std::string& text = vector.Text("text");
  const auto record = DecodeRecord(text);
  if (!vector.Expects(record)) return;
  CHECK(EncodeRecord(*record) == text);
  CHECK(RecordId(text) == vector.Hex32("record_id"));
}

void CheckManifest(const VectorCase& vector) {
  const std::string& text = vector.Text("text");
  const auto manifest = DecodeManifest(text);
  if (!vector.Expects(manifest)) return;
  CHECK(EncodeManifest(*manifest) == text);
  CHECK(DigestBytes(AsBytes(text)) == Digests{vector.Hex32("sha256"), vector.Hex32("sm3")});
}

void CheckBatchHeader(const VectorCase& vector) {
  const std::string& text = vector.Text("text");
  const auto header = DecodeBatchHeader(text);
  if (!vector.Expects(header)) return;
  CHECK(EncodeBatchHeader(*header) == text);
  CHECK(BatchId(text) == vector.Hex32("batch_id"));
}

void CheckEnvelope(const VectorCase& vector) {
  const std::string& envelope = vector.Text("envelope");
  const uint64_t length_max = vector.Integer("batch_bytes_max");
  const auto batch = VerifyBatch(envelope, vector.Hex32("ledger"), length_max);
  if (!vector.Expects(batch)) return;
  CHECK(batch->id == vector.Hex32("batch_id"));
  CHECK(batch->header.root == vector.Hex32("root"));
  std::vector<Hash> ids;
  for (const RecordIndexKeys& keys : batch->index) ids.push_back(keys.id);
  CHECK(ids == Hashes(vector, "record_ids"));
  const EnvelopeView view = ParseEnvelope(envelope, length_max).value();
  CHECK(EncodeEnvelope(batch->header_bytes, batch->signature, {view.records.begin(), view.records.end()}) ==
        envelope);
}

void CheckAct(const VectorCase& vector) {
  const std::string& text = vector.Text("text");
  const auto act = DecodeAct(text);
  if (!vector.Expects(act)) return;
  CHECK(EncodeAct(*act) == text);
  CHECK(ActId(text) == vector.Hex32("act_id"));
}

void CheckActEnvelope(const VectorCase& vector) {
  const std::string& envelope = vector.Text("envelope");
  // An act's own limit is smaller than any ledger's batch_bytes_max; the vectors try the latter.
  const auto act = [&]() -> Result<VerifiedAct> {
    RETURN_IF_ERROR(ParseEnvelope(envelope, vector.Integer("batch_bytes_max")));
    return VerifyAct(envelope, vector.Hex32("ledger"));
  }();
  if (!vector.Expects(act)) return;
  CHECK(act->id == vector.Hex32("act_id"));
}

void CheckDepositEntry(const VectorCase& vector) {
  const std::string& text = vector.Text("text");
  const auto entry = DecodeDepositEntry(text);
  if (!vector.Expects(entry)) return;
  CHECK(EncodeDepositEntry(*entry) == text);
  CHECK(LeafHash(AsBytes(text)) == vector.Hex32("leaf"));
}

void CheckActEntry(const VectorCase& vector) {
  const std::string& text = vector.Text("text");
  const auto entry = DecodeActEntry(text);
  if (!vector.Expects(entry)) return;
  CHECK(EncodeActEntry(*entry) == text);
  CHECK(LeafHash(AsBytes(text)) == vector.Hex32("leaf"));
}

void CheckGenesis(const VectorCase& vector) {
  const std::string& text = vector.Text("text");
  const auto genesis = DecodeGenesis(text);
  if (!vector.Expects(genesis)) return;
  CHECK(EncodeGenesis(*genesis) == text);
  CHECK(LedgerId(text) == vector.Hex32("ledger"));
  CHECK(LeafHash(AsBytes(text)) == vector.Hex32("leaf"));
  const Trust trust = TrustFromGenesis(text, *genesis);
  const auto loaded = DecodeTrust(EncodeTrust(trust));
  REQUIRE(loaded);
  CHECK(*loaded == trust);
}

void CheckAppHash(const VectorCase& vector) {
  const auto parse = [](const std::string& text) {
    return json::Parse(text, json::Form::kCanonical, kLengthMax).value();
  };
  Genesis genesis;
  genesis.params = ParamsFromJson(parse(vector.Text("params"))).value();
  const json::Value list = parse(vector.Text("members"));
  for (const json::Value& item : *list.AsArray()) {
    genesis.members.push_back(MemberFromJson(item, {}).value());
  }
  std::vector<Account> accounts;
  for (const std::string& text : Texts(vector, "accounts")) accounts.push_back(DecodeAccount(text).value());
  Charter charter = Charter::FromGenesis(genesis);
  if (vector.Has("governance")) {
    genesis.origin = genesis.members.front().log_key.name;
    charter =
        Charter::Decode(genesis, vector.Text("params"), vector.Text("members"), vector.Text("governance"))
            .value();
    CHECK(charter.EncodeGovernance() == vector.Text("governance"));
  }
  State state = State::FromParts(std::move(charter), accounts);
  CHECK(vector.Text("expect") == "ok");
  CHECK(state.StateHash() == vector.Hex32("state_hash"));
  CHECK(AppHash(vector.Integer("size"), vector.Hex32("root"), state.StateHash()) == vector.Hex32("app_hash"));
}

void CheckMerkleRoot(const VectorCase& vector) {
  std::vector<Hash> leaves;
  for (const std::string& data : Texts(vector, "data_b64"))
    leaves.push_back(LeafHash(FromBase64(data).value()));
  CHECK(vector.Text("expect") == "ok");
  CHECK(leaves == Hashes(vector, "leaves"));
  CHECK(RootFromLeaves(leaves) == vector.Hex32("root"));
}

void CheckInclusion(const VectorCase& vector) {
  vector.Expects(VerifyInclusion(vector.Hex32("leaf"), vector.Integer("index"), vector.Integer("size"),
                                 Hashes(vector, "path"), vector.Hex32("root")));
}

void CheckConsistency(const VectorCase& vector) {
  vector.Expects(VerifyConsistency(vector.Integer("first"), vector.Integer("second"), Hashes(vector, "path"),
                                   vector.Hex32("first_root"), vector.Hex32("second_root")));
}

void CheckCheckpoint(const VectorCase& vector) {
  const auto parsed = [&]() -> Result<SignedCheckpoint> {
    ASSIGN_OR_RETURN(SignedCheckpoint checkpoint, ParseCheckpoint(vector.Text("text")));
    if (vector.Has("origin_expected") && vector.Text("origin_expected") != checkpoint.checkpoint.origin) {
      return Error{Errc::kOriginMismatch, "as a verifier compares it"};
    }
    return checkpoint;
  }();
  if (!vector.Expects(parsed)) return;
  CHECK(EncodeCheckpointBody(parsed->checkpoint) == parsed->note.body);
  CHECK(parsed->checkpoint ==
        Checkpoint{vector.Text("origin"), vector.Integer("size"), vector.Hex32("root")});
}

void CheckTrust(const VectorCase& vector) {
  const auto trust = DecodeTrust(vector.Text("text"));
  if (!vector.Expects(trust)) return;
  CHECK(DecodeTrust(EncodeTrust(*trust)).value() == *trust);
  CHECK(TrustId(*trust) == vector.Hex32("trust_id"));
  CHECK(trust->n() == vector.Integer("n"));
}

void CheckFollow(const VectorCase& vector) {
  const Trust pinned = DecodeTrust(vector.Text("pinned")).value();
  const auto follow = [&]() -> Result<Trust> {
    ASSIGN_OR_RETURN(const TrustUpdate update, DecodeTrustUpdate(vector.Text("update")));
    CHECK(DecodeTrustUpdate(EncodeTrustUpdate(update)).value() == update);
    return VerifyTrustUpdate(pinned, update);
  };
  const auto next = follow();
  if (!vector.Expects(next)) return;
  CHECK(TrustId(*next) == vector.Hex32("trust_id"));
  CHECK(next->version == vector.Integer("version"));
}

void CheckReceipt(const VectorCase& vector) {
  std::optional<Trust> trust;
  if (vector.Has("trust")) {
    auto decoded = DecodeTrust(vector.Text("trust"));
    if (!decoded) {
      CHECK(vector.Text("verdict") == verify::VerdictName(verify::Verdict::kTrustNotEstablished));
      vector.Expects(decoded);
      return;
    }
    trust = std::move(*decoded);
  }
  const verify::Report report = verify::Verify(
      vector.Text("receipt"), DigestOf(vector.Base64("evidence_b64")), trust ? &*trust : nullptr);
  vector.Expects(report.error ? Result<void>(*report.error) : Result<void>());
  CHECK(verify::VerdictName(report.verdict) == vector.Text("verdict"));
  const auto check_time = [&](std::string_view key, const std::optional<verify::TimeBound>& bound) {
    REQUIRE(bound.has_value() == vector.Has(key));
    if (bound) CHECK(bound->time_unix_s == vector.Integer(key));
  };
  check_time("t1_unix_s", report.t1);
  check_time("t2_unix_s", report.t2);
  // Whatever the outcome, it can be told.
  for (const char* language : {"en", "zh"})
    CHECK(!verify::ReportToText(report, "evidence", language).empty());
  CHECK(json::Parse(verify::ReportToJson(report, "evidence"), json::Form::kReadable, kLengthMax));
}

struct VectorFile {
  const char* name;
  const char* op;
  void (*check)(const VectorCase&);
};
const VectorFile kFiles[] = {
    {"batch/envelope", "batch.envelope", CheckEnvelope},
    {"batch/header", "batch.header", CheckBatchHeader},
    {"checkpoint/parse", "checkpoint.parse", CheckCheckpoint},
    {"entry/act", "entry.act", CheckAct},
    {"entry/act_entry", "entry.act_entry", CheckActEntry},
    {"entry/act_envelope", "entry.act_envelope", CheckActEnvelope},
    {"entry/app_hash", "entry.app_hash", CheckAppHash},
    {"entry/deposit_entry", "entry.deposit_entry", CheckDepositEntry},
    {"entry/genesis", "entry.genesis", CheckGenesis},
    {"entry/governance", "entry.act", CheckAct},
    {"merkle/consistency", "merkle.consistency", CheckConsistency},
    {"merkle/inclusion", "merkle.inclusion", CheckInclusion},
    {"merkle/roots", "merkle.root", CheckMerkleRoot},
    {"receipt/attestations", "receipt.verify", CheckReceipt},
    {"receipt/chain", "receipt.verify", CheckReceipt},
    {"receipt/decode", "receipt.verify", CheckReceipt},
    {"receipt/earlier", "receipt.verify", CheckReceipt},
    {"receipt/evidence", "receipt.verify", CheckReceipt},
    {"receipt/retired", "receipt.verify", CheckReceipt},
    {"receipt/tokens", "receipt.verify", CheckReceipt},
    {"receipt/valid", "receipt.verify", CheckReceipt},
    {"receipt/witnesses", "receipt.verify", CheckReceipt},
    {"record/manifest", "manifest.decode", CheckManifest},
    {"record/record", "record.decode", CheckRecord},
    {"trust/follow", "trust.follow", CheckFollow},
    {"trust/trust", "trust.decode", CheckTrust},
};

}  // namespace

TEST_CASE("every vector of ledger and verifier gives what the independent generator gave") {
  for (const VectorFile& file : kFiles) {
    SUBCASE(file.name) {
      ForEachVector(file.name, file.op, file.check);
    }
  }
}

TEST_CASE("no vector file is without a test") {
  // crypto_vectors_test.cpp runs these.
  std::set<std::string> known = {"checkpoint/note", "checkpoint/vkey", "digest/digest", "json/canonical",
                                 "json/readable",   "keys/account_id", "keys/key_file", "keys/sign",
                                 "keys/tagged",     "keys/verify"};
  for (const VectorFile& file : kFiles) known.insert(file.name);
  // The generator's code; and files as people handle them, which the next test and tests/interop read.
  const std::set<std::string> others = {"cunzheng_py", "sample", "golden"};
  size_t found = 0;
  for (const auto& folder : std::filesystem::directory_iterator(CUNZHENG_VECTORS_DIR)) {
    const std::string area = folder.path().filename();
    if (!folder.is_directory() || others.contains(area)) continue;
    for (const auto& file : std::filesystem::directory_iterator(folder.path())) {
      CHECK_MESSAGE(known.contains(area + "/" + file.path().stem().string()), file.path().string());
      found++;
    }
  }
  CHECK(found == known.size());
}

TEST_CASE("sample receipts verify against the sample trust file") {
  const std::string folder = CUNZHENG_VECTORS_DIR "/sample/";
  const Trust trust = DecodeTrust(ReadWholeFile(folder + "trust.json", kTrustLengthMax).value()).value();
  const auto check = [&](const std::string& evidence_name, const std::string& receipt_name) {
    CAPTURE(receipt_name);
    const std::string evidence = ReadWholeFile(folder + evidence_name, kLengthMax).value();
    const std::string receipt = ReadWholeFile(folder + receipt_name, kReceiptLengthMax).value();
    const verify::Report report = verify::Verify(receipt, DigestOf(AsBytes(evidence)), &trust);
    INFO(verify::ReportToText(report, evidence_name, "en"));
    CHECK(report.verdict == verify::Verdict::kValid);
    // A sample is written exactly as this program writes receipts.
    CHECK(EncodeReceipt(DecodeReceipt(receipt).value()) == receipt);
  };
  check("evidence.txt", "evidence.txt.receipt.json");
  check("item.txt", "item.txt.receipt.json");
}
