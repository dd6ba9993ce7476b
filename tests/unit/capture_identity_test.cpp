// What a browser without a window says that it is.
#include <doctest/doctest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "client/capture/identity.h"

namespace {

using namespace cunzheng::capture;
namespace json = boost::json;

constexpr const char* kHeadless =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0 "
    "Safari/537.36";
constexpr const char* kWithWindow =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36";

json::object Hints() {
  return json::parse(R"({"architecture":"x86","bitness":"64",
      "brands":[{"brand":"Not:A-Brand","version":"8"},{"brand":"HeadlessChrome","version":"156"},
                {"brand":"Chromium","version":"156"}],
      "formFactors":["Desktop"],
      "fullVersionList":[{"brand":"HeadlessChrome","version":"156.0.8078.108"},
                         {"brand":"Chromium","version":"156.0.8078.108"}],
      "mobile":false,"model":"","platform":"Linux","platformVersion":"6.1.0","uaFullVersion":"156.0.8078.108",
      "wow64":false})")
      .as_object();
}

TEST_CASE("a browser without a window says what it says with one, and all else as it is") {
  const Identity identity = DesktopIdentity(kHeadless, Hints());
  CHECK(identity.own == kHeadless);
  CHECK(identity.user_agent == kWithWindow);
  CHECK(IdentityArgument(identity) == std::string("--user-agent=") + kWithWindow);
  const auto expected = json::parse(R"({"brands":[{"brand":"Not:A-Brand","version":"8"},
      {"brand":"Chromium","version":"156"}],"fullVersionList":[{"brand":"Chromium","version":"156.0.8078.108"}],
      "fullVersion":"156.0.8078.108","mobile":false,"wow64":false,"platform":"Linux","platformVersion":"6.1.0",
      "architecture":"x86","model":"","bitness":"64","formFactors":["Desktop"]})");
  CHECK(identity.override.at("userAgent") == kWithWindow);
  CHECK(identity.override.at("userAgentMetadata") == expected);
  const std::string text = IdentityText(identity);
  CHECK(text.find(kHeadless) != std::string::npos);
  CHECK(text.find(std::string("sent: ") + kWithWindow) != std::string::npos);
  CHECK(text.find("client hints: {") != std::string::npos);
}

TEST_CASE("a browser that does not call itself headless is left as it is") {
  const Identity identity = DesktopIdentity(kWithWindow, Hints());
  CHECK(identity.user_agent == kWithWindow);
  CHECK(identity.override.empty());
}

TEST_CASE("a phone has the browser's version and brands, and nothing of the machine's") {
  const Identity identity = PhoneIdentity(kHeadless, Hints());
  CHECK(identity.own == kHeadless);
  CHECK(identity.user_agent ==
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile "
        "Safari/537.36");
  const std::string sent = json::serialize(identity.override);
  CHECK(sent.find("Headless") == std::string::npos);
  CHECK(sent.find("x86") == std::string::npos);
  CHECK(sent.find("\"platform\":\"Android\"") != std::string::npos);
  CHECK(sent.find("{\"brand\":\"Chromium\",\"version\":\"156\"}") != std::string::npos);
}

TEST_CASE("hints of any other shape do no harm") {
  const auto hints =
      json::parse(R"({"brands":[1,{"brand":2}],"fullVersionList":{},"formFactors":"x"})").as_object();
  const Identity identity = DesktopIdentity(kHeadless, hints);
  CHECK(identity.user_agent == kWithWindow);
  CHECK(json::serialize(identity.override.at("userAgentMetadata").at("brands")) ==
        R"([{"brand":"","version":""}])");
  CHECK(PhoneIdentity("", {}).user_agent.find("Chrome/ Mobile") != std::string::npos);
}

}  // namespace
