// The process cunzhengd: start and stop, locks, limits on connections and time, kept work.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "crypto/json.h"
#include "ledger/checkpoint.h"
#include "tests/integration/node_harness.h"

using namespace cunzheng;
using namespace cunzheng::testing;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

namespace {

// Deposits as fast as answers come, from several connections, until the node is gone; returns the
// ids that were acknowledged.
std::vector<Hash> DepositUntil(const TestNode& node, const PrivateKey& key, int threads,
                               const std::atomic<bool>& stop) {
  std::vector<std::vector<Hash>> acknowledged(static_cast<size_t>(threads));
  std::vector<std::thread> workers;
  for (int t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      auto connection = node.Connect();
      for (int i = 0; !stop; ++i) {
        const auto batch =
            MakeBatch(node.ledger(), key,
                      "load " + std::to_string(t) + "/" + std::to_string(i) + "/" + std::to_string(NowMs()));
        if (connection.Post("/v1/batches", batch.envelope).status != 200) return;
        acknowledged[static_cast<size_t>(t)].push_back(batch.id);
      }
    });
  }
  for (auto& worker : workers) worker.join();
  std::vector<Hash> all;
  for (const auto& part : acknowledged) all.insert(all.end(), part.begin(), part.end());
  return all;
}

void CheckAllKept(TestNode* node, const std::vector<Hash>& acknowledged) {
  const CommandResult check = node->Command({"check"});
  CHECK_MESSAGE(check.exit_code == 0, check.err);
  node->Start();
  auto connection = node->Connect();
  for (const Hash& id : acknowledged) REQUIRE(connection.Get("/v1/batches/" + ToHex(id)).status == 200);
}

}  // namespace

TEST_CASE("SIGTERM under load drains within its bound, and every acknowledged deposit is kept") {
  TestNode node;
  node.Start();
  const PrivateKey key = node.AddAccount("Load");
  std::atomic<bool> stop{false};
  std::vector<Hash> acknowledged;
  std::thread load([&] { acknowledged = DepositUntil(node, key, 8, stop); });
  std::this_thread::sleep_for(milliseconds(500));
  const auto start = steady_clock::now();
  CHECK(node.Stop() == 0);
  CHECK(steady_clock::now() - start < seconds(12));
  load.join();
  CHECK(acknowledged.size() > 20);  // there was a load, on however slow a machine
  CheckAllKept(&node, acknowledged);
}

TEST_CASE("kill -9 under load loses nothing that was acknowledged, again and again") {
  TestNode node;
  node.Start();
  const PrivateKey key = node.AddAccount("Load");
  std::vector<Hash> acknowledged;
  for (int round = 0; round < 3; ++round) {
    std::atomic<bool> stop{false};
    std::vector<Hash> part;
    std::thread load([&] { part = DepositUntil(node, key, 4, stop); });
    std::this_thread::sleep_for(milliseconds(150 + 90 * round));
    CHECK(node.Stop(SIGKILL) == -SIGKILL);
    load.join();
    acknowledged.insert(acknowledged.end(), part.begin(), part.end());
    CheckAllKept(&node, acknowledged);
  }
  CHECK(acknowledged.size() > 30);
}

TEST_CASE("a second node on one data folder is refused, and so are check and export") {
  TestNode node;
  node.Start();
  for (const auto& arguments :
       {std::vector<std::string>{"run"}, {"check"}, {"export", "--out", node.folder() + "/out"}}) {
    const CommandResult second = node.Command(arguments);
    CHECK(second.exit_code == 8);
    CHECK(second.err.find("error: store_locked: ") == 0);
    CHECK(second.err.find("hint: ") != std::string::npos);
  }
  CHECK(node.Connect().Get("/readyz").status == 200);
}

TEST_CASE("an older copy of the ledger, put back, is refused before anything is signed") {
  TestNode node;
  node.Start();
  const PrivateKey key = node.AddAccount("Backup");
  const auto deposit = [&](const std::string& text) {
    const auto batch = MakeBatch(node.ledger(), key, text);
    REQUIRE(node.Connect().Post("/v1/batches", batch.envelope).status == 200);
  };
  deposit("before the copy");
  CHECK(node.Stop() == 0);
  namespace fs = std::filesystem;
  const std::string ledger = node.data() + "/ledger", copy = node.folder() + "/copy";
  fs::copy(ledger, copy, fs::copy_options::recursive);
  // The newest copy is welcome, however often.
  fs::remove_all(ledger);
  fs::copy(copy, ledger, fs::copy_options::recursive);
  node.Start();
  deposit("after the copy");
  CHECK(node.Stop() == 0);
  fs::rename(ledger, node.folder() + "/newest");
  fs::copy(copy, ledger, fs::copy_options::recursive);
  const CommandResult refused = node.Command({"run"});
  CHECK(refused.exit_code == 1);
  CHECK(refused.err.find("error: wrong_ledger: ") != std::string::npos);
  CHECK(refused.err.find("an older copy") != std::string::npos);
  CHECK(refused.err.find("hint: put the newest copy") != std::string::npos);
  // So is an act, which would be a block of its own.
  CHECK(node.Command({"clock", "resume", "--reason", "r"}).exit_code == 1);
  fs::remove_all(ledger);
  fs::rename(node.folder() + "/newest", ledger);
  node.Start();
  deposit("with the newest");
  CHECK(node.Stop(SIGKILL) == -SIGKILL);
  node.Start();
  deposit("after a crash");
}

TEST_CASE("a slow header is answered 408 and an idle connection is closed") {
  TestNode node(
      {{"http.header_timeout_ms", "500"}, {"http.idle_timeout_ms", "700"}, {"http.body_timeout_ms", "500"}});
  node.Start();
  auto slow = node.Connect();
  const auto start = steady_clock::now();
  slow.Send("GET /healthz HTTP/1.1\r\n");
  // A byte now and then must not buy time.
  std::thread dripping([&] {
    for (int i = 0; i < 8 && slow.Send("X"); ++i) std::this_thread::sleep_for(milliseconds(100));
  });
  CHECK(slow.Receive(seconds(5)).status == 408);
  dripping.join();
  CHECK(slow.ClosedWithin(seconds(5)));
  CHECK(steady_clock::now() - start < seconds(4));

  auto body = node.Connect();
  body.Send(
      "POST /v1/batches HTTP/1.1\r\nHost: node\r\nContent-Type: application/vnd.cunzheng.envelope\r\n"
      "Content-Length: 1000\r\n\r\ncunzheng");
  CHECK(body.Receive(seconds(5)).code() == "request_timeout");

  auto idle = node.Connect();
  CHECK(idle.Get("/healthz").status == 200);
  CHECK(idle.ClosedWithin(seconds(5)));
  auto silent = node.Connect();
  CHECK(silent.ClosedWithin(seconds(5)));
}

TEST_CASE("ten thousand idle connections neither stop the node nor shut others out") {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  REQUIRE(limit.rlim_cur > 10'500);
  TestNode node(Settings{{"http.header_timeout_ms", "60000"}});
  node.Start();
  const PrivateKey key = node.AddAccount("Patient");
  std::vector<HttpConnection> idle;
  for (int i = 0; i < 10'000; ++i) {
    idle.push_back(node.Connect());
    REQUIRE(idle.back().connected());
  }
  // Half of them have even begun to ask.
  for (size_t i = 0; i < idle.size(); i += 2) idle[i].Send("GET /hea");
  const auto start = steady_clock::now();
  CHECK(
      node.Connect().Post("/v1/batches", MakeBatch(node.ledger(), key, "among idle ones").envelope).status ==
      200);
  CHECK(steady_clock::now() - start < seconds(5));
  CHECK(node.Connect().Get("/metrics").body.find("cunzheng_http_connections 1000") != std::string::npos);
  idle.clear();
  CHECK(node.Stop() == 0);
}

TEST_CASE("over the limit a connection is answered 503, and the longest idle one makes room") {
  TestNode node(Settings{{"http.connections_max", "50"}, {"http.threads", "1"}});
  node.Start();
  std::vector<HttpConnection> idle;
  for (int i = 0; i < 50; ++i) idle.push_back(node.Connect());
  // They are accepted in order; the last being served shows that all are.
  CHECK(idle.back().Get("/healthz").status == 200);
  auto refused = node.Connect();
  // Its request is on the way already; the answer must not be lost to a reset.
  const HttpAnswer answer = refused.Get("/healthz");
  CHECK(answer.status == 503);
  CHECK(answer.code() == "busy");
  CHECK(answer.headers.at("retry-after") == "1");
  CHECK(refused.ClosedWithin(seconds(5)));
  CHECK(idle.front().ClosedWithin(seconds(5)));
  CHECK(node.Connect().Get("/healthz").status == 200);
}

TEST_CASE("limits per address hold for connections and for requests") {
  TestNode node(
      Settings{{"http.connections_per_address_max", "3"}, {"http.requests_per_second_per_address", "5"}});
  node.Start();
  auto first = node.Connect();
  int served = 0, limited = 0;
  for (int i = 0; i < 30; ++i) {
    const HttpAnswer answer = first.Get("/healthz");
    served += answer.status == 200 ? 1 : 0;
    if (answer.status == 429) {
      ++limited;
      CHECK(answer.code() == "rate_limited");
      CHECK(answer.headers.at("retry-after") == "1");
    }
  }
  CHECK(served >= 10);
  CHECK(limited > 0);
  CHECK(served + limited == 30);
  auto second = node.Connect(), third = node.Connect(), fourth = node.Connect();
  CHECK(fourth.Receive(seconds(5)).status == 503);
}

TEST_CASE("with checkpoints at an interval a deposit is pending until the next one") {
  TestNode node({}, {"--checkpoint-interval-ms", "1500"});
  node.Start();
  const PrivateKey key = node.AddAccount("Pending");
  auto connection = node.Connect();
  const auto batch = MakeBatch(node.ledger(), key, "pending");
  const HttpAnswer first = connection.Post("/v1/batches", batch.envelope);
  REQUIRE(first.status == 200);
  CHECK(first.body.find("\"status\":\"pending\"") != std::string::npos);
  CHECK(first.body.find("\"attestation\"") == std::string::npos);
  const auto start = steady_clock::now();
  const HttpAnswer later = connection.Get("/v1/batches/" + ToHex(batch.id) + "?wait_ms=10000");
  CHECK(later.body.find("\"status\":\"attested\"") != std::string::npos);
  CHECK(steady_clock::now() - start < seconds(6));
}

TEST_CASE("below the free space that is demanded writes are read_only, reads go on, and repeats succeed") {
  TestNode node;
  node.Start();
  const PrivateKey key = node.AddAccount("Disk");
  const auto kept = MakeBatch(node.ledger(), key, "kept");
  REQUIRE(node.Connect().Post("/v1/batches", kept.envelope).status == 200);
  REQUIRE(node.Stop() == 0);
  node.SetConfig("store.free_bytes_min", std::to_string(uint64_t{1} << 50));
  node.Start();
  auto connection = node.Connect();
  const HttpAnswer refused =
      connection.Post("/v1/batches", MakeBatch(node.ledger(), key, "refused").envelope);
  CHECK(refused.status == 503);
  CHECK(refused.code() == "read_only");
  CHECK(refused.headers.at("retry-after") == "30");
  CHECK(connection.Get("/readyz").code() == "read_only");
  CHECK(connection.Get("/v1/ledger").body.find("\"writable\": false") != std::string::npos);
  CHECK(connection.Get("/checkpoint").status == 200);
  const HttpAnswer repeated = connection.Post("/v1/batches", kept.envelope);
  CHECK(repeated.status == 200);
  CHECK(repeated.body.find("\"repeated\":true") != std::string::npos);
}

TEST_CASE("an export is a static log whose tiles give the checkpoint's root") {
  TestNode node;
  node.Start();
  const PrivateKey key = node.AddAccount("Export");
  auto connection = node.Connect();
  for (int i = 0; i < 300; ++i) {
    REQUIRE(connection
                .Post("/v1/batches", MakeBatch(node.ledger(), key, "export " + std::to_string(i), 2).envelope)
                .status == 200);
  }
  REQUIRE(node.Stop() == 0);
  const std::string out = node.folder() + "/export";
  const CommandResult exported = node.Command({"export", "--out", out});
  REQUIRE(exported.exit_code == 0);
  CHECK(exported.out == "exported: 302 entries, 600 records, 302 checkpoints\n");
  const auto read = [&](const std::string& name) {
    std::ifstream file(out + "/" + name, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const auto checkpoint = ledger::ParseCheckpoint(read("checkpoint"));
  REQUIRE(checkpoint.has_value());
  CHECK(checkpoint->checkpoint.size == 302);
  const std::string hashes = read("tile/0/000") + read("tile/0/001.p/46");
  REQUIRE(hashes.size() == 302 * 32);
  std::vector<Hash> leaves(302);
  for (size_t i = 0; i < leaves.size(); ++i)
    std::copy_n(hashes.begin() + static_cast<long>(32 * i), 32, leaves[i].begin());
  CHECK(ledger::RootFromLeaves(leaves) == checkpoint->checkpoint.root);
  CHECK(read("tile/1/000.p/1").size() == 32);
  CHECK(read("tile/entries/001.p/46").size() > 46 * 500);
  CHECK(node.Command({"export", "--out", out}).err.find("error: already_exists: ") == 0);
}

TEST_CASE("init refuses a folder that is not empty, and what it was told wrong, leaving nothing behind") {
  TestNode node;
  const CommandResult again = node.Command({"init", "--origin", "example.org/ledger"});
  CHECK(again.exit_code == 7);
  CHECK(again.err.find("error: already_exists: ") == 0);
  const std::string other = node.folder() + "/other";
  for (const auto& arguments :
       {std::vector<std::string>{"init", "--data", other, "--origin", "with space"},
        {"init", "--data", other, "--origin", "example.org", "--role", "king"},
        {"init", "--data", other, "--origin", "example.org", "--listen", "localhost:1"},
        {"init", "--data", other, "--origin", "example.org", "--passphrase-file",
         node.folder() + "/missing"}}) {
    const CommandResult refused = RunCommand(arguments);
    CHECK(refused.exit_code != 0);
    CHECK(refused.err.find("error: ") == 0);
    CHECK_FALSE(std::filesystem::exists(other));
  }
}

TEST_CASE("a folder whose init was interrupted is no node's") {
  TestNode node;
  std::filesystem::remove(node.data() + "/config.toml");
  const CommandResult run = node.Command({"run"});
  CHECK(run.exit_code != 0);
  CHECK(run.err.find("error: not_found: ") == 0);
  CHECK(run.err.find("hint: ") != std::string::npos);
}

TEST_CASE("a wrong passphrase and a foreign key are named") {
  TestNode node, other;
  { std::ofstream(node.data() + "/keys/passphrase") << "wrong\n"; }
  const CommandResult wrong = node.Command({"run"});
  CHECK(wrong.exit_code == 2);
  CHECK(wrong.err.find("passphrase_wrong") != std::string::npos);
  std::filesystem::copy_file(other.data() + "/genesis.json", node.data() + "/genesis.json",
                             std::filesystem::copy_options::overwrite_existing);
  CHECK(node.Command({"status"}).exit_code == 0);
  std::filesystem::copy_file(other.data() + "/keys/passphrase", node.data() + "/keys/passphrase",
                             std::filesystem::copy_options::overwrite_existing);
  for (const char* key : {"log.key", "cosign.key"}) {
    std::filesystem::copy_file(other.data() + "/keys/" + key, node.data() + "/keys/" + key,
                               std::filesystem::copy_options::overwrite_existing);
  }
  std::filesystem::copy_file(other.data() + "/keys/account.key", node.data() + "/keys/account.key",
                             std::filesystem::copy_options::overwrite_existing);
  const CommandResult foreign = node.Command({"run"});
  CHECK(foreign.err.find("holds another ledger than genesis.json") != std::string::npos);
}

TEST_CASE("an unknown key in the configuration stops the node and is named") {
  TestNode node;
  {
    std::ofstream config(node.data() + "/config.toml", std::ios::app);
    config << "\nconnection_max = 5\n";
  }
  const CommandResult run = node.Command({"run"});
  CHECK(run.exit_code == 2);
  CHECK(run.err.find("unknown key log.connection_max") != std::string::npos);
}

TEST_CASE("over TLS the operator's commands pin the node's own certificate, and plain HTTP gets no answer") {
  TestNode node;
  const auto make_certificate = [&](const std::string& name) {
    const std::string base = node.folder() + "/" + name;
    const std::string command =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        "-subj /CN=node -keyout " +
        base + ".key -out " + base + ".pem 2>" + base + ".log";
    REQUIRE(std::system(command.c_str()) == 0);
    return base;
  };
  const std::string own = make_certificate("own"), other = make_certificate("other");
  node.SetConfig("http.tls_certificate", "\"" + own + ".pem\"");
  node.SetConfig("http.tls_key", "\"" + other + ".key\"");
  const CommandResult mismatched = node.Command({"run"});
  CHECK(mismatched.exit_code == 2);
  CHECK(mismatched.err.find("http.tls_key") != std::string::npos);

  node.SetConfig("http.tls_key", "\"" + own + ".key\"");
  node.Start();
  node.AddAccount("Over TLS");
  CHECK(node.Command({"account", "list"}).out.find("Over TLS") != std::string::npos);
  CHECK(node.Connect().Get("/healthz").status == 0);
  const std::string probe = "openssl s_client -tls1_2 -connect 127.0.0.1:" + std::to_string(node.port()) +
                            " </dev/null >" + own + ".out 2>&1";
  CHECK(std::system(probe.c_str()) == 0);

  node.SetConfig("http.tls_certificate", "\"" + other + ".pem\"");
  const CommandResult foreign = node.Command({"account", "list"});
  CHECK(foreign.exit_code == 4);
  CHECK(foreign.err.find("shows another certificate") != std::string::npos);
}

TEST_CASE("a command that meets a node which is still starting waits for it") {
  TestNode node;
  node.Start();
  // As it is between taking the lock and serving.
  const std::string listen = node.data() + "/listen";
  std::filesystem::rename(listen, listen + ".later");
  std::thread serving([&] {
    std::this_thread::sleep_for(milliseconds(400));
    std::filesystem::rename(listen + ".later", listen);
  });
  node.AddAccount("Early");  // aborts when it is refused
  serving.join();
}
