#include "client/evidence/warc.h"

#include <zlib.h>

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
constexpr int kGzipWindow = 15 + 16;  // zlib: the largest window, in gzip's format

char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool SameName(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return Lower(x) == Lower(y); });
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

Result<void> CheckDigest(const WarcRecord& record, std::string_view name, std::string_view bytes, bool mandatory) {
  const std::string_view stated = record.Header(name);
  if (stated.empty()) {
    if (!mandatory) return {};
    return Wrong(std::string(name) + ": missing");
  }
  if (stated == WarcDigest(bytes)) return {};
  return Error{Errc::kDigestMismatch, "warc: " + std::string(name) + " of " +
                                          std::string(record.Header("WARC-Record-ID"))};
}

std::string RandomUrn() {
  Bytes bytes = RandomBytes(16);
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0f) | 0x40);  // RFC 9562: version 4
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3f) | 0x80);
  const std::string hex = ToHex(bytes);
  return "<urn:uuid:" + hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" + hex.substr(16, 4) +
         "-" + hex.substr(20) + ">";
}

}  // namespace

std::string_view WarcRecord::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (SameName(key, name)) return value;
  }
  return {};
}

std::string WarcDigest(std::string_view bytes) {
  return "sha256:" + ToHex(Sha256(AsBytes(bytes)));
}

std::string WarcDate(uint64_t time_unix_us) {
  const auto seconds = static_cast<time_t>(time_unix_us / 1'000'000);
  tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32], whole[48];
  strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(whole, sizeof whole, "%s.%06uZ", text, static_cast<unsigned>(time_unix_us % 1'000'000));
  return whole;
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
  if (!bytes.starts_with(kVersion)) return Wrong("a record begins with WARC/1.1");
  bytes.remove_prefix(kVersion.size());
  WarcRecord record;
  std::optional<uint64_t> length;
  for (size_t read = 0;;) {
    const size_t end = bytes.find("\r\n");
    if (end == std::string_view::npos || (read += end + 2) > kWarcHeaderBytesMax) {
      return Wrong("its header has no end within 64 KiB");
    }
    const std::string_view line = bytes.substr(0, end);
    bytes.remove_prefix(end + 2);
    if (line.empty()) break;
    const size_t colon = line.find(": ");
    if (colon == std::string_view::npos || !IsName(line.substr(0, colon)) || !IsValue(line.substr(colon + 2))) {
      return Wrong("a header must be a name, colon, space, and a value on one line");
    }
    const std::string_view name = line.substr(0, colon), value = line.substr(colon + 2);
    if (!SameName(name, kLengthName)) {
      // Of all headers WARC-Concurrent-To alone may be there more than once.
      if (!record.Header(name).empty() && !SameName(name, "WARC-Concurrent-To")) {
        return Wrong(std::string(name) + ": there twice");
      }
      record.Set(std::string(name), std::string(value));
      continue;
    }
    uint64_t number = 0;
    const auto [rest, status] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (length || status != std::errc() || rest != value.data() + value.size() || std::to_string(number) != value) {
      return Wrong("Content-Length: must be there once, a number");
    }
    length = number;
  }
  for (const std::string_view name : {"WARC-Type", "WARC-Record-ID", "WARC-Date"}) {
    if (record.Header(name).empty()) return Wrong(std::string(name) + ": missing");
  }
  if (!length) return Wrong("Content-Length: missing");
  if (bytes.size() < kRecordEnd.size() || bytes.size() - kRecordEnd.size() != *length || !bytes.ends_with(kRecordEnd)) {
    return Wrong("Content-Length: " + std::to_string(*length) + ", and two line ends, is not what follows");
  }
  record.block = bytes.substr(0, *length);
  RETURN_IF_ERROR(CheckDigest(record, "WARC-Block-Digest", record.block, true));
  const bool is_http = record.Header("Content-Type").starts_with("application/http");
  const std::string_view type = record.Header("WARC-Type");
  const bool mandatory = type == "response";
  const auto payload = is_http ? HttpPayload(record.block) : std::optional<std::string_view>(record.block);
  if (!payload && mandatory) return Wrong("a response has no empty line after its header");
  if (payload) RETURN_IF_ERROR(CheckDigest(record, "WARC-Payload-Digest", *payload, mandatory));
  return record;
}

std::string GzipMember(std::string_view bytes) {
  z_stream stream{};
  CHECK_INVARIANT(deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  gz_header header{};
  header.os = 255;  // unknown, on every machine
  deflateSetHeader(&stream, &header);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  CHECK_INVARIANT(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

Result<std::string> TakeGzipMember(std::string_view* rest, size_t length_max) {
  z_stream stream{};
  CHECK_INVARIANT(inflateInit2(&stream, kGzipWindow) == Z_OK);
  const auto in = static_cast<uInt>(std::min<size_t>(rest->size(), UINT32_MAX));
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(rest->data()));
  stream.avail_in = in;
  std::string out;
  int status = Z_OK;
  while (status == Z_OK && out.size() <= length_max) {
    const size_t had = out.size();
    out.resize(had + std::clamp<size_t>(had, 64 << 10, 16 << 20));
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + had);
    stream.avail_out = static_cast<uInt>(out.size() - had);
    status = inflate(&stream, Z_NO_FLUSH);
    out.resize(out.size() - stream.avail_out);
    if (status == Z_BUF_ERROR || (status == Z_OK && stream.avail_in == 0 && stream.avail_out != 0)) break;
  }
  const size_t used = in - stream.avail_in;
  inflateEnd(&stream);
  if (out.size() > length_max) return Error{Errc::kTooLarge, "gzip: over " + std::to_string(length_max) + " bytes"};
  if (status != Z_STREAM_END) return Error{Errc::kInvalidValue, "gzip: no whole member"};
  rest->remove_prefix(used);
  return out;
}

}  // namespace cunzheng::evidence
