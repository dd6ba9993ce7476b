// Any text: a trust update that is accepted is the same when it is written anew; and following it from a
// trust file that it does not continue never succeeds.
#include "ledger/trust_update.h"

using namespace cunzheng;
using namespace cunzheng::ledger;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto update = DecodeTrustUpdate(AsText({data, size}));
  if (!update) return 0;
  const auto again = DecodeTrustUpdate(EncodeTrustUpdate(*update));
  CHECK_INVARIANT(again && *again == *update);
  const auto trust = DecodeTrust(update->trust);
  if (trust) CHECK_INVARIANT(!VerifyTrustUpdate(*trust, *update));
  return 0;
}
