#include "client/sdk/depositor.h"

#include <filesystem>
#include <utility>

#include "ledger/checkpoint.h"

namespace cunzheng::client {
namespace {

// Each holds its records and manifests in memory, 1 to 2 MB in a plain batch.
constexpr size_t kWaitingBatchesMax = 16;

uint64_t NowUnixMs() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

}  // namespace

Result<LedgerView> FetchLedgerView(Client& client) {
  ASSIGN_OR_RETURN(const LedgerInfo info, client.GetLedger());
  LedgerView view;
  view.ledger = info.ledger;
  view.origin = info.origin;
  view.batch_bytes_max = info.batch_bytes_max;
  // Without a checkpoint there is no T1, but a deposit is no worse otherwise.
  auto note = client.GetCheckpoint();
  if (!note && note.error().code != Errc::kNotFound) return note.error();
  if (note) {
    const auto checkpoint = ledger::ParseCheckpoint(*note);
    if (checkpoint && checkpoint->checkpoint.origin == info.origin) view.checkpoint = std::move(note).value();
  }
  return view;
}

Result<Delivery> DeliverClaimed(Client& client, Journal& journal, const ClaimedBatch& claimed,
                                const std::string& origin, uint64_t wait_ms) {
  ASSIGN_OR_RETURN(Delivery delivery, Deliver(client, claimed.batch(), origin, wait_ms));
  if (delivery.attested) RETURN_IF_ERROR(journal.Remove(claimed));
  return delivery;
}

Depositor::Depositor(Client* client, Journal* journal, const PrivateKey* key, const Hash& account,
                     LedgerView view, DepositOptions options, DeliveryObserver observer)
    : client_(client),
      journal_(journal),
      key_(key),
      account_(account),
      view_(std::move(view)),
      options_(std::move(options)),
      observer_(std::move(observer)),
      builder_(options_.sealed, view_.batch_bytes_max) {
  CHECK_INVARIANT(client_ != nullptr || options_.offline);
}

Result<void> Depositor::Add(const EvidenceItem& item) {
  ASSIGN_OR_RETURN(QueuedItem prepared, PrepareItem(item, view_, account_, options_.sealed));
  // The queue outlives this process and its current folder.
  prepared.receipt_path = std::filesystem::absolute(prepared.receipt_path).string();
  if (!builder_.Fits(prepared)) RETURN_IF_ERROR(Flush());
  const auto now = std::chrono::steady_clock::now();
  if (builder_.empty()) batch_began_ = now;
  builder_.Add(std::move(prepared));
  if (now - batch_began_ >= std::chrono::milliseconds(options_.batch_age_ms_max)) return Flush();
  return {};
}

Result<void> Depositor::Finish() {
  if (!builder_.empty()) RETURN_IF_ERROR(Flush());
  while (!waiting_.empty()) RETURN_IF_ERROR(CompleteOldest());
  return {};
}

Result<void> Depositor::Flush() {
  QueuedBatch signed_batch = builder_.Sign(options_.node, view_.ledger, account_, *key_, NowUnixMs());
  ASSIGN_OR_RETURN(ClaimedBatch claimed, journal_->Add(std::move(signed_batch)));
  if (options_.offline) {
    observer_(claimed.batch(), Error{Errc::kUnreachable, "queued: the node is out of reach"});
    return {};
  }
  const Result<Delivery> delivery = DeliverClaimed(*client_, *journal_, claimed, view_.origin, 0);
  if (!delivery) {
    observer_(claimed.batch(), delivery);
    if (!IsTransient(delivery.error().code)) return delivery.error();
    options_.offline = true;
    return {};
  }
  if (delivery->checkpoint) view_.checkpoint = delivery->checkpoint;
  if (delivery->attested) {
    observer_(claimed.batch(), delivery);
    return {};
  }
  waiting_.push_back(std::move(claimed));
  return waiting_.size() > kWaitingBatchesMax ? CompleteOldest() : Result<void>();
}

Result<void> Depositor::CompleteOldest() {
  const ClaimedBatch claimed = std::move(waiting_.front());
  waiting_.pop_front();
  const Result<Delivery> delivery =
      Complete(*client_, claimed.batch(), view_.origin, options_.attest_wait_ms);
  if (delivery && delivery->attested) RETURN_IF_ERROR(journal_->Remove(claimed));
  observer_(claimed.batch(), delivery);
  if (!delivery) return IsTransient(delivery.error().code) ? Result<void>() : delivery.error();
  if (delivery->checkpoint) view_.checkpoint = delivery->checkpoint;
  return {};
}

}  // namespace cunzheng::client
