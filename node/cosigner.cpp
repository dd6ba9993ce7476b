#include "node/cosigner.h"

namespace cunzheng::node {

std::string Cosigner::Sign(const ledger::Checkpoint& checkpoint, uint64_t now_unix_ms) const {
  Note note;
  note.body = ledger::EncodeCheckpointBody(checkpoint);
  note.signatures.push_back(log_.Sign(note.body));
  // Rounded up to the second: a cosignature is read as "existed by then", so it must never claim a
  // moment before the entries that it covers.
  note.signatures.push_back(cosign_.Sign(note.body, (now_unix_ms + 999) / 1'000));
  return EncodeNote(note);
}

}  // namespace cunzheng::node
