// cunzheng verify: evidence, receipt and pinned trust in, report and verdict out; packages of captured
// evidence bring theirs along. Touches no network.
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <functional>
#include <set>

#include "client/cli/commands.h"
#include "client/cli/deposit_report.h"
#include "client/cli/progress.h"
#include "client/cli/trust_pins.h"
#include "client/evidence/file_kind.h"
#include "client/evidence/history_verify.h"
#include "client/evidence/package.h"
#include "client/sdk/evidence_walk.h"
#include "client/sdk/paths.h"
#include "client/verify/verify.h"
#include "crypto/json.h"
#include "ledger/receipt.h"
#include "ledger/record.h"

namespace cunzheng::cli {
namespace {

struct VerifyOptions {
  std::vector<std::string> paths;
  std::string receipt, trust, lang;
  bool json = false, strict = false, follow = false, verbose = false;
};

struct Item {
  std::string path;  // of the evidence
  std::string receipt_path;
  uint64_t length = 0;
  evidence::FileKind kind = evidence::FileKind::kOther;
};

constexpr size_t kOlderReceiptsMax = 1'000;  // of one history

bool IsFolder(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

uint64_t FileLength(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 ? static_cast<uint64_t>(info.st_size) : 0;
}

bool Exists(const std::string& path) {
  return access(path.c_str(), F_OK) == 0;
}

class VerifyRun {
 public:
  VerifyRun(const VerifyOptions& options, Context context)
      : options_(options), context_(std::move(context)), pins_(context_.settings) {
    if (!options_.lang.empty()) context_.settings.lang = options_.lang;
  }

  int Run();

 private:
  Result<void> FindItems();
  Result<void> LoadTrust();
  Result<const ledger::Trust*> TrustFor(std::string_view receipt_text);
  Result<void> VerifyOne(const Item& item, Progress& progress);
  Result<void> VerifyPackaged(const Item& item, Progress& progress);
  Result<void> VerifyWatched(const Item& item, Progress& progress);
  std::vector<std::string> ReceiptsOf(const Item& item) const;
  void Show(const Item& item, verify::Verdict verdict,
            const std::function<std::string(std::string_view name)>& json,
            const std::function<std::string(std::string_view name)>& text);
  void Missing(const Item& item);
  int Summary();

  const VerifyOptions& options_;
  Context context_;
  const TrustPins pins_;
  std::optional<TrustPin> given_;
  std::map<Hash, std::optional<TrustPin>> by_ledger_;  // pins, as they were looked up
  std::vector<Item> items_;
  std::set<std::string> told_;        // files that a history here speaks of: they need no receipt
  std::vector<std::string> orphans_;  // receipts below a folder without their evidence
  uint64_t length_total_ = 0;
  bool several_ = false;  // one line an item, and a summary
  bool first_json_ = true;
  std::map<verify::Verdict, uint64_t> verdicts_;
  uint64_t missing_ = 0, failed_ = 0;
};

Result<void> VerifyRun::FindItems() {
  const bool receipt_is_folder = !options_.receipt.empty() && IsFolder(options_.receipt);
  std::vector<std::string> paths = options_.paths;
  for (std::string& path : paths) {
    // Whoever names the receipt means the evidence that it stands beside.
    if (client::IsReceiptName(path) && options_.receipt.empty()) {
      path.resize(path.size() - client::kReceiptSuffix.size());
    }
  }
  several_ = paths.size() > 1 || IsFolder(paths.front());
  if (!options_.receipt.empty() && !receipt_is_folder && several_) {
    return Error{Errc::kUsage, "--receipt " + options_.receipt +
                                   ": one receipt is for one file; give a folder of receipts"};
  }
  if (paths.size() == 1 && paths.front() == "-") {
    if (options_.receipt.empty()) return Error{Errc::kUsage, "\"-\" (standard input) needs --receipt R"};
    items_.push_back({"-", options_.receipt, 0});
    return {};
  }
  const client::EvidenceList list = client::WalkEvidence(paths, options_.follow);
  for (const client::SkippedPath& skipped : list.skipped) {
    if (skipped.failure()) {
      ++failed_;
      const int code = context_.Fail({Errc::kIo, skipped.path + ": " + skipped.detail});
      static_cast<void>(code);
    }
  }
  std::set<std::string> expected;
  for (const client::FoundFile& file : list.files) {
    std::string receipt = client::ReceiptPathFor(file.path);
    if (receipt_is_folder) {
      receipt = client::ReceiptPathFor(client::JoinPath(options_.receipt, file.relative));
    } else if (!options_.receipt.empty()) {
      receipt = options_.receipt;
    }
    expected.insert(receipt);
    items_.push_back({file.path, std::move(receipt), file.length, evidence::FindFileKind(file.path)});
    Item& item = items_.back();
    if (item.kind == evidence::FileKind::kHistory) {
      for (const std::string& named : evidence::FilesOfHistory(item.path)) {
        item.length += FileLength(named);
        told_.insert(named);
      }
      for (std::string& older : ReceiptsOf(item)) expected.insert(std::move(older));
    }
    length_total_ += item.length;
  }
  for (const client::SkippedPath& skipped : list.skipped) {
    if (skipped.reason == client::SkipReason::kReceipt && !expected.contains(skipped.path)) {
      orphans_.push_back(skipped.path);
    }
  }
  return {};
}

Result<void> VerifyRun::LoadTrust() {
  const std::string& path = options_.trust.empty() ? context_.settings.trust : options_.trust;
  if (path.empty()) return {};
  ASSIGN_OR_RETURN(given_, ReadTrustFile(path));
  return {};
}

// The trust file that was given, else the one pinned for the receipt's ledger, else none.
Result<const ledger::Trust*> VerifyRun::TrustFor(std::string_view receipt_text) {
  if (given_) return &given_->trust;
  const auto receipt = ledger::DecodeReceipt(receipt_text);
  if (!receipt) return nullptr;
  const auto record = ledger::DecodeRecord(receipt->record);
  if (!record) return nullptr;
  auto known = by_ledger_.find(record->ledger);
  if (known == by_ledger_.end()) {
    ASSIGN_OR_RETURN(auto pin, pins_.Find(record->ledger));
    known = by_ledger_.emplace(record->ledger, std::move(pin)).first;
  }
  return known->second ? &known->second->trust : nullptr;
}

void VerifyRun::Missing(const Item& item) {
  ++missing_;
  if (options_.json) {
    Print(first_json_ ? "" : ",\n");
    first_json_ = false;
    std::string text =
        json::EncodePretty(json::Object{{"name", client::Printable(item.path)}, {"verdict", "no_receipt"}});
    text.pop_back();
    Print(text);
  } else {
    PrintLine(context_.Say("no receipt   ", "无回执      ") + client::Printable(item.path));
  }
}

Result<void> VerifyRun::VerifyOne(const Item& item, Progress& progress) {
  ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(item.receipt_path, ledger::kReceiptLengthMax));
  ASSIGN_OR_RETURN(const FileDigest evidence, DigestFile(item.path, [&](uint64_t bytes) {
                     progress.Update(bytes);
                     return !Interrupted();
                   }));
  ASSIGN_OR_RETURN(const ledger::Trust* trust, TrustFor(text));
  const verify::Report report = verify::Verify(text, evidence, trust);
  progress.Clear();
  Show(
      item, report.verdict, [&](std::string_view name) { return verify::ReportToJson(report, name); },
      [&](std::string_view name) { return verify::ReportToText(report, name, context_.settings.lang); });
  return {};
}

Result<void> VerifyRun::VerifyPackaged(const Item& item, Progress& progress) {
  ASSIGN_OR_RETURN(const auto source, evidence::OpenFileSource(item.path));
  const evidence::TrustFinder trust = [this](std::string_view receipt) { return TrustFor(receipt); };
  evidence::PackageReport report;
  if (item.kind == evidence::FileKind::kDisclosure) {
    ASSIGN_OR_RETURN(report, evidence::VerifyDisclosure(source, trust));
  } else {
    evidence::OutsideReceipt outside;
    if (Exists(item.receipt_path)) {
      ASSIGN_OR_RETURN(outside.text, ReadWholeFile(item.receipt_path, ledger::kReceiptLengthMax));
      outside.instead = !options_.receipt.empty();
    }
    ASSIGN_OR_RETURN(report, evidence::VerifyPackage(source, outside, trust, [&](uint64_t bytes) {
                       progress.Update(std::min(bytes, item.length));
                       return !Interrupted();
                     }));
  }
  progress.Clear();
  Show(
      item, report.receipt.verdict,
      [&](std::string_view name) { return evidence::PackageReportToJson(report, name); },
      [&](std::string_view name) {
        return evidence::PackageReportToText(report, name, context_.settings.lang);
      });
  return {};
}

// The newest receipt of a history, and those that it had at earlier ends:
// NAME.history.jsonl.XXXXXXXX.receipt.json.
std::vector<std::string> VerifyRun::ReceiptsOf(const Item& item) const {
  std::vector<std::string> paths;
  if (Exists(item.receipt_path)) paths.push_back(item.receipt_path);
  if (!options_.receipt.empty()) return paths;
  namespace fs = std::filesystem;
  const std::string begin = std::string(client::BaseName(item.path)) + ".";
  std::vector<std::string> older;
  std::error_code ec;
  for (const fs::directory_entry& entry : fs::directory_iterator(client::FolderOf(item.path), ec)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(begin) || !client::IsReceiptName(name) || older.size() == kOlderReceiptsMax)
      continue;
    const std::string path = client::JoinPath(client::FolderOf(item.path), name);
    if (path != item.receipt_path) older.push_back(path);
  }
  std::sort(older.begin(), older.end());
  paths.insert(paths.end(), older.begin(), older.end());
  return paths;
}

Result<void> VerifyRun::VerifyWatched(const Item& item, Progress& progress) {
  std::vector<evidence::NamedReceipt> receipts;
  for (const std::string& path : ReceiptsOf(item)) {
    ASSIGN_OR_RETURN(std::string text, ReadWholeFile(path, ledger::kReceiptLengthMax));
    receipts.push_back({std::string(client::BaseName(path)), std::move(text)});
  }
  ASSIGN_OR_RETURN(const evidence::HistoryReport report,
                   evidence::VerifyHistory(
                       item.path, receipts, [this](std::string_view receipt) { return TrustFor(receipt); },
                       [&](uint64_t bytes) {
                         progress.Update(std::min(bytes, item.length));
                         return !Interrupted();
                       }));
  progress.Clear();
  // Among other files it is one that nobody deposited; by itself its packages say what they can.
  if (several_ && receipts.empty() && report.verdict == verify::Verdict::kPending) {
    Missing(item);
    return {};
  }
  Show(
      item, report.verdict,
      [&](std::string_view name) { return evidence::HistoryReportToJson(report, name); },
      [&](std::string_view name) {
        return evidence::HistoryReportToText(report, name, context_.settings.lang);
      });
  return {};
}

void VerifyRun::Show(const Item& item, verify::Verdict verdict,
                     const std::function<std::string(std::string_view name)>& json,
                     const std::function<std::string(std::string_view name)>& text) {
  ++verdicts_[verdict];
  // Among several files the path tells them apart.
  const std::string name =
      client::Printable(several_ ? std::string_view(item.path) : client::BaseName(item.path));
  if (options_.json) {
    std::string out = json(name);
    while (out.ends_with('\n')) out.pop_back();
    Print(first_json_ ? "" : ",\n");
    first_json_ = false;
    Print(out);
  } else if (several_ && verdict == verify::Verdict::kValid && !options_.verbose) {
    PrintLine(context_.Say("valid        ", "有效        ") + client::Printable(item.path));
  } else {
    Print(text(name));
    if (several_) PrintLine("");
  }
}

int VerifyRun::Summary() {
  using verify::Verdict;
  const auto count = [&](Verdict verdict) { return verdicts_[verdict]; };
  std::string line;
  const auto add = [&](uint64_t number, std::string_view en, std::string_view zh) {
    if (number == 0) return;
    if (!line.empty()) line += context_.Say(", ", "，");
    line += context_.zh() ? std::string(zh) + " " + std::to_string(number)
                          : std::to_string(number) + " " + std::string(en);
  };
  add(count(Verdict::kValid), "valid", "有效");
  add(count(Verdict::kNotValid), "not valid", "无效");
  add(count(Verdict::kPending), "pending", "待联署");
  add(count(Verdict::kTrustNotEstablished), "trust not established", "信任未确立");
  add(count(Verdict::kRetiredOnly), "under retired keys only", "仅在已停用密钥下有效");
  add(missing_, "without a receipt", "无回执");
  add(orphans_.size(), "receipts without their evidence", "份回执缺少证据");
  add(failed_, "unreadable", "无法读取");
  if (line.empty()) line = context_.Say("no file here", "此处没有文件");
  if (several_ && !options_.json) PrintLine(line);

  // The gravest outcome decides.
  if (count(Verdict::kNotValid) > 0) return verify::VerdictExitCode(Verdict::kNotValid);
  if (options_.strict && missing_ + orphans_.size() > 0) return verify::VerdictExitCode(Verdict::kNotValid);
  if (failed_ > 0) return ErrcExitCode(Errc::kIo);
  for (const Verdict verdict : {Verdict::kTrustNotEstablished, Verdict::kPending, Verdict::kRetiredOnly}) {
    if (count(verdict) > 0) return verify::VerdictExitCode(verdict);
  }
  if (count(Verdict::kValid) > 0) return 0;
  return context_.Fail(
      {Errc::kNotFound, options_.paths.front() + ": nothing here has a receipt"},
      context_.Say("A receipt is expected as FILE.receipt.json beside FILE; --receipt names another "
                   "place.",
                   "回执应为 FILE 旁的 FILE.receipt.json；可用 --receipt 指定其他位置。"));
}

int VerifyRun::Run() {
  if (const auto loaded = LoadTrust(); !loaded) return context_.Fail(loaded.error());
  if (const auto found = FindItems(); !found) return context_.Fail(found.error());
  Progress progress(length_total_, items_.size());
  if (options_.json && several_) Print("[");
  for (const Item& item : items_) {
    using evidence::FileKind;
    const bool packaged = item.kind == FileKind::kPackage || item.kind == FileKind::kDisclosure;
    const bool watched = item.kind == FileKind::kHistory;
    if (!packaged && !watched && !Exists(item.receipt_path)) {
      if (!several_) {
        return context_.Fail(
            {Errc::kNotFound, item.receipt_path},
            context_.Say("The receipt stands beside the file as FILE.receipt.json, or is given with "
                         "--receipt R; `cunzheng sync` completes one that was pending.",
                         "回执应为文件旁的 FILE.receipt.json，或用 --receipt R 指定；待联署的回执可用 "
                         "`cunzheng sync` 补全。"));
      }
      if (!told_.contains(item.path)) Missing(item);
    } else if (const auto done = packaged  ? VerifyPackaged(item, progress)
                                 : watched ? VerifyWatched(item, progress)
                                           : VerifyOne(item, progress);
               !done) {
      progress.Clear();
      const int code = context_.Fail(done.error());
      if (!several_ || done.error().code == Errc::kInterrupted) return code;
      ++failed_;
    }
    progress.FileDone(item.length);
  }
  progress.Clear();
  if (options_.json) Print(several_ ? "]\n" : "\n");
  if (!options_.json) {
    for (const std::string& orphan : orphans_) {
      PrintLine(context_.Say("no evidence  ", "无证据      ") + client::Printable(orphan));
    }
  }
  if (!several_ && failed_ > 0) return ErrcExitCode(Errc::kIo);
  return Summary();
}

}  // namespace

void AddVerifyCommand(CLI::App& app, Context& context) {
  auto options = std::make_shared<VerifyOptions>();
  CLI::App* command = app.add_subcommand("verify", "Check evidence against its receipt, offline");
  command->add_option("path", options->paths, "Files and folders; \"-\" for standard input")
      ->required()
      ->type_name("FILE|DIR|-");
  command
      ->add_option("--receipt", options->receipt,
                   "The receipt (default FILE.receipt.json), or a folder of receipts")
      ->type_name("R");
  command->add_option("--trust", options->trust, "The ledger's trust file (default: the one that you pinned)")
      ->type_name("trust.json");
  command->add_option("--lang", options->lang, "Language of the report: zh or en")
      ->check(CLI::IsMember({"zh", "en"}))
      ->type_name("zh|en");
  command->add_flag("--json", options->json, "The report as JSON; of several files an array");
  command->add_flag("--strict", options->strict,
                    "In folders, files without a receipt and receipts without a file fail");
  command->add_flag("--follow", options->follow, "Follow symbolic links within folders");
  command->add_flag("--verbose", options->verbose, "Of several files show every report in full");
  command->footer(
      "NAME.evidence.zip and NAME.disclosure.zip (cunzheng capture, disclose) bring their receipts along, "
      "also under other names. NAME.history.jsonl (capture --watch) is checked with the packages beside "
      "it.\n\n"
      "Exit codes: 0 valid, 1 not valid, 3 pending, 5 trust not established, 6 valid under retired keys "
      "only.\n\n"
      "Example:\n  cunzheng verify contract.pdf --trust trust.json");
  command->callback([options, &context] { context.exit_code = VerifyRun(*options, context).Run(); });
}

}  // namespace cunzheng::cli
