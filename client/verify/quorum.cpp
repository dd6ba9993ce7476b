#include "client/verify/quorum.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace cunzheng::verify {
namespace {

using ledger::KeyPurpose;
using ledger::TrustKey;
using ledger::TrustMember;

struct KeyOwner {
  const TrustKey* key = nullptr;
  const TrustMember* owner = nullptr;
  bool witness = false;
};

// A trust file holds each (name, key id) at most once.
KeyOwner FindKey(const ledger::Trust& trust, const NoteSignature& line, uint64_t size) {
  for (const auto* list : {&trust.members, &trust.witnesses}) {
    for (const TrustMember& member : *list) {
      for (const TrustKey& key : member.keys) {
        if (key.purpose == KeyPurpose::kAccount || !key.HoldsAt(size)) continue;
        if (key.note_key.name != line.name || key.note_key.Id() != line.key_id) continue;
        return {&key, &member, list == &trust.witnesses};
      }
    }
  }
  return {};
}

void Add(const Cosignature& cosignature, std::vector<Cosignature>* list) {
  for (Cosignature& known : *list) {
    if (known.by != cosignature.by) continue;
    const auto rank = [](const Cosignature& c) { return std::pair(c.retired_key, c.time_unix_s); };
    if (rank(cosignature) < rank(known)) known = cosignature;
    return;
  }
  list->push_back(cosignature);
}

void SortByTime(std::vector<Cosignature>* list) {
  std::sort(list->begin(), list->end(), [](const Cosignature& a, const Cosignature& b) {
    return std::pair(a.time_unix_s, std::string_view(a.by->id)) <
           std::pair(b.time_unix_s, std::string_view(b.by->id));
  });
}

}  // namespace

Result<CheckedNote> CheckNote(const Note& note, uint64_t size, const ledger::Trust& trust) {
  CheckedNote checked;
  for (const NoteSignature& line : note.signatures) {
    const KeyOwner found = FindKey(trust, line, size);
    if (found.key == nullptr) continue;
    ASSIGN_OR_RETURN(const uint64_t time, VerifyNoteSignature(note, line, found.key->note_key));
    if (found.key->purpose != KeyPurpose::kCosign) continue;  // a log key shows who published, no more
    Add({found.owner, time, !found.key->current()}, found.witness ? &checked.witnesses : &checked.members);
  }
  SortByTime(&checked.members);
  SortByTime(&checked.witnesses);
  return checked;
}

}  // namespace cunzheng::verify
