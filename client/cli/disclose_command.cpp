// cunzheng disclose: some parts of a package, with the proof that they belong to it; the rest stays at home.
#include <CLI/CLI.hpp>
#include <set>

#include "client/cli/commands.h"
#include "client/cli/deposit_report.h"
#include "client/evidence/file_kind.h"
#include "client/evidence/package.h"
#include "client/sdk/paths.h"
#include "crypto/file.h"
#include "ledger/receipt.h"

namespace cunzheng::cli {
namespace {

struct DiscloseOptions {
  std::string package, out;
  std::vector<std::string> only;
  bool list = false;
};

// Whether a person who writes `wanted` means this part: its name, the name of an attachment without its
// folder, or the address of a response.
bool Means(const evidence::Part& part, const std::string& wanted) {
  if (part.Name() == wanted) return true;
  if (part.Name() == std::string(evidence::kWaczAttachments) + wanted) return true;
  return part.url == wanted && part.kind == "response";
}

Result<std::vector<size_t>> Choose(const std::vector<evidence::Part>& parts,
                                   const std::vector<std::string>& only) {
  std::set<size_t> chosen;
  for (const std::string& wanted : only) {
    bool found = false;
    for (size_t i = 0; i < parts.size(); i++) {
      if (!Means(parts[i], wanted)) continue;
      chosen.insert(i);
      found = true;
    }
    if (!found) {
      return Error{Errc::kUsage, "--only " + client::Printable(wanted) +
                                     ": the package has no such part (--list shows them)"};
    }
  }
  return std::vector<size_t>(chosen.begin(), chosen.end());
}

// A receipt that came later stands beside the package: it is put in first.
Result<void> TakeReceiptIn(const std::string& path, const evidence::ZipReader& package) {
  if (package.Find("receipt.json") != nullptr) return {};
  const auto receipt = ReadWholeFile(client::ReceiptPathFor(path), ledger::kReceiptLengthMax);
  if (!receipt) {
    return Error{Errc::kNotFound,
                 path + ": has no receipt yet, and there is none beside it; `cunzheng sync` fetches it"};
  }
  return evidence::AddReceipt(path, *receipt);
}

Result<void> Disclose(const DiscloseOptions& options, const Context& context) {
  if (evidence::FindFileKind(options.package) == evidence::FileKind::kDisclosure) {
    return Error{Errc::kUsage,
                 options.package + ": shows parts of a package already; the package itself is needed"};
  }
  if (options.only.empty() != options.list) return Error{Errc::kUsage, "give --only PART, or --list"};
  ASSIGN_OR_RETURN(auto source, evidence::OpenFileSource(options.package));
  ASSIGN_OR_RETURN(evidence::ZipReader package, evidence::ZipReader::Open(source));
  const evidence::ZipMember* member = package.Find("parts.json");
  if (member == nullptr)
    return Error{Errc::kNotFound, options.package + ": has no parts.json, so it is no package"};
  ASSIGN_OR_RETURN(const std::string text, package.Read(*member, evidence::kPartsBytesMax));
  ASSIGN_OR_RETURN(const auto parts, evidence::DecodeParts(text));
  if (options.list) {
    for (const evidence::Part& part : parts) {
      PrintLine(part.Name() + "\t" + std::to_string(part.length) + "\t" + part.kind.value_or("-") + "\t" +
                client::Printable(part.url.value_or("-")));
    }
    return {};
  }
  ASSIGN_OR_RETURN(const std::vector<size_t> chosen, Choose(parts, options.only));
  if (package.Find("receipt.json") == nullptr) {
    RETURN_IF_ERROR(TakeReceiptIn(options.package, package));
    ASSIGN_OR_RETURN(source, evidence::OpenFileSource(options.package));
    ASSIGN_OR_RETURN(package, evidence::ZipReader::Open(source));
  }
  std::string out = options.out;
  if (out.empty()) {
    std::string_view stem = options.package;
    for (const std::string_view end : {evidence::kPackageSuffix, std::string_view(".zip")}) {
      if (!stem.ends_with(end)) continue;
      stem.remove_suffix(end.size());
      break;
    }
    out = std::string(stem) + std::string(evidence::kDisclosureSuffix);
  }
  if (!out.ends_with(evidence::kDisclosureSuffix)) {
    return Error{Errc::kUsage,
                 "--out " + out + ": the name must end in " + std::string(evidence::kDisclosureSuffix)};
  }
  RETURN_IF_ERROR(evidence::WriteDisclosure(out, package, parts, chosen, false));
  PrintLine(context.Say("disclosed  ", "已出示  ") + ShownPath(out) + context.Say("  parts: ", "  部分：") +
            std::to_string(chosen.size()) + context.Say(" of ", " / ") + std::to_string(parts.size()));
  return {};
}

}  // namespace

void AddDiscloseCommand(CLI::App& app, Context& context) {
  auto options = std::make_shared<DiscloseOptions>();
  CLI::App* command =
      app.add_subcommand("disclose", "Show some parts of a package with proof, and withhold the rest");
  command->add_option("package", options->package, "The package")->required()->type_name("NAME.evidence.zip");
  command
      ->add_option("--only", options->only,
                   "A part: its name as --list shows it, a file of evidence/, or a response's address; may "
                   "be repeated")
      ->type_name("PART")
      ->allow_extra_args(false);
  command->add_option("--out", options->out, "The file to write (default NAME.disclosure.zip)")
      ->type_name("F");
  command->add_flag("--list", options->list, "List the parts: name, bytes, kind, address");
  command->footer(
      "A WARC record of kind request holds cookies; --only ADDRESS shows responses alone, and a response may "
      "set\n"
      "cookies: look at what you show.\n\n"
      "Example:\n  cunzheng disclose shop.evidence.zip --only screenshot.png --only "
      "https://shop.example/item");
  command->callback([options, &context] {
    const auto done = Disclose(*options, context);
    context.exit_code = done ? 0 : context.Fail(done.error());
  });
}

}  // namespace cunzheng::cli
