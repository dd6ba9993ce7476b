#include "client/sdk/async_client.h"

#include <utility>

namespace cunzheng::client {

using boost::asio::awaitable;

namespace {

constexpr std::string_view kEnvelopeType = "application/vnd.cunzheng.envelope";

HttpRequest Get(std::string target) {
  HttpRequest request;
  request.target = std::move(target);
  return request;
}

}  // namespace

Result<std::unique_ptr<AsyncClient>> AsyncClient::Make(boost::asio::any_io_executor executor,
                                                       ClientOptions options) {
  ASSIGN_OR_RETURN(auto transport, MakeHttpTransport(std::move(executor), options));
  return std::make_unique<AsyncClient>(std::move(transport), std::move(options));
}

AsyncClient::AsyncClient(std::unique_ptr<Transport> transport, ClientOptions options)
    : transport_(std::move(transport)), options_(std::move(options)), random_(std::random_device{}()) {}

awaitable<Result<std::string>> AsyncClient::Call(HttpRequest request) {
  for (unsigned attempts = 1;; ++attempts) {
    Result<HttpResponse> answer = co_await transport_->Exchange(request);
    if (answer && answer->status == 200) co_return std::move(answer->body);
    const Error error = answer ? ErrorFromResponse(*answer) : answer.error();
    const auto retry_after_s = answer ? answer->retry_after_s : std::nullopt;
    if (options_.stop && options_.stop())
      co_return Error{Errc::kInterrupted, "stopped while talking to the node"};
    const double unit = std::uniform_real_distribution<double>(0, 1)(random_);
    const auto delay_ms = RetryDelayMs(options_.retry, attempts, error.code, retry_after_s, unit);
    if (!delay_ms) co_return error;
    co_await transport_->Pause(*delay_ms);
    if (options_.stop && options_.stop())
      co_return Error{Errc::kInterrupted, "stopped while waiting for the node"};
  }
}

awaitable<Result<LedgerInfo>> AsyncClient::GetLedger() {
  HttpRequest request = Get("/v1/ledger");
  ASSIGN_OR_CO_RETURN(const std::string body, co_await Call(std::move(request)));
  co_return DecodeLedgerInfo(body);
}

awaitable<Result<std::string>> AsyncClient::GetCheckpoint() {
  HttpRequest request = Get("/checkpoint");
  co_return co_await Call(std::move(request));
}

awaitable<Result<std::string>> AsyncClient::GetTrust() {
  HttpRequest request = Get("/v1/trust");
  co_return co_await Call(std::move(request));
}

awaitable<Result<std::string>> AsyncClient::GetTrustUpdate(uint64_t version) {
  HttpRequest request = Get("/v1/trust/" + std::to_string(version));
  co_return co_await Call(std::move(request));
}

awaitable<Result<ledger::Path>> AsyncClient::GetConsistency(uint64_t first, uint64_t second) {
  HttpRequest request =
      Get("/v1/proofs/consistency?first=" + std::to_string(first) + "&second=" + std::to_string(second));
  const auto body = co_await Call(std::move(request));
  if (!body) co_return body.error();
  co_return DecodePath(*body);
}

awaitable<Result<Submission>> AsyncClient::SubmitBatch(std::string envelope) {
  HttpRequest request;
  request.method = "POST";
  request.target = "/v1/batches";
  request.content_type = kEnvelopeType;
  request.body = std::move(envelope);
  ASSIGN_OR_CO_RETURN(const std::string body, co_await Call(std::move(request)));
  co_return DecodeSubmission(body);
}

awaitable<Result<Submission>> AsyncClient::GetBatch(Hash id, uint64_t wait_ms) {
  HttpRequest request = Get("/v1/batches/" + ToHex(id));
  if (wait_ms > 0) request.target += "?wait_ms=" + std::to_string(wait_ms);
  request.wait_ms = wait_ms;
  ASSIGN_OR_CO_RETURN(const std::string body, co_await Call(std::move(request)));
  co_return DecodeSubmission(body);
}

awaitable<Result<RecordPage>> AsyncClient::FindRecords(Hash sha256, std::optional<std::string> cursor) {
  HttpRequest request = Get("/v1/records?sha256=" + ToHex(sha256));
  if (cursor) request.target += "&from=" + *cursor;
  ASSIGN_OR_CO_RETURN(const std::string body, co_await Call(std::move(request)));
  co_return DecodeRecordPage(body);
}

awaitable<Result<EntryItem>> AsyncClient::GetEntry(uint64_t index) {
  HttpRequest request = Get("/v1/entries/" + std::to_string(index));
  ASSIGN_OR_CO_RETURN(const std::string body, co_await Call(std::move(request)));
  co_return DecodeEntryItem(body);
}

awaitable<Result<std::string>> AsyncClient::GetReceipt(Hash record_id) {
  HttpRequest request = Get("/v1/receipts/" + ToHex(record_id));
  co_return co_await Call(std::move(request));
}

}  // namespace cunzheng::client
