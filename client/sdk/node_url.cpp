// The whole of Boost.URL is compiled here and nowhere else: Debian ships it as headers only.
#include <boost/url/parse.hpp>
#include <boost/url/src.hpp>
#include <charconv>

#include "client/sdk/http.h"

namespace cunzheng::client {
namespace {

Error Bad(std::string_view url, std::string_view rule) {
  return {Errc::kUsage, "node address \"" + std::string(url) + "\": " + std::string(rule)};
}

}  // namespace

std::string NodeUrl::ToString() const {
  std::string out = tls ? "https://" : "http://";
  out += host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port != (tls ? "443" : "80")) out += ":" + port;
  return out + prefix;
}

Result<NodeUrl> ParseNodeUrl(std::string_view text) {
  const auto parsed = boost::urls::parse_uri(boost::urls::string_view(text.data(), text.size()));
  if (parsed.has_error()) return Bad(text, "must look like http://host:port or https://host");
  const boost::urls::url_view& url = *parsed;
  NodeUrl out;
  if (url.scheme() == "https") {
    out.tls = true;
  } else if (url.scheme() != "http") {
    return Bad(text, "must begin with http:// or https://");
  }
  if (url.has_userinfo()) return Bad(text, "must not hold a user name or password");
  if (url.has_query() || url.has_fragment()) return Bad(text, "must not have a query or fragment");
  out.host = url.host_address();
  if (out.host.empty()) return Bad(text, "must name a host");
  out.port = url.has_port() ? std::string(url.port()) : "";
  if (out.port.empty()) out.port = out.tls ? "443" : "80";
  uint16_t port = 0;
  const char* const end = out.port.data() + out.port.size();
  const auto [stopped, error] = std::from_chars(out.port.data(), end, port);
  if (error != std::errc() || stopped != end || port == 0)
    return Bad(text, "the port must be from 1 to 65535");
  out.prefix = std::string(url.encoded_path());
  while (!out.prefix.empty() && out.prefix.back() == '/') out.prefix.pop_back();
  return out;
}

}  // namespace cunzheng::client
