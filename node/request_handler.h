// What the HTTP server needs to know of whatever it serves: the ledger's API, or a witness's.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <string_view>

#include "crypto/result.h"
#include "node/response.h"

namespace cunzheng::node {

enum class Method { kGet, kPost, kOther };  // HEAD is a GET whose body the server leaves out

// Views into the connection's buffers, which outlive Handle().
struct Request {
  Method method = Method::kGet;
  std::string_view target;
  std::string_view content_type;
  std::string_view body;
};

// Safe from any thread.
class RequestHandler {
 public:
  virtual ~RequestHandler() = default;
  // The answer to one request.
  virtual boost::asio::awaitable<Response> Handle(Request request) = 0;
  // What to answer to a target before its body is read: nothing, or 404, 405, 415.
  virtual std::optional<Response> Precheck(Method method, std::string_view target,
                                           std::string_view content_type) const = 0;
  // The longest body that a POST may have.
  virtual uint64_t body_length_max() const = 0;
  virtual Response ProblemFor(const Error& error) const = 0;
};

}  // namespace cunzheng::node
