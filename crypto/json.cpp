#include "crypto/json.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "crypto/utf8.h"

namespace cunzheng::json {
namespace {

constexpr size_t kKeyLengthMax = 63;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool IsSpace(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}
bool IsKeyStart(char c) {
  return c >= 'a' && c <= 'z';
}
bool IsKeyByte(char c) {
  return IsKeyStart(c) || IsDigit(c) || c == '_';
}

// Bytes that stand for themselves in a string: printable ASCII but for the quote and the backslash.
bool IsPlain(char c) {
  return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

// The first byte from `p` on that is not plain. Strings are mostly hex digests, so eight bytes are
// looked at together; a word that holds anything special is left to the byte loop.
const char* SkipPlain(const char* p, const char* end) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  constexpr uint64_t kHigh = 0x8080808080808080;
  const auto has_zero = [](uint64_t w) { return (w - kOnes) & ~w & kHigh; };
  while (end - p >= 8) {
    uint64_t word;
    std::memcpy(&word, p, sizeof word);
    const uint64_t below_space = (word - kOnes * 0x20) & ~word & kHigh;
    const uint64_t special = (word & kHigh) | below_space | has_zero(word ^ kOnes * '"') |
                             has_zero(word ^ kOnes * '\\') | has_zero(word ^ kOnes * 0x7f);
    if (special != 0) break;
    p += 8;
  }
  while (p != end && IsPlain(*p)) ++p;
  return p;
}

bool IsKey(std::string_view text) {
  return !text.empty() && text.size() <= kKeyLengthMax && IsKeyStart(text[0]) &&
         std::all_of(text.begin(), text.end(), IsKeyByte);
}

// One pass from left to right that stops at the first byte which breaks a rule (specs/json.md).
class Parser {
 public:
  Parser(std::string_view text, Form form)
      : begin_(text.data()), p_(begin_), end_(begin_ + text.size()), canonical_(form == Form::kCanonical) {}

  Result<Value> Run() {
    Value value;
    if (!Document(&value)) {
      return Error{code_, "json: byte " + std::to_string(p_ - begin_) + ": " + rule_};
    }
    return value;
  }

 private:
  bool Fail(Errc code, const char* rule) {
    code_ = code;
    rule_ = rule;
    return false;
  }
  bool NotCanonical(const char* rule) { return Fail(Errc::kNotCanonical, rule); }
  bool Syntax(const char* rule) { return Fail(Errc::kInvalidJson, rule); }
  bool InvalidString(const char* rule) { return Fail(Errc::kInvalidString, rule); }
  bool InvalidValue(const char* rule) { return Fail(Errc::kInvalidValue, rule); }

  std::string_view Rest() const { return {p_, static_cast<size_t>(end_ - p_)}; }
  bool At(char c) const { return p_ != end_ && *p_ == c; }

  bool SkipSpace() {
    if (p_ == end_ || !IsSpace(*p_)) return true;
    if (canonical_) return NotCanonical("canonical text has no white space");
    while (p_ != end_ && IsSpace(*p_)) ++p_;
    return true;
  }

  bool Document(Value* value) {
    if (!canonical_ && Rest().starts_with(kByteOrderMark)) p_ += kByteOrderMark.size();
    if (!SkipSpace() || !AnyValue(value, 0) || !SkipSpace()) return false;
    return p_ == end_ || Syntax("nothing may follow the value");
  }

  // `depth`: arrays and objects around this value.
  bool AnyValue(Value* out, int depth) {
    if (p_ == end_) return Syntax("a value is missing");
    switch (*p_) {
      case '"': {
        std::string text;
        if (!String(&text)) return false;
        *out = Value(std::move(text));
        return true;
      }
      case '{':
        return ObjectValue(out, depth + 1);
      case '[':
        return ArrayValue(out, depth + 1);
      case 't':
        return Literal("true", Value(true), out);
      case 'f':
        return Literal("false", Value(false), out);
      case 'n':
        return Rest().starts_with("null") ? InvalidValue("null is not allowed") : Syntax("not a value");
      case '-':
        return InvalidValue("numbers must not be negative");
      default:
        return IsDigit(*p_) ? Number(out) : Syntax("not a value");
    }
  }

  bool Literal(std::string_view word, Value value, Value* out) {
    if (!Rest().starts_with(word)) return Syntax("not a value");
    p_ += word.size();
    *out = std::move(value);
    return true;
  }

  bool Number(Value* out) {
    uint64_t number = 0;
    if (*p_ == '0') {
      ++p_;
      if (p_ != end_ && IsDigit(*p_)) return InvalidValue("numbers must not have leading zeros");
    } else {
      for (; p_ != end_ && IsDigit(*p_); ++p_) {
        const auto digit = static_cast<uint64_t>(*p_ - '0');
        if (number > (kIntegerMax - digit) / 10)
          return InvalidValue("integers must not pass 9007199254740991");
        number = number * 10 + digit;
      }
    }
    if (At('.') || At('e') || At('E')) return InvalidValue("numbers must be integers without exponent");
    *out = Value(number);
    return true;
  }

  bool ArrayValue(Value* out, int depth) {
    if (depth > kDepthMax) return Fail(Errc::kTooDeep, "at most 16 arrays and objects may be nested");
    ++p_;
    Array array;
    if (!SkipSpace()) return false;
    if (!At(']')) {
      for (;;) {
        if (!SkipSpace() || !AnyValue(&array.emplace_back(), depth) || !SkipSpace()) return false;
        if (!At(',')) break;
        ++p_;
      }
      if (!At(']')) return Syntax("an array must go on with ',' or end with ']'");
    }
    ++p_;
    *out = Value(std::move(array));
    return true;
  }

  bool ObjectValue(Value* out, int depth) {
    if (depth > kDepthMax) return Fail(Errc::kTooDeep, "at most 16 arrays and objects may be nested");
    ++p_;
    Object object;
    if (!SkipSpace()) return false;
    if (!At('}')) {
      for (;;) {
        if (!SkipSpace() || !Member(&object, depth) || !SkipSpace()) return false;
        if (!At(',')) break;
        ++p_;
      }
      if (!At('}')) return Syntax("an object must go on with ',' or end with '}'");
    }
    ++p_;
    *out = Value(std::move(object));
    return true;
  }

  bool Member(Object* object, int depth) {
    if (!At('"')) return Syntax("a key in quotes is missing");
    const char* const start = p_;
    std::string key;
    if (!String(&key)) return false;
    const char* const after = std::exchange(p_, start);  // errors below point at the key
    if (!IsKey(key)) return InvalidValue("keys must match [a-z][a-z0-9_]{0,62}");
    // In canonical text the key before this one is the object's greatest.
    const bool ordered = canonical_ && !object->empty();
    const int order = ordered ? key.compare(object->rbegin()->first) : 1;
    if (order < 0) return NotCanonical("keys must ascend by byte");
    if (order == 0 || (!canonical_ && object->contains(key))) {
      return Fail(Errc::kDuplicateKey, "a key must not occur twice");
    }
    p_ = after;
    const auto hint = canonical_ ? object->end() : object->lower_bound(key);
    const auto slot = object->emplace_hint(hint, std::move(key), Value());
    if (!SkipSpace()) return false;
    if (!At(':')) return Syntax("a ':' must follow the key");
    ++p_;
    return SkipSpace() && AnyValue(&slot->second, depth);
  }

  bool String(std::string* out) {
    ++p_;
    const char* plain_end = SkipPlain(p_, end_);
    out->assign(p_, plain_end);
    p_ = plain_end;
    while (!At('"')) {
      if (!Character(out)) return false;
      plain_end = SkipPlain(p_, end_);
      out->append(p_, plain_end);
      p_ = plain_end;
    }
    ++p_;
    return true;
  }

  // One character of a string, raw or escaped, other than the closing quote.
  bool Character(std::string* out) {
    if (p_ == end_) return Syntax("a string does not end");
    if (*p_ == '\\') return Escape(out);
    char32_t c = 0;
    const size_t length = DecodeUtf8(Rest(), &c);
    if (length == 0) return Syntax("text must be UTF-8");
    if (IsForbidden(c)) return InvalidString("control characters are not allowed");
    out->append(p_, length);
    p_ += length;
    return true;
  }

  static bool IsForbidden(char32_t c) { return c < 0x20 || (c >= 0x7f && c <= 0x9f); }

  // What an escape stands for is judged before its form.
  bool Escape(std::string* out) {
    const char* const start = p_++;
    char32_t c = 0;
    if (!EscapedCharacter(&c)) return false;
    const bool line_end_allowed = c == '\n' && !canonical_;
    if ((IsForbidden(c) && !line_end_allowed) || (c >= 0xd800 && c <= 0xdfff)) {
      p_ = start;
      return InvalidString("control characters and lone surrogates are not allowed");
    }
    const bool needed = p_ - start == 2 && (c == '"' || c == '\\');
    if (canonical_ && !needed) {
      p_ = start;
      return NotCanonical("only quotes and backslashes are escaped");
    }
    AppendUtf8(c, out);
    return true;
  }

  // The part after the backslash; may give a lone surrogate.
  bool EscapedCharacter(char32_t* c) {
    constexpr std::string_view kLetters = "\"\\/bfnrt";
    constexpr std::string_view kCharacters = "\"\\/\b\f\n\r\t";
    if (p_ == end_) return Syntax("a string does not end");
    if (*p_ != 'u') {
      const size_t at = kLetters.find(*p_);
      if (at == std::string_view::npos) return Syntax("unknown escape");
      *c = static_cast<char32_t>(kCharacters[at]);
      ++p_;
      return true;
    }
    ++p_;
    if (!HexQuad(c)) return false;
    if (*c >= 0xd800 && *c <= 0xdbff && Rest().starts_with("\\u")) {
      p_ += 2;
      char32_t low = 0;
      if (!HexQuad(&low)) return false;
      if (low >= 0xdc00 && low <= 0xdfff) *c = 0x10000 + ((*c - 0xd800) << 10 | (low - 0xdc00));
    }
    return true;
  }

  bool HexQuad(char32_t* out) {
    for (int i = 0; i < 4; ++i, ++p_) {
      const char c = p_ == end_ ? '\0' : *p_;
      int digit = 0;
      if (IsDigit(c)) {
        digit = c - '0';
      } else if (c >= 'a' && c <= 'f') {
        digit = c - 'a' + 10;
      } else if (c >= 'A' && c <= 'F') {
        digit = c - 'A' + 10;
      } else {
        return Syntax("four hex digits must follow \\u");
      }
      *out = *out << 4 | static_cast<char32_t>(digit);
    }
    return true;
  }

  const char* const begin_;
  const char* p_;
  const char* const end_;
  const bool canonical_;
  Errc code_ = Errc::kInternal;
  const char* rule_ = "";
};

void AppendIndent(int depth, std::string* out) {
  out->append(static_cast<size_t>(depth) * 2, ' ');
}

void AppendScalar(const Value& value, std::string* out) {
  if (const bool* flag = value.AsBool()) {
    out->append(*flag ? "true" : "false");
  } else if (const uint64_t* number = value.AsInteger()) {
    out->append(std::to_string(*number));
  } else {
    AppendQuoted(*value.AsString(), out);
  }
}

// `depth` < 0: canonical, on one line; else the indent of the line that `value` begins on.
void Append(const Value& value, int depth, std::string* out) {
  const bool pretty = depth >= 0;
  const int inner = pretty ? depth + 1 : depth;
  const auto separate = [&](bool first) {
    if (!first) out->push_back(',');
    if (!pretty) return;
    out->push_back('\n');
    AppendIndent(inner, out);
  };
  const auto close = [&](char bracket, bool empty) {
    if (pretty && !empty) {
      out->push_back('\n');
      AppendIndent(depth, out);
    }
    out->push_back(bracket);
  };
  bool first = true;
  if (const Object* object = value.AsObject()) {
    out->push_back('{');
    for (const auto& [key, member] : *object) {
      separate(first);
      first = false;
      AppendQuoted(key, out);
      out->append(pretty ? ": " : ":");
      Append(member, inner, out);
    }
    close('}', first);
  } else if (const Array* array = value.AsArray()) {
    out->push_back('[');
    for (const Value& element : *array) {
      separate(first);
      first = false;
      Append(element, inner, out);
    }
    close(']', first);
  } else {
    AppendScalar(value, out);
  }
}

}  // namespace

Result<Value> Parse(std::string_view text, Form form, size_t length_max) {
  if (text.size() > length_max) {
    return Error{Errc::kTooLarge, "json: must be at most " + std::to_string(length_max) + " bytes"};
  }
  return Parser(text, form).Run();
}

std::string Encode(const Value& value) {
  std::string text;
  Append(value, -1, &text);
  return text;
}

std::string EncodePretty(const Value& value) {
  std::string text;
  Append(value, 0, &text);
  text.push_back('\n');
  return text;
}

void AppendQuoted(std::string_view text, std::string* out) {
  out->push_back('"');
  const char* p = text.data();
  const char* const end = p + text.size();
  while (p != end) {
    const char* plain_end = SkipPlain(p, end);
    out->append(p, plain_end);
    p = plain_end;
    if (p == end) break;
    const char c = *p++;
    if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(c);
    } else if (c == '\n') {
      out->append("\\n");
    } else if (static_cast<uint8_t>(c) < 0x20) {
      // Outside the profile, but a message of the system in `--json` output must stay JSON.
      out->append("\\u00");
      AppendHex({reinterpret_cast<const uint8_t*>(&c), 1}, out);
    } else {
      out->push_back(c);
    }
  }
  out->push_back('"');
}

}  // namespace cunzheng::json
