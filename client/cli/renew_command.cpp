// cunzheng renew: ties a receipt to the tree that the newest trust file names, so that it counts fully again
// after its institutions' keys, or the institutions, have changed (specs/receipt.md, step 10).
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "client/cli/commands.h"
#include "client/cli/trust_pins.h"
#include "client/sdk/paths.h"
#include "crypto/file.h"
#include "ledger/checkpoint.h"
#include "ledger/merkle.h"
#include "ledger/receipt.h"
#include "ledger/record.h"

namespace cunzheng::cli {
namespace {

struct RenewOptions {
  std::vector<std::string> files;
  std::string trust;
  NodeOptions node;
};

Result<ledger::Trust> TrustFor(const RenewOptions& options, const Hash& ledger, const Context& context) {
  const std::string& path = options.trust.empty() ? context.settings.trust : options.trust;
  if (!path.empty()) {
    ASSIGN_OR_RETURN(TrustPin file, ReadTrustFile(path));
    return std::move(file.trust);
  }
  ASSIGN_OR_RETURN(auto pinned, TrustPins(context.settings).Find(ledger));
  if (!pinned) {
    return Error{Errc::kTrustNotEstablished, "no trust file of ledger " + ToHex(ledger) + " is pinned"};
  }
  return std::move(pinned->trust);
}

// Adds a proof from the receipt's trees to the trust file's. Returns whether one was missing.
Result<bool> Renew(const std::string& path, const RenewOptions& options, client::Client* client,
                   const Context& context) {
  ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(path, ledger::kReceiptLengthMax));
  ASSIGN_OR_RETURN(ledger::Receipt receipt, ledger::DecodeReceipt(text));
  ASSIGN_OR_RETURN(const ledger::Record record, ledger::DecodeRecord(receipt.record));
  ASSIGN_OR_RETURN(const ledger::Trust trust, TrustFor(options, record.ledger, context));
  if (trust.ledger != record.ledger) {
    return Error{Errc::kWrongLedger, "the receipt is of ledger " + ToHex(record.ledger) +
                                         ", the trust file of " + ToHex(trust.ledger)};
  }
  bool changed = false;
  for (const ledger::Attestation& attestation : receipt.attestations) {
    ASSIGN_OR_RETURN(const auto signed_tree, ledger::ParseCheckpoint(attestation.checkpoint));
    const ledger::Checkpoint& tree = signed_tree.checkpoint;
    if (tree.size >= trust.effective_size) continue;
    const bool linked = std::any_of(
        receipt.consistency.begin(), receipt.consistency.end(),
        [&](const auto& link) { return link.from == tree.size && link.to == trust.effective_size; });
    if (linked) continue;
    ASSIGN_OR_RETURN(ledger::Path proof, client->GetConsistency(tree.size, trust.effective_size));
    RETURN_IF_ERROR(
        ledger::VerifyConsistency(tree.size, trust.effective_size, proof, tree.root, trust.effective_root));
    receipt.consistency.push_back({tree.size, trust.effective_size, std::move(proof)});
    changed = true;
  }
  if (changed) RETURN_IF_ERROR(WriteFileAtomically(path, ledger::EncodeReceipt(receipt), 0644, true));
  return changed;
}

int RunRenew(const RenewOptions& options, const Context& context) {
  auto client = OpenClient(context, options.node);
  if (!client) return context.Fail(client.error());
  int code = 0;
  for (const std::string& file : options.files) {
    const std::string path = client::IsReceiptName(file) ? file : client::ReceiptPathFor(file);
    const auto renewed = Renew(path, options, &*client, context);
    if (!renewed) {
      code = context.Fail({renewed.error().code, client::Printable(path) + ": " + renewed.error().detail});
      continue;
    }
    PrintLine(*renewed ? context.Say("renewed      ", "已续证    ") + client::Printable(path)
                       : context.Say("nothing to do  ", "无需续证  ") + client::Printable(path));
  }
  return code;
}

}  // namespace

void AddRenewCommand(CLI::App& app, Context& context) {
  auto options = std::make_shared<RenewOptions>();
  CLI::App* command = app.add_subcommand("renew", "Tie receipts to the tree of the newest trust file");
  command->add_option("files", options->files, "Receipts, or the evidence beside them")
      ->required()
      ->type_name("FILE");
  AddNodeOptions(*command, options->node);
  command->add_option("--trust", options->trust, "The ledger's trust file (default: the one that you pinned)")
      ->type_name("trust.json");
  command->footer(
      "After institutions or their keys have changed: cunzheng trust update, then renew. The node can only "
      "help or "
      "fail: the proof is checked here.\n\nExample:\n  cunzheng renew contract.pdf --node "
      "http://127.0.0.1:8750");
  command->callback([options, &context] { context.exit_code = RunRenew(*options, context); });
}

}  // namespace cunzheng::cli
