#include "client/capture/cdp.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

namespace cunzheng::capture {
namespace {

namespace json = boost::json;

constexpr size_t kDepthMax = 200;
constexpr auto kTick = std::chrono::milliseconds(50);

json::string_view View(std::string_view text) {
  return {text.data(), text.size()};
}

// Pages may hold halves of surrogate pairs, which DevTools passes on as escapes and no JSON parser need
// accept: each becomes U+FFFD.
void MendSurrogates(std::string* text) {
  const auto unit_at = [text](size_t at) -> unsigned {
    unsigned unit = 0;
    if (text->compare(at, 2, "\\u") != 0 || at + 6 > text->size()) return 0;
    const auto [end, status] = std::from_chars(text->data() + at + 2, text->data() + at + 6, unit, 16);
    return status == std::errc() && end == text->data() + at + 6 ? unit : 0;
  };
  for (size_t at = text->find('\\'); at != std::string::npos && at + 1 < text->size();
       at = text->find('\\', at)) {
    const unsigned unit = unit_at(at);
    if (unit == 0) {
      at += 2;
    } else if (unit < 0xd800 || unit > 0xdfff) {
      at += 6;
    } else if (const unsigned next = unit_at(at + 6); unit <= 0xdbff && next >= 0xdc00 && next <= 0xdfff) {
      at += 12;
    } else {
      text->replace(at + 2, 4, "fffd");
      at += 6;
    }
  }
}

void MakeNonBlocking(int descriptor) {
  fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK);
}

}  // namespace

Cdp::Cdp(int to_browser, int from_browser) : to_browser_(to_browser), from_browser_(from_browser) {
  MakeNonBlocking(to_browser_);
  MakeNonBlocking(from_browser_);
}

Cdp::~Cdp() {
  close(to_browser_);
  close(from_browser_);
}

void Cdp::Send(const std::string& session, std::string_view method, json::object params, Answer done) {
  if (gone_) {
    if (done) done(Error{Errc::kUnreachable, "browser: has ended"});
    return;
  }
  const uint64_t id = ++last_id_;
  json::object message{{"id", id}, {"method", View(method)}, {"params", std::move(params)}};
  if (!session.empty()) message["sessionId"] = session;
  outgoing_ += json::serialize(message);
  outgoing_.push_back('\0');
  waiting_[id] = std::move(done);
}

Result<json::object> Cdp::Call(const std::string& session, std::string_view method, json::object params,
                               std::chrono::milliseconds timeout) {
  std::optional<Result<json::object>> answer;
  Send(session, method, std::move(params),
       [&answer](Result<json::object> result) { answer = std::move(result); });
  const uint64_t id = last_id_;
  const auto ran = Run(Clock::now() + timeout, [&] { return answer.has_value(); });
  if (answer) return *std::move(answer);
  waiting_.erase(id);  // `answer` goes out of scope
  if (!ran) return ran.error();
  return Error{Errc::kTimeout, "browser: no answer to " + std::string(method) + " within " +
                                   std::to_string(timeout.count()) + " ms"};
}

Result<void> Cdp::Run(Clock::time_point until, const std::function<bool()>& stop) {
  while (!stop()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now());
    if (left.count() <= 0) return {};
    RETURN_IF_ERROR(Pump(std::min(left, kTick)));
    if (on_tick_) RETURN_IF_ERROR(on_tick_());
  }
  return {};
}

Error Cdp::Lost(const std::string& why) {
  gone_ = true;
  Error error{Errc::kUnreachable, "browser: " + why};
  for (auto& [id, done] : std::exchange(waiting_, {})) {
    if (done) done(error);
  }
  return error;
}

Result<void> Cdp::Pump(std::chrono::milliseconds wait) {
  if (gone_) return Error{Errc::kUnreachable, "browser: has ended"};
  std::array<pollfd, 2> ends{{{from_browser_, POLLIN, 0}, {to_browser_, 0, 0}}};
  if (!outgoing_.empty()) ends[1].events = POLLOUT;
  const int ready = poll(ends.data(), ends.size(), static_cast<int>(wait.count()));
  if (ready < 0 && errno != EINTR) return Lost(std::strerror(errno));
  if (ready <= 0) return {};
  if ((ends[1].revents & POLLOUT) != 0) {
    const ssize_t written = send(to_browser_, outgoing_.data(), outgoing_.size(), MSG_NOSIGNAL);
    if (written < 0 && errno != EAGAIN && errno != EINTR) return Lost(std::strerror(errno));
    if (written > 0) outgoing_.erase(0, static_cast<size_t>(written));
  }
  if ((ends[1].revents & POLLERR) != 0) return Lost("has closed its end");
  if ((ends[0].revents & (POLLIN | POLLHUP)) == 0) return {};
  std::array<char, 1 << 16> buffer;
  const ssize_t count = read(from_browser_, buffer.data(), buffer.size());
  if (count == 0) return Lost("has ended");
  if (count < 0) {
    if (errno == EAGAIN || errno == EINTR) return {};
    return Lost(std::strerror(errno));
  }
  incoming_.append(buffer.data(), static_cast<size_t>(count));
  for (size_t begin = 0;;) {
    const size_t end = incoming_.find('\0', std::max(begin, scanned_));
    if (end == std::string::npos) {
      incoming_.erase(0, begin);
      break;
    }
    if (std::exchange(passing_over_, false)) {
      begin = end + 1;
      continue;
    }
    std::string message = incoming_.substr(begin, end - begin);
    begin = end + 1;
    MendSurrogates(&message);
    RETURN_IF_ERROR(Take(message));
  }
  if (passing_over_ || incoming_.size() > kCdpMessageBytesMax) PassOver();
  scanned_ = incoming_.size();
  return {};
}

void Cdp::PassOver() {
  // Answers begin with their number, so that whoever waits for this one can be told.
  constexpr std::string_view kBegin = "{\"id\":";
  if (!passing_over_ && incoming_.starts_with(kBegin)) {
    uint64_t id = 0;
    std::from_chars(incoming_.data() + kBegin.size(), incoming_.data() + incoming_.size(), id);
    Answered(id, Error{Errc::kTooLarge,
                       "browser: its answer is over " + std::to_string(kCdpMessageBytesMax >> 20) + " MiB"});
  }
  passing_over_ = true;
  incoming_.clear();
  incoming_.shrink_to_fit();
}

void Cdp::Answered(uint64_t id, Result<json::object> result) {
  const auto it = waiting_.find(id);
  if (it == waiting_.end()) return;
  const Answer done = std::move(it->second);
  waiting_.erase(it);
  if (done) done(std::move(result));
}

Result<void> Cdp::Take(std::string_view text) {
  boost::system::error_code bad;
  json::parse_options options;
  options.max_depth = kDepthMax;
  json::value value = json::parse(View(text), bad, {}, options);
  if (bad || !value.is_object()) return Lost("sent what is no JSON object");
  json::object& message = value.get_object();
  const json::value* id = message.if_contains("id");
  if (id == nullptr) {
    CdpEvent event{TextOf(message, "sessionId"), TextOf(message, "method"), {}};
    if (auto* params = message.if_contains("params"); params && params->is_object()) {
      event.params = std::move(params->get_object());
    }
    if (on_event_) on_event_(event);
    return {};
  }
  const uint64_t number = id->is_int64() ? static_cast<uint64_t>(id->get_int64()) : 0;
  if (message.contains("error")) {
    Answered(number, Error{Errc::kInvalidValue, "browser: " + TextOf(ObjectOf(message, "error"), "message")});
  } else {
    auto* result = message.if_contains("result");
    Answered(number, result && result->is_object() ? std::move(result->get_object()) : json::object());
  }
  return {};
}

std::string TextOf(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(View(key));
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

double NumberOf(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(View(key));
  if (value == nullptr || !value->is_number()) return 0;
  return value->to_number<double>();
}

bool FlagOf(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(View(key));
  return value != nullptr && value->is_bool() && value->get_bool();
}

const json::object& ObjectOf(const json::object& object, std::string_view key) {
  static const json::object none;
  const auto* value = object.if_contains(View(key));
  return value != nullptr && value->is_object() ? value->get_object() : none;
}

}  // namespace cunzheng::capture
