#include <doctest/doctest.h>

#include <functional>
#include <random>

#include "crypto/json.h"

using namespace cunzheng;
using json::Form;

namespace {

constexpr size_t kMax = 1 << 20;

// "ok" or the error's wire name.
std::string Outcome(std::string_view text, Form form) {
  const auto value = json::Parse(text, form, kMax);
  return std::string(value ? "ok" : ErrcName(value.error().code));
}

struct Case {
  std::string_view text;
  std::string_view canonical;  // outcome in canonical form
  std::string_view readable;   // outcome in readable form
};

void Run(std::initializer_list<Case> cases) {
  for (const Case& c : cases) {
    CAPTURE(c.text);
    CHECK(Outcome(c.text, Form::kCanonical) == c.canonical);
    CHECK(Outcome(c.text, Form::kReadable) == c.readable);
  }
}

std::string Nested(size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

}  // namespace

TEST_CASE("values of the profile are read in both forms") {
  Run({{"true", "ok", "ok"},
       {"false", "ok", "ok"},
       {"0", "ok", "ok"},
       {"9007199254740991", "ok", "ok"},
       {"\"\"", "ok", "ok"},
       {"[]", "ok", "ok"},
       {"{}", "ok", "ok"},
       {R"(["\"\\",{"a":1,"a1":2,"a_":3,"b":[true]}])", "ok", "ok"},
       {"\"存证 é 😀\"", "ok", "ok"}});
}

TEST_CASE("numbers outside the profile are invalid values") {
  for (const char* text : {"-1", "-0", "-", "1.5", "1e3", "1E3", "01", "00", "1.", "9007199254740992",
                           "18446744073709551616", "99999999999999999999999999", "null", "[null]"}) {
    CAPTURE(text);
    CHECK(Outcome(text, Form::kCanonical) == "invalid_value");
    CHECK(Outcome(text, Form::kReadable) == "invalid_value");
  }
}

TEST_CASE("what is not JSON is invalid JSON") {
  for (const char* text : {"",
                           "x",
                           "+1",
                           "tru",
                           "truex",
                           "nul",
                           "NaN",
                           "'a'",
                           "[",
                           "]",
                           "[1",
                           "[1,",
                           "[1,]",
                           "[,1]",
                           "[1 2]",
                           "{",
                           "{\"a\"",
                           "{\"a\":",
                           "{\"a\":1",
                           "{\"a\":1,",
                           "{\"a\":1,}",
                           "{a:1}",
                           "{1:1}",
                           "{\"a\" 1}",
                           "1x",
                           "1,",
                           "[]]",
                           "\"",
                           "\"a",
                           "\"\\",
                           "\"\\x\"",
                           "\"\\'\"",
                           "\"\x80\"",
                           "\"\xc0\x80\"",
                           "\"\xed\xa0\x80\"",
                           "\"\xf4\x90\x80\x80\"",
                           "\"\xe4\xbd\"",
                           "\xff"}) {
    CAPTURE(text);
    const std::string canonical = Outcome(text, Form::kCanonical);
    CHECK((canonical == "invalid_json" || canonical == "not_canonical"));
    CHECK(Outcome(text, Form::kReadable) == "invalid_json");
  }
  CHECK(Outcome("[1 2]", Form::kCanonical) == "not_canonical");  // the space comes first
  CHECK(Outcome("[1,]", Form::kCanonical) == "invalid_json");
  CHECK(Outcome(std::string_view("1\0", 2), Form::kReadable) == "invalid_json");
}

TEST_CASE("white space, key order and needless escapes are not canonical") {
  Run({{" 1", "not_canonical", "ok"},
       {"1\n", "not_canonical", "ok"},
       {"[ ]", "not_canonical", "ok"},
       {"{ }", "not_canonical", "ok"},
       {"[1, 2]", "not_canonical", "ok"},
       {"[1\t,2]", "not_canonical", "ok"},
       {"{\"a\" :1}", "not_canonical", "ok"},
       {"{\"a\":\r1}", "not_canonical", "ok"},
       {"{\"a\":1 }", "not_canonical", "ok"},
       {"1\v", "invalid_json", "invalid_json"},
       {"1\xc2\xa0", "invalid_json", "invalid_json"},
       {"\xef\xbb\xbf{}", "invalid_json", "ok"},
       {"\xef\xbb\xbf\xef\xbb\xbf{}", "invalid_json", "invalid_json"},
       {"{}\xef\xbb\xbf", "invalid_json", "invalid_json"},
       {R"({"b":1,"a":1})", "not_canonical", "ok"},
       {R"({"ab":1,"a":1})", "not_canonical", "ok"},
       {R"({"a_":1,"a1":1})", "not_canonical", "ok"},
       {R"("\/")", "not_canonical", "ok"},
       {R"("\u0041")", "not_canonical", "ok"},
       {R"("\u0022")", "not_canonical", "ok"},
       {R"({"\u0061":1})", "not_canonical", "ok"}});
}

TEST_CASE("a duplicate key is told apart from a key out of order") {
  Run({{R"({"a":1,"a":1})", "duplicate_key", "duplicate_key"},
       {R"({"a":1,"b":1,"a":1})", "not_canonical", "duplicate_key"},
       {R"({"a":{"a":1},"b":{"a":1}})", "ok", "ok"},
       {R"({"a":1,"\u0061":1})", "not_canonical", "duplicate_key"}});
}

TEST_CASE("keys match their pattern") {
  const std::string longest(63, 'k');
  CHECK(Outcome("{\"" + longest + "\":1}", Form::kCanonical) == "ok");
  for (const std::string& key : {std::string(), longest + "k", std::string("A"), std::string("1"),
                                 std::string("_a"), std::string("aB"), std::string("a-b"), std::string("a b"),
                                 std::string("é"), std::string("a\\\""), std::string("a\\\\")}) {
    CAPTURE(key);
    CHECK(Outcome("{\"" + key + "\":1}", Form::kCanonical) == "invalid_value");
    CHECK(Outcome("{\"" + key + "\":1}", Form::kReadable) == "invalid_value");
  }
  Run({{R"({"a\n":1})", "invalid_string", "invalid_value"},
       {R"({"\u0041":1})", "not_canonical", "invalid_value"},
       {"{\"a\x01\":1}", "invalid_string", "invalid_string"},
       {"{\"a\xff\":1}", "invalid_json", "invalid_json"},
       {"{\"a", "invalid_json", "invalid_json"}});
}

TEST_CASE("control characters and lone surrogates are invalid strings, raw or escaped") {
  for (uint32_t c = 0; c < 0xa1; ++c) {
    if (c == '"' || c == '\\') continue;
    CAPTURE(c);
    const bool forbidden = c < 0x20 || (c >= 0x7f && c < 0xa0);
    std::string raw = "\"";
    if (c < 0x80) {
      raw += static_cast<char>(c);
    } else {
      raw += {static_cast<char>(0xc0 | c >> 6), static_cast<char>(0x80 | (c & 0x3f))};
    }
    raw += "\"";
    CHECK(Outcome(raw, Form::kCanonical) == (forbidden ? "invalid_string" : "ok"));
    CHECK(Outcome(raw, Form::kReadable) == (forbidden ? "invalid_string" : "ok"));
    char escaped[16];
    std::snprintf(escaped, sizeof escaped, "\"\\u%04X\"", c);
    CHECK(Outcome(escaped, Form::kCanonical) == (forbidden ? "invalid_string" : "not_canonical"));
    CHECK(Outcome(escaped, Form::kReadable) == (forbidden && c != '\n' ? "invalid_string" : "ok"));
  }
  Run({{R"("\n")", "invalid_string", "ok"},
       {R"("\t")", "invalid_string", "invalid_string"},
       {R"("\b\f\r")", "invalid_string", "invalid_string"},
       {R"("\ud83d\ude00")", "not_canonical", "ok"},
       {R"("\ud83d")", "invalid_string", "invalid_string"},
       {R"("\ude00")", "invalid_string", "invalid_string"},
       {R"("\ud83d\ud83d")", "invalid_string", "invalid_string"},
       {R"("\ud83dx")", "invalid_string", "invalid_string"},
       {R"("\ud83d\n")", "invalid_string", "invalid_string"},
       {R"("\ud83d\u12")", "invalid_json", "invalid_json"},
       {R"("\u12")", "invalid_json", "invalid_json"},
       {R"("\u00g0")", "invalid_json", "invalid_json"}});
}

TEST_CASE("escapes of readable text give the characters they stand for") {
  const auto value = json::Parse(R"("\u5b58\uD83D\ude00\/\"\\\n\u000a")", Form::kReadable, kMax);
  REQUIRE(value);
  CHECK(*value->AsString() == "存😀/\"\\\n\n");
}

TEST_CASE("nesting ends at sixteen") {
  Run({{Nested(16), "ok", "ok"}, {Nested(17), "too_deep", "too_deep"}});
  CHECK(Outcome(std::string(1 << 19, '['), Form::kReadable) == "too_deep");
  std::string objects;
  for (int i = 0; i < 17; ++i) objects += "{\"a\":";
  CHECK(Outcome(objects, Form::kCanonical) == "too_deep");
}

TEST_CASE("text over the limit is too large before anything is read") {
  CHECK(json::Parse("[]", Form::kCanonical, 2));
  CHECK(json::Parse("[1]", Form::kCanonical, 2).error().code == Errc::kTooLarge);
  CHECK(json::Parse("\xff\xff\xff", Form::kReadable, 2).error().code == Errc::kTooLarge);
}

TEST_CASE("of several broken rules the first decides, a key being judged when its string ends") {
  Run({{R"({"b":null,"a":1})", "invalid_value", "invalid_value"},
       {R"({"b":1,"a":null})", "not_canonical", "invalid_value"},
       {R"({"b":1,"aZ":1})", "invalid_value", "invalid_value"},
       {R"({"b":1,"a" :1})", "not_canonical", "ok"},
       {R"({"b":1,"b" :1})", "duplicate_key", "duplicate_key"},
       {R"({"b":1,"b":null})", "duplicate_key", "duplicate_key"},
       {"{\"b\":1,\"a\x01\":1}", "invalid_string", "invalid_string"},
       {"{\"b\":1,\"Z\x01\":1}", "invalid_string", "invalid_string"},
       {"{\"b\":1,\"a", "invalid_json", "invalid_json"},
       {"[\"\x01\", null]", "invalid_string", "invalid_string"},
       {"[1, null]", "not_canonical", "invalid_value"}});
}

TEST_CASE("errors name the byte and the rule") {
  const Error error = json::Parse(R"({"a":1,"a":2})", Form::kCanonical, kMax).error();
  CHECK(error.ToString() == "duplicate_key: json: byte 7: a key must not occur twice");
}

TEST_CASE("encoding is canonical and pretty text has two spaces, sorted keys and a line end") {
  const json::Value value(json::Object{{"b", json::Array{true, uint64_t{0}, "x\"\\"}},
                                       {"a", json::Object{}},
                                       {"c", json::Array{}},
                                       {"d", json::Object{{"e", json::kIntegerMax}}}});
  CHECK(json::Encode(value) == R"({"a":{},"b":[true,0,"x\"\\"],"c":[],"d":{"e":9007199254740991}})");
  CHECK(json::EncodePretty(value) ==
        "{\n  \"a\": {},\n  \"b\": [\n    true,\n    0,\n    \"x\\\"\\\\\"\n  ],\n  \"c\": [],\n"
        "  \"d\": {\n    \"e\": 9007199254740991\n  }\n}\n");
  CHECK(json::Parse(json::EncodePretty(value), Form::kReadable, kMax).value() == value);
}

TEST_CASE("quoting keeps any text valid JSON") {
  std::string out;
  json::AppendQuoted("a\nb\x01\"\\存", &out);
  CHECK(out == "\"a\\nb\\u0001\\\"\\\\存\"");
}

TEST_CASE("strings are scanned alike at every offset and length") {
  // Each special byte at each place of a string that the eight-byte scan goes over.
  for (size_t length = 0; length < 40; ++length) {
    for (size_t at = 0; at < length; ++at) {
      for (const char* special : {"\\\\", "\\\"", "é", "\x7f", "\x1f", "\x80"}) {
        const std::string content = std::string(at, 'x') + special + std::string(length - at - 1, 'y');
        const std::string expect = special[0] == '\x7f' || special[0] == '\x1f' ? "invalid_string"
                                   : special[0] == '\x80'                       ? "invalid_json"
                                                                                : "ok";
        if (Outcome("\"" + content + "\"", Form::kCanonical) != expect)
          FAIL(length << " " << at << " " << special);
      }
    }
  }
}

TEST_CASE("every single-byte change of canonical text is rejected or re-encodes to itself") {
  const std::string text = R"({"a":[1,20,"x\"é"],"bc":{"d":true},"e":"00ff"})";
  REQUIRE(json::Encode(json::Parse(text, Form::kCanonical, kMax).value()) == text);
  int accepted = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string changed = text;
      changed[at] = static_cast<char>(byte);
      const auto value = json::Parse(changed, Form::kCanonical, kMax);
      if (!value) continue;
      ++accepted;
      if (json::Encode(*value) != changed) FAIL("accepts " << changed);
    }
  }
  CHECK(accepted > static_cast<int>(text.size()));
}

TEST_CASE("random values survive both forms") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const auto pick = [&](uint64_t n) { return random() % n; };
  const auto text = [&] {
    static constexpr const char* kParts[] = {"a", "Z", " ", "\"", "\\", "é", "存", "😀", "/", "~"};
    std::string out;
    for (uint64_t n = pick(20); n > 0; --n) out += kParts[pick(std::size(kParts))];
    return out;
  };
  std::function<json::Value(int)> make = [&](int depth) -> json::Value {
    switch (depth == 0 ? pick(3) : pick(5)) {
      case 0:
        return json::Value(pick(2) == 0);
      case 1:
        return json::Value(random() >> (11 + pick(53)));
      case 2:
        return json::Value(text());
      case 3: {
        json::Array array;
        for (uint64_t n = pick(4); n > 0; --n) array.push_back(make(depth - 1));
        return json::Value(std::move(array));
      }
      default: {
        json::Object object;
        for (uint64_t n = pick(4); n > 0; --n)
          object.emplace("k" + std::to_string(pick(100)), make(depth - 1));
        return json::Value(std::move(object));
      }
    }
  };
  for (int i = 0; i < 2000; ++i) {
    const json::Value value = make(5);
    const std::string canonical = json::Encode(value);
    REQUIRE(json::Parse(canonical, Form::kCanonical, kMax).value() == value);
    REQUIRE(json::Parse(canonical, Form::kReadable, kMax).value() == value);
    REQUIRE(json::Parse(json::EncodePretty(value), Form::kReadable, kMax).value() == value);
  }
}

namespace {

json::Value Read(std::string_view text) {
  return json::Parse(text, Form::kReadable, kMax).value();
}

// Reads one schema and gives the outcome.
std::string ReadItem(std::string_view text) {
  const json::Value value = Read(text);
  json::ObjectReader reader(value, "item");
  reader.Type("item/v1");
  reader.String("s", 1, 3);
  reader.Integer("i", 1, 9);
  reader.Bool("b");
  reader.Hex32("h");
  reader.Hex("x", 2);
  reader.List("l", 1, 2);
  if (reader.Has("o")) reader.Child("o");
  const auto read = reader.Finish();
  return read ? "ok" : read.error().ToString();
}

json::Object Item() {
  return {{"type", "item/v1"},
          {"s", "abc"},
          {"i", uint64_t{9}},
          {"b", true},
          {"h", std::string(64, 'a')},
          {"x", "00ff"},
          {"l", json::Array{uint64_t{1}}},
          {"o", "anything"}};
}

std::string With(std::string_view key, json::Value value) {
  json::Object item = Item();
  item.insert_or_assign(std::string(key), std::move(value));
  return ReadItem(json::Encode(item));
}

std::string Without(std::string_view key) {
  json::Object item = Item();
  item.erase(item.find(key));
  return ReadItem(json::Encode(item));
}

}  // namespace

TEST_CASE("an object reader gives the fields of an object that fits") {
  CHECK(ReadItem(json::Encode(Item())) == "ok");
  CHECK(Without("o") == "ok");
  const json::Value value(Item());
  json::ObjectReader reader(value, "item");
  CHECK(reader.String("s", 0, 3) == "abc");
  CHECK(reader.Integer("i", 0, 9) == 9);
  CHECK(reader.Bool("b"));
  CHECK(reader.Hex32("h")[0] == 0xaa);
  CHECK(reader.Hex("x", 2) == Bytes{0x00, 0xff});
  CHECK(reader.List("l", 1, 1).size() == 1);
  CHECK(*reader.Child("o").AsString() == "anything");
}

TEST_CASE("an object reader names the field and the rule") {
  CHECK(With("type", "item/v2") == "unsupported_version: item.type: must be \"item/v1\"");
  CHECK(With("type", true) == "wrong_type: item.type: must be a string");
  CHECK(Without("type") == "missing_field: item.type: is missing");
  CHECK(With("s", "") == "invalid_value: item.s: must be 1 to 3 bytes long");
  CHECK(With("s", "abcd") == "invalid_value: item.s: must be 1 to 3 bytes long");
  CHECK(With("s", true) == "wrong_type: item.s: must be a string");
  CHECK(With("i", uint64_t{0}) == "invalid_value: item.i: must be an integer from 1 to 9");
  CHECK(With("i", uint64_t{10}) == "invalid_value: item.i: must be an integer from 1 to 9");
  CHECK(With("i", "1") == "wrong_type: item.i: must be an integer");
  CHECK(With("b", uint64_t{1}) == "wrong_type: item.b: must be true or false");
  CHECK(With("h", std::string(64, 'A')) == "invalid_value: item.h: must be 64 lowercase hex digits");
  CHECK(With("h", true) == "wrong_type: item.h: must be a string");
  CHECK(With("x", "0") == "invalid_value: item.x: must be lowercase hex of at most 2 bytes");
  CHECK(With("x", "000000") == "invalid_value: item.x: must be lowercase hex of at most 2 bytes");
  CHECK(With("x", true) == "wrong_type: item.x: must be a string");
  CHECK(With("l", json::Array{}) == "invalid_value: item.l: must be 1 to 2 elements long");
  CHECK(With("l", true) == "wrong_type: item.l: must be an array");
  CHECK(With("y", true) == "unknown_field: item.y: is not a field of this object");
  CHECK(ReadItem("[]") == "wrong_type: item: must be an object");
}

TEST_CASE("an object reader keeps the first error, and unknown fields come last") {
  json::Object item = Item();
  item["a_unknown"] = true;
  item["l"] = true;
  CHECK(ReadItem(json::Encode(item)) == "wrong_type: item.l: must be an array");
  const json::Value value(json::Object{});
  json::ObjectReader reader(value, "item");
  reader.Adopt({Errc::kBusy, "first"});
  reader.Fail(Errc::kExpired, "x", "second");
  CHECK(reader.String("s", 1, 2) == "");
  CHECK(reader.List("l", 1, 2).empty());
  CHECK(reader.Finish().error().ToString() == "busy: first");
}
