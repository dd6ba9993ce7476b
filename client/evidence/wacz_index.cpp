#include "client/evidence/wacz_index.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "client/evidence/surt.h"
#include "client/evidence/wacz_text.h"

namespace cunzheng::evidence {
namespace {

constexpr uint64_t kUrlBytesMax = 128u << 20;  // of all records together
constexpr size_t kMimeBytesMax = 255;
constexpr std::string_view kMimeUnknown = "application/octet-stream";
constexpr std::array<std::string_view, 6> kTypes = {"warcinfo", "request",  "response",
                                                    "resource", "metadata", "revisit"};
// The types whose payload is defined.
constexpr std::array<std::string_view, 4> kTypesWithPayload = {"request", "response", "resource", "revisit"};

Error Wrong(const std::string& what) {
  return {Errc::kInvalidValue, "warc: " + what};
}

bool IsVisibleAscii(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

bool IsHttpUrl(std::string_view url) {
  return url.starts_with("http://") || url.starts_with("https://");
}

// "<urn:uuid:…>" of any uuid, in lower case.
bool IsRecordId(std::string_view text) {
  constexpr std::string_view kForm = "<urn:uuid:xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx>";
  return text.size() == kForm.size() &&
         std::equal(text.begin(), text.end(), kForm.begin(), [](char c, char form) {
           return form == 'x' && c != 'x' ? (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')
                                          : c == form && c != 'x';
         });
}

std::string_view WithoutFragment(std::string_view url) {
  return url.substr(0, url.find('#'));
}

// The first line of an HTTP message and its Content-Type.
struct HttpHead {
  std::string_view start, content_type;
};

char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

HttpHead ParseHttpHead(std::string_view block) {
  constexpr std::string_view kName = "content-type:";
  HttpHead head;
  head.start = block.substr(0, block.find("\r\n"));
  std::string_view rest = block.substr(0, block.find("\r\n\r\n"));
  for (size_t end = rest.find("\r\n"); end != std::string_view::npos; end = rest.find("\r\n")) {
    rest.remove_prefix(end + 2);
    const bool same = rest.size() >= kName.size() && std::equal(kName.begin(), kName.end(), rest.begin(),
                                                                [](char x, char y) { return x == Lower(y); });
    if (!same) continue;
    head.content_type = rest.substr(kName.size(), rest.find("\r\n") - kName.size());
    break;
  }
  return head;
}

// "text/html" of "text/html; charset=utf-8".
std::string Mime(std::string_view content_type) {
  while (content_type.starts_with(' ') || content_type.starts_with('\t')) content_type.remove_prefix(1);
  const std::string_view mime = content_type.substr(0, content_type.find_first_of("; \t,"));
  return std::string(IsVisibleAscii(mime) && mime.size() <= kMimeBytesMax ? mime : kMimeUnknown);
}

// 200 of "HTTP/1.1 200 OK".
std::optional<int> Status(std::string_view start) {
  const size_t space = start.find(' ');
  if (!start.starts_with("HTTP/") || space == std::string_view::npos || start.size() < space + 4)
    return std::nullopt;
  int status = 0;
  for (const char c : start.substr(space + 1, 3)) {
    if (c < '0' || c > '9') return std::nullopt;
    status = status * 10 + (c - '0');
  }
  const bool ends = start.size() == space + 4 || start[space + 4] == ' ';
  return ends && status >= 100 ? std::optional(status) : std::nullopt;
}

bool IsOneOf(std::string_view type, const auto& types) {
  return std::find(types.begin(), types.end(), type) != types.end();
}

Result<void> CheckHeaders(const WarcRecord& record) {
  const std::string_view type = record.Header("WARC-Type"), url = record.Header("WARC-Target-URI");
  if (!IsOneOf(type, kTypes)) {
    return Wrong("WARC-Type: must be warcinfo, request, response, resource, metadata or revisit");
  }
  if (!IsRecordId(record.Header("WARC-Record-ID")))
    return Wrong("WARC-Record-ID: must be <urn:uuid:…> in lower case");
  if (!IsWarcDate(record.Header("WARC-Date")))
    return Wrong("WARC-Date: must be a time in UTC to the microsecond");
  if (type == "warcinfo" ? !url.empty() : !IsVisibleAscii(url)) {
    return Wrong("WARC-Target-URI: must be visible ASCII, and absent of warcinfo");
  }
  if (!record.block.empty() && record.Header("Content-Type").empty()) return Wrong("Content-Type: missing");
  if (IsOneOf(type, kTypesWithPayload) && record.Header("WARC-Payload-Digest").empty()) {
    return Wrong("WARC-Payload-Digest: missing");
  }
  const bool http = record.Header("Content-Type").starts_with("application/http");
  if ((type == "request" || type == "response") && !http) {
    return Wrong("Content-Type: must be application/http of a request or response");
  }
  return {};
}

// What an index has of a record beside its place.
struct Facts {
  bool indexed = false;
  int status = 0;      // of a record that is indexed
  std::string mime;    // the same
  std::string method;  // of a request
};

Result<Facts> Judge(const WarcRecord& record) {
  RETURN_IF_ERROR(CheckHeaders(record));
  const std::string_view type = record.Header("WARC-Type");
  const bool http_block = record.Header("Content-Type").starts_with("application/http");
  const HttpHead head = http_block ? ParseHttpHead(record.block) : HttpHead();
  Facts facts;
  if (type == "request") {
    facts.method = head.start.substr(0, head.start.find(' '));
    if (!IsVisibleAscii(facts.method) || facts.method.size() == head.start.size()) {
      return Wrong("a request must begin with method and address");
    }
  }
  facts.indexed = type == "response" ||
                  ((type == "revisit" || type == "resource") && IsHttpUrl(record.Header("WARC-Target-URI")));
  if (!facts.indexed) return facts;
  const std::optional<int> status = http_block ? Status(head.start) : std::optional<int>(200);
  if (!status) return Wrong("a response must begin with HTTP's version and a status");
  facts.status = *status;
  facts.mime = type == "revisit" ? "warc/revisit"
                                 : Mime(http_block ? head.content_type : record.Header("Content-Type"));
  return facts;
}

}  // namespace

Result<void> WaczIndex::Check(std::span<const WarcRecord> records) const {
  const auto too_large = [](const std::string& what) { return Error{Errc::kTooLarge, "warc: " + what}; };
  if (records.size() > kWaczRecordsMax - places_.size()) {
    return too_large("must have at most " + std::to_string(kWaczRecordsMax) + " records");
  }
  uint64_t url_bytes = url_bytes_, record_bytes = record_bytes_;
  std::set<std::string_view> ids;
  for (const auto& record : records) {
    RETURN_IF_ERROR(Judge(record));
    url_bytes += record.Header("WARC-Target-URI").size();
    record_bytes += record.block.size();
    const std::string_view id = record.Header("WARC-Record-ID");
    if (!ids.insert(id).second || records_by_id_.contains(id)) {
      return Wrong("WARC-Record-ID: " + std::string(id) + " is there twice");
    }
  }
  if (url_bytes > kUrlBytesMax) return too_large("its addresses must stay below 128 MiB in all");
  if (record_bytes > kWaczUnpackedBytesMax)
    return too_large("its records must unpack to at most 16 GiB in all");
  return {};
}

void WaczIndex::Add(const WarcRecord& record, const RecordPlace& place, const Hash& member_digest) {
  const Facts facts = Judge(record).value();
  const std::string_view type = place.type;
  const size_t number = places_.size();
  CHECK_INVARIANT(records_by_id_.emplace(record.Header("WARC-Record-ID"), number).second);
  places_.push_back(place);
  url_bytes_ += place.url.size();
  record_bytes_ += record.block.size();

  const bool exchange = type == "request" || type == "response" || type == "revisit";
  for (const auto& [name, value] : record.headers) {
    const bool concurrent = SameHeaderName(name, "WARC-Concurrent-To");
    if (!concurrent && !SameHeaderName(name, "WARC-Refers-To")) continue;
    links_.push_back({.from = number, .header = name, .to = value, .to_partner = concurrent && exchange});
  }
  if (type == "request") methods_by_record_.emplace(number, facts.method);
  if (type == "response") ++responses_;
  if (!facts.indexed) return;
  indexed_by_record_.emplace(number, indexed_.size());
  indexed_.push_back({.line = {.key = Surt(place.url),
                               .time = CdxjTime(record.Header("WARC-Date")),
                               .url = place.url,
                               .digest = std::string(record.Header("WARC-Payload-Digest")),
                               .record_digest = "sha256:" + ToHex(member_digest),
                               .mime = facts.mime,
                               .method = {},
                               .offset = place.offset,
                               .length = place.length,
                               .status = facts.status},
                      .record = number});
  status_by_url_[std::string(WithoutFragment(place.url))] = facts.status;
}

Result<void> WaczIndex::Close() {
  for (const auto& link : links_) {
    const auto& from = places_[link.from];
    const auto found = records_by_id_.find(link.to);
    const std::string what = link.header + " of the record at " + std::to_string(from.offset) + ": ";
    if (found == records_by_id_.end() || found->second == link.from) {
      return Wrong(what + "must lead to another record of the archive");
    }
    if (!link.to_partner) continue;
    const size_t to = found->second;
    const bool from_request = from.type == "request";
    if (from_request == (places_[to].type == "request") || places_[to].url != from.url) {
      return Wrong(what + "must lead from a request to its response, or back, of the same address");
    }
    const auto response = indexed_by_record_.find(from_request ? to : link.from);
    const std::string& method = methods_by_record_[from_request ? link.from : to];
    if (response != indexed_by_record_.end() && method != "GET")
      indexed_[response->second].line.method = method;
  }
  for (const auto& [line, record] : indexed_)
    lines_.push_back({.text = EncodeCdxjLine(line), .record = record});
  std::sort(lines_.begin(), lines_.end());
  return {};
}

int WaczIndex::StatusOf(std::string_view url) const {
  const auto found = status_by_url_.find(WithoutFragment(url));
  return found == status_by_url_.end() ? 0 : found->second;
}

}  // namespace cunzheng::evidence
