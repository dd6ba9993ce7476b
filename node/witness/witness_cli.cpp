// The options of the witness commands; witness_command.cpp does the work.
#include <memory>

#include "node/cli.h"

namespace cunzheng::node {

void AddWitnessCommands(CLI::App* app, Command* command) {
  const auto options = std::make_shared<WitnessOptions>();
  CLI::App* witness = app->add_subcommand("witness", "An outside witness of ledgers and other logs");
  witness->require_subcommand(1);
  const auto sub = [&](const char* name, const char* help, Result<void> (*perform)(const WitnessOptions&)) {
    CLI::App* each = witness->add_subcommand(name, help);
    each->add_option("--data", options->data, "Folder of the witness")->required()->type_name("DIR");
    each->callback([=] { *command = [=] { return perform(*options); }; });
    return each;
  };

  CLI::App* init =
      sub("init", "Make a witness: its key and configuration; prints its public key", WitnessInit);
  init->add_option("--name", options->name, "Its name, as HOST/NAME")->required()->type_name("NAME");
  init->add_option("--listen", options->listen, "Numeric address and port to serve at")
      ->required()
      ->type_name("ADDR:PORT");
  auto* file =
      init->add_option("--passphrase-file", options->passphrase_file, "File with a passphrase for the key")
          ->type_name("FILE");
  init->add_flag("--ask-passphrase", options->ask_passphrase, "Ask for a passphrase on the terminal")
      ->excludes(file);
  init->footer(
      "Example:\n  cunzhengd witness init --data w --name witness.example.net/w1 --listen 127.0.0.1:8760");

  CLI::App* add = sub("add", "Let the witness know a log, or that log's new keys", WitnessAdd);
  auto* trust = add->add_option("--trust", options->trust, "Trust file of a ledger")->type_name("trust.json");
  auto* keys =
      add->add_option("--log-key", options->log_keys, "Public keys (vkeys) of any log")->type_name("VKEY");
  trust->excludes(keys);
  add->footer("Example:\n  cunzhengd witness add --data w --trust trust.json");

  CLI::App* run = sub("run", "Serve until SIGTERM", WitnessRun);
  run->add_option("--listen", options->listen, "Instead of the configured address; port 0 takes a free one")
      ->type_name("ADDR:PORT");
  run->add_option("--passphrase-file", options->passphrase_file, "File with the passphrase of the key")
      ->type_name("FILE");
  run->footer("Example:\n  cunzhengd witness run --data w");
}

}  // namespace cunzheng::node
