// What every command that deposits opens before it begins: the node, the queue, the key, and what is known of
// the ledger.
#pragma once

#include <optional>
#include <string>

#include "client/cli/context.h"
#include "client/sdk/client.h"
#include "client/sdk/journal.h"
#include "client/sdk/queued_batch.h"
#include "crypto/key_file.h"
#include "crypto/result.h"

namespace cunzheng::cli {

struct DepositSession {
  std::string node;
  client::Client client;
  client::Journal journal;
  AccountKey key;
  client::LedgerView view;
  std::optional<Error> offline;  // why the node is out of reach: what is deposited is queued
};

// The ledger is learnt from the node itself; while it is out of reach from memory, or from the one trust file
// that is pinned. Errors: kUsage (no node, no key), kIo, the key's; the node's when it was never reached from
// here.
Result<DepositSession> OpenDepositSession(const Context& context, const NodeOptions& node,
                                          const std::string& key, const std::string& passphrase_file);

}  // namespace cunzheng::cli
