// Small questions to servers, each bounded in time: addresses of a name server (RFC 1035, over UDP, and TCP
// where the answer is too long), time of a time server (SNTP, RFC 4330), addresses of the system itself.
//
// Servers are numeric addresses, with a port where it is not the usual one: "1.1.1.1", "127.0.0.1:5353",
// "[::1]:123".
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/capture/cleanliness.h"
#include "crypto/result.h"

namespace cunzheng::capture {

inline constexpr uint16_t kDnsTypeA = 1, kDnsTypeAaaa = 28;

// The host of an http(s) address as name servers know it: lower case, labels that are not ASCII in Punycode
// (RFC 3492), IPv6 addresses without brackets. nullopt when there is none.
std::optional<std::string> HostOfUrl(std::string_view url);
// Whether it is an address, and no name.
bool IsAddress(const std::string& host);

// One question, recursion desired. Errors: kInvalidValue (no host name).
Result<std::string> EncodeDnsQuery(uint16_t id, std::string_view host, uint16_t type);
struct DnsReply {
  bool truncated = false, exists = true;
  int code = 0;  // of a refusal
  std::vector<std::string> addresses;
};
// Errors: kInvalidValue: it is no reply to that question, or broken.
Result<DnsReply> DecodeDnsReply(std::string_view message, uint16_t id, std::string_view host, uint16_t type);

// Asks all of them at once, for IPv4 and IPv6.
std::vector<AddressAnswer> AskNameServers(const std::vector<std::string>& servers, const std::string& host,
                                          std::chrono::milliseconds within);
// Servers may be names here, which the system looks up.
std::vector<TimeAnswer> AskTimeServers(const std::vector<std::string>& servers,
                                       std::chrono::milliseconds within);
AddressAnswer ResolveBySystem(const std::string& host, std::chrono::milliseconds within);

}  // namespace cunzheng::capture
