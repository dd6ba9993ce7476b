#include "node/cometbft/rpc_client.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/json/src.hpp>
#include <charconv>
#include <chrono>
#include <functional>
#include <optional>

#include "crypto/bytes.h"
#include "node/config.h"

namespace cunzheng::node {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

constexpr auto kTimeout = std::chrono::seconds(10);
constexpr uint64_t kAnswerLengthMax = 1u << 20;

std::string StringAt(const boost::json::object& object, std::string_view key) {
  const auto* value = object.if_contains(boost::json::string_view(key.data(), key.size()));
  if (value == nullptr || !value->is_string()) return {};
  return std::string(value->get_string());
}

}  // namespace

struct RpcClient::Impl {
  explicit Impl(asio::ip::tcp::endpoint to) : endpoint(std::move(to)) {}

  // Runs one asynchronous operation to its end; the stream's own timer bounds it.
  beast::error_code Await(const std::function<void(std::function<void(beast::error_code)>)>& start) {
    beast::error_code result = asio::error::operation_aborted;
    start([&](beast::error_code error) { result = error; });
    io.restart();
    io.run();
    return result;
  }

  // The body of the answer. A connection that CometBFT closed between two requests shows by an error.
  beast::error_code Exchange(const http::request<http::string_body>& request, std::string* answer) {
    beast::error_code error;
    if (!stream) {
      stream.emplace(io);
      stream->expires_after(kTimeout);
      error = Await([&](auto done) { stream->async_connect(endpoint, done); });
      if (!error) stream->socket().set_option(asio::ip::tcp::no_delay(true), error);
    }
    http::response_parser<http::string_body> parser;
    parser.body_limit(kAnswerLengthMax);
    if (!error) {
      stream->expires_after(kTimeout);
      error = Await([&](auto done) {
        http::async_write(*stream, request, [done](beast::error_code e, size_t) { done(e); });
      });
    }
    if (!error) {
      error = Await([&](auto done) {
        http::async_read(*stream, buffer, parser, [done](beast::error_code e, size_t) { done(e); });
      });
    }
    if (error || !parser.get().keep_alive()) {
      stream.reset();
      buffer.clear();
    }
    if (!error) *answer = std::move(parser.get().body());
    return error;
  }

  // One string of the answer to GET `target`, at `path` within it.
  Result<std::string> Ask(const std::string& target, const char* path) {
    http::request<http::string_body> request(http::verb::get, target, 11);
    request.set(http::field::host, "cometbft");
    const auto who = [&] { return "CometBFT at " + Text(endpoint) + ": "; };
    std::string answer;
    if (const auto error = Exchange(request, &answer)) {
      return Error{Errc::kUnreachable, who() + error.message()};
    }
    boost::system::error_code bad;
    const auto document = boost::json::parse(answer, bad);
    const auto* found = bad ? nullptr : document.find_pointer(path, bad);
    if (found == nullptr || !found->is_string()) {
      return Error{Errc::kUnreachable, who() + "its answer to " + target + " has no " + path};
    }
    return std::string(found->get_string());
  }

  static std::string Text(const asio::ip::tcp::endpoint& to) {
    return to.address().to_string() + " port " + std::to_string(to.port());
  }

  const asio::ip::tcp::endpoint endpoint;
  asio::io_context io{1};
  std::optional<beast::tcp_stream> stream;
  beast::flat_buffer buffer;
};

RpcClient::RpcClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RpcClient::~RpcClient() = default;

Result<std::unique_ptr<RpcClient>> RpcClient::Make(const std::string& address) {
  ASSIGN_OR_RETURN(const ListenAddress parsed, ParseListenAddress(address));
  return std::unique_ptr<RpcClient>(new RpcClient(
      std::make_unique<Impl>(asio::ip::tcp::endpoint(asio::ip::make_address(parsed.host), parsed.port))));
}

Result<uint64_t> RpcClient::LatestHeight() {
  ASSIGN_OR_RETURN(const std::string text, impl_->Ask("/status", "/result/sync_info/latest_block_height"));
  uint64_t height = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), height);
  if (status != std::errc() || end != text.data() + text.size()) {
    return Error{Errc::kUnreachable, "CometBFT: its height is no number: " + text};
  }
  return height;
}

Result<std::string> RpcClient::BlockHash(uint64_t height) {
  return impl_->Ask("/commit?height=" + std::to_string(height), "/result/signed_header/commit/block_id/hash");
}

Result<void> RpcClient::Broadcast(std::string_view envelope) {
  http::request<http::string_body> request(http::verb::post, "/", 11);
  request.set(http::field::host, "cometbft");
  request.set(http::field::content_type, "application/json");
  request.body() = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"broadcast_tx_sync\",\"params\":{\"tx\":\"" +
                   ToBase64(AsBytes(envelope)) + "\"}}";
  request.prepare_payload();
  std::string answer;
  const bool reused = impl_->stream.has_value();
  auto error = impl_->Exchange(request, &answer);
  // Sending twice is harmless: the ledger holds a transaction once.
  if (error && reused) error = impl_->Exchange(request, &answer);
  if (error) return Error{Errc::kUnreachable, "CometBFT: " + error.message()};

  boost::system::error_code bad;
  const auto document = boost::json::parse(answer, bad);
  if (bad || !document.is_object())
    return Error{Errc::kUnreachable, "CometBFT: its answer is no JSON object"};
  if (const auto* failure = document.get_object().if_contains("error"); failure && failure->is_object()) {
    const std::string data = StringAt(failure->get_object(), "data");
    if (data.find("already exists in cache") != std::string::npos) return {};
    return Error{Errc::kBusy, "CometBFT: " + StringAt(failure->get_object(), "message") + ": " + data};
  }
  const auto* result = document.get_object().if_contains("result");
  const auto* code = result && result->is_object() ? result->get_object().if_contains("code") : nullptr;
  if (code == nullptr || !code->is_number())
    return Error{Errc::kUnreachable, "CometBFT: its answer has no code"};
  if (code->to_number<int64_t>(bad) != 0) {
    return Error{Errc::kBusy, "CometBFT: " + StringAt(result->get_object(), "log")};
  }
  return {};
}

}  // namespace cunzheng::node
