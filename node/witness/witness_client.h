// Shows outside witnesses the checkpoints of this node's ledger, and keeps the lines that come back
// (specs/witness.md, "The log's side"): one thread a witness, so that a slow or dead one delays nobody.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "ledger/ledger.h"
#include "node/checkpoints.h"
#include "node/peers.h"

namespace cunzheng::node {

class WitnessClients {
 public:
  // `ledger` and `checkpoints` outlive this.
  WitnessClients(const ledger::Ledger* ledger, Checkpoints* checkpoints, std::vector<Peer> witnesses);
  ~WitnessClients();  // ends within the time of one exchange

 private:
  void Follow(const Peer& witness);
  // Shows one checkpoint, from the size that the witness had last. Returns the size that it has now.
  // Errors: AskNode's; kQuorumNotMet: it refuses; kUnknownMember: the trust file does not list it.
  Result<uint64_t> Show(const Peer& witness, const Published& checkpoint, uint64_t from);

  const ledger::Ledger* const ledger_;
  Checkpoints* const checkpoints_;
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> threads_;
};

}  // namespace cunzheng::node
