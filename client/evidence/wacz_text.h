// The texts of a WACZ beside its archive, each with one byte form, so that a reader makes it again out of
// what it says and compares: index lines, the list of pages, datapackage.json and its signed digest. Pure but
// for the signature's key.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "client/evidence/wacz.h"
#include "crypto/bytes.h"
#include "crypto/result.h"

namespace cunzheng::evidence {

// A line of the index without its line end (CDXJ: key, time, JSON).
struct CdxjLine {
  std::string key;                                       // SURT
  std::string time;                                      // 17 digits
  std::string url, digest, record_digest, mime, method;  // method only where it is not GET
  uint64_t offset = 0, length = 0;
  int status = 0;
};
std::string EncodeCdxjLine(const CdxjLine& line);
// Says which field of `actual` is not that of `expected`, two lines of the same record; for messages.
std::string CdxjDifference(std::string_view expected, std::string_view actual);
// The archive's offset that a line states, for messages and for finding what it is about. Errors:
// kInvalidValue.
Result<uint64_t> CdxjOffset(std::string_view line);

// WARC-Date's form, microseconds and Z.
bool IsWarcDate(std::string_view text);
// "20261121094523123" of a WARC-Date. Requires IsWarcDate.
std::string CdxjTime(std::string_view warc_date);

struct PageLine {
  std::string url, title, time;  // a WARC-Date
  int status = 0;                // of the page's response; 0: the archive has none
  bool operator==(const PageLine&) const = default;
};
std::string EncodePages(const std::vector<PageLine>& pages);
// Errors: kInvalidValue, kTooLarge; the detail names the line.
Result<std::vector<PageLine>> DecodePages(std::string_view text);

// The rule for an attachment's name: 1..100 bytes of [a-z0-9._-], none of a member that WACZ itself knows.
// Errors: kInvalidValue.
Result<void> CheckAttachmentName(std::string_view name);

struct PackageResource {
  std::string path, hash;  // "sha256:…"
  uint64_t bytes = 0;
};
struct Package {
  std::string title, software, created;  // "2026-11-21T09:45:23Z"
  std::string main_url, main_time;       // of the first page
  std::vector<PackageResource> resources;
};
std::string EncodePackage(const Package& package);
// Errors: kInvalidValue, with the field.
Result<Package> DecodePackage(std::string_view text);

// datapackage-digest.json in the anonymous form of wacz-auth 0.1.0: signed by a P-384 key that is made for
// this and forgotten. It shows to readers of WACZ that the file was signed as a whole, and by nobody in
// particular.
std::string SignPackage(std::string_view package_text, const Package& package);
// Errors: kInvalidValue (form), kDigestMismatch (of another datapackage.json), kSignatureInvalid.
Result<void> CheckPackageSignature(std::string_view text, std::string_view package_text,
                                   const Package& package);

}  // namespace cunzheng::evidence
