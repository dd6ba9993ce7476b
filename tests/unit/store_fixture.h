// A small ledger's cast for tests: members, accounts, and the transactions that they sign. Keys and bytes
// are fixed by their numbers, so that every run makes the same ledger.
#pragma once

#include <leveldb/env.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "crypto/note.h"
#include "crypto/sign.h"
#include "ledger/ledger.h"

namespace cunzheng::ledger::testing {

inline constexpr uint64_t kGenesisTime = 1'700'000'000'000;

// SHA-256 of "<seed>": 32 bytes of a test's own choosing.
Hash Named(const std::string& seed);

struct DepositOptions {
  uint64_t count = 1;
  BatchMode mode = BatchMode::kPlain;
  std::optional<uint64_t> client_time_unix_ms;  // default: kGenesisTime
  std::optional<uint64_t> expires_unix_ms;
  std::optional<Hash> reveals;  // makes every record a reveal of that batch
  size_t padding_length = 0;    // of incompressible text in each record
  std::optional<Hash> sha256;   // of the evidence; default: one of its own for every record
};

class Cast {
 public:
  explicit Cast(size_t members = 1, const Params& params = {}, uint64_t govern = 1);

  const std::string& genesis_bytes() const { return genesis_bytes_; }
  const Genesis& genesis() const { return genesis_; }
  const Hash& ledger() const { return ledger_; }
  static PrivateKey AccountKey(size_t account, Suite suite = Suite::kSecp256k1);
  static Hash AccountOf(size_t account) { return AccountId(AccountKey(account).public_key()); }
  const PrivateKey& member_key(size_t member) const { return member_keys_[member]; }
  // What genesis, or an act, says of member `member`; of one beyond genesis too. `generation` gives other
  // keys.
  MemberInfo Member(size_t member, unsigned generation = 0) const;

  // Each call makes another transaction, unlike all before.
  Transaction Act(const Action& action, size_t member = 0);
  Transaction AddAccount(size_t account, size_t member = 0);
  Transaction Deposit(size_t account, const DepositOptions& options = {});
  // Record bytes as Deposit makes them.
  std::string MakeRecord(const Hash& account, const DepositOptions& options);

  // The checkpoint note for a head, with the first member's log line and cosignature.
  std::string Checkpoint(uint64_t size, const Hash& root) const;

 private:
  std::string genesis_bytes_;
  Genesis genesis_;
  Hash ledger_{};
  std::vector<PrivateKey> member_keys_;
  uint64_t serial_ = 0;
};

// "store_corrupt: e 17: missing", or "ok".
template <typename T>
std::string Outcome(const Result<T>& result) {
  return result ? "ok" : result.error().ToString();
}
template <typename T>
std::string Code(const Result<T>& result) {
  return result ? "ok" : std::string(ErrcName(result.error().code));
}

// A file system in memory (LevelDB's memenv) and options to open ledgers in it.
class MemoryDisk {
 public:
  MemoryDisk();
  OpenOptions options() const;
  leveldb::Env* env() const { return env_.get(); }

 private:
  std::unique_ptr<leveldb::Env> env_;
};

// Applies one block and demands that it was written; the results by transaction.
BlockResult MustApply(Ledger& ledger, const std::vector<Transaction>& transactions, uint64_t time_unix_ms);
std::unique_ptr<Ledger> MustOpen(const std::string& path, const OpenOptions& options);

}  // namespace cunzheng::ledger::testing
