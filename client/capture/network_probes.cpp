#include "client/capture/network_probes.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <future>
#include <memory>
#include <thread>

#include "client/capture/unix_time.h"
#include "crypto/bytes.h"
#include "crypto/utf8.h"

namespace cunzheng::capture {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr uint16_t kDnsPort = 53, kNtpPort = 123, kClassIn = 1, kNoSuchName = 3;
constexpr size_t kDnsHeaderBytes = 12, kNtpBytes = 48, kDatagramBytesMax = 4'096, kAddressesMax = 256;
constexpr uint64_t kNtpToUnixSeconds = 2'208'988'800;  // 1900 to 1970

struct Endpoint {
  sockaddr_storage address{};
  socklen_t length = 0;
};

// Numeric alone: nothing is looked up.
std::optional<Endpoint> EndpointOf(const std::string& server, uint16_t port) {
  std::string host = server, service = std::to_string(port);
  const size_t colon = server.rfind(':');
  if (server.starts_with("[")) {
    const size_t close = server.find(']');
    if (close == std::string::npos) return std::nullopt;
    host = server.substr(1, close - 1);
    if (close + 1 < server.size()) service = server.substr(close + 2);
  } else if (colon != std::string::npos && server.find(':') == colon) {
    host = server.substr(0, colon);
    service = server.substr(colon + 1);
  }
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), service.c_str(), &hints, &found) != 0) return std::nullopt;
  Endpoint endpoint;
  std::memcpy(&endpoint.address, found->ai_addr, found->ai_addrlen);
  endpoint.length = found->ai_addrlen;
  freeaddrinfo(found);
  return endpoint;
}

class Socket {
 public:
  Socket() = default;
  Socket(const Endpoint& peer, int type)
      : fd_(socket(peer.address.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    connected_ =
        fd_ >= 0 && (connect(fd_, reinterpret_cast<const sockaddr*>(&peer.address), peer.length) == 0 ||
                     errno == EINPROGRESS);
  }
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)), connected_(other.connected_) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(connected_, other.connected_);
    return *this;
  }
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  int fd() const { return fd_; }
  bool usable() const { return connected_; }

 private:
  int fd_ = -1;
  bool connected_ = false;
};

int WaitMs(steady_clock::time_point until) {
  const auto left = std::chrono::ceil<milliseconds>(until - steady_clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, 60'000));
}

// A datagram to one server, made each time that it is sent, and what to do with each that comes back: true
// when it was the answer.
struct Question {
  Socket socket;
  std::function<std::string()> make;
  std::function<bool(std::string_view)> take;
  std::string failure = "no answer in time";
  bool done = false;
};

// Sends all, and again once to who is silent, since a datagram may get lost.
void AskAll(std::vector<Question>* questions, steady_clock::time_point until) {
  const auto again = steady_clock::now() + (until - steady_clock::now()) / 3;
  const auto send_all = [&] {
    for (Question& question : *questions) {
      if (question.done) continue;
      const std::string datagram = question.make();
      if (send(question.socket.fd(), datagram.data(), datagram.size(), MSG_NOSIGNAL) < 0) {
        question.failure = std::strerror(errno);
      }
    }
  };
  for (Question& question : *questions) {
    if (question.socket.usable()) continue;
    question.done = true;
    question.failure = "not reachable";
  }
  send_all();
  bool sent_again = false;
  std::vector<char> buffer(kDatagramBytesMax);
  for (;;) {
    std::vector<pollfd> polls;
    std::vector<Question*> open;
    for (Question& question : *questions) {
      if (question.done) continue;
      polls.push_back({question.socket.fd(), POLLIN, 0});
      open.push_back(&question);
    }
    const auto now = steady_clock::now();
    if (open.empty() || now >= until) return;
    if (!sent_again && now >= again) {
      sent_again = true;
      send_all();
    }
    if (poll(polls.data(), polls.size(), WaitMs(sent_again ? until : again)) < 0 && errno != EINTR) return;
    for (size_t i = 0; i < polls.size(); ++i) {
      if (polls[i].revents == 0) continue;
      const ssize_t got = recv(polls[i].fd, buffer.data(), buffer.size(), 0);
      if (got >= 0) {
        open[i]->done = open[i]->take({buffer.data(), static_cast<size_t>(got)});
      } else if (errno != EAGAIN && errno != EINTR) {
        open[i]->failure = std::strerror(errno);
        open[i]->done = true;
      }
    }
  }
}

void AppendBe16(uint16_t value, std::string* out) {
  out->push_back(static_cast<char>(value >> 8));
  out->push_back(static_cast<char>(value & 0xff));
}

uint16_t Be16(std::string_view bytes, size_t at) {
  return static_cast<uint16_t>(static_cast<uint8_t>(bytes[at]) << 8 | static_cast<uint8_t>(bytes[at + 1]));
}

// The question again over TCP, where answers have room. Empty: it did not work out.
std::string AskOverTcp(const Endpoint& peer, const std::string& query, steady_clock::time_point until) {
  const Socket tcp(peer, SOCK_STREAM);
  if (!tcp.usable()) return {};
  const auto ready = [&](short events) {
    pollfd one{tcp.fd(), events, 0};
    return poll(&one, 1, WaitMs(until)) > 0 && (one.revents & events) != 0;
  };
  std::string out, in;
  AppendBe16(static_cast<uint16_t>(query.size()), &out);
  out += query;
  while (!out.empty()) {
    if (!ready(POLLOUT)) return {};
    const ssize_t sent = send(tcp.fd(), out.data(), out.size(), MSG_NOSIGNAL);
    if (sent < 0) return {};
    out.erase(0, static_cast<size_t>(sent));
  }
  std::vector<char> buffer(kDatagramBytesMax);
  while (in.size() < 2 || in.size() < size_t{2} + Be16(in, 0)) {
    if (!ready(POLLIN)) return {};
    const ssize_t got = recv(tcp.fd(), buffer.data(), buffer.size(), 0);
    if (got <= 0) return {};
    in.append(buffer.data(), static_cast<size_t>(got));
  }
  return in.substr(2, Be16(in, 0));
}

std::string AddressText(int family, const void* bytes) {
  char text[INET6_ADDRSTRLEN] = {};
  return inet_ntop(family, bytes, text, sizeof text) != nullptr ? text : "";
}

void SortOut(std::vector<std::string>* addresses) {
  std::sort(addresses->begin(), addresses->end());
  addresses->erase(std::unique(addresses->begin(), addresses->end()), addresses->end());
  if (addresses->size() > kAddressesMax) addresses->resize(kAddressesMax);
}

// Where the name at `at` ends; npos when it runs out of the message. Only its first pointer matters for that.
size_t SkipName(std::string_view message, size_t at) {
  while (at < message.size()) {
    const auto length = static_cast<uint8_t>(message[at]);
    if (length == 0) return at + 1;
    if ((length & 0xc0) == 0xc0) return at + 2;
    if ((length & 0xc0) != 0) break;
    at += size_t{1} + length;
  }
  return std::string_view::npos;
}

AddressAnswer LookUp(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int status = getaddrinfo(host.c_str(), nullptr, &hints, &found);
  AddressAnswer answer;
  answer.answered = status == 0 || status == EAI_NONAME || status == EAI_NODATA;
  answer.exists = status != EAI_NONAME;
  if (!answer.answered) answer.failure = gai_strerror(status);
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    if (at->ai_family == AF_INET) {
      answer.addresses.push_back(
          AddressText(AF_INET, &reinterpret_cast<const sockaddr_in*>(at->ai_addr)->sin_addr));
    } else if (at->ai_family == AF_INET6) {
      answer.addresses.push_back(
          AddressText(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(at->ai_addr)->sin6_addr));
    }
  }
  if (found != nullptr) freeaddrinfo(found);
  SortOut(&answer.addresses);
  return answer;
}

// The system's resolver knows no deadline; one that takes too long is left to itself.
std::future<AddressAnswer> StartLookUp(const std::string& host) {
  std::packaged_task<AddressAnswer()> task([host] { return LookUp(host); });
  auto answer = task.get_future();
  std::thread(std::move(task)).detach();
  return answer;
}

AddressAnswer Await(std::future<AddressAnswer>* answer, steady_clock::time_point until) {
  if (answer->wait_until(until) == std::future_status::ready) return answer->get();
  AddressAnswer late;
  late.failure = "no answer in time";
  return late;
}

// An NTP timestamp as Unix time, in the era (of 2^32 seconds) that is nearest to `near_us`.
int64_t NtpUnixUs(uint64_t timestamp, uint64_t near_us) {
  const auto near_ntp = static_cast<uint32_t>(near_us / 1'000'000 + kNtpToUnixSeconds);
  const auto apart = static_cast<int32_t>(static_cast<uint32_t>(timestamp >> 32) - near_ntp);
  const auto seconds = static_cast<int64_t>(near_us / 1'000'000) + apart;
  return seconds * 1'000'000 + static_cast<int64_t>(((timestamp & 0xffff'ffff) * 1'000'000) >> 32);
}

bool TakeTime(std::string_view packet, ByteSpan nonce, uint64_t sent_us, TimeAnswer* answer) {
  const uint64_t now_us = UnixUs();
  if (packet.size() < kNtpBytes) return false;
  const auto* bytes = reinterpret_cast<const uint8_t*>(packet.data());
  // The answer to our own question alone: it holds the number that only that server was told.
  if ((bytes[0] & 7) != 4 || !std::equal(nonce.begin(), nonce.end(), bytes + 24)) return false;
  answer->stratum = bytes[1];
  if (bytes[0] >> 6 == 3 || bytes[1] == 0 || bytes[1] > 15) {
    answer->failure = "the server has no time to give";
    return true;
  }
  const int64_t received = NtpUnixUs(LoadBe64(bytes + 32), now_us),
                sent = NtpUnixUs(LoadBe64(bytes + 40), now_us);
  const auto ours_sent = static_cast<int64_t>(sent_us), ours_now = static_cast<int64_t>(now_us);
  answer->answered = true;
  answer->offset_us = ((received - ours_sent) + (sent - ours_now)) / 2;
  answer->round_trip_us =
      static_cast<uint64_t>(std::max<int64_t>((ours_now - ours_sent) - (sent - received), 0));
  return true;
}

// RFC 3492, section 6.3; lower-case letters in, "xn--" not included. Empty: too long to be a label.
std::string Punycode(const std::vector<char32_t>& label) {
  constexpr uint32_t kBase = 36, kTmin = 1, kTmax = 26, kSkew = 38, kDamp = 700;
  if (label.size() > 63) return {};
  std::string out;
  for (const char32_t c : label) {
    if (c < 0x80) out.push_back(static_cast<char>(c));
  }
  auto handled = static_cast<uint32_t>(out.size());
  const uint32_t basic = handled;
  if (basic > 0) out.push_back('-');
  uint32_t n = 0x80, bias = 72, delta = 0;
  while (handled < label.size()) {
    uint32_t m = UINT32_MAX;
    for (const char32_t c : label) {
      if (c >= n) m = std::min<uint32_t>(m, c);
    }
    delta += (m - n) * (handled + 1);
    n = m;
    for (const char32_t c : label) {
      if (c < n) ++delta;
      if (c != n) continue;
      uint32_t q = delta;
      for (uint32_t k = kBase;; k += kBase) {
        const uint32_t t = k <= bias ? kTmin : std::min(k - bias, kTmax);
        const uint32_t digit = q < t ? q : t + (q - t) % (kBase - t);
        out.push_back(static_cast<char>(digit < 26 ? 'a' + digit : '0' + (digit - 26)));
        if (q < t) break;
        q = (q - t) / (kBase - t);
      }
      uint32_t adapt = handled == basic ? delta / kDamp : delta / 2;
      adapt += adapt / (handled + 1);
      uint32_t k = 0;
      for (; adapt > ((kBase - kTmin) * kTmax) / 2; k += kBase) adapt /= kBase - kTmin;
      bias = k + (kBase - kTmin + 1) * adapt / (adapt + kSkew);
      delta = 0;
      ++handled;
    }
    ++delta;
    ++n;
  }
  return out.size() <= 59 ? out : "";
}

}  // namespace

std::optional<std::string> HostOfUrl(std::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::nullopt;
  std::string_view rest = url.substr(scheme + 3);
  rest = rest.substr(0, rest.find_first_of("/?#\\"));
  if (const size_t at = rest.rfind('@'); at != std::string_view::npos) rest = rest.substr(at + 1);
  if (rest.starts_with("[")) {
    const std::string host(rest.substr(1, rest.find(']') == std::string_view::npos ? 0 : rest.find(']') - 1));
    return IsAddress(host) ? std::optional(host) : std::nullopt;
  }
  rest = rest.substr(0, rest.find(':'));
  std::string host;
  std::vector<char32_t> label;
  const auto end_label = [&] {
    const bool plain = std::all_of(label.begin(), label.end(), [](char32_t c) { return c < 0x80; });
    const std::string text = plain ? std::string(label.begin(), label.end()) : Punycode(label);
    const bool good = !text.empty() && text.size() <= 63;
    if (!plain) host += "xn--";
    host += text;
    label.clear();
    return good;
  };
  while (!rest.empty()) {
    char32_t c = 0;
    const size_t length = DecodeUtf8(rest, &c);
    if (length == 0) return std::nullopt;
    rest.remove_prefix(length);
    if (c == '.' || c == 0x3002 || c == 0xff0e || c == 0xff61) {
      if (!end_label()) return std::nullopt;
      if (!rest.empty()) host += '.';
      continue;
    }
    if (c <= 0x20 || c == 0x7f) return std::nullopt;
    label.push_back(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
  }
  if ((!label.empty() && !end_label()) || host.empty() || host.size() > 253) return std::nullopt;
  return host;
}

bool IsAddress(const std::string& host) {
  in6_addr bytes{};
  return inet_pton(AF_INET, host.c_str(), &bytes) == 1 || inet_pton(AF_INET6, host.c_str(), &bytes) == 1;
}

Result<std::string> EncodeDnsQuery(uint16_t id, std::string_view host, uint16_t type) {
  std::string query;
  AppendBe16(id, &query);
  AppendBe16(0x0100, &query);  // a query, recursion desired
  AppendBe16(1, &query);
  query.append(6, '\0');
  if (host.empty() || host.size() > 253) return Error{Errc::kInvalidValue, "dns: no host name"};
  while (!host.empty()) {
    const std::string_view label = host.substr(0, host.find('.'));
    if (label.empty() || label.size() > 63) return Error{Errc::kInvalidValue, "dns: no host name"};
    query.push_back(static_cast<char>(label.size()));
    query += label;
    host.remove_prefix(std::min(label.size() + 1, host.size()));
  }
  query.push_back(0);
  AppendBe16(type, &query);
  AppendBe16(kClassIn, &query);
  return query;
}

Result<DnsReply> DecodeDnsReply(std::string_view message, uint16_t id, std::string_view host, uint16_t type) {
  const auto broken = [](const char* what) {
    return Error{Errc::kInvalidValue, std::string("dns: ") + what};
  };
  ASSIGN_OR_RETURN(const std::string query, EncodeDnsQuery(id, host, type));
  if (message.size() < query.size() || Be16(message, 0) != id || (message[2] & 0x80) == 0 ||
      Be16(message, 4) != 1) {
    return broken("no reply to this question");
  }
  // Some servers write names as they like: without regard to case.
  for (size_t i = kDnsHeaderBytes; i < query.size(); ++i) {
    if (std::tolower(static_cast<uint8_t>(message[i])) != std::tolower(static_cast<uint8_t>(query[i]))) {
      return broken("no reply to this question");
    }
  }
  DnsReply reply;
  reply.truncated = (message[2] & 0x02) != 0;
  reply.exists = (message[3] & 0x0f) != kNoSuchName;
  reply.code = reply.exists ? message[3] & 0x0f : 0;
  size_t at = query.size();
  for (uint16_t left = Be16(message, 6); left > 0 && !reply.truncated; --left) {
    at = SkipName(message, at);
    if (at == std::string_view::npos || at + 10 > message.size()) return broken("a record does not end");
    const uint16_t record_type = Be16(message, at), record_class = Be16(message, at + 2);
    const size_t length = Be16(message, at + 8);
    at += 10;
    if (at + length > message.size()) return broken("a record does not end");
    if (record_class == kClassIn && record_type == type && type == kDnsTypeA && length == 4) {
      reply.addresses.push_back(AddressText(AF_INET, message.data() + at));
    } else if (record_class == kClassIn && record_type == type && type == kDnsTypeAaaa && length == 16) {
      reply.addresses.push_back(AddressText(AF_INET6, message.data() + at));
    }
    at += length;
  }
  SortOut(&reply.addresses);
  return reply;
}

std::vector<AddressAnswer> AskNameServers(const std::vector<std::string>& servers, const std::string& host,
                                          milliseconds within) {
  const auto until = steady_clock::now() + within;
  std::vector<AddressAnswer> answers(servers.size());
  std::vector<std::pair<size_t, std::string>> truncated;  // server, query
  std::vector<Question> questions;
  std::vector<size_t> server_of;
  for (size_t i = 0; i < servers.size(); ++i) {
    const auto endpoint = EndpointOf(servers[i], kDnsPort);
    if (!endpoint) {
      answers[i].failure = "no address";
      continue;
    }
    for (const uint16_t type : {kDnsTypeA, kDnsTypeAaaa}) {
      const auto id = static_cast<uint16_t>(LoadBe64(RandomBytes(8).data()));
      auto query = EncodeDnsQuery(id, host, type);
      if (!query) {
        answers[i].failure = query.error().detail;
        continue;
      }
      Question question;
      question.socket = Socket(*endpoint, SOCK_DGRAM);
      question.make = [query = *query] { return query; };
      question.take = [&answer = answers[i], &truncated, i, id, host, type,
                       query = *query](std::string_view message) {
        const auto reply = DecodeDnsReply(message, id, host, type);
        if (!reply) return false;  // forged, or astray
        if (reply->code != 0) {
          answer.failure = "it answers with code " + std::to_string(reply->code);
          return true;
        }
        if (reply->truncated) {
          truncated.emplace_back(i, query);
          return true;
        }
        answer.answered = true;
        answer.exists = reply->exists;
        answer.addresses.insert(answer.addresses.end(), reply->addresses.begin(), reply->addresses.end());
        return true;
      };
      questions.push_back(std::move(question));
      server_of.push_back(i);
    }
  }
  AskAll(&questions, until);
  for (size_t i = 0; i < questions.size(); ++i) {
    AddressAnswer& answer = answers[server_of[i]];
    if (!questions[i].done || !answer.answered) {
      if (answer.failure.empty()) answer.failure = questions[i].failure;
    }
  }
  for (const auto& [server, query] : truncated) {
    const uint16_t type = Be16(query, query.size() - 4);
    const std::string message = AskOverTcp(*EndpointOf(servers[server], kDnsPort), query, until);
    const auto reply = DecodeDnsReply(message, Be16(query, 0), host, type);
    AddressAnswer& answer = answers[server];
    if (!reply || reply->truncated || reply->code != 0) {
      answer.failure = "its answer is too long, and none came over TCP";
      continue;
    }
    answer.answered = true;
    answer.addresses.insert(answer.addresses.end(), reply->addresses.begin(), reply->addresses.end());
  }
  for (AddressAnswer& answer : answers) {
    SortOut(&answer.addresses);
    if (answer.answered) answer.failure.clear();
  }
  return answers;
}

AddressAnswer ResolveBySystem(const std::string& host, milliseconds within) {
  auto answer = StartLookUp(host);
  return Await(&answer, steady_clock::now() + within);
}

std::vector<TimeAnswer> AskTimeServers(const std::vector<std::string>& servers, milliseconds within) {
  const auto until = steady_clock::now() + within;
  std::vector<TimeAnswer> answers(servers.size());
  std::vector<std::optional<std::future<AddressAnswer>>> lookups;
  for (const std::string& server : servers) {
    lookups.emplace_back();
    if (!EndpointOf(server, kNtpPort)) lookups.back() = StartLookUp(server);
  }
  std::vector<Question> questions;
  std::vector<size_t> server_of;
  for (size_t i = 0; i < servers.size(); ++i) {
    std::string address = servers[i];
    if (lookups[i]) {
      const AddressAnswer found = Await(&*lookups[i], until - within / 2);
      const auto four =
          std::find_if(found.addresses.begin(), found.addresses.end(),
                       [](const std::string& one) { return one.find(':') == std::string::npos; });
      address = four != found.addresses.end() ? *four
                : found.addresses.empty()     ? ""
                                              : found.addresses.front();
      if (address.empty()) answers[i].failure = found.failure.empty() ? "no address" : found.failure;
    }
    const auto endpoint = EndpointOf(address, kNtpPort);
    if (!endpoint) continue;
    struct Sent {
      Bytes nonce;
      uint64_t at_us = 0;
    };
    const auto sent = std::make_shared<Sent>();
    Question question;
    question.socket = Socket(*endpoint, SOCK_DGRAM);
    question.make = [sent] {
      // A random number stands where our own time would, which is nobody's business (RFC 8633).
      sent->nonce = RandomBytes(8);
      sent->at_us = UnixUs();
      std::string packet(kNtpBytes, '\0');
      packet[0] = 0x23;  // version 4, client
      std::copy(sent->nonce.begin(), sent->nonce.end(), packet.begin() + 40);
      return packet;
    };
    question.take = [sent, &answer = answers[i]](std::string_view packet) {
      return TakeTime(packet, sent->nonce, sent->at_us, &answer);
    };
    questions.push_back(std::move(question));
    server_of.push_back(i);
  }
  AskAll(&questions, until);
  for (size_t i = 0; i < questions.size(); ++i) {
    TimeAnswer& answer = answers[server_of[i]];
    if (!answer.answered && answer.failure.empty()) answer.failure = questions[i].failure;
  }
  return answers;
}

}  // namespace cunzheng::capture
