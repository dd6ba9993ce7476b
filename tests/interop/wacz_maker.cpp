// Makes and checks WACZ files for wacz_test.py, which asks independent programs about them.
//
//   wacz_maker make OUT < spec.json   {"title", "software", "time_unix_us", "pages": [{"url", "title"}],
//                                     "exchanges": [{"method", "url", "request", "response", "body"}],
//                                     "tiles": […], "attachments": {name: …}}; request and response are HTTP
//                                     headers, what is binary is base64
//   wacz_maker check FILE             prints what CheckWacz says: its report as JSON, or the error, with exit
//   status 1 wacz_maker surt                   prints the key of each line of standard input
#include <boost/json.hpp>
#include <iostream>
#include <iterator>

#include "client/evidence/screenshot.h"
#include "client/evidence/surt.h"
#include "client/evidence/wacz.h"

using namespace cunzheng;
using namespace cunzheng::evidence;
namespace bj = boost::json;

namespace {

std::string Text(const bj::value& value) {
  return std::string(value.as_string());
}
std::string Binary(const bj::value& value) {
  const auto bytes = FromBase64(Text(value));
  CHECK_INVARIANT(bytes.has_value());
  return std::string(AsText(*bytes));
}

Result<void> Make(const std::string& path, const bj::object& spec) {
  const auto time = static_cast<uint64_t>(spec.at("time_unix_us").as_int64());
  ASSIGN_OR_RETURN(WaczWriter writer, WaczWriter::Create(path));
  RETURN_IF_ERROR(
      writer.AddRecord(MakeWarcRecord("warcinfo", time, "application/warc-fields",
                                      "software: wacz_maker\r\nformat: WARC File Format 1.1\r\n")));
  for (const auto& value : spec.at("exchanges").as_array()) {
    const bj::object& exchange = value.as_object();
    WarcRecord response =
        MakeWarcRecord("response", time, "application/http;msgtype=response",
                       Text(exchange.at("response")) + "\r\n\r\n" + Binary(exchange.at("body")));
    WarcRecord request = MakeWarcRecord("request", time, "application/http;msgtype=request",
                                        Text(exchange.at("request")) + "\r\n\r\n");
    request.Set("WARC-Concurrent-To", std::string(response.Header("WARC-Record-ID")));
    for (WarcRecord* record : {&response, &request}) {
      record->Set("WARC-Target-URI", Text(exchange.at("url")));
      record->Set("WARC-IP-Address", "127.0.0.1");
      RETURN_IF_ERROR(writer.AddRecord(*record));
    }
  }
  for (const auto& page : spec.at("pages").as_array())
    writer.AddPage(Text(page.at("url")), Text(page.at("title")), time);
  const bj::array& tiles = spec.at("tiles").as_array();
  if (!tiles.empty()) {
    const auto tile = [&tiles](size_t index) -> Result<std::string> { return Binary(tiles[index]); };
    ASSIGN_OR_RETURN(const std::string picture, StitchTiles(tiles.size(), tile));
    RETURN_IF_ERROR(writer.AddAttachment("screenshot.png", picture));
  }
  for (size_t i = 0; i < tiles.size(); ++i) {
    char name[32];
    std::snprintf(name, sizeof name, "screenshot-%03zu.png", i);
    RETURN_IF_ERROR(writer.AddAttachment(name, Binary(tiles[i])));
  }
  for (const auto& [name, bytes] : spec.at("attachments").as_object()) {
    RETURN_IF_ERROR(writer.AddAttachment(std::string(name), Binary(bytes)));
  }
  return writer.Finish(Text(spec.at("title")), Text(spec.at("software")), time, true);
}

Result<void> Check(const std::string& path) {
  ASSIGN_OR_RETURN(auto source, OpenFileSource(path));
  ASSIGN_OR_RETURN(const ZipReader reader, ZipReader::Open(std::move(source)));
  ASSIGN_OR_RETURN(const WaczReport report, CheckWacz(reader));
  bj::array pages;
  for (const auto& page : report.pages) pages.push_back(bj::value(page.url));
  std::cout << bj::object{{"records", report.records},   {"responses", report.responses},
                          {"tiles", report.tiles},       {"created", report.created},
                          {"software", report.software}, {"pages", std::move(pages)}}
            << "\n";
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  Result<void> done = Error{Errc::kUsage, "wacz_maker make OUT | check FILE | surt"};
  if (arguments.size() == 2 && arguments[0] == "make") {
    const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
    done = Make(arguments[1], bj::parse(text).as_object());
  } else if (arguments.size() == 2 && arguments[0] == "check") {
    done = Check(arguments[1]);
  } else if (arguments.size() == 1 && arguments[0] == "surt") {
    for (std::string line; std::getline(std::cin, line);) std::cout << Surt(line) << "\n";
    done = {};
  }
  if (done) return 0;
  std::cout << done.error().ToString() << "\n";
  return 1;
}
