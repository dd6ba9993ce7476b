#include "client/cli/capture_run.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "client/capture/addresses.h"
#include "client/capture/unix_time.h"
#include "client/sdk/depositor.h"
#include "client/sdk/paths.h"
#include "client/sdk/retry.h"
#include "crypto/file.h"
#include "ledger/receipt.h"
#include "ledger/trust.h"

namespace cunzheng::cli {
namespace {

using capture::CaptureSummary;

// How long a capture takes at most, unless that is said; and what a person may do who browses.
constexpr uint64_t kTimeS = 300, kInteractiveTimeS = 4 * 3'600;
constexpr uint32_t kInteractiveLimit = 10'000;
constexpr std::string_view kUnfinished = ".unfinished-";
constexpr size_t kInteractiveExchangesMax = 45'000;

}  // namespace

std::string_view PackageStem(std::string_view path) {
  path.remove_suffix(evidence::kPackageSuffix.size());
  return path;
}

Scrap::Scrap(std::string_view package)
    : path_(std::string(PackageStem(package)) + std::string(kUnfinished) + std::to_string(getpid()) +
            ".wacz") {
  const std::string begin = std::string(client::BaseName(PackageStem(package))) + std::string(kUnfinished);
  std::error_code ec;
  for (const auto& entry : std::filesystem::directory_iterator(client::FolderOf(path_), ec)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(begin)) continue;
    const pid_t pid = static_cast<pid_t>(std::atol(name.c_str() + begin.size()));
    if (pid == getpid() || (pid > 0 && kill(pid, 0) != 0 && errno == ESRCH)) unlink(entry.path().c_str());
  }
}

Scrap::~Scrap() {
  unlink(path_.c_str());
}

Result<void> CaptureRun::Open() {
  RETURN_IF_ERROR(capture::FindChromium(settings_.browser));
  ASSIGN_OR_RETURN(session_,
                   OpenDepositSession(context_, settings_.node, settings_.key, settings_.passphrase_file));
  if (session_->offline) {
    Note(context_.Say(
        "warning: the node is out of reach: the capture is queued for `cunzheng sync`, and its T1 is that of "
        "the newest checkpoint known here",
        "警告：节点无法连接：取证结果将排队等待 `cunzheng sync`，其 T1 取自本机已知的最新检查点"));
  } else if (auto trust = session_->client.GetTrust(); trust && ledger::DecodeTrust(*trust)) {
    trust_ = std::move(trust).value();
  }
  return {};
}

void CaptureRun::Tell(const capture::OperationStep& step) const {
  if (settings_.quiet) return;
  char elapsed[32];
  std::snprintf(elapsed, sizeof elapsed, "%7.1f s  ", static_cast<double>(step.monotonic_us) / 1e6);
  std::string detail = step.detail.substr(0, step.detail.find('\n'));
  constexpr size_t kShownMax = 160;
  if (detail.size() > kShownMax) detail = detail.substr(0, kShownMax) + "…";
  Note(elapsed + client::Printable(step.what) + (detail.empty() ? "" : "  " + client::Printable(detail)));
}

Result<CaptureSummary> CaptureRun::Drive(const std::string& url, const std::string& wacz) {
  if (!settings_.allow_local && !capture::CheckUrl(url, false) && capture::CheckUrl(url, true)) {
    return Error{Errc::kUsage, capture::CheckUrl(url, false).error().detail + " (--allow-local allows that)"};
  }
  // T1 as late as it can be: each capture has its own.
  if (!session_->offline) {
    if (auto checkpoint = session_->client.GetCheckpoint())
      session_->view.checkpoint = std::move(checkpoint).value();
  }
  capture::CaptureOptions options;
  options.url = url;
  options.browser.program = settings_.browser;
  options.browser.sandbox = !settings_.no_sandbox;
  options.browser.arguments = settings_.browser_arguments;
  options.page.quiet = std::chrono::milliseconds(settings_.settle_ms);
  // However long a page takes to load and to scroll, time is left for its pictures.
  const uint64_t time_s = settings_.interactive ? kInteractiveTimeS : kTimeS;
  options.page.total_within = std::chrono::seconds(settings_.time_s == 0 ? time_s : settings_.time_s);
  options.page.load_within = std::min(options.page.load_within, options.page.total_within / 3);
  options.page.scroll_within = std::min(options.page.scroll_within, options.page.total_within / 3);
  options.page.answer_within = std::min(options.page.answer_within, options.page.total_within / 3);
  options.exchanges.body_within = std::min(options.exchanges.body_within, options.page.load_within / 2);
  options.phone = settings_.device == "phone";
  options.record = std::chrono::seconds(settings_.record_s);
  options.allow_local = settings_.allow_local;
  options.ask_outside = !settings_.ask_nobody;
  options.resolvers = settings_.resolvers;
  options.time_servers = settings_.time_servers;
  options.operator_account = ToHex(session_->key.account);
  options.tool = "cunzheng/" CUNZHENG_VERSION;
  options.checkpoint = session_->view.checkpoint;
  options.history = history_;
  options.rebind_every = std::chrono::seconds(settings_.rebind_s);
  options.anchor_within = std::chrono::seconds(settings_.wait_s);
  if (!session_->offline) {
    options.ledger.fetch_checkpoint = [this] { return session_->client.GetCheckpoint(); };
    options.ledger.anchor = [this](size_t segment, const std::string& index) {
      return Anchor(segment, index);
    };
  }
  // Of a person's own browsing Ctrl-C is the ordinary end.
  std::function<bool()> stop = Interrupted;
  if (settings_.interactive) {
    options.browser.headless = false;
    options.page.navigations_max = options.page.dialogs_max = kInteractiveLimit;
    options.exchanges.exchanges_max = kInteractiveExchangesMax;
    options.enough = Interrupted;
    stop = [] { return false; };
    Note(context_.Say("browse in the window; Ctrl-C here when it is enough",
                      "请在窗口中浏览；完成后在此按 Ctrl-C"));
  }
  ASSIGN_OR_RETURN(CaptureSummary summary,
                   capture::CapturePage(
                       options, wacz, [this](const capture::OperationStep& step) { Tell(step); }, stop));
  if (settings_.interactive) {
    ClearInterrupt();
  } else if (Interrupted()) {
    // The package is made and sent all the same: it says that it is partial.
    stopped_ = true;
    ClearInterrupt();
    Note(context_.Say("stopped; packing what there is (Ctrl-C again ends at once)",
                      "已停止；正在打包已有内容（再按 Ctrl-C 立即退出）"));
  }
  if (summary.status == 0 && !settings_.record_failure && !stopped_) {
    return Error{Errc::kUnreachable, url + ": " +
                                         (summary.failure.empty() ? "no response came" : summary.failure) +
                                         "; nothing was packed (--record-failure packs what happened)"};
  }
  return summary;
}

Result<CaptureRun::Papers> CaptureRun::Prepare(const std::string& wacz, const std::string& path,
                                               const CaptureSummary& summary) const {
  ASSIGN_OR_RETURN(const auto source, evidence::OpenFileSource(wacz));
  ASSIGN_OR_RETURN(const evidence::ZipReader zip, evidence::ZipReader::Open(source));
  ASSIGN_OR_RETURN(const auto parts, evidence::ListParts(zip));
  evidence::CaptureFacts facts;
  facts.capture = settings_.interactive ? "session" : settings_.record_s != 0 ? "recording" : "page";
  if (summary.url.size() > evidence::kFactsUrlBytesMax) {
    facts.url_sha256 = Sha256(AsBytes(summary.url));
  } else {
    facts.url = summary.url;
  }
  facts.outcome = capture::OutcomeName(summary.outcome);
  facts.tool = summary.tool;
  facts.parts = parts.size();
  facts.parts_root = ledger::RootFromLeaves(evidence::PartLeaves(parts));
  if (trust_) facts.trust_sha256 = Sha256(AsBytes(*trust_));

  client::EvidenceItem item;
  ASSIGN_OR_RETURN(item.evidence, evidence::DigestSource(*source));
  item.kind = evidence::kCaptureKind;
  item.name = std::string(client::BaseName(PackageStem(path))) + ".wacz";
  item.media_type = evidence::kWaczMediaType;
  item.manifest_attrs = evidence::FactsToAttrs(facts);
  item.receipt_path = client::ReceiptPathFor(path);
  Papers papers;
  ASSIGN_OR_RETURN(papers.item, Record(std::move(item), session_->view));
  papers.texts = {evidence::EncodeParts(parts), papers.item.manifest, std::nullopt, trust_};
  return papers;
}

Result<client::QueuedItem> CaptureRun::Record(client::EvidenceItem item,
                                              const client::LedgerView& view) const {
  if (!settings_.case_ref.empty()) item.case_ref = settings_.case_ref;
  return client::PrepareItem(item, view, session_->key.account, settings_.sealed);
}

client::QueuedBatch CaptureRun::Sign(client::QueuedItem item) const {
  client::BatchBuilder builder(settings_.sealed, session_->view.batch_bytes_max);
  builder.Add(std::move(item));
  return builder.Sign(session_->node, session_->view.ledger, session_->key.account, session_->key.key,
                      capture::UnixUs() / 1'000);
}

// Not queued: an anchor is worth something only now, and the package's own deposit comes later anyway.
Result<std::string> CaptureRun::Anchor(size_t segment, const std::string& index) {
  client::LedgerView view = session_->view;
  ASSIGN_OR_RETURN(view.checkpoint, session_->client.GetCheckpoint());
  client::EvidenceItem item;
  item.evidence = {DigestBytes(AsBytes(index)), index.size()};
  item.kind = evidence::kRecordingKind;
  item.name = evidence::RecordingIndexName(segment);
  item.media_type = evidence::kRecordingIndexMediaType;
  ASSIGN_OR_RETURN(client::QueuedItem prepared, Record(std::move(item), view));
  ASSIGN_OR_RETURN(std::vector<std::string> receipts,
                   client::FetchReceipts(session_->client, Sign(std::move(prepared)), view.origin,
                                         settings_.wait_s * 1'000));
  return std::move(receipts.front());
}

// Sends the record, and puts the receipt into the package once enough institutions have signed.
Result<void> CaptureRun::Deposit(const std::string& path, bool package, client::QueuedItem item,
                                 DepositReport& report) {
  const std::string receipt_path = item.receipt_path;
  client::QueuedBatch batch = Sign(std::move(item));
  ASSIGN_OR_RETURN(const client::ClaimedBatch claimed, session_->journal.Add(batch));
  if (session_->offline) {
    report.Batch(batch, *session_->offline);
    return {};
  }
  const auto delivery = client::DeliverClaimed(session_->client, session_->journal, claimed,
                                               session_->view.origin, settings_.wait_s * 1'000);
  if (package && delivery && delivery->attested) {
    ASSIGN_OR_RETURN(const std::string receipt, ReadWholeFile(receipt_path, ledger::kReceiptLengthMax));
    if (const auto put = evidence::AddReceipt(path, receipt); !put) {
      return Error{put.error().code,
                   "the package and, beside it, its receipt are whole and valid; only the receipt could "
                   "not be put in: " +
                       put.error().detail};
    }
    unlink(receipt_path.c_str());
    batch.items.front().receipt_path = path;  // where it is now, for the report
  }
  report.Batch(batch, delivery);
  if (!delivery && client::IsTransient(delivery.error().code)) session_->offline = delivery.error();
  return {};
}

Result<void> CaptureRun::Pack(const std::string& wacz, const std::string& path, const CaptureSummary& summary,
                              DepositReport& report) {
  ASSIGN_OR_RETURN(Papers papers, Prepare(wacz, path, summary));
  RETURN_IF_ERROR(evidence::WritePackage(path, wacz, papers.texts, false));
  report.Captured(
      path, std::string(capture::OutcomeName(summary.outcome)) + ", " +
                (summary.status == 0 ? context_.Say("no response", "无响应")
                                     : "HTTP " + std::to_string(summary.status)) +
                ", " + std::to_string(summary.exchanges) + context_.Say(" exchanges, ", " 次交换，") +
                std::to_string(summary.bodies_missed) + context_.Say(" bodies missing", " 个响应体缺失"));
  return Deposit(path, true, std::move(papers.item), report);
}

Result<void> CaptureRun::DepositFile(const std::string& path, std::string_view media_type,
                                     DepositReport& report) {
  client::EvidenceItem item;
  ASSIGN_OR_RETURN(item.evidence, DigestFile(path));
  item.name = std::string(client::BaseName(path));
  item.media_type = media_type;
  item.receipt_path = client::ReceiptPathFor(path);
  ASSIGN_OR_RETURN(client::QueuedItem prepared, Record(std::move(item), session_->view));
  return Deposit(path, false, std::move(prepared), report);
}

}  // namespace cunzheng::cli
