// cunzheng trust: which ledgers' keys this user has decided to believe.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>

#include "client/cli/commands.h"
#include "client/cli/trust_pins.h"
#include "client/sdk/paths.h"
#include "crypto/file.h"
#include "crypto/json.h"
#include "ledger/trust_update.h"

namespace cunzheng::cli {
namespace {

struct PinOptions {
  std::string file, fingerprint;
  bool replace = false;
};

// Hex digits alone, lowercase: people copy fingerprints with spaces, colons and capitals.
std::string Digits(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c >= 'A' && c <= 'F') {
      out += static_cast<char>(c - 'A' + 'a');
    } else if (c != ' ' && c != ':' && c != '-' && c != '\n') {
      out += c;
    }
  }
  return out;
}

void Describe(const ledger::Trust& trust, const Context& context) {
  PrintLine(context.Say("origin       ", "账本名称  ") + trust.origin);
  PrintLine(context.Say("ledger       ", "账本标识  ") + ToHex(trust.ledger));
  PrintLine(context.Say("version      ", "版本      ") + std::to_string(trust.version));
  PrintLine(context.Say("quorum       ", "法定数    ") + std::to_string(trust.quorum.k) +
            context.Say(" of ", "/") + std::to_string(trust.n()));
  for (const ledger::TrustMember& member : trust.members) {
    PrintLine(context.Say("institution  ", "机构      ") +
              client::Printable(context.zh() ? member.name_zh : member.name_en) + " (" + member.id + ", " +
              member.role + ")");
  }
  PrintLine(context.Say("fingerprint  ", "指纹      ") + ledger::TrustFingerprint(trust));
}

// Asks on the terminal; anything but yes is no.
bool Confirm(const Context& context) {
  std::fputs(context
                 .Say("Compare the fingerprint with the published one. Is it the same? (yes/no) ",
                      "请与公布的指纹核对。是否一致？(yes/no) ")
                 .c_str(),
             stderr);
  char answer[16] = {};
  return std::fgets(answer, sizeof answer, stdin) != nullptr && Digits(answer) == "yes";
}

int RunPin(const PinOptions& options, const Context& context) {
  const auto file = ReadTrustFile(options.file);
  if (!file) return context.Fail(file.error());
  Describe(file->trust, context);
  const std::string actual = Digits(ledger::TrustFingerprint(file->trust));
  if (!options.fingerprint.empty()) {
    if (Digits(options.fingerprint) != actual) {
      return context.Fail(
          {Errc::kTrustNotEstablished, options.file + ": its fingerprint is not the one given"},
          context.Say("This is not the trust file that was meant; it was not pinned.",
                      "这不是所指的信任文件，未予固定。"));
    }
  } else if (isatty(STDIN_FILENO) == 1) {
    if (!Confirm(context))
      return context.Fail({Errc::kTrustNotEstablished, options.file + ": not confirmed, not pinned"});
  } else {
    return context.Fail({Errc::kUsage, "trust pin: give --fingerprint HEX, as the institutions publish it"});
  }
  const auto pinned = TrustPins(context.settings).Pin(file->trust, options.replace);
  if (!pinned) {
    return context.Fail(pinned.error(),
                        context.Say("--replace pins it all the same; do so only if you know why the "
                                    "chain is broken.",
                                    "--replace 可强制固定；仅在明确链条中断原因时使用。"));
  }
  PrintLine(context.Say("pinned       ", "已固定    ") + client::Printable(*pinned));
  return 0;
}

int RunShow(const Context& context) {
  const auto pins = TrustPins(context.settings).List();
  if (!pins) return context.Fail(pins.error());
  if (pins->empty()) {
    PrintLine(context.Say("no trust file is pinned", "尚未固定信任文件"));
    return 0;
  }
  for (const TrustPin& pin : *pins) {
    if (&pin != &pins->front()) PrintLine("");
    Describe(pin.trust, context);
    PrintLine(context.Say("file         ", "文件      ") + client::Printable(pin.path));
  }
  return 0;
}

struct UpdateOptions {
  std::string file;
  NodeOptions node;
};

// The trust file to start from: the one named, else the one pinned for the node's ledger.
Result<TrustPin> Start(const UpdateOptions& options, client::Client* client, const Context& context) {
  if (!options.file.empty()) return ReadTrustFile(options.file);
  ASSIGN_OR_RETURN(const client::LedgerInfo info, client->GetLedger());
  ASSIGN_OR_RETURN(auto pinned, TrustPins(context.settings).Find(info.ledger));
  if (!pinned) {
    return Error{Errc::kTrustNotEstablished, "no trust file of ledger " + ToHex(info.ledger) + " is pinned"};
  }
  return std::move(*pinned);
}

// Follows the versions as far as they lead; what was proven is kept, also when a later step fails.
Result<ledger::Trust> Follow(client::Client* client, const ledger::Trust& first, const Context& context,
                             const std::function<Result<void>(const ledger::Trust&)>& keep) {
  ledger::Trust trust = first;
  for (;;) {
    const auto text = client->GetTrustUpdate(trust.version + 1);
    if (!text && text.error().code == Errc::kNotFound) return trust;
    if (!text) return text.error();
    const auto at = [&](const Error& error) {
      return Error{error.code, "version " + std::to_string(trust.version + 1) + ": " + error.detail};
    };
    const auto update = ledger::DecodeTrustUpdate(*text);
    if (!update) return at(update.error());
    auto next = ledger::VerifyTrustUpdate(trust, *update);
    if (!next) return at(next.error());
    RETURN_IF_ERROR(keep(*next));
    PrintLine(context.Say("followed     ", "已跟进    ") + context.Say("version ", "版本 ") +
              std::to_string(next->version) + context.Say(", signed by ", "，签署：") +
              Count(update->signatures.size(), context.Say("institution", "家机构"),
                    context.Say("institutions", "家机构")) +
              context.Say(" of version ", "，属版本 ") + std::to_string(trust.version));
    trust = *std::move(next);
  }
}

int RunUpdate(const UpdateOptions& options, const Context& context) {
  auto client = OpenClient(context, options.node);
  if (!client) return context.Fail(client.error());
  const auto start = Start(options, &*client, context);
  if (!start) {
    return context.Fail(start.error(),
                        context.Say("Pin the ledger's trust file first: cunzheng trust pin FILE.",
                                    "请先固定该账本的信任文件：cunzheng trust pin FILE。"));
  }
  const auto keep = [&](const ledger::Trust& trust) -> Result<void> {
    if (!options.file.empty())
      return WriteFileAtomically(start->path, ledger::EncodeTrust(trust), 0644, true);
    RETURN_IF_ERROR(TrustPins(context.settings).Pin(trust, false));
    return {};
  };
  const auto newest = Follow(&*client, start->trust, context, keep);
  if (!newest) {
    std::string hint = context.Say("What was pinned stays pinned.", "已固定的信任文件保持不变。");
    if (newest.error().code == Errc::kQuorumNotMet) {
      hint = context.Say("Too few institutions have signed it so far; try again later, or ask another node.",
                         "签署该版本的机构尚不足；请稍后再试，或改问其他节点。");
    }
    return context.Fail(newest.error(), hint);
  }
  PrintLine(context.Say("up to date   ", "已是最新  ") + context.Say("version ", "版本 ") +
            std::to_string(newest->version));
  PrintLine(context.Say("fingerprint  ", "指纹      ") + ledger::TrustFingerprint(*newest));
  return 0;
}

}  // namespace

void AddTrustCommand(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("trust", "Pin, update and show trust files");
  command->require_subcommand(1);
  auto options = std::make_shared<PinOptions>();
  CLI::App* pin = command->add_subcommand("pin", "Trust a ledger's institutions from now on");
  pin->add_option("file", options->file, "The trust file")->required()->type_name("FILE");
  pin->add_option("--fingerprint", options->fingerprint, "The fingerprint that the institutions publish")
      ->type_name("HEX");
  pin->add_flag("--replace", options->replace, "Pin even what does not follow the version that is pinned");
  pin->footer("Example:\n  cunzheng trust pin trust.json");
  pin->callback([options, &context] { context.exit_code = RunPin(*options, context); });
  CLI::App* show = command->add_subcommand("show", "Show what is pinned");
  show->callback([&context] { context.exit_code = RunShow(context); });
  auto update_options = std::make_shared<UpdateOptions>();
  CLI::App* update =
      command->add_subcommand("update", "Follow the ledger's institutions to its newest trust file");
  AddNodeOptions(*update, update_options->node);
  update->add_option("--trust", update_options->file, "Update this file instead of the pinned one")
      ->type_name("trust.json");
  update->footer(
      "Each version must be signed by as many institutions of the one before as a receipt needs.\n\n"
      "Example:\n  cunzheng trust update --node http://127.0.0.1:8750");
  update->callback([update_options, &context] { context.exit_code = RunUpdate(*update_options, context); });
  command->footer("Example:\n  cunzheng trust pin trust.json\n  cunzheng trust show");
}

}  // namespace cunzheng::cli
