// The items of the cleanliness report, each from what the machine shows. Inside client/capture only.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/capture/cleanliness.h"

namespace cunzheng::capture {

using evidence::CleanlinessItem;
using evidence::ItemState;

// The machine's files, below the probes' root. Nothing here fails: what cannot be read is empty.
class Machine {
 public:
  Machine(const CleanlinessOptions& options, const MachineProbes& probes)
      : options(options), probes(probes) {}

  std::string Path(std::string_view path) const { return probes.root + std::string(path); }
  std::string Text(std::string_view path) const;       // at most 16 MiB
  std::string FirstLine(std::string_view path) const;  // without its line end and blanks about it
  // The names in a folder, ascending, at most 4,096; none when there is no such folder.
  std::vector<std::string> Names(std::string_view folder) const;
  // SHA-256 in hex; empty when it cannot be read, or a GiB in all has been read.
  std::string DigestOf(std::string_view path) const;

  const CleanlinessOptions& options;
  const MachineProbes& probes;

 private:
  mutable std::map<std::pair<uint64_t, uint64_t>, std::string> digests_;  // by device and inode
  mutable uint64_t digested_bytes_ = 0;
};

// Views of `text`, which must outlive them.
std::vector<std::string_view> Lines(std::string_view text);
std::vector<std::string_view> Lines(std::string&&) = delete;
std::vector<std::string_view> Words(std::string_view text);
std::vector<std::string_view> Words(std::string&&) = delete;

// Any text as a fact.
json::Value Fact(std::string_view text);

CleanlinessItem LookAtSystem(const Machine& machine);
CleanlinessItem LookAtVirtualisation(const Machine& machine);
CleanlinessItem LookAtUsers(const Machine& machine);
CleanlinessItem LookAtProcesses(const Machine& machine);
CleanlinessItem LookAtPreload(const Machine& machine);
CleanlinessItem LookAtHosts(const Machine& machine);
CleanlinessItem LookAtProxy(const Machine& machine);
CleanlinessItem LookAtDns(const Machine& machine);
CleanlinessItem LookAtInterfaces(const Machine& machine);
CleanlinessItem LookAtRoutes(const Machine& machine);
CleanlinessItem LookAtRoots(const Machine& machine);
CleanlinessItem LookAtClock(const Machine& machine);
CleanlinessItem LookAtBrowser(const Machine& machine);
CleanlinessItem LookAtProfile(const Machine& machine);

}  // namespace cunzheng::capture
