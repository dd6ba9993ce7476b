#include "client/capture/exchanges.h"

#include <algorithm>

#include "client/capture/addresses.h"
#include "client/capture/unix_time.h"
#include "crypto/bytes.h"

namespace cunzheng::capture {
namespace {

namespace json = boost::json;

constexpr size_t kRemarksMax = 10'000;
constexpr size_t kEarlyHeadersMax = 32;  // redirects whose headers may come before they are told of
constexpr size_t kRequestBodyBytesMax = 8u << 20;

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

// The bytes of what was sent along, where CDP has them: its text form is lossy.
std::optional<std::string> RequestBodyOf(const json::object& request) {
  std::string body;
  if (const auto* entries = request.if_contains("postDataEntries"); entries && entries->is_array()) {
    for (const json::value& entry : entries->get_array()) {
      const auto bytes = entry.is_object() ? FromBase64(TextOf(entry.get_object(), "bytes"))
                                           : Result<Bytes>(Error{Errc::kInvalidValue, "no entry"});
      if (!bytes) return std::nullopt;
      body.append(AsText(*bytes));
    }
    return body;
  }
  if (request.contains("postData")) return TextOf(request, "postData");
  return std::nullopt;
}

bool IsOfNetwork(std::string_view url) {
  for (const std::string_view scheme :
       {"data:", "blob:", "about:", "chrome:", "chrome-error:", "chrome-extension:", "devtools:"}) {
    if (url.starts_with(scheme)) return false;
  }
  return true;
}

bool HasNoBody(const Exchange& exchange) {
  return exchange.method == "HEAD" || exchange.status == 204 || exchange.status == 205 ||
         exchange.status == 304 || exchange.status < 200 || IsRedirect(exchange.status);
}

}  // namespace

std::string LoweredAscii(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

// The bytes of a field that CDP gives as text, or as base64 and says so.
std::optional<std::string> CdpBytes(const json::object& answer, std::string_view key) {
  std::string text = TextOf(answer, key);
  if (!FlagOf(answer, "base64Encoded")) return text;
  const auto bytes = FromBase64(text);
  if (!bytes) return std::nullopt;
  return std::string(bytes->begin(), bytes->end());
}

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

ExchangeRecorder::ExchangeRecorder(Cdp* cdp, ExchangeLimits limits, Allowed allowed, bool allow_local)
    : cdp_(cdp), limits_(limits), allowed_(std::move(allowed)), allow_local_(allow_local) {}

void ExchangeRecorder::Attach(const std::string& session) {
  // Bodies are taken as they come; the browser need keep none.
  cdp_->Send(
      session, "Network.enable",
      {{"maxTotalBufferSize", 0}, {"maxResourceBufferSize", 0}, {"maxPostDataSize", kRequestBodyBytesMax}});
  cdp_->Send(session, "Network.setCacheDisabled", {{"cacheDisabled", true}});
  cdp_->Send(session, "Network.setBypassServiceWorker", {{"bypass", true}});
  cdp_->Send(session, "Fetch.enable",
             {{"handleAuthRequests", true},
              {"patterns", json::array{json::object{{"urlPattern", "*"}, {"requestStage", "Request"}},
                                       json::object{{"urlPattern", "*"}, {"requestStage", "Response"}}}}});
}

void ExchangeRecorder::Detach(const std::string& session) {
  std::erase_if(waiting_, [&](const auto& item) { return item.second.session == session; });
  for (Exchange& exchange : exchanges_) {
    if (exchange.session != session || exchange.finished) continue;
    if (exchange.failure.empty()) exchange.failure = "its page or worker ended";
    Finish(&exchange);
  }
}

void ExchangeRecorder::Loaded(const std::string& session) {
  for (Exchange& exchange : exchanges_) {
    if (exchange.session == session && exchange.resource_type == "Document" && exchange.status != 0 &&
        exchange.body_state == BodyState::kWhole) {
      Finish(&exchange);
    }
  }
}

void ExchangeRecorder::Seal(const std::string& session, std::optional<uint64_t> second_fetch_of) {
  sealed_[session] = {second_fetch_of, {}};
}

bool ExchangeRecorder::MayAsk(const std::string& session, const std::string& network_id) {
  const auto sealed = sealed_.find(session);
  if (sealed == sealed_.end()) return true;
  if (!sealed->second.second_fetch_of || network_id.empty()) return false;
  if (sealed->second.network_id.empty()) sealed->second.network_id = network_id;
  return sealed->second.network_id == network_id;
}

const Exchange* ExchangeRecorder::Fetched(const std::string& session) const {
  const auto found = std::find_if(exchanges_.rbegin(), exchanges_.rend(),
                                  [&](const Exchange& exchange) { return exchange.session == session; });
  return found == exchanges_.rend() ? nullptr : &*found;
}

void ExchangeRecorder::EndFetch(const std::string& session) {
  std::vector<uint64_t> waiting;
  for (const auto& [number, of] : waiting_) {
    if (of.session == session) waiting.push_back(number);
  }
  for (const uint64_t number : waiting) Cut(number, "not at its end in time");
  for (Exchange& exchange : exchanges_) {
    if (exchange.session != session || exchange.finished) continue;
    if (exchange.status == 0 && exchange.failure.empty()) exchange.failure = "no response in time";
    Finish(&exchange);
  }
}

void ExchangeRecorder::Say(std::string what, std::string detail) {
  if (remarks_.size() < kRemarksMax) remarks_.push_back({std::move(what), std::move(detail)});
}

Exchange* ExchangeRecorder::Find(const std::string& network_id) {
  const auto it = requests_.find(network_id);
  return it == requests_.end() || !it->second.current ? nullptr : &exchanges_[*it->second.current];
}

Exchange& ExchangeRecorder::Begin(const CdpEvent& event, const std::string& network_id) {
  Exchange exchange;
  exchange.session = event.session;
  exchange.request_id = network_id;
  exchange.number = exchanges_.size();
  requests_[network_id].current = exchanges_.size();
  exchanges_.push_back(std::move(exchange));
  ++open_;
  last_activity_ = Clock::now();
  return exchanges_.back();
}

void ExchangeRecorder::Finish(Exchange* exchange) {
  if (exchange->finished) return;
  exchange->finished = true;
  if (!exchange->live || live_until_.erase(exchange->number) != 0) --open_;
  if (exchange->live && exchange->body_state == BodyState::kCutTime) exchange->body_reason.clear();
  last_activity_ = Clock::now();
}

void ExchangeRecorder::RequestWillBeSent(const CdpEvent& event) {
  const json::object& params = event.params;
  const std::string id = TextOf(params, "requestId");
  const json::object& request = ObjectOf(params, "request");
  const std::string url = TextOf(request, "url");
  std::optional<HttpHeaders> sent_already;
  if (Exchange* before = Find(id); before != nullptr && params.contains("redirectResponse")) {
    const bool has_extra = FlagOf(params, "redirectHasExtraInfo");
    // A redirect that never left the browser had no headers on the wire: those that were told are this
    // request's.
    if (!has_extra && requests_[id].has_request_headers) sent_already = before->request_headers;
    ResponseReceived(before, ObjectOf(params, "redirectResponse"), has_extra);
    before->body_state = BodyState::kNone;
    before->internal = !has_extra && before->remote_ip.empty();
    Finish(before);
    if (url.starts_with("http://") && before->url.starts_with("https://"))
      Say("downgrade", before->url + " -> " + url);
  }
  if (!IsOfNetwork(url) || !MayAsk(event.session, id)) {
    requests_.erase(id);
    return;
  }
  if (exchanges_.size() >= limits_.exchanges_max) {
    if (!full_) Say("limit_exchanges", std::to_string(limits_.exchanges_max));
    full_ = true;
    requests_.erase(id);
    return;
  }
  Exchange& exchange = Begin(event, id);
  exchange.url = url;
  exchange.method = TextOf(request, "method");
  exchange.resource_type = TextOf(params, "type");
  exchange.initiator = TextOf(ObjectOf(params, "initiator"), "type");
  if (IsSealed(event.session)) exchange.second_fetch_of = sealed_[event.session].second_fetch_of;
  exchange.time_unix_us = static_cast<uint64_t>(NumberOf(params, "wallTime") * 1e6);
  exchange.request_headers = HeadersOf(ObjectOf(request, "headers"));
  exchange.request_body = RequestBodyOf(request);
  if (FlagOf(request, "hasPostData") && !exchange.request_body) Say("request_body_missed", url);
  Request& told = requests_[id];
  if (!sent_already) sent_already = std::exchange(told.early_request_headers, std::nullopt);
  told.has_request_headers = sent_already.has_value();
  if (sent_already) exchange.request_headers = *std::move(sent_already);
  told.address_space.clear();
  if (told.paused) PausedResponse(*std::exchange(told.paused, std::nullopt), true);
}

void ExchangeRecorder::ResponseReceived(Exchange* exchange, const json::object& response, bool has_extra) {
  exchange->status = static_cast<int>(NumberOf(response, "status"));
  exchange->status_text = TextOf(response, "statusText");
  exchange->protocol = TextOf(response, "protocol");
  exchange->mime_type = TextOf(response, "mimeType");
  exchange->remote_ip = TextOf(response, "remoteIPAddress");
  if (exchange->remote_ip.starts_with('[') && exchange->remote_ip.ends_with(']')) {
    exchange->remote_ip = exchange->remote_ip.substr(1, exchange->remote_ip.size() - 2);
  }
  exchange->remote_port = static_cast<uint16_t>(NumberOf(response, "remotePort"));
  exchange->connection = static_cast<uint64_t>(NumberOf(response, "connectionId"));
  exchange->from_cache |= FlagOf(response, "fromDiskCache") || FlagOf(response, "fromPrefetchCache");
  exchange->from_service_worker = FlagOf(response, "fromServiceWorker");
  exchange->security = ObjectOf(response, "securityDetails");
  exchange->response_headers = HeadersOf(ObjectOf(response, "headers"));
  Request& told = requests_[exchange->request_id];
  if (has_extra && !told.early_response_headers.empty()) {
    exchange->response_headers = std::move(told.early_response_headers.front());
    told.early_response_headers.erase(told.early_response_headers.begin());
  } else if (has_extra) {
    told.without_headers.push_back(exchange->number);
  }
  // The last line, where the address was not told before the body was taken.
  if (!allow_local_ && told.address_space.empty() && IsLocalAddress(exchange->remote_ip)) {
    Say("refused_address", exchange->url + ": " + exchange->remote_ip);
    exchange->failure = "refused: " + exchange->remote_ip + " is of this machine or its own network";
    exchange->body.clear();
    exchange->body_state = BodyState::kNone;
    exchange->status = 0;
  }
}

void ExchangeRecorder::ExtraInfo(const CdpEvent& event) {
  const std::string id = TextOf(event.params, "requestId");
  if (full_ && !requests_.contains(id)) return;
  Request& told = requests_[id];
  Exchange* exchange = Find(id);
  HttpHeaders headers = HeadersOf(ObjectOf(event.params, "headers"));
  if (event.method == "Network.requestWillBeSentExtraInfo") {
    if (exchange == nullptr || told.has_request_headers) {
      told.early_request_headers = std::move(headers);
    } else {
      exchange->request_headers = std::move(headers);
      told.has_request_headers = true;
    }
    return;
  }
  told.address_space = TextOf(event.params, "resourceIPAddressSpace");
  if (!told.without_headers.empty()) {
    exchanges_[told.without_headers.front()].response_headers = std::move(headers);
    told.without_headers.erase(told.without_headers.begin());
  } else if (told.early_response_headers.size() < kEarlyHeadersMax) {
    told.early_response_headers.push_back(std::move(headers));
  }
  if (told.paused && exchange != nullptr) PausedResponse(*std::exchange(told.paused, std::nullopt), true);
}

void ExchangeRecorder::Take(const CdpEvent& event) {
  const std::string_view method = event.method;
  if (method == "Fetch.requestPaused") return Paused(event);
  if (method == "Fetch.authRequired") {
    Say("auth_required", TextOf(ObjectOf(event.params, "request"), "url"));
    cdp_->Send(event.session, "Fetch.continueWithAuth",
               {{"requestId", TextOf(event.params, "requestId")},
                {"authChallengeResponse", {{"response", "CancelAuth"}}}});
    return;
  }
  if (!method.starts_with("Network.")) return;
  if (method == "Network.requestWillBeSent") return RequestWillBeSent(event);
  if (method.starts_with("Network.webSocket")) return Socket(event);
  if (method.ends_with("ExtraInfo")) return ExtraInfo(event);
  Exchange* exchange = Find(TextOf(event.params, "requestId"));
  if (exchange == nullptr || exchange->finished) return;
  if (method == "Network.responseReceived") {
    ResponseReceived(exchange, ObjectOf(event.params, "response"), FlagOf(event.params, "hasExtraInfo"));
    last_activity_ = Clock::now();
  } else if (method == "Network.requestServedFromCache") {
    exchange->from_cache = exchange->internal = true;
  } else if (method == "Network.dataReceived") {
    if (exchange->live) return TakeLiveData(exchange, event.params);
    last_activity_ = Clock::now();
  } else if (method == "Network.loadingFinished") {
    if (exchange->live && exchange->body_state == BodyState::kCutTime) {
      exchange->body_state = BodyState::kWhole;
      exchange->body_reason.clear();
    }
    if (exchange->body_state == BodyState::kNone && !HasNoBody(*exchange)) {
      if (exchange->internal) {
        exchange->body_reason = "from the page's memory: the same address was recorded before";
      } else {
        exchange->body_state = BodyState::kMissed;
        exchange->body_reason =
            exchange->from_cache ? "from the browser's cache" : "not offered to the recorder";
      }
    }
    Finish(exchange);
  } else if (method == "Network.loadingFailed") {
    if (exchange->failure.empty()) exchange->failure = TextOf(event.params, "errorText");
    if (exchange->failure.empty()) exchange->failure = "failed";
    for (const std::string& why : {TextOf(event.params, "blockedReason"),
                                   TextOf(ObjectOf(event.params, "corsErrorStatus"), "corsError")}) {
      if (!why.empty()) exchange->failure += " (" + why + ")";
    }
    Finish(exchange);
  }
}

void ExchangeRecorder::Socket(const CdpEvent& event) {
  const json::object& params = event.params;
  const std::string id = TextOf(params, "requestId");
  if (event.method == "Network.webSocketCreated") {
    if (full_ || exchanges_.size() >= limits_.exchanges_max) return;
    Exchange& socket = Begin(event, id);
    socket.url = TextOf(params, "url");
    socket.method = "GET";
    socket.resource_type = "WebSocket";
    socket.initiator = TextOf(ObjectOf(params, "initiator"), "type");
    socket.time_unix_us = UnixUs();
    return;
  }
  Exchange* socket = Find(id);
  if (socket == nullptr) return;
  if (event.method == "Network.webSocketWillSendHandshakeRequest") {
    socket->request_headers = HeadersOf(ObjectOf(ObjectOf(params, "request"), "headers"));
    socket->time_unix_us = static_cast<uint64_t>(NumberOf(params, "wallTime") * 1e6);
  } else if (event.method == "Network.webSocketHandshakeResponseReceived") {
    const json::object& response = ObjectOf(params, "response");
    socket->status = static_cast<int>(NumberOf(response, "status"));
    socket->status_text = TextOf(response, "statusText");
    socket->response_headers = HeadersOf(ObjectOf(response, "headers"));
    if (const json::object& sent = ObjectOf(response, "requestHeaders"); !sent.empty()) {
      socket->request_headers = HeadersOf(sent);
    }
    Finish(socket);  // it may stay open for as long as the page does
  } else if (event.method == "Network.webSocketClosed") {
    SocketEnded(socket, UnixUs(), "closed");
  } else if (event.method == "Network.webSocketFrameError") {
    const std::string why = TextOf(params, "errorMessage");
    if (!socket->finished) socket->failure = why;
    SocketEnded(socket, UnixUs(), why);
  } else if (event.method == "Network.webSocketFrameSent" ||
             event.method == "Network.webSocketFrameReceived") {
    const json::object& response = ObjectOf(params, "response");
    SocketFrame frame{
        UnixUs(), event.method.ends_with("Sent"), static_cast<int>(NumberOf(response, "opcode")), {}};
    frame.payload = TextOf(response, "payloadData");
    if (frame.opcode != 1) {
      if (const auto bytes = FromBase64(frame.payload)) frame.payload = AsText(*bytes);
    }
    last_activity_ = Clock::now();
    if (frames_ >= limits_.frames_max || frame.payload.size() > limits_.frame_bytes_max - frame_bytes_) {
      if (++socket->frames_left_out == 1) Say("limit_frames", socket->url);
      return;
    }
    ++frames_;
    frame_bytes_ += frame.payload.size();
    socket->frames.push_back(std::move(frame));
  }
}

void ExchangeRecorder::SocketEnded(Exchange* exchange, uint64_t time_unix_us, std::string why) {
  if (exchange->status == 0 && exchange->failure.empty()) exchange->failure = why;
  if (frames_ < limits_.frames_max) {
    ++frames_;
    exchange->frames.push_back({time_unix_us, false, -1, std::move(why)});
  }
  Finish(exchange);
}

}  // namespace cunzheng::capture
