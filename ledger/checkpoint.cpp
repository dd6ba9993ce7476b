#include "ledger/checkpoint.h"

#include <algorithm>
#include <charconv>

#include "crypto/json.h"

namespace cunzheng::ledger {
namespace {

Error Malformed(std::string_view rule) {
  return Error{Errc::kNoteMalformed, "checkpoint: " + std::string(rule)};
}

}  // namespace

std::string EncodeCheckpointBody(const Checkpoint& checkpoint) {
  return checkpoint.origin + "\n" + std::to_string(checkpoint.size) + "\n" + ToBase64(checkpoint.root) + "\n";
}

Result<Checkpoint> ParseCheckpointBody(std::string_view body) {
  std::string_view lines[3];
  for (std::string_view& line : lines) {
    const size_t end = body.find('\n');
    if (end == std::string_view::npos) return Malformed("the body must be three lines");
    line = body.substr(0, end);
    body.remove_prefix(end + 1);
  }
  if (!body.empty()) return Malformed("extension lines are not allowed");

  Checkpoint checkpoint;
  if (lines[0].empty()) return Malformed("the origin is empty");
  checkpoint.origin = lines[0];
  const char* const end = lines[1].data() + lines[1].size();
  const auto [rest, error] = std::from_chars(lines[1].data(), end, checkpoint.size);
  if (error != std::errc{} || rest != end || checkpoint.size > json::kIntegerMax ||
      std::to_string(checkpoint.size) != lines[1]) {
    return Malformed("the size must be a decimal number up to 2^53-1 without leading zeros");
  }
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
