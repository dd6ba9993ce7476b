#include "node/trust_versions.h"

#include <algorithm>
#include <utility>

#include "crypto/file.h"
#include "node/log.h"

namespace cunzheng::node {
namespace {

bool HasSigned(const ledger::TrustUpdate& update, std::string_view member) {
  return std::any_of(update.signatures.begin(), update.signatures.end(),
                     [&](const ledger::TrustSignature& each) { return each.member == member; });
}

}  // namespace

TrustVersions::TrustVersions(ledger::Ledger* ledger, std::string member, std::vector<AccountKey> account_keys,
                             std::string trust_file)
    : ledger_(ledger),
      member_(std::move(member)),
      account_keys_(std::move(account_keys)),
      trust_file_(std::move(trust_file)) {
  Update();
}

void TrustVersions::Update() {
  const auto charter = ledger_->charter();
  const std::lock_guard lock(mutex_);
  const uint64_t newest = charter->trust().version;
  while (newest_ < newest) {
    if (const auto taken = TakeUp(newest_ + 1); !taken) {
      Log(LogLevel::kError, "a version of the trust file cannot be signed",
          {{"version", std::to_string(newest_ + 1)}, {"reason", taken.error().ToString()}});
      return;
    }
    ++newest_;
    file_written_ = false;
  }
  if (file_written_ || trust_file_.empty()) return;
  const auto written = WriteFileAtomically(trust_file_, ledger::EncodeTrust(charter->trust()), 0644, true);
  file_written_ = written.has_value();
  if (!written) Log(LogLevel::kWarning, "trust file not written", {{"reason", written.error().ToString()}});
}

Result<void> TrustVersions::TakeUp(uint64_t version) {
  ASSIGN_OR_RETURN(const std::string before_text, ledger_->TrustAt(version - 1));
  Version taken;
  ASSIGN_OR_RETURN(taken.before, ledger::DecodeTrust(before_text));
  ASSIGN_OR_RETURN(taken.update.trust, ledger_->TrustAt(version));
  ASSIGN_OR_RETURN(const ledger::Trust trust, ledger::DecodeTrust(taken.update.trust));
  const uint64_t index = trust.effective_size - 1;
  ASSIGN_OR_RETURN(taken.update.entry, ledger_->EntryAt(index));
  ASSIGN_OR_RETURN(taken.update.inclusion, ledger_->InclusionProof(index, trust.effective_size));
  if (const auto stored = ledger_->TrustSignatures(version)) {
    auto update = ledger::DecodeTrustUpdate(*stored);
    if (update && update->trust == taken.update.trust)
      taken.update.signatures = std::move(update->signatures);
  }
  if (!HasSigned(taken.update, member_)) {
    for (const AccountKey& key : account_keys_) {
      const ledger::TrustSignature mine{member_, ledger::SignTrust(key.key, taken.update.trust)};
      if (!ledger::CheckTrustSignature(taken.before, taken.update.trust, mine)) continue;
      taken.update.signatures.push_back(mine);
      Keep(version, taken.update);
      Log(LogLevel::kInfo, "trust file signed", {{"version", std::to_string(version)}});
      break;
    }
  }
  versions_.insert_or_assign(version, std::move(taken));
  return {};
}

void TrustVersions::Keep(uint64_t version, const ledger::TrustUpdate& update) {
  // Lost with a crash it is signed and fetched anew.
  const auto stored = ledger_->StoreTrustSignatures(version, ledger::EncodeTrustUpdate(update));
  if (!stored) Log(LogLevel::kWarning, "signatures not stored", {{"reason", stored.error().ToString()}});
}

Result<std::string> TrustVersions::Document(uint64_t version) const {
  const std::lock_guard lock(mutex_);
  const auto it = versions_.find(version);
  if (it == versions_.end()) {
    return Error{Errc::kNotFound, "trust: no update leads to version " + std::to_string(version) +
                                      ", the newest is " + std::to_string(newest_)};
  }
  return ledger::EncodeTrustUpdate(it->second.update);
}

std::optional<uint64_t> TrustVersions::NextLacking(const std::string& member, uint64_t after) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [version, known] : versions_) {
    if (version <= after || HasSigned(known.update, member)) continue;
    const ledger::TrustMember* signer = known.before.FindMember(member);
    const bool can =
        signer != nullptr && std::any_of(signer->keys.begin(), signer->keys.end(), [](const auto& key) {
          return key.purpose == ledger::KeyPurpose::kAccount && key.current();
        });
    if (can) return version;
  }
  return std::nullopt;
}

Result<void> TrustVersions::Add(uint64_t version, std::string_view update_text) {
  ASSIGN_OR_RETURN(const ledger::TrustUpdate theirs, ledger::DecodeTrustUpdate(update_text));
  const std::lock_guard lock(mutex_);
  const auto it = versions_.find(version);
  if (it == versions_.end()) {
    return Error{Errc::kNotFound, "trust: no version " + std::to_string(version) + " here"};
  }
  Version& known = it->second;
  if (theirs.trust != known.update.trust) {
    return Error{Errc::kTrustInvalid, "trust: the other node has another version " + std::to_string(version)};
  }
  bool changed = false;
  for (const ledger::TrustSignature& each : theirs.signatures) {
    if (HasSigned(known.update, each.member)) continue;
    RETURN_IF_ERROR(ledger::CheckTrustSignature(known.before, known.update.trust, each));
    known.update.signatures.push_back(each);
    changed = true;
  }
  if (changed) Keep(version, known.update);
  return {};
}

}  // namespace cunzheng::node
