// A ledger as plain files (specs/http-api.md "Export"): a static C2SP tiled log that any
// tlog-tiles client reads, with records and checkpoints beside it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "crypto/result.h"
#include "ledger/ledger.h"

namespace cunzheng::node {

struct ExportReport {
  uint64_t entries = 0;
  uint64_t records = 0;
  uint64_t checkpoints = 0;
};

// Writes `out`, which must not exist or be empty; `checkpoint` comes last, so that an interrupted
// export is no readable log. Memory does not grow with the ledger. `progress(done, total)` counts
// entries. Errors: kAlreadyExists, kIo, kNotFound (the head has no checkpoint), the store's.
Result<ExportReport> ExportLedger(const ledger::Ledger& ledger, const std::string& out,
                                  const std::function<void(uint64_t done, uint64_t total)>& progress);

}  // namespace cunzheng::node
