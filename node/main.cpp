// cunzhengd: a node of a ledger of evidence. Options are parsed here; commands.h does the work.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "node/cli.h"
#include "node/commands.h"

#ifndef CUNZHENG_VERSION
#error "the build names the version"
#endif

namespace cunzheng::node {
namespace {

constexpr char kExitCodes[] =
    "Exit codes: 0 done; 1 something in the data is wrong; 2 usage, configuration, key or passphrase;\n"
    "4 the node cannot be reached or takes no writes now; 7 refused by the ledger's rules;\n"
    "8 files, disk or store; 70 a defect of this program; 130 interrupted.";

int Report(const Error& error, const std::string& data) {
  std::fprintf(stderr, "error: %s\n", error.ToString().c_str());
  const std::string hint = HintFor(error, data);
  if (!hint.empty()) std::fprintf(stderr, "hint: %s\n", hint.c_str());
  return ErrcExitCode(error.code);
}

void AddInit(CLI::App* app, InitOptions* options, Command* command) {
  CLI::App* init = app->add_subcommand("init", "Make a new ledger: keys, genesis, configuration, trust file");
  init->add_option("--data", options->data, "Data folder to make")->required()->type_name("DIR");
  auto join = std::make_shared<std::string>();
  auto* origin = init->add_option("--origin", options->origin, "The new ledger's name, as HOST/NAME")
                     ->type_name("ORIGIN");
  init->add_option("--listen", options->listen, "Numeric address and port to serve at")
      ->default_val("127.0.0.1:8750")
      ->type_name("ADDR:PORT");
  init->add_option("--member", options->member,
                   "Id of this institution (default: operator.<host of the origin>)")
      ->type_name("ID");
  init->add_option("--name-zh", options->name_zh, "Its name in Chinese (default: its id)")->type_name("NAME");
  init->add_option("--name-en", options->name_en, "Its name in English (default: its id)")->type_name("NAME");
  init->add_option("--role", options->role, "notary, court, platform, agency, arbitration or operator")
      ->default_val("operator")
      ->type_name("ROLE");
  init->add_option("--join", *join, "Genesis document of a ledger that this institution is to join")
      ->excludes(origin)
      ->type_name("genesis.json");
  init->add_option("--checkpoint-interval-ms", options->checkpoint_interval_ms,
                   "Time between checkpoints; 0: one for every block")
      ->default_val(0)
      ->type_name("MS");
  auto* file =
      init->add_option("--passphrase-file", options->passphrase_file, "File with a passphrase for the keys")
          ->type_name("FILE");
  init->add_flag("--ask-passphrase", options->ask_passphrase, "Ask for a passphrase on the terminal")
      ->excludes(file);
  init->footer(
      "Without a passphrase a random one is made and kept in DIR/keys/passphrase.\n\n"
      "Example:\n  cunzhengd init --data ledger --origin example.org/ledger --listen 127.0.0.1:8750");
  init->callback(
      [=] { *command = [=] { return join->empty() ? Init(*options) : InitToJoin(*options, *join); }; });
}

void AddTestnet(CLI::App* app, TestnetOptions* options, Command* command) {
  CLI::App* testnet =
      app->add_subcommand("testnet", "Lay out a consortium of nodes on this machine, to try it out");
  testnet->add_option("--out", options->out, "Folder to make")->required()->type_name("DIR");
  testnet->add_option("--nodes", options->nodes, "Members, each with a node")->check(CLI::Range(1, 16));
  testnet->add_option("--origin", options->origin, "Name of the ledger")->type_name("NAME");
  testnet->add_option("--base-port", options->base_port, "First of ten ports a node, on 127.0.0.1")
      ->check(CLI::Range(1'024, 65'000));
  testnet->footer(
      "Consensus is CometBFT v0.38's: go install github.com/cometbft/cometbft/cmd/cometbft@v0.38.25\n\n"
      "Example:\n  cunzhengd testnet --nodes 4 --out consortium");
  testnet->callback([=] { *command = [=] { return Testnet(*options); }; });
}

void AddStateSync(CLI::App* app, Place* place, Command* command) {
  CLI::App* sync =
      app->add_subcommand("state-sync", "Let a node without blocks begin with a snapshot of its peers");
  AddPlace(sync, place, false);
  auto servers = std::make_shared<std::vector<std::string>>();
  sync->add_option("rpc", *servers, "RPC of two or more other members' CometBFTs, whose blocks must agree")
      ->required()
      ->expected(2, 16)
      ->type_name("ADDR:PORT");
  sync->footer("Example:\n  cunzhengd state-sync --data node5 10.0.0.1:26657 10.0.0.2:26657");
  sync->callback([=] { *command = [=] { return ConfigureStateSync(*place, *servers); }; });
}

struct AccountArguments {
  AccountAddOptions add;
  std::string account;
  std::string reason;
  uint64_t records_per_day_max = 0;
  uint64_t bytes_per_day_max = 0;
};

void AddAccountCommands(CLI::App* app, Place* place, AccountArguments* arguments, Command* command) {
  CLI::App* account =
      app->add_subcommand("account", "Add, list, suspend, resume, remove accounts; set quotas");
  account->require_subcommand(1);
  account->footer(
      "Each works with the node running or stopped; changes are entries of the ledger.\n\n"
      "Example:\n  cunzhengd account add --data ledger --account-key alice.pub --name \"某公司\"");

  CLI::App* add = account->add_subcommand("add", "Let a submitter's key deposit; prints the account id");
  AddPlace(add, place, true);
  add->add_option("--account-key", arguments->add.public_key_file,
                  "Public key file (cunzheng keygen makes it)")
      ->required()
      ->type_name("K.pub");
  add->add_option("--name", arguments->add.name, "The submitter's name, as receipts will show it")
      ->required()
      ->type_name("NAME");
  add->add_option("--records-per-day", arguments->add.records_per_day_max, "Quota (default: the ledger's)");
  add->add_option("--bytes-per-day", arguments->add.bytes_per_day_max, "Quota (default: the ledger's)");
  add->footer("Example:\n  cunzhengd account add --data ledger --account-key alice.pub --name \"某公司\"");
  add->callback([=] { *command = [=] { return AddAccount(*place, arguments->add); }; });

  CLI::App* list = account->add_subcommand("list", "Print id, status and name of each account");
  AddPlace(list, place, false);
  list->footer("Example:\n  cunzhengd account list --data ledger");
  list->callback([=] { *command = [=] { return ListAccounts(*place); }; });

  const auto add_change = [&](const char* name, const char* help, auto perform) {
    CLI::App* change = account->add_subcommand(name, help);
    AddPlace(change, place, true);
    change->add_option("account", arguments->account, "Account id")->required();
    change->add_option("--reason", arguments->reason, "Why; stands on the ledger")->required();
    change->footer("Example:\n  cunzhengd account " + std::string(name) +
                   " --data ledger \"$ACCOUNT_ID\" --reason \"request of the holder\"");
    change->callback(
        [=] { *command = [=] { return perform(*place, arguments->account, arguments->reason); }; });
  };
  add_change("suspend", "Take no more deposits from an account", SuspendAccount);
  add_change("resume", "Take deposits from a suspended account again", ResumeAccount);
  add_change("remove", "Take no more deposits from an account, for good", RemoveAccount);

  CLI::App* quota = account->add_subcommand("quota", "Set an account's quotas for a day (UTC)");
  AddPlace(quota, place, true);
  quota->add_option("account", arguments->account, "Account id")->required();
  quota->add_option("--records-per-day", arguments->records_per_day_max, "0: the ledger's default")
      ->required();
  quota->add_option("--bytes-per-day", arguments->bytes_per_day_max, "0: the ledger's default")->required();
  quota->footer(
      "Example:\n  cunzhengd account quota --data ledger \"$ACCOUNT_ID\" --records-per-day 100000 "
      "--bytes-per-day 0");
  quota->callback([=] {
    *command = [=] {
      return SetQuota(*place, arguments->account, arguments->records_per_day_max,
                      arguments->bytes_per_day_max);
    };
  });
}

int Main(int argc, char** argv) {
  CLI::App app("cunzhengd: a node of an append-only ledger of evidence (存证)", "cunzhengd");
  app.set_version_flag("--version", "cunzhengd " CUNZHENG_VERSION);
  app.require_subcommand(1);
  app.footer(
      std::string(kExitCodes) +
      "\n\nExample:\n  cunzhengd init --data ledger --origin example.org/ledger --listen 127.0.0.1:8750\n"
      "  cunzhengd run --data ledger");

  Command command;
  InitOptions init;
  Place place;
  AccountArguments account;
  std::optional<std::string> listen;
  std::string out, reason;

  AddInit(&app, &init, &command);
  TestnetOptions testnet;
  AddTestnet(&app, &testnet, &command);
  AddStateSync(&app, &place, &command);

  CLI::App* run = app.add_subcommand("run", "Serve until SIGTERM");
  AddPlace(run, &place, true);
  run->add_option("--listen", listen, "Instead of the configured address; port 0 takes a free one")
      ->type_name("ADDR:PORT");
  run->footer("The address is in DIR/listen while the node runs.\n\nExample:\n  cunzhengd run --data ledger");
  run->callback([&] { command = [&] { return Run(place, listen); }; });

  CLI::App* check =
      app.add_subcommand("check", "Re-derive every hash of the store; the node must be stopped");
  AddPlace(check, &place, false);
  check->footer("Example:\n  cunzhengd check --data ledger");
  check->callback([&] { command = [&] { return Check(place); }; });

  CLI::App* dump = app.add_subcommand("export", "Write the ledger as plain files; the node must be stopped");
  AddPlace(dump, &place, false);
  dump->add_option("--out", out, "Folder to make")->required()->type_name("DIR");
  dump->footer(
      "OUT is a static log in C2SP tiles, with records.jsonl and checkpoints.jsonl.\n\n"
      "Example:\n  cunzhengd export --data ledger --out ledger-export");
  dump->callback([&] { command = [&] { return Export(place, out); }; });

  AddAccountCommands(&app, &place, &account, &command);

  AddGovernanceCommands(&app, &place, &command);
  AddWitnessCommands(&app, &command);

  CLI::App* clock = app.add_subcommand("clock", "Confirm the node's clock after a leap");
  clock->require_subcommand(1);
  CLI::App* resume =
      clock->add_subcommand("resume", "The clock is right: accept writes again, as an entry of the ledger");
  AddPlace(resume, &place, true);
  resume->add_option("--reason", reason, "Why; stands on the ledger")->required();
  resume->footer("Example:\n  cunzhengd clock resume --data ledger --reason \"checked against NTP\"");
  resume->callback([&] { command = [&] { return ConfirmClock(place, reason); }; });

  CLI::App* status = app.add_subcommand("status", "Show whether the node runs, and the ledger's size");
  AddPlace(status, &place, false);
  status->footer("Example:\n  cunzhengd status --data ledger");
  status->callback([&] { command = [&] { return ShowStatus(place); }; });

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "error: usage: %s\n", error.what());
    std::string at = "cunzhengd";
    for (const CLI::App* level = &app; !level->get_subcommands().empty();) {
      level = level->get_subcommands().front();
      at += " " + level->get_name();
    }
    std::fprintf(stderr, "hint: %s --help\n", at.c_str());
    return ErrcExitCode(Errc::kUsage);
  }
  if (auto done = command(); !done) return Report(done.error(), place.data.empty() ? init.data : place.data);
  // A full disk or a closed pipe must not look like success.
  if (std::fflush(stdout) != 0) return Report({Errc::kIo, "standard output: cannot be written"}, place.data);
  return 0;
}

}  // namespace

std::string HintFor(const Error& error, const std::string& data) {
  switch (error.code) {
    case Errc::kStoreLocked:
      return "stop the node first (its process holds " + data + "/lock)";
    case Errc::kPassphraseWrong:
      return "name the right passphrase: --passphrase-file FILE, CUNZHENG_PASSPHRASE, or "
             "node.passphrase_file in " +
             data + "/config.toml";
    case Errc::kAlreadyExists:
      return error.detail.ends_with("not empty") ? "choose an empty or a new folder" : "";
    case Errc::kNotFound:
      if (error.detail.ends_with("(config.toml is missing)") || error.detail.ends_with("no such folder")) {
        return "make one: cunzhengd init --data " + data +
               " --origin example.org/ledger; remove what an interrupted init left";
      }
      return error.detail.starts_with("checkpoint") ? "start the node once; it signs the head" : "";
    case Errc::kWrongLedger:
      return error.detail.find("an older copy") == std::string::npos
                 ? ""
                 : "put the newest copy of ledger/ back; if it is lost, begin a new ledger: receipts that "
                   "were given "
                   "out since would contradict this one";
    case Errc::kClockUnsound:
      return "when the clock is right: cunzhengd clock resume --data " + data + " --reason \"...\"";
    case Errc::kUnreachable:
      return "is it running? cunzhengd status --data " + data;
    case Errc::kStoreCorrupt:
      return "keep the folder as it is and restore from a backup; cunzhengd check --data " + data +
             " names the first fault";
    default:
      return "";
  }
}

}  // namespace cunzheng::node

int main(int argc, char** argv) {
  return cunzheng::node::Main(argc, argv);
}
