// The HTTP API (specs/http-api.md): what each path answers. Knows the ledger and the engine, not
// sockets; http_server.h carries its requests and answers. Safe from any thread.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <string>
#include <string_view>

#include "ledger/ledger.h"
#include "node/clock.h"
#include "node/engine.h"
#include "node/metrics.h"
#include "node/request_handler.h"
#include "node/response.h"
#include "node/trust_versions.h"

namespace cunzheng::node {

inline constexpr std::string_view kEnvelopeType = "application/vnd.cunzheng.envelope";

class Api final : public RequestHandler {
 public:
  // All outlive the Api.
  Api(const ledger::Ledger* ledger, Engine* engine, const TrustVersions* trust_versions, const Clock* clock,
      Metrics* metrics);

  // The answer to one request. Signature checks run on the calling thread; while the engine works,
  // the coroutine waits without one.
  boost::asio::awaitable<Response> Handle(Request request) override;

  // What to answer to a target before its body is read: nothing, or 404, 405, 415.
  std::optional<Response> Precheck(Method method, std::string_view target,
                                   std::string_view content_type) const override;

  // Ends long polls; called when the node stops.
  void Stop() { stopping_ = true; }
  // The longest body that a POST may have.
  uint64_t body_length_max() const override;
  Response ProblemFor(const Error& error) const override { return Problem(error, clock_->WallMs()); }

 private:
  boost::asio::awaitable<Response> PostBatch(std::string_view body);
  boost::asio::awaitable<Response> PostAct(std::string_view body);
  boost::asio::awaitable<Result<Outcome>> Submit(ledger::Transaction transaction);
  boost::asio::awaitable<Response> GetBatch(Request request);
  Response Submitted(const Hash& id, const Outcome& outcome) const;
  Response Rejected(const Error& error) const;

  const ledger::Ledger* const ledger_;
  Engine* const engine_;
  const TrustVersions* const trust_versions_;
  const Clock* const clock_;
  Metrics* const metrics_;
  const Hash ledger_id_;
  const uint64_t batch_bytes_max_;  // fixed by genesis
  std::atomic<bool> stopping_{false};
};

}  // namespace cunzheng::node
