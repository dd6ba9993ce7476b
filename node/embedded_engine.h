// The embedded engine: one process orders, stamps, commits and cosigns (DESIGN.md "Engines").
//
// Group commit: one thread owns the ledger; a block is all that queued up while the last one was
// being synced. So latency is about one sync, and throughput grows with load.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "ledger/ledger.h"
#include "node/checkpoints.h"
#include "node/clock.h"
#include "node/cosigner.h"
#include "node/engine.h"
#include "node/metrics.h"
#include "node/trust_versions.h"

namespace cunzheng::node {

struct EmbeddedEngineOptions {
  size_t queue_count_max = 8'192;
  size_t queue_bytes_max = 64u << 20;
  size_t block_count_max = 2'048;
  size_t block_bytes_max = 8u << 20;
  // How often an idle engine looks at the clock and the disk, so that /readyz tells the truth, and
  // recovers, without a write.
  std::chrono::milliseconds probe_interval{1'000};
  // Below this much free space the engine refuses writes before the disk does. 0: never.
  uint64_t free_bytes_min = 0;
  std::function<Result<uint64_t>()> free_bytes;
  TrustVersions* trust_versions = nullptr;  // may be null, else outlives the engine
};

class EmbeddedEngine final : public Engine {
 public:
  // `ledger`, `guard` and `clock` are the engine's alone (but for the ledger's const members) and
  // outlive it, as `metrics` does. Starts the thread.
  EmbeddedEngine(ledger::Ledger* ledger, ClockGuard* guard, const Clock* clock, Cosigner cosigner,
                 Metrics* metrics, EmbeddedEngineOptions options);
  ~EmbeddedEngine() override;  // drains

  void Submit(ledger::Transaction transaction, Completion done) override;
  Result<void> Writable() const override;
  std::shared_ptr<const Published> Newest() const override { return checkpoints_.Newest(); }
  Result<std::string> NoteAt(uint64_t size) const override { return checkpoints_.NoteAt(size); }
  Checkpoints& checkpoints() override { return checkpoints_; }
  void Drain() override;

 private:
  struct Pending {
    ledger::Transaction transaction;
    Completion done;
  };

  void Run();
  std::vector<Pending> NextBlock();
  void Process(std::vector<Pending> block);
  void Commit(std::vector<Pending>* block, uint64_t time_unix_ms);
  // Applies clock_resume acts while a leap holds the clock; leaves the rest in `block`.
  void ResumeClock(std::vector<Pending>* block);
  void Refuse(std::vector<Pending>* block, const Error& error);
  // Signs the head when it is due and not signed yet.
  void MaybeCheckpoint();
  bool CheckpointDue() const;
  Result<void> CheckDisk();
  void SetUnwritable(const Result<void>& state);
  Result<void> Probe();

  ledger::Ledger* const ledger_;
  ClockGuard* const guard_;
  const Clock* const clock_;
  Checkpoints checkpoints_;
  Metrics* const metrics_;
  const EmbeddedEngineOptions options_;
  const uint64_t checkpoint_interval_ms_;

  // The engine's thread only.
  uint64_t disk_checked_boot_ms_ = 0;
  Result<void> disk_state_;
  Result<void> write_state_;  // what the last commit said
  uint64_t write_failed_boot_ms_ = 0;
  uint64_t checkpoint_block_ms_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Pending> queue_;
  size_t queue_bytes_ = 0;
  bool stopping_ = false;
  Result<void> writable_;

  std::once_flag joined_;
  std::thread thread_;  // last: starts when all else is ready
};

}  // namespace cunzheng::node
