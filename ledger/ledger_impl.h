// What ledger.cpp, ledger_read.cpp and check.cpp share. Internal to ledger/.
#pragma once

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

// What readers see: one whole block's end. Immutable.
struct View {
  Head head;
  TileTree tree;
  uint64_t engine_height = 0;
  std::shared_ptr<const Charter> charter;
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

  // Once, at start: readers use what it sets without a lock.
  Result<void> LoadGenesis();
  // Reads state and view from the store: at start, and again after the store had to recover.
  Result<void> Load();
  // What Ledger's members of these names do, under the lock that they take.
  Result<BlockResult> Prepare(const std::vector<const Transaction*>& transactions, uint64_t time_unix_ms);
  Result<void> StoreNote(const WriteSet& notes);
  // Writes `set` and publishes `prepared`.
  Result<void> Commit();
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
