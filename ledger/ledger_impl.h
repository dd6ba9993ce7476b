// What ledger.cpp, ledger_read.cpp and check.cpp share. Internal to ledger/.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "ledger/ledger.h"
#include "ledger/store.h"

namespace cunzheng::ledger {

// The value of `h`.
std::string EncodeHead(const Head& head);
Result<Head> DecodeHead(std::string_view bytes);

// The value of `key`, which must be there. Errors: kStoreCorrupt, kIo.
Result<std::string> MustGet(const Store& store, std::string_view key);
// Refuses a store of another format, or none. Errors: kUnsupportedFormat, kNotFound.
Result<void> CheckFormat(const Store& store);
// The header of the deposit with `id` among the first `size` entries.
Result<std::optional<BatchHeader>> FindStoredBatch(const Store& store, const Hash& id, uint64_t size);

// The value of `x`: an engine's own height.
std::string EncodeEngineHeight(uint64_t height);
Result<uint64_t> DecodeEngineHeight(std::string_view bytes);

// The value of `o`: how many entries a restore takes over, or took.
std::string EncodeRestoredSize(uint64_t size);
Result<uint64_t> DecodeRestoredSize(std::string_view bytes);

// The state of parts as stored; `governance` is absent until something was proposed. Errors: kStoreCorrupt.
Result<State> StateFromStored(const Genesis& genesis, std::string_view params, std::string_view members,
                              const std::optional<std::string>& governance, std::vector<Account> accounts);

bool IsActEntry(std::string_view bytes);
// The index keys that one entry and its records call for.
void AddBatchKeys(const Hash& id, uint64_t index, const std::vector<RecordIndexKeys>& records,
                  const std::function<void(std::string_view key, std::string_view value)>& add);

// What readers see: one whole block's end. Immutable.
struct View {
  Head head;
  TileTree tree;
  uint64_t engine_height = 0;
  uint64_t restored_size = 0;
  std::shared_ptr<const Charter> charter;
};

// A snapshot that is being taken over.
struct Restore {
  Snapshot snapshot;
  uint64_t next_chunk = 0;
  std::string state;  // its chunks so far
  WriteSet state_set;
  Head head;
  std::vector<EntryChunk> chunks;  // known once the state is whole
  std::optional<TileTree> tree;    // of the entries so far
  uint64_t time_unix_ms = 0, height = 0;
};

struct Ledger::Impl {
  std::unique_ptr<Store> store;
  std::string genesis_bytes;
  Genesis genesis;
  Hash id{};
  // The writer's, under write_mutex.
  std::mutex write_mutex;
  std::optional<State> state;
  WriteSet set;                  // the block under way
  std::optional<View> prepared;  // and what readers will see of it
  Head reported;                 // by Open, or by the last ApplyBlock that succeeded
  std::optional<Restore> restore;
  bool restoring = false;  // its chunks are in the store, beyond the head

  // Once, at start: readers use what it sets without a lock.
  Result<void> LoadGenesis();
  // Reads state and view from the store: at start, and again after the store had to recover.
  Result<void> Load();
  // What Ledger's members of these names do, under the lock that they take.
  Result<BlockResult> Prepare(const std::vector<const Transaction*>& transactions, uint64_t time_unix_ms);
  Result<void> StoreNote(const WriteSet& notes);
  // Writes `set` and publishes `prepared`.
  Result<void> Commit();
  // Removes what a restore that came to no end has written.
  Result<void> UndoRestore();
  Result<bool> TakeChunk(std::string_view bytes);
  Result<void> TakeState();
  Result<void> TakeEntries(const EntryChunk& chunk, uint64_t end, std::string_view bytes);
  // Makes the store writable again after a failed write, else does nothing. Errors: kReadOnly, Load's.
  Result<void> Recover();

  std::shared_ptr<const View> view() const {
    std::lock_guard lock(view_mutex_);
    return view_;
  }
  void Publish(View view) {
    auto fresh = std::make_shared<const View>(std::move(view));
    std::lock_guard lock(view_mutex_);
    view_.swap(fresh);
  }

 private:
  mutable std::mutex view_mutex_;  // held for a pointer copy
  std::shared_ptr<const View> view_;
};

}  // namespace cunzheng::ledger
