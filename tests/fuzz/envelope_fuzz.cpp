// Any text: an envelope that frames is put together again to the same bytes when its signature line is well
// formed; what verifies is as its header says, and only then does an envelope of this ledger carry its
// records.
#include "ledger/entry.h"

using namespace cunzheng;
using namespace cunzheng::ledger;

namespace {

constexpr size_t kLengthMax = 524'288;

void CheckBatch(std::string_view text, const EnvelopeView& view, const Hash& ledger) {
  const auto batch = VerifyBatch(text, ledger, kLengthMax);
  if (!batch) return;
  CHECK_INVARIANT(batch->header_bytes == view.signed_bytes);
  CHECK_INVARIANT(batch->records_blob == view.records_blob);
  CHECK_INVARIANT(batch->index.size() == view.records.size());
  const bool plain = batch->header.mode == BatchMode::kPlain;
  CHECK_INVARIANT(batch->index.size() == (plain ? batch->header.count : 0));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = AsText({data, size});
  const auto view = ParseEnvelope(text, kLengthMax);
  if (!view) {
    CHECK_INVARIANT(!VerifyBatch(text, {}, kLengthMax) && !VerifyAct(text, {}));
    return 0;
  }
  if (const auto block = DecodeSignatureBlock(view->signature_block)) {
    CHECK_INVARIANT(EncodeSignatureBlock(*block) == view->signature_block);
    CHECK_INVARIANT(
        EncodeEnvelope(view->signed_bytes, *block, {view->records.begin(), view->records.end()}) == text);
  }
  // As the ledger that the envelope names, so that more than the ledger's id is looked at.
  if (const auto header = DecodeBatchHeader(view->signed_bytes)) CheckBatch(text, *view, header->ledger);
  if (const auto act = DecodeAct(view->signed_bytes)) {
    const auto verified = VerifyAct(text, act->ledger);
    CHECK_INVARIANT(!verified || verified->act_bytes == view->signed_bytes);
  }
  // Records are reached without a signature as well.
  for (std::string_view record : view->records) {
    if (const auto decoded = DecodeRecord(record)) CHECK_INVARIANT(EncodeRecord(*decoded) == record);
  }
  return 0;
}
