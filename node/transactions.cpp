#include "node/transactions.h"

#include "crypto/digest.h"

namespace cunzheng::node {
namespace {

// The second line of an envelope is canonical JSON, whose first key tells an act from a batch header.
bool IsAct(std::string_view envelope) {
  const size_t end = envelope.find('\n');
  return end != std::string_view::npos && envelope.substr(end + 1).starts_with("{\"action\":");
}

}  // namespace

Result<SharedTransaction> TransactionCache::Verify(std::string_view envelope) {
  const Hash name = Sha256(AsBytes(envelope));
  {
    const std::lock_guard lock(mutex_);
    if (const auto it = known_.find(name); it != known_.end()) return it->second.transaction;
  }
  SharedTransaction transaction;
  if (IsAct(envelope)) {
    ASSIGN_OR_RETURN(ledger::VerifiedAct act, ledger::VerifyAct(envelope, ledger_));
    transaction = std::make_shared<const ledger::Transaction>(std::move(act));
  } else {
    ASSIGN_OR_RETURN(ledger::VerifiedBatch batch, ledger::VerifyBatch(envelope, ledger_, batch_bytes_max_));
    transaction = std::make_shared<const ledger::Transaction>(std::move(batch));
  }
  Remember(envelope, transaction);
  return transaction;
}

void TransactionCache::Remember(std::string_view envelope, SharedTransaction transaction) {
  const Hash name = Sha256(AsBytes(envelope));
  const std::lock_guard lock(mutex_);
  if (!known_.emplace(name, Known{std::move(transaction), envelope.size()}).second) return;
  order_.push_back(name);
  bytes_ += envelope.size();
  while (bytes_ > bytes_max_ && order_.size() > 1) {
    const auto oldest = known_.find(order_.front());
    bytes_ -= oldest->second.length;
    known_.erase(oldest);
    order_.pop_front();
  }
}

std::string EnvelopeOf(const ledger::Transaction& transaction) {
  if (const auto* batch = std::get_if<ledger::VerifiedBatch>(&transaction)) {
    return ledger::EncodeEnvelope(batch->header_bytes, batch->signature, {}) + batch->records_blob;
  }
  const auto& act = std::get<ledger::VerifiedAct>(transaction);
  return ledger::EncodeEnvelope(act.act_bytes, act.signature, {});
}

const Hash& IdOf(const ledger::Transaction& transaction) {
  if (const auto* batch = std::get_if<ledger::VerifiedBatch>(&transaction)) return batch->id;
  return std::get<ledger::VerifiedAct>(transaction).id;
}

}  // namespace cunzheng::node
