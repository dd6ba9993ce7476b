#include "node/witness/witness_api.h"

namespace cunzheng::node {
namespace {

constexpr std::string_view kAddPath = "/add-checkpoint";
constexpr std::string_view kCheckpointSuffix = "/checkpoint";
constexpr size_t kLogNameLength = 64;

// The log's name in "/<name>/checkpoint"; empty for another target.
std::string_view LogOf(std::string_view target) {
  if (target.size() != 1 + kLogNameLength + kCheckpointSuffix.size() || !target.ends_with(kCheckpointSuffix))
    return {};
  return target.substr(1, kLogNameLength);
}

}  // namespace

std::optional<Response> WitnessApi::Precheck(Method method, std::string_view target, std::string_view) const {
  const bool add = target == kAddPath;
  if (!add && LogOf(target).empty() && target != "/healthz" && target != "/metrics") {
    return Problem(404, "not_found", "target: no such path");
  }
  if (add ? method != Method::kPost : method != Method::kGet) {
    Response response = Problem(405, "method_not_allowed", "method: not for this path");
    response.allow = add ? "POST" : "GET, HEAD";
    return response;
  }
  return std::nullopt;
}

boost::asio::awaitable<Response> WitnessApi::Handle(Request request) {
  if (auto refusal = Precheck(request.method, request.target, request.content_type))
    co_return *std::move(refusal);
  if (request.method == Method::kPost) co_return witness_->Add(request.body);
  Response response;
  response.content_type = kTextType;
  if (request.target == "/healthz") {
    response.body = "ok\n";
  } else if (request.target == "/metrics") {
    response.body = metrics_->Text();
  } else {
    auto latest = witness_->Latest(LogOf(request.target));
    if (!latest) co_return ProblemFor(latest.error());
    response.body = *std::move(latest);
  }
  co_return response;
}

}  // namespace cunzheng::node
