// Fetches the other members' cosignatures (specs/http-api.md, "Cosignatures"): one thread a peer, so that a
// slow or dead one delays nobody.
#pragma once

#include <atomic>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "crypto/result.h"
#include "node/checkpoints.h"

namespace cunzheng::node {

struct Peer {
  ledger::MemberInfo member;
  std::string address;  // numeric host:port
};
// "court.example=10.0.0.2:8750 …", one other member of `genesis` each. Errors: kUsage.
Result<std::vector<Peer>> ParsePeers(std::string_view text, const ledger::Genesis& genesis,
                                     std::string_view own_member);

class Peers {
 public:
  // `evidence_folder`: where proof of a lying member is kept, by ReportFork. `checkpoints` outlives this.
  Peers(std::vector<Peer> peers, Checkpoints* checkpoints, std::string evidence_folder);
  ~Peers();  // ends within the time of one exchange

 private:
  void Follow(const Peer& peer);
  // Asks for the note of one size, and adds what it brings. Errors: AskNode's, Checkpoints::Add's.
  Result<void> Ask(const Peer& peer, uint64_t size);
  void ReportFork(const Peer& peer, uint64_t size, const std::string& note_text, const Error& error) const;

  Checkpoints* const checkpoints_;
  const std::string evidence_folder_;
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> threads_;
};

}  // namespace cunzheng::node
