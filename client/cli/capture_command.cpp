// cunzheng capture: what a browser sees, in one package with its receipt. The order is that of the proof: a
// fresh checkpoint first (T1), then the capture, then the deposit (T2); the package is durable before
// anything is sent.
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <filesystem>
#include <map>
#include <thread>

#include "client/capture/capture.h"
#include "client/cli/capture_list.h"
#include "client/cli/commands.h"
#include "client/cli/deposit_report.h"
#include "client/cli/deposit_session.h"
#include "client/cli/trust_pins.h"
#include "client/evidence/package.h"
#include "client/sdk/depositor.h"
#include "client/sdk/paths.h"
#include "client/sdk/retry.h"
#include "crypto/file.h"
#include "ledger/receipt.h"
#include "ledger/trust.h"

namespace cunzheng::cli {
namespace {

namespace fs = std::filesystem;
using capture::CaptureSummary;

struct CaptureCommandOptions {
  std::vector<std::string> urls;
  std::string list, out;
  NodeOptions node;
  std::string key, passphrase_file, case_ref;
  bool sealed = false;
  std::string browser, device = "desktop";
  bool no_sandbox = false, allow_local = false, record_failure = false;
  bool json = false, verbose = false;
  uint64_t wait_s = 30, pause_s = 2, time_s = 300, quiet_ms = 1'500, rebind_s = 300;
};

uint64_t Now() {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
          .count());
}

// A temporary file that does not outlive its use.
class Scrap {
 public:
  explicit Scrap(std::string path) : path_(std::move(path)) {}
  ~Scrap() { unlink(path_.c_str()); }
  Scrap(const Scrap&) = delete;
  Scrap& operator=(const Scrap&) = delete;
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

class CaptureRun {
 public:
  CaptureRun(const CaptureCommandOptions& options, const Context& context)
      : options_(options), context_(context) {}
  int Run();

 private:
  struct Job {
    std::string url, path;  // of the package, absolute
  };
  // What the package needs beside the WACZ.
  struct Papers {
    client::QueuedItem item;
    evidence::PackageTexts texts;
  };

  Result<void> Open();
  Result<std::vector<Job>> FindJobs();
  Result<void> CaptureOne(const Job& job, DepositReport& report);
  Result<CaptureSummary> Drive(const Job& job, const std::string& wacz);
  Result<Papers> Prepare(const Job& job, const std::string& wacz, const CaptureSummary& summary) const;
  Result<void> Deposit(const Job& job, client::QueuedItem item, DepositReport& report);
  void Politely(const std::string& url);
  void Tell(const capture::OperationStep& step) const;

  const CaptureCommandOptions& options_;
  const Context& context_;
  std::optional<DepositSession> session_;
  std::optional<std::string> trust_;  // a hint for the package
  bool several_ = false, stopped_ = false;
  std::map<std::string, std::chrono::steady_clock::time_point> visited_;  // by host
};

Result<void> CaptureRun::Open() {
  if (options_.urls.empty() == options_.list.empty()) {
    return Error{Errc::kUsage, "give addresses, or --list FILE with one address a line"};
  }
  for (const std::string& url : options_.urls) RETURN_IF_ERROR(CheckCaptureUrl(url));
  // Before anything is asked of a person or of a node.
  const auto browser = capture::FindChromium(options_.browser);
  if (!browser) return browser.error();
  ASSIGN_OR_RETURN(session_,
                   OpenDepositSession(context_, options_.node, options_.key, options_.passphrase_file));
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

Result<std::vector<CaptureRun::Job>> CaptureRun::FindJobs() {
  std::vector<std::string> urls = options_.urls;
  if (!options_.list.empty()) {
    ASSIGN_OR_RETURN(urls, ReadCaptureList(options_.list));
  }
  several_ = urls.size() > 1 || !options_.list.empty();
  std::error_code ec;
  std::string folder = ".", name;
  const bool names_file = std::string_view(options_.out).ends_with(evidence::kPackageSuffix);
  if (names_file) {
    if (several_) return Error{Errc::kUsage, "--out " + options_.out + ": several captures need a folder"};
    folder = client::FolderOf(options_.out);
    name = client::BaseName(options_.out);
  } else if (!options_.out.empty()) {
    folder = options_.out;
    fs::create_directories(folder, ec);
  }
  const fs::path absolute = fs::canonical(folder, ec);
  if (ec) return Error{Errc::kIo, folder + ": " + ec.message()};
  if (access(absolute.c_str(), W_OK) != 0) return Error{Errc::kIo, folder + ": cannot be written to"};
  std::vector<Job> jobs;
  for (std::string& url : urls) {
    std::string base = name;
    if (base.empty()) {
      base = (options_.list.empty() ? CaptureName(url, Now()) : ListedName(url)) +
             std::string(evidence::kPackageSuffix);
    }
    std::string path = client::JoinPath(absolute.string(), base);
    for (size_t n = 2; std::any_of(jobs.begin(), jobs.end(), [&](const Job& j) { return j.path == path; });
         n++) {
      path = client::JoinPath(absolute.string(), std::to_string(n) + "-" + base);
    }
    jobs.push_back({std::move(url), std::move(path)});
  }
  return jobs;
}

// A site is not asked for its pages faster than a person would.
void CaptureRun::Politely(const std::string& url) {
  const auto now = [] { return std::chrono::steady_clock::now(); };
  auto& last = visited_[HostOf(url)];
  if (last.time_since_epoch().count() != 0) {
    const auto until = last + std::chrono::seconds(options_.pause_s);
    while (now() < until && !Interrupted()) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  last = now();
}

void CaptureRun::Tell(const capture::OperationStep& step) const {
  if (options_.json || (several_ && !options_.verbose)) return;
  char elapsed[32];
  std::snprintf(elapsed, sizeof elapsed, "%7.1f s  ", static_cast<double>(step.monotonic_us) / 1e6);
  std::string detail = step.detail.substr(0, step.detail.find('\n'));
  constexpr size_t kShownMax = 160;
  if (detail.size() > kShownMax) detail = detail.substr(0, kShownMax) + "…";
  Note(elapsed + client::Printable(step.what) + (detail.empty() ? "" : "  " + client::Printable(detail)));
}

Result<CaptureSummary> CaptureRun::Drive(const Job& job, const std::string& wacz) {
  capture::CaptureOptions options;
  options.url = job.url;
  options.browser.program = options_.browser;
  options.browser.sandbox = !options_.no_sandbox;
  options.page.quiet = std::chrono::milliseconds(options_.quiet_ms);
  options.page.total_within = std::chrono::seconds(options_.time_s);
  options.phone = options_.device == "phone";
  options.allow_local = options_.allow_local;
  options.operator_account = ToHex(session_->key.account);
  options.tool = "cunzheng/" CUNZHENG_VERSION;
  options.checkpoint = session_->view.checkpoint;
  options.rebind_every = std::chrono::seconds(options_.rebind_s);
  if (!session_->offline) options.fetch_checkpoint = [this] { return session_->client.GetCheckpoint(); };
  return capture::CapturePage(
      options, wacz, [this](const capture::OperationStep& step) { Tell(step); }, Interrupted);
}

Result<CaptureRun::Papers> CaptureRun::Prepare(const Job& job, const std::string& wacz,
                                               const CaptureSummary& summary) const {
  ASSIGN_OR_RETURN(const auto source, evidence::OpenFileSource(wacz));
  ASSIGN_OR_RETURN(const evidence::ZipReader zip, evidence::ZipReader::Open(source));
  ASSIGN_OR_RETURN(const auto parts, evidence::ListParts(zip));
  evidence::CaptureFacts facts;
  facts.capture = "page";
  if (job.url.size() > evidence::kFactsUrlBytesMax) {
    facts.url_sha256 = Sha256(AsBytes(job.url));
  } else {
    facts.url = job.url;
  }
  facts.outcome = capture::OutcomeName(summary.outcome);
  facts.tool = summary.tool;
  facts.parts = parts.size();
  facts.parts_root = ledger::RootFromLeaves(evidence::PartLeaves(parts));
  if (trust_) facts.trust_sha256 = Sha256(AsBytes(*trust_));

  client::EvidenceItem item;
  ASSIGN_OR_RETURN(item.evidence, evidence::DigestSource(*source));
  item.kind = evidence::kCaptureKind;
  std::string_view name = client::BaseName(job.path);
  name.remove_suffix(evidence::kPackageSuffix.size());
  item.name = std::string(name) + ".wacz";
  item.media_type = evidence::kWaczMediaType;
  if (!options_.case_ref.empty()) item.case_ref = options_.case_ref;
  item.manifest_attrs = evidence::FactsToAttrs(facts);
  item.receipt_path = client::ReceiptPathFor(job.path);
  Papers papers;
  ASSIGN_OR_RETURN(papers.item,
                   client::PrepareItem(item, session_->view, session_->key.account, options_.sealed));
  papers.texts = {evidence::EncodeParts(parts), papers.item.manifest, std::nullopt, trust_};
  return papers;
}

// Sends the record, and puts the receipt into the package once enough institutions have signed.
Result<void> CaptureRun::Deposit(const Job& job, client::QueuedItem item, DepositReport& report) {
  client::BatchBuilder builder(options_.sealed, session_->view.batch_bytes_max);
  const std::string receipt_path = item.receipt_path;
  builder.Add(std::move(item));
  const client::QueuedBatch batch = builder.Sign(session_->node, session_->view.ledger, session_->key.account,
                                                 session_->key.key, Now() * 1'000);
  ASSIGN_OR_RETURN(const client::ClaimedBatch claimed, session_->journal.Add(batch));
  if (session_->offline) {
    report.Batch(batch, *session_->offline);
    return {};
  }
  const auto delivery = client::DeliverClaimed(session_->client, session_->journal, claimed,
                                               session_->view.origin, options_.wait_s * 1'000);
  if (delivery && delivery->attested) {
    ASSIGN_OR_RETURN(const std::string receipt, ReadWholeFile(receipt_path, ledger::kReceiptLengthMax));
    RETURN_IF_ERROR(evidence::AddReceipt(job.path, receipt));
    unlink(receipt_path.c_str());
  }
  report.Batch(batch, delivery);
  if (!delivery && client::IsTransient(delivery.error().code)) session_->offline = delivery.error();
  return {};
}

Result<void> CaptureRun::CaptureOne(const Job& job, DepositReport& report) {
  if (access(job.path.c_str(), F_OK) == 0) {
    if (!several_) return Error{Errc::kAlreadyExists, ShownPath(job.path)};
    report.Unchanged(client::ReceiptPathFor(job.path));
    return {};
  }
  Politely(job.url);
  if (Interrupted()) return Error{Errc::kInterrupted, "stopped; run the same command again to go on"};
  // T1 as late as it can be: each capture has its own.
  if (!session_->offline) {
    if (auto checkpoint = session_->client.GetCheckpoint())
      session_->view.checkpoint = std::move(checkpoint).value();
  }
  const Scrap wacz(job.path.substr(0, job.path.size() - evidence::kPackageSuffix.size()) +
                   ".unfinished.wacz");
  unlink(wacz.path().c_str());  // of a run that was ended by force
  ASSIGN_OR_RETURN(const CaptureSummary summary, Drive(job, wacz.path()));
  if (Interrupted()) {
    // The package is made and sent all the same: it says that it is partial.
    stopped_ = true;
    ClearInterrupt();
    Note(context_.Say("stopped; packing what there is (Ctrl-C again ends at once)",
                      "已停止；正在打包已有内容（再按 Ctrl-C 立即退出）"));
  }
  if (summary.status == 0 && !options_.record_failure && !stopped_) {
    return Error{Errc::kUnreachable, job.url + ": " +
                                         (summary.failure.empty() ? "no response came" : summary.failure) +
                                         "; nothing was packed (--record-failure packs what happened)"};
  }
  ASSIGN_OR_RETURN(Papers papers, Prepare(job, wacz.path(), summary));
  RETURN_IF_ERROR(evidence::WritePackage(job.path, wacz.path(), papers.texts, false));
  if (!options_.json) {
    PrintLine(context_.Say("captured ", "已取证   ") + "  " + ShownPath(job.path) + "  (" +
              std::string(capture::OutcomeName(summary.outcome)) + ", HTTP " +
              std::to_string(summary.status) + ", " + std::to_string(summary.exchanges) +
              context_.Say(" exchanges, ", " 次交换，") + std::to_string(summary.bodies_missed) +
              context_.Say(" bodies missing)", " 个响应体缺失)"));
  }
  return Deposit(job, std::move(papers.item), report);
}

int CaptureRun::Run() {
  if (const auto opened = Open(); !opened) {
    if (opened.error().code != Errc::kNotFound) return context_.Fail(opened.error());
    return context_.Fail(opened.error(),
                         context_.Say("Install Chromium (Debian: apt-get install chromium), or name one with "
                                      "--browser PROGRAM.",
                                      "请安装 Chromium（Debian：apt-get install chromium），或用 "
                                      "--browser PROGRAM 指定。"));
  }
  const auto jobs = FindJobs();
  if (!jobs) return context_.Fail(jobs.error());
  DepositReport report(context_, options_.json);
  report.ListItems(true);
  Result<void> end;
  for (const Job& job : *jobs) {
    end = CaptureOne(job, report);
    if (!end && several_ && end.error().code != Errc::kInterrupted && end.error().code != Errc::kIo) {
      report.Failed(job.url, end.error());
      end = {};
    }
    if (stopped_ && end) end = Error{Errc::kInterrupted, "stopped; what was captured until then is packed"};
    if (!end) break;
  }
  if (session_->offline) report.Unreached(*session_->offline);
  return report.Finish(end);
}

}  // namespace

void AddCaptureCommand(CLI::App& app, Context& context) {
  auto options = std::make_shared<CaptureCommandOptions>();
  CLI::App* command =
      app.add_subcommand("capture", "Capture web pages; deposit them with all that was exchanged");
  command->add_option("url", options->urls, "Addresses, http://… or https://…")->type_name("URL");
  command
      ->add_option("--list", options->list,
                   "Capture each address of a file; what has a package is passed over")
      ->type_name("FILE");
  command->add_option("--out", options->out, "The package (NAME.evidence.zip), or the folder for it")
      ->type_name("NAME|DIR");
  AddNodeOptions(*command, options->node);
  command->add_option("--key", options->key, "The account's key file")->type_name("K");
  command
      ->add_option("--passphrase-file", options->passphrase_file,
                   "Read the key's passphrase from F (mode 0600)")
      ->type_name("F");
  command->add_option("--case", options->case_ref, "Your case reference, part of the record")
      ->type_name("TEXT");
  command->add_flag("--private", options->sealed, "Sealed: only a root and a count reach the ledger");
  command->add_option("--device", options->device, "What the browser says it is: desktop or phone")
      ->check(CLI::IsMember({"desktop", "phone"}))
      ->type_name("KIND");
  command->add_option("--browser", options->browser, "The browser to drive (default: chromium on PATH)")
      ->type_name("PROGRAM");
  command->add_flag("--no-sandbox", options->no_sandbox,
                    "Without Chromium's own sandbox, which root cannot have");
  command->add_flag("--allow-local", options->allow_local,
                    "Also addresses of this machine and of private networks");
  command->add_flag("--record-failure", options->record_failure,
                    "Pack what happened even when no response came");
  command->add_option("--time", options->time_s, "Longest time for one page, in seconds (default 300)")
      ->check(CLI::Range(5, 86'400))
      ->type_name("S");
  command
      ->add_option("--quiet", options->quiet_ms,
                   "Without traffic for so long a page has settled (default 1500 ms)")
      ->check(CLI::Range(100, 60'000))
      ->type_name("MS");
  command->add_option("--pause", options->pause_s, "Between pages of one host, in seconds (default 2)")
      ->check(CLI::Range(0, 3'600))
      ->type_name("S");
  command
      ->add_option("--rebind", options->rebind_s,
                   "How often a long capture binds a fresh checkpoint (default 300 s)")
      ->check(CLI::Range(5, 86'400))
      ->type_name("S");
  command->add_option("--wait", options->wait_s, "How long to wait for cosignatures, in seconds (default 30)")
      ->check(CLI::Range(0, 3'600))
      ->type_name("S");
  command->add_flag("--verbose", options->verbose, "Of several captures tell every step");
  command->add_flag("--json", options->json, "Say what was done as JSON");
  command->footer(
      "Ctrl-C ends a capture and packs what there is, as partial; a second one ends at once.\n\n"
      "Example:\n  cunzheng capture --node http://127.0.0.1:8750 --key my.key https://example.com/");
  command->callback([options, &context] { context.exit_code = CaptureRun(*options, context).Run(); });
}

}  // namespace cunzheng::cli
