// The genesis document: a ledger's first entry, and the shapes that it shares with governance
// (specs/entry.md, "Genesis"). Pure; safe from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/digest.h"
#include "crypto/json.h"
#include "crypto/note.h"
#include "crypto/result.h"
#include "crypto/sign.h"

namespace cunzheng::ledger {

inline constexpr size_t kGenesisLengthMax = 16 * 1024;
inline constexpr size_t kMembersMax = 16;
inline constexpr size_t kWitnessesMax = 64;

struct Params {
  uint64_t batch_bytes_max = 524'288;
  uint64_t checkpoint_interval_ms = 0;
  uint64_t client_time_ahead_ms_max = 600'000;
  uint64_t records_per_day_max = 100'000'000;
  uint64_t bytes_per_day_max = uint64_t{1} << 40;
  bool operator==(const Params&) const = default;
};
json::Value ParamsToJson(const Params& params);
Params ReadParams(json::ObjectReader& reader);  // its five fields, out of the object that holds them
Result<Params> ParamsFromJson(const json::Value& value);

struct MemberInfo {
  std::string id;
  std::string name_zh, name_en;
  std::string role;
  PublicKey account_key;
  NoteKey log_key;                                        // type 01, named as the origin
  NoteKey cosign_key;                                     // type 04, named as the member
  std::optional<PublicKey> consensus_key = std::nullopt;  // secp256k1; under CometBFT: the member's validator
  bool operator==(const MemberInfo&) const = default;
};
json::Value MemberToJson(const MemberInfo& member);
// `origin`: what the log key must be named; empty: any name.
Result<MemberInfo> MemberFromJson(const json::Value& value, std::string_view origin);

struct Genesis {
  std::string origin;
  uint64_t created_unix_ms = 0;
  Hash nonce{};
  std::vector<MemberInfo> members;
  uint64_t f = 0, k = 1, w = 0, govern = 1;
  Params params;
  bool operator==(const Genesis&) const = default;
};
Result<Genesis> DecodeGenesis(std::string_view bytes);
std::string EncodeGenesis(const Genesis& genesis);
inline Hash LedgerId(std::string_view genesis_bytes) {
  return Sha256(AsBytes(genesis_bytes));
}

}  // namespace cunzheng::ledger
