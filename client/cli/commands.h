// One function a command: it adds the subcommand to the parser, and its callback does the work and leaves the
// exit code in the context. Context outlives the parser's run.
#pragma once

#include "client/cli/context.h"

namespace CLI {
class App;
}

namespace cunzheng::cli {

void AddKeygenCommand(CLI::App& app, Context& context);
void AddDepositCommand(CLI::App& app, Context& context);
void AddCaptureCommand(CLI::App& app, Context& context);
void AddDiscloseCommand(CLI::App& app, Context& context);
void AddSyncCommand(CLI::App& app, Context& context);
void AddQueueCommand(CLI::App& app, Context& context);
void AddVerifyCommand(CLI::App& app, Context& context);
void AddTrustCommand(CLI::App& app, Context& context);
void AddRenewCommand(CLI::App& app, Context& context);
void AddLookupCommand(CLI::App& app, Context& context);
void AddReceiptCommand(CLI::App& app, Context& context);
void AddInspectCommand(CLI::App& app, Context& context);
void AddBenchCommand(CLI::App& app, Context& context);

}  // namespace cunzheng::cli
