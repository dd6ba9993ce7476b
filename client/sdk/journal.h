// The queue on disk: batches that were signed and whose receipts are not all written yet. A batch is here,
// synced, before its first byte is sent, so that a crash or a lost network never leads to a second one.
//
// One file a batch, oldest first by name. Processes may share a journal: a batch is claimed by an advisory
// lock, which ends with its process. Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/sdk/queued_batch.h"
#include "crypto/result.h"

namespace cunzheng::client {

inline constexpr size_t kJournalBatchesMax = 10'000;

// A claimed batch; the claim ends with the object. Movable.
class ClaimedBatch {
 public:
  ClaimedBatch(QueuedBatch batch, std::string path, int fd);
  ClaimedBatch(ClaimedBatch&& other) noexcept;
  ClaimedBatch& operator=(ClaimedBatch&&) = delete;
  ~ClaimedBatch();

  const QueuedBatch& batch() const { return batch_; }
  QueuedBatch& batch() { return batch_; }
  const std::string& path() const { return path_; }

 private:
  QueuedBatch batch_;
  std::string path_;
  int fd_;
};

class Journal {
 public:
  // Makes the folder (mode 0700) when it is missing. Errors: kIo.
  static Result<Journal> Open(std::string folder);

  // Stores a batch durably and claims it. Errors: kIo; kBusy when the journal is full.
  Result<ClaimedBatch> Add(QueuedBatch batch);
  // Names of the batches, oldest first. Errors: kIo.
  Result<std::vector<std::string>> List() const;
  // Reads without claiming. Errors: kIo (gone meanwhile, too), decode errors.
  Result<QueuedBatch> Read(const std::string& name) const;
  // Claims; nullopt when another process has the batch or has just finished it.
  Result<std::optional<ClaimedBatch>> Claim(const std::string& name) const;
  // Ends a batch whose receipts are durable, or which its owner gives up. Errors: kIo.
  Result<void> Remove(const ClaimedBatch& claimed) const;

 private:
  explicit Journal(std::string folder) : folder_(std::move(folder)) {}
  std::string folder_;
};

}  // namespace cunzheng::client
