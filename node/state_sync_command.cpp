// `cunzhengd state-sync`: lets a node begin with a snapshot of its peers instead of executing the whole
// chain.
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "ledger/ledger.h"
#include "node/cometbft/comet_home.h"
#include "node/cometbft/rpc_client.h"
#include "node/commands.h"
#include "node/data_dir.h"

namespace cunzheng::node {

Result<void> ConfigureStateSync(const Place& place, const std::vector<std::string>& rpc_servers) {
  const DataDir dir{place.data};
  ASSIGN_OR_RETURN(const DataLock lock, DataLock::Take(dir));
  struct stat found {};
  if (stat((dir.cometbft() + "/config/config.toml").c_str(), &found) != 0) {
    return Error{Errc::kNotFound, dir.cometbft() + ": no CometBFT is laid out here"};
  }
  if (stat((dir.cometbft() + "/data/blockstore.db").c_str(), &found) == 0) {
    return Error{Errc::kAlreadyExists, dir.cometbft() +
                                           "/data: holds blocks already; a snapshot is for an empty "
                                           "one. Its priv_validator_state.json must stay"};
  }
  if (stat(dir.ledger().c_str(), &found) == 0) {
    ASSIGN_OR_RETURN(const auto ledger, ledger::Ledger::Open(dir.ledger()));
    if (ledger->head().height != 0 || ledger->engine_height() != 0) {
      return Error{Errc::kAlreadyExists, dir.ledger() + ": holds a ledger with blocks already"};
    }
  }

  std::vector<std::unique_ptr<RpcClient>> servers;
  StateSync sync;
  sync.rpc_servers = rpc_servers;
  for (const std::string& address : rpc_servers) {
    ASSIGN_OR_RETURN(auto server, RpcClient::Make(address));
    ASSIGN_OR_RETURN(const uint64_t height, server->LatestHeight());
    sync.trust_height = servers.empty() ? height : std::min(sync.trust_height, height);
    servers.push_back(std::move(server));
  }
  // One answer alone would be that node's word; all of them are as good as the most honest.
  for (size_t i = 0; i < servers.size(); ++i) {
    ASSIGN_OR_RETURN(const std::string hash, servers[i]->BlockHash(sync.trust_height));
    if (i > 0 && hash != sync.trust_hash) {
      return Error{Errc::kRootMismatch, "CometBFT at " + rpc_servers[i] + ": block " +
                                            std::to_string(sync.trust_height) + " is " + hash + ", at " +
                                            rpc_servers[0] + " it is " + sync.trust_hash};
    }
    sync.trust_hash = hash;
  }
  RETURN_IF_ERROR(SetStateSync(dir.cometbft(), sync));
  std::printf("trusted block: %llu %s\n", static_cast<unsigned long long>(sync.trust_height),
              sync.trust_hash.c_str());
  std::fprintf(stderr, "hint: compare it with another institution by telephone before the node is started\n");
  return {};
}

}  // namespace cunzheng::node
