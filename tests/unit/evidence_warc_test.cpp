// WARC records and the gzip members that hold them; keys of addresses.
#include <doctest/doctest.h>

#include "client/evidence/gzip.h"
#include "client/evidence/surt.h"
#include "client/evidence/warc.h"
#include "tests/unit/wacz_fixture.h"

using namespace cunzheng;
using namespace cunzheng::evidence;

namespace {

std::string Decode(std::string_view bytes) {
  const auto record = DecodeWarcRecord(bytes);
  return record ? "" : record.error().ToString();
}

std::string Replaced(std::string text, std::string_view from, std::string_view to) {
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

WarcRecord Response(std::string_view body) {
  WarcRecord record =
      MakeTestExchange("GET", "http://a.example/", "HTTP/1.1 200 OK", "text/plain", body, kWaczTestTime)
          .response;
  record.Set("WARC-Payload-Digest", WarcDigest(body));
  return record;
}

}  // namespace

TEST_CASE("a record decodes to what was encoded") {
  for (const auto& record :
       {Response("body"), Response(""), MakeWarcRecord("warcinfo", 0, "application/warc-fields", "")}) {
    const auto again = DecodeWarcRecord(EncodeWarcRecord(record));
    REQUIRE(again);
    CHECK(*again == record);
  }
  CHECK(WarcDate(kWaczTestTime) == "2025-11-21T09:45:23.123456Z");
  CHECK(WarcDate(0) == "1970-01-01T00:00:00.000000Z");
  CHECK(WarcDigest("") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_CASE("the payload of an HTTP message is what follows its header, of anything else the block") {
  CHECK(*Response("a\r\n\r\nb").Payload() == "a\r\n\r\nb");
  CHECK(*MakeWarcRecord("resource", 0, "text/plain", "x\r\n\r\ny").Payload() == "x\r\n\r\ny");
  CHECK_FALSE(MakeWarcRecord("response", 0, "application/http", "HTTP/1.1 200 OK\r\n").Payload());
}

TEST_CASE("a record that is not exactly one is refused, with the rule") {
  const std::string bytes = EncodeWarcRecord(Response("body"));
  const auto check = [&bytes](std::string_view from, std::string_view to) {
    return Decode(Replaced(bytes, from, to));
  };
  CHECK(check("WARC/1.1", "WARC/1.0") == "invalid_value: warc: a record must begin with WARC/1.1");
  CHECK(check("WARC-Type: ", "WARC-Type:") ==
        "invalid_value: warc: a header must be a name, colon, space, and a value on one line");
  CHECK(check("WARC-Date", "WARC Date") ==
        "invalid_value: warc: a header must be a name, colon, space, and a value on one line");
  CHECK(check("text/plain", "text/pl\tin").starts_with("digest_mismatch"));
  CHECK(check("WARC-Date", "WARC-Type") == "invalid_value: warc: WARC-Type: there twice");
  CHECK(check("WARC-Date", "warc-type") == "invalid_value: warc: warc-type: there twice");
  CHECK(check("WARC-Date", "X-Date") == "invalid_value: warc: WARC-Date: missing");
  CHECK(check("WARC-Record-ID", "X-Record-ID") == "invalid_value: warc: WARC-Record-ID: missing");
  CHECK(check("WARC-Block-Digest", "X-Block-Digest") == "invalid_value: warc: WARC-Block-Digest: missing");
  CHECK(check("WARC-Payload-Digest", "X-Payload-Digest") ==
        "invalid_value: warc: WARC-Payload-Digest: missing");
  CHECK(check("Content-Length", "X-Length") == "invalid_value: warc: Content-Length: missing");
  CHECK(check("Content-Length: ", "Content-Length: 0") ==
        "invalid_value: warc: Content-Length: must be spelled so, with a decimal number");
  CHECK(check("Content-Length", "content-length") ==
        "invalid_value: warc: Content-Length: must be spelled so, with a decimal number");
  CHECK(check("\r\n\r\nHTTP", "\r\nX-Last: 1\r\n\r\nHTTP") ==
        "invalid_value: warc: Content-Length: must be the last header");
  const std::string rule =
      "invalid_value: warc: Content-Length: is not the length of what follows before two line ends";
  CHECK(Decode(bytes + "x") == rule);
  CHECK(Decode(bytes.substr(0, bytes.size() - 1)) == rule);
  CHECK(Decode(bytes + bytes) == rule);
  CHECK(check("body", "bady").starts_with("digest_mismatch: warc: WARC-Block-Digest of <urn:uuid:"));
  CHECK(Decode("WARC/1.1\r\n") == "invalid_value: warc: its header must end within 64 KiB");
}

TEST_CASE("a payload digest is checked also where the block's is right") {
  WarcRecord record = Response("body");
  for (auto& [name, value] : record.headers) {
    if (name == "WARC-Payload-Digest") value = WarcDigest("other");
  }
  CHECK(Decode(EncodeWarcRecord(record))
            .starts_with("digest_mismatch: warc: WARC-Payload-Digest of <urn:uuid:"));
  WarcRecord cut = MakeWarcRecord("response", 0, "application/http", "HTTP/1.1 200 OK\r\n");
  CHECK(Decode(EncodeWarcRecord(cut)) ==
        "invalid_value: warc: a response must have an empty line after its HTTP header");
}

TEST_CASE("headers are bounded in bytes and number") {
  WarcRecord record = Response("");
  record.Set("X-Long", std::string(kWarcHeaderBytesMax, 'x'));
  CHECK(Decode(EncodeWarcRecord(record)) == "invalid_value: warc: its header must end within 64 KiB");
  record = Response("");
  for (int i = 0; record.headers.size() < kWarcHeadersMax; ++i) record.Set("X-" + std::to_string(i), "");
  CHECK(Decode(EncodeWarcRecord(record)) == "");
  record.Set("X-Last", "");
  CHECK(Decode(EncodeWarcRecord(record)) == "invalid_value: warc: must have at most 64 headers");
}

TEST_CASE("every single-byte change of a record is refused or changes what it says") {
  const WarcRecord record = Response("body");
  const std::string bytes = EncodeWarcRecord(record);
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (int difference = 1; difference < 256; ++difference) {
      std::string changed = bytes;
      changed[at] = static_cast<char>(changed[at] ^ difference);
      const auto decoded = DecodeWarcRecord(changed);
      if (!decoded) continue;
      CHECK_MESSAGE(EncodeWarcRecord(*decoded) == changed, at);
      CHECK_MESSAGE(decoded->block == record.block, at);
    }
  }
}

TEST_CASE("a gzip member gives back its bytes and leaves what follows") {
  const std::string member = GzipMember("first"), next = GzipMember("second");
  CHECK(GzipMember("first") == member);
  const std::string both = member + next;
  std::string_view rest = both;
  CHECK(*TakeGzipMember(&rest, 5) == "first");
  CHECK(rest == next);
  CHECK(TakeGzipMember(&rest, 5).error().ToString() ==
        "too_large: gzip: a member must unpack to at most 5 bytes");
  CHECK(rest == next);
  CHECK(*TakeGzipMember(&rest, 6) == "second");
  CHECK(rest.empty());
}

TEST_CASE("a gzip member that is broken, cut or carries a name or time is refused") {
  const std::string member = GzipMember("some bytes, some bytes");
  for (size_t length = 0; length < member.size(); ++length) {
    std::string_view rest = std::string_view(member).substr(0, length);
    const auto taken = TakeGzipMember(&rest, 100);
    REQUIRE_FALSE(taken);
    CHECK(taken.error().ToString() == "invalid_value: gzip: the last member is cut off");
  }
  for (size_t at = 0; at < 10; ++at) {
    std::string changed = member;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    std::string_view rest = changed;
    CHECK(TakeGzipMember(&rest, 100).error().ToString() ==
          "invalid_value: gzip: a member must begin with the plain header, without name and time");
  }
  std::string changed = member;
  changed[member.size() - 1] ^= 1;  // of the length at its end
  std::string_view rest = changed;
  CHECK(TakeGzipMember(&rest, 100).error().ToString() == "invalid_value: gzip: a member is broken");
}

TEST_CASE("a gzip bomb is stopped at the limit") {
  const std::string bomb = GzipMember(std::string(64u << 20, '\0'));
  CHECK(bomb.size() < 100'000);
  std::string_view rest = bomb;
  CHECK(TakeGzipMember(&rest, 1 << 20).error().code == Errc::kTooLarge);
  const auto source = MemorySource(bomb);
  CHECK(GzipReader(*source).Next(1 << 20).error().code == Errc::kTooLarge);
}

TEST_CASE("a reader of members finds them wherever its pieces end") {
  // Bytes that do not compress, so that members end before, at and after the end of a piece.
  std::string noise;
  for (uint64_t i = 0; noise.size() < kPieceBytes + 100; ++i)
    noise += AsText(Sha256(AsBytes(std::to_string(i))));
  const size_t overhead = GzipMember(noise.substr(0, kPieceBytes)).size() - kPieceBytes;
  for (const size_t length :
       {kPieceBytes - overhead - 1, kPieceBytes - overhead, kPieceBytes - overhead + 1, kPieceBytes}) {
    const std::string first = noise.substr(0, length);
    const std::string bytes = GzipMember(first) + GzipMember("") + GzipMember("last");
    const auto source = MemorySource(bytes);
    GzipReader reader(*source);
    uint64_t offset = 0;
    for (const std::string& expected : {first, std::string(), std::string("last")}) {
      const auto member = reader.Next(2 * kPieceBytes);
      REQUIRE(member);
      REQUIRE(member->has_value());
      CHECK((*member)->bytes == expected);
      CHECK((*member)->offset == offset);
      CHECK((*member)->sha256 == Sha256(AsBytes(bytes).subspan(offset, (*member)->length)));
      offset += (*member)->length;
    }
    const auto end = reader.Next(1);
    REQUIRE(end);
    CHECK_FALSE(end->has_value());
    CHECK(offset == bytes.size());
  }
}

TEST_CASE("addresses get the keys of SURT") {
  CHECK(Surt("http://www.Example.org:80/") == "org,example)/");
  CHECK(Surt("https://example.org:80/") == "org,example:80)/");
  CHECK(Surt("https://user:word@www2.example.org:8443/A/b/?y=2&x=1#part") == "org,example:8443)/a/b?x=1&y=2");
  CHECK(Surt("http://example.org") == "org,example)/");
  CHECK(Surt("http://example.org?a") == "org,example)/?a");
  CHECK(Surt("http://example.org/?") == "org,example)/");
  CHECK(Surt("http://example.org/a//b/./c/../d/") == "org,example)/a/b/d");
  CHECK(Surt("http://example.org/../a") == "org,example)/../a");
  CHECK(Surt("http://example.org/%7Ea%2525%20%E5%AD%98") == "org,example)/~a%25%20%e5%ad%98");
  CHECK(Surt("http://example.org/?b=%26&a=1=2&a&a=") == "org,example)/?&a&a=&a=1=2&b=");
  CHECK(Surt("http://xn--fiqs8s.xn--fiqs8s/") == "xn--fiqs8s,xn--fiqs8s)/");
  CHECK(Surt("http://127.0.0.1:8000/a") == "1,0,0,127:8000)/a");
  CHECK(Surt("http://[::1]:8000/a") == "::1:8000)/a");
  CHECK(Surt("http://www/") == "www)/");
  CHECK(Surt("urn:view:http://example.org/ b") == "urn:view:http://example.org/%20b");
}
