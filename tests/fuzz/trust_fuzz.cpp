// Any text: a trust file that is accepted keeps its meaning and its id when it is written anew, and has a
// quorum that cannot fork.
#include "ledger/trust.h"

using namespace cunzheng;
using namespace cunzheng::ledger;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto trust = DecodeTrust(AsText({data, size}));
  if (!trust) return 0;
  CHECK_INVARIANT(2 * trust->quorum.k > trust->n() + trust->quorum.f && trust->quorum.k <= trust->n());
  const auto again = DecodeTrust(EncodeTrust(*trust));
  CHECK_INVARIANT(again && *again == *trust);
  CHECK_INVARIANT(TrustId(*again) == TrustId(*trust));
  return 0;
}
