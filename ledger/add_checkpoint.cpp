#include "ledger/add_checkpoint.h"

#include <algorithm>
#include <optional>

#include "ledger/fields.h"

namespace cunzheng::ledger {
namespace {

constexpr size_t kProofLinesMax = 63;

}  // namespace

Result<AddCheckpoint> DecodeAddCheckpoint(std::string_view body) {
  if (body.size() > kAddCheckpointLengthMax) {
    return Error{Errc::kTooLarge, "body: over " + std::to_string(kAddCheckpointLengthMax) + " bytes"};
  }
  AddCheckpoint request;
  const auto first = TakeLine(&body);
  const auto old_size = first && first->starts_with("old ") ? ParseTreeSize(first->substr(4)) : std::nullopt;
  if (!old_size) {
    return Error{Errc::kInvalidValue, "body: its first line must be \"old\", a space, a size"};
  }
  request.old_size = *old_size;
  for (;;) {
    const auto line = TakeLine(&body);
    if (!line) return Error{Errc::kInvalidValue, "body: an empty line must part proof and checkpoint"};
    if (line->empty()) break;
    const auto bytes = FromBase64(*line);
    if (!bytes || bytes->size() != sizeof(Hash) || request.proof.size() == kProofLinesMax) {
      return Error{Errc::kInvalidValue, "body: a proof has at most 63 lines, base64 of 32 bytes each"};
    }
    Hash hash;
    std::copy(bytes->begin(), bytes->end(), hash.begin());
    request.proof.push_back(hash);
  }
  ASSIGN_OR_RETURN(request.checkpoint, ParseCheckpoint(body));
  return request;
}

std::string EncodeAddCheckpoint(uint64_t old_size, const std::vector<Hash>& proof,
                                std::string_view checkpoint) {
  std::string body = "old " + std::to_string(old_size) + "\n";
  for (const Hash& hash : proof) body += ToBase64(hash) + "\n";
  return body.append("\n").append(checkpoint);
}

}  // namespace cunzheng::ledger
