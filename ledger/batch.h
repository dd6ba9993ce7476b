// Batch header and the envelope in which batches and acts travel (specs/batch.md).
// Pure; safe from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/json.h"
#include "crypto/result.h"
#include "crypto/sign.h"
#include "ledger/record.h"

namespace cunzheng::ledger {

inline constexpr uint64_t kBatchCountMax = 65'536;
inline constexpr size_t kHeaderLengthMax = 2'048;

enum class BatchMode { kPlain, kSealed };

struct BatchHeader {
  Hash ledger{};
  Hash account{};
  BatchMode mode = BatchMode::kPlain;
  Hash root{};
  uint64_t count = 0;
  uint64_t client_time_unix_ms = 0;
  std::optional<uint64_t> expires_unix_ms;
  bool operator==(const BatchHeader&) const = default;
};
Result<BatchHeader> DecodeBatchHeader(std::string_view bytes);
std::string EncodeBatchHeader(const BatchHeader& header);
inline Hash BatchId(std::string_view header_bytes) {
  return TaggedHash(kPurposeBatch, AsBytes(header_bytes));
}

// {suite, public_key, signature}: the envelope's third line and part of every entry.
struct SignatureBlock {
  PublicKey key;
  Bytes signature;  // 64 bytes
  bool operator==(const SignatureBlock&) const = default;
};
Result<SignatureBlock> DecodeSignatureBlock(std::string_view bytes);
std::string EncodeSignatureBlock(const SignatureBlock& block);

// The envelope's lines as views into the caller's text. No line is decoded yet.
struct EnvelopeView {
  std::string_view signed_bytes;  // batch header or act
  std::string_view signature_block;
  std::vector<std::string_view> records;
  std::string_view records_blob;  // the record lines with their line ends; what the store keeps
};
// Errors: kEnvelopeMalformed, kTooLarge (over `length_max`).
Result<EnvelopeView> ParseEnvelope(std::string_view text, size_t length_max);
std::string EncodeEnvelope(std::string_view signed_bytes, const SignatureBlock& block,
                           const std::vector<std::string>& records);

// One place of a plain batch's records that the indexes need.
struct RecordIndexKeys {
  Hash id{};
  Hash sha256{};
};

// A batch that passed every rule that needs no ledger state (specs/batch.md rules 1-7); immutable.
struct VerifiedBatch {
  std::string header_bytes;
  BatchHeader header;
  SignatureBlock signature;
  Hash id{};
  std::string records_blob;            // plain only
  std::vector<RecordIndexKeys> index;  // plain only, in order
  std::vector<Hash> reveals;           // batch ids cited by reveal records
  uint64_t length = 0;                 // bytes of the envelope, for quotas
};
// Errors: as the rules name them. Safe from any thread; this is the costly part of a deposit.
Result<VerifiedBatch> VerifyBatch(std::string_view envelope, const Hash& ledger, size_t batch_bytes_max);

// Client side: builds and signs a batch over canonical record bytes.
// Precondition: 1..65,536 records that name `ledger` and `account`.
struct SignedBatch {
  std::string header_bytes;
  Hash id{};
  SignatureBlock signature;
  std::string envelope;
};
SignedBatch SignBatch(const PrivateKey& key, BatchHeader header, const std::vector<std::string>& records);

}  // namespace cunzheng::ledger
