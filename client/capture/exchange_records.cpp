#include "client/capture/exchange_records.h"

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>

#include "client/capture/addresses.h"
#include "client/evidence/capture_reports.h"
#include "crypto/bytes.h"

namespace cunzheng::capture {
namespace {

namespace json = boost::json;
using evidence::MakeWarcRecord;
using evidence::WarcRecord;

constexpr size_t kReasonBytesMax = 1'024;
constexpr size_t kFramesShownMax = 10'000;
// What a header says of the body as it came over the wire, which is not how it stands here.
constexpr std::array<std::string_view, 3> kWireHeaders = {"content-encoding", "transfer-encoding",
                                                          "content-length"};

// A header's value on one line; HTTP/2 allows what a line of HTTP/1.1 does not.
std::string OneLine(std::string_view value) {
  std::string line(value);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7f; }, ' ');
  return line;
}

// WARC-Target-URI holds visible ASCII; the browser's addresses mostly are that already.
std::string WarcUrl(std::string_view url) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : url) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte > 0x20 && byte < 0x7f) {
      out.push_back(c);
    } else {
      out.append({'%', kHex[byte >> 4], kHex[byte & 15]});
    }
  }
  return out;
}

void PutHeaders(const HttpHeaders& headers, bool body_follows, std::string* out) {
  for (const auto& [name, value] : headers) {
    if (name.empty() || name[0] == ':') continue;  // HTTP/2's own, which are in the first line
    const bool wire =
        std::find(kWireHeaders.begin(), kWireHeaders.end(), LoweredAscii(name)) != kWireHeaders.end();
    out->append(wire && body_follows ? "x-orig-" : "").append(OneLine(name)).append(": ");
    out->append(OneLine(value)).append("\r\n");
  }
}

std::string ResponseBlock(const Exchange& exchange) {
  // The space before an empty reason belongs there (RFC 9112, section 4).
  std::string block = "HTTP/1.1 " + std::to_string(std::clamp(exchange.status, 100, 999)) + " ";
  block += OneLine(exchange.status_text) + "\r\n";
  const bool body_due = exchange.body_state != BodyState::kNone;
  PutHeaders(exchange.response_headers, body_due, &block);
  if (body_due) block += "content-length: " + std::to_string(exchange.body.size()) + "\r\n";
  return block + "\r\n" + exchange.body;
}

std::string RequestBlock(const Exchange& exchange, const std::string& target) {
  const std::string method = OneLine(exchange.method.empty() ? "GET" : exchange.method);
  std::string block = method + " " + WarcUrl(target) + " HTTP/1.1\r\n";
  PutHeaders(exchange.request_headers, false, &block);
  return block + "\r\n" + exchange.request_body.value_or("");
}

// Where it went and by which protocol, as far as the browser told.
void PutConnection(const Exchange& exchange, WarcRecord* record) {
  if (!exchange.remote_ip.empty()) record->Set("WARC-IP-Address", OneLine(exchange.remote_ip));
  if (!exchange.protocol.empty()) record->Set("WARC-Protocol", OneLine(exchange.protocol));
  const std::string tls = LoweredAscii(TextOf(exchange.security, "protocol"));  // "TLS 1.3", "QUIC"
  if (tls.starts_with("tls ")) record->Set("WARC-Protocol", OneLine("tls/" + tls.substr(4)));
}

std::string_view BodyStateName(BodyState state) {
  switch (state) {
    case BodyState::kWhole:
      return "whole";
    case BodyState::kCutLength:
      return "cut_length";
    case BodyState::kCutTime:
      return "cut_time";
    case BodyState::kMissed:
      return "missed";
    case BodyState::kNone:
      break;
  }
  return "none";
}

std::string Plain(std::string_view text) {
  return evidence::PlainText(text, kReasonBytesMax);
}

json::array FramesOf(const Exchange& exchange) {
  json::array frames;
  for (const SocketFrame& frame : exchange.frames) {
    if (frames.size() == kFramesShownMax) break;
    json::object object{{"time", evidence::WarcDate(frame.time_unix_us)},
                        {"sent", frame.sent},
                        {"opcode", frame.opcode},
                        {"length", frame.payload.size()},
                        {"payloadBase64", ToBase64(AsBytes(frame.payload))}};
    frames.push_back(std::move(object));
  }
  return frames;
}

WarcRecord MetadataRecord(const Exchange& exchange, const std::string& url) {
  json::object facts{{"number", exchange.number},
                     {"resourceType", Plain(exchange.resource_type)},
                     {"initiator", Plain(exchange.initiator)},
                     {"body", BodyStateName(exchange.body_state)}};
  if (exchange.status != 0) {
    facts["remoteIPAddress"] = Plain(exchange.remote_ip);
    facts["remotePort"] = exchange.remote_port;
    facts["connection"] = exchange.connection;
    facts["protocol"] = Plain(exchange.protocol);
  } else {
    facts["method"] = Plain(exchange.method);
  }
  if (exchange.second_fetch_of) facts["secondFetchOf"] = *exchange.second_fetch_of;
  if (exchange.from_cache) facts["fromCache"] = true;
  if (exchange.from_service_worker) facts["fromServiceWorker"] = true;
  if (exchange.internal) facts["answeredByBrowser"] = true;
  if (!exchange.security.empty()) facts["security"] = exchange.security;
  if (!exchange.body_reason.empty()) facts["bodyReason"] = Plain(exchange.body_reason);
  if (!exchange.failure.empty()) facts["failure"] = Plain(exchange.failure);
  if (exchange.live) facts["live"] = true;
  if (!exchange.finished) facts["unfinished"] = true;
  if (!exchange.frames.empty()) facts["frames"] = FramesOf(exchange);
  if (exchange.frames_left_out != 0) facts["framesLeftOut"] = exchange.frames_left_out;
  WarcRecord record =
      MakeWarcRecord("metadata", exchange.time_unix_us, "application/json", json::serialize(facts));
  record.Set("WARC-Target-URI", url);
  return record;
}

}  // namespace

WarcRecord InfoRecord(std::string_view software, uint64_t time_unix_us) {
  return MakeWarcRecord(
      "warcinfo", time_unix_us, "application/warc-fields",
      "software: " + OneLine(software) +
          "\r\nformat: WARC File Format 1.1\r\n"
          "conformsTo: http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/\r\n");
}

std::vector<WarcRecord> ExchangeRecords(const Exchange& exchange) {
  const std::string url = WarcUrl(exchange.url);
  std::vector<WarcRecord> records;
  WarcRecord facts = MetadataRecord(exchange, url);
  const auto parts = SplitUrl(exchange.url);
  if (exchange.status != 0) {
    WarcRecord response = MakeWarcRecord("response", exchange.time_unix_us,
                                         "application/http;msgtype=response", ResponseBlock(exchange));
    WarcRecord request = MakeWarcRecord("request", exchange.time_unix_us, "application/http;msgtype=request",
                                        RequestBlock(exchange, parts ? parts->target : "/"));
    for (WarcRecord* record : {&response, &request}) {
      record->Set("WARC-Target-URI", url);
      PutConnection(exchange, record);
    }
    if (exchange.body_state == BodyState::kCutLength) response.Set("WARC-Truncated", "length");
    if (exchange.body_state == BodyState::kCutTime) response.Set("WARC-Truncated", "time");
    if (exchange.body_state == BodyState::kMissed) response.Set("WARC-Truncated", "unspecified");
    const std::string id(response.Header("WARC-Record-ID"));
    response.Set("WARC-Concurrent-To", std::string(request.Header("WARC-Record-ID")));
    request.Set("WARC-Concurrent-To", id);
    facts.Set("WARC-Concurrent-To", id);
    records.push_back(std::move(response));
    records.push_back(std::move(request));
  }
  records.push_back(std::move(facts));
  return records;
}

}  // namespace cunzheng::capture
