#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

#include "ledger/checkpoint.h"
#include "node/embedded_engine.h"
#include "tests/fault/fault_env.h"
#include "tests/unit/node_fake_clock.h"
#include "tests/unit/store_fixture.h"

namespace cunzheng::node {
namespace {

using ledger::testing::Cast;
using ledger::testing::kGenesisTime;
using ledger::testing::Named;
using testing::FakeClock;
using namespace std::chrono_literals;

constexpr uint64_t kStart = kGenesisTime + 1'000'000;

using Answer = Result<Outcome>;

// An engine over a ledger in memory, with account 0 on it.
struct Stage {
  explicit Stage(EmbeddedEngineOptions wanted = {}, const ledger::Params& params = {})
      : cast(1, params), clock(kStart), options(std::move(wanted)) {
    // A probe must not be what waits at a closed clock; cases about probes set their own interval.
    if (options.probe_interval == EmbeddedEngineOptions().probe_interval) options.probe_interval = 1h;
    const auto created = ledger::Ledger::Create("/ledger", cast.genesis_bytes(), OpenOptions());
    REQUIRE(created.has_value());
    Start();
    REQUIRE(Ask(cast.AddAccount(0)).has_value());
  }
  ~Stage() {
    clock.Open();
    engine.reset();
  }

  ledger::OpenOptions OpenOptions() {
    ledger::OpenOptions open;
    open.env = &disk;
    open.reopen_pause_ms = 0;
    return open;
  }
  void Start() {
    auto opened = ledger::Ledger::Open("/ledger", OpenOptions());
    REQUIRE(opened.has_value());
    ledger = *std::move(opened);
    guard.emplace(clock, false, kept, [this](const ClockReference& reference) { kept = reference; });
    const std::string id = cast.genesis().members[0].id;
    Cosigner cosigner(*NoteSigner::FromSeed(cast.genesis().origin, NoteKeyType::kEd25519, Named(id + " log")),
                      *NoteSigner::FromSeed(id, NoteKeyType::kCosignatureV1, Named(id + " cosign")));
    engine = std::make_unique<EmbeddedEngine>(ledger.get(), &*guard, &clock, std::move(cosigner), &metrics,
                                              options);
  }
  void Restart() {
    engine.reset();
    ledger.reset();
    Start();
  }
  std::future<Answer> Submit(ledger::Transaction transaction) {
    auto promise = std::make_shared<std::promise<Answer>>();
    auto future = promise->get_future();
    engine->Submit(std::move(transaction),
                   [promise](Answer answer) { promise->set_value(std::move(answer)); });
    return future;
  }
  Answer Ask(ledger::Transaction transaction) { return Submit(std::move(transaction)).get(); }
  // A deposit of `count` records.
  ledger::Transaction Deposits(uint64_t count) {
    ledger::testing::DepositOptions deposit;
    deposit.count = count;
    return cast.Deposit(0, deposit);
  }
  std::string Code(const Answer& answer) {
    return answer ? "ok" : std::string(ErrcName(answer.error().code));
  }

  ledger::testing::FaultEnv disk;
  Cast cast;
  FakeClock clock;
  EmbeddedEngineOptions options;
  std::optional<ClockReference> kept;
  std::unique_ptr<ledger::Ledger> ledger;
  std::optional<ClockGuard> guard;
  Metrics metrics;
  std::unique_ptr<EmbeddedEngine> engine;
};

}  // namespace

TEST_CASE("a deposit is answered with its block's checkpoint, cosigned and covering it") {
  Stage stage;
  const auto answer = stage.Ask(stage.cast.Deposit(0));
  REQUIRE(answer.has_value());
  CHECK(answer->applied.index == 2);
  REQUIRE(answer->checkpoint != nullptr);
  CHECK(answer->checkpoint->size == 3);
  const auto signed_checkpoint = ledger::ParseCheckpoint(answer->checkpoint->note);
  REQUIRE(signed_checkpoint.has_value());
  CHECK(signed_checkpoint->checkpoint.root == stage.ledger->head().root);
  const auto& member = stage.cast.genesis().members[0];
  REQUIRE(signed_checkpoint->note.signatures.size() == 2);
  CHECK(VerifyNoteSignature(signed_checkpoint->note, signed_checkpoint->note.signatures[0], member.log_key)
            .has_value());
  const auto time =
      VerifyNoteSignature(signed_checkpoint->note, signed_checkpoint->note.signatures[1], member.cosign_key);
  REQUIRE(time.has_value());
  CHECK(*time == stage.ledger->head().time_unix_ms / 1'000);
  CHECK(*stage.ledger->CheckpointAt(3) == answer->checkpoint->note);
}

TEST_CASE("what queues up while a block is under way becomes the next block") {
  Stage stage;
  const uint64_t height = stage.ledger->head().height;
  stage.clock.Close();
  std::vector<std::future<Answer>> answers;
  answers.push_back(stage.Submit(stage.cast.Deposit(0)));
  stage.clock.AwaitWaiting();
  for (int i = 0; i < 20; ++i) answers.push_back(stage.Submit(stage.cast.Deposit(0)));
  stage.clock.Open();
  for (auto& answer : answers) CHECK(answer.get().has_value());
  CHECK(stage.ledger->head().height == height + 2);
  CHECK(stage.ledger->head().size == 23);
}

TEST_CASE("a block is bounded by count and by bytes, but one large submission always fits") {
  EmbeddedEngineOptions options;
  options.block_count_max = 4;
  Stage stage(options);
  const uint64_t height = stage.ledger->head().height;
  stage.clock.Close();
  std::vector<std::future<Answer>> answers;
  for (int i = 0; i < 9; ++i) {
    answers.push_back(stage.Submit(stage.cast.Deposit(0)));
    if (i == 0) stage.clock.AwaitWaiting();
  }
  stage.clock.Open();
  for (auto& answer : answers) REQUIRE(answer.get().has_value());
  // One alone, then 4 and 4.
  CHECK(stage.ledger->head().height == height + 3);

  EmbeddedEngineOptions tiny;
  tiny.block_bytes_max = 1;
  Stage bytes(tiny);
  CHECK(bytes.Ask(bytes.Deposits(50)).has_value());
}

TEST_CASE("over the queue's limits a submission is refused at once as busy") {
  EmbeddedEngineOptions options;
  options.queue_count_max = 3;
  Stage stage(options);
  stage.clock.Close();
  std::vector<std::future<Answer>> answers;
  answers.push_back(stage.Submit(stage.cast.Deposit(0)));
  stage.clock.AwaitWaiting();
  for (int i = 0; i < 3; ++i) answers.push_back(stage.Submit(stage.cast.Deposit(0)));
  auto refused = stage.Submit(stage.cast.Deposit(0));
  REQUIRE(refused.wait_for(0s) == std::future_status::ready);
  CHECK(stage.Code(refused.get()) == "busy");
  stage.clock.Open();
  for (auto& answer : answers) CHECK(answer.get().has_value());
  CHECK(stage.Ask(stage.cast.Deposit(0)).has_value());

  EmbeddedEngineOptions narrow;
  narrow.queue_bytes_max = 2'000;
  Stage bytes(narrow);
  CHECK(stage.Code(bytes.Ask(bytes.Deposits(50))) == "busy");
}

TEST_CASE("draining answers what was taken and refuses what comes after") {
  Stage stage;
  stage.clock.Close();
  std::vector<std::future<Answer>> answers;
  for (int i = 0; i < 10; ++i) answers.push_back(stage.Submit(stage.cast.Deposit(0)));
  auto drained = std::async(std::launch::async, [&] { stage.engine->Drain(); });
  stage.clock.Open();
  drained.get();
  for (auto& answer : answers) {
    REQUIRE(answer.wait_for(0s) == std::future_status::ready);
    CHECK(answer.get().has_value());
  }
  CHECK(stage.Code(stage.Ask(stage.cast.Deposit(0))) == "stopping");
  CHECK(stage.engine->Writable().error().code == Errc::kStopping);
}

TEST_CASE("the same batch twice in one block and again later gives the first index") {
  Stage stage;
  const ledger::Transaction deposit = stage.cast.Deposit(0);
  stage.clock.Close();
  auto blocker = stage.Submit(stage.cast.Deposit(0));
  stage.clock.AwaitWaiting();
  auto first = stage.Submit(deposit), second = stage.Submit(deposit);
  stage.clock.Open();
  const Answer one = first.get(), two = second.get(), three = stage.Ask(deposit);
  REQUIRE(one.has_value());
  REQUIRE(two.has_value());
  REQUIRE(three.has_value());
  CHECK_FALSE(one->applied.repeated);
  CHECK(two->applied.repeated);
  CHECK(three->applied.repeated);
  CHECK(two->applied.index == one->applied.index);
  CHECK(three->applied.index == one->applied.index);
}

TEST_CASE("a refused submission in a block does not touch its neighbours") {
  Stage stage;
  stage.clock.Close();
  auto blocker = stage.Submit(stage.cast.Deposit(0));
  stage.clock.AwaitWaiting();
  auto good = stage.Submit(stage.cast.Deposit(0));
  auto bad = stage.Submit(stage.cast.Deposit(7));
  auto other = stage.Submit(stage.cast.Deposit(0));
  stage.clock.Open();
  CHECK(good.get().has_value());
  CHECK(stage.Code(bad.get()) == "unknown_account");
  CHECK(other.get().has_value());
}

TEST_CASE("after a leap forward deposits are refused, repeats succeed, and a resume is a logged entry") {
  Stage stage;
  const ledger::Transaction kept = stage.cast.Deposit(0);
  REQUIRE(stage.Ask(kept).has_value());
  stage.clock.Leap(3'600'000);
  CHECK(stage.Code(stage.Ask(stage.cast.Deposit(0))) == "clock_unsound");
  CHECK(stage.engine->Writable().error().code == Errc::kClockUnsound);
  const Answer repeated = stage.Ask(kept);
  REQUIRE(repeated.has_value());
  CHECK(repeated->applied.repeated);

  const ledger::Transaction resume = stage.cast.Act(ledger::ClockResume{"checked"});
  const Answer resumed = stage.Ask(resume);
  REQUIRE(resumed.has_value());
  const auto entry = ledger::DecodeActEntry(*stage.ledger->EntryAt(resumed->applied.index));
  REQUIRE(entry.has_value());
  CHECK(entry->time_unix_ms == stage.clock.wall_ms());
  REQUIRE(resumed->checkpoint != nullptr);
  CHECK(stage.Ask(stage.cast.Deposit(0)).has_value());
  CHECK(stage.engine->Writable().has_value());

  // The act is public now: sending it again must not confirm another leap.
  stage.clock.Leap(3'600'000);
  CHECK(stage.Code(stage.Ask(stage.cast.Deposit(0))) == "clock_unsound");
  const Answer replayed = stage.Ask(resume);
  REQUIRE(replayed.has_value());
  CHECK(replayed->applied.repeated);
  CHECK_FALSE(stage.engine->Writable().has_value());
  CHECK(stage.Code(stage.Ask(stage.cast.Deposit(0))) == "clock_unsound");
}

TEST_CASE("a resume by a key that may not act confirms nothing") {
  Stage stage;
  stage.clock.Leap(3'600'000);
  CHECK(stage.Code(stage.Ask(stage.cast.Deposit(0))) == "clock_unsound");
  Cast stranger(2);
  ledger::VerifiedAct forged = std::get<ledger::VerifiedAct>(stranger.Act(ledger::ClockResume{"forged"}, 1));
  CHECK(stage.Code(stage.Ask(forged)) == "unknown_member");
  CHECK_FALSE(stage.engine->Writable().has_value());
  CHECK(stage.Code(stage.Ask(stage.cast.Deposit(0))) == "clock_unsound");
}

TEST_CASE("a hold outlives a restart of the engine") {
  Stage stage;
  stage.clock.Leap(3'600'000);
  CHECK(stage.Code(stage.Ask(stage.cast.Deposit(0))) == "clock_unsound");
  stage.Restart();
  CHECK(stage.engine->Writable().error().code == Errc::kClockUnsound);
  CHECK(stage.Code(stage.Ask(stage.cast.Deposit(0))) == "clock_unsound");
}

TEST_CASE("time never decreases across a step back, and an idle engine recovers by itself") {
  EmbeddedEngineOptions options;
  options.probe_interval = 10ms;
  Stage stage(options);
  const uint64_t before = stage.ledger->head().time_unix_ms;
  stage.clock.Leap(-10'000);
  CHECK(stage.Code(stage.Ask(stage.cast.Deposit(0))) == "clock_unsound");
  stage.clock.Advance(9'000);
  REQUIRE(stage.Ask(stage.cast.Deposit(0)).has_value());
  CHECK(stage.ledger->head().time_unix_ms == before + 1);

  stage.clock.Leap(-10'000);
  CHECK(stage.Code(stage.Ask(stage.cast.Deposit(0))) == "clock_unsound");
  stage.clock.Advance(20'000);
  // No write: the probe alone says that the node is ready again.
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (!stage.engine->Writable() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(20ms);
  }
  CHECK(stage.engine->Writable().has_value());
}

TEST_CASE("on a full disk writes are read_only and reads go on; with room again writes succeed unaided") {
  Stage stage;
  const ledger::Transaction kept = stage.cast.Deposit(0);
  REQUIRE(stage.Ask(kept).has_value());
  const uint64_t size = stage.ledger->head().size;
  stage.disk.SetCapacity(stage.disk.used_bytes() + 10);
  CHECK(stage.Code(stage.Ask(stage.Deposits(20))) == "read_only");
  CHECK(stage.engine->Writable().error().code == Errc::kReadOnly);
  CHECK(stage.ledger->EntryAt(size - 1).has_value());
  CHECK(stage.Ask(kept)->applied.repeated);
  CHECK(stage.Code(stage.Ask(stage.Deposits(20))) == "read_only");
  stage.disk.Heal();
  CHECK(stage.Ask(stage.cast.Deposit(0)).has_value());
  CHECK(stage.engine->Writable().has_value());
  stage.engine.reset();
  stage.ledger.reset();
  const auto report = ledger::CheckStore("/ledger", stage.OpenOptions());
  CHECK(report.has_value());
}

TEST_CASE("the floor of free space is kept, and lifted without help") {
  std::atomic<uint64_t> free_bytes{1'000};
  EmbeddedEngineOptions options;
  options.free_bytes_min = 500;
  options.free_bytes = [&]() -> Result<uint64_t> { return free_bytes.load(); };
  Stage stage(options);
  free_bytes = 499;
  stage.clock.Advance(1'000);
  CHECK(stage.Code(stage.Ask(stage.cast.Deposit(0))) == "read_only");
  free_bytes = 500;
  stage.clock.Advance(1'000);
  CHECK(stage.Ask(stage.cast.Deposit(0)).has_value());
}

TEST_CASE("with an interval the block that passes it is attested, and an idle head soon after") {
  ledger::Params params;
  params.checkpoint_interval_ms = 1'000;
  EmbeddedEngineOptions options;
  options.probe_interval = 10ms;
  Stage stage(options, params);
  const auto newest = stage.engine->Newest();
  REQUIRE(newest != nullptr);
  CHECK(newest->size == 1);
  const auto early = stage.Ask(stage.cast.Deposit(0));
  REQUIRE(early.has_value());
  CHECK(early->checkpoint == nullptr);
  stage.clock.Advance(1'000);
  const auto due = stage.Ask(stage.cast.Deposit(0));
  REQUIRE(due.has_value());
  REQUIRE(due->checkpoint != nullptr);
  CHECK(due->checkpoint->size == stage.ledger->head().size);

  REQUIRE(stage.Ask(stage.cast.Deposit(0))->checkpoint == nullptr);
  stage.clock.Advance(1'000);
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (stage.engine->Newest()->size < stage.ledger->head().size &&
         std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(20ms);
  }
  CHECK(stage.engine->Newest()->size == stage.ledger->head().size);
}

TEST_CASE("a head whose note was lost is signed anew at start") {
  Stage stage;
  REQUIRE(stage.Ask(stage.cast.Deposit(0)).has_value());
  stage.engine.reset();
  // A block without its note, as after a crash between commit and note.
  stage.clock.Advance(1'000);
  const ledger::Transaction deposit = stage.cast.Deposit(0);
  REQUIRE(stage.ledger->ApplyBlock({&deposit}, stage.clock.wall_ms()).has_value());
  CHECK(stage.ledger->CheckpointAt(4).error().code == Errc::kNotFound);
  stage.ledger.reset();
  stage.Start();
  REQUIRE(stage.engine->Newest() != nullptr);
  CHECK(stage.engine->Newest()->size == 4);
  CHECK(stage.ledger->Attest(3).has_value());
}

TEST_CASE("many threads submit at once and each gets its own entry") {
  Stage stage;
  constexpr int kThreads = 4, kEach = 25;
  std::vector<std::vector<ledger::Transaction>> deposits(kThreads);
  for (auto& part : deposits) {
    for (int i = 0; i < kEach; ++i) part.push_back(stage.cast.Deposit(0));
  }
  std::mutex mutex;
  std::vector<uint64_t> indexes;
  std::vector<std::thread> threads;
  for (auto& part : deposits) {
    threads.emplace_back([&] {
      for (auto& deposit : part) {
        const Answer answer = stage.Ask(deposit);
        const std::lock_guard lock(mutex);
        indexes.push_back(answer ? answer->applied.index : 0);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  std::sort(indexes.begin(), indexes.end());
  REQUIRE(indexes.size() == kThreads * kEach);
  for (size_t i = 0; i < indexes.size(); ++i) CHECK(indexes[i] == i + 2);
}

}  // namespace cunzheng::node
