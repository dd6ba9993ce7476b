// NAME.evidence.zip: a capture with its manifest, list of parts and receipt; and NAME.disclosure.zip, some of
// its parts with their proofs (specs/capture.md). Written here, and checked whole.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/evidence/capture_reports.h"
#include "client/evidence/parts.h"
#include "client/evidence/wacz.h"
#include "client/evidence/zip.h"
#include "client/verify/verify.h"
#include "crypto/result.h"
#include "ledger/record.h"

namespace cunzheng::evidence {

inline constexpr std::string_view kPackageSuffix = ".evidence.zip";
inline constexpr std::string_view kDisclosureSuffix = ".disclosure.zip";
inline constexpr std::string_view kWaczMediaType = "application/wacz";
// Attachments that every capture has, below evidence/.
inline constexpr std::string_view kCompletenessFile = "completeness.json";
inline constexpr std::string_view kCleanlinessFile = "cleanliness.json";
inline constexpr std::string_view kOperationsFile = "operations.jsonl";
inline constexpr std::string_view kCaptureKind = "capture";  // of the record

inline constexpr size_t kFactsUrlBytesMax = 1'024;

// What a capture's manifest says beside name, type and checkpoint.
struct CaptureFacts {
  std::string capture;  // page, session, recording
  std::string url;      // empty when it is too long for a manifest; then `url_sha256` stands for it
  std::optional<Hash> url_sha256;
  std::string outcome;  // complete, incomplete, partial
  std::string tool;
  uint64_t parts = 0;
  Hash parts_root{};
  std::optional<Hash> trust_sha256;  // of the trust file in the package
  bool operator==(const CaptureFacts&) const = default;
};
std::map<std::string, std::string> FactsToAttrs(const CaptureFacts& facts);
// Errors: kMissingField, kUnknownField, kInvalidValue.
Result<CaptureFacts> FactsFromManifest(const ledger::Manifest& manifest);

// The small members; the WACZ is a file.
struct PackageTexts {
  std::string parts, manifest;
  std::optional<std::string> receipt, trust;
};
// Errors: as ZipWriter's.
Result<void> WritePackage(const std::string& path, const std::string& wacz_path, const PackageTexts& texts,
                          bool replace);
// Puts a receipt into a package that has none. The old file is there until the new one is durable.
// Errors: kAlreadyExists (it has one), kManifestMismatch (a receipt of something else), decode errors,
// ZipWriter's.
Result<void> AddReceipt(const std::string& path, std::string_view receipt);

// What the record's digests are of, and the receipt, without checking either. Errors: kNotFound, kIo,
// kInvalidValue.
Result<FileDigest> DigestEvidence(const std::string& path, const DigestProgress& progress = {});
Result<std::string> ReadReceipt(const std::string& path);

// Some of a package's parts, by index in its list. Errors: kNotFound (no receipt in the package),
// kIndexOutOfRange, decode errors, ZipWriter's.
Result<void> WriteDisclosure(const std::string& path, const ZipReader& package,
                             const std::vector<Part>& parts, const std::vector<size_t>& indices,
                             bool replace);

// One check of a package or a disclosure, in the order of the specification.
enum class CheckId {
  kContainer,  // the shape of the file, its members and their order
  kManifest,   // manifest.json and trust.json are what the receipt and the manifest say
  kParts,      // every part is in the list, with its bytes, and the list is the manifest's
  kWacz,       // datapackage.json, its signature, what else WACZ asks for
  kRecords,    // every WARC record and its digests
  kIndex,      // the index leads to the responses, the pages to theirs
  kPictures,   // the screenshot is its tiles
  kReports,    // the reports are well formed and say what the manifest says
  kAnchors,    // the receipts of a recording's segments are of these segments; only where there are any
  kProofs,     // of a disclosure: every part shown is one of the package's
};
struct Check {
  CheckId id;
  verify::StepState state = verify::StepState::kNotDone;
  std::optional<Error> error;
};

// What came of the receipt that a recording's segment got while the recording went on.
struct Anchor {
  size_t segment = 0;
  verify::Verdict verdict = verify::Verdict::kNotValid;
  std::optional<uint64_t> t1_unix_s, t2_unix_s;
};

struct PackageReport {
  bool disclosure = false;
  std::vector<Check> checks;
  // Of the receipt; its verdict and error are those of the whole.
  verify::Report receipt;
  bool without_receipt = false;  // there is none yet: at best pending
  std::optional<CaptureFacts> facts;
  std::optional<WaczReport> wacz;
  std::optional<CompletenessReport> completeness;
  std::optional<CleanlinessReport> cleanliness;
  std::vector<Anchor> anchors;   // ascending by segment
  std::vector<Part> shown;       // of a disclosure
  std::string hint_fingerprint;  // of the trust file in the package, which proves nothing by itself
};

// The trust file to judge a receipt by; null: none is pinned.
using TrustFinder = std::function<Result<const ledger::Trust*>(std::string_view receipt)>;

// A receipt from outside of the package: one that came later, or was renewed since.
struct OutsideReceipt {
  std::optional<std::string> text;
  bool instead = false;  // of the one inside; else only when there is none
};

// Checks all of a package. Errors: kIo, kInterrupted; the trust finder's. Everything else is in the report.
Result<PackageReport> VerifyPackage(const std::shared_ptr<ByteSource>& source, const OutsideReceipt& outside,
                                    const TrustFinder& trust, const DigestProgress& progress = {});
Result<PackageReport> VerifyDisclosure(const std::shared_ptr<ByteSource>& source, const TrustFinder& trust);

// As verify::ReportToText and ReportToJson.
std::string PackageReportToText(const PackageReport& report, std::string_view name,
                                std::string_view language);
std::string PackageReportToJson(const PackageReport& report, std::string_view name);

}  // namespace cunzheng::evidence
