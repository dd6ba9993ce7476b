#include "client/cli/capture_watch.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "client/capture/page_watch.h"
#include "client/cli/capture_list.h"
#include "client/sdk/paths.h"

namespace cunzheng::cli {
namespace {

using evidence::LookState;

constexpr std::string_view kHistorySuffix = ".history.jsonl";

// What ends a watch, instead of being one look's bad luck.
bool IsGrave(Errc code) {
  return code == Errc::kIo || code == Errc::kUsage || code == Errc::kNotFound || code == Errc::kInterrupted;
}

class Watch {
 public:
  Watch(const WatchOptions& options, const Context& context, CaptureRun& run, DepositReport& report,
        capture::PageWatch history)
      : options_(options), context_(context), run_(run), report_(report), history_(std::move(history)) {}

  Result<void> Run() {
    for (uint64_t looks = 0; options_.looks_max == 0 || looks < options_.looks_max; looks++) {
      const auto due = Clock::now() + std::chrono::seconds(options_.interval_s);
      RETURN_IF_ERROR(LookOnce());
      if (looks + 1 == options_.looks_max) break;
      while (Clock::now() < due && !Interrupted()) std::this_thread::sleep_for(std::chrono::milliseconds(50));
      if (Interrupted()) return Stopped();
    }
    return {};
  }

 private:
  using Clock = std::chrono::steady_clock;

  static Error Stopped() {
    return {Errc::kInterrupted, "stopped; run the same command again to go on with the history"};
  }

  Result<void> LookOnce() {
    const std::string name = CaptureName(options_.url, NowS());
    const Scrap wacz(client::JoinPath(options_.folder, name + ".unfinished.wacz"));
    run_.FollowHistory(history_.last());
    const auto summary = run_.Drive(options_.url, wacz.path());
    if (run_.stopped()) return Stopped();  // half a look is none
    if (!summary) return Failed(summary.error());
    auto look = history_.Compare(wacz.path(), summary->began_unix_us);
    if (!look) return Failed(look.error());
    if (look->state == LookState::kUnchanged) {
      RETURN_IF_ERROR(history_.Record(std::move(look).value(), {}));
      Tell(summary->began_unix_us, context_.Say("unchanged", "未变化"), "");
      return {};
    }
    const std::string package = name + std::string(evidence::kPackageSuffix);
    const bool first = look->state == LookState::kFirst;
    Tell(summary->began_unix_us,
         first ? context_.Say("first    ", "首次") : context_.Say("changed  ", "已变化"), package);
    RETURN_IF_ERROR(run_.Pack(wacz.path(), client::JoinPath(options_.folder, package), *summary, report_));
    return history_.Record(std::move(look).value(), package);
  }

  Result<void> Failed(const Error& error) {
    if (IsGrave(error.code)) return error;
    Tell(0, context_.Say("failed   ", "失败"), error.detail);
    return history_.RecordFailure(error.detail, NowS() * 1'000'000);
  }

  static uint64_t NowS() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(now).count());
  }

  void Tell(uint64_t time_unix_us, const std::string& what, const std::string& detail) const {
    const uint64_t time_s = time_unix_us == 0 ? NowS() : time_unix_us / 1'000'000;
    Note(TimeText(time_s) + "  " + what + (detail.empty() ? "" : "  " + client::Printable(detail)));
  }

  const WatchOptions& options_;
  const Context& context_;
  CaptureRun& run_;
  DepositReport& report_;
  capture::PageWatch history_;
};

}  // namespace

Result<void> WatchPage(const WatchOptions& options, const Context& context, CaptureRun& run,
                       DepositReport& report) {
  const std::string path =
      client::JoinPath(options.folder, ListedName(options.url) + std::string(kHistorySuffix));
  ASSIGN_OR_RETURN(capture::PageWatch history,
                   capture::PageWatch::Open(path, options.url, options.interval_s));
  return Watch(options, context, run, report, std::move(history)).Run();
}

}  // namespace cunzheng::cli
