// WACZ 1.1.1 as this project writes it and, with no more freedom than specs/capture.md leaves, reads it: the
// archive of what was exchanged, its index, the list of pages, attachments, and the signed digest of all of
// them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/evidence/warc.h"
#include "client/evidence/zip.h"
#include "crypto/result.h"

namespace cunzheng::evidence {

inline constexpr std::string_view kWaczArchive = "archive/data.warc.gz";
inline constexpr std::string_view kWaczIndex = "indexes/index.cdxj";
inline constexpr std::string_view kWaczPages = "pages/pages.jsonl";
inline constexpr std::string_view kWaczAttachments = "evidence/";
inline constexpr std::string_view kWaczPackage = "datapackage.json";
inline constexpr std::string_view kWaczPackageDigest = "datapackage-digest.json";
inline constexpr size_t kWaczRecordBytesMax = 256u << 20;  // one WARC record, unpacked
inline constexpr size_t kWaczRecordsMax = 150'000;
inline constexpr uint64_t kWaczUnpackedBytesMax = uint64_t{16} << 30;  // all records, unpacked
inline constexpr size_t kWaczIndexBytesMax = 256u << 20;
inline constexpr size_t kWaczPagesMax = 10'000;
inline constexpr size_t kWaczAttachmentsMax = 4'000;
inline constexpr size_t kWaczTitleBytesMax = 1'024;

// A record's place in the archive.
struct RecordPlace {
  uint64_t offset = 0, length = 0;  // of its gzip member
  std::string type, url;            // WARC-Type, WARC-Target-URI (may be empty)
};

// Writes one; see ZipWriter for what exists when. The archive grows in a temporary file beside `path`.
class WaczWriter {
 public:
  // Errors: kIo.
  static Result<WaczWriter> Create(std::string path);
  WaczWriter(WaczWriter&&) noexcept;
  WaczWriter& operator=(WaczWriter&&) noexcept;
  ~WaczWriter();

  // Appends records that belong together, all of them or, with an error, none; responses (and revisits,
  // resources with an http(s) address) are indexed. A request, response or resource without
  // WARC-Payload-Digest gets it. Errors: kInvalidValue and kDigestMismatch (what CheckWacz would refuse of
  // each), kTooLarge (a header over 64 KiB, a record over 256 MiB, the archive full), kIo.
  Result<void> AddRecords(std::vector<WarcRecord> records);
  Result<void> AddRecord(WarcRecord record);
  // `title` may be empty; control characters in it become spaces.
  void AddPage(std::string_view url, std::string_view title, uint64_t time_unix_us);
  // As evidence/NAME. Errors: kInvalidValue, kTooLarge, kIo.
  Result<void> AddAttachment(std::string_view name, std::string_view bytes);
  // Writes index, pages, attachments, datapackage.json and datapackage-digest.json. `software` such as
  // "cunzheng/0.1.0". Errors: kInvalidValue (no page, or one whose address is none; a WARC-Concurrent-To or
  // WARC-Refers-To that leads nowhere), kIo, kTooLarge, kAlreadyExists. Nothing can be added afterwards.
  Result<void> Finish(std::string_view title, std::string_view software, uint64_t time_unix_us, bool replace);

 private:
  struct Impl;
  explicit WaczWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The stages of the check, in their order.
enum class WaczStage { kMembers, kPackage, kSignature, kRecords, kIndex, kPages, kPictures };
std::string_view WaczStageName(WaczStage stage);

struct WaczPage {
  std::string url, title, time;
};
struct WaczReport {
  uint64_t records = 0, responses = 0, record_bytes = 0;
  std::vector<RecordPlace> places;
  std::vector<WaczPage> pages;
  std::string created, software;
  uint32_t tiles = 0;
  std::vector<Hash> segments;  // of a recording: the digests of their indices
  uint64_t pictures = 0;       // in them
};
// Told before each stage and while records are read; false stops with kInterrupted.
using WaczProgress = std::function<bool(WaczStage stage, uint64_t bytes_done)>;

// Checks all of it: members and their order; datapackage.json against every member's digest and length; the
// signature; every WARC record (mandatory headers, both digests present and right, WARC-Concurrent-To that
// leads to its partner); every index line (sorted, its offset and length those of a response of that address,
// time, status, type and digest, and no response without one); pages that have a response or say why not; the
// screenshot against its tiles. Errors: kInvalidValue, kDigestMismatch, kSignatureInvalid, kTooLarge, kIo,
// kInterrupted; the detail begins with the member's name.
Result<WaczReport> CheckWacz(const ZipReader& wacz, const WaczProgress& progress = {});
// The records' places alone, each read and unpacked but not judged; for writing the list of parts.
Result<std::vector<RecordPlace>> ListRecords(const ByteSource& archive);

}  // namespace cunzheng::evidence
