// One capture from an address to a deposited package. The order is that of the proof: a fresh checkpoint
// first (T1), then the capture, then the deposit (T2); the package is durable before anything is sent.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/capture/capture.h"
#include "client/cli/context.h"
#include "client/cli/deposit_report.h"
#include "client/cli/deposit_session.h"
#include "client/evidence/package.h"
#include "crypto/result.h"

namespace cunzheng::cli {

struct CaptureSettings {
  NodeOptions node;
  std::string key, passphrase_file, case_ref;
  bool sealed = false;
  std::string browser, device = "desktop";
  std::vector<std::string> browser_arguments;
  std::vector<std::string> resolvers, time_servers;  // empty: public ones
  bool no_sandbox = false, allow_local = false, record_failure = false, ask_nobody = false,
       interactive = false;
  bool quiet = false;  // steps are not told as they happen
  uint64_t wait_s = 30, time_s = 0, settle_ms = 1'500, rebind_s = 300, record_s = 0;
};

// The WACZ that a package will be made of: a file beside it, of this process alone, that does not outlive its
// use.
class Scrap {
 public:
  // Of "…/NAME.evidence.zip". Removes what runs that were ended by force have left.
  explicit Scrap(std::string_view package);
  ~Scrap();
  Scrap(const Scrap&) = delete;
  Scrap& operator=(const Scrap&) = delete;
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

class CaptureRun {
 public:
  CaptureRun(const CaptureSettings& settings, const Context& context)
      : settings_(settings), context_(context) {}

  // The browser first, before anything is asked of a person or of a node. Errors: kNotFound (no Chromium),
  // those of OpenDepositSession.
  Result<void> Open();
  // Captures into a WACZ. Errors: those of CapturePage; kUnreachable when no response came, unless that is to
  // be recorded.
  Result<capture::CaptureSummary> Drive(const std::string& url, const std::string& wacz);
  // Packs the WACZ as `path`, deposits it, and puts the receipt in. Errors: of the package and of the queue;
  // what became of the deposit is told to the report.
  Result<void> Pack(const std::string& wacz, const std::string& path, const capture::CaptureSummary& summary,
                    DepositReport& report);

  // Deposits a file that is no package, whose receipt stands beside it. Errors: as Pack's.
  Result<void> DepositFile(const std::string& path, std::string_view media_type, DepositReport& report);

  // The history that the next capture goes on with, by its last line's digest: the operation log has it.
  void FollowHistory(const Hash& last) { history_ = last; }

  // Whether Ctrl-C ended a capture early; what there was is packed all the same.
  bool stopped() const { return stopped_; }
  const std::optional<Error>& offline() const { return session_->offline; }

 private:
  // What the package needs beside the WACZ.
  struct Papers {
    client::QueuedItem item;
    evidence::PackageTexts texts;
  };
  Result<Papers> Prepare(const std::string& wacz, const std::string& path,
                         const capture::CaptureSummary& summary) const;
  // `package`: puts the receipt into it; else it stays beside the file.
  Result<void> Deposit(const std::string& path, bool package, client::QueuedItem item, DepositReport& report);
  // The record and manifest of what was captured, in this run's case and account.
  Result<client::QueuedItem> Record(client::EvidenceItem item, const client::LedgerView& view) const;
  client::QueuedBatch Sign(client::QueuedItem item) const;
  // The receipt of a recording's segment, deposited by its index. Called while the browser is driven, from
  // another thread.
  Result<std::string> Anchor(size_t segment, const std::string& index);
  void Tell(const capture::OperationStep& step) const;

  const CaptureSettings& settings_;
  const Context& context_;
  std::optional<DepositSession> session_;
  std::optional<std::string> trust_;  // a hint for the package
  std::optional<Hash> history_;
  bool stopped_ = false;
};

// "…/NAME.evidence.zip" -> "…/NAME"
std::string_view PackageStem(std::string_view path);

}  // namespace cunzheng::cli
