#include "client/cli/context.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <ctime>

#include "client/sdk/paths.h"
#include "client/verify/verify.h"

namespace cunzheng::cli {
namespace {

volatile std::sig_atomic_t interrupted = 0;

extern "C" void OnInterrupt(int signal) {
  if (interrupted != 0) _exit(128 + signal);
  interrupted = 1;
}

}  // namespace

int Context::Fail(const Error& error, std::string_view hint) const {
  const verify::Explanation explanation = verify::Explain(error, settings.lang);
  // A usage error's detail says all; for others the sentence says what it means, the detail what it was.
  std::string text = error.code == Errc::kUsage ? error.detail : explanation.sentence;
  if (error.code != Errc::kUsage && !error.detail.empty()) {
    text += " [" + std::string(ErrcName(error.code)) + "] " + error.detail;
  }
  std::fflush(stdout);
  Note("error: " + client::Printable(text));
  Note("hint: " + (hint.empty() ? explanation.hint : std::string(hint)));
  return ErrcExitCode(error.code);
}

bool Interrupted() {
  return interrupted != 0;
}

void ClearInterrupt() {
  interrupted = 0;
}

void CatchInterrupts() {
  struct sigaction action {};
  action.sa_handler = OnInterrupt;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

void AddNodeOptions(CLI::App& command, NodeOptions& options) {
  command.add_option("--node", options.node, "The node's address, http://… or https://…")->type_name("URL");
  command.add_option("--ca-file", options.ca_file, "Trust these TLS roots (PEM) instead of the system's")
      ->type_name("F");
}

Result<std::string> NodeName(const Context& context, const NodeOptions& options) {
  const std::string& node = options.node.empty() ? context.settings.node : options.node;
  if (node.empty()) return Error{Errc::kUsage, "no node is set: give --node URL, or set CUNZHENG_NODE"};
  ASSIGN_OR_RETURN(const client::NodeUrl url, client::ParseNodeUrl(node));
  return url.ToString();
}

Result<client::Client> OpenClient(const Context& context, const NodeOptions& options) {
  client::ClientOptions out;
  ASSIGN_OR_RETURN(out.node, NodeName(context, options));
  out.ca_file = options.ca_file.empty() ? context.settings.ca_file : options.ca_file;
  out.stop = Interrupted;
  return client::Client::Make(std::move(out));
}

Result<AccountKey> OpenKey(const Context& context, const std::string& key,
                           const std::string& passphrase_file) {
  const std::string& path = key.empty() ? context.settings.key : key;
  if (path.empty()) return Error{Errc::kUsage, "no key is set: give --key K, or set CUNZHENG_KEY"};
  const std::string& from = passphrase_file.empty() ? context.settings.passphrase_file : passphrase_file;
  ASSIGN_OR_RETURN(const SecretBytes passphrase,
                   ObtainPassphrase(from.empty() ? std::nullopt : std::optional(from),
                                    "Passphrase of " + client::Printable(path) + ": ", false));
  return ReadAccountKey(path, passphrase.span());
}

void Print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void PrintLine(std::string_view text) {
  Print(text);
  Print("\n");
}

void Note(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fputc('\n', stderr);
}

std::string TimeText(uint64_t unix_s) {
  constexpr uint64_t kYear9999 = 253'402'300'799;
  if (unix_s > kYear9999) return std::to_string(unix_s) + " s";
  const auto seconds = static_cast<std::time_t>(unix_s);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[40];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts);
  return text;
}

std::string Count(uint64_t count, std::string_view singular, std::string_view plural) {
  return std::to_string(count) + " " + std::string(count == 1 ? singular : plural);
}

}  // namespace cunzheng::cli
