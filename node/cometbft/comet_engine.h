// The consensus engine (specs/engine.md): CometBFT orders transactions among the members' nodes, this node is
// its application. A submission goes to the CometBFT beside it, and is answered when its block is committed
// here.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "ledger/ledger.h"
#include "node/checkpoints.h"
#include "node/clock.h"
#include "node/cometbft/abci_server.h"
#include "node/cometbft/application.h"
#include "node/engine.h"
#include "node/metrics.h"
#include "node/peers.h"

namespace cunzheng::node {

struct CometEngineOptions {
  std::string member;        // whose keys the cosigner holds
  std::string abci_address;  // AbciServer::Listen's
  std::string rpc_address;   // RpcClient::Make's
  std::vector<Peer> peers;   // other members' nodes
  ApplicationOptions application;
  TrustVersions* trust_versions = nullptr;  // may be null, else outlives the engine
  std::string evidence_folder;              // Peers's
  size_t queue_count_max = 8'192;
  size_t queue_bytes_max = 64u << 20;
  unsigned threads = 2;  // that check signatures of the mempool
  // A submission that is in no block after this is answered kBusy. It may still be ordered; sent again it
  // finds its first entry.
  std::chrono::milliseconds answer_within{20'000};
};

class CometEngine final : public Engine {
 public:
  // All pointers outlive the engine. Errors: those of AbciServer::Listen and RpcClient::Make; kUsage: the
  // ledger's checkpoint_interval_ms is not 0.
  static Result<std::unique_ptr<CometEngine>> Start(ledger::Ledger* ledger, ClockGuard* guard,
                                                    const Clock* clock, Cosigner cosigner, Metrics* metrics,
                                                    CometEngineOptions options);
  ~CometEngine() override;

  void Submit(ledger::Transaction transaction, Completion done) override;
  Result<void> Writable() const override;
  std::shared_ptr<const Published> Newest() const override { return checkpoints_.Newest(); }
  Result<std::string> NoteAt(uint64_t size) const override { return checkpoints_.NoteAt(size); }
  Checkpoints& checkpoints() override { return checkpoints_; }
  void Drain() override;

 private:
  using Instant = std::chrono::steady_clock::time_point;
  struct Waiting {
    std::vector<Completion> done;
    Instant deadline;
  };
  struct Outgoing {
    Hash id{};
    std::string envelope;
  };

  CometEngine(ledger::Ledger* ledger, ClockGuard* guard, const Clock* clock, Cosigner cosigner,
              Metrics* metrics, CometEngineOptions options);
  void Committed(const CommittedBlock& block);
  void SignHead();
  void Send();  // a thread: hands transactions to CometBFT
  // A thread: deadlines, whether CometBFT is back, and a head that could not be signed while the clock was
  // unsound.
  void Watch();
  // Answers all that wait for `id`.
  void Answer(const Hash& id, const Result<Outcome>& outcome);
  void SetReachable(const Result<void>& state);

  ledger::Ledger* const ledger_;
  ClockGuard* const guard_;
  const Clock* const clock_;
  Metrics* const metrics_;
  const CometEngineOptions options_;
  Checkpoints checkpoints_;
  TransactionCache transactions_;
  Application application_;

  std::mutex guard_mutex_;  // ClockGuard belongs to one thread at a time
  mutable std::mutex mutex_;
  std::condition_variable outgoing_ready_;  // for the senders alone: each wakes one of them
  std::condition_variable changed_;         // something was answered, or the engine stops
  std::map<Hash, Waiting> waiting_;
  std::deque<Outgoing> outgoing_;
  size_t outgoing_bytes_ = 0;
  bool draining_ = false, stopping_ = false;
  Result<void> reachable_;

  std::unique_ptr<Peers> peers_;
  std::vector<std::thread> threads_;
  std::unique_ptr<AbciServer> server_;  // last: it starts calling when all else is ready
};

}  // namespace cunzheng::node
