#include "client/capture/ranges.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <string_view>

namespace cunzheng::capture {
namespace {

constexpr std::string_view kUntold = "an untold range";

struct Range {
  uint64_t begin = 0, end = 0;  // the latter past the last byte
  std::optional<uint64_t> length;
};

std::string FieldOf(const Exchange& exchange, std::string_view wanted) {
  for (const auto& [name, value] : exchange.response_headers) {
    if (LoweredAscii(name) == wanted) return value;
  }
  return {};
}

bool TakeNumber(std::string_view* text, uint64_t* number) {
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), *number);
  if (error != std::errc()) return false;
  text->remove_prefix(static_cast<size_t>(end - text->data()));
  return true;
}

bool TakeText(std::string_view* text, std::string_view wanted) {
  if (!text->starts_with(wanted)) return false;
  text->remove_prefix(wanted.size());
  return true;
}

// "bytes 0-99/5000" or "bytes 0-99/*" (RFC 9110, section 14.4), of a body that came whole.
std::optional<Range> RangeOf(const Exchange& exchange) {
  const std::string field = FieldOf(exchange, "content-range");
  std::string_view text = field;
  Range range;
  uint64_t last = 0, length = 0;
  if (!TakeText(&text, "bytes ") || !TakeNumber(&text, &range.begin) || !TakeText(&text, "-") ||
      !TakeNumber(&text, &last) || !TakeText(&text, "/")) {
    return std::nullopt;
  }
  if (text != "*") {
    if (!TakeNumber(&text, &length) || !text.empty() || last >= length) return std::nullopt;
    range.length = length;
  }
  if (last < range.begin || last - range.begin != exchange.body.size() - 1 || exchange.body.empty() ||
      exchange.body_state != BodyState::kWhole) {
    return std::nullopt;
  }
  range.end = last + 1;
  return range;
}

bool Cover(std::vector<Range> ranges, uint64_t length) {
  std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) { return a.begin < b.begin; });
  uint64_t covered = 0;
  for (const Range& range : ranges) {
    if (range.begin > covered) return false;
    covered = std::max(covered, range.end);
  }
  return covered == length;
}

std::string WithoutFragment(std::string_view url) {
  return std::string(url.substr(0, url.find('#')));
}

struct Seen {
  RangedAddress address;
  bool whole = false;
  // By what they say that they are parts of: length and validator.
  std::map<std::pair<uint64_t, std::string>, std::vector<Range>> ranges;
};

}  // namespace

std::vector<RangedAddress> AddressesInPart(const std::vector<Exchange>& exchanges) {
  std::map<std::string, Seen> by_url;
  for (const Exchange& exchange : exchanges) {
    if (exchange.second_fetch_of || exchange.method != "GET") continue;
    if (exchange.status != 200 && exchange.status != 206) continue;
    Seen& seen = by_url[WithoutFragment(exchange.url)];
    if (exchange.status == 200) {
      seen.whole = true;
      continue;
    }
    seen.address.parts.push_back(exchange.number);
    if (seen.address.parts.size() == 1) {
      seen.address.range = FieldOf(exchange, "content-range");
      if (seen.address.range.empty()) seen.address.range = kUntold;
    }
    const auto range = RangeOf(exchange);
    if (!range || !range->length) continue;
    if (!seen.address.length) seen.address.length = range->length;
    seen.ranges[{*range->length, FieldOf(exchange, "etag")}].push_back(*range);
  }
  std::vector<RangedAddress> in_part;
  for (auto& [url, seen] : by_url) {
    const bool whole = seen.whole || std::any_of(seen.ranges.begin(), seen.ranges.end(), [](const auto& of) {
                         return Cover(of.second, of.first.first);
                       });
    if (whole || seen.address.parts.empty()) continue;
    seen.address.url = url;
    in_part.push_back(std::move(seen.address));
  }
  std::sort(in_part.begin(), in_part.end(),
            [](const RangedAddress& a, const RangedAddress& b) { return a.parts.front() < b.parts.front(); });
  return in_part;
}

std::string SecondFetchResult(const Exchange& fetched, const RangedAddress& address,
                              const std::vector<Exchange>& exchanges) {
  if (fetched.status == 0) return fetched.failure.empty() ? "no response" : fetched.failure;
  if (fetched.status != 200) return "status " + std::to_string(fetched.status);
  const std::string_view body = fetched.body;
  const std::string bytes = std::to_string(body.size()) + " bytes";
  if (fetched.body_state != BodyState::kWhole) return bytes + ", not all of it";
  if (address.length && *address.length != body.size()) {
    return bytes + " where the ranges are of " + std::to_string(*address.length);
  }
  for (const uint64_t number : address.parts) {
    const Exchange& part = exchanges[number];
    const auto range = RangeOf(part);
    if (range && (range->end > body.size() || body.substr(range->begin, part.body.size()) != part.body)) {
      return bytes + ", other than those of exchange " + std::to_string(number);
    }
  }
  return "all of it";
}

std::vector<Remark> RangeRemarks(const std::vector<Exchange>& exchanges) {
  std::map<uint64_t, const Exchange*> fetched;  // the last of each
  for (const Exchange& exchange : exchanges) {
    if (exchange.second_fetch_of) fetched[*exchange.second_fetch_of] = &exchange;
  }
  std::vector<Remark> remarks;
  for (const RangedAddress& address : AddressesInPart(exchanges)) {
    const auto second = fetched.find(address.parts.front());
    std::string detail = address.range + "; ";
    if (second == fetched.end()) {
      detail += "not fetched again";
    } else {
      detail += "a second fetch (exchange " + std::to_string(second->second->number) +
                ") brought: " + SecondFetchResult(*second->second, address, exchanges);
    }
    remarks.push_back({"range", detail + "; " + address.url});
  }
  return remarks;
}

}  // namespace cunzheng::capture
