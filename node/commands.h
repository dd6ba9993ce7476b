// What each command of `cunzhengd` does; main.cpp parses their options. Results go to standard
// output, all else to standard error.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "crypto/result.h"
#include "ledger/act.h"
#include "node/data_dir.h"

namespace cunzheng::node {

// Where a command finds the node and its keys.
struct Place {
  std::string data;
  std::optional<std::string> passphrase_file;
};

struct InitOptions {
  std::string data;
  std::string origin;
  std::string listen;
  std::string member;            // empty: operator.<host of the origin>
  std::string name_zh, name_en;  // empty: the member's id
  std::string role = "operator";
  uint64_t checkpoint_interval_ms = 0;
  std::optional<std::string> passphrase_file;
  bool ask_passphrase = false;
};
Result<void> Init(const InitOptions& options);
// A node for an institution that the members of `genesis_file`'s ledger are to add: prints what they need.
Result<void> InitToJoin(const InitOptions& options, const std::string& genesis_file);

// Makes a node without blocks begin with a snapshot. `rpc_servers`: numeric host:port of two or more other
// members' CometBFTs, whose blocks must agree. Errors: kAlreadyExists, kUnreachable, kRootMismatch.
Result<void> ConfigureStateSync(const Place& place, const std::vector<std::string>& rpc_servers);

struct TestnetOptions {
  std::string out;
  std::string origin = "example.org/ledger";
  uint64_t nodes = 4;
  uint64_t base_port = 27'000;
};
Result<void> Testnet(const TestnetOptions& options);

struct WitnessOptions {
  std::string data, name, listen;
  std::string trust;                  // a ledger's trust file, or
  std::vector<std::string> log_keys;  // vkeys of any log
  std::optional<std::string> passphrase_file;
  bool ask_passphrase = false;
};
Result<void> WitnessInit(const WitnessOptions& options);
Result<void> WitnessAdd(const WitnessOptions& options);
Result<void> WitnessRun(const WitnessOptions& options);

Result<void> Run(const Place& place, const std::optional<std::string>& listen);

struct AccountAddOptions {
  std::string public_key_file;
  std::string name;
  std::optional<uint64_t> records_per_day_max;
  std::optional<uint64_t> bytes_per_day_max;
};
Result<void> AddAccount(const Place& place, const AccountAddOptions& options);
Result<void> ListAccounts(const Place& place);
Result<void> SuspendAccount(const Place& place, const std::string& account, const std::string& reason);
Result<void> ResumeAccount(const Place& place, const std::string& account, const std::string& reason);
Result<void> RemoveAccount(const Place& place, const std::string& account, const std::string& reason);
Result<void> SetQuota(const Place& place, const std::string& account, uint64_t records_per_day_max,
                      uint64_t bytes_per_day_max);

// Governance (specs/governance.md). A proposal is open for `days`.
Result<void> Propose(const Place& place, ledger::Change change, uint64_t days);
Result<void> Approve(const Place& place, const std::string& proposal);
Result<void> ListProposals(const Place& place);
// Makes the next key of that role beside the one in use, and prints its public form.
Result<void> MakeNextKey(const Place& place, ledger::KeyRole role);

Result<void> ConfirmClock(const Place& place, const std::string& reason);
Result<void> ShowStatus(const Place& place);

Result<void> Check(const Place& place);
Result<void> Export(const Place& place, const std::string& out);

// The advice that follows an error; empty when the detail says all.
std::string HintFor(const Error& error, const std::string& data);

}  // namespace cunzheng::node
