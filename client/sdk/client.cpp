#include "client/sdk/client.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <exception>

#include "client/sdk/async_client.h"

namespace cunzheng::client {

namespace asio = boost::asio;

struct Client::Impl {
  asio::io_context io{1};
  std::function<bool()> stop;
  std::unique_ptr<AsyncClient> client;  // after `io`: its sockets go first

  // Asio hands results over by way of a default value, which a Result does not have.
  template <typename T>
  static asio::awaitable<void> Keep(asio::awaitable<Result<T>> call, std::optional<Result<T>>& out) {
    out.emplace(co_await std::move(call));
  }

  // Runs one coroutine to its end on this thread, and looks now and then whether it should end early.
  template <typename T>
  Result<T> Run(asio::awaitable<Result<T>> call) {
    std::optional<Result<T>> out;
    std::exception_ptr failure;
    asio::co_spawn(io, Keep(std::move(call), out),
                   [&](std::exception_ptr error) { failure = std::move(error); });
    io.restart();
    bool stopped = false;
    while (!out && !failure) {
      io.run_one_for(std::chrono::milliseconds(100));
      if (!stopped && stop && stop()) {
        stopped = true;
        client->Cancel();
      }
    }
    if (stopped) return Error{Errc::kInterrupted, "stopped while talking to the node"};
    if (failure) {
      try {
        std::rethrow_exception(failure);
      } catch (const std::exception& error) {
        return Error{Errc::kInternal, error.what()};
      }
    }
    return std::move(*out);
  }
};

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<Client> Client::Make(ClientOptions options) {
  auto impl = std::make_unique<Impl>();
  impl->stop = options.stop;
  ASSIGN_OR_RETURN(impl->client, AsyncClient::Make(impl->io.get_executor(), std::move(options)));
  return Client(std::move(impl));
}

Result<LedgerInfo> Client::GetLedger() {
  return impl_->Run(impl_->client->GetLedger());
}
Result<std::string> Client::GetCheckpoint() {
  return impl_->Run(impl_->client->GetCheckpoint());
}
Result<std::string> Client::GetTrust() {
  return impl_->Run(impl_->client->GetTrust());
}
Result<std::string> Client::GetTrustUpdate(uint64_t version) {
  return impl_->Run(impl_->client->GetTrustUpdate(version));
}
Result<ledger::Path> Client::GetConsistency(uint64_t first, uint64_t second) {
  return impl_->Run(impl_->client->GetConsistency(first, second));
}
Result<Submission> Client::SubmitBatch(std::string envelope) {
  return impl_->Run(impl_->client->SubmitBatch(std::move(envelope)));
}
Result<Submission> Client::GetBatch(const Hash& id, uint64_t wait_ms) {
  return impl_->Run(impl_->client->GetBatch(id, wait_ms));
}
Result<RecordPage> Client::FindRecords(const Hash& sha256, std::optional<std::string> cursor) {
  return impl_->Run(impl_->client->FindRecords(sha256, std::move(cursor)));
}
Result<EntryItem> Client::GetEntry(uint64_t index) {
  return impl_->Run(impl_->client->GetEntry(index));
}
Result<std::string> Client::GetReceipt(const Hash& record_id) {
  return impl_->Run(impl_->client->GetReceipt(record_id));
}

}  // namespace cunzheng::client
