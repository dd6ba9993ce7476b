// Any text: an act that is accepted encodes to the same bytes.
#include "ledger/entry.h"

using namespace cunzheng;
using namespace cunzheng::ledger;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = AsText({data, size});
  if (const auto act = DecodeAct(text)) {
    CHECK_INVARIANT(text.size() <= kActLengthMax);
    CHECK_INVARIANT(EncodeAct(*act) == text);
  }
  return 0;
}
