#include "client/evidence/wacz.h"

#include <algorithm>

#include "client/evidence/spool.h"
#include "client/evidence/wacz_index.h"
#include "client/evidence/wacz_text.h"
#include "crypto/digest.h"
#include "crypto/utf8.h"

namespace cunzheng::evidence {
namespace {

// On one line of well-formed UTF-8, cut to `length_max` bytes at a character's end.
std::string Clean(std::string_view text, size_t length_max) {
  std::string out;
  while (!text.empty()) {
    char32_t c = 0;
    const size_t length = DecodeUtf8(text, &c);
    std::string next;
    if (length == 0) {
      AppendUtf8(0xfffd, &next);
    } else if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029) {
      next = " ";
    } else {
      next = text.substr(0, length);
    }
    if (out.size() + next.size() > length_max) break;
    out += next;
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return out;
}

std::string HashText(const Hash& hash) {
  return "sha256:" + ToHex(hash);
}

size_t HeaderBytes(const WarcRecord& record) {
  size_t bytes = 64;  // Content-Length and the empty line
  for (const auto& [name, value] : record.headers) bytes += name.size() + value.size() + 4;
  return bytes;
}

// Completes a record and makes its gzip member. What could not be read again must not be written.
Result<std::string> PackRecord(WarcRecord* record) {
  const auto payload = record->Payload();
  const std::string_view type = record->Header("WARC-Type");
  const bool due = type == "request" || type == "response" || type == "resource";
  if (due && payload && record->Header("WARC-Payload-Digest").empty()) {
    record->Set("WARC-Payload-Digest", WarcDigest(*payload));
  }
  if (HeaderBytes(*record) > kWarcHeaderBytesMax) {
    return Error{Errc::kTooLarge, "warc: a header must be at most 64 KiB"};
  }
  const std::string bytes = EncodeWarcRecord(*record);
  if (bytes.size() > kWaczRecordBytesMax)
    return Error{Errc::kTooLarge, "warc: a record must be at most 256 MiB"};
  RETURN_IF_ERROR(DecodeWarcRecord(bytes));
  return GzipMember(bytes);
}

}  // namespace

struct WaczWriter::Impl {
  struct Attachment {
    std::string name;
    uint64_t offset = 0, length = 0;  // in the spool
    std::string hash;
  };

  std::string path;
  std::shared_ptr<Spool> archive, attachments_spool;
  Sha256Stream archive_digest;
  WaczIndex index;
  std::vector<PageLine> pages;
  std::vector<Attachment> attachments;
  bool broken = false;  // a write failed part of the way
};

Result<WaczWriter> WaczWriter::Create(std::string path) {
  auto impl = std::make_unique<Impl>();
  ASSIGN_OR_RETURN(impl->archive, Spool::Create(path));
  ASSIGN_OR_RETURN(impl->attachments_spool, Spool::Create(path));
  impl->path = std::move(path);
  return WaczWriter(std::move(impl));
}

WaczWriter::WaczWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
WaczWriter::WaczWriter(WaczWriter&&) noexcept = default;
WaczWriter& WaczWriter::operator=(WaczWriter&&) noexcept = default;
WaczWriter::~WaczWriter() = default;

Result<void> WaczWriter::AddRecords(std::vector<WarcRecord> records) {
  std::vector<std::string> members;
  uint64_t end = impl_->archive->length();
  for (auto& record : records) {
    ASSIGN_OR_RETURN(std::string member, PackRecord(&record));
    end += member.size();
    members.push_back(std::move(member));
  }
  RETURN_IF_ERROR(impl_->index.Check(records));
  if (end > kZipBytesMax) return Error{Errc::kTooLarge, "warc: must stay below 4 GiB"};
  for (size_t i = 0; i < records.size(); ++i) {
    const RecordPlace place{.offset = impl_->archive->length(),
                            .length = members[i].size(),
                            .type = std::string(records[i].Header("WARC-Type")),
                            .url = std::string(records[i].Header("WARC-Target-URI"))};
    impl_->index.Add(records[i], place, Sha256(AsBytes(members[i])));
    impl_->broken = true;
    RETURN_IF_ERROR(impl_->archive->Append(members[i]));
    impl_->archive_digest.Update(AsBytes(members[i]));
    impl_->broken = false;
  }
  return {};
}

Result<void> WaczWriter::AddRecord(WarcRecord record) {
  std::vector<WarcRecord> records;
  records.push_back(std::move(record));
  return AddRecords(std::move(records));
}

void WaczWriter::AddPage(std::string_view url, std::string_view title, uint64_t time_unix_us) {
  impl_->pages.push_back({.url = std::string(url),
                          .title = Clean(title, kWaczTitleBytesMax),
                          .time = WarcDate(time_unix_us),
                          .status = 0});
}

Result<void> WaczWriter::AddAttachment(std::string_view name, std::string_view bytes) {
  RETURN_IF_ERROR(CheckAttachmentName(name));
  const auto same = [name](const auto& other) { return other.name == name; };
  if (std::any_of(impl_->attachments.begin(), impl_->attachments.end(), same)) {
    return Error{Errc::kInvalidValue, std::string(name) + ": there twice"};
  }
  if (impl_->attachments.size() == kWaczAttachmentsMax) {
    return Error{Errc::kTooLarge, std::string(name) + ": there must be at most 4,000 attachments"};
  }
  const uint64_t offset = impl_->attachments_spool->length();
  if (bytes.size() > kZipBytesMax - offset)
    return Error{Errc::kTooLarge, std::string(name) + ": must stay below 4 GiB"};
  impl_->broken = true;
  RETURN_IF_ERROR(impl_->attachments_spool->Append(bytes));
  impl_->attachments.push_back({.name = std::string(name),
                                .offset = offset,
                                .length = bytes.size(),
                                .hash = HashText(Sha256(AsBytes(bytes)))});
  impl_->broken = false;
  return {};
}

Result<void> WaczWriter::Finish(std::string_view title, std::string_view software, uint64_t time_unix_us,
                                bool replace) {
  if (impl_->broken) return Error{Errc::kIo, impl_->path + ": an earlier part could not be written"};
  if (impl_->pages.empty()) return Error{Errc::kInvalidValue, impl_->path + ": a WACZ must list a page"};
  RETURN_IF_ERROR(impl_->index.Close());
  std::string index;
  for (const auto& line : impl_->index.lines()) index += line.text + "\n";
  for (auto& page : impl_->pages) page.status = impl_->index.StatusOf(page.url);
  const std::string pages = EncodePages(impl_->pages);
  // Titles come from pages; what the reader would refuse must not be written.
  RETURN_IF_ERROR(DecodePages(pages));

  ASSIGN_OR_RETURN(ZipWriter zip, ZipWriter::Create(impl_->path));
  Package package{.title = Clean(title, kWaczTitleBytesMax),
                  .software = std::string(software),
                  .created = WarcDate(time_unix_us).substr(0, 19) + "Z",
                  .main_url = impl_->pages[0].url,
                  .main_time = impl_->pages[0].time,
                  .resources = {}};
  const auto listed = [&package](std::string_view path, std::string hash, uint64_t bytes) {
    package.resources.push_back({.path = std::string(path), .hash = std::move(hash), .bytes = bytes});
  };
  RETURN_IF_ERROR(zip.Add(kWaczArchive, *impl_->archive));
  listed(kWaczArchive, HashText(impl_->archive_digest.Finish()), impl_->archive->length());
  RETURN_IF_ERROR(zip.Add(kWaczIndex, index));
  listed(kWaczIndex, WarcDigest(index), index.size());
  RETURN_IF_ERROR(zip.Add(kWaczPages, pages));
  listed(kWaczPages, WarcDigest(pages), pages.size());
  for (const auto& attachment : impl_->attachments) {
    const std::string path = std::string(kWaczAttachments) + attachment.name;
    RETURN_IF_ERROR(zip.Add(path, *PartOf(impl_->attachments_spool, attachment.offset, attachment.length)));
    listed(path, attachment.hash, attachment.length);
  }
  const std::string text = EncodePackage(package);
  RETURN_IF_ERROR(DecodePackage(text));
  RETURN_IF_ERROR(zip.Add(kWaczPackage, text));
  RETURN_IF_ERROR(zip.Add(kWaczPackageDigest, SignPackage(text, package)));
  impl_->broken = true;  // spent
  return zip.Finish(replace);
}

}  // namespace cunzheng::evidence
