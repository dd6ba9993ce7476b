// One HTTP exchange as the SDK sees it, and how a node is reached. No Boost here.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "client/sdk/retry.h"
#include "crypto/result.h"

namespace cunzheng::client {

struct HttpRequest {
  std::string method = "GET";
  std::string target;        // "/v1/ledger"
  std::string content_type;  // of `body`; empty without one
  std::string body;
  uint64_t wait_ms = 0;  // how long the node was asked to hold the answer back; extends the timeout
};

struct HttpResponse {
  unsigned status = 0;
  std::optional<uint64_t> retry_after_s;
  std::string body;
};

struct ClientOptions {
  std::string node;     // "http://host:port" or "https://host[:port][/prefix]"
  std::string ca_file;  // PEM; empty: the system's roots. Certificates are always checked
  uint64_t connect_timeout_ms = 10'000;
  uint64_t exchange_timeout_ms = 30'000;
  uint64_t body_bytes_max = 8u << 20;  // of an answer
  RetryPolicy retry;
  // Polled about ten times a second by blocking calls; true ends them with kInterrupted.
  std::function<bool()> stop;
};

// A node's address taken apart.
struct NodeUrl {
  bool tls = false;
  std::string host;    // without brackets
  std::string port;    // decimal, never empty
  std::string prefix;  // "" or "/path" without a final slash

  // The one spelling of this node: scheme://host[:port][/path], default ports left out.
  std::string ToString() const;
};
// Errors: kUsage (scheme, user info, query or fragment, no host).
Result<NodeUrl> ParseNodeUrl(std::string_view url);

}  // namespace cunzheng::client
