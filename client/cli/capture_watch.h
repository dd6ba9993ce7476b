// A page captured again and again; packed and deposited when it has changed (specs/capture.md, "Change
// history").
#pragma once

#include <cstdint>
#include <string>

#include "client/cli/capture_run.h"
#include "client/cli/deposit_report.h"
#include "crypto/result.h"

namespace cunzheng::cli {

struct WatchOptions {
  std::string url;
  std::string folder;       // absolute; packages, pictures of differences and the history
  uint64_t interval_s = 0;  // from look to look
  uint64_t looks_max = 0;   // 0: until it is interrupted
};

// Goes on with the history that the folder has of this page. A look that fails is written down and no end.
// Errors: those of the history and of packing; kInterrupted.
Result<void> WatchPage(const WatchOptions& options, const Context& context, CaptureRun& run,
                       DepositReport& report);

}  // namespace cunzheng::cli
