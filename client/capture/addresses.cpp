#include "client/capture/addresses.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace cunzheng::capture {
namespace {

struct Range {
  uint32_t network;
  int bits;
};
// RFC 6890 and its successors: what is not globally reachable.
constexpr std::array<Range, 14> kLocalRanges = {{{0x00000000, 8},    // this network
                                                 {0x0a000000, 8},    // private
                                                 {0x64400000, 10},   // shared, behind carriers' NAT
                                                 {0x7f000000, 8},    // loopback
                                                 {0xa9fe0000, 16},   // link-local
                                                 {0xac100000, 12},   // private
                                                 {0xc0000000, 24},   // protocol assignments
                                                 {0xc0000200, 24},   // documentation
                                                 {0xc0a80000, 16},   // private
                                                 {0xc6120000, 15},   // benchmarks
                                                 {0xc6336400, 24},   // documentation
                                                 {0xcb007100, 24},   // documentation
                                                 {0xe0000000, 4},    // multicast
                                                 {0xf0000000, 4}}};  // reserved

bool IsLocalV4(uint32_t address) {
  return std::any_of(kLocalRanges.begin(), kLocalRanges.end(), [address](const Range& range) {
    return (address ^ range.network) >> (32 - range.bits) == 0;
  });
}

bool IsLocalV6(const std::array<uint8_t, 16>& a) {
  const auto embedded = (uint32_t{a[12]} << 24) | (uint32_t{a[13]} << 16) | (uint32_t{a[14]} << 8) | a[15];
  const auto zeros = [&a](size_t from, size_t to) {
    return std::all_of(a.begin() + static_cast<ptrdiff_t>(from), a.begin() + static_cast<ptrdiff_t>(to),
                       [](uint8_t b) { return b == 0; });
  };
  if (zeros(0, 10) && a[10] == 0xff && a[11] == 0xff) return IsLocalV4(embedded);  // mapped
  if (zeros(0, 12)) return true;  // ::, ::1, and what nobody uses
  if (a[0] == 0x00 && a[1] == 0x64 && a[2] == 0xff && a[3] == 0x9b && zeros(4, 12))
    return IsLocalV4(embedded);        // NAT64
  if (a[0] == 0x20 && a[1] == 0x02) {  // 6to4
    return IsLocalV4((uint32_t{a[2]} << 24) | (uint32_t{a[3]} << 16) | (uint32_t{a[4]} << 8) | a[5]);
  }
  return (a[0] & 0xfe) == 0xfc || (a[0] == 0xfe && (a[1] & 0x80) != 0) ||
         a[0] == 0xff;  // unique local, link, site, multicast
}

bool IsSchemeCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
}

std::string Lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

Error Wrong(const std::string& rule) {
  return {Errc::kInvalidValue, "url: " + rule};
}

}  // namespace

Result<UrlParts> SplitUrl(std::string_view url) {
  if (std::any_of(url.begin(), url.end(),
                  [](char c) { return static_cast<uint8_t>(c) <= 0x20 || c == 0x7f; })) {
    return Wrong("must hold no white space and no control characters");
  }
  const size_t colon = url.find("://");
  UrlParts parts;
  if (colon != std::string_view::npos) parts.scheme = Lowered(url.substr(0, colon));
  if (parts.scheme.empty() || !std::all_of(parts.scheme.begin(), parts.scheme.end(), IsSchemeCharacter)) {
    return Wrong("must begin with http:// or https://");
  }
  const size_t begin = colon + 3, end = std::min(url.find_first_of("/?#\\", begin), url.size());
  std::string_view authority = url.substr(begin, end - begin);
  if (const size_t at = authority.rfind('@'); at != std::string_view::npos) authority.remove_prefix(at + 1);
  parts.origin = parts.scheme + "://" + Lowered(authority);
  if (authority.starts_with('[')) {
    const size_t close = authority.find(']');
    if (close == std::string_view::npos) return Wrong("its host has no closing bracket");
    parts.host = Lowered(authority.substr(1, close - 1));
  } else {
    parts.host = Lowered(authority.substr(0, authority.find(':')));
  }
  const std::string_view rest = url.substr(end, url.find('#', end) - end);
  parts.target = rest.starts_with('/') ? std::string(rest) : "/" + std::string(rest);
  return parts;
}

bool IsLocalAddress(std::string_view ip) {
  const std::string text(ip.substr(0, ip.find('%')));
  in_addr v4{};
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) return IsLocalV4(ntohl(v4.s_addr));
  std::array<uint8_t, 16> v6{};
  return inet_pton(AF_INET6, text.c_str(), v6.data()) == 1 && IsLocalV6(v6);
}

bool IsLocalHost(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  if (IsLocalAddress(host)) return true;
  const std::string dotted = "." + Lowered(host);
  return std::any_of(dotted.begin(), dotted.end(), [](char c) { return c != '.'; }) &&
         (dotted.ends_with(".localhost") || dotted.ends_with(".local") || dotted.ends_with(".internal") ||
          dotted.ends_with(".home.arpa"));
}

Result<void> CheckUrl(std::string_view url, bool allow_local) {
  ASSIGN_OR_RETURN(const UrlParts parts, SplitUrl(url));
  if (parts.scheme != "http" && parts.scheme != "https" && parts.scheme != "ws" && parts.scheme != "wss") {
    return Wrong("must begin with http:// or https://");
  }
  if (parts.host.empty()) return Wrong("has no host");
  if (!allow_local && IsLocalHost(parts.host))
    return Wrong(parts.host + " is of this machine or its own network");
  return {};
}

}  // namespace cunzheng::capture
