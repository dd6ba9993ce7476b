#include "node/api.h"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

#include "node/log.h"
#include "node/reads.h"
#include "node/target.h"

namespace cunzheng::node {
namespace {

namespace asio = boost::asio;
using asio::awaitable;
using asio::use_awaitable;

constexpr uint64_t kWaitMsMax = 30'000;
constexpr auto kPollInterval = std::chrono::milliseconds(50);
// Over the ledger's limit by this much a body still reaches the envelope's own check, whose answer
// names the limit; beyond it the connection ends.
constexpr uint64_t kBodySlack = 4'096;

std::string_view PathOf(std::string_view target) {
  return target.substr(0, target.find('?'));
}

bool IsEnvelopeType(std::string_view content_type) {
  const std::string_view type = content_type.substr(0, content_type.find(';'));
  if (type.size() != kEnvelopeType.size()) return false;
  for (size_t i = 0; i < type.size(); ++i) {
    const char c = type[i] >= 'A' && type[i] <= 'Z' ? static_cast<char>(type[i] - 'A' + 'a') : type[i];
    if (c != kEnvelopeType[i]) return false;
  }
  return true;
}

}  // namespace

Api::Api(const ledger::Ledger* ledger, Engine* engine, const TrustVersions* trust_versions,
         const Clock* clock, Metrics* metrics)
    : ledger_(ledger),
      engine_(engine),
      trust_versions_(trust_versions),
      clock_(clock),
      metrics_(metrics),
      ledger_id_(ledger->id()),
      batch_bytes_max_(ledger->params().batch_bytes_max) {}

uint64_t Api::body_length_max() const {
  return batch_bytes_max_ + kBodySlack;
}

std::optional<Response> Api::Precheck(Method method, std::string_view target,
                                      std::string_view content_type) const {
  const std::string_view path = PathOf(target);
  const bool submission = path == "/v1/batches" || path == "/v1/acts";
  const bool readable = IsReadPath(path) || path.substr(0, 12) == "/v1/batches/";
  if (!submission && !readable) return Problem(404, "not_found", "target: no such path");
  if (submission ? method != Method::kPost : method != Method::kGet) {
    Response response = Problem(405, "method_not_allowed", "method: not for this path");
    response.allow = submission ? "POST" : "GET, HEAD";
    return response;
  }
  if (submission && !IsEnvelopeType(content_type)) {
    return Problem(415, "unsupported_media_type", "Content-Type: must be " + std::string(kEnvelopeType));
  }
  return std::nullopt;
}

awaitable<Response> Api::Handle(Request request) {
  if (auto refusal = Precheck(request.method, request.target, request.content_type)) {
    co_return *std::move(refusal);
  }
  if (request.method == Method::kPost) {
    // No parameters: a query would be one that the client believes in and the node ignores.
    if (request.target == "/v1/batches") co_return co_await PostBatch(request.body);
    if (request.target == "/v1/acts") co_return co_await PostAct(request.body);
    co_return Problem(400, "invalid_value", "target: this path has no parameters");
  }
  if (PathOf(request.target).substr(0, 12) == "/v1/batches/") co_return co_await GetBatch(request);

  const auto target = Target::Parse(request.target);
  if (!target) co_return ProblemFor(target.error());
  auto response = AnswerRead({*ledger_, *engine_, *metrics_, *trust_versions_}, *target);
  if (!response) co_return ProblemFor(response.error());
  co_return *std::move(response);
}

awaitable<Response> Api::PostBatch(std::string_view body) {
  const auto start = std::chrono::steady_clock::now();
  auto batch = ledger::VerifyBatch(body, ledger_id_, batch_bytes_max_);
  if (!batch) co_return Rejected(batch.error());
  const Hash id = batch->id;
  const uint64_t records = batch->header.count;
  const auto outcome = co_await Submit(*std::move(batch));
  if (!outcome) co_return Rejected(outcome.error());
  Response response = Submitted(id, *outcome);
  if (outcome->applied.repeated) {
    metrics_->Repeated();
  } else {
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    metrics_->Deposited(records, elapsed.count());
  }
  co_return response;
}

awaitable<Response> Api::PostAct(std::string_view body) {
  auto act = ledger::VerifyAct(body, ledger_id_);
  if (!act) co_return Rejected(act.error());
  const Hash id = act->id;
  const std::string member = act->act.member;
  const auto outcome = co_await Submit(*std::move(act));
  if (!outcome) co_return Rejected(outcome.error());
  if (!outcome->applied.repeated) {
    metrics_->Acted();
    Log(LogLevel::kInfo, "act appended",
        {{"id", ToHex(id)}, {"member", member}, {"index", std::to_string(outcome->applied.index)}});
  }
  co_return Submitted(id, *outcome);
}

awaitable<Result<Outcome>> Api::Submit(ledger::Transaction transaction) {
  const auto start = [this](auto handler, ledger::Transaction&& moved) {
    // The engine keeps a copyable function; the coroutine's handler can only be moved.
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    engine_->Submit(std::move(moved), [shared](Result<Outcome> outcome) {
      // Back to the connection's own thread; the ledger's thread goes on.
      auto executor = asio::get_associated_executor(*shared);
      asio::post(executor, [shared, outcome = std::move(outcome)]() mutable {
        auto resume = std::move(*shared);
        resume(std::move(outcome));
      });
    });
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(Result<Outcome>)>(
      start, use_awaitable, std::move(transaction));
}

awaitable<Response> Api::GetBatch(Request request) {
  const auto target = Target::Parse(request.target);
  if (!target) co_return ProblemFor(target.error());
  if (auto allowed = target->AllowOnly({"wait_ms"}); !allowed) co_return ProblemFor(allowed.error());
  const auto wait_ms = target->Integer("wait_ms", 0, kWaitMsMax, 0);
  if (!wait_ms) co_return ProblemFor(wait_ms.error());
  const auto id = ParseHex32(*target->After("/v1/batches/"), "batch id");
  if (!id) co_return ProblemFor(id.error());
  const auto index = ledger_->FindTransaction(*id);
  if (!index) co_return ProblemFor(index.error());
  if (!*index) co_return Problem(404, "not_found", "batch: not on this ledger");

  const auto covered = [this, index] {
    const auto newest = engine_->Newest();
    return newest != nullptr && newest->size > **index;
  };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(*wait_ms);
  asio::steady_timer timer(co_await asio::this_coro::executor);
  while (!covered() && !stopping_ && std::chrono::steady_clock::now() < deadline) {
    timer.expires_after(kPollInterval);
    co_await timer.async_wait(use_awaitable);
  }
  auto document = SubmissionDocument(*ledger_, *id, **index, true, nullptr);
  if (!document) co_return ProblemFor(document.error());
  Response response;
  response.body = *std::move(document);
  co_return response;
}

Response Api::Submitted(const Hash& id, const Outcome& outcome) const {
  auto document =
      SubmissionDocument(*ledger_, id, outcome.applied.index, outcome.applied.repeated, outcome.checkpoint);
  if (!document) return ProblemFor(document.error());
  Response response;
  response.body = *std::move(document);
  return response;
}

Response Api::Rejected(const Error& error) const {
  metrics_->Rejected(error.code);
  if (LogEnabled(LogLevel::kDebug)) {
    Log(LogLevel::kDebug, "submission refused",
        {{"code", std::string(ErrcName(error.code))}, {"detail", error.detail}});
  }
  return ProblemFor(error);
}

}  // namespace cunzheng::node
