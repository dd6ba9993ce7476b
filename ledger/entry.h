// Entries: what the ledger appends (specs/entry.md). Pure; safe from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/note.h"
#include "crypto/result.h"
#include "crypto/sign.h"
#include "ledger/act.h"
#include "ledger/batch.h"
#include "ledger/genesis.h"

namespace cunzheng::ledger {

inline constexpr size_t kDepositEntryLengthMax = 4'000;
inline constexpr size_t kActEntryLengthMax = 16 * 1024;

struct DepositEntry {
  std::string header_bytes;
  BatchHeader header;  // decoded from header_bytes
  SignatureBlock signature;
  Hash account{};
  std::string account_name;
  std::string sponsor;
  uint64_t time_unix_ms = 0;
};
Result<DepositEntry> DecodeDepositEntry(std::string_view bytes);
std::string EncodeDepositEntry(const DepositEntry& entry);  // `header` is ignored: header_bytes speaks

struct ActEntry {
  std::string act_bytes;
  SignatureBlock signature;
  std::string member;
  uint64_t time_unix_ms = 0;
};
Result<ActEntry> DecodeActEntry(std::string_view bytes);
std::string EncodeActEntry(const ActEntry& entry);

}  // namespace cunzheng::ledger
