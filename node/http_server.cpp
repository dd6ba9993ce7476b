#include "node/http_server.h"

#include <sys/resource.h>

#include <atomic>
#include <boost/asio.hpp>
#include <boost/asio/experimental/as_tuple.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <optional>
#include <thread>
#include <vector>

#include "node/admission.h"
#include "node/http_worker.h"
#include "node/log.h"
#include "node/target.h"

namespace cunzheng::node {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::awaitable;
using tcp = asio::ip::tcp;
using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;
using TimePoint = SteadyClock::time_point;

// Errors come back as values; exceptions would cost more than the request.
constexpr auto kAwait = asio::experimental::as_tuple(asio::use_awaitable);

constexpr auto kSweepInterval = milliseconds(200);
constexpr auto kAcceptBackoff = milliseconds(100);
// After an error answer the client may still be sending. Reading on for a while lets the answer
// arrive before the reset.
constexpr auto kLingerTimeout = milliseconds(2'000);
constexpr size_t kLingerBytesMax = 4u << 20;
constexpr size_t kReadAhead = 64u << 10;
constexpr size_t kBufferKept = 16u << 10;
constexpr int kBacklog = 4'096;
// More than these at once are closed without a word.
constexpr int kDismissedMax = 512;
// Descriptors for the store, logs and sockets being refused.
constexpr uint64_t kDescriptorsReserved = 1'536;

struct Timeouts {
  milliseconds header, body, write, idle;
};

AddressKey KeyOf(const asio::ip::address& address) {
  AddressKey key{};
  if (address.is_v4() || address.to_v6().is_v4_mapped()) {
    const auto v4 =
        address.is_v4() ? address.to_v4() : asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
    const auto bytes = v4.to_bytes();
    std::copy(bytes.begin(), bytes.end(), key.begin() + 8);
    key[0] = 4;
  } else {
    const auto bytes = address.to_v6().to_bytes();
    std::copy(bytes.begin(), bytes.begin() + 8, key.begin());
  }
  return key;
}

Method MethodOf(http::verb verb) {
  if (verb == http::verb::get || verb == http::verb::head) return Method::kGet;
  return verb == http::verb::post ? Method::kPost : Method::kOther;
}

std::string_view View(beast::string_view text) {
  return {text.data(), text.size()};
}

// The answer to a header that Beast would not take.
Response ParseProblem(const beast::error_code& error) {
  if (error == http::error::header_limit) {
    return Problem(431, "header_too_large", "header: longer than this node takes");
  }
  if (error == http::error::body_limit) {
    return Problem(413, "too_large", "body: longer than this node takes");
  }
  return Problem(400, "bad_request", "request: " + error.message());
}

Response TimeoutProblem(std::string_view part) {
  return Problem(408, "request_timeout", std::string(part) + ": did not arrive in time");
}

}  // namespace

struct HttpServer::Impl {
  Impl(const Config& config, RequestHandler* handler_arg, Metrics* metrics_arg, uint64_t connections_max)
      : handler(handler_arg),
        metrics(metrics_arg),
        timeouts{milliseconds(config.header_timeout_ms), milliseconds(config.body_timeout_ms),
                 milliseconds(config.write_timeout_ms), milliseconds(config.idle_timeout_ms)},
        header_bytes_max(static_cast<uint32_t>(config.header_bytes_max)),
        body_bytes_in_flight_max(config.body_bytes_in_flight_max),
        admission(connections_max, config.connections_per_address_max,
                  config.requests_per_second_per_address) {}

  RequestHandler* const handler;
  Metrics* const metrics;
  const Timeouts timeouts;
  const uint32_t header_bytes_max;
  const uint64_t body_bytes_in_flight_max;
  std::atomic<uint64_t> body_bytes_in_flight{0};
  Admission admission;
  std::optional<asio::ssl::context> tls;
  std::vector<std::unique_ptr<Worker>> workers;
  std::optional<tcp::acceptor> acceptor;
  std::string address;
  std::atomic<bool> draining{false};
  std::atomic<int> dismissed{0};  // connections being told that there is no room
  bool started = false;

  awaitable<void> Accept();
  awaitable<void> Sweep(Worker* worker);
  awaitable<void> Serve(Worker* worker, tcp::socket socket, AddressKey address);
  template <class Stream>
  awaitable<void> Converse(Worker* worker, Registration* registration, AddressKey address, Stream* stream);
  template <class Stream>
  awaitable<bool> Send(Worker* worker, Registration* registration, Stream* stream, Response response,
                       http::verb verb, bool keep_alive);
  template <class Stream>
  awaitable<void> Linger(Registration* registration, Stream* stream);
  awaitable<void> Dismiss(Worker* worker, tcp::socket socket, Admission::Verdict verdict);
  void EvictIdle(Worker* worker);
  void StopThreads();
};

// Gives the bytes of a body back to the common budget.
class BodyBudget {
 public:
  BodyBudget(std::atomic<uint64_t>* in_flight, uint64_t max, uint64_t length)
      : in_flight_(in_flight), length_(length) {
    const uint64_t before = in_flight_->fetch_add(length_);
    granted_ = before + length_ <= max;
  }
  ~BodyBudget() { in_flight_->fetch_sub(length_); }
  BodyBudget(const BodyBudget&) = delete;
  BodyBudget& operator=(const BodyBudget&) = delete;
  bool granted() const { return granted_; }

 private:
  std::atomic<uint64_t>* in_flight_;
  uint64_t length_;
  bool granted_ = false;
};

// Accepting never ends: a shortage of descriptors, or one bad connection, is waited out.
awaitable<void> HttpServer::Impl::Accept() {
  asio::steady_timer backoff(workers[0]->context);
  size_t next = 0;
  while (!draining) {
    Worker* worker = workers[next].get();
    next = (next + 1) % workers.size();
    auto [error, socket] = co_await acceptor->async_accept(worker->context, kAwait);
    if (draining || error == asio::error::operation_aborted) co_return;
    if (error) {
      if (error == asio::error::connection_aborted) continue;
      Log(LogLevel::kWarning, "accept failed", {{"reason", error.message()}});
      backoff.expires_after(kAcceptBackoff);
      co_await backoff.async_wait(kAwait);
      continue;
    }
    beast::error_code ignored;
    const auto peer = socket.remote_endpoint(ignored);
    const AddressKey key = KeyOf(peer.address());
    const auto verdict = admission.Connect(key);
    if (verdict != Admission::Verdict::kAdmitted) {
      // The client that waits longest makes room, so that idle connections cannot shut others out;
      // this one is told to come again, by when there is room.
      if (verdict == Admission::Verdict::kFull) {
        asio::post(worker->context, [this, worker] { EvictIdle(worker); });
      }
      metrics->ConnectionRefused();
      // Under TLS no answer could be read before a handshake.
      if (!tls && dismissed < kDismissedMax) {
        ++dismissed;
        asio::co_spawn(worker->context, Dismiss(worker, std::move(socket), verdict), asio::detached);
      }
      continue;
    }
    socket.set_option(tcp::no_delay(true), ignored);
    metrics->ConnectionOpened();
    asio::co_spawn(worker->context, Serve(worker, std::move(socket), key), asio::detached);
  }
}

void HttpServer::Impl::EvictIdle(Worker* worker) {
  for (Watched* watched : worker->watched) {
    if (!watched->waiting || watched->expired) continue;
    watched->End();
    metrics->ConnectionEvicted();
    return;
  }
}

// Tells a connection over a limit to come again.
awaitable<void> HttpServer::Impl::Dismiss(Worker* worker, tcp::socket socket, Admission::Verdict verdict) {
  Watched watched;
  watched.socket = &socket;
  Registration registration(worker, &watched);
  Response problem = handler->ProblemFor({Errc::kBusy, verdict == Admission::Verdict::kFull
                                                           ? "node: too many connections"
                                                           : "node: too many connections from this address"});
  co_await Send(worker, &registration, &socket, std::move(problem), http::verb::get, false);
  co_await Linger(&registration, &socket);
  --dismissed;
}

// Ends what overstayed its deadline. One look at all connections a few times a second costs less
// than a timer for each operation of each.
awaitable<void> HttpServer::Impl::Sweep(Worker* worker) {
  for (;;) {
    worker->sweep_timer.expires_after(kSweepInterval);
    co_await worker->sweep_timer.async_wait(kAwait);
    const TimePoint now = SteadyClock::now();
    for (Watched* watched : worker->watched) {
      const bool unwanted = draining && watched->waiting;
      // Again and again: the first may fall between two reads of one operation.
      if (now >= watched->deadline || unwanted) watched->End();
    }
  }
}

awaitable<void> HttpServer::Impl::Serve(Worker* worker, tcp::socket socket, AddressKey address) {
  {
    Watched watched;
    if (tls) {
      asio::ssl::stream<tcp::socket> stream(std::move(socket), *tls);
      watched.socket = &stream.next_layer();
      Registration registration(worker, &watched);
      registration.Wait(timeouts.header);
      auto [error] = co_await stream.async_handshake(asio::ssl::stream_base::server, kAwait);
      if (!error) co_await Converse(worker, &registration, address, &stream);
    } else {
      watched.socket = &socket;
      Registration registration(worker, &watched);
      co_await Converse(worker, &registration, address, &socket);
    }
  }
  metrics->ConnectionClosed();
  admission.Disconnect(address);
}

// Requests of one connection, one after the other; pipelined ones wait in `buffer`.
template <class Stream>
awaitable<void> HttpServer::Impl::Converse(Worker* worker, Registration* registration, AddressKey address,
                                           Stream* stream) {
  beast::flat_buffer buffer(header_bytes_max + kReadAhead);
  bool first = true;
  while (!draining) {
    http::request_parser<http::string_body> parser;
    parser.header_limit(header_bytes_max);
    parser.body_limit(handler->body_length_max());
    registration->Wait(first || buffer.size() != 0 ? timeouts.header : timeouts.idle);
    first = false;
    auto [header_error, header_read] = co_await http::async_read_header(*stream, buffer, parser, kAwait);
    if (header_error) {
      if (registration->expired() && buffer.size() != 0 && !draining) {
        co_await Send(worker, registration, stream, TimeoutProblem("header"), http::verb::get, false);
        co_return;
      }
      // Only a malformed request gets an answer; one that ended or never began does not.
      if (header_error.category() != http::make_error_code(http::error::bad_method).category() ||
          header_error == http::error::end_of_stream || header_error == http::error::partial_message) {
        co_return;
      }
      co_await Send(worker, registration, stream, ParseProblem(header_error), http::verb::get, false);
      co_await Linger(registration, stream);
      co_return;
    }
    registration->Busy(timeouts.body);
    const auto& message = parser.get();
    const std::string_view target = View(message.target());
    const std::string_view content_type = View(message[http::field::content_type]);
    const Method method = MethodOf(message.method());

    std::optional<Response> refusal;
    if (!admission.Request(address, SteadyClock::now())) {
      refusal = handler->ProblemFor({Errc::kRateLimited, "node: too many requests from this address"});
    } else if (target.size() > kTargetLengthMax) {
      refusal = Problem(414, "uri_too_long", "target: longer than this node takes");
    } else {
      refusal = handler->Precheck(method, target, content_type);
    }
    const uint64_t length = parser.content_length() ? *parser.content_length() : 0;
    if (!refusal && method == Method::kPost && !parser.content_length()) {
      refusal = Problem(411, "length_required", "Content-Length: required");
    }
    if (!refusal && method == Method::kGet && (length != 0 || parser.chunked())) {
      refusal = Problem(400, "bad_request", "body: a GET has none");
    }
    const BodyBudget budget(&body_bytes_in_flight, body_bytes_in_flight_max, refusal ? 0 : length);
    if (!refusal && !budget.granted()) {
      refusal = handler->ProblemFor({Errc::kBusy, "node: too many request bodies at once"});
    }
    if (refusal) {
      // With no body to pass over, the connection can go on.
      const bool keep = length == 0 && !parser.chunked() && message.keep_alive() && message.version() == 11;
      const bool sent =
          co_await Send(worker, registration, stream, *std::move(refusal), message.method(), keep);
      if (!sent) co_return;
      if (keep) continue;
      co_await Linger(registration, stream);
      co_return;
    }
    if (length != 0) {
      if (message[http::field::expect] == "100-continue" && buffer.size() == 0) {
        http::response<http::empty_body> go_on(http::status::continue_, message.version());
        auto [error, written] = co_await http::async_write(*stream, go_on, kAwait);
        if (error) co_return;
      }
      auto [error, read] = co_await http::async_read(*stream, buffer, parser, kAwait);
      if (error) {
        if (!registration->expired()) co_return;
        co_await Send(worker, registration, stream, TimeoutProblem("body"), http::verb::post, false);
        co_return;
      }
    }
    registration->Busy(std::nullopt);
    const bool keep_alive = message.keep_alive() && message.version() == 11;
    Response response = co_await handler->Handle({method, target, content_type, parser.get().body()});
    const bool sent = co_await Send(worker, registration, stream, std::move(response), message.method(),
                                    keep_alive && !draining);
    if (!sent) co_return;
    // A large body must not stay with an idle connection.
    if (buffer.size() == 0 && buffer.capacity() > kBufferKept) buffer.shrink_to_fit();
  }
}

// Returns whether the connection goes on.
template <class Stream>
awaitable<bool> HttpServer::Impl::Send(Worker* worker, Registration* registration, Stream* stream,
                                       Response response, http::verb verb, bool keep_alive) {
  http::response<http::string_body> answer(static_cast<http::status>(response.status), 11);
  answer.set(http::field::date, worker->Date());
  answer.set(http::field::content_type,
             beast::string_view(response.content_type.data(), response.content_type.size()));
  answer.set(http::field::cache_control,
             response.immutable ? "public, max-age=31536000, immutable" : "no-store");
  answer.set("X-Content-Type-Options", "nosniff");
  if (response.retry_after_s) answer.set(http::field::retry_after, std::to_string(*response.retry_after_s));
  if (!response.allow.empty()) {
    answer.set(http::field::allow, beast::string_view(response.allow.data(), response.allow.size()));
  }
  answer.content_length(response.body.size());
  if (verb != http::verb::head) answer.body() = std::move(response.body);
  answer.keep_alive(keep_alive);
  metrics->Request(response.status);
  registration->Busy(timeouts.write);
  auto [error, written] = co_await http::async_write(*stream, answer, kAwait);
  co_return !error && keep_alive;
}

template <class Stream>
awaitable<void> HttpServer::Impl::Linger(Registration* registration, Stream* stream) {
  registration->Busy(kLingerTimeout);
  beast::error_code ignored;
  beast::get_lowest_layer(*stream).shutdown(tcp::socket::shutdown_send, ignored);
  std::vector<char> scratch(16u << 10);
  for (size_t total = 0; total < kLingerBytesMax;) {
    auto [error, read] =
        co_await beast::get_lowest_layer(*stream).async_read_some(asio::buffer(scratch), kAwait);
    if (error) co_return;
    total += read;
  }
}

void HttpServer::Impl::StopThreads() {
  for (auto& worker : workers) worker->context.stop();
  for (auto& worker : workers) {
    if (worker->thread.joinable()) worker->thread.join();
  }
}

namespace {

// Raises the soft limit to the hard one; returns how many connections it leaves room for.
uint64_t ConnectionsAllowed(uint64_t wanted) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) getrlimit(RLIMIT_NOFILE, &limit);
  }
  if (limit.rlim_cur == RLIM_INFINITY) return wanted;
  const uint64_t reserved = std::min<uint64_t>(kDescriptorsReserved, limit.rlim_cur / 2);
  return std::min<uint64_t>(wanted, limit.rlim_cur - reserved);
}

Result<asio::ssl::context> MakeTls(const Config& config) {
  asio::ssl::context context(asio::ssl::context::tls_server);
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  context.set_options(asio::ssl::context::no_compression | asio::ssl::context::single_dh_use);
  beast::error_code error;
  context.use_certificate_chain_file(config.tls_certificate, error);
  if (error) return Error{Errc::kUsage, "config: http.tls_certificate: " + error.message()};
  context.use_private_key_file(config.tls_key, asio::ssl::context::pem, error);
  if (error) return Error{Errc::kUsage, "config: http.tls_key: " + error.message()};
  if (SSL_CTX_check_private_key(context.native_handle()) != 1) {
    return Error{Errc::kUsage, "config: http.tls_key: not the key of http.tls_certificate"};
  }
  return context;
}

}  // namespace

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<HttpServer>> HttpServer::Listen(const Config& config, RequestHandler* handler,
                                                       Metrics* metrics) {
  ASSIGN_OR_RETURN(const ListenAddress listen, ParseListenAddress(config.listen));
  const uint64_t connections_max = ConnectionsAllowed(config.connections_max);
  if (connections_max < config.connections_max) {
    Log(LogLevel::kWarning, "fewer connections than configured: limit on open files",
        {{"connections_max", std::to_string(connections_max)}});
  }
  auto impl = std::make_unique<Impl>(config, handler, metrics, connections_max);
  if (!config.tls_certificate.empty()) {
    ASSIGN_OR_RETURN(impl->tls, MakeTls(config));
  }
  uint64_t threads = config.threads;
  if (threads == 0) threads = std::max(1u, std::thread::hardware_concurrency());
  for (uint64_t i = 0; i < threads; ++i) impl->workers.push_back(std::make_unique<Worker>());

  beast::error_code error;
  const tcp::endpoint endpoint(asio::ip::make_address(listen.host, error), listen.port);
  impl->acceptor.emplace(impl->workers[0]->context);
  tcp::acceptor& acceptor = *impl->acceptor;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(kBacklog, error);
  if (error) return Error{Errc::kIo, "listen " + config.listen + ": " + error.message()};
  const std::string host = endpoint.address().is_v6() ? "[" + listen.host + "]" : listen.host;
  impl->address = host + ":" + std::to_string(acceptor.local_endpoint().port());
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::~HttpServer() {
  impl_->StopThreads();
}

const std::string& HttpServer::address() const {
  return impl_->address;
}

void HttpServer::Start() {
  CHECK_INVARIANT(!impl_->started);
  impl_->started = true;
  asio::co_spawn(impl_->workers[0]->context, impl_->Accept(), asio::detached);
  for (auto& worker : impl_->workers) {
    Worker* raw = worker.get();
    asio::co_spawn(raw->context, impl_->Sweep(raw), asio::detached);
    raw->thread = std::thread([raw] { raw->context.run(); });
    pthread_setname_np(raw->thread.native_handle(), "http");
  }
}

bool HttpServer::Drain(TimePoint deadline) {
  impl_->draining = true;
  asio::post(impl_->workers[0]->context, [this] {
    beast::error_code ignored;
    impl_->acceptor->close(ignored);
  });
  while (impl_->admission.connections() != 0) {
    if (SteadyClock::now() >= deadline) return false;
    std::this_thread::sleep_for(milliseconds(10));
  }
  return true;
}

}  // namespace cunzheng::node
