// What this machine remembers of nodes, so that evidence can be queued while a node is out of reach: its
// ledger, its limit, its newest checkpoint. A memory, not a trust anchor.
#pragma once

#include <optional>
#include <string>

#include "client/cli/settings.h"
#include "client/sdk/journal.h"
#include "client/sdk/queued_batch.h"
#include "crypto/result.h"

namespace cunzheng::cli {

// Errors: kIo, kUsage (no HOME).
Result<client::Journal> OpenJournal(const Settings& settings);

class KnownNodes {
 public:
  explicit KnownNodes(const Settings& settings) : state_(settings.folders.state) {}
  // nullopt when the node was never reached from here, or what was kept is unreadable.
  std::optional<client::LedgerView> Find(const std::string& node) const;
  Result<void> Remember(const std::string& node, const client::LedgerView& view) const;

 private:
  std::string PathOf(const std::string& node) const;
  std::string state_;
};

}  // namespace cunzheng::cli
