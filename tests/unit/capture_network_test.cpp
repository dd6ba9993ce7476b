// Questions to name servers and time servers, with servers of our own on 127.0.0.1.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <thread>

#include "client/capture/network_probes.h"
#include "crypto/bytes.h"

namespace {

using namespace cunzheng;
using namespace cunzheng::capture;
using std::chrono::milliseconds;

// Servers that stay silent are waited for so long; the others answer at once, but for the machine's load.
constexpr milliseconds kWithin{3'000};

// Answers each datagram with what `answer` makes of it; none when that is empty.
class DatagramServer {
 public:
  explicit DatagramServer(std::function<std::string(const std::string&)> answer)
      : fd_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)), answer_(std::move(answer)) {
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(bind(fd_, reinterpret_cast<sockaddr*>(&own), sizeof own) == 0);
    socklen_t length = sizeof own;
    REQUIRE(getsockname(fd_, reinterpret_cast<sockaddr*>(&own), &length) == 0);
    port_ = ntohs(own.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~DatagramServer() {
    stop_ = true;
    thread_.join();
    close(fd_);
  }
  DatagramServer(const DatagramServer&) = delete;
  DatagramServer& operator=(const DatagramServer&) = delete;
  std::string name() const { return "127.0.0.1:" + std::to_string(port_); }
  int asked() const { return asked_; }

 private:
  void Serve() {
    while (!stop_) {
      pollfd one{fd_, POLLIN, 0};
      if (poll(&one, 1, 20) <= 0) continue;
      char buffer[2'048];
      sockaddr_in peer{};
      socklen_t length = sizeof peer;
      const ssize_t got =
          recvfrom(fd_, buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&peer), &length);
      if (got <= 0) continue;
      ++asked_;
      const std::string answer = answer_(std::string(buffer, static_cast<size_t>(got)));
      if (answer.empty()) continue;
      sendto(fd_, answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&peer), length);
    }
  }

  int fd_;
  uint16_t port_ = 0;
  std::function<std::string(const std::string&)> answer_;
  std::atomic<bool> stop_ = false;
  std::atomic<int> asked_ = 0;
  std::thread thread_;
};

std::string Bytes16(unsigned value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)};
}

unsigned TypeOf(const std::string& query) {
  return static_cast<uint8_t>(query[query.size() - 3]);
}

// A reply to `query` with one alias and one address of its type.
std::string ReplyTo(const std::string& query) {
  std::string reply = query;
  reply[2] = static_cast<char>(0x81);
  reply[3] = static_cast<char>(0x80);
  reply[7] = 2;
  const std::string pointer = "\xc0\x0c";
  reply += pointer + Bytes16(5) + Bytes16(1) + std::string(4, '\0') + Bytes16(2) + pointer;
  const std::string address = TypeOf(query) == kDnsTypeA
                                  ? std::string("\x5d\xb8\xd8\x22", 4)
                                  : "\x20\x01\x0d\xb8" + std::string(11, '\0') + "\x01";
  reply += pointer + Bytes16(TypeOf(query)) + Bytes16(1) + std::string(4, '\0') +
           Bytes16(static_cast<unsigned>(address.size())) + address;
  return reply;
}

std::string WithCode(std::string reply, int code) {
  reply[3] = static_cast<char>((reply[3] & 0xf0) | code);
  return reply;
}

// What an honest time server that is `ahead_s` ahead says.
std::string TimeReply(const std::string& request, int ahead_s) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto us = static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
  const uint64_t seconds = us / 1'000'000 + 2'208'988'800 + static_cast<uint64_t>(ahead_s);
  std::string stamp;
  AppendBe64(seconds << 32 | ((us % 1'000'000) << 32) / 1'000'000, &stamp);
  std::string reply(48, '\0');
  reply[0] = 0x24;
  reply[1] = 2;
  reply.replace(24, 8, request.substr(40, 8));
  reply.replace(32, 8, stamp);
  reply.replace(40, 8, stamp);
  return reply;
}

}  // namespace

TEST_CASE("hosts of addresses are what name servers know them by") {
  CHECK(HostOfUrl("https://Shop.Example:8443/x?y#z") == "shop.example");
  CHECK(HostOfUrl("http://user:word@shop.example/") == "shop.example");
  CHECK(HostOfUrl("http://[2001:db8::1]:80/") == "2001:db8::1");
  CHECK(HostOfUrl("http://例え.テスト/") == "xn--r8jz45g.xn--zckzah");
  CHECK(HostOfUrl("http://bücher.example/") == "xn--bcher-kva.example");
  CHECK(HostOfUrl("http://中文。com/") == "xn--fiq228c.com");
  CHECK(HostOfUrl("http://他们为什么不说中文.cn") == "xn--ihqwcrb4cv8a8dqg056pqjye.cn");
  for (const char* url : {"about:blank", "http://", "http:///x", "http://a..b/", "http://[::1", "http://[x]/",
                          "http://a b/", "http://\xff/"}) {
    CAPTURE(url);
    CHECK_FALSE(HostOfUrl(url));
  }
  CHECK_FALSE(HostOfUrl("http://" + std::string(64, 'a') + ".example/"));
}

TEST_CASE("a question is written as RFC 1035 has it") {
  const auto query = EncodeDnsQuery(0x1234, "a.example", kDnsTypeA);
  REQUIRE(query);
  CHECK(ToHex(AsBytes(*query)) == "1234010000010000000000000161076578616d706c650000010001");
  for (const std::string& host :
       {std::string(), std::string("."), std::string("a..b"), std::string(64, 'a'), std::string(254, 'a')}) {
    CHECK_FALSE(EncodeDnsQuery(1, host, kDnsTypeA));
  }
}

TEST_CASE("replies are taken only when they are to the question, and whole") {
  const auto query = EncodeDnsQuery(7, "shop.example", kDnsTypeA);
  REQUIRE(query);
  const std::string reply = ReplyTo(*query);
  const auto decoded = DecodeDnsReply(reply, 7, "shop.example", kDnsTypeA);
  REQUIRE(decoded);
  CHECK(decoded->addresses == std::vector<std::string>{"93.184.216.34"});
  CHECK_FALSE(DecodeDnsReply(reply, 8, "shop.example", kDnsTypeA));
  CHECK_FALSE(DecodeDnsReply(reply, 7, "shop.examples", kDnsTypeA));
  CHECK_FALSE(DecodeDnsReply(reply, 7, "shop.example", kDnsTypeAaaa));
  CHECK_FALSE(DecodeDnsReply(*query, 7, "shop.example", kDnsTypeA));
  for (size_t length = 0; length < reply.size(); ++length) {
    CHECK_FALSE(DecodeDnsReply(reply.substr(0, length), 7, "shop.example", kDnsTypeA));
  }
  const auto none = DecodeDnsReply(WithCode(reply, 3), 7, "shop.example", kDnsTypeA);
  REQUIRE(none);
  CHECK_FALSE(none->exists);
  CHECK(DecodeDnsReply(WithCode(reply, 2), 7, "shop.example", kDnsTypeA)->code == 2);
}

TEST_CASE("name servers are asked all at once, and each says its own") {
  DatagramServer good(ReplyTo);
  DatagramServer refusing([](const std::string& query) { return WithCode(ReplyTo(query), 5); });
  DatagramServer lacking([](const std::string& query) {
    return WithCode(query.substr(0, 2) + "\x81\x80" + query.substr(4), 3);
  });
  // Forged: another's number. It must not be taken for the answer, and the question stays open until its time
  // is over.
  DatagramServer forging([](const std::string& query) {
    std::string reply = ReplyTo(query);
    reply[0] = static_cast<char>(reply[0] ^ 1);
    return reply;
  });
  const auto answers = AskNameServers(
      {good.name(), refusing.name(), lacking.name(), forging.name(), "no address"}, "shop.example", kWithin);
  REQUIRE(answers.size() == 5);
  CHECK(answers[0].answered);
  CHECK(answers[0].addresses == std::vector<std::string>{"2001:db8::1", "93.184.216.34"});
  CHECK_FALSE(answers[1].answered);
  CHECK(answers[1].failure == "it answers with code 5");
  CHECK(answers[2].answered);
  CHECK_FALSE(answers[2].exists);
  CHECK_FALSE(answers[3].answered);
  CHECK(answers[3].failure == "no answer in time");
  CHECK_FALSE(answers[4].answered);
}

TEST_CASE("a question that got lost is asked again") {
  std::atomic<int> count = 0;
  DatagramServer deaf([&](const std::string& query) { return ++count <= 2 ? "" : ReplyTo(query); });
  const auto answers = AskNameServers({deaf.name()}, "shop.example", kWithin);
  CHECK(answers[0].answered);
  CHECK(deaf.asked() == 4);
}

TEST_CASE("the offset of a time server is found, and its answer to somebody else is not taken") {
  DatagramServer ahead([](const std::string& request) { return TimeReply(request, 100); });
  DatagramServer behind([](const std::string& request) { return TimeReply(request, -100); });
  DatagramServer forging([](const std::string& request) {
    std::string reply = TimeReply(request, 100);
    reply[24] = static_cast<char>(reply[24] ^ 1);
    return reply;
  });
  DatagramServer unsynchronised([](const std::string& request) {
    std::string reply = TimeReply(request, 100);
    reply[0] = static_cast<char>(0xe4);
    return reply;
  });
  const auto answers =
      AskTimeServers({ahead.name(), behind.name(), forging.name(), unsynchronised.name()}, kWithin);
  REQUIRE(answers.size() == 4);
  CHECK(answers[0].answered);
  CHECK(answers[0].offset_us > 99'000'000);
  CHECK(answers[0].offset_us < 101'000'000);
  CHECK(answers[0].stratum == 2);
  CHECK(answers[1].offset_us < -99'000'000);
  CHECK_FALSE(answers[2].answered);
  CHECK_FALSE(answers[3].answered);
  CHECK(answers[3].failure == "the server has no time to give");
}

TEST_CASE("the system resolves localhost") {
  const AddressAnswer answer = ResolveBySystem("localhost", milliseconds(5'000));
  CHECK(answer.answered);
  CHECK_FALSE(answer.addresses.empty());
}
