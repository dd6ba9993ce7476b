// cunzheng capture --watch: one page, looked at again and again; what has changed is packed and deposited,
// and every look is written into the page's history.
#pragma once

#include <cstdint>
#include <string>

#include "client/cli/capture_run.h"
#include "client/cli/context.h"
#include "client/cli/deposit_report.h"
#include "crypto/result.h"

namespace cunzheng::cli {

struct WatchOptions {
  std::string url, folder;
  uint64_t interval_s = 0;
  uint64_t looks_max = 0;  // 0: until Ctrl-C, which is the ordinary end
};

// A page that cannot be captured is a look of its own, and the watch goes on. Errors: kIo; those of
// PageWatch::Open and of CaptureRun::Pack.
Result<void> WatchPage(const WatchOptions& options, const Context& context, CaptureRun& run,
                       DepositReport& report);

}  // namespace cunzheng::cli
