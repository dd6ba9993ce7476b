#include "ledger/checkpoint.h"

#include <algorithm>
#include <charconv>

#include "crypto/json.h"
#include "ledger/fields.h"

namespace cunzheng::ledger {
namespace {

Error Malformed(std::string_view rule) {
  return Error{Errc::kNoteMalformed, "checkpoint: " + std::string(rule)};
}

}  // namespace

std::string EncodeCheckpointBody(const Checkpoint& checkpoint) {
  return checkpoint.origin + "\n" + std::to_string(checkpoint.size) + "\n" + ToBase64(checkpoint.root) + "\n";
}

std::optional<uint64_t> ParseTreeSize(std::string_view text) {
  uint64_t size = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, size);
  if (error != std::errc{} || rest != end || size > json::kIntegerMax || std::to_string(size) != text) {
    return std::nullopt;
  }
  return size;
}

Result<Checkpoint> ParseCheckpointBody(std::string_view body) {
  std::string_view lines[3];
  for (std::string_view& line : lines) {
    const auto next = TakeLine(&body);
    if (!next) return Malformed("the body must be three lines");
    line = *next;
  }
  if (!body.empty()) return Malformed("extension lines are not allowed");

  Checkpoint checkpoint;
  if (lines[0].empty()) return Malformed("the origin is empty");
  checkpoint.origin = lines[0];
  const auto size = ParseTreeSize(lines[1]);
  if (!size) return Malformed("the size must be a decimal number up to 2^53-1 without leading zeros");
  checkpoint.size = *size;
  const auto root = FromBase64(lines[2]);
  if (!root || root->size() != checkpoint.root.size())
    return Malformed("the root must be base64 of 32 bytes");
  std::copy(root->begin(), root->end(), checkpoint.root.begin());
  return checkpoint;
}

Result<SignedCheckpoint> ParseCheckpoint(std::string_view note_text) {
  SignedCheckpoint result;
  ASSIGN_OR_RETURN(result.note, ParseNote(note_text));
  ASSIGN_OR_RETURN(result.checkpoint, ParseCheckpointBody(result.note.body));
  return result;
}

}  // namespace cunzheng::ledger
