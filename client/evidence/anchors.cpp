// The receipts that a recording's segments got while the recording went on (specs/capture.md, "Recording").
#include "client/evidence/package_members.h"
#include "client/evidence/recording.h"
#include "crypto/digest.h"
#include "ledger/receipt.h"

namespace cunzheng::evidence {
namespace {

std::string MemberName(const std::string& attachment) {
  return std::string(kWaczAttachments) + attachment;
}

// What the segment's own receipt must say beside what every receipt must.
Result<void> CheckRecord(const verify::Report& report, size_t segment, const ledger::Record* package) {
  if (!report.record || !report.manifest) return Error{Errc::kMissingField, "has no manifest"};
  if (report.record->kind != kRecordingKind || report.manifest->name != RecordingIndexName(segment)) {
    return Error{Errc::kManifestMismatch, "is not the receipt of this segment of a recording"};
  }
  if (package == nullptr) return {};
  if (report.record->ledger != package->ledger) {
    return Error{Errc::kWrongLedger, "is of another ledger than the package's receipt"};
  }
  if (report.record->account != package->account) {
    return Error{Errc::kWrongAccount, "is of another account than the package's receipt"};
  }
  return {};
}

Result<verify::Report> Judge(const std::string& text, const std::string& index, size_t segment,
                             const ledger::Record* package, const ledger::Trust* trust) {
  ASSIGN_OR_RETURN(const ledger::Receipt receipt, ledger::DecodeReceipt(text));
  if (ledger::EncodeReceipt(receipt) != text) {
    return Error{Errc::kNotCanonical, "is not in the form in which receipts are written"};
  }
  verify::Report report = verify::Verify(text, {DigestBytes(AsBytes(index)), index.size()}, trust);
  if (report.verdict == verify::Verdict::kNotValid) return *report.error;
  RETURN_IF_ERROR(CheckRecord(report, segment, package));
  return report;
}

}  // namespace

Result<std::vector<Anchor>> CheckAnchors(const ZipReader& wacz, size_t segments,
                                         const ledger::Record* package, const TrustFinder& trust) {
  std::vector<Anchor> anchors;
  for (size_t segment = 0; segment < segments; ++segment) {
    const std::string name = MemberName(RecordingReceiptName(segment));
    if (wacz.Find(name) == nullptr) continue;
    ASSIGN_OR_RETURN(const std::string text, ReadMember(wacz, name, ledger::kReceiptLengthMax));
    ASSIGN_OR_RETURN(const std::string index,
                     ReadMember(wacz, MemberName(RecordingIndexName(segment)), kRecordingSegmentBytesMax));
    ASSIGN_OR_RETURN(const ledger::Trust* found, trust(text));
    const auto judged = Judge(text, index, segment, package, found);
    if (!judged) return Error{judged.error().code, name + ": " + judged.error().detail};
    Anchor anchor{segment, judged->verdict, std::nullopt, std::nullopt};
    if (judged->t1) anchor.t1_unix_s = judged->t1->time_unix_s;
    if (judged->t2) anchor.t2_unix_s = judged->t2->time_unix_s;
    anchors.push_back(anchor);
  }
  return anchors;
}

}  // namespace cunzheng::evidence
