// Any text: a checkpoint that is accepted, body or signed note, encodes to the same bytes.
#include "ledger/checkpoint.h"

using namespace cunzheng;
using namespace cunzheng::ledger;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = AsText({data, size});
  if (const auto body = ParseCheckpointBody(text)) CHECK_INVARIANT(EncodeCheckpointBody(*body) == text);
  if (const auto checkpoint = ParseCheckpoint(text)) {
    CHECK_INVARIANT(EncodeNote(checkpoint->note) == text);
    CHECK_INVARIANT(EncodeCheckpointBody(checkpoint->checkpoint) == checkpoint->note.body);
  }
  return 0;
}
