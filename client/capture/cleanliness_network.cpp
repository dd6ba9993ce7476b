// What stands between the machine and the page: names, proxies, addresses, routes, roots of trust, time.
#include <arpa/inet.h>
#include <net/if.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <set>

#include "client/capture/addresses.h"
#include "client/capture/cleanliness_items.h"
#include "client/capture/network_probes.h"

namespace cunzheng::capture {
namespace {

constexpr size_t kListedMax = 256;
constexpr int64_t kClockNoticeUs = 1'000'000, kClockWarningUs = 10'000'000;
constexpr std::string_view kRootBundle = "/etc/ssl/certs/ca-certificates.crt";
constexpr std::string_view kProxyVariables[] = {"http_proxy", "https_proxy",   "all_proxy",   "ftp_proxy",
                                                "no_proxy",   "HTTP_PROXY",    "HTTPS_PROXY", "ALL_PROXY",
                                                "NO_PROXY",   "CHROMIUM_FLAGS"};
constexpr std::string_view kProxyArguments[] = {"--proxy-server", "--proxy-pac-url", "--proxy-auto-detect"};
// Names that mean something only where one is; nobody outside is told them.
constexpr std::string_view kLocalZones[] = {".local",     ".localhost", ".internal", ".lan",
                                            ".home.arpa", ".test",      ".intranet", ".corp"};

json::Array FactsOf(const std::vector<std::string>& texts) {
  json::Array facts;
  for (const std::string& text : texts) {
    if (facts.size() < kListedMax) facts.push_back(Fact(text));
  }
  return facts;
}

// "http://user:secret@proxy:3128" without what nobody else should read.
std::string WithoutSecrets(const std::string& value) {
  const size_t at = value.rfind('@');
  if (at == std::string::npos) return value;
  const size_t scheme = value.find("://");
  return (scheme == std::string::npos || scheme > at ? "" : value.substr(0, scheme + 3)) + "…" +
         value.substr(at);
}

bool IsOwnName(std::string_view name, std::string_view hostname) {
  static const std::set<std::string_view> kStandard = {"localhost",
                                                       "localhost.localdomain",
                                                       "localhost4",
                                                       "localhost6",
                                                       "localhost4.localdomain4",
                                                       "ip6-localhost",
                                                       "ip6-loopback",
                                                       "ip6-localnet",
                                                       "ip6-mcastprefix",
                                                       "ip6-allnodes",
                                                       "ip6-allrouters",
                                                       "ip6-allhosts",
                                                       "localhost6.localdomain6",
                                                       "broadcasthost"};
  if (kStandard.contains(name)) return true;
  const std::string_view first = name.substr(0, name.find('.'));
  return !hostname.empty() && (name == hostname || first == hostname.substr(0, hostname.find('.')));
}

bool IsLocalName(const std::string& host) {
  if (host.find('.') == std::string::npos) return true;
  return std::any_of(std::begin(kLocalZones), std::end(kLocalZones),
                     [&](std::string_view zone) { return host.ends_with(zone); });
}

json::Value AnswerFact(std::string_view by, const AddressAnswer& answer) {
  json::Object fact{{"by", Fact(by)}, {"answered", answer.answered}};
  if (answer.answered) {
    fact.emplace("exists", answer.exists);
    fact.emplace("addresses", FactsOf(answer.addresses));
  } else {
    fact.emplace("failure", Fact(answer.failure));
  }
  return fact;
}

bool Overlap(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::any_of(a.begin(), a.end(),
                     [&](const std::string& one) { return std::find(b.begin(), b.end(), one) != b.end(); });
}

bool AnyLocal(const std::vector<std::string>& addresses) {
  return std::any_of(addresses.begin(), addresses.end(), IsLocalAddress);
}

// /proc/net/route writes IPv4 addresses as the machine's own words.
std::string RouteAddress(std::string_view hex) {
  const auto value = static_cast<uint32_t>(std::strtoul(std::string(hex).c_str(), nullptr, 16));
  char text[INET_ADDRSTRLEN] = {};
  return inet_ntop(AF_INET, &value, text, sizeof text) != nullptr ? text : "";
}

// And IPv6 ones as 32 digits.
std::string RouteAddress6(std::string_view hex) {
  in6_addr address{};
  for (size_t i = 0; i < 16 && 2 * i + 1 < hex.size(); ++i) {
    address.s6_addr[i] =
        static_cast<uint8_t>(std::strtoul(std::string(hex.substr(2 * i, 2)).c_str(), nullptr, 16));
  }
  char text[INET6_ADDRSTRLEN] = {};
  return inet_ntop(AF_INET6, &address, text, sizeof text) != nullptr ? text : "";
}

bool IsTunnel(std::string_view interface) {
  constexpr std::string_view kPrefixes[] = {"tun", "tap",  "wg",    "ppp", "tailscale",
                                            "zt",  "utun", "ipsec", "vti"};
  return std::any_of(std::begin(kPrefixes), std::end(kPrefixes),
                     [&](std::string_view prefix) { return interface.starts_with(prefix); });
}

std::string Signed(int64_t us) {
  const uint64_t size = static_cast<uint64_t>(us < 0 ? -us : us);
  std::string fraction = std::to_string(size % 1'000'000);
  fraction.insert(0, 6 - fraction.size(), '0');
  return (us < 0 ? "-" : "+") + std::to_string(size / 1'000'000) + "." + fraction;
}

}  // namespace

CleanlinessItem LookAtHosts(const Machine& machine) {
  CleanlinessItem item{"hosts",
                       ItemState::kOk,
                       "hosts 文件只有本机的标准条目。",
                       "The hosts file has only the machine's own usual lines.",
                       {}};
  const std::string text = machine.Text("/etc/hosts");
  const std::string digest = machine.DigestOf("/etc/hosts");
  if (digest.empty()) {
    return {
        "hosts", ItemState::kNotChecked, "无法读取 hosts 文件。", "The hosts file could not be read.", {}};
  }
  const std::string hostname = machine.FirstLine("/proc/sys/kernel/hostname");
  const std::string target = HostOfUrl(machine.options.url).value_or("");
  json::Array others;
  uint64_t entries = 0, other_lines = 0;
  bool names_target = false;
  for (const std::string_view line : Lines(text)) {
    const auto words = Words(line.substr(0, line.find('#')));
    if (words.size() < 2) continue;
    ++entries;
    names_target |= !target.empty() && std::find(words.begin() + 1, words.end(), target) != words.end() &&
                    !IsOwnName(target, hostname);
    if (std::all_of(words.begin() + 1, words.end(),
                    [&](std::string_view name) { return IsOwnName(name, hostname); })) {
      continue;
    }
    ++other_lines;
    if (others.size() < kListedMax) others.push_back(Fact(line));
  }
  item.facts = {
      {"sha256", digest},           {"length", uint64_t{text.size()}}, {"entries", entries},
      {"other_lines", other_lines}, {"others", std::move(others)},     {"names_host", names_target}};
  if (names_target) {
    item.state = ItemState::kWarning;
    item.zh = "hosts 文件为所取证的主机指定了地址。";
    item.en = "The hosts file gives an address to the very host that is captured.";
  } else if (other_lines > 0) {
    item.state = ItemState::kNotice;
    item.zh = "hosts 文件另有 " + std::to_string(other_lines) + " 行非标准条目，均不涉及所取证的主机。";
    item.en = "The hosts file has lines of its own (" + std::to_string(other_lines) +
              "); none of them names the host that is captured.";
  }
  return item;
}

CleanlinessItem LookAtProxy(const Machine& machine) {
  CleanlinessItem item{"proxy",
                       ItemState::kOk,
                       "未设置代理；浏览器启动时不带任何代理设置。",
                       "No proxy is set, and the browser is started without one.",
                       {}};
  json::Array variables, arguments;
  for (const std::string_view name : kProxyVariables) {
    const auto value = machine.probes.environment(std::string(name));
    if (!value || value->empty()) continue;
    variables.push_back(json::Object{{"name", name}, {"value", Fact(WithoutSecrets(*value))}});
  }
  for (const std::string& argument : machine.options.browser_arguments) {
    if (std::any_of(std::begin(kProxyArguments), std::end(kProxyArguments),
                    [&](std::string_view name) { return argument.starts_with(name); })) {
      arguments.push_back(Fact(WithoutSecrets(argument)));
    }
  }
  const bool set = !variables.empty(), used = !arguments.empty();
  item.facts = {{"environment", std::move(variables)}, {"browser_arguments", std::move(arguments)}};
  if (used) {
    item.state = ItemState::kWarning;
    item.zh = "浏览器按操作者的参数经代理访问网络。";
    item.en = "The browser goes through a proxy that the operator gave it.";
  } else if (set) {
    item.state = ItemState::kNotice;
    item.zh = "环境变量设有代理，但未传给浏览器，浏览器启动时不带任何代理设置。";
    item.en = "The environment sets a proxy; it is not handed on, and the browser is started without one.";
  }
  return item;
}

CleanlinessItem LookAtDns(const Machine& machine) {
  CleanlinessItem item{"dns",
                       ItemState::kNotChecked,
                       "地址不含需要解析的主机名。",
                       "The address has no host name that would be looked up.",
                       {}};
  std::vector<std::string> configured;
  const std::string text = machine.Text("/etc/resolv.conf");
  for (const std::string_view line : Lines(text)) {
    const auto words = Words(line);
    if (words.size() >= 2 && words[0] == "nameserver" && configured.size() < 8)
      configured.emplace_back(words[1]);
  }
  item.facts.emplace("configured", FactsOf(configured));
  const auto host = HostOfUrl(machine.options.url);
  if (!host) return item;
  item.facts.emplace("host", Fact(*host));
  if (IsAddress(*host)) return item;

  json::Array answers;
  const AddressAnswer own = machine.probes.resolve(*host);
  answers.push_back(AnswerFact("system", own));
  std::vector<std::string> servers = configured;
  if (!IsLocalName(*host)) {
    for (const std::string& resolver : machine.options.resolvers) {
      if (std::find(servers.begin(), servers.end(), resolver) == servers.end()) servers.push_back(resolver);
    }
  }
  const std::vector<AddressAnswer> others =
      servers.empty() ? std::vector<AddressAnswer>{} : machine.probes.ask(servers, *host);
  uint64_t compared = 0, agreeing = 0;
  bool contradicted = false;
  for (size_t i = 0; i < others.size(); ++i) {
    const AddressAnswer& other = others[i];
    answers.push_back(AnswerFact(servers[i], other));
    if (!other.answered || !own.answered) continue;
    ++compared;
    const bool both_empty = own.addresses.empty() && other.addresses.empty();
    if (both_empty || Overlap(own.addresses, other.addresses)) ++agreeing;
    // Public there and private here, or here and not there: no difference between mirrors of one site.
    contradicted |=
        !own.addresses.empty() &&
        (!other.exists || (!other.addresses.empty() && AnyLocal(own.addresses) != AnyLocal(other.addresses)));
  }
  item.facts.emplace("answers", std::move(answers));
  item.facts.emplace("compared", compared);
  item.facts.emplace("agreeing", agreeing);
  const std::string of_zh = std::to_string(agreeing) + "/" + std::to_string(compared);
  if (!own.answered) {
    item.zh = "系统解析器未给出答复。";
    item.en = "The system's resolver gave no answer.";
  } else if (compared == 0) {
    item.zh = "系统解析器已答复，但没有其他域名服务器可供比对。";
    item.en = "The system's resolver answered; no other name server could be reached to compare.";
  } else if (contradicted) {
    item.state = ItemState::kWarning;
    item.zh = "系统解析的地址与其他域名服务器的答复相矛盾（一致 " + of_zh + "）。";
    item.en = "What the system resolves contradicts other name servers (" + of_zh + " agree).";
  } else if (own.addresses.empty()) {
    item.state = ItemState::kNotice;
    item.zh = "系统解析器未给出任何地址（与其他域名服务器一致 " + of_zh + "）。";
    item.en = "The system's resolver gives no address (" + of_zh + " of the other name servers agree).";
  } else if (agreeing < compared) {
    item.state = ItemState::kNotice;
    item.zh = "部分域名服务器给出其他地址（一致 " + of_zh + "），内容分发网络常见此情形。";
    item.en = "Some name servers give other addresses (" + of_zh +
              " agree), as is common where mirrors serve a site.";
  } else {
    item.state = ItemState::kOk;
    item.zh = "系统解析的地址与其他域名服务器的答复一致（" + of_zh + "）。";
    item.en = "What the system resolves agrees with other name servers (" + of_zh + ").";
  }
  return item;
}

CleanlinessItem LookAtInterfaces(const Machine& machine) {
  CleanlinessItem item{"interfaces",
                       ItemState::kOk,
                       "已记录网络接口及其地址（不记录硬件地址）。",
                       "Network interfaces and their addresses are recorded; hardware addresses are not.",
                       {}};
  json::Array interfaces;
  const auto addresses = machine.probes.interfaces();
  for (const InterfaceAddress& one : addresses) {
    if (interfaces.size() == kListedMax) break;
    std::string address = one.address;
    bool withheld = false;
    in6_addr six{};
    // Such an address is made of the hardware's (RFC 4291, appendix A).
    if (inet_pton(AF_INET6, address.c_str(), &six) == 1 && six.s6_addr[11] == 0xff &&
        six.s6_addr[12] == 0xfe) {
      std::fill(six.s6_addr + 8, six.s6_addr + 16, uint8_t{0});
      char text[INET6_ADDRSTRLEN] = {};
      address = inet_ntop(AF_INET6, &six, text, sizeof text) != nullptr ? text : "";
      withheld = true;
    }
    interfaces.push_back(json::Object{{"name", Fact(one.interface)},
                                      {"address", Fact(address)},
                                      {"up", one.up},
                                      {"host_part_withheld", withheld}});
  }
  json::Array listening;
  for (const std::string& name : machine.Names("/sys/class/net")) {
    const auto flags =
        std::strtoul(machine.FirstLine("/sys/class/net/" + name + "/flags").c_str(), nullptr, 16);
    if ((flags & IFF_PROMISC) != 0) listening.push_back(Fact(name));
  }
  const bool promiscuous = !listening.empty();
  item.facts = {{"addresses", std::move(interfaces)}, {"promiscuous", std::move(listening)}};
  if (promiscuous) {
    item.state = ItemState::kNotice;
    item.zh = "有网络接口处于混杂模式，本机可能有程序在监听网络。";
    item.en = "A network interface is in promiscuous mode: a program on this machine may be listening.";
  } else if (addresses.empty()) {
    item.state = ItemState::kNotChecked;
    item.zh = "未能取得网络接口的地址。";
    item.en = "No addresses of network interfaces could be learnt.";
  }
  return item;
}

CleanlinessItem LookAtRoutes(const Machine& machine) {
  CleanlinessItem item{"routes",
                       ItemState::kOk,
                       "已记录路由表；默认路由不经隧道接口。",
                       "The routes are recorded; the default one leads through no tunnel.",
                       {}};
  const std::string four = machine.Text("/proc/net/route"), six = machine.Text("/proc/net/ipv6_route");
  if (four.empty() && six.empty()) {
    return {"routes", ItemState::kNotChecked, "无法读取路由表。", "The routes could not be read.", {}};
  }
  json::Array routes, routes6;
  bool has_default = false, tunnel = false;
  const auto lines = Lines(four);
  for (size_t i = 1; i < lines.size() && routes.size() < kListedMax; ++i) {
    const auto words = Words(lines[i]);
    if (words.size() < 8) continue;
    const bool whole = words[1] == "00000000" && words[7] == "00000000";
    has_default |= whole;
    tunnel |= whole && IsTunnel(words[0]);
    routes.push_back(json::Object{{"interface", Fact(words[0])},
                                  {"destination", RouteAddress(words[1])},
                                  {"gateway", RouteAddress(words[2])},
                                  {"mask", RouteAddress(words[7])}});
  }
  for (const std::string_view line : Lines(six)) {
    const auto words = Words(line);
    if (words.size() < 10 || routes6.size() == kListedMax || words[9] == "lo") continue;
    const auto length = std::strtoul(std::string(words[1]).c_str(), nullptr, 16);
    // Host routes are the machine's own addresses, which another item has.
    if (length == 128) continue;
    has_default |= length == 0;
    tunnel |= length == 0 && IsTunnel(words[9]);
    routes6.push_back(json::Object{{"interface", Fact(words[9])},
                                   {"destination", RouteAddress6(words[0])},
                                   {"prefix_length", uint64_t{length}},
                                   {"gateway", RouteAddress6(words[4])}});
  }
  item.facts = {{"ipv4", std::move(routes)}, {"ipv6", std::move(routes6)}};
  if (tunnel) {
    item.state = ItemState::kNotice;
    item.zh = "默认路由经过隧道接口（如虚拟专用网）。";
    item.en = "The default route leads through a tunnel, such as a virtual private network.";
  } else if (!has_default) {
    item.state = ItemState::kNotice;
    item.zh = "没有默认路由。";
    item.en = "There is no default route.";
  }
  return item;
}

CleanlinessItem LookAtRoots(const Machine& machine) {
  CleanlinessItem item{"roots",
                       ItemState::kOk,
                       "已记录系统根证书库的摘要；没有本地添加的根证书。",
                       "The digest of the system's root certificates is recorded; none were added locally.",
                       {}};
  const std::string bundle = machine.Text(kRootBundle);
  json::Object system{{"path", kRootBundle}, {"found", !bundle.empty()}};
  if (!bundle.empty()) {
    uint64_t count = 0;
    for (size_t at = 0; (at = bundle.find("-----BEGIN CERTIFICATE-----", at)) != std::string::npos; ++at)
      ++count;
    system.emplace("sha256", machine.DigestOf(kRootBundle));
    system.emplace("certificates", count);
  }
  json::Array added, databases;
  for (const std::string& name : machine.Names("/usr/local/share/ca-certificates")) {
    added.push_back(json::Object{{"name", Fact(name)},
                                 {"sha256", machine.DigestOf("/usr/local/share/ca-certificates/" + name)}});
    if (added.size() == kListedMax) break;
  }
  const std::string home = machine.probes.environment("HOME").value_or("");
  for (const char* folder : {"/.pki/nssdb", "/.local/share/pki/nssdb"}) {
    const std::string digest = home.empty() ? "" : machine.DigestOf(home + folder + "/cert9.db");
    if (!digest.empty())
      databases.push_back(json::Object{{"folder", std::string("~") + folder}, {"sha256", digest}});
  }
  const bool has_added = !added.empty(), has_database = !databases.empty();
  item.facts = {{"system", std::move(system)},
                {"added", std::move(added)},
                {"user_databases", std::move(databases)},
                {"user_databases_read_by_browser", false}};
  if (has_added) {
    item.state = ItemState::kNotice;
    item.zh = "系统根证书库含本地添加的根证书；浏览器使用其自带的根证书库。";
    item.en = "Root certificates were added to the system's; the browser has a store of its own.";
  } else if (has_database) {
    item.state = ItemState::kNotice;
    item.zh = "操作者主目录有证书数据库；浏览器的主目录是新建的，不读取它。";
    item.en =
        "The operator's home has a certificate database; the browser's home is a new one and it reads none.";
  } else if (bundle.empty()) {
    item.state = ItemState::kNotChecked;
    item.zh = "未找到系统根证书库；浏览器使用其自带的根证书库。";
    item.en = "The system's root certificates were not found; the browser has a store of its own.";
  }
  return item;
}

CleanlinessItem LookAtClock(const Machine& machine) {
  CleanlinessItem item{"clock", ItemState::kNotChecked, {}, {}, {}};
  const KernelClock kernel = machine.probes.kernel_clock();
  const auto answers = machine.options.time_servers.empty()
                           ? std::vector<TimeAnswer>{}
                           : machine.probes.ask_time(machine.options.time_servers);
  json::Array servers;
  std::vector<int64_t> offsets;
  for (size_t i = 0; i < answers.size(); ++i) {
    json::Object fact{{"server", Fact(machine.options.time_servers[i])}, {"answered", answers[i].answered}};
    if (answers[i].answered) {
      offsets.push_back(answers[i].offset_us);
      fact.emplace("offset_s", Signed(answers[i].offset_us));
      fact.emplace("round_trip_us", answers[i].round_trip_us);
      fact.emplace("stratum", answers[i].stratum);
    } else {
      fact.emplace("failure", Fact(answers[i].failure));
    }
    servers.push_back(std::move(fact));
  }
  item.facts.emplace("servers", std::move(servers));
  item.facts.emplace("kernel_known", kernel.known);
  if (kernel.known) {
    item.facts.emplace("kernel_synchronised", kernel.synchronised);
    item.facts.emplace("kernel_error_max_us", kernel.error_max_us);
  }
  std::string zone = machine.FirstLine("/etc/timezone");
  if (zone.empty()) zone = "unknown";
  item.facts.emplace("timezone", Fact(zone));
  if (const auto set = machine.probes.environment("TZ"); set && !set->empty())
    item.facts.emplace("tz", Fact(*set));

  if (!offsets.empty()) {
    std::sort(offsets.begin(), offsets.end());
    const int64_t middle = offsets[offsets.size() / 2], size = middle < 0 ? -middle : middle;
    item.facts.emplace("offset_s", Signed(middle));
    item.state = size > kClockWarningUs  ? ItemState::kWarning
                 : size > kClockNoticeUs ? ItemState::kNotice
                                         : ItemState::kOk;
    item.zh = "时间服务器的时间与本机时钟相差 " + Signed(middle) + " 秒。";
    item.en = "The clock of time servers less this machine's is " + Signed(middle) + " s.";
  } else if (kernel.known && kernel.synchronised) {
    item.state = ItemState::kOk;
    item.zh = "系统内核报告其时钟已同步；未能访问时间服务器比对。";
    item.en = "The kernel says that its clock is synchronised; no time server could be reached to compare.";
  } else if (kernel.known) {
    item.state = ItemState::kNotice;
    item.zh = "系统内核报告其时钟未同步，且未能访问时间服务器比对。";
    item.en =
        "The kernel says that its clock is not synchronised, and no time server could be reached to compare.";
  } else {
    item.zh = "未能检查时钟：内核未报告同步状态，时间服务器不可达。";
    item.en = "The clock could not be checked: the kernel does not say, and no time server could be reached.";
  }
  return item;
}

}  // namespace cunzheng::capture
