#include "tests/unit/wacz_fixture.h"

#include <doctest/doctest.h>
#include <png.h>

#include <algorithm>

#include "client/evidence/screenshot.h"
#include "client/evidence/wacz_text.h"
#include "tests/unit/temp_dir.h"

namespace cunzheng::evidence {

std::string PlainPng(uint32_t width, uint32_t height, uint32_t rgb) {
  std::string pixels;
  for (uint64_t i = 0; i < uint64_t{width} * height; ++i) {
    for (const int shift : {16, 8, 0}) pixels.push_back(static_cast<char>(rgb >> shift & 0xff));
  }
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = width;
  image.height = height;
  image.format = PNG_FORMAT_RGB;
  png_alloc_size_t length = 0;
  REQUIRE(png_image_write_to_memory(&image, nullptr, &length, 0, pixels.data(), 0, nullptr));
  std::string png(length, '\0');
  REQUIRE(png_image_write_to_memory(&image, png.data(), &length, 0, pixels.data(), 0, nullptr));
  png.resize(length);
  return png;
}

TestExchange MakeTestExchange(std::string_view method, std::string_view url, std::string_view status_line,
                              std::string_view content_type, std::string_view body, uint64_t time_unix_us) {
  const std::string head =
      std::string(status_line) + "\r\nContent-Type: " + std::string(content_type) + "\r\n\r\n";
  TestExchange exchange;
  exchange.response =
      MakeWarcRecord("response", time_unix_us, "application/http;msgtype=response", head + std::string(body));
  exchange.response.Set("WARC-Target-URI", std::string(url));
  exchange.request = MakeWarcRecord("request", time_unix_us, "application/http;msgtype=request",
                                    std::string(method) + " / HTTP/1.1\r\nHost: example.org\r\n\r\n");
  exchange.request.Set("WARC-Target-URI", std::string(url));
  exchange.request.Set("WARC-Concurrent-To", std::string(exchange.response.Header("WARC-Record-ID")));
  return exchange;
}

std::string MakeTestWacz() {
  const TempDir dir;
  auto writer = WaczWriter::Create(dir / "test.wacz");
  REQUIRE(writer);
  REQUIRE(writer->AddRecord(
      MakeWarcRecord("warcinfo", kWaczTestTime, "application/warc-fields", "software: test\r\n")));
  const auto add = [&](std::string_view method, std::string_view url, std::string_view status_line,
                       std::string_view content_type, std::string_view body, uint64_t after_us) {
    const auto exchange =
        MakeTestExchange(method, url, status_line, content_type, body, kWaczTestTime + after_us);
    REQUIRE(writer->AddRecord(exchange.response));
    REQUIRE(writer->AddRecord(exchange.request));
  };
  add("GET", "https://www.example.org/page?b=2&a=1", "HTTP/1.1 200 OK", "text/html; charset=utf-8",
      "<p>存证</p>", 1'000);
  add("GET", "https://example.org/picture.png", "HTTP/1.1 200 OK", "image/png", PlainPng(2, 2, 0xff0000),
      2'000);
  add("GET", "https://example.org/old", "HTTP/1.1 302 Found", "text/plain", "", 3'000);
  add("POST", "https://example.org/form", "HTTP/1.1 404 Not Found", "text/plain", "no", 4'000);
  WarcRecord shown = MakeWarcRecord("resource", kWaczTestTime, "image/png", PlainPng(2, 2, 0x00ff00));
  shown.Set("WARC-Target-URI", "urn:view:https://www.example.org/page?b=2&a=1");
  REQUIRE(writer->AddRecord(shown));
  writer->AddPage("https://www.example.org/page?b=2&a=1#part", "A \"page\"\n存证", kWaczTestTime);
  writer->AddPage("https://nowhere.example/", "", kWaczTestTime + 5'000);
  const std::string tiles[] = {PlainPng(8, 5, 0x102030), PlainPng(8, 3, 0x405060)};
  const auto stitched = StitchTiles(2, [&tiles](size_t i) -> Result<std::string> { return tiles[i]; });
  REQUIRE(stitched);
  REQUIRE(writer->AddAttachment("screenshot.png", *stitched));
  REQUIRE(writer->AddAttachment("screenshot-000.png", tiles[0]));
  REQUIRE(writer->AddAttachment("screenshot-001.png", tiles[1]));
  REQUIRE(writer->AddAttachment("dom.html", "<p>存证</p>"));
  REQUIRE(writer->Finish("A \"title\"\t存证", "cunzheng/test", kWaczTestTime, false));
  return dir.Read("test.wacz");
}

Members Unpack(std::string_view zip) {
  const auto reader = ZipReader::Open(MemorySource(std::string(zip)));
  REQUIRE(reader);
  Members members;
  for (const auto& member : reader->members()) {
    auto bytes = reader->Read(member, SIZE_MAX);
    REQUIRE(bytes);
    members.emplace_back(member.name, std::move(*bytes));
  }
  return members;
}

std::string Pack(const Members& members) {
  const TempDir dir;
  auto writer = ZipWriter::Create(dir / "a.zip");
  REQUIRE(writer);
  for (const auto& [name, bytes] : members) REQUIRE(writer->Add(name, bytes));
  REQUIRE(writer->Finish(false));
  return dir.Read("a.zip");
}

std::string* Find(Members* members, std::string_view name) {
  const auto found =
      std::find_if(members->begin(), members->end(), [name](const auto& m) { return m.first == name; });
  REQUIRE(found != members->end());
  return &found->second;
}

void Reseal(Members* members) {
  std::string* text = Find(members, kWaczPackage);
  auto package = DecodePackage(*text);
  REQUIRE(package);
  package->resources.clear();
  for (const auto& [name, bytes] : *members) {
    if (name == kWaczPackage || name == kWaczPackageDigest) continue;
    package->resources.push_back({.path = name, .hash = WarcDigest(bytes), .bytes = bytes.size()});
  }
  *text = EncodePackage(*package);
  *Find(members, kWaczPackageDigest) = SignPackage(*text, *package);
}

std::string CheckText(std::string_view zip) {
  const auto reader = ZipReader::Open(MemorySource(std::string(zip)));
  if (!reader) return reader.error().ToString();
  const auto report = CheckWacz(*reader);
  return report ? "" : report.error().ToString();
}

}  // namespace cunzheng::evidence
