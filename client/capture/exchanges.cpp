#include "client/capture/exchanges.h"

#include <algorithm>
#include <cstdlib>

#include "crypto/bytes.h"

namespace cunzheng::capture {
namespace {

namespace json = boost::json;

constexpr int kReadBytes = 1 << 20;
constexpr size_t kRemarksMax = 10'000;
constexpr auto kToldWithin = std::chrono::milliseconds(1'000);

// Fields of headers that speak of how a body was packed for the way: what comes out of the browser is unpacked.
bool IsPacking(std::string_view name) {
  return name == "content-encoding" || name == "content-length" || name == "transfer-encoding";
}

std::string Lowered(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

// CDP joins fields of one name by line ends.
HttpHeaders HeadersOf(const json::object& object) {
  HttpHeaders headers;
  for (const auto& item : object) {
    if (!item.value().is_string()) continue;
    const std::string value(item.value().get_string());
    for (size_t begin = 0; begin <= value.size();) {
      const size_t end = std::min(value.find('\n', begin), value.size());
      headers.emplace_back(item.key(), value.substr(begin, end - begin));
      begin = end + 1;
    }
  }
  return headers;
}

// The bytes of a field that CDP gives as text, or as base64 and says so.
std::optional<std::string> BytesOf(const json::object& answer, std::string_view key) {
  std::string text = TextOf(answer, key);
  if (!FlagOf(answer, "base64Encoded")) return text;
  const auto bytes = FromBase64(text);
  if (!bytes) return std::nullopt;
  return std::string(bytes->begin(), bytes->end());
}

// A header of a paused response.
std::string FieldOf(const json::object& paused, std::string_view name) {
  const auto* list = paused.if_contains("responseHeaders");
  if (list == nullptr || !list->is_array()) return {};
  for (const json::value& item : list->get_array()) {
    if (item.is_object() && Lowered(TextOf(item.get_object(), "name")) == name) return TextOf(item.get_object(), "value");
  }
  return {};
}

bool IsEndless(std::string_view content_type) {
  return content_type.starts_with("text/event-stream") || content_type.starts_with("multipart/x-mixed-replace");
}

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool HasNoBody(const Exchange& exchange) {
  return exchange.method == "HEAD" || exchange.status == 204 || exchange.status == 304 || exchange.status < 200;
}

}  // namespace

ExchangeRecorder::ExchangeRecorder(Cdp* cdp, ExchangeLimits limits,
                                   std::function<bool(const std::string& url)> allowed)
    : cdp_(cdp), limits_(limits), allowed_(std::move(allowed)) {}

void ExchangeRecorder::Attach(const std::string& session) {
  cdp_->Send(session, "Network.enable", {{"maxTotalBufferSize", 0}, {"maxResourceBufferSize", 0}});
  cdp_->Send(session, "Network.setCacheDisabled", {{"cacheDisabled", true}});
  cdp_->Send(session, "Network.setBypassServiceWorker", {{"bypass", true}});
  cdp_->Send(session, "Fetch.enable",
             {{"patterns", json::array{json::object{{"urlPattern", "*"}, {"requestStage", "Request"}},
                                       json::object{{"urlPattern", "*"}, {"requestStage", "Response"}}}}});
}

Exchange* ExchangeRecorder::Find(const std::string& session, const std::string& network_id) {
  const auto it = current_.find({session, network_id});
  return it == current_.end() ? nullptr : &exchanges_[it->second];
}

Exchange& ExchangeRecorder::Begin(const CdpEvent& event, const std::string& network_id) {
  Exchange exchange;
  exchange.session = event.session;
  exchange.request_id = network_id;
  exchange.number = exchanges_.size();
  exchanges_.push_back(std::move(exchange));
  current_[{event.session, network_id}] = exchanges_.size() - 1;
  ++open_;
  last_activity_ = Clock::now();
  return exchanges_.back();
}

void ExchangeRecorder::Finish(Exchange* exchange) {
  if (exchange->finished) return;
  exchange->finished = true;
  --open_;
  last_activity_ = Clock::now();
}

void ExchangeRecorder::RequestWillBeSent(const CdpEvent& event) {
  const json::object& params = event.params;
  const std::string id = TextOf(params, "requestId");
  if (params.contains("redirectResponse")) {
    if (Exchange* before = Find(event.session, id)) {
      ResponseReceived(before, ObjectOf(params, "redirectResponse"));
      before->body_state = BodyState::kNone;
      Finish(before);
    }
  }
  if (exchanges_.size() >= limits_.exchanges_max) {
    if (!full_ && remarks_.size() < kRemarksMax) {
      remarks_.push_back({"limit_exchanges", std::to_string(limits_.exchanges_max)});
    }
    full_ = true;
    current_.erase({event.session, id});
    return;
  }
  const json::object& request = ObjectOf(params, "request");
  Exchange& exchange = Begin(event, id);
  exchange.url = TextOf(request, "url") + TextOf(request, "urlFragment");
  exchange.method = TextOf(request, "method");
  exchange.resource_type = TextOf(params, "type");
  exchange.initiator = TextOf(ObjectOf(params, "initiator"), "type");
  exchange.time_unix_us = static_cast<uint64_t>(NumberOf(params, "wallTime") * 1e6);
  exchange.request_headers = HeadersOf(ObjectOf(request, "headers"));
  if (request.contains("postData")) exchange.request_body = TextOf(request, "postData");
  const auto early = early_request_headers_.find({event.session, id});
  if (early != early_request_headers_.end()) {
    exchange.request_headers = std::move(early->second);
    early_request_headers_.erase(early);
  }
  if (const auto paused = early_paused_.extract({event.session, id})) Paused(paused.mapped().first);
}

void ExchangeRecorder::ResponseReceived(Exchange* exchange, const json::object& response) {
  exchange->status = static_cast<int>(NumberOf(response, "status"));
  exchange->status_text = TextOf(response, "statusText");
  exchange->protocol = TextOf(response, "protocol");
  exchange->mime_type = TextOf(response, "mimeType");
  exchange->remote_ip = TextOf(response, "remoteIPAddress");
  exchange->remote_port = static_cast<uint16_t>(NumberOf(response, "remotePort"));
  exchange->connection = static_cast<uint64_t>(NumberOf(response, "connectionId"));
  exchange->from_cache = FlagOf(response, "fromDiskCache") || FlagOf(response, "fromPrefetchCache");
  exchange->from_service_worker = FlagOf(response, "fromServiceWorker");
  exchange->security = ObjectOf(response, "securityDetails");
  const auto early = early_response_headers_.find({exchange->session, exchange->request_id});
  if (early != early_response_headers_.end()) {
    exchange->response_headers = std::move(early->second);
    early_response_headers_.erase(early);
  } else if (exchange->response_headers.empty()) {
    exchange->response_headers = HeadersOf(ObjectOf(response, "headers"));
  }
}

void ExchangeRecorder::Take(const CdpEvent& event) {
  const std::string_view method = event.method;
  if (method == "Fetch.requestPaused") return Paused(event);
  if (!method.starts_with("Network.")) return;
  if (method == "Network.requestWillBeSent") return RequestWillBeSent(event);
  const std::string id = TextOf(event.params, "requestId");
  Exchange* exchange = Find(event.session, id);
  if (method == "Network.requestWillBeSentExtraInfo") {
    auto headers = HeadersOf(ObjectOf(event.params, "headers"));
    if (exchange == nullptr || exchange->finished) {
      early_request_headers_[{event.session, id}] = std::move(headers);
    } else {
      exchange->request_headers = std::move(headers);
    }
  } else if (method == "Network.responseReceivedExtraInfo") {
    auto headers = HeadersOf(ObjectOf(event.params, "headers"));
    if (exchange != nullptr && exchange->status != 0) {
      exchange->response_headers = std::move(headers);
    } else {
      early_response_headers_[{event.session, id}] = std::move(headers);
    }
  } else if (exchange == nullptr) {
    return;
  } else if (method == "Network.responseReceived") {
    ResponseReceived(exchange, ObjectOf(event.params, "response"));
    last_activity_ = Clock::now();
  } else if (method == "Network.loadingFinished") {
    if (exchange->body_state == BodyState::kNone && !HasNoBody(*exchange)) {
      exchange->body_state = BodyState::kMissed;
      exchange->body_reason = exchange->from_cache ? "from the browser's cache" : "not offered to the recorder";
    }
    Finish(exchange);
  } else if (method == "Network.loadingFailed") {
    exchange->failure = TextOf(event.params, "errorText");
    const std::string blocked = TextOf(event.params, "blockedReason");
    if (!blocked.empty()) exchange->failure += " (" + blocked + ")";
    Finish(exchange);
  }
}

void ExchangeRecorder::Paused(const CdpEvent& event) {
  const json::object& params = event.params;
  const std::string fetch_id = TextOf(params, "requestId");
  const json::object& request = ObjectOf(params, "request");
  const auto go_on = [&] { cdp_->Send(event.session, "Fetch.continueRequest", {{"requestId", fetch_id}}); };
  const bool answered = params.contains("responseStatusCode");
  if (!answered && !params.contains("responseErrorReason")) {
    const std::string url = TextOf(request, "url");
    if (!full_ && allowed_(url)) return go_on();
    if (!full_ && remarks_.size() < kRemarksMax) remarks_.push_back({"blocked_url", url});
    cdp_->Send(event.session, "Fetch.failRequest", {{"requestId", fetch_id}, {"errorReason", "BlockedByClient"}});
    return;
  }
  const int status = static_cast<int>(NumberOf(params, "responseStatusCode"));
  const auto it = current_.find({event.session, TextOf(params, "networkId")});
  if (!answered || IsRedirect(status) || full_) return go_on();
  if (it == current_.end()) {
    early_paused_[{event.session, TextOf(params, "networkId")}] = {event, Clock::now() + kToldWithin};
    return;
  }

  const uint64_t number = ++last_waiting_;
  Waiting& waiting = waiting_[number];
  waiting.session = event.session;
  waiting.fetch_id = fetch_id;
  waiting.exchange = it->second;
  waiting.deadline = Clock::now() + limits_.body_within;
  waiting.paused = params;
  const std::string type = Lowered(FieldOf(params, "content-type")), length = FieldOf(params, "content-length");
  if (IsEndless(type)) return TakeStream(number);
  if (length.size() > 19 || (!length.empty() && std::strtoull(length.c_str(), nullptr, 10) > limits_.body_bytes_max)) {
    return GoOn(number, BodyState::kCutLength, "it announced " + length + " bytes");
  }
  TakeBody(number);
}

// The whole body at once: the response then goes on as it came, with its connection's facts, which one that is fulfilled
// from outside loses.
void ExchangeRecorder::TakeBody(uint64_t number) {
  const Waiting& waiting = waiting_.at(number);
  cdp_->Send(waiting.session, "Fetch.getResponseBody", {{"requestId", waiting.fetch_id}},
             [this, number](Result<json::object> read) {
               const auto at = waiting_.find(number);
               if (at == waiting_.end()) return;
               if (!read) return GoOn(number, BodyState::kMissed, read.error().detail);
               const auto bytes = BytesOf(*read, "body");
               if (!bytes) return GoOn(number, BodyState::kMissed, "its base64 is broken");
               Keep(&exchanges_[at->second.exchange], *bytes, BodyState::kWhole);
               GoOn(number, exchanges_[at->second.exchange].body_state, {});
             });
}

void ExchangeRecorder::Keep(Exchange* exchange, std::string_view bytes, BodyState state) {
  const size_t room = std::min(limits_.body_bytes_max - exchange->body.size(), limits_.total_bytes_max - total_bytes_);
  const size_t taken = std::min(room, bytes.size());
  exchange->body.append(bytes.substr(0, taken));
  total_bytes_ += taken;
  exchange->body_state = taken < bytes.size() ? BodyState::kCutLength : state;
  last_activity_ = Clock::now();
}

void ExchangeRecorder::GoOn(uint64_t number, BodyState state, const std::string& reason) {
  const auto at = waiting_.find(number);
  const Waiting waiting = std::move(at->second);
  waiting_.erase(at);
  Exchange& exchange = exchanges_[waiting.exchange];
  exchange.body_state = state;
  exchange.body_reason = reason;
  if (state == BodyState::kCutTime) {
    cdp_->Send(waiting.session, "Fetch.failRequest", {{"requestId", waiting.fetch_id}, {"errorReason", "TimedOut"}});
  } else {
    cdp_->Send(waiting.session, "Fetch.continueRequest", {{"requestId", waiting.fetch_id}});
  }
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
               const auto bytes = BytesOf(*read, "data");
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
  if (!waiting.stream.empty()) cdp_->Send(waiting.session, "IO.close", {{"handle", waiting.stream}});
  json::array headers;
  if (const auto* list = waiting.paused.if_contains("responseHeaders"); list && list->is_array()) {
    for (const json::value& item : list->get_array()) {
      if (item.is_object() && !IsPacking(Lowered(TextOf(item.get_object(), "name")))) headers.push_back(item);
    }
  }
  cdp_->Send(waiting.session, "Fetch.fulfillRequest",
             {{"requestId", waiting.fetch_id},
              {"responseCode", static_cast<int>(NumberOf(waiting.paused, "responseStatusCode"))},
              {"responseHeaders", std::move(headers)},
              {"body", ToBase64(AsBytes(exchange.body))}});
}

void ExchangeRecorder::Tick() {
  const auto now = Clock::now();
  std::vector<uint64_t> late;
  for (const auto& [number, waiting] : waiting_) {
    if (waiting.deadline <= now) late.push_back(number);
  }
  for (auto it = early_paused_.begin(); it != early_paused_.end();) {
    if (it->second.second > now) {
      ++it;
      continue;
    }
    cdp_->Send(it->first.first, "Fetch.continueRequest", {{"requestId", TextOf(it->second.first.params, "requestId")}});
    it = early_paused_.erase(it);
  }
  for (const uint64_t number : late) {
    if (waiting_.at(number).stream.empty()) {
      GoOn(number, BodyState::kCutTime, "not at its end in time");
    } else {
      EndStream(number, BodyState::kCutTime, "not at its end in time");
    }
  }
}

}  // namespace cunzheng::capture
