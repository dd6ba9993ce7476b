// Laying out the data folder of a new node: what `init` and `testnet` share.
#pragma once

#include <optional>
#include <string>

#include "crypto/note.h"
#include "crypto/result.h"
#include "crypto/sign.h"
#include "ledger/entry.h"
#include "node/config.h"

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
