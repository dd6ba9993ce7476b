#include "ledger/ledger.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "crypto/json.h"
#include "ledger/ledger_impl.h"
#include "ledger/merkle.h"
#include "ledger/store.h"

namespace cunzheng::ledger {

std::string EncodeHead(const Head& head) {
  return "{\"app_hash\":\"" + ToHex(head.app_hash) + "\",\"height\":" + std::to_string(head.height) +
         ",\"root\":\"" + ToHex(head.root) + "\",\"size\":" + std::to_string(head.size) +
         ",\"time_unix_ms\":" + std::to_string(head.time_unix_ms) + "}";
}

Result<Head> DecodeHead(std::string_view bytes) {
  ASSIGN_OR_RETURN(json::Value value, json::Parse(bytes, json::Form::kCanonical, 1024));
  json::ObjectReader reader(value, "head");
  Head head;
  head.app_hash = reader.Hex32("app_hash");
  head.height = reader.Integer("height", 0, json::kIntegerMax);
  head.root = reader.Hex32("root");
  head.size = reader.Integer("size", 1, json::kIntegerMax);
  head.time_unix_ms = reader.Integer("time_unix_ms", 0, json::kIntegerMax);
  RETURN_IF_ERROR(reader.Finish());
  return head;
}

namespace {

// An object of one number.
std::string EncodeSingle(std::string_view key, uint64_t number) {
  return "{\"" + std::string(key) + "\":" + std::to_string(number) + "}";
}

Result<uint64_t> DecodeSingle(std::string_view bytes, const char* what, std::string_view key) {
  ASSIGN_OR_RETURN(json::Value value, json::Parse(bytes, json::Form::kCanonical, 64));
  json::ObjectReader reader(value, what);
  const uint64_t number = reader.Integer(key, 1, json::kIntegerMax);
  RETURN_IF_ERROR(reader.Finish());
  return number;
}

}  // namespace

std::string EncodeEngineHeight(uint64_t height) {
  return EncodeSingle("height", height);
}
Result<uint64_t> DecodeEngineHeight(std::string_view bytes) {
  return DecodeSingle(bytes, "engine", "height");
}
std::string EncodeRestoredSize(uint64_t size) {
  return EncodeSingle("size", size);
}
Result<uint64_t> DecodeRestoredSize(std::string_view bytes) {
  return DecodeSingle(bytes, "restored", "size");
}

Result<std::string> MustGet(const Store& store, std::string_view key) {
  ASSIGN_OR_RETURN(std::optional<std::string> value, store.Get(key));
  if (!value) return Error{Errc::kStoreCorrupt, KeyName(key) + ": missing"};
  return std::move(*value);
}

Result<void> CheckFormat(const Store& store) {
  ASSIGN_OR_RETURN(const std::optional<std::string> format, store.Get(kFormatKey));
  if (format == kStoreFormat) return {};
  if (!format) {
    const auto cursor = store.Scan();
    cursor->Seek("");
    RETURN_IF_ERROR(cursor->status());
    if (!cursor->Valid()) return Error{Errc::kNotFound, "store: empty, its creation was not finished"};
    return Error{Errc::kUnsupportedFormat, "f: missing; this is no ledger's store"};
  }
  return Error{Errc::kUnsupportedFormat, "f: this program reads " + std::string(kStoreFormat) +
                                             ", the store has another format; use " +
                                             "the program that wrote it, or a newer one"};
}

namespace {

Error Corrupt(std::string_view key, const std::string& what) {
  return {Errc::kStoreCorrupt, KeyName(key) + ": " + what};
}

// A decoder's complaint about a stored value.
Error Corrupt(std::string_view key, const Error& error) {
  return Corrupt(key, error.ToString());
}

// An error of this node's disk, not of the transaction: every other node would have gone on.
bool IsLocal(Errc code) {
  return code == Errc::kIo || code == Errc::kStoreCorrupt;
}

// A block under way: collects what its transactions write, and answers what they ask of the past.
class Block final : public History {
 public:
  Block(const Store& store, State* state, WriteSet* set, const TileTree& before, uint64_t time_unix_ms)
      : store_(store),
        state_(*state),
        set_(*set),
        before_(before),
        size_before_(before.size()),
        time_unix_ms_(time_unix_ms) {
    set_.Clear();
  }

  Result<Applied> Apply(const Transaction& transaction) {
    const auto* batch = std::get_if<VerifiedBatch>(&transaction);
    const Hash& id = batch ? batch->id : std::get<VerifiedAct>(transaction).id;
    ASSIGN_OR_RETURN(const std::optional<uint64_t> first, FindTransaction(id));
    if (first) return Applied{*first, true};

    const uint64_t index = size_before_ + leaves_.size();
    auto entry = batch ? state_.ApplyBatch(*batch, time_unix_ms_, *this)
                       : state_.ApplyAct(std::get<VerifiedAct>(transaction), index, time_unix_ms_);
    if (!entry) return entry.error();
    leaves_.push_back(LeafHash(AsBytes(*entry)));
    if (state_.charter().lacks_root()) {
      TileTree tree = before_;
      tree.Append(leaves_);
      state_.SetEffectiveRoot(tree.root());
      const Trust& trust = state_.charter().trust();
      set_.Put(NumberKey(kTrustSection, trust.version), CanonicalTrust(trust));
    }
    ids_.emplace(id, Mine{index, batch});
    set_.Put(NumberKey(kEntrySection, index), *entry);
    set_.Put(IdKey(kTransactionSection, id), EncodeNumber(index));
    if (batch && batch->header.mode == BatchMode::kPlain) {
      set_.Put(NumberKey(kRecordsSection, index), batch->records_blob);
      RecordPosition position{index, 0};
      for (const RecordIndexKeys& keys : batch->index) {
        index_keys_.push_back(PositionKey(kDigestSection, keys.sha256, position));
        index_keys_.push_back(PositionKey(kRecordSection, keys.id, position));
        ++position.record;
      }
    }
    return Applied{index, false};
  }

  Result<std::optional<BatchHeader>> FindBatch(const Hash& id) override {
    if (const auto it = ids_.find(id); it != ids_.end()) {
      if (!it->second.batch) return std::optional<BatchHeader>();
      return std::optional(it->second.batch->header);
    }
    return FindStoredBatch(store_, id, size_before_);
  }

  const std::vector<Hash>& leaves() const { return leaves_; }

  // In order, because a sorted run of keys meets warm caches in LevelDB's skip list.
  void PutIndexKeys() {
    std::sort(index_keys_.begin(), index_keys_.end(),
              [](std::string_view a, std::string_view b) { return a < b; });
    for (const Key& key : index_keys_) set_.Put(key, {});
  }

 private:
  struct Mine {
    uint64_t index;
    const VerifiedBatch* batch;  // null: an act
  };

  Result<std::optional<uint64_t>> FindTransaction(const Hash& id) const {
    if (const auto it = ids_.find(id); it != ids_.end()) return std::optional(it->second.index);
    const Key key = IdKey(kTransactionSection, id);
    ASSIGN_OR_RETURN(const std::optional<std::string> value, store_.Get(key));
    if (!value) return std::optional<uint64_t>();
    ASSIGN_OR_RETURN(const uint64_t index, DecodeNumber(key, *value));
    if (index >= size_before_) return std::optional<uint64_t>();
    return std::optional(index);
  }

  const Store& store_;
  State& state_;
  WriteSet& set_;
  const TileTree& before_;
  const uint64_t size_before_;
  const uint64_t time_unix_ms_;
  std::vector<Hash> leaves_;
  std::vector<Key> index_keys_;
  std::map<Hash, Mine> ids_;
};

}  // namespace

void AddBatchKeys(const Hash& id, uint64_t index, const std::vector<RecordIndexKeys>& records,
                  const std::function<void(std::string_view, std::string_view)>& add) {
  add(IdKey(kTransactionSection, id), EncodeNumber(index));
  RecordPosition position{index, 0};
  for (const RecordIndexKeys& record : records) {
    add(PositionKey(kDigestSection, record.sha256, position), {});
    add(PositionKey(kRecordSection, record.id, position), {});
    ++position.record;
  }
}

bool IsActEntry(std::string_view bytes) {
  return bytes.starts_with("{\"act\":");  // canonical: the first key tells
}

Result<std::optional<BatchHeader>> FindStoredBatch(const Store& store, const Hash& id, uint64_t size) {
  const Key key = IdKey(kTransactionSection, id);
  ASSIGN_OR_RETURN(const std::optional<std::string> value, store.Get(key));
  if (!value) return std::optional<BatchHeader>();
  ASSIGN_OR_RETURN(const uint64_t index, DecodeNumber(key, *value));
  if (index >= size) return std::optional<BatchHeader>();
  const Key entry_key = NumberKey(kEntrySection, index);
  ASSIGN_OR_RETURN(const std::string bytes, MustGet(store, entry_key));
  if (DecodeActEntry(bytes)) return std::optional<BatchHeader>();
  const auto entry = DecodeDepositEntry(bytes);
  if (!entry) return Corrupt(entry_key, entry.error());
  return std::optional(entry->header);
}

Result<State> StateFromStored(const Genesis& genesis, std::string_view params, std::string_view members,
                              const std::optional<std::string>& governance, std::vector<Account> accounts) {
  Charter charter = Charter::FromGenesis(genesis);
  if (governance) {
    auto stored = Charter::Decode(genesis, params, members, *governance);
    if (!stored) return Corrupt(kGovernanceKey, stored.error());
    charter = std::move(*stored);
  }
  const std::string other = governance ? "is not in its own form" : "differs from the genesis document";
  if (params != charter.EncodeParams()) return Corrupt(kParamsKey, other);
  if (members != charter.EncodeMembers()) return Corrupt(kMembersKey, other);
  if (governance && *governance != charter.EncodeGovernance()) return Corrupt(kGovernanceKey, other);
  return State::FromParts(std::move(charter), std::move(accounts));
}

Result<void> Ledger::Impl::LoadGenesis() {
  RETURN_IF_ERROR(CheckFormat(*store));
  const Key key = NumberKey(kEntrySection, 0);
  ASSIGN_OR_RETURN(genesis_bytes, MustGet(*store, key));
  auto decoded = DecodeGenesis(genesis_bytes);
  if (!decoded) return Corrupt(key, decoded.error());
  genesis = std::move(*decoded);
  id = LedgerId(genesis_bytes);
  return {};
}

Result<void> Ledger::Impl::Load() {
  ASSIGN_OR_RETURN(const std::string head_bytes, MustGet(*store, kHeadKey));
  const auto head = DecodeHead(head_bytes);
  if (!head) return Corrupt(kHeadKey, head.error());

  ASSIGN_OR_RETURN(const std::string params_bytes, MustGet(*store, kParamsKey));
  ASSIGN_OR_RETURN(const std::string members_bytes, MustGet(*store, kMembersKey));
  ASSIGN_OR_RETURN(const auto governance_bytes, store->Get(kGovernanceKey));
  std::vector<Account> accounts;
  const auto cursor = store->Scan();
  for (cursor->Seek({&kAccountSection, 1}); cursor->Valid() && cursor->key()[0] == kAccountSection;
       cursor->Next()) {
    auto account = DecodeAccount(cursor->value());
    if (!account) return Corrupt(cursor->key(), account.error());
    accounts.push_back(std::move(*account));
  }
  RETURN_IF_ERROR(cursor->status());
  ASSIGN_OR_RETURN(State fresh, StateFromStored(genesis, params_bytes, members_bytes, governance_bytes,
                                                std::move(accounts)));

  const auto tile_at = [store = store.get()](TileId tile) { return MustGet(*store, TileKey(tile)); };
  const auto leaf_at = [&](uint64_t index) -> Result<Hash> {
    ASSIGN_OR_RETURN(const std::string entry, MustGet(*store, NumberKey(kEntrySection, index)));
    return LeafHash(AsBytes(entry));
  };
  ASSIGN_OR_RETURN(TileTree tree, TileTree::Open(head->size, tile_at, leaf_at));
  if (tree.root() != head->root) {
    return Corrupt(kHeadKey, "root: entries and tiles give " + ToHex(tree.root()));
  }
  if (const Hash app_hash = AppHash(head->size, head->root, fresh.StateHash()); app_hash != head->app_hash) {
    return Corrupt(kHeadKey, "app_hash: accounts give " + ToHex(app_hash));
  }
  uint64_t engine_height = 0;
  ASSIGN_OR_RETURN(const std::optional<std::string> engine, store->Get(kEngineKey));
  if (engine) {
    const auto decoded = DecodeEngineHeight(*engine);
    if (!decoded) return Corrupt(kEngineKey, decoded.error());
    engine_height = *decoded;
  }
  uint64_t restored_size = 0;
  ASSIGN_OR_RETURN(const std::optional<std::string> restored, store->Get(kRestoreKey));
  if (restored) {
    const auto decoded = DecodeRestoredSize(*restored);
    if (!decoded) return Corrupt(kRestoreKey, decoded.error());
    restored_size = *decoded;
  }
  state = std::move(fresh);
  Publish({*head, std::move(tree), engine_height, restored_size,
           std::make_shared<const Charter>(state->charter())});
  return {};
}

Result<void> Ledger::Impl::Recover() {
  if (!store->failed()) return {};
  RETURN_IF_ERROR(store->Reopen());
  // The block that failed may have reached the disk all the same; reading it back adopts it.
  return Load();
}

Result<void> Ledger::Create(const std::string& path, std::string_view genesis_bytes,
                            const OpenOptions& options) {
  ASSIGN_OR_RETURN(const Genesis genesis, DecodeGenesis(genesis_bytes));
  ASSIGN_OR_RETURN(const auto store, Store::Open(path, options, Store::Mode::kCreate));
  const auto cursor = store->Scan();
  cursor->Seek("");
  RETURN_IF_ERROR(cursor->status());
  if (cursor->Valid()) return Error{Errc::kAlreadyExists, "store: " + path + " holds a ledger already"};

  State state = State::FromGenesis(genesis);
  Head head;
  head.size = 1;
  head.root = LeafHash(AsBytes(genesis_bytes));
  head.time_unix_ms = genesis.created_unix_ms;
  head.app_hash = AppHash(head.size, head.root, state.StateHash());
  WriteSet set;
  set.Put(kFormatKey, kStoreFormat);
  set.Put(NumberKey(kEntrySection, 0), genesis_bytes);
  set.Put(kHeadKey, EncodeHead(head));
  set.Put(kParamsKey, state.charter().EncodeParams());
  set.Put(kMembersKey, state.charter().EncodeMembers());
  return store->Write(set, true);
}

Result<std::unique_ptr<Ledger>> Ledger::Open(const std::string& path, const OpenOptions& options) {
  auto impl = std::make_unique<Impl>();
  ASSIGN_OR_RETURN(impl->store, Store::Open(path, options, Store::Mode::kOpen));
  RETURN_IF_ERROR(impl->LoadGenesis());
  RETURN_IF_ERROR(impl->UndoRestore());
  RETURN_IF_ERROR(impl->Load());
  impl->reported = impl->view()->head;
  return std::unique_ptr<Ledger>(new Ledger(std::move(impl)));
}

Ledger::Ledger(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Ledger::~Ledger() = default;

namespace {

// Who leaves first, then who joins, each ascending.
std::vector<ValidatorChange> ValidatorChanges(const Charter& before, const Charter& after) {
  const std::set<Bytes> old_keys = before.Validators(), new_keys = after.Validators();
  std::vector<ValidatorChange> changes;
  for (const Bytes& key : old_keys) {
    if (!new_keys.contains(key)) changes.push_back({key, false});
  }
  for (const Bytes& key : new_keys) {
    if (!old_keys.contains(key)) changes.push_back({key, true});
  }
  return changes;
}

}  // namespace

Result<BlockResult> Ledger::Impl::Prepare(const std::vector<const Transaction*>& transactions,
                                          uint64_t time_unix_ms) {
  prepared.reset();
  RETURN_IF_ERROR(Recover());
  if (restoring) {
    restore.reset();
    RETURN_IF_ERROR(UndoRestore());
  }
  state->Rollback();
  const std::shared_ptr<const View> before = view();
  if (time_unix_ms <= before->head.time_unix_ms || time_unix_ms > json::kIntegerMax) {
    return Error{Errc::kInvalidValue, "time_unix_ms: must exceed the head's " +
                                          std::to_string(before->head.time_unix_ms) + ", is " +
                                          std::to_string(time_unix_ms)};
  }
  BlockResult result;
  result.transactions.reserve(transactions.size());
  Block block(*store, &*state, &set, before->tree, time_unix_ms);
  for (const Transaction* transaction : transactions) {
    auto applied = block.Apply(*transaction);
    if (!applied && IsLocal(applied.error().code)) {
      state->Rollback();
      return applied.error();
    }
    result.transactions.push_back(std::move(applied));
  }
  View after = *before;
  if (!block.leaves().empty()) {
    block.PutIndexKeys();
    for (const FullTile& tile : after.tree.Append(block.leaves())) set.Put(TileKey(tile.id), tile.bytes);
    for (const Account* account : state->ChangedAccounts()) {
      set.Put(IdKey(kAccountSection, account->id), EncodeAccount(*account));
    }
    if (state->charter_changed()) {
      const Charter& charter = state->charter();
      set.Put(kParamsKey, charter.EncodeParams());
      set.Put(kMembersKey, charter.EncodeMembers());
      set.Put(kGovernanceKey, charter.EncodeGovernance());
      after.charter = std::make_shared<const Charter>(charter);
      result.validators = ValidatorChanges(state->charter_before(), charter);
    }
    after.head.height += 1;
    after.head.size = after.tree.size();
    after.head.root = after.tree.root();
    after.head.time_unix_ms = time_unix_ms;
    after.head.app_hash = AppHash(after.head.size, after.head.root, state->StateHash());
    set.Put(kHeadKey, EncodeHead(after.head));
  }
  result.head = after.head;
  result.changed = reported != result.head;
  prepared = std::move(after);
  return result;
}

Result<void> Ledger::Impl::Commit() {
  CHECK_INVARIANT(prepared.has_value());
  View after = *std::move(prepared);
  prepared.reset();
  if (auto written = store->Write(set, true); !written) {
    state->Rollback();
    return written.error();
  }
  state->Commit();
  reported = after.head;
  Publish(std::move(after));
  return {};
}

Result<BlockResult> Ledger::PrepareBlock(const std::vector<const Transaction*>& transactions,
                                         uint64_t time_unix_ms) {
  const std::lock_guard lock(impl_->write_mutex);
  return impl_->Prepare(transactions, time_unix_ms);
}

Result<void> Ledger::CommitBlock(uint64_t engine_height) {
  const std::lock_guard lock(impl_->write_mutex);
  CHECK_INVARIANT(impl_->prepared.has_value());
  impl_->prepared->engine_height = engine_height;
  impl_->set.Put(kEngineKey, EncodeEngineHeight(engine_height));
  return impl_->Commit();
}

Result<BlockResult> Ledger::ApplyBlock(const std::vector<const Transaction*>& transactions,
                                       uint64_t time_unix_ms) {
  const std::lock_guard lock(impl_->write_mutex);
  ASSIGN_OR_RETURN(BlockResult result, impl_->Prepare(transactions, time_unix_ms));
  if (result.head == impl_->view()->head) {
    // Nothing was appended, so there is nothing to write; the head may have moved by an earlier block.
    impl_->prepared.reset();
    impl_->reported = result.head;
    return result;
  }
  RETURN_IF_ERROR(impl_->Commit());
  return result;
}

Result<void> Ledger::SetRunMark(const Hash& mark) {
  const std::lock_guard lock(impl_->write_mutex);
  WriteSet set;
  set.Put(kRunKey, AsText(mark));
  return impl_->store->Write(set, true);
}

uint64_t Ledger::engine_height() const {
  return impl_->view()->engine_height;
}

uint64_t Ledger::restored_size() const {
  return impl_->view()->restored_size;
}

Result<void> Ledger::Impl::StoreNote(const WriteSet& notes) {
  // Recovery reads the state anew, which a prepared block would not survive.
  if (!prepared) RETURN_IF_ERROR(Recover());
  return store->Write(notes, false);
}

Result<void> Ledger::StoreCheckpoint(uint64_t size, const std::string& note_text) {
  const std::lock_guard lock(impl_->write_mutex);
  WriteSet notes;
  notes.Put(NumberKey(kCheckpointSection, size), note_text);
  if (impl_->genesis.k > 1 || !impl_->view()->charter->untouched())
    notes.Delete(NumberKey(kPendingSection, size));
  return impl_->StoreNote(notes);
}

Result<void> Ledger::StoreTrustSignatures(uint64_t version, const std::string& text) {
  const std::lock_guard lock(impl_->write_mutex);
  WriteSet set;
  set.Put(NumberKey(kTrustSignatureSection, version), text);
  return impl_->StoreNote(set);
}

Result<void> Ledger::StorePendingCheckpoint(uint64_t size, const std::string& note_text) {
  const std::lock_guard lock(impl_->write_mutex);
  WriteSet notes;
  notes.Put(NumberKey(kPendingSection, size), note_text);
  return impl_->StoreNote(notes);
}

}  // namespace cunzheng::ledger
