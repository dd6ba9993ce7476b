// `cunzheng bench`: a load generator for a node of one's own. Every batch is a real one, signed and kept by
// the ledger for ever, so it only talks to this machine unless told otherwise.
#include <sys/resource.h>
#include <time.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/cli/commands.h"
#include "client/sdk/async_client.h"
#include "crypto/digest.h"
#include "crypto/json.h"
#include "ledger/batch.h"
#include "ledger/record.h"

namespace cunzheng::cli {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;

// Batches are signed beforehand as long as they fit into this; a longer run signs while it sends, and its
// result says so.
constexpr uint64_t kPreparedBytesMax = uint64_t{1} << 30;
constexpr uint64_t kRecordLengthEstimate = 400;

struct BenchOptions {
  NodeOptions node;
  std::string key, passphrase_file;
  uint64_t count = 1'000;  // batches
  uint64_t batch = 1;      // records in each
  uint64_t connections = 16;
  uint64_t rate = 0;  // batches a second; 0: as fast as answers come
  uint64_t seconds_max = 3'600;
  bool remote = false;
  bool json = false;
};

uint64_t CpuMicros() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto micros = [](const timeval& t) {
    return static_cast<uint64_t>(t.tv_sec) * 1'000'000 + static_cast<uint64_t>(t.tv_usec);
  };
  return micros(usage.ru_utime) + micros(usage.ru_stime);
}

uint64_t WallMs() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000 + static_cast<uint64_t>(now.tv_nsec) / 1'000'000;
}

uint64_t MicrosSince(Clock::time_point start) {
  return static_cast<uint64_t>(std::chrono::duration_cast<microseconds>(Clock::now() - start).count());
}

// Batches of records over evidence that nobody has: random digests, so that no two runs meet.
class BatchFactory {
 public:
  BatchFactory(const Hash& ledger, const AccountKey& key, uint64_t records)
      : ledger_(ledger), key_(key), records_(records), run_(RandomHash()) {}

  std::string Make(uint64_t number) const {
    std::vector<std::string> records;
    records.reserve(records_);
    ledger::Record record;
    record.ledger = ledger_;
    record.account = key_.account;
    record.kind = "data";
    for (uint64_t i = 0; i < records_; ++i) {
      std::string seed(AsText(run_));
      AppendBe64(number, &seed);
      AppendBe64(i, &seed);
      record.digest.sha256 = Sha256(AsBytes(seed));
      // The node cannot tell a digest from another; a second SHA-256 costs the generator less than SM3.
      record.digest.sm3 = Sha256(record.digest.sha256);
      record.length = i;
      records.push_back(ledger::EncodeRecord(record));
    }
    ledger::BatchHeader header;
    header.ledger = ledger_;
    header.account = key_.account;
    header.client_time_unix_ms = WallMs();
    return ledger::SignBatch(key_.key, header, records).envelope;
  }

 private:
  const Hash ledger_;
  const AccountKey& key_;
  const uint64_t records_;
  const Hash run_;
};

// One run: `connections` coroutines take batch after batch until all are sent or time is up.
class Load {
 public:
  Load(const BenchOptions& options, const BatchFactory& factory, std::vector<std::string> prepared)
      : options_(options), factory_(factory), prepared_(std::move(prepared)) {
    latencies_us_.reserve(options.count);
  }

  Result<void> Run(const client::ClientOptions& client_options) {
    for (uint64_t i = 0; i < std::min(options_.connections, options_.count); ++i) {
      ASSIGN_OR_RETURN(auto client, client::AsyncClient::Make(context_.get_executor(), client_options));
      clients_.push_back(std::move(client));
    }
    start_ = Clock::now();
    const uint64_t cpu_before = CpuMicros();
    for (const auto& client : clients_) {
      asio::co_spawn(context_, Work(client.get()), asio::detached);
    }
    context_.run();
    elapsed_us_ = MicrosSince(start_);
    cpu_us_ = CpuMicros() - cpu_before;
    std::sort(latencies_us_.begin(), latencies_us_.end());
    return {};
  }

  uint64_t elapsed_us() const { return elapsed_us_; }
  uint64_t cpu_us() const { return cpu_us_; }
  uint64_t sent() const { return next_; }
  uint64_t acknowledged() const { return latencies_us_.size(); }
  const std::map<std::string, uint64_t>& refusals() const { return refusals_; }
  uint64_t LatencyUs(uint64_t permille) const {
    if (latencies_us_.empty()) return 0;
    return latencies_us_[std::min<size_t>(latencies_us_.size() - 1, latencies_us_.size() * permille / 1'000)];
  }

 private:
  asio::awaitable<void> Work(client::AsyncClient* client) {
    asio::steady_timer timer(context_);
    while (next_ < options_.count && !Interrupted() &&
           MicrosSince(start_) < options_.seconds_max * 1'000'000) {
      const uint64_t number = next_++;
      // With a rate the clock of a deposit starts when it was due, not when a connection was free for it: a
      // slow node cannot hide its queue.
      Clock::time_point due = Clock::now();
      if (options_.rate != 0) {
        due = start_ + microseconds(number * 1'000'000 / options_.rate);
        timer.expires_at(due);
        co_await timer.async_wait(asio::use_awaitable);
      }
      std::string envelope = prepared_.empty() ? factory_.Make(number) : std::move(prepared_[number]);
      if (prepared_.empty() && options_.rate == 0) due = Clock::now();
      const auto submission = co_await client->SubmitBatch(std::move(envelope));
      if (submission) {
        latencies_us_.push_back(MicrosSince(due));
      } else {
        ++refusals_[std::string(ErrcName(submission.error().code))];
      }
    }
  }

  const BenchOptions& options_;
  const BatchFactory& factory_;
  std::vector<std::string> prepared_;
  asio::io_context context_{1};
  std::vector<std::unique_ptr<client::AsyncClient>> clients_;
  Clock::time_point start_;
  uint64_t next_ = 0;
  uint64_t elapsed_us_ = 0, cpu_us_ = 0;
  std::vector<uint64_t> latencies_us_;
  std::map<std::string, uint64_t> refusals_;
};

bool OnLoopback(const std::string& url) {
  const auto parsed = client::ParseNodeUrl(url);
  if (!parsed) return false;
  boost::system::error_code ec;
  const auto address = asio::ip::make_address(parsed->host, ec);
  return parsed->host == "localhost" || (!ec && address.is_loopback());
}

// "1,234.5": `value` in tenths.
std::string Tenths(uint64_t value) {
  return std::to_string(value / 10) + "." + std::to_string(value % 10);
}

void Report(const Load& load, const BenchOptions& options, bool prepared, const Context& context) {
  const uint64_t records = load.acknowledged() * options.batch;
  uint64_t refused = 0;
  for (const auto& [code, number] : load.refusals()) refused += number;
  if (options.json) {
    json::Object latency{{"max", load.LatencyUs(1'000)},
                         {"p50", load.LatencyUs(500)},
                         {"p90", load.LatencyUs(900)},
                         {"p99", load.LatencyUs(990)}};
    json::Object refusals;
    for (const auto& [code, number] : load.refusals()) refusals.emplace(code, number);
    PrintLine(json::Encode(json::Object{{"acknowledged", load.acknowledged()},
                                        {"batches", load.sent()},
                                        {"elapsed_us", load.elapsed_us()},
                                        {"generator_cpu_us", load.cpu_us()},
                                        {"latency_us", std::move(latency)},
                                        {"prepared", prepared},
                                        {"records", records},
                                        {"refusals", std::move(refusals)},
                                        {"refused", refused}}));
    return;
  }
  const uint64_t elapsed_us = std::max<uint64_t>(load.elapsed_us(), 1);
  const auto per_s = [&](uint64_t number) { return Tenths(number * 10'000'000 / elapsed_us); };
  const auto ms = [](uint64_t us) { return Tenths(us / 100) + " ms"; };
  PrintLine("batches    " + std::to_string(load.acknowledged()) + " acknowledged, " +
            std::to_string(refused) + " refused, " + per_s(load.acknowledged()) + " a second");
  PrintLine("records    " + std::to_string(records) + ", " + per_s(records) + " a second");
  PrintLine("latency    p50 " + ms(load.LatencyUs(500)) + ", p90 " + ms(load.LatencyUs(900)) + ", p99 " +
            ms(load.LatencyUs(990)) + ", max " + ms(load.LatencyUs(1'000)));
  PrintLine("generator  " + ms(load.cpu_us()) + " of CPU" +
            (prepared ? "; batches were signed beforehand" : ", signing included"));
  for (const auto& [code, number] : load.refusals()) Note("refused: " + code + " " + std::to_string(number));
  if (Interrupted()) Note(context.Say("stopped before the end", "提前停止"));
}

int RunBench(const BenchOptions& options, const Context& context) {
  CatchInterrupts();
  const auto node = NodeName(context, options.node);
  if (!node) return context.Fail(node.error());
  if (!options.remote && !OnLoopback(*node)) {
    return context.Fail({Errc::kUsage, *node + " is not on this machine"},
                        "What is deposited stays on a ledger for ever. --remote if the node is yours.");
  }
  auto client = OpenClient(context, options.node);
  if (!client) return context.Fail(client.error());
  const auto info = client->GetLedger();
  if (!info) return context.Fail(info.error());
  const auto key = OpenKey(context, options.key, options.passphrase_file);
  if (!key) return context.Fail(key.error());

  const BatchFactory factory(info->ledger, *key, options.batch);
  if (const size_t length = factory.Make(options.count).size(); length > info->batch_bytes_max) {
    return context.Fail({Errc::kTooLarge, "--batch " + std::to_string(options.batch) + " makes " +
                                              std::to_string(length) + " bytes; this ledger takes " +
                                              std::to_string(info->batch_bytes_max)});
  }
  std::vector<std::string> batches;
  const bool prepared = options.count * (options.batch + 2) * kRecordLengthEstimate <= kPreparedBytesMax;
  if (prepared) {
    batches.reserve(options.count);
    const auto start = Clock::now();
    for (uint64_t i = 0; i < options.count && !Interrupted(); ++i) batches.push_back(factory.Make(i));
    if (MicrosSince(start) > 2'000'000) Note("signed " + std::to_string(batches.size()) + " batches");
  }
  if (Interrupted()) return context.Fail({Errc::kInterrupted, "nothing was sent"});

  Load load(options, factory, std::move(batches));
  client::ClientOptions client_options;
  client_options.node = *node;
  client_options.ca_file = options.node.ca_file.empty() ? context.settings.ca_file : options.node.ca_file;
  client_options.retry.attempts_max = 1;  // a refusal is a result
  if (const auto run = load.Run(client_options); !run) return context.Fail(run.error());
  Report(load, options, prepared, context);
  if (Interrupted()) return ErrcExitCode(Errc::kInterrupted);
  return load.refusals().empty() ? 0 : ErrcExitCode(Errc::kBusy);
}

}  // namespace

void AddBenchCommand(CLI::App& app, Context& context) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App* command = app.add_subcommand("bench", "Load a node of your own and measure it");
  AddNodeOptions(*command, options->node);
  command->add_option("--key", options->key, "Account key")->type_name("K");
  command
      ->add_option("--passphrase-file", options->passphrase_file,
                   "Read the passphrase from the first line of F (mode 0600)")
      ->type_name("F");
  command->add_option("--count", options->count, "Batches to send")->check(CLI::Range(1, 10'000'000));
  command->add_option("--batch", options->batch, "Records in each batch")->check(CLI::Range(1, 65'536));
  command->add_option("--connections", options->connections, "Connections at once")
      ->check(CLI::Range(1, 4'096));
  command->add_option("--rate", options->rate, "Batches a second; 0: as fast as answers come")
      ->check(CLI::Range(0, 1'000'000));
  command->add_option("--seconds", options->seconds_max, "Stop after this long")
      ->check(CLI::Range(1, 86'400));
  command->add_flag("--remote", options->remote, "Allow a node that is not on this machine");
  command->add_flag("--json", options->json, "Print the result as JSON");
  command->footer(
      "Latency with --rate counts from when a batch was due. Batches are signed before the clock starts\n"
      "while they fit into 1 GiB.\n\nExample:\n"
      "  cunzheng bench --node http://127.0.0.1:8750 --key my.key --count 20000 --connections 64");
  command->callback([options, &context] { context.exit_code = RunBench(*options, context); });
}

}  // namespace cunzheng::cli
