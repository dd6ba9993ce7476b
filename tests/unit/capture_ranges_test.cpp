// Ranges of an address, whether they are all of it, and what a second fetch brought.
#include <doctest/doctest.h>

#include "client/capture/exchange_records.h"
#include "client/capture/ranges.h"
#include "client/capture/reports.h"

namespace {

using namespace cunzheng;
using namespace cunzheng::capture;

constexpr const char* kFilm = "https://shop.example/film.mp4";

class Exchanges {
 public:
  Exchange& Add(int status, std::string body, std::string range = {}) {
    Exchange exchange;
    exchange.number = list.size();
    exchange.url = kFilm;
    exchange.method = "GET";
    exchange.resource_type = "Media";
    exchange.status = status;
    exchange.body = std::move(body);
    exchange.body_state = BodyState::kWhole;
    exchange.finished = true;
    if (!range.empty()) exchange.response_headers.emplace_back("Content-Range", std::move(range));
    list.push_back(std::move(exchange));
    return list.back();
  }
  Exchange& AddSecond(int status, std::string body) {
    Exchange& exchange = Add(status, std::move(body));
    exchange.resource_type = "Document";
    exchange.second_fetch_of = 0;
    return exchange;
  }
  size_t InPart() const { return AddressesInPart(list).size(); }
  std::string Remark() const {
    const auto remarks = RangeRemarks(list);
    return remarks.size() == 1 ? remarks[0].what + ": " + remarks[0].detail : std::to_string(remarks.size());
  }

  std::vector<Exchange> list;
};

TEST_CASE("ranges that overlap and touch, in any order, are the whole") {
  Exchanges exchanges;
  exchanges.Add(206, "6789", "bytes 6-9/10");
  CHECK(exchanges.InPart() == 1);
  exchanges.Add(206, "0123", "bytes 0-3/10");
  CHECK(exchanges.InPart() == 1);
  exchanges.Add(206, "345", "bytes 3-5/10");
  CHECK(exchanges.InPart() == 0);
}

TEST_CASE("an address in part is told with its first range, its exchanges and its length") {
  Exchanges exchanges;
  exchanges.Add(200, "page").url = "https://shop.example/";
  exchanges.Add(206, "0123", "bytes 0-3/10").url = std::string(kFilm) + "#t=3";
  exchanges.Add(206, "6789", "bytes 6-9/10");
  const auto in_part = AddressesInPart(exchanges.list);
  REQUIRE(in_part.size() == 1);
  CHECK(in_part[0].url == kFilm);
  CHECK(in_part[0].range == "bytes 0-3/10");
  CHECK(in_part[0].parts == std::vector<uint64_t>{1, 2});
  CHECK(in_part[0].length == 10);
}

TEST_CASE("ranges that do not say what they are of are never the whole") {
  for (const char* range :
       {"bytes 0-9/*", "", "bytes 0-9/11", "bytes 0-9/9", "bytes 1-10/10", "bytes 0-8/10", "bytes 0-9/10x",
        "bytes 0-99999999999999999999/10", "bytes */10", "items 0-9/10"}) {
    Exchanges exchanges;
    exchanges.Add(206, "0123456789", range);
    CHECK_MESSAGE(exchanges.InPart() == 1, range);
  }
  Exchanges exchanges;
  exchanges.Add(206, "0123456789", "bytes 0-9/10").body_state = BodyState::kCutLength;
  CHECK(exchanges.InPart() == 1);
}

TEST_CASE("ranges of two versions do not make one whole") {
  Exchanges exchanges;
  exchanges.Add(206, "01234", "bytes 0-4/10").response_headers.emplace_back("ETag", "\"a\"");
  exchanges.Add(206, "56789", "bytes 5-9/10").response_headers.emplace_back("ETag", "\"b\"");
  CHECK(exchanges.InPart() == 1);
  exchanges.Add(206, "01234", "bytes 0-4/10").response_headers.emplace_back("etag", "\"b\"");
  CHECK(exchanges.InPart() == 0);
}

TEST_CASE("a 200 beside the ranges is enough, unless it is a second fetch or of another method") {
  Exchanges exchanges;
  exchanges.Add(206, "01234", "bytes 0-4/10");
  exchanges.Add(200, "ok").method = "POST";
  exchanges.AddSecond(200, "0123456789");
  CHECK(exchanges.InPart() == 1);
  exchanges.Add(200, "0123456789");
  CHECK(exchanges.InPart() == 0);
}

TEST_CASE("all of it is said of a second fetch that is whole and has the bytes of every range") {
  const auto said = [](const std::function<void(Exchanges*)>& second) {
    Exchanges exchanges;
    exchanges.Add(206, "23", "bytes 2-3/10");
    second(&exchanges);
    return exchanges.Remark();
  };
  const std::string begin = "range: bytes 2-3/10; ", end = std::string("; ") + kFilm;
  CHECK(said([](Exchanges*) {}) == begin + "not fetched again" + end);
  const auto brought = [&](std::string_view what) {
    return begin + "a second fetch (exchange 1) brought: " + std::string(what) + end;
  };
  CHECK(said([](Exchanges* e) { e->AddSecond(200, "0123456789"); }) == brought("all of it"));
  CHECK(said([](Exchanges* e) { e->AddSecond(200, "0223456789"); }) == brought("all of it"));
  CHECK(said([](Exchanges* e) { e->AddSecond(200, "0133456789"); }) ==
        brought("10 bytes, other than those of exchange 0"));
  CHECK(said([](Exchanges* e) { e->AddSecond(200, "log in"); }) ==
        brought("6 bytes where the ranges are of 10"));
  CHECK(said([](Exchanges* e) { e->AddSecond(200, "0123").body_state = BodyState::kCutTime; }) ==
        brought("4 bytes, not all of it"));
  CHECK(said([](Exchanges* e) { e->AddSecond(403, "no"); }) == brought("status 403"));
  CHECK(said([](Exchanges* e) {
          Exchange& exchange = e->AddSecond(0, "");
          exchange.failure = "net::ERR_EMPTY_RESPONSE";
        }) == brought("net::ERR_EMPTY_RESPONSE"));
}

TEST_CASE("the last of a second fetch's redirects decides") {
  Exchanges exchanges;
  exchanges.Add(206, "23", "bytes 2-3/*");
  exchanges.AddSecond(302, "");
  exchanges.AddSecond(200, "0123").url = "https://cdn.example/film.mp4";
  CHECK(exchanges.Remark() ==
        std::string("range: bytes 2-3/*; a second fetch (exchange 2) brought: all of it; ") + kFilm);
}

TEST_CASE("a second fetch is labelled as one in its record and its gap, and is never the page") {
  Exchanges exchanges;
  Exchange& page = exchanges.Add(200, "<p>page");
  page.resource_type = "Document";
  exchanges.Add(206, "23", "bytes 2-3/10");
  Exchange& second = exchanges.AddSecond(200, "01");
  second.second_fetch_of = 1;
  second.body_state = BodyState::kCutLength;
  second.body_reason = "it announced 10 bytes";
  CHECK(PageExchange(exchanges.list, kFilm)->number == 0);
  const auto block = [&](size_t i) { return ExchangeRecords(exchanges.list[i]).back().block; };
  CHECK(block(2).find("\"secondFetchOf\":1") != std::string::npos);
  CHECK(block(1).find("secondFetchOf") == std::string::npos);
  const auto report = MakeCompleteness(kFilm, kFilm, "settled", exchanges.list, {}, {}, {});
  REQUIRE(report.gaps.size() == 1);
  CHECK(report.gaps[0].reason == "second fetch of exchange 1: it announced 10 bytes");
  CHECK_FALSE(report.Complete());
}

}  // namespace
