// Laying out the data folder of a new node: what `init` and `testnet` share.
#pragma once

#include <optional>
#include <string>

#include "crypto/key_file.h"
#include "crypto/note.h"
#include "crypto/result.h"
#include "crypto/sign.h"
#include "ledger/entry.h"
#include "node/config.h"
#include "node/data_dir.h"

namespace cunzheng::node {

struct NewMember {
  NoteSigner log;
  NoteSigner cosign;
  PrivateKey account;
  ledger::MemberInfo info;
};
// Makes a member's three keys. Errors: kUsage (the origin), kKeyInvalid (the id).
Result<NewMember> MakeMember(const std::string& origin, const std::string& id, const std::string& name_zh,
                             const std::string& name_en, const std::string& role);

struct PassphraseChoice {
  std::optional<std::string> file;  // with a passphrase
  bool ask = false;                 // on the terminal
};
struct NodePassphrase {
  SecretBytes bytes;
  uint32_t log_n = kScryptLogNDefault;
  std::string configured;  // config.toml's node.passphrase_file
  bool made = false;       // a random one is beside the keys
};
// One that was given, in the usual order; with none given, a random one beside the keys, whose folder exists.
Result<NodePassphrase> TakePassphrase(const DataDir& dir, const PassphraseChoice& choice);
// Makes the folder, or takes an empty one. Returns whether it was made.
Result<bool> MakeDataFolder(const std::string& path);

struct NewNode {
  std::string trust_fingerprint;
  bool passphrase_made = false;  // a random one is beside the keys
};
// Makes the folder `data` (or takes an empty one) with keys, genesis, ledger, trust file and, last,
// config.toml: a folder without it is no node's, whenever this was interrupted. On an error all is as it was.
// `genesis_bytes` must decode.
Result<NewNode> LayOutNode(const std::string& data, Config config, const std::string& genesis_bytes,
                           const NewMember& member, const PassphraseChoice& choice);

uint64_t NowMs();

}  // namespace cunzheng::node
