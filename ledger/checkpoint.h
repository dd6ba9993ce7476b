// Checkpoints (specs/checkpoint.md): the tree's size and root as a signed note. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/bytes.h"
#include "crypto/note.h"
#include "crypto/result.h"

namespace cunzheng::ledger {

struct Checkpoint {
  std::string origin;
  uint64_t size = 0;
  Hash root{};
  bool operator==(const Checkpoint&) const = default;
};

std::string EncodeCheckpointBody(const Checkpoint& checkpoint);
// Errors: kNoteMalformed.
// A decimal number up to 2^53-1 without leading zeros.
std::optional<uint64_t> ParseTreeSize(std::string_view text);
Result<Checkpoint> ParseCheckpointBody(std::string_view body);

struct SignedCheckpoint {
  Checkpoint checkpoint;
  Note note;
};
Result<SignedCheckpoint> ParseCheckpoint(std::string_view note_text);

}  // namespace cunzheng::ledger
