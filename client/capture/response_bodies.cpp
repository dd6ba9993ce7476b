// The half of ExchangeRecorder that holds requests and responses up (CDP's Fetch domain): whether they may
// be, and their bodies.
#include <algorithm>
#include <cstdlib>

#include "client/capture/exchanges.h"
#include "crypto/bytes.h"

namespace cunzheng::capture {
namespace {

namespace json = boost::json;

// A read is answered when it has so many bytes: of what comes drop by drop, fewer are lost at the end.
constexpr int kReadBytes = 128;
constexpr auto kToldWithin = std::chrono::milliseconds(1'000);
// A body without a length is mostly one that comes to its end soon.
constexpr auto kLiveWaitedFor = std::chrono::milliseconds(10'000);

// Fields of headers that speak of how a body was packed for the way: what comes out of the browser is
// unpacked.
bool IsPacking(std::string_view name) {
  return name == "content-encoding" || name == "content-length" || name == "transfer-encoding";
}

HttpHeaders HeadersOfPaused(const json::object& paused) {
  HttpHeaders headers;
  const auto* list = paused.if_contains("responseHeaders");
  if (list == nullptr || !list->is_array()) return headers;
  for (const json::value& item : list->get_array()) {
    if (!item.is_object()) continue;
    headers.emplace_back(TextOf(item.get_object(), "name"), TextOf(item.get_object(), "value"));
  }
  return headers;
}

std::string FieldOf(const json::object& paused, std::string_view wanted) {
  for (const auto& [name, value] : HeadersOfPaused(paused)) {
    if (LoweredAscii(name) == wanted) return value;
  }
  return {};
}

bool IsEventStream(std::string_view content_type) {
  return content_type.starts_with("text/event-stream");
}

bool IsEndless(std::string_view content_type) {
  return IsEventStream(content_type) || content_type.starts_with("multipart/x-mixed-replace");
}

// What a script reads piece by piece and what has no length may be a broadcast.
bool MayBeLive(const Exchange& exchange, std::string_view content_type, std::string_view length) {
  const std::string_view by = exchange.resource_type;
  if (!length.empty() || (by != "Fetch" && by != "XHR" && by != "EventSource")) return false;
  return IsEventStream(content_type) || content_type.starts_with("video/") ||
         content_type.starts_with("audio/") || content_type.starts_with("application/octet-stream") ||
         content_type.starts_with("application/x-flv") || content_type.starts_with("application/x-ndjson") ||
         content_type.empty();
}

// As CDP names what a connection leads to.
bool IsLocalSpace(std::string_view space) {
  return space == "Loopback" || space == "Local" || space == "Private";
}

}  // namespace

void ExchangeRecorder::Paused(const CdpEvent& event) {
  const bool answered =
      event.params.contains("responseStatusCode") || event.params.contains("responseErrorReason");
  return answered ? PausedResponse(event, true) : PausedRequest(event);
}

void ExchangeRecorder::PausedRequest(const CdpEvent& event) {
  const std::string fetch_id = TextOf(event.params, "requestId");
  const std::string url = TextOf(ObjectOf(event.params, "request"), "url");
  const auto fail = [&] {
    cdp_->Send(event.session, "Fetch.failRequest",
               {{"requestId", fetch_id}, {"errorReason", "BlockedByClient"}});
  };
  if (!MayAsk(event.session, TextOf(event.params, "networkId"))) return fail();
  // data: and blob: are no addresses of a network; they never leave the page.
  const bool inner = url.starts_with("data:") || url.starts_with("blob:") || url.starts_with("about:");
  const auto allowed = inner ? Result<void>() : allowed_(url);
  if (!full_ && allowed) return cdp_->Send(event.session, "Fetch.continueRequest", {{"requestId", fetch_id}});
  if (!allowed) Say("refused_url", url.substr(0, 2'048) + ": " + allowed.error().detail);
  fail();
}

// `wait`: for what is not told yet, the request or where its connection leads to.
void ExchangeRecorder::PausedResponse(const CdpEvent& event, bool wait) {
  const json::object& params = event.params;
  const std::string fetch_id = TextOf(params, "requestId"), network_id = TextOf(params, "networkId");
  const auto go_on = [&] { cdp_->Send(event.session, "Fetch.continueRequest", {{"requestId", fetch_id}}); };
  if (full_ || !params.contains("responseStatusCode")) return go_on();
  Exchange* exchange = Find(network_id);
  const auto told = requests_.find(network_id);
  const std::string space = told == requests_.end() ? "" : told->second.address_space;
  if (wait && !network_id.empty() && (exchange == nullptr || (!allow_local_ && space.empty()))) {
    Request& request = requests_[network_id];
    request.paused = event;
    request.paused_until = Clock::now() + kToldWithin;
    paused_.insert(network_id);
    return;
  }
  if (!allow_local_ && IsLocalSpace(space)) {
    const std::string url = TextOf(ObjectOf(params, "request"), "url");
    Say("refused_address", url.substr(0, 2'048) + ": " + space);
    if (exchange != nullptr) exchange->failure = "refused: its address is of this machine or its own network";
    cdp_->Send(event.session, "Fetch.failRequest",
               {{"requestId", fetch_id}, {"errorReason", "AddressUnreachable"}});
    return;
  }
  if (exchange == nullptr) {
    Say("untold", TextOf(ObjectOf(params, "request"), "url"));
    return go_on();
  }
  if (IsRedirect(static_cast<int>(NumberOf(params, "responseStatusCode")))) return go_on();

  const uint64_t number = ++last_waiting_;
  Waiting& waiting = waiting_[number];
  waiting.session = event.session;
  waiting.fetch_id = fetch_id;
  waiting.exchange = exchange->number;
  waiting.deadline = Clock::now() + limits_.body_within;
  waiting.paused = params;
  last_activity_ = Clock::now();
  const std::string type = LoweredAscii(FieldOf(params, "content-type")),
                    length = FieldOf(params, "content-length");
  if (total_bytes_ >= limits_.total_bytes_max)
    return GoOn(number, BodyState::kCutLength, "the limit on all bodies");
  if (MayBeLive(*exchange, type, length)) return TakeLive(number);
  if (IsEndless(type)) return TakeStream(number);
  if (length.size() > 19 ||
      (!length.empty() && std::strtoull(length.c_str(), nullptr, 10) > limits_.body_bytes_max)) {
    return GoOn(number, BodyState::kCutLength, "it announced " + length + " bytes");
  }
  TakeBody(number);
}

// The whole body at once: the response then goes on as it came, with its connection's facts, which one that
// is fulfilled from outside loses.
void ExchangeRecorder::TakeBody(uint64_t number) {
  const Waiting& waiting = waiting_.at(number);
  cdp_->Send(
      waiting.session, "Fetch.getResponseBody", {{"requestId", waiting.fetch_id}},
      [this, number](Result<json::object> read) {
        const auto at = waiting_.find(number);
        if (at == waiting_.end()) return;
        if (!read && read.error().code == Errc::kTooLarge) {
          return GoOn(number, BodyState::kCutLength, read.error().detail);
        }
        if (!read) return GoOn(number, BodyState::kMissed, read.error().detail);
        const auto bytes = CdpBytes(*read, "body");
        if (!bytes) return GoOn(number, BodyState::kMissed, "its base64 is broken");
        Exchange& exchange = exchanges_[at->second.exchange];
        Keep(&exchange, *bytes, BodyState::kWhole);
        GoOn(number, exchange.body_state,
             exchange.body_state == BodyState::kWhole ? "" : std::to_string(bytes->size()) + " bytes came");
      });
}

void ExchangeRecorder::Keep(Exchange* exchange, std::string_view bytes, BodyState state) {
  const size_t room =
      std::min(limits_.body_bytes_max - exchange->body.size(), limits_.total_bytes_max - total_bytes_);
  const size_t taken = std::min(room, bytes.size());
  exchange->body.append(bytes.substr(0, taken));
  total_bytes_ += taken;
  exchange->body_state = taken < bytes.size() ? BodyState::kCutLength : state;
  if (!exchange->live) last_activity_ = Clock::now();
}

void ExchangeRecorder::GoOn(uint64_t number, BodyState state, const std::string& reason) {
  const auto at = waiting_.find(number);
  const Waiting waiting = std::move(at->second);
  waiting_.erase(at);
  Exchange& exchange = exchanges_[waiting.exchange];
  exchange.body_state = state;
  exchange.body_reason = reason;
  if (state == BodyState::kCutTime) {
    // The page is never told of this response, so neither is the recorder: what came of it is taken from
    // here.
    if (exchange.status == 0) {
      exchange.status = static_cast<int>(NumberOf(waiting.paused, "responseStatusCode"));
      exchange.response_headers = HeadersOfPaused(waiting.paused);
    }
    cdp_->Send(waiting.session, "Fetch.failRequest",
               {{"requestId", waiting.fetch_id}, {"errorReason", "TimedOut"}});
  } else {
    cdp_->Send(waiting.session, "Fetch.continueRequest", {{"requestId", waiting.fetch_id}});
  }
}

// The page and the recorder get it at once, each piece as it comes: a page that had to wait for the whole
// would never show a broadcast.
void ExchangeRecorder::TakeLive(uint64_t number) {
  const Waiting& waiting = waiting_.at(number);
  cdp_->Send(waiting.session, "Network.streamResourceContent",
             {{"requestId", exchanges_[waiting.exchange].request_id}},
             [this, number](const Result<json::object>& begun) {
               const auto at = waiting_.find(number);
               if (at == waiting_.end()) return;
               const std::string type = LoweredAscii(FieldOf(at->second.paused, "content-type"));
               if (!begun) return IsEndless(type) ? TakeStream(number) : TakeBody(number);
               const Waiting waited = std::move(at->second);
               waiting_.erase(at);
               Exchange& exchange = exchanges_[waited.exchange];
               exchange.live = true;
               exchange.body_state = BodyState::kCutTime;
               exchange.body_reason = "still coming when the capture ended";
               const auto waited_for = IsEventStream(type) ? std::chrono::milliseconds(0) : kLiveWaitedFor;
               live_until_[exchange.number] = Clock::now() + waited_for;
               cdp_->Send(waited.session, "Fetch.continueRequest", {{"requestId", waited.fetch_id}});
             });
}

void ExchangeRecorder::TakeLiveData(Exchange* exchange, const json::object& params) {
  if (exchange->body_state != BodyState::kCutTime) return;  // cut by its length, or refused
  const auto bytes = FromBase64(TextOf(params, "data"));
  if (bytes && static_cast<double>(bytes->size()) == NumberOf(params, "dataLength")) {
    return Keep(exchange, AsText(*bytes), BodyState::kCutTime);
  }
  exchange->body_state = BodyState::kMissed;
  exchange->body_reason = "the browser did not give all of it";
}

// Bodies that are not meant to end are read in pieces, and the page gets what came within the time.
void ExchangeRecorder::TakeStream(uint64_t number) {
  const Waiting& waiting = waiting_.at(number);
  cdp_->Send(waiting.session, "Fetch.takeResponseBodyAsStream", {{"requestId", waiting.fetch_id}},
             [this, number](Result<json::object> taken) {
               const auto at = waiting_.find(number);
               if (at == waiting_.end()) return;
               if (!taken) return GoOn(number, BodyState::kMissed, taken.error().detail);
               at->second.stream = TextOf(*taken, "stream");
               ReadOn(number);
             });
}

void ExchangeRecorder::ReadOn(uint64_t number) {
  const Waiting& waiting = waiting_.at(number);
  cdp_->Send(waiting.session, "IO.read", {{"handle", waiting.stream}, {"size", kReadBytes}},
             [this, number](Result<json::object> read) {
               const auto at = waiting_.find(number);
               if (at == waiting_.end()) return;
               if (!read) return EndStream(number, BodyState::kMissed, read.error().detail);
               const auto bytes = CdpBytes(*read, "data");
               if (!bytes) return EndStream(number, BodyState::kMissed, "its base64 is broken");
               Exchange& exchange = exchanges_[at->second.exchange];
               Keep(&exchange, *bytes, BodyState::kWhole);
               if (exchange.body_state == BodyState::kCutLength || FlagOf(*read, "eof")) {
                 return EndStream(number, exchange.body_state, {});
               }
               ReadOn(number);
             });
}

void ExchangeRecorder::EndStream(uint64_t number, BodyState state, const std::string& reason) {
  const auto at = waiting_.find(number);
  const Waiting waiting = std::move(at->second);
  waiting_.erase(at);
  Exchange& exchange = exchanges_[waiting.exchange];
  exchange.body_state = state;
  exchange.body_reason = reason;
  cdp_->Send(waiting.session, "IO.close", {{"handle", waiting.stream}});
  json::array headers;
  for (const auto& [name, value] : HeadersOfPaused(waiting.paused)) {
    if (!IsPacking(LoweredAscii(name))) headers.push_back(json::object{{"name", name}, {"value", value}});
  }
  cdp_->Send(waiting.session, "Fetch.fulfillRequest",
             {{"requestId", waiting.fetch_id},
              {"responseCode", static_cast<int>(NumberOf(waiting.paused, "responseStatusCode"))},
              {"responseHeaders", std::move(headers)},
              {"body", ToBase64(AsBytes(exchange.body))}});
}

void ExchangeRecorder::Cut(uint64_t number, const std::string& reason) {
  if (waiting_.at(number).stream.empty()) {
    GoOn(number, BodyState::kCutTime, reason);
  } else {
    EndStream(number, BodyState::kCutTime, reason);
  }
}

void ExchangeRecorder::Tick() {
  const auto now = Clock::now();
  std::vector<uint64_t> late;
  for (const auto& [number, waiting] : waiting_) {
    if (waiting.deadline <= now) late.push_back(number);
  }
  for (const uint64_t number : late) Cut(number, "not at its end in time");
  open_ -= std::erase_if(live_until_, [&](const auto& item) { return item.second <= now; });
  for (auto it = paused_.begin(); it != paused_.end();) {
    Request& request = requests_[*it];
    if (request.paused && request.paused_until > now) {
      ++it;
      continue;
    }
    it = paused_.erase(it);
    if (request.paused) PausedResponse(*std::exchange(request.paused, std::nullopt), false);
  }
}

void ExchangeRecorder::CutBodies(const std::string& reason) {
  while (!waiting_.empty()) Cut(waiting_.begin()->first, reason);
}

}  // namespace cunzheng::capture
