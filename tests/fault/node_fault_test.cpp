// The real node on a machine that fails: killed under load, out of disk, with a clock that jumps.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <thread>

#include "client/verify/verify.h"
#include "crypto/file.h"
#include "crypto/json.h"
#include "tests/integration/node_harness.h"

using namespace cunzheng;
using namespace cunzheng::testing;
using std::chrono::milliseconds;

namespace {

bool Full() {
  return std::getenv("CUNZHENG_FULL") != nullptr;
}

// A deposit that the node acknowledged, as its depositor would keep it.
struct Deposit {
  std::string evidence;
  std::string envelope;
  Hash id{};
  uint64_t index = 0;
  std::string receipt;
};

Deposit MakeDeposit(const TestNode& node, const PrivateKey& key, std::string evidence) {
  const auto batch = MakeBatch(node.ledger(), key, evidence);
  return {std::move(evidence), batch.envelope, batch.id, 0, {}};
}

// Fills in what the node answered; false when it is no acknowledgement.
bool Acknowledge(const HttpAnswer& answer, Deposit* deposit) {
  if (answer.status != 200) return false;
  const auto value = json::Parse(answer.body, json::Form::kReadable, 1 << 20);
  REQUIRE(value);
  const json::Object& object = *value->AsObject();
  REQUIRE(*object.at("status").AsString() == "attested");
  const auto attestation = ledger::AttestationFromJson(object.at("attestation"), "attestation");
  REQUIRE(attestation);
  ledger::Receipt receipt;
  receipt.record = ledger::ParseEnvelope(deposit->envelope, 1 << 20)->records.at(0);
  receipt.entry = *object.at("entry").AsString();
  receipt.index = *object.at("index").AsInteger();
  receipt.attestations.push_back(*attestation);
  deposit->index = receipt.index;
  deposit->receipt = ledger::EncodeReceipt(receipt);
  return true;
}

ledger::Trust TrustOf(const TestNode& node) {
  const auto text = ReadWholeFile(node.data() + "/trust.json", ledger::kTrustLengthMax);
  REQUIRE(text);
  auto trust = ledger::DecodeTrust(*text);
  REQUIRE(trust);
  return *trust;
}

uint64_t EntryTime(const Deposit& deposit) {
  const auto receipt = ledger::DecodeReceipt(deposit.receipt);
  REQUIRE(receipt);
  const auto entry = ledger::DecodeDepositEntry(receipt->entry);
  REQUIRE(entry);
  return entry->time_unix_ms;
}

void CheckValid(const Deposit& deposit, const ledger::Trust& trust) {
  const FileDigest digest{DigestBytes(AsBytes(deposit.evidence)), deposit.evidence.size()};
  const verify::Report report = verify::Verify(deposit.receipt, digest, &trust);
  REQUIRE_MESSAGE(report.verdict == verify::Verdict::kValid,
                  (report.error ? report.error->ToString() : std::string()));
}

struct Counts {
  size_t submitted = 0;
  std::vector<Deposit> acknowledged;
  std::vector<Deposit> unknown;  // sent, and the node died before it answered
};

// Deposits from `threads` connections until the node is gone.
Counts DepositUntilGone(const TestNode& node, const PrivateKey& key, int threads, const std::string& name) {
  std::vector<Counts> parts(static_cast<size_t>(threads));
  std::vector<std::thread> workers;
  for (int t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      Counts& mine = parts[static_cast<size_t>(t)];
      auto connection = node.Connect();
      for (int i = 0;; ++i) {
        Deposit deposit = MakeDeposit(node, key, name + "/" + std::to_string(t) + "/" + std::to_string(i));
        ++mine.submitted;
        if (Acknowledge(connection.Post("/v1/batches", deposit.envelope), &deposit)) {
          mine.acknowledged.push_back(std::move(deposit));
        } else {
          mine.unknown.push_back(std::move(deposit));
          return;
        }
      }
    });
  }
  for (auto& worker : workers) worker.join();
  Counts all;
  for (Counts& part : parts) {
    all.submitted += part.submitted;
    std::move(part.acknowledged.begin(), part.acknowledged.end(), std::back_inserter(all.acknowledged));
    std::move(part.unknown.begin(), part.unknown.end(), std::back_inserter(all.unknown));
  }
  return all;
}

// The shim's file: how far the node's wall clock is off, and whether the kernel says synchronised.
class ShiftedClock {
 public:
  explicit ShiftedClock(const std::string& folder) : path_(folder + "/clock-shift") {
    Set(0);
    setenv("CLOCK_SHIM_FILE", path_.c_str(), 1);
    setenv("LD_PRELOAD", CLOCK_SHIM_PATH, 1);
    // AddressSanitizer wants to be the first library of a program, and the shim stands before it.
    const char* const asan = getenv("ASAN_OPTIONS");
    setenv("ASAN_OPTIONS", (std::string(asan ? asan : "") + ":verify_asan_link_order=0").c_str(), 1);
  }
  ~ShiftedClock() {
    unsetenv("LD_PRELOAD");
    unsetenv("CLOCK_SHIM_FILE");
  }
  void Set(int64_t shift_ms, bool synchronised = true) {
    const std::string next = path_ + ".next";
    std::ofstream(next) << shift_ms << (synchronised ? " sync" : " unsync");
    std::filesystem::rename(next, path_);  // the node sees the one or the other
  }

 private:
  std::string path_;
};

}  // namespace

TEST_CASE("killed at random moments under load, the node loses nothing and stores nothing twice") {
  const uint64_t seed = std::random_device{}();
  std::mt19937_64 random(seed);
  const int rounds = Full() ? 100 : 6;
  TestNode node;
  node.Start();
  const PrivateKey key = node.AddAccount("Crash");
  const ledger::Trust trust = TrustOf(node);
  size_t submitted = 0, repeated = 0;
  std::vector<Deposit> acknowledged;
  for (int round = 0; round < rounds; ++round) {
    Counts counts;
    std::thread load(
        [&] { counts = DepositUntilGone(node, key, 4, std::to_string(seed) + "/" + std::to_string(round)); });
    std::this_thread::sleep_for(milliseconds(std::uniform_int_distribution<int>(20, 600)(random)));
    CHECK(node.Stop(SIGKILL) == -SIGKILL);
    load.join();
    const CommandResult check = node.Command({"check"});
    REQUIRE_MESSAGE(check.exit_code == 0, "seed ", seed, " round ", round, ": ", check.err);
    node.Start();
    auto connection = node.Connect();
    submitted += counts.submitted;
    // What was sent and not answered is sent again, as a client would: it ends up there once.
    for (Deposit& deposit : counts.unknown) {
      const HttpAnswer answer = connection.Post("/v1/batches", deposit.envelope);
      REQUIRE(Acknowledge(answer, &deposit));
      repeated += answer.body.find("\"repeated\": true") != std::string::npos ||
                  answer.body.find("\"repeated\":true") != std::string::npos;
      counts.acknowledged.push_back(std::move(deposit));
    }
    std::move(counts.acknowledged.begin(), counts.acknowledged.end(), std::back_inserter(acknowledged));
  }
  auto connection = node.Connect();
  std::set<uint64_t> indexes;
  size_t lost = 0;
  for (const Deposit& deposit : acknowledged) {
    CheckValid(deposit, trust);
    indexes.insert(deposit.index);
    Deposit again = deposit;
    lost += !Acknowledge(connection.Get("/v1/batches/" + ToHex(deposit.id)), &again) ||
            again.index != deposit.index;
  }
  const auto status = json::Parse(connection.Get("/v1/ledger").body, json::Form::kReadable, 1 << 20);
  // Genesis and the account are entries too.
  const uint64_t stored = *status->AsObject()->at("size").AsInteger() - 2;
  MESSAGE("seed ", seed, ": submitted ", submitted, ", acknowledged ", acknowledged.size(), ", lost ", lost,
          ", duplicated ", stored - indexes.size(), "; found again after a crash ", repeated);
  CHECK(lost == 0);
  CHECK(indexes.size() == acknowledged.size());
  CHECK(stored == indexes.size());
  CHECK(acknowledged.size() == submitted);
}

TEST_CASE("on a full disk reads go on, writes answer 503, and the node recovers without help") {
  // A small file system of this test's own.
  REQUIRE_MESSAGE((unshare(CLONE_NEWNS) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0),
                  "a mount namespace is needed: run as root, or allow unprivileged user namespaces");
  const std::string disk =
      std::filesystem::temp_directory_path() / ("cunzheng-disk-" + std::to_string(getpid()));
  std::filesystem::create_directory(disk);
  REQUIRE(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
  REQUIRE(mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=24m") == 0);
  setenv("TMPDIR", disk.c_str(), 1);
  {
    TestNode node(Settings{{"store.free_bytes_min", "0"}});
    node.Start();
    const PrivateKey key = node.AddAccount("Full");
    const ledger::Trust trust = TrustOf(node);
    auto connection = node.Connect();
    std::vector<Deposit> acknowledged;
    const std::string ballast = disk + "/ballast";
    size_t refused = 0;
    for (int round = 0; round < 3; ++round) {
      {
        std::ofstream file(ballast, std::ios::binary);
        const std::string block(64 << 10, 'x');
        while (file.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
        }
      }
      HttpAnswer answer;
      for (int i = 0; i < 5'000; ++i) {
        Deposit deposit = MakeDeposit(node, key, "full " + std::to_string(round) + "/" + std::to_string(i));
        answer = connection.Post("/v1/batches", deposit.envelope);
        if (!Acknowledge(answer, &deposit)) break;
        acknowledged.push_back(std::move(deposit));
      }
      REQUIRE(answer.status == 503);
      CHECK(answer.code() == "read_only");
      CHECK(answer.headers.contains("retry-after"));
      ++refused;
      CHECK(connection.Get("/readyz").status == 503);
      CHECK(connection.Get("/healthz").status == 200);
      for (const Deposit& deposit : acknowledged) {
        REQUIRE(connection.Get("/v1/batches/" + ToHex(deposit.id)).status == 200);
      }
      std::filesystem::remove(ballast);
      Deposit after = MakeDeposit(node, key, "after " + std::to_string(round));
      for (int i = 0; i < 100 && !Acknowledge(connection.Post("/v1/batches", after.envelope), &after); ++i) {
        std::this_thread::sleep_for(milliseconds(100));
      }
      REQUIRE(!after.receipt.empty());
      acknowledged.push_back(std::move(after));
    }
    CHECK(refused == 3);
    for (const Deposit& deposit : acknowledged) CheckValid(deposit, trust);
    CHECK(node.Stop() == 0);
    const CommandResult check = node.Command({"check"});
    CHECK_MESSAGE(check.exit_code == 0, check.err);
  }
  unsetenv("TMPDIR");
  CHECK(umount(disk.c_str()) == 0);
  std::filesystem::remove(disk);
}

TEST_CASE("a clock that steps back or leaps never turns the ledger's time, and an operator resumes it") {
  TestNode node(Settings{{"engine.require_clock_sync", "true"}});
  ShiftedClock clock(node.folder());
  node.Start();
  const PrivateKey key = node.AddAccount("Clock");
  const ledger::Trust trust = TrustOf(node);
  std::optional<HttpConnection> connection(node.Connect());
  std::vector<Deposit> acknowledged;
  int number = 0;
  const auto deposit = [&] {
    Deposit made = MakeDeposit(node, key, "clock " + std::to_string(number++));
    const HttpAnswer answer = connection->Post("/v1/batches", made.envelope);
    if (Acknowledge(answer, &made)) acknowledged.push_back(std::move(made));
    return answer;
  };
  const auto refused = [&](const char* reason) {
    const HttpAnswer answer = deposit();
    CHECK(answer.status == 503);
    CHECK(answer.code() == "clock_unsound");
    CHECK_MESSAGE(answer.body.find(reason) != std::string::npos, answer.body);
    CHECK(answer.headers.contains("retry-after"));
    CHECK(connection->Get("/healthz").status == 200);
  };

  CHECK(deposit().status == 200);
  clock.Set(-500);  // within what is allowed: time goes on, but never back
  CHECK(deposit().status == 200);
  CHECK(deposit().status == 200);
  clock.Set(-60'000);
  refused("ahead of the clock");
  clock.Set(0, false);
  refused("not synchronised");
  clock.Set(0);
  CHECK(deposit().status == 200);  // the clock is right again: nobody's help is needed

  clock.Set(3'600'000);
  refused("leapt forward");
  clock.Set(0);
  refused("leapt forward");  // a leap holds until an operator looks
  CHECK(connection->Get("/readyz").status == 503);
  const uint64_t before = NowMs();
  const CommandResult resume = node.Command({"clock", "resume", "--reason", "time source replaced"});
  REQUIRE_MESSAGE(resume.exit_code == 0, resume.err);
  CHECK(deposit().status == 200);
  CHECK(EntryTime(acknowledged.back()) < before + 60'000);  // no entry bears the leapt time
  const HttpAnswer act = connection->Get("/v1/entries/" + std::to_string(acknowledged.back().index - 1));
  CHECK(act.body.find("clock_resume") != std::string::npos);
  CHECK(act.body.find("time source replaced") != std::string::npos);

  // A leap is remembered across a restart.
  clock.Set(7'200'000);
  refused("leapt forward");
  CHECK(node.Stop() == 0);
  node.Start();
  connection.emplace(node.Connect());
  refused("leapt forward");
  clock.Set(0);
  CHECK(node.Command({"clock", "resume", "--reason", "checked"}).exit_code == 0);
  CHECK(deposit().status == 200);

  uint64_t last = 0;
  for (const Deposit& made : acknowledged) {
    CheckValid(made, trust);
    CHECK(EntryTime(made) > last);
    last = EntryTime(made);
  }
  CHECK(node.Stop() == 0);
  CHECK(node.Command({"check"}).exit_code == 0);
}
