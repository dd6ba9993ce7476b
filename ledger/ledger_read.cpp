// The const half of Ledger: look-ups, proofs and receipts over the published view.
#include <algorithm>
#include <utility>

#include "ledger/ledger_impl.h"
#include "ledger/record.h"

namespace cunzheng::ledger {
namespace {

Error NoEntry(uint64_t index, uint64_t size) {
  return {Errc::kNotFound,
          "index: no entry " + std::to_string(index) + ", the ledger has " + std::to_string(size)};
}

// A line of a records blob, without its line end.
std::optional<std::string_view> Line(std::string_view blob, uint64_t number) {
  for (;; --number) {
    const size_t end = blob.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    if (number == 0) return blob.substr(0, end);
    blob.remove_prefix(end + 1);
  }
}

}  // namespace

Hash Ledger::id() const {
  return impl_->id;
}
const Genesis& Ledger::genesis() const {
  return impl_->genesis;
}
const std::string& Ledger::genesis_bytes() const {
  return impl_->genesis_bytes;
}
Head Ledger::head() const {
  return impl_->view()->head;
}
std::shared_ptr<const Charter> Ledger::charter() const {
  return impl_->view()->charter;
}
Params Ledger::params() const {
  return impl_->view()->charter->params();
}

Result<std::string> Ledger::TrustAt(uint64_t version) const {
  const auto charter = impl_->view()->charter;
  const Error none{Errc::kNotFound, "trust: no version " + std::to_string(version) + ", the newest is " +
                                        std::to_string(charter->trust().version)};
  if (version == 0 || version > charter->trust().version) return none;
  if (version == 1) return CanonicalTrust(TrustFromGenesis(impl_->genesis_bytes, impl_->genesis));
  return MustGet(*impl_->store, NumberKey(kTrustSection, version));
}

Result<std::string> Ledger::TrustSignatures(uint64_t version) const {
  ASSIGN_OR_RETURN(auto text, impl_->store->Get(NumberKey(kTrustSignatureSection, version)));
  if (!text) return Error{Errc::kNotFound, "trust: nobody has signed version " + std::to_string(version)};
  return std::move(*text);
}

// Accounts are read from the store and not from the state, which is the writer's and may hold half a block.
Result<std::optional<Account>> Ledger::FindAccount(const Hash& id) const {
  const Key key = IdKey(kAccountSection, id);
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes, impl_->store->Get(key));
  if (!bytes) return std::optional<Account>();
  auto account = DecodeAccount(*bytes);
  if (!account) return Error{Errc::kStoreCorrupt, KeyName(key) + ": " + account.error().ToString()};
  return std::optional(std::move(*account));
}

Result<std::vector<Account>> Ledger::ListAccounts(const std::optional<Hash>& after, size_t limit) const {
  std::vector<Account> accounts;
  const auto cursor = impl_->store->Scan();
  const Key from = after ? IdKey(kAccountSection, *after) : Key(kAccountSection);
  for (cursor->Seek(from); cursor->Valid() && cursor->key()[0] == kAccountSection && accounts.size() < limit;
       cursor->Next()) {
    if (after && cursor->key() == std::string_view(from)) continue;
    auto account = DecodeAccount(cursor->value());
    if (!account) {
      return Error{Errc::kStoreCorrupt, KeyName(cursor->key()) + ": " + account.error().ToString()};
    }
    accounts.push_back(std::move(*account));
  }
  RETURN_IF_ERROR(cursor->status());
  return accounts;
}

Result<std::string> Ledger::EntryAt(uint64_t index) const {
  const uint64_t size = impl_->view()->head.size;
  if (index >= size) return NoEntry(index, size);
  return MustGet(*impl_->store, NumberKey(kEntrySection, index));
}

Result<std::optional<uint64_t>> Ledger::FindTransaction(const Hash& id) const {
  const Key key = IdKey(kTransactionSection, id);
  ASSIGN_OR_RETURN(const std::optional<std::string> value, impl_->store->Get(key));
  if (!value) return std::optional<uint64_t>();
  ASSIGN_OR_RETURN(const uint64_t index, DecodeNumber(key, *value));
  if (index >= impl_->view()->head.size) return std::optional<uint64_t>();
  return std::optional(index);
}

namespace {

Result<std::string> RecordsBlob(const Store& store, uint64_t index, uint64_t size) {
  if (index >= size) return NoEntry(index, size);
  ASSIGN_OR_RETURN(std::optional<std::string> blob, store.Get(NumberKey(kRecordsSection, index)));
  if (!blob) return Error{Errc::kNotFound, "index: entry " + std::to_string(index) + " has no records here"};
  return std::move(*blob);
}

}  // namespace

Result<std::string> Ledger::RecordAt(RecordPosition position) const {
  ASSIGN_OR_RETURN(const std::string blob,
                   RecordsBlob(*impl_->store, position.index, impl_->view()->head.size));
  const auto line = Line(blob, position.record);
  if (!line) {
    return Error{Errc::kNotFound, "record: entry " + std::to_string(position.index) + " has no record " +
                                      std::to_string(position.record)};
  }
  return std::string(*line);
}

Result<std::vector<std::string>> Ledger::RecordsOf(uint64_t index) const {
  ASSIGN_OR_RETURN(const std::string blob, RecordsBlob(*impl_->store, index, impl_->view()->head.size));
  std::vector<std::string> records;
  std::string_view rest = blob;
  while (const auto line = Line(rest, 0)) {
    records.emplace_back(*line);
    rest.remove_prefix(line->size() + 1);
  }
  return records;
}

Result<std::optional<RecordPosition>> Ledger::FindRecord(const Hash& record_id) const {
  const Key first = PositionKey(kRecordSection, record_id, {});
  const std::string_view prefix = std::string_view(first).substr(0, 9);
  const auto cursor = impl_->store->Scan();
  for (cursor->Seek(first); cursor->Valid() && cursor->key().starts_with(prefix); cursor->Next()) {
    const auto position = PositionOfKey(cursor->key());
    if (!position) return Error{Errc::kStoreCorrupt, KeyName(cursor->key()) + ": wrong length"};
    // The cursor may be ahead of the published view by the block that is being committed.
    if (position->index >= impl_->view()->head.size) break;
    ASSIGN_OR_RETURN(const std::string record, RecordAt(*position));
    if (RecordId(record) == record_id) return position;
  }
  RETURN_IF_ERROR(cursor->status());
  return std::optional<RecordPosition>();
}

Result<DigestPage> Ledger::FindDigest(const Hash& sha256, RecordPosition from, size_t limit) const {
  DigestPage page;
  const uint64_t size = impl_->view()->head.size;
  const Key first = PositionKey(kDigestSection, sha256, from);
  const std::string_view prefix = std::string_view(first).substr(0, 9);
  const auto cursor = impl_->store->Scan();
  std::string blob;  // the records of entry `blob_index`
  std::optional<uint64_t> blob_index;
  size_t candidates = 0;
  for (cursor->Seek(first); cursor->Valid() && cursor->key().starts_with(prefix); cursor->Next()) {
    const auto position = PositionOfKey(cursor->key());
    if (!position) return Error{Errc::kStoreCorrupt, KeyName(cursor->key()) + ": wrong length"};
    // The cursor may be ahead of the published view by the block that is being committed.
    if (position->index >= size) break;
    if (page.positions.size() == limit || candidates++ == kDigestCandidatesMax) {
      page.next = position;
      break;
    }
    if (blob_index != position->index) {
      ASSIGN_OR_RETURN(blob, RecordsBlob(*impl_->store, position->index, size));
      blob_index = position->index;
    }
    const auto line = Line(blob, position->record);
    const Result<Record> record = line ? DecodeRecord(*line) : Error{Errc::kNotFound, "missing"};
    if (!record) {
      return Error{Errc::kStoreCorrupt, KeyName(NumberKey(kRecordsSection, position->index)) + ": record " +
                                            std::to_string(position->record) + ": " +
                                            record.error().ToString()};
    }
    if (record->digest.sha256 == sha256) page.positions.push_back(*position);
  }
  RETURN_IF_ERROR(cursor->status());
  return page;
}

Result<Path> Ledger::InclusionProof(uint64_t index, uint64_t size) const {
  return impl_->view()->tree.InclusionProof(index, size);
}

Result<Path> Ledger::ConsistencyProof(uint64_t first, uint64_t second) const {
  return impl_->view()->tree.ConsistencyProof(first, second);
}

Result<Hash> Ledger::RootAt(uint64_t size) const {
  return impl_->view()->tree.RootAt(size);
}

Result<std::string> Ledger::Tile(TileId id, uint64_t width) const {
  return impl_->view()->tree.Tile(id, width);
}

Result<std::string> Ledger::EntryBundle(uint64_t n, uint64_t width) const {
  const uint64_t size = impl_->view()->head.size;
  if (width == 0 || width > kTileWidth || n > size / kTileWidth || n * kTileWidth + width > size) {
    return Error{Errc::kNotFound, "tile: no entries " + std::to_string(n) + " of width " +
                                      std::to_string(width) + " in a ledger of " + std::to_string(size)};
  }
  std::string bundle;
  const auto cursor = impl_->store->Scan();
  cursor->Seek(NumberKey(kEntrySection, n * kTileWidth));
  for (uint64_t i = n * kTileWidth; i < n * kTileWidth + width; ++i, cursor->Next()) {
    RETURN_IF_ERROR(cursor->status());
    const Key key = NumberKey(kEntrySection, i);
    if (!cursor->Valid() || cursor->key() != std::string_view(key)) {
      return Error{Errc::kStoreCorrupt, KeyName(key) + ": missing"};
    }
    const size_t length = cursor->value().size();
    bundle.push_back(static_cast<char>(length >> 8));
    bundle.push_back(static_cast<char>(length));
    bundle.append(cursor->value());
  }
  return bundle;
}

Result<std::string> Ledger::CheckpointCovering(uint64_t size) const {
  const auto cursor = impl_->store->Scan();
  cursor->Seek(NumberKey(kCheckpointSection, size));
  RETURN_IF_ERROR(cursor->status());
  if (!cursor->Valid() || cursor->key()[0] != kCheckpointSection) {
    return Error{Errc::kNotFound, "size: no checkpoint of at least " + std::to_string(size) + " yet"};
  }
  return std::string(cursor->value());
}

Result<std::string> Ledger::CheckpointAt(uint64_t size) const {
  ASSIGN_OR_RETURN(std::optional<std::string> note, impl_->store->Get(NumberKey(kCheckpointSection, size)));
  if (!note) return Error{Errc::kNotFound, "size: no checkpoint of size " + std::to_string(size)};
  return std::move(*note);
}

Result<std::optional<Hash>> Ledger::RunMark() const {
  ASSIGN_OR_RETURN(const std::optional<std::string> value, impl_->store->Get(kRunKey));
  if (!value) return std::optional<Hash>();
  Hash mark{};
  if (value->size() != mark.size()) return Error{Errc::kStoreCorrupt, "i: must be 32 bytes"};
  std::copy(value->begin(), value->end(), mark.begin());
  return std::optional(mark);
}

Result<std::optional<std::pair<uint64_t, std::string>>> Ledger::NewestCheckpoint() const {
  const char after = kCheckpointSection + 1;
  const auto cursor = impl_->store->Scan();
  cursor->SeekBefore({&after, 1});
  RETURN_IF_ERROR(cursor->status());
  std::optional<std::pair<uint64_t, std::string>> newest;
  if (cursor->Valid() && cursor->key()[0] == kCheckpointSection) {
    const auto size = NumberOfKey(cursor->key());
    if (!size) return Error{Errc::kStoreCorrupt, KeyName(cursor->key()) + ": wrong length"};
    newest.emplace(*size, cursor->value());
  }
  return newest;
}

Result<std::string> Ledger::PendingCheckpointAt(uint64_t size) const {
  ASSIGN_OR_RETURN(std::optional<std::string> note, impl_->store->Get(NumberKey(kPendingSection, size)));
  if (!note) return Error{Errc::kNotFound, "checkpoint: none of size " + std::to_string(size) + " waits"};
  return std::move(*note);
}

Result<std::vector<uint64_t>> Ledger::PendingCheckpoints(size_t limit) const {
  std::vector<uint64_t> sizes;
  const auto cursor = impl_->store->Scan();
  for (cursor->Seek(Key(kPendingSection)); cursor->Valid() && cursor->key()[0] == kPendingSection;
       cursor->Next()) {
    const auto size = NumberOfKey(cursor->key());
    if (!size) return Error{Errc::kStoreCorrupt, KeyName(cursor->key()) + ": wrong length"};
    sizes.push_back(*size);
  }
  RETURN_IF_ERROR(cursor->status());
  std::reverse(sizes.begin(), sizes.end());
  if (sizes.size() > limit) sizes.resize(limit);
  return sizes;
}

Result<Attestation> Ledger::Attest(uint64_t index) const {
  const std::shared_ptr<const View> view = impl_->view();
  if (index >= view->head.size) return NoEntry(index, view->head.size);
  Attestation attestation;
  ASSIGN_OR_RETURN(attestation.checkpoint, CheckpointCovering(index + 1));
  const auto signed_checkpoint = ParseCheckpoint(attestation.checkpoint);
  if (!signed_checkpoint) {
    return Error{Errc::kStoreCorrupt, "c: the checkpoint that covers entry " + std::to_string(index) + ": " +
                                          signed_checkpoint.error().ToString()};
  }
  ASSIGN_OR_RETURN(attestation.inclusion, InclusionProof(index, signed_checkpoint->checkpoint.size));
  return attestation;
}

Result<Receipt> Ledger::ReceiptFor(RecordPosition position) const {
  ASSIGN_OR_RETURN(std::vector<std::string> records, RecordsOf(position.index));
  if (position.record >= records.size()) {
    return Error{Errc::kNotFound, "record: entry " + std::to_string(position.index) + " has no record " +
                                      std::to_string(position.record)};
  }
  std::vector<Hash> leaves;
  leaves.reserve(records.size());
  for (const std::string& record : records) leaves.push_back(RecordId(record));
  Receipt receipt;
  receipt.batch_index = position.record;
  receipt.batch_path = InclusionPath(leaves, position.record);
  receipt.record = std::move(records[position.record]);
  receipt.index = position.index;
  ASSIGN_OR_RETURN(receipt.entry, EntryAt(position.index));
  ASSIGN_OR_RETURN(Attestation attestation, Attest(position.index));
  receipt.attestations.push_back(std::move(attestation));
  return receipt;
}

}  // namespace cunzheng::ledger
