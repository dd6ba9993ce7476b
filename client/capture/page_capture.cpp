#include "client/capture/page_capture.h"

#include <boost/json/serialize.hpp>
#include <cmath>

#include "crypto/bytes.h"

namespace cunzheng::capture {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;

uint64_t UnixUs() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

constexpr milliseconds kAliveWithin{5'000};

json::object AutoAttach() {
  return {{"autoAttach", true}, {"waitForDebuggerOnStart", true}, {"flatten", true}};
}

}  // namespace

PageCapture::PageCapture(BrowserProcess* browser, PageLimits limits, ExchangeLimits exchange_limits,
                         std::function<bool(const std::string& url)> allowed, std::function<bool()> stop)
    : cdp_(browser->cdp()),
      limits_(limits),
      stop_(std::move(stop)),
      recorder_(&browser->cdp(), exchange_limits, std::move(allowed)) {
  cdp_.OnEvent([this](const CdpEvent& event) { Take(event); });
}

void PageCapture::Note(const std::string& what, const std::string& detail) {
  const auto since = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - began_);
  result_.steps.push_back({static_cast<uint64_t>(since.count()), UnixUs(), what, detail});
  if (on_step_) on_step_(result_.steps.back());
}

void PageCapture::Take(const CdpEvent& event) {
  const std::string_view method = event.method;
  if (method == "Target.attachedToTarget") {
    // Frames of other sites, workers: each is recorded before it runs its first line.
    const std::string session = TextOf(event.params, "sessionId");
    const json::object& target = ObjectOf(event.params, "targetInfo");
    Note("target", TextOf(target, "type") + " " + TextOf(target, "url"));
    recorder_.Attach(session);
    cdp_.Send(session, "Target.setAutoAttach", AutoAttach());
    cdp_.Send(session, "Runtime.runIfWaitingForDebugger", {});
  } else if (method == "Inspector.targetCrashed") {
    crashed_ = true;
    Note("crashed", "the page's process has ended");
  } else if (method == "Page.loadEventFired") {
    loaded_ = true;
    Note("loaded");
  } else if (method == "Page.javascriptDialogOpening") {
    if (++dialogs_ <= limits_.dialogs_max) {
      Note("dialog", TextOf(event.params, "type") + ": " + TextOf(event.params, "message"));
    }
    if (dialogs_ == limits_.dialogs_max) {
      over_ = true;
      Note("dialog_limit", std::to_string(limits_.dialogs_max));
    }
    if (dialogs_ >= limits_.dialogs_max) cdp_.Send(event.session, "Runtime.terminateExecution", {});
    cdp_.Send(event.session, "Page.handleJavaScriptDialog", {{"accept", false}});
  } else if (method == "Page.frameNavigated" && event.session == session_) {
    const json::object& frame = ObjectOf(event.params, "frame");
    if (frame.contains("parentId")) return;
    Note("navigated", TextOf(frame, "url"));
    if (++navigations_ == limits_.navigations_max) {
      over_ = true;
      Note("navigation_limit", std::to_string(limits_.navigations_max));
      cdp_.Send(session_, "Page.stopLoading", {});
    }
  } else {
    recorder_.Take(event);
  }
}

Result<json::object> PageCapture::Ask(std::string_view method, json::object params) {
  if (hung_) return Error{Errc::kTimeout, "browser: the page does not answer"};
  auto answer = cdp_.Call(session_, method, std::move(params), limits_.answer_within);
  if (!answer && answer.error().code == Errc::kTimeout) {
    hung_ = true;
    Note("hung", std::string(method));
  }
  return answer;
}

void PageCapture::Free() {
  cdp_.Send(session_, "Runtime.terminateExecution", {});
  const auto alive = cdp_.Call(session_, "Runtime.evaluate", {{"expression", "1"}}, kAliveWithin);
  if (alive) return;
  hung_ = true;
  Note("hung", alive.error().detail);
}

Result<json::value> PageCapture::Evaluate(const std::string& expression) {
  ASSIGN_OR_RETURN(const json::object answer,
                   Ask("Runtime.evaluate", {{"expression", expression}, {"returnByValue", true}, {"timeout", 10'000}}));
  const json::object& result = ObjectOf(answer, "result");
  const auto* value = result.if_contains("value");
  if (value == nullptr) return Error{Errc::kInvalidValue, "browser: no value: " + json::serialize(result)};
  return *value;
}

Result<bool> PageCapture::Settle(milliseconds within) {
  const auto until = Clock::now() + within;
  const auto settled = [&] {
    recorder_.Tick();
    return crashed_ || over_ || stop_() ||
           (loaded_ && recorder_.open() == 0 && Clock::now() - recorder_.last_activity() >= limits_.quiet);
  };
  RETURN_IF_ERROR(cdp_.Run(until, settled));
  return Clock::now() < until;
}

Result<void> PageCapture::Scroll() {
  const auto until = Clock::now() + limits_.scroll_within;
  double before = -1;
  for (uint32_t y = 0; Clock::now() < until && !crashed_ && !over_ && !stop_();) {
    const auto height = Evaluate("Math.max(document.documentElement.scrollHeight, document.body ? "
                                 "document.body.scrollHeight : 0)");
    if (!height || !height->is_number()) break;
    const double now = height->to_number<double>();
    if (y >= limits_.height_max) {
      result_.stopped = "height_limit";
      break;
    }
    if (y >= now) {
      // At the end; whatever it brings up is waited for, once more when it brought something.
      ASSIGN_OR_RETURN(const bool quiet, Settle(limits_.quiet * 4));
      static_cast<void>(quiet);
      if (now == before) break;
      before = now;
      const auto grown = Evaluate("document.documentElement.scrollHeight");
      if (!grown || !grown->is_number() || grown->to_number<double>() <= now) break;
      continue;
    }
    static_cast<void>(Evaluate("window.scrollTo(0, " + std::to_string(y) + "), 0"));
    RETURN_IF_ERROR(cdp_.Run(Clock::now() + milliseconds(150), [&] {
      recorder_.Tick();
      return crashed_;
    }));
    y += 800;
  }
  if (Clock::now() >= until) result_.stopped = "scroll_limit";
  static_cast<void>(Evaluate("window.scrollTo(0, 0), 0"));
  Note("scrolled", result_.stopped);
  return {};
}

void PageCapture::TakeText(std::string_view method, json::object params, std::string_view key, bool base64,
                           std::string* out) {
  const auto answer = Ask(method, std::move(params));
  if (!answer) return Note("missed", std::string(method) + ": " + answer.error().detail);
  *out = TextOf(*answer, key);
  if (!base64) return;
  const auto bytes = FromBase64(*out);
  if (!bytes) return Note("missed", std::string(method) + ": its base64 is broken");
  out->assign(bytes->begin(), bytes->end());
}

Result<void> PageCapture::Picture() {
  ASSIGN_OR_RETURN(const json::object metrics, Ask("Page.getLayoutMetrics"));
  const json::object& content = ObjectOf(metrics, "cssContentSize");
  result_.width = static_cast<uint32_t>(std::ceil(NumberOf(content, "width")));
  result_.height = static_cast<uint32_t>(std::ceil(NumberOf(content, "height")));
  if (result_.height > limits_.height_max) {
    Note("height_limit", std::to_string(result_.height));
    result_.height = limits_.height_max;
  }
  if (const auto scale = Evaluate("window.devicePixelRatio"); scale && scale->is_number()) {
    result_.scale = scale->to_number<double>();
  }
  for (uint32_t y = 0; y < result_.height && !stop_(); y += limits_.tile_height) {
    Tile tile{y, std::min(limits_.tile_height, result_.height - y), {}};
    TakeText("Page.captureScreenshot",
             {{"format", "png"},
              {"captureBeyondViewport", true},
              {"clip",
               {{"x", 0}, {"y", tile.y}, {"width", result_.width}, {"height", tile.height}, {"scale", 1}}}},
             "data", true, &tile.png);
    if (tile.png.empty()) break;
    Note("tile", std::to_string(tile.y) + "+" + std::to_string(tile.height));
    result_.tiles.push_back(std::move(tile));
  }
  return {};
}

Result<PageResult> PageCapture::Run(const std::string& url) {
  result_.url = url;
  ASSIGN_OR_RETURN(const json::object version, cdp_.Call("", "Browser.getVersion", {}, limits_.answer_within));
  result_.browser_version = TextOf(version, "product");
  result_.user_agent = TextOf(version, "userAgent");
  RETURN_IF_ERROR(cdp_.Call("", "Browser.setDownloadBehavior", {{"behavior", "deny"}}, limits_.answer_within));
  ASSIGN_OR_RETURN(const json::object target,
                   cdp_.Call("", "Target.createTarget", {{"url", "about:blank"}}, limits_.answer_within));
  ASSIGN_OR_RETURN(const json::object attached,
                   cdp_.Call("", "Target.attachToTarget",
                             {{"targetId", TextOf(target, "targetId")}, {"flatten", true}}, limits_.answer_within));
  session_ = TextOf(attached, "sessionId");
  recorder_.Attach(session_);
  cdp_.Send(session_, "Target.setAutoAttach", AutoAttach());
  cdp_.Send(session_, "Inspector.enable", {});
  RETURN_IF_ERROR(Ask("Page.enable"));
  Note("browser", result_.browser_version);
  Note("open", url);
  loaded_ = false;
  navigations_ = 0;
  bool sent = false;
  cdp_.Send(session_, "Page.navigate", {{"url", url}}, [&](Result<json::object> answer) {
    sent = true;
    const std::string failure = answer ? TextOf(*answer, "errorText") : answer.error().detail;
    if (failure.empty()) return;
    Note("failed", failure);
    loaded_ = true;
  });
  ASSIGN_OR_RETURN(const bool settled, Settle(limits_.load_within));
  if (!settled) {
    result_.stopped = "load_limit";
    cdp_.Send(session_, "Page.stopLoading", {});
    static_cast<void>(cdp_.Run(Clock::now() + milliseconds(200), [] { return false; }));
  }
  Note("settled", result_.stopped);
  if (!settled || over_) Free();
  if (!crashed_ && !hung_ && !over_ && !stop_()) RETURN_IF_ERROR(Scroll());
  if (!crashed_ && !hung_) {
    if (const auto picture = Picture(); !picture) Note("missed", picture.error().detail);
    TakeText("Page.printToPDF", {{"printBackground", true}}, "data", true, &result_.pdf);
    TakeText("Page.captureSnapshot", {{"format", "mhtml"}}, "data", false, &result_.mhtml);
    if (auto dom = Evaluate("document.documentElement.outerHTML"); dom && dom->is_string()) {
      result_.dom = dom->get_string();
    }
    if (auto title = Evaluate("document.title"); title && title->is_string()) result_.title = title->get_string();
    if (auto at = Evaluate("location.href"); at && at->is_string()) result_.final_url = at->get_string();
  }
  if (result_.stopped.empty()) result_.stopped = crashed_ ? "crashed" : hung_ ? "hung" : over_ ? "page_limit" : stop_() ? "user" : "settled";
  result_.partial = result_.stopped != "settled";
  Note("done", result_.stopped);
  // `sent`, which the navigation's answer sets, goes out of scope.
  if (!sent) static_cast<void>(cdp_.Run(Clock::now() + milliseconds(500), [&] { return sent; }));
  cdp_.OnEvent({});
  return std::move(result_);
}

}  // namespace cunzheng::capture
