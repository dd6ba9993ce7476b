// What the files that parse the options of `cunzhengd` share.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "crypto/result.h"
#include "node/commands.h"

namespace cunzheng::node {

// What the chosen command does, set while the line is parsed.
using Command = std::function<Result<void>()>;

// The options that every command on a data folder has.
inline void AddPlace(CLI::App* command, Place* place, bool needs_keys) {
  command->add_option("--data", place->data, "Data folder of the node")->required()->type_name("DIR");
  if (needs_keys) {
    command
        ->add_option("--passphrase-file", place->passphrase_file,
                     "File with the passphrase of the node's keys")
        ->type_name("FILE");
  }
}

// witness init, add, run.
void AddWitnessCommands(CLI::App* app, Command* command);
// propose …, approve, proposals, keys.
void AddGovernanceCommands(CLI::App* app, Place* place, Command* command);

}  // namespace cunzheng::node
