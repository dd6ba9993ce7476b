// What a browser asked for and what came back: every exchange of every target, with its own connection's facts, and
// its body as the network gave it, taken before the page could see it.
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
  kNone,       // none was due: a redirect, 204, 304, HEAD, a failure
  kWhole,
  kCutLength,  // the limit on a body or on all of them
  kCutTime,    // it went on and on
  kMissed,     // the browser did not give it; `body_reason` says why
};

struct Exchange {
  std::string session, request_id;  // CDP's
  uint64_t number = 0;              // in the order of the requests
  std::string url, method, resource_type, initiator;
  uint64_t time_unix_us = 0;        // when the request began
  HttpHeaders request_headers;
  std::optional<std::string> request_body;
  // Of the response; status 0: none came.
  int status = 0;
  std::string status_text, protocol, remote_ip, mime_type;
  uint16_t remote_port = 0;
  uint64_t connection = 0;          // CDP's id
  HttpHeaders response_headers;
  bool from_cache = false, from_service_worker = false;
  boost::json::object security;     // CDP's securityDetails; empty without TLS
  std::string body;
  BodyState body_state = BodyState::kNone;
  std::string body_reason;
  std::string failure;              // "net::ERR_CERT_AUTHORITY_INVALID"
  bool finished = false;
};

struct ExchangeLimits {
  size_t body_bytes_max = 64u << 20;
  size_t total_bytes_max = 1u << 30;
  size_t exchanges_max = 20'000;
  std::chrono::milliseconds body_within{30'000};  // from the response's header
};

// Something that the operation log or the completeness report should say.
struct Remark {
  std::string what;  // "limit_exchanges", "blocked_url", "crashed", …
  std::string detail;
};

class ExchangeRecorder {
 public:
  // `allowed` decides what the browser may ask for at all.
  ExchangeRecorder(Cdp* cdp, ExchangeLimits limits, std::function<bool(const std::string& url)> allowed);

  // Takes the events of all sessions; whoever owns the Cdp hands them on.
  void Take(const CdpEvent& event);
  // Prepares a new target's session: its network is recorded before it runs.
  void Attach(const std::string& session);

  const std::vector<Exchange>& exchanges() const { return exchanges_; }
  const std::vector<Remark>& remarks() const { return remarks_; }
  // Exchanges that are under way.
  size_t open() const { return open_; }
  Clock::time_point last_activity() const { return last_activity_; }
  // Bodies that take too long are cut. Called now and then.
  void Tick();

 private:
  // A response that waits in the browser while its body is read.
  struct Waiting {
    std::string session, fetch_id;
    size_t exchange = 0;
    Clock::time_point deadline;
    std::string stream;          // of a body without end, which comes in pieces
    boost::json::object paused;  // the event, for fulfilling such a one
  };
  using RequestKey = std::pair<std::string, std::string>;  // session, network id

  Exchange* Find(const std::string& session, const std::string& network_id);
  Exchange& Begin(const CdpEvent& event, const std::string& network_id);
  void RequestWillBeSent(const CdpEvent& event);
  void ResponseReceived(Exchange* exchange, const boost::json::object& response);
  void Paused(const CdpEvent& event);
  void TakeBody(uint64_t number);
  void TakeStream(uint64_t number);
  void ReadOn(uint64_t number);
  void Keep(Exchange* exchange, std::string_view bytes, BodyState state);
  void GoOn(uint64_t number, BodyState state, const std::string& reason);
  void EndStream(uint64_t number, BodyState state, const std::string& reason);
  void Finish(Exchange* exchange);

  Cdp* const cdp_;
  const ExchangeLimits limits_;
  const std::function<bool(const std::string&)> allowed_;
  std::vector<Exchange> exchanges_;
  std::map<RequestKey, size_t> current_;
  // Headers as they went over the wire come in events of their own, before or after the others.
  std::map<RequestKey, HttpHeaders> early_request_headers_, early_response_headers_;
  // Paused responses whose request has not been told of yet, and until when that is waited for.
  std::map<RequestKey, std::pair<CdpEvent, Clock::time_point>> early_paused_;
  std::map<uint64_t, Waiting> waiting_;
  uint64_t last_waiting_ = 0;
  size_t total_bytes_ = 0, open_ = 0;
  bool full_ = false;
  Clock::time_point last_activity_ = Clock::now();
  std::vector<Remark> remarks_;
};

}  // namespace cunzheng::capture
