// WARC 1.1 (ISO 28500:2017) records and the gzip members that hold one each. Strict where the standard leaves
// a choice: what is written here is read here, and nothing else. Pure; safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/result.h"

namespace cunzheng::evidence {

inline constexpr size_t kWarcHeaderBytesMax = 64 << 10;
inline constexpr size_t kWarcHeadersMax = 64;

// Names of headers are the same in any case.
bool SameHeaderName(std::string_view a, std::string_view b);

struct WarcRecord {
  std::vector<std::pair<std::string, std::string>> headers;  // without Content-Length, which is the block's
  std::string block;
  bool operator==(const WarcRecord&) const = default;

  // The value of the first header of that name, whatever its case; empty when there is none.
  std::string_view Header(std::string_view name) const;
  // What WARC-Payload-Digest is of: of an HTTP message its body, nullopt when it has no empty line; else the
  // block.
  std::optional<std::string_view> Payload() const;
  void Set(std::string name, std::string value) { headers.emplace_back(std::move(name), std::move(value)); }
};

// A new record with the headers that every one has: WARC-Type, WARC-Record-ID (random), WARC-Date, in this
// order, and WARC-Block-Digest. Precondition: the block is whole.
WarcRecord MakeWarcRecord(std::string_view type, uint64_t time_unix_us, std::string_view content_type,
                          std::string block);

std::string EncodeWarcRecord(const WarcRecord& record);
// Exactly one record. Errors: kInvalidValue, with what is wrong: version, a header, a mandatory one that is
// missing or there twice, Content-Length, the end; kDigestMismatch: WARC-Block-Digest, or for responses
// WARC-Payload-Digest.
Result<WarcRecord> DecodeWarcRecord(std::string_view bytes);

// The payload of an HTTP response or request block: what follows the empty line; nullopt when there is none.
std::optional<std::string_view> HttpPayload(std::string_view block);
// "sha256:…" in hex.
std::string WarcDigest(std::string_view bytes);
// "2026-11-21T09:45:23.123456Z"
std::string WarcDate(uint64_t time_unix_us);

// One gzip member (RFC 1952), without name and time: equal input gives equal bytes.
std::string GzipMember(std::string_view bytes);
// Takes the first member off `rest`. Errors: kInvalidValue (no member, or a broken one), kTooLarge (it would
// be longer than `length_max`).
Result<std::string> TakeGzipMember(std::string_view* rest, size_t length_max);

}  // namespace cunzheng::evidence
