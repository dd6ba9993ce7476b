#include <CLI/CLI.hpp>
#include <filesystem>

#include "client/cli/commands.h"
#include "client/sdk/paths.h"
#include "crypto/sign.h"

namespace cunzheng::cli {
namespace {

struct KeygenOptions {
  std::string out, suite = "secp256k1", passphrase_file;
};

int RunKeygen(const KeygenOptions& options, const Context& context) {
  const Settings& settings = context.settings;
  std::string path = options.out;
  if (path.empty()) {
    if (settings.folders.config.empty()) return context.Fail({Errc::kUsage, "where to: give --out K"});
    path = client::JoinPath(settings.folders.config, "account.key");
    std::error_code ec;
    std::filesystem::create_directories(settings.folders.config, ec);
  }
  // Before anyone types a passphrase for nothing.
  for (const std::string& taken : {path, path + ".pub"}) {
    if (std::filesystem::exists(taken)) return context.Fail({Errc::kAlreadyExists, taken});
  }
  const std::string& from =
      options.passphrase_file.empty() ? settings.passphrase_file : options.passphrase_file;
  const auto passphrase = ObtainPassphrase(from.empty() ? std::nullopt : std::optional(from),
                                           "Passphrase for the new key: ", true);
  if (!passphrase) return context.Fail(passphrase.error());
  const PrivateKey key = PrivateKey::Generate(options.suite == "sm2" ? Suite::kSm2 : Suite::kSecp256k1);
  const Hash account = AccountId(key.public_key());
  if (const auto written = WriteAccountKey(path, key, account, passphrase->span()); !written) {
    return context.Fail(written.error());
  }
  const std::string shown = client::Printable(path);
  PrintLine(context.Say("account  ", "账户  ") + ToHex(account));
  PrintLine(context.Say("key      ", "私钥  ") + shown);
  PrintLine(context.Say("public   ", "公钥  ") + shown + ".pub");
  Note(context.Say(
      "Keep the key and its passphrase: neither can be recovered. Give the .pub file to the institution "
      "that is to sponsor the account: cunzhengd account add --account-key K.pub --name NAME",
      "请妥善保管私钥与口令，二者均无法找回。将 .pub 文件交给担保机构登记："
      "cunzhengd account add --account-key K.pub --name 名称"));
  return 0;
}

}  // namespace

void AddKeygenCommand(CLI::App& app, Context& context) {
  auto options = std::make_shared<KeygenOptions>();
  CLI::App* command = app.add_subcommand("keygen", "Make an account key: K (encrypted) and K.pub");
  command
      ->add_option("--out", options->out,
                   "Where to write the key (default: account.key in the config folder)")
      ->type_name("K");
  command->add_option("--suite", options->suite, "Signature suite: secp256k1 (default) or sm2")
      ->check(CLI::IsMember({"secp256k1", "sm2"}))
      ->type_name("SUITE");
  command
      ->add_option("--passphrase-file", options->passphrase_file,
                   "Read the passphrase from the first line of F (mode 0600)")
      ->type_name("F");
  command->footer("Example:\n  cunzheng keygen --out my.key");
  command->callback([options, &context] { context.exit_code = RunKeygen(*options, context); });
}

}  // namespace cunzheng::cli
