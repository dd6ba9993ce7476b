#include "client/sdk/delivery.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <set>
#include <thread>
#include <utility>

#include "client/sdk/paths.h"
#include "crypto/key_file.h"
#include "ledger/checkpoint.h"
#include "ledger/entry.h"
#include "ledger/merkle.h"
#include "ledger/receipt.h"

namespace cunzheng::client {
namespace {

constexpr int64_t kServerWaitMsMax = 30'000;  // specs/http-api.md, wait_ms
constexpr auto kPollInterval = std::chrono::milliseconds(250);

Error Wrong(Errc code, const std::string& rule) {
  return {code, "the node's answer: " + rule};
}
Error Wrong(const Error& error) {
  return Wrong(error.code, error.detail);
}

Error IoError(const std::string& path) {
  return {Errc::kIo, path + ": " + std::strerror(errno)};
}

// Ends in the suffix of receipts, so that what a crash leaves behind is not taken for evidence; named
// after the record, so that the next try takes it over.
std::string TemporaryPath(const QueuedItem& item) {
  const std::string id = ToHex(ledger::RecordId(item.record)).substr(0, 16);
  return JoinPath(FolderOf(item.receipt_path), "." + id + std::string(kReceiptSuffix));
}

Result<void> WriteUnsynced(const std::string& path, std::string_view text) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0) return IoError(path);
  while (!text.empty()) {
    const ssize_t put = write(fd, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      const Error error = IoError(path);
      close(fd);
      unlink(path.c_str());
      return error;
    }
    text.remove_prefix(static_cast<size_t>(put));
  }
  if (close(fd) != 0) return IoError(path);
  return {};
}

// Moves what is at the receipt's path out of the way: an older receipt proves an older state of the
// evidence, or an earlier time, and is not ours to destroy.
Result<void> KeepOlder(const QueuedItem& item) {
  const std::string& path = item.receipt_path;
  if (access(path.c_str(), F_OK) != 0 && errno == ENOENT) return {};
  ASSIGN_OR_RETURN(const std::string older, ReadWholeFile(path, ledger::kReceiptLengthMax));
  const auto decoded = ledger::DecodeReceipt(older);
  if (decoded && decoded->record == item.record) return {};
  const std::string tag = "." + ToHex(Sha256(AsBytes(older))).substr(0, 8);
  const std::string kept = ReceiptPathFor(path.substr(0, path.size() - kReceiptSuffix.size()) + tag);
  if (rename(path.c_str(), kept.c_str()) != 0) return IoError(kept);
  return {};
}

// Makes everything written below the given folders durable, with one call a file system instead of two a
// receipt.
Result<void> SyncFolders(const std::set<std::string>& folders) {
  std::set<dev_t> synced;
  for (const std::string& folder : folders) {
    const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat info {};
    if (fd < 0 || fstat(fd, &info) != 0) return IoError(folder);
    const bool failed = synced.insert(info.st_dev).second && syncfs(fd) != 0;
    const Error error = IoError(folder);
    close(fd);
    if (failed) return error;
  }
  return {};
}

}  // namespace

Result<void> CheckSubmission(const QueuedBatch& batch, const Submission& submission,
                             const std::string& origin) {
  if (submission.id != batch.id()) return Wrong(Errc::kInvalidValue, "it is about another batch");
  auto entry = ledger::DecodeDepositEntry(submission.entry);
  if (!entry) return Wrong(entry.error());
  if (entry->header_bytes != batch.header_bytes) {
    return Wrong(Errc::kInvalidValue, "entry.header: is not the header that was sent");
  }
  if (entry->signature != batch.signature || entry->account != batch.header.account) {
    return Wrong(Errc::kInvalidValue, "entry: account or signature is not the one that was sent");
  }
  if (!submission.attestation) return {};
  auto checkpoint = ledger::ParseCheckpoint(submission.attestation->checkpoint);
  if (!checkpoint) return Wrong(checkpoint.error());
  if (checkpoint->checkpoint.origin != origin) {
    return Wrong(Errc::kOriginMismatch,
                 "checkpoint of " + checkpoint->checkpoint.origin + ", not of " + origin);
  }
  const auto included = ledger::VerifyInclusion(
      ledger::LeafHash(AsBytes(submission.entry)), submission.index, checkpoint->checkpoint.size,
      submission.attestation->inclusion, checkpoint->checkpoint.root);
  if (!included)
    return Wrong(included.error().code, "inclusion proof of the entry: " + included.error().detail);
  return {};
}

std::vector<std::string> BuildReceipts(const QueuedBatch& batch, const Submission& submission) {
  CHECK_INVARIANT(submission.attestation.has_value());
  std::vector<Hash> leaves;
  leaves.reserve(batch.items.size());
  for (const QueuedItem& item : batch.items) leaves.push_back(ledger::RecordId(item.record));
  std::vector<ledger::Path> paths = ledger::AllInclusionPaths(leaves);

  std::vector<std::string> receipts;
  receipts.reserve(batch.items.size());
  ledger::Receipt receipt;
  receipt.entry = submission.entry;
  receipt.index = submission.index;
  receipt.attestations = {*submission.attestation};
  for (size_t i = 0; i < batch.items.size(); ++i) {
    receipt.record = batch.items[i].record;
    receipt.batch_index = i;
    receipt.batch_path = std::move(paths[i]);
    receipt.manifest.reset();
    if (!batch.items[i].manifest.empty()) receipt.manifest = batch.items[i].manifest;
    receipts.push_back(ledger::EncodeReceipt(receipt));
  }
  return receipts;
}

Result<void> WriteReceipts(const QueuedBatch& batch, const std::vector<std::string>& receipts) {
  CHECK_INVARIANT(receipts.size() == batch.items.size());
  std::set<std::string> folders;
  for (size_t i = 0; i < receipts.size(); ++i) {
    const QueuedItem& item = batch.items[i];
    const std::string temporary = TemporaryPath(item);
    RETURN_IF_ERROR(WriteUnsynced(temporary, receipts[i]));
    RETURN_IF_ERROR(KeepOlder(item));
    if (rename(temporary.c_str(), item.receipt_path.c_str()) != 0) return IoError(item.receipt_path);
    folders.insert(FolderOf(item.receipt_path));
  }
  return SyncFolders(folders);
}

namespace {

// Waits until the batch is attested or time is up; every answer is checked.
Result<Submission> Await(Client& client, const QueuedBatch& batch, const std::string& origin,
                         Submission submission, uint64_t wait_ms) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + std::chrono::milliseconds(wait_ms);
  RETURN_IF_ERROR(CheckSubmission(batch, submission, origin));
  while (!submission.attested && Clock::now() < deadline) {
    const auto asked = Clock::now();
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - asked);
    const auto step_ms = static_cast<uint64_t>(std::clamp<int64_t>(left.count(), 1, kServerWaitMsMax));
    auto newer = client.GetBatch(batch.id(), step_ms);
    if (!newer && newer.error().code == Errc::kInterrupted) return newer.error();
    if (!newer) break;  // it is on the ledger: what is left to come can be fetched later
    submission = std::move(newer).value();
    RETURN_IF_ERROR(CheckSubmission(batch, submission, origin));
    // A node that answers at once does not wait for us; do not ask it in a tight loop.
    if (!submission.attested && Clock::now() - asked < kPollInterval)
      std::this_thread::sleep_for(kPollInterval);
  }
  return submission;
}

// Awaits the attestation, and writes what receipts can be written.
Result<Delivery> Finish(Client& client, const QueuedBatch& batch, const std::string& origin,
                        Submission submission, uint64_t wait_ms) {
  Delivery delivery;
  delivery.repeated = submission.repeated;
  ASSIGN_OR_RETURN(submission, Await(client, batch, origin, std::move(submission), wait_ms));
  delivery.id = submission.id;
  delivery.index = submission.index;
  delivery.attested = submission.attested;
  if (submission.attestation) {
    delivery.checkpoint = submission.attestation->checkpoint;
    RETURN_IF_ERROR(WriteReceipts(batch, BuildReceipts(batch, submission)));
    delivery.written = true;
  }
  return delivery;
}

}  // namespace

Result<Delivery> Deliver(Client& client, const QueuedBatch& batch, const std::string& origin,
                         uint64_t wait_ms) {
  ASSIGN_OR_RETURN(Submission submission, client.SubmitBatch(batch.Envelope()));
  return Finish(client, batch, origin, std::move(submission), wait_ms);
}

Result<std::vector<std::string>> FetchReceipts(Client& client, const QueuedBatch& batch,
                                               const std::string& origin, uint64_t wait_ms) {
  ASSIGN_OR_RETURN(Submission submission, client.SubmitBatch(batch.Envelope()));
  ASSIGN_OR_RETURN(submission, Await(client, batch, origin, std::move(submission), wait_ms));
  if (!submission.attested) {
    return Error{Errc::kTimeout, "on the ledger, and too few institutions have cosigned by now"};
  }
  return BuildReceipts(batch, submission);
}

Result<Delivery> Complete(Client& client, const QueuedBatch& batch, const std::string& origin,
                          uint64_t wait_ms) {
  const uint64_t first_wait_ms = std::min<uint64_t>(wait_ms, kServerWaitMsMax);
  ASSIGN_OR_RETURN(Submission submission, client.GetBatch(batch.id(), first_wait_ms));
  return Finish(client, batch, origin, std::move(submission), wait_ms - first_wait_ms);
}

}  // namespace cunzheng::client
