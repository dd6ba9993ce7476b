// Any text: a genesis that is accepted encodes to the same bytes, has a quorum that cannot fork, and gives a
// trust file that loads.
#include "ledger/entry.h"
#include "ledger/trust.h"

using namespace cunzheng;
using namespace cunzheng::ledger;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = AsText({data, size});
  const auto genesis = DecodeGenesis(text);
  if (!genesis) return 0;
  CHECK_INVARIANT(EncodeGenesis(*genesis) == text);
  CHECK_INVARIANT(2 * genesis->k > genesis->members.size() + genesis->f);
  const Trust trust = TrustFromGenesis(text, *genesis);
  const auto loaded = DecodeTrust(EncodeTrust(trust));
  CHECK_INVARIANT(loaded && *loaded == trust);
  return 0;
}
