// Tells an older copy of the ledger, put back from a backup, from the one that this node last ran
// (specs/store.md, `i`). To go on from an older copy could sign a second root for a size that was signed
// before.
#pragma once

#include "crypto/result.h"
#include "ledger/ledger.h"
#include "node/data_dir.h"

namespace cunzheng::node {

// Checks that the ledger is the one of the last run, by the random mark that each run leaves in both the
// store and D/run, and leaves the mark of this run. Three synced writes. Errors: kWrongLedger (an older
// copy), kIo, kReadOnly.
Result<void> MarkRun(const DataDir& dir, ledger::Ledger* ledger);

}  // namespace cunzheng::node
