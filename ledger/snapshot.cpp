#include "ledger/snapshot.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <utility>

#include "crypto/digest.h"
#include "crypto/json.h"
#include "ledger/fields.h"
#include "ledger/ledger_impl.h"
#include "ledger/merkle.h"

namespace cunzheng::ledger {
namespace {

constexpr std::string_view kSnapshotType = "cunzheng/snapshot/v1";
constexpr uint64_t kChunksMax = 1u << 20;
// The section of the state that the store has not: entry chunks by their first entry.
constexpr char kChunkSection = 'k';
constexpr size_t kUndoPerWrite = 4'096;

Error Refused(std::string_view field, const std::string& rule) {
  return {Errc::kInvalidValue, "snapshot." + std::string(field) + ": " + rule};
}

void AppendBe32(size_t value, std::string* out) {
  for (int shift = 24; shift >= 0; shift -= 8) out->push_back(static_cast<char>(value >> shift));
}

// Takes pieces off the front of what a chunk holds; after a miss everything is missing.
class Pieces {
 public:
  explicit Pieces(std::string_view bytes) : rest_(bytes) {}
  bool empty() const { return rest_.empty(); }
  std::optional<std::string_view> Take(size_t length) {
    if (missed_ || length > rest_.size()) {
      missed_ = true;
      return std::nullopt;
    }
    const std::string_view piece = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return piece;
  }
  // Of a length that stands before it, in `width` bytes.
  std::optional<std::string_view> TakeSized(size_t width) {
    const auto prefix = Take(width);
    if (!prefix) return std::nullopt;
    size_t length = 0;
    for (const char c : *prefix) length = length << 8 | static_cast<uint8_t>(c);
    return Take(length);
  }

 private:
  std::string_view rest_;
  bool missed_ = false;
};

void AppendPair(std::string_view key, std::string_view value, std::string* out) {
  out->push_back(static_cast<char>(key.size()));
  out->append(key);
  AppendBe32(value.size(), out);
  out->append(value);
}

void AppendEntry(std::string_view entry, std::string_view records, std::string* out) {
  AppendBe32(entry.size(), out);
  out->append(entry);
  AppendBe32(records.size(), out);
  out->append(records);
}

// Walks entries and their records, from `first` on.
class EntryCursor {
 public:
  EntryCursor(const Store& store, uint64_t first) : entries_(store.ScanAll()), records_(store.ScanAll()) {
    entries_->Seek(NumberKey(kEntrySection, first));
    records_->Seek(NumberKey(kRecordsSection, first));
  }
  // The entry `index`, which must be the one after the last. Views until the next call.
  Result<void> Read(uint64_t index, std::string_view* entry, std::string_view* records) {
    if (started_) entries_->Next();
    started_ = true;
    if (records_taken_) records_->Next();
    RETURN_IF_ERROR(entries_->status());
    RETURN_IF_ERROR(records_->status());
    const Key key = NumberKey(kEntrySection, index);
    if (!entries_->Valid() || entries_->key() != std::string_view(key)) {
      return Error{Errc::kStoreCorrupt, KeyName(key) + ": missing"};
    }
    *entry = entries_->value();
    records_taken_ =
        records_->Valid() && records_->key() == std::string_view(NumberKey(kRecordsSection, index));
    *records = records_taken_ ? records_->value() : std::string_view();
    return {};
  }

 private:
  const std::unique_ptr<Cursor> entries_, records_;
  bool started_ = false, records_taken_ = false;
};

std::vector<Hash> NodesOver(uint64_t first, std::span<const Hash> leaves) {
  std::vector<Hash> nodes;
  for (const uint64_t width : CoveringSubtrees(first, first + leaves.size())) {
    nodes.push_back(RootFromLeaves(leaves.first(width)));
    leaves = leaves.subspan(width);
  }
  return nodes;
}

// The chunks of entries 0..size-1, given those of an earlier snapshot: all of them but the last are whole.
Result<std::vector<EntryChunk>> ChunksOf(const Store& store, std::vector<EntryChunk> known, uint64_t size) {
  uint64_t first = 0;
  if (!known.empty()) {
    first = known.back().first;
    known.pop_back();
  }
  EntryCursor cursor(store, first);
  std::vector<Hash> leaves;
  size_t bytes = 0;
  for (uint64_t index = first; index < size; ++index) {
    std::string_view entry, records;
    RETURN_IF_ERROR(cursor.Read(index, &entry, &records));
    leaves.push_back(LeafHash(AsBytes(entry)));
    bytes += 8 + entry.size() + records.size();
    if (bytes < kSnapshotChunkBytes && index + 1 < size) continue;
    known.push_back({first, NodesOver(first, leaves)});
    first = index + 1;
    leaves.clear();
    bytes = 0;
  }
  return known;
}

std::string NodeBytes(const std::vector<Hash>& nodes) {
  std::string bytes;
  for (const Hash& node : nodes) bytes += AsText(node);
  return bytes;
}

Result<EntryChunk> DecodeChunk(std::string_view key, std::string_view value) {
  const auto first = NumberOfKey(key);
  if (!first || value.empty() || value.size() % 32 != 0) {
    return Refused(KeyName(key), "must be a number and hashes");
  }
  EntryChunk chunk{*first, std::vector<Hash>(value.size() / 32)};
  for (size_t i = 0; i < chunk.nodes.size(); ++i) {
    std::copy_n(AsBytes(value).begin() + static_cast<ptrdiff_t>(32 * i), 32, chunk.nodes[i].begin());
  }
  return chunk;
}

// Calls `take(key, value)` for each pair of a snapshot's state, in order.
template <typename Take>
Result<void> ForEachPair(std::string_view state, const Take& take) {
  Pieces pieces(state);
  std::string_view last;
  while (!pieces.empty()) {
    const auto key = pieces.TakeSized(1);
    const auto value = pieces.TakeSized(4);
    if (!key || !value || key->empty()) return Refused("state", "ends within a pair");
    if (*key <= last) return Refused("state", "keys must ascend: " + KeyName(*key));
    last = *key;
    RETURN_IF_ERROR(take(*key, *value));
  }
  return {};
}

Result<std::vector<EntryChunk>> ChunksOfState(std::string_view state) {
  std::vector<EntryChunk> chunks;
  RETURN_IF_ERROR(ForEachPair(state, [&](std::string_view key, std::string_view value) -> Result<void> {
    if (key[0] != kChunkSection) return {};
    ASSIGN_OR_RETURN(EntryChunk chunk, DecodeChunk(key, value));
    chunks.push_back(std::move(chunk));
    return {};
  }));
  return chunks;
}

// Every version is what the next one says came before it.
Result<void> CheckTrustChain(const Genesis& genesis, std::string_view genesis_bytes, const Trust& newest,
                             const std::vector<std::string>& versions) {
  if (versions.size() != newest.version - 1) return Refused("v", "trust file versions are missing");
  Hash before = TrustId(TrustFromGenesis(genesis_bytes, genesis));
  for (size_t i = 0; i < versions.size(); ++i) {
    const auto trust = DecodeTrust(versions[i]);
    if (!trust || CanonicalTrust(*trust) != versions[i] || trust->version != i + 2 ||
        trust->previous != before) {
      return Refused("v " + std::to_string(i + 2), "does not follow the version before it");
    }
    before = TrustId(*trust);
  }
  if (!versions.empty() && versions.back() != CanonicalTrust(newest)) {
    return Refused("v", "the newest version is not the state's");
  }
  return {};
}

}  // namespace

std::string EncodeSnapshot(const Snapshot& snapshot) {
  return json::Encode(json::Object{{"app_hash", ToHex(snapshot.app_hash)},
                                   {"chunks", snapshot.chunks},
                                   {"engine_height", snapshot.engine_height},
                                   {"size", snapshot.size},
                                   {"state_bytes", snapshot.state_bytes},
                                   {"state_chunks", PathToJson(snapshot.state_chunks)},
                                   {"type", std::string(kSnapshotType)}});
}

Result<Snapshot> DecodeSnapshot(std::string_view bytes) {
  ASSIGN_OR_RETURN(const json::Value value, json::Parse(bytes, json::Form::kCanonical, 16 * 1024));
  json::ObjectReader reader(value, "snapshot");
  reader.Type(kSnapshotType);
  Snapshot snapshot;
  snapshot.app_hash = reader.Hex32("app_hash");
  snapshot.chunks = reader.Integer("chunks", 2, kChunksMax);
  snapshot.engine_height = reader.Integer("engine_height", 1, json::kIntegerMax);
  snapshot.size = reader.Integer("size", 1, json::kIntegerMax);
  snapshot.state_bytes = reader.Integer("state_bytes", 1, kSnapshotStateBytesMax);
  snapshot.state_chunks = ReadPath(reader, "state_chunks", kSnapshotStateBytesMax / kSnapshotChunkBytes);
  const uint64_t state_chunks = (snapshot.state_bytes + kSnapshotChunkBytes - 1) / kSnapshotChunkBytes;
  if (snapshot.state_chunks.size() != state_chunks) {
    reader.Fail(Errc::kInvalidValue, "state_chunks", "must be one for every 8 MiB of state_bytes");
  } else if (snapshot.chunks <= state_chunks || snapshot.chunks - state_chunks > snapshot.size) {
    reader.Fail(Errc::kInvalidValue, "chunks", "must leave one to all entries a chunk");
  }
  RETURN_IF_ERROR(reader.Finish());
  return snapshot;
}

std::vector<uint64_t> CoveringSubtrees(uint64_t first, uint64_t end) {
  std::vector<uint64_t> widths;
  while (first < end) {
    uint64_t width = std::bit_floor(end - first);
    if (first != 0) width = std::min(width, first & (~first + 1));
    widths.push_back(width);
    first += width;
  }
  return widths;
}

std::optional<Hash> RootOfChunks(const std::vector<EntryChunk>& chunks, uint64_t size) {
  // Perfect subtrees, each smaller than the one before it: two of a size are one of twice that.
  std::vector<std::pair<uint64_t, Hash>> edge;
  for (size_t i = 0; i < chunks.size(); ++i) {
    const uint64_t end = i + 1 < chunks.size() ? chunks[i + 1].first : size;
    if ((i == 0 && chunks[i].first != 0) || chunks[i].first >= end) return std::nullopt;
    const std::vector<uint64_t> widths = CoveringSubtrees(chunks[i].first, end);
    if (widths.size() != chunks[i].nodes.size()) return std::nullopt;
    for (size_t j = 0; j < widths.size(); ++j) {
      std::pair<uint64_t, Hash> node{widths[j], chunks[i].nodes[j]};
      while (!edge.empty() && edge.back().first == node.first) {
        node = {2 * node.first, NodeHash(edge.back().second, node.second)};
        edge.pop_back();
      }
      edge.push_back(node);
    }
  }
  if (edge.empty()) return std::nullopt;
  Hash root = edge.back().second;
  for (size_t i = edge.size() - 1; i-- > 0;) root = NodeHash(edge[i].second, root);
  return root;
}

Result<void> Ledger::TakeSnapshot() {
  const std::lock_guard lock(impl_->write_mutex);
  const Store& store = *impl_->store;
  const std::shared_ptr<const View> view = impl_->view();
  CHECK_INVARIANT(!impl_->prepared && !impl_->restore);

  ASSIGN_OR_RETURN(const std::vector<Snapshot> kept, Snapshots());
  std::vector<EntryChunk> chunks;
  if (!kept.empty()) {
    if (kept.back().engine_height >= view->engine_height) return {};
    ASSIGN_OR_RETURN(const std::string last,
                     MustGet(store, NumberKey(kSnapshotStateSection, kept.back().engine_height)));
    ASSIGN_OR_RETURN(chunks, ChunksOfState(last));
  }
  ASSIGN_OR_RETURN(chunks, ChunksOf(store, std::move(chunks), view->head.size));

  const State& state = *impl_->state;
  const Charter& charter = state.charter();
  std::string bytes;
  for (const auto& [id, account] : state.accounts()) {
    AppendPair(IdKey(kAccountSection, id), EncodeAccount(account), &bytes);
  }
  if (!charter.untouched()) AppendPair(kGovernanceKey, charter.EncodeGovernance(), &bytes);
  AppendPair(kHeadKey, EncodeHead(view->head), &bytes);
  for (const EntryChunk& chunk : chunks) {
    AppendPair(NumberKey(kChunkSection, chunk.first), NodeBytes(chunk.nodes), &bytes);
  }
  AppendPair(kMembersKey, charter.EncodeMembers(), &bytes);
  AppendPair(kParamsKey, charter.EncodeParams(), &bytes);
  for (uint64_t version = 2; version <= charter.trust().version; ++version) {
    ASSIGN_OR_RETURN(const std::string trust, MustGet(store, NumberKey(kTrustSection, version)));
    AppendPair(NumberKey(kTrustSection, version), trust, &bytes);
  }
  if (bytes.size() > kSnapshotStateBytesMax) {
    return Error{Errc::kTooLarge, "snapshot: the state has " + std::to_string(bytes.size()) + " bytes"};
  }

  Snapshot snapshot;
  snapshot.app_hash = view->head.app_hash;
  snapshot.engine_height = view->engine_height;
  snapshot.size = view->head.size;
  snapshot.state_bytes = bytes.size();
  for (size_t at = 0; at < bytes.size(); at += kSnapshotChunkBytes) {
    snapshot.state_chunks.push_back(Sha256(AsBytes(std::string_view(bytes).substr(at, kSnapshotChunkBytes))));
  }
  snapshot.chunks = snapshot.state_chunks.size() + chunks.size();
  WriteSet set;
  set.Put(NumberKey(kSnapshotSection, snapshot.engine_height), EncodeSnapshot(snapshot));
  set.Put(NumberKey(kSnapshotStateSection, snapshot.engine_height), bytes);
  for (size_t i = 0; i + kSnapshotsKept <= kept.size(); ++i) {
    set.Delete(NumberKey(kSnapshotSection, kept[i].engine_height));
    set.Delete(NumberKey(kSnapshotStateSection, kept[i].engine_height));
  }
  return impl_->StoreNote(set);
}

Result<std::vector<Snapshot>> Ledger::Snapshots() const {
  std::vector<Snapshot> found;
  const auto cursor = impl_->store->Scan();
  for (cursor->Seek(Key(kSnapshotSection)); cursor->Valid() && cursor->key()[0] == kSnapshotSection;
       cursor->Next()) {
    auto snapshot = DecodeSnapshot(cursor->value());
    if (!snapshot) {
      return Error{Errc::kStoreCorrupt, KeyName(cursor->key()) + ": " + snapshot.error().ToString()};
    }
    found.push_back(*std::move(snapshot));
  }
  RETURN_IF_ERROR(cursor->status());
  return found;
}

Result<std::string> Ledger::SnapshotChunk(uint64_t engine_height, uint64_t chunk) const {
  const Store& store = *impl_->store;
  ASSIGN_OR_RETURN(const auto metadata, store.Get(NumberKey(kSnapshotSection, engine_height)));
  ASSIGN_OR_RETURN(const auto state, store.Get(NumberKey(kSnapshotStateSection, engine_height)));
  if (!metadata || !state) {
    return Error{Errc::kNotFound, "snapshot: none of height " + std::to_string(engine_height)};
  }
  ASSIGN_OR_RETURN(const Snapshot snapshot, DecodeSnapshot(*metadata));
  if (chunk >= snapshot.chunks) {
    return Error{Errc::kNotFound, "snapshot: it has " + std::to_string(snapshot.chunks) + " chunks"};
  }
  const uint64_t state_chunks = snapshot.state_chunks.size();
  if (chunk < state_chunks) return state->substr(chunk * kSnapshotChunkBytes, kSnapshotChunkBytes);
  ASSIGN_OR_RETURN(const std::vector<EntryChunk> chunks, ChunksOfState(*state));
  const size_t number = chunk - state_chunks;
  if (number >= chunks.size()) return Error{Errc::kStoreCorrupt, "snapshot: chunks are missing"};
  const uint64_t end = number + 1 < chunks.size() ? chunks[number + 1].first : snapshot.size;
  EntryCursor cursor(store, chunks[number].first);
  std::string bytes;
  for (uint64_t index = chunks[number].first; index < end; ++index) {
    std::string_view entry, records;
    RETURN_IF_ERROR(cursor.Read(index, &entry, &records));
    AppendEntry(entry, records, &bytes);
  }
  return bytes;
}

Result<void> Ledger::Impl::UndoRestore() {
  ASSIGN_OR_RETURN(const std::optional<std::string> mark, store->Get(kRestoreKey));
  if (!mark) return {};
  ASSIGN_OR_RETURN(const std::string head_bytes, MustGet(*store, kHeadKey));
  const auto head = DecodeHead(head_bytes);
  const auto size = DecodeRestoredSize(*mark);
  if (!head || !size)
    return Error{Errc::kStoreCorrupt, KeyName(head ? kRestoreKey : kHeadKey) + ": malformed"};
  if (head->height != 0) return {};  // it came to its end
  const auto cursor = store->ScanAll();
  WriteSet set;
  size_t held = 0;
  const auto flush = [&]() -> Result<void> {
    RETURN_IF_ERROR(store->Write(set, true));
    set.Clear();
    held = 0;
    return {};
  };
  for (const char section :
       {kRecordsSection, kTransactionSection, kDigestSection, kEntrySection, kRecordSection, kTileSection}) {
    for (cursor->Seek(Key(section)); cursor->Valid() && cursor->key()[0] == section; cursor->Next()) {
      if (section == kEntrySection && NumberOfKey(cursor->key()).value_or(1) == 0) continue;
      set.Delete(cursor->key());
      if (++held >= kUndoPerWrite) RETURN_IF_ERROR(flush());
    }
    RETURN_IF_ERROR(cursor->status());
  }
  set.Delete(kRestoreKey);
  RETURN_IF_ERROR(flush());
  restoring = false;
  return {};
}

Result<void> Ledger::BeginRestore(const Snapshot& snapshot, const Hash& app_hash) {
  const std::lock_guard lock(impl_->write_mutex);
  const std::shared_ptr<const View> view = impl_->view();
  if (view->head.height != 0 || view->engine_height != 0) {
    return Error{Errc::kAlreadyExists, "snapshot: this ledger has blocks already"};
  }
  // As it would be read from the wire: one rule for all.
  RETURN_IF_ERROR(DecodeSnapshot(EncodeSnapshot(snapshot)));
  if (snapshot.app_hash != app_hash) {
    return Refused("app_hash", "must be the chain's, " + ToHex(app_hash));
  }
  if (snapshot.size < 2) return Refused("size", "must be 2 or more: genesis is here already");
  impl_->restore.reset();
  impl_->prepared.reset();
  RETURN_IF_ERROR(impl_->Recover());
  RETURN_IF_ERROR(impl_->UndoRestore());
  WriteSet set;
  set.Put(kRestoreKey, EncodeRestoredSize(snapshot.size));
  RETURN_IF_ERROR(impl_->store->Write(set, true));
  impl_->restoring = true;
  impl_->restore.emplace();
  impl_->restore->snapshot = snapshot;
  impl_->restore->time_unix_ms = impl_->genesis.created_unix_ms;
  return {};
}

Result<bool> Ledger::RestoreChunk(std::string_view bytes) {
  const std::lock_guard lock(impl_->write_mutex);
  if (!impl_->restore) return Error{Errc::kAlreadyExists, "snapshot: no restore was begun"};
  auto taken = impl_->TakeChunk(bytes);
  // A chunk that is not the snapshot's changed nothing, and another may come; all else ends the restore.
  if ((!taken && taken.error().code != Errc::kRootMismatch) || (taken && *taken)) impl_->restore.reset();
  return taken;
}

Result<bool> Ledger::Impl::TakeChunk(std::string_view bytes) {
  const Snapshot& snapshot = restore->snapshot;
  const uint64_t state_chunks = snapshot.state_chunks.size();
  const uint64_t number = restore->next_chunk;
  const std::string name = "snapshot: chunk " + std::to_string(number);
  if (number < state_chunks) {
    const uint64_t due =
        std::min<uint64_t>(kSnapshotChunkBytes, snapshot.state_bytes - number * kSnapshotChunkBytes);
    if (bytes.size() != due || Sha256(AsBytes(bytes)) != snapshot.state_chunks[number]) {
      return Error{Errc::kRootMismatch, name + ": other bytes than its digest says"};
    }
    restore->state += bytes;
    ++restore->next_chunk;
    if (restore->next_chunk == state_chunks) RETURN_IF_ERROR(TakeState());
    return false;
  }
  const size_t at = number - state_chunks;
  const uint64_t end = at + 1 < restore->chunks.size() ? restore->chunks[at + 1].first : snapshot.size;
  RETURN_IF_ERROR(TakeEntries(restore->chunks[at], end, bytes));
  ++restore->next_chunk;
  if (restore->next_chunk < snapshot.chunks) return false;

  // What the app hash does not cover follows from the entries.
  if (restore->head.time_unix_ms != restore->time_unix_ms) {
    return Refused("h", "time_unix_ms: must be the last entry's " + std::to_string(restore->time_unix_ms));
  }
  if (restore->head.height != restore->height) {
    return Refused("h", "height: the entries have " + std::to_string(restore->height) + " times");
  }
  RETURN_IF_ERROR(store->Write(restore->state_set, true));
  RETURN_IF_ERROR(Load());
  restoring = false;
  reported = view()->head;
  return true;
}

// The state is whole: it and the tree's nodes must have the app hash.
Result<void> Ledger::Impl::TakeState() {
  std::optional<std::string> head, params, members, governance;
  std::vector<Account> accounts;
  std::vector<std::string> versions;
  WriteSet& set = restore->state_set;
  RETURN_IF_ERROR(
      ForEachPair(restore->state, [&](std::string_view key, std::string_view value) -> Result<void> {
        switch (key[0]) {
          case kChunkSection: {
            ASSIGN_OR_RETURN(EntryChunk chunk, DecodeChunk(key, value));
            restore->chunks.push_back(std::move(chunk));
            return {};
          }
          case kAccountSection: {
            auto account = DecodeAccount(value);
            if (!account || key != std::string_view(IdKey(kAccountSection, account->id))) {
              return Refused(KeyName(key), "no account of that id");
            }
            accounts.push_back(*std::move(account));
            break;
          }
          case kTrustSection:
            if (NumberOfKey(key) != versions.size() + 2) return Refused(KeyName(key), "out of order");
            versions.emplace_back(value);
            break;
          default:
            if (key == kHeadKey) {
              head = value;
            } else if (key == kParamsKey) {
              params = value;
            } else if (key == kMembersKey) {
              members = value;
            } else if (key == kGovernanceKey) {
              governance = value;
            } else {
              return Refused(KeyName(key), "no such key in a snapshot");
            }
        }
        set.Put(key, value);
        return {};
      }));
  if (!head || !params || !members) return Refused("state", "h, m or p is missing");
  const auto decoded = DecodeHead(*head);
  if (!decoded) return Refused("h", decoded.error().ToString());
  restore->head = *decoded;
  auto state = StateFromStored(genesis, *params, *members, governance, std::move(accounts));
  if (!state) return Refused("state", state.error().ToString());
  const Snapshot& snapshot = restore->snapshot;
  if (decoded->size != snapshot.size) return Refused("h", "size: must be the snapshot's");
  if (restore->chunks.size() != snapshot.chunks - snapshot.state_chunks.size() ||
      RootOfChunks(restore->chunks, decoded->size) != decoded->root) {
    return Refused("k", "the chunks' nodes do not give the root");
  }
  if (decoded->app_hash != snapshot.app_hash ||
      AppHash(decoded->size, decoded->root, state->StateHash()) != snapshot.app_hash) {
    return Refused("state", "does not have the app hash " + ToHex(snapshot.app_hash));
  }
  RETURN_IF_ERROR(CheckTrustChain(genesis, genesis_bytes, state->charter().trust(), versions));
  set.Put(kEngineKey, EncodeEngineHeight(snapshot.engine_height));
  restore->state.clear();
  const auto none = [](auto) -> Result<std::string> { return Error{Errc::kInternal, "unused"}; };
  const auto no_leaf = [](uint64_t) -> Result<Hash> { return Error{Errc::kInternal, "unused"}; };
  ASSIGN_OR_RETURN(restore->tree, TileTree::Open(0, none, no_leaf));
  return {};
}

Result<void> Ledger::Impl::TakeEntries(const EntryChunk& chunk, uint64_t end, std::string_view bytes) {
  const std::string name = "snapshot: chunk " + std::to_string(restore->next_chunk);
  struct Piece {
    std::string_view entry, records;
  };
  std::vector<Piece> pieces;
  std::vector<Hash> leaves;
  Pieces rest(bytes);
  for (uint64_t index = chunk.first; index < end; ++index) {
    const auto entry = rest.TakeSized(4);
    const auto records = rest.TakeSized(4);
    if (!entry || !records) return Error{Errc::kRootMismatch, name + ": ends too early"};
    pieces.push_back({*entry, *records});
    leaves.push_back(LeafHash(AsBytes(*entry)));
  }
  if (!rest.empty()) return Error{Errc::kRootMismatch, name + ": has bytes behind its last entry"};
  if (NodesOver(chunk.first, leaves) != chunk.nodes) {
    return Error{Errc::kRootMismatch, name + ": its entries are not those of the tree"};
  }

  WriteSet set;
  const auto put = [&](std::string_view key, std::string_view value) { set.Put(key, value); };
  uint64_t time_unix_ms = restore->time_unix_ms, height = restore->height;
  for (size_t i = 0; i < pieces.size(); ++i) {
    const uint64_t index = chunk.first + i;
    const auto [entry, records] = pieces[i];
    if (index == 0) {
      if (entry != genesis_bytes) return Refused("entry 0", "is another ledger's genesis");
      if (!records.empty()) return Error{Errc::kRootMismatch, name + ": records of genesis"};
      continue;
    }
    const std::string where = "entry " + std::to_string(index);
    uint64_t time = 0;
    if (IsActEntry(entry)) {
      const auto act = DecodeActEntry(entry);
      if (!act) return Refused(where, act.error().ToString());
      const auto verified = VerifyAct(EncodeEnvelope(act->act_bytes, act->signature, {}), id);
      if (!verified) return Refused(where, verified.error().ToString());
      if (!records.empty()) return Error{Errc::kRootMismatch, name + ": records of an act"};
      AddBatchKeys(verified->id, index, {}, put);
      time = act->time_unix_ms;
    } else {
      const auto deposit = DecodeDepositEntry(entry);
      if (!deposit) return Refused(where, deposit.error().ToString());
      // The tree holds the header, which commits to the records: another sender may have the right ones.
      const auto batch =
          VerifyBatch(EncodeEnvelope(deposit->header_bytes, deposit->signature, {}) + std::string(records),
                      id, genesis.params.batch_bytes_max);
      if (!batch) return Error{Errc::kRootMismatch, name + ": " + batch.error().ToString()};
      AddBatchKeys(batch->id, index, batch->index, put);
      if (deposit->header.mode == BatchMode::kPlain) set.Put(NumberKey(kRecordsSection, index), records);
      time = deposit->time_unix_ms;
    }
    if (time < time_unix_ms || (time == time_unix_ms && height == 0)) {
      return Refused(where, "time_unix_ms: not past the one before");
    }
    if (time > time_unix_ms) ++height;
    time_unix_ms = time;
    set.Put(NumberKey(kEntrySection, index), entry);
  }
  TileTree tree = *restore->tree;
  for (const FullTile& tile : tree.Append(leaves)) set.Put(TileKey(tile.id), tile.bytes);
  RETURN_IF_ERROR(store->Write(set, true));
  restore->tree = std::move(tree);
  restore->time_unix_ms = time_unix_ms;
  restore->height = height;
  return {};
}

}  // namespace cunzheng::ledger
