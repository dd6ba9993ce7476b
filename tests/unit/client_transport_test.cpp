// The HTTP half: retries over a scripted transport, decoding of answers, and the real transport against a
// socket that misbehaves.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <deque>
#include <thread>

#include "client/sdk/async_client.h"
#include "client/sdk/client.h"

using namespace cunzheng;
using namespace cunzheng::client;
using boost::asio::awaitable;

namespace {

std::string CodeOf(const auto& result) {
  return std::string(result ? "ok" : ErrcName(result.error().code));
}

constexpr char kHash[] = "00000000000000000000000000000000000000000000000000000000000000ff";

std::string Problem(std::string_view code) {
  return "{\"type\":\"urn:cunzheng:error:" + std::string(code) +
         "\",\"title\":\"t\",\"status\":1,\"code\":\"" + std::string(code) +
         "\",\"detail\":\"why\",\"later_addition\":true}";
}

std::string SubmissionText(std::string_view extra = "") {
  return "{\"type\":\"cunzheng/submission/v1\",\"id\":\"" + std::string(kHash) +
         "\",\"index\":7,\"repeated\":true,\"entry\":\"e\",\"status\":\"pending\"" + std::string(extra) + "}";
}

// Answers from a script and writes down what it was asked.
class FakeTransport final : public Transport {
 public:
  struct Log {
    std::deque<Result<HttpResponse>> script;
    std::vector<HttpRequest> requests;
    std::vector<uint64_t> pauses_ms;
  };
  explicit FakeTransport(Log* log) : log_(log) {}
  awaitable<Result<HttpResponse>> Exchange(HttpRequest request) override {
    log_->requests.push_back(std::move(request));
    REQUIRE_FALSE(log_->script.empty());
    Result<HttpResponse> next = std::move(log_->script.front());
    log_->script.pop_front();
    co_return next;
  }
  awaitable<void> Pause(uint64_t duration_ms) override {
    log_->pauses_ms.push_back(duration_ms);
    co_return;
  }
  void Cancel() override {}

 private:
  Log* log_;
};

Result<HttpResponse> Reply(unsigned status, std::string body, std::optional<uint64_t> retry_after_s = {}) {
  return HttpResponse{status, retry_after_s, std::move(body)};
}

template <typename T>
awaitable<void> Keep(awaitable<Result<T>> call, std::optional<Result<T>>* out) {
  out->emplace(co_await std::move(call));
}

template <typename T>
Result<T> Await(awaitable<Result<T>> call) {
  boost::asio::io_context io;
  std::optional<Result<T>> out;
  boost::asio::co_spawn(io, Keep(std::move(call), &out), [](std::exception_ptr error) {
    if (error) std::rethrow_exception(error);
  });
  io.run();
  return std::move(*out);
}

// One scripted client, and its submission of an envelope.
struct Scripted {
  FakeTransport::Log log;
  ClientOptions options;
  Result<Submission> Submit() {
    AsyncClient client(std::make_unique<FakeTransport>(&log), options);
    return Await(client.SubmitBatch("the envelope's bytes"));
  }
};

}  // namespace

TEST_CASE("a batch is resent with the very same bytes until it gets through") {
  Scripted scripted;
  scripted.log.script = {Error{Errc::kUnreachable, "refused"}, Reply(503, Problem("busy")),
                         Error{Errc::kTimeout, "slow"}, Reply(200, SubmissionText())};
  const auto submission = scripted.Submit();
  REQUIRE(submission);
  CHECK(submission->index == 7);
  CHECK(submission->repeated);
  CHECK_FALSE(submission->attested);
  REQUIRE(scripted.log.requests.size() == 4);
  for (const HttpRequest& request : scripted.log.requests) {
    CHECK(request.method == "POST");
    CHECK(request.target == "/v1/batches");
    CHECK(request.content_type == "application/vnd.cunzheng.envelope");
    CHECK(request.body == "the envelope's bytes");
  }
  REQUIRE(scripted.log.pauses_ms.size() == 3);
  CHECK(scripted.log.pauses_ms[0] <= 250);
  CHECK(scripted.log.pauses_ms[2] >= 500);
}

TEST_CASE("after the last attempt the last error is told") {
  Scripted scripted;
  scripted.log.script = {Error{Errc::kUnreachable, "1"}, Error{Errc::kUnreachable, "2"},
                         Error{Errc::kUnreachable, "3"}, Reply(503, "not JSON")};
  const auto submission = scripted.Submit();
  REQUIRE_FALSE(submission);
  CHECK(submission.error().code == Errc::kBusy);
  CHECK(scripted.log.requests.size() == 4);
}

TEST_CASE("a refusal is told at once, with the ledger's reason") {
  for (const auto& [status, code] :
       std::initializer_list<std::pair<unsigned, const char*>>{{403, "unknown_account"},
                                                               {403, "account_suspended"},
                                                               {429, "quota_exceeded"},
                                                               {422, "wrong_ledger"}}) {
    Scripted scripted;
    scripted.log.script = {Reply(status, Problem(code), 3'600)};
    const auto submission = scripted.Submit();
    CHECK(CodeOf(submission) == code);
    CHECK(submission.error().detail == "why");
    CHECK(scripted.log.pauses_ms.empty());
  }
}

TEST_CASE("a node that names a time is given that time") {
  Scripted scripted;
  scripted.log.script = {Reply(429, Problem("rate_limited"), 3), Reply(200, SubmissionText())};
  CHECK(scripted.Submit());
  REQUIRE(scripted.log.pauses_ms.size() == 1);
  CHECK(scripted.log.pauses_ms[0] >= 3'000);
  CHECK(scripted.log.pauses_ms[0] < 4'000);
}

TEST_CASE("an interrupt ends the retries") {
  Scripted scripted;
  scripted.options.stop = [] { return true; };
  scripted.log.script = {Error{Errc::kUnreachable, "x"}};
  CHECK(CodeOf(scripted.Submit()) == "interrupted");
}

TEST_CASE("statuses without a problem document still mean something") {
  const auto code = [](unsigned status) { return ErrorFromResponse({status, {}, "<html>"}).code; };
  CHECK(code(404) == Errc::kNotFound);
  CHECK(code(413) == Errc::kTooLarge);
  CHECK(code(429) == Errc::kRateLimited);
  CHECK(code(502) == Errc::kUnreachable);
  CHECK(code(503) == Errc::kBusy);
  CHECK(code(504) == Errc::kTimeout);
  CHECK(code(500) == Errc::kInternal);
  CHECK(code(400) == Errc::kInvalidValue);
  // A code that this version does not know falls back to the status.
  CHECK(ErrorFromResponse({503, {}, Problem("from_the_future")}).code == Errc::kBusy);
}

TEST_CASE("answers are decoded strictly where it matters and tolerate additions") {
  CHECK(DecodeSubmission(SubmissionText()));
  CHECK(DecodeSubmission(SubmissionText(",\"later_addition\":1")));
  CHECK(CodeOf(DecodeSubmission("")) == "invalid_json");
  CHECK(CodeOf(DecodeSubmission("{}")) == "missing_field");
  std::string attested = SubmissionText();
  attested.replace(attested.find("pending"), 7, "attested");
  CHECK(CodeOf(DecodeSubmission(attested)) == "missing_field");

  const std::string ledger = "{\"ledger\":\"" + std::string(kHash) +
                             "\",\"origin\":\"o\",\"size\":3,\"root\":\"" + kHash +
                             "\",\"n\":1,\"k\":1,\"f\":0,\"writable\":false,\"reason\":\"disk\",\"height\":9,"
                             "\"params\":{\"batch_bytes_max\":65536,\"later\":1}}";
  const auto info = DecodeLedgerInfo(ledger);
  REQUIRE(info);
  CHECK(info->batch_bytes_max == 65'536);
  CHECK(info->reason == "disk");
  CHECK(DecodeRecordPage("{\"items\":[],\"next\":\"c\"}")->next == "c");
  CHECK(CodeOf(DecodeRecordPage("{\"items\":[{}]}")) == "missing_field");
}

namespace {

// A listening socket on loopback whose connections one function handles, on a thread of its own.
class Listener {
 public:
  template <typename Handle>
  explicit Listener(Handle handle) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    REQUIRE(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length) == 0);
    REQUIRE(listen(fd_, 8) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, handle] {
      for (;;) {
        const int peer = accept(fd_, nullptr, nullptr);
        if (peer < 0) return;
        handle(peer);
        close(peer);
      }
    });
  }
  ~Listener() {
    shutdown(fd_, SHUT_RDWR);
    thread_.join();
    close(fd_);
  }
  ClientOptions Options() const {
    ClientOptions options;
    options.node = "http://127.0.0.1:" + std::to_string(port_);
    options.retry.attempts_max = 1;
    return options;
  }

 private:
  int fd_;
  uint16_t port_ = 0;
  std::thread thread_;
};

// Reads one request's head; false when the peer has closed.
bool ReadHead(int fd) {
  std::string head;
  char byte = 0;
  while (head.find("\r\n\r\n") == std::string::npos) {
    if (read(fd, &byte, 1) != 1) return false;
    head += byte;
  }
  return true;
}

void Send(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (put <= 0) return;
    text.remove_prefix(static_cast<size_t>(put));
  }
}

std::string Ok(std::string_view body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

}  // namespace

TEST_CASE("a kept connection that the node has closed meanwhile is made anew without an error") {
  const Listener listener([](int fd) {
    if (ReadHead(fd)) Send(fd, Ok("first"));  // and then closes, though it promised to keep alive
  });
  auto client = Client::Make(listener.Options());
  REQUIRE(client);
  for (int i = 0; i < 3; ++i) {
    const auto note = client->GetCheckpoint();
    REQUIRE(note);
    CHECK(*note == "first");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

TEST_CASE("an answer over the limit is refused before it is read") {
  const Listener listener([](int fd) {
    if (ReadHead(fd)) Send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n");
  });
  auto client = Client::Make(listener.Options());
  REQUIRE(client);
  CHECK(CodeOf(client->GetCheckpoint()) == "too_large");
}

TEST_CASE("endless headers and garbage are refused") {
  const Listener endless([](int fd) {
    Send(fd, "HTTP/1.1 200 OK\r\nX: ");
    Send(fd, std::string(100'000, 'x'));
  });
  auto client = Client::Make(endless.Options());
  REQUIRE(client);
  CHECK_FALSE(client->GetCheckpoint());
  const Listener garbage([](int fd) { Send(fd, "SSH-2.0-OpenSSH\r\n"); });
  auto other = Client::Make(garbage.Options());
  REQUIRE(other);
  CHECK(CodeOf(other->GetCheckpoint()) == "unreachable");
}

TEST_CASE("a node that says nothing is given up after the timeout") {
  const Listener listener([](int fd) {
    char byte = 0;
    while (read(fd, &byte, 1) == 1) {
    }
  });
  ClientOptions options = listener.Options();
  options.exchange_timeout_ms = 200;
  auto client = Client::Make(options);
  REQUIRE(client);
  const auto began = std::chrono::steady_clock::now();
  CHECK(CodeOf(client->GetCheckpoint()) == "timeout");
  CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(5));
}

TEST_CASE("an interrupt ends a call that waits") {
  const Listener listener([](int fd) {
    char byte = 0;
    while (read(fd, &byte, 1) == 1) {
    }
  });
  ClientOptions options = listener.Options();
  const auto began = std::chrono::steady_clock::now();
  options.stop = [began] {
    return std::chrono::steady_clock::now() - began > std::chrono::milliseconds(200);
  };
  auto client = Client::Make(options);
  REQUIRE(client);
  CHECK(CodeOf(client->GetCheckpoint()) == "interrupted");
  CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(5));
}

TEST_CASE("nobody listening is unreachable, and plain HTTP is no TLS") {
  ClientOptions options;
  {
    const Listener listener([](int) {});
    options = listener.Options();
    std::string secure = options.node;
    ClientOptions tls = options;
    tls.node = secure.replace(0, 4, "https");
    auto client = Client::Make(tls);
    REQUIRE(client);
    CHECK(CodeOf(client->GetCheckpoint()) == "unreachable");
  }
  auto client = Client::Make(options);
  REQUIRE(client);
  CHECK(CodeOf(client->GetCheckpoint()) == "unreachable");
  options.node = "not a node";
  CHECK(CodeOf(Client::Make(options)) == "usage");
  options.node = "https://x";
  options.ca_file = "/nonexistent/ca.pem";
  CHECK(CodeOf(Client::Make(options)) == "io_error");
}
