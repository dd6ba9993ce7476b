#include "client/capture/cleanliness.h"

#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iterator>

#include "client/capture/cleanliness_items.h"
#include "client/capture/network_probes.h"
#include "client/capture/unix_time.h"
#include "crypto/digest.h"
#include "crypto/file.h"

namespace cunzheng::capture {
namespace {

namespace fs = std::filesystem;

constexpr size_t kTextMax = 16u << 20, kNamesMax = 4'096, kVersionBytesMax = 4'096, kFactBytesMax = 512;
constexpr uint64_t kDigestedBytesMax = 1u << 30;

KernelClock RealKernelClock() {
  timex state{};
  const int status = adjtimex(&state);
  KernelClock clock;
  clock.known = status >= 0;
  clock.synchronised = status >= 0 && status != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
  clock.error_max_us = static_cast<uint64_t>(std::max<long>(state.maxerror, 0));
  return clock;
}

std::vector<InterfaceAddress> RealInterfaces() {
  std::vector<InterfaceAddress> addresses;
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return addresses;
  for (const ifaddrs* at = all; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr) continue;
    const int family = at->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    char text[NI_MAXHOST] = {};
    const socklen_t length = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    if (getnameinfo(at->ifa_addr, length, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0) continue;
    const std::string address(text);
    addresses.push_back({at->ifa_name, address.substr(0, address.find('%')), (at->ifa_flags & IFF_UP) != 0});
  }
  freeifaddrs(all);
  return addresses;
}

// The first line of what PROGRAM --version writes. It gets nothing of the person's environment.
std::string RealVersion(const std::string& program, std::chrono::milliseconds within) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return {};
  std::string name = program, option = "--version", path = "PATH=/usr/bin:/bin", home = "HOME=/nonexistent";
  char* arguments[] = {name.data(), option.data(), nullptr};
  char* variables[] = {path.data(), home.data(), nullptr};
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, ends[1], 1);
  posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
  pid_t pid = -1;
  const int failed = posix_spawn(&pid, program.c_str(), &files, nullptr, arguments, variables);
  posix_spawn_file_actions_destroy(&files);
  close(ends[1]);
  std::string text;
  if (failed == 0) {
    const auto until = std::chrono::steady_clock::now() + within;
    char buffer[512];
    while (text.size() < kVersionBytesMax) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
      pollfd one{ends[0], POLLIN, 0};
      if (left <= 0 || poll(&one, 1, static_cast<int>(left)) <= 0) break;
      const ssize_t got = read(ends[0], buffer, sizeof buffer);
      if (got <= 0) break;
      text.append(buffer, static_cast<size_t>(got));
    }
    kill(pid, SIGKILL);  // it has said what it had to say, or will not
    while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  close(ends[0]);
  text = text.substr(0, text.find('\n'));
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

}  // namespace

std::string Machine::Text(std::string_view path) const {
  auto text = ReadWholeFile(Path(path), kTextMax);
  return text ? std::move(*text) : std::string();
}

std::string Machine::FirstLine(std::string_view path) const {
  const std::string text = Text(path);
  const auto words = Words(std::string_view(text).substr(0, text.find('\n')));
  return words.empty() ? "" : std::string(words.front().data(), words.back().data() + words.back().size());
}

std::vector<std::string> Machine::Names(std::string_view folder) const {
  std::vector<std::string> names;
  std::error_code failed;
  for (fs::directory_iterator at(Path(folder), failed), end; !failed && at != end && names.size() < kNamesMax;
       at.increment(failed)) {
    names.push_back(at->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string Machine::DigestOf(std::string_view path) const {
  const int fd = open(Path(path).c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  struct stat status {};
  std::string digest;
  if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
    std::string& known = digests_[{status.st_dev, status.st_ino}];
    const auto length = static_cast<uint64_t>(status.st_size);
    if (known.empty() && digested_bytes_ + length <= kDigestedBytesMax) {
      digested_bytes_ += length;
      Sha256Stream stream;
      std::vector<uint8_t> buffer(1 << 20);
      ssize_t got = 0;
      while ((got = read(fd, buffer.data(), buffer.size())) > 0) {
        stream.Update({buffer.data(), static_cast<size_t>(got)});
      }
      if (got == 0) known = ToHex(stream.Finish());
    }
    digest = known;
  }
  if (fd >= 0) close(fd);
  return digest;
}

std::vector<std::string_view> Lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::vector<std::string_view> Words(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  std::vector<std::string_view> words;
  for (size_t begin = text.find_first_not_of(kBlanks); begin < text.size();
       begin = text.find_first_not_of(kBlanks, begin)) {
    const size_t end = std::min(text.find_first_of(kBlanks, begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return words;
}

json::Value Fact(std::string_view text) {
  return evidence::PlainText(text, kFactBytesMax);
}

MachineProbes RealProbes(std::chrono::milliseconds within) {
  MachineProbes probes;
  probes.environment = [](const std::string& variable) -> std::optional<std::string> {
    const char* value = std::getenv(variable.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  probes.resolve = [within](const std::string& host) { return ResolveBySystem(host, within); };
  probes.ask = [within](const std::vector<std::string>& servers, const std::string& host) {
    return AskNameServers(servers, host, within);
  };
  probes.ask_time = [within](const std::vector<std::string>& servers) {
    return AskTimeServers(servers, within);
  };
  probes.kernel_clock = RealKernelClock;
  probes.interfaces = RealInterfaces;
  probes.version = [within](const std::string& program) { return RealVersion(program, within); };
  return probes;
}

evidence::CleanlinessReport CheckCleanliness(const CleanlinessOptions& options, const MachineProbes& probes,
                                             const std::function<bool()>& stop) {
  constexpr CleanlinessItem (*kLooks[])(const Machine&) = {
      LookAtSystem, LookAtVirtualisation, LookAtUsers,   LookAtProcesses,  LookAtPreload,
      LookAtHosts,  LookAtProxy,          LookAtDns,     LookAtInterfaces, LookAtRoutes,
      LookAtRoots,  LookAtClock,          LookAtBrowser, LookAtProfile};
  static_assert(std::size(kLooks) == evidence::kCleanlinessItems.size());
  evidence::CleanlinessReport report;
  report.tool = options.tool;
  report.began_unix_us = UnixUs();
  const Machine machine(options, probes);
  for (size_t i = 0; i < std::size(kLooks); ++i) {
    if (stop()) {
      report.items.push_back({std::string(evidence::kCleanlinessItems[i]),
                              ItemState::kNotChecked,
                              "操作者中止了检查。",
                              "The operator ended the check before.",
                              {}});
      continue;
    }
    report.items.push_back(kLooks[i](machine));
    CHECK_INVARIANT(report.items.back().id == evidence::kCleanlinessItems[i]);
  }
  // A clock that was set back meanwhile is told of by its item, not by a report that nobody can read.
  report.ended_unix_us = std::max(UnixUs(), report.began_unix_us);
  return report;
}

}  // namespace cunzheng::capture
