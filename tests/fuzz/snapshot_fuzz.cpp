// A snapshot's metadata, and a good snapshot's state and entries with edits, or anything in their place:
// whatever comes, a ledger that takes it over stays at genesis or becomes the one whose snapshot it was.
//
// Input: one byte that says what follows: 0 metadata, 1 edits of the state, 2 edits of the entries, 3 a
// state, 4 entries. An edit is be16 of a place, what to do there (replace, insert, erase), and a byte.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <memory>

#include "crypto/digest.h"
#include "ledger/ledger.h"
#include "ledger/snapshot.h"
#include "tests/unit/store_fixture.h"

using namespace cunzheng;
using namespace cunzheng::ledger;
using namespace cunzheng::ledger::testing;

namespace {

constexpr size_t kRunsPerDisk = 500;  // the file system in memory only grows

struct Source {
  Source() {
    context.setAsDefaultForAssertsOutOfTestCases();
    cast = std::make_unique<Cast>(1);
    MemoryDisk disk;
    CHECK_INVARIANT(Ledger::Create("/source", cast->genesis_bytes(), disk.options()));
    const auto ledger = MustOpen("/source", disk.options());
    DepositOptions sealed, many;
    sealed.mode = BatchMode::kSealed;
    many.count = 3;
    const std::vector<Transaction> first{
        cast->AddAccount(0),
        cast->Act(Propose{MemberAdd{cast->Member(1), Thresholds{0, 2, 1}}, kGenesisTime + 86'400'000})};
    const std::vector<Transaction> second{cast->Deposit(0), cast->Deposit(0, sealed), cast->Deposit(0, many)};
    uint64_t height = 0;
    for (const auto& block : {first, second}) {
      std::vector<const Transaction*> pointers;
      for (const Transaction& transaction : block) pointers.push_back(&transaction);
      CHECK_INVARIANT(ledger->PrepareBlock(pointers, kGenesisTime + 1'000 * ++height));
      CHECK_INVARIANT(ledger->CommitBlock(height));
    }
    CHECK_INVARIANT(ledger->TakeSnapshot());
    snapshot = ledger->Snapshots()->back();
    CHECK_INVARIANT(snapshot.chunks == 2);
    state = *ledger->SnapshotChunk(height, 0);
    entries = *ledger->SnapshotChunk(height, 1);
    head = ledger->head();
  }
  doctest::Context context;
  std::unique_ptr<Cast> cast;
  Snapshot snapshot;
  std::string state, entries;
  Head head;
};

struct Target {
  explicit Target(const Source& source) {
    CHECK_INVARIANT(Ledger::Create("/target", source.cast->genesis_bytes(), disk.options()));
    ledger = MustOpen("/target", disk.options());
  }
  MemoryDisk disk;
  std::unique_ptr<Ledger> ledger;
  size_t runs = 0;
};

std::string Edited(std::string text, std::string_view edits) {
  for (; edits.size() >= 4 && !text.empty(); edits.remove_prefix(4)) {
    const auto* byte = reinterpret_cast<const uint8_t*>(edits.data());
    const size_t at = (static_cast<size_t>(byte[0]) << 8 | byte[1]) % text.size();
    const auto with = static_cast<char>(byte[3]);
    if (byte[2] % 3 == 0) {
      text[at] = with;
    } else if (byte[2] % 3 == 1) {
      text.insert(at, 1, with);
    } else {
      text.erase(at, 1);
    }
  }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Source source;
  static std::unique_ptr<Target> target;
  if (size == 0) return 0;
  const std::string_view rest = AsText({data + 1, size - 1});
  const int what = data[0] % 5;
  if (what == 0) {
    const auto snapshot = DecodeSnapshot(rest);
    if (snapshot) CHECK_INVARIANT(EncodeSnapshot(*snapshot) == rest);
    return 0;
  }
  if (!target || ++target->runs > kRunsPerDisk) target = std::make_unique<Target>(source);
  const std::string state = what == 1   ? Edited(source.state, rest)
                            : what == 3 ? std::string(rest)
                                        : source.state;
  const std::string entries = what == 2   ? Edited(source.entries, rest)
                              : what == 4 ? std::string(rest)
                                          : source.entries;
  if (state.empty()) return 0;
  Snapshot snapshot = source.snapshot;
  snapshot.state_bytes = state.size();
  snapshot.state_chunks = {Sha256(AsBytes(state))};
  CHECK_INVARIANT(target->ledger->BeginRestore(snapshot, source.head.app_hash));
  const auto first = target->ledger->RestoreChunk(state);
  if (!first) return 0;
  const auto second = target->ledger->RestoreChunk(entries);
  if (!second) {
    CHECK_INVARIANT(target->ledger->head().size == 1);
    return 0;
  }
  CHECK_INVARIANT(*second && target->ledger->head() == source.head);
  target.reset();
  return 0;
}
