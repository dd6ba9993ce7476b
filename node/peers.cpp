#include "node/peers.h"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>

#include "crypto/file.h"
#include "node/config.h"
#include "node/log.h"
#include "node/node_client.h"

namespace cunzheng::node {
namespace {

constexpr auto kPauseMin = std::chrono::milliseconds(50);
constexpr auto kPauseMax = std::chrono::milliseconds(5'000);
constexpr uint64_t kIdleWaitMs = 500;
constexpr unsigned kMissesMax = 20;

}  // namespace

Result<std::vector<Peer>> ParsePeers(std::string_view text, std::string_view field,
                                     std::string_view own_member) {
  std::vector<Peer> peers;
  while (!text.empty()) {
    const size_t end = text.find(' ');
    const std::string_view item = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (item.empty()) continue;
    const size_t equals = item.find('=');
    const auto bad = [&](const std::string& rule) {
      return Error{Errc::kUsage,
                   "config: " + std::string(field) + ": \"" + std::string(item) + "\": " + rule};
    };
    if (equals == std::string_view::npos) return bad("must be ID=HOST:PORT");
    const std::string_view id = item.substr(0, equals);
    if (id == own_member) return bad("is this node's own member");
    const std::string address(item.substr(equals + 1));
    if (!ParseListenAddress(address)) return bad("must end in a numeric HOST:PORT");
    peers.push_back({std::string(id), address});
  }
  return peers;
}

Peers::Peers(std::vector<Peer> peers, Checkpoints* checkpoints, TrustVersions* trust_versions,
             std::string evidence_folder)
    : checkpoints_(checkpoints),
      trust_versions_(trust_versions),
      evidence_folder_(std::move(evidence_folder)) {
  for (Peer& peer : peers) {
    threads_.emplace_back([this, held = std::move(peer)] { Follow(held); });
    pthread_setname_np(threads_.back().native_handle(), "peer");
  }
}

Peers::~Peers() {
  stopping_ = true;
  checkpoints_->Stop();
  for (std::thread& thread : threads_) thread.join();
}

void Peers::Follow(const Peer& peer) {
  auto pause = kPauseMin;
  uint64_t after = 0, trust_after = 0;
  unsigned misses = 0;
  bool reachable = true;
  while (!stopping_) {
    const auto size = checkpoints_->NextLacking(peer.member, after, kIdleWaitMs);
    if (!size) {
      after = 0;  // what could not be had is asked for again
      if (!stopping_) trust_after = AskTrust(peer, trust_after);
      continue;
    }
    const auto asked = Ask(peer, *size);
    if (asked) {
      if (!reachable) Log(LogLevel::kInfo, "peer answers again", {{"member", peer.member}});
      reachable = true;
      misses = 0;
      pause = kPauseMin;
      continue;
    }
    // A peer that has not come so far yet will soon; one that never signed this size may have signed a larger
    // one.
    const bool behind = asked.error().code == Errc::kNotFound;
    if ((behind && ++misses == kMissesMax) || asked.error().code == Errc::kRootMismatch) {
      after = *size;
      misses = 0;
    }
    if (!behind && reachable) {
      reachable = false;
      Log(LogLevel::kWarning, "no cosignatures of a peer",
          {{"member", peer.member}, {"address", peer.address}, {"reason", asked.error().ToString()}});
    }
    for (auto slept = std::chrono::milliseconds(0); slept < pause && !stopping_; slept += kPauseMin) {
      std::this_thread::sleep_for(kPauseMin);
    }
    pause = behind ? kPauseMin : std::min(pause * 2, kPauseMax);
  }
}

Result<void> Peers::Ask(const Peer& peer, uint64_t size) {
  ASSIGN_OR_RETURN(const NodeAnswer answer,
                   AskNode(peer.address, {}, "/v1/cosignatures/" + std::to_string(size)));
  if (answer.status == 404) return Error{Errc::kNotFound, "peer: has no checkpoint of this size"};
  if (answer.status != 200) {
    return Error{Errc::kUnreachable, "peer: answered " + std::to_string(answer.status)};
  }
  auto added = checkpoints_->Add(peer.member, size, answer.body);
  if (!added && added.error().code == Errc::kRootMismatch) {
    ReportFork(peer, size, answer.body, added.error());
  }
  return added;
}

uint64_t Peers::AskTrust(const Peer& peer, uint64_t after) {
  if (trust_versions_ == nullptr) return 0;
  const auto version = trust_versions_->NextLacking(peer.member, after);
  if (!version) return 0;
  const auto answer = AskNode(peer.address, {}, "/v1/trust/" + std::to_string(*version));
  if (!answer || answer->status != 200) return *version;  // not so far yet; it is asked again
  const auto added = trust_versions_->Add(*version, answer->body);
  if (!added) {
    Log(LogLevel::kWarning, "a peer's signature of a trust file does not fit",
        {{"member", peer.member},
         {"version", std::to_string(*version)},
         {"reason", added.error().ToString()}});
  }
  return *version;
}

void Peers::ReportFork(const Peer& peer, uint64_t size, const std::string& note_text,
                       const Error& error) const {
  const std::string path = evidence_folder_ + "/" + peer.member + "." + std::to_string(size) + ".txt";
  mkdir(evidence_folder_.c_str(), 0700);
  const auto kept = WriteFileAtomically(path, note_text, 0600, false);
  Log(LogLevel::kError, "a member signed another root: a fork, or a lying member",
      {{"member", peer.member},
       {"size", std::to_string(size)},
       {"reason", error.detail},
       {"evidence", kept || kept.error().code == Errc::kAlreadyExists ? path : kept.error().ToString()}});
}

}  // namespace cunzheng::node
