// The deterministic state machine (specs/entry.md, batch.md): who may append what, and when.
// No clock, randomness, locale, floats or unordered iteration. Not thread-safe; one owner.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "crypto/result.h"
#include "ledger/batch.h"
#include "ledger/entry.h"

namespace cunzheng::ledger {

struct Account {
  Hash id{};
  std::string name;
  std::string sponsor;
  PublicKey key;
  bool suspended = false;
  uint64_t records_per_day_max = 0;  // 0: the ledger's default
  uint64_t bytes_per_day_max = 0;
  uint64_t used_day = 0;
  uint64_t used_records = 0;
  uint64_t used_bytes = 0;
  bool operator==(const Account&) const = default;
};
Result<Account> DecodeAccount(std::string_view bytes);
std::string EncodeAccount(const Account& account);

using Transaction = std::variant<VerifiedBatch, VerifiedAct>;

// What the state machine must ask of the ledger's past. Deterministic: answers from committed
// entries and from those of the block under way.
class History {
 public:
  virtual ~History() = default;
  // The header of the batch with `id`, if it is on the ledger.
  virtual Result<std::optional<BatchHeader>> FindBatch(const Hash& id) = 0;
};

class State {
 public:
  // The state right after genesis.
  static State FromGenesis(const Genesis& genesis);
  // The state as stored: params, members and accounts.
  static State FromParts(Params params, std::vector<MemberInfo> members, std::vector<Account> accounts);

  // Checks rules 9-13 of a batch at `time_unix_ms` and, when they hold, books its quota and returns
  // the entry's bytes. On an error nothing has changed.
  Result<std::string> ApplyBatch(const VerifiedBatch& batch, uint64_t time_unix_ms, History& history);
  Result<std::string> ApplyAct(const VerifiedAct& act, uint64_t time_unix_ms);

  const Account* FindAccount(const Hash& id) const;
  const MemberInfo* FindMember(std::string_view id) const;
  const Params& params() const { return params_; }
  const std::vector<MemberInfo>& members() const { return members_; }
  const std::map<Hash, Account>& accounts() const { return accounts_; }

  Hash StateHash();  // specs/entry.md "App hash"; caches bucket hashes

  // A block's changes stand until one of these: Commit() keeps them, Rollback() restores every account
  // to what it was at the last Commit().
  void Commit() { before_.clear(); }
  void Rollback();
  // Accounts changed since then, ascending by id; what a block must write.
  std::vector<const Account*> ChangedAccounts() const;

 private:
  State() = default;
  Account& Touch(const Hash& id);
  Hash BucketHash(size_t bucket) const;

  Params params_;
  std::vector<MemberInfo> members_;
  std::map<Hash, Account> accounts_;
  std::map<Hash, std::optional<Account>> before_;  // what touched accounts were; nullopt: not there
  std::array<Hash, 256> buckets_{};
  std::array<bool, 256> bucket_dirty_{};
  Hash params_hash_{}, members_hash_{};
};

Hash AppHash(uint64_t size, const Hash& root, const Hash& state_hash);

}  // namespace cunzheng::ledger
