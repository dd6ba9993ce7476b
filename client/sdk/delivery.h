// Sending one batch and turning the node's answer into receipts. The answer is checked before anything is
// written: a node that errs or lies yields an error, never a receipt.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "client/sdk/answers.h"
#include "client/sdk/client.h"
#include "client/sdk/queued_batch.h"
#include "crypto/result.h"

namespace cunzheng::client {

// Checks that `submission` is about this very batch, that its entry holds this header and signature, and that
// its attestation, if there is one, includes the entry in the tree of its checkpoint.
// Errors: kInvalidValue, kOriginMismatch, kProofLength, kRootMismatch, decode errors; each says "the node's
// answer". Whom the checkpoint's signatures come from is the verifier's question, who has a trust file.
Result<void> CheckSubmission(const QueuedBatch& batch, const Submission& submission,
                             const std::string& origin);

// The receipts' texts, in the order of the items. Precondition: CheckSubmission passed, attestation present.
std::vector<std::string> BuildReceipts(const QueuedBatch& batch, const Submission& submission);

// Writes receipts (mode 0644) so that all are durable when it returns; each appears whole or not at all. An
// older receipt in the way is kept as NAME.<8 hex digits of its SHA-256>.receipt.json, unless it is one of
// the same record. Errors: kIo.
Result<void> WriteReceipts(const QueuedBatch& batch, const std::vector<std::string>& receipts);

// Sends, waits up to `wait_ms` for the attestation, checks, and gives the receipts' texts, in the order of
// the items, for evidence whose receipts stand nowhere by themselves. Errors: as Deliver's; kTimeout when too
// few institutions have cosigned by then.
Result<std::vector<std::string>> FetchReceipts(Client& client, const QueuedBatch& batch,
                                               const std::string& origin, uint64_t wait_ms);

struct Delivery {
  Hash id{};
  uint64_t index = 0;     // of the entry
  bool repeated = false;  // the ledger had it already, from an earlier try
  bool attested = false;  // k institutions have cosigned; else the receipts are pending
  bool written = false;   // receipts were written
  std::optional<std::string> checkpoint;
};

// Sends, waits up to `wait_ms` for the attestation, checks and writes receipts. When it succeeds and
// `attested` is set, the batch is done. Errors: the client's, CheckSubmission's, WriteReceipts'.
Result<Delivery> Deliver(Client& client, const QueuedBatch& batch, const std::string& origin,
                         uint64_t wait_ms);
// The same for a batch that the ledger took before: asks for its attestation and sends nothing.
Result<Delivery> Complete(Client& client, const QueuedBatch& batch, const std::string& origin,
                          uint64_t wait_ms);

}  // namespace cunzheng::client
