// The bounds beside which everything else is read: one signature check by libsecp256k1 itself, one synced
// write of LevelDB itself, one exchange of Beast itself.
#include <benchmark/benchmark.h>
#include <leveldb/db.h>
#include <leveldb/write_batch.h>
#include <secp256k1.h>
#include <stdlib.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "crypto/digest.h"
#include "tests/bench/cast.h"

namespace cunzheng::bench {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

void Secp256k1Verify(benchmark::State& state) {
  secp256k1_context* context = secp256k1_context_create(SECP256K1_CONTEXT_VERIFY);
  const Cast cast;
  const std::string message = "message";
  const Bytes compact = cast.account().Sign(kPurposeBatch, AsBytes(message));
  const Hash hash = TaggedHash(kPurposeBatch, AsBytes(message));
  const Bytes key_bytes = cast.account().public_key().bytes;
  for (auto _ : state) {
    // From the bytes that arrive, as a node has to.
    secp256k1_pubkey key;
    secp256k1_ecdsa_signature signature;
    if (secp256k1_ec_pubkey_parse(context, &key, key_bytes.data(), key_bytes.size()) != 1 ||
        secp256k1_ecdsa_signature_parse_compact(context, &signature, compact.data()) != 1 ||
        secp256k1_ecdsa_verify(context, &signature, hash.data(), &key) != 1) {
      Fail("the signature does not verify");
    }
  }
  secp256k1_context_destroy(context);
}
BENCHMARK(Secp256k1Verify);

// A folder of its own on the disk that holds the current one, since /tmp may be memory.
void LevelDbSyncedWrite(benchmark::State& state) {
  std::string path = "bench-leveldb-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) Fail("no temporary folder");
  leveldb::Options options;
  options.create_if_missing = true;
  leveldb::DB* opened = nullptr;
  if (!leveldb::DB::Open(options, path, &opened).ok()) Fail("LevelDB does not open");
  {
    const std::unique_ptr<leveldb::DB> db(opened);
    leveldb::WriteOptions synced;
    synced.sync = true;
    const std::string value(static_cast<size_t>(state.range(0)), 'x');
    uint64_t number = 0;
    for (auto _ : state) {
      leveldb::WriteBatch batch;
      batch.Put(std::to_string(number++), value);
      if (!db->Write(synced, &batch).ok()) Fail("LevelDB does not write");
    }
  }
  std::filesystem::remove_all(path);
}
BENCHMARK(LevelDbSyncedWrite)->Arg(1024)->UseRealTime()->Iterations(200);

constexpr int kConnections = 64;

asio::awaitable<void> Serve(tcp::socket socket, uint64_t* exchanges) {
  boost::beast::flat_buffer buffer;
  boost::system::error_code ec;
  for (;;) {
    http::request<http::string_body> request;
    co_await http::async_read(socket, buffer, request, asio::redirect_error(asio::use_awaitable, ec));
    if (ec) co_return;
    http::response<http::string_body> response(http::status::ok, 11);
    response.body() = std::move(request.body());
    response.prepare_payload();
    co_await http::async_write(socket, response, asio::redirect_error(asio::use_awaitable, ec));
    if (ec) co_return;
    ++*exchanges;
  }
}

asio::awaitable<void> Ask(tcp::endpoint endpoint) {
  tcp::socket socket(co_await asio::this_coro::executor);
  boost::beast::flat_buffer buffer;
  boost::system::error_code ec;
  co_await socket.async_connect(endpoint, asio::redirect_error(asio::use_awaitable, ec));
  http::request<http::string_body> request(http::verb::post, "/", 11);
  request.set(http::field::host, "127.0.0.1");
  request.body() = std::string(1024, 'x');
  request.prepare_payload();
  while (!ec) {
    co_await http::async_write(socket, request, asio::redirect_error(asio::use_awaitable, ec));
    http::response<http::string_body> response;
    if (!ec)
      co_await http::async_read(socket, buffer, response, asio::redirect_error(asio::use_awaitable, ec));
  }
}

// The server's side of one keep-alive exchange of 1 KiB each way, by its thread's CPU clock, while 64
// connections ask.
void BeastExchange(benchmark::State& state) {
  uint64_t exchanges = 0;
  asio::io_context context{1}, asking{1};
  tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 0});
  const auto endpoint = acceptor.local_endpoint();
  for (int i = 0; i < kConnections; ++i) asio::co_spawn(asking, Ask(endpoint), asio::detached);
  std::thread peer([&] { asking.run(); });
  for (int i = 0; i < kConnections; ++i) {
    tcp::socket socket = acceptor.accept();
    socket.set_option(tcp::no_delay(true));
    asio::co_spawn(context, Serve(std::move(socket), &exchanges), asio::detached);
  }
  uint64_t counted = 0;
  for (auto _ : state) {
    for (++counted; exchanges < counted;) context.run_one();
  }
  asking.stop();
  peer.join();
}
BENCHMARK(BeastExchange);

}  // namespace
}  // namespace cunzheng::bench
