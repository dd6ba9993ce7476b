// What a log sends to a witness (c2sp.org/tlog-witness, specs/witness.md): the body of an add-checkpoint
// request. Pure; safe from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/result.h"
#include "ledger/checkpoint.h"

namespace cunzheng::ledger {

inline constexpr size_t kAddCheckpointLengthMax = 20'480;

struct AddCheckpoint {
  uint64_t old_size = 0;
  std::vector<Hash> proof;
  SignedCheckpoint checkpoint;
};
// Errors: kInvalidValue, kTooLarge, ParseCheckpoint's.
Result<AddCheckpoint> DecodeAddCheckpoint(std::string_view body);
std::string EncodeAddCheckpoint(uint64_t old_size, const std::vector<Hash>& proof,
                                std::string_view checkpoint);

}  // namespace cunzheng::ledger
