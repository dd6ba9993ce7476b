// Any bytes as a package and as a disclosure: the checks end in a verdict that can be told, which without a
// pinned trust file is never "valid". The first byte chooses whether the rest is taken as it is or as one
// member of a container whose form is right, so that the mutations reach beneath it; lists of parts and
// reports that are accepted are the same when they are written anew.
#include <unistd.h>

#include <cstdio>

#include "client/evidence/package.h"
#include "client/evidence/package_members.h"
#include "crypto/file.h"

using namespace cunzheng;
using namespace cunzheng::evidence;

namespace {

const TrustFinder kNobody = [](std::string_view) -> Result<const ledger::Trust*> { return nullptr; };

void Tell(const Result<PackageReport>& report) {
  CHECK_INVARIANT(report || report.error().code == Errc::kIo);
  if (!report) return;
  CHECK_INVARIANT(report->receipt.verdict != verify::Verdict::kValid);
  CHECK_INVARIANT(!PackageReportToText(*report, "name", "zh").empty());
  CHECK_INVARIANT(!PackageReportToJson(*report, "name").empty());
}

void Verify(const std::string& bytes) {
  Tell(VerifyPackage(MemorySource(bytes), {}, kNobody));
  Tell(VerifyDisclosure(MemorySource(bytes), kNobody));
}

// A container with this text in the place of one member.
std::string Container(size_t place, std::string_view text) {
  static const std::string path = "/tmp/cunzheng-package-fuzz-" + std::to_string(getpid());
  static constexpr std::string_view kNames[] = {kWaczMember, kPartsMember, kManifestMember, kReceiptMember};
  auto zip = ZipWriter::Create(path);
  CHECK_INVARIANT(zip && zip->Add(kReadmeMember, kPackageReadme));
  for (size_t i = 0; i < std::size(kNames); i++) {
    CHECK_INVARIANT(zip->Add(kNames[i], i == place ? text : std::string_view("{}")));
  }
  CHECK_INVARIANT(zip->Finish(true));
  std::string bytes = ReadWholeFile(path, 1 << 20).value();
  unlink(path.c_str());
  return bytes;
}

template <typename T>
void Again(std::string_view text, Result<T> (*decode)(std::string_view), std::string (*encode)(const T&)) {
  const auto decoded = decode(text);
  if (!decoded) return;
  const auto again = decode(encode(*decoded));
  CHECK_INVARIANT(again && *again == *decoded);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text = AsText({data + 1, size - 1});
  switch (data[0] % 9) {
    case 0:
      Again<std::vector<Part>>(text, DecodeParts, EncodeParts);
      break;
    case 1:
      Again<CompletenessReport>(text, DecodeCompleteness, EncodeCompleteness);
      break;
    case 2:
      Again<CleanlinessReport>(text, DecodeCleanliness, EncodeCleanliness);
      break;
    case 3:
      Again<OperationLog>(text, DecodeOperations, EncodeOperations);
      break;
    case 4:
      Verify(std::string(text));
      break;
    default:
      Verify(Container(data[0] % 9 - 5, text));
  }
  return 0;
}
