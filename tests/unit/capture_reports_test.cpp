// What a capture says of itself: completeness, operation log, the page for people.
#include <doctest/doctest.h>

#include "client/capture/reports.h"
#include "crypto/digest.h"

namespace {

using namespace cunzheng;
using namespace cunzheng::capture;
using evidence::CompletenessReport;
using evidence::GapState;
using evidence::PlainText;

Exchange MakeExchange(int status, BodyState state, std::string failure = {}, bool finished = true) {
  Exchange exchange;
  exchange.url = "https://shop.example/x";
  exchange.method = "GET";
  exchange.resource_type = "Image";
  exchange.status = status;
  exchange.body_state = state;
  exchange.failure = std::move(failure);
  exchange.finished = finished;
  if (state == BodyState::kWhole) exchange.body = "whole";
  return exchange;
}

CompletenessReport ReportOf(std::vector<Exchange> exchanges, const std::vector<Remark>& remarks = {},
                            const std::string& stopped = "settled", std::vector<std::string> missing = {}) {
  for (size_t i = 0; i < exchanges.size(); ++i) exchanges[i].number = i;
  return MakeCompleteness("https://shop.example/", "https://shop.example/", stopped, exchanges, remarks, {},
                          std::move(missing));
}

void CheckReadsBack(const CompletenessReport& report) {
  const auto decoded = evidence::DecodeCompleteness(EncodeCompleteness(report));
  REQUIRE_MESSAGE(decoded, (decoded ? "" : decoded.error().ToString()));
  CHECK(*decoded == report);
}

// The text with `from` become `to`, which must be there.
std::string With(std::string text, std::string_view from, std::string_view to) {
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

// Everything that ReportHtml needs, of a capture in which every text is `text`.
struct Reported {
  std::vector<Exchange> exchanges;
  CompletenessReport completeness;
  evidence::CleanlinessReport cleanliness;
  evidence::OperationLog operations;
  ReportInput input;

  explicit Reported(const std::string& text) {
    Exchange exchange = MakeExchange(200, BodyState::kMissed);
    exchange.url = exchange.method = exchange.body_reason = exchange.status_text = exchange.protocol =
        exchange.remote_ip = text;
    exchange.resource_type = "Document";
    exchange.security = {{"protocol", text}, {"cipher", text},      {"subjectName", text},
                         {"issuer", text},   {"validFrom", -1e300}, {"validTo", 1e300}};
    exchanges.push_back(exchange);
    completeness = MakeCompleteness(text, text, text, exchanges, {{text, text}}, {}, {text});
    cleanliness.tool = text;
    for (const std::string_view id : evidence::kCleanlinessItems) {
      cleanliness.items.push_back(
          {std::string(id), evidence::ItemState::kOk, text, text, {{"fact", PlainText(text, 512)}}});
    }
    operations = MakeOperationLog(text, std::nullopt, {{1, 2, text, text}});
    input.url = input.final_url = input.title = input.outcome = input.stopped = input.failure = input.tool =
        input.browser_version = input.user_agent = input.operator_account = text;
    input.checkpoint = text;
    input.began_unix_us = UINT64_MAX;
    input.page = exchanges.data();
    input.completeness = &completeness;
    input.cleanliness = &cleanliness;
    input.operations = &operations;
    input.attachments = {{text, 1, Sha256({})}};
  }
};

}  // namespace

TEST_CASE("any bytes become text that the project's JSON can hold") {
  CHECK(PlainText("plain 文本", 100) == "plain 文本");
  CHECK(PlainText("a\nb\x7f"
                  "c\xc2\x85",
                  100) == "a b c ");
  CHECK(PlainText("a\xff\xe6\x96", 100) == "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
  CHECK(PlainText("12345", 5) == "12345");
  CHECK(PlainText("123456", 5) == "12…");
  CHECK(PlainText("文文文", 8) == "文…");
  CHECK(PlainText("文文", 2).empty());
}

TEST_CASE("every exchange is whole, without a body, or a gap of its kind") {
  struct Case {
    const char* what;
    Exchange exchange;
    std::optional<GapState> gap;
  };
  const Case cases[] = {
      {"whole", MakeExchange(200, BodyState::kWhole), {}},
      {"whole, though the page gave it up", MakeExchange(200, BodyState::kWhole, "net::ERR_ABORTED"), {}},
      {"a redirect", MakeExchange(301, BodyState::kNone), {}},
      {"missed", MakeExchange(200, BodyState::kMissed), GapState::kMissed},
      {"broken off", MakeExchange(200, BodyState::kNone, "net::ERR_CONNECTION_RESET"), GapState::kMissed},
      {"too long", MakeExchange(200, BodyState::kCutLength), GapState::kCutLength},
      {"without end", MakeExchange(200, BodyState::kCutTime), GapState::kCutTime},
      {"unanswered", MakeExchange(0, BodyState::kNone, "", false), GapState::kUnfinished},
      {"answered in part", MakeExchange(200, BodyState::kNone, "", false), GapState::kUnfinished},
      {"failed", MakeExchange(0, BodyState::kNone, "net::ERR_NAME_NOT_RESOLVED"), GapState::kFailed},
      {"nothing told", MakeExchange(0, BodyState::kNone), GapState::kFailed},
  };
  for (const Case& one : cases) {
    CAPTURE(one.what);
    const CompletenessReport report = ReportOf({one.exchange});
    CheckReadsBack(report);
    CHECK(report.gaps.size() == (one.gap ? 1 : 0));
    if (one.gap && !report.gaps.empty()) CHECK(report.gaps[0].state == *one.gap);
    // A request that failed is what happened; everything else that is not there makes it incomplete.
    CHECK(report.Complete() == (!one.gap || *one.gap == GapState::kFailed));
  }
}

TEST_CASE("limits that were met and attachments that are missing make a capture incomplete") {
  const std::vector<Exchange> whole = {MakeExchange(200, BodyState::kWhole)};
  CHECK(ReportOf(whole).Complete());
  CHECK(ReportOf(whole, {}, "load_limit").limits_hit == std::vector<std::string>{"load_limit"});
  CHECK_FALSE(ReportOf(whole, {}, "load_limit").Complete());
  CHECK(ReportOf(whole, {{"limit_exchanges", "20000"}}).limits_hit == std::vector<std::string>{"exchanges"});
  const CompletenessReport missing = ReportOf(whole, {}, "settled", {"page.pdf", "dom.html", "page.pdf"});
  CHECK(missing.attachments_missing == std::vector<std::string>{"dom.html", "page.pdf"});
  CHECK_FALSE(missing.Complete());
  CheckReadsBack(missing);
}

TEST_CASE("an address that is too long is cut, and its digest stands beside") {
  Exchange exchange = MakeExchange(200, BodyState::kMissed);
  exchange.url = "https://shop.example/" + std::string(3'000, 'a');
  const CompletenessReport report = ReportOf({exchange});
  REQUIRE(report.gaps.size() == 1);
  CHECK(report.gaps[0].url.size() <= evidence::kReportUrlBytesMax);
  CHECK(report.gaps[0].url_sha256 == Sha256(AsBytes(exchange.url)));
  CheckReadsBack(report);
}

TEST_CASE("a completeness report whose numbers are not those of its gaps is rejected") {
  const std::string text = EncodeCompleteness(
      ReportOf({MakeExchange(200, BodyState::kWhole), MakeExchange(200, BodyState::kMissed),
                MakeExchange(0, BodyState::kNone, "net::ERR_FAILED")}));
  const auto code = [](const std::string& changed) {
    const auto decoded = evidence::DecodeCompleteness(changed);
    REQUIRE_FALSE(decoded);
    return decoded.error().code;
  };
  CHECK(code(With(text, "\"missed\":1", "\"missed\":0")) == Errc::kInvalidValue);
  CHECK(code(With(text, "\"exchanges\":3", "\"exchanges\":2")) == Errc::kInvalidValue);
  CHECK(code(With(text, "\"responses\":2", "\"responses\":4")) == Errc::kInvalidValue);
  CHECK(code(With(text, "\"state\":\"missed\"", "\"state\":\"failed\"")) == Errc::kInvalidValue);
  CHECK(code(With(text, "\"state\":\"missed\"", "\"state\":\"lost\"")) == Errc::kInvalidValue);
  CHECK(code(With(text, "\"number\":2", "\"number\":1")) == Errc::kInvalidValue);
  CHECK(code(With(text, "\"remarks\":[]", "\"remarkable\":[],\"remarks\":[]")) == Errc::kUnknownField);
  CHECK(code(With(text, "\"stopped\":\"settled\"", "\"stopped\":\"Settled\"")) == Errc::kInvalidValue);
  CHECK(code(With(text, "/v1", "/v2")) == Errc::kUnsupportedVersion);
  CHECK(code(With(text, "\"total_bytes\":1073741824", "\"total_bytes\":\"x\"")) == Errc::kWrongType);
  CHECK(code(text + "\n") == Errc::kNotCanonical);
}

TEST_CASE("a cleanliness report has every item once, in order") {
  Reported reported("x");
  const std::string text = EncodeCleanliness(reported.cleanliness);
  REQUIRE(evidence::DecodeCleanliness(text));
  auto fewer = reported.cleanliness, swapped = reported.cleanliness, renamed = reported.cleanliness;
  fewer.items.pop_back();
  std::swap(swapped.items[2], swapped.items[3]);
  renamed.items[0].id = "sistem";
  for (const auto* wrong : {&fewer, &swapped, &renamed}) {
    const auto decoded = evidence::DecodeCleanliness(EncodeCleanliness(*wrong));
    REQUIRE_FALSE(decoded);
    CHECK(decoded.error().code == Errc::kInvalidValue);
  }
  CHECK_FALSE(evidence::DecodeCleanliness(With(text, "\"state\":\"ok\"", "\"state\":\"fine\"")));
  CHECK_FALSE(evidence::DecodeCleanliness(With(text, "\"zh\":\"x\"", "\"zh\":\"\"")));
  CHECK_FALSE(evidence::DecodeCleanliness(With(text, "{\"fact\":\"x\"}", "[]")));
}

TEST_CASE("an operation log holds its times, and lines of a note as lines") {
  const std::vector<OperationStep> steps = {{10, 1'000, "checkpoint", "origin\n5\nroot\n\n— signature\n"},
                                            {5, 900, "Loaded!", ""},
                                            {20, 1'100, "done", "settled"}};
  const evidence::OperationLog log = MakeOperationLog("cunzheng/0.1.0", Sha256({}), steps);
  REQUIRE(log.lines.size() == 3);
  CHECK(log.lines[0].detail == std::vector<std::string>{"origin", "5", "root", "", "— signature"});
  CHECK(log.lines[1].monotonic_us == 10);  // held: it may not go back
  CHECK(log.lines[1].what == "loaded_");
  CHECK(log.lines[1].detail.empty());
  const std::string text = EncodeOperations(log);
  const auto decoded = evidence::DecodeOperations(text);
  REQUIRE_MESSAGE(decoded, (decoded ? "" : decoded.error().ToString()));
  CHECK(*decoded == log);

  CHECK_FALSE(evidence::DecodeOperations(With(text, "\"monotonic_us\":20", "\"monotonic_us\":9")));
  CHECK_FALSE(evidence::DecodeOperations(text.substr(0, text.size() - 1)));
  CHECK_FALSE(evidence::DecodeOperations(text + "\n"));
  CHECK_FALSE(evidence::DecodeOperations(text.substr(text.find('\n') + 1)));
  CHECK_FALSE(evidence::DecodeOperations(""));
}

TEST_CASE("the page's exchange is the last document of the address where it ended") {
  std::vector<Exchange> exchanges(4, MakeExchange(200, BodyState::kWhole));
  for (Exchange& exchange : exchanges) exchange.resource_type = "Document";
  exchanges[0].url = "https://shop.example/";
  exchanges[1].url = exchanges[2].url = "https://shop.example/item#top";
  exchanges[2].status = 0;
  exchanges[3].url = "https://ads.example/frame";
  CHECK(PageExchange(exchanges, "https://shop.example/item") == &exchanges[1]);
  CHECK(PageExchange(exchanges, "https://shop.example/given-by-script") == &exchanges[0]);
  CHECK(PageExchange({}, "https://shop.example/") == nullptr);
}

TEST_CASE("nothing that a page says becomes markup of the report") {
  const std::string hostile = "<script>alert(1)</script>\"'><img src=x onerror=y>&\xe2\x80\xae\xff\r\n\x01";
  Reported reported(hostile);
  const std::string html = ReportHtml(reported.input);
  CHECK(html.find("<script") == std::string::npos);
  CHECK(html.find("<img") == std::string::npos);
  CHECK(html.find("&lt;script&gt;alert(1)") != std::string::npos);
  CHECK(html.find("[U+202E]") != std::string::npos);
  CHECK(html.find("\xe2\x80\xae") == std::string::npos);
  // Every quote of the page's own markup has its partner, and none came from the text.
  CHECK(html.find("\"'>") == std::string::npos);
  CHECK(
      html.find("http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-") !=
      std::string::npos);
}

TEST_CASE("the report's own style is the one that its policy allows") {
  Reported reported("x");
  const std::string html = ReportHtml(reported.input);
  const size_t begin = html.find("<style>") + 7, end = html.find("</style>");
  REQUIRE(end != std::string::npos);
  const std::string digest = ToBase64(Sha256(AsBytes(std::string_view(html).substr(begin, end - begin))));
  CHECK(html.find("style-src 'sha256-" + digest + "'") != std::string::npos);
  CHECK(html.find(" style=") == std::string::npos);
}

TEST_CASE("the report shows digests in groups of eight, and times of Beijing and of UTC") {
  Reported reported("x");
  reported.input.began_unix_us = 1'795'261'985'123'456;
  const std::string html = ReportHtml(reported.input);
  CHECK(html.find("e3b0c442 98fc1c14 9afbf4c8 996fb924 27ae41e4 649b934c a495991b 7852b855") !=
        std::string::npos);
  CHECK(html.find("北京时间 2026-11-21 19:53:05.123<span class=\"en\">UTC 2026-11-21 11:53:05.123</span>") !=
        std::string::npos);
}

TEST_CASE("a page that could not be loaded is not called complete") {
  Reported reported("x");
  reported.input.outcome = "complete";
  reported.input.failure.clear();
  CHECK(ReportHtml(reported.input).find("<div class=\"outcome ok\">") != std::string::npos);
  reported.input.failure = "net::ERR_NAME_NOT_RESOLVED";
  const std::string html = ReportHtml(reported.input);
  CHECK(html.find("<div class=\"outcome warning\">") != std::string::npos);
  CHECK(html.find("Complete: ") == std::string::npos);
  CHECK(html.find("The browser says: net::ERR_NAME_NOT_RESOLVED") != std::string::npos);
  // A file to download has failed as a page, and came all the same.
  reported.input.stopped = "download";
  reported.input.failure = "net::ERR_ABORTED";
  CHECK(ReportHtml(reported.input).find("<div class=\"outcome notice\">") != std::string::npos);
}

TEST_CASE("remarks are named in both languages, and those without a name by their own") {
  Reported reported("x");
  reported.completeness.remarks = {{"scrolled_inside", "main#list: 13700, 873 in view"},
                                   {"newer_one", "a<b"}};
  reported.input.stopped = "closed";
  const std::string html = ReportHtml(reported.input);
  for (const char* text :
       {"页内滚动区域（像素）", "scrolled within (pixels)", "main#list: 13700, 873 in view", "newer_one",
        "a&lt;b", "操作者关闭了浏览窗口", "the window was closed"}) {
    CHECK_MESSAGE(html.find(text) != std::string::npos, text);
  }
}

TEST_CASE("long lists are cut on the page, which says where the rest is") {
  Reported reported("x");
  std::vector<Exchange> many(600, MakeExchange(200, BodyState::kMissed));
  reported.completeness = ReportOf(std::move(many));
  const std::string html = ReportHtml(reported.input);
  CHECK(html.find("100 more rows are in completeness.json") != std::string::npos);
}
