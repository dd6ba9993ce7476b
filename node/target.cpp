#include "node/target.h"

#include <algorithm>
#include <charconv>

namespace cunzheng::node {
namespace {

bool IsPathChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' || c == '-' ||
         c == '.' || c == '_';
}

std::string Quoted(std::string_view name) {
  return "parameter \"" + std::string(name) + "\"";
}

}  // namespace

Result<Target> Target::Parse(std::string_view text) {
  Target target;
  const size_t question = text.find('?');
  target.path_ = text.substr(0, question);
  if (target.path_.empty() || target.path_.front() != '/' ||
      !std::all_of(target.path_.begin(), target.path_.end(), IsPathChar)) {
    return Error{Errc::kInvalidValue, "target: must be a path of letters, digits and \"/-._\""};
  }
  if (question == std::string_view::npos) return target;
  std::string_view rest = text.substr(question + 1);
  while (!rest.empty()) {
    const size_t end = rest.find('&');
    const std::string_view part = rest.substr(0, end);
    const size_t equals = part.find('=');
    if (equals == std::string_view::npos || equals == 0 ||
        !std::all_of(part.begin(), part.end(), [](char c) { return c == '=' || IsPathChar(c); })) {
      return Error{Errc::kInvalidValue, "target: parameters must be name=value, without escapes"};
    }
    if (target.parameter_count_ == kParametersMax) {
      return Error{Errc::kInvalidValue, "target: too many parameters"};
    }
    target.parameters_[target.parameter_count_++] = {part.substr(0, equals), part.substr(equals + 1)};
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  return target;
}

std::optional<std::string_view> Target::After(std::string_view prefix) const {
  if (path_.substr(0, prefix.size()) != prefix) return std::nullopt;
  return path_.substr(prefix.size());
}

Result<void> Target::AllowOnly(std::initializer_list<std::string_view> names) const {
  for (size_t i = 0; i < parameter_count_; ++i) {
    const std::string_view name = parameters_[i].first;
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      return Error{Errc::kInvalidValue, Quoted(name) + ": unknown"};
    }
    for (size_t j = 0; j < i; ++j) {
      if (parameters_[j].first == name) return Error{Errc::kInvalidValue, Quoted(name) + ": given twice"};
    }
  }
  return {};
}

std::optional<std::string_view> Target::Parameter(std::string_view name) const {
  for (size_t i = 0; i < parameter_count_; ++i) {
    if (parameters_[i].first == name) return parameters_[i].second;
  }
  return std::nullopt;
}

Result<uint64_t> Target::Integer(std::string_view name, uint64_t min, uint64_t max,
                                 std::optional<uint64_t> by_default) const {
  const auto text = Parameter(name);
  if (!text && by_default) return *by_default;
  if (!text) return Error{Errc::kMissingField, Quoted(name) + ": missing"};
  return ParseDecimal(*text, min, max, Quoted(name));
}

Result<Hash> Target::Hex32(std::string_view name) const {
  const auto text = Parameter(name);
  if (!text) return Error{Errc::kMissingField, Quoted(name) + ": missing"};
  return ParseHex32(*text, Quoted(name));
}

Result<uint64_t> ParseDecimal(std::string_view text, uint64_t min, uint64_t max, std::string_view what) {
  uint64_t value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool leading_zero = text.size() > 1 && text.front() == '0';
  if (text.empty() || leading_zero || status != std::errc() || end != text.data() + text.size() ||
      value < min || value > max) {
    return Error{Errc::kInvalidValue, std::string(what) + ": must be an integer from " + std::to_string(min) +
                                          " to " + std::to_string(max)};
  }
  return value;
}

Result<Hash> ParseHex32(std::string_view text, std::string_view what) {
  auto hash = HashFromHex(text);
  if (!hash) return Error{Errc::kInvalidValue, std::string(what) + ": must be 64 lowercase hex digits"};
  return hash;
}

std::string TileNumberPath(uint64_t number, uint64_t width) {
  std::string path;
  for (bool last = true; last || number != 0; last = false) {
    const std::string digits = std::to_string(1'000 + number % 1'000).substr(1);
    path.insert(0, last ? digits : "x" + digits + "/");
    number /= 1'000;
  }
  if (width != ledger::kTileWidth) path += ".p/" + std::to_string(width);
  return path;
}

Result<TileTarget> ParseTileTarget(std::string_view text) {
  const Error missing{Errc::kNotFound, "tile: no such path"};
  TileTarget target;
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return missing;
  const std::string_view level = text.substr(0, slash);
  const std::string_view rest = text.substr(slash + 1);
  target.entries = level == "entries";
  if (!target.entries) {
    const auto number = ParseDecimal(level, 0, 7, "tile level");
    if (!number) return missing;
    target.id.level = static_cast<unsigned>(*number);
  }
  std::string_view number_text = rest;
  if (const size_t partial = rest.find(".p/"); partial != std::string_view::npos) {
    const auto width = ParseDecimal(rest.substr(partial + 3), 1, ledger::kTileWidth - 1, "tile width");
    if (!width) return missing;
    target.width = *width;
    number_text = rest.substr(0, partial);
  }
  if (number_text.size() > 32) return missing;
  std::string digits;
  for (const char c : number_text) {
    if (c >= '0' && c <= '9') digits += c;
  }
  const size_t first = digits.find_first_not_of('0');
  digits.erase(0, first == std::string::npos ? digits.size() : first);
  const auto number = digits.empty() ? Result<uint64_t>(uint64_t{0})
                                     : ParseDecimal(digits, 0, uint64_t{1} << 56, "tile number");
  // The digits alone are a loose reading; spelling the tile anew leaves one accepted form.
  if (!number || TileNumberPath(*number, target.width) != rest) return missing;
  target.id.index = *number;
  return target;
}

}  // namespace cunzheng::node
