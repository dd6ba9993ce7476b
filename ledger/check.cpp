// CheckStore: re-derives a store from its entries and records, front to back, in bounded memory.
#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "crypto/digest.h"
#include "ledger/ledger_impl.h"
#include "ledger/merkle.h"
#include "ledger/record.h"

namespace cunzheng::ledger {
namespace {

constexpr std::string_view kSections = "Babcdefghimnoprstvxyz";
constexpr auto kProgressEvery = std::chrono::milliseconds(100);

Error Wrong(std::string_view key, const std::string& what) {
  return {Errc::kStoreCorrupt, KeyName(key) + ": " + what};
}

using KeyValue = std::pair<std::string, std::string>;

// A set of keys with their values, comparable whatever the order they were added in: the sum of their
// hashes. Two sets of 10^9 keys that differ agree with a chance of 2^-256.
class Fingerprint {
 public:
  void Add(std::string_view key, std::string_view value) {
    const Hash hash = Sha256(AsBytes(key), AsBytes(value));  // keys of one section are equally long
    for (size_t i = 0; i < sums_.size(); ++i) sums_[i] += LoadBe64(hash.data() + 8 * i);
    ++count_;
  }
  bool operator==(const Fingerprint&) const = default;

 private:
  std::array<uint64_t, 4> sums_{};
  uint64_t count_ = 0;
};

constexpr std::array<char, 3> kIndexSections = {kTransactionSection, kDigestSection, kRecordSection};

class Checker final : public History {
 public:
  Checker(const Store& store, const std::function<bool(uint64_t, uint64_t)>& progress)
      : store_(store), progress_(progress) {}

  Result<CheckReport> Run() {
    RETURN_IF_ERROR(CheckFormat(store_));
    RETURN_IF_ERROR(CheckSections());
    ASSIGN_OR_RETURN(const std::string head_bytes, MustGet(store_, kHeadKey));
    const auto head = DecodeHead(head_bytes);
    if (!head) return Wrong(kHeadKey, head.error().ToString());
    head_ = *head;
    RETURN_IF_ERROR(Start());
    RETURN_IF_ERROR(Replay());
    RETURN_IF_ERROR(CheckHead());
    RETURN_IF_ERROR(CheckSmallState());
    RETURN_IF_ERROR(CheckTilesEnd());
    RETURN_IF_ERROR(CheckIndexes());
    report_.entries = head_.size;
    report_.head = head_;
    if (progress_) progress_(head_.size, head_.size);
    return report_;
  }

  Result<std::optional<BatchHeader>> FindBatch(const Hash& id) override {
    return FindStoredBatch(store_, id, tree_->size());
  }

 private:
  // No keys but those of specs/store.md.
  Result<void> CheckSections() {
    const auto cursor = store_.ScanAll();
    cursor->Seek("");
    while (cursor->Valid()) {
      const std::string_view key = cursor->key();
      if (key.empty() || kSections.find(key[0]) == std::string_view::npos) {
        return Wrong(key, "no such key in the store's format");
      }
      if (std::string_view("fghimopx").find(key[0]) != std::string_view::npos) {
        if (key.size() != 1) return Wrong(key, "no such key in the store's format");
        cursor->Next();
      } else {
        const char next = static_cast<char>(key[0] + 1);
        cursor->Seek({&next, 1});
      }
    }
    return cursor->status();
  }

  Result<void> Tick(uint64_t done) {
    const auto now = std::chrono::steady_clock::now();
    if (!progress_ || now - reported_ < kProgressEvery) return {};
    reported_ = now;
    if (!progress_(std::min(done, head_.size), head_.size)) {
      return Error{Errc::kInterrupted, "check: stopped at entry " + std::to_string(done)};
    }
    return {};
  }

  // Genesis: the state's and the tree's beginning.
  Result<void> Start() {
    const Key key = NumberKey(kEntrySection, 0);
    ASSIGN_OR_RETURN(const std::string bytes, MustGet(store_, key));
    auto genesis = DecodeGenesis(bytes);
    if (!genesis) return Wrong(key, genesis.error().ToString());
    genesis_ = std::move(*genesis);
    ledger_ = LedgerId(bytes);
    state_ = State::FromGenesis(genesis_);
    time_unix_ms_ = genesis_.created_unix_ms;
    // Appending needs the right edge alone, so no tile is ever read.
    const auto no_tiles = [](TileId) -> Result<std::string> { return Error{Errc::kInternal, "unused"}; };
    const auto no_leaves = [](uint64_t) -> Result<Hash> { return Error{Errc::kInternal, "unused"}; };
    ASSIGN_OR_RETURN(tree_, TileTree::Open(0, no_tiles, no_leaves));
    return {};
  }

  Result<void> Replay() {
    const auto entries = store_.ScanAll();
    const auto records = store_.ScanAll();
    const auto checkpoints = store_.ScanAll();
    entries->Seek(Key(kEntrySection));
    records->Seek(Key(kRecordsSection));
    checkpoints->Seek(Key(kCheckpointSection));
    for (uint64_t index = 0; index < head_.size; ++index, entries->Next()) {
      RETURN_IF_ERROR(Tick(index));
      RETURN_IF_ERROR(entries->status());
      const Key key = NumberKey(kEntrySection, index);
      if (!entries->Valid() || entries->key() != std::string_view(key)) return Wrong(key, "missing");
      const std::string_view bytes = entries->value();
      if (index > 0) {
        RETURN_IF_ERROR(IsActEntry(bytes) ? ReplayAct(index, bytes) : ReplayDeposit(index, bytes, *records));
      }
      const Hash leaf = LeafHash(AsBytes(bytes));
      for (const FullTile& tile : tree_->Append({&leaf, 1})) {
        const Key tile_key = TileKey(tile.id);
        ASSIGN_OR_RETURN(const std::string stored, MustGet(store_, tile_key));
        if (stored != tile.bytes) return Wrong(tile_key, "other hashes than the entries give");
      }
      RETURN_IF_ERROR(CheckTrust());
      RETURN_IF_ERROR(CheckCheckpoint(*checkpoints));
    }
    RETURN_IF_ERROR(AtEnd(*entries, kEntrySection, "beyond the head's size"));
    RETURN_IF_ERROR(AtEnd(*records, kRecordsSection, "records that no plain batch's entry calls for"));
    return AtEnd(*checkpoints, kCheckpointSection, "no tree of that size");
  }

  // The trust file that the entry just appended brought about, if it did.
  Result<void> CheckTrust() {
    if (state_->charter().lacks_root()) {
      state_->SetEffectiveRoot(tree_->root());
      const Trust& trust = state_->charter().trust();
      const Key key = NumberKey(kTrustSection, trust.version);
      ASSIGN_OR_RETURN(const std::string stored, MustGet(store_, key));
      if (stored != CanonicalTrust(trust)) return Wrong(key, "must be " + CanonicalTrust(trust));
    }
    state_->Commit();
    return {};
  }

  static Result<void> AtEnd(const Cursor& cursor, char section, const std::string& what) {
    RETURN_IF_ERROR(cursor.status());
    if (cursor.Valid() && cursor.key()[0] == section) return Wrong(cursor.key(), what);
    return {};
  }

  // One time a block, and every block later than the one before.
  Result<void> TakeTime(const Key& key, uint64_t time_unix_ms) {
    if (time_unix_ms < time_unix_ms_ || (time_unix_ms == time_unix_ms_ && height_ == 0)) {
      return Wrong(key, "time_unix_ms: " + std::to_string(time_unix_ms) + " is not past " +
                            std::to_string(time_unix_ms_));
    }
    if (time_unix_ms > time_unix_ms_) ++height_;
    time_unix_ms_ = time_unix_ms;
    return {};
  }

  // What the state machine makes of a transaction must be the entry that is stored.
  static Result<void> Compare(const Key& key, const Result<std::string>& made, std::string_view stored) {
    if (!made) return Wrong(key, "the state machine refuses it: " + made.error().ToString());
    if (*made != stored) return Wrong(key, "other bytes than the state machine makes: " + *made);
    return {};
  }

  Result<void> ReplayAct(uint64_t index, std::string_view bytes) {
    const Key key = NumberKey(kEntrySection, index);
    const auto entry = DecodeActEntry(bytes);
    if (!entry) return Wrong(key, entry.error().ToString());
    RETURN_IF_ERROR(TakeTime(key, entry->time_unix_ms));
    const auto act = VerifyAct(EncodeEnvelope(entry->act_bytes, entry->signature, {}), ledger_);
    if (!act) return Wrong(key, act.error().ToString());
    RETURN_IF_ERROR(Compare(key, state_->ApplyAct(*act, index, entry->time_unix_ms), bytes));
    Expect(act->id, index, {});
    return {};
  }

  Result<void> ReplayDeposit(uint64_t index, std::string_view bytes, Cursor& records) {
    const Key key = NumberKey(kEntrySection, index);
    const auto entry = DecodeDepositEntry(bytes);
    if (!entry) return Wrong(key, entry.error().ToString());
    RETURN_IF_ERROR(TakeTime(key, entry->time_unix_ms));
    std::string envelope = EncodeEnvelope(entry->header_bytes, entry->signature, {});
    if (entry->header.mode == BatchMode::kPlain) {
      const Key records_key = NumberKey(kRecordsSection, index);
      RETURN_IF_ERROR(records.status());
      if (!records.Valid() || records.key() > std::string_view(records_key)) {
        return Wrong(records_key, "missing");
      }
      if (records.key() < std::string_view(records_key)) {
        return Wrong(records.key(), "records that no plain batch's entry calls for");
      }
      envelope += records.value();
      records.Next();
    }
    // The envelope as it came in, and so by the very rules that let it in.
    if (entry->header.ledger != ledger_) return Wrong(key, "header.ledger: is another ledger's");
    const auto batch = VerifyBatch(envelope, ledger_, state_->params().batch_bytes_max);
    if (!batch) {
      // The header decoded, so what is left is its signature or the records.
      const Errc code = batch.error().code;
      const bool signature = code == Errc::kSignatureInvalid || code == Errc::kSignatureNotLowS ||
                             code == Errc::kKeyInvalid || entry->header.mode == BatchMode::kSealed;
      return Wrong(signature ? key : NumberKey(kRecordsSection, index), batch.error().ToString());
    }
    RETURN_IF_ERROR(Compare(key, state_->ApplyBatch(*batch, entry->time_unix_ms, *this), bytes));
    report_.records += batch->index.size();
    Expect(batch->id, index, batch->index);
    return {};
  }

  void Expect(const Hash& id, uint64_t index, const std::vector<RecordIndexKeys>& records) {
    AddBatchKeys(id, index, records, [this](std::string_view key, std::string_view value) {
      expected_[Slot(key[0])].Add(key, value);
    });
  }

  static size_t Slot(char section) {
    return static_cast<size_t>(std::find(kIndexSections.begin(), kIndexSections.end(), section) -
                               kIndexSections.begin());
  }

  // The note stored for the size that the replay has reached, if there is one.
  Result<void> CheckCheckpoint(Cursor& cursor) {
    RETURN_IF_ERROR(cursor.status());
    if (!cursor.Valid() || cursor.key()[0] != kCheckpointSection) return {};
    const std::string_view key = cursor.key();
    const auto size = NumberOfKey(key);
    if (!size) return Wrong(key, "wrong length");
    if (*size > tree_->size()) return {};
    if (*size < tree_->size()) return Wrong(key, "no tree of that size");
    const auto parsed = ParseCheckpoint(cursor.value());
    if (!parsed) return Wrong(key, parsed.error().ToString());
    if (parsed->checkpoint != Checkpoint{genesis_.origin, tree_->size(), tree_->root()}) {
      return Wrong(key, "must state " + genesis_.origin + ", size " + std::to_string(*size) + " and root " +
                            ToHex(tree_->root()));
    }
    uint64_t known = 0;
    for (const NoteSignature& signature : parsed->note.signatures) {
      for (const TrustMember& member : state_->charter().trust().members) {
        for (const TrustKey& held : member.keys) {
          const NoteKey& note_key = held.note_key;
          if (note_key.name != signature.name || note_key.Id() != signature.key_id || !held.HoldsAt(*size)) {
            continue;
          }
          ++known;
          if (auto valid = VerifyNoteSignature(parsed->note, signature, note_key); !valid) {
            return Wrong(key, "line of " + signature.name + ": " + valid.error().ToString());
          }
        }
      }
    }
    if (known == 0) return Wrong(key, "no line of any member's key");
    cursor.Next();
    return {};
  }

  Result<void> CheckHead() {
    Head made;
    made.height = height_;
    made.size = tree_->size();
    made.root = tree_->root();
    made.time_unix_ms = time_unix_ms_;
    made.app_hash = AppHash(made.size, made.root, state_->StateHash());
    if (made != head_) return Wrong(kHeadKey, "the entries give " + EncodeHead(made));
    return {};
  }

  Result<void> CheckSmallState() {
    ASSIGN_OR_RETURN(const std::optional<std::string> engine, store_.Get(kEngineKey));
    if (engine) {
      const auto height = DecodeEngineHeight(*engine);
      if (!height) return Wrong(kEngineKey, height.error().ToString());
    }
    ASSIGN_OR_RETURN(const std::string params, MustGet(store_, kParamsKey));
    const Charter& charter = state_->charter();
    if (params != charter.EncodeParams()) return Wrong(kParamsKey, "must be " + charter.EncodeParams());
    ASSIGN_OR_RETURN(const std::string members, MustGet(store_, kMembersKey));
    if (members != charter.EncodeMembers()) return Wrong(kMembersKey, "must be " + charter.EncodeMembers());
    ASSIGN_OR_RETURN(const auto governance, store_.Get(kGovernanceKey));
    if (governance.has_value() == charter.untouched() ||
        (governance && *governance != charter.EncodeGovernance())) {
      return Wrong(kGovernanceKey, charter.untouched() ? "nothing was ever proposed"
                                                       : "must be " + charter.EncodeGovernance());
    }
    const auto versions = store_.ScanAll();
    versions->Seek(Key(kTrustSection));
    const Key second = NumberKey(kTrustSection, 2);
    if (versions->Valid() && versions->key() < std::string_view(second) &&
        versions->key()[0] == kTrustSection) {
      return Wrong(versions->key(), "the first version is genesis");
    }
    versions->Seek(NumberKey(kTrustSection, charter.trust().version + 1));
    RETURN_IF_ERROR(AtEnd(*versions, kTrustSection, "no act made this version"));
    const auto cursor = store_.ScanAll();
    cursor->Seek(Key(kAccountSection));
    for (const auto& [id, account] : state_->accounts()) {
      RETURN_IF_ERROR(cursor->status());
      const Key key = IdKey(kAccountSection, id);
      if (!cursor->Valid() || cursor->key() > std::string_view(key)) return Wrong(key, "missing");
      if (cursor->key() < std::string_view(key)) return Wrong(cursor->key(), "no entry adds this account");
      if (cursor->value() != EncodeAccount(account)) return Wrong(key, "must be " + EncodeAccount(account));
      cursor->Next();
    }
    return AtEnd(*cursor, kAccountSection, "no entry adds this account");
  }

  // The replay compared every tile that exists; here are those that should not.
  Result<void> CheckTilesEnd() {
    const auto cursor = store_.ScanAll();
    for (cursor->Seek(Key(kTileSection)); cursor->Valid() && cursor->key()[0] == kTileSection;
         cursor->Next()) {
      RETURN_IF_ERROR(Tick(head_.size));
      const std::string_view key = cursor->key();
      if (key.size() != 10 || key[1] < 0 || key[1] > 6) return Wrong(key, "no such tile");
      const uint64_t full = head_.size >> (8 * (key[1] + 1));
      if (LoadBe64(AsBytes(key).data() + 2) >= full) return Wrong(key, "a tile beyond the tree");
    }
    return cursor->status();
  }

  Result<void> CheckIndexes() {
    for (const char section : kIndexSections) {
      Fingerprint found;
      const auto cursor = store_.ScanAll();
      for (cursor->Seek(Key(section)); cursor->Valid() && cursor->key()[0] == section; cursor->Next()) {
        RETURN_IF_ERROR(Tick(head_.size));
        found.Add(cursor->key(), cursor->value());
      }
      RETURN_IF_ERROR(cursor->status());
      if (found != expected_[Slot(section)]) return NameIndexFault(section);
    }
    return {};
  }

  // The keys of `section` that entry `index`, found sound by the replay, calls for.
  Result<std::vector<KeyValue>> KeysOfEntry(char section, uint64_t index) const {
    std::vector<KeyValue> keys;
    if (index == 0 || index >= head_.size) return keys;
    const auto add = [&](std::string_view key, std::string_view value) {
      if (key[0] == section) keys.emplace_back(key, value);
    };
    ASSIGN_OR_RETURN(const std::string bytes, MustGet(store_, NumberKey(kEntrySection, index)));
    if (IsActEntry(bytes)) {
      ASSIGN_OR_RETURN(const ActEntry entry, DecodeActEntry(bytes));
      AddBatchKeys(ActId(entry.act_bytes), index, {}, add);
      return keys;
    }
    ASSIGN_OR_RETURN(const DepositEntry entry, DecodeDepositEntry(bytes));
    std::vector<RecordIndexKeys> records;
    ASSIGN_OR_RETURN(const std::optional<std::string> blob, store_.Get(NumberKey(kRecordsSection, index)));
    std::string_view rest = blob ? std::string_view(*blob) : std::string_view();
    while (!rest.empty()) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      ASSIGN_OR_RETURN(const Record record, DecodeRecord(line));
      records.push_back({RecordId(line), record.digest.sha256});
      rest.remove_prefix(line.size() + 1);
    }
    AddBatchKeys(BatchId(entry.header_bytes), index, records, add);
    return keys;
  }

  // An index is known to be wrong: finds the first key that is missing or changed, else the first one too
  // many. Slow, and worth it only now.
  Result<void> NameIndexFault(char section) {
    for (uint64_t index = 0; index < head_.size; ++index) {
      RETURN_IF_ERROR(Tick(head_.size));
      ASSIGN_OR_RETURN(const std::vector<KeyValue> keys, KeysOfEntry(section, index));
      for (const auto& [key, value] : keys) {
        ASSIGN_OR_RETURN(const std::optional<std::string> stored, store_.Get(key));
        if (!stored) return Wrong(key, "missing; entry " + std::to_string(index) + " calls for it");
        if (*stored != value) {
          return Wrong(key, "must hold " + (value.empty() ? "nothing" : "entry " + std::to_string(index)) +
                                ", holds " + ToHex(AsBytes(*stored)));
        }
      }
    }
    const auto cursor = store_.ScanAll();
    uint64_t last = 0;
    std::vector<KeyValue> keys;
    for (cursor->Seek(Key(section)); cursor->Valid() && cursor->key()[0] == section; cursor->Next()) {
      RETURN_IF_ERROR(Tick(head_.size));
      uint64_t index = 0;
      if (const auto position = PositionOfKey(cursor->key())) index = position->index;
      if (const auto number = DecodeNumber(cursor->key(), cursor->value())) index = *number;
      if (index != last) {
        ASSIGN_OR_RETURN(keys, KeysOfEntry(section, index));
        last = index;
      }
      const KeyValue pair(cursor->key(), cursor->value());
      if (std::find(keys.begin(), keys.end(), pair) == keys.end()) {
        return Wrong(cursor->key(), "no entry calls for this key");
      }
    }
    RETURN_IF_ERROR(cursor->status());
    return Wrong(Key(section), "the index differs from the entries");
  }

  const Store& store_;
  const std::function<bool(uint64_t, uint64_t)>& progress_;
  std::chrono::steady_clock::time_point reported_{};
  CheckReport report_;
  Head head_;
  Genesis genesis_;
  Hash ledger_{};
  std::optional<State> state_;
  std::optional<TileTree> tree_;
  uint64_t time_unix_ms_ = 0;
  uint64_t height_ = 0;
  std::array<Fingerprint, kIndexSections.size()> expected_;
};

}  // namespace

Result<CheckReport> CheckStore(const std::string& path, const OpenOptions& options,
                               const std::function<bool(uint64_t done, uint64_t total)>& progress) {
  ASSIGN_OR_RETURN(const auto store, Store::Open(path, options, Store::Mode::kOpen));
  return Checker(*store, progress).Run();
}

}  // namespace cunzheng::ledger
