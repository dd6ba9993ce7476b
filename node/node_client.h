// One HTTP exchange with a running node, for the commands of an operator beside it.
#pragma once

#include <string>

#include "crypto/result.h"

namespace cunzheng::node {

struct NodeAnswer {
  int status = 0;
  std::string body;
};

// `address`: numeric host:port. `certificate`: PEM file; when not empty the exchange is under TLS,
// and the node must show exactly that certificate. POST when `body` is not empty, with the
// envelope's type. Bounded at 30 seconds. Errors: kUnreachable.
Result<NodeAnswer> AskNode(const std::string& address, const std::string& certificate,
                           const std::string& target, const std::string& body = {});

}  // namespace cunzheng::node
