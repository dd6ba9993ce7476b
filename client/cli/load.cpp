#include "client/cli/load.h"

#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <memory>

#include "client/sdk/async_client.h"

namespace cunzheng::cli {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;

uint64_t CpuMicros() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto micros = [](const timeval& t) {
    return static_cast<uint64_t>(t.tv_sec) * 1'000'000 + static_cast<uint64_t>(t.tv_usec);
  };
  return micros(usage.ru_utime) + micros(usage.ru_stime);
}

uint64_t MicrosSince(Clock::time_point start) {
  return static_cast<uint64_t>(std::chrono::duration_cast<microseconds>(Clock::now() - start).count());
}

// What the coroutines share; one thread runs them all.
struct Run {
  const LoadOptions& options;
  const std::function<std::string(uint64_t)>& envelope;
  Clock::time_point start{};
  LoadResult result{};

  bool Over() const {
    return result.sent >= options.count || (options.stop && options.stop()) ||
           MicrosSince(start) >= options.seconds_max * 1'000'000;
  }
};

// One connection takes envelope after envelope until all are sent or time is up.
asio::awaitable<void> Work(Run* run, client::AsyncClient* client) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  while (!run->Over()) {
    const uint64_t number = run->result.sent++;
    Clock::time_point due;
    if (run->options.rate != 0) {
      due = run->start + microseconds(number * 1'000'000 / run->options.rate);
      timer.expires_at(due);
      co_await timer.async_wait(asio::use_awaitable);
    }
    std::string envelope = run->envelope(number);
    if (run->options.rate == 0) due = Clock::now();
    const auto submission = co_await client->SubmitBatch(std::move(envelope));
    if (submission) {
      run->result.latencies_us.push_back(MicrosSince(due));
    } else {
      ++run->result.refusals[std::string(ErrcName(submission.error().code))];
    }
  }
}

}  // namespace

Result<LoadResult> RunLoad(const client::ClientOptions& client_options, const LoadOptions& options,
                           const std::function<std::string(uint64_t number)>& envelope) {
  asio::io_context context{1};
  std::vector<std::unique_ptr<client::AsyncClient>> clients;
  for (uint64_t i = 0; i < std::min(options.connections, options.count); ++i) {
    ASSIGN_OR_RETURN(auto client, client::AsyncClient::Make(context.get_executor(), client_options));
    clients.push_back(std::move(client));
  }
  Run run{options, envelope};
  run.result.latencies_us.reserve(options.count);
  const uint64_t cpu_before = CpuMicros();
  run.start = Clock::now();
  for (const auto& client : clients) asio::co_spawn(context, Work(&run, client.get()), asio::detached);
  context.run();
  run.result.elapsed_us = MicrosSince(run.start);
  run.result.cpu_us = CpuMicros() - cpu_before;
  std::sort(run.result.latencies_us.begin(), run.result.latencies_us.end());
  return std::move(run.result);
}

}  // namespace cunzheng::cli
