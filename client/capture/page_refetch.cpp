// The part of PageCapture that fetches all of what the page got ranges of. A tab of its own, without scripts,
// is sent to the address, with the referrer that the page's own request had: the profile's cookies, the
// connection's facts and every limit are then those of any other request. It is closed before it can show
// what came.
#include <algorithm>
#include <memory>

#include "client/capture/page_capture.h"
#include "client/capture/ranges.h"

namespace cunzheng::capture {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;

// What is left of the time of a capture for what comes after.
constexpr milliseconds kReserve{3'000};
constexpr milliseconds kClosedWithin{5'000};
// After a body: for what else is told of it. The main request of a page that is a picture or a film has no
// end.
constexpr milliseconds kTold{300};
// A chain of redirects, which the browser bounds itself.
constexpr size_t kExchangesMax = 25;

std::string RefererOf(const Exchange& exchange) {
  for (const auto& [name, value] : exchange.request_headers) {
    if (LoweredAscii(name) == "referer") return value;
  }
  return {};
}

}  // namespace

void PageCapture::FetchWholes() {
  const auto until = std::min(Clock::now() + limits_.refetch_within,
                              began_ + limits_.total_within + options_.record - kReserve);
  uint32_t fetched = 0;
  for (const RangedAddress& address : AddressesInPart(recorder_.exchanges())) {
    if (!GoesOn()) return;
    std::string left_out;
    if (fetched == limits_.refetches_max) {
      left_out = "there were " + std::to_string(fetched);
    } else if (address.length.value_or(0) > recorder_.limits().body_bytes_max) {
      left_out = "it has " + std::to_string(*address.length) + " bytes";
    } else if (targets_seen_ >= limits_.targets_max ||
               recorder_.exchanges().size() + kExchangesMax > recorder_.limits().exchanges_max) {
      left_out = "there is no room for more";
    } else if (Clock::now() >= until) {
      left_out = "there is no time left";
    }
    if (!left_out.empty()) {
      recorder_.Say("refetch_limit", left_out + ": " + address.url);
      continue;
    }
    ++fetched;
    // One that does not answer leaves time for others.
    FetchWhole(address, std::min(until, Clock::now() + limits_.refetch_within / 2));
  }
}

void PageCapture::FetchWhole(const RangedAddress& address, Clock::time_point until) {
  steps_->Note("refetch", address.url + "\nof it exchange " + std::to_string(address.parts.front()) +
                              " got " + address.range);
  const auto made = cdp_.Call("", "Target.createTarget", {{"url", "about:blank"}, {"background", true}},
                              limits_.answer_within);
  if (!made) return steps_->Note("refetched", made.error().detail);
  const std::string target = refetch_target_ = TextOf(*made, "targetId");
  static_cast<void>(cdp_.Run(until, [&] { return targets_.contains(target); }));
  const std::string session = targets_.contains(target) ? targets_[target] : "";
  std::string result = "no tab came for it";
  if (!session.empty()) {
    recorder_.Seal(session, address.parts.front());
    cdp_.Send(session, "Emulation.setScriptExecutionDisabled", {{"value", true}});
    json::object where{{"url", address.url}};
    if (const std::string referer = RefererOf(recorder_.exchanges()[address.parts.front()]);
        !referer.empty()) {
      where["referrer"] = referer;
      where["referrerPolicy"] = "unsafeUrl";  // it is what the page's policy had left of it
    }
    // It may be answered after this has returned.
    const auto refused = std::make_shared<std::string>();
    cdp_.Send(session, "Page.navigate", std::move(where), [refused](const Result<json::object>& answer) {
      *refused = answer ? TextOf(*answer, "errorText") : answer.error().detail;
    });
    Clock::time_point body_came{};
    bool ended = false;
    static_cast<void>(cdp_.Run(until, [&] {
      if (!GoesOn() || !sessions_.contains(session)) return true;
      const Exchange* exchange = recorder_.Fetched(session);
      if (exchange == nullptr || (exchange->finished && IsRedirect(exchange->status))) {
        ended = !refused->empty();
      } else if (exchange->status != 0 && exchange->body_state != BodyState::kNone) {
        if (body_came == Clock::time_point{}) body_came = Clock::now();
        ended = exchange->finished || Clock::now() - body_came > kTold;
      } else {
        ended = exchange->finished;
      }
      return ended;
    }));
    if (!ended && GoesOn() && sessions_.contains(session))
      recorder_.Say("refetch_limit", "it took too long: " + address.url);
    recorder_.EndFetch(session);
    const Exchange* exchange = recorder_.Fetched(session);
    result = exchange == nullptr
                 ? (refused->empty() ? "no request was made" : *refused)
                 : "exchange " + std::to_string(exchange->number) +
                       " brought: " + SecondFetchResult(*exchange, address, recorder_.exchanges());
  }
  cdp_.Send("", "Target.closeTarget", {{"targetId", target}});
  static_cast<void>(cdp_.Run(Clock::now() + kClosedWithin, [&] { return !sessions_.contains(session); }));
  refetch_target_.clear();
  steps_->Note("refetched", result);
}

}  // namespace cunzheng::capture
