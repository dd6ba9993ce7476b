// The ledger on disks that fail: at every operation, in the middle of it, for a while, for want of space,
// and with the power. Whatever was acknowledged stays, nothing is stored twice, reads go on, and writing
// goes on by itself once the disk lets it.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <map>
#include <random>
#include <thread>

#include "ledger/ledger.h"
#include "tests/fault/fault_env.h"
#include "tests/unit/store_fixture.h"

namespace cunzheng::ledger {
namespace {

using testing::Cast;
using testing::Code;
using testing::DepositOptions;
using testing::FaultEnv;
using testing::kGenesisTime;
using testing::Outcome;

constexpr char kPath[] = "/ledger";

Hash IdOf(const Transaction& transaction) {
  return std::visit([](const auto& t) { return t.id; }, transaction);
}

// What all runs submit: enough bytes for several memtables, flushes and a compaction.
struct Script {
  Script() {
    blocks.push_back({cast.AddAccount(0), cast.AddAccount(1)});
    for (int block = 0; block < 14; ++block) {
      DepositOptions padded;
      padded.count = 3;
      padded.padding_length = 800;
      blocks.emplace_back();
      for (int i = 0; i < 6; ++i) blocks.back().push_back(cast.Deposit(0, padded));
      blocks.back().push_back(cast.Deposit(1));
    }
    for (const auto& block : blocks) transactions += block.size();
  }
  Cast cast;
  std::vector<std::vector<Transaction>> blocks;
  uint64_t transactions = 0;
};

const Script& TheScript() {
  static const Script script;
  return script;
}

// A node and its clients on one disk: they submit until told otherwise, and remember what they were told.
class Player {
 public:
  explicit Player(FaultEnv* env) : env_(*env) {}

  OpenOptions options() const {
    OpenOptions options;
    options.env = &env_;
    options.write_buffer_bytes = 64u << 10;  // LevelDB's least
    options.cache_bytes = 256u << 10;
    options.reopen_pause_ms = 0;
    return options;
  }

  // Creates the ledger where there is none, and opens it.
  Result<void> Start() {
    ledger_.reset();
    auto opened = Ledger::Open(kPath, options());
    if (!opened && opened.error().code == Errc::kNotFound) {
      REQUIRE_MESSAGE(acknowledged_.empty(), "the ledger is gone");
      RETURN_IF_ERROR(Ledger::Create(kPath, TheScript().cast.genesis_bytes(), options()));
      opened = Ledger::Open(kPath, options());
    }
    if (!opened) return opened.error();
    ledger_ = std::move(*opened);
    return {};
  }
  void Stop() { ledger_.reset(); }

  // One attempt at a block.
  Result<void> Submit(const std::vector<Transaction>& block) {
    std::vector<const Transaction*> pointers;
    for (const Transaction& transaction : block) pointers.push_back(&transaction);
    auto result = ledger_->ApplyBlock(pointers, time_ += 1000);
    if (!result) return result.error();
    for (size_t i = 0; i < block.size(); ++i) {
      const auto& applied = result->transactions[i];
      REQUIRE_MESSAGE(applied, Outcome(applied));
      const auto [it, added] = acknowledged_.emplace(IdOf(block[i]), applied->index);
      REQUIRE(it->second == applied->index);
      if (!added) REQUIRE(applied->repeated);
    }
    const Head head = ledger_->head();
    REQUIRE(result->head == head);
    REQUIRE(head.size >= size_seen_);
    size_seen_ = head.size;
    // Not a part of the block: it may fail by itself.
    return ledger_->StoreCheckpoint(head.size, TheScript().cast.Checkpoint(head.size, head.root));
  }

  // Everything acknowledged so far can be read and proven, whatever the disk does.
  void ReadAll() const {
    const Head head = ledger_->head();
    for (const auto& [id, index] : acknowledged_) {
      const auto found = ledger_->FindTransaction(id);
      REQUIRE_MESSAGE(found, Outcome(found));
      REQUIRE(*found == index);
      const auto entry = ledger_->EntryAt(index);
      REQUIRE_MESSAGE(entry, Outcome(entry));
      const auto path = ledger_->InclusionProof(index, head.size);
      REQUIRE_MESSAGE(path, Outcome(path));
      REQUIRE(VerifyInclusion(LeafHash(AsBytes(*entry)), index, head.size, *path, head.root));
    }
  }

  // The end of every run: all of the script is submitted again, lies there once, and check is content.
  void Finish() {
    for (const auto& block : TheScript().blocks) {
      const auto submitted = Submit(block);
      REQUIRE_MESSAGE(submitted, Outcome(submitted));
    }
    ReadAll();
    REQUIRE(ledger_->head().size == 1 + TheScript().transactions);
    Stop();
    const auto checked = CheckStore(kPath, options());
    REQUIRE_MESSAGE(checked, Outcome(checked));
  }

  const Ledger& ledger() const { return *ledger_; }
  bool running() const { return ledger_ != nullptr; }

 private:
  FaultEnv& env_;
  std::unique_ptr<Ledger> ledger_;
  std::map<Hash, uint64_t> acknowledged_;
  uint64_t time_ = kGenesisTime;
  uint64_t size_seen_ = 0;
};

uint64_t Seed() {
  const char* given = std::getenv("CUNZHENG_SEED");
  return given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

}  // namespace

TEST_CASE("a disk that fails at any operation, once or for a while, loses nothing and stops no reader") {
  const uint64_t seed = Seed();
  MESSAGE("seed " << seed);
  std::mt19937_64 random(seed);
  uint64_t runs = 0, failed_blocks = 0;
  for (uint64_t first = 1;; ++first) {
    const uint64_t count = random() % 2 == 0 ? 1 : 1 + random() % 12;
    CAPTURE(seed);
    CAPTURE(first);
    CAPTURE(count);
    FaultEnv env;
    env.FailOperations(first, count);
    Player player(&env);
    // Every attempt meets one failing operation at least, or succeeds; a background one may cost another.
    const auto attempts = [&](const auto& attempt) {
      Result<void> result = attempt();
      for (uint64_t i = 0; !result && i < count + 2; ++i) {
        if (player.running()) {
          CHECK_MESSAGE(Code(result) == "read_only", Outcome(result));
          player.ReadAll();
          ++failed_blocks;
        }
        result = attempt();
      }
      REQUIRE_MESSAGE(result, Outcome(result));
    };
    attempts([&] { return player.Start(); });
    for (const auto& block : TheScript().blocks) attempts([&] { return player.Submit(block); });
    const bool met = env.failures() > 0;
    env.Heal();
    player.ReadAll();
    player.Stop();
    // What a failed sync left behind must not be taken for durable later.
    env.LosePower(random);
    REQUIRE(player.Start());
    player.ReadAll();
    player.Finish();
    ++runs;
    if (!met) break;
  }
  MESSAGE(runs << " points of failure, " << failed_blocks << " failed attempts");
  CHECK(runs > 300);
  CHECK(failed_blocks > runs / 2);
}

TEST_CASE(
    "a process or a power supply that dies at any operation, and again after, loses nothing acknowledged") {
  const uint64_t seed = Seed();
  MESSAGE("seed " << seed);
  std::mt19937_64 random(seed);
  uint64_t runs = 0;
  for (uint64_t first = 1;; ++first) {
    CAPTURE(seed);
    CAPTURE(first);
    FaultEnv env;
    env.FailOperations(first, UINT64_MAX / 2);
    Player player(&env);
    size_t next = 0;
    const auto play = [&] {
      if (!player.Start()) return;
      player.ReadAll();
      while (next < TheScript().blocks.size() && player.Submit(TheScript().blocks[next])) ++next;
    };
    play();
    const bool met = env.failures() > 0;
    // Then the process alone dies, so that the system still has what was not synced, or the power goes.
    for (int again = 0; again < 3; ++again) {
      player.Stop();
      if (random() % 2 == 0) {
        env.Heal();
      } else {
        env.LosePower(random);
      }
      env.FailOperations(env.operations() + 1 + random() % 60, UINT64_MAX / 2);
      play();
    }
    player.Stop();
    env.LosePower(random);
    const auto started = player.Start();
    REQUIRE_MESSAGE(started, Outcome(started));
    player.ReadAll();
    player.Finish();
    ++runs;
    if (!met) break;
  }
  MESSAGE(runs << " points of death");
  CHECK(runs > 300);
}

TEST_CASE("a full disk refuses writes, serves reads without a gap, and takes writes again when it has room") {
  const Script& script = TheScript();
  uint64_t refused = 0;
  for (uint64_t capacity = 0; capacity < 600'000; capacity += 9'000) {
    CAPTURE(capacity);
    FaultEnv env;
    Player player(&env);
    REQUIRE(player.Start());
    REQUIRE(player.Submit(script.blocks[0]));
    const uint64_t limit = env.used_bytes() + capacity;
    env.SetCapacity(limit);

    std::atomic<bool> done = false;
    std::atomic<uint64_t> reads = 0;
    std::thread reader([&] {
      while (!done) {
        const Head head = player.ledger().head();
        const auto entry = player.ledger().EntryAt(head.size - 1);
        const auto path = player.ledger().InclusionProof(head.size - 1, head.size);
        if (!entry || !path ||
            !VerifyInclusion(LeafHash(AsBytes(*entry)), head.size - 1, head.size, *path, head.root)) {
          std::abort();
        }
        ++reads;
      }
    });
    size_t next = 1;
    Result<void> result;
    for (; next < script.blocks.size(); ++next) {
      result = player.Submit(script.blocks[next]);
      if (!result) break;
    }
    if (!result) {
      for (int i = 0; i < 3; ++i) {
        CHECK_MESSAGE(Code(result) == "read_only", Outcome(result));
        const uint64_t before = reads;
        player.ReadAll();
        while (reads == before) std::this_thread::yield();
        // The background may still have made room by what it removed.
        result = player.Submit(script.blocks[next]);
        if (result) break;
        ++refused;
      }
      CHECK(env.used_bytes() <= limit);
      env.Heal();
      for (; next < script.blocks.size(); ++next) {
        result = player.Submit(script.blocks[next]);
        REQUIRE_MESSAGE(result, Outcome(result));
      }
    }
    done = true;
    reader.join();
    env.Heal();  // where only the background met the limit
    player.Finish();
  }
  CHECK(refused > 100);
}

TEST_CASE(
    "a block whose write failed but whose bytes arrived is adopted, durably, and the next success says so") {
  const Script& script = TheScript();
  const auto apply = [&](Ledger& ledger, uint64_t time) {
    return ledger.ApplyBlock({&script.blocks[0][0], &script.blocks[0][1]}, kGenesisTime + time);
  };
  std::mt19937_64 random(1);  // what a power loss keeps; each point of failure is tried with several
  uint64_t adopted = 0;
  bool met = true;
  for (uint64_t first = 1; met; ++first) {
    for (int loss = 0; loss < 20 && met; ++loss) {
      CAPTURE(first);
      CAPTURE(loss);
      FaultEnv env;
      Player player(&env);
      REQUIRE(player.Start());
      player.Stop();
      auto ledger = Ledger::Open(kPath, player.options());
      REQUIRE(ledger);
      env.FailOperations(env.operations() + first, 1);
      met = !apply(**ledger, 1);
      if (!met) break;
      CHECK((*ledger)->head().size == 1);
      const auto again = apply(**ledger, 2);
      REQUIRE_MESSAGE(again, Outcome(again));
      CHECK(again->changed);
      CHECK(again->head.size == 3);
      if (again->transactions[0]->repeated) {
        ++adopted;
        CHECK(again->head.time_unix_ms == kGenesisTime + 1);
        CHECK(again->head.height == 1);
      }
      ledger->reset();
      env.LosePower(random);
      ledger = Ledger::Open(kPath, player.options());
      REQUIRE_MESSAGE(ledger, Outcome(ledger));
      CHECK((*ledger)->head() == again->head);
      const auto third = apply(**ledger, 3);
      REQUIRE(third);
      CHECK_FALSE(third->changed);
    }
  }
  CHECK(adopted > 0);
}

TEST_CASE("attempts to recover keep their distance, and cost the disk nothing in between") {
  FaultEnv env;
  Player player(&env);
  REQUIRE(player.Start());
  player.Stop();
  OpenOptions options = player.options();
  options.reopen_pause_ms = 300;
  auto ledger = Ledger::Open(kPath, options);
  REQUIRE(ledger);
  const Script& script = TheScript();
  const auto apply = [&](uint64_t time) {
    return (*ledger)->ApplyBlock({&script.blocks[0][0]}, kGenesisTime + time);
  };
  env.FailOperations(env.operations() + 1, UINT64_MAX / 2);
  const auto began = std::chrono::steady_clock::now();
  CHECK(Code(apply(1)) == "read_only");
  CHECK(Code(apply(2)) == "read_only");  // tries to recover
  env.Heal();
  const uint64_t before = env.operations();
  const auto refused = apply(3);
  if (std::chrono::steady_clock::now() - began < std::chrono::milliseconds(300)) {
    CHECK(Code(refused) == "read_only");
    CHECK(env.operations() == before);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(320));
  const auto recovered = apply(4);
  CHECK_MESSAGE(recovered, Outcome(recovered));
}

}  // namespace cunzheng::ledger
