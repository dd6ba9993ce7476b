// Any text: a body of an add-checkpoint request that is accepted encodes to the same bytes.
#include "ledger/add_checkpoint.h"

using namespace cunzheng;
using namespace cunzheng::ledger;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = AsText({data, size});
  const auto request = DecodeAddCheckpoint(text);
  if (!request) return 0;
  const std::string note = EncodeNote(request->checkpoint.note);
  CHECK_INVARIANT(EncodeAddCheckpoint(request->old_size, request->proof, note) == text);
  return 0;
}
