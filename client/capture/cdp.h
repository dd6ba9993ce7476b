// The Chrome DevTools Protocol over a pipe (--remote-debugging-pipe): JSON messages, each ended by a zero
// byte, on two descriptors of the browser process, so that there is no port which another process could drive
// the browser by.
//
// One thread; callbacks run inside Run and Call.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "crypto/result.h"

namespace cunzheng::capture {

using Clock = std::chrono::steady_clock;

inline constexpr size_t kCdpMessageBytesMax = 256u << 20;

struct CdpEvent {
  std::string session;  // empty: the browser's own
  std::string method;
  boost::json::object params;
};

class Cdp {
 public:
  using Answer = std::function<void(Result<boost::json::object>)>;

  // Takes both descriptors over; the first is a socket.
  Cdp(int to_browser, int from_browser);
  ~Cdp();
  Cdp(const Cdp&) = delete;
  Cdp& operator=(const Cdp&) = delete;

  // Who hears of every event; set before anything is sent.
  void OnEvent(std::function<void(const CdpEvent&)> handler) { on_event_ = std::move(handler); }
  // Asked after each message and each 50 ms, in Call too; the error that it returns ends Run or Call.
  void OnTick(std::function<Result<void>()> guard) { on_tick_ = std::move(guard); }

  // Sends a command; `done`, which may be empty, is told its result, or kUnreachable when the browser has
  // gone. Errors of the protocol are kInvalidValue with its own words.
  void Send(const std::string& session, std::string_view method, boost::json::object params,
            Answer done = {});
  // The same, and runs until the answer is there. Errors: also kTimeout; kTooLarge, for an answer over
  // kCdpMessageBytesMax; the guard's.
  Result<boost::json::object> Call(const std::string& session, std::string_view method,
                                   boost::json::object params, std::chrono::milliseconds timeout);
  // Handles what comes until `until`, or `stop` says true; it is asked as the guard is. Errors: kUnreachable
  // (the browser has gone, or what it says is no message); the guard's.
  Result<void> Run(Clock::time_point until, const std::function<bool()>& stop);
  // Nobody is told of the answers to what was sent so far; for whoever goes away before the browser does.
  void Forget() { waiting_.clear(); }
  bool gone() const { return gone_; }

 private:
  Result<void> Pump(std::chrono::milliseconds wait);
  Result<void> Take(std::string_view message);
  void Answered(uint64_t id, Result<boost::json::object> result);
  // What has come of a message that is too long; it is passed over up to its end.
  void PassOver();
  Error Lost(const std::string& why);

  int to_browser_, from_browser_;
  std::function<void(const CdpEvent&)> on_event_;
  std::function<Result<void>()> on_tick_;
  std::map<uint64_t, Answer> waiting_;
  uint64_t last_id_ = 0;
  std::string outgoing_, incoming_;
  size_t scanned_ = 0;  // of incoming_, without a zero byte
  bool passing_over_ = false, gone_ = false;
};

// Fields of an object that may be absent or of another type.
std::string TextOf(const boost::json::object& object, std::string_view key);
double NumberOf(const boost::json::object& object, std::string_view key);
bool FlagOf(const boost::json::object& object, std::string_view key);
const boost::json::object& ObjectOf(const boost::json::object& object, std::string_view key);

}  // namespace cunzheng::capture
