// The history of a watched page, checked whole with the packages and receipts that stand beside it
// (specs/capture.md, "Change history").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/evidence/history.h"
#include "client/evidence/package.h"
#include "client/verify/verify.h"
#include "crypto/result.h"

namespace cunzheng::evidence {

// A package that a look names.
struct NamedPackage {
  size_t look = 0;
  std::string name;
  bool here = false;  // else the rest says nothing
  verify::Verdict verdict = verify::Verdict::kNotValid;
  std::optional<uint64_t> t2_unix_s;
};

struct NamedReceipt {
  std::string name, text;
};

// A receipt of the history as it was: of its first lines.
struct CoveredLooks {
  std::string receipt;  // file name
  size_t looks = 0;     // as many, from the first on
  verify::Report report;
};

struct HistoryReport {
  verify::Verdict verdict = verify::Verdict::kNotValid;
  std::optional<Error> error;  // what made it not valid, or why it is pending; names the file at fault
  bool chain_passed = false, packages_passed = false;
  std::optional<History> history;
  std::vector<NamedPackage> packages;
  uint64_t pictures = 0, pictures_absent = 0;
  std::vector<CoveredLooks> receipts;  // in the order given; the first one's verdict is the history's
};

// `receipts`: the newest first. Packages and pictures are looked for in the folder of `path`; packages' own
// receipts beside them. Errors: kIo (of the history itself), kInterrupted; the trust finder's. All else is in
// the report.
Result<HistoryReport> VerifyHistory(const std::string& path, const std::vector<NamedReceipt>& receipts,
                                    const TrustFinder& trust, const DigestProgress& progress = {});

// The packages and pictures that a history names and that are here, as paths; none of what is no history.
std::vector<std::string> FilesOfHistory(const std::string& path);

// As verify::ReportToText and ReportToJson.
std::string HistoryReportToText(const HistoryReport& report, std::string_view name,
                                std::string_view language);
std::string HistoryReportToJson(const HistoryReport& report, std::string_view name);

}  // namespace cunzheng::evidence
