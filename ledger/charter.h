// The charter of a ledger (specs/governance.md): its members, parameters and thresholds, what they have
// proposed to change, and the trust file that follows from it. Part of the state machine: deterministic.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/result.h"
#include "ledger/act.h"
#include "ledger/genesis.h"
#include "ledger/trust.h"

namespace cunzheng::ledger {

inline constexpr size_t kProposalsOfMemberMax = 8;
inline constexpr size_t kProposalsMax = kProposalsOfMemberMax * kMembersMax;
inline constexpr uint64_t kProposalLifeMaxMs = 30ull * 86'400'000;

struct Proposal {
  Hash id{};           // the act that proposed it
  std::string member;  // whose act that was
  Change change;
  std::vector<std::string> approvals;  // members, the proposer first
  uint64_t expires_unix_ms = 0;
  bool operator==(const Proposal&) const = default;
};
json::Value ProposalToJson(const Proposal& proposal);

class Charter {
 public:
  static Charter FromGenesis(const Genesis& genesis);
  // As stored (specs/store.md): `params`, `members`, `governance` are the values of `p`, `m` and `g`.
  static Result<Charter> Decode(const Genesis& genesis, std::string_view params, std::string_view members,
                                std::string_view governance);
  std::string EncodeParams() const;
  std::string EncodeMembers() const;
  std::string EncodeGovernance() const;

  // Each takes the act of an active member at `time_unix_ms`, which makes the entry `index`, and drops what
  // has expired by then. When the member's is the last approval needed, the change is carried out, unless
  // it concerns an account: then it is returned, for the state to carry out. After an error the charter is
  // not to be used further.
  // Errors: kAlreadyExists (the same change is proposed already; approved already), kNotFound (no such
  // proposal), kExpired, kInvalidValue, kTooLarge, and those of the change: kBelowSafeMinimum,
  // kUnknownMember, kAlreadyExists, kKeyInvalid, kTrustInvalid.
  Result<std::optional<Change>> Apply(const Propose& act, const Hash& id, const std::string& member,
                                      uint64_t index, uint64_t time_unix_ms);
  Result<std::optional<Change>> Apply(const Approve& act, const std::string& member, uint64_t index,
                                      uint64_t time_unix_ms);

  const MemberInfo* FindMember(std::string_view id) const;
  bool IsSuspended(const std::string& id) const { return suspended_.contains(id); }
  const Params& params() const { return params_; }
  const std::vector<MemberInfo>& members() const { return members_; }
  const std::set<std::string>& suspended() const { return suspended_; }
  const std::vector<Proposal>& proposals() const { return proposals_; }
  uint64_t govern() const { return govern_; }
  // The newest version. Once an act has made one, it lacks the root of the tree that ends in that act's
  // entry, until SetEffectiveRoot.
  const Trust& trust() const { return trust_; }
  bool lacks_root() const { return lacks_root_; }
  void SetEffectiveRoot(const Hash& root);
  // No act has proposed anything yet: the charter is what genesis says.
  bool untouched() const { return untouched_; }
  // Consensus keys of the members that take part in ordering, ascending.
  std::set<Bytes> Validators() const;

 private:
  void DropExpired(uint64_t time_unix_ms);
  Result<std::optional<Change>> ExecuteIfDue(size_t proposal, uint64_t index);
  // Carries out what is not an account's affair.
  Result<void> Execute(const Change& change, uint64_t index);
  Result<void> CheckThresholds() const;
  Result<void> FinishTrust(const Trust& before, uint64_t effective_size);

  Result<void> Do(const MemberAdd& change, uint64_t from_size);
  Result<void> Do(const MemberSuspend& change, uint64_t from_size);
  Result<void> Do(const MemberResume& change, uint64_t from_size);
  Result<void> Do(const MemberRemove& change, uint64_t from_size);
  Result<void> Do(const KeyRotate& change, uint64_t from_size);
  Result<void> Do(const Thresholds& change, uint64_t from_size);
  Result<void> Do(const Params& change, uint64_t from_size);
  Result<void> Do(const WitnessesSet& change, uint64_t from_size);
  Result<void> Do(const TsaRootsSet& change, uint64_t from_size);
  void SetThresholds(const std::optional<Thresholds>& thresholds);
  Result<size_t> IndexOfMember(const std::string& id) const;

  Params params_;
  std::vector<MemberInfo> members_;  // suspended ones too; removed ones only in the trust file
  std::set<std::string> suspended_;
  std::vector<Proposal> proposals_;  // in the order in which they were made
  uint64_t govern_ = 1;
  Trust trust_;
  bool lacks_root_ = false;
  bool untouched_ = true;
};

}  // namespace cunzheng::ledger
