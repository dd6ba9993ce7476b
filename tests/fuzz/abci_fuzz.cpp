// Frames of ABCI as a socket carries them: whatever a process on it asks for, the node answers each request
// in kind or with an exception, its ledger never shrinks, and it has no cause to end. A transaction "@N"
// stands for a valid one.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <memory>

#include "cometbft/abci.pb.h"
#include "node/cometbft/application.h"
#include "node/log.h"
#include "node/transactions.h"
#include "tests/unit/node_fake_clock.h"
#include "tests/unit/store_fixture.h"

// Refusals are many and nobody reads them.
void cunzheng::node::Log(LogLevel, std::string_view, std::initializer_list<LogField>) {}

using namespace cunzheng;
using namespace cunzheng::node;
using namespace cunzheng::ledger::testing;
namespace abci = tendermint::abci;

namespace {

constexpr size_t kRunsPerStage = 200;  // the file system in memory only grows
constexpr size_t kRequestsMax = 64;

struct Fixed {
  Fixed() {
    context.setAsDefaultForAssertsOutOfTestCases();
    cast = std::make_unique<Cast>(1);
    transactions.push_back(EnvelopeOf(cast->AddAccount(0)));
    for (int i = 0; i < 4; ++i) transactions.push_back(EnvelopeOf(cast->Deposit(0)));
  }
  doctest::Context context;
  std::unique_ptr<Cast> cast;
  std::vector<std::string> transactions;
};

struct Stage {
  explicit Stage(const Fixed& fixed) {
    CHECK_INVARIANT(ledger::Ledger::Create("/ledger", fixed.cast->genesis_bytes(), disk.options()));
    ledger = MustOpen("/ledger", disk.options());
    cache = std::make_unique<TransactionCache>(ledger->id(), ledger->params().batch_bytes_max, 1u << 20);
    application = std::make_unique<Application>(
        ledger.get(), cache.get(), &clock,
        Application::Hooks{[](const CommittedBlock&) {}, [](const Error&) { CHECK_INVARIANT(false); }},
        ApplicationOptions{.snapshot_interval = 2, .retain_blocks = 1, .p2p_nodes = {}});
  }
  MemoryDisk disk;
  node::testing::FakeClock clock{kGenesisTime + 1'000};
  std::unique_ptr<ledger::Ledger> ledger;
  std::unique_ptr<TransactionCache> cache;
  std::unique_ptr<Application> application;
  size_t runs = 0;
};

void Fill(const Fixed& fixed, std::string* tx) {
  if (tx->size() != 2 || (*tx)[0] != '@') return;
  *tx = fixed.transactions[static_cast<uint8_t>((*tx)[1]) % fixed.transactions.size()];
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Fixed fixed;
  static std::unique_ptr<Stage> stage;
  if (!stage || ++stage->runs > kRunsPerStage) stage = std::make_unique<Stage>(fixed);
  size_t at = 0;
  for (size_t requests = 0; requests < kRequestsMax && at < size; ++requests) {
    uint64_t length = 0;
    for (unsigned shift = 0; at < size && shift <= 28; shift += 7) {
      const uint8_t byte = data[at++];
      length |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) break;
    }
    if (length > size - at) return 0;
    abci::Request request;
    if (!request.ParseFromArray(data + at, static_cast<int>(length))) return 0;
    at += length;
    if (request.has_check_tx()) Fill(fixed, request.mutable_check_tx()->mutable_tx());
    if (request.has_finalize_block()) {
      for (std::string& tx : *request.mutable_finalize_block()->mutable_txs()) Fill(fixed, &tx);
    }
    if (request.has_prepare_proposal()) {
      for (std::string& tx : *request.mutable_prepare_proposal()->mutable_txs()) Fill(fixed, &tx);
    }
    const uint64_t before = stage->ledger->head().size;
    const abci::Response response = stage->application->Handle(request);
    CHECK_INVARIANT(response.value_case() != abci::Response::VALUE_NOT_SET);
    CHECK_INVARIANT(stage->ledger->head().size >= before);
  }
  return 0;
}
