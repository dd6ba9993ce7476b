// Any text: a batch header, deposit entry or act entry that is accepted encodes to the same bytes, and no
// text is two of them.
#include "ledger/entry.h"

using namespace cunzheng;
using namespace cunzheng::ledger;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = AsText({data, size});
  int kinds = 0;
  if (const auto header = DecodeBatchHeader(text)) {
    CHECK_INVARIANT(EncodeBatchHeader(*header) == text);
    kinds++;
  }
  if (const auto entry = DecodeDepositEntry(text)) {
    CHECK_INVARIANT(EncodeDepositEntry(*entry) == text);
    CHECK_INVARIANT(EncodeBatchHeader(entry->header) == entry->header_bytes);
    kinds++;
  }
  if (const auto entry = DecodeActEntry(text)) {
    CHECK_INVARIANT(EncodeActEntry(*entry) == text);
    CHECK_INVARIANT(DecodeAct(entry->act_bytes));
    kinds++;
  }
  CHECK_INVARIANT(kinds <= 1);
  return 0;
}
