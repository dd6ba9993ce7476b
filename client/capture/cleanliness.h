// Looks at the machine before a browser is started on it, item by item, and says what it found
// (specs/capture.md, "Cleanliness report"). What cannot be looked at is "not checked"; nothing here is an
// error. No shell is called, and no other program but the browser, for its version.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/evidence/capture_reports.h"

namespace cunzheng::capture {

struct CleanlinessOptions {
  std::string url;                             // of the capture: its host is looked up
  std::string tool;                            // "cunzheng/0.1.0"
  std::string browser_program;                 // as FindChromium found it
  std::vector<std::string> browser_arguments;  // further ones, as BrowserOptions has them
  // Addresses of name servers outside of the machine's own settings, and names or addresses of time servers.
  // Empty: none is asked.
  std::vector<std::string> resolvers = {"223.5.5.5", "119.29.29.29", "1.1.1.1", "8.8.8.8"};
  std::vector<std::string> time_servers = {"ntp.ntsc.ac.cn", "ntp.aliyun.com", "time.cloudflare.com"};
};

// What one server, or the system itself, says a host's addresses are.
struct AddressAnswer {
  bool answered = false;               // false: not reachable, or not in time
  bool exists = true;                  // false: it says that there is no such name
  std::vector<std::string> addresses;  // IPv4 and IPv6, ascending
  std::string failure;                 // when it did not answer
};

struct TimeAnswer {
  bool answered = false;
  int64_t offset_us = 0;  // the server's clock less ours
  uint64_t round_trip_us = 0;
  uint64_t stratum = 0;
  std::string failure;
};

struct KernelClock {
  bool known = false, synchronised = false;
  uint64_t error_max_us = 0;
};

struct InterfaceAddress {
  std::string interface, address;
  bool up = false;
};

// Where all of it is learnt; tests put others in their place. `root` stands before /proc, /etc, /sys, /usr
// and /var; empty is the machine itself.
struct MachineProbes {
  std::string root;
  std::function<std::optional<std::string>(const std::string& variable)> environment;
  std::function<AddressAnswer(const std::string& host)> resolve;
  std::function<std::vector<AddressAnswer>(const std::vector<std::string>& servers, const std::string& host)>
      ask;
  std::function<std::vector<TimeAnswer>(const std::vector<std::string>& servers)> ask_time;
  std::function<KernelClock()> kernel_clock;
  std::function<std::vector<InterfaceAddress>()> interfaces;
  std::function<std::string(const std::string& program)>
      version;  // what PROGRAM --version says; empty: unknown
};

// Each of its questions ends within about `within`.
MachineProbes RealProbes(std::chrono::milliseconds within = std::chrono::milliseconds(3'000));

// Takes some seconds at most. When `stop` says true, the items that are left are not checked.
evidence::CleanlinessReport CheckCleanliness(const CleanlinessOptions& options, const MachineProbes& probes,
                                             const std::function<bool()>& stop);

}  // namespace cunzheng::capture
