#include "client/sdk/queued_batch.h"

#include <algorithm>
#include <utility>

#include "client/sdk/paths.h"
#include "crypto/json.h"
#include "ledger/record.h"

namespace cunzheng::client {
namespace {

// The envelope's first line, the header (2,048 bytes at most) and the signature block stay below this.
constexpr uint64_t kEnvelopeOverheadBytes = 3'072;
// A sealed batch has no limit on the wire, but its records, salts and manifests wait in memory and in the
// queue.
constexpr uint64_t kMemoryBytesMax = 32u << 20;

constexpr std::string_view kType = "cunzheng/queued_batch/v1";

std::vector<std::string> RecordsOf(const std::vector<QueuedItem>& items) {
  std::vector<std::string> records;
  records.reserve(items.size());
  for (const QueuedItem& item : items) records.push_back(item.record);
  return records;
}

// A path is any bytes; JSON strings are clean UTF-8. What does not fit stands as hex.
void PutPath(const std::string& path, json::Object* object) {
  if (Printable(path) == path) {
    object->emplace("receipt", path);
  } else {
    object->emplace("receipt_hex", ToHex(AsBytes(path)));
  }
}

std::string ReadPath(json::ObjectReader& reader) {
  constexpr size_t kPathLengthMax = 8'192;
  if (!reader.Has("receipt_hex")) return reader.String("receipt", 1, kPathLengthMax);
  const Bytes bytes = reader.Hex("receipt_hex", kPathLengthMax);
  return std::string(AsText(bytes));
}

bool IsKey(std::string_view text) {
  return !text.empty() && text.size() <= 63 && text.front() >= 'a' && text.front() <= 'z' &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

}  // namespace

Result<QueuedItem> PrepareItem(const EvidenceItem& item, const LedgerView& view, const Hash& account,
                               bool sealed) {
  for (const auto& [key, value] : item.attrs) {
    if (IsKey(key)) continue;
    return Error{Errc::kInvalidValue,
                 "attrs: the key \"" + Printable(key) + "\" must match [a-z][a-z0-9_]{0,62}"};
  }
  ledger::Manifest manifest;
  manifest.name = ManifestName(item.name);
  manifest.media_type = item.media_type;
  if (item.modified_unix_ms) manifest.modified_unix_ms = std::min(*item.modified_unix_ms, json::kIntegerMax);
  manifest.checkpoint = view.checkpoint;
  manifest.attrs = item.manifest_attrs;
  QueuedItem out;
  out.manifest = ledger::EncodeManifest(manifest);
  RETURN_IF_ERROR(ledger::DecodeManifest(out.manifest));

  ledger::Record record;
  record.ledger = view.ledger;
  record.account = account;
  record.kind = item.kind;
  record.digest = item.evidence.digests;
  record.length = item.evidence.length;
  record.manifest = DigestBytes(AsBytes(out.manifest));
  record.case_ref = item.case_ref;
  record.attrs = item.attrs;
  if (sealed) record.salt = RandomHash();
  out.record = ledger::EncodeRecord(record);
  // Case and attributes are a person's words: the decoder knows their rules and names the one broken.
  RETURN_IF_ERROR(ledger::DecodeRecord(out.record));
  out.receipt_path = item.receipt_path;
  return out;
}

std::string QueuedBatch::Envelope() const {
  const bool plain = header.mode == ledger::BatchMode::kPlain;
  return ledger::EncodeEnvelope(header_bytes, signature,
                                plain ? RecordsOf(items) : std::vector<std::string>());
}

std::string EncodeQueuedBatch(const QueuedBatch& batch) {
  json::Array items;
  items.reserve(batch.items.size());
  for (const QueuedItem& item : batch.items) {
    json::Object object{{"record", item.record}};
    if (!item.manifest.empty()) object.emplace("manifest", item.manifest);
    PutPath(item.receipt_path, &object);
    items.emplace_back(std::move(object));
  }
  return json::EncodePretty(json::Object{{"type", kType},
                                         {"node", batch.node},
                                         {"header", batch.header_bytes},
                                         {"signature", ledger::EncodeSignatureBlock(batch.signature)},
                                         {"items", std::move(items)}});
}

Result<QueuedBatch> DecodeQueuedBatch(std::string_view text) {
  ASSIGN_OR_RETURN(const json::Value value, json::Parse(text, json::Form::kReadable, kQueuedBatchLengthMax));
  json::ObjectReader reader(value, "queued batch");
  QueuedBatch batch;
  reader.Type(kType);
  batch.node = reader.String("node", 1, 4'096);
  batch.header_bytes = reader.String("header", 1, ledger::kHeaderLengthMax);
  const std::string signature = reader.String("signature", 1, 1'024);
  for (const json::Value& item : reader.List("items", 1, ledger::kBatchCountMax)) {
    json::ObjectReader fields(item, "queued batch.items");
    QueuedItem out;
    out.record = fields.String("record", 1, ledger::kRecordLengthMax);
    if (fields.Has("manifest")) out.manifest = fields.String("manifest", 1, ledger::kManifestLengthMax);
    out.receipt_path = ReadPath(fields);
    if (!IsReceiptName(out.receipt_path))
      fields.Fail(Errc::kInvalidValue, "receipt", "must end in .receipt.json");
    RETURN_IF_ERROR(fields.Finish());
    batch.items.push_back(std::move(out));
  }
  RETURN_IF_ERROR(reader.Finish());
  ASSIGN_OR_RETURN(batch.header, ledger::DecodeBatchHeader(batch.header_bytes));
  ASSIGN_OR_RETURN(batch.signature, ledger::DecodeSignatureBlock(signature));

  std::vector<Hash> leaves;
  leaves.reserve(batch.items.size());
  for (const QueuedItem& item : batch.items) leaves.push_back(ledger::RecordId(item.record));
  if (batch.header.count != leaves.size() || batch.header.root != ledger::RootFromLeaves(leaves)) {
    return Error{Errc::kInvalidValue, "queued batch.header: does not belong to the records beside it"};
  }
  return batch;
}

BatchBuilder::BatchBuilder(bool sealed, uint64_t batch_bytes_max)
    : sealed_(sealed), record_bytes_max_(batch_bytes_max - kEnvelopeOverheadBytes) {
  CHECK_INVARIANT(batch_bytes_max >= 65'536);
}

bool BatchBuilder::Fits(const QueuedItem& item) const {
  if (items_.empty()) return true;
  if (items_.size() >= ledger::kBatchCountMax) return false;
  if (!sealed_ && record_bytes_ + item.record.size() + 1 > record_bytes_max_) return false;
  return memory_bytes_ + item.record.size() + item.manifest.size() + item.receipt_path.size() <=
         kMemoryBytesMax;
}

void BatchBuilder::Add(QueuedItem item) {
  record_bytes_ += item.record.size() + 1;
  memory_bytes_ += item.record.size() + item.manifest.size() + item.receipt_path.size();
  items_.push_back(std::move(item));
}

QueuedBatch BatchBuilder::Sign(std::string node, const Hash& ledger, const Hash& account,
                               const PrivateKey& key, uint64_t client_time_unix_ms) {
  CHECK_INVARIANT(!items_.empty());
  ledger::BatchHeader header;
  header.ledger = ledger;
  header.account = account;
  header.mode = sealed_ ? ledger::BatchMode::kSealed : ledger::BatchMode::kPlain;
  header.client_time_unix_ms = client_time_unix_ms;
  ledger::SignedBatch batch = ledger::SignBatch(key, header, RecordsOf(items_));

  QueuedBatch out;
  out.node = std::move(node);
  out.header_bytes = std::move(batch.header_bytes);
  auto decoded = ledger::DecodeBatchHeader(out.header_bytes);
  CHECK_INVARIANT(decoded.has_value());
  out.header = *decoded;
  out.signature = std::move(batch.signature);
  out.items = std::move(items_);
  items_.clear();
  record_bytes_ = memory_bytes_ = 0;
  return out;
}

}  // namespace cunzheng::client
