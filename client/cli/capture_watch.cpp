#include "client/cli/capture_watch.h"

#include <chrono>
#include <thread>

#include "client/capture/page_watch.h"
#include "client/capture/unix_time.h"
#include "client/cli/capture_list.h"
#include "client/sdk/paths.h"

namespace cunzheng::cli {
namespace {

using capture::PageWatch;
using evidence::Look;
using evidence::LookState;

constexpr auto kAsked = std::chrono::milliseconds(100);  // how often whether to stop

// What ends the watch, and not this look alone.
bool EndsAll(const Error& error) {
  return error.code == Errc::kIo || error.code == Errc::kNotFound || error.code == Errc::kUsage ||
         error.code == Errc::kInterrupted;
}

// "1234 of 5000000 pixels", for the person who watches.
std::string Extent(const Look& look) {
  return std::to_string(look.pixels_changed) + "/" + std::to_string(look.pixels);
}

class Watch {
 public:
  Watch(const WatchOptions& options, const Context& context, CaptureRun& run, DepositReport& report)
      : options_(options), context_(context), run_(run), report_(report) {}

  Result<void> Run() {
    const std::string name = ListedName(options_.url) + std::string(evidence::kHistorySuffix);
    const std::string path = client::JoinPath(options_.folder, name);
    ASSIGN_OR_RETURN(PageWatch watch, PageWatch::Open(path, options_.url, options_.interval_s));
    Note(context_.Say("watching; the history is ", "正在监视；变更记录：") + ShownPath(path) +
         context_.Say(" (Ctrl-C ends it)", "（按 Ctrl-C 结束）"));
    const size_t looks_before = watch.looks();
    RETURN_IF_ERROR(LookOn(&watch));
    if (watch.looks() == looks_before) return {};
    // Each package bounds the looks before it; the history's own receipt, those up to now.
    ClearInterrupt();
    return run_.DepositFile(path, evidence::kHistoryMediaType, report_);
  }

 private:
  // Until there were enough looks, or Ctrl-C.
  Result<void> LookOn(PageWatch* watch) {
    for (uint64_t looks = 0; options_.looks_max == 0 || looks < options_.looks_max; ++looks) {
      if (looks > 0 && !Wait()) return {};
      began_ = std::chrono::steady_clock::now();
      const auto looked = LookOnce(watch);
      if (!looked && looked.error().code == Errc::kInterrupted) return {};
      if (!looked) return looked.error();
    }
    return {};
  }

  // Until the next look is due; false: the watch is over.
  bool Wait() const {
    const auto until = began_ + std::chrono::seconds(options_.interval_s);
    while (!Interrupted() && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(kAsked);
    return !Interrupted();
  }

  Result<void> LookOnce(PageWatch* watch) {
    const uint64_t time_us = capture::UnixUs();
    const std::string path =
        client::JoinPath(options_.folder, CaptureName(options_.url, time_us / 1'000'000) +
                                              std::string(evidence::kPackageSuffix));
    const Scrap wacz(path);
    if (watch->looks() > 0) run_.FollowHistory(watch->last());
    const auto summary = run_.Drive(options_.url, wacz.path());
    if (!summary && EndsAll(summary.error())) return summary.error();
    if (!summary) return Failed(watch, summary.error(), time_us);
    if (run_.stopped()) {
      // Half a look would pass for a change.
      Note(context_.Say("the last look was not finished, and is not kept", "最后一次查看未完成，不予保留"));
      return Error{Errc::kInterrupted, "the last look was not finished"};
    }
    const auto look = watch->Compare(wacz.path(), time_us);
    if (!look && look.error().code == Errc::kInvalidValue) return Failed(watch, look.error(), time_us);
    if (!look) return look.error();
    if (look->state == LookState::kUnchanged) {
      Note(context_.Say("unchanged  pixels that differ: ", "无变化  不同的像素：") + Extent(*look));
      return watch->Record(*look, {});
    }
    Note(look->state == LookState::kFirst
             ? context_.Say("first look", "首次查看")
             : context_.Say("changed    pixels that differ: ", "有变化  不同的像素：") + Extent(*look));
    RETURN_IF_ERROR(run_.Pack(wacz.path(), path, *summary, report_));
    return watch->Record(*look, std::string(client::BaseName(path)));
  }

  Result<void> Failed(PageWatch* watch, const Error& error, uint64_t time_us) const {
    Note(context_.Say("failed     ", "失败  ") + client::Printable(error.detail));
    return watch->RecordFailure(error.detail, time_us);
  }

  const WatchOptions& options_;
  const Context& context_;
  CaptureRun& run_;
  DepositReport& report_;
  std::chrono::steady_clock::time_point began_;
};

}  // namespace

Result<void> WatchPage(const WatchOptions& options, const Context& context, CaptureRun& run,
                       DepositReport& report) {
  return Watch(options, context, run, report).Run();
}

}  // namespace cunzheng::cli
