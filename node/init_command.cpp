// `cunzhengd init`: a new ledger of one member.
#include <cstdio>
#include <filesystem>

#include "crypto/file.h"
#include "crypto/json.h"
#include "node/cometbft/comet_home.h"
#include "node/commands.h"
#include "node/new_node.h"

namespace cunzheng::node {
namespace {

std::string MemberOf(const InitOptions& options) {
  if (!options.member.empty()) return options.member;
  return "operator." + options.origin.substr(0, options.origin.find('/'));
}

void TellOfPassphrase(const DataDir& dir) {
  std::fprintf(
      stderr,
      "note: a random passphrase for the keys is in %s\n"
      "hint: keep it apart from the keys, e.g. as systemd LoadCredential=cunzheng-passphrase:PATH, and "
      "empty node.passphrase_file in %s\n",
      dir.passphrase().c_str(), dir.config().c_str());
}

}  // namespace

Result<void> Init(const InitOptions& options) {
  if (options.origin.empty()) return Error{Errc::kUsage, "--origin: is needed, or --join"};
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
  if (made.passphrase_made) TellOfPassphrase(dir);
  return {};
}

Result<void> InitToJoin(const InitOptions& options, const std::string& genesis_file) {
  if (options.member.empty()) return Error{Errc::kUsage, "--member: is needed with --join"};
  ASSIGN_OR_RETURN(const std::string genesis_bytes, ReadWholeFile(genesis_file, ledger::kGenesisLengthMax));
  const auto genesis = ledger::DecodeGenesis(genesis_bytes);
  if (!genesis) return Error{genesis.error().code, genesis_file + ": " + genesis.error().detail};
  RETURN_IF_ERROR(ParseListenAddress(options.listen));
  Config config;
  config.member = options.member;
  config.listen = options.listen;
  config.engine_type = "cometbft";
  ASSIGN_OR_RETURN(
      NewMember member,
      MakeMember(genesis->origin, config.member, options.name_zh.empty() ? config.member : options.name_zh,
                 options.name_en.empty() ? config.member : options.name_en, options.role));
  if (!genesis->members.front().consensus_key) {
    return Error{Errc::kUsage,
                 genesis_file + ": its members have no consensus keys: one node alone orders that ledger"};
  }
  ASSIGN_OR_RETURN(const CometKeys comet, MakeCometKeys());
  member.info.consensus_key = comet.validator.public_key();
  const DataDir dir{options.data};
  ASSIGN_OR_RETURN(const NewNode made, LayOutNode(options.data, config, genesis_bytes, member,
                                                  {options.passphrase_file, options.ask_passphrase}));
  RETURN_IF_ERROR(WriteCometHome(std::filesystem::absolute(dir.cometbft()).lexically_normal().string(), comet,
                                 {config.member, config.cometbft_rpc, "0.0.0.0:26656", ""}, *genesis,
                                 ledger::LedgerId(genesis_bytes)));
  RETURN_IF_ERROR(
      WriteFileAtomically(dir.member(), json::EncodePretty(ledger::MemberToJson(member.info)), 0644, false));
  std::printf("ledger: %s\n", ToHex(ledger::LedgerId(genesis_bytes)).c_str());
  std::printf("member file: %s\n", dir.member().c_str());
  std::printf("CometBFT node: %s\n", CometPeerId(comet).c_str());
  std::fprintf(stderr,
               "hint: a member proposes this institution: cunzhengd propose member-add %s --data DIR\n",
               dir.member().c_str());
  if (made.passphrase_made) TellOfPassphrase(dir);
  return {};
}

}  // namespace cunzheng::node
