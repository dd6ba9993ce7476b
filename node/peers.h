// Fetches the other members' cosignatures (specs/http-api.md, "Cosignatures") and their signatures of new
// trust files: one thread a peer, so that a slow or dead one delays nobody.
#pragma once

#include <atomic>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "crypto/result.h"
#include "node/checkpoints.h"
#include "node/trust_versions.h"

namespace cunzheng::node {

struct Peer {
  std::string member;
  std::string address;  // numeric host:port
};
// "court.example=10.0.0.2:8750 …", one other member each; `field` names it in errors. kUsage.
Result<std::vector<Peer>> ParsePeers(std::string_view text, std::string_view field,
                                     std::string_view own_member);

class Peers {
 public:
  // `evidence_folder`: where proof of a lying member is kept, by ReportFork. `trust_versions` may be null;
  // both outlive this.
  Peers(std::vector<Peer> peers, Checkpoints* checkpoints, TrustVersions* trust_versions,
        std::string evidence_folder);
  ~Peers();  // ends within the time of one exchange

 private:
  void Follow(const Peer& peer);
  // Asks for the note of one size, and adds what it brings. Errors: AskNode's, Checkpoints::Add's.
  Result<void> Ask(const Peer& peer, uint64_t size);
  // Asks for the peer's signature of the next version of the trust file over `after` that lacks it. Returns
  // that version, or 0 when there is none: what a peer will never sign must not keep it from later ones.
  uint64_t AskTrust(const Peer& peer, uint64_t after);
  void ReportFork(const Peer& peer, uint64_t size, const std::string& note_text, const Error& error) const;

  Checkpoints* const checkpoints_;
  TrustVersions* const trust_versions_;
  const std::string evidence_folder_;
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> threads_;
};

}  // namespace cunzheng::node
