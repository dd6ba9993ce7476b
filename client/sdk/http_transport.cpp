#include <openssl/err.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <charconv>
#include <chrono>
#include <optional>

#include "client/sdk/transport.h"

namespace cunzheng::client {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::awaitable;
using asio::redirect_error;
using asio::use_awaitable;
using asio::ip::tcp;
using boost::system::error_code;

constexpr uint32_t kHeaderBytesMax = 16 * 1024;

std::chrono::milliseconds Milliseconds(uint64_t value) {
  return std::chrono::milliseconds(value);
}

class HttpTransport final : public Transport {
 public:
  HttpTransport(asio::any_io_executor executor, NodeUrl url, const ClientOptions& options,
                std::unique_ptr<asio::ssl::context> tls)
      : executor_(std::move(executor)),
        timer_(executor_),
        resolver_(executor_),
        url_(std::move(url)),
        connect_timeout_ms_(options.connect_timeout_ms),
        exchange_timeout_ms_(options.exchange_timeout_ms),
        body_bytes_max_(options.body_bytes_max),
        tls_context_(std::move(tls)) {}

  awaitable<Result<HttpResponse>> Exchange(HttpRequest request) override {
    const bool kept = connected_;
    if (!connected_) CO_RETURN_IF_ERROR(co_await Connect());
    auto answer = co_await Talk(request);
    // A kept connection may have been closed by the other side while it lay idle; every request of this
    // API may be repeated, so that is no failure yet.
    if (!answer && kept && answer.error().code == Errc::kUnreachable) {
      CO_RETURN_IF_ERROR(co_await Connect());
      answer = co_await Talk(request);
    }
    co_return answer;
  }

  awaitable<void> Pause(uint64_t duration_ms) override {
    timer_.expires_after(Milliseconds(duration_ms));
    error_code ec;
    co_await timer_.async_wait(redirect_error(use_awaitable, ec));
  }

  void Cancel() override {
    timer_.cancel();
    resolver_.cancel();
    Close();
  }

 private:
  Error Failure(const char* what, const error_code& ec) {
    Close();
    const std::string where = std::string(what) + " " + url_.ToString();
    if (ec == beast::error::timeout) return {Errc::kTimeout, where + ": no answer in time"};
    if (ec == http::error::body_limit || ec == http::error::header_limit) {
      return {Errc::kTooLarge, where + ": the answer is over its limit"};
    }
    return {Errc::kUnreachable, where + ": " + ec.message()};
  }

  void Close() {
    connected_ = false;
    error_code ignored;
    if (plain_) plain_->socket().close(ignored);
    if (secure_) secure_->next_layer().socket().close(ignored);
  }

  awaitable<Result<void>> Connect() {
    Close();
    buffer_.clear();
    error_code ec;
    tcp::resolver::results_type endpoints;
    const auto address = asio::ip::make_address(url_.host, ec);
    if (!ec) {
      uint16_t port = 0;
      std::from_chars(url_.port.data(), url_.port.data() + url_.port.size(), port);
      endpoints = tcp::resolver::results_type::create(tcp::endpoint(address, port), url_.host, url_.port);
    } else {
      ec = {};
      endpoints = co_await resolver_.async_resolve(url_.host, url_.port, redirect_error(use_awaitable, ec));
      if (ec) co_return Failure("cannot resolve", ec);
    }

    if (!url_.tls) {
      plain_.emplace(executor_);
      plain_->expires_after(Milliseconds(connect_timeout_ms_));
      co_await plain_->async_connect(endpoints, redirect_error(use_awaitable, ec));
      if (ec) co_return Failure("cannot connect to", ec);
      plain_->socket().set_option(tcp::no_delay(true), ec);
    } else {
      secure_.emplace(executor_, *tls_context_);
      auto& lowest = secure_->next_layer();
      lowest.expires_after(Milliseconds(connect_timeout_ms_));
      co_await lowest.async_connect(endpoints, redirect_error(use_awaitable, ec));
      if (ec) co_return Failure("cannot connect to", ec);
      lowest.socket().set_option(tcp::no_delay(true), ec);
      SSL_set_tlsext_host_name(secure_->native_handle(), url_.host.c_str());
      secure_->set_verify_callback(asio::ssl::host_name_verification(url_.host));
      co_await secure_->async_handshake(asio::ssl::stream_base::client, redirect_error(use_awaitable, ec));
      if (ec) co_return Failure("no trusted TLS connection to", ec);
    }
    connected_ = true;
    co_return Result<void>();
  }

  awaitable<Result<HttpResponse>> Talk(const HttpRequest& request) {
    if (secure_) co_return co_await TalkOver(*secure_, secure_->next_layer(), request);
    co_return co_await TalkOver(*plain_, *plain_, request);
  }

  template <typename Stream>
  awaitable<Result<HttpResponse>> TalkOver(Stream& stream, beast::tcp_stream& lowest,
                                           const HttpRequest& request) {
    http::request<http::span_body<const char>> message;
    message.version(11);
    message.method_string(request.method);
    message.target(url_.prefix + request.target);
    const bool default_port = url_.port == (url_.tls ? "443" : "80");
    const bool v6 = url_.host.find(':') != std::string::npos;
    message.set(http::field::host,
                (v6 ? "[" + url_.host + "]" : url_.host) + (default_port ? "" : ":" + url_.port));
    message.set(http::field::user_agent, "cunzheng");
    message.set(http::field::accept, "application/json, application/problem+json, text/plain");
    if (!request.content_type.empty()) message.set(http::field::content_type, request.content_type);
    message.body() = {request.body.data(), request.body.size()};
    message.prepare_payload();

    error_code ec;
    lowest.expires_after(Milliseconds(exchange_timeout_ms_ + request.wait_ms));
    co_await http::async_write(stream, message, redirect_error(use_awaitable, ec));
    // A node that refuses a body may answer and close before it has read all; its answer says why.
    const error_code write_error = ec;
    if (write_error == beast::error::timeout) co_return Failure("no answer from", ec);

    http::response_parser<http::string_body> parser;
    parser.header_limit(kHeaderBytesMax);
    parser.body_limit(body_bytes_max_);
    ec = {};
    co_await http::async_read(stream, buffer_, parser, redirect_error(use_awaitable, ec));
    if (ec) co_return Failure("no answer from", write_error ? write_error : ec);

    auto& answer = parser.get();
    HttpResponse out;
    out.status = answer.result_int();
    if (const auto field = answer.find(http::field::retry_after); field != answer.end()) {
      uint64_t seconds = 0;
      const auto text = field->value();
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
      if (error == std::errc() && end == text.data() + text.size()) out.retry_after_s = seconds;
    }
    const bool keep = !write_error && answer.keep_alive();
    out.body = std::move(answer.body());
    if (!keep) Close();
    co_return out;
  }

  asio::any_io_executor executor_;
  asio::steady_timer timer_;
  tcp::resolver resolver_;
  const NodeUrl url_;
  const uint64_t connect_timeout_ms_, exchange_timeout_ms_, body_bytes_max_;
  const std::unique_ptr<asio::ssl::context> tls_context_;
  std::optional<beast::tcp_stream> plain_;
  std::optional<beast::ssl_stream<beast::tcp_stream>> secure_;
  beast::flat_buffer buffer_;
  bool connected_ = false;
};

}  // namespace

Result<std::unique_ptr<Transport>> MakeHttpTransport(asio::any_io_executor executor,
                                                     const ClientOptions& options) {
  ASSIGN_OR_RETURN(NodeUrl url, ParseNodeUrl(options.node));
  std::unique_ptr<asio::ssl::context> tls;
  if (url.tls) {
    tls = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_client);
    error_code ec;
    SSL_CTX_set_min_proto_version(tls->native_handle(), TLS1_2_VERSION);
    tls->set_verify_mode(asio::ssl::verify_peer, ec);
    if (options.ca_file.empty()) {
      tls->set_default_verify_paths(ec);
    } else {
      tls->load_verify_file(options.ca_file, ec);
    }
    if (ec) return Error{Errc::kIo, "CA file " + options.ca_file + ": " + ec.message()};
  }
  return std::unique_ptr<Transport>(
      std::make_unique<HttpTransport>(std::move(executor), std::move(url), options, std::move(tls)));
}

}  // namespace cunzheng::client
