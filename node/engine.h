// Engine: orders transactions and gives them a time. State machine, store, API and receipts are the
// same under each engine; fed the same blocks and times, each gives the same roots.
#pragma once

#include <functional>
#include <string>

#include "crypto/result.h"
#include "ledger/ledger.h"

namespace cunzheng::node {

// What a submitter is told once the transaction is durable and its block cosigned by this node.
struct Outcome {
  ledger::Applied applied;
  // The newest checkpoint when the block was attested at once (embedded engine): covers the entry,
  // and saves the caller a look-up. Empty when it is pending.
  std::string checkpoint;
  uint64_t size = 0;  // of that checkpoint
};
using Completion = std::function<void(Result<Outcome>)>;

class Engine {
 public:
  virtual ~Engine() = default;
  // Takes a transaction that passed its stateless checks. `done` is called exactly once, from the
  // engine's thread. Over the queue's limit it is called at once with kBusy.
  virtual void Submit(ledger::Transaction transaction, Completion done) = 0;
  // Empty when writes are accepted, else why not (clock, disk, stopping).
  virtual std::string Unwritable() const = 0;
  // Refuses new work, finishes what is queued, and returns when all of it is answered.
  virtual void Drain() = 0;
};

}  // namespace cunzheng::node
