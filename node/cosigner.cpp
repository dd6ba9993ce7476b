#include "node/cosigner.h"

namespace cunzheng::node {

Note Cosigner::Sign(const ledger::Checkpoint& checkpoint, uint64_t now_unix_ms) const {
  Note note;
  note.body = ledger::EncodeCheckpointBody(checkpoint);
  note.signatures.push_back(log_.Sign(note.body));
  // Whole seconds, rounded down, as every cosigner of this format does; a verifier allows for the rest of the
  // second where it reads the time as "existed by then" (specs/receipt.md, "Times").
  note.signatures.push_back(cosign_.Sign(note.body, now_unix_ms / 1'000));
  return note;
}

}  // namespace cunzheng::node
