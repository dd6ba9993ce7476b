// The checks of specs/capture.md, "Verification", in its order. The receipt is client/verify's.
#include <algorithm>
#include <array>

#include "client/evidence/package.h"
#include "client/evidence/package_members.h"
#include "client/evidence/recording.h"
#include "ledger/receipt.h"
#include "ledger/trust.h"

namespace cunzheng::evidence {
namespace {

using verify::StepState;

// Part of both verifications: the checks that were made, the first failure, and the small members.
class Checks {
 public:
  explicit Checks(PackageReport* report) : report_(report) {}

  // Runs a check unless an earlier one failed. Only kIo and kInterrupted are errors of the run itself.
  template <typename F>
  Result<void> Run(CheckId id, F&& check) {
    if (failed_) {
      report_->checks.push_back({id, StepState::kNotDone, std::nullopt});
      return {};
    }
    const Result<void> result = check();
    if (!result) return Failed(id, result.error());
    report_->checks.push_back({id, StepState::kPassed, std::nullopt});
    return {};
  }
  Result<void> Failed(CheckId id, const Error& error) {
    if (error.code == Errc::kIo || error.code == Errc::kInterrupted) return error;
    report_->checks.push_back({id, StepState::kFailed, error});
    failed_ = error;
    return {};
  }
  bool failed() const { return failed_.has_value(); }
  // What the package's own checks found outweighs what the receipt says: it names the part.
  void Judge() {
    if (!failed_) return;
    report_->receipt.verdict = verify::Verdict::kNotValid;
    report_->receipt.error = failed_;
    report_->receipt.t1.reset();
    report_->receipt.t2.reset();
  }

 private:
  PackageReport* const report_;
  std::optional<Error> failed_;
};

Error Wrong(Errc code, std::string_view member, const std::string& what) {
  return {code, std::string(member) + ": " + what};
}

Error In(std::string_view member, const Error& error) {
  return Wrong(error.code, member, error.detail);
}

// The members must be these, in this order; those in brackets may be missing.
Result<void> CheckMembers(const ZipReader& zip,
                          std::initializer_list<std::pair<std::string_view, bool>> expected,
                          bool parts_follow) {
  size_t next = 0;
  for (const auto& [name, optional] : expected) {
    if (next < zip.members().size() && zip.members()[next].name == name) {
      ++next;
    } else if (!optional) {
      const bool elsewhere = zip.Find(name) != nullptr;
      return Wrong(elsewhere ? Errc::kInvalidValue : Errc::kMissingField, name,
                   elsewhere ? "stands in another place than the format gives it" : "is missing");
    }
  }
  for (; next < zip.members().size(); ++next) {
    const std::string& name = zip.members()[next].name;
    if (parts_follow && name.starts_with("parts/")) continue;
    return Wrong(Errc::kUnknownField, name,
                 "is no member of this format, or stands in another place than its own");
  }
  return {};
}

// Which part of the WACZ it is that has changed: its members have CRC-32s too.
Error NamePart(const ZipReader& zip, const ZipMember& wacz, Error error) {
  const auto inner = ZipReader::Open(zip.Source(wacz));
  if (!inner) return In(wacz.name, inner.error());
  for (const ZipMember& member : inner->members()) {
    const auto same = inner->CheckCrc(member);
    if (!same) return In(wacz.name, same.error());
  }
  return error;
}

// The CRC-32s, by which other programs judge, and the text that belongs to the format.
Result<void> CheckFrame(const ZipReader& zip, std::string_view readme) {
  for (const ZipMember& member : zip.members()) {
    const auto same = zip.CheckCrc(member);
    if (!same) return member.name == kWaczMember ? NamePart(zip, member, same.error()) : same.error();
  }
  ASSIGN_OR_RETURN(const std::string text, ReadMember(zip, kReadmeMember, 64 << 10));
  if (text == readme) return {};
  return Wrong(Errc::kDigestMismatch, kReadmeMember, "is not the text that belongs to the format");
}

// Manifest, receipt and trust file as they are in the package.
struct Papers {
  std::string manifest_text;
  ledger::Manifest manifest;
  std::optional<std::string> receipt;
  CaptureFacts facts;
  std::string hint_fingerprint;
};

Result<Papers> ReadPapers(const ZipReader& zip, const OutsideReceipt& outside) {
  Papers papers;
  ASSIGN_OR_RETURN(papers.manifest_text, ReadMember(zip, kManifestMember, ledger::kManifestLengthMax));
  auto manifest = ledger::DecodeManifest(papers.manifest_text);
  if (!manifest) return In(kManifestMember, manifest.error());
  papers.manifest = std::move(manifest).value();
  papers.receipt = outside.text;
  if (zip.Find(kReceiptMember) != nullptr) {
    ASSIGN_OR_RETURN(const std::string text, ReadMember(zip, kReceiptMember, ledger::kReceiptLengthMax));
    const auto receipt = ledger::DecodeReceipt(text);
    if (!receipt) return In(kReceiptMember, receipt.error());
    if (ledger::EncodeReceipt(*receipt) != text) {
      return Wrong(Errc::kNotCanonical, kReceiptMember, "is not in the form in which receipts are written");
    }
    if (!outside.text || !outside.instead) papers.receipt = text;
  }
  if (papers.receipt) {
    const auto receipt = ledger::DecodeReceipt(*papers.receipt);
    if (!receipt) return receipt.error();
    if (receipt->manifest != papers.manifest_text) {
      return Wrong(Errc::kManifestMismatch, kManifestMember, "is not the receipt's manifest");
    }
  }
  auto facts = FactsFromManifest(papers.manifest);
  if (!facts) return In(kManifestMember, facts.error());
  papers.facts = std::move(facts).value();
  const bool has_trust = zip.Find(kTrustMember) != nullptr;
  if (has_trust != papers.facts.trust_sha256.has_value()) {
    return Wrong(has_trust ? Errc::kUnknownField : Errc::kMissingField, kTrustMember,
                 has_trust ? "the manifest knows of none" : "the manifest names one");
  }
  if (has_trust) {
    ASSIGN_OR_RETURN(const std::string text, ReadMember(zip, kTrustMember, ledger::kTrustLengthMax));
    if (Sha256(AsBytes(text)) != *papers.facts.trust_sha256) {
      return Wrong(Errc::kDigestMismatch, kTrustMember, "is not the one that the manifest names");
    }
    if (const auto trust = ledger::DecodeTrust(text))
      papers.hint_fingerprint = ledger::TrustFingerprint(*trust);
  }
  return papers;
}

Result<void> CheckFacts(const CaptureFacts& facts, const WaczReport& wacz) {
  if (wacz.pages.empty()) return Wrong(Errc::kMissingField, kWaczPages, "has no page");
  const std::string& url = wacz.pages.front().url;
  const bool same = facts.url_sha256 ? Sha256(AsBytes(url)) == *facts.url_sha256 : url == facts.url;
  if (same) return {};
  return Wrong(Errc::kManifestMismatch, kWaczPages, "the first page's address is not the manifest's");
}

// The stages of CheckWacz as checks of their own: when it fails, the one under way has failed.
Result<void> RunWacz(const ZipReader& wacz, const DigestProgress& progress, PackageReport* report,
                     Checks* checks) {
  struct Stage {
    CheckId id;
    WaczStage last;
  };
  static constexpr Stage kStages[] = {{CheckId::kWacz, WaczStage::kSignature},
                                      {CheckId::kRecords, WaczStage::kRecords},
                                      {CheckId::kIndex, WaczStage::kPages},
                                      {CheckId::kPictures, WaczStage::kPictures}};
  Result<void> outcome;
  WaczStage reached = WaczStage::kMembers;
  if (!checks->failed()) {
    auto found = CheckWacz(wacz, [&](WaczStage stage, uint64_t bytes) {
      reached = stage;
      return !progress || progress(bytes);
    });
    if (found) {
      report->wacz = std::move(found).value();
    } else {
      outcome = found.error();
    }
  }
  for (const Stage& stage : kStages) {
    RETURN_IF_ERROR(checks->Run(stage.id, [&]() -> Result<void> {
      if (!outcome && reached <= stage.last) return outcome.error();
      return {};
    }));
  }
  return {};
}

template <typename T>
Result<T> ReadReport(const ZipReader& wacz, std::string_view name, size_t length_max,
                     Result<T> (*decode)(std::string_view)) {
  const std::string member = std::string(kWaczAttachments) + std::string(name);
  ASSIGN_OR_RETURN(const std::string text, ReadMember(wacz, member, length_max));
  Result<T> decoded = decode(text);
  if (!decoded) return In(member, decoded.error());
  return decoded;
}

// The operation log has each segment of a recording as it ended, so that none is missing at the end.
Result<void> CheckSegments(const OperationLog& log, const std::vector<Hash>& segments) {
  std::vector<std::string> named, there;
  for (const OperationLine& line : log.lines) {
    if (line.what == kSegmentStep) named.push_back(line.detail.empty() ? "" : line.detail.front());
  }
  for (const Hash& digest : segments) there.push_back(SegmentDetail(there.size(), digest));
  if (named == there) return {};
  return Wrong(Errc::kManifestMismatch, kOperationsFile,
               "names other segments of a recording than there are");
}

// The reports decode, and none says more than the manifest or less.
Result<void> CheckReports(const ZipReader& wacz, const CaptureFacts& facts, PackageReport* report) {
  ASSIGN_OR_RETURN(report->completeness,
                   ReadReport(wacz, kCompletenessFile, kCompletenessBytesMax, DecodeCompleteness));
  ASSIGN_OR_RETURN(report->cleanliness,
                   ReadReport(wacz, kCleanlinessFile, kCleanlinessBytesMax, DecodeCleanliness));
  ASSIGN_OR_RETURN(const OperationLog log,
                   ReadReport(wacz, kOperationsFile, kOperationsBytesMax, DecodeOperations));
  if (log.tool != facts.tool) {
    return Wrong(Errc::kManifestMismatch, kOperationsFile, "names another tool than the manifest");
  }
  RETURN_IF_ERROR(CheckSegments(log, report->wacz->segments));
  if (facts.outcome == "complete" && !report->completeness->Complete()) {
    return Wrong(Errc::kManifestMismatch, kCompletenessFile, "has gaps, and the manifest says complete");
  }
  return {};
}

bool HasAnchors(const std::optional<ZipReader>& wacz) {
  if (!wacz) return false;
  const std::string prefix = std::string(kWaczAttachments) + "recording-";
  return std::any_of(wacz->members().begin(), wacz->members().end(), [&](const ZipMember& member) {
    return member.name.starts_with(prefix) && member.name.ends_with(".receipt.json");
  });
}

void NoReceipt(PackageReport* report) {
  report->without_receipt = true;
  report->receipt.verdict = verify::Verdict::kPending;
  report->receipt.error = Wrong(Errc::kNotFound, kReceiptMember, "neither in the package nor beside it");
}

}  // namespace

Result<PackageReport> VerifyPackage(const std::shared_ptr<ByteSource>& source, const OutsideReceipt& outside,
                                    const TrustFinder& trust, const DigestProgress& progress) {
  PackageReport report;
  Checks checks(&report);
  std::optional<ZipReader> zip, wacz;
  Papers papers;
  FileDigest evidence;
  std::vector<Part> parts;
  RETURN_IF_ERROR(checks.Run(CheckId::kContainer, [&]() -> Result<void> {
    ASSIGN_OR_RETURN(zip, ZipReader::Open(source));
    RETURN_IF_ERROR(CheckMembers(*zip,
                                 {{kReadmeMember, false},
                                  {kWaczMember, false},
                                  {kPartsMember, false},
                                  {kManifestMember, false},
                                  {kReceiptMember, true},
                                  {kTrustMember, true}},
                                 false));
    return CheckFrame(*zip, kPackageReadme);
  }));
  RETURN_IF_ERROR(checks.Run(CheckId::kManifest, [&]() -> Result<void> {
    ASSIGN_OR_RETURN(papers, ReadPapers(*zip, outside));
    report.facts = papers.facts;
    report.hint_fingerprint = papers.hint_fingerprint;
    return {};
  }));
  RETURN_IF_ERROR(checks.Run(CheckId::kParts, [&]() -> Result<void> {
    ASSIGN_OR_RETURN(const std::string text, ReadMember(*zip, kPartsMember, kPartsBytesMax));
    auto decoded = DecodeParts(text);
    if (!decoded) return In(kPartsMember, decoded.error());
    parts = std::move(decoded).value();
    if (parts.size() != papers.facts.parts ||
        ledger::RootFromLeaves(PartLeaves(parts)) != papers.facts.parts_root) {
      return Wrong(Errc::kRootMismatch, kPartsMember, "is not the list that the manifest commits to");
    }
    const auto inner = zip->Source(*zip->Find(kWaczMember));
    auto opened = ZipReader::Open(inner);
    if (!opened) return In(kWaczMember, opened.error());
    wacz = std::move(opened).value();
    const auto same = CheckParts(*wacz, parts, progress);
    if (!same) return In(kWaczMember, same.error());
    ASSIGN_OR_RETURN(evidence, DigestSource(*inner));
    return {};
  }));
  if (wacz) {
    RETURN_IF_ERROR(RunWacz(*wacz, progress, &report, &checks));
  } else {
    for (const CheckId id : {CheckId::kWacz, CheckId::kRecords, CheckId::kIndex, CheckId::kPictures}) {
      RETURN_IF_ERROR(checks.Run(id, [] { return Result<void>(); }));
    }
  }
  RETURN_IF_ERROR(checks.Run(CheckId::kReports, [&]() -> Result<void> {
    RETURN_IF_ERROR(CheckFacts(papers.facts, *report.wacz));
    return CheckReports(*wacz, papers.facts, &report);
  }));
  if (papers.receipt) {
    ASSIGN_OR_RETURN(const ledger::Trust* found, trust(*papers.receipt));
    report.receipt = verify::Verify(*papers.receipt, evidence, found);
    const auto& record = report.receipt.record;
    if (record && record->kind != kCaptureKind && !checks.failed()) {
      RETURN_IF_ERROR(checks.Failed(CheckId::kReports, Wrong(Errc::kInvalidValue, kReceiptMember,
                                                             "its record is not of the kind capture")));
    }
  } else {
    NoReceipt(&report);
  }
  if (HasAnchors(wacz)) {
    RETURN_IF_ERROR(checks.Run(CheckId::kAnchors, [&]() -> Result<void> {
      const auto& record = report.receipt.record;
      ASSIGN_OR_RETURN(report.anchors,
                       CheckAnchors(*wacz, report.wacz->segments.size(), record ? &*record : nullptr, trust));
      return {};
    }));
  }
  checks.Judge();
  return report;
}

Result<PackageReport> VerifyDisclosure(const std::shared_ptr<ByteSource>& source, const TrustFinder& trust) {
  PackageReport report;
  report.disclosure = true;
  Checks checks(&report);
  std::optional<ZipReader> zip;
  Papers papers;
  RETURN_IF_ERROR(checks.Run(CheckId::kContainer, [&]() -> Result<void> {
    ASSIGN_OR_RETURN(zip, ZipReader::Open(source));
    RETURN_IF_ERROR(CheckMembers(*zip,
                                 {{kReadmeMember, false},
                                  {kDisclosureMember, false},
                                  {kManifestMember, false},
                                  {kReceiptMember, false},
                                  {kTrustMember, true}},
                                 true));
    return CheckFrame(*zip, kDisclosureReadme);
  }));
  RETURN_IF_ERROR(checks.Run(CheckId::kManifest, [&]() -> Result<void> {
    ASSIGN_OR_RETURN(papers, ReadPapers(*zip, {}));
    report.facts = papers.facts;
    report.hint_fingerprint = papers.hint_fingerprint;
    return {};
  }));
  RETURN_IF_ERROR(checks.Run(CheckId::kProofs, [&]() -> Result<void> {
    ASSIGN_OR_RETURN(report.shown, CheckProofs(*zip, papers.facts));
    return {};
  }));
  if (papers.receipt) {
    ASSIGN_OR_RETURN(const ledger::Trust* found, trust(*papers.receipt));
    report.receipt = verify::VerifyWithheld(*papers.receipt, found);
  }
  checks.Judge();
  return report;
}

}  // namespace cunzheng::evidence
