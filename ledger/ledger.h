// One ledger on disk: state machine, tree and store together. The engine feeds it blocks; the API reads it.
//
// Thread safety: all members are safe from any thread at any time, and readers see whole blocks only. Blocks
// are one thread's affair all the same (the ledger's strand): a prepared one belongs to whoever commits it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "crypto/result.h"
#include "ledger/checkpoint.h"
#include "ledger/entry.h"
#include "ledger/receipt.h"
#include "ledger/snapshot.h"
#include "ledger/state.h"
#include "ledger/tile_tree.h"

namespace leveldb {
class Env;
}

namespace cunzheng::ledger {

struct Head {
  uint64_t height = 0;  // blocks applied; genesis is height 0
  uint64_t size = 0;    // entries
  Hash root{};
  uint64_t time_unix_ms = 0;
  Hash app_hash{};
  bool operator==(const Head&) const = default;
};

// What became of one transaction of a block.
struct Applied {
  uint64_t index = 0;     // its entry
  bool repeated = false;  // it was on the ledger already; `index` is the first one's
};

// One validator of a consensus engine that a block took out or put in.
struct ValidatorChange {
  Bytes key;  // secp256k1, compressed
  bool active = false;
};

struct BlockResult {
  std::vector<Result<Applied>> transactions;  // one each, in order
  Head head;                                  // after the block
  // The head has moved since the last success: by this block, or by an earlier one whose write was said to
  // have failed. False: nothing was appended and nothing written.
  bool changed = false;
  std::vector<ValidatorChange> validators;
};

struct OpenOptions {
  leveldb::Env* env = nullptr;     // nullptr: the default; tests inject memenv and faults
  size_t cache_bytes = 64u << 20;  // LevelDB block cache
  size_t write_buffer_bytes = 32u << 20;
  uint64_t reopen_pause_ms = 500;  // between attempts to recover from a failed write
};

// Where a record sits.
struct RecordPosition {
  uint64_t index = 0;   // entry
  uint64_t record = 0;  // within the batch
  auto operator<=>(const RecordPosition&) const = default;
};

inline constexpr size_t kDigestCandidatesMax = 512;

// Where the records with some evidence digest sit, in part.
struct DigestPage {
  std::vector<RecordPosition> positions;  // ascending
  std::optional<RecordPosition> next;     // where to go on; more may follow, or nothing
};

class Ledger {
 public:
  // Makes a new ledger in `path` with entry 0. Errors: kAlreadyExists, kIo, Decode errors.
  static Result<void> Create(const std::string& path, std::string_view genesis_bytes,
                             const OpenOptions& options = {});
  // Opens; O(1) in the ledger's size. Errors: kStoreLocked, kUnsupportedFormat, kStoreCorrupt, kIo,
  // kNotFound.
  static Result<std::unique_ptr<Ledger>> Open(const std::string& path, const OpenOptions& options = {});
  ~Ledger();

  // Applies transactions in order at `time_unix_ms`, which must exceed the head's (else kInvalidValue).
  // One synced write, then publication; on a write error nothing is published, and the ledger stays
  // usable for reads; the next call tries again (kReadOnly while the disk refuses). A block whose write
  // failed may turn out to have been written: then the next call finds its transactions repeated and the
  // head moved, so take time and head anew after an error.
  Result<BlockResult> ApplyBlock(const std::vector<const Transaction*>& transactions, uint64_t time_unix_ms);

  // The same in two steps, for an engine that decides in between (specs/engine.md). PrepareBlock works in
  // memory: it writes and publishes nothing, and drops what an earlier PrepareBlock left. `transactions` are
  // not needed after it. CommitBlock is the synced write and the publication, also of a block that appends
  // nothing, and keeps the engine's own height with it. Precondition of CommitBlock: a prepared block.
  Result<BlockResult> PrepareBlock(const std::vector<const Transaction*>& transactions,
                                   uint64_t time_unix_ms);
  Result<void> CommitBlock(uint64_t engine_height);
  // A mark that whoever runs the ledger leaves in it, to know it again; synced.
  Result<std::optional<Hash>> RunMark() const;
  Result<void> SetRunMark(const Hash& mark);
  // The height of the last CommitBlock; 0 before the first.
  uint64_t engine_height() const;

  // Snapshots (specs/snapshot.md). TakeSnapshot keeps one of the last committed block, and the newest
  // kSnapshotsKept. Snapshots are listed oldest first; SnapshotChunk: kNotFound.
  Result<void> TakeSnapshot();
  Result<std::vector<Snapshot>> Snapshots() const;
  Result<std::string> SnapshotChunk(uint64_t engine_height, uint64_t chunk) const;
  // Takes a snapshot over into a ledger that has nothing but genesis: first what it says of itself and the
  // app hash that it must have, then its chunks in order; true with the last, when the ledger is there. A
  // process that ends before has genesis alone when it starts again. Errors: kAlreadyExists (the ledger has
  // blocks, or no restore was begun), kIo; kRootMismatch: this chunk is not the snapshot's, another sender
  // may have it; kInvalidValue: the snapshot is not this ledger's.
  Result<void> BeginRestore(const Snapshot& snapshot, const Hash& app_hash);
  Result<bool> RestoreChunk(std::string_view bytes);
  // Entries below it were taken over and not executed here; 0: all were executed.
  uint64_t restored_size() const;

  // Keeps the note of a checkpoint that k members have cosigned (specs/store.md `c`), or one that waits for
  // them
  // (`n`); replaces the one of its size there, and an attested one ends the wait. Unsynced.
  Result<void> StoreCheckpoint(uint64_t size, const std::string& note_text);
  Result<void> StorePendingCheckpoint(uint64_t size, const std::string& note_text);

  Hash id() const;
  const Genesis& genesis() const;
  const std::string& genesis_bytes() const;
  Head head() const;
  // Members, parameters, thresholds, proposals and the newest trust file, as of the head.
  std::shared_ptr<const Charter> charter() const;
  Params params() const;
  // An earlier version's trust file: its canonical bytes. kNotFound.
  Result<std::string> TrustAt(uint64_t version) const;
  // What members have signed of that version, in the form of whoever stored it; unsynced. kNotFound.
  Result<std::string> TrustSignatures(uint64_t version) const;
  Result<void> StoreTrustSignatures(uint64_t version, const std::string& text);
  Result<std::optional<Account>> FindAccount(const Hash& id) const;
  Result<std::vector<Account>> ListAccounts(const std::optional<Hash>& after, size_t limit) const;

  Result<std::string> EntryAt(uint64_t index) const;                      // kNotFound
  Result<std::optional<uint64_t>> FindTransaction(const Hash& id) const;  // batch or act id → entry index
  Result<std::string> RecordAt(RecordPosition position) const;            // kNotFound (sealed too)
  Result<std::vector<std::string>> RecordsOf(uint64_t index) const;       // kNotFound
  Result<std::optional<RecordPosition>> FindRecord(const Hash& record_id) const;
  // Positions of records with that evidence digest from `from` on, at most `limit`. A page looks at no more
  // than kDigestCandidatesMax records: whoever deposits a flood of digests that begin alike costs a reader of
  // one of them further pages, and the node nothing.
  Result<DigestPage> FindDigest(const Hash& sha256, RecordPosition from, size_t limit) const;

  Result<Path> InclusionProof(uint64_t index, uint64_t size) const;
  Result<Path> ConsistencyProof(uint64_t first, uint64_t second) const;
  Result<Hash> RootAt(uint64_t size) const;
  Result<std::string> Tile(TileId id, uint64_t width) const;
  // C2SP entry bundle: be16 length ‖ entry, for `width` entries from 256 × N.
  Result<std::string> EntryBundle(uint64_t n, uint64_t width) const;

  // The earliest stored checkpoint whose size is at least `size`. kNotFound.
  Result<std::string> CheckpointCovering(uint64_t size) const;
  Result<std::string> CheckpointAt(uint64_t size) const;  // kNotFound
  // The largest size with an attested checkpoint, and its note, if there is one yet.
  Result<std::optional<std::pair<uint64_t, std::string>>> NewestCheckpoint() const;
  // The note of `size` that waits for cosignatures. kNotFound.
  Result<std::string> PendingCheckpointAt(uint64_t size) const;
  // Sizes of the newest such notes, descending, at most `limit`.
  Result<std::vector<uint64_t>> PendingCheckpoints(size_t limit) const;

  // The attestation of entry `index` by its earliest checkpoint. kNotFound while none is stored.
  Result<Attestation> Attest(uint64_t index) const;
  // The whole receipt of a plain record. kNotFound.
  Result<Receipt> ReceiptFor(RecordPosition position) const;

 private:
  struct Impl;
  explicit Ledger(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Re-derives every hash of a store from its entries and records (specs/store.md, "check") and names
// the first thing wrong. `progress(done, total)` is called about ten times a second; false stops.
struct CheckReport {
  uint64_t entries = 0;
  uint64_t records = 0;
  Head head;
};
Result<CheckReport> CheckStore(const std::string& path, const OpenOptions& options = {},
                               const std::function<bool(uint64_t done, uint64_t total)>& progress = {});

}  // namespace cunzheng::ledger
