#include "client/evidence/history_verify.h"

#include <algorithm>
#include <filesystem>

#include "client/evidence/package_members.h"
#include "client/evidence/zip.h"
#include "crypto/digest.h"
#include "crypto/file.h"
#include "ledger/receipt.h"

namespace cunzheng::evidence {
namespace {

namespace fs = std::filesystem;

constexpr size_t kPictureBytesMax = 512u << 20;
constexpr std::string_view kHistoryStep = "history";  // of an operation log

Error About(const std::string& name, const Error& error) {
  return {error.code, name + ": " + error.detail};
}

// The digest of the line before each look.
std::vector<Hash> LinesBefore(std::string_view text, size_t looks) {
  std::vector<Hash> digests;
  for (size_t i = 0; i < looks; ++i) {
    const size_t end = text.find('\n');
    digests.push_back(Sha256(AsBytes(text.substr(0, end))));
    text.remove_prefix(end + 1);
  }
  return digests;
}

// The capture that a look named was told of the history's last line, and logged it.
Result<void> CheckLog(const ZipReader& wacz, size_t look, const Hash& line_before) {
  const std::string member = std::string(kWaczAttachments) + std::string(kOperationsFile);
  ASSIGN_OR_RETURN(const std::string text, ReadMember(wacz, member, kOperationsBytesMax));
  ASSIGN_OR_RETURN(const OperationLog log, DecodeOperations(text));
  std::vector<std::string> named;
  for (const OperationLine& line : log.lines) {
    if (line.what == kHistoryStep && !line.detail.empty()) named.push_back(line.detail.front());
  }
  const bool right = look == 0 ? named.empty() : named.size() == 1 && named.front() == ToHex(line_before);
  if (right) return {};
  return Error{Errc::kDigestMismatch,
               member + ": does not name the line before look " + std::to_string(look) + " of the history"};
}

class Verification {
 public:
  Verification(const std::string& path, const TrustFinder& trust, const DigestProgress& progress)
      : folder_(fs::path(path).parent_path()),
        path_(path),
        trust_(trust),
        progress_([this, &progress](uint64_t bytes) { return !progress || progress(bytes_done_ + bytes); }) {}

  Result<HistoryReport> Run(const std::vector<NamedReceipt>& receipts) {
    ASSIGN_OR_RETURN(text_, ReadWholeFile(path_, kHistoryBytesMax));
    RETURN_IF_ERROR(Step(&report_.chain_passed, [&]() -> Result<void> {
      ASSIGN_OR_RETURN(report_.history, DecodeHistory(text_));
      return {};
    }));
    if (report_.chain_passed) {
      RETURN_IF_ERROR(Step(&report_.packages_passed, [&] { return CheckFiles(); }));
    }
    if (report_.chain_passed) {
      for (const NamedReceipt& receipt : receipts) RETURN_IF_ERROR(Cover(receipt));
    }
    Judge();
    return std::move(report_);
  }

 private:
  // Only kIo and kInterrupted are errors of the run itself.
  template <typename F>
  Result<void> Step(bool* passed, F&& check) {
    const Result<void> result = check();
    *passed = result.has_value();
    if (result) return {};
    if (result.error().code == Errc::kIo || result.error().code == Errc::kInterrupted) return result.error();
    Fail(result.error());
    return {};
  }
  void Fail(const Error& error) {
    if (!report_.error) report_.error = error;
  }

  Result<void> CheckFiles() {
    const std::vector<Look>& looks = report_.history->looks;
    const std::vector<Hash> before = LinesBefore(text_, looks.size());
    for (size_t i = 0; i < looks.size(); ++i) {
      if (!looks[i].difference.empty()) RETURN_IF_ERROR(CheckPicture(looks[i]));
      if (looks[i].package.empty()) continue;
      NamedPackage package;
      package.look = i;
      package.name = looks[i].package;
      const fs::path path = folder_ / looks[i].package;
      package.here = fs::exists(path);
      if (package.here) {
        RETURN_IF_ERROR(CheckPackage(path, looks[i], before[i], &package));
        bytes_done_ += fs::file_size(path);
      }
      report_.packages.push_back(std::move(package));
    }
    return {};
  }

  Result<void> CheckPicture(const Look& look) {
    const fs::path path = folder_ / look.difference;
    if (!fs::exists(path)) {
      ++report_.pictures_absent;
      return {};
    }
    ASSIGN_OR_RETURN(const std::string bytes, ReadWholeFile(path.string(), kPictureBytesMax));
    if (Sha256(AsBytes(bytes)) != look.difference_sha256) {
      return Error{Errc::kDigestMismatch, look.difference + ": is not the picture that the history names"};
    }
    ++report_.pictures;
    return {};
  }

  Result<void> CheckPackage(const fs::path& path, const Look& look, const Hash& line_before,
                            NamedPackage* package) {
    ASSIGN_OR_RETURN(const auto source, OpenFileSource(path.string()));
    const auto bound = CheckBinding(source, look, package->look, line_before);
    if (!bound) return About(look.package, bound.error());
    OutsideReceipt outside;
    const std::string beside = path.string() + ".receipt.json";
    if (fs::exists(beside)) {
      ASSIGN_OR_RETURN(outside.text, ReadWholeFile(beside, ledger::kReceiptLengthMax));
    }
    ASSIGN_OR_RETURN(const PackageReport checked, VerifyPackage(source, outside, trust_, progress_));
    package->verdict = checked.receipt.verdict;
    if (checked.receipt.t2) package->t2_unix_s = checked.receipt.t2->time_unix_s;
    if (package->verdict == verify::Verdict::kNotValid) return About(look.package, *checked.receipt.error);
    return {};
  }

  Result<void> CheckBinding(const std::shared_ptr<ByteSource>& source, const Look& look, size_t number,
                            const Hash& line_before) {
    ASSIGN_OR_RETURN(const ZipReader package, ZipReader::Open(source));
    const ZipMember* member = package.Find(kWaczMember);
    if (member == nullptr) return Error{Errc::kMissingField, std::string(kWaczMember) + ": is missing"};
    const auto inner = package.Source(*member);
    ASSIGN_OR_RETURN(const FileDigest digest, DigestSource(*inner, progress_));
    if (digest.digests.sha256 != look.wacz_sha256) {
      return Error{Errc::kDigestMismatch, std::string(kWaczMember) + ": is not the one that look " +
                                              std::to_string(number) + " names"};
    }
    ASSIGN_OR_RETURN(const ZipReader wacz, ZipReader::Open(inner));
    return CheckLog(wacz, number, line_before);
  }

  // A receipt speaks of the history's first bytes, as many as its record says.
  Result<void> Cover(const NamedReceipt& receipt) {
    ASSIGN_OR_RETURN(const ledger::Trust* trust, trust_(receipt.text));
    std::string_view covered = text_;
    if (const auto length = RecordLength(receipt.text); length && *length < covered.size()) {
      covered = covered.substr(0, *length);
    }
    CoveredLooks looks{receipt.name, 0,
                       verify::Verify(receipt.text, {DigestBytes(AsBytes(covered)), covered.size()}, trust)};
    if (looks.report.verdict == verify::Verdict::kNotValid) {
      Fail(About(receipt.name, *looks.report.error));
    } else if (!covered.ends_with('\n')) {
      Fail({Errc::kInvalidValue, receipt.name + ": ends within a line of the history"});
    } else {
      looks.looks = static_cast<size_t>(std::count(covered.begin(), covered.end(), '\n')) - 1;
    }
    report_.receipts.push_back(std::move(looks));
    return {};
  }

  static std::optional<uint64_t> RecordLength(std::string_view text) {
    const auto receipt = ledger::DecodeReceipt(text);
    if (!receipt) return std::nullopt;
    const auto record = ledger::DecodeRecord(receipt->record);
    if (!record) return std::nullopt;
    return record->length;
  }

  void Judge() {
    if (report_.error) return;
    if (!report_.receipts.empty()) {
      report_.verdict = report_.receipts.front().report.verdict;
      report_.error = report_.receipts.front().report.error;
      return;
    }
    report_.verdict = verify::Verdict::kPending;
    report_.error = Error{Errc::kNotFound, "the history itself has no receipt"};
  }

  const fs::path folder_;
  const std::string& path_;
  const TrustFinder& trust_;
  const DigestProgress progress_;  // of all packages
  uint64_t bytes_done_ = 0;        // of those before the one under way
  std::string text_;
  HistoryReport report_;
};

}  // namespace

Result<HistoryReport> VerifyHistory(const std::string& path, const std::vector<NamedReceipt>& receipts,
                                    const TrustFinder& trust, const DigestProgress& progress) {
  return Verification(path, trust, progress).Run(receipts);
}

std::vector<std::string> FilesOfHistory(const std::string& path) {
  std::vector<std::string> files;
  const auto text = ReadWholeFile(path, kHistoryBytesMax);
  if (!text) return files;
  const auto history = DecodeHistory(*text);
  if (!history) return files;
  for (const Look& look : history->looks) {
    for (const std::string& name : {look.package, look.difference}) {
      const fs::path file = fs::path(path).parent_path() / name;
      if (!name.empty() && fs::exists(file)) files.push_back(file.string());
    }
  }
  return files;
}

}  // namespace cunzheng::evidence
