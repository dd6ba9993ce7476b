// From evidence to a signed batch that waits for delivery: records, manifests, splitting, and the form in
// which a batch is kept on disk until its receipts are written. Pure but for randomness (salts).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/digest.h"
#include "crypto/result.h"
#include "crypto/sign.h"
#include "ledger/batch.h"

namespace cunzheng::client {

// What a client must know of a ledger to make records for it.
struct LedgerView {
  Hash ledger{};
  std::string origin;
  uint64_t batch_bytes_max = 65'536;      // the least that any ledger may set (specs/entry.md)
  std::optional<std::string> checkpoint;  // the newest one seen: manifests embed it (T1)
};

// One piece of evidence to be deposited.
struct EvidenceItem {
  FileDigest evidence;
  std::string kind = "file";
  std::string name;  // for the manifest; any bytes, see ManifestName()
  std::optional<uint64_t> modified_unix_ms;
  std::optional<std::string> media_type;
  std::optional<std::string> case_ref;       // both of these go into the record, which anyone may read
  std::map<std::string, std::string> attrs;  // on the ledger, unless the batch is sealed
  std::map<std::string, std::string> manifest_attrs;  // beside the evidence, never on the ledger
  std::string receipt_path;                           // where the receipt is to be written
};

struct QueuedItem {
  std::string record;    // exact bytes
  std::string manifest;  // exact bytes; empty for none
  std::string receipt_path;
  bool operator==(const QueuedItem&) const = default;
};

// Makes record and manifest. Errors: kInvalidValue and others of the decoders, naming the field at fault
// (case, attrs).
Result<QueuedItem> PrepareItem(const EvidenceItem& item, const LedgerView& view, const Hash& account,
                               bool sealed);

// A signed batch with all that is needed to send it again and to write its receipts.
struct QueuedBatch {
  std::string node;          // where it goes
  std::string header_bytes;  // exact; resent as they are, so that a batch is on the ledger once
  ledger::BatchHeader header;
  ledger::SignatureBlock signature;
  std::vector<QueuedItem> items;

  Hash id() const { return ledger::BatchId(header_bytes); }
  std::string Envelope() const;
};
std::string EncodeQueuedBatch(const QueuedBatch& batch);  // readable JSON
// Errors: specs/json.md's; kInvalidValue when the parts do not belong together.
Result<QueuedBatch> DecodeQueuedBatch(std::string_view text);
inline constexpr size_t kQueuedBatchLengthMax = 192u << 20;

// Collects items until a batch is full: by the ledger's byte limit when plain, by count, and by the memory
// that the items take.
class BatchBuilder {
 public:
  BatchBuilder(bool sealed, uint64_t batch_bytes_max);

  bool empty() const { return items_.empty(); }
  size_t count() const { return items_.size(); }
  // True when `item` still has room; always so in an empty batch.
  bool Fits(const QueuedItem& item) const;
  void Add(QueuedItem item);
  // Signs what was collected and starts anew. Precondition: not empty.
  QueuedBatch Sign(std::string node, const Hash& ledger, const Hash& account, const PrivateKey& key,
                   uint64_t client_time_unix_ms);

 private:
  bool sealed_;
  uint64_t record_bytes_max_;
  uint64_t record_bytes_ = 0;
  uint64_t memory_bytes_ = 0;
  std::vector<QueuedItem> items_;
};

}  // namespace cunzheng::client
