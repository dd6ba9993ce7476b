// The answers of the read paths (specs/http-api.md), each from the ledger's committed state. Pure
// but for that; safe from any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "ledger/ledger.h"
#include "node/engine.h"
#include "node/metrics.h"
#include "node/response.h"
#include "node/target.h"
#include "node/trust_versions.h"

namespace cunzheng::node {

struct ReadContext {
  const ledger::Ledger& ledger;
  const Engine& engine;
  const Metrics& metrics;
  const TrustVersions& trust_versions;
};

// Whether a GET of `path` is answered by AnswerRead, whatever its parameters are.
bool IsReadPath(std::string_view path);
// The answer to a GET, but for GET /v1/batches/{id}, which may wait. Errors: kNotFound,
// kInvalidValue, kMissingField, kIndexOutOfRange; the store's.
Result<Response> AnswerRead(const ReadContext& context, const Target& target);

// The submission document of the transaction `id` at `index`. `checkpoint` is the note to attest it
// with when it is at hand; otherwise its earliest is looked up, and there may be none (pending).
Result<std::string> SubmissionDocument(const ledger::Ledger& ledger, const Hash& id, uint64_t index,
                                       bool repeated, const std::shared_ptr<const Published>& checkpoint);

}  // namespace cunzheng::node
