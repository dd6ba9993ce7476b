#include <doctest/doctest.h>

#include <chrono>

#include "node/admission.h"
#include "node/config.h"
#include "node/target.h"

namespace cunzheng::node {
namespace {

std::string Refusal(const std::string& text) {
  const auto config = ParseConfig(text);
  REQUIRE_FALSE(config.has_value());
  CHECK(config.error().code == Errc::kUsage);
  return config.error().detail;
}

template <class T>
std::string Code(const Result<T>& result) {
  return result ? "ok" : std::string(ErrcName(result.error().code));
}

}  // namespace

TEST_CASE("the file that init writes reads back to the same values") {
  Config config;
  config.member = "notary.example.org";
  config.connections_max = 77;
  config.require_clock_sync = true;
  config.log_format = "json";
  config.passphrase_file = "with \"quotes\" and \\";
  const auto read = ParseConfig(FormatConfig(config));
  REQUIRE(read.has_value());
  CHECK(FormatConfig(*read) == FormatConfig(config));
  CHECK(read->connections_max == 77);
  CHECK(read->passphrase_file == config.passphrase_file);
}

TEST_CASE("an empty configuration is all defaults") {
  const auto config = ParseConfig("");
  REQUIRE(config.has_value());
  CHECK(FormatConfig(*config) == FormatConfig(Config()));
}

TEST_CASE("an unknown key is named, in a section and outside") {
  CHECK(Refusal("[http]\nlissten = \"127.0.0.1:1\"\n") == "config: unknown key http.lissten");
  CHECK(Refusal("[server]\nport = 1\n") == "config: unknown key server.port");
  CHECK(Refusal("listen = 1\n") == "config: unknown key listen");
}

TEST_CASE("a value outside its range or of another type is named with its rule") {
  CHECK(Refusal("[http]\nheader_bytes_max = 10\n") == "config: http.header_bytes_max must be 1024..65536");
  CHECK(Refusal("[http]\nthreads = 257\n") == "config: http.threads must be 0, or 1..256");
  CHECK(Refusal("[http]\nthreads = -1\n") == "config: http.threads must be 0, or 1..256");
  CHECK(Refusal("[http]\nthreads = \"2\"\n") == "config: http.threads must be 0, or 1..256");
  CHECK(Refusal("[log]\nlevel = \"loud\"\n") ==
        "config: log.level must be \"debug\" or \"info\" or \"warning\" or \"error\"");
  CHECK(Refusal("[engine]\nrequire_clock_sync = 1\n") ==
        "config: engine.require_clock_sync must be true or false");
  CHECK(Refusal("[http]\ntls_key = \"k\"\n") ==
        "config: http.tls_certificate and http.tls_key must be set together");
  CHECK(Refusal("[http]\nlisten = \"localhost:1\"\n").find("http.listen") != std::string::npos);
}

TEST_CASE("a syntax error names its line") {
  CHECK(Refusal("[http]\nthreads = = 2\n").find("config: line 2: ") == 0);
}

TEST_CASE("listen addresses are numeric, with a port") {
  CHECK(ParseListenAddress("127.0.0.1:8750")->port == 8750);
  CHECK(ParseListenAddress("[::1]:0")->host == "::1");
  for (const char* bad :
       {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:x", "::1:80", "host:80", "[::1:80"}) {
    CHECK_FALSE(ParseListenAddress(bad).has_value());
  }
}

TEST_CASE("targets take plain paths and parameters, and nothing that would need decoding") {
  const auto target = Target::Parse("/v1/records?sha256=ab&limit=5");
  REQUIRE(target.has_value());
  CHECK(target->path() == "/v1/records");
  CHECK(*target->Parameter("sha256") == "ab");
  CHECK(*target->Integer("limit", 1, 100) == 5);
  CHECK(*target->Integer("from", 0, 9, 3) == 3);
  CHECK(Code(target->Integer("size", 0, 9)) == "missing_field");
  CHECK(Code(target->Integer("limit", 1, 4)) == "invalid_value");
  CHECK(target->AllowOnly({"sha256", "limit"}).has_value());
  CHECK_FALSE(target->AllowOnly({"sha256"}).has_value());
  for (const char* bad :
       {"", "v1", "*", "/a%2fb", "/a b", "/a?b", "/a?=b", "/a?b=%41", "/a?b=c&", "/a\x01", "/\xe5"}) {
    if (std::string(bad) == "/a?b=c&") {
      CHECK(Target::Parse(bad).has_value());  // an empty last parameter is none
    } else {
      CHECK_FALSE(Target::Parse(bad).has_value());
    }
  }
  CHECK_FALSE(Target::Parse("/a?b=1&b=2")->AllowOnly({"b"}).has_value());
}

TEST_CASE("each tile has exactly one path") {
  CHECK(TileNumberPath(0, 256) == "000");
  CHECK(TileNumberPath(1'234'067, 256) == "x001/x234/067");
  CHECK(TileNumberPath(5, 17) == "005.p/17");
  for (const uint64_t number :
       {uint64_t{0}, uint64_t{9}, uint64_t{999}, uint64_t{1'000}, uint64_t{123'456'789}}) {
    for (const uint64_t width : {uint64_t{1}, uint64_t{255}, uint64_t{256}}) {
      const auto tile = ParseTileTarget("3/" + TileNumberPath(number, width));
      REQUIRE(tile.has_value());
      CHECK(tile->id == ledger::TileId{3, number});
      CHECK(tile->width == width);
      CHECK(ParseTileTarget("entries/" + TileNumberPath(number, width))->entries);
    }
  }
  for (const char* bad :
       {"", "0", "0/", "0/1", "0/0001", "0/x000/001", "0/001/", "0/001.p/0", "0/001.p/256", "0/001.p/",
        "0/001.p/1/", "8/000", "00/000", "0/x1/000", "entries/0", "other/000", "0/x01/000"}) {
    CHECK(Code(ParseTileTarget(bad)) == "not_found");
  }
}

TEST_CASE("connections are counted in all and by address") {
  Admission admission(3, 2, 0);
  const AddressKey one{1}, two{2};
  CHECK(admission.Connect(one) == Admission::Verdict::kAdmitted);
  CHECK(admission.Connect(one) == Admission::Verdict::kAdmitted);
  CHECK(admission.Connect(one) == Admission::Verdict::kAddressFull);
  CHECK(admission.Connect(two) == Admission::Verdict::kAdmitted);
  CHECK(admission.Connect(two) == Admission::Verdict::kFull);
  admission.Disconnect(one);
  CHECK(admission.Connect(two) == Admission::Verdict::kAdmitted);
  CHECK(admission.connections() == 3);
}

TEST_CASE("a rate lets bursts of two seconds through and refills evenly, by address") {
  Admission admission(1, 0, 10);
  const AddressKey one{1}, two{2};
  auto now = std::chrono::steady_clock::time_point(std::chrono::hours(1));
  int passed = 0;
  for (int i = 0; i < 100; ++i) passed += admission.Request(one, now) ? 1 : 0;
  CHECK(passed == 20);
  CHECK(admission.Request(two, now));
  now += std::chrono::milliseconds(500);
  passed = 0;
  for (int i = 0; i < 100; ++i) passed += admission.Request(one, now) ? 1 : 0;
  CHECK(passed == 5);
  Admission unlimited(1, 0, 0);
  for (int i = 0; i < 1'000; ++i) CHECK(unlimited.Request(one, now));
}

}  // namespace cunzheng::node
