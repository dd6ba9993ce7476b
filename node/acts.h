// How the commands of `cunzhengd` reach the ledger: over the HTTP API while the node runs, on the store
// itself, through the same engine, while it is stopped.
#pragma once

#include <memory>
#include <string>

#include "crypto/result.h"
#include "ledger/act.h"
#include "ledger/ledger.h"
#include "node/commands.h"
#include "node/config.h"
#include "node/data_dir.h"

namespace cunzheng::node {

inline constexpr size_t kAnswerLengthMax = 16u << 20;

// The running node's address. A node that is just starting holds the lock before it serves, so it is given
// time: decrypting its keys alone takes most of a second. Errors: kStoreLocked.
Result<std::string> ReadListenFile(const DataDir& dir);

// The body of the running node's answer; a POST when `body` is not empty. Errors: as the node's,
// kUnreachable.
Result<std::string> Ask(const DataDir& dir, const Config& config, const std::string& target,
                        const std::string& body = {});

// Signs the act with this node's account key and has it appended.
struct Performed {
  Hash id{};           // of the act
  uint64_t index = 0;  // of its entry
};
Result<Performed> PerformAct(const Place& place, ledger::Action action);
// Where only the entry's index is of interest.
Result<uint64_t> Perform(const Place& place, ledger::Action action);

// A store that no other process has, open for reading. The lock comes first, so that it is released last.
struct IdleStore {
  DataLock lock;
  std::unique_ptr<ledger::Ledger> ledger;
};
Result<IdleStore> OpenIdle(const DataDir& dir);  // Errors: kStoreLocked, Ledger::Open's

}  // namespace cunzheng::node
