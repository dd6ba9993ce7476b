#include "client/verify/verify.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "client/verify/quorum.h"
#include "client/verify/timestamp_token.h"
#include "ledger/checkpoint.h"
#include "ledger/merkle.h"

namespace cunzheng::verify {
namespace {

using ledger::Attestation;
using ledger::BatchMode;

constexpr uint64_t kEntryTimeToleranceS = 60;

// A step that did not fail: passed, left out, or passed with something to say.
struct Outcome {
  StepState state = StepState::kPassed;
  std::string note = {};
};

// An attestation of the receipt, as far as its checks have got.
struct Attested {
  ledger::Checkpoint tree;
  CheckedNote signatures;
  std::vector<TrustedToken> tokens;
  ledger::Quorum quorum;  // at the tree's size
  bool counts = false;    // k institutions signed it
  bool pinned = false;    // and a current quorum or the trust file holds its tree
  bool full = false;      // or at least a trusted token dates it
};

std::string OutOf(size_t part, uint64_t whole) {
  return std::to_string(part) + " of " + std::to_string(whole);
}

// The cosignatures whose clocks speak, or none when they are fewer than `need`. Those under current keys
// alone when they suffice: with stolen retired keys anyone could add earlier times.
std::vector<Cosignature> Clocks(const std::vector<Cosignature>& all, uint64_t need, bool retired_too) {
  std::vector<Cosignature> clocks;
  std::copy_if(all.begin(), all.end(), std::back_inserter(clocks),
               [](const Cosignature& c) { return !c.retired_key; });
  if (clocks.size() < need && retired_too) clocks = all;
  if (clocks.size() < need) clocks.clear();
  return clocks;
}

// The bound c[rank] of ascending times, with the institutions that give it: the earliest (T2) or the latest
// (T1) f+1, among which one is honest.
TimeBound BoundAt(const std::vector<Cosignature>& sorted, size_t rank, bool earliest, TimeSource source) {
  // A cosignature's time is a whole second rounded down, so it was made before the next one.
  TimeBound bound{sorted[rank].time_unix_s + (earliest ? 1 : 0), source, {}};
  const size_t first = earliest ? 0 : rank;
  const size_t last = earliest ? rank : sorted.size() - 1;
  for (size_t i = first; i <= last; i++) bound.by.push_back(sorted[i].by->id);
  return bound;
}

class Verification {
 public:
  Verification(std::string_view text, const FileDigest* evidence, const ledger::Trust* trust)
      : text_(text), evidence_(evidence), trust_(trust) {}

  Report Run();

 private:
  // The numbered steps of specs/receipt.md, in its order.
  Result<Outcome> Decode();
  Result<Outcome> Evidence();
  Result<Outcome> Binding();
  Result<Outcome> Manifest();
  Result<Outcome> Batch();
  Result<Outcome> Signature();
  Result<Outcome> Attestations();
  Result<Outcome> Quorum();
  Result<Outcome> Tokens();
  Result<Outcome> RetiredKeys();
  Result<Outcome> Times();

  Result<void> CheckTrees();
  Result<Attested> CheckAttestation(const Attestation& attestation, const std::string& origin) const;
  void FindT1();
  const Attested* FindT2(bool full_only);
  void Remember(Remark remark) { report_.remarks.push_back(remark); }

  const std::string_view text_;
  const FileDigest* const evidence_;  // null: withheld
  const ledger::Trust* const trust_;  // null: nothing is pinned
  ledger::Receipt receipt_;
  std::vector<Attested> attested_;
  std::vector<const ledger::ConsistencyLink*> links_;  // verified: both ends are trees known here
  Report report_;
};

Report Verification::Run() {
  using Method = Result<Outcome> (Verification::*)();
  static constexpr std::pair<StepId, Method> kSteps[] = {
      {StepId::kDecode, &Verification::Decode},
      {StepId::kEvidence, &Verification::Evidence},
      {StepId::kBinding, &Verification::Binding},
      {StepId::kManifest, &Verification::Manifest},
      {StepId::kBatch, &Verification::Batch},
      {StepId::kSignature, &Verification::Signature},
      {StepId::kAttestations, &Verification::Attestations},
      {StepId::kQuorum, &Verification::Quorum},
      {StepId::kTokens, &Verification::Tokens},
      {StepId::kRetiredKeys, &Verification::RetiredKeys},
      {StepId::kTimes, &Verification::Times},
  };
  if (trust_ != nullptr) {
    report_.k = trust_->quorum.k;
    report_.n = trust_->n();
    report_.f = trust_->quorum.f;
    report_.origin = trust_->origin;
    report_.trust_version = trust_->version;
    report_.trust_fingerprint = ledger::TrustFingerprint(*trust_);
    if (report_.n == 1) Remember(Remark::kSingleOperator);
  }
  bool stopped = false;
  for (const auto& [id, method] : kSteps) {
    if (stopped) {
      report_.steps.push_back({id, StepState::kNotDone, std::nullopt, {}});
      continue;
    }
    const Result<Outcome> outcome = (this->*method)();
    if (outcome) {
      report_.steps.push_back({id, outcome->state, std::nullopt, outcome->note});
      continue;
    }
    report_.steps.push_back({id, StepState::kFailed, outcome.error(), {}});
    report_.error = outcome.error();
    stopped = outcome.error().code != Errc::kRetiredKeysOnly;  // its times are still worth telling
  }
  if (!report_.error) {
    report_.verdict = Verdict::kValid;
  } else if (report_.error->code == Errc::kQuorumNotMet) {
    report_.verdict = Verdict::kPending;
  } else if (report_.error->code == Errc::kTrustNotEstablished ||
             report_.error->code == Errc::kTrustInvalid) {
    report_.verdict = Verdict::kTrustNotEstablished;
  } else if (report_.error->code == Errc::kRetiredKeysOnly) {
    report_.verdict = Verdict::kRetiredOnly;
  }
  return std::move(report_);
}

Result<Outcome> Verification::Decode() {
  ASSIGN_OR_RETURN(receipt_, ledger::DecodeReceipt(text_));
  report_.batch_index = receipt_.batch_index;
  report_.index = receipt_.index;
  ASSIGN_OR_RETURN(report_.record, ledger::DecodeRecord(receipt_.record));
  ASSIGN_OR_RETURN(report_.entry, ledger::DecodeDepositEntry(receipt_.entry));
  if (receipt_.manifest) {
    ASSIGN_OR_RETURN(report_.manifest, ledger::DecodeManifest(*receipt_.manifest));
  }
  return Outcome{};
}

Result<Outcome> Verification::Evidence() {
  if (evidence_ == nullptr) {
    if (!report_.manifest) {
      return Error{Errc::kMissingField, "receipt.manifest: parts can be judged by the manifest only"};
    }
    Remember(Remark::kEvidenceWithheld);
    return Outcome{StepState::kNotDone};
  }
  if (evidence_->length != report_.record->length) {
    return Error{Errc::kLengthMismatch, "the evidence has " + std::to_string(evidence_->length) +
                                            " bytes, the record says " +
                                            std::to_string(report_.record->length)};
  }
  const Digests& stated = report_.record->digest;
  if (evidence_->digests.sha256 != stated.sha256) {
    return Error{Errc::kDigestMismatch, "SHA-256 of the evidence is " + ToHex(evidence_->digests.sha256) +
                                            ", the record says " + ToHex(stated.sha256)};
  }
  if (evidence_->digests.sm3 != stated.sm3) {
    return Error{Errc::kDigestMismatch, "SM3 of the evidence is " + ToHex(evidence_->digests.sm3) +
                                            ", the record says " + ToHex(stated.sm3)};
  }
  return Outcome{StepState::kPassed, std::to_string(evidence_->length)};
}

Result<Outcome> Verification::Binding() {
  const ledger::Record& record = *report_.record;
  const ledger::DepositEntry& entry = *report_.entry;
  const Hash& ledger_id = trust_ != nullptr ? trust_->ledger : record.ledger;
  if (record.ledger != ledger_id) {
    return Error{Errc::kWrongLedger,
                 "record.ledger: is " + ToHex(record.ledger) + ", the trust file's is " + ToHex(ledger_id)};
  }
  if (entry.header.ledger != ledger_id) {
    return Error{Errc::kWrongLedger,
                 "header.ledger: is " + ToHex(entry.header.ledger) + ", expected " + ToHex(ledger_id)};
  }
  if (entry.header.account != record.account || entry.account != record.account) {
    return Error{Errc::kWrongAccount, "record, header and entry name different accounts"};
  }
  if (entry.header.mode == BatchMode::kSealed) {
    if (!record.salt) return Error{Errc::kSaltMissing, "record.salt: is mandatory in a sealed batch"};
    Remember(Remark::kSealed);
  } else if (record.salt) {
    return Error{Errc::kSaltForbidden, "record.salt: is forbidden in a plain batch"};
  }
  return Outcome{};
}

Result<Outcome> Verification::Manifest() {
  const auto& stated = report_.record->manifest;
  if (!receipt_.manifest) {
    if (!stated) return Outcome{StepState::kNotDone};
    Remember(Remark::kManifestAbsent);
    return Outcome{StepState::kRemark};
  }
  if (!stated) return Error{Errc::kManifestMismatch, "the receipt has a manifest, but the record names none"};
  if (DigestBytes(AsBytes(*receipt_.manifest)) != *stated) {
    return Error{Errc::kManifestMismatch, "the manifest's digests are not those that the record names"};
  }
  return Outcome{};
}

Result<Outcome> Verification::Batch() {
  const ledger::BatchHeader& header = report_.entry->header;
  RETURN_IF_ERROR(ledger::VerifyInclusion(ledger::RecordId(receipt_.record), receipt_.batch_index,
                                          header.count, receipt_.batch_path, header.root));
  return Outcome{StepState::kPassed, OutOf(receipt_.batch_index + 1, header.count)};
}

Result<Outcome> Verification::Signature() {
  const ledger::DepositEntry& entry = *report_.entry;
  RETURN_IF_ERROR(VerifySignature(entry.signature.key, kPurposeBatch, AsBytes(entry.header_bytes),
                                  entry.signature.signature));
  return Outcome{StepState::kPassed, std::string(SuiteName(entry.signature.key.suite))};
}

Result<Attested> Verification::CheckAttestation(const Attestation& attestation,
                                                const std::string& origin) const {
  ASSIGN_OR_RETURN(const ledger::SignedCheckpoint checkpoint,
                   ledger::ParseCheckpoint(attestation.checkpoint));
  Attested attested;
  attested.tree = checkpoint.checkpoint;
  if (attested.tree.origin != origin) {
    return Error{Errc::kOriginMismatch,
                 "the checkpoint is of " + attested.tree.origin + ", expected " + origin};
  }
  RETURN_IF_ERROR(ledger::VerifyInclusion(ledger::LeafHash(AsBytes(receipt_.entry)), receipt_.index,
                                          attested.tree.size, attestation.inclusion, attested.tree.root));
  if (trust_ != nullptr) {
    ASSIGN_OR_RETURN(attested.signatures, CheckNote(checkpoint.note, attested.tree.size, *trust_));
    attested.quorum = trust_->QuorumAt(attested.tree.size);
  }
  return attested;
}

Result<Outcome> Verification::Attestations() {
  for (const Attestation& attestation : receipt_.attestations) {
    if (trust_ == nullptr && attested_.empty()) {
      ASSIGN_OR_RETURN(const auto first, ledger::ParseCheckpoint(attestation.checkpoint));
      report_.origin = first.checkpoint.origin;
    }
    auto attested = CheckAttestation(attestation, report_.origin);
    if (!attested) {
      return Error{attested.error().code,
                   "attestation " + std::to_string(attested_.size()) + ": " + attested.error().detail};
    }
    if (!attested_.empty() && attested->tree.size <= attested_.back().tree.size) {
      return Error{Errc::kInvalidValue, "receipt.attestations: must ascend by tree size"};
    }
    attested_.push_back(std::move(*attested));
    if (!attestation.anchors.empty() && std::find(report_.remarks.begin(), report_.remarks.end(),
                                                  Remark::kAnchorsUnchecked) == report_.remarks.end()) {
      Remember(Remark::kAnchorsUnchecked);
    }
  }
  RETURN_IF_ERROR(CheckTrees());
  return Outcome{StepState::kPassed, std::to_string(attested_.size())};
}

// All trees that this verification knows must be one growing tree, as far as the receipt's proofs reach.
Result<void> Verification::CheckTrees() {
  std::map<uint64_t, Hash> roots;
  if (trust_ != nullptr) roots[trust_->effective_size] = trust_->effective_root;
  for (const Attested& attested : attested_) {
    const auto [known, added] = roots.emplace(attested.tree.size, attested.tree.root);
    if (!added && known->second != attested.tree.root) {
      return Error{Errc::kRootMismatch, "at size " + std::to_string(attested.tree.size) +
                                            " the trust file knows a tree with another root"};
    }
  }
  for (const ledger::ConsistencyLink& link : receipt_.consistency) {
    const auto from = roots.find(link.from), to = roots.find(link.to);
    if (from == roots.end() || to == roots.end()) continue;  // e.g. to another version of the trust file
    RETURN_IF_ERROR(ledger::VerifyConsistency(link.from, link.to, link.path, from->second, to->second));
    links_.push_back(&link);
  }
  return {};
}

Result<Outcome> Verification::Quorum() {
  if (trust_ == nullptr) {
    return Error{Errc::kTrustNotEstablished, "no trust file is pinned, so nobody's keys are known"};
  }
  // What is told of is the attestation that most signed, with the quorum of its own time.
  CHECK_INVARIANT(!attested_.empty());  // a receipt that decodes has one
  const Attested* most = &attested_.front();
  bool any = false;
  for (Attested& attested : attested_) {
    attested.counts = attested.signatures.members.size() >= attested.quorum.k;
    any = any || attested.counts;
    if (attested.signatures.members.size() > most->signatures.members.size()) most = &attested;
  }
  const size_t signed_by = most->signatures.members.size();
  if (!any) {
    return Error{Errc::kQuorumNotMet, OutOf(signed_by, most->quorum.k) + " cosignatures that are needed"};
  }
  return Outcome{StepState::kPassed, OutOf(signed_by, trust_->MembersAt(most->tree.size))};
}

Result<Outcome> Verification::Tokens() {
  size_t tokens = 0;
  for (size_t i = 0; i < attested_.size(); i++) {
    const Attestation& attestation = receipt_.attestations[i];
    tokens += attestation.tokens.size();
    if (trust_->tsa_roots.empty()) continue;
    for (const Bytes& token : attestation.tokens) {
      ASSIGN_OR_RETURN(TrustedToken trusted,
                       VerifyTimestampToken(token, attestation.checkpoint, trust_->tsa_roots));
      attested_[i].tokens.push_back(std::move(trusted));
    }
  }
  if (tokens == 0) return Outcome{StepState::kNotDone};
  if (trust_->tsa_roots.empty()) {
    Remember(Remark::kTokensUnchecked);
    return Outcome{StepState::kRemark, std::to_string(tokens)};
  }
  return Outcome{StepState::kPassed, std::to_string(tokens)};
}

Result<Outcome> Verification::RetiredKeys() {
  std::set<uint64_t> pinned{trust_->effective_size};  // tree sizes; each has one root here (CheckTrees)
  for (const Attested& attested : attested_) {
    // The larger of then and now: else whoever held a quorum of old could still vouch for trees of that time.
    const uint64_t need = std::max(attested.quorum.k, trust_->quorum.k);
    if (!Clocks(attested.signatures.members, need, false).empty()) pinned.insert(attested.tree.size);
  }
  // A tree that a pinned one continues is pinned too; follow the links back until nothing changes.
  for (bool changed = true; changed;) {
    changed = false;
    for (const ledger::ConsistencyLink* link : links_) {
      if (pinned.contains(link->to)) changed |= pinned.insert(link->from).second;
    }
  }
  bool any = false;
  for (Attested& attested : attested_) {
    attested.pinned = attested.counts && pinned.contains(attested.tree.size);
    attested.full = attested.pinned || (attested.counts && !attested.tokens.empty());
    any = any || attested.full;
  }
  if (!any) {
    return Error{Errc::kRetiredKeysOnly,
                 "the quorum rests on retired keys or on an earlier membership, with neither a trusted token "
                 "nor a proof to a current tree"};
  }
  return Outcome{};
}

Result<Outcome> Verification::Times() {
  const bool full_only =
      std::any_of(attested_.begin(), attested_.end(), [](const Attested& a) { return a.full; });
  const Attested* const best = FindT2(full_only);
  CHECK_INVARIANT(best != nullptr);
  report_.tree_size = best->tree.size;
  report_.k = best->quorum.k;
  report_.f = best->quorum.f;
  report_.n = trust_->MembersAt(best->tree.size);
  if (report_.n == 1 && trust_->n() != 1) Remember(Remark::kSingleOperator);
  for (const Cosignature& c : best->signatures.members) {
    report_.vouchers.push_back(
        {c.by->id, c.by->name_zh, c.by->name_en, c.by->role, c.time_unix_s, c.retired_key});
    report_.cosignature_times_unix_s.push_back(c.time_unix_s);
  }
  for (const Cosignature& c : best->signatures.witnesses) report_.witnesses.push_back(c.by->id);

  FindT1();
  const uint64_t t2 = report_.t2->time_unix_s;
  const uint64_t entry_time = report_.entry->time_unix_ms / 1'000;
  if (std::max(t2, entry_time) - std::min(t2, entry_time) > kEntryTimeToleranceS) {
    Remember(Remark::kEntryTimeFarFromT2);
  }
  if (!report_.t1) {
    Remember(Remark::kNoManifestCheckpoint);
  } else if (report_.t1->time_unix_s > t2) {
    Remember(Remark::kT1AfterT2);
  }
  return Outcome{};
}

// Sets t2 to the earliest candidate, and returns the attestation that gave it.
const Attested* Verification::FindT2(bool full_only) {
  const Attested* best = nullptr;
  for (const Attested& attested : attested_) {
    if (full_only ? !attested.full : !attested.counts) continue;
    const auto offer = [&](TimeBound candidate) {
      if (report_.t2 && report_.t2->time_unix_s <= candidate.time_unix_s) return;
      report_.t2 = std::move(candidate);
      best = &attested;
    };
    // Where only a token dates the note, the members' own times are worth nothing: whoever has retired keys,
    // or was a quorum once, chooses them.
    const bool settled = attested.pinned || !full_only;
    const CheckedNote& signatures = attested.signatures;
    const ledger::Quorum& quorum = attested.quorum;
    if (const auto clocks = Clocks(signatures.members, quorum.k, true); settled && !clocks.empty()) {
      offer(BoundAt(clocks, quorum.f, true, TimeSource::kCosignatures));
    }
    const uint64_t w = attested.pinned ? quorum.w : std::max(quorum.w, trust_->quorum.w);
    if (const auto clocks = Clocks(signatures.witnesses, w, settled); quorum.w > 0 && !clocks.empty()) {
      offer(BoundAt(clocks, quorum.witness_f, true, TimeSource::kWitnesses));
    }
    for (const TrustedToken& token : attested.tokens) {
      offer({token.not_after_unix_s, TimeSource::kToken, {token.tsa}});
    }
  }
  return best;
}

void Verification::FindT1() {
  if (!report_.manifest || !report_.manifest->checkpoint) return;
  const auto checkpoint = ledger::ParseCheckpoint(*report_.manifest->checkpoint);
  if (!checkpoint || checkpoint->checkpoint.origin != trust_->origin) return;
  const auto signatures = CheckNote(checkpoint->note, checkpoint->checkpoint.size, *trust_);
  if (!signatures) return;
  const ledger::Quorum& quorum = trust_->QuorumAt(checkpoint->checkpoint.size);
  const std::vector<Cosignature> clocks = Clocks(signatures->members, quorum.k, true);
  if (clocks.empty()) return;
  report_.t1 = BoundAt(clocks, clocks.size() - 1 - quorum.f, false, TimeSource::kCosignatures);
}

}  // namespace

std::string_view VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kValid:
      return "valid";
    case Verdict::kPending:
      return "pending";
    case Verdict::kTrustNotEstablished:
      return "trust_not_established";
    case Verdict::kRetiredOnly:
      return "retired_only";
    case Verdict::kNotValid:
      break;
  }
  return "not_valid";
}

int VerdictExitCode(Verdict verdict) {
  switch (verdict) {
    case Verdict::kValid:
      return 0;
    case Verdict::kPending:
      return ErrcExitCode(Errc::kQuorumNotMet);
    case Verdict::kTrustNotEstablished:
      return ErrcExitCode(Errc::kTrustNotEstablished);
    case Verdict::kRetiredOnly:
      return ErrcExitCode(Errc::kRetiredKeysOnly);
    case Verdict::kNotValid:
      break;
  }
  return 1;
}

Report Verify(std::string_view receipt_text, const FileDigest& evidence, const ledger::Trust* trust) {
  return Verification(receipt_text, &evidence, trust).Run();
}

Report VerifyWithheld(std::string_view receipt_text, const ledger::Trust* trust) {
  return Verification(receipt_text, nullptr, trust).Run();
}

}  // namespace cunzheng::verify
