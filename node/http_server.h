// The HTTP/1.1 server: Boost.Beast under coroutines, one event loop a thread, every resource bounded
// (specs/http-api.md "Limits"). A connection stays on one thread, so it needs no lock or strand.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "crypto/result.h"
#include "node/config.h"
#include "node/metrics.h"
#include "node/request_handler.h"

namespace cunzheng::node {

class HttpServer {
 public:
  // Binds and listens; nothing is accepted before Start(). `handler` and `metrics` outlive the server.
  // Raises the soft limit on open files, and lowers connections_max to what it allows.
  // Errors: kUsage (address, TLS files), kIo (the address is taken).
  static Result<std::unique_ptr<HttpServer>> Listen(const Config& config, RequestHandler* handler,
                                                    Metrics* metrics);
  ~HttpServer();  // stops at once

  // "127.0.0.1:8750": with the port that was taken.
  const std::string& address() const;
  void Start();
  // Accepts no more, closes idle connections, and lets the others finish their answer. Returns true
  // when all are done, false at the deadline. Thread-safe.
  bool Drain(std::chrono::steady_clock::time_point deadline);

 private:
  struct Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cunzheng::node
