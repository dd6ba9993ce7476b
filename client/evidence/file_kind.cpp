#include "client/evidence/file_kind.h"

#include <algorithm>

#include "client/evidence/history.h"
#include "client/evidence/package_members.h"
#include "client/evidence/zip.h"

namespace cunzheng::evidence {
namespace {

constexpr size_t kLocalHeaderLength = 30;  // of a ZIP member, before its name
constexpr size_t kTextLength = 24;         // enough to tell the formats' README.txt apart from others
constexpr size_t kHeadLength = 256;

// Both containers begin with a text that belongs to their format.
bool BeginsWithReadme(std::string_view head, std::string_view readme) {
  if (!head.starts_with("PK\x03\x04") || head.size() < kLocalHeaderLength) return false;
  head.remove_prefix(kLocalHeaderLength);
  if (!head.starts_with(kReadmeMember)) return false;
  head.remove_prefix(kReadmeMember.size());
  return head.starts_with(readme.substr(0, kTextLength));
}

}  // namespace

FileKind FindFileKind(const std::string& path) {
  if (path.ends_with(kPackageSuffix)) return FileKind::kPackage;
  if (path.ends_with(kDisclosureSuffix)) return FileKind::kDisclosure;
  if (path.ends_with(kHistorySuffix)) return FileKind::kHistory;
  const auto source = OpenFileSource(path);
  if (!source) return FileKind::kOther;
  const auto head = (*source)->Read(0, std::min<uint64_t>((*source)->length(), kHeadLength));
  if (!head) return FileKind::kOther;
  if (BeginsWithReadme(*head, kPackageReadme)) return FileKind::kPackage;
  if (BeginsWithReadme(*head, kDisclosureReadme)) return FileKind::kDisclosure;
  if (head->starts_with("{\"interval_s\":") &&
      head->substr(0, head->find('\n')).find("\"type\":\"cunzheng/history/v1\"") != std::string::npos) {
    return FileKind::kHistory;
  }
  return FileKind::kOther;
}

}  // namespace cunzheng::evidence
