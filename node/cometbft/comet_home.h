// The home folder of the CometBFT (v0.38) beside a node: its keys, its configuration and its chain's genesis
// document, which follows from the ledger's.
#pragma once

#include <string>

#include "crypto/note.h"
#include "crypto/result.h"
#include "crypto/sign.h"
#include "ledger/genesis.h"

namespace cunzheng::node {

struct CometKeys {
  PrivateKey validator;  // secp256k1: signs CometBFT's votes
  NoteSigner p2p;        // CometBFT's node key: an Ed25519 key like any other
};
Result<CometKeys> MakeCometKeys();
// How other nodes name this one in persistent_peers, before '@'.
std::string CometPeerId(const CometKeys& keys);

struct CometPlace {
  std::string moniker;
  std::string rpc, p2p;          // numeric host:port
  std::string persistent_peers;  // "ID@host:port,…"
};
// Makes the folder `home`, which must not exist. Precondition: every member of `genesis` has a consensus key.
// Errors: kIo.
Result<void> WriteCometHome(const std::string& home, const CometKeys& keys, const CometPlace& place,
                            const ledger::Genesis& genesis, const Hash& ledger);

// Where a CometBFT without blocks begins: at a snapshot that its peers have, judged by a light client that
// starts from a block which the operator trusts.
struct StateSync {
  std::vector<std::string> rpc_servers;  // host:port, two or more
  uint64_t trust_height = 0;
  std::string trust_hash;  // 64 hex digits
};
// Rewrites that section of `home`'s configuration. Errors: kIo, kNotFound.
Result<void> SetStateSync(const std::string& home, const StateSync& sync);

}  // namespace cunzheng::node
