// The deterministic state machine (specs/entry.md, batch.md): who may append what, and when.
// No clock, randomness, locale, floats or unordered iteration. Not thread-safe; one owner.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "crypto/result.h"
#include "ledger/batch.h"
#include "ledger/charter.h"
#include "ledger/entry.h"

namespace cunzheng::ledger {

struct Account {
  Hash id{};
  std::string name;
  std::string sponsor;
  PublicKey key;
  bool suspended = false;
  bool removed = false;              // for good
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
  // The state as stored.
  static State FromParts(Charter charter, std::vector<Account> accounts);

  // Checks rules 9-13 of a batch at `time_unix_ms` and, when they hold, books its quota and returns
  // the entry's bytes. On an error nothing has changed.
  Result<std::string> ApplyBatch(const VerifiedBatch& batch, uint64_t time_unix_ms, History& history);
  // `index` is the entry's. When charter().lacks_root() afterwards, the tree that ends in this entry gives
  // its root to SetEffectiveRoot before anything else is applied.
  Result<std::string> ApplyAct(const VerifiedAct& act, uint64_t index, uint64_t time_unix_ms);
  void SetEffectiveRoot(const Hash& root);

  const Account* FindAccount(const Hash& id) const;
  const Charter& charter() const { return charter_; }
  const Params& params() const { return charter_.params(); }
  const std::map<Hash, Account>& accounts() const { return accounts_; }

  Hash StateHash();  // specs/entry.md "App hash"; caches bucket hashes

  // A block's changes stand until one of these: Commit() keeps them, Rollback() restores charter and accounts
  // to what they were at the last Commit().
  void Commit();
  void Rollback();
  bool charter_changed() const { return charter_before_.has_value(); }
  // The charter at the last Commit().
  const Charter& charter_before() const { return charter_before_ ? *charter_before_ : charter_; }
  // Accounts changed since then, ascending by id; what a block must write.
  std::vector<const Account*> ChangedAccounts() const;

 private:
  explicit State(Charter charter) : charter_(std::move(charter)) { HashCharter(); }
  Account& Touch(const Hash& id);
  Hash BucketHash(size_t bucket) const;
  void HashCharter();
  Result<const Account*> Existing(const Hash& id) const;
  Result<void> ApplyToAccount(const Change& change);

  Charter charter_;
  std::optional<Charter> charter_before_;  // set by the first change since
  std::map<Hash, Account> accounts_;
  std::map<Hash, std::optional<Account>> before_;  // what touched accounts were; nullopt: not there
  std::array<Hash, 256> buckets_{};
  std::array<bool, 256> bucket_dirty_{};
  Hash params_hash_{}, members_hash_{};
  std::optional<Hash> governance_hash_;  // none while the charter is untouched
};

Hash AppHash(uint64_t size, const Hash& root, const Hash& state_hash);

}  // namespace cunzheng::ledger
