// Checkpoints of several members: what is signed, collected, refused.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "node/checkpoints.h"
#include "node/peers.h"
#include "tests/unit/store_fixture.h"

namespace cunzheng::node {
namespace {

using namespace ledger::testing;  // NOLINT: the cast of every test here

Cosigner CosignerOf(const Cast& cast, size_t member) {
  const std::string id = cast.genesis().members[member].id;
  return Cosigner(*NoteSigner::FromSeed(cast.genesis().origin, NoteKeyType::kEd25519, Named(id + " log")),
                  *NoteSigner::FromSeed(id, NoteKeyType::kCosignatureV1, Named(id + " cosign")));
}

// One member's node of a ledger of four, of whom three make a quorum.
struct Stage {
  Stage() : cast(4) {
    REQUIRE(ledger::Ledger::Create("/ledger", cast.genesis_bytes(), disk.options()));
    Open();
    MustApply(*ledger, {cast.AddAccount(0)}, kGenesisTime + 1);
  }
  void Open() {
    checkpoints.reset();
    ledger.reset();
    ledger = MustOpen("/ledger", disk.options());
    checkpoints = std::make_unique<Checkpoints>(ledger.get(), CosignerOf(cast, 0), &metrics);
  }
  std::string member(size_t i) const { return cast.genesis().members[i].id; }
  // What member `i` says of (size, root).
  std::string NoteOf(size_t i, uint64_t size, const Hash& root) const {
    return EncodeNote(*CosignerOf(cast, i).Sign({cast.genesis().origin, size, root},
                                                ledger->charter()->trust(), kGenesisTime + 5'000));
  }
  std::string NoteOf(size_t i) const { return NoteOf(i, ledger->head().size, ledger->head().root); }

  MemoryDisk disk;
  Cast cast;
  Metrics metrics;
  std::unique_ptr<ledger::Ledger> ledger;
  std::unique_ptr<Checkpoints> checkpoints;
};

TEST_CASE("a checkpoint is published once k members have signed it, and not before") {
  Stage stage;
  REQUIRE(stage.cast.genesis().k == 3);
  int published = 0;
  stage.checkpoints->OnAttested([&] { ++published; });
  stage.checkpoints->Sign(stage.ledger->head(), kGenesisTime + 5'000);
  CHECK(stage.checkpoints->signed_size() == 2);
  CHECK(stage.checkpoints->Newest() == nullptr);
  CHECK(Code(stage.ledger->CheckpointCovering(2)) == "not_found");
  REQUIRE(stage.checkpoints->NoteAt(2));
  CHECK(stage.checkpoints->NextLacking(stage.member(1), 0, 0) == 2);

  REQUIRE(stage.checkpoints->Add(stage.member(1), 2, stage.NoteOf(1)));
  REQUIRE(stage.checkpoints->Add(stage.member(1), 2, stage.NoteOf(1)));  // counts once
  CHECK(stage.checkpoints->Newest() == nullptr);
  CHECK_FALSE(stage.checkpoints->NextLacking(stage.member(1), 0, 0));
  CHECK(stage.checkpoints->NextLacking(stage.member(2), 0, 0) == 2);
  CHECK_FALSE(stage.checkpoints->NextLacking(stage.member(2), 2, 0));

  REQUIRE(stage.checkpoints->Add(stage.member(3), 2, stage.NoteOf(3)));
  CHECK(published == 1);
  REQUIRE(stage.checkpoints->Newest() != nullptr);
  CHECK(stage.checkpoints->Newest()->size == 2);
  CHECK(*stage.ledger->CheckpointAt(2) == stage.checkpoints->Newest()->note);
  CHECK(*stage.checkpoints->NoteAt(2) == stage.checkpoints->Newest()->note);
  CHECK(Code(stage.ledger->PendingCheckpointAt(2)) == "not_found");
  // One log line, three cosignatures.
  CHECK(ParseNote(stage.checkpoints->Newest()->note)->signatures.size() == 4);
}

TEST_CASE("a line counts only under its member's key, over this node's own bytes") {
  Stage stage;
  stage.checkpoints->Sign(stage.ledger->head(), kGenesisTime + 5'000);
  const auto add = [&](size_t member, const std::string& note) {
    return Code(stage.checkpoints->Add(stage.member(member), 2, note));
  };
  CHECK(add(1, "junk") == "note_malformed");
  CHECK(add(1, stage.NoteOf(2)) == "signature_invalid");  // another's line
  std::string broken = stage.NoteOf(1);
  broken[broken.size() - 10] = broken[broken.size() - 10] == 'A' ? 'B' : 'A';
  CHECK(add(1, broken) != "ok");
  // An older checkpoint, replayed.
  CHECK(add(1, stage.NoteOf(1, 1, *stage.ledger->RootAt(1))) == "note_malformed");
  // Another root for this very size: proof of a fork or a lying member.
  CHECK(add(1, stage.NoteOf(1, 2, Named("another root"))) == "root_mismatch");
  CHECK(Code(stage.checkpoints->Add(stage.member(1), 7, stage.NoteOf(1, 7, Named("r")))) == "not_found");
  CHECK(stage.checkpoints->NextLacking(stage.member(1), 0, 0) == 2);
  CHECK(stage.checkpoints->Newest() == nullptr);
}

TEST_CASE("what waits for cosignatures goes on waiting after a restart, and no size is signed twice") {
  Stage stage;
  stage.checkpoints->Sign(stage.ledger->head(), kGenesisTime + 5'000);
  REQUIRE(stage.checkpoints->Add(stage.member(1), 2, stage.NoteOf(1)));
  const std::string before = *stage.checkpoints->NoteAt(2);
  stage.Open();
  CHECK(stage.checkpoints->signed_size() == 2);
  stage.checkpoints->Sign(stage.ledger->head(), kGenesisTime + 9'000);
  CHECK(*stage.checkpoints->NoteAt(2) == before);
  CHECK_FALSE(stage.checkpoints->NextLacking(stage.member(1), 0, 0));
  REQUIRE(stage.checkpoints->Add(stage.member(2), 2, stage.NoteOf(2)));
  stage.Open();
  REQUIRE(stage.checkpoints->Newest() != nullptr);
  CHECK(stage.checkpoints->Newest()->size == 2);
  CHECK(stage.checkpoints->signed_size() == 2);
}

TEST_CASE("a node that cannot sign collects the others' lines, and adds its own when it can") {
  Stage stage;
  const ledger::Head head = stage.ledger->head();
  stage.checkpoints->Expect(head);
  CHECK(stage.checkpoints->signed_size() == 0);
  CHECK(Code(stage.checkpoints->NoteAt(2)) == "not_found");
  CHECK(stage.checkpoints->NextLacking(stage.member(1), 0, 0) == 2);
  for (size_t i : {1, 2}) REQUIRE(stage.checkpoints->Add(stage.member(i), 2, stage.NoteOf(i)));
  CHECK(stage.checkpoints->Newest() == nullptr);
  SUBCASE("a third one publishes it") {
    REQUIRE(stage.checkpoints->Add(stage.member(3), 2, stage.NoteOf(3)));
    REQUIRE(stage.checkpoints->Newest() != nullptr);
    stage.checkpoints->Sign(head, kGenesisTime + 5'000);
    CHECK(stage.checkpoints->signed_size() == 2);
    const auto note = ParseNote(*stage.checkpoints->NoteAt(2));
    REQUIRE(note);
    CHECK(note->signatures.size() == 5);  // its log key's too
  }
  SUBCASE("its own publishes it") {
    stage.checkpoints->Sign(head, kGenesisTime + 5'000);
    REQUIRE(stage.checkpoints->Newest() != nullptr);
    CHECK(ParseNote(stage.checkpoints->Newest()->note)->signatures.size() == 4);
  }
}

TEST_CASE("peers are members with numeric addresses, each other than oneself") {
  const auto peers = ParsePeers("member-1.example.org=127.0.0.1:1  member-2.example.org=[::1]:2",
                                "peers.members", "member-0.example.org");
  REQUIRE_MESSAGE(peers, ledger::testing::Outcome(peers));
  CHECK(peers->size() == 2);
  CHECK((*peers)[1].member == "member-2.example.org");
  CHECK((*peers)[1].address == "[::1]:2");
  CHECK(ParsePeers("", "peers.members", "x")->empty());
  for (const char* bad : {"127.0.0.1:1", "member-0.example.org=127.0.0.1:1",
                          "member-1.example.org=localhost:1", "member-1.example.org="}) {
    CHECK(Code(ParsePeers(bad, "peers.members", "member-0.example.org")) == "usage");
  }
}

}  // namespace
}  // namespace cunzheng::node
