// cunzheng: the client. Each command lives in its own file; this one reads the command line.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "client/cli/commands.h"
#include "client/sdk/paths.h"

namespace cunzheng::cli {
namespace {

constexpr int kUsageExit = 2;

constexpr char kFooter[] =
    "Exit codes:\n"
    "  0 valid, done          1 not valid, not found      2 usage\n"
    "  3 pending              4 node unreachable or busy  5 trust not established\n"
    "  6 retired keys only    7 refused by the ledger     8 local I/O error\n"
    "  70 internal error      130 interrupted\n\n"
    "Settings: CUNZHENG_NODE, CUNZHENG_KEY, CUNZHENG_PASSPHRASE, CUNZHENG_PASSPHRASE_FILE, CUNZHENG_TRUST,\n"
    "CUNZHENG_CA_FILE, CUNZHENG_LANG, or node, key, passphrase_file, trust, ca_file, lang in\n"
    "~/.config/cunzheng/config.toml. Options come first, then the environment, then the file.\n\n"
    "Example:\n"
    "  cunzheng keygen --out my.key\n"
    "  cunzheng deposit --node http://127.0.0.1:8750 --key my.key contract.pdf\n"
    "  cunzheng verify contract.pdf --trust trust.json";

// Levenshtein distance, for words of a few letters.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t above = row[j + 1];
      row[j + 1] = std::min({above + 1, row[j] + 1, diagonal + (a[i] == b[j] ? 0u : 1u)});
      diagonal = above;
    }
  }
  return row.back();
}

// The word that stands where a command should, when it is none.
std::optional<std::string> UnknownCommand(const CLI::App& app, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-' || argv[1][0] == '\0') return std::nullopt;
  for (const CLI::App* command : app.get_subcommands(nullptr)) {
    if (command->get_name() == argv[1]) return std::nullopt;
  }
  return argv[1];
}

int SayUnknown(const CLI::App& app, const std::string& word) {
  Note("error: \"" + client::Printable(word) + "\" is not a command");
  std::string nearest;
  size_t best = 3;  // further off is another word, not a slip
  for (const CLI::App* command : app.get_subcommands(nullptr)) {
    const size_t distance = Distance(word, command->get_name());
    if (distance < best) {
      best = distance;
      nearest = command->get_name();
    }
  }
  Note(nearest.empty() ? "hint: `cunzheng --help` lists the commands"
                       : "hint: did you mean `cunzheng " + nearest + "`?");
  return kUsageExit;
}

int Main(int argc, char** argv) {
  CatchInterrupts();
  Context context;
  auto settings = LoadSettings(ProcessEnvironment());
  if (!settings) {
    context.settings.lang = "en";
    return context.Fail(settings.error());
  }
  context.settings = std::move(settings).value();

  CLI::App app("Deposit evidence on a ledger, and verify it offline.", "cunzheng");
  app.require_subcommand(1);
  app.set_version_flag("--version", "cunzheng " CUNZHENG_VERSION);
  app.footer(kFooter);
  AddKeygenCommand(app, context);
  AddDepositCommand(app, context);
  AddCaptureCommand(app, context);
  AddDiscloseCommand(app, context);
  AddSyncCommand(app, context);
  AddQueueCommand(app, context);
  AddVerifyCommand(app, context);
  AddTrustCommand(app, context);
  AddRenewCommand(app, context);
  AddLookupCommand(app, context);
  AddReceiptCommand(app, context);
  AddInspectCommand(app, context);
  AddBenchCommand(app, context);
  if (const auto word = UnknownCommand(app, argc, argv)) return SayUnknown(app, *word);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // help, version
    Note("error: " + client::Printable(error.what()));
    const auto used = app.get_subcommands();
    Note("hint: `cunzheng " + (used.empty() ? std::string() : used.front()->get_name() + " ") +
         "--help` shows an example");
    return kUsageExit;
  }
  return context.exit_code;
}

}  // namespace
}  // namespace cunzheng::cli

int main(int argc, char** argv) {
  const int code = cunzheng::cli::Main(argc, argv);
  // Output that was lost, to a full disk or a closed pipe, is no success.
  if (std::fflush(stdout) != 0 && code == 0) {
    std::fputs(
        "error: standard output could not be written\nhint: check free space and the reader of the pipe\n",
        stderr);
    return 8;
  }
  return code;
}
