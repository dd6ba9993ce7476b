// A thread of the HTTP server: its event loop, and the deadlines of the connections on it. Private to
// http_server.cpp. All but Worker's start and stop belongs to the worker's own thread.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <list>
#include <optional>
#include <string>
#include <thread>

namespace cunzheng::node {

// What the sweeper sees of a connection. Lives in its coroutine's frame.
struct Watched {
  boost::asio::ip::tcp::socket* socket = nullptr;
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  bool waiting = false;  // for a client's request: may be closed to make room, or when draining
  bool expired = false;  // the sweeper ended the operation under way

  void End() {
    expired = true;
    boost::system::error_code ignored;
    socket->cancel(ignored);
  }
};

// "Fri, 20 Nov 2026 22:59:38 GMT", as HTTP writes dates.
inline std::string FormatHttpDate(std::time_t now) {
  std::tm parts{};
  gmtime_r(&now, &parts);
  static constexpr const char* kDays[]{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[]{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  char text[64];
  // Not strftime: its names follow the locale.
  const int length = std::snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT",
                                   kDays[parts.tm_wday], parts.tm_mday, kMonths[parts.tm_mon],
                                   parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
  return std::string(text, static_cast<size_t>(length));
}

// One thread's event loop and the connections that it serves.
struct Worker {
  // Those that wait for a client stand in the order in which they began to wait. Before `context`,
  // whose destruction ends the coroutines that are on it.
  std::list<Watched*> watched;
  boost::asio::io_context context{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard =
      boost::asio::make_work_guard(context);
  boost::asio::steady_timer sweep_timer{context};
  std::time_t date_at = 0;
  std::string date;
  std::thread thread;

  const std::string& Date() {
    const std::time_t now = std::time(nullptr);
    if (now != date_at) {
      date_at = now;
      date = FormatHttpDate(now);
    }
    return date;
  }
};

// Keeps a connection on its worker's list.
class Registration {
 public:
  Registration(Worker* worker, Watched* watched) : worker_(worker), watched_(watched) {
    place_ = worker->watched.insert(worker->watched.end(), watched);
  }
  ~Registration() { worker_->watched.erase(place_); }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;

  // From now on the client must act within `timeout`.
  void Wait(std::chrono::milliseconds timeout) {
    watched_->deadline = std::chrono::steady_clock::now() + timeout;
    watched_->waiting = true;
    watched_->expired = false;
    worker_->watched.splice(worker_->watched.end(), worker_->watched, place_);
  }
  // The node works; a client's part of it, if there is one, is bounded by `timeout`.
  void Busy(std::optional<std::chrono::milliseconds> timeout) {
    watched_->deadline =
        timeout ? std::chrono::steady_clock::now() + *timeout : std::chrono::steady_clock::time_point::max();
    watched_->waiting = false;
    watched_->expired = false;
  }
  bool expired() const { return watched_->expired; }

 private:
  Worker* worker_;
  Watched* watched_;
  std::list<Watched*>::iterator place_;
};

}  // namespace cunzheng::node
