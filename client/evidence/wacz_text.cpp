#include "client/evidence/wacz_text.h"

#include <algorithm>
#include <boost/json.hpp>
#include <ctime>

namespace cunzheng::evidence {
namespace {

namespace bj = boost::json;

constexpr std::string_view kPagesHeader = R"({"format":"json-pages-1.0","id":"pages","title":"All Pages"})";
constexpr size_t kPageLineBytesMax = 256 << 10;
constexpr size_t kWaczDateBytes = 27;

Error Wrong(const std::string& what) {
  return {Errc::kInvalidValue, what};
}

bj::string_view View(std::string_view text) {
  return {text.data(), text.size()};
}

Result<bj::object> ParseObject(std::string_view text) {
  bj::error_code failed;
  bj::value value = bj::parse(View(text), failed);
  if (failed || !value.is_object()) return Wrong("must be a JSON object");
  return std::move(value.as_object());
}

// A string field; empty and `*error` set when there is none.
std::string String(const bj::object& object, std::string_view field, std::optional<Error>* error) {
  const bj::value* value = object.if_contains(View(field));
  if (value != nullptr && value->is_string()) return std::string(value->as_string());
  if (!*error) *error = Wrong(std::string(field) + ": must be a string");
  return {};
}

uint64_t Number(const bj::object& object, std::string_view field, std::optional<Error>* error) {
  const bj::value* value = object.if_contains(View(field));
  if (value != nullptr && value->is_int64() && value->as_int64() >= 0)
    return static_cast<uint64_t>(value->as_int64());
  if (!*error) *error = Wrong(std::string(field) + ": must be a whole number");
  return 0;
}

std::string_view BaseName(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

bool IsUrl(std::string_view text) {
  return !text.empty() && text.size() <= kWarcHeaderBytesMax &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

// Key, time and JSON of a line.
struct LineParts {
  std::string_view key, time;
  bj::object json;
};

Result<LineParts> ParseLine(std::string_view line) {
  const size_t first = line.find(' ');
  const size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos) return Wrong("must be a key, a time and JSON");
  ASSIGN_OR_RETURN(bj::object json, ParseObject(line.substr(second + 1)));
  return LineParts{.key = line.substr(0, first),
                   .time = line.substr(first + 1, second - first - 1),
                   .json = std::move(json)};
}

}  // namespace

std::string EncodeCdxjLine(const CdxjLine& line) {
  bj::object json{{"url", line.url},
                  {"digest", line.digest},
                  {"mime", line.mime},
                  {"filename", View(BaseName(kWaczArchive))},
                  {"offset", line.offset},
                  {"length", line.length},
                  {"recordDigest", line.record_digest},
                  {"status", line.status}};
  if (!line.method.empty()) json["method"] = line.method;
  return line.key + " " + line.time + " " + bj::serialize(json);
}

Result<uint64_t> CdxjOffset(std::string_view line) {
  ASSIGN_OR_RETURN(const LineParts parts, ParseLine(line));
  std::optional<Error> error;
  const uint64_t offset = Number(parts.json, "offset", &error);
  if (error) return *error;
  return offset;
}

std::string CdxjDifference(std::string_view expected, std::string_view actual) {
  const auto wanted = ParseLine(expected), had = ParseLine(actual);
  CHECK_INVARIANT(wanted.has_value());
  if (!had) return had.error().detail;
  if (had->key != wanted->key) return "its key must be " + std::string(wanted->key);
  if (had->time != wanted->time) return "its time must be " + std::string(wanted->time);
  for (const auto& [field, value] : wanted->json) {
    const bj::value* other = had->json.if_contains(field);
    if (other == nullptr || *other != value) {
      return std::string(field) + ": must be " + std::string(bj::serialize(value)) + ", as the record has it";
    }
  }
  return "must have no other fields, in their one order and form";
}

bool IsWarcDate(std::string_view text) {
  constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:dd.ddddddZ";
  static_assert(kForm.size() == kWaczDateBytes);
  if (text.size() != kForm.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kForm[i] == 'd' ? !digit : text[i] != kForm[i]) return false;
  }
  const auto number = [text](size_t at, size_t length) {
    return std::stoi(std::string(text.substr(at, length)));
  };
  tm utc{};
  utc.tm_year = number(0, 4) - 1900;
  utc.tm_mon = number(5, 2) - 1;
  utc.tm_mday = number(8, 2);
  utc.tm_hour = number(11, 2);
  utc.tm_min = number(14, 2);
  utc.tm_sec = number(17, 2);
  // The text of the same moment: the 31st of April would come back as the 1st of May.
  const time_t seconds = timegm(&utc);
  return seconds >= 0 &&
         WarcDate(static_cast<uint64_t>(seconds) * 1'000'000 + static_cast<uint64_t>(number(20, 6))) == text;
}

std::string CdxjTime(std::string_view warc_date) {
  std::string time;
  for (const char c : warc_date) {
    if (c >= '0' && c <= '9') time.push_back(c);
  }
  return time.substr(0, 17);
}

std::string EncodePages(const std::vector<PageLine>& pages) {
  std::string text = std::string(kPagesHeader) + "\n";
  for (size_t i = 0; i < pages.size(); ++i) {
    const bj::object json{{"id", std::to_string(i + 1)},
                          {"url", pages[i].url},
                          {"ts", pages[i].time},
                          {"title", pages[i].title},
                          {"status", pages[i].status}};
    text += bj::serialize(json) + "\n";
  }
  return text;
}

Result<std::vector<PageLine>> DecodePages(std::string_view text) {
  std::vector<PageLine> pages;
  const std::string_view whole = text;
  for (size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    const std::string what = "line " + std::to_string(number) + ": ";
    if (line.size() > kPageLineBytesMax) return Error{Errc::kTooLarge, what + "must be at most 256 KiB"};
    if (pages.size() == kWaczPagesMax) return Error{Errc::kTooLarge, "must have at most 10,000 pages"};
    if (line.size() == text.size()) return Wrong(what + "must end with a line end");
    text.remove_prefix(line.size() + 1);
    if (number == 1) continue;  // compared below
    const auto json = ParseObject(line);
    if (!json) return Wrong(what + json.error().detail);
    std::optional<Error> error;
    PageLine page{.url = String(*json, "url", &error),
                  .title = String(*json, "title", &error),
                  .time = String(*json, "ts", &error),
                  .status = static_cast<int>(std::min<uint64_t>(Number(*json, "status", &error), 1'000))};
    if (error) return Wrong(what + error->detail);
    if (!IsUrl(page.url)) return Wrong(what + "url: must be visible ASCII");
    if (page.title.size() > kWaczTitleBytesMax) return Wrong(what + "title: must be at most 1,024 bytes");
    if (!IsWarcDate(page.time)) return Wrong(what + "ts: must be a time in UTC to the microsecond");
    pages.push_back(std::move(page));
  }
  if (pages.empty()) return Wrong("must list a page");
  if (EncodePages(pages) != whole) {
    return Wrong("must be the header line, then id, url, ts, title, status of each page, in their one form");
  }
  return pages;
}

Result<void> CheckAttachmentName(std::string_view name) {
  const bool fine =
      !name.empty() && name.size() <= 100 && name.front() != '.' &&
      std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
      });
  if (!fine) {
    return Wrong(std::string(name.substr(0, 100)) +
                 ": an attachment's name must be 1 to 100 bytes of [a-z0-9._-], and "
                 "begin with no dot");
  }
  // The names of a data package's resources must differ also without their folders.
  for (const std::string_view path :
       {kWaczArchive, kWaczIndex, kWaczPages, kWaczPackage, kWaczPackageDigest}) {
    if (name == BaseName(path)) return Wrong(std::string(name) + ": is the name of a WACZ's own member");
  }
  return {};
}

std::string EncodePackage(const Package& package) {
  bj::array resources;
  for (const auto& resource : package.resources) {
    bj::object item{{"name", View(BaseName(resource.path))},
                    {"path", resource.path},
                    {"hash", resource.hash},
                    {"bytes", resource.bytes}};
    // Else readers of data packages take an attachment in JSON for a table, and find fault with its rows.
    if (resource.path.starts_with(kWaczAttachments)) item["type"] = "file";
    resources.push_back(std::move(item));
  }
  return bj::serialize(bj::object{{"profile", "data-package"},
                                  {"wacz_version", "1.1.1"},
                                  {"title", package.title},
                                  {"software", package.software},
                                  {"created", package.created},
                                  {"mainPageUrl", package.main_url},
                                  {"mainPageDate", package.main_time},
                                  {"resources", std::move(resources)}});
}

Result<Package> DecodePackage(std::string_view text) {
  ASSIGN_OR_RETURN(const bj::object json, ParseObject(text));
  std::optional<Error> error;
  Package package{.title = String(json, "title", &error),
                  .software = String(json, "software", &error),
                  .created = String(json, "created", &error),
                  .main_url = String(json, "mainPageUrl", &error),
                  .main_time = String(json, "mainPageDate", &error),
                  .resources = {}};
  if (error) return *error;
  const bj::value* resources = json.if_contains("resources");
  if (resources == nullptr || !resources->is_array()) return Wrong("resources: must be an array");
  for (const auto& value : resources->as_array()) {
    const std::string what = "resources[" + std::to_string(package.resources.size()) + "]";
    if (!value.is_object()) return Wrong(what + ": must be a JSON object");
    const bj::object& item = value.as_object();
    package.resources.push_back({.path = String(item, "path", &error),
                                 .hash = String(item, "hash", &error),
                                 .bytes = Number(item, "bytes", &error)});
    if (error) return Wrong(what + "." + error->detail);
  }
  if (package.title.size() > kWaczTitleBytesMax) return Wrong("title: must be at most 1,024 bytes");
  if (package.software.empty() || package.software.size() > 255)
    return Wrong("software: must be 1 to 255 bytes");
  if (package.created.size() != 20 || !IsWarcDate(package.created.substr(0, 19) + ".000000Z") ||
      !package.created.ends_with('Z')) {
    return Wrong("created: must be a time in UTC to the second");
  }
  if (EncodePackage(package) != text) {
    return Wrong(
        "must be profile, wacz_version 1.1.1, title, software, created, mainPageUrl, mainPageDate and "
        "resources of name, path, hash, bytes and, of an attachment, type, in their one form");
  }
  return package;
}

}  // namespace cunzheng::evidence
