#include "node/cometbft/abci_server.h"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <future>
#include <list>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "cometbft/abci.pb.h"
#include "node/cometbft/application.h"
#include "node/config.h"
#include "node/log.h"

namespace cunzheng::node {
namespace {

namespace asio = boost::asio;
namespace abci = tendermint::abci;
using Stream = asio::generic::stream_protocol;

// CometBFT's own limit on a block is 100 MiB; ours (block_bytes_max) is far below.
constexpr uint64_t kFrameBytesMax = 128u << 20;
constexpr size_t kConnectionsMax = 8;  // CometBFT opens four
constexpr size_t kAnswersAheadMax = 1'024;
constexpr auto kAcceptPause = std::chrono::milliseconds(100);

// One connection: the reader takes requests, the writer gives answers in the same order.
class Connection {
 public:
  Connection(Stream::socket socket, Application* application, asio::thread_pool* pool)
      : socket_(std::move(socket)), application_(*application), pool_(*pool) {
    writer_ = std::thread([this] { Write(); });
    reader_ = std::thread([this] { Read(); });
    pthread_setname_np(writer_.native_handle(), "abci-out");
    pthread_setname_np(reader_.native_handle(), "abci-in");
  }
  ~Connection() {
    Close();
    reader_.join();
    writer_.join();
  }
  bool over() const { return over_; }

 private:
  void Close() {
    boost::system::error_code ec;
    socket_.shutdown(Stream::socket::shutdown_both, ec);
    const std::lock_guard lock(mutex_);
    closing_ = true;
    changed_.notify_all();
  }

  // Nothing at the end of the stream, or when what comes is no frame.
  std::optional<abci::Request> Next() {
    uint64_t length = 0;
    boost::system::error_code ec;
    for (unsigned shift = 0;; shift += 7) {
      uint8_t byte = 0;
      Fill(&byte, 1, &ec);
      if (ec) return std::nullopt;
      length |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) break;
      if (shift >= 28) return Malformed("its length is no varint of 32 bits");
    }
    if (length > kFrameBytesMax)
      return Malformed("it is longer than " + std::to_string(kFrameBytesMax) + " bytes");
    frame_.resize(length);
    Fill(frame_.data(), length, &ec);
    if (ec) return std::nullopt;
    abci::Request request;
    if (!request.ParseFromArray(frame_.data(), static_cast<int>(length)))
      return Malformed("it is no ABCI request");
    return request;
  }

  std::nullopt_t Malformed(const std::string& why) {
    Log(LogLevel::kError, "malformed ABCI frame; the connection is closed", {{"reason", why}});
    return std::nullopt;
  }

  // Reads exactly `length` bytes, through a buffer of its own: frames are small and many.
  void Fill(void* out, size_t length, boost::system::error_code* ec) {
    auto* to = static_cast<uint8_t*>(out);
    while (length > 0) {
      if (at_ == have_) {
        have_ = socket_.read_some(asio::buffer(buffer_), *ec);
        at_ = 0;
        if (*ec) return;
      }
      const size_t piece = std::min(length, have_ - at_);
      std::copy_n(buffer_.data() + at_, piece, to);
      at_ += piece;
      to += piece;
      length -= piece;
    }
  }

  void Read() {
    while (auto request = Next()) {
      if (request->value_case() == abci::Request::kCheckTx) {
        auto task = std::make_shared<std::packaged_task<abci::Response()>>(
            [this, held = *std::move(request)] { return application_.Handle(held); });
        Answer(task->get_future());
        asio::post(pool_, [task] { (*task)(); });
      } else {
        std::promise<abci::Response> ready;
        ready.set_value(application_.Handle(*request));
        Answer(ready.get_future());
      }
    }
    Close();
    over_ = true;
  }

  void Answer(std::future<abci::Response> answer) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return closing_ || answers_.size() < kAnswersAheadMax; });
    answers_.push_back(std::move(answer));
    changed_.notify_all();
  }

  void Write() {
    for (;;) {
      std::future<abci::Response> answer;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return closing_ || !answers_.empty(); });
        if (answers_.empty()) return;
        answer = std::move(answers_.front());
        answers_.pop_front();
        changed_.notify_all();
      }
      const std::string body = answer.get().SerializeAsString();
      std::string frame;
      for (uint64_t rest = body.size();; rest >>= 7) {
        frame.push_back(static_cast<char>((rest & 0x7f) | (rest >= 0x80 ? 0x80 : 0)));
        if (rest < 0x80) break;
      }
      frame += body;
      boost::system::error_code ec;
      asio::write(socket_, asio::buffer(frame), ec);
      if (ec) {
        Close();
        // Futures that are left wait for the pool before this object goes.
      }
    }
  }

  Stream::socket socket_;
  Application& application_;
  asio::thread_pool& pool_;
  std::array<uint8_t, 64 << 10> buffer_{};
  size_t at_ = 0, have_ = 0;
  std::string frame_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::future<abci::Response>> answers_;
  bool closing_ = false;
  std::atomic<bool> over_{false};
  std::thread reader_, writer_;
};

}  // namespace

struct AbciServer::Impl {
  Impl(Application* app, unsigned threads) : application(app), pool(threads) {}

  void Accept() {
    for (;;) {
      boost::system::error_code ec;
      Stream::socket socket(context);
      acceptor->accept(socket, ec);
      if (stopping) return;
      if (ec) {
        // Open files have run out, or the other end has left already: neither is the last word.
        Log(LogLevel::kWarning, "ABCI: a connection could not be taken", {{"reason", ec.message()}});
        std::this_thread::sleep_for(kAcceptPause);
        continue;
      }
      connections.remove_if([](const auto& connection) { return connection->over(); });
      if (connections.size() >= kConnectionsMax) {
        Log(LogLevel::kWarning, "ABCI: too many connections; one is refused");
        continue;
      }
      connections.push_back(std::make_unique<Connection>(std::move(socket), application, &pool));
    }
  }

  Application* const application;
  asio::io_context context;
  asio::thread_pool pool;
  std::optional<asio::basic_socket_acceptor<Stream>> acceptor;
  std::string unix_path;
  std::atomic<bool> stopping{false};
  std::list<std::unique_ptr<Connection>> connections;
  std::thread thread;
};

AbciServer::AbciServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<AbciServer>> AbciServer::Listen(const std::string& address, Application* application,
                                                       unsigned threads) {
  auto impl = std::make_unique<Impl>(application, threads);
  Stream::endpoint endpoint;
  if (address.starts_with("unix:")) {
    impl->unix_path = address.substr(5);
    if (impl->unix_path.empty() || impl->unix_path.size() > 100) {
      return Error{Errc::kUsage, "cometbft.abci: a socket's path has 1 to 100 bytes: " + address};
    }
    unlink(impl->unix_path.c_str());
    endpoint = asio::local::stream_protocol::endpoint(impl->unix_path);
  } else if (address.starts_with("tcp:")) {
    ASSIGN_OR_RETURN(const ListenAddress parsed, ParseListenAddress(address.substr(4)));
    endpoint = asio::ip::tcp::endpoint(asio::ip::make_address(parsed.host), parsed.port);
  } else {
    return Error{Errc::kUsage, "cometbft.abci: must begin with unix: or tcp:, is " + address};
  }
  boost::system::error_code ec;
  impl->acceptor.emplace(impl->context);
  impl->acceptor->open(endpoint.protocol(), ec);
  if (!ec && impl->unix_path.empty()) impl->acceptor->set_option(asio::socket_base::reuse_address(true), ec);
  // Only this user's processes may drive the node; the socket never exists with a wider mode.
  const mode_t mask = umask(0177);
  if (!ec) impl->acceptor->bind(endpoint, ec);
  umask(mask);
  if (!ec) impl->acceptor->listen(asio::socket_base::max_listen_connections, ec);
  if (ec) return Error{Errc::kIo, "cometbft.abci: " + address + ": " + ec.message()};
  impl->thread = std::thread([raw = impl.get()] { raw->Accept(); });
  pthread_setname_np(impl->thread.native_handle(), "abci");
  return std::unique_ptr<AbciServer>(new AbciServer(std::move(impl)));
}

AbciServer::~AbciServer() {
  impl_->stopping = true;
  // Wakes accept(), which closing would not.
  ::shutdown(impl_->acceptor->native_handle(), SHUT_RDWR);
  impl_->thread.join();
  impl_->connections.clear();
  impl_->pool.join();
  if (!impl_->unix_path.empty()) unlink(impl_->unix_path.c_str());
}

}  // namespace cunzheng::node
