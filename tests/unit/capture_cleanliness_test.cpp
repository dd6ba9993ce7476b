// The cleanliness report, on machines made of files and answers.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

#include "client/capture/cleanliness.h"
#include "crypto/digest.h"
#include "tests/unit/temp_dir.h"

namespace {

using namespace cunzheng;
using namespace cunzheng::capture;
using evidence::CleanlinessItem;
using evidence::CleanlinessReport;
using evidence::ItemState;

AddressAnswer Says(std::vector<std::string> addresses) {
  AddressAnswer answer;
  answer.answered = true;
  answer.addresses = std::move(addresses);
  return answer;
}

TimeAnswer Ahead(int64_t us) {
  TimeAnswer answer;
  answer.answered = true;
  answer.offset_us = us;
  answer.stratum = 2;
  return answer;
}

// A machine with nothing amiss; each test spoils what it is about.
struct FakeMachine {
  TempDir root;
  CleanlinessOptions options;
  std::map<std::string, std::string> environment = {{"HOME", "/home/officer"}};
  AddressAnswer system = Says({"93.184.216.34"});
  std::map<std::string, AddressAnswer> servers;
  std::vector<TimeAnswer> times;
  KernelClock kernel{true, true, 1'000};
  std::vector<InterfaceAddress> interfaces = {{"eth0", "192.0.2.2", true}};
  std::vector<std::string> asked;

  FakeMachine() {
    Put("/etc/os-release", "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n");
    Put("/proc/meminfo", "MemTotal:  8000000 kB\nMemAvailable:  6000000 kB\n");
    Put("/proc/uptime", "123.45 200.00\n");
    Put("/proc/cpuinfo", "processor : 0\nflags : fpu vme sse2\n");
    Put("/proc/sys/kernel/hostname", "notary\n");
    Put("/proc/7/comm", "sshd\n");
    Put("/proc/7/status", "Name: sshd\nUid:\t1000\t1000\t1000\t1000\n");
    Put("/proc/7/exe", "the program");
    Put("/proc/net/route",
        "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
        "eth0 00000000 010200C0 0003 0 0 0 00000000 0 0 0\n");
    Put("/etc/passwd", "root:x:0:0::/root:/bin/sh\nofficer:x:1000:1000::/home/officer:/bin/sh\n");
    Put("/etc/hosts", "127.0.0.1 localhost\n127.0.1.1 notary.example notary # own\n::1 ip6-localhost\n");
    Put("/etc/resolv.conf", "nameserver 192.0.2.53\n");
    Put("/etc/ssl/certs/ca-certificates.crt", "-----BEGIN CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\n");
    Put("/usr/bin/chromium", "#!/bin/sh\nexec /usr/lib/chromium/chromium\n");
    Put("/usr/lib/chromium/chromium",
        "\x7f"
        "ELF the browser");
    std::filesystem::permissions(root / "usr/lib/chromium/chromium", std::filesystem::perms::owner_all);
    Put("/var/lib/dpkg/info/chromium.list", "/usr\n/usr/lib/chromium/chromium\n");
    Put("/var/lib/dpkg/status",
        "Package: chromium-common\nVersion: 1\n\nPackage: chromium\nStatus: install ok\nVersion: "
        "156.0-1\n\n");
    options.url = "https://shop.example.com/item?id=1";
    options.tool = "cunzheng/0.1.0";
    options.browser_program = "/usr/bin/chromium";
    options.resolvers = {"198.51.100.1"};
    options.time_servers = {"ntp.example"};
    servers = {{"192.0.2.53", system}, {"198.51.100.1", system}};
    times = {Ahead(1'500)};
  }

  void Put(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root.path() + path).parent_path());
    root.Write(path.substr(1), text);
  }

  CleanlinessReport Check(const std::function<bool()>& stop = [] { return false; }) {
    MachineProbes probes;
    probes.root = root.path();
    probes.environment = [this](const std::string& name) -> std::optional<std::string> {
      const auto it = environment.find(name);
      return it == environment.end() ? std::nullopt : std::optional(it->second);
    };
    probes.resolve = [this](const std::string&) { return system; };
    probes.ask = [this](const std::vector<std::string>& all, const std::string&) {
      asked = all;
      std::vector<AddressAnswer> answers;
      for (const std::string& server : all) answers.push_back(servers[server]);
      return answers;
    };
    probes.ask_time = [this](const std::vector<std::string>&) { return times; };
    probes.kernel_clock = [this] { return kernel; };
    probes.interfaces = [this] { return interfaces; };
    probes.version = [this](const std::string& program) {
      return program == root / "usr/lib/chromium/chromium" ? "Chromium 156.0" : "";
    };
    return CheckCleanliness(options, probes, stop);
  }
  CleanlinessItem Item(std::string_view id) {
    const CleanlinessReport report = Check();
    const auto it = std::find_if(report.items.begin(), report.items.end(),
                                 [&](const CleanlinessItem& item) { return item.id == id; });
    REQUIRE(it != report.items.end());
    return *it;
  }
};

std::string TextFact(const CleanlinessItem& item, std::string_view key) {
  const auto it = item.facts.find(key);
  REQUIRE(it != item.facts.end());
  REQUIRE(it->second.AsString() != nullptr);
  return *it->second.AsString();
}

std::string AllFacts(const CleanlinessItem& item) {
  return json::Encode(item.facts);
}

}  // namespace

TEST_CASE("a clean machine's items are all ok, in their order, and decode to themselves") {
  FakeMachine machine;
  const CleanlinessReport report = machine.Check();
  REQUIRE(report.items.size() == evidence::kCleanlinessItems.size());
  for (size_t i = 0; i < report.items.size(); ++i) {
    CHECK(report.items[i].id == evidence::kCleanlinessItems[i]);
    CAPTURE(report.items[i].id);
    // There is no list of logins on this machine, and how much disk is free is not for the test to say.
    if (report.items[i].id == "users" || report.items[i].id == "system") continue;
    CHECK(report.items[i].state == ItemState::kOk);
  }
  const std::string text = EncodeCleanliness(report);
  const auto decoded = evidence::DecodeCleanliness(text);
  REQUIRE(decoded);
  CHECK(*decoded == report);
}

TEST_CASE("a machine that shows nothing is no error") {
  FakeMachine machine;
  std::filesystem::remove_all(machine.root / "proc");
  std::filesystem::remove_all(machine.root / "etc");
  std::filesystem::remove_all(machine.root / "usr");
  machine.system = {};
  machine.servers.clear();
  machine.times = {{}};
  machine.kernel = {};
  machine.interfaces.clear();
  const CleanlinessReport report = machine.Check();
  for (const CleanlinessItem& item : report.items) {
    CAPTURE(item.id);
    const bool absence_is_fine = item.id == "preload" || item.id == "proxy" || item.id == "profile";
    CHECK(item.state == (absence_is_fine ? ItemState::kOk : ItemState::kNotChecked));
  }
  CHECK(evidence::DecodeCleanliness(EncodeCleanliness(report)));
}

TEST_CASE("items after the operator's stop are not checked") {
  FakeMachine machine;
  int left = 3;
  const CleanlinessReport report = machine.Check([&] { return left-- <= 0; });
  REQUIRE(report.items.size() == evidence::kCleanlinessItems.size());
  for (size_t i = 3; i < report.items.size(); ++i) CHECK(report.items[i].state == ItemState::kNotChecked);
  CHECK(report.items[1].state == ItemState::kOk);
}

TEST_CASE("the hosts file is judged by what its lines name") {
  FakeMachine machine;
  machine.Put("/etc/hosts", "127.0.0.1 localhost\n0.0.0.0 ads.example\n");
  CHECK(machine.Item("hosts").state == ItemState::kNotice);
  CHECK(AllFacts(machine.Item("hosts")).find("0.0.0.0 ads.example") != std::string::npos);
  machine.Put("/etc/hosts", "127.0.0.1 localhost\n203.0.113.9 x shop.example.com\n");
  CHECK(machine.Item("hosts").state == ItemState::kWarning);
  machine.Put("/etc/hosts", "# 203.0.113.9 shop.example.com\n127.0.0.1 localhost\n");
  CHECK(machine.Item("hosts").state == ItemState::kOk);
}

TEST_CASE("proxies are told of without their passwords") {
  FakeMachine machine;
  machine.environment["https_proxy"] = "http://user:secret@proxy.example:3128";
  const CleanlinessItem noticed = machine.Item("proxy");
  CHECK(noticed.state == ItemState::kNotice);
  CHECK(AllFacts(noticed).find("http://…@proxy.example:3128") != std::string::npos);
  CHECK(AllFacts(noticed).find("secret") == std::string::npos);
  machine.options.browser_arguments = {"--proxy-server=http://proxy.example:3128"};
  CHECK(machine.Item("proxy").state == ItemState::kWarning);
  CHECK(machine.Item("browser").state == ItemState::kWarning);
}

TEST_CASE("what name servers say is compared") {
  FakeMachine machine;
  AddressAnswer missing = Says({});
  missing.exists = false;
  struct Case {
    const char* what;
    AddressAnswer system, other;
    ItemState state;
  };
  const Case cases[] = {
      {"the same", Says({"93.184.216.34"}), Says({"93.184.216.34"}), ItemState::kOk},
      {"one in common", Says({"93.184.216.34", "93.184.216.35"}), Says({"93.184.216.35"}), ItemState::kOk},
      {"another mirror", Says({"93.184.216.34"}), Says({"93.184.216.99"}), ItemState::kNotice},
      {"a private one here", Says({"10.0.0.1"}), Says({"93.184.216.34"}), ItemState::kWarning},
      {"a name that others do not have", Says({"93.184.216.34"}), missing, ItemState::kWarning},
      {"no such name anywhere", missing, missing, ItemState::kNotice},
      {"nobody to compare with", Says({"93.184.216.34"}), {}, ItemState::kNotChecked},
      {"no answer of the system", {}, Says({"93.184.216.34"}), ItemState::kNotChecked},
  };
  for (const Case& one : cases) {
    CAPTURE(one.what);
    machine.system = one.system;
    machine.servers = {{"192.0.2.53", one.other}, {"198.51.100.1", one.other}};
    CHECK(machine.Item("dns").state == one.state);
  }
  CHECK(machine.asked == std::vector<std::string>{"192.0.2.53", "198.51.100.1"});
}

TEST_CASE("local names are not told to servers outside, and addresses to none") {
  FakeMachine machine;
  for (const char* url : {"http://intranet/", "http://printer.local/", "http://shop.test/"}) {
    machine.options.url = url;
    machine.Check();
    CHECK(machine.asked == std::vector<std::string>{"192.0.2.53"});
  }
  machine.asked.clear();
  for (const char* url : {"http://93.184.216.34/", "https://[2001:db8::1]:8443/", "about:blank"}) {
    machine.options.url = url;
    CHECK(machine.Item("dns").state == ItemState::kNotChecked);
    CHECK(machine.asked.empty());
  }
}

TEST_CASE("the clock is judged by the middle of what time servers say") {
  FakeMachine machine;
  const auto state = [&](std::vector<TimeAnswer> times) {
    machine.options.time_servers.assign(times.size(), "ntp.example");
    machine.times = std::move(times);
    return machine.Item("clock").state;
  };
  CHECK(state({Ahead(900'000)}) == ItemState::kOk);
  CHECK(state({Ahead(-1'000'001)}) == ItemState::kNotice);
  CHECK(TextFact(machine.Item("clock"), "offset_s") == "-1.000001");
  CHECK(state({Ahead(-11'000'000)}) == ItemState::kWarning);
  // One server that is wrong does not make the clock wrong.
  CHECK(state({Ahead(3'000), Ahead(86'400'000'000), Ahead(-2'000)}) == ItemState::kOk);
  CHECK(TextFact(machine.Item("clock"), "offset_s") == "+0.003000");
  CHECK(state({{}}) == ItemState::kOk);  // the kernel says so
  machine.kernel.synchronised = false;
  CHECK(state({{}}) == ItemState::kNotice);
  machine.kernel.known = false;
  CHECK(state({{}}) == ItemState::kNotChecked);
}

TEST_CASE("processes have their user and their program's digest, and meddlers are named") {
  FakeMachine machine;
  const std::string facts = AllFacts(machine.Item("processes"));
  CHECK(facts.find("\"user\":\"officer\"") != std::string::npos);
  CHECK(facts.find(ToHex(Sha256(AsBytes("the program")))) != std::string::npos);
  machine.Put("/proc/31/comm", "mitmdump\n");
  const CleanlinessItem item = machine.Item("processes");
  CHECK(item.state == ItemState::kWarning);
  CHECK(item.en.find("mitmdump") != std::string::npos);
}

TEST_CASE("a library that is forced into every program is a warning, one that is not handed on a notice") {
  FakeMachine machine;
  machine.environment["LD_PRELOAD"] = "/tmp/x.so";
  CHECK(machine.Item("preload").state == ItemState::kNotice);
  machine.Put("/etc/ld.so.preload", "/usr/lib/x.so\n");
  CHECK(machine.Item("preload").state == ItemState::kWarning);
}

TEST_CASE("hardware addresses are withheld, also where an IPv6 address is made of one") {
  FakeMachine machine;
  machine.interfaces = {{"eth0", "2001:db8::211:22ff:fe33:4455", true}, {"eth0", "2001:db8::1", true}};
  const std::string facts = AllFacts(machine.Item("interfaces"));
  CHECK(facts.find("4455") == std::string::npos);
  CHECK(facts.find("\"2001:db8::\"") != std::string::npos);
  CHECK(facts.find("\"2001:db8::1\"") != std::string::npos);
}

TEST_CASE("a route through a tunnel and an interface that listens are noticed") {
  FakeMachine machine;
  CHECK(AllFacts(machine.Item("routes")).find("\"gateway\":\"192.0.2.1\"") != std::string::npos);
  machine.Put("/proc/net/route", "Iface Destination\nwg0 00000000 00000000 0001 0 0 0 00000000 0 0 0\n");
  CHECK(machine.Item("routes").state == ItemState::kNotice);
  machine.Put("/sys/class/net/eth0/flags", "0x1103\n");
  CHECK(machine.Item("interfaces").state == ItemState::kNotice);
}

TEST_CASE(
    "root certificates that were added are noticed, and so is a database that the browser does not read") {
  FakeMachine machine;
  machine.Put("/home/officer/.pki/nssdb/cert9.db", "a database");
  CHECK(machine.Item("roots").state == ItemState::kNotice);
  CHECK(AllFacts(machine.Item("roots")).find("~/.pki/nssdb") != std::string::npos);
  CHECK(AllFacts(machine.Item("roots")).find("/home/officer") == std::string::npos);
  machine.Put("/usr/local/share/ca-certificates/own.crt", "x");
  CHECK(AllFacts(machine.Item("roots")).find("own.crt") != std::string::npos);
}

TEST_CASE("the browser is the program that its script runs, of the package that it belongs to") {
  FakeMachine machine;
  const CleanlinessItem item = machine.Item("browser");
  CHECK(TextFact(item, "binary") == "/usr/lib/chromium/chromium");
  CHECK(TextFact(item, "binary_sha256") == ToHex(Sha256(AsBytes("\x7f"
                                                                "ELF the browser"))));
  CHECK(TextFact(item, "version") == "Chromium 156.0");
  CHECK(TextFact(item, "package_version") == "156.0-1");
  machine.Put("/etc/chromium.d/flags", "# --proxy-server=x\nexport CHROMIUM_FLAGS=--host-resolver-rules=x\n");
  CHECK(machine.Item("browser").state == ItemState::kWarning);
  std::filesystem::remove(machine.root / "usr/lib/chromium/chromium");
  std::filesystem::remove(machine.root / "etc/chromium.d/flags");
  CHECK(machine.Item("browser").state == ItemState::kNotice);
}

TEST_CASE("policies are a warning, extensions a notice") {
  FakeMachine machine;
  machine.Put("/usr/share/chromium/extensions/x", "x");
  CHECK(machine.Item("profile").state == ItemState::kNotice);
  machine.Put("/etc/chromium/policies/managed/own.json", "{}");
  CHECK(machine.Item("profile").state == ItemState::kWarning);
}

TEST_CASE("marks of virtual machines and containers are noticed") {
  FakeMachine machine;
  machine.Put("/.dockerenv", "");
  CHECK(machine.Item("virtualisation").state == ItemState::kNotice);
  machine.Put("/proc/cpuinfo", "flags : fpu hypervisor\n");
  machine.Put("/sys/class/dmi/id/product_name", "VMware Virtual Platform\n");
  const std::string facts = AllFacts(machine.Item("virtualisation"));
  CHECK(facts.find("firmware: VMware") != std::string::npos);
  CHECK(facts.find("cpu: hypervisor") != std::string::npos);
}

TEST_CASE("a file of any bytes leaves a report that can be read") {
  FakeMachine machine;
  std::string bytes;
  for (int i = 0; i < 1'024; ++i) bytes.push_back(static_cast<char>(i * 37 % 256));
  for (const char* path :
       {"/etc/hosts", "/proc/net/route", "/proc/net/ipv6_route", "/etc/passwd", "/proc/7/comm",
        "/proc/7/status", "/etc/resolv.conf", "/etc/os-release", "/run/utmp", "/proc/cpuinfo",
        "/etc/ld.so.preload", "/proc/meminfo", "/etc/timezone", "/etc/chromium.d/x"}) {
    machine.Put(path, bytes);
  }
  machine.environment = {{"HOME", bytes}, {"http_proxy", bytes}};
  const auto decoded = evidence::DecodeCleanliness(EncodeCleanliness(machine.Check()));
  REQUIRE_MESSAGE(decoded, (decoded ? "" : decoded.error().ToString()));
}
