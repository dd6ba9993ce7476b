// cunzheng sync and queue: what waits on this machine.
#include <CLI/CLI.hpp>
#include <map>

#include "client/cli/commands.h"
#include "client/cli/deposit_report.h"
#include "client/cli/known_nodes.h"
#include "client/sdk/depositor.h"
#include "client/sdk/paths.h"

namespace cunzheng::cli {
namespace {

struct SyncOptions {
  std::string ca_file, out;
  bool json = false, verbose = false;
  uint64_t wait_s = 30;
};

// A node as one run of sync sees it.
struct Peer {
  std::optional<client::Client> client;
  std::optional<client::LedgerView> view;
  std::optional<Error> down;  // not tried again in this run
};

Peer OpenPeer(const Context& context, const std::string& node, const std::string& ca_file) {
  Peer peer;
  auto opened = OpenClient(context, {node, ca_file});
  if (!opened) {
    peer.down = opened.error();
    return peer;
  }
  peer.client = std::move(opened).value();
  auto view = client::FetchLedgerView(*peer.client);
  if (!view) {
    peer.down = view.error();
    return peer;
  }
  peer.view = std::move(view).value();
  return peer;
}

Result<void> Sync(const SyncOptions& options, const Context& context, DepositReport& report) {
  ASSIGN_OR_RETURN(auto journal, OpenJournal(context.settings));
  ASSIGN_OR_RETURN(const auto names, journal.List());
  std::map<std::string, Peer> peers;
  for (const std::string& name : names) {
    if (Interrupted()) return Error{Errc::kInterrupted, "stopped; what was not sent is still queued"};
    auto claimed = journal.Claim(name);
    if (!claimed) {
      report.Failed(name, claimed.error());
      continue;
    }
    if (!*claimed) continue;  // another process is at it
    client::QueuedBatch& batch = (*claimed)->batch();
    auto peer = peers.find(batch.node);
    if (peer == peers.end())
      peer = peers.emplace(batch.node, OpenPeer(context, batch.node, options.ca_file)).first;
    Peer& node = peer->second;
    if (node.down) {
      report.Batch(batch, *node.down);
      continue;
    }
    if (!options.out.empty()) {
      for (client::QueuedItem& item : batch.items) {
        item.receipt_path = client::JoinPath(options.out, client::BaseName(item.receipt_path));
      }
    }
    const auto delivery =
        client::DeliverClaimed(*node.client, journal, **claimed, node.view->origin, options.wait_s * 1'000);
    report.Batch(batch, delivery);
    if (delivery) continue;
    if (delivery.error().code == Errc::kInterrupted) return delivery.error();
    if (client::IsTransient(delivery.error().code)) node.down = delivery.error();
  }
  return {};
}

int RunSync(const SyncOptions& options, const Context& context) {
  DepositReport report(context, options.json);
  report.ListItems(options.verbose);
  const auto end = Sync(options, context, report);
  return report.Finish(end);
}

struct QueueOptions {
  std::string drop;
  bool json = false;
};

std::string FirstName(const client::QueuedBatch& batch) {
  return batch.items.front().receipt_path;
}

json::Value ToJson(const client::QueuedBatch& batch) {
  json::Array receipts;
  for (const client::QueuedItem& item : batch.items)
    receipts.emplace_back(client::Printable(item.receipt_path));
  return json::Object{{"batch", ToHex(batch.id())},
                      {"node", batch.node},
                      {"account", ToHex(batch.header.account)},
                      {"client_time_unix_ms", batch.header.client_time_unix_ms},
                      {"private", batch.header.mode == ledger::BatchMode::kSealed},
                      {"receipts", std::move(receipts)}};
}

int RunQueue(const QueueOptions& options, const Context& context) {
  auto journal = OpenJournal(context.settings);
  if (!journal) return context.Fail(journal.error());
  const auto names = journal->List();
  if (!names) return context.Fail(names.error());
  json::Array items;
  size_t matches = 0;
  std::string match;
  for (const std::string& name : *names) {
    const auto batch = journal->Read(name);
    if (!batch) {
      Note("warning: " + client::Printable(batch.error().detail));
      continue;
    }
    const std::string id = ToHex(batch->id());
    if (!options.drop.empty()) {
      if (!id.starts_with(options.drop)) continue;
      ++matches;
      match = name;
    } else if (options.json) {
      items.push_back(ToJson(*batch));
    } else {
      std::string line = id.substr(0, 16) + "  " + TimeText(batch->header.client_time_unix_ms / 1'000) +
                         "  " + batch->node + "  " + ShownPath(FirstName(*batch));
      if (batch->items.size() > 1) {
        line += context.Say(" and " + std::to_string(batch->items.size() - 1) + " more",
                            " 等 " + std::to_string(batch->items.size()) + " 项");
      }
      PrintLine(line);
    }
  }
  if (options.drop.empty()) {
    if (options.json) {
      Print(json::EncodePretty(std::move(items)));
    } else if (names->empty()) {
      PrintLine(context.Say("nothing is queued", "队列为空"));
    }
    return 0;
  }
  if (matches == 0) return context.Fail({Errc::kNotFound, "no queued batch begins with " + options.drop});
  if (matches > 1) {
    return context.Fail(
        {Errc::kUsage, "--drop " + options.drop + ": means more than one batch; give more digits"});
  }
  const auto claimed = journal->Claim(match);
  if (!claimed) return context.Fail(claimed.error());
  if (!*claimed) return context.Fail({Errc::kBusy, "another process is sending this batch"});
  if (const auto removed = journal->Remove(**claimed); !removed) return context.Fail(removed.error());
  PrintLine(context.Say("dropped  ", "已放弃  ") + match);
  return 0;
}

}  // namespace

void AddSyncCommand(CLI::App& app, Context& context) {
  auto options = std::make_shared<SyncOptions>();
  CLI::App* command = app.add_subcommand("sync", "Send what is queued; complete pending receipts");
  command->add_option("--ca-file", options->ca_file, "Trust these TLS roots (PEM) instead of the system's")
      ->type_name("F");
  command->add_option("--out", options->out, "Write receipts into DIR, when their own folders are gone")
      ->check(CLI::ExistingDirectory)
      ->type_name("DIR");
  command->add_option("--wait", options->wait_s, "How long to wait for cosignatures, in seconds (default 30)")
      ->check(CLI::Range(0, 3'600))
      ->type_name("S");
  command->add_flag("--verbose", options->verbose, "One line an item");
  command->add_flag("--json", options->json, "Say what was done as JSON");
  command->footer("Example:\n  cunzheng sync");
  command->callback([options, &context] { context.exit_code = RunSync(*options, context); });
}

void AddQueueCommand(CLI::App& app, Context& context) {
  auto options = std::make_shared<QueueOptions>();
  CLI::App* command = app.add_subcommand("queue", "List what is queued");
  command->add_option("--drop", options->drop, "Give up the batch whose id begins with ID")->type_name("ID");
  command->add_flag("--json", options->json, "As JSON");
  command->footer("Example:\n  cunzheng queue");
  command->callback([options, &context] { context.exit_code = RunQueue(*options, context); });
}

}  // namespace cunzheng::cli
