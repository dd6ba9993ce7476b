// `cunzheng bench`: a load generator for a node of one's own. Every batch is a real one, signed and kept by
// the ledger for ever, so it only talks to this machine unless told otherwise.
#include <arpa/inet.h>
#include <time.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/load.h"
#include "crypto/digest.h"
#include "crypto/file.h"
#include "crypto/json.h"
#include "ledger/batch.h"
#include "ledger/record.h"

namespace cunzheng::cli {
namespace {

using Clock = std::chrono::steady_clock;

// Batches are signed beforehand as long as they fit into this; a longer run signs while it sends, and its
// result says so.
constexpr uint64_t kPreparedBytesMax = uint64_t{1} << 30;
constexpr uint64_t kRecordLengthEstimate = 400;

struct BenchOptions {
  NodeOptions node;
  std::string key, passphrase_file, write;
  LoadOptions load{.count = 1'000, .connections = 16};  // of batches
  uint64_t batch = 1;                                   // records in each
  bool remote = false;
  bool json = false;
};

uint64_t WallMs() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000 + static_cast<uint64_t>(now.tv_nsec) / 1'000'000;
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

bool OnLoopback(const std::string& url) {
  const auto parsed = client::ParseNodeUrl(url);
  if (!parsed) return false;
  if (parsed->host == "localhost") return true;
  in_addr v4{};
  in6_addr v6{};
  if (inet_pton(AF_INET, parsed->host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  return inet_pton(AF_INET6, parsed->host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

uint64_t LatencyUs(const LoadResult& load, uint64_t permille) {
  const auto& sorted = load.latencies_us;
  if (sorted.empty()) return 0;
  return sorted[std::min<size_t>(sorted.size() - 1, sorted.size() * permille / 1'000)];
}

// "1,234.5": `value` in tenths.
std::string Tenths(uint64_t value) {
  return std::to_string(value / 10) + "." + std::to_string(value % 10);
}

void Report(const LoadResult& load, const BenchOptions& options, bool prepared, const Context& context) {
  const uint64_t acknowledged = load.latencies_us.size();
  const uint64_t records = acknowledged * options.batch;
  uint64_t refused = 0;
  for (const auto& [code, number] : load.refusals) refused += number;
  if (options.json) {
    json::Object latency{{"max", LatencyUs(load, 1'000)},
                         {"p50", LatencyUs(load, 500)},
                         {"p90", LatencyUs(load, 900)},
                         {"p99", LatencyUs(load, 990)}};
    json::Object refusals;
    for (const auto& [code, number] : load.refusals) refusals.emplace(code, number);
    PrintLine(json::Encode(json::Object{{"acknowledged", acknowledged},
                                        {"batches", load.sent},
                                        {"elapsed_us", load.elapsed_us},
                                        {"generator_cpu_us", load.cpu_us},
                                        {"latency_us", std::move(latency)},
                                        {"prepared", prepared},
                                        {"records", records},
                                        {"refusals", std::move(refusals)},
                                        {"refused", refused}}));
    return;
  }
  const uint64_t elapsed_us = std::max<uint64_t>(load.elapsed_us, 1);
  const auto per_s = [&](uint64_t number) { return Tenths(number * 10'000'000 / elapsed_us); };
  const auto ms = [](uint64_t us) { return Tenths(us / 100) + " ms"; };
  PrintLine("batches    " + std::to_string(acknowledged) + " acknowledged, " + std::to_string(refused) +
            " refused, " + per_s(acknowledged) + " a second");
  PrintLine("records    " + std::to_string(records) + ", " + per_s(records) + " a second");
  PrintLine("latency    p50 " + ms(LatencyUs(load, 500)) + ", p90 " + ms(LatencyUs(load, 900)) + ", p99 " +
            ms(LatencyUs(load, 990)) + ", max " + ms(LatencyUs(load, 1'000)));
  PrintLine("generator  " + ms(load.cpu_us) + " of CPU" +
            (prepared ? "; batches were signed beforehand" : ", signing included"));
  for (const auto& [code, number] : load.refusals) Note("refused: " + code + " " + std::to_string(number));
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
  if (const size_t length = factory.Make(options.load.count).size(); length > info->batch_bytes_max) {
    return context.Fail({Errc::kTooLarge, "--batch " + std::to_string(options.batch) + " makes " +
                                              std::to_string(length) + " bytes; this ledger takes " +
                                              std::to_string(info->batch_bytes_max)});
  }
  std::vector<std::string> batches;
  const bool prepared = options.load.count * (options.batch + 2) * kRecordLengthEstimate <= kPreparedBytesMax;
  if (prepared) {
    batches.reserve(options.load.count);
    const auto start = Clock::now();
    for (uint64_t i = 0; i < options.load.count && !Interrupted(); ++i) batches.push_back(factory.Make(i));
    if (Clock::now() - start > std::chrono::seconds(2)) {
      Note("signed " + std::to_string(batches.size()) + " batches");
    }
  }
  if (Interrupted()) return context.Fail({Errc::kInterrupted, "nothing was sent"});
  if (!options.write.empty()) {
    std::string lines;
    for (uint64_t i = 0; i < options.load.count; ++i) {
      lines += ToBase64(AsBytes(prepared ? batches[i] : factory.Make(i))) + "\n";
    }
    const auto written = WriteFileAtomically(options.write, lines, 0644, false);
    return written ? 0 : context.Fail(written.error());
  }

  client::ClientOptions client_options;
  client_options.node = *node;
  client_options.ca_file = options.node.ca_file.empty() ? context.settings.ca_file : options.node.ca_file;
  client_options.retry.attempts_max = 1;  // a refusal is a result
  LoadOptions load_options = options.load;
  load_options.stop = Interrupted;
  const auto load = RunLoad(client_options, load_options, [&](uint64_t number) {
    return prepared ? std::move(batches[number]) : factory.Make(number);
  });
  if (!load) return context.Fail(load.error());
  Report(*load, options, prepared, context);
  if (Interrupted()) return ErrcExitCode(Errc::kInterrupted);
  return load->refusals.empty() ? 0 : ErrcExitCode(Errc::kBusy);
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
  command->add_option("--count", options->load.count, "Batches to send")->check(CLI::Range(1, 10'000'000));
  command->add_option("--batch", options->batch, "Records in each batch")->check(CLI::Range(1, 65'536));
  command->add_option("--connections", options->load.connections, "Connections at once")
      ->check(CLI::Range(1, 4'096));
  command->add_option("--rate", options->load.rate, "Batches a second; 0: as fast as answers come")
      ->check(CLI::Range(0, 1'000'000));
  command->add_option("--seconds", options->load.seconds_max, "Stop after this long")
      ->check(CLI::Range(1, 86'400));
  command
      ->add_option("--write", options->write,
                   "Send nothing: write the batches to F, one base64 line each, for another generator")
      ->type_name("F");
  command->add_flag("--remote", options->remote, "Allow a node that is not on this machine");
  command->add_flag("--json", options->json, "Print the result as JSON");
  command->footer(
      "Latency with --rate counts from when a batch was due. Batches are signed before the clock starts\n"
      "while they fit into 1 GiB.\n\nExample:\n"
      "  cunzheng bench --node http://127.0.0.1:8750 --key my.key --count 20000 --connections 64");
  command->callback([options, &context] { context.exit_code = RunBench(*options, context); });
}

}  // namespace cunzheng::cli
