// The project's JSON: a subset of RFC 8259 whose canonical form is RFC 8785 (specs/json.md).
//
// Values are strings, booleans, integers 0..2^53-1, arrays and objects. Keys match
// [a-z][a-z0-9_]{0,62}. No floats, no null, no control characters (U+0000-001F, U+007F-009F), no lone
// surrogates. Pure; safe from any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/result.h"

namespace cunzheng::json {

inline constexpr uint64_t kIntegerMax = (uint64_t{1} << 53) - 1;
inline constexpr int kDepthMax = 16;

class Value;
using Array = std::vector<Value>;
// Byte order of keys is RFC 8785's order, since keys are ASCII.
using Object = std::map<std::string, Value, std::less<>>;

class Value {
 public:
  Value() : data_(false) {}
  Value(bool v) : data_(v) {}
  Value(uint64_t v) : data_(v) {}
  Value(std::string v) : data_(std::move(v)) {}
  Value(std::string_view v) : data_(std::string(v)) {}
  Value(const char* v) : data_(std::string(v)) {}
  Value(Array v) : data_(std::move(v)) {}
  Value(Object v) : data_(std::move(v)) {}

  const bool* AsBool() const { return std::get_if<bool>(&data_); }
  const uint64_t* AsInteger() const { return std::get_if<uint64_t>(&data_); }
  const std::string* AsString() const { return std::get_if<std::string>(&data_); }
  const Array* AsArray() const { return std::get_if<Array>(&data_); }
  const Object* AsObject() const { return std::get_if<Object>(&data_); }
  Object* AsObject() { return std::get_if<Object>(&data_); }
  bool operator==(const Value&) const = default;

 private:
  std::variant<bool, uint64_t, std::string, Array, Object> data_;
};

// How strictly text is read.
enum class Form {
  kCanonical,  // only bytes that Encode() would produce
  kReadable,   // RFC 8259 white space, escapes and key order; line ends in strings as \n escapes only
};

// In kReadable form strings may hold U+000A (escaped as \n), because notes travel as strings; the
// canonical form of such a value does not exist, so Encode() is never called on it (EncodePretty is).
// Errors: kInvalidJson, kNotCanonical, kDuplicateKey, kInvalidString, kInvalidValue (key, number, null),
// kTooDeep, kTooLarge (text longer than `length_max`).
Result<Value> Parse(std::string_view text, Form form, size_t length_max);

// RFC 8785 form.
std::string Encode(const Value& value);
// Two-space indent, sorted keys, trailing line end; what receipts, trust files and key files look like.
std::string EncodePretty(const Value& value);
// Appends `text` as a JSON string with quotes.
void AppendQuoted(std::string_view text, std::string* out);

// Strict decoding of one object: fetch each field, then Finish() rejects fields nobody asked for.
// Field errors are named "<what>.<field>: <rule>". The reader keeps the first error; accessors
// after an error return defaults, so a decoder checks once, at Finish().
class ObjectReader {
 public:
  // `what` names the object in errors, e.g. "record". A value that is no object is kWrongType.
  ObjectReader(const Value& value, std::string what);

  bool Has(std::string_view key) const;
  // Mandatory fields.
  std::string String(std::string_view key, size_t length_min, size_t length_max);
  uint64_t Integer(std::string_view key, uint64_t min, uint64_t max);
  bool Bool(std::string_view key);
  Hash Hex32(std::string_view key);                    // 64 lowercase hex digits
  Bytes Hex(std::string_view key, size_t length_max);  // bytes after decoding
  const Array& List(std::string_view key, size_t count_min, size_t count_max);
  const Value& Child(std::string_view key);  // any value; caller decodes further
  // The mandatory "type" field must equal `type`. Else kUnsupportedVersion.
  void Type(std::string_view type);
  // Records a rule violation found by the caller; the first error wins.
  void Fail(Errc code, std::string_view key, std::string_view rule);
  void Adopt(const Error& error);  // an error of a nested decoder
  // Errors: the first one met, or kUnknownField.
  Result<void> Finish();
  const std::string& what() const { return what_; }

 private:
  const Value* Find(std::string_view key);
  const Object* object_ = nullptr;
  std::string what_;
  std::vector<std::string_view> seen_;
  bool failed_ = false;
  Error error_{};
};

}  // namespace cunzheng::json
