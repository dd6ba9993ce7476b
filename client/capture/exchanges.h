// What a browser asked for and what came back: every exchange of every target, with its own connection's
// facts, and its body as the network gave it, taken before the page could see it.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "client/capture/cdp.h"

namespace cunzheng::capture {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

// How much of a body there is.
enum class BodyState {
  kNone,  // none was due: a redirect, 204, 304, HEAD, a failure
  kWhole,
  kCutLength,  // the limit on a body or on all of them
  kCutTime,    // it went on and on
  kMissed,     // the browser did not give it; `body_reason` says why
};

// A message on a WebSocket.
struct SocketFrame {
  uint64_t time_unix_us = 0;
  bool sent = false;  // by the page
  int opcode =
      0;  // RFC 6455: 1 text, 2 binary; -1: not a frame but an error, or the end, which `payload` names
  std::string payload;  // text, or bytes
};

struct Exchange {
  std::string session, request_id;  // CDP's
  uint64_t number = 0;              // in the order of the requests
  std::string url, method, resource_type, initiator;
  uint64_t time_unix_us = 0;  // when the request began
  HttpHeaders request_headers;
  std::optional<std::string> request_body;
  // Of the response; status 0: none came.
  int status = 0;
  std::string status_text, protocol, remote_ip, mime_type;
  uint16_t remote_port = 0;
  uint64_t connection = 0;  // CDP's id
  HttpHeaders response_headers;
  bool from_cache = false, from_service_worker = false;
  boost::json::object security;  // CDP's securityDetails; empty without TLS
  std::string body;
  BodyState body_state = BodyState::kNone;
  std::string body_reason;
  std::string failure;  // "net::ERR_CERT_AUTHORITY_INVALID"
  bool finished = false;
  // The page gets its body as it comes, since it may be a broadcast; `body` has what has come so far.
  bool live = false;
  // Not the page's request but the capture's own: it asked for all of an address of which the page had got
  // ranges, first in the exchange of this number.
  std::optional<uint64_t> second_fetch_of;
  bool internal = false;  // the browser answered itself: a redirect to HTTPS by HSTS, a page's memory
  std::vector<SocketFrame> frames;  // of a WebSocket, whose handshake the rest of this is
  uint64_t frames_left_out = 0;     // over the limits
};

struct ExchangeLimits {
  size_t body_bytes_max = 64u << 20;
  size_t total_bytes_max = 1u << 30;
  size_t exchanges_max = 20'000;
  std::chrono::milliseconds body_within{30'000};            // from the response's header
  size_t frames_max = 10'000, frame_bytes_max = 16u << 20;  // of all WebSockets together
};

// Something that the operation log or the completeness report should say.
struct Remark {
  std::string what;  // "limit_exchanges", "blocked_url", "crashed", …
  std::string detail;
};

class ExchangeRecorder {
 public:
  // Whether the browser may ask for that address at all (CheckUrl), or why not; and whether what a connection
  // to the machine's own network answered may be seen (IsLocalAddress).
  using Allowed = std::function<Result<void>(const std::string& url)>;
  ExchangeRecorder(Cdp* cdp, ExchangeLimits limits, Allowed allowed, bool allow_local);

  // Takes the events of all sessions; whoever owns the Cdp hands them on.
  void Take(const CdpEvent& event);
  // Prepares a new target's session: its network is recorded before it runs.
  void Attach(const std::string& session);
  // Its target has ended: nothing more comes of what it had begun.
  void Detach(const std::string& session);
  // The session's page has loaded, so its documents have. Of one that is a film or a sound, which is shown by
  // a document of the browser's own, no end is told.
  void Loaded(const std::string& session);
  // The session's target is the capture's own, for one second fetch (Exchange::second_fetch_of): of its
  // requests the first and its redirects are let through, or none; whatever else it asks for is refused and
  // not recorded.
  void Seal(const std::string& session, std::optional<uint64_t> second_fetch_of);
  bool IsSealed(const std::string& session) const { return sealed_.contains(session); }
  // The fetch of a sealed session, the last of its redirects; null: it has not begun.
  const Exchange* Fetched(const std::string& session) const;
  // Ends it, whatever it has come to.
  void EndFetch(const std::string& session);

  // Ascending by number.
  const std::vector<Exchange>& exchanges() const { return exchanges_; }
  const std::vector<Remark>& remarks() const { return remarks_; }
  void Say(std::string what, std::string detail);
  const ExchangeLimits& limits() const { return limits_; }
  // Exchanges that are under way, but for live ones, which are waited for only a while, or not at all.
  size_t open() const { return open_; }
  Clock::time_point last_activity() const { return last_activity_; }
  // ExchangeLimits::exchanges_max was reached: every further request is refused.
  bool full() const { return full_; }
  // Bodies that take too long are cut. Called now and then.
  void Tick();
  // Cuts all bodies that are under way.
  void CutBodies(const std::string& reason);

 private:
  // A response that waits in the browser while its body is read.
  struct Waiting {
    std::string session, fetch_id;
    size_t exchange = 0;
    Clock::time_point deadline;
    std::string stream;          // of a body without end, which comes in pieces
    boost::json::object paused;  // the event, for fulfilling such a one
  };
  // What CDP tells of a request, under the id that its redirects share. Headers as they went over the wire
  // come in events of their own, before or after the others, in the order of the redirects.
  struct Request {
    std::optional<size_t> current;
    bool has_request_headers = false;  // `current` has
    std::optional<HttpHeaders> early_request_headers;
    std::vector<HttpHeaders> early_response_headers;
    std::vector<size_t> without_headers;  // exchanges that theirs are still to come for
    std::string address_space;            // of the last response's connection: "Public", "Local", "Loopback"
    std::optional<CdpEvent> paused;       // a response that came before the rest was told
    Clock::time_point paused_until;
  };

  struct Sealed {
    std::optional<uint64_t> second_fetch_of;
    std::string network_id;  // of the one request; empty: it has not come
  };

  Exchange* Find(const std::string& network_id);
  Exchange& Begin(const CdpEvent& event, const std::string& network_id);
  void RequestWillBeSent(const CdpEvent& event);
  void ResponseReceived(Exchange* exchange, const boost::json::object& response, bool has_extra);
  void ExtraInfo(const CdpEvent& event);
  void Socket(const CdpEvent& event);
  void SocketEnded(Exchange* exchange, uint64_t time_unix_us, std::string why);
  void Finish(Exchange* exchange);
  // Whether a session may ask for that; of a sealed one the first that asks is the one that may.
  bool MayAsk(const std::string& session, const std::string& network_id);

  // Of Fetch events (response_bodies.cpp).
  void Paused(const CdpEvent& event);
  void PausedRequest(const CdpEvent& event);
  void PausedResponse(const CdpEvent& event, bool wait);
  void TakeBody(uint64_t number);
  void TakeLive(uint64_t number);
  void TakeLiveData(Exchange* exchange, const boost::json::object& params);
  void TakeStream(uint64_t number);
  void ReadOn(uint64_t number);
  void Keep(Exchange* exchange, std::string_view bytes, BodyState state);
  void GoOn(uint64_t number, BodyState state, const std::string& reason);
  void EndStream(uint64_t number, BodyState state, const std::string& reason);
  void Cut(uint64_t number, const std::string& reason);

  Cdp* const cdp_;
  const ExchangeLimits limits_;
  const Allowed allowed_;
  const bool allow_local_;
  std::vector<Exchange> exchanges_;
  std::map<std::string, Request> requests_;  // by CDP's id
  std::set<std::string> paused_;             // ids of those whose response waits to be told of
  std::map<uint64_t, Waiting> waiting_;
  std::map<uint64_t, Clock::time_point> live_until_;  // how long which live exchange counts as open
  std::map<std::string, Sealed> sealed_;              // by session
  uint64_t last_waiting_ = 0;
  size_t total_bytes_ = 0, open_ = 0, frames_ = 0, frame_bytes_ = 0;
  bool full_ = false;
  Clock::time_point last_activity_ = Clock::now();
  std::vector<Remark> remarks_;
};

// Parts that both files use.
std::string LoweredAscii(std::string text);
std::optional<std::string> CdpBytes(const boost::json::object& answer, std::string_view key);
bool IsRedirect(int status);

}  // namespace cunzheng::capture
