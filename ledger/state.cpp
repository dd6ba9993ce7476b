#include "ledger/state.h"

#include <utility>

#include "crypto/digest.h"

namespace cunzheng::ledger {
namespace {

constexpr uint64_t kDayMs = 86'400'000;

// Refuses what would carry `used` past `limit`. `limit` may have been lowered below `used` meanwhile.
Result<void> CheckQuota(const char* what, uint64_t used, uint64_t wanted, uint64_t limit) {
  if (used <= limit && wanted <= limit - used) return {};
  return Error{Errc::kQuotaExceeded, std::string(what) + ": " + std::to_string(used) + " used today and " +
                                         std::to_string(wanted) + " more pass the limit of " +
                                         std::to_string(limit)};
}

Error UnknownAccount(const Hash& id) {
  return {Errc::kUnknownAccount, "account: " + ToHex(id) + " is not on this ledger"};
}

// The account that a change is about, if it is about one.
std::optional<Hash> AccountOf(const Change& change) {
  if (const auto* suspend = std::get_if<AccountSuspend>(&change)) return suspend->account;
  if (const auto* resume = std::get_if<AccountResume>(&change)) return resume->account;
  if (const auto* remove = std::get_if<AccountRemove>(&change)) return remove->account;
  return std::nullopt;
}

void AppendField(std::string_view name, std::string_view hex, std::string* out) {
  out->append(name).append("\"").append(hex).append("\"");
}

void AppendField(std::string_view name, uint64_t value, std::string* out) {
  out->append(name).append(std::to_string(value));
}

}  // namespace

Result<Account> DecodeAccount(std::string_view bytes) {
  ASSIGN_OR_RETURN(json::Value value, json::Parse(bytes, json::Form::kCanonical, 4096));
  json::ObjectReader reader(value, "account");
  Account account;
  account.id = reader.Hex32("account");
  account.bytes_per_day_max = reader.Integer("bytes_per_day_max", 0, json::kIntegerMax);
  account.name = reader.String("name", 1, 200);
  const Bytes key = reader.Hex("public_key", 33);
  account.records_per_day_max = reader.Integer("records_per_day_max", 0, json::kIntegerMax);
  account.sponsor = reader.String("sponsor", 1, 128);
  const std::string status = reader.String("status", 1, 16);
  if (status != "active" && status != "suspended" && status != "removed") {
    reader.Fail(Errc::kInvalidValue, "status", "must be active, suspended or removed");
  }
  account.suspended = status == "suspended";
  account.removed = status == "removed";
  const std::string suite_name = reader.String("suite", 1, 64);
  account.used_bytes = reader.Integer("used_bytes", 0, json::kIntegerMax);
  account.used_day = reader.Integer("used_day", 0, json::kIntegerMax);
  account.used_records = reader.Integer("used_records", 0, json::kIntegerMax);
  RETURN_IF_ERROR(reader.Finish());
  ASSIGN_OR_RETURN(const Suite suite, SuiteFromName(suite_name));
  ASSIGN_OR_RETURN(account.key, MakePublicKey(suite, key));
  return account;
}

// Written by hand, since every block encodes the accounts of each bucket that it touched.
std::string EncodeAccount(const Account& account) {
  std::string out;
  out.reserve(512 + account.name.size());
  AppendField("{\"account\":", ToHex(account.id), &out);
  AppendField(",\"bytes_per_day_max\":", account.bytes_per_day_max, &out);
  out.append(",\"name\":");
  json::AppendQuoted(account.name, &out);
  AppendField(",\"public_key\":", ToHex(account.key.bytes), &out);
  AppendField(",\"records_per_day_max\":", account.records_per_day_max, &out);
  out.append(",\"sponsor\":");
  json::AppendQuoted(account.sponsor, &out);
  AppendField(",\"status\":", account.removed ? "removed" : account.suspended ? "suspended" : "active", &out);
  AppendField(",\"suite\":", SuiteName(account.key.suite), &out);
  AppendField(",\"used_bytes\":", account.used_bytes, &out);
  AppendField(",\"used_day\":", account.used_day, &out);
  AppendField(",\"used_records\":", account.used_records, &out);
  out.append("}");
  return out;
}

State State::FromGenesis(const Genesis& genesis) {
  return State(Charter::FromGenesis(genesis));
}

State State::FromParts(Charter charter, std::vector<Account> accounts) {
  State state(std::move(charter));
  for (Account& account : accounts) {
    state.bucket_dirty_[account.id[0]] = true;
    const Hash id = account.id;
    state.accounts_.insert_or_assign(id, std::move(account));
  }
  return state;
}

void State::HashCharter() {
  params_hash_ = Sha256(AsBytes(charter_.EncodeParams()));
  members_hash_ = Sha256(AsBytes(charter_.EncodeMembers()));
  governance_hash_.reset();
  if (!charter_.untouched()) governance_hash_ = Sha256(AsBytes(charter_.EncodeGovernance()));
}

const Account* State::FindAccount(const Hash& id) const {
  const auto it = accounts_.find(id);
  return it == accounts_.end() ? nullptr : &it->second;
}

// The account to be written to; makes it when it is not there. The first touch of a block keeps what it was.
Account& State::Touch(const Hash& id) {
  const auto it = accounts_.find(id);
  if (!before_.contains(id)) {
    before_.emplace(id, it == accounts_.end() ? std::nullopt : std::optional(it->second));
  }
  bucket_dirty_[id[0]] = true;
  return it == accounts_.end() ? accounts_[id] : it->second;
}

void State::Rollback() {
  for (auto& [id, account] : before_) {
    bucket_dirty_[id[0]] = true;
    if (account) {
      accounts_[id] = std::move(*account);
    } else {
      accounts_.erase(id);
    }
  }
  before_.clear();
  if (charter_before_) {
    charter_ = *std::move(charter_before_);
    charter_before_.reset();
    HashCharter();
  }
}

void State::Commit() {
  before_.clear();
  charter_before_.reset();
}

void State::SetEffectiveRoot(const Hash& root) {
  charter_.SetEffectiveRoot(root);
  HashCharter();
}

std::vector<const Account*> State::ChangedAccounts() const {
  std::vector<const Account*> changed;
  changed.reserve(before_.size());
  for (const auto& [id, account] : before_) changed.push_back(&accounts_.at(id));
  return changed;
}

Result<std::string> State::ApplyBatch(const VerifiedBatch& batch, uint64_t time_unix_ms, History& history) {
  const BatchHeader& header = batch.header;
  const Account* account = FindAccount(header.account);
  if (!account) return UnknownAccount(header.account);
  if (account->key != batch.signature.key) {
    return Error{Errc::kKeyInvalid, "public_key: is not the key of account " + ToHex(header.account)};
  }
  if (account->suspended || account->removed) {
    return Error{Errc::kAccountSuspended,
                 "account: " + ToHex(header.account) + (account->removed ? " is removed" : " is suspended")};
  }
  if (header.client_time_unix_ms > time_unix_ms &&
      header.client_time_unix_ms - time_unix_ms > params().client_time_ahead_ms_max) {
    return Error{Errc::kClientTimeAhead,
                 "header.client_time_unix_ms: over " + std::to_string(params().client_time_ahead_ms_max) +
                     " ms ahead of the ledger's time " + std::to_string(time_unix_ms)};
  }
  if (header.expires_unix_ms && time_unix_ms > *header.expires_unix_ms) {
    return Error{Errc::kExpired,
                 "header.expires_unix_ms: the ledger's time is " + std::to_string(time_unix_ms) + " already"};
  }
  for (const Hash& id : batch.reveals) {
    ASSIGN_OR_RETURN(const std::optional<BatchHeader> sealed, history.FindBatch(id));
    if (!sealed) return Error{Errc::kNotFound, "record.refs: no batch " + ToHex(id) + " on this ledger"};
    if (sealed->mode != BatchMode::kSealed) {
      return Error{Errc::kNotAuthorised, "record.refs: batch " + ToHex(id) + " is not sealed"};
    }
    if (sealed->account != header.account) {
      return Error{Errc::kNotAuthorised, "record.refs: batch " + ToHex(id) + " is another account's"};
    }
  }
  const uint64_t day = time_unix_ms / kDayMs;
  const bool same_day = account->used_day == day;
  const uint64_t used_records = same_day ? account->used_records : 0;
  const uint64_t used_bytes = same_day ? account->used_bytes : 0;
  const auto limit = [](uint64_t own, uint64_t standard) { return own != 0 ? own : standard; };
  RETURN_IF_ERROR(CheckQuota("records_per_day_max", used_records, header.count,
                             limit(account->records_per_day_max, params().records_per_day_max)));
  RETURN_IF_ERROR(CheckQuota("bytes_per_day_max", used_bytes, batch.length,
                             limit(account->bytes_per_day_max, params().bytes_per_day_max)));

  DepositEntry entry;
  entry.header_bytes = batch.header_bytes;
  entry.signature = batch.signature;
  entry.account = header.account;
  entry.account_name = account->name;
  entry.sponsor = account->sponsor;
  entry.time_unix_ms = time_unix_ms;

  Account& booked = Touch(header.account);
  booked.used_day = day;
  booked.used_records = used_records + header.count;
  booked.used_bytes = used_bytes + batch.length;
  return EncodeDepositEntry(entry);
}

// An account that can still be acted on.
Result<const Account*> State::Existing(const Hash& id) const {
  const Account* account = FindAccount(id);
  if (!account) return UnknownAccount(id);
  if (account->removed) {
    return Error{Errc::kAccountSuspended, "act.args.account: " + ToHex(id) + " is removed, for good"};
  }
  return account;
}

// What a sponsor does to its own account, or `govern` members to anyone's.
Result<void> State::ApplyToAccount(const Change& change) {
  if (const auto* suspend = std::get_if<AccountSuspend>(&change)) {
    RETURN_IF_ERROR(Existing(suspend->account));
    Touch(suspend->account).suspended = true;
  } else if (const auto* resume = std::get_if<AccountResume>(&change)) {
    RETURN_IF_ERROR(Existing(resume->account));
    Touch(resume->account).suspended = false;
  } else {
    const auto* remove = std::get_if<AccountRemove>(&change);
    CHECK_INVARIANT(remove != nullptr);
    RETURN_IF_ERROR(Existing(remove->account));
    Account& account = Touch(remove->account);
    account.removed = true;
    account.suspended = false;
  }
  return {};
}

Result<std::string> State::ApplyAct(const VerifiedAct& act, uint64_t index, uint64_t time_unix_ms) {
  const MemberInfo* member = charter_.FindMember(act.act.member);
  if (!member) return Error{Errc::kUnknownMember, "act.member: " + act.act.member + " is not a member"};
  if (member->account_key != act.signature.key) {
    return Error{Errc::kKeyInvalid, "public_key: is not the account key of member " + member->id};
  }
  if (charter_.IsSuspended(member->id)) {
    return Error{Errc::kNotAuthorised, "act.member: " + member->id + " is suspended"};
  }

  // The account that an action names, for its sponsor alone.
  const auto sponsored = [&](const Hash& id) -> Result<void> {
    ASSIGN_OR_RETURN(const Account* account, Existing(id));
    if (account->sponsor != member->id) {
      return Error{Errc::kNotAuthorised, "act.member: account " + ToHex(id) + " is sponsored by " +
                                             account->sponsor + ", not by " + member->id};
    }
    return {};
  };
  const std::string entry = EncodeActEntry({act.act_bytes, act.signature, member->id, time_unix_ms});
  if (entry.size() > kActEntryLengthMax) {
    // An act within its own limit, but of so many quotes that it doubles inside the entry.
    return Error{Errc::kTooLarge,
                 "act: its entry would be over " + std::to_string(kActEntryLengthMax) + " bytes"};
  }
  const Action& action = act.act.action;
  if (const auto* add = std::get_if<AccountAdd>(&action)) {
    const Hash id = AccountId(add->key);
    if (FindAccount(id)) return Error{Errc::kAlreadyExists, "act.args: account " + ToHex(id) + " exists"};
    Account& account = Touch(id);
    account.id = id;
    account.name = add->name;
    account.sponsor = member->id;
    account.key = add->key;
    account.records_per_day_max = add->records_per_day_max.value_or(0);
    account.bytes_per_day_max = add->bytes_per_day_max.value_or(0);
  } else if (const auto* suspend = std::get_if<AccountSuspend>(&action)) {
    RETURN_IF_ERROR(sponsored(suspend->account));
    RETURN_IF_ERROR(ApplyToAccount(*suspend));
  } else if (const auto* resume = std::get_if<AccountResume>(&action)) {
    RETURN_IF_ERROR(sponsored(resume->account));
    RETURN_IF_ERROR(ApplyToAccount(*resume));
  } else if (const auto* remove = std::get_if<AccountRemove>(&action)) {
    RETURN_IF_ERROR(sponsored(remove->account));
    RETURN_IF_ERROR(ApplyToAccount(*remove));
  } else if (const auto* quota = std::get_if<AccountQuota>(&action)) {
    RETURN_IF_ERROR(sponsored(quota->account));
    Account& account = Touch(quota->account);
    account.records_per_day_max = quota->records_per_day_max;
    account.bytes_per_day_max = quota->bytes_per_day_max;
  } else if (std::holds_alternative<ClockResume>(action)) {
    // It changes no state: its entry is the record of who confirmed the clock, and when.
  } else {
    Charter next = charter_;
    std::optional<Change> of_account;
    if (const auto* propose = std::get_if<Propose>(&action)) {
      ASSIGN_OR_RETURN(of_account, next.Apply(*propose, act.id, member->id, index, time_unix_ms));
      if (const auto id = AccountOf(propose->change)) RETURN_IF_ERROR(Existing(*id));
    } else {
      const auto* approve = std::get_if<Approve>(&action);
      CHECK_INVARIANT(approve != nullptr);
      ASSIGN_OR_RETURN(of_account, next.Apply(*approve, member->id, index, time_unix_ms));
    }
    if (of_account) RETURN_IF_ERROR(ApplyToAccount(*of_account));
    if (!charter_before_) charter_before_ = std::move(charter_);
    charter_ = std::move(next);
    HashCharter();
  }
  return entry;
}

Hash State::BucketHash(size_t bucket) const {
  Hash first{};
  first[0] = static_cast<uint8_t>(bucket);
  std::string lines;
  for (auto it = accounts_.lower_bound(first); it != accounts_.end() && it->first[0] == bucket; ++it) {
    lines += EncodeAccount(it->second);
    lines += '\n';
  }
  return lines.empty() ? Hash{} : Sha256(AsBytes(lines));
}

Hash State::StateHash() {
  for (size_t i = 0; i < buckets_.size(); ++i) {
    if (bucket_dirty_[i]) buckets_[i] = BucketHash(i);
    bucket_dirty_[i] = false;
  }
  // The first form is that of a ledger on which nothing was ever proposed.
  std::string text = governance_hash_ ? "cunzheng/state/v2\n" : "cunzheng/state/v1\n";
  text.reserve(text.size() + (buckets_.size() + 3) * sizeof(Hash));
  text += AsText(params_hash_);
  text += AsText(members_hash_);
  if (governance_hash_) text += AsText(*governance_hash_);
  for (const Hash& bucket : buckets_) text += AsText(bucket);
  return Sha256(AsBytes(text));
}

Hash AppHash(uint64_t size, const Hash& root, const Hash& state_hash) {
  std::string text = "cunzheng/app/v1\n";
  AppendBe64(size, &text);
  return Sha256(AsBytes(text), root, state_hash);
}

}  // namespace cunzheng::ledger
