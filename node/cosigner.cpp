#include "node/cosigner.h"

namespace cunzheng::node {
namespace {

// The signer whose key `trust` lists among its members' and that holds at `size`.
const NoteSigner* Holder(const std::vector<NoteSigner>& signers, const ledger::Trust& trust, uint64_t size) {
  for (const NoteSigner& signer : signers) {
    for (const ledger::TrustMember& member : trust.members) {
      for (const ledger::TrustKey& key : member.keys) {
        if (key.note_key == signer.key() && key.HoldsAt(size)) return &signer;
      }
    }
  }
  return nullptr;
}

template <typename T>
std::vector<T> ListOf(T only) {
  std::vector<T> list;
  list.push_back(std::move(only));
  return list;
}

}  // namespace

Cosigner::Cosigner(NoteSigner log, NoteSigner cosign)
    : Cosigner(ListOf(std::move(log)), ListOf(std::move(cosign))) {}

std::optional<Note> Cosigner::Sign(const ledger::Checkpoint& checkpoint, const ledger::Trust& trust,
                                   uint64_t now_unix_ms) const {
  const NoteSigner* cosign = Holder(cosign_, trust, checkpoint.size);
  if (cosign == nullptr) return std::nullopt;
  Note note;
  note.body = ledger::EncodeCheckpointBody(checkpoint);
  if (const NoteSigner* log = Holder(log_, trust, checkpoint.size)) {
    note.signatures.push_back(log->Sign(note.body));
  }
  // Whole seconds, rounded down, as every cosigner of this format does; a verifier allows for the rest of the
  // second where it reads the time as "existed by then" (specs/receipt.md, "Times").
  note.signatures.push_back(cosign->Sign(note.body, now_unix_ms / 1'000));
  return note;
}

}  // namespace cunzheng::node
