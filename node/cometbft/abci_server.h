// Serves ABCI on a socket: varint-delimited protobuf frames, answers strictly in the order of the requests
// (CometBFT v0.38, spec/abci/abci++_client_server). One reader and one writer thread a connection; CheckTx,
// which verifies signatures, runs on a pool meanwhile.
#pragma once

#include <memory>
#include <string>

#include "crypto/result.h"

namespace cunzheng::node {

class Application;

class AbciServer {
 public:
  // `address`: "unix:PATH" (made with mode 0600, an old one replaced) or "tcp:HOST:PORT" with a numeric host.
  // Errors: kUsage (the address), kIo.
  static Result<std::unique_ptr<AbciServer>> Listen(const std::string& address, Application* application,
                                                    unsigned threads);
  ~AbciServer();  // closes all connections

 private:
  struct Impl;
  explicit AbciServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cunzheng::node
