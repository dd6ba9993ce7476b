#include "client/capture/identity.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "client/capture/cdp.h"

namespace cunzheng::capture {
namespace {

namespace json = boost::json;

using std::chrono::milliseconds;

constexpr std::string_view kHeadless = "Headless";
constexpr milliseconds kAnswerWithin{20'000}, kHintsWithin{5'000}, kAgainAfter{50};
// Only a page of a secure origin may ask; this one needs no network.
constexpr const char* kOwnPage = "chrome://version";
constexpr const char* kQuestion =
    "isSecureContext ? navigator.userAgentData.getHighEntropyValues(['architecture', 'bitness', "
    "'formFactors', 'fullVersionList', 'model', 'platformVersion', 'uaFullVersion', 'wow64']) : null";

// Both lists of brands, without the one that a browser without a window may have.
json::array Brands(const json::object& hints, std::string_view key) {
  json::array brands;
  const auto* list = hints.if_contains(key);
  if (list == nullptr || !list->is_array()) return brands;
  for (const json::value& item : list->get_array()) {
    if (!item.is_object()) continue;
    const std::string brand = TextOf(item.get_object(), "brand");
    if (brand.find(kHeadless) != std::string::npos) continue;
    brands.push_back(json::object{{"brand", brand}, {"version", TextOf(item.get_object(), "version")}});
  }
  return brands;
}

// "156.0.0.0" of "…Chrome/156.0.0.0 …".
std::string VersionOf(std::string_view user_agent) {
  constexpr std::string_view kName = "Chrome/";
  const size_t at = user_agent.find(kName);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = user_agent.substr(at + kName.size());
  return std::string(rest.substr(0, rest.find(' ')));
}

}  // namespace

Result<Identity> LearnIdentity(BrowserOptions options, bool phone, const std::function<bool()>& stop) {
  options.headless = true;
  ASSIGN_OR_RETURN(const auto browser, BrowserProcess::Start(options));
  Cdp& cdp = browser->cdp();
  cdp.OnTick([&]() -> Result<void> {
    if (stop()) return Error{Errc::kInterrupted, "capture: interrupted"};
    return {};
  });
  ASSIGN_OR_RETURN(const json::object version, cdp.Call("", "Browser.getVersion", {}, kAnswerWithin));
  const std::string user_agent = TextOf(version, "userAgent");
  ASSIGN_OR_RETURN(const json::object made,
                   cdp.Call("", "Target.createTarget", {{"url", kOwnPage}}, kAnswerWithin));
  ASSIGN_OR_RETURN(const json::object attached,
                   cdp.Call("", "Target.attachToTarget",
                            {{"targetId", TextOf(made, "targetId")}, {"flatten", true}}, kAnswerWithin));
  for (const auto until = Clock::now() + kHintsWithin; Clock::now() < until;) {
    ASSIGN_OR_RETURN(const json::object answer,
                     cdp.Call(TextOf(attached, "sessionId"), "Runtime.evaluate",
                              {{"expression", kQuestion}, {"awaitPromise", true}, {"returnByValue", true}},
                              kAnswerWithin));
    const json::object& hints = ObjectOf(ObjectOf(answer, "result"), "value");
    if (!hints.empty()) return phone ? PhoneIdentity(user_agent, hints) : DesktopIdentity(user_agent, hints);
    // The page may be on its way still.
    RETURN_IF_ERROR(cdp.Run(Clock::now() + kAgainAfter, [] { return false; }));
  }
  return Error{Errc::kTimeout, "browser: it does not say what it is"};
}

std::string IdentityArgument(const Identity& identity) {
  return "--user-agent=" + identity.user_agent;
}

std::string IdentityText(const Identity& identity) {
  std::string text = "the browser calls itself: " + identity.own + "\nsent: " + identity.user_agent;
  if (identity.override.empty()) return text;
  return text + "\nclient hints: " + json::serialize(ObjectOf(identity.override, "userAgentMetadata"));
}

Identity DesktopIdentity(const std::string& user_agent, const json::object& hints) {
  Identity identity;
  identity.own = identity.user_agent = user_agent;
  const size_t at = user_agent.find(kHeadless);
  if (at == std::string::npos) return identity;
  identity.user_agent.erase(at, kHeadless.size());
  json::object metadata{{"brands", Brands(hints, "brands")},
                        {"fullVersionList", Brands(hints, "fullVersionList")},
                        {"fullVersion", TextOf(hints, "uaFullVersion")},
                        {"mobile", FlagOf(hints, "mobile")},
                        {"wow64", FlagOf(hints, "wow64")}};
  for (const char* name : {"platform", "platformVersion", "architecture", "model", "bitness"}) {
    metadata[name] = TextOf(hints, name);
  }
  if (const auto* factors = hints.if_contains("formFactors"); factors && factors->is_array()) {
    metadata["formFactors"] = *factors;
  }
  identity.override = {{"userAgent", identity.user_agent}, {"userAgentMetadata", std::move(metadata)}};
  return identity;
}

Identity PhoneIdentity(const std::string& user_agent, const json::object& hints) {
  const std::string version = VersionOf(user_agent);
  Identity identity;
  identity.own = user_agent;
  identity.user_agent = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/" +
                        version + " Mobile Safari/537.36";
  json::object metadata{{"brands", Brands(hints, "brands")},
                        {"fullVersionList", Brands(hints, "fullVersionList")},
                        {"fullVersion", TextOf(hints, "uaFullVersion")},
                        {"platform", "Android"},
                        {"platformVersion", "10"},
                        {"architecture", ""},
                        {"model", "K"},
                        {"mobile", true},
                        {"formFactors", json::array{"Mobile"}}};
  identity.override = {{"userAgent", identity.user_agent},
                       {"platform", "Linux armv81"},
                       {"userAgentMetadata", std::move(metadata)}};
  return identity;
}

}  // namespace cunzheng::capture
