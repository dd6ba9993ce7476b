// cunzheng inspect: what a receipt says, without a word on whether it is true.
#include <CLI/CLI.hpp>

#include "client/cli/commands.h"
#include "client/evidence/file_kind.h"
#include "client/evidence/package.h"
#include "client/sdk/paths.h"
#include "crypto/json.h"
#include "ledger/checkpoint.h"
#include "ledger/entry.h"
#include "ledger/receipt.h"
#include "ledger/record.h"

namespace cunzheng::cli {
namespace {

struct InspectOptions {
  std::string receipt;
  bool json = false;
};

// A receipt with everything in it decoded.
struct Opened {
  ledger::Receipt receipt;
  ledger::Record record;
  ledger::DepositEntry entry;
  std::optional<ledger::Manifest> manifest;
  std::vector<ledger::SignedCheckpoint> checkpoints;
};

Result<Opened> Open(const std::string& path) {
  Opened out;
  const evidence::FileKind kind = evidence::FindFileKind(path);
  const bool package = kind == evidence::FileKind::kPackage || kind == evidence::FileKind::kDisclosure;
  ASSIGN_OR_RETURN(const std::string text,
                   package ? evidence::ReadReceipt(path) : ReadWholeFile(path, ledger::kReceiptLengthMax));
  ASSIGN_OR_RETURN(out.receipt, ledger::DecodeReceipt(text));
  ASSIGN_OR_RETURN(out.record, ledger::DecodeRecord(out.receipt.record));
  ASSIGN_OR_RETURN(out.entry, ledger::DecodeDepositEntry(out.receipt.entry));
  if (out.receipt.manifest) {
    ASSIGN_OR_RETURN(out.manifest, ledger::DecodeManifest(*out.receipt.manifest));
  }
  for (const ledger::Attestation& attestation : out.receipt.attestations) {
    ASSIGN_OR_RETURN(auto checkpoint, ledger::ParseCheckpoint(attestation.checkpoint));
    out.checkpoints.push_back(std::move(checkpoint));
  }
  return out;
}

// A cosignature begins with its time (specs/checkpoint.md); other signatures have none.
std::optional<uint64_t> ClaimedTime(const NoteSignature& signature) {
  if (signature.signature.size() != 72) return std::nullopt;
  return LoadBe64(signature.signature.data());
}

// Text that a readable JSON string can hold, whatever the receipt said.
json::Value Embedded(const std::string& canonical) {
  auto value = json::Parse(canonical, json::Form::kCanonical, canonical.size());
  CHECK_INVARIANT(value.has_value());
  return std::move(value).value();
}

json::Value ToJson(const Opened& opened) {
  const ledger::Receipt& receipt = opened.receipt;
  json::Array attestations;
  for (size_t i = 0; i < receipt.attestations.size(); ++i) {
    const ledger::SignedCheckpoint& checkpoint = opened.checkpoints[i];
    json::Array signatures;
    for (const NoteSignature& signature : checkpoint.note.signatures) {
      json::Object object{{"name", signature.name}};
      if (const auto time = ClaimedTime(signature)) object.emplace("time_unix_s", *time);
      signatures.emplace_back(std::move(object));
    }
    attestations.emplace_back(json::Object{{"origin", checkpoint.checkpoint.origin},
                                           {"size", checkpoint.checkpoint.size},
                                           {"root", ToHex(checkpoint.checkpoint.root)},
                                           {"signatures", std::move(signatures)},
                                           {"tokens", uint64_t{receipt.attestations[i].tokens.size()}},
                                           {"anchors", uint64_t{receipt.attestations[i].anchors.size()}}});
  }
  json::Object object{
      {"record_id", ToHex(ledger::RecordId(receipt.record))},
      {"record", Embedded(receipt.record)},
      {"batch", json::Object{{"id", ToHex(ledger::BatchId(opened.entry.header_bytes))},
                             {"index", receipt.batch_index},
                             {"header", Embedded(opened.entry.header_bytes)}}},
      {"entry", json::Object{{"index", receipt.index},
                             {"account", ToHex(opened.entry.account)},
                             {"account_name", opened.entry.account_name},
                             {"sponsor", opened.entry.sponsor},
                             {"suite", SuiteName(opened.entry.signature.key.suite)},
                             {"time_unix_ms", opened.entry.time_unix_ms}}},
      {"attestations", std::move(attestations)},
  };
  if (receipt.manifest) object.emplace("manifest", Embedded(*receipt.manifest));
  return object;
}

class Lines {
 public:
  explicit Lines(const Context& context) : context_(context) {}
  void Head(std::string_view en, std::string_view zh) const { PrintLine(context_.Say(en, zh)); }
  // Labels are padded by hand in both languages: their widths on a terminal differ from their lengths.
  void Field(std::string_view en, std::string_view zh, const std::string& value) const {
    PrintLine("  " + context_.Say(en, zh) + client::Printable(value));
  }

 private:
  const Context& context_;
};

void Show(const Opened& opened, const Context& context) {
  const Lines lines(context);
  const ledger::Record& record = opened.record;
  const ledger::DepositEntry& entry = opened.entry;
  const ledger::Receipt& receipt = opened.receipt;

  lines.Head("Record: what was deposited", "记录：存证内容");
  lines.Field("id          ", "标识        ", ToHex(ledger::RecordId(receipt.record)));
  lines.Field("kind        ", "种类        ", record.kind);
  lines.Field("length      ", "长度        ", std::to_string(record.length) + context.Say(" bytes", " 字节"));
  lines.Field("sha256      ", "SHA-256     ", ToHex(record.digest.sha256));
  lines.Field("sm3         ", "SM3         ", ToHex(record.digest.sm3));
  if (record.case_ref) lines.Field("case        ", "案号        ", *record.case_ref);
  for (const auto& [key, value] : record.attrs)
    lines.Field("attribute   ", "属性        ", std::string(key).append(" = ").append(value));
  for (const ledger::Ref& ref : record.refs)
    lines.Field("reference   ", "引用        ", ref.rel + " " + ToHex(ref.id));
  if (opened.manifest) {
    const ledger::Manifest& manifest = *opened.manifest;
    lines.Field("name        ", "名称        ", manifest.name);
    if (manifest.modified_unix_ms) {
      lines.Field(
          "modified    ", "修改时间    ",
          TimeText(*manifest.modified_unix_ms / 1'000) + context.Say(" (as the file said)", "（文件自述）"));
    }
  }

  lines.Head("Batch: what the depositor signed", "批次：存证人所签");
  lines.Field("id          ", "标识        ", ToHex(ledger::BatchId(entry.header_bytes)));
  const bool sealed = entry.header.mode == ledger::BatchMode::kSealed;
  lines.Field("place       ", "位置        ",
              std::to_string(receipt.batch_index + 1) + context.Say(" of ", " / ") +
                  std::to_string(entry.header.count) +
                  (sealed ? context.Say(", sealed", "，密封") : std::string()));
  lines.Field("client time ", "客户端时间  ", TimeText(entry.header.client_time_unix_ms / 1'000));

  lines.Head("Entry: what the ledger appended", "条目：账本所录");
  lines.Field("ledger      ", "账本        ", ToHex(record.ledger));
  lines.Field("index       ", "序号        ", std::to_string(receipt.index));
  lines.Field("time        ", "时间        ", TimeText(entry.time_unix_ms / 1'000));
  lines.Field("account     ", "账户        ", entry.account_name + " (" + ToHex(entry.account) + ")");
  lines.Field("sponsor     ", "担保机构    ", entry.sponsor);
  lines.Field("suite       ", "签名算法    ", std::string(SuiteName(entry.signature.key.suite)));

  for (size_t i = 0; i < receipt.attestations.size(); ++i) {
    const ledger::SignedCheckpoint& checkpoint = opened.checkpoints[i];
    lines.Head("Attestation: who signed a tree that holds the entry", "证明：何方签署了包含该条目的树");
    lines.Field("origin      ", "账本名称    ", checkpoint.checkpoint.origin);
    lines.Field("size        ", "大小        ", std::to_string(checkpoint.checkpoint.size));
    lines.Field("root        ", "根          ", ToHex(checkpoint.checkpoint.root));
    for (const NoteSignature& signature : checkpoint.note.signatures) {
      const auto time = ClaimedTime(signature);
      lines.Field(
          "signature   ", "签名        ",
          signature.name + (time ? "  " + TimeText(*time) : context.Say("  (log key)", "  （日志密钥）")));
    }
    const size_t tokens = receipt.attestations[i].tokens.size();
    if (tokens > 0) lines.Field("tokens      ", "时间戳令牌  ", std::to_string(tokens));
    const size_t anchors = receipt.attestations[i].anchors.size();
    if (anchors > 0) lines.Field("anchors     ", "锚定        ", std::to_string(anchors));
  }
}

int RunInspect(const InspectOptions& options, const Context& context) {
  const auto opened = Open(options.receipt);
  if (!opened) return context.Fail(opened.error());
  if (options.json) {
    Print(json::EncodePretty(ToJson(*opened)));
    return 0;
  }
  Show(*opened, context);
  Note(context.Say("hint: This is what the receipt says; `cunzheng verify` checks it.",
                   "hint: 以上是回执所述；真伪以 `cunzheng verify` 的结果为准。"));
  return 0;
}

}  // namespace

void AddInspectCommand(CLI::App& app, Context& context) {
  auto options = std::make_shared<InspectOptions>();
  CLI::App* command = app.add_subcommand("inspect", "Show what a receipt says, unchecked");
  command->add_option("receipt", options->receipt, "The receipt")->required()->type_name("R");
  command->add_flag("--json", options->json, "As JSON");
  command->footer("Example:\n  cunzheng inspect contract.pdf.receipt.json");
  command->callback([options, &context] { context.exit_code = RunInspect(*options, context); });
}

}  // namespace cunzheng::cli
