// `cunzhengd testnet`: a whole consortium on this machine, for trying out and for tests: the nodes' data
// folders, and beside each ledger the home of its CometBFT (v0.38).
#include <sys/stat.h>

#include <cstdio>
#include <filesystem>

#include "node/cometbft/comet_home.h"
#include "node/commands.h"
#include "node/data_dir.h"
#include "node/new_node.h"

namespace cunzheng::node {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kPortsPerNode = 10;

struct TestNode {
  NewMember member;
  CometKeys comet;
  uint64_t port = 0;  // HTTP; +1 p2p, +2 RPC
};

std::string Local(uint64_t port) {
  return "127.0.0.1:" + std::to_string(port);
}

Result<TestNode> MakeTestNode(const TestnetOptions& options, uint64_t number) {
  const std::string host = options.origin.substr(0, options.origin.find('/'));
  const std::string id = "member" + std::to_string(number + 1) + "." + host;
  constexpr const char* kRoles[] = {"notary", "court", "platform", "agency"};
  ASSIGN_OR_RETURN(NewMember member, MakeMember(options.origin, id, "成员" + std::to_string(number + 1),
                                                "Member " + std::to_string(number + 1), kRoles[number % 4]));
  ASSIGN_OR_RETURN(CometKeys comet, MakeCometKeys());
  member.info.consensus_key = comet.validator.public_key();
  return TestNode{std::move(member), std::move(comet), options.base_port + number * kPortsPerNode};
}

}  // namespace

Result<void> Testnet(const TestnetOptions& options) {
  std::error_code failed;
  if (fs::exists(options.out, failed)) return Error{Errc::kAlreadyExists, options.out + ": exists already"};
  std::vector<TestNode> nodes;
  for (uint64_t i = 0; i < options.nodes; ++i) {
    ASSIGN_OR_RETURN(TestNode node, MakeTestNode(options, i));
    nodes.push_back(std::move(node));
  }
  ledger::Genesis genesis;
  genesis.origin = options.origin;
  genesis.created_unix_ms = NowMs();
  genesis.nonce = RandomHash();
  // As many liars as consensus bears, and all others' signatures.
  genesis.f = (options.nodes - 1) / 3;
  genesis.k = options.nodes - genesis.f;
  genesis.govern = genesis.k;
  for (const TestNode& node : nodes) genesis.members.push_back(node.member.info);
  const std::string genesis_bytes = ledger::EncodeGenesis(genesis);
  RETURN_IF_ERROR(ledger::DecodeGenesis(genesis_bytes));
  const Hash ledger = ledger::LedgerId(genesis_bytes);

  if (mkdir(options.out.c_str(), 0700) != 0) return Error{Errc::kIo, options.out + ": cannot be made"};
  std::string fingerprint;
  for (size_t i = 0; i < nodes.size(); ++i) {
    const TestNode& node = nodes[i];
    const DataDir dir{fs::absolute(options.out).lexically_normal().string() + "/node" +
                      std::to_string(i + 1)};
    Config config;
    config.member = node.member.info.id;
    config.listen = Local(node.port);
    config.engine_type = "cometbft";
    config.cometbft_rpc = Local(node.port + 2);
    CometPlace place{config.member, config.cometbft_rpc, Local(node.port + 1), ""};
    for (const TestNode& other : nodes) {
      if (&other == &node) continue;
      const auto append = [](const char* comma, const std::string& item, std::string* list) {
        *list += (list->empty() ? "" : comma) + item;
      };
      append(" ", other.member.info.id + "=" + Local(other.port), &config.peers_members);
      append(",", CometPeerId(other.comet) + "@" + Local(other.port + 1), &place.persistent_peers);
    }
    ASSIGN_OR_RETURN(const NewNode made, LayOutNode(dir.path, config, genesis_bytes, node.member, {}));
    RETURN_IF_ERROR(WriteCometHome(dir.cometbft(), node.comet, place, genesis, ledger));
    fingerprint = made.trust_fingerprint;
  }
  std::printf("ledger: %s\n", ToHex(ledger).c_str());
  std::printf("members: %zu, of which %llu sign a receipt and %llu may fail or lie\n", nodes.size(),
              static_cast<unsigned long long>(genesis.k), static_cast<unsigned long long>(genesis.f));
  std::printf("trust fingerprint: %s\n", fingerprint.c_str());
  std::printf("trust file: %s/node1/trust.json\n", options.out.c_str());
  std::printf("Start each node and its CometBFT, in this order:\n");
  for (size_t i = 0; i < nodes.size(); ++i) {
    const std::string data = options.out + "/node" + std::to_string(i + 1);
    std::printf("  cunzhengd run --data %s\n  cometbft start --home %s/cometbft\n", data.c_str(),
                data.c_str());
  }
  return {};
}

}  // namespace cunzheng::node
