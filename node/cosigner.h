// Signs the checkpoints of one member (specs/checkpoint.md): the log key's line, which shows who
// published, and the member's own cosignature, which is its word that it executed the ledger itself.
#pragma once

#include <cstdint>

#include "crypto/note.h"
#include "ledger/checkpoint.h"

namespace cunzheng::node {

// Immutable; safe from any thread.
class Cosigner {
 public:
  Cosigner(NoteSigner log, NoteSigner cosign) : log_(std::move(log)), cosign_(std::move(cosign)) {}

  // The signed note. Precondition: this process computed `checkpoint` and has synced it; the caller
  // asks for one root only per size.
  Note Sign(const ledger::Checkpoint& checkpoint, uint64_t now_unix_ms) const;

 private:
  NoteSigner log_;
  NoteSigner cosign_;
};

}  // namespace cunzheng::node
