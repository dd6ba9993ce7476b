#include "client/evidence/surt.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace cunzheng::evidence {
namespace {

char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
void LowerAll(std::string* text) {
  std::transform(text->begin(), text->end(), text->begin(), Lower);
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = Lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Undoes percent-encoding until nothing is left of it ("%2541" is "%41" is "A"), in one pass: what a byte
// that was just written completes is undone in turn.
std::string Unescape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    out.push_back(c);
    while (out.size() >= 3 && out[out.size() - 3] == '%') {
      const int high = HexDigit(out[out.size() - 2]), low = HexDigit(out.back());
      if (high < 0 || low < 0) break;
      out.resize(out.size() - 3);
      out.push_back(static_cast<char>(high * 16 + low));
    }
  }
  return out;
}

std::string Escape(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte > 0x20 && byte < 0x7f && c != '#' && c != '%') {
      out.push_back(c);
    } else {
      out.append({'%', kDigits[byte >> 4], kDigits[byte & 15]});
    }
  }
  return out;
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (size_t begin = 0;;) {
    const size_t end = text.find(separator, begin);
    parts.push_back(text.substr(begin, end - begin));
    if (end == std::string_view::npos) return parts;
    begin = end + 1;
  }
}

// "WWW2.Example.org" becomes "org,example".
std::string HostKey(std::string_view text) {
  std::string host;
  for (const char c : Unescape(text)) {
    if (c != '.' || (!host.empty() && host.back() != '.')) host.push_back(Lower(c));
  }
  if (host.ends_with('.')) host.pop_back();
  host = Escape(host);
  if (host.starts_with("www")) {
    const size_t dot = host.find_first_not_of("0123456789", 3);
    if (dot != std::string::npos && host[dot] == '.') host.erase(0, dot + 1);
  }
  std::string key;
  const auto labels = Split(host, '.');
  for (auto label = labels.rbegin(); label != labels.rend(); ++label) {
    if (label != labels.rbegin()) key.push_back(',');
    key.append(*label);
  }
  return key;
}

// Without "." and "..", double slashes and a slash at the end.
std::string PathKey(std::string_view text) {
  const std::string path = Unescape(text);
  std::vector<std::string_view> kept;
  const auto parts = Split(path, '/');
  for (size_t i = 1; i < parts.size(); ++i) {
    if (parts[i] == ".") continue;
    if (parts[i] == ".." && !kept.empty()) {
      kept.pop_back();
    } else {
      kept.push_back(parts[i]);
    }
  }
  std::string joined = "/";
  for (size_t i = 0; i < kept.size(); ++i) {
    joined += kept[i];
    if (i + 1 < kept.size() && !kept[i].empty()) joined += "/";
  }
  if (joined.size() > 1 && joined.ends_with('/')) joined.pop_back();
  std::string key = Escape(joined);
  LowerAll(&key);
  return key;
}

// Its arguments in order.
std::string QueryKey(std::string_view text) {
  std::string query = Escape(Unescape(text));
  LowerAll(&query);
  std::vector<std::pair<std::string_view, std::string_view>> arguments;  // name; "=value", or nothing
  for (const auto argument : Split(query, '&')) {
    const size_t equals = std::min(argument.find('='), argument.size());
    arguments.emplace_back(argument.substr(0, equals), argument.substr(equals));
  }
  std::sort(arguments.begin(), arguments.end());
  std::string key;
  for (const auto& [name, value] : arguments) key.append("&").append(name).append(value);
  return key.substr(1);
}

}  // namespace

std::string Surt(std::string_view url) {
  url = url.substr(0, url.find('#'));
  std::string scheme(url.substr(0, url.find(':')));
  LowerAll(&scheme);
  if ((scheme != "http" && scheme != "https") || url.substr(scheme.size(), 3) != "://") return Escape(url);
  url.remove_prefix(scheme.size() + 3);

  std::string_view authority = url.substr(0, url.find_first_of("/?"));
  std::string_view path = url.substr(authority.size()), query;
  if (const size_t mark = path.find('?'); mark != std::string_view::npos) {
    query = path.substr(mark + 1);
    path = path.substr(0, mark);
  }
  if (const size_t at = authority.rfind('@'); at != std::string_view::npos) authority.remove_prefix(at + 1);
  std::string_view host = authority, port;
  if (const size_t bracket = authority.find(']');
      authority.starts_with('[') && bracket != std::string_view::npos) {
    host = authority.substr(1, bracket - 1);
    port = authority.substr(bracket + 1);
    if (port.starts_with(':')) port.remove_prefix(1);
  } else if (const size_t colon = authority.rfind(':'); colon != std::string_view::npos) {
    host = authority.substr(0, colon);
    port = authority.substr(colon + 1);
  }

  std::string key = HostKey(host);
  if (!port.empty() && port != (scheme == "http" ? "80" : "443")) key.append(":").append(Escape(port));
  key.append(")").append(PathKey(path));
  if (!query.empty()) key.append("?").append(QueryKey(query));
  return key;
}

}  // namespace cunzheng::evidence
