// What a user has settled once: node, key, trust. An option beats the environment, the environment beats the
// file.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "crypto/result.h"

namespace cunzheng::cli {

// Where variables come from; tests inject their own. Empty values count as unset.
using Environment = std::function<std::optional<std::string>(const char* name)>;
Environment ProcessEnvironment();

// Folders after the XDG base directory specification; "" when neither XDG variable nor HOME is set.
struct Folders {
  std::string config;  // …/cunzheng: config.toml, trust/, account.key
  std::string state;   // …/cunzheng: queue/, nodes/
};
Folders FindFolders(const Environment& environment);

struct Settings {
  Folders folders;
  std::string node;             // CUNZHENG_NODE, "node"
  std::string key;              // CUNZHENG_KEY, "key", else <config>/account.key when that exists
  std::string passphrase_file;  // CUNZHENG_PASSPHRASE_FILE, "passphrase_file"; see below
  std::string trust;            // CUNZHENG_TRUST, "trust"
  std::string ca_file;          // CUNZHENG_CA_FILE, "ca_file"
  std::string lang;             // CUNZHENG_LANG, "lang", else LC_ALL, LC_MESSAGES, LANG: "zh" or "en"
};

// Reads <config>/config.toml, if there is one, and the environment. Paths in the file may begin with "~/";
// relative ones are relative to the file's folder. CUNZHENG_PASSPHRASE beats a passphrase_file of the file.
// Errors: kUsage (syntax, unknown key, wrong type, lang), kIo; each names the file.
Result<Settings> LoadSettings(const Environment& environment);

}  // namespace cunzheng::cli
