// Hands transactions to the CometBFT beside this node, over its JSON-RPC (broadcast_tx_sync).
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "crypto/result.h"

namespace cunzheng::node {

// One keep-alive connection; not thread-safe.
class RpcClient {
 public:
  // `address`: numeric host:port. Does not connect yet. Errors: kUsage.
  static Result<std::unique_ptr<RpcClient>> Make(const std::string& address);
  ~RpcClient();
  // Success: CometBFT took it into its mempool, or has it there already. Errors: kUnreachable; kBusy (its
  // answer: the mempool is full, or the application's CheckTx refused it meanwhile).
  Result<void> Broadcast(std::string_view envelope);
  // The height of its last block. Errors: kUnreachable.
  Result<uint64_t> LatestHeight();
  // The hash of its block there, in hex. Errors: kUnreachable.
  Result<std::string> BlockHash(uint64_t height);

 private:
  struct Impl;
  explicit RpcClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cunzheng::node
