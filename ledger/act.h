// Acts: what a member does to the ledger besides depositing (specs/entry.md "Act", specs/governance.md).
// Pure; safe from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/digest.h"
#include "crypto/note.h"
#include "crypto/result.h"
#include "crypto/sign.h"
#include "ledger/batch.h"
#include "ledger/genesis.h"

namespace cunzheng::ledger {

inline constexpr size_t kActLengthMax = 8 * 1024;

// What a sponsor does for its own accounts, at once.
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
struct AccountRemove {
  Hash account{};
  std::string reason;
  bool operator==(const AccountRemove&) const = default;
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

// What needs `govern` members (specs/governance.md, "Changes").
struct Thresholds {
  uint64_t f = 0, k = 1, govern = 1;
  bool operator==(const Thresholds&) const = default;
};
struct MemberAdd {
  MemberInfo member;
  std::optional<Thresholds> thresholds;  // that hold from then on
  bool operator==(const MemberAdd&) const = default;
};
struct MemberSuspend {
  std::string member, reason;
  std::optional<Thresholds> thresholds;
  bool operator==(const MemberSuspend&) const = default;
};
struct MemberResume {
  std::string member, reason;
  std::optional<Thresholds> thresholds;
  bool operator==(const MemberResume&) const = default;
};
struct MemberRemove {
  std::string member, reason;
  std::optional<Thresholds> thresholds;
  bool operator==(const MemberRemove&) const = default;
};
enum class KeyRole { kLog, kCosign, kAccount, kConsensus };
std::string_view KeyRoleName(KeyRole role);  // log, cosign, account, consensus
std::optional<KeyRole> KeyRoleFromName(std::string_view name);
struct KeyRotate {
  std::string member;
  KeyRole role = KeyRole::kCosign;
  NoteKey note_key;      // log, cosign
  PublicKey public_key;  // account, consensus
  bool operator==(const KeyRotate&) const = default;
};
struct WitnessInfo {
  std::string id;
  std::string name_zh, name_en;
  NoteKey key;  // type 04, named as the witness
  bool operator==(const WitnessInfo&) const = default;
};
struct WitnessesSet {
  uint64_t w = 0, witness_f = 0;
  std::vector<WitnessInfo> witnesses;
  bool operator==(const WitnessesSet&) const = default;
};
struct TsaRootsSet {
  std::vector<Bytes> roots;  // DER certificates
  bool operator==(const TsaRootsSet&) const = default;
};
using Change = std::variant<MemberAdd, MemberSuspend, MemberResume, MemberRemove, KeyRotate, Thresholds,
                            Params, WitnessesSet, TsaRootsSet, AccountSuspend, AccountResume, AccountRemove>;
// {"action":…,"args":{…}}
json::Value ChangeToJson(const Change& change);
Result<Change> ChangeFromJson(const json::Value& value);

struct Propose {
  Change change;
  uint64_t expires_unix_ms = 0;
  bool operator==(const Propose&) const = default;
};
struct Approve {
  Hash proposal{};  // the act id of the proposal
  bool operator==(const Approve&) const = default;
};

using Action = std::variant<AccountAdd, AccountSuspend, AccountResume, AccountRemove, AccountQuota,
                            ClockResume, Propose, Approve>;

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

// An act whose signature, ledger and schema were checked; who may act is the state's affair.
struct VerifiedAct {
  std::string act_bytes;
  Act act;
  SignatureBlock signature;
  Hash id{};
};
Result<VerifiedAct> VerifyAct(std::string_view envelope, const Hash& ledger);
std::string SignAct(const PrivateKey& key, const Act& act);  // the whole envelope

}  // namespace cunzheng::ledger
