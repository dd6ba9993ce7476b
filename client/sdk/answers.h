// What a node answers (specs/http-api.md), decoded. Fields that this version does not know are passed over,
// so that a newer node still serves an older client. Pure; safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/sdk/http.h"
#include "crypto/bytes.h"
#include "crypto/result.h"
#include "ledger/receipt.h"

namespace cunzheng::client {

// GET /v1/ledger
struct LedgerInfo {
  Hash ledger{};
  std::string origin;
  uint64_t size = 0;
  Hash root{};
  uint64_t n = 0, k = 0, f = 0;
  uint64_t batch_bytes_max = 0;
  bool writable = false;
  std::string reason;  // why it is not writable
};
Result<LedgerInfo> DecodeLedgerInfo(std::string_view text);

// POST /v1/batches, GET /v1/batches/{id}
struct Submission {
  Hash id{};
  uint64_t index = 0;
  bool repeated = false;  // the ledger had this batch already
  std::string entry;      // exact bytes
  bool attested = false;  // k cosignatures are there
  std::optional<ledger::Attestation> attestation;
};
Result<Submission> DecodeSubmission(std::string_view text);

// GET /v1/records
struct RecordItem {
  Hash record_id{};
  uint64_t index = 0;
  uint64_t record_index = 0;
  std::string record;  // exact bytes
};
struct RecordPage {
  std::vector<RecordItem> items;
  std::optional<std::string> next;  // cursor of the next page
};
Result<RecordPage> DecodeRecordPage(std::string_view text);

// GET /v1/entries/{index}
struct EntryItem {
  uint64_t index = 0;
  std::string entry;  // exact bytes
  std::optional<ledger::Attestation> attestation;
};
Result<EntryItem> DecodeEntryItem(std::string_view text);

// GET /v1/proofs/consistency
Result<ledger::Path> DecodePath(std::string_view text);

// The error that an answer other than 200 stands for: the problem document's code when it has one that
// is known, else what the status says.
Error ErrorFromResponse(const HttpResponse& response);

}  // namespace cunzheng::client
