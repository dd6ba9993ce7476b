// What the browser is that will run, and what it will find of others' settings.
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iterator>

#include "client/capture/cleanliness_items.h"

namespace cunzheng::capture {
namespace {

namespace fs = std::filesystem;

// Arguments by which somebody else than the page's server could decide what is shown.
constexpr std::string_view kMeddlingFlags[] = {"--proxy-server",
                                               "--proxy-pac-url",
                                               "--host-resolver-rules",
                                               "--host-rules",
                                               "--ignore-certificate-errors",
                                               "--load-extension",
                                               "--disable-web-security",
                                               "--user-agent",
                                               "--remote-debugging-port",
                                               "--allow-running-insecure-content"};

// The version of the package that PROGRAM belongs to, as dpkg's own files have it.
std::pair<std::string, std::string> PackageOf(const Machine& machine, const std::string& program) {
  for (const char* package : {"chromium", "chromium-browser", "google-chrome-stable"}) {
    const std::string list = machine.Text(std::string("/var/lib/dpkg/info/") + package + ".list");
    const auto lines = Lines(list);
    if (std::find(lines.begin(), lines.end(), program) == lines.end()) continue;
    const std::string status = machine.Text("/var/lib/dpkg/status");
    const size_t at = ("\n" + status).find(std::string("\nPackage: ") + package + "\n");
    if (at == std::string::npos) continue;
    const std::string_view entry = std::string_view(status).substr(at, status.find("\n\n", at) - at);
    for (const std::string_view line : Lines(entry)) {
      if (line.starts_with("Version: ")) return {package, std::string(line.substr(9))};
    }
  }
  return {};
}

// Debian's and Google's commands are scripts that run the program itself.
std::string BinaryOf(const Machine& machine, const std::string& program) {
  if (!machine.Text(program).starts_with("#!")) return program;
  std::error_code failed;
  const fs::path real = fs::canonical(machine.Path(program), failed);
  std::vector<std::string> candidates = {
      "/usr/lib/chromium/chromium", "/usr/lib/chromium-browser/chromium-browser",
      "/usr/lib64/chromium-browser/chromium-browser", "/opt/google/chrome/chrome"};
  if (!failed) {
    const std::string beside = (real.parent_path() / "chrome").string();
    if (beside.starts_with(machine.probes.root)) {
      candidates.insert(candidates.begin(), beside.substr(machine.probes.root.size()));
    }
  }
  for (const std::string& candidate : candidates) {
    if (access(machine.Path(candidate).c_str(), X_OK) == 0) return candidate;
  }
  return {};
}

json::Array FilesOf(const Machine& machine, std::string_view folder) {
  json::Array files;
  for (const std::string& name : machine.Names(folder)) {
    if (files.size() == 64) break;
    const std::string path = std::string(folder) + "/" + name;
    json::Object file{{"path", Fact(path)}};
    if (const std::string digest = machine.DigestOf(path); !digest.empty()) file.emplace("sha256", digest);
    files.push_back(std::move(file));
  }
  return files;
}

}  // namespace

CleanlinessItem LookAtBrowser(const Machine& machine) {
  const std::string& program = machine.options.browser_program;
  CleanlinessItem item{"browser", ItemState::kOk, {}, {}, {}};
  const std::string digest = program.empty() ? "" : machine.DigestOf(program);
  if (digest.empty()) {
    return {"browser",
            ItemState::kNotChecked,
            "无法读取浏览器程序。",
            "The browser's program could not be read.",
            {}};
  }
  const std::string binary = BinaryOf(machine, program);
  const std::string binary_digest = binary.empty() ? "" : machine.DigestOf(binary);
  const std::string version = binary.empty() ? "" : machine.probes.version(machine.Path(binary));
  const auto [package, package_version] = PackageOf(machine, binary.empty() ? program : binary);
  item.facts = {{"program", Fact(program)},
                {"program_sha256", digest},
                {"version", Fact(version)},
                {"package", Fact(package)},
                {"package_version", Fact(package_version)}};
  if (!binary_digest.empty()) {
    item.facts.emplace("binary", Fact(binary));
    item.facts.emplace("binary_sha256", binary_digest);
  }
  // Debian's script takes these in before it starts the browser.
  json::Array meddling;
  for (const std::string& name : machine.Names("/etc/chromium.d")) {
    const std::string text = machine.Text("/etc/chromium.d/" + name);
    for (const std::string_view line : Lines(text)) {
      const auto words = Words(line);
      if (words.empty() || words[0].starts_with("#")) continue;
      for (const std::string_view flag : kMeddlingFlags) {
        // Debian's own line for extensions names none unless some are installed, which the next item tells.
        if (line.find(flag) == std::string_view::npos || (flag == "--load-extension" && name == "extensions"))
          continue;
        meddling.push_back(json::Object{{"file", Fact(name)}, {"argument", flag}});
      }
    }
  }
  for (const std::string& argument : machine.options.browser_arguments) {
    for (const std::string_view flag : kMeddlingFlags) {
      if (argument.starts_with(flag)) meddling.push_back(json::Object{{"file", ""}, {"argument", flag}});
    }
  }
  const bool meddled = !meddling.empty();
  item.facts.emplace("settings", FilesOf(machine, "/etc/chromium.d"));
  item.facts.emplace("meddling", std::move(meddling));
  const std::string shown = evidence::PlainText(version.empty() ? package_version : version, 128);
  item.zh = "浏览器为 " + (shown.empty() ? "版本不详的程序" : shown) + "，已记录其程序摘要。";
  item.en = "The browser is " + (shown.empty() ? "of unknown version" : shown) +
            "; its program's digest is recorded.";
  if (binary_digest.empty()) {
    item.state = ItemState::kNotice;
    item.zh = "浏览器命令是脚本，未找到其所运行的程序，仅记录脚本的摘要。";
    item.en =
        "The browser's command is a script; the program that it runs was not found, so only the script's "
        "digest "
        "is recorded.";
  }
  if (meddled) {
    item.state = ItemState::kWarning;
    item.zh = "浏览器的启动参数可改变网页的来源或内容。";
    item.en =
        "The browser is started with arguments that can change where a page comes from, or what it shows.";
  }
  return item;
}

CleanlinessItem LookAtProfile(const Machine& machine) {
  CleanlinessItem item{"profile",
                       ItemState::kOk,
                       "浏览器使用新建的空白配置，没有扩展程序，没有管理策略。",
                       "The browser has a new and empty profile, no extensions, and no policies.",
                       {}};
  json::Array policies, extensions, preferences;
  const auto add = [&](json::Array* to, const char* folder) {
    for (json::Value& file : FilesOf(machine, folder)) to->push_back(std::move(file));
  };
  for (const char* folder : {"/etc/chromium/policies/managed", "/etc/chromium/policies/recommended",
                             "/etc/chromium-browser/policies/managed", "/etc/opt/chrome/policies/managed",
                             "/etc/opt/chrome/policies/recommended"}) {
    add(&policies, folder);
  }
  for (const char* folder : {"/usr/share/chromium/extensions", "/usr/lib/chromium/extensions",
                             "/usr/share/google-chrome/extensions", "/opt/google/chrome/extensions"}) {
    add(&extensions, folder);
  }
  for (const char* path : {"/etc/chromium/master_preferences", "/etc/chromium/initial_preferences",
                           "/opt/google/chrome/initial_preferences"}) {
    if (const std::string digest = machine.DigestOf(path); !digest.empty()) {
      preferences.push_back(json::Object{{"path", path}, {"sha256", digest}});
    }
  }
  const bool governed = !policies.empty(), extended = !extensions.empty();
  item.facts = {{"fresh", true},
                {"policies", std::move(policies)},
                {"extensions", std::move(extensions)},
                {"preferences", std::move(preferences)}};
  if (governed) {
    item.state = ItemState::kWarning;
    item.zh = "浏览器使用新建的空白配置，但本机的管理策略对其有效。";
    item.en = "The browser has a new and empty profile, but policies of this machine govern it.";
  } else if (extended) {
    item.state = ItemState::kNotice;
    item.zh = "浏览器使用新建的空白配置；本机装有扩展程序，启动时已停用。";
    item.en =
        "The browser has a new and empty profile; extensions are installed on this machine and switched off.";
  }
  return item;
}

}  // namespace cunzheng::capture
