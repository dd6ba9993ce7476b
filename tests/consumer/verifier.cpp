// The least program that judges a receipt: verifier EVIDENCE RECEIPT TRUST. No network, no database.
#include <cstdio>
#include <string>

#include "client/verify/verify.h"
#include "crypto/digest.h"
#include "crypto/file.h"
#include "ledger/receipt.h"
#include "ledger/trust.h"

namespace {

int Fail(const cunzheng::Error& error) {
  std::fprintf(stderr, "error: %s\n", error.ToString().c_str());
  return cunzheng::ErrcExitCode(error.code);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: verifier EVIDENCE RECEIPT TRUST\n");
    return 2;
  }
  const auto evidence = cunzheng::DigestFile(argv[1]);
  if (!evidence) return Fail(evidence.error());
  const auto receipt = cunzheng::ReadWholeFile(argv[2], cunzheng::ledger::kReceiptLengthMax);
  if (!receipt) return Fail(receipt.error());
  const auto trust_text = cunzheng::ReadWholeFile(argv[3], cunzheng::ledger::kTrustLengthMax);
  if (!trust_text) return Fail(trust_text.error());
  const auto trust = cunzheng::ledger::DecodeTrust(*trust_text);
  if (!trust) return Fail(trust.error());

  const auto report = cunzheng::verify::Verify(*receipt, *evidence, &*trust);
  std::fputs(cunzheng::verify::ReportToText(report, argv[1], "en").c_str(), stdout);
  return cunzheng::verify::VerdictExitCode(report.verdict);
}
