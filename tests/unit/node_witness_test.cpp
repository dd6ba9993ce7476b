// A witness's answers, in the order of the specification's table, and what it remembers.
#include <doctest/doctest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "ledger/ledger.h"
#include "node/witness/witness.h"
#include "tests/unit/node_fake_clock.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/temp_dir.h"

namespace cunzheng::node {
namespace {

namespace fs = std::filesystem;
using ledger::DecodeAddCheckpoint;
using ledger::EncodeAddCheckpoint;
using ledger::testing::Named;
using ledger::testing::Outcome;

constexpr char kOrigin[] = "example.org/ledger";

// A witness of one ledger.
struct Stage {
  Stage() : log(*NoteSigner::FromSeed(kOrigin, NoteKeyType::kEd25519, Named("log"))) {
    for (const char* folder : {"logs", "state", "evidence"}) fs::create_directory(dir / folder);
    dir.Write("logs/" + LogName(kOrigin) + ".json", EncodeWitnessedLog({kOrigin, {log.key()}}));
    REQUIRE(ledger::Ledger::Create("/l", cast.genesis_bytes(), disk.options()));
    tree = ledger::testing::MustOpen("/l", disk.options());
    for (uint64_t i = 1; i < 20; ++i) {
      ledger::testing::MustApply(*tree, {cast.AddAccount(i)}, ledger::testing::kGenesisTime + i);
    }
    Open();
  }
  void Open() {
    auto opened = Witness::Open(
        dir.path(), *NoteSigner::FromSeed("witness.example.net/w1", NoteKeyType::kCosignatureV1, Named("w")),
        &clock, false);
    REQUIRE_MESSAGE(opened, Outcome(opened));
    witness = *std::move(opened);
  }
  Hash Root(uint64_t size) const { return tree->RootAt(size).value(); }
  static std::string Checkpoint(uint64_t size, const Hash& root, const NoteSigner& signer) {
    Note note;
    note.body = ledger::EncodeCheckpointBody({signer.key().name, size, root});
    note.signatures.push_back(signer.Sign(note.body));
    return EncodeNote(note);
  }
  std::string Request(uint64_t old_size, uint64_t size) const {
    ledger::Path proof;
    if (old_size != 0) proof = tree->ConsistencyProof(old_size, size).value();
    return EncodeAddCheckpoint(old_size, proof, Checkpoint(size, Root(size), log));
  }
  int Status(const std::string& body) { return witness->Add(body).status; }

  TempDir dir;
  testing::FakeClock clock{1'790'000'000'000};
  NoteSigner log;
  ledger::testing::MemoryDisk disk;
  ledger::testing::Cast cast;
  std::unique_ptr<ledger::Ledger> tree;
  std::unique_ptr<Witness> witness;
};

TEST_CASE("a witness cosigns what continues, and remembers it over a restart") {
  Stage stage;
  CHECK(ledger::testing::Code(stage.witness->Latest(LogName(kOrigin))) == "not_found");
  const Response first = stage.witness->Add(stage.Request(0, 5));
  REQUIRE(first.status == 200);
  CHECK(first.body.starts_with("— witness.example.net/w1 "));
  const auto note = ParseNote(ledger::EncodeCheckpointBody({kOrigin, 5, stage.Root(5)}) + "\n" + first.body);
  REQUIRE(note);
  const NoteKey key =
      NoteSigner::FromSeed("witness.example.net/w1", NoteKeyType::kCosignatureV1, Named("w"))->key();
  CHECK(VerifyNoteSignature(*note, note->signatures[0], key).value() == stage.clock.WallMs() / 1'000);

  stage.Open();
  const Response behind = stage.witness->Add(stage.Request(0, 7));
  CHECK(behind.status == 409);
  CHECK(behind.content_type == "text/x.tlog.size");
  CHECK(behind.body == "5\n");
  CHECK(stage.Status(stage.Request(5, 9)) == 200);
  CHECK(stage.Status(stage.Request(9, 9)) == 200);
  CHECK(stage.Status(stage.Request(5, 12)) == 409);
  CHECK(stage.witness->Latest(LogName(kOrigin)).value().starts_with(std::string(kOrigin) + "\n9\n"));
}

TEST_CASE("a fork is refused, whoever signs it, and kept as evidence") {
  Stage stage;
  REQUIRE(stage.Status(stage.Request(0, 8)) == 200);
  const auto evidence = [&] {
    return std::distance(fs::directory_iterator(stage.dir / "evidence"), fs::directory_iterator());
  };
  // Another root for the size that it has.
  const Response same =
      stage.witness->Add(EncodeAddCheckpoint(8, {}, stage.Checkpoint(8, Named("x"), stage.log)));
  CHECK(same.status == 409);
  CHECK(same.content_type != "text/x.tlog.size");
  CHECK(evidence() == 1);
  // A tree that does not contain what it has.
  const std::string good = stage.Request(8, 12);
  std::vector<Hash> proof = DecodeAddCheckpoint(good)->proof;
  CHECK(stage.Status(EncodeAddCheckpoint(8, proof, stage.Checkpoint(12, Named("y"), stage.log))) == 422);
  proof.pop_back();
  CHECK(stage.Status(EncodeAddCheckpoint(8, proof, stage.Checkpoint(12, stage.Root(12), stage.log))) == 422);
  CHECK(evidence() == 2);
  CHECK(stage.Status(good) == 200);
}

TEST_CASE("what is malformed, unknown or unsigned is told apart") {
  Stage stage;
  REQUIRE(stage.Status(stage.Request(0, 3)) == 200);
  const std::string checkpoint = stage.Checkpoint(5, stage.Root(5), stage.log);
  for (const std::string& body :
       {std::string(), std::string("old 3"), std::string("old 03\n\n") + checkpoint,
        std::string("old -1\n\n") + checkpoint, std::string("new 3\n\n") + checkpoint,
        std::string("old 3\nAAAA\n\n") + checkpoint, std::string("old 3\n\n"), "old 9\n\n" + checkpoint}) {
    CAPTURE(body);
    CHECK(stage.Status(body) == 400);
  }
  std::string lines;
  for (int i = 0; i < 64; ++i) lines += ToBase64(Named("p")) + "\n";
  CHECK(stage.Status("old 3\n" + lines + "\n" + checkpoint) == 400);
  CHECK(stage.Status(std::string(ledger::kAddCheckpointLengthMax + 1, 'x')) == 413);
  const auto other = *NoteSigner::FromSeed("example.org/other", NoteKeyType::kEd25519, Named("o"));
  CHECK(stage.Status(EncodeAddCheckpoint(0, {}, stage.Checkpoint(5, stage.Root(5), other))) == 404);
  const auto thief = *NoteSigner::FromSeed(kOrigin, NoteKeyType::kEd25519, Named("thief"));
  CHECK(stage.Status(EncodeAddCheckpoint(3, {}, stage.Checkpoint(5, stage.Root(5), thief))) == 403);
  std::string forged = checkpoint;
  forged.replace(forged.find("\n5\n"), 3, "\n6\n");
  CHECK(stage.Status(EncodeAddCheckpoint(3, {}, forged)) == 403);
  CHECK(stage.witness->Latest(LogName(kOrigin)).value().starts_with(std::string(kOrigin) + "\n3\n"));
}

TEST_CASE("a witness that cannot write does not sign, and one whose memory is no checkpoint does not start") {
  Stage stage;
  REQUIRE(stage.Status(stage.Request(0, 3)) == 200);
  fs::rename(stage.dir / "state", stage.dir / "gone");
  CHECK(stage.Status(stage.Request(3, 5)) == 503);
  fs::rename(stage.dir / "gone", stage.dir / "state");
  CHECK(stage.Status(stage.Request(3, 5)) == 200);
  stage.dir.Write("state/" + LogName(kOrigin) + ".txt", "x");
  const auto opened =
      Witness::Open(stage.dir.path(), *NoteSigner::FromSeed("w", NoteKeyType::kCosignatureV1, Named("w")),
                    &stage.clock, false);
  CHECK(ledger::testing::Code(opened) == "store_corrupt");
}

}  // namespace
}  // namespace cunzheng::node
