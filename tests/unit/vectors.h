// Reads specs/vectors (README there): files of cases, each with a `desc` and what to `expect`.
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <string_view>

#include "crypto/file.h"
#include "crypto/json.h"

// Inputs and outputs of one case. What is not there, or has another type, fails the test.
class VectorCase {
 public:
  explicit VectorCase(const cunzheng::json::Object& fields) : fields_(fields) {}

  bool Has(std::string_view key) const { return fields_.contains(key); }
  const cunzheng::json::Value& At(std::string_view key) const {
    const auto it = fields_.find(key);
    REQUIRE_MESSAGE(it != fields_.end(), "the case has no field " << key);
    return it->second;
  }
  const std::string& Text(std::string_view key) const { return Of(At(key).AsString()); }
  uint64_t Integer(std::string_view key) const { return Of(At(key).AsInteger()); }
  const cunzheng::json::Array& List(std::string_view key) const { return Of(At(key).AsArray()); }
  cunzheng::Bytes Base64(std::string_view key) const { return cunzheng::FromBase64(Text(key)).value(); }
  cunzheng::Bytes Hex(std::string_view key) const { return cunzheng::FromHex(Text(key)).value(); }
  cunzheng::Hash Hex32(std::string_view key) const { return cunzheng::HashFromHex(Text(key)).value(); }

  // Compares the outcome with `expect`; true when outputs are to be compared too.
  template <typename T>
  bool Expects(const cunzheng::Result<T>& result) const {
    const std::string& expect = Text("expect");
    const std::string outcome = result ? "ok" : std::string(cunzheng::ErrcName(result.error().code));
    const std::string detail = result ? "" : result.error().detail;
    CAPTURE(detail);
    CHECK(outcome == expect);
    return outcome == "ok" && expect == "ok";
  }

 private:
  template <typename T>
  static const T& Of(const T* value) {
    REQUIRE(value != nullptr);
    return *value;
  }
  const cunzheng::json::Object& fields_;
};

// Runs `check` on each case of CUNZHENG_VECTORS_DIR/`name`.json, whose op must be `op`.
inline void ForEachVector(std::string_view name, std::string_view op,
                          const std::function<void(const VectorCase&)>& check) {
  using namespace cunzheng;
  const std::string path = std::string(CUNZHENG_VECTORS_DIR "/").append(name).append(".json");
  constexpr size_t kVectorFileLengthMax = size_t{64} << 20;
  const auto text = ReadWholeFile(path, kVectorFileLengthMax);
  REQUIRE(text);
  const auto value = json::Parse(*text, json::Form::kReadable, kVectorFileLengthMax);
  REQUIRE(value);
  REQUIRE(value->AsObject() != nullptr);
  const VectorCase file(*value->AsObject());
  REQUIRE(file.Text("op") == op);
  REQUIRE_FALSE(file.List("cases").empty());
  for (const json::Value& element : file.List("cases")) {
    REQUIRE(element.AsObject() != nullptr);
    const VectorCase vector(*element.AsObject());
    CAPTURE(name);
    const std::string& desc = vector.Text("desc");
    CAPTURE(desc);
    check(vector);
  }
}
