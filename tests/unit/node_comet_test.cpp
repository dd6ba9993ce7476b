// The application's side of ABCI, driven by a scripted engine: no CometBFT needed.
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "cometbft/abci.pb.h"
#include "node/cometbft/abci_server.h"
#include "node/cometbft/application.h"
#include "node/transactions.h"
#include "tests/unit/node_fake_clock.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/temp_dir.h"

namespace cunzheng::node {
namespace {

namespace abci = tendermint::abci;
using namespace ledger::testing;  // NOLINT: the cast of every test here
using ledger::Transaction;

constexpr uint64_t kStart = kGenesisTime + 1'000;

// A node's ledger under the application, and what CometBFT would ask of it.
struct Stage {
  Stage() : clock(kStart) {
    REQUIRE(ledger::Ledger::Create("/ledger", cast.genesis_bytes(), disk.options()));
    Open();
  }
  void Open() {
    application.reset();
    ledger = MustOpen("/ledger", disk.options());
    transactions =
        std::make_unique<TransactionCache>(ledger->id(), ledger->params().batch_bytes_max, 1u << 20);
    application = std::make_unique<Application>(
        ledger.get(), transactions.get(), &clock,
        Application::Hooks{[this](CommittedBlock block) { committed.push_back(std::move(block)); },
                           [this](const Error& error) { fatal.push_back(error); }});
  }
  void Restart() {
    application.reset();
    ledger.reset();
    Open();
  }
  abci::Response InitChain(const std::string& chain, const std::string& state) {
    abci::Request request;
    request.mutable_init_chain()->set_chain_id(chain);
    request.mutable_init_chain()->set_app_state_bytes(state);
    request.mutable_init_chain()->set_initial_height(1);
    return application->Handle(request);
  }
  abci::ResponseInfo Info() {
    abci::Request request;
    request.mutable_info();
    return application->Handle(request).info();
  }
  abci::Response Finalize(int64_t height, uint64_t time_ms, const std::vector<std::string>& txs) {
    abci::Request request;
    auto* block = request.mutable_finalize_block();
    block->set_height(height);
    block->mutable_time()->set_seconds(static_cast<int64_t>(time_ms / 1'000));
    block->mutable_time()->set_nanos(static_cast<int32_t>(time_ms % 1'000 * 1'000'000));
    for (const auto& tx : txs) block->add_txs(tx);
    return application->Handle(request);
  }
  abci::Response Commit() {
    abci::Request request;
    request.mutable_commit();
    return application->Handle(request);
  }
  abci::ResponseCheckTx CheckTx(const std::string& tx) {
    abci::Request request;
    request.mutable_check_tx()->set_tx(tx);
    return application->Handle(request).check_tx();
  }
  abci::ResponsePrepareProposal Prepare(uint64_t time_ms, const std::vector<std::string>& txs,
                                        int64_t bytes_max) {
    abci::Request request;
    auto* proposal = request.mutable_prepare_proposal();
    proposal->set_max_tx_bytes(bytes_max);
    proposal->mutable_time()->set_seconds(static_cast<int64_t>(time_ms / 1'000));
    for (const auto& tx : txs) proposal->add_txs(tx);
    return application->Handle(request).prepare_proposal();
  }
  abci::ResponseProcessProposal::ProposalStatus Process(const std::vector<std::string>& txs) {
    abci::Request request;
    request.mutable_process_proposal();
    for (const auto& tx : txs) request.mutable_process_proposal()->add_txs(tx);
    return application->Handle(request).process_proposal().status();
  }
  std::string AppHash() const { return std::string(AsText(ledger->head().app_hash)); }

  MemoryDisk disk;
  Cast cast;
  testing::FakeClock clock;
  std::unique_ptr<ledger::Ledger> ledger;
  std::unique_ptr<TransactionCache> transactions;
  std::unique_ptr<Application> application;
  std::vector<CommittedBlock> committed;
  std::vector<Error> fatal;
};

TEST_CASE("a transaction's envelope is rebuilt byte for byte") {
  Cast cast;
  TransactionCache cache(cast.ledger(), 1u << 20, 1u << 20);
  DepositOptions sealed, many;
  sealed.mode = ledger::BatchMode::kSealed;
  many.count = 5;
  for (const Transaction& transaction :
       {cast.AddAccount(0), cast.Deposit(0), cast.Deposit(0, sealed), cast.Deposit(0, many)}) {
    const std::string envelope = EnvelopeOf(transaction);
    const auto again = cache.Verify(envelope);
    REQUIRE_MESSAGE(again, Outcome(again));
    CHECK(IdOf(**again) == IdOf(transaction));
    CHECK(EnvelopeOf(**again) == envelope);
    CHECK(cache.Verify(envelope)->get() == again->get());
  }
}

TEST_CASE("a chain that belongs to another ledger is refused") {
  Stage stage;
  const std::string chain = ChainId(stage.cast.ledger()), state = AppState(stage.cast.ledger());
  CHECK(stage.InitChain("another", state).exception().error().starts_with("chain_id: must be cunzheng-"));
  CHECK(stage.InitChain(chain, "{}").exception().error().starts_with("app_state: must be {\"ledger\":"));
  CHECK(stage.InitChain(chain, state).init_chain().app_hash() == stage.AppHash());
  stage.Finalize(1, kStart, {EnvelopeOf(stage.cast.AddAccount(0))});
  stage.Commit();
  CHECK(stage.InitChain(chain, state)
            .exception()
            .error()
            .starts_with("init_chain: this node's ledger has blocks"));
}

TEST_CASE("blocks append what is valid, refuse the rest by code alone, and leave nothing before Commit") {
  Stage stage;
  const Transaction deposit = stage.cast.Deposit(0);
  const std::string tx = EnvelopeOf(deposit);
  std::string forged = tx;
  forged[forged.find("\"signature\":\"") + 13] ^= 1;
  const auto first =
      stage.Finalize(1, kStart, {EnvelopeOf(stage.cast.AddAccount(0)), tx, "junk", forged, tx});
  REQUIRE(first.has_finalize_block());
  const auto& results = first.finalize_block().tx_results();
  REQUIRE(results.size() == 5);
  CHECK(results[0].code() == 0);
  CHECK(results[1].code() == 0);
  CHECK(results[2].code() == 1);
  CHECK(results[2].log().starts_with("envelope_malformed"));
  CHECK(results[3].code() == 1);
  // The same batch in one block succeeds with the first one's index.
  CHECK(results[4].code() == 0);
  CHECK(results[4].data() == results[1].data());
  CHECK(stage.ledger->head().size == 1);
  CHECK(stage.Info().last_block_height() == 0);
  CHECK(stage.Commit().has_commit());
  CHECK(stage.ledger->head().size == 3);
  CHECK(stage.ledger->head().time_unix_ms == kStart);
  CHECK(stage.Info().last_block_height() == 1);
  CHECK(stage.Info().last_block_app_hash() == first.finalize_block().app_hash());
  REQUIRE(stage.committed.size() == 1);
  CHECK(stage.committed[0].transactions.size() == 3);
  CHECK(stage.fatal.empty());

  // The block time may stand still or go back; the ledger's does not.
  stage.Finalize(2, kStart - 500, {EnvelopeOf(stage.cast.Deposit(0))});
  stage.Commit();
  CHECK(stage.ledger->head().time_unix_ms == kStart + 1);
}

TEST_CASE("an empty block moves the height and nothing else") {
  Stage stage;
  const std::string before = stage.AppHash();
  CHECK(stage.Finalize(1, kStart, {}).finalize_block().app_hash() == before);
  stage.Commit();
  CHECK(stage.Info().last_block_height() == 1);
  CHECK(stage.Info().last_block_app_hash() == before);
  stage.Restart();
  CHECK(stage.Info().last_block_height() == 1);
  CHECK_FALSE(stage.committed[0].changed);
}

TEST_CASE("a process that dies anywhere between FinalizeBlock and Commit is replayed to the same hash") {
  Stage stage;
  const std::vector<std::string> txs{EnvelopeOf(stage.cast.AddAccount(0)), EnvelopeOf(stage.cast.Deposit(0))};
  const std::string hash = stage.Finalize(1, kStart, txs).finalize_block().app_hash();
  stage.Restart();  // before the write
  CHECK(stage.Info().last_block_height() == 0);
  CHECK(stage.Finalize(1, kStart, txs).finalize_block().app_hash() == hash);
  stage.Commit();
  stage.Restart();  // after the write, before the engine heard of it
  CHECK(stage.Info().last_block_height() == 1);
  CHECK(stage.Info().last_block_app_hash() == hash);
  // The engine goes on from there, and a height that is not next is refused, with nothing changed.
  CHECK(stage.Finalize(1, kStart, txs).exception().error() == "finalize_block.height: must be 2, is 1");
  CHECK(stage.Finalize(3, kStart, {}).exception().error() == "finalize_block.height: must be 2, is 3");
  CHECK(stage.Commit().exception().error() == "commit: no block was finalized");
  CHECK(stage.Info().last_block_height() == 1);
}

TEST_CASE("CheckTx keeps out what no block would append") {
  Stage stage;
  const std::string tx = EnvelopeOf(stage.cast.Deposit(0));
  CHECK(stage.CheckTx(tx).log().starts_with("unknown_account"));
  stage.Finalize(1, kStart, {EnvelopeOf(stage.cast.AddAccount(0))});
  stage.Commit();
  CHECK(stage.CheckTx(tx).code() == 0);
  CHECK(stage.CheckTx("").code() == 1);
  stage.Finalize(2, kStart + 1, {tx});
  stage.Commit();
  CHECK(stage.CheckTx(tx).log().starts_with("already_exists"));
  stage.Finalize(3, kStart + 2,
                 {EnvelopeOf(stage.cast.Act(ledger::AccountSuspend{Cast::AccountOf(0), "r"}))});
  stage.Commit();
  CHECK(stage.CheckTx(EnvelopeOf(stage.cast.Deposit(0))).log().starts_with("account_suspended"));
}

TEST_CASE("a proposal holds valid transactions that fit, and none while the block time is stale") {
  Stage stage;
  stage.Finalize(1, kStart, {EnvelopeOf(stage.cast.AddAccount(0))});
  stage.Commit();
  const std::string a = EnvelopeOf(stage.cast.Deposit(0)), b = EnvelopeOf(stage.cast.Deposit(0));
  const int64_t room = 1 << 20;
  const auto all = stage.Prepare(kStart, {a, "junk", b}, room);
  REQUIRE(all.txs_size() == 2);
  CHECK(all.txs(0) == a);
  CHECK(stage.Prepare(kStart, {a, b}, static_cast<int64_t>(a.size()) + 10).txs_size() == 1);
  stage.clock.Advance(10'000);
  CHECK(stage.Prepare(kStart, {a, b}, room).txs_size() == 0);
  CHECK(stage.Prepare(kStart + 10'000, {a, b}, room).txs_size() == 2);
}

TEST_CASE("a proposal is judged by size alone") {
  Stage stage;
  CHECK(stage.Process({"junk", EnvelopeOf(stage.cast.Deposit(0))}) == abci::ResponseProcessProposal::ACCEPT);
  CHECK(stage.Process({}) == abci::ResponseProcessProposal::ACCEPT);
  CHECK(stage.Process({""}) == abci::ResponseProcessProposal::REJECT);
  const std::string large(stage.ledger->params().batch_bytes_max + 1, 'x');
  CHECK(stage.Process({large}) == abci::ResponseProcessProposal::REJECT);
}

TEST_CASE("the engine that was fed the same blocks and times gives the same roots and app hashes") {
  Stage consensus;
  MemoryDisk disk;
  REQUIRE(ledger::Ledger::Create("/alone", consensus.cast.genesis_bytes(), disk.options()));
  const auto alone = MustOpen("/alone", disk.options());
  for (uint64_t height = 1; height <= 30; ++height) {
    std::vector<Transaction> block;
    if (height == 1) block.push_back(consensus.cast.AddAccount(0));
    for (uint64_t i = 0; i < height % 4; ++i) block.push_back(consensus.cast.Deposit(0));
    std::vector<std::string> txs;
    for (const auto& transaction : block) txs.push_back(EnvelopeOf(transaction));
    consensus.Finalize(static_cast<int64_t>(height), kStart + height, txs);
    consensus.Commit();
    if (!block.empty()) MustApply(*alone, block, kStart + height);
    REQUIRE(consensus.ledger->head() == alone->head());
  }
}

// A client of the socket, as CometBFT is one.
class Wire {
 public:
  explicit Wire(const std::string& path) : descriptor_(socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    REQUIRE(connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  ~Wire() { close(descriptor_); }
  void Send(const std::string& bytes) {
    REQUIRE(send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(bytes.size()));
  }
  void Send(const abci::Request& request) {
    const std::string body = request.SerializeAsString();
    std::string frame;
    for (uint64_t rest = body.size();; rest >>= 7) {
      frame.push_back(static_cast<char>((rest & 0x7f) | (rest >= 0x80 ? 0x80 : 0)));
      if (rest < 0x80) break;
    }
    Send(frame + body);
  }
  bool Byte(uint8_t* byte) { return recv(descriptor_, byte, 1, 0) == 1; }
  abci::Response Receive() {
    uint64_t length = 0;
    uint8_t byte = 0x80;
    for (unsigned shift = 0; (byte & 0x80) != 0; shift += 7) {
      REQUIRE(Byte(&byte));
      length |= static_cast<uint64_t>(byte & 0x7f) << shift;
    }
    std::string body(length, '\0');
    for (char& c : body) REQUIRE(Byte(reinterpret_cast<uint8_t*>(&c)));
    abci::Response response;
    REQUIRE(response.ParseFromString(body));
    return response;
  }
  bool Closed() {
    uint8_t byte;
    return !Byte(&byte);
  }

 private:
  const int descriptor_;
};

struct Served : Stage {
  Served() : path(dir.path() + "/abci.sock") {
    auto listening = AbciServer::Listen("unix:" + path, application.get(), 2);
    REQUIRE_MESSAGE(listening, Outcome(listening));
    server = *std::move(listening);
  }
  TempDir dir;
  std::string path;
  std::unique_ptr<AbciServer> server;
};

TEST_CASE("answers come in the order of pipelined requests, on a socket for this user alone") {
  Served stage;
  struct stat info {};
  REQUIRE(stat(stage.path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  Wire wire(stage.path);
  abci::Request echo, check, flush;
  check.mutable_check_tx()->set_tx(EnvelopeOf(stage.cast.Deposit(0)));
  flush.mutable_flush();
  for (int i = 0; i < 50; ++i) {
    echo.mutable_echo()->set_message(std::to_string(i));
    wire.Send(check);
    wire.Send(echo);
    wire.Send(flush);
  }
  for (int i = 0; i < 50; ++i) {
    CHECK(wire.Receive().check_tx().code() == 1);
    CHECK(wire.Receive().echo().message() == std::to_string(i));
    CHECK(wire.Receive().has_flush());
  }
}

TEST_CASE("malformed frames end their connection and no other") {
  Served stage;
  Wire good(stage.path);
  abci::Request info;
  info.mutable_info();
  for (const std::string& bytes : {std::string("\xff\xff\xff\xff\xff\xff"),
                                   std::string("\xff\xff\xff\xff\x07"), std::string("\x04junk")}) {
    Wire bad(stage.path);
    bad.Send(bytes);
    CHECK(bad.Closed());
  }
  // A request of no known kind is answered with an exception, which ends CometBFT, not this node.
  Wire unknown(stage.path);
  unknown.Send(abci::Request());
  CHECK(unknown.Receive().has_exception());
  good.Send(info);
  CHECK(good.Receive().info().data() == "cunzheng");
}

TEST_CASE("an address that is none is refused") {
  Stage stage;
  for (const auto& address : {"", "unix:", "tcp:localhost:1", "127.0.0.1:1"}) {
    const auto server = AbciServer::Listen(address, stage.application.get(), 1);
    REQUIRE_FALSE(server);
    CHECK(server.error().code == Errc::kUsage);
  }
}

}  // namespace
}  // namespace cunzheng::node
