// What a node does with a deposit, without network and disk.
#include <benchmark/benchmark.h>
#include <leveldb/env.h>
#include <leveldb/helpers/memenv.h>

#include <memory>
#include <vector>

#include "ledger/batch.h"
#include "ledger/ledger.h"
#include "ledger/merkle.h"
#include "ledger/record.h"
#include "tests/bench/cast.h"

namespace cunzheng::bench {
namespace {

constexpr size_t kEnvelopeMax = 16u << 20;

void DecodeRecord(benchmark::State& state) {
  const std::string record = Cast().Record(1);
  for (auto _ : state) benchmark::DoNotOptimize(ledger::DecodeRecord(record));
}
BENCHMARK(DecodeRecord);

// By records in the batch; "items" are records.
void VerifyBatch(benchmark::State& state) {
  const Cast cast;
  const auto count = static_cast<uint64_t>(state.range(0));
  const std::string envelope = cast.Envelope(0, count);
  for (auto _ : state) {
    benchmark::DoNotOptimize(Must(ledger::VerifyBatch(envelope, cast.ledger(), kEnvelopeMax)));
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * count));
}
BENCHMARK(VerifyBatch)->Arg(1)->Arg(1000);

void MerkleRoot(benchmark::State& state) {
  std::vector<Hash> leaves(static_cast<size_t>(state.range(0)));
  for (size_t i = 0; i < leaves.size(); ++i) leaves[i][0] = static_cast<uint8_t>(i);
  for (auto _ : state) benchmark::DoNotOptimize(ledger::RootFromLeaves(leaves));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(MerkleRoot)->Arg(1000);

// Blocks of range(0) batches of range(1) records on a disk in memory; "items" are records.
void ApplyBlock(benchmark::State& state) {
  const Cast cast;
  const auto batches = static_cast<uint64_t>(state.range(0));
  const auto count = static_cast<uint64_t>(state.range(1));
  const std::unique_ptr<leveldb::Env> disk(leveldb::NewMemEnv(leveldb::Env::Default()));
  ledger::OpenOptions options;
  options.env = disk.get();
  if (const auto made = ledger::Ledger::Create("/ledger", cast.genesis_bytes(), options); !made) {
    Fail(made.error().ToString());
  }
  const auto opened = Must(ledger::Ledger::Open("/ledger", options));
  uint64_t time_unix_ms = kGenesisTime, number = 0;
  const auto apply = [&](const std::vector<ledger::Transaction>& transactions) {
    std::vector<const ledger::Transaction*> pointers;
    for (const auto& transaction : transactions) pointers.push_back(&transaction);
    const auto result = Must(opened->ApplyBlock(pointers, ++time_unix_ms));
    for (const auto& each : result.transactions) {
      if (!each) Fail(each.error().ToString());
    }
  };
  apply({ledger::Transaction(Must(ledger::VerifyAct(cast.AddAccount(), cast.ledger())))});
  for (auto _ : state) {
    state.PauseTiming();
    std::vector<ledger::Transaction> transactions;
    for (uint64_t i = 0; i < batches; ++i, number += count) {
      transactions.emplace_back(
          Must(ledger::VerifyBatch(cast.Envelope(number, count), cast.ledger(), kEnvelopeMax)));
    }
    state.ResumeTiming();
    apply(transactions);
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * batches * count));
}
// A fixed number of blocks, since preparing them costs more than applying them.
BENCHMARK(ApplyBlock)->Args({1, 1})->Args({64, 1})->Iterations(300);
BENCHMARK(ApplyBlock)->Args({1, 1000})->Args({8, 1000})->Iterations(20);

}  // namespace
}  // namespace cunzheng::bench
