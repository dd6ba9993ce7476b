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
                           [this](const Error& error) { fatal.push_back(error); }},
        options);
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
  ApplicationOptions options{.snapshot_interval = 3, .retain_blocks = 4, .p2p_nodes = {"aa11", "bb22"}};
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
  CHECK(stage.Finalize(2, 9'100'000'000'000'000, {}).exception().error() ==
        "finalize_block.time: past what a ledger can hold");
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

abci::ResponseListSnapshots List(Stage& stage) {
  abci::Request request;
  request.mutable_list_snapshots();
  return stage.application->Handle(request).list_snapshots();
}

std::string LoadChunk(Stage& stage, uint64_t height, uint32_t chunk, uint32_t format = 1) {
  abci::Request request;
  request.mutable_load_snapshot_chunk()->set_height(height);
  request.mutable_load_snapshot_chunk()->set_format(format);
  request.mutable_load_snapshot_chunk()->set_chunk(chunk);
  return stage.application->Handle(request).load_snapshot_chunk().chunk();
}

abci::ResponseOfferSnapshot::Result Offer(Stage& stage, const abci::Snapshot& snapshot,
                                          const std::string& app_hash) {
  abci::Request request;
  *request.mutable_offer_snapshot()->mutable_snapshot() = snapshot;
  request.mutable_offer_snapshot()->set_app_hash(app_hash);
  return stage.application->Handle(request).offer_snapshot().result();
}

abci::ResponseApplySnapshotChunk Apply(Stage& stage, uint32_t index, const std::string& chunk) {
  abci::Request request;
  request.mutable_apply_snapshot_chunk()->set_index(index);
  request.mutable_apply_snapshot_chunk()->set_chunk(chunk);
  request.mutable_apply_snapshot_chunk()->set_sender("peer");
  return stage.application->Handle(request).apply_snapshot_chunk();
}

TEST_CASE("a node takes another's snapshot over and goes on with the chain") {
  using Offered = abci::ResponseOfferSnapshot;
  using Taken = abci::ResponseApplySnapshotChunk;
  Stage source;
  std::vector<int64_t> retained;
  const auto block = [](Stage& stage, int64_t height, const std::vector<std::string>& txs) {
    stage.Finalize(height, kStart + static_cast<uint64_t>(height) * 1'000, txs);
    return stage.Commit().commit().retain_height();
  };
  std::string app_hash;
  for (int64_t height = 1; height <= 8; ++height) {
    std::vector<std::string> txs{EnvelopeOf(source.cast.Deposit(0))};
    if (height == 1) txs.insert(txs.begin(), EnvelopeOf(source.cast.AddAccount(0)));
    retained.push_back(block(source, height, txs));
    if (height == 6) app_hash = source.AppHash();
    // The two blocks after it are there before it is offered.
    CHECK(List(source).snapshots_size() == (height < 5 ? 0 : height < 8 ? 1 : 2));
  }
  // Never past the oldest snapshot.
  CHECK(retained == std::vector<int64_t>{0, 0, 0, 0, 1, 2, 3, 3});
  const abci::Snapshot snapshot = List(source).snapshots(1);
  CHECK(snapshot.height() == 6);
  REQUIRE(snapshot.chunks() == 2);
  const std::vector<std::string> chunks{LoadChunk(source, 6, 0), LoadChunk(source, 6, 1)};
  CHECK(LoadChunk(source, 6, 2).empty());
  CHECK(LoadChunk(source, 7, 0).empty());
  CHECK(LoadChunk(source, 6, 0, 2).empty());

  Stage target;
  auto wrong = snapshot;
  wrong.set_format(2);
  CHECK(Offer(target, wrong, app_hash) == Offered::REJECT_FORMAT);
  for (int field = 0; field < 4; ++field) {
    wrong = snapshot;
    if (field == 0) wrong.set_height(7);
    if (field == 1) wrong.set_chunks(3);
    if (field == 2) wrong.mutable_hash()->at(0) ^= 1;
    if (field == 3) wrong.mutable_metadata()->at(20) ^= 1;
    CHECK(Offer(target, wrong, app_hash) == Offered::REJECT);
  }
  CHECK(Offer(target, snapshot, target.AppHash()) == Offered::REJECT);
  CHECK(Offer(target, snapshot, "") == Offered::REJECT);
  CHECK(Apply(target, 0, chunks[0]).result() == Taken::ABORT);
  REQUIRE(Offer(target, snapshot, app_hash) == Offered::ACCEPT);
  const auto refused = Apply(target, 0, "junk");
  CHECK(refused.result() == Taken::RETRY);
  REQUIRE(refused.refetch_chunks_size() == 1);
  CHECK(refused.refetch_chunks(0) == 0);
  REQUIRE(refused.reject_senders_size() == 1);
  CHECK(refused.reject_senders(0) == "peer");
  CHECK(Apply(target, 0, chunks[0]).result() == Taken::ACCEPT);
  CHECK(target.Info().last_block_height() == 0);
  CHECK(Apply(target, 1, chunks[1]).result() == Taken::ACCEPT);
  CHECK(target.Info().last_block_height() == 6);
  CHECK(target.Info().last_block_app_hash() == app_hash);
  REQUIRE(target.committed.size() == 1);
  CHECK(target.committed[0].changed);
  CHECK(target.committed[0].head == target.ledger->head());
  CHECK(Offer(target, snapshot, app_hash) == Offered::ABORT);  // it has blocks now
  CHECK(target.Finalize(7, kStart + 7'000, {EnvelopeOf(source.cast.Deposit(0))}).has_finalize_block());
  CHECK(target.Commit().has_commit());
}

TEST_CASE("CometBFT hears whom it may have as a peer, and nothing else") {
  Stage stage;
  const auto query = [&](const std::string& path) {
    abci::Request request;
    request.mutable_query()->set_path(path);
    return stage.application->Handle(request).query();
  };
  CHECK(query("/p2p/filter/id/aa11").code() == 0);
  CHECK(query("/p2p/filter/addr/127.0.0.1:26656").code() == 0);
  CHECK(query("/p2p/filter/id/cc33").log() == "p2p: cometbft.p2p_nodes does not name cc33");
  CHECK(query("/p2p/filter/id/cc33").code() == 1);
  CHECK(query("/store").code() == 1);
  stage.options.p2p_nodes.clear();
  stage.Restart();
  CHECK(query("/p2p/filter/id/cc33").code() == 0);
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
