// One capture from an address to a WACZ: cleanliness first, then the browser, then the package's insides.
// Deposit and outer package are the caller's.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/capture/browser_process.h"
#include "client/capture/ledger_errands.h"
#include "client/capture/page_capture.h"
#include "crypto/bytes.h"
#include "crypto/result.h"

namespace cunzheng::capture {

struct CaptureOptions {
  std::string url;
  BrowserOptions browser;
  PageLimits page;
  ExchangeLimits exchanges;
  bool phone = false;        // a phone's viewport, touch and user agent
  bool allow_local = false;  // private, loopback and link-local addresses too
  // Set: a person browses in a visible window until it says that it is enough.
  std::function<bool()> enough;
  bool ask_outside = true;  // other resolvers and time servers, for the cleanliness report
  std::vector<std::string> resolvers, time_servers;  // empty: public ones (cleanliness.h)
  std::chrono::milliseconds record{0};  // what the page shows is recorded for so long, once it has loaded
  std::string operator_account;         // hex, for the operation log; may be empty
  std::string tool;                     // "cunzheng/0.1.0"
  std::string
      tool_program;  // path of the running program, whose digest goes into the log; empty: /proc/self/exe
  std::optional<std::string> checkpoint;            // the one that the manifest will embed, for the log
  LedgerCalls ledger;                               // what is asked of the ledger meanwhile
  std::chrono::seconds rebind_every{300};           // how often a long capture fetches a fresh checkpoint
  std::chrono::milliseconds anchor_within{30'000};  // at the end, for what segments still have no receipt
  std::optional<Hash> history;  // of a watched page: digest of its history's last line, for the log
};

enum class Outcome { kComplete, kIncomplete, kPartial };
std::string_view OutcomeName(Outcome outcome);  // complete, incomplete, partial

struct CaptureSummary {
  Outcome outcome = Outcome::kPartial;
  std::string url;  // as the browser asked for it
  std::string final_url, title;
  std::string stopped;  // why it ended: "settled", "interrupted", "load_limit", "crashed", …
  uint64_t began_unix_us = 0, ended_unix_us = 0;
  uint64_t exchanges = 0, bodies = 0, bodies_missed = 0, body_bytes = 0;
  int status = 0;       // of the page's own response; 0: none came
  std::string failure;  // "net::ERR_…" when it could not be loaded
  std::string tool;     // name, version and digest, as the manifest has it
};

// Progress: a step of the operation log as it happens.
using StepObserver = std::function<void(const OperationStep&)>;

// Writes the WACZ to `wacz_path`, which must not exist. `stop` ends the capture early; what there is becomes
// a valid, partial WACZ. Errors: kUsage (the address), kNotFound (no Chromium), kUnreachable (the browser
// ended before there was anything), kIo, kTooLarge, kAlreadyExists. A page that cannot be loaded is no error.
Result<CaptureSummary> CapturePage(const CaptureOptions& options, const std::string& wacz_path,
                                   const StepObserver& on_step, const std::function<bool()>& stop);

}  // namespace cunzheng::capture
