#include "ledger/charter.h"

#include <algorithm>
#include <utility>

#include "crypto/json.h"
#include "ledger/fields.h"
#include "ledger/merkle.h"

namespace cunzheng::ledger {
namespace {

constexpr size_t kStoredLengthMax = 4u << 20;

// A change of an account is the state's to carry out.
bool IsOfAccount(const Change& change) {
  return std::holds_alternative<AccountSuspend>(change) || std::holds_alternative<AccountResume>(change) ||
         std::holds_alternative<AccountRemove>(change);
}

Error NoMember(const std::string& id) {
  return {Errc::kUnknownMember, "args.member: " + id + " is not a member"};
}

std::vector<TrustKey> KeysOf(const MemberInfo& member, uint64_t from_size) {
  return {{KeyPurpose::kLog, member.log_key, {}, from_size, std::nullopt},
          {KeyPurpose::kCosign, member.cosign_key, {}, from_size, std::nullopt},
          {KeyPurpose::kAccount, {}, member.account_key, from_size, std::nullopt}};
}

void Retire(std::vector<TrustKey>* keys, std::optional<KeyPurpose> purpose, uint64_t until_size) {
  for (TrustKey& key : *keys) {
    if (key.current() && (!purpose || key.purpose == *purpose)) key.until_size = until_size;
  }
}

TrustMember* Find(std::vector<TrustMember>* list, std::string_view id) {
  const auto it = std::find_if(list->begin(), list->end(), [&](const TrustMember& m) { return m.id == id; });
  return it == list->end() ? nullptr : &*it;
}

Result<Proposal> ProposalFromJson(const json::Value& value) {
  json::ObjectReader reader(value, "proposal");
  Proposal proposal;
  proposal.id = reader.Hex32("id");
  proposal.member = ReadOriginName(reader, "member", kMemberIdLengthMax);
  if (auto change = ChangeFromJson(reader.Child("change"))) {
    proposal.change = std::move(*change);
  } else {
    reader.Adopt(change.error());
  }
  for (const json::Value& item : reader.List("approvals", 1, kMembersMax)) {
    if (item.AsString() == nullptr) {
      reader.Fail(Errc::kWrongType, "approvals", "every element must be a string");
      break;
    }
    proposal.approvals.push_back(*item.AsString());
  }
  proposal.expires_unix_ms = reader.Integer("expires_unix_ms", 0, json::kIntegerMax);
  RETURN_IF_ERROR(reader.Finish());
  return proposal;
}

}  // namespace

json::Value ProposalToJson(const Proposal& proposal) {
  json::Array approvals;
  for (const std::string& member : proposal.approvals) approvals.emplace_back(member);
  return json::Object{{"id", ToHex(proposal.id)},
                      {"member", proposal.member},
                      {"change", ChangeToJson(proposal.change)},
                      {"approvals", std::move(approvals)},
                      {"expires_unix_ms", proposal.expires_unix_ms}};
}

Charter Charter::FromGenesis(const Genesis& genesis) {
  Charter charter;
  charter.params_ = genesis.params;
  charter.members_ = genesis.members;
  charter.govern_ = genesis.govern;
  charter.trust_ = TrustFromGenesis(EncodeGenesis(genesis), genesis);
  return charter;
}

Result<Charter> Charter::Decode(const Genesis& genesis, std::string_view params, std::string_view members,
                                std::string_view governance) {
  Charter charter;
  charter.untouched_ = false;
  ASSIGN_OR_RETURN(const json::Value params_value,
                   json::Parse(params, json::Form::kCanonical, kStoredLengthMax));
  ASSIGN_OR_RETURN(charter.params_, ParamsFromJson(params_value));
  ASSIGN_OR_RETURN(const json::Value members_value,
                   json::Parse(members, json::Form::kCanonical, kStoredLengthMax));
  if (members_value.AsArray() == nullptr) return Error{Errc::kWrongType, "members: must be an array"};
  for (const json::Value& item : *members_value.AsArray()) {
    ASSIGN_OR_RETURN(MemberInfo member, MemberFromJson(item, genesis.origin));
    charter.members_.push_back(std::move(member));
  }
  ASSIGN_OR_RETURN(const json::Value value,
                   json::Parse(governance, json::Form::kCanonical, kStoredLengthMax));
  json::ObjectReader reader(value, "governance");
  charter.govern_ = reader.Integer("govern", 1, kMembersMax);
  for (const json::Value& item : reader.List("proposals", 0, kProposalsMax)) {
    ASSIGN_OR_RETURN(Proposal proposal, ProposalFromJson(item));
    charter.proposals_.push_back(std::move(proposal));
  }
  for (const json::Value& item : reader.List("suspended", 0, kMembersMax)) {
    if (item.AsString() == nullptr) return Error{Errc::kWrongType, "suspended: must be strings"};
    charter.suspended_.insert(*item.AsString());
  }
  ASSIGN_OR_RETURN(charter.trust_, DecodeTrust(json::Encode(reader.Child("trust"))));
  RETURN_IF_ERROR(reader.Finish());
  return charter;
}

std::string Charter::EncodeParams() const {
  return json::Encode(ParamsToJson(params_));
}

std::string Charter::EncodeMembers() const {
  json::Array list;
  for (const MemberInfo& member : members_) list.push_back(MemberToJson(member));
  return json::Encode(list);
}

std::string Charter::EncodeGovernance() const {
  json::Array proposals, suspended;
  for (const Proposal& proposal : proposals_) proposals.push_back(ProposalToJson(proposal));
  for (const std::string& id : suspended_) suspended.emplace_back(id);
  return json::Encode(json::Object{{"govern", govern_},
                                   {"proposals", std::move(proposals)},
                                   {"suspended", std::move(suspended)},
                                   {"trust", TrustToJson(trust_)}});
}

const MemberInfo* Charter::FindMember(std::string_view id) const {
  for (const MemberInfo& member : members_) {
    if (member.id == id) return &member;
  }
  return nullptr;
}

std::set<Bytes> Charter::Validators() const {
  std::set<Bytes> keys;
  for (const MemberInfo& member : members_) {
    if (member.consensus_key && !suspended_.contains(member.id)) keys.insert(member.consensus_key->bytes);
  }
  return keys;
}

void Charter::SetEffectiveRoot(const Hash& root) {
  trust_.effective_root = root;
  lacks_root_ = false;
}

void Charter::DropExpired(uint64_t time_unix_ms) {
  std::erase_if(proposals_,
                [&](const Proposal& proposal) { return proposal.expires_unix_ms < time_unix_ms; });
}

Result<std::optional<Change>> Charter::Apply(const Propose& act, const Hash& id, const std::string& member,
                                             uint64_t index, uint64_t time_unix_ms) {
  untouched_ = false;
  DropExpired(time_unix_ms);
  if (act.expires_unix_ms < time_unix_ms) {
    return Error{Errc::kExpired, "act.args.expires_unix_ms: the ledger's time is " +
                                     std::to_string(time_unix_ms) + " already"};
  }
  if (act.expires_unix_ms - time_unix_ms > kProposalLifeMaxMs) {
    return Error{Errc::kInvalidValue, "act.args.expires_unix_ms: must be at most 30 days ahead"};
  }
  for (const Proposal& open : proposals_) {
    if (open.change == act.change) {
      return Error{Errc::kAlreadyExists, "act.args: proposal " + ToHex(open.id) + " is the same; approve it"};
    }
  }
  // Each has room of its own, so that nobody can keep the others from proposing.
  const auto own = std::count_if(proposals_.begin(), proposals_.end(),
                                 [&](const Proposal& proposal) { return proposal.member == member; });
  if (static_cast<size_t>(own) >= kProposalsOfMemberMax || proposals_.size() >= kProposalsMax) {
    return Error{Errc::kTooLarge, "act: " + member + " has " + std::to_string(own) +
                                      " proposals open already, and may have " +
                                      std::to_string(kProposalsOfMemberMax)};
  }
  proposals_.push_back({id, member, act.change, {member}, act.expires_unix_ms});
  return ExecuteIfDue(proposals_.size() - 1, index);
}

Result<std::optional<Change>> Charter::Apply(const Approve& act, const std::string& member, uint64_t index,
                                             uint64_t time_unix_ms) {
  untouched_ = false;
  DropExpired(time_unix_ms);
  const auto it = std::find_if(proposals_.begin(), proposals_.end(),
                               [&](const Proposal& proposal) { return proposal.id == act.proposal; });
  if (it == proposals_.end()) {
    return Error{Errc::kNotFound, "act.args.proposal: none open is " + ToHex(act.proposal) +
                                      "; it was carried out, has expired, or never was"};
  }
  if (std::find(it->approvals.begin(), it->approvals.end(), member) != it->approvals.end()) {
    return Error{Errc::kAlreadyExists, "act.args.proposal: " + member + " has approved it already"};
  }
  it->approvals.push_back(member);
  return ExecuteIfDue(static_cast<size_t>(it - proposals_.begin()), index);
}

Result<std::optional<Change>> Charter::ExecuteIfDue(size_t proposal, uint64_t index) {
  const Proposal& open = proposals_[proposal];
  // Approvals of members that were removed or suspended since do not count.
  const auto approvals =
      std::count_if(open.approvals.begin(), open.approvals.end(),
                    [&](const std::string& id) { return FindMember(id) != nullptr && !IsSuspended(id); });
  const Change change = open.change;
  if (static_cast<uint64_t>(approvals) < govern_) {
    // What could not be carried out now is not worth anyone's approval.
    if (!IsOfAccount(change)) {
      Charter trial = *this;
      RETURN_IF_ERROR(trial.Execute(change, index));
    }
    return std::optional<Change>();
  }
  proposals_.erase(proposals_.begin() + static_cast<std::ptrdiff_t>(proposal));
  if (IsOfAccount(change)) return std::optional(change);
  RETURN_IF_ERROR(Execute(change, index));
  return std::optional<Change>();
}

Result<void> Charter::Execute(const Change& change, uint64_t index) {
  const Trust before = trust_;
  const uint64_t effective_size = index + 1;
  RETURN_IF_ERROR(std::visit(
      [&](const auto& what) -> Result<void> {
        if constexpr (requires { this->Do(what, effective_size); }) {
          return Do(what, effective_size);
        } else {
          return Error{Errc::kInternal, "change: an account's affair"};
        }
      },
      change));
  RETURN_IF_ERROR(CheckThresholds());
  return FinishTrust(before, effective_size);
}

// A quorum never becomes weaker than the rules of trust.md ask, by whatever change.
Result<void> Charter::CheckThresholds() const {
  const Quorum& quorum = trust_.quorum;
  const uint64_t n = members_.size();
  const uint64_t active = n - suspended_.size();
  const auto unsafe = [](const std::string& rule) {
    return Error{Errc::kBelowSafeMinimum, "act.args: " + rule + "; give thresholds that fit"};
  };
  if (n > kMembersMax) {
    return Error{Errc::kTooLarge,
                 "act.args: a ledger has at most " + std::to_string(kMembersMax) + " members"};
  }
  const std::string numbers = " (n " + std::to_string(n) + ", f " + std::to_string(quorum.f) + ", k " +
                              std::to_string(quorum.k) + ", govern " + std::to_string(govern_) + ")";
  if (2 * quorum.k <= n + quorum.f || quorum.k > n || quorum.f >= quorum.k) {
    return unsafe("must leave 2k > n + f, k <= n and f < k" + numbers);
  }
  if (govern_ > active) return unsafe("govern must be at most the active members" + numbers);
  const size_t with_key = static_cast<size_t>(std::count_if(
      members_.begin(), members_.end(), [](const MemberInfo& m) { return m.consensus_key.has_value(); }));
  if (with_key != 0 && with_key != n) {
    return Error{Errc::kInvalidValue, "act.args.member.consensus_key: all members have one, or none"};
  }
  if (with_key != 0 && active < 3 * quorum.f + 1) {
    return unsafe("ordering needs 3f + 1 active members" + numbers);
  }
  return {};
}

// Makes the next version of the trust file, if the change is one that verifiers must know.
Result<void> Charter::FinishTrust(const Trust& before, uint64_t effective_size) {
  if (trust_ == before) return {};
  trust_.version = before.version + 1;
  trust_.previous = TrustId(before);
  trust_.effective_size = effective_size;
  trust_.effective_root = {};
  if (trust_.quorum != before.quorum) trust_.earlier.push_back({effective_size, before.quorum});
  // Whatever the trust file's own rules forbid, a shared key above all, no act may bring about.
  RETURN_IF_ERROR(DecodeTrust(CanonicalTrust(trust_)));
  lacks_root_ = true;
  return {};
}

void Charter::SetThresholds(const std::optional<Thresholds>& thresholds) {
  if (!thresholds) return;
  trust_.quorum.f = thresholds->f;
  trust_.quorum.k = thresholds->k;
  govern_ = thresholds->govern;
}

Result<size_t> Charter::IndexOfMember(const std::string& id) const {
  const MemberInfo* member = FindMember(id);
  if (member == nullptr) return NoMember(id);
  return static_cast<size_t>(member - members_.data());
}

Result<void> Charter::Do(const MemberAdd& change, uint64_t from_size) {
  const MemberInfo& member = change.member;
  if (Find(&trust_.members, member.id) != nullptr) {
    return Error{Errc::kAlreadyExists, "act.args.member.id: " + member.id + " is, or was, a member"};
  }
  if (member.log_key.name != trust_.origin) {
    return Error{Errc::kInvalidValue, "act.args.member.log_key: must be named " + trust_.origin};
  }
  for (const MemberInfo& other : members_) {
    if (other.account_key == member.account_key ||
        (member.consensus_key && other.consensus_key == member.consensus_key)) {
      return Error{Errc::kAlreadyExists, "act.args.member: a key of it is " + other.id + "'s"};
    }
  }
  members_.push_back(member);
  trust_.members.push_back(
      {member.id, member.name_zh, member.name_en, member.role, KeysOf(member, from_size)});
  SetThresholds(change.thresholds);
  return {};
}

Result<void> Charter::Do(const MemberSuspend& change, uint64_t) {
  RETURN_IF_ERROR(IndexOfMember(change.member));
  if (!suspended_.insert(change.member).second) {
    return Error{Errc::kAlreadyExists, "act.args.member: " + change.member + " is suspended already"};
  }
  SetThresholds(change.thresholds);
  return {};
}

Result<void> Charter::Do(const MemberResume& change, uint64_t) {
  RETURN_IF_ERROR(IndexOfMember(change.member));
  if (suspended_.erase(change.member) == 0) {
    return Error{Errc::kNotFound, "act.args.member: " + change.member + " is not suspended"};
  }
  SetThresholds(change.thresholds);
  return {};
}

Result<void> Charter::Do(const MemberRemove& change, uint64_t from_size) {
  ASSIGN_OR_RETURN(const size_t at, IndexOfMember(change.member));
  members_.erase(members_.begin() + static_cast<std::ptrdiff_t>(at));
  suspended_.erase(change.member);
  Retire(&Find(&trust_.members, change.member)->keys, std::nullopt, from_size);
  SetThresholds(change.thresholds);
  return {};
}

Result<void> Charter::Do(const KeyRotate& change, uint64_t from_size) {
  ASSIGN_OR_RETURN(const size_t at, IndexOfMember(change.member));
  MemberInfo& member = members_[at];
  const auto replace = [&](KeyPurpose purpose) {
    std::vector<TrustKey>& keys = Find(&trust_.members, member.id)->keys;
    Retire(&keys, purpose, from_size);
    keys.push_back({purpose, change.note_key, change.public_key, from_size, std::nullopt});
  };
  const auto taken = [&](const auto& key_of) {
    return std::any_of(members_.begin(), members_.end(), key_of);
  };
  const Error twice{Errc::kAlreadyExists, "act.args.key: is a member's key already"};
  switch (change.role) {
    case KeyRole::kLog:
      if (change.note_key.name != trust_.origin) {
        return Error{Errc::kInvalidValue, "act.args.key: must be named " + trust_.origin};
      }
      member.log_key = change.note_key;
      replace(KeyPurpose::kLog);
      break;
    case KeyRole::kCosign:
      if (change.note_key.name != member.id) {
        return Error{Errc::kInvalidValue, "act.args.key: must be named " + member.id};
      }
      member.cosign_key = change.note_key;
      replace(KeyPurpose::kCosign);
      break;
    case KeyRole::kAccount:
      if (taken([&](const MemberInfo& other) { return other.account_key == change.public_key; }))
        return twice;
      member.account_key = change.public_key;
      replace(KeyPurpose::kAccount);
      break;
    case KeyRole::kConsensus:
      if (taken([&](const MemberInfo& other) { return other.consensus_key == change.public_key; }))
        return twice;
      member.consensus_key = change.public_key;
      break;
  }
  return {};
}

Result<void> Charter::Do(const Thresholds& change, uint64_t) {
  SetThresholds(change);
  return {};
}

Result<void> Charter::Do(const Params& change, uint64_t) {
  // Engines and their mempools are laid out by these two.
  if (change.batch_bytes_max != params_.batch_bytes_max ||
      change.checkpoint_interval_ms != params_.checkpoint_interval_ms) {
    return Error{Errc::kInvalidValue,
                 "act.args: batch_bytes_max and checkpoint_interval_ms stay what genesis says"};
  }
  params_ = change;
  return {};
}

// The list is the new one: who is not on it any more is retired, who stays keeps its key's range.
Result<void> Charter::Do(const WitnessesSet& change, uint64_t from_size) {
  if (change.w > change.witnesses.size() || (change.w > 0 && change.witness_f >= change.w)) {
    return Error{Errc::kBelowSafeMinimum, "act.args: must leave witness_f < w, and w witnesses at least"};
  }
  for (TrustMember& witness : trust_.witnesses) {
    const bool stays = std::any_of(
        change.witnesses.begin(), change.witnesses.end(),
        [&](const WitnessInfo& w) { return w.id == witness.id && w.key == witness.keys.back().note_key; });
    if (!stays) Retire(&witness.keys, std::nullopt, from_size);
  }
  for (const WitnessInfo& info : change.witnesses) {
    TrustMember* known = Find(&trust_.witnesses, info.id);
    const TrustKey key{KeyPurpose::kCosign, info.key, {}, from_size, std::nullopt};
    if (known == nullptr) {
      trust_.witnesses.push_back({info.id, info.name_zh, info.name_en, "", {key}});
    } else if (!known->keys.back().current()) {
      known->keys.push_back(key);
    }
  }
  trust_.quorum.w = change.w;
  trust_.quorum.witness_f = change.w == 0 ? 0 : change.witness_f;
  return {};
}

Result<void> Charter::Do(const TsaRootsSet& change, uint64_t) {
  trust_.tsa_roots = change.roots;
  return {};
}

}  // namespace cunzheng::ledger
