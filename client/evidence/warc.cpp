#include "client/evidence/warc.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <ctime>

#include "crypto/digest.h"

namespace cunzheng::evidence {
namespace {

constexpr std::string_view kVersion = "WARC/1.1\r\n";
constexpr std::string_view kRecordEnd = "\r\n\r\n";
constexpr std::string_view kLengthName = "Content-Length";

char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool IsName(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (Lower(c) >= 'a' && Lower(c) <= 'z') || c == '-' || c == '_';
  });
}

bool IsValue(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<uint8_t>(c) >= 0x20 && static_cast<uint8_t>(c) != 0x7f;
  });
}

Error Wrong(const std::string& what) {
  return {Errc::kInvalidValue, "warc: " + what};
}

Result<void> CheckDigest(const WarcRecord& record, std::string_view name, std::string_view bytes,
                         bool mandatory) {
  const std::string_view stated = record.Header(name);
  if (stated.empty()) {
    if (!mandatory) return {};
    return Wrong(std::string(name) + ": missing");
  }
  if (stated == WarcDigest(bytes)) return {};
  return Error{Errc::kDigestMismatch,
               "warc: " + std::string(name) + " of " + std::string(record.Header("WARC-Record-ID"))};
}

bool MayRepeat(std::string_view name) {
  return SameHeaderName(name, "WARC-Concurrent-To") || SameHeaderName(name, "WARC-Protocol");
}

std::optional<uint64_t> ParseLength(std::string_view text) {
  uint64_t number = 0;
  const auto [rest, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  // Compared with the number's own text: no leading zeros, nothing after it.
  if (status != std::errc() || std::to_string(number) != text) return std::nullopt;
  return number;
}

// Takes the header lines and the empty line after them off `bytes`.
Result<void> TakeHeaders(std::string_view* bytes, WarcRecord* record, std::optional<uint64_t>* length) {
  for (size_t read = 0;;) {
    const size_t end = bytes->find("\r\n");
    if (end == std::string_view::npos || (read += end + 2) > kWarcHeaderBytesMax) {
      return Wrong("its header must end within 64 KiB");
    }
    const std::string_view line = bytes->substr(0, end);
    bytes->remove_prefix(end + 2);
    if (line.empty()) return {};
    const size_t colon = line.find(": ");
    if (colon == std::string_view::npos || !IsName(line.substr(0, colon)) ||
        !IsValue(line.substr(colon + 2))) {
      return Wrong("a header must be a name, colon, space, and a value on one line");
    }
    const std::string_view name = line.substr(0, colon), value = line.substr(colon + 2);
    if (*length) return Wrong("Content-Length: must be the last header");
    if (SameHeaderName(name, kLengthName)) {
      *length = name == kLengthName ? ParseLength(value) : std::nullopt;
      if (!*length) return Wrong("Content-Length: must be spelled so, with a decimal number");
      continue;
    }
    const bool there = std::any_of(record->headers.begin(), record->headers.end(),
                                   [name](const auto& header) { return SameHeaderName(header.first, name); });
    if (there && !MayRepeat(name)) return Wrong(std::string(name) + ": there twice");
    if (record->headers.size() == kWarcHeadersMax) return Wrong("must have at most 64 headers");
    record->Set(std::string(name), std::string(value));
  }
}

std::string RandomUrn() {
  Bytes bytes = RandomBytes(16);
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0f) | 0x40);  // RFC 9562: version 4
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3f) | 0x80);
  const std::string hex = ToHex(bytes);
  return "<urn:uuid:" + hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" +
         hex.substr(16, 4) + "-" + hex.substr(20) + ">";
}

}  // namespace

bool SameHeaderName(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return Lower(x) == Lower(y); });
}

std::string_view WarcRecord::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (SameHeaderName(key, name)) return value;
  }
  return {};
}

std::optional<std::string_view> WarcRecord::Payload() const {
  if (Header("Content-Type").starts_with("application/http")) return HttpPayload(block);
  return block;
}

std::string WarcDigest(std::string_view bytes) {
  return "sha256:" + ToHex(Sha256(AsBytes(bytes)));
}

std::string WarcDate(uint64_t time_unix_us) {
  const auto seconds = static_cast<time_t>(time_unix_us / 1'000'000);
  tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32], fraction[16];
  strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(fraction, sizeof fraction, ".%06uZ", static_cast<unsigned>(time_unix_us % 1'000'000));
  return std::string(text) + fraction;
}

WarcRecord MakeWarcRecord(std::string_view type, uint64_t time_unix_us, std::string_view content_type,
                          std::string block) {
  WarcRecord record;
  record.Set("WARC-Type", std::string(type));
  record.Set("WARC-Record-ID", RandomUrn());
  record.Set("WARC-Date", WarcDate(time_unix_us));
  record.Set("Content-Type", std::string(content_type));
  record.Set("WARC-Block-Digest", WarcDigest(block));
  record.block = std::move(block);
  return record;
}

std::optional<std::string_view> HttpPayload(std::string_view block) {
  const size_t end = block.find("\r\n\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  return block.substr(end + 4);
}

std::string EncodeWarcRecord(const WarcRecord& record) {
  std::string out(kVersion);
  for (const auto& [name, value] : record.headers) out.append(name).append(": ").append(value).append("\r\n");
  out.append(kLengthName).append(": ").append(std::to_string(record.block.size())).append("\r\n\r\n");
  return out.append(record.block).append(kRecordEnd);
}

Result<WarcRecord> DecodeWarcRecord(std::string_view bytes) {
  if (!bytes.starts_with(kVersion)) return Wrong("a record must begin with WARC/1.1");
  bytes.remove_prefix(kVersion.size());
  WarcRecord record;
  std::optional<uint64_t> length;
  RETURN_IF_ERROR(TakeHeaders(&bytes, &record, &length));
  for (const std::string_view name : {"WARC-Type", "WARC-Record-ID", "WARC-Date"}) {
    if (record.Header(name).empty()) return Wrong(std::string(name) + ": missing");
  }
  if (!length) return Wrong("Content-Length: missing");
  if (bytes.size() < kRecordEnd.size() || bytes.size() - kRecordEnd.size() != *length ||
      !bytes.ends_with(kRecordEnd)) {
    return Wrong("Content-Length: is not the length of what follows before two line ends");
  }
  record.block = bytes.substr(0, *length);
  RETURN_IF_ERROR(CheckDigest(record, "WARC-Block-Digest", record.block, true));
  const auto payload = record.Payload();
  const bool response = record.Header("WARC-Type") == "response";
  if (!payload && response) return Wrong("a response must have an empty line after its HTTP header");
  if (payload) RETURN_IF_ERROR(CheckDigest(record, "WARC-Payload-Digest", *payload, response));
  return record;
}

}  // namespace cunzheng::evidence
