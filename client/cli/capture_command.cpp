// cunzheng capture: which addresses, under what names, how often.
#include <arpa/inet.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <thread>

#include "client/capture/unix_time.h"
#include "client/cli/capture_list.h"
#include "client/cli/capture_run.h"
#include "client/cli/capture_watch.h"
#include "client/cli/commands.h"
#include "client/sdk/paths.h"

namespace cunzheng::cli {
namespace {

namespace fs = std::filesystem;

struct CaptureCommandOptions {
  std::vector<std::string> urls;
  std::string list, out;
  CaptureSettings settings;
  bool json = false, verbose = false;
  uint64_t pause_s = 2, watch_s = 0, looks = 0;
};

struct Job {
  std::string url, path;  // of the package, absolute
};

class CaptureCommand {
 public:
  CaptureCommand(const CaptureCommandOptions& options, const Context& context)
      : options_(options), context_(context), settings_(options.settings), run_(settings_, context) {}
  int Run();

 private:
  Result<void> CheckOptions() const;
  Result<std::vector<Job>> FindJobs();
  Result<void> CaptureOne(const Job& job, DepositReport& report);
  void Politely(const std::string& url);
  int NoResponse(const Error& error) const;

  const CaptureCommandOptions& options_;
  const Context& context_;
  CaptureSettings settings_;
  CaptureRun run_;
  bool several_ = false;
  std::map<std::string, std::chrono::steady_clock::time_point> visited_;  // by host
};

Result<void> CaptureCommand::CheckOptions() const {
  if (options_.urls.empty() == options_.list.empty()) {
    return Error{Errc::kUsage, "give addresses, or --list FILE with one address a line"};
  }
  for (const std::string& url : options_.urls) RETURN_IF_ERROR(CheckCaptureUrl(url));
  if (options_.watch_s != 0 &&
      (options_.urls.size() != 1 || options_.out.ends_with(evidence::kPackageSuffix))) {
    return Error{Errc::kUsage, "--watch takes one address, and with --out a folder"};
  }
  if (options_.settings.interactive && (options_.urls.size() != 1 || options_.watch_s != 0)) {
    return Error{Errc::kUsage, "--interactive takes one address, and no --watch"};
  }
  if (options_.settings.interactive && std::getenv("DISPLAY") == nullptr &&
      std::getenv("WAYLAND_DISPLAY") == nullptr) {
    return Error{Errc::kUsage,
                 "--interactive needs a display, and neither DISPLAY nor WAYLAND_DISPLAY is set"};
  }
  for (const std::string& resolver : options_.settings.resolvers) {
    in6_addr bytes{};  // holds either
    if (inet_pton(AF_INET, resolver.c_str(), &bytes) != 1 &&
        inet_pton(AF_INET6, resolver.c_str(), &bytes) != 1) {
      return Error{Errc::kUsage, "--resolver " + resolver + ": must be an IP address"};
    }
  }
  if (options_.watch_s == 0 && options_.looks != 0) return Error{Errc::kUsage, "--looks goes with --watch"};
  return {};
}

Result<std::vector<Job>> CaptureCommand::FindJobs() {
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
  } else if (options_.out.ends_with(".zip")) {
    return Error{Errc::kUsage, "--out " + options_.out + ": a package's name ends in " +
                                   std::string(evidence::kPackageSuffix)};
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
      base = (options_.list.empty() ? CaptureName(url, capture::UnixUs() / 1'000'000) : ListedName(url)) +
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
void CaptureCommand::Politely(const std::string& url) {
  const auto now = [] { return std::chrono::steady_clock::now(); };
  auto& last = visited_[HostOf(url)];
  if (last.time_since_epoch().count() != 0) {
    const auto until = last + std::chrono::seconds(options_.pause_s);
    while (now() < until && !Interrupted()) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  last = now();
}

Result<void> CaptureCommand::CaptureOne(const Job& job, DepositReport& report) {
  if (access(job.path.c_str(), F_OK) == 0) {
    if (!several_) return Error{Errc::kAlreadyExists, ShownPath(job.path)};
    report.Unchanged(job.path);
    return {};
  }
  Politely(job.url);
  if (Interrupted()) return Error{Errc::kInterrupted, "stopped; run the same command again to go on"};
  const Scrap wacz(job.path);
  ASSIGN_OR_RETURN(const capture::CaptureSummary summary, run_.Drive(job.url, wacz.path()));
  return run_.Pack(wacz.path(), job.path, summary, report);
}

// The page's own failure, not the node's.
int CaptureCommand::NoResponse(const Error& error) const {
  Note("error: " + client::Printable(error.detail));
  Note(context_.Say("hint: check the address and the network; net::ERR_… are the browser's own words",
                    "hint: 请检查网址与网络；net::ERR_… 为浏览器给出的原因"));
  return ErrcExitCode(error.code);
}

int CaptureCommand::Run() {
  if (const auto checked = CheckOptions(); !checked) return context_.Fail(checked.error());
  const auto jobs = FindJobs();
  if (!jobs) return context_.Fail(jobs.error());
  settings_.quiet = options_.json || (several_ && !options_.verbose);
  if (const auto opened = run_.Open(); !opened) {
    if (opened.error().code != Errc::kNotFound) return context_.Fail(opened.error());
    return context_.Fail(opened.error(),
                         context_.Say("Install Chromium (Debian: apt-get install chromium), or name one with "
                                      "--browser PROGRAM.",
                                      "请安装 Chromium（Debian：apt-get install chromium），或用 "
                                      "--browser PROGRAM 指定。"));
  }
  DepositReport report(context_, options_.json);
  report.ListItems(true);
  Result<void> end;
  if (options_.watch_s != 0) {
    const Job& job = jobs->front();
    end = WatchPage({job.url, client::FolderOf(job.path), options_.watch_s, options_.looks}, context_, run_,
                    report);
    if (run_.offline()) report.Unreached(*run_.offline());
    return report.Finish(end);
  }
  for (const Job& job : *jobs) {
    end = CaptureOne(job, report);
    if (!end && !several_ && end.error().code == Errc::kUnreachable) return NoResponse(end.error());
    if (!end && several_ && end.error().code != Errc::kInterrupted && end.error().code != Errc::kIo) {
      report.Failed(job.url, end.error());
      end = {};
    }
    if (run_.stopped() && end)
      end = Error{Errc::kInterrupted, "stopped; what was captured until then is packed"};
    if (!end) break;
  }
  if (run_.offline()) report.Unreached(*run_.offline());
  // A list goes on where it stopped; one page is captured anew.
  const bool cut_short = !end && !several_ && end.error().code == Errc::kInterrupted;
  return report.Finish(end, !cut_short
                                ? std::string()
                                : context_.Say("The package says that it is partial; for all of the page "
                                               "run the same command again, with another --out.",
                                               "取证包已注明为部分取证；如需完整取证，请换一个 --out "
                                               "再次运行同一命令。"));
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
  AddNodeOptions(*command, options->settings.node);
  command->add_option("--key", options->settings.key, "The account's key file")->type_name("K");
  command
      ->add_option("--passphrase-file", options->settings.passphrase_file,
                   "Read the key's passphrase from F (mode 0600)")
      ->type_name("F");
  command->add_option("--case", options->settings.case_ref, "Your case reference, part of the record")
      ->type_name("TEXT");
  command->add_flag("--private", options->settings.sealed,
                    "Sealed: only a root and a count reach the ledger");
  command->add_option("--device", options->settings.device, "What the browser says it is: desktop or phone")
      ->check(CLI::IsMember({"desktop", "phone"}))
      ->type_name("KIND");
  command
      ->add_option("--browser", options->settings.browser, "The browser to drive (default: chromium on PATH)")
      ->type_name("PROGRAM");
  command
      ->add_option("--browser-argument", options->settings.browser_arguments,
                   "Passed to the browser, and recorded; may be repeated")
      ->type_name("ARG")
      ->allow_extra_args(false);
  command->add_flag("--no-sandbox", options->settings.no_sandbox,
                    "Without Chromium's own sandbox, which root cannot have");
  command->add_flag("--allow-local", options->settings.allow_local,
                    "Also addresses of this machine and of private networks");
  command->add_flag("--ask-nobody", options->settings.ask_nobody,
                    "Ask no outside resolvers and time servers for the cleanliness report");
  command
      ->add_option(
          "--resolver", options->settings.resolvers,
          "Compare this resolver's answers (IP address) instead of those of public ones; may be repeated")
      ->type_name("IP")
      ->allow_extra_args(false);
  command
      ->add_option("--time-server", options->settings.time_servers,
                   "Compare the clock with this SNTP server instead of public ones; may be repeated")
      ->type_name("HOST")
      ->allow_extra_args(false);
  command->add_flag("--record-failure", options->settings.record_failure,
                    "Pack what happened even when no response came");
  command
      ->add_option("--time", options->settings.time_s,
                   "Longest time for one capture, in seconds (default 300; with --interactive 14400)")
      ->check(CLI::Range(5, 86'400))
      ->type_name("S");
  command
      ->add_option("--record", options->settings.record_s,
                   "Record for so long what the page shows once it has loaded, in seconds; with "
                   "--interactive from the beginning, at most so long")
      ->check(CLI::Range(1, 3'600))
      ->type_name("S");
  command
      ->add_option("--quiet", options->settings.settle_ms,
                   "Without traffic for so long a page has settled (default 1500 ms)")
      ->check(CLI::Range(100, 60'000))
      ->type_name("MS");
  command->add_option("--pause", options->pause_s, "Between pages of one host, in seconds (default 2)")
      ->check(CLI::Range(0, 3'600))
      ->type_name("S");
  command
      ->add_option("--rebind", options->settings.rebind_s,
                   "How often a long capture binds a fresh checkpoint (default 300 s)")
      ->check(CLI::Range(5, 86'400))
      ->type_name("S");
  command
      ->add_option("--wait", options->settings.wait_s,
                   "How long to wait for cosignatures, in seconds (default 30)")
      ->check(CLI::Range(0, 3'600))
      ->type_name("S");
  command
      ->add_option("--watch", options->watch_s,
                   "Look again every S seconds; pack and deposit what has changed, and keep a history")
      ->check(CLI::Range(1, 30 * 86'400))
      ->type_name("S");
  command->add_option("--looks", options->looks, "With --watch: end after so many looks")
      ->check(CLI::Range(1, 100'000))
      ->type_name("N");
  command->add_flag(
      "--interactive", options->settings.interactive,
      "A visible window in which you browse; all of it is recorded until Ctrl-C or the window is closed");
  command->add_flag("--verbose", options->verbose, "Of several captures tell every step");
  command->add_flag("--json", options->json, "Say what was done as JSON");
  command->footer(
      "Ctrl-C ends a capture and packs what there is, as partial; a second one ends at once.\n\n"
      "Example:\n  cunzheng capture --node http://127.0.0.1:8750 --key my.key https://example.com/");
  command->callback([options, &context] { context.exit_code = CaptureCommand(*options, context).Run(); });
}

}  // namespace cunzheng::cli
