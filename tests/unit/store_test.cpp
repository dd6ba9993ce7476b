#include "ledger/store.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "crypto/digest.h"
#include "ledger/ledger.h"
#include "ledger/record.h"
#include "tests/unit/store_fixture.h"

namespace cunzheng::ledger {
namespace {

using testing::Cast;
using testing::Code;
using testing::DepositOptions;
using testing::kGenesisTime;
using testing::MemoryDisk;
using testing::MustApply;
using testing::MustOpen;
using testing::Named;
using testing::Outcome;

constexpr uint64_t kTime = kGenesisTime + 1000;

// A ledger in memory with account 0.
struct Stage {
  explicit Stage(const Params& params = {}) : cast(1, params) {
    const auto created = Ledger::Create("/ledger", cast.genesis_bytes(), disk.options());
    REQUIRE_MESSAGE(created, Outcome(created));
    ledger = MustOpen("/ledger", disk.options());
    MustApply(*ledger, {cast.AddAccount(0)}, kTime);
  }
  void Reopen() {
    ledger.reset();
    ledger = MustOpen("/ledger", disk.options());
  }
  std::string Check() { return ledger.reset(), Outcome(CheckStore("/ledger", disk.options())); }

  MemoryDisk disk;
  Cast cast;
  std::unique_ptr<Ledger> ledger;
};

const VerifiedBatch& Batch(const Transaction& transaction) {
  return std::get<VerifiedBatch>(transaction);
}

std::vector<std::string> Codes(const BlockResult& result) {
  std::vector<std::string> codes;
  for (const auto& applied : result.transactions) {
    codes.push_back(!applied ? Code(applied)
                             : (applied->repeated ? "repeated " : "new ") + std::to_string(applied->index));
  }
  return codes;
}

}  // namespace

TEST_CASE("a new ledger holds its genesis document as entry 0") {
  MemoryDisk disk;
  Cast cast;
  REQUIRE(Ledger::Create("/l", cast.genesis_bytes(), disk.options()));
  const auto ledger = MustOpen("/l", disk.options());
  CHECK(ledger->id() == Sha256(AsBytes(cast.genesis_bytes())));
  CHECK(ledger->genesis() == cast.genesis());
  CHECK(*ledger->EntryAt(0) == cast.genesis_bytes());
  const Head head = ledger->head();
  CHECK(head.height == 0);
  CHECK(head.size == 1);
  CHECK(head.root == LeafHash(AsBytes(cast.genesis_bytes())));
  CHECK(head.time_unix_ms == kGenesisTime);
  CHECK(head.app_hash == AppHash(1, head.root, State::FromGenesis(cast.genesis()).StateHash()));
  CHECK(Code(ledger->EntryAt(1)) == "not_found");
}

TEST_CASE("a ledger is created once, and a creation that was cut short can be repeated") {
  MemoryDisk disk;
  Cast cast;
  CHECK(Code(Ledger::Open("/l", disk.options())) == "not_found");
  CHECK(Code(CheckStore("/l", disk.options())) == "not_found");
  // LevelDB made, nothing in it yet.
  REQUIRE(Store::Open("/l", disk.options(), Store::Mode::kCreate));
  CHECK(Outcome(Ledger::Open("/l", disk.options())) ==
        "not_found: store: empty, its creation was not finished");
  CHECK(Outcome(Ledger::Create("/l", cast.genesis_bytes(), disk.options())) == "ok");
  CHECK(Code(Ledger::Create("/l", cast.genesis_bytes(), disk.options())) == "already_exists");
  CHECK(Code(Ledger::Create("/m", "{}", disk.options())) == "missing_field");
  CHECK(Code(Ledger::Open("/m", disk.options())) == "not_found");
}

TEST_CASE("a store of another format is refused by open and by check") {
  Stage stage;
  stage.ledger.reset();
  {
    const auto store = Store::Open("/ledger", stage.disk.options(), Store::Mode::kOpen);
    REQUIRE(store);
    WriteSet set;
    set.Put(kFormatKey, "cunzheng/store/v2");
    REQUIRE((*store)->Write(set, true));
  }
  CHECK(Code(Ledger::Open("/ledger", stage.disk.options())) == "unsupported_format");
  CHECK(Code(CheckStore("/ledger", stage.disk.options())) == "unsupported_format");
}

TEST_CASE("a second opener of a store on disk is told that it is in use") {
  const std::string path =
      std::filesystem::temp_directory_path() / ("cunzheng-store-" + std::to_string(getpid()));
  std::filesystem::remove_all(path);
  Cast cast;
  REQUIRE(Ledger::Create(path, cast.genesis_bytes()));
  {
    const auto ledger = MustOpen(path, {});
    CHECK(Outcome(Ledger::Open(path)) ==
          "store_locked: store: " + path + " is in use by another process; stop it first");
    CHECK(Code(CheckStore(path)) == "store_locked");
    CHECK(ledger->EntryAt(0));
  }
  CHECK(Outcome(CheckStore(path)) == "ok");
  CHECK(Code(Ledger::Create(path + "/no/such", cast.genesis_bytes())) == "io_error");
  std::filesystem::remove_all(path);
}

TEST_CASE("a block appends what is sound, names what is not, and repeats what is known") {
  Stage stage;
  const Transaction a = stage.cast.Deposit(0), b = stage.cast.Deposit(0), stranger = stage.cast.Deposit(5);
  const Transaction act = stage.cast.AddAccount(1);
  const BlockResult first = MustApply(*stage.ledger, {a, stranger, act, a, act, b}, kTime + 1);
  CHECK(Codes(first) ==
        std::vector<std::string>{"new 2", "unknown_account", "new 3", "repeated 2", "repeated 3", "new 4"});
  CHECK(first.changed);
  CHECK(first.head.size == 5);
  CHECK(first.head.height == 2);
  CHECK(first.head.time_unix_ms == kTime + 1);
  CHECK(first.head == stage.ledger->head());
  CHECK(*stage.ledger->FindTransaction(Batch(a).id) == 2);
  CHECK(*stage.ledger->FindTransaction(std::get<VerifiedAct>(act).id) == 3);
  CHECK_FALSE(stage.ledger->FindTransaction(Batch(stranger).id)->has_value());

  // Nothing new: no block at all, and rejections are not remembered.
  const BlockResult again = MustApply(*stage.ledger, {b, stranger, a}, kTime + 2);
  CHECK(Codes(again) == std::vector<std::string>{"repeated 4", "unknown_account", "repeated 2"});
  CHECK_FALSE(again.changed);
  CHECK(stage.ledger->head() == first.head);
  CHECK_FALSE(MustApply(*stage.ledger, {}, kTime + 3).changed);
  MustApply(*stage.ledger, {stage.cast.AddAccount(5)}, kTime + 4);
  CHECK(Codes(MustApply(*stage.ledger, {stranger}, kTime + 5)) == std::vector<std::string>{"new 6"});
  stage.Reopen();
  CHECK(Codes(MustApply(*stage.ledger, {a, act}, kTime + 6)) ==
        std::vector<std::string>{"repeated 2", "repeated 3"});
  CHECK(stage.Check() == "ok");
}

TEST_CASE("a batch that was in time repeats after its expiry and its account's suspension") {
  Stage stage;
  DepositOptions options;
  options.expires_unix_ms = kTime + 1;
  const Transaction batch = stage.cast.Deposit(0, options);
  MustApply(*stage.ledger, {batch}, kTime + 1);
  MustApply(*stage.ledger, {stage.cast.Act(AccountSuspend{Cast::AccountOf(0), "r"})}, kTime + 2);
  CHECK(Codes(MustApply(*stage.ledger, {batch}, kTime + 3)) == std::vector<std::string>{"repeated 2"});
}

TEST_CASE("block times increase strictly") {
  Stage stage;
  const Transaction batch = stage.cast.Deposit(0);
  const Head before = stage.ledger->head();
  CHECK(Code(stage.ledger->ApplyBlock({&batch}, kTime)) == "invalid_value");
  CHECK(Code(stage.ledger->ApplyBlock({&batch}, kTime - 1)) == "invalid_value");
  CHECK(Code(stage.ledger->ApplyBlock({&batch}, json::kIntegerMax + 1)) == "invalid_value");
  CHECK(stage.ledger->head() == before);
  CHECK(stage.ledger->ApplyBlock({&batch}, kTime + 1));
}

TEST_CASE("a reveal may cite a sealed batch of the same block or of an earlier one, but no act") {
  Stage stage;
  DepositOptions sealed;
  sealed.mode = BatchMode::kSealed;
  sealed.count = 5;
  const Transaction hidden = stage.cast.Deposit(0, sealed);
  DepositOptions options;
  options.reveals = Batch(hidden).id;
  const Transaction early = stage.cast.Deposit(0, options), late = stage.cast.Deposit(0, options);
  CHECK(Codes(MustApply(*stage.ledger, {early, hidden, early}, kTime + 1)) ==
        std::vector<std::string>{"not_found", "new 2", "new 3"});
  CHECK(Codes(MustApply(*stage.ledger, {late}, kTime + 2)) == std::vector<std::string>{"new 4"});
  const Transaction act = stage.cast.AddAccount(8);
  options.reveals = std::get<VerifiedAct>(act).id;
  const Transaction wrong = stage.cast.Deposit(0, options);
  CHECK(Codes(MustApply(*stage.ledger, {act, wrong}, kTime + 3)) ==
        std::vector<std::string>{"new 5", "not_found"});
  CHECK(Codes(MustApply(*stage.ledger, {wrong}, kTime + 4)) == std::vector<std::string>{"not_found"});
  CHECK(Code(stage.ledger->RecordsOf(2)) == "not_found");
  CHECK(stage.Check() == "ok");
}

TEST_CASE("a flood of digests that begin alike costs a reader pages and a request no more than its share") {
  Stage stage;
  Hash twin = Named("evidence");
  twin[31] ^= 1;
  DepositOptions flood, wanted;
  flood.sha256 = twin;
  flood.count = kDigestCandidatesMax + 88;
  wanted.sha256 = Named("evidence");
  MustApply(*stage.ledger, {stage.cast.Deposit(0, flood), stage.cast.Deposit(0, wanted)}, kTime + 1);
  const auto first = stage.ledger->FindDigest(Named("evidence"), {}, 10);
  REQUIRE(first);
  CHECK(first->positions.empty());
  REQUIRE(first->next == RecordPosition{2, kDigestCandidatesMax});
  const auto second = stage.ledger->FindDigest(Named("evidence"), *first->next, 10);
  REQUIRE(second);
  CHECK(second->positions == std::vector<RecordPosition>{{3, 0}});
  CHECK_FALSE(second->next);
}

TEST_CASE("records are found by id and by digest, with others of the same prefix told apart") {
  Stage stage;
  Hash twin = Named("evidence");
  twin[31] ^= 1;  // the same 8 bytes in the index
  DepositOptions one, other, three;
  one.sha256 = Named("evidence");
  other.sha256 = twin;
  three.sha256 = Named("evidence");
  three.count = 3;
  MustApply(*stage.ledger, {stage.cast.Deposit(0, one), stage.cast.Deposit(0, other)}, kTime + 1);
  MustApply(*stage.ledger, {stage.cast.Deposit(0, three), stage.cast.Deposit(0)}, kTime + 2);
  using Positions = std::vector<RecordPosition>;
  const Ledger& ledger = *stage.ledger;
  CHECK(ledger.FindDigest(Named("evidence"), {}, 100)->positions ==
        Positions{{2, 0}, {4, 0}, {4, 1}, {4, 2}});
  CHECK(ledger.FindDigest(Named("evidence"), {}, 2)->positions == Positions{{2, 0}, {4, 0}});
  CHECK(ledger.FindDigest(Named("evidence"), {4, 1}, 100)->positions == Positions{{4, 1}, {4, 2}});
  CHECK(ledger.FindDigest(twin, {}, 100)->positions == Positions{{3, 0}});
  CHECK(ledger.FindDigest(Named("none"), {}, 100)->positions.empty());
  CHECK(ledger.FindDigest(Named("evidence"), {}, 2)->next == RecordPosition{4, 1});
  CHECK_FALSE(ledger.FindDigest(Named("evidence"), {}, 4)->next);
  for (const RecordPosition position : Positions{{2, 0}, {3, 0}, {4, 0}, {4, 1}, {4, 2}, {5, 0}}) {
    const auto record = ledger.RecordAt(position);
    REQUIRE_MESSAGE(record, Outcome(record));
    CHECK(*ledger.FindRecord(RecordId(*record)) == position);
    CHECK((*ledger.RecordsOf(position.index))[position.record] == *record);
  }
  CHECK_FALSE(ledger.FindRecord(Named("none"))->has_value());
  CHECK(Code(ledger.RecordAt({2, 1})) == "not_found");
  CHECK(Code(ledger.RecordAt({1, 0})) == "not_found");
  CHECK(Code(ledger.RecordAt({6, 0})) == "not_found");
}

TEST_CASE("a prepared block is invisible until it is committed, and its engine's height goes with it") {
  Stage stage;
  Ledger& ledger = *stage.ledger;
  const Head before = ledger.head();
  CHECK(ledger.engine_height() == 0);
  const Transaction first = stage.cast.Deposit(0), second = stage.cast.Deposit(0);
  const auto dropped = ledger.PrepareBlock({&first}, kTime + 1);
  REQUIRE_MESSAGE(dropped, Outcome(dropped));
  CHECK(ledger.head() == before);
  CHECK_FALSE(ledger.FindTransaction(std::get<VerifiedBatch>(first).id)->has_value());

  // Preparing anew drops what was prepared: quotas and all.
  const auto kept = ledger.PrepareBlock({&second}, kTime + 2);
  REQUIRE_MESSAGE(kept, Outcome(kept));
  CHECK(kept->head.size == before.size + 1);
  CHECK(kept->changed);
  REQUIRE(ledger.CommitBlock(7));
  CHECK(ledger.head() == kept->head);
  CHECK(ledger.engine_height() == 7);
  CHECK_FALSE(ledger.FindTransaction(std::get<VerifiedBatch>(first).id)->has_value());
  CHECK(ledger.FindAccount(Cast::AccountOf(0))->value().used_records == 1);

  const auto empty = ledger.PrepareBlock({}, kTime + 3);
  REQUIRE(empty);
  CHECK_FALSE(empty->changed);
  CHECK(empty->head == kept->head);
  REQUIRE(ledger.CommitBlock(8));
  CHECK(ledger.head() == kept->head);
  stage.Reopen();
  CHECK(stage.ledger->head() == kept->head);
  CHECK(stage.ledger->engine_height() == 8);
  CHECK(stage.Check() == "ok");
}

TEST_CASE("blocks give the same roots and app hashes whether applied at once or in two steps") {
  Stage one, two;
  for (uint64_t block = 1; block <= 20; ++block) {
    DepositOptions options;
    options.count = block;
    const Transaction deposit = one.cast.Deposit(0, options);
    const auto at_once = one.ledger->ApplyBlock({&deposit, &deposit}, kTime + block);
    const auto prepared = two.ledger->PrepareBlock({&deposit, &deposit}, kTime + block);
    REQUIRE(at_once);
    REQUIRE(prepared);
    REQUIRE(two.ledger->CommitBlock(block));
    REQUIRE(at_once->head == prepared->head);
    REQUIRE(one.ledger->head() == two.ledger->head());
  }
}

TEST_CASE("accounts are listed in order, page by page, as committed") {
  Stage stage;
  std::vector<Transaction> acts;
  for (size_t i = 1; i < 25; ++i) acts.push_back(stage.cast.AddAccount(i));
  MustApply(*stage.ledger, acts, kTime + 1);
  std::vector<Account> all;
  std::optional<Hash> after;
  for (;;) {
    const auto page = stage.ledger->ListAccounts(after, 7);
    REQUIRE(page);
    if (page->empty()) break;
    all.insert(all.end(), page->begin(), page->end());
    after = page->back().id;
  }
  CHECK(all.size() == 25);
  CHECK(
      std::is_sorted(all.begin(), all.end(), [](const Account& a, const Account& b) { return a.id < b.id; }));
  MustApply(*stage.ledger, {stage.cast.Deposit(3)}, kTime + 2);
  CHECK((*stage.ledger->FindAccount(Cast::AccountOf(3)))->used_records == 1);
  CHECK_FALSE(stage.ledger->FindAccount(Cast::AccountOf(99))->has_value());
}

TEST_CASE("proofs, tiles and entry bundles agree with the entries at every size") {
  Stage stage;
  uint64_t time = kTime;
  std::vector<Hash> leaves;
  const auto take = [&] {
    for (uint64_t i = leaves.size(); i < stage.ledger->head().size; ++i) {
      leaves.push_back(LeafHash(AsBytes(*stage.ledger->EntryAt(i))));
    }
    REQUIRE(stage.ledger->head().root == RootFromLeaves(leaves));
  };
  for (int block = 0; block < 40; ++block) {
    std::vector<Transaction> transactions;
    for (int i = 0; i < 1 + block % 15; ++i) transactions.push_back(stage.cast.Deposit(0));
    MustApply(*stage.ledger, transactions, ++time);
    if (block % 9 == 0) stage.Reopen();
    take();
  }
  const Ledger& ledger = *stage.ledger;
  const uint64_t size = leaves.size();
  REQUIRE(size > 256);
  for (uint64_t s = 1; s <= size; s += 13) {
    const Hash root = RootFromLeaves(std::span(leaves).first(s));
    REQUIRE(*ledger.RootAt(s) == root);
    REQUIRE(VerifyInclusion(leaves[s / 2], s / 2, s, *ledger.InclusionProof(s / 2, s), root));
    REQUIRE(VerifyConsistency(s, size, *ledger.ConsistencyProof(s, size), root, ledger.head().root));
  }
  std::string bundle;
  for (uint64_t i = 256; i < size; ++i) {
    const std::string entry = *ledger.EntryAt(i);
    bundle += {static_cast<char>(entry.size() >> 8), static_cast<char>(entry.size())};
    bundle += entry;
  }
  CHECK(*ledger.EntryBundle(1, size - 256) == bundle);
  CHECK(ledger.EntryBundle(0, 256));
  CHECK(Code(ledger.EntryBundle(1, size - 255)) == "not_found");
  CHECK(Code(ledger.EntryBundle(0, 257)) == "not_found");
  CHECK(Code(ledger.EntryBundle(0, 0)) == "not_found");
  CHECK(Code(ledger.EntryBundle(UINT64_MAX, 1)) == "not_found");
  CHECK(ledger.Tile({0, 1}, size - 256)->substr(0, 32) == AsText(leaves[256]));
  CHECK(stage.Check() == "ok");
}

TEST_CASE("an entry is attested by the earliest checkpoint that covers it, and its receipt is whole") {
  Stage stage;
  DepositOptions options;
  options.count = 5;
  MustApply(*stage.ledger, {stage.cast.Deposit(0, options)}, kTime + 1);  // entry 2
  CHECK(Code(stage.ledger->Attest(2)) == "not_found");
  CHECK(Code(stage.ledger->ReceiptFor({2, 0})) == "not_found");
  const Head early = stage.ledger->head();
  const std::string note = stage.cast.Checkpoint(early.size, early.root);
  REQUIRE(stage.ledger->StoreCheckpoint(early.size, "superseded"));
  REQUIRE(stage.ledger->StoreCheckpoint(early.size, note));
  MustApply(*stage.ledger, {stage.cast.Deposit(0)}, kTime + 2);  // entry 3
  const Head late = stage.ledger->head();
  REQUIRE(stage.ledger->StoreCheckpoint(late.size, stage.cast.Checkpoint(late.size, late.root)));
  stage.Reopen();
  CHECK(*stage.ledger->CheckpointCovering(1) == note);
  CHECK(*stage.ledger->CheckpointCovering(3) == note);
  CHECK(*stage.ledger->CheckpointCovering(4) == stage.cast.Checkpoint(late.size, late.root));
  CHECK(Code(stage.ledger->CheckpointCovering(5)) == "not_found");
  CHECK(*stage.ledger->CheckpointAt(3) == note);
  CHECK(Code(stage.ledger->CheckpointAt(2)) == "not_found");
  CHECK(Code(stage.ledger->Attest(4)) == "not_found");
  for (uint64_t i = 0; i < 5; ++i) {
    const auto receipt = stage.ledger->ReceiptFor({2, i});
    REQUIRE_MESSAGE(receipt, Outcome(receipt));
    const auto entry = DecodeDepositEntry(receipt->entry);
    REQUIRE(entry);
    CHECK(receipt->batch_index == i);
    CHECK(VerifyInclusion(RecordId(receipt->record), i, 5, receipt->batch_path, entry->header.root));
    REQUIRE(receipt->attestations.size() == 1);
    CHECK(receipt->attestations[0].checkpoint == note);
    CHECK(VerifyInclusion(LeafHash(AsBytes(receipt->entry)), 2, early.size,
                          receipt->attestations[0].inclusion, early.root));
  }
  CHECK(Code(stage.ledger->ReceiptFor({2, 5})) == "not_found");
  CHECK(stage.Check() == "ok");
}

TEST_CASE("readers beside the writer see whole blocks only") {
  Stage stage;
  std::atomic<bool> done = false;
  std::atomic<uint64_t> rounds = 0;
  // Blocks of 3, so that the size after the first is 2 modulo 3 at the end of every whole block.
  const auto read = [&] {
    uint64_t last = 0;
    while (!done) {
      const Head head = stage.ledger->head();
      if (head.size % 3 != 2 || head.size < last) std::abort();
      last = head.size;
      const auto entry = stage.ledger->EntryAt(head.size - 1);
      const auto path = stage.ledger->InclusionProof(head.size - 1, head.size);
      const auto accounts = stage.ledger->ListAccounts({}, 10);
      if (!entry || !path || !accounts) std::abort();
      if (!VerifyInclusion(LeafHash(AsBytes(*entry)), head.size - 1, head.size, *path, head.root))
        std::abort();
      if (accounts->at(0).used_records % 3 != 0) std::abort();
      ++rounds;
    }
  };
  std::vector<Transaction> transactions;
  for (int i = 0; i < 600; ++i) transactions.push_back(stage.cast.Deposit(0));
  std::thread first(read), second(read);
  for (size_t i = 0; i < transactions.size(); i += 3) {
    MustApply(*stage.ledger, {transactions[i], transactions[i + 1], transactions[i + 2]}, kTime + 1 + i);
  }
  while (rounds < 10) std::this_thread::yield();
  done = true;
  first.join();
  second.join();
  CHECK(stage.Check() == "ok");
}

}  // namespace cunzheng::ledger
