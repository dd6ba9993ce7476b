#include "node/embedded_engine.h"

#include <algorithm>
#include <chrono>

#include "node/log.h"
#include "node/transactions.h"

namespace cunzheng::node {
namespace {

// How long a failed commit is believed when nothing else is written.
constexpr uint64_t kWriteFailureMs = 5'000;

size_t LengthOf(const ledger::Transaction& transaction) {
  if (const auto* batch = std::get_if<ledger::VerifiedBatch>(&transaction)) return batch->length;
  return std::get<ledger::VerifiedAct>(transaction).act_bytes.size();
}

bool IsClockResume(const ledger::Transaction& transaction) {
  const auto* act = std::get_if<ledger::VerifiedAct>(&transaction);
  return act != nullptr && std::holds_alternative<ledger::ClockResume>(act->act.action);
}

bool SameState(const Result<void>& a, const Result<void>& b) {
  if (a.has_value() != b.has_value()) return false;
  return a.has_value() || a.error().code == b.error().code;
}

}  // namespace

EmbeddedEngine::EmbeddedEngine(ledger::Ledger* ledger, ClockGuard* guard, const Clock* clock,
                               Cosigner cosigner, Metrics* metrics, EmbeddedEngineOptions options)
    : ledger_(ledger),
      guard_(guard),
      clock_(clock),
      checkpoints_(ledger, std::move(cosigner), metrics),
      metrics_(metrics),
      options_(std::move(options)),
      checkpoint_interval_ms_(ledger->params().checkpoint_interval_ms) {
  const ledger::Head head = ledger_->head();
  metrics_->LedgerSize(head.size);
  metrics_->Writable(true);
  if (checkpoints_.signed_size() == head.size) checkpoint_block_ms_ = head.time_unix_ms;
  SetUnwritable(Probe());
  MaybeCheckpoint();
  thread_ = std::thread([this] { Run(); });
  pthread_setname_np(thread_.native_handle(), "engine");
}

EmbeddedEngine::~EmbeddedEngine() {
  Drain();
}

void EmbeddedEngine::Submit(ledger::Transaction transaction, Completion done) {
  const size_t length = LengthOf(transaction);
  Errc refusal;
  {
    const std::lock_guard lock(mutex_);
    const bool full =
        queue_.size() >= options_.queue_count_max || queue_bytes_ + length > options_.queue_bytes_max;
    if (!stopping_ && !full) {
      const bool wake = queue_.empty();
      queue_.push_back({std::move(transaction), std::move(done)});
      queue_bytes_ += length;
      if (wake) wake_.notify_one();
      return;
    }
    refusal = stopping_ ? Errc::kStopping : Errc::kBusy;
  }
  done(refusal == Errc::kStopping ? Error{refusal, "node: stopping"}
                                  : Error{refusal, "node: the queue of submissions is full"});
}

Result<void> EmbeddedEngine::Writable() const {
  const std::lock_guard lock(mutex_);
  if (stopping_) return Error{Errc::kStopping, "node: stopping"};
  return writable_;
}

void EmbeddedEngine::Drain() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  std::call_once(joined_, [this] { thread_.join(); });
}

void EmbeddedEngine::Run() {
  for (;;) {
    std::vector<Pending> block = NextBlock();
    if (!block.empty()) {
      Process(std::move(block));
      continue;
    }
    const std::lock_guard lock(mutex_);
    if (stopping_ && queue_.empty()) break;
  }
  // What an interval still held back is attested before the process ends.
  if (checkpoints_.signed_size() < ledger_->head().size) {
    checkpoint_block_ms_ = 0;
    MaybeCheckpoint();
  }
}

// Waits for work; empty after a probe or when stopping.
std::vector<EmbeddedEngine::Pending> EmbeddedEngine::NextBlock() {
  std::vector<Pending> block;
  std::unique_lock lock(mutex_);
  if (queue_.empty() && !stopping_) {
    auto wait = options_.probe_interval;
    if (checkpoint_interval_ms_ != 0) {
      wait = std::min(wait, std::chrono::milliseconds(checkpoint_interval_ms_));
    }
    if (!wake_.wait_for(lock, wait, [this] { return stopping_ || !queue_.empty(); })) {
      lock.unlock();
      SetUnwritable(Probe());
      MaybeCheckpoint();
      return block;
    }
  }
  size_t bytes = 0;
  while (!queue_.empty() && block.size() < options_.block_count_max) {
    const size_t length = LengthOf(queue_.front().transaction);
    if (!block.empty() && bytes + length > options_.block_bytes_max) break;
    bytes += length;
    block.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  queue_bytes_ -= bytes;
  metrics_->Queue(queue_.size(), queue_bytes_);
  return block;
}

void EmbeddedEngine::Process(std::vector<Pending> block) {
  if (auto disk = CheckDisk(); !disk) {
    SetUnwritable(disk);
    Refuse(&block, disk.error());
    return;
  }
  // Entry times are milliseconds and strictly increase. Blocks faster than that would run the
  // ledger's time ahead of the clock, so they wait, and grow.
  if (clock_->WallMs() <= ledger_->head().time_unix_ms) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  auto stamp = guard_->Stamp(ledger_->head().time_unix_ms);
  if (!stamp && guard_->held()) {
    ResumeClock(&block);
    if (block.empty()) return;
    stamp = guard_->Stamp(ledger_->head().time_unix_ms);
  }
  metrics_->ClockSound(stamp.has_value());
  if (!stamp) {
    SetUnwritable(stamp.error());
    Refuse(&block, stamp.error());
    return;
  }
  Commit(&block, *stamp);
}

void EmbeddedEngine::Commit(std::vector<Pending>* block, uint64_t time_unix_ms) {
  std::vector<const ledger::Transaction*> transactions;
  transactions.reserve(block->size());
  for (const Pending& pending : *block) transactions.push_back(&pending.transaction);

  const auto start = std::chrono::steady_clock::now();
  auto result = ledger_->ApplyBlock(transactions, time_unix_ms);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  if (!result) {
    // Whatever the store calls it, for the submitter the node cannot write now; a later block tries anew.
    write_state_ = Error{Errc::kReadOnly, result.error().detail};
    write_failed_boot_ms_ = clock_->BootMs();
    SetUnwritable(write_state_);
    Refuse(block, write_state_.error());
    return;
  }
  write_state_ = {};
  CHECK_INVARIANT(result->transactions.size() == block->size());
  for (size_t i = 0; i < block->size(); ++i) {
    // A repeated act confirms nothing: anyone can send an old one again.
    const auto& applied = result->transactions[i];
    if (applied && !applied->repeated && IsClockResume((*block)[i].transaction)) guard_->Resume();
  }
  // An act that was refused, or a repeated one, leaves the clock held.
  if (!guard_->held()) SetUnwritable({});
  if (result->changed) {
    metrics_->BlockCommitted(block->size(), elapsed.count());
    metrics_->LedgerSize(result->head.size);
    if (options_.trust_versions != nullptr) options_.trust_versions->Update();
    MaybeCheckpoint();
  }
  const auto newest = Newest();
  for (size_t i = 0; i < block->size(); ++i) {
    auto& applied = result->transactions[i];
    if (!applied) {
      (*block)[i].done(applied.error());
      continue;
    }
    Outcome outcome{*applied, nullptr};
    // A repeated batch has an earlier checkpoint; the newest is not its own.
    if (!applied->repeated && newest && newest->size > applied->index) outcome.checkpoint = newest;
    (*block)[i].done(std::move(outcome));
  }
  block->clear();
}

void EmbeddedEngine::ResumeClock(std::vector<Pending>* block) {
  const auto is_resume = [](const Pending& pending) { return IsClockResume(pending.transaction); };
  const auto middle = std::stable_partition(block->begin(), block->end(), is_resume);
  std::vector<Pending> acts(std::make_move_iterator(block->begin()), std::make_move_iterator(middle));
  block->erase(block->begin(), middle);
  if (acts.empty()) return;
  const auto stamp = guard_->StampForResume(ledger_->head().time_unix_ms);
  if (!stamp) {
    Refuse(&acts, stamp.error());
    return;
  }
  Commit(&acts, *stamp);
  if (!guard_->held()) Log(LogLevel::kWarning, "clock confirmed by an operator");
}

void EmbeddedEngine::Refuse(std::vector<Pending>* block, const Error& error) {
  for (Pending& pending : *block) {
    // What is on the ledger already needs no write: a client that asks again gets its answer.
    auto known = ledger_->FindTransaction(IdOf(pending.transaction));
    if (known && *known) {
      pending.done(Outcome{{.index = **known, .repeated = true}, nullptr});
    } else {
      pending.done(error);
    }
  }
  block->clear();
}

bool EmbeddedEngine::CheckpointDue() const {
  const ledger::Head head = ledger_->head();
  if (checkpoints_.signed_size() >= head.size) return false;
  if (checkpoint_interval_ms_ == 0 || checkpoints_.signed_size() == 0) return true;
  const uint64_t now_ms = std::max(head.time_unix_ms, clock_->WallMs());
  return now_ms >= checkpoint_block_ms_ + checkpoint_interval_ms_;
}

void EmbeddedEngine::MaybeCheckpoint() {
  if (!CheckpointDue()) return;
  const ledger::Head head = ledger_->head();
  // A cosignature is a statement of time too, so it needs a sound clock like any stamp. Right after
  // a commit this holds; at start and on an idle head it may not.
  if (!guard_->Stamp(head.time_unix_ms)) return;
  const uint64_t now_ms = std::max(head.time_unix_ms, clock_->WallMs());
  checkpoints_.Sign(head, now_ms);
  checkpoint_block_ms_ = now_ms;
}

Result<void> EmbeddedEngine::CheckDisk() {
  if (options_.free_bytes_min == 0 || !options_.free_bytes) return {};
  const uint64_t now_ms = clock_->BootMs();
  if (disk_checked_boot_ms_ != 0 && now_ms < disk_checked_boot_ms_ + 1'000) return disk_state_;
  disk_checked_boot_ms_ = now_ms;
  const auto free = options_.free_bytes();
  if (!free) {
    disk_state_ = Error{Errc::kReadOnly, "store: " + free.error().detail};
  } else if (*free < options_.free_bytes_min) {
    disk_state_ = Error{Errc::kReadOnly, "store: " + std::to_string(*free) + " bytes free on disk, " +
                                             std::to_string(options_.free_bytes_min) + " are demanded"};
  } else {
    disk_state_ = {};
  }
  return disk_state_;
}

Result<void> EmbeddedEngine::Probe() {
  const auto stamp = guard_->Stamp(ledger_->head().time_unix_ms);
  metrics_->ClockSound(stamp.has_value());
  if (!stamp) return stamp.error();
  RETURN_IF_ERROR(CheckDisk());
  // A failed commit is believed for a while; then the node is ready again until the next one fails.
  if (!write_state_ && clock_->BootMs() < write_failed_boot_ms_ + kWriteFailureMs) return write_state_;
  return {};
}

void EmbeddedEngine::SetUnwritable(const Result<void>& state) {
  bool changed;
  {
    const std::lock_guard lock(mutex_);
    changed = !SameState(writable_, state);
    writable_ = state;
  }
  if (!changed) return;
  metrics_->Writable(state.has_value());
  if (state) {
    Log(LogLevel::kInfo, "writes accepted again");
  } else {
    Log(LogLevel::kError, "writes refused",
        {{"code", std::string(ErrcName(state.error().code))}, {"reason", state.error().detail}});
  }
}

}  // namespace cunzheng::node
