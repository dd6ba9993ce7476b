// A node's HTTP API as plain blocking calls (specs/http-api.md), with retries; what most programs want.
// One Client is one connection: not thread-safe, one per thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "client/sdk/answers.h"
#include "client/sdk/http.h"
#include "crypto/bytes.h"
#include "crypto/result.h"

namespace cunzheng::client {

class AsyncClient;

class Client {
 public:
  // Errors: kUsage (the address), kIo (the CA file). Does not connect yet.
  static Result<Client> Make(ClientOptions options);
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  // As in async_client.h; and kInterrupted once options.stop says so.
  Result<LedgerInfo> GetLedger();
  Result<std::string> GetCheckpoint();
  Result<std::string> GetTrust();
  Result<std::string> GetTrustUpdate(uint64_t version);
  Result<ledger::Path> GetConsistency(uint64_t first, uint64_t second);
  Result<Submission> SubmitBatch(std::string envelope);
  Result<Submission> GetBatch(const Hash& id, uint64_t wait_ms);
  Result<RecordPage> FindRecords(const Hash& sha256, std::optional<std::string> cursor = std::nullopt);
  Result<EntryItem> GetEntry(uint64_t index);
  Result<std::string> GetReceipt(const Hash& record_id);

 private:
  struct Impl;
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cunzheng::client
