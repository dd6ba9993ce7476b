// The verifier: receipt + evidence + pinned trust file in, verdict out (specs/receipt.md, "Verification").
// No network, no store, no clock. Depends on crypto and the pure half of ledger, so that an expert
// witness can read all of it. Pure but for reading the evidence file; safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/digest.h"
#include "crypto/result.h"
#include "ledger/entry.h"
#include "ledger/receipt.h"
#include "ledger/record.h"
#include "ledger/trust.h"

namespace cunzheng::verify {

enum class Verdict {
  kValid,                // exit 0
  kNotValid,             // exit 1
  kPending,              // exit 3: fewer than k cosignatures so far
  kTrustNotEstablished,  // exit 5: everything fits, but nothing pins the keys
  kRetiredOnly,          // exit 6: valid under retired keys, not refreshed
};
std::string_view VerdictName(
    Verdict verdict);  // valid, not_valid, pending, trust_not_established, retired_only
int VerdictExitCode(Verdict verdict);

// One numbered step of the specification and what came of it.
enum class StepId {
  kDecode,
  kEvidence,
  kBinding,
  kManifest,
  kBatch,
  kSignature,
  kAttestations,
  kQuorum,
  kTokens,
  kRetiredKeys,
  kTimes,
};
enum class StepState { kPassed, kFailed, kNotDone, kRemark };
struct Step {
  StepId id;
  StepState state = StepState::kNotDone;
  std::optional<Error> error;  // when failed
  std::string note;            // machine-readable extra, e.g. "3 of 4"
};

enum class TimeSource { kCosignatures, kWitnesses, kToken };
struct TimeBound {
  uint64_t time_unix_s = 0;
  TimeSource source = TimeSource::kCosignatures;
  std::vector<std::string> by;  // member ids, witness ids, or the TSA's subject
};

struct Voucher {  // one institution's valid cosignature on the attestation that gave T2
  std::string member_id, name_zh, name_en, role;
  uint64_t time_unix_s = 0;
  bool retired_key = false;
};

enum class Remark {
  kSingleOperator,   // n = 1
  kManifestAbsent,   // the record names a manifest that the receipt lacks
  kSealed,           // item i of n, the others unseen
  kTokensUnchecked,  // tokens, but no tsa_roots in the trust file
  kAnchorsUnchecked,
  kEntryTimeFarFromT2,    // over 60 s
  kNoManifestCheckpoint,  // hence no T1
  kNameDiffers,           // the file's name is not the manifest's; found when the report is written
  kT1AfterT2,             // the two bounds contradict each other: clocks disagree
  kEvidenceWithheld,      // only parts of the evidence were shown: its digests are unchecked
};

struct Report {
  Verdict verdict = Verdict::kNotValid;
  std::optional<Error> error;  // why it is not valid / pending / not established
  std::vector<Step> steps;     // in the order of the specification
  std::vector<Remark> remarks;

  // Filled as far as verification got.
  std::optional<ledger::Record> record;
  std::optional<ledger::DepositEntry> entry;
  std::optional<ledger::Manifest> manifest;
  uint64_t batch_index = 0, index = 0;
  std::optional<TimeBound> t1, t2;
  std::vector<Voucher> vouchers;
  std::vector<std::string> witnesses;
  uint64_t k = 0, n = 0, f = 0;
  uint64_t tree_size = 0;  // of the attestation that gave T2
  std::string origin, trust_fingerprint;
  uint64_t trust_version = 0;
  std::vector<uint64_t> cosignature_times_unix_s;  // sorted: the spread
};

// `trust` null: everything that needs no keys is checked and the verdict is at best
// kTrustNotEstablished. `evidence` is what the evidence's digest came to.
Report Verify(std::string_view receipt_text, const FileDigest& evidence, const ledger::Trust* trust);
// The same without the evidence, of which the reader is shown parts that the manifest commits to
// (specs/capture.md, "Disclosure"): the evidence step is not done, and the verdict speaks of the manifest. A
// receipt without its manifest is kMissingField.
Report VerifyWithheld(std::string_view receipt_text, const ledger::Trust* trust);

// The report as JSON (`cunzheng verify --json`), and in words, "zh" or "en", one line a step and a
// verdict line at the end. `name` is the evidence's name as the reader knows it.
std::string ReportToJson(const Report& report, std::string_view name);
std::string ReportToText(const Report& report, std::string_view name, std::string_view language);
// A time as reports have it: Beijing time, where it will be read, and UTC, in which it was signed.
std::string TimeToText(uint64_t time_unix_s, std::string_view language);
// One plain sentence and a hint for each reason of failure, per language: wrong file, wrong receipt,
// another ledger's receipt, stale trust file, ... Every Errc has one.
struct Explanation {
  std::string sentence;
  std::string hint;
};
Explanation Explain(const Error& error, std::string_view language);

}  // namespace cunzheng::verify
