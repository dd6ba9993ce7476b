#include "client/capture/watch.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>

#include "client/evidence/png_rows.h"
#include "crypto/digest.h"

namespace cunzheng::capture {
namespace {

using evidence::kPngChannels;
using evidence::PictureSize;
using evidence::PngReader;
using evidence::PngWriter;

constexpr std::string_view kBlanks = " \t\r\n\f";
constexpr std::string_view kAttributes[] = {"alt", "content", "href", "placeholder", "src", "title", "value"};
constexpr std::string_view kSilent[] = {"script", "style", "noscript", "template"};

char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string Lowered(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), Lower);
  return out;
}

void AppendLine(std::string_view prefix, std::string_view text, std::string* out) {
  std::string line(prefix);
  bool blank = false, any = false;
  for (const char c : text) {
    if (kBlanks.find(c) != std::string_view::npos) {
      blank = any;
      continue;
    }
    if (blank) line.push_back(' ');
    blank = false;
    any = true;
    line.push_back(c);
  }
  if (any || !prefix.empty()) *out += line + "\n";
}

// Where `</name` begins, from `at` on.
size_t FindEnd(std::string_view dom, size_t at, std::string_view name) {
  for (at = dom.find("</", at); at != std::string_view::npos; at = dom.find("</", at + 2)) {
    if (Lowered(dom.substr(at + 2, name.size())) == name) return at;
  }
  return dom.size();
}

// Takes a tag's attributes, up to and with its '>', off `rest`.
void TakeAttributes(std::string_view* rest, std::string* out) {
  while (!rest->empty() && rest->front() != '>') {
    rest->remove_prefix(std::min(rest->find_first_not_of(" \t\r\n\f/"), rest->size()));
    const size_t end = std::min(rest->find_first_of(" \t\r\n\f/>="), rest->size());
    if (end == 0 && !rest->empty() && rest->front() != '=') continue;
    const std::string name = Lowered(rest->substr(0, end));
    rest->remove_prefix(end);
    if (!rest->starts_with("=")) continue;
    rest->remove_prefix(1);
    std::string_view value;
    if (!rest->empty() && (rest->front() == '"' || rest->front() == '\'')) {
      const size_t close = std::min(rest->find(rest->front(), 1), rest->size());
      value = rest->substr(1, close - 1);
      rest->remove_prefix(std::min(close + 1, rest->size()));
    } else {
      value = rest->substr(0, rest->find_first_of(" \t\r\n\f>"));
      rest->remove_prefix(value.size());
    }
    if (std::find(std::begin(kAttributes), std::end(kAttributes), name) != std::end(kAttributes)) {
      AppendLine(name + "=", value, out);
    }
  }
  if (!rest->empty()) rest->remove_prefix(1);
}

// One picture, whose rows end before the other's may.
struct Picture {
  explicit Picture(std::string_view png) : reader(png) {}
  PngReader reader;
  PictureSize size;
  std::string row;
};

Result<void> ReadRow(Picture* picture, uint32_t y) {
  if (y < picture->size.height) return picture->reader.Row(&picture->row);
  picture->row.clear();
  return y == picture->size.height ? picture->reader.End() : Result<void>();
}

bool Differs(const char* a, const char* b, uint32_t more_than) {
  for (size_t i = 0; i < kPngChannels; ++i) {
    if (static_cast<uint32_t>(std::abs(static_cast<uint8_t>(a[i]) - static_cast<uint8_t>(b[i]))) >
        more_than) {
      return true;
    }
  }
  return false;
}

// The pixel paler, and red when it changed.
void Paint(const char* pixel, bool changed, char* out) {
  const auto pale = [&](size_t i) {
    const unsigned value = pixel == nullptr ? 255u : static_cast<uint8_t>(pixel[i]);
    return changed ? value / 2 : 191 + value / 4;
  };
  out[0] = static_cast<char>(changed ? 127 + pale(0) : pale(0));
  out[1] = static_cast<char>(changed ? pale(1) / 2 : pale(1));
  out[2] = static_cast<char>(changed ? pale(2) / 2 : pale(2));
}

Result<void> ComparePictures(std::string_view png_before, std::string_view png_after,
                             const WatchThresholds& thresholds, PageChange* change) {
  Picture before(png_before), after(png_after);
  ASSIGN_OR_RETURN(before.size, before.reader.Begin());
  ASSIGN_OR_RETURN(after.size, after.reader.Begin());
  const PictureSize all{std::max(before.size.width, after.size.width),
                        std::max(before.size.height, after.size.height)};
  change->before = before.size;
  change->after = after.size;
  change->pixels = uint64_t{all.width} * all.height;
  PngWriter writer(all);
  std::string painted(all.width * kPngChannels, '\0');
  for (uint32_t y = 0; y < all.height; ++y) {
    RETURN_IF_ERROR(ReadRow(&before, y));
    RETURN_IF_ERROR(ReadRow(&after, y));
    for (size_t at = 0; at < painted.size(); at += kPngChannels) {
      const bool in_before = at < before.row.size(), in_after = at < after.row.size();
      const bool changed = in_before != in_after ||
                           (in_before && Differs(&before.row[at], &after.row[at], thresholds.channel));
      change->pixels_changed += changed ? 1 : 0;
      Paint(in_after ? &after.row[at] : nullptr, changed, &painted[at]);
    }
    writer.Row(painted);
  }
  // Of the taller one; the other's end was read when its rows were over.
  if (before.size.height == all.height) RETURN_IF_ERROR(before.reader.End());
  if (after.size.height == all.height) RETURN_IF_ERROR(after.reader.End());
  change->picture_changed = change->pixels_changed * 1'000'000 > change->pixels * thresholds.share_ppm;
  if (change->pixels_changed > 0) change->difference_png = writer.End();
  return {};
}

}  // namespace

std::string NormalisedText(std::string_view dom) {
  std::string out;
  while (!dom.empty()) {
    const size_t tag = std::min(dom.find('<'), dom.size());
    AppendLine("", dom.substr(0, tag), &out);
    dom.remove_prefix(tag);
    if (dom.empty()) break;
    if (dom.starts_with("<!--")) {
      const size_t end = dom.find("-->", 4);
      dom.remove_prefix(end == std::string_view::npos ? dom.size() : end + 3);
      continue;
    }
    dom.remove_prefix(1);
    const bool closes = dom.starts_with("/");
    if (closes) dom.remove_prefix(1);
    const std::string name = Lowered(dom.substr(0, dom.find_first_of(" \t\r\n\f/>")));
    dom.remove_prefix(name.size());
    const bool silent =
        !closes && std::find(std::begin(kSilent), std::end(kSilent), name) != std::end(kSilent);
    std::string ignored;
    if (!closes && !silent) AppendLine("<", name, &out);
    TakeAttributes(&dom, silent ? &ignored : &out);
    if (silent) dom.remove_prefix(FindEnd(dom, 0, name));
  }
  return out;
}

Result<PageChange> ComparePages(std::string_view picture_before, std::string_view dom_before,
                                std::string_view picture_after, std::string_view dom_after,
                                const WatchThresholds& thresholds) {
  PageChange change;
  change.text_before = Sha256(AsBytes(NormalisedText(dom_before)));
  change.text_after = Sha256(AsBytes(NormalisedText(dom_after)));
  RETURN_IF_ERROR(ComparePictures(picture_before, picture_after, thresholds, &change));
  return change;
}

}  // namespace cunzheng::capture
