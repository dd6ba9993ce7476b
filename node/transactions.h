// Transactions as they travel through CometBFT: the envelope's exact bytes. Each is checked up to four times
// on its way (API, mempool, proposal, block); this remembers what passed, so that a signature is verified
// once a node.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "crypto/result.h"
#include "ledger/state.h"

namespace cunzheng::node {

using SharedTransaction = std::shared_ptr<const ledger::Transaction>;

// Safe from any thread.
class TransactionCache {
 public:
  TransactionCache(const Hash& ledger, size_t batch_bytes_max, size_t bytes_max)
      : ledger_(ledger), batch_bytes_max_(batch_bytes_max), bytes_max_(bytes_max) {}

  // The transaction that `envelope` is: a batch or an act whose every stateless rule holds. Pure but for the
  // memory; the same answer on every node. Errors: VerifyBatch's, VerifyAct's.
  Result<SharedTransaction> Verify(std::string_view envelope);
  // Remembers one that was verified elsewhere.
  void Remember(std::string_view envelope, SharedTransaction transaction);

 private:
  const Hash ledger_;
  const size_t batch_bytes_max_;
  const size_t bytes_max_;
  std::mutex mutex_;
  struct Known {
    SharedTransaction transaction;
    size_t length = 0;
  };
  std::map<Hash, Known> known_;
  std::deque<Hash> order_;  // oldest first
  size_t bytes_ = 0;
};

// The envelope of a verified transaction: the bytes that were verified.
std::string EnvelopeOf(const ledger::Transaction& transaction);
const Hash& IdOf(const ledger::Transaction& transaction);

}  // namespace cunzheng::node
