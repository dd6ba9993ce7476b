// Signs the checkpoints of one member (specs/checkpoint.md): the log key's line, which shows who
// published, and the member's own cosignature, which is its word that it executed the ledger itself.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "crypto/note.h"
#include "ledger/checkpoint.h"
#include "ledger/trust.h"

namespace cunzheng::node {

// Immutable; safe from any thread.
class Cosigner {
 public:
  Cosigner(NoteSigner log, NoteSigner cosign);
  // One or two of each: the key in use, and the next one while a rotation is under way. No list is empty.
  Cosigner(std::vector<NoteSigner> log, std::vector<NoteSigner> cosign)
      : log_(std::move(log)), cosign_(std::move(cosign)) {}

  // The note, signed with the keys that hold at its size by `trust`; nullopt when no cosigning key does: this
  // node's institution is no member there. Precondition: this process computed `checkpoint` and has synced
  // it; the caller asks for one root only per size.
  std::optional<Note> Sign(const ledger::Checkpoint& checkpoint, const ledger::Trust& trust,
                           uint64_t now_unix_ms) const;

 private:
  std::vector<NoteSigner> log_;
  std::vector<NoteSigner> cosign_;
};

}  // namespace cunzheng::node
