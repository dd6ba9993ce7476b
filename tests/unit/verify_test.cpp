// What the verifier tells people: verdicts, reports in both languages and as JSON, explanations. That
// verdicts and times are right is the vectors' affair (vectors_test.cpp); that nothing can be changed,
// verify_change_test.cpp's.
#include "client/verify/verify.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "client/verify/timestamp_token.h"
#include "crypto/digest.h"
#include "tests/unit/vectors.h"

using namespace cunzheng;
using namespace cunzheng::ledger;
using namespace cunzheng::verify;

namespace {

struct Subject {
  std::string receipt;
  FileDigest evidence;
  std::optional<Trust> trust;
  Report Run() const { return Verify(receipt, evidence, trust ? &*trust : nullptr); }
};

Subject Load(std::string_view file, std::string_view desc) {
  std::optional<Subject> subject;
  ForEachVector(file, "receipt.verify", [&](const VectorCase& vector) {
    if (vector.Text("desc") != desc) return;
    const Bytes evidence = vector.Base64("evidence_b64");
    subject = Subject{vector.Text("receipt"), {DigestBytes(evidence), evidence.size()}, {}};
    if (vector.Has("trust")) subject->trust = DecodeTrust(vector.Text("trust")).value();
  });
  REQUIRE_MESSAGE(subject.has_value(), desc);
  return *subject;
}

bool Holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}
bool Has(const Report& report, Remark remark) {
  return std::find(report.remarks.begin(), report.remarks.end(), remark) != report.remarks.end();
}
StepState StateOf(const Report& report, StepId id) {
  for (const Step& step : report.steps) {
    if (step.id == id) return step.state;
  }
  return StepState::kNotDone;
}

const Subject& Consortium() {
  static const Subject subject = Load("receipt/valid", "three of four institutions and one more");
  return subject;
}

}  // namespace

TEST_CASE("every error code has a sentence and a hint in both languages") {
  static constexpr Errc kAll[] = {
#define X(name, wire, http, exit) Errc::name,
      CUNZHENG_ERRC_LIST(X)
#undef X
  };
  for (Errc code : kAll) {
    CAPTURE(ErrcName(code));
    const Explanation en = Explain({code, ""}, "en"), zh = Explain({code, ""}, "zh");
    for (const std::string& text : {en.sentence, en.hint, zh.sentence, zh.hint}) CHECK(text.size() > 10);
    CHECK(std::all_of(en.sentence.begin(), en.sentence.end(), [](char c) { return c >= ' ' && c < 0x7f; }));
    CHECK(zh.sentence != en.sentence);
    CHECK(zh.hint != en.hint);
  }
}

TEST_CASE("exit codes are those of the command contract") {
  CHECK(VerdictExitCode(Verdict::kValid) == 0);
  CHECK(VerdictExitCode(Verdict::kNotValid) == 1);
  CHECK(VerdictExitCode(Verdict::kPending) == 3);
  CHECK(VerdictExitCode(Verdict::kTrustNotEstablished) == 5);
  CHECK(VerdictExitCode(Verdict::kRetiredOnly) == 6);
}

TEST_CASE("a valid report has every step, the times with their sources, and who vouches") {
  const Report report = Consortium().Run();
  REQUIRE(report.verdict == Verdict::kValid);
  CHECK(report.steps.size() == 11);
  CHECK(report.vouchers.size() == 4);
  CHECK(std::is_sorted(report.cosignature_times_unix_s.begin(), report.cosignature_times_unix_s.end()));
  REQUIRE(report.t2.has_value());
  CHECK(report.t2->by.size() == 2);  // f + 1 institutions, one of them honest
  CHECK(Has(report, Remark::kNoManifestCheckpoint));

  const std::string en = ReportToText(report, "evidence.txt", "en");
  CHECK(Holds(en, "2026-09-21 22:13:32 Beijing time (2026-09-21 14:13:32 UTC)"));
  CHECK(Holds(en, "source: cosignature clocks of notary.example.org, "));
  CHECK(Holds(en, "4 institutions, 4 cosigned (3 needed, up to 1 may lie): Example Notary Office"));
  CHECK(Holds(en, "never authorship or priority of rights"));
  CHECK(Holds(en, "No T1"));
  const std::string zh = ReportToText(report, "evidence.txt", "zh");
  CHECK(Holds(zh, "北京时间 2026-09-21 22:13:32（2026-09-21 14:13:32 UTC）"));
  CHECK(Holds(zh, "示例公证处（notary.example.org）"));
  CHECK(Holds(zh, "从不证明作者身份或权利在先"));
  // The verdict is the last line and stands alone.
  CHECK(Holds(en.substr(en.rfind('\n', en.size() - 2)), "VERDICT: valid."));
  CHECK(Holds(zh.substr(zh.rfind('\n', zh.size() - 2)), "结论：有效。"));
}

TEST_CASE("a ledger of one institution is called a single operator") {
  const Report report = Load("receipt/valid", "one operator, a batch of one").Run();
  CHECK(Has(report, Remark::kSingleOperator));
  CHECK(Holds(ReportToText(report, "x", "en"), "single operator: "));
  CHECK(Holds(ReportToText(report, "x", "zh"), "单一运营机构："));
}

TEST_CASE("T1 comes with what it means") {
  const Report report = Load("receipt/valid", "a manifest with a checkpoint gives T1").Run();
  REQUIRE(report.t1.has_value());
  CHECK(report.t1->by.size() == 2);
  CHECK(Holds(ReportToText(report, "x", "en"), "T1, packaged no earlier than: "));
  CHECK(Holds(ReportToText(report, "x", "en"), "rests on the operator and the tool"));
}

TEST_CASE("an item of a sealed batch is said to be one of several unseen ones") {
  const Report report = Load("receipt/valid", "an item of a sealed batch").Run();
  CHECK(Has(report, Remark::kSealed));
  CHECK(Holds(ReportToText(report, "x", "en"), "other records were not seen"));
}

TEST_CASE("another file than the receipt's is called that") {
  Subject subject = Consortium();
  subject.evidence.digests.sm3[31] ^= 1;
  Report report = subject.Run();
  CHECK(report.verdict == Verdict::kNotValid);
  CHECK(report.error->code == Errc::kDigestMismatch);
  CHECK(StateOf(report, StepId::kDecode) == StepState::kPassed);
  CHECK(StateOf(report, StepId::kEvidence) == StepState::kFailed);
  CHECK(StateOf(report, StepId::kBatch) == StepState::kNotDone);
  CHECK(Holds(ReportToText(report, "x", "en"), "This is not the evidence of this receipt"));
  CHECK(Holds(ReportToText(report, "x", "zh"), "这不是该回执对应的证据"));
  CHECK(!Holds(ReportToText(report, "x", "en"), "Proven"));
  CHECK(!report.t2.has_value());

  subject = Consortium();
  subject.evidence.length++;
  CHECK(subject.Run().error->code == Errc::kLengthMismatch);
}

TEST_CASE("another ledger's trust file is called that") {
  Subject subject = Consortium();
  subject.trust = Load("receipt/valid", "one operator, a batch of one").trust;
  const Report report = subject.Run();
  CHECK(report.error->code == Errc::kWrongLedger);
  CHECK(Holds(ReportToText(report, "x", "en"), "another ledger than the trust file"));
}

TEST_CASE("without a trust file the best verdict is that trust is not established") {
  Subject subject = Consortium();
  subject.trust.reset();
  const Report report = subject.Run();
  CHECK(report.verdict == Verdict::kTrustNotEstablished);
  CHECK(StateOf(report, StepId::kAttestations) == StepState::kPassed);
  CHECK(StateOf(report, StepId::kQuorum) == StepState::kFailed);
  CHECK(!report.t2.has_value());
  CHECK(report.vouchers.empty());
  subject.evidence.digests.sha256[0] ^= 1;
  CHECK(subject.Run().verdict == Verdict::kNotValid);
}

TEST_CASE("under retired keys alone nothing is called proven outright") {
  const Report report = Load("receipt/retired", "all keys retired").Run();
  CHECK(report.verdict == Verdict::kRetiredOnly);
  REQUIRE(report.t2.has_value());
  const std::string text = ReportToText(report, "x", "en");
  CHECK(Holds(text, "Proven only if no retired key was misused"));
  CHECK(Holds(text, "retired key)"));
  CHECK(Holds(text, "VERDICT: valid under retired keys, not refreshed."));
}

TEST_CASE("an entry time far from T2 is remarked on") {
  // A tree that was cosigned a day after the deposit.
  const Report late =
      Load("receipt/retired", "a later attestation under current keys, unconnected: its own time counts")
          .Run();
  REQUIRE(late.verdict == Verdict::kValid);
  CHECK(Has(late, Remark::kEntryTimeFarFromT2));
  CHECK(!Has(Consortium().Run(), Remark::kEntryTimeFarFromT2));
}

TEST_CASE("a file under another name than the manifest's is remarked on, not rejected") {
  const Report report = Load("receipt/valid", "a manifest with a checkpoint gives T1").Run();
  const std::string& name = report.manifest->name;
  CHECK(Holds(ReportToJson(report, "else.bin"), "name_differs"));
  CHECK(!Holds(ReportToJson(report, name), "name_differs"));
  CHECK(!Holds(ReportToJson(report, "some/folder/" + name), "name_differs"));
  CHECK(!Holds(ReportToJson(report, "-"), "name_differs"));
}

TEST_CASE("a hostile file name reaches neither terminal nor JSON as it is") {
  const std::string name =
      "a\x1b[2J\xff\n\xc2\x9b"
      "b.txt";
  const Report report = Consortium().Run();
  CHECK(Holds(ReportToText(report, name, "en"), "a\\x1b[2J\\xff\\x0a\\xc2\\x9bb.txt"));
  const auto json = json::Parse(ReportToJson(report, name), json::Form::kReadable, size_t{1} << 20);
  REQUIRE(json);
  CHECK(*json->AsObject()->at("name").AsString() == "a\\x1b[2J\\xff\\x0a\\xc2\\x9bb.txt");
}

TEST_CASE("a cosignature time beyond every calendar is told, not formatted") {
  const Report report = Load("receipt/valid", "the liar's clock is late").Run();
  REQUIRE(report.verdict == Verdict::kValid);
  Report absurd = report;
  absurd.t2->time_unix_s = UINT64_MAX;
  absurd.entry->time_unix_ms = json::kIntegerMax;
  CHECK(Holds(ReportToText(absurd, "x", "en"), "18446744073709551615 seconds since 1970"));
  CHECK(json::Parse(ReportToJson(absurd, "x"), json::Form::kReadable, size_t{1} << 20));
}

TEST_CASE("tokens without a root to check them by are said to be unchecked") {
  const Report report = Load("receipt/valid", "a token, and no TSA roots to check it by").Run();
  CHECK(report.verdict == Verdict::kValid);
  CHECK(Has(report, Remark::kTokensUnchecked));
  CHECK(Holds(ReportToText(report, "x", "en"), "Timestamp tokens are present but unchecked"));
}

TEST_CASE("a token that gives T2 is named with its authority") {
  const Report report = Load("receipt/tokens", "a token earlier than the cosignatures gives T2").Run();
  REQUIRE(report.t2.has_value());
  CHECK(report.t2->source == TimeSource::kToken);
  CHECK(Holds(ReportToText(report, "x", "en"), "source: time-stamping authority CN="));
}

TEST_CASE("a root that is no certificate makes the trust file invalid") {
  Subject subject = Load("receipt/tokens", "a token earlier than the cosignatures gives T2");
  subject.trust->tsa_roots[0].pop_back();
  CHECK(subject.Run().error->code == Errc::kTrustInvalid);
  CHECK(subject.Run().verdict == Verdict::kTrustNotEstablished);
}

TEST_CASE("a token cut at any byte is rejected") {
  const Subject subject = Load("receipt/tokens", "a token earlier than the cosignatures gives T2");
  const Receipt receipt = DecodeReceipt(subject.receipt).value();
  const Attestation& attestation = receipt.attestations[0];
  const Bytes& token = attestation.tokens[0];
  REQUIRE(VerifyTimestampToken(token, attestation.checkpoint, subject.trust->tsa_roots));
  for (size_t length = 0; length < token.size(); length++) {
    const auto result =
        VerifyTimestampToken(ByteSpan(token).first(length), attestation.checkpoint, subject.trust->tsa_roots);
    REQUIRE(!result);
    CHECK(result.error().code == Errc::kTokenInvalid);
  }
  const auto other = VerifyTimestampToken(token, attestation.checkpoint + "x", subject.trust->tsa_roots);
  CHECK(other.error().detail == "token: it stamps other bytes than this checkpoint");
  CHECK(VerifyTimestampToken(token, attestation.checkpoint, {}).error().code == Errc::kTokenInvalid);
}

TEST_CASE("without its evidence a receipt speaks of the manifest, which must be there") {
  const Subject subject = Load("receipt/valid", "a manifest with a checkpoint gives T1");
  const Report withheld = VerifyWithheld(subject.receipt, &*subject.trust);
  CHECK(withheld.verdict == Verdict::kValid);
  CHECK(StateOf(withheld, StepId::kEvidence) == StepState::kNotDone);
  CHECK(Has(withheld, Remark::kEvidenceWithheld));
  CHECK(withheld.t1);
  CHECK(Holds(ReportToText(withheld, "x", "en"), "the parts shown existed at T2"));
  CHECK(VerifyWithheld(subject.receipt, nullptr).verdict == Verdict::kTrustNotEstablished);
  const Report bare = VerifyWithheld(Consortium().receipt, &*Consortium().trust);
  CHECK(bare.verdict == Verdict::kNotValid);
  CHECK(bare.error->code == Errc::kMissingField);
}
