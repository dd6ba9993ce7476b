#include "client/cli/settings.h"

#include <toml++/toml.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>

#include "client/sdk/paths.h"
#include "crypto/key_file.h"

namespace cunzheng::cli {
namespace {

using client::JoinPath;

constexpr size_t kConfigLengthMax = 64 * 1024;

struct Field {
  const char* key;       // in config.toml
  const char* variable;  // in the environment
  std::string Settings::*member;
  bool is_path;
};
constexpr Field kFields[] = {
    {"node", "CUNZHENG_NODE", &Settings::node, false},
    {"key", "CUNZHENG_KEY", &Settings::key, true},
    {"passphrase_file", "CUNZHENG_PASSPHRASE_FILE", &Settings::passphrase_file, true},
    {"trust", "CUNZHENG_TRUST", &Settings::trust, true},
    {"ca_file", "CUNZHENG_CA_FILE", &Settings::ca_file, true},
    {"lang", "CUNZHENG_LANG", &Settings::lang, false},
};

// The specification has relative paths in XDG variables ignored.
std::string FindFolder(const Environment& environment, const char* variable, const char* below_home) {
  if (const auto value = environment(variable); value && value->front() == '/')
    return JoinPath(*value, "cunzheng");
  if (const auto home = environment("HOME")) return JoinPath(JoinPath(*home, below_home), "cunzheng");
  return "";
}

std::string ResolvePath(const std::string& path, const std::string& folder, const Environment& environment) {
  if (path.starts_with("~/")) {
    if (const auto home = environment("HOME")) return JoinPath(*home, path.substr(2));
  }
  return path.empty() || path.front() == '/' ? path : JoinPath(folder, path);
}

Result<void> ReadConfig(const std::string& path, const Environment& environment, Settings* settings) {
  if (access(path.c_str(), F_OK) != 0) return {};
  ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(path, kConfigLengthMax));
  toml::table table;
  try {
    table = toml::parse(text, path);
  } catch (const toml::parse_error& error) {
    return Error{Errc::kUsage, path + ": line " + std::to_string(error.source().begin.line) + ": " +
                                   std::string(error.description())};
  }
  for (const auto& [key, node] : table) {
    const Field* field = nullptr;
    for (const Field& candidate : kFields) {
      if (key.str() == candidate.key) field = &candidate;
    }
    const std::string name = path + ": " + std::string(key.str());
    if (field == nullptr) {
      return Error{Errc::kUsage,
                   name + ": unknown; known are node, key, passphrase_file, trust, ca_file, lang"};
    }
    const auto* value = node.as_string();
    if (value == nullptr) return Error{Errc::kUsage, name + ": must be a string"};
    settings->*field->member =
        field->is_path ? ResolvePath(value->get(), settings->folders.config, environment) : value->get();
  }
  return {};
}

std::string LanguageOf(const Environment& environment) {
  for (const char* variable : {"LC_ALL", "LC_MESSAGES", "LANG"}) {
    if (const auto value = environment(variable)) return value->starts_with("zh") ? "zh" : "en";
  }
  return "en";
}

}  // namespace

Environment ProcessEnvironment() {
  return [](const char* name) -> std::optional<std::string> {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') return std::nullopt;
    return std::string(value);
  };
}

Folders FindFolders(const Environment& environment) {
  return {FindFolder(environment, "XDG_CONFIG_HOME", ".config"),
          FindFolder(environment, "XDG_STATE_HOME", ".local/state")};
}

Result<Settings> LoadSettings(const Environment& environment) {
  Settings settings;
  settings.folders = FindFolders(environment);
  const std::string& config = settings.folders.config;
  if (!config.empty()) RETURN_IF_ERROR(ReadConfig(JoinPath(config, "config.toml"), environment, &settings));
  if (environment("CUNZHENG_PASSPHRASE")) settings.passphrase_file.clear();
  for (const Field& field : kFields) {
    if (auto value = environment(field.variable)) settings.*field.member = *value;
  }
  if (settings.key.empty() && !config.empty()) {
    const std::string key = JoinPath(config, "account.key");
    if (access(key.c_str(), F_OK) == 0) settings.key = key;
  }
  if (settings.lang.empty()) settings.lang = LanguageOf(environment);
  if (settings.lang != "zh" && settings.lang != "en") {
    return Error{Errc::kUsage, "lang \"" + settings.lang + "\": must be zh or en"};
  }
  return settings;
}

}  // namespace cunzheng::cli
