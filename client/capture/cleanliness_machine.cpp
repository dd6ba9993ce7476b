// What the machine is, and what runs on it.
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <utmp.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <set>

#include "client/capture/cleanliness_items.h"

namespace cunzheng::capture {
namespace {

constexpr uint64_t kDiskLow = 1u << 30, kMemoryLow = 512u << 20;

// Programs that can watch or change what a browser shows, by the first 15 characters of their names, as the
// kernel keeps them.
constexpr std::string_view kMeddling[] = {"mitmproxy",    "mitmdump", "mitmweb",     "burpsuite", "charles",
                                          "fiddler",      "tcpdump",  "wireshark",   "dumpcap",   "tshark",
                                          "frida-server", "gdb",      "gdbserver",   "strace",    "ltrace",
                                          "x11vnc",       "Xvnc",     "teamviewerd", "anydesk",   "squid",
                                          "privoxy",      "redsocks", "sslsplit",    "bettercap", "ettercap"};
// "MemTotal:  8000 kB" of such a file, in bytes.
uint64_t KibibytesOf(std::string_view text, std::string_view key) {
  for (const std::string_view line : Lines(text)) {
    const auto words = Words(line);
    if (words.size() >= 2 && words[0] == key)
      return std::strtoull(std::string(words[1]).c_str(), nullptr, 10) * 1'024;
  }
  return 0;
}

// KEY="value" of os-release and its like.
std::string ValueOf(std::string_view text, std::string_view key) {
  for (std::string_view line : Lines(text)) {
    if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != '=') continue;
    line.remove_prefix(key.size() + 1);
    if (line.size() >= 2 && line.front() == '"' && line.back() == '"') line = line.substr(1, line.size() - 2);
    return std::string(line);
  }
  return {};
}

std::map<uint64_t, std::string> UserNames(const Machine& machine) {
  std::map<uint64_t, std::string> names;
  const std::string text = machine.Text("/etc/passwd");
  for (const std::string_view line : Lines(text)) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    names.emplace(std::strtoull(std::string(line.substr(second + 1)).c_str(), nullptr, 10),
                  line.substr(0, first));
  }
  return names;
}

}  // namespace

CleanlinessItem LookAtSystem(const Machine& machine) {
  CleanlinessItem item{"system",
                       ItemState::kOk,
                       "已记录操作系统、内核、内存与磁盘余量。",
                       "Operating system, kernel, memory and free disk are recorded.",
                       {}};
  const std::string release = machine.Text("/etc/os-release"), memory = machine.Text("/proc/meminfo");
  utsname name{};
  uname(&name);
  struct statvfs disk {};
  const char* folder = std::getenv("TMPDIR");
  const bool disk_known = statvfs(folder != nullptr ? folder : "/tmp", &disk) == 0;
  const uint64_t free_bytes = disk_known ? disk.f_bavail * disk.f_frsize : 0;
  const uint64_t memory_free = KibibytesOf(memory, "MemAvailable:");
  item.facts = {
      {"os", Fact(ValueOf(release, "PRETTY_NAME"))},
      {"kernel", Fact(machine.FirstLine("/proc/sys/kernel/osrelease"))},
      {"machine", Fact(name.machine)},
      {"memory_bytes", KibibytesOf(memory, "MemTotal:")},
      {"memory_free_bytes", memory_free},
      {"disk_free_bytes", free_bytes},
      {"uptime_s", uint64_t{std::strtoull(machine.FirstLine("/proc/uptime").c_str(), nullptr, 10)}}};
  if (release.empty() && memory.empty()) {
    item.state = ItemState::kNotChecked;
    item.zh = "无法读取系统信息。";
    item.en = "The system's own description could not be read.";
  } else if ((disk_known && free_bytes < kDiskLow) || (memory_free != 0 && memory_free < kMemoryLow)) {
    item.state = ItemState::kNotice;
    item.zh = "磁盘或内存余量偏低，取证可能因此不完整。";
    item.en = "Disk or memory is scarce; the capture may stay incomplete for it.";
  }
  return item;
}

CleanlinessItem LookAtVirtualisation(const Machine& machine) {
  CleanlinessItem item{"virtualisation",
                       ItemState::kOk,
                       "未发现虚拟机或容器的标志。",
                       "No mark of a virtual machine or a container was found.",
                       {}};
  std::set<std::string> marks;
  const std::string cpu = machine.Text("/proc/cpuinfo");
  for (const std::string_view line : Lines(cpu)) {
    if (!line.starts_with("flags")) continue;
    const auto words = Words(line);
    if (std::find(words.begin(), words.end(), "hypervisor") != words.end()) marks.insert("cpu: hypervisor");
    break;
  }
  const std::string vendor = machine.FirstLine("/sys/class/dmi/id/sys_vendor");
  const std::string product = machine.FirstLine("/sys/class/dmi/id/product_name");
  for (const std::string_view known :
       {"QEMU", "VMware", "innotek", "VirtualBox", "Xen", "Bochs", "Parallels", "KVM", "Virtual Machine",
        "Amazon EC2", "Google Compute", "Alibaba", "Tencent", "OpenStack", "Hyper-V"}) {
    if (vendor.find(known) != std::string::npos || product.find(known) != std::string::npos) {
      marks.insert("firmware: " + std::string(known));
    }
  }
  if (const std::string type = machine.FirstLine("/sys/hypervisor/type"); !type.empty()) {
    marks.insert("hypervisor: " + type);
  }
  std::set<std::string> containers;
  if (access(machine.Path("/.dockerenv").c_str(), F_OK) == 0) containers.insert("docker");
  if (access(machine.Path("/run/.containerenv").c_str(), F_OK) == 0) containers.insert("podman");
  const std::string groups = machine.Text("/proc/1/cgroup"), environment = machine.Text("/proc/1/environ");
  for (const std::string_view known : {"docker", "kubepods", "lxc", "containerd", "machine.slice"}) {
    if (groups.find(known) != std::string::npos) containers.insert(std::string(known));
  }
  if (environment.starts_with("container=") ||
      environment.find(std::string("\0container=", 11)) != std::string::npos) {
    containers.insert("container variable of the first process");
  }
  json::Array machine_marks, container_marks;
  for (const std::string& mark : marks) machine_marks.push_back(Fact(mark));
  for (const std::string& mark : containers) container_marks.push_back(Fact(mark));
  item.facts = {{"vendor", Fact(vendor)},
                {"product", Fact(product)},
                {"machine_marks", std::move(machine_marks)},
                {"container_marks", std::move(container_marks)}};
  if (!marks.empty() || !containers.empty()) {
    item.state = ItemState::kNotice;
    item.zh = std::string("运行环境为") + (marks.empty()        ? "容器。"
                                           : containers.empty() ? "虚拟机。"
                                                                : "虚拟机中的容器。");
    item.en = std::string("This is ") + (marks.empty()        ? "a container."
                                         : containers.empty() ? "a virtual machine."
                                                              : "a container in a virtual machine.");
  } else if (cpu.empty()) {
    item.state = ItemState::kNotChecked;
    item.zh = "无法读取处理器信息。";
    item.en = "The processor's description could not be read.";
  }
  return item;
}

CleanlinessItem LookAtUsers(const Machine& machine) {
  CleanlinessItem item{
      "users", ItemState::kOk, "没有远程登录的用户。", "Nobody is logged in from elsewhere.", {}};
  std::string text = machine.Text("/run/utmp");
  if (text.empty()) text = machine.Text("/var/run/utmp");
  if (text.empty()) {
    return {"users",
            ItemState::kNotChecked,
            "系统不记录登录用户。",
            "The system keeps no list of who is logged in.",
            {}};
  }
  json::Array users;
  uint64_t remote = 0;
  for (size_t at = 0; at + sizeof(utmp) <= text.size() && users.size() < 256; at += sizeof(utmp)) {
    utmp entry{};
    std::memcpy(&entry, text.data() + at, sizeof entry);
    if (entry.ut_type != USER_PROCESS) continue;
    const bool from_elsewhere = entry.ut_host[0] != '\0' && entry.ut_host[0] != ':';
    remote += from_elsewhere ? 1 : 0;
    users.push_back(
        json::Object{{"name", Fact({entry.ut_user, strnlen(entry.ut_user, sizeof entry.ut_user)})},
                     {"line", Fact({entry.ut_line, strnlen(entry.ut_line, sizeof entry.ut_line)})},
                     {"remote", from_elsewhere}});
  }
  item.facts = {{"users", std::move(users)}, {"remote", remote}};
  if (remote > 0) {
    item.state = ItemState::kNotice;
    item.zh = "有 " + std::to_string(remote) + " 个远程登录会话。";
    item.en = "There are " + std::to_string(remote) + " logins from elsewhere.";
  }
  return item;
}

CleanlinessItem LookAtProcesses(const Machine& machine) {
  CleanlinessItem item{"processes", ItemState::kOk, {}, {}, {}};
  const auto users = UserNames(machine);
  std::vector<uint64_t> pids;
  for (const std::string& name : machine.Names("/proc")) {
    if (std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; })) {
      pids.push_back(std::strtoull(name.c_str(), nullptr, 10));
    }
  }
  std::sort(pids.begin(), pids.end());
  json::Array processes;
  std::set<std::string> meddling;
  for (const uint64_t pid : pids) {
    const std::string folder = "/proc/" + std::to_string(pid);
    const std::string name = machine.FirstLine(folder + "/comm");
    if (name.empty()) continue;  // it has ended meanwhile
    json::Object process{{"pid", pid}, {"name", Fact(name)}};
    const std::string status = machine.Text(folder + "/status");
    for (const std::string_view line : Lines(status)) {
      const auto words = Words(line);
      if (words.size() < 2 || words[0] != "Uid:") continue;
      const uint64_t uid = std::strtoull(std::string(words[1]).c_str(), nullptr, 10);
      process.emplace("user", users.contains(uid) ? Fact(users.at(uid)) : Fact(std::to_string(uid)));
    }
    if (const std::string digest = machine.DigestOf(folder + "/exe"); !digest.empty())
      process.emplace("sha256", digest);
    if (std::find(std::begin(kMeddling), std::end(kMeddling), name) != std::end(kMeddling))
      meddling.insert(name);
    processes.push_back(std::move(process));
  }
  const size_t count = processes.size();
  json::Array named;
  std::string list;
  for (const std::string& name : meddling) {
    named.push_back(Fact(name));
    list += (list.empty() ? "" : ", ") + evidence::PlainText(name, 64);
  }
  item.facts = {
      {"count", uint64_t{count}}, {"processes", std::move(processes)}, {"meddling", std::move(named)}};
  item.zh = "已记录 " + std::to_string(count) + " 个进程及其程序摘要。";
  item.en = std::to_string(count) + " processes are recorded, with the digests of their programs.";
  if (count == 0) {
    item.state = ItemState::kNotChecked;
    item.zh = "无法读取进程列表。";
    item.en = "The list of processes could not be read.";
  } else if (!meddling.empty()) {
    item.state = ItemState::kWarning;
    item.zh = "正在运行可监视或改变网页内容的程序：" + list + "。";
    item.en = "Programs are running that can watch or change what a page shows: " + list + ".";
  }
  return item;
}

CleanlinessItem LookAtPreload(const Machine& machine) {
  CleanlinessItem item{"preload",
                       ItemState::kOk,
                       "没有被强制加载到所有程序中的库。",
                       "No library is forced into every program.",
                       {}};
  const std::string preload = machine.Text("/etc/ld.so.preload");
  json::Array libraries, variables;
  for (const std::string_view word : Words(preload)) {
    if (libraries.size() == 64) break;
    json::Object library{{"path", Fact(word)}};
    if (const std::string digest = machine.DigestOf(word); !digest.empty()) library.emplace("sha256", digest);
    libraries.push_back(std::move(library));
  }
  for (const char* name : {"LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "SSLKEYLOGFILE"}) {
    const auto value = machine.probes.environment(name);
    if (value && !value->empty()) variables.push_back(json::Object{{"name", name}, {"value", Fact(*value)}});
  }
  const bool forced = !libraries.empty(), set = !variables.empty();
  item.facts = {{"libraries", std::move(libraries)}, {"environment", std::move(variables)}};
  if (forced) {
    item.state = ItemState::kWarning;
    item.zh = "/etc/ld.so.preload 将库强制加载到所有程序中，包括浏览器。";
    item.en = "/etc/ld.so.preload forces a library into every program, the browser too.";
  } else if (set) {
    item.state = ItemState::kNotice;
    item.zh = "环境变量改变了程序加载库的方式，但未传给浏览器。";
    item.en = "The environment changes how programs load libraries; it is not handed on to the browser.";
  }
  return item;
}

}  // namespace cunzheng::capture
