#include "node/cometbft/comet_engine.h"

#include <unistd.h>

#include <algorithm>

#include "node/cometbft/rpc_client.h"
#include "node/log.h"

namespace cunzheng::node {
namespace {

constexpr size_t kSenders = 8;
constexpr size_t kTransactionCacheBytes = 64u << 20;
constexpr auto kWatchInterval = std::chrono::milliseconds(500);
constexpr auto kRetryPause = std::chrono::milliseconds(200);

// CometBFT has decided the block; a node that cannot write it must not go on as if it had. Both processes
// start anew, and CometBFT replays from what is on disk.
void EndProcess(const Error& error) {
  Log(LogLevel::kError, "a decided block could not be written; the process ends",
      {{"reason", error.ToString()}});
  FlushLog();
  _exit(ErrcExitCode(Errc::kIo));
}

}  // namespace

CometEngine::CometEngine(ledger::Ledger* ledger, ClockGuard* guard, const Clock* clock, Cosigner cosigner,
                         Metrics* metrics, CometEngineOptions options)
    : ledger_(ledger),
      guard_(guard),
      clock_(clock),
      metrics_(metrics),
      options_(std::move(options)),
      checkpoints_(ledger, std::move(cosigner), metrics),
      transactions_(ledger->id(), ledger->params().batch_bytes_max, kTransactionCacheBytes),
      application_(ledger, &transactions_, clock,
                   {[this](const CommittedBlock& block) { Committed(block); }, EndProcess},
                   options_.application) {}

Result<std::unique_ptr<CometEngine>> CometEngine::Start(ledger::Ledger* ledger, ClockGuard* guard,
                                                        const Clock* clock, Cosigner cosigner,
                                                        Metrics* metrics, CometEngineOptions options) {
  if (ledger->params().checkpoint_interval_ms != 0) {
    return Error{Errc::kUsage, "engine.type: cometbft needs a ledger whose checkpoint_interval_ms is 0"};
  }
  ASSIGN_OR_RETURN(const auto probe, RpcClient::Make(options.rpc_address));
  std::unique_ptr<CometEngine> engine(
      new CometEngine(ledger, guard, clock, std::move(cosigner), metrics, std::move(options)));
  engine->SignHead();
  metrics->LedgerSize(ledger->head().size);
  metrics->Writable(true);
  engine->peers_ = std::make_unique<Peers>(engine->options_.peers, &engine->checkpoints_,
                                           engine->options_.trust_versions, engine->options_.evidence_folder);
  for (size_t i = 0; i < kSenders; ++i) {
    engine->threads_.emplace_back([raw = engine.get()] { raw->Send(); });
    pthread_setname_np(engine->threads_.back().native_handle(), "rpc");
  }
  engine->threads_.emplace_back([raw = engine.get()] { raw->Watch(); });
  pthread_setname_np(engine->threads_.back().native_handle(), "watch");
  ASSIGN_OR_RETURN(engine->server_, AbciServer::Listen(engine->options_.abci_address, &engine->application_,
                                                       engine->options_.threads));
  return engine;
}

CometEngine::~CometEngine() {
  Drain();
  server_.reset();
  peers_.reset();
}

void CometEngine::Submit(ledger::Transaction transaction, Completion done) {
  const Hash id = IdOf(transaction);
  const auto known = ledger_->FindTransaction(id);
  if (!known) return done(known.error());
  if (*known) return done(Outcome{{.index = **known, .repeated = true}, nullptr});
  // What the ledger would refuse is said at once, with its own error; what changes until the block is made is
  // refused there.
  if (const auto admissible = application_.Admissible(transaction); !admissible)
    return done(admissible.error());

  std::string envelope = EnvelopeOf(transaction);
  Error refusal;
  {
    const std::lock_guard lock(mutex_);
    const auto deadline = std::chrono::steady_clock::now() + options_.answer_within;
    if (draining_) {
      refusal = {Errc::kStopping, "node: stopping"};
    } else if (!reachable_) {
      refusal = reachable_.error();
    } else if (const auto it = waiting_.find(id); it != waiting_.end()) {
      it->second.done.push_back(std::move(done));
      return;
    } else if (waiting_.size() >= options_.queue_count_max ||
               outgoing_bytes_ + envelope.size() > options_.queue_bytes_max) {
      refusal = {Errc::kBusy, "node: the queue of submissions is full"};
    } else {
      transactions_.Remember(envelope, std::make_shared<const ledger::Transaction>(std::move(transaction)));
      waiting_[id] = {{std::move(done)}, deadline};
      outgoing_bytes_ += envelope.size();
      outgoing_.push_back({id, std::move(envelope)});
      outgoing_ready_.notify_one();
      return;
    }
  }
  done(refusal);
}

Result<void> CometEngine::Writable() const {
  const std::lock_guard lock(mutex_);
  if (draining_) return Error{Errc::kStopping, "node: stopping"};
  return reachable_;
}

void CometEngine::Send() {
  auto client = RpcClient::Make(options_.rpc_address);
  CHECK_INVARIANT(client.has_value());  // Start tried the address
  for (;;) {
    Outgoing next;
    {
      std::unique_lock lock(mutex_);
      outgoing_ready_.wait(lock, [this] { return stopping_ || !outgoing_.empty(); });
      if (outgoing_.empty()) return;
      next = std::move(outgoing_.front());
      outgoing_.pop_front();
      outgoing_bytes_ -= next.envelope.size();
      metrics_->Queue(outgoing_.size(), outgoing_bytes_);
    }
    const auto sent = (*client)->Broadcast(next.envelope);
    if (sent) {
      SetReachable({});
    } else if (sent.error().code == Errc::kUnreachable) {
      SetReachable(Error{Errc::kBusy, sent.error().detail});
      Answer(next.id, Error{Errc::kBusy, sent.error().detail});
    } else {
      // Its block may have been committed between the submission and the mempool's own look.
      const auto known = ledger_->FindTransaction(next.id);
      if (known && *known) {
        Answer(next.id, Outcome{{.index = **known, .repeated = true}, nullptr});
      } else {
        Answer(next.id, sent.error());
      }
    }
  }
}

void CometEngine::Answer(const Hash& id, const Result<Outcome>& outcome) {
  std::vector<Completion> done;
  {
    const std::lock_guard lock(mutex_);
    const auto it = waiting_.find(id);
    if (it == waiting_.end()) return;
    done = std::move(it->second.done);
    waiting_.erase(it);
    changed_.notify_all();
  }
  for (const Completion& each : done) each(outcome);
}

void CometEngine::SetReachable(const Result<void>& state) {
  bool changed;
  {
    const std::lock_guard lock(mutex_);
    changed = reachable_.has_value() != state.has_value();
    reachable_ = state;
  }
  if (!changed) return;
  metrics_->Writable(state.has_value());
  if (state) {
    Log(LogLevel::kInfo, "writes accepted again");
  } else {
    Log(LogLevel::kError, "writes refused", {{"reason", state.error().detail}});
  }
}

// A cosignature is a statement of time, so it needs a sound clock, and of what this node computed itself, so
// it needs a head that was not taken over from a snapshot. The others' are collected all the same.
void CometEngine::SignHead() {
  const std::lock_guard lock(guard_mutex_);
  const ledger::Head head = ledger_->head();
  if (checkpoints_.signed_size() >= head.size) return;
  if (head.size > 1 && head.size <= ledger_->restored_size()) return checkpoints_.Expect(head);
  const auto stamp = guard_->Stamp(head.time_unix_ms);
  metrics_->ClockSound(stamp.has_value());
  if (stamp) {
    checkpoints_.Sign(head, clock_->WallMs());
  } else {
    checkpoints_.Expect(head);
  }
}

void CometEngine::Committed(const CommittedBlock& block) {
  SetReachable({});
  for (const CommittedTransaction& transaction : block.transactions) {
    if (transaction.clock_confirmed_by == options_.member && transaction.applied &&
        !transaction.applied->repeated) {
      const std::lock_guard lock(guard_mutex_);
      guard_->Resume();
      Log(LogLevel::kWarning, "clock confirmed by an operator");
    }
  }
  if (block.changed) {
    metrics_->BlockCommitted(block.transactions.size(), 0);
    metrics_->LedgerSize(block.head.size);
    if (options_.trust_versions != nullptr) options_.trust_versions->Update();
    SignHead();
  }
  const auto newest = Newest();
  for (const CommittedTransaction& transaction : block.transactions) {
    if (!transaction.applied) {
      Answer(transaction.id, transaction.applied.error());
      continue;
    }
    Outcome outcome{*transaction.applied, nullptr};
    if (!outcome.applied.repeated && newest && newest->size > outcome.applied.index)
      outcome.checkpoint = newest;
    Answer(transaction.id, outcome);
  }
}

void CometEngine::Watch() {
  auto client = RpcClient::Make(options_.rpc_address);
  CHECK_INVARIANT(client.has_value());  // Start tried the address
  for (;;) {
    std::vector<Hash> late;
    bool reachable = true;
    {
      std::unique_lock lock(mutex_);
      if (changed_.wait_for(lock, kWatchInterval, [this] { return stopping_; })) return;
      const auto now = std::chrono::steady_clock::now();
      for (const auto& [id, waiting] : waiting_) {
        if (waiting.deadline <= now) late.push_back(id);
      }
      reachable = reachable_.has_value();
    }
    // Submissions are refused meanwhile, so none of them would find out that it is back.
    if (!reachable && (*client)->LatestHeight()) SetReachable({});
    for (const Hash& id : late) {
      Answer(id, Error{Errc::kBusy,
                       "node: in no block yet; too few of the members' nodes may be running. Sent again "
                       "it finds its entry"});
    }
    SignHead();
  }
}

void CometEngine::Drain() {
  {
    std::unique_lock lock(mutex_);
    draining_ = true;
    changed_.wait_for(lock, options_.answer_within, [this] { return waiting_.empty(); });
    if (stopping_) return;
    stopping_ = true;
    changed_.notify_all();
    outgoing_ready_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
}

}  // namespace cunzheng::node
