// Snapshots: taken, served in chunks, taken over by another ledger, and everything that is refused on the
// way.
#include "ledger/snapshot.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "crypto/digest.h"
#include "ledger/merkle.h"
#include "tests/unit/store_fixture.h"

namespace cunzheng::ledger {
namespace {

using namespace testing;  // NOLINT: the cast of every test here

// A ledger of acts, deposits of both modes and a new version of the trust file, in blocks of an engine.
struct Source {
  explicit Source(bool every_block = false) : cast(1) {
    REQUIRE(Ledger::Create("/source", cast.genesis_bytes(), disk.options()));
    ledger = MustOpen("/source", disk.options());
    Block({cast.AddAccount(0), cast.AddAccount(1)});
    Block({});
    Block({cast.Act(Propose{MemberAdd{cast.Member(1), Thresholds{0, 2, 1}}, kGenesisTime + 86'400'000})});
    DepositOptions sealed, many, large;
    sealed.mode = BatchMode::kSealed;
    many.count = 30;
    large.padding_length = 1'000;
    large.count = 200;
    for (int round = 0; round < 30; ++round) {
      Block({cast.Deposit(0, large), cast.Deposit(1, sealed), cast.Deposit(0, many), cast.Deposit(1)});
      if (every_block) REQUIRE(ledger->TakeSnapshot());
    }
    const auto taken = ledger->TakeSnapshot();
    REQUIRE_MESSAGE(taken, Outcome(taken));
    snapshot = ledger->Snapshots()->back();
    for (uint64_t i = 0; i < snapshot.chunks; ++i) {
      chunks.push_back(*ledger->SnapshotChunk(snapshot.engine_height, i));
    }
  }
  void Block(const std::vector<Transaction>& transactions) {
    std::vector<const Transaction*> block;
    for (const auto& transaction : transactions) block.push_back(&transaction);
    const auto prepared = ledger->PrepareBlock(block, kGenesisTime + 1'000 * ++height);
    REQUIRE_MESSAGE(prepared, Outcome(prepared));
    for (const auto& applied : prepared->transactions) REQUIRE_MESSAGE(applied, Outcome(applied));
    REQUIRE(ledger->CommitBlock(height));
  }
  MemoryDisk disk;
  Cast cast;
  std::unique_ptr<Ledger> ledger;
  uint64_t height = 0;
  Snapshot snapshot;
  std::vector<std::string> chunks;
};

struct Target {
  explicit Target(const Source& source) {
    REQUIRE(Ledger::Create("/target", source.cast.genesis_bytes(), disk.options()));
    ledger = MustOpen("/target", disk.options());
  }
  void Reopen() {
    ledger.reset();
    ledger = MustOpen("/target", disk.options());
  }
  std::string Check() {
    ledger.reset();
    const std::string outcome = Outcome(CheckStore("/target", disk.options()));
    ledger = MustOpen("/target", disk.options());
    return outcome;
  }
  MemoryDisk disk;
  std::unique_ptr<Ledger> ledger;
};

TEST_CASE("subtrees over any run of leaves give the root of the whole") {
  std::vector<Hash> leaves;
  for (uint64_t size = 1; size <= 40; ++size) {
    leaves.push_back(LeafHash(Named(std::to_string(size))));
    for (uint64_t cut = 1; cut < size; ++cut) {
      std::vector<EntryChunk> chunks;
      for (const auto& [first, end] : {std::pair{uint64_t{0}, cut}, std::pair{cut, size}}) {
        EntryChunk chunk{first, {}};
        uint64_t at = first;
        for (const uint64_t width : CoveringSubtrees(first, end)) {
          CHECK((width & (width - 1)) == 0);
          CHECK(at % width == 0);
          chunk.nodes.push_back(RootFromLeaves(std::span(leaves).subspan(at, width)));
          at += width;
        }
        CHECK(at == end);
        chunks.push_back(chunk);
      }
      CHECK(RootOfChunks(chunks, size) == RootFromLeaves(leaves));
      chunks[1].first += 1;
      CHECK(RootOfChunks(chunks, size) != RootFromLeaves(leaves));
    }
  }
  CHECK_FALSE(RootOfChunks({}, 0));
}

TEST_CASE("metadata has one form, and its fields must agree") {
  Snapshot snapshot{Named("app"), 4, 9, 100, kSnapshotChunkBytes + 1, {Named("a"), Named("b")}};
  const std::string bytes = EncodeSnapshot(snapshot);
  REQUIRE(DecodeSnapshot(bytes));
  CHECK(*DecodeSnapshot(bytes) == snapshot);
  CHECK_FALSE(DecodeSnapshot(bytes + " "));
  auto wrong = snapshot;
  wrong.state_bytes = kSnapshotChunkBytes;
  CHECK(Outcome(DecodeSnapshot(EncodeSnapshot(wrong))) ==
        "invalid_value: snapshot.state_chunks: must be one for every 8 MiB of state_bytes");
  wrong = snapshot;
  wrong.chunks = 2;
  CHECK(Outcome(DecodeSnapshot(EncodeSnapshot(wrong))) ==
        "invalid_value: snapshot.chunks: must leave one to all entries a chunk");
  wrong.chunks = 103;
  CHECK_FALSE(DecodeSnapshot(EncodeSnapshot(wrong)));
}

TEST_CASE("a ledger taken over is the ledger, and goes on as it would have") {
  Source source;
  CHECK(source.snapshot.chunks == 3);
  Target target(source);
  REQUIRE(target.ledger->BeginRestore(source.snapshot, source.snapshot.app_hash));
  CHECK(target.ledger->head().size == 1);
  for (size_t i = 0; i < source.chunks.size(); ++i) {
    const auto done = target.ledger->RestoreChunk(source.chunks[i]);
    REQUIRE_MESSAGE(done, Outcome(done));
    CHECK(*done == (i + 1 == source.chunks.size()));
  }
  CHECK(target.ledger->head() == source.ledger->head());
  CHECK(target.ledger->engine_height() == source.height);
  CHECK(target.ledger->restored_size() == source.snapshot.size);
  CHECK(*target.ledger->TrustAt(2) == *source.ledger->TrustAt(2));
  const auto taken = target.ledger->TakeSnapshot();
  REQUIRE_MESSAGE(taken, Outcome(taken));
  CHECK(target.ledger->Snapshots()->back() == source.snapshot);
  CHECK(target.Check() == "ok");
  CHECK(target.ledger->restored_size() == source.snapshot.size);

  const Transaction next = source.cast.Deposit(0);
  source.Block({next});
  REQUIRE(target.ledger->PrepareBlock({&next}, kGenesisTime + 1'000 * source.height));
  REQUIRE(target.ledger->CommitBlock(source.height));
  CHECK(target.ledger->head() == source.ledger->head());
  // A ledger with blocks is not overwritten.
  CHECK(Outcome(target.ledger->BeginRestore(source.snapshot, source.snapshot.app_hash)) ==
        "already_exists: snapshot: this ledger has blocks already");
  CHECK(Code(target.ledger->RestoreChunk(source.chunks[0])) == "already_exists");
}

TEST_CASE("snapshots made along the way and one made at the end are the same; the newest three are kept") {
  const Source now, along(true);
  CHECK(now.snapshot == along.snapshot);
  CHECK(now.chunks == along.chunks);
  CHECK(along.ledger->Snapshots()->size() == kSnapshotsKept);
  const uint64_t oldest = along.ledger->Snapshots()->front().engine_height;
  CHECK(oldest == along.height - 2);
  CHECK(along.ledger->SnapshotChunk(oldest, 0));
  CHECK(Code(along.ledger->SnapshotChunk(oldest - 1, 0)) == "not_found");
  CHECK(Code(along.ledger->SnapshotChunk(oldest, 99)) == "not_found");
}

TEST_CASE("a chunk that is not the snapshot's is refused and another sender's taken") {
  const Source source;
  Target target(source);
  REQUIRE(target.ledger->BeginRestore(source.snapshot, source.snapshot.app_hash));
  for (size_t i = 0; i < source.chunks.size(); ++i) {
    const std::string& good = source.chunks[i];
    for (size_t at = 0; at < good.size(); at += 1 + good.size() / 23) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ 1);
      INFO("chunk " << i << ", byte " << at);
      CHECK(Code(target.ledger->RestoreChunk(bad)) == "root_mismatch");
    }
    CHECK(Code(target.ledger->RestoreChunk(good.substr(1))) == "root_mismatch");
    CHECK(Code(target.ledger->RestoreChunk(good + "x")) == "root_mismatch");
    CHECK(Code(target.ledger->RestoreChunk("")) == "root_mismatch");
    REQUIRE(target.ledger->RestoreChunk(good));
  }
  CHECK(target.ledger->head() == source.ledger->head());
  CHECK(target.Check() == "ok");
}

// The state with one pair changed, and metadata that agrees with it.
std::string Offer(Target& target, Snapshot snapshot, const std::string& state) {
  snapshot.state_bytes = state.size();
  snapshot.state_chunks = {Sha256(AsBytes(state))};
  REQUIRE(target.ledger->BeginRestore(snapshot, snapshot.app_hash));
  return Outcome(target.ledger->RestoreChunk(state));
}

TEST_CASE("a snapshot that is not this ledger's state is refused") {
  const Source source;
  Target target(source);
  CHECK(Outcome(target.ledger->BeginRestore(source.snapshot, Named("another")))
            .starts_with("invalid_value: snapshot.app_hash: must be the chain's"));
  const std::string& state = source.chunks[0];
  // Every byte of the state counts but in `h`'s time and height, which the entries decide.
  for (size_t at = 0; at < state.size(); ++at) {
    std::string bad = state;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    const std::string outcome = Offer(target, source.snapshot, bad);
    if (outcome != "ok") {
      CHECK(outcome.starts_with("invalid_value: snapshot."));
      continue;
    }
    INFO("byte " << at);
    std::string last = "ok";
    for (size_t i = 1; i < source.chunks.size() && last == "ok"; ++i) {
      last = Outcome(target.ledger->RestoreChunk(source.chunks[i]));
    }
    CHECK(last.starts_with("invalid_value: snapshot.h: "));
  }
  CHECK(target.ledger->head().size == 1);
  CHECK(target.Check() == "ok");
}

TEST_CASE("a restore that came to no end leaves genesis alone") {
  Source source;
  Target target(source);
  const auto begin = [&] {
    REQUIRE(target.ledger->BeginRestore(source.snapshot, source.snapshot.app_hash));
    REQUIRE(target.ledger->RestoreChunk(source.chunks[0]));
    REQUIRE(target.ledger->RestoreChunk(source.chunks[1]));
  };
  begin();
  target.Reopen();
  CHECK(target.ledger->head().size == 1);
  CHECK(target.ledger->restored_size() == 0);
  CHECK(target.Check() == "ok");
  // Begun again, by another snapshot or by executing blocks after all.
  begin();
  begin();
  const Transaction act = source.cast.AddAccount(3);
  REQUIRE(target.ledger->PrepareBlock({&act}, kGenesisTime + 1));
  REQUIRE(target.ledger->CommitBlock(1));
  CHECK(Code(target.ledger->RestoreChunk(source.chunks[2])) == "already_exists");
  CHECK(target.Check() == "ok");
  CHECK(target.ledger->head().size == 2);
}

}  // namespace
}  // namespace cunzheng::ledger
