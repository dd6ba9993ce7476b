#include "node/cometbft/comet_home.h"

#include <openssl/evp.h>
#include <sys/stat.h>

#include <ctime>

#include "crypto/digest.h"
#include "crypto/file.h"
#include "node/cometbft/application.h"

namespace cunzheng::node {
namespace {

// CometBFT hands a transaction on inside a message; this much is its frame.
constexpr uint64_t kTxSlack = 1'024;

// CometBFT's address of a secp256k1 key: RIPEMD-160 of SHA-256 of the compressed point.
std::string ValidatorAddress(const PublicKey& key) {
  const Hash sha256 = Sha256(key.bytes);
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  CHECK_INVARIANT(EVP_Digest(sha256.data(), sha256.size(), out, &length, EVP_ripemd160(), nullptr) == 1);
  std::string address = ToHex(ByteSpan(out, length));
  for (char& c : address) {
    if (c >= 'a') c = static_cast<char>(c - 'a' + 'A');
  }
  return address;
}

std::string PublicKeyJson(const PublicKey& key) {
  return "{\"type\":\"tendermint/PubKeySecp256k1\",\"value\":\"" + ToBase64(key.bytes) + "\"}";
}

std::string Rfc3339(uint64_t unix_ms) {
  const auto seconds = static_cast<time_t>(unix_ms / 1'000);
  tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32];
  strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

std::string CometGenesis(const ledger::Genesis& genesis, const Hash& ledger) {
  std::string validators;
  for (const ledger::MemberInfo& member : genesis.members) {
    const PublicKey& key = *member.consensus_key;
    validators += (validators.empty() ? "" : ",") + std::string("{\"address\":\"") + ValidatorAddress(key) +
                  "\",\"name\":\"" + member.id + "\",\"power\":\"1\",\"pub_key\":" + PublicKeyJson(key) + "}";
  }
  const std::string block_bytes = std::to_string(16 * genesis.params.batch_bytes_max);
  return "{\"genesis_time\":\"" + Rfc3339(genesis.created_unix_ms) + "\",\"chain_id\":\"" + ChainId(ledger) +
         "\",\"initial_height\":\"1\",\"consensus_params\":{\"block\":{\"max_bytes\":\"" + block_bytes +
         "\",\"max_gas\":\"-1\"},\"evidence\":{\"max_age_num_blocks\":\"100000\",\"max_age_duration\":"
         "\"172800000000000\",\"max_bytes\":\"1048576\"},\"validator\":{\"pub_key_types\":[\"secp256k1\"]},"
         "\"version\":{\"app\":\"1\"},\"abci\":{\"vote_extensions_enable_height\":\"0\"}},\"validators\":[" +
         validators + "],\"app_hash\":\"\",\"app_state\":" + AppState(ledger) + "}\n";
}

constexpr std::string_view kStateSyncHeading = "\n[statesync]\n";
constexpr size_t kConfigLengthMax = 256 * 1024;

std::string StateSyncSection(const StateSync& sync) {
  std::string servers;
  for (const std::string& server : sync.rpc_servers) {
    servers += (servers.empty() ? "http://" : ",http://") + server;
  }
  return std::string(kStateSyncHeading) + "enable = " + (servers.empty() ? "false" : "true") +
         "\nrpc_servers = \"" + servers + "\"\ntrust_height = " + std::to_string(sync.trust_height) +
         "\ntrust_hash = \"" + sync.trust_hash + "\"\ntrust_period = \"168h0m0s\"\ndiscovery_time = \"5s\"\n";
}

// What differs from CometBFT's defaults; what is left out is one.
std::string CometConfig(const std::string& home, const CometPlace& place, const ledger::Params& params) {
  const std::string tx_bytes = std::to_string(params.batch_bytes_max + kTxSlack);
  // A body carries the transaction in base64.
  const std::string body_bytes = std::to_string(2 * params.batch_bytes_max + kTxSlack);
  return "proxy_app = \"unix://" + home + "/abci.sock\"\nmoniker = \"" + place.moniker +
         "\"\ndb_backend = \"goleveldb\"\nlog_level = \"error\"\nfilter_peers = true\n\n"
         "[rpc]\nladdr = \"tcp://" +
         place.rpc + "\"\nmax_body_bytes = " + body_bytes + "\n\n[p2p]\nladdr = \"tcp://" + place.p2p +
         "\"\npersistent_peers = \"" + place.persistent_peers +
         "\"\npex = false\naddr_book_strict = false\nallow_duplicate_ip = true\n"
         "flush_throttle_timeout = \"10ms\"\nsend_rate = 51200000\nrecv_rate = 51200000\n\n"
         "[mempool]\nsize = 20000\nmax_tx_bytes = " +
         tx_bytes +
         "\nmax_txs_bytes = 268435456\ncache_size = 50000\n\n"
         // Without empty blocks an idle ledger costs nothing; PrepareProposal sees to fresh times after it.
         "[consensus]\ncreate_empty_blocks = false\ntimeout_propose = \"1s\"\ntimeout_prevote = \"500ms\"\n"
         "timeout_precommit = \"500ms\"\ntimeout_commit = \"100ms\"\npeer_gossip_sleep_duration = "
         "\"10ms\"\n\n"
         "[tx_index]\nindexer = \"null\"\n" +
         StateSyncSection({});
}

}  // namespace

Result<void> SetStateSync(const std::string& home, const StateSync& sync) {
  const std::string path = home + "/config/config.toml";
  ASSIGN_OR_RETURN(std::string config, ReadWholeFile(path, kConfigLengthMax));
  if (const size_t begin = config.find(kStateSyncHeading); begin != std::string::npos) {
    const size_t end = config.find("\n[", begin + kStateSyncHeading.size());
    config.erase(begin, end == std::string::npos ? end : end - begin);
  }
  return WriteFileAtomically(path, config + StateSyncSection(sync), 0600, true);
}

Result<CometKeys> MakeCometKeys() {
  ASSIGN_OR_RETURN(NoteSigner p2p, NoteSigner::Generate("p2p", NoteKeyType::kEd25519));
  return CometKeys{PrivateKey::Generate(Suite::kSecp256k1), std::move(p2p)};
}

std::string CometPeerId(const CometKeys& keys) {
  const Hash digest = Sha256(keys.p2p.key().public_key);
  return ToHex(ByteSpan(digest.data(), 20));
}

Result<void> WriteCometHome(const std::string& home, const CometKeys& keys, const CometPlace& place,
                            const ledger::Genesis& genesis, const Hash& ledger) {
  for (const std::string& folder : {home, home + "/config", home + "/data"}) {
    if (mkdir(folder.c_str(), 0700) != 0) return Error{Errc::kIo, folder + ": cannot be made"};
  }
  const auto& seed = keys.p2p.seed();
  Bytes p2p_key(seed.begin(), seed.end());
  p2p_key.insert(p2p_key.end(), keys.p2p.key().public_key.begin(), keys.p2p.key().public_key.end());
  RETURN_IF_ERROR(WriteFileAtomically(home + "/config/config.toml", CometConfig(home, place, genesis.params),
                                      0600, false));
  RETURN_IF_ERROR(
      WriteFileAtomically(home + "/config/genesis.json", CometGenesis(genesis, ledger), 0644, false));
  RETURN_IF_ERROR(WriteFileAtomically(
      home + "/config/node_key.json",
      "{\"priv_key\":{\"type\":\"tendermint/PrivKeyEd25519\",\"value\":\"" + ToBase64(p2p_key) + "\"}}\n",
      0600, false));
  RETURN_IF_ERROR(
      WriteFileAtomically(home + "/config/priv_validator_key.json",
                          "{\"address\":\"" + ValidatorAddress(keys.validator.public_key()) +
                              "\",\"pub_key\":" + PublicKeyJson(keys.validator.public_key()) +
                              ",\"priv_key\":{\"type\":\"tendermint/PrivKeySecp256k1\",\"value\":\"" +
                              ToBase64(keys.validator.secret()) + "\"}}\n",
                          0600, false));
  return WriteFileAtomically(home + "/data/priv_validator_state.json",
                             "{\"height\":\"0\",\"round\":0,\"step\":0}\n", 0600, false);
}

}  // namespace cunzheng::node
