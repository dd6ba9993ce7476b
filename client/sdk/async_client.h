// A node's HTTP API as coroutines (specs/http-api.md), with retries. For programs that run an Asio loop;
// others take client.h, which needs no Boost.
//
// Calls of one AsyncClient must not overlap: it has one connection. Not thread-safe. The client must
// outlive its calls.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "client/sdk/answers.h"
#include "client/sdk/http.h"
#include "client/sdk/transport.h"
#include "crypto/bytes.h"
#include "crypto/result.h"

namespace cunzheng::client {

class AsyncClient {
 public:
  // Errors: kUsage (the address), kIo (the CA file). Does not connect yet.
  static Result<std::unique_ptr<AsyncClient>> Make(boost::asio::any_io_executor executor,
                                                   ClientOptions options);
  AsyncClient(std::unique_ptr<Transport> transport, ClientOptions options);

  // Errors of all: kUnreachable, kTimeout and whatever else the node answers, after the retries that the
  // policy allows; a decoder's errors when the answer is not what specs/http-api.md says.

  boost::asio::awaitable<Result<LedgerInfo>> GetLedger();
  boost::asio::awaitable<Result<std::string>> GetCheckpoint();  // signed note
  boost::asio::awaitable<Result<std::string>> GetTrust();       // a hint, never to be trusted as it is
  // The trust update to `version` (ledger/trust_update.h). kNotFound: there is none yet.
  boost::asio::awaitable<Result<std::string>> GetTrustUpdate(uint64_t version);
  boost::asio::awaitable<Result<ledger::Path>> GetConsistency(uint64_t first, uint64_t second);
  // The envelope is resent as it is: however often it arrives, the ledger holds the batch once.
  boost::asio::awaitable<Result<Submission>> SubmitBatch(std::string envelope);
  // `wait_ms` (0..30,000): the node holds its answer back until the batch is attested or time is up.
  boost::asio::awaitable<Result<Submission>> GetBatch(Hash id, uint64_t wait_ms);
  boost::asio::awaitable<Result<RecordPage>> FindRecords(Hash sha256, std::optional<std::string> cursor);
  boost::asio::awaitable<Result<EntryItem>> GetEntry(uint64_t index);
  boost::asio::awaitable<Result<std::string>> GetReceipt(Hash record_id);  // the file's text

  // Any request: the body of a 200 answer, else the error that it stands for.
  boost::asio::awaitable<Result<std::string>> Call(HttpRequest request);
  void Cancel() { transport_->Cancel(); }

 private:
  std::unique_ptr<Transport> transport_;
  ClientOptions options_;
  std::minstd_rand random_;  // jitter only
};

}  // namespace cunzheng::client
