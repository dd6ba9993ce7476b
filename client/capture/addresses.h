// What a capture may ask for: addresses of the web, and, unless that is wished, none of the machine's own
// network. Pure; safe from any thread.
#pragma once

#include <string>
#include <string_view>

#include "crypto/result.h"

namespace cunzheng::capture {

struct UrlParts {
  std::string scheme, host;  // lower case; the host without brackets
  std::string origin;        // "https://shop.example:8443", as the address has it
  std::string target;        // path and query, at least "/"
};
// Of an absolute address such as "https://host/path". Errors: kInvalidValue.
Result<UrlParts> SplitUrl(std::string_view url);

// Whether an IPv4 or IPv6 address, in text, is one that the Internet does not route: private, loopback,
// link-local, shared, multicast, reserved, also where IPv6 embeds such an IPv4 address. What is no address is
// not.
bool IsLocalAddress(std::string_view ip);
// Whether the host is such an address, or a name that never stands for any other ("localhost",
// "printer.local").
bool IsLocalHost(std::string_view host);

// Whether a browser may ask for it: http, https, ws and wss alone; not of a local host unless `allow_local`.
// Errors: kInvalidValue, with the reason.
Result<void> CheckUrl(std::string_view url, bool allow_local);

}  // namespace cunzheng::capture
