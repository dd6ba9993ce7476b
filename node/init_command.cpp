// `cunzhengd init`: a new ledger of one member.
#include <cstdio>

#include "node/commands.h"
#include "node/new_node.h"

namespace cunzheng::node {
namespace {

std::string MemberOf(const InitOptions& options) {
  if (!options.member.empty()) return options.member;
  return "operator." + options.origin.substr(0, options.origin.find('/'));
}

}  // namespace

Result<void> Init(const InitOptions& options) {
  Config config;
  config.member = MemberOf(options);
  config.listen = options.listen;
  // All that can be refused is refused before the folder is touched.
  RETURN_IF_ERROR(ParseListenAddress(options.listen));
  ASSIGN_OR_RETURN(
      const NewMember member,
      MakeMember(options.origin, config.member, options.name_zh.empty() ? config.member : options.name_zh,
                 options.name_en.empty() ? config.member : options.name_en, options.role));
  ledger::Genesis genesis;
  genesis.origin = options.origin;
  genesis.created_unix_ms = NowMs();
  genesis.nonce = RandomHash();
  genesis.params.checkpoint_interval_ms = options.checkpoint_interval_ms;
  genesis.members.push_back(member.info);
  const std::string genesis_bytes = ledger::EncodeGenesis(genesis);
  RETURN_IF_ERROR(ledger::DecodeGenesis(genesis_bytes));

  const DataDir dir{options.data};
  ASSIGN_OR_RETURN(const NewNode made, LayOutNode(options.data, config, genesis_bytes, member,
                                                  {options.passphrase_file, options.ask_passphrase}));
  std::printf("ledger: %s\n", ToHex(ledger::LedgerId(genesis_bytes)).c_str());
  std::printf("member: %s\n", config.member.c_str());
  std::printf("trust fingerprint: %s\n", made.trust_fingerprint.c_str());
  std::printf("trust file: %s\n", dir.trust().c_str());
  if (made.passphrase_made) {
    std::fprintf(
        stderr,
        "note: a random passphrase for the keys is in %s\n"
        "hint: keep it apart from the keys, e.g. as systemd LoadCredential=cunzheng-passphrase:PATH, and "
        "empty node.passphrase_file in %s\n",
        dir.passphrase().c_str(), dir.config().c_str());
  }
  return {};
}

}  // namespace cunzheng::node
