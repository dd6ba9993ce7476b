// Engine: orders transactions and gives them a time. State machine, store, API and receipts are the
// same under each engine; fed the same blocks and times, each gives the same roots.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "crypto/result.h"
#include "ledger/ledger.h"

namespace cunzheng::node {

// A checkpoint that k members, this node's among them, have signed; immutable and shared.
struct Published {
  uint64_t size = 0;
  std::string note;
};

// What a submitter is told once the transaction is durable.
struct Outcome {
  ledger::Applied applied;
  // The block's own checkpoint when it was attested at once: it covers a new entry, and saves the
  // caller a look-up. Null while the entry is pending.
  std::shared_ptr<const Published> checkpoint;
};
class Checkpoints;
using Completion = std::function<void(Result<Outcome>)>;

// All members are safe from any thread.
class Engine {
 public:
  virtual ~Engine() = default;
  // Takes a transaction that passed its stateless checks. `done` is called exactly once, from the
  // engine's thread, or at once on the caller's when the transaction is not taken (kBusy, kStopping).
  virtual void Submit(ledger::Transaction transaction, Completion done) = 0;
  // What keeps writes from being accepted (kClockUnsound, kReadOnly, kStopping), if anything does.
  virtual Result<void> Writable() const = 0;
  // The newest checkpoint; null before the first.
  virtual std::shared_ptr<const Published> Newest() const = 0;
  // The note of `size` as this node knows it, with k cosignatures or fewer. kNotFound.
  virtual Result<std::string> NoteAt(uint64_t size) const = 0;
  // What the node signs and collects; lives as long as the engine.
  virtual Checkpoints& checkpoints() = 0;
  // Refuses new work, finishes what is queued, and returns when all of it is answered.
  virtual void Drain() = 0;
};

}  // namespace cunzheng::node
