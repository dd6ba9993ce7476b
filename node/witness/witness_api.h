// A witness's paths over HTTP (specs/witness.md).
#pragma once

#include "node/clock.h"
#include "node/metrics.h"
#include "node/request_handler.h"
#include "node/witness/witness.h"

namespace cunzheng::node {

class WitnessApi final : public RequestHandler {
 public:
  // All outlive it.
  WitnessApi(Witness* witness, const Clock* clock, const Metrics* metrics)
      : witness_(witness), clock_(clock), metrics_(metrics) {}

  boost::asio::awaitable<Response> Handle(Request request) override;
  std::optional<Response> Precheck(Method method, std::string_view target,
                                   std::string_view content_type) const override;
  uint64_t body_length_max() const override { return ledger::kAddCheckpointLengthMax; }
  Response ProblemFor(const Error& error) const override { return Problem(error, clock_->WallMs()); }

 private:
  Witness* const witness_;
  const Clock* const clock_;
  const Metrics* const metrics_;
};

}  // namespace cunzheng::node
