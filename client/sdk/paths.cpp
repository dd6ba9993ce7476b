#include "client/sdk/paths.h"

#include "crypto/digest.h"
#include "crypto/utf8.h"

namespace cunzheng::client {
namespace {

constexpr size_t kNameLengthMax = 255;  // NAME_MAX of every Linux file system in use
constexpr size_t kManifestNameLengthMax = 1'024;

void AppendPercent(char byte, std::string* out) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  const auto value = static_cast<unsigned char>(byte);
  *out += '%';
  *out += kDigits[value >> 4];
  *out += kDigits[value & 15];
}

bool IsControl(char32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

std::string Escape(std::string_view text, std::string_view forbidden) {
  std::string out;
  while (!text.empty()) {
    char32_t c = 0;
    const size_t length = DecodeUtf8(text, &c);
    const bool keep =
        length > 0 && !IsControl(c) && (length > 1 || forbidden.find(text.front()) == std::string_view::npos);
    const size_t taken = length > 0 ? length : 1;
    for (const char byte : text.substr(0, taken)) {
      if (keep) {
        out += byte;
      } else {
        AppendPercent(byte, &out);
      }
    }
    text.remove_prefix(taken);
  }
  return out;
}

// The longest prefix of at most `length_max` bytes that does not end inside a character.
std::string_view CutAtCharacter(std::string_view text, size_t length_max) {
  if (text.size() <= length_max) return text;
  size_t end = length_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

}  // namespace

bool IsReceiptName(std::string_view path) {
  const std::string_view name = BaseName(path);
  return name.size() > kReceiptSuffix.size() &&
         name.substr(name.size() - kReceiptSuffix.size()) == kReceiptSuffix;
}

std::string_view BaseName(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string FolderOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return std::string(slash == 0 ? "/" : path.substr(0, slash));
}

std::string JoinPath(std::string_view folder, std::string_view name) {
  std::string out(folder);
  if (!out.empty() && out.back() != '/') out += '/';
  return out += name;
}

std::string ReceiptPathFor(std::string_view path) {
  const std::string_view name = BaseName(path);
  const std::string_view folder = path.substr(0, path.size() - name.size());
  std::string out(folder);
  if (name.size() + kReceiptSuffix.size() <= kNameLengthMax) {
    out += name;
  } else {
    const Hash digest = Sha256(AsBytes(name));
    const std::string tag = "~" + ToHex(ByteSpan(digest).first(4));
    out += CutAtCharacter(name, kNameLengthMax - kReceiptSuffix.size() - tag.size());
    out += tag;
  }
  return out += kReceiptSuffix;
}

std::string ManifestName(std::string_view file_name) {
  std::string name = Escape(BaseName(file_name), "\\");
  if (name.empty() || name == "." || name == "..") name = "unnamed";
  return std::string(CutAtCharacter(name, kManifestNameLengthMax));
}

std::string Printable(std::string_view text) {
  return Escape(text, "");
}

}  // namespace cunzheng::client
