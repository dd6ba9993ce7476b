#include "node/node_client.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <chrono>
#include <functional>

#include "crypto/key_file.h"
#include "node/api.h"
#include "node/config.h"

namespace cunzheng::node {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using IoError = beast::error_code;

constexpr auto kTimeout = std::chrono::seconds(30);
constexpr uint64_t kAnswerLengthMax = 16u << 20;

Error Unreachable(const std::string& address, const IoError& error) {
  return {Errc::kUnreachable, "node at " + address + ": " + error.message()};
}

// Runs one asynchronous operation to its end; the stream's own timer bounds it.
IoError Await(asio::io_context* context, const std::function<void(std::function<void(IoError)>)>& start) {
  IoError result = asio::error::operation_aborted;
  start([&](IoError error) { result = error; });
  context->restart();
  context->run();
  return result;
}

http::request<http::string_body> MakeRequest(const std::string& address, const std::string& target,
                                             const std::string& body) {
  http::request<http::string_body> request(body.empty() ? http::verb::get : http::verb::post, target, 11);
  request.set(http::field::host, address);
  if (!body.empty()) {
    request.set(http::field::content_type, beast::string_view(kEnvelopeType.data(), kEnvelopeType.size()));
  }
  request.body() = body;
  request.prepare_payload();
  request.keep_alive(false);
  return request;
}

template <class Stream>
Result<NodeAnswer> Exchange(asio::io_context* context, Stream* stream, const std::string& address,
                            const std::string& target, const std::string& body) {
  const auto request = MakeRequest(address, target, body);
  IoError error = Await(context, [&](auto done) {
    http::async_write(*stream, request, [done](IoError e, size_t) { done(e); });
  });
  if (error) return Unreachable(address, error);
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(kAnswerLengthMax);
  error = Await(context, [&](auto done) {
    http::async_read(*stream, buffer, parser, [done](IoError e, size_t) { done(e); });
  });
  if (error) return Unreachable(address, error);
  return NodeAnswer{static_cast<int>(parser.get().result_int()), std::move(parser.get().body())};
}

// Whether the peer showed the very certificate that the configuration names: the folder's owner
// runs both ends, so no authority needs to be asked.
bool SameCertificate(SSL* session, const asio::ssl::context& context) {
  X509* shown = SSL_get0_peer_certificate(session);
  X509* expected = SSL_CTX_get0_certificate(const_cast<asio::ssl::context&>(context).native_handle());
  return shown != nullptr && expected != nullptr && X509_cmp(shown, expected) == 0;
}

}  // namespace

Result<NodeAnswer> AskNode(const std::string& address, const std::string& certificate,
                           const std::string& target, const std::string& body) {
  ASSIGN_OR_RETURN(const ListenAddress listen, ParseListenAddress(address));
  asio::io_context io;
  IoError error;
  asio::ip::address host = asio::ip::make_address(listen.host, error);
  // A node that listens on all addresses is reached on loopback.
  if (host.is_unspecified()) {
    host = host.is_v4() ? asio::ip::address(asio::ip::address_v4::loopback())
                        : asio::ip::address(asio::ip::address_v6::loopback());
  }
  const asio::ip::tcp::endpoint endpoint(host, listen.port);
  beast::tcp_stream plain(io);
  plain.expires_after(kTimeout);
  error = Await(&io, [&](auto done) { plain.async_connect(endpoint, done); });
  if (error) return Unreachable(address, error);
  if (certificate.empty()) return Exchange(&io, &plain, address, target, body);

  asio::ssl::context tls(asio::ssl::context::tls_client);
  tls.use_certificate_chain_file(certificate, error);
  if (error) return Error{Errc::kUsage, "config: http.tls_certificate: " + error.message()};
  beast::ssl_stream<beast::tcp_stream> stream(std::move(plain), tls);
  error = Await(&io, [&](auto done) { stream.async_handshake(asio::ssl::stream_base::client, done); });
  if (error) return Unreachable(address, error);
  if (!SameCertificate(stream.native_handle(), tls)) {
    return Error{Errc::kUnreachable,
                 "node at " + address + ": shows another certificate than http.tls_certificate"};
  }
  return Exchange(&io, &stream, address, target, body);
}

}  // namespace cunzheng::node
