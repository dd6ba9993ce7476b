// Any text: a key file or public key file that is accepted means the same after it is written again.
#include "crypto/key_file.h"

using namespace cunzheng;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = AsText({data, size});
  if (const auto file = DecodeKeyFile(text)) {
    const std::string written = EncodeKeyFile(*file);
    const auto again = DecodeKeyFile(written);
    CHECK_INVARIANT(again && *again == *file);
    CHECK_INVARIANT(EncodeKeyFile(*again) == written);
  }
  if (const auto key = DecodeAccountPublicKey(text)) {
    const auto again = DecodeAccountPublicKey(EncodeAccountPublicKey(*key));
    CHECK_INVARIANT(again && *again == *key);
  }
  return 0;
}
