// Who signed a checkpoint, and when: a note's lines against the keys of a trust file
// (specs/checkpoint.md; specs/receipt.md steps 7-8). Pure; safe from any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "crypto/note.h"
#include "crypto/result.h"
#include "ledger/trust.h"

namespace cunzheng::verify {

// One institution's valid cosignature. Points into the trust file that it was checked against.
struct Cosignature {
  const ledger::TrustMember* by = nullptr;
  uint64_t time_unix_s = 0;
  bool retired_key = false;
};

// Each list has at most one element an institution, ascending by time.
struct CheckedNote {
  std::vector<Cosignature> members;
  std::vector<Cosignature> witnesses;
};

// Checks every line whose key the trust file knows and that holds at tree size `size`; passes over the
// others. Of several lines of one institution, one under a current key goes before one under a retired
// key, then the earlier before the later.
// Errors: kSignatureInvalid.
Result<CheckedNote> CheckNote(const Note& note, uint64_t size, const ledger::Trust& trust);

}  // namespace cunzheng::verify
