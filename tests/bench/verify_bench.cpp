// What a court does, in process: the golden receipts of the first release.
#include <benchmark/benchmark.h>

#include <string>

#include "client/verify/verify.h"
#include "crypto/digest.h"
#include "crypto/file.h"
#include "ledger/trust.h"
#include "tests/bench/cast.h"

namespace cunzheng::bench {
namespace {

const std::string kGolden = CUNZHENG_VECTORS_DIR "/golden/v0.1/";

void VerifyReceipt(benchmark::State& state, const std::string& name) {
  const auto trust = Must(ledger::DecodeTrust(Must(ReadWholeFile(kGolden + "trust.json", 1u << 20))));
  const std::string receipt = Must(ReadWholeFile(kGolden + name + ".receipt.json", 4u << 20));
  const FileDigest evidence = Must(DigestFile(kGolden + name));
  for (auto _ : state) {
    const auto report = verify::Verify(receipt, evidence, &trust);
    if (report.verdict != verify::Verdict::kValid) Fail(name + ": not valid");
  }
}
BENCHMARK_CAPTURE(VerifyReceipt, secp256k1, "plain.txt");
BENCHMARK_CAPTURE(VerifyReceipt, sm2, "sm2.txt");

}  // namespace
}  // namespace cunzheng::bench
