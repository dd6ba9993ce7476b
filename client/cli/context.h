// What every command shares: settings, language, how errors are said, how a node and a key are opened.
#pragma once

#include <string>
#include <string_view>

#include "client/cli/settings.h"
#include "client/sdk/client.h"
#include "crypto/key_file.h"
#include "crypto/result.h"

namespace CLI {
class App;
}

namespace cunzheng::cli {

struct Context {
  Settings settings;
  int exit_code = 0;  // of the command that ran

  bool zh() const { return settings.lang == "zh"; }
  // The text in the user's language.
  std::string Say(std::string_view en, std::string_view zh_text) const {
    return std::string(zh() ? zh_text : en);
  }

  // Prints "error: …" and "hint: …" on standard error, and returns the exit code that belongs to the error.
  int Fail(const Error& error, std::string_view hint = {}) const;
};

// Set by SIGINT and SIGTERM; the second signal ends the process at once.
bool Interrupted();
// Takes a signal as heard, so that what must still be done can be.
void ClearInterrupt();
void CatchInterrupts();

// The options by which a command reaches a node.
struct NodeOptions {
  std::string node, ca_file;
};
void AddNodeOptions(CLI::App& command, NodeOptions& options);
// Errors: kUsage when no node is known; as Client::Make.
Result<client::Client> OpenClient(const Context& context, const NodeOptions& options);
// The node's address in its one spelling. Errors: kUsage.
Result<std::string> NodeName(const Context& context, const NodeOptions& options);

// Reads the account's key. Errors: kUsage when none is known; as ReadAccountKey and ObtainPassphrase.
Result<AccountKey> OpenKey(const Context& context, const std::string& key,
                           const std::string& passphrase_file);

// Data: to standard output. Text is written as it is; names from outside go through Printable() first.
void Print(std::string_view text);
void PrintLine(std::string_view text);
// Diagnostics: one line to standard error.
void Note(std::string_view text);

// "2024-05-01 08:00:00 UTC".
std::string TimeText(uint64_t unix_s);
// "1 file", "2 files".
std::string Count(uint64_t count, std::string_view singular, std::string_view plural);

}  // namespace cunzheng::cli
