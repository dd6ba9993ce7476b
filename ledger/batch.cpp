#include "ledger/batch.h"

#include "crypto/digest.h"
#include "ledger/fields.h"

namespace cunzheng::ledger {
namespace {

constexpr std::string_view kHeaderType = "cunzheng/batch/v1";
constexpr std::string_view kEnvelopeLine = "cunzheng/envelope/v1";
constexpr size_t kSignatureBlockLengthMax = 1'024;

Error Misframed(std::string_view rule) {
  return Error{Errc::kEnvelopeMalformed, "envelope: " + std::string(rule)};
}

// Rules 6 and 7 of specs/batch.md: the records of a plain batch.
Result<void> VerifyRecords(const std::vector<std::string_view>& records, VerifiedBatch* batch) {
  std::vector<Hash> leaves;
  leaves.reserve(records.size());
  batch->index.reserve(records.size());
  for (size_t i = 0; i < records.size(); i++) {
    const auto at = [i] { return "record " + std::to_string(i) + ": "; };
    auto record = DecodeRecord(records[i]);
    if (!record) return Error{record.error().code, at() + record.error().detail};
    if (record->ledger != batch->header.ledger) {
      return Error{Errc::kWrongLedger, at() + "names another ledger than the header"};
    }
    if (record->account != batch->header.account) {
      return Error{Errc::kWrongAccount, at() + "names another account than the header"};
    }
    if (record->salt) return Error{Errc::kSaltForbidden, at() + "a plain batch has no salts"};
    for (const Ref& ref : record->refs) {
      if (ref.rel == kRevealRel) batch->reveals.push_back(ref.id);
    }
    leaves.push_back(RecordId(records[i]));
    batch->index.push_back({leaves.back(), record->digest.sha256});
  }
  if (RootFromLeaves(leaves) != batch->header.root) {
    return Error{Errc::kRootMismatch, "header.root: is not the root of the records that came with it"};
  }
  return {};
}

}  // namespace

Result<BatchHeader> DecodeBatchHeader(std::string_view bytes) {
  ASSIGN_OR_RETURN(const json::Value value, json::Parse(bytes, json::Form::kCanonical, kHeaderLengthMax));
  json::ObjectReader reader(value, "header");
  BatchHeader header;
  reader.Type(kHeaderType);
  header.ledger = reader.Hex32("ledger");
  header.account = reader.Hex32("account");
  const std::string mode = reader.String("mode", 1, 16);
  header.mode = mode == "sealed" ? BatchMode::kSealed : BatchMode::kPlain;
  if (mode != "plain" && mode != "sealed")
    reader.Fail(Errc::kInvalidValue, "mode", "must be plain or sealed");
  header.root = reader.Hex32("root");
  header.count = reader.Integer("count", 1, kBatchCountMax);
  header.client_time_unix_ms = reader.Integer("client_time_unix_ms", 0, json::kIntegerMax);
  header.expires_unix_ms = ReadOptionalInteger(reader, "expires_unix_ms", 0, json::kIntegerMax);
  RETURN_IF_ERROR(reader.Finish());
  return header;
}

std::string EncodeBatchHeader(const BatchHeader& header) {
  json::Object object{{"type", kHeaderType},
                      {"ledger", ToHex(header.ledger)},
                      {"account", ToHex(header.account)},
                      {"mode", header.mode == BatchMode::kPlain ? "plain" : "sealed"},
                      {"root", ToHex(header.root)},
                      {"count", header.count},
                      {"client_time_unix_ms", header.client_time_unix_ms}};
  if (header.expires_unix_ms) object.emplace("expires_unix_ms", *header.expires_unix_ms);
  return json::Encode(object);
}

Result<SignatureBlock> DecodeSignatureBlock(std::string_view bytes) {
  ASSIGN_OR_RETURN(const json::Value value,
                   json::Parse(bytes, json::Form::kCanonical, kSignatureBlockLengthMax));
  json::ObjectReader reader(value, "signature");
  SignatureBlock block = ReadSignatureBlock(reader);
  RETURN_IF_ERROR(reader.Finish());
  return block;
}

std::string EncodeSignatureBlock(const SignatureBlock& block) {
  json::Object object;
  PutSignatureBlock(block, &object);
  return json::Encode(object);
}

Result<EnvelopeView> ParseEnvelope(std::string_view text, size_t length_max) {
  if (text.size() > length_max) {
    return Error{Errc::kTooLarge, "envelope: over " + std::to_string(length_max) + " bytes"};
  }
  std::string_view rest = text;
  if (TakeLine(&rest) != kEnvelopeLine) return Misframed("the first line must be cunzheng/envelope/v1");
  const auto signed_bytes = TakeLine(&rest);
  const auto signature_block = TakeLine(&rest);
  if (!signed_bytes || !signature_block) return Misframed("header or signature line is missing");
  EnvelopeView view{*signed_bytes, *signature_block, {}, rest};
  while (!rest.empty()) {
    const auto record = TakeLine(&rest);
    if (!record) return Misframed("the last line has no line end");
    view.records.push_back(*record);
  }
  return view;
}

std::string EncodeEnvelope(std::string_view signed_bytes, const SignatureBlock& block,
                           const std::vector<std::string>& records) {
  std::string text;
  text.append(kEnvelopeLine).append("\n");
  text.append(signed_bytes).append("\n");
  text.append(EncodeSignatureBlock(block)).append("\n");
  for (const std::string& record : records) text.append(record).append("\n");
  return text;
}

Result<VerifiedBatch> VerifyBatch(std::string_view envelope, const Hash& ledger, size_t batch_bytes_max) {
  ASSIGN_OR_RETURN(const EnvelopeView view, ParseEnvelope(envelope, batch_bytes_max));
  VerifiedBatch batch;
  ASSIGN_OR_RETURN(batch.header, DecodeBatchHeader(view.signed_bytes));
  if (batch.header.ledger != ledger) {
    return Error{Errc::kWrongLedger,
                 "header.ledger: is " + ToHex(batch.header.ledger) + ", this ledger is " + ToHex(ledger)};
  }
  ASSIGN_OR_RETURN(batch.signature, DecodeSignatureBlock(view.signature_block));
  RETURN_IF_ERROR(VerifySignature(batch.signature.key, kPurposeBatch, AsBytes(view.signed_bytes),
                                  batch.signature.signature));
  if (batch.header.mode == BatchMode::kSealed) {
    if (!view.records.empty()) {
      return Error{Errc::kRecordsUnexpected, "envelope: the records of a sealed batch stay with the client"};
    }
  } else {
    if (view.records.empty()) {
      return Error{Errc::kRecordsMissing, "envelope: a plain batch comes with all its records"};
    }
    if (view.records.size() != batch.header.count) {
      return Error{Errc::kCountMismatch, "header.count: is " + std::to_string(batch.header.count) + ", but " +
                                             std::to_string(view.records.size()) + " records came with it"};
    }
    RETURN_IF_ERROR(VerifyRecords(view.records, &batch));
    batch.records_blob = view.records_blob;
  }
  batch.header_bytes = view.signed_bytes;
  batch.id = BatchId(view.signed_bytes);
  batch.length = envelope.size();
  return batch;
}

SignedBatch SignBatch(const PrivateKey& key, BatchHeader header, const std::vector<std::string>& records) {
  CHECK_INVARIANT(!records.empty() && records.size() <= kBatchCountMax);
  std::vector<Hash> leaves;
  leaves.reserve(records.size());
  for (const std::string& record : records) leaves.push_back(RecordId(record));
  header.root = RootFromLeaves(leaves);
  header.count = records.size();

  SignedBatch batch;
  batch.header_bytes = EncodeBatchHeader(header);
  batch.id = BatchId(batch.header_bytes);
  batch.signature = {key.public_key(), key.Sign(kPurposeBatch, AsBytes(batch.header_bytes))};
  const bool plain = header.mode == BatchMode::kPlain;
  batch.envelope =
      EncodeEnvelope(batch.header_bytes, batch.signature, plain ? records : std::vector<std::string>{});
  return batch;
}

}  // namespace cunzheng::ledger
