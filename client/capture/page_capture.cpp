#include "client/capture/page_capture.h"

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <boost/json/value_from.hpp>
#include <cmath>
#include <set>

#include "client/capture/addresses.h"
#include "client/capture/unix_time.h"
#include "crypto/bytes.h"

namespace cunzheng::capture {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;

constexpr milliseconds kAliveWithin{5'000}, kMemoryEvery{500}, kProfileEvery{2'000},
    kMemoryFreedWithin{3'000};
constexpr size_t kViewsMax = 1'000;
constexpr size_t kStepsMax = 20'000;
constexpr uint32_t kDownloadsMax = 100, kScrollStep = 800, kWidthMax = 5'000;
constexpr size_t kOriginsMax = 200;
constexpr int kFrameQuality = 60, kFrameSizeMax = 1'920;
constexpr milliseconds kFrameEvery{80};

constexpr int kPhoneWidth = 390, kPhoneHeight = 844;
constexpr double kPhoneScale = 3;

// Everything that a site can start; not the windows of the browser's own face.
json::object AutoAttach() {
  json::array filter;
  for (const char* type : {"browser", "tab", "browser_ui", "webview"}) {
    filter.push_back(json::object{{"type", type}, {"exclude", true}});
  }
  filter.push_back(json::object());
  return {{"autoAttach", true},
          {"waitForDebuggerOnStart", true},
          {"flatten", true},
          {"filter", std::move(filter)}};
}

}  // namespace

void OperationSteps::Note(const std::string& what, const std::string& detail) {
  if (list_.size() > kStepsMax) return;
  const auto since = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - began_);
  OperationStep step{static_cast<uint64_t>(since.count()), UnixUs(), what, detail};
  if (list_.size() == kStepsMax) step.what = "step_limit", step.detail = std::to_string(kStepsMax);
  list_.push_back(std::move(step));
  if (observer_) observer_(list_.back());
}

PageCapture::PageCapture(BrowserProcess* browser, const PageLimits& limits,
                         const ExchangeLimits& exchange_limits, const PageOptions& options,
                         OperationSteps* steps, std::function<bool()> stop)
    : browser_(browser),
      cdp_(browser->cdp()),
      limits_(limits),
      options_(options),
      steps_(steps),
      stop_(std::move(stop)),
      recorder_(
          &browser->cdp(), exchange_limits,
          [local = options.allow_local](const std::string& url) { return CheckUrl(url, local); },
          options.allow_local),
      recording_([this](size_t segment, const std::string& index, const Hash& digest) {
        steps_->Note(std::string(evidence::kSegmentStep), evidence::SegmentDetail(segment, digest));
        if (options_.on_segment) options_.on_segment(segment, index);
      }) {
  cdp_.OnEvent([this](const CdpEvent& event) { Take(event); });
  cdp_.OnTick([this] { return Guard(); });
}

PageCapture::~PageCapture() {
  cdp_.OnEvent({});
  cdp_.OnTick({});
  cdp_.Forget();
}

// ---- What keeps it bounded.

void PageCapture::Stop(const std::string& reason, const std::string& detail) {
  if (!result_.stopped.empty()) return;
  result_.stopped = reason;
  steps_->Note(reason, detail);
}

void PageCapture::End(const std::string& reason, const std::string& detail) {
  ended_ = true;
  Stop(reason, detail);
}

Result<void> PageCapture::Guard() {
  if (!ended_) {
    recorder_.Tick();
    if (on_tick_) on_tick_();
    const auto now = Clock::now();
    if (now >= frame_next_) AskForFrames();
    recording_.Tick(UnixUs());
    if (recorder_.full() && !over_) {
      over_ = true;
      Stop("exchange_limit", std::to_string(recorder_.exchanges().size()));
    }
    if (stop_()) End("interrupted");
    if (now - began_ > limits_.total_within + options_.record)
      End("time_limit", std::to_string(limits_.total_within.count()) + " ms");
    if (now >= memory_next_) WatchMemory();
    if (now >= profile_next_) WatchProfile();
  }
  if (ended_) return Error{Errc::kInterrupted, "capture: " + result_.stopped};
  return {};
}

void PageCapture::WatchMemory() {
  const auto now = Clock::now();
  memory_next_ = now + kMemoryEvery;
  const uint64_t bytes = browser_->MemoryBytes();
  if (bytes <= limits_.memory_bytes_max) {
    memory_over_since_ = {};
  } else if (memory_over_since_ == Clock::time_point{}) {
    // Mostly it is bodies that are being unpacked.
    memory_over_since_ = now;
    steps_->Note("memory", std::to_string(bytes));
    recorder_.CutBodies("the browser took too much memory");
    if (!session_.empty()) cdp_.Send(session_, "Page.stopLoading", {});
  } else if (now - memory_over_since_ > kMemoryFreedWithin) {
    End("memory_limit", std::to_string(bytes));
    browser_->Kill();
  }
}

void PageCapture::WatchProfile() {
  profile_next_ = Clock::now() + kProfileEvery;
  const uint64_t bytes = browser_->ProfileBytes();
  if (bytes <= limits_.profile_bytes_max) return;
  End("disk_limit", std::to_string(bytes));
  browser_->Kill();
}

void PageCapture::Free() {
  if (!Answers()) return;
  cdp_.Send(session_, "Page.stopLoading", {});
  cdp_.Send(session_, "Runtime.terminateExecution", {});
  if (over_) cdp_.Send(session_, "Emulation.setScriptExecutionDisabled", {{"value", true}});
  const auto alive = cdp_.Call(session_, "Runtime.evaluate", {{"expression", "1"}}, kAliveWithin);
  if (alive || ended_) return;
  hung_ = true;
  Stop("hung");
  steps_->Note("hung", alive.error().detail);
}

// ---- What the browser tells.

void PageCapture::Take(const CdpEvent& event) {
  const std::string_view method = event.method;
  if (method == "Target.attachedToTarget") return Attached(event);
  if (method == "Target.detachedFromTarget") {
    const std::string session = TextOf(event.params, "sessionId");
    recorder_.Detach(session);
    sessions_.erase(session);
    if (session == session_ && !ended_) {
      crashed_ = true;
      if (options_.enough) Stop("closed", "the window was closed");
      Stop("crashed", "the page has gone");
    }
  } else if (method == "Inspector.targetCrashed") {
    steps_->Note("crash", sessions_[event.session]);
    recorder_.Detach(event.session);
    if (event.session != session_) return;
    crashed_ = true;
    Stop("crashed", "the page's process has ended");
  } else if (method == "Page.loadEventFired") {
    if (event.session != session_) return;
    loaded_ = true;
    recorder_.Loaded(session_);
    steps_->Note("loaded");
  } else if (method == "Page.screencastFrame") {
    TakeFrame(event);
  } else if (method == "Page.javascriptDialogOpening") {
    Dialog(event);
  } else if (method == "Page.frameNavigated") {
    if (event.session == session_) Navigated(ObjectOf(event.params, "frame"));
  } else if (method == "Browser.downloadWillBegin") {
    if (!refetch_target_.empty() && TextOf(event.params, "frameId") == refetch_target_) return;
    if (++downloads_ > kDownloadsMax) return;
    steps_->Note("download", TextOf(event.params, "suggestedFilename") + "\n" + TextOf(event.params, "url"));
  } else {
    recorder_.Take(event);
  }
}

// Frames of other sites, workers, windows that the page opens: each is recorded before it runs its first
// line.
void PageCapture::Attached(const CdpEvent& event) {
  const std::string session = TextOf(event.params, "sessionId");
  const json::object& info = ObjectOf(event.params, "targetInfo");
  const std::string type = TextOf(info, "type"), target = TextOf(info, "targetId");
  sessions_[session] = type;
  if (!targets_.emplace(target, session).second) {
    // Told by the browser and by the page that it belongs to: one of them is enough.
    cdp_.Send(session, "Runtime.runIfWaitingForDebugger", {});
    return;
  }
  if (++targets_seen_ <= limits_.targets_max) steps_->Note("target", type + " " + TextOf(info, "url"));
  if (recorder_.IsSealed(event.session)) recorder_.Seal(session, {});
  recorder_.Attach(session);
  cdp_.Send(session, "Target.setAutoAttach", AutoAttach());
  if (type == "page" || type == "iframe") {
    cdp_.Send(session, "Inspector.enable", {});
    cdp_.Send(session, "Page.enable", {});
  }
  TakeIdentity(session, type);
  cdp_.Send(session, "Runtime.runIfWaitingForDebugger", {});
  if (targets_seen_ > limits_.targets_max) {
    over_ = true;
    Stop("target_limit", std::to_string(limits_.targets_max));
    cdp_.Send("", "Target.closeTarget", {{"targetId", target}});
  }
}

void PageCapture::Dialog(const CdpEvent& event) {
  if (++dialogs_ <= limits_.dialogs_max) {
    steps_->Note("dialog", TextOf(event.params, "type") + ": " + TextOf(event.params, "message"));
  }
  if (dialogs_ == limits_.dialogs_max) {
    over_ = true;
    Stop("dialog_limit", std::to_string(limits_.dialogs_max));
  }
  if (over_) cdp_.Send(event.session, "Runtime.terminateExecution", {});
  if (options_.enough && !over_) return;  // the person answers it
  cdp_.Send(event.session, "Page.handleJavaScriptDialog", {{"accept", false}});
}

void PageCapture::Navigated(const json::object& frame) {
  if (frame.contains("parentId")) return;
  loaded_ = false;
  if (++navigations_ <= limits_.navigations_max) {
    const std::string failed = TextOf(frame, "unreachableUrl");
    steps_->Note("navigated",
                 failed.empty() ? TextOf(frame, "url") : "to the browser's own page about " + failed);
  }
  if (navigations_ == limits_.navigations_max) {
    over_ = true;
    Stop("navigation_limit", std::to_string(limits_.navigations_max));
    cdp_.Send(session_, "Page.stopLoading", {});
  }
}

// Before the target's first request and first line of script.
void PageCapture::TakeIdentity(const std::string& session, const std::string& type) {
  if (!options_.identity.override.empty()) {
    cdp_.Send(session, "Network.setUserAgentOverride", options_.identity.override);
  }
  if (!options_.phone) return;
  if (type == "page") {
    cdp_.Send(session, "Emulation.setDeviceMetricsOverride",
              {{"width", kPhoneWidth},
               {"height", kPhoneHeight},
               {"deviceScaleFactor", kPhoneScale},
               {"mobile", true},
               {"screenWidth", kPhoneWidth},
               {"screenHeight", kPhoneHeight}});
  }
  if (type == "page" || type == "iframe") {
    cdp_.Send(session, "Emulation.setTouchEmulationEnabled", {{"enabled", true}, {"maxTouchPoints", 5}});
  }
}

// ---- What is asked of it.

Result<json::object> PageCapture::Ask(std::string_view method, json::object params) {
  if (!Answers()) return Error{Errc::kTimeout, "browser: the page does not answer"};
  auto answer = cdp_.Call(session_, method, std::move(params), limits_.answer_within);
  if (!answer && answer.error().code == Errc::kTimeout) {
    over_ = true;
    Stop("hung", std::string(method));
    Free();  // it may answer the next question
  }
  return answer;
}

Result<json::value> PageCapture::Evaluate(const std::string& expression, int64_t context) {
  json::object params{{"expression", expression}, {"returnByValue", true}, {"timeout", 10'000}};
  if (context != 0) params["contextId"] = context;
  ASSIGN_OR_RETURN(const json::object answer, Ask("Runtime.evaluate", std::move(params)));
  const json::object& result = ObjectOf(answer, "result");
  const auto* value = result.if_contains("value");
  if (value == nullptr) return Error{Errc::kInvalidValue, "browser: no value: " + json::serialize(result)};
  return *value;
}

// Errors of Run are not lost: whatever ends it has been noted, and every later question says so again.
void PageCapture::Pause(milliseconds time) {
  static_cast<void>(cdp_.Run(Clock::now() + time, [this] { return crashed_; }));
}

bool PageCapture::Settle(milliseconds within) {
  bool settled = false;
  const auto ran = cdp_.Run(Clock::now() + within, [&] {
    settled = loaded_ && recorder_.open() == 0 && Clock::now() - recorder_.last_activity() >= limits_.quiet;
    return settled || !GoesOn() || (options_.enough && options_.enough());
  });
  return ran && GoesOn() && settled;
}

Result<void> PageCapture::Open() {
  ASSIGN_OR_RETURN(const json::object version,
                   cdp_.Call("", "Browser.getVersion", {}, limits_.answer_within));
  result_.browser_version = TextOf(version, "product");
  const std::string command = json::serialize(json::value_from(browser_->RealCommand()));
  steps_->Note("browser", result_.browser_version + "\n" + browser_->Executable() + "\n" + command);
  result_.user_agent = TextOf(version, "userAgent");
  if (!options_.identity.override.empty()) result_.user_agent = options_.identity.user_agent;
  if (options_.identity.own.empty()) steps_->Note("user_agent", "the browser's own: " + result_.user_agent);
  RETURN_IF_ERROR(cdp_.Call("", "Browser.setDownloadBehavior",
                            {{"behavior", "deny"}, {"eventsEnabled", true}}, limits_.answer_within));
  RETURN_IF_ERROR(cdp_.Call("", "Target.setAutoAttach", AutoAttach(), limits_.answer_within));
  ASSIGN_OR_RETURN(const json::object made,
                   cdp_.Call("", "Target.createTarget", {{"url", "about:blank"}}, limits_.answer_within));
  target_ = TextOf(made, "targetId");
  RETURN_IF_ERROR(
      cdp_.Run(Clock::now() + limits_.answer_within, [this] { return targets_.contains(target_); }));
  if (!targets_.contains(target_)) return Error{Errc::kTimeout, "browser: no page came"};
  session_ = targets_[target_];
  ASSIGN_OR_RETURN(const json::object metrics, Ask("Page.getLayoutMetrics"));
  const json::object& view = ObjectOf(metrics, "cssLayoutViewport");
  steps_->Note("viewport", std::to_string(static_cast<int>(NumberOf(view, "clientWidth"))) + "x" +
                               std::to_string(static_cast<int>(NumberOf(view, "clientHeight"))));
  navigations_ = 0;
  loaded_ = false;
  return {};
}

void PageCapture::Load(const std::string& url) {
  steps_->Note("open", url);
  cdp_.Send(session_, "Page.navigate", {{"url", url}}, [this](const Result<json::object>& answer) {
    result_.failure = answer ? TextOf(*answer, "errorText") : answer.error().detail;
    if (result_.failure.empty()) return;
    loaded_ = true;
    Stop(answer && FlagOf(*answer, "isDownload") ? "download" : "failed", result_.failure);
  });
  const bool settled = Settle(limits_.load_within);
  if (settled) {
    steps_->Note("settled", std::to_string(recorder_.exchanges().size()) + " exchanges");
    return;
  }
  if (options_.enough) return;  // the person decides how long to wait
  if (GoesOn()) Stop("load_limit", std::to_string(recorder_.open()) + " exchanges are under way");
  Free();
}

// Frames come when something changes, at most some ten a second.
void PageCapture::BeginRecording() {
  if (options_.record.count() == 0) return;
  steps_->Note("recording", std::to_string(options_.record.count()) + " ms");
  const auto started = Ask("Page.startScreencast", {{"format", "jpeg"},
                                                    {"quality", kFrameQuality},
                                                    {"maxWidth", kFrameSizeMax},
                                                    {"maxHeight", kFrameSizeMax}});
  if (!started) return steps_->Note("missed", "recording: " + started.error().detail);
  recording_until_ = Clock::now() + options_.record;
}

bool PageCapture::IsRecording() const {
  return recording_until_ && !recording_full_ && Clock::now() < *recording_until_;
}

void PageCapture::EndRecording() {
  if (!recording_until_) return;
  recording_until_.reset();
  if (recording_full_) steps_->Note("recording_limit", std::to_string(recording_.frames()) + " frames");
  static_cast<void>(Ask("Page.stopScreencast"));
  recording_.Finish();
  result_.recording = recording_.segments();
  steps_->Note("recorded", std::to_string(recording_.frames()) + " frames");
}

// The browser sends two frames and then waits, which keeps them from being many more than people see.
void PageCapture::AskForFrames() {
  frame_next_ = Clock::now() + kFrameEvery;
  for (const int64_t id : std::exchange(frames_waiting_, {})) {
    cdp_.Send(session_, "Page.screencastFrameAck", {{"sessionId", id}});
  }
}

void PageCapture::TakeFrame(const CdpEvent& event) {
  frames_waiting_.push_back(static_cast<int64_t>(NumberOf(event.params, "sessionId")));
  const auto jpeg = FromBase64(TextOf(event.params, "data"));
  if (event.session != session_ || !IsRecording() || !jpeg || jpeg->empty()) return;
  recording_full_ |= !recording_.Add(UnixUs(), AsText(*jpeg));
}

void PageCapture::Scroll() {
  const auto until = Clock::now() + limits_.scroll_within;
  for (uint32_t y = 0; GoesOn();) {
    const auto metrics = Ask("Page.getLayoutMetrics");
    if (!metrics) break;
    const double height = NumberOf(ObjectOf(*metrics, "cssContentSize"), "height");
    const double view = NumberOf(ObjectOf(*metrics, "cssLayoutViewport"), "clientHeight");
    if (y >= limits_.height_max) {
      Stop("height_limit", std::to_string(static_cast<uint64_t>(height)));
      break;
    }
    if (Clock::now() >= until) {
      Stop("scroll_limit", std::to_string(y) + " of " + std::to_string(static_cast<uint64_t>(height)));
      break;
    }
    static_cast<void>(Evaluate("window.scrollTo({top: " + std::to_string(y) + ", behavior: 'instant'}), 0"));
    Pause(milliseconds(100));
    if (y + view < height) {
      y += kScrollStep;
      continue;
    }
    // At the end. Whatever that brings up is waited for; it may bring more.
    Pause(milliseconds(300));
    const bool settled = Settle(std::max(limits_.quiet * 4, milliseconds(2'000)));
    const auto grown = Ask("Page.getLayoutMetrics");
    if (!grown) break;
    if (NumberOf(ObjectOf(*grown, "cssContentSize"), "height") <= height) {
      steps_->Note("scrolled",
                   std::to_string(static_cast<uint64_t>(height)) + (settled ? "" : ", not settled"));
      break;
    }
  }
  static_cast<void>(Evaluate("window.scrollTo({top: 0, behavior: 'instant'}), 0"));
  Pause(milliseconds(300));
}

// A person has the browser; each page that comes is pictured once it has settled, as far as it is in view.
void PageCapture::Browse() {
  steps_->Note("browse", "until it is said to be enough, or the window is closed");
  uint32_t pictured = 0;  // the navigation whose page was
  while (GoesOn() && !options_.enough()) {
    const bool settled =
        loaded_ && recorder_.open() == 0 && Clock::now() - recorder_.last_activity() >= limits_.quiet;
    if (settled && pictured != navigations_) {
      pictured = navigations_;
      TakeView();
    }
    if (!IsRecording()) EndRecording();
    Pause(milliseconds(100));
  }
  if (GoesOn()) steps_->Note("enough");
}

void PageCapture::TakeView() {
  if (result_.views.size() == kViewsMax) return;
  View view{UnixUs(), {}, {}, {}};
  if (auto place = WhereItIs()) {
    view.url = std::move(place->url);
    view.title = std::move(place->title);
  }
  TakeText("view " + view.url, "Page.captureScreenshot", {{"format", "png"}}, "data", true, &view.png);
  if (!view.png.empty()) result_.views.push_back(std::move(view));
}

void PageCapture::TakeText(const std::string& name, std::string_view method, json::object params,
                           std::string_view key, bool base64, std::string* out) {
  const auto answer = Ask(method, std::move(params));
  if (!answer) return steps_->Note("missed", name + ": " + answer.error().detail);
  *out = TextOf(*answer, key);
  if (base64) {
    const auto bytes = FromBase64(*out);
    if (!bytes) return steps_->Note("missed", name + ": its base64 is broken");
    out->assign(bytes->begin(), bytes->end());
  }
  steps_->Note("taken", name + ", " + std::to_string(out->size()) + " bytes");
}

void PageCapture::Picture() {
  const auto metrics = Ask("Page.getLayoutMetrics");
  if (!metrics) return steps_->Note("missed", "screenshot: " + metrics.error().detail);
  const json::object& content = ObjectOf(*metrics, "cssContentSize");
  const auto whole = [&](std::string_view key) {
    return static_cast<uint32_t>(std::ceil(NumberOf(content, key)));
  };
  result_.width = std::clamp(whole("width"), 1U, kWidthMax);
  result_.height = std::clamp(whole("height"), 1U, limits_.height_max);
  if (whole("height") > result_.height) Stop("height_limit", std::to_string(whole("height")));
  if (whole("width") > result_.width) steps_->Note("width_limit", std::to_string(whole("width")));
  result_.scale = options_.phone ? kPhoneScale : 1;
  for (uint32_t y = 0; y < result_.height && Answers(); y += limits_.tile_height) {
    Tile tile{y, std::min(limits_.tile_height, result_.height - y), {}};
    TakeText("tile " + std::to_string(tile.y) + "+" + std::to_string(tile.height), "Page.captureScreenshot",
             {{"format", "png"},
              {"captureBeyondViewport", true},
              {"clip",
               {{"x", 0}, {"y", tile.y}, {"width", result_.width}, {"height", tile.height}, {"scale", 1}}}},
             "data", true, &tile.png);
    if (tile.png.empty()) break;
    result_.tiles.push_back(std::move(tile));
  }
}

// By the browser's own means: scripts of the page have no say in it.
void PageCapture::TakeDom() {
  const auto document = Ask("DOM.getDocument", {{"depth", 0}});
  if (!document) return steps_->Note("missed", "dom.html: " + document.error().detail);
  const auto node = static_cast<int64_t>(NumberOf(ObjectOf(*document, "root"), "nodeId"));
  TakeText("dom.html", "DOM.getOuterHTML", {{"nodeId", node}}, "outerHTML", false, &result_.dom);
}

void PageCapture::TakeCertificates() {
  std::set<std::string> origins;
  for (const Exchange& exchange : recorder_.exchanges()) {
    if (exchange.security.empty() || origins.size() + result_.certificates.size() >= kOriginsMax) continue;
    const auto parts = SplitUrl(exchange.url);
    if (parts && !result_.certificates.contains(parts->origin)) origins.insert(parts->origin);
  }
  for (const std::string& origin : origins) {
    const auto answer = Ask("Network.getCertificate", {{"origin", origin}});
    if (!answer) {
      steps_->Note("missed", "certificates of " + origin + ": " + answer.error().detail);
      continue;
    }
    const auto* names = answer->if_contains("tableNames");
    if (names == nullptr || !names->is_array()) continue;
    for (const json::value& name : names->get_array()) {
      const auto der = name.is_string() ? FromBase64(std::string(name.get_string())) : Result<Bytes>(Bytes());
      if (der && !der->empty()) result_.certificates[origin].emplace_back(der->begin(), der->end());
    }
  }
}

// What the browser knows, without asking the page, which may not answer any more.
Result<PageCapture::Place> PageCapture::WhereItIs() {
  ASSIGN_OR_RETURN(const json::object history,
                   cdp_.Call(session_, "Page.getNavigationHistory", {}, kAliveWithin));
  const auto index = static_cast<size_t>(NumberOf(history, "currentIndex"));
  const auto* entries = history.if_contains("entries");
  if (entries == nullptr || !entries->is_array() || index >= entries->get_array().size() ||
      !entries->get_array()[index].is_object()) {
    return Error{Errc::kInvalidValue, "browser: no such entry of its history"};
  }
  const json::object& entry = entries->get_array()[index].get_object();
  return Place{TextOf(entry, "url"), TextOf(entry, "title")};
}

void PageCapture::TakePlace() {
  if (ended_) return;
  if (auto place = WhereItIs()) {
    result_.final_url = std::move(place->url);
    result_.title = std::move(place->title);
  } else if (!result_.views.empty()) {
    // The window was closed: where it was last seen.
    result_.final_url = result_.views.back().url;
    result_.title = result_.views.back().title;
  } else {
    steps_->Note("missed", "where it ended: " + place.error().detail);
  }
}

Result<PageResult> PageCapture::Run(const std::string& url) {
  result_.url = url;
  RETURN_IF_ERROR(Open());
  if (options_.enough) BeginRecording();
  Load(url);
  if (options_.enough) {
    Browse();
  } else if (GoesOn()) {
    BeginRecording();
    static_cast<void>(
        cdp_.Run(Clock::now() + options_.record, [this] { return !GoesOn() || !IsRecording(); }));
  }
  EndRecording();
  if (!options_.enough && GoesOn() && result_.stopped != "failed" && result_.stopped != "download") {
    Scroll();
    if (GoesOn()) ScrollInside();
  }
  TakePlace();
  if (Answers()) {
    Picture();
    TakeDom();
    TakeText("page.mhtml", "Page.captureSnapshot", {{"format", "mhtml"}}, "data", false, &result_.mhtml);
    TakeCertificates();
    // Last, since it lays the page out anew.
    TakeText("page.pdf", "Page.printToPDF", {{"printBackground", true}, {"preferCSSPageSize", true}}, "data",
             true, &result_.pdf);
    if (GoesOn()) {
      FetchWholes();
      TakeCertificates();  // of where those came from
    }
  }
  if (cdp_.gone()) Stop("browser_ended", browser_->Complaints());
  Stop("settled");
  constexpr std::array kWhole = {"settled",    "failed",       "download",    "closed",
                                 "load_limit", "scroll_limit", "height_limit"};
  result_.partial = (!Answers() && result_.stopped != "closed") ||
                    std::find(kWhole.begin(), kWhole.end(), result_.stopped) == kWhole.end();
  steps_->Note("done", result_.stopped);
  return std::move(result_);
}

}  // namespace cunzheng::capture
