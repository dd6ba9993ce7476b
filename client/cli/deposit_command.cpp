// cunzheng deposit: from paths to receipts. What was queued goes first, so that a run that was cut short is
// taken up where it ended and nothing is deposited twice.
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <set>

#include "client/cli/commands.h"
#include "client/cli/deposit_report.h"
#include "client/cli/deposit_session.h"
#include "client/cli/progress.h"
#include "client/sdk/depositor.h"
#include "client/sdk/evidence_walk.h"
#include "client/sdk/paths.h"
#include "ledger/receipt.h"
#include "ledger/record.h"

namespace cunzheng::cli {
namespace {

using client::EvidenceItem;
using client::FoundFile;

struct DepositCommandOptions {
  std::vector<std::string> paths;
  NodeOptions node;
  std::string key, passphrase_file;
  std::string case_ref, name, out;
  std::vector<std::string> attrs;
  bool sealed = false, follow = false, again = false, json = false, verbose = false;
  uint64_t wait_s = 30;
};

constexpr size_t kListedItemsMax = 20;  // more are summed up, unless --verbose

// One file on its way in.
struct Source {
  FoundFile file;
  std::string receipt_path;  // absolute
};

Result<std::map<std::string, std::string>> ParseAttrs(const std::vector<std::string>& texts) {
  std::map<std::string, std::string> attrs;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Error{Errc::kUsage, "--attr " + text + ": must look like key=value"};
    }
    if (!attrs.emplace(text.substr(0, equals), text.substr(equals + 1)).second) {
      return Error{Errc::kUsage, "--attr " + text.substr(0, equals) + ": given twice"};
    }
  }
  return attrs;
}

// The receipt's absolute path: the queue outlives the current folder. Makes folders below --out.
Result<std::string> AbsoluteReceiptPath(const FoundFile& file, const std::string& out) {
  std::error_code ec;
  std::string path = client::ReceiptPathFor(out.empty() ? file.path : client::JoinPath(out, file.relative));
  const std::string folder = client::FolderOf(path);
  if (!out.empty()) std::filesystem::create_directories(folder, ec);
  const std::filesystem::path absolute = std::filesystem::canonical(folder, ec);
  if (ec) return Error{Errc::kIo, folder + ": " + ec.message()};
  if (access(absolute.c_str(), W_OK) != 0) {
    return Error{Errc::kIo, folder + ": no receipt can be written here (--out DIR writes them elsewhere)"};
  }
  return client::JoinPath(absolute.string(), client::BaseName(path));
}

// True when the receipt at `path` is this account's, of this ledger and of these very bytes.
bool IsUpToDate(const std::string& path, const FileDigest& evidence, const Hash& ledger,
                const Hash& account) {
  const auto text = ReadWholeFile(path, ledger::kReceiptLengthMax);
  if (!text) return false;
  const auto receipt = ledger::DecodeReceipt(*text);
  if (!receipt) return false;
  const auto record = ledger::DecodeRecord(receipt->record);
  return record && record->digest == evidence.digests && record->length == evidence.length &&
         record->ledger == ledger && record->account == account;
}

class DepositRun {
 public:
  DepositRun(const DepositCommandOptions& options, const Context& context)
      : options_(options), context_(context) {}

  int Run();

 private:
  Result<void> Open();
  Result<void> CheckWords() const;
  Result<void> SendQueued(DepositReport& report);
  Result<void> FindSources(DepositReport& report);
  Result<void> DepositAll(DepositReport& report);
  Result<void> DepositOne(const Source& source, client::Depositor& depositor, DepositReport& report);

  const DepositCommandOptions& options_;
  const Context& context_;
  std::map<std::string, std::string> attrs_;
  std::optional<DepositSession> session_;
  std::vector<Source> sources_;
  uint64_t length_total_ = 0;
  // Receipt path and SHA-256 of what was in the queue when the run began, and whether it was spoken of.
  std::map<std::pair<std::string, Hash>, bool> queued_;
  std::unique_ptr<Progress> progress_;
};

Result<void> DepositRun::Open() {
  const bool stdin_named =
      std::find(options_.paths.begin(), options_.paths.end(), "-") != options_.paths.end();
  if (stdin_named && (options_.paths.size() != 1 || options_.name.empty())) {
    return Error{Errc::kUsage, "\"-\" (standard input) stands alone and needs --name NAME"};
  }
  if (!stdin_named && !options_.name.empty())
    return Error{Errc::kUsage, "--name is for standard input (\"-\") only"};
  if (stdin_named &&
      (options_.name.find('/') != std::string::npos || options_.name == "." || options_.name == "..")) {
    return Error{Errc::kUsage, "--name " + options_.name + ": must be a file name without a folder"};
  }
  ASSIGN_OR_RETURN(attrs_, ParseAttrs(options_.attrs));
  RETURN_IF_ERROR(CheckWords());
  ASSIGN_OR_RETURN(session_,
                   OpenDepositSession(context_, options_.node, options_.key, options_.passphrase_file));
  return {};
}

// Case and attributes are the same for every item: a rule that they break is said before any work is done.
Result<void> DepositRun::CheckWords() const {
  EvidenceItem item;
  item.name = item.receipt_path = "probe";
  item.attrs = attrs_;
  if (!options_.case_ref.empty()) item.case_ref = options_.case_ref;
  const auto prepared = client::PrepareItem(item, {}, {}, options_.sealed);
  if (!prepared) return Error{Errc::kUsage, "--case, --attr: " + prepared.error().detail};
  return {};
}

Result<void> DepositRun::SendQueued(DepositReport& report) {
  ASSIGN_OR_RETURN(const auto names, session_->journal.List());
  for (const std::string& name : names) {
    if (Interrupted()) return Error{Errc::kInterrupted, "stopped"};
    const auto peek = session_->journal.Read(name);
    if (!peek) {
      if (peek.error().code != Errc::kIo) Note("warning: " + peek.error().detail);
      continue;
    }
    // Any node of the ledger takes what was meant for another: the ledger holds it once.
    if (peek->header.ledger != session_->view.ledger || peek->header.account != session_->key.account)
      continue;
    const bool tried = !session_->offline;
    if (tried) {
      ASSIGN_OR_RETURN(const auto claimed, session_->journal.Claim(name));
      if (!claimed) continue;  // another process is at it
      const auto delivery = client::DeliverClaimed(session_->client, session_->journal, *claimed,
                                                   session_->view.origin, options_.wait_s * 1'000);
      report.Batch(claimed->batch(), delivery);
      if (!delivery && delivery.error().code == Errc::kInterrupted) return delivery.error();
      if (!delivery && client::IsTransient(delivery.error().code)) session_->offline = delivery.error();
    }
    for (const client::QueuedItem& item : peek->items) {
      const auto record = ledger::DecodeRecord(item.record);
      if (record) queued_.emplace(std::pair(item.receipt_path, record->digest.sha256), tried);
    }
  }
  return {};
}

Result<void> DepositRun::FindSources(DepositReport& report) {
  client::EvidenceList list;
  if (options_.paths.front() == "-") {
    list.files.push_back({"-", options_.name, 0, 0});
  } else {
    list = client::WalkEvidence(options_.paths, options_.follow);
  }
  report.ListItems(options_.verbose || list.files.size() <= kListedItemsMax);
  for (const client::SkippedPath& skipped : list.skipped) {
    if (skipped.failure()) {
      report.Failed(skipped.path, {Errc::kIo, skipped.path + ": " + skipped.detail});
    } else {
      report.LeftOut(skipped.path, skipped.detail);
    }
  }
  std::set<std::string> taken;
  for (FoundFile& file : list.files) {
    FoundFile place = file;
    if (file.path == "-") place.path = options_.name;
    auto receipt_path = AbsoluteReceiptPath(place, options_.out);
    if (!receipt_path) {
      report.Failed(file.path, receipt_path.error());
      continue;
    }
    if (!taken.insert(*receipt_path).second) {
      return Error{Errc::kUsage, "two items would share the receipt " + *receipt_path};
    }
    length_total_ += file.length;
    sources_.push_back({std::move(file), std::move(*receipt_path)});
  }
  return {};
}

Result<void> DepositRun::DepositOne(const Source& source, client::Depositor& depositor,
                                    DepositReport& report) {
  const bool from_stdin = source.file.path == "-";
  const auto evidence = DigestFile(source.file.path, [&](uint64_t bytes) {
    progress_->Update(bytes);
    return !Interrupted();
  });
  progress_->FileDone(source.file.length);
  if (Interrupted()) return Error{Errc::kInterrupted, "stopped; run the same command again to go on"};
  if (!evidence) {
    progress_->Clear();
    report.Failed(source.file.path, evidence.error());
    return {};
  }
  if (const auto queued = queued_.find({source.receipt_path, evidence->digests.sha256});
      queued != queued_.end()) {
    if (!queued->second) report.AlreadyQueued(source.receipt_path);
    return {};
  }
  if (!options_.again &&
      IsUpToDate(source.receipt_path, *evidence, session_->view.ledger, session_->key.account)) {
    report.Unchanged(source.receipt_path);
    return {};
  }
  EvidenceItem item;
  item.evidence = *evidence;
  item.kind = from_stdin ? "data" : "file";
  item.name = from_stdin ? options_.name : source.file.path;
  if (!from_stdin) item.modified_unix_ms = source.file.modified_unix_ms;
  if (!options_.case_ref.empty()) item.case_ref = options_.case_ref;
  item.attrs = attrs_;
  item.receipt_path = source.receipt_path;
  return depositor.Add(item);
}

Result<void> DepositRun::DepositAll(DepositReport& report) {
  client::DepositOptions options;
  options.node = session_->node;
  options.sealed = options_.sealed;
  options.offline = session_->offline.has_value();
  options.attest_wait_ms = options_.wait_s * 1'000;
  client::Depositor depositor(
      &session_->client, &session_->journal, &session_->key.key, session_->key.account, session_->view,
      options, [&](const client::QueuedBatch& batch, const Result<client::Delivery>& delivery) {
        progress_->Clear();
        // A batch that was not even tried waits for the reason that was found before.
        report.Batch(batch, session_->offline ? Result<client::Delivery>(*session_->offline) : delivery);
      });
  for (const Source& source : sources_) RETURN_IF_ERROR(DepositOne(source, depositor, report));
  return depositor.Finish();
}

int DepositRun::Run() {
  if (const auto opened = Open(); !opened) return context_.Fail(opened.error());
  DepositReport report(context_, options_.json);
  if (const auto found = FindSources(report); !found) return context_.Fail(found.error());
  progress_ = std::make_unique<Progress>(length_total_, sources_.size());
  Result<void> end = SendQueued(report);
  if (end) end = DepositAll(report);
  progress_->Clear();
  if (session_->offline) report.Unreached(*session_->offline);
  return report.Finish(end);
}

}  // namespace

void AddDepositCommand(CLI::App& app, Context& context) {
  auto options = std::make_shared<DepositCommandOptions>();
  CLI::App* command =
      app.add_subcommand("deposit", "Deposit files, folders or standard input; write their receipts");
  command->add_option("path", options->paths, "Files and folders, or \"-\" for standard input")
      ->required()
      ->type_name("FILE|DIR|-");
  AddNodeOptions(*command, options->node);
  command->add_option("--key", options->key, "The account's key file")->type_name("K");
  command
      ->add_option("--passphrase-file", options->passphrase_file,
                   "Read the key's passphrase from F (mode 0600)")
      ->type_name("F");
  command->add_option("--case", options->case_ref, "Your case reference, part of the record")
      ->type_name("TEXT");
  command->add_option("--attr", options->attrs, "An attribute of the record; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command->add_flag("--private", options->sealed, "Sealed: only a root and a count reach the ledger");
  command->add_option("--name", options->name, "What to call standard input")->type_name("NAME");
  command->add_option("--out", options->out, "Write receipts below DIR instead of beside the files")
      ->type_name("DIR");
  command->add_flag("--follow", options->follow, "Follow symbolic links within folders");
  command->add_flag("--again", options->again, "Deposit also what has an up-to-date receipt");
  command->add_option("--wait", options->wait_s, "How long to wait for cosignatures, in seconds (default 30)")
      ->check(CLI::Range(0, 3'600))
      ->type_name("S");
  command->add_flag("--verbose", options->verbose, "One line an item, however many there are");
  command->add_flag("--json", options->json, "Say what was done as JSON");
  command->footer(
      "Case and attributes stand on the ledger for anyone to read, unless the deposit is --private.\n\n"
      "Example:\n  cunzheng deposit --node http://127.0.0.1:8750 --key my.key contract.pdf");
  command->callback([options, &context] { context.exit_code = DepositRun(*options, context).Run(); });
}

}  // namespace cunzheng::cli
