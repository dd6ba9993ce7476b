// `cunzhengd testnet`: a whole consortium on this machine, for trying out and for tests: the nodes' data
// folders, and beside each ledger the home of its CometBFT (v0.38).
#include <openssl/evp.h>
#include <sys/stat.h>

#include <cstdio>
#include <filesystem>

#include "crypto/digest.h"
#include "crypto/file.h"
#include "node/cometbft/application.h"
#include "node/commands.h"
#include "node/data_dir.h"
#include "node/new_node.h"

namespace cunzheng::node {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kPortsPerNode = 10;
// CometBFT hands a transaction on inside a message; this much is its frame.
constexpr uint64_t kTxSlack = 1'024;

std::string Base64(ByteSpan bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes.data(),
                                     static_cast<int>(bytes.size()));
  out.resize(static_cast<size_t>(length));
  return out;
}

// CometBFT's address of a secp256k1 key: RIPEMD-160 of SHA-256 of the compressed point.
Result<std::string> ValidatorAddress(const PublicKey& key) {
  const Hash sha256 = Sha256(key.bytes);
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  if (EVP_Digest(sha256.data(), sha256.size(), out, &length, EVP_ripemd160(), nullptr) != 1) {
    return Error{Errc::kInternal, "this OpenSSL has no RIPEMD-160"};
  }
  std::string address = ToHex(ByteSpan(out, length));
  for (char& c : address) {
    if (c >= 'a') c = static_cast<char>(c - 'a' + 'A');
  }
  return address;
}

struct TestNode {
  NewMember member;
  PrivateKey validator;  // signs CometBFT's votes
  NoteSigner p2p;        // CometBFT's node key: an Ed25519 key like any other
  std::string address;   // of the validator
  std::string peer_id;   // of the p2p key
  uint64_t port = 0;     // HTTP; +1 p2p, +2 RPC
};

Result<TestNode> MakeTestNode(const TestnetOptions& options, uint64_t number) {
  const std::string host = options.origin.substr(0, options.origin.find('/'));
  const std::string id = "member" + std::to_string(number + 1) + "." + host;
  constexpr const char* kRoles[] = {"notary", "court", "platform", "agency"};
  ASSIGN_OR_RETURN(NewMember member, MakeMember(options.origin, id, "成员" + std::to_string(number + 1),
                                                "Member " + std::to_string(number + 1), kRoles[number % 4]));
  ASSIGN_OR_RETURN(NoteSigner p2p, NoteSigner::Generate("p2p", NoteKeyType::kEd25519));
  PrivateKey validator = PrivateKey::Generate(Suite::kSecp256k1);
  ASSIGN_OR_RETURN(std::string address, ValidatorAddress(validator.public_key()));
  const Hash peer = Sha256(p2p.key().public_key);
  return TestNode{std::move(member),
                  std::move(validator),
                  std::move(p2p),
                  std::move(address),
                  ToHex(ByteSpan(peer.data(), 20)),
                  options.base_port + number * kPortsPerNode};
}

std::string PublicKeyJson(const PublicKey& key) {
  return "{\"type\":\"tendermint/PubKeySecp256k1\",\"value\":\"" + Base64(key.bytes) + "\"}";
}

std::string Rfc3339(uint64_t unix_ms) {
  const auto seconds = static_cast<time_t>(unix_ms / 1'000);
  tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32];
  strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

std::string CometGenesis(const ledger::Genesis& genesis, const Hash& ledger,
                         const std::vector<TestNode>& nodes) {
  std::string validators;
  for (const TestNode& node : nodes) {
    validators += (validators.empty() ? "" : ",") + std::string("{\"address\":\"") + node.address +
                  "\",\"name\":\"" + node.member.info.id +
                  "\",\"power\":\"1\",\"pub_key\":" + PublicKeyJson(node.validator.public_key()) + "}";
  }
  const std::string block_bytes = std::to_string(16 * genesis.params.batch_bytes_max);
  return "{\"genesis_time\":\"" + Rfc3339(genesis.created_unix_ms) + "\",\"chain_id\":\"" + ChainId(ledger) +
         "\",\"initial_height\":\"1\",\"consensus_params\":{\"block\":{\"max_bytes\":\"" + block_bytes +
         "\",\"max_gas\":\"-1\"},\"evidence\":{\"max_age_num_blocks\":\"100000\",\"max_age_duration\":"
         "\"172800000000000\",\"max_bytes\":\"1048576\"},\"validator\":{\"pub_key_types\":[\"secp256k1\"]},"
         "\"version\":{\"app\":\"1\"},\"abci\":{\"vote_extensions_enable_height\":\"0\"}},\"validators\":[" +
         validators + "],\"app_hash\":\"\",\"app_state\":" + AppState(ledger) + "}\n";
}

// What differs from CometBFT's defaults; what is left out is one.
std::string CometConfig(const TestNode& node, const std::vector<TestNode>& nodes, const std::string& socket,
                        const ledger::Params& params) {
  std::string peers;
  for (const TestNode& other : nodes) {
    if (&other == &node) continue;
    peers += (peers.empty() ? "" : ",") + other.peer_id + "@127.0.0.1:" + std::to_string(other.port + 1);
  }
  const std::string tx_bytes = std::to_string(params.batch_bytes_max + kTxSlack);
  // A body carries the transaction in base64.
  const std::string body_bytes = std::to_string(2 * params.batch_bytes_max + kTxSlack);
  return "proxy_app = \"unix://" + socket + "\"\nmoniker = \"" + node.member.info.id +
         "\"\ndb_backend = \"goleveldb\"\nlog_level = \"error\"\nfilter_peers = false\n\n"
         "[rpc]\nladdr = \"tcp://127.0.0.1:" +
         std::to_string(node.port + 2) + "\"\nmax_body_bytes = " + body_bytes +
         "\n\n[p2p]\nladdr = \"tcp://127.0.0.1:" + std::to_string(node.port + 1) +
         "\"\npersistent_peers = \"" + peers +
         "\"\npex = false\naddr_book_strict = false\nallow_duplicate_ip = true\n"
         "flush_throttle_timeout = \"10ms\"\nsend_rate = 51200000\nrecv_rate = 51200000\n\n"
         "[mempool]\nsize = 20000\nmax_tx_bytes = " +
         tx_bytes +
         "\nmax_txs_bytes = 268435456\ncache_size = 50000\n\n"
         // Without empty blocks an idle ledger costs nothing; PrepareProposal sees to fresh times after it.
         "[consensus]\ncreate_empty_blocks = false\ntimeout_propose = \"1s\"\ntimeout_prevote = \"500ms\"\n"
         "timeout_precommit = \"500ms\"\ntimeout_commit = \"100ms\"\npeer_gossip_sleep_duration = "
         "\"10ms\"\n\n"
         "[tx_index]\nindexer = \"null\"\n";
}

Result<void> WriteCometHome(const DataDir& dir, const TestNode& node, const std::string& config,
                            const std::string& genesis) {
  const std::string home = dir.cometbft();
  for (const std::string& folder : {home, home + "/config", home + "/data"}) {
    if (mkdir(folder.c_str(), 0700) != 0) return Error{Errc::kIo, folder + ": cannot be made"};
  }
  const auto& seed = node.p2p.seed();
  Bytes p2p_key(seed.begin(), seed.end());
  p2p_key.insert(p2p_key.end(), node.p2p.key().public_key.begin(), node.p2p.key().public_key.end());
  RETURN_IF_ERROR(WriteFileAtomically(home + "/config/config.toml", config, 0600, false));
  RETURN_IF_ERROR(WriteFileAtomically(home + "/config/genesis.json", genesis, 0644, false));
  RETURN_IF_ERROR(WriteFileAtomically(
      home + "/config/node_key.json",
      "{\"priv_key\":{\"type\":\"tendermint/PrivKeyEd25519\",\"value\":\"" + Base64(p2p_key) + "\"}}\n", 0600,
      false));
  RETURN_IF_ERROR(WriteFileAtomically(
      home + "/config/priv_validator_key.json",
      "{\"address\":\"" + node.address + "\",\"pub_key\":" + PublicKeyJson(node.validator.public_key()) +
          ",\"priv_key\":{\"type\":\"tendermint/PrivKeySecp256k1\",\"value\":\"" +
          Base64(node.validator.secret()) + "\"}}\n",
      0600, false));
  return WriteFileAtomically(home + "/data/priv_validator_state.json",
                             "{\"height\":\"0\",\"round\":0,\"step\":0}\n", 0600, false);
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
  const std::string comet_genesis = CometGenesis(genesis, ledger, nodes);

  if (mkdir(options.out.c_str(), 0700) != 0) return Error{Errc::kIo, options.out + ": cannot be made"};
  std::string fingerprint;
  for (size_t i = 0; i < nodes.size(); ++i) {
    const TestNode& node = nodes[i];
    const DataDir dir{fs::absolute(options.out).lexically_normal().string() + "/node" +
                      std::to_string(i + 1)};
    Config config;
    config.member = node.member.info.id;
    config.listen = "127.0.0.1:" + std::to_string(node.port);
    config.engine_type = "cometbft";
    config.cometbft_rpc = "127.0.0.1:" + std::to_string(node.port + 2);
    for (const TestNode& other : nodes) {
      if (&other == &node) continue;
      config.peers_members += (config.peers_members.empty() ? "" : " ") + other.member.info.id +
                              "=127.0.0.1:" + std::to_string(other.port);
    }
    ASSIGN_OR_RETURN(const NewNode made, LayOutNode(dir.path, config, genesis_bytes, node.member, {}));
    RETURN_IF_ERROR(WriteCometHome(
        dir, node, CometConfig(node, nodes, dir.cometbft() + "/abci.sock", genesis.params), comet_genesis));
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
