// Deposits evidence: collects items into batches, queues each batch durably, sends it, writes receipts.
// While the node is out of reach batches stay queued; SendQueued() delivers them another day.
//
//   auto client = Client::Make({.node = "https://node.example"});
//   auto view = FetchLedgerView(*client);
//   auto journal = Journal::Open(folder);
//   Depositor depositor(&*client, &*journal, &key, account, *view, options, observer);
//   depositor.Add(item) …; depositor.Finish();
//
// Blocking; not thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>

#include "client/sdk/client.h"
#include "client/sdk/delivery.h"
#include "client/sdk/journal.h"
#include "client/sdk/queued_batch.h"
#include "crypto/result.h"
#include "crypto/sign.h"

namespace cunzheng::client {

struct DepositOptions {
  std::string node;      // as queued batches name it: NodeUrl::ToString()
  bool sealed = false;   // only root and count reach the ledger
  bool offline = false;  // queue only: the node is known to be out of reach
  uint64_t attest_wait_ms = 30'000;
  uint64_t batch_age_ms_max = 10'000;  // a slowly filling batch is sent after this, so that little is lost
};

// What became of one batch. An error means that it is still queued.
using DeliveryObserver = std::function<void(const QueuedBatch& batch, const Result<Delivery>& delivery)>;

// What the node says of its ledger, with its newest checkpoint.
Result<LedgerView> FetchLedgerView(Client& client);

// Delivers a claimed batch and takes it off the journal once its receipts are attested and durable.
Result<Delivery> DeliverClaimed(Client& client, Journal& journal, const ClaimedBatch& claimed,
                                const std::string& origin, uint64_t wait_ms);

class Depositor {
 public:
  // The pointers must outlive the depositor. `client` may be null when options.offline is set.
  Depositor(Client* client, Journal* journal, const PrivateKey* key, const Hash& account, LedgerView view,
            DepositOptions options, DeliveryObserver observer);

  // Takes one item; sends a batch when one is full. Cosignatures of a batch are awaited while the next ones
  // are sent. Transient failures are no error: the batch is queued and so are all after it. Errors: of the
  // item (PrepareItem), kIo, kInterrupted, the ledger's refusals.
  Result<void> Add(const EvidenceItem& item);
  // Sends what is left, and waits for the attestations that are still to come.
  Result<void> Finish();
  bool offline() const { return options_.offline; }

 private:
  Result<void> Flush();
  Result<void> CompleteOldest();

  Client* client_;
  Journal* journal_;
  const PrivateKey* key_;
  Hash account_;
  LedgerView view_;
  DepositOptions options_;
  DeliveryObserver observer_;
  BatchBuilder builder_;
  std::deque<ClaimedBatch> waiting_;  // on the ledger, not yet attested; bounded
  std::chrono::steady_clock::time_point batch_began_{};
};

}  // namespace cunzheng::client
