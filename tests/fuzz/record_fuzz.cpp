// Any text: a record or manifest that is accepted encodes to the same bytes.
#include "ledger/record.h"

using namespace cunzheng;
using namespace cunzheng::ledger;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = AsText({data, size});
  if (const auto record = DecodeRecord(text)) {
    CHECK_INVARIANT(text.size() <= kRecordLengthMax);
    CHECK_INVARIANT(EncodeRecord(*record) == text);
  }
  if (const auto manifest = DecodeManifest(text)) {
    CHECK_INVARIANT(text.size() <= kManifestLengthMax);
    CHECK_INVARIANT(EncodeManifest(*manifest) == text);
  }
  return 0;
}
