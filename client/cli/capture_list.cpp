#include "client/cli/capture_list.h"

#include <algorithm>
#include <ctime>
#include <set>

#include "client/sdk/paths.h"
#include "crypto/bytes.h"
#include "crypto/digest.h"
#include "crypto/file.h"

namespace cunzheng::cli {
namespace {

constexpr size_t kListBytesMax = 64u << 20;
constexpr size_t kHostInNameMax = 100;

char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// What stands between "://" and the path, with port.
std::string_view Authority(std::string_view url) {
  const size_t begin = url.find("://");
  if (begin == std::string_view::npos) return {};
  url.remove_prefix(begin + 3);
  return url.substr(0, url.find_first_of("/?#"));
}

// The host as it may stand in a file's name; what is no ASCII letter, digit, dot or dash becomes a dash.
std::string NamedHost(std::string_view url) {
  std::string name = HostOf(url).substr(0, kHostInNameMax);
  std::replace_if(
      name.begin(), name.end(),
      [](char c) { return !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-'); },
      '-');
  name.erase(0, name.find_first_not_of(".-"));
  return name.empty() ? "capture" : name;
}

}  // namespace

Result<void> CheckCaptureUrl(const std::string& url) {
  const std::string shown = client::Printable(url.substr(0, 200));
  const auto wrong = [&](const std::string& rule) { return Error{Errc::kUsage, shown + ": " + rule}; };
  if (url.size() > kCaptureUrlBytesMax) return wrong("an address has at most 8,192 bytes");
  std::string scheme = url.substr(0, url.find("://"));
  std::transform(scheme.begin(), scheme.end(), scheme.begin(), Lower);
  if (scheme != "http" && scheme != "https") return wrong("an address begins with http:// or https://");
  if (std::any_of(url.begin(), url.end(),
                  [](char c) { return static_cast<uint8_t>(c) <= 0x20 || c == 0x7f; })) {
    return wrong("an address holds no spaces or control characters");
  }
  if (Authority(url).find('@') != std::string_view::npos) {
    return wrong("user name and password do not belong into an address: they would be in the evidence");
  }
  if (HostOf(url).empty()) return wrong("the address names no host");
  return {};
}

std::string HostOf(std::string_view url) {
  std::string_view host = Authority(url);
  const size_t colon = host.find_last_of(':');
  const bool bracketed = host.starts_with('[');
  if (bracketed) {
    host = host.substr(0, host.find(']') + 1);
  } else if (colon != std::string_view::npos) {
    host = host.substr(0, colon);
  }
  std::string lower(host);
  std::transform(lower.begin(), lower.end(), lower.begin(), Lower);
  return lower;
}

Result<std::vector<std::string>> ReadCaptureList(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(path, kListBytesMax));
  std::vector<std::string> urls;
  std::set<std::string_view> seen;
  std::string_view rest = text;
  for (size_t number = 1; !rest.empty(); number++) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t'))
      line.remove_suffix(1);
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    if (line.empty() || line.front() == '#' || !seen.insert(line).second) continue;
    std::string url(line);
    if (const auto checked = CheckCaptureUrl(url); !checked) {
      return Error{Errc::kUsage, path + ", line " + std::to_string(number) + ": " + checked.error().detail};
    }
    if (urls.size() == kCaptureListMax) {
      return Error{Errc::kTooLarge, path + ": more than " + std::to_string(kCaptureListMax) + " addresses"};
    }
    urls.push_back(std::move(url));
  }
  if (urls.empty()) return Error{Errc::kUsage, path + ": holds no address"};
  return urls;
}

std::string CaptureName(std::string_view url, uint64_t time_unix_s) {
  const auto seconds = static_cast<std::time_t>(time_unix_s);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char stamp[32];
  std::strftime(stamp, sizeof stamp, "-%Y%m%dT%H%M%SZ", &utc);
  return NamedHost(url) + stamp;
}

std::string ListedName(std::string_view url) {
  return NamedHost(url) + "-" + ToHex(Sha256(AsBytes(url))).substr(0, 16);
}

}  // namespace cunzheng::cli
