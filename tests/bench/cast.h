// What the measurements work on: one member, one account, batches by number. Keys are fixed, so that every
// run measures the same bytes.
#pragma once

#include <cstdint>
#include <string>

#include "crypto/sign.h"
#include "ledger/entry.h"

namespace cunzheng::bench {

inline constexpr uint64_t kGenesisTime = 1'700'000'000'000;

class Cast {
 public:
  Cast();
  const std::string& genesis_bytes() const { return genesis_bytes_; }
  const ledger::Genesis& genesis() const { return genesis_; }
  const Hash& ledger() const { return ledger_; }
  const PrivateKey& account() const { return account_; }

  // Canonical record bytes of item `number`, as a deposit of a file makes them.
  std::string Record(uint64_t number) const;
  // The signed envelope of a plain batch of `count` records from item `number` on.
  std::string Envelope(uint64_t number, uint64_t count) const;
  // The envelope of the act that adds the account.
  std::string AddAccount() const;

 private:
  PrivateKey member_, account_;
  ledger::Genesis genesis_;
  std::string genesis_bytes_;
  Hash ledger_{};
};

// Ends the process with the error: a measurement of a failure would look like a fast success.
[[noreturn]] void Fail(const std::string& what);
template <typename T>
T Must(Result<T> result) {
  if (!result) Fail(result.error().ToString());
  return *std::move(result);
}

}  // namespace cunzheng::bench
