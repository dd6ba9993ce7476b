// The seam between what is said to a node and how it gets there; tests put a fake behind it.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>

#include "client/sdk/http.h"
#include "crypto/result.h"

namespace cunzheng::client {

// One exchange at a time; not thread-safe. Runs on the executor it was made with.
class Transport {
 public:
  virtual ~Transport() = default;
  // One request, one answer, no retries. Every status is an answer.
  // Errors: kUnreachable (address, connection, TLS), kTimeout, kTooLarge.
  virtual boost::asio::awaitable<Result<HttpResponse>> Exchange(HttpRequest request) = 0;
  virtual boost::asio::awaitable<void> Pause(uint64_t duration_ms) = 0;
  // Breaks off what is under way; it ends with kUnreachable.
  virtual void Cancel() = 0;
};

// HTTP/1.1 over TCP or TLS, on a connection that is kept between exchanges.
// Errors: kUsage (the address), kIo (the CA file).
Result<std::unique_ptr<Transport>> MakeHttpTransport(boost::asio::any_io_executor executor,
                                                     const ClientOptions& options);

}  // namespace cunzheng::client
