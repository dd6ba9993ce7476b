// cunzheng lookup and receipt: what a ledger holds of some evidence. Answers are checked against the digests
// that were asked for; who vouches for them is verify's question.
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "client/cli/commands.h"
#include "client/cli/deposit_report.h"
#include "client/cli/progress.h"
#include "client/evidence/file_kind.h"
#include "client/evidence/package.h"
#include "client/sdk/paths.h"
#include "crypto/json.h"
#include "ledger/entry.h"
#include "ledger/receipt.h"
#include "ledger/record.h"

namespace cunzheng::cli {
namespace {

constexpr size_t kItemsMax = 1'000;  // more records of one digest are not listed

struct LookupOptions {
  std::string file, sha256;
  NodeOptions node;
  bool fetch = false, json = false;
};

struct Hit {
  client::RecordItem item;
  ledger::Record record;
  ledger::DepositEntry entry;
  std::string receipt_path;  // when it was fetched
};

Error Wrong(const std::string& rule) {
  return {Errc::kInvalidValue, "the node's answer: " + rule};
}

// The receipt's text, checked to be of the record with this id.
Result<std::string> FetchReceipt(client::Client& client, const Hash& record_id) {
  ASSIGN_OR_RETURN(std::string text, client.GetReceipt(record_id));
  ASSIGN_OR_RETURN(const ledger::Receipt receipt, ledger::DecodeReceipt(text));
  if (ledger::RecordId(receipt.record) != record_id) return Wrong("receipt of another record");
  return text;
}

class Lookup {
 public:
  Lookup(const LookupOptions& options, const Context& context) : options_(options), context_(context) {}
  int Run();

 private:
  Result<void> Find();
  Result<Hit> Complete(client::RecordItem item);
  Result<void> Fetch(Hit& hit);
  void Show(const Hit& hit) const;

  const LookupOptions& options_;
  const Context& context_;
  std::optional<client::Client> client_;
  Hash sha256_{};
  std::optional<FileDigest> evidence_;
  std::vector<Hit> hits_;
};

Result<void> Lookup::Find() {
  if (options_.file.empty() == options_.sha256.empty()) {
    return Error{Errc::kUsage, "give either FILE or --sha256 HEX"};
  }
  if (options_.fetch && options_.file.empty())
    return Error{Errc::kUsage, "--fetch needs FILE, to know where receipts go"};
  ASSIGN_OR_RETURN(client_, OpenClient(context_, options_.node));
  if (options_.file.empty()) {
    const auto hash = HashFromHex(options_.sha256);
    if (!hash) return Error{Errc::kUsage, "--sha256: must be 64 lowercase hex digits"};
    sha256_ = *hash;
  } else {
    const DigestProgress go_on = [](uint64_t) { return !Interrupted(); };
    // Of a package the capture within is what was deposited.
    const bool package = evidence::FindFileKind(options_.file) == evidence::FileKind::kPackage;
    ASSIGN_OR_RETURN(evidence_, package ? evidence::DigestEvidence(options_.file, go_on)
                                        : DigestFile(options_.file, go_on));
    sha256_ = evidence_->digests.sha256;
  }
  std::optional<std::string> cursor;
  do {
    ASSIGN_OR_RETURN(client::RecordPage page, client_->FindRecords(sha256_, cursor));
    for (client::RecordItem& item : page.items) {
      ASSIGN_OR_RETURN(Hit hit, Complete(std::move(item)));
      hits_.push_back(std::move(hit));
    }
    cursor = std::move(page.next);
  } while (cursor && hits_.size() < kItemsMax);
  if (hits_.empty()) {
    return Error{Errc::kNotFound, "no record of SHA-256 " + ToHex(sha256_) + " is on this ledger"};
  }
  if (options_.fetch) {
    for (Hit& hit : hits_) RETURN_IF_ERROR(Fetch(hit));
  }
  return {};
}

Result<Hit> Lookup::Complete(client::RecordItem item) {
  Hit hit;
  ASSIGN_OR_RETURN(hit.record, ledger::DecodeRecord(item.record));
  if (ledger::RecordId(item.record) != item.record_id) return Wrong("record_id is not the record's");
  if (hit.record.digest.sha256 != sha256_) return Wrong("a record of another digest");
  if (evidence_ && hit.record.digest != evidence_->digests) return Wrong("a record with another SM3 digest");
  ASSIGN_OR_RETURN(const client::EntryItem entry, client_->GetEntry(item.index));
  ASSIGN_OR_RETURN(hit.entry, ledger::DecodeDepositEntry(entry.entry));
  hit.item = std::move(item);
  return hit;
}

// The first receipt goes to FILE.receipt.json when that is free; all others carry their record's id.
Result<void> Lookup::Fetch(Hit& hit) {
  ASSIGN_OR_RETURN(const std::string text, FetchReceipt(*client_, hit.item.record_id));
  std::string path = client::ReceiptPathFor(options_.file);
  if (access(path.c_str(), F_OK) == 0) {
    path = client::ReceiptPathFor(options_.file + "." + ToHex(hit.item.record_id).substr(0, 8));
  }
  RETURN_IF_ERROR(WriteFileAtomically(path, text, 0644, true));
  hit.receipt_path = path;
  return {};
}

void Lookup::Show(const Hit& hit) const {
  const std::string who = client::Printable(hit.entry.account_name);
  PrintLine(context_.Say("record   ", "记录    ") + ToHex(hit.item.record_id));
  PrintLine(context_.Say("  by       ", "  存证人    ") + who + " (" +
            ToHex(hit.entry.account).substr(0, 16) + ")");
  PrintLine(context_.Say("  sponsor  ", "  担保机构  ") + client::Printable(hit.entry.sponsor));
  PrintLine(context_.Say("  time     ", "  时间      ") + TimeText(hit.entry.time_unix_ms / 1'000) +
            context_.Say(" (the ledger's statement)", "（账本所述）"));
  PrintLine(context_.Say("  place    ", "  位置      ") + context_.Say("entry ", "条目 ") +
            std::to_string(hit.item.index) + context_.Say(", record ", "，第 ") +
            std::to_string(hit.item.record_index + 1) + context_.Say(" of ", " 项，共 ") +
            std::to_string(hit.entry.header.count) + context_.Say("", " 项"));
  if (hit.record.case_ref) {
    PrintLine(context_.Say("  case     ", "  案号      ") + client::Printable(*hit.record.case_ref));
  }
  if (!hit.receipt_path.empty()) {
    PrintLine(context_.Say("  receipt  ", "  回执      ") + ShownPath(hit.receipt_path));
  }
}

int Lookup::Run() {
  if (const auto found = Find(); !found) {
    const bool none = found.error().code == Errc::kNotFound;
    return context_.Fail(found.error(),
                         none ? context_.Say("Sealed (--private) deposits cannot be found by digest.",
                                             "密封（--private）存证无法按摘要查找。")
                              : std::string());
  }
  json::Array items;
  for (const Hit& hit : hits_) {
    if (!options_.json) {
      Show(hit);
      continue;
    }
    json::Object object{{"record_id", ToHex(hit.item.record_id)}, {"index", hit.item.index},
                        {"record_index", hit.item.record_index},  {"record", hit.item.record},
                        {"account", ToHex(hit.entry.account)},    {"account_name", hit.entry.account_name},
                        {"sponsor", hit.entry.sponsor},           {"time_unix_ms", hit.entry.time_unix_ms}};
    if (!hit.receipt_path.empty()) object.emplace("receipt", client::Printable(hit.receipt_path));
    items.emplace_back(std::move(object));
  }
  if (options_.json) {
    Print(json::EncodePretty(std::move(items)));
  } else if (!options_.fetch && !options_.file.empty()) {
    Note(context_.Say("hint: --fetch writes the receipts.", "hint: 加 --fetch 可取回回执。"));
  }
  return 0;
}

struct ReceiptOptions {
  std::string record_id, out;
  NodeOptions node;
};

int RunReceipt(const ReceiptOptions& options, const Context& context) {
  const auto id = HashFromHex(options.record_id);
  if (!id) return context.Fail({Errc::kUsage, "record id: must be 64 lowercase hex digits"});
  auto client = OpenClient(context, options.node);
  if (!client) return context.Fail(client.error());
  const auto text = FetchReceipt(*client, *id);
  if (!text) return context.Fail(text.error());
  if (options.out.empty()) {
    Print(*text);
    return 0;
  }
  if (const auto written = WriteFileAtomically(options.out, *text, 0644, false); !written) {
    return context.Fail(written.error());
  }
  PrintLine(client::Printable(options.out));
  return 0;
}

}  // namespace

void AddLookupCommand(CLI::App& app, Context& context) {
  auto options = std::make_shared<LookupOptions>();
  CLI::App* command = app.add_subcommand("lookup", "Find a file's records on the ledger");
  command->add_option("file", options->file, "The evidence")->type_name("FILE");
  command->add_option("--sha256", options->sha256, "Look for this digest instead")->type_name("HEX");
  AddNodeOptions(*command, options->node);
  command->add_flag("--fetch", options->fetch, "Write the receipts found, beside FILE");
  command->add_flag("--json", options->json, "As JSON");
  command->footer("Example:\n  cunzheng lookup contract.pdf --node http://127.0.0.1:8750");
  command->callback([options, &context] { context.exit_code = Lookup(*options, context).Run(); });
}

void AddReceiptCommand(CLI::App& app, Context& context) {
  auto options = std::make_shared<ReceiptOptions>();
  CLI::App* command = app.add_subcommand("receipt", "Fetch the receipt of a record");
  command->add_option("record", options->record_id, "The record's id, 64 hex digits")
      ->required()
      ->type_name("ID");
  AddNodeOptions(*command, options->node);
  command->add_option("--out", options->out, "Write it to F; never overwrites")->type_name("F");
  command->footer("Example:\n  cunzheng receipt ID --out contract.pdf.receipt.json");
  command->callback([options, &context] { context.exit_code = RunReceipt(*options, context); });
}

}  // namespace cunzheng::cli
