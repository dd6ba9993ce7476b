// Digests and canonical JSON.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "crypto/digest.h"
#include "crypto/file.h"
#include "crypto/json.h"
#include "tests/bench/cast.h"

namespace cunzheng::bench {
namespace {

constexpr size_t kFileLength = 64u << 20;

// A file of 64 MiB in the page cache; gone at exit.
const std::string& SampleFile() {
  static const struct File {
    File() {
      const int descriptor = mkstemp(path.data());
      if (descriptor < 0) Fail("no temporary file");
      const std::string block(1u << 20, 'x');
      for (size_t written = 0; written < kFileLength; written += block.size()) {
        if (write(descriptor, block.data(), block.size()) != static_cast<ssize_t>(block.size())) {
          Fail("the temporary file cannot be written");
        }
      }
      close(descriptor);
    }
    ~File() { unlink(path.c_str()); }
    std::string path = "/tmp/cunzheng-bench-XXXXXX";
  } file;
  return file.path;
}

void Sha256Of350Bytes(benchmark::State& state) {
  const std::string text(350, 'x');
  for (auto _ : state) benchmark::DoNotOptimize(Sha256(AsBytes(text)));
}
BENCHMARK(Sha256Of350Bytes);

void CanonicalJsonDecode(benchmark::State& state) {
  const std::string record = Cast().Record(1);
  for (auto _ : state) benchmark::DoNotOptimize(json::Parse(record, json::Form::kCanonical, record.size()));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * record.size()));
}
BENCHMARK(CanonicalJsonDecode);

void Sha256Of64MiB(benchmark::State& state) {
  const std::string text(kFileLength, 'x');
  for (auto _ : state) benchmark::DoNotOptimize(Sha256(AsBytes(text)));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * kFileLength));
}
BENCHMARK(Sha256Of64MiB)->Unit(benchmark::kMillisecond)->UseRealTime();

void Sm3Of64MiB(benchmark::State& state) {
  const std::string text(kFileLength, 'x');
  for (auto _ : state) benchmark::DoNotOptimize(Sm3(AsBytes(text)));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * kFileLength));
}
BENCHMARK(Sm3Of64MiB)->Unit(benchmark::kMillisecond)->UseRealTime();

// Wall time, since it works on two threads.
void DigestFileOf64MiB(benchmark::State& state) {
  const std::string& path = SampleFile();
  for (auto _ : state) benchmark::DoNotOptimize(Must(DigestFile(path)));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * kFileLength));
}
BENCHMARK(DigestFileOf64MiB)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace cunzheng::bench
