// Any bytes as a timestamp token: they are rejected as token_invalid, or give a time. The root is the one of
// the seed corpus, over whose data its tokens were made.
#include "client/verify/timestamp_token.h"
#include "crypto/file.h"

using namespace cunzheng;

namespace {

struct Seeds {
  std::string data;
  std::vector<Bytes> roots;
};

const Seeds& Load() {
  static const Seeds seeds = [] {
    const std::string folder = CUNZHENG_FUZZ_DIR "/token_seeds/";
    const std::string root = ReadWholeFile(folder + "root.der", 65'536).value();
    const ByteSpan der = AsBytes(root);
    return Seeds{ReadWholeFile(folder + "checkpoint.txt", 65'536).value(), {Bytes(der.begin(), der.end())}};
  }();
  return seeds;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto token = verify::VerifyTimestampToken({data, size}, Load().data, Load().roots);
  CHECK_INVARIANT(token || token.error().code == Errc::kTokenInvalid);
  return 0;
}
