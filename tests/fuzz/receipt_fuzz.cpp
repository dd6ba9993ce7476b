// Any text: a receipt that is accepted keeps its meaning when it is written anew, verification ends in a
// verdict that can be told, with and without a trust file, and rewriting a receipt never changes what it
// proves.
#include <cstdio>

#include "client/verify/verify.h"
#include "crypto/digest.h"
#include "crypto/file.h"

using namespace cunzheng;
using namespace cunzheng::ledger;

namespace {

// The trust file and the evidence of the seed corpus, so that valid receipts are met too.
struct Seeds {
  Trust trust;
  FileDigest evidence;
};

const Seeds& Load() {
  static const Seeds seeds = [] {
    const std::string folder = CUNZHENG_VECTORS_DIR "/sample/";
    const std::string evidence = ReadWholeFile(folder + "evidence.txt", kTrustLengthMax).value();
    return Seeds{DecodeTrust(ReadWholeFile(folder + "trust.json", kTrustLengthMax).value()).value(),
                 {DigestBytes(AsBytes(evidence)), evidence.size()}};
  }();
  return seeds;
}

std::string Tell(std::string_view text, const Trust* trust) {
  const verify::Report report = verify::Verify(text, Load().evidence, trust);
  CHECK_INVARIANT(report.error.has_value() == (report.verdict != verify::Verdict::kValid));
  CHECK_INVARIANT(trust != nullptr || report.verdict != verify::Verdict::kValid);
  CHECK_INVARIANT(!verify::ReportToText(report, "name", "zh").empty());
  const std::string json = verify::ReportToJson(report, "name");
  CHECK_INVARIANT(json::Parse(json, json::Form::kReadable, json.size()));
  return json;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = AsText({data, size});
  const std::string told = Tell(text, &Load().trust);
  const std::string told_without = Tell(text, nullptr);
  const auto receipt = DecodeReceipt(text);
  if (!receipt) return 0;
  const std::string rewritten = EncodeReceipt(*receipt);
  const auto again = DecodeReceipt(rewritten);
  CHECK_INVARIANT(again && *again == *receipt);
  CHECK_INVARIANT(Tell(rewritten, &Load().trust) == told);
  CHECK_INVARIANT(Tell(rewritten, nullptr) == told_without);
  return 0;
}
