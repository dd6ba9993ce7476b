// Genesis, acts and entries: what the ledger appends (specs/entry.md). Pure; safe from any thread.
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
#include "ledger/batch.h"

namespace cunzheng::ledger {

inline constexpr size_t kDepositEntryLengthMax = 4'000;
inline constexpr size_t kActEntryLengthMax = 16 * 1024;
inline constexpr size_t kActLengthMax = 8 * 1024;
inline constexpr size_t kGenesisLengthMax = 16 * 1024;
inline constexpr size_t kMembersMax = 16;

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

struct AccountAdd {
  PublicKey key;
  std::string name;
  std::optional<uint64_t> records_per_day_max;
  std::optional<uint64_t> bytes_per_day_max;
  bool operator==(const AccountAdd&) const = default;
};
struct AccountSuspend {
  Hash account{};
  std::string reason;
  bool operator==(const AccountSuspend&) const = default;
};
struct AccountResume {
  Hash account{};
  std::string reason;
  bool operator==(const AccountResume&) const = default;
};
struct AccountQuota {
  Hash account{};
  uint64_t records_per_day_max = 0;
  uint64_t bytes_per_day_max = 0;
  bool operator==(const AccountQuota&) const = default;
};
struct ClockResume {
  std::string reason;
  bool operator==(const ClockResume&) const = default;
};
using Action = std::variant<AccountAdd, AccountSuspend, AccountResume, AccountQuota, ClockResume>;

struct Act {
  Hash ledger{};
  std::string member;
  Action action;
  uint64_t client_time_unix_ms = 0;
  Hash nonce{};
};
Result<Act> DecodeAct(std::string_view bytes);
std::string EncodeAct(const Act& act);
inline Hash ActId(std::string_view act_bytes) {
  return TaggedHash(kPurposeAct, AsBytes(act_bytes));
}

struct ActEntry {
  std::string act_bytes;
  SignatureBlock signature;
  std::string member;
  uint64_t time_unix_ms = 0;
};
Result<ActEntry> DecodeActEntry(std::string_view bytes);
std::string EncodeActEntry(const ActEntry& entry);

// An act whose signature, ledger and schema were checked; who may act is the state's affair.
struct VerifiedAct {
  std::string act_bytes;
  Act act;
  SignatureBlock signature;
  Hash id{};
};
Result<VerifiedAct> VerifyAct(std::string_view envelope, const Hash& ledger);
std::string SignAct(const PrivateKey& key, const Act& act);  // the whole envelope

struct Params {
  uint64_t batch_bytes_max = 524'288;
  uint64_t checkpoint_interval_ms = 0;
  uint64_t client_time_ahead_ms_max = 600'000;
  uint64_t records_per_day_max = 100'000'000;
  uint64_t bytes_per_day_max = uint64_t{1} << 40;
  bool operator==(const Params&) const = default;
};
json::Value ParamsToJson(const Params& params);
Result<Params> ParamsFromJson(const json::Value& value);

struct MemberInfo {
  std::string id;
  std::string name_zh, name_en;
  std::string role;
  PublicKey account_key;
  NoteKey log_key;     // type 01, named as the origin
  NoteKey cosign_key;  // type 04, named as the member
  bool operator==(const MemberInfo&) const = default;
};
json::Value MemberToJson(const MemberInfo& member);
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
