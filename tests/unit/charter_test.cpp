// Governance: proposing, approving, what each change does, what is refused, and the trust files that follow.
#include "ledger/charter.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "ledger/ledger.h"
#include "ledger/trust_update.h"
#include "tests/unit/store_fixture.h"

namespace cunzheng::ledger {
namespace {

using testing::Cast;
using testing::Code;
using testing::kGenesisTime;
using testing::MemoryDisk;
using testing::MustApply;
using testing::MustOpen;
using testing::Outcome;

constexpr uint64_t kDayMs = 86'400'000;

// A ledger of four members, of whom three govern. k is 3 and f is 0.
struct Stage {
  explicit Stage(uint64_t govern = 3) : cast(4, {}, govern) {
    REQUIRE(Ledger::Create("/l", cast.genesis_bytes(), disk.options()));
    ledger = MustOpen("/l", disk.options());
  }
  void Reopen() {
    ledger.reset();
    ledger = MustOpen("/l", disk.options());
  }
  // What became of it: "ok", or the error's code; whatever is refused leaves no trace.
  std::string Do(const Action& action, size_t member) {
    const Head before = ledger->head();
    const auto charter = ledger->charter();
    last = cast.Act(action, member);
    time += 1'000;
    const BlockResult result = MustApply(*ledger, {last}, time);
    validators = result.validators;
    if (!result.transactions[0]) {
      CHECK(ledger->head() == before);
      CHECK(ledger->charter()->EncodeGovernance() == charter->EncodeGovernance());
      CHECK(ledger->charter()->EncodeMembers() == charter->EncodeMembers());
    }
    return Code(result.transactions[0]);
  }
  std::string Propose(const Change& change, size_t member = 0) {
    const std::string done = Do(ledger::Propose{change, time + kDayMs}, member);
    proposal = std::get<VerifiedAct>(last).id;
    return done;
  }
  std::string Approve(size_t member) { return Do(ledger::Approve{proposal}, member); }
  // By members 0, 1 and 2.
  std::string Carry(const Change& change) {
    for (const std::string& done : {Propose(change), Approve(1)}) {
      if (done != "ok") return done;
    }
    return Approve(2);
  }
  std::shared_ptr<const Charter> charter() const { return ledger->charter(); }
  const Trust& trust() {
    held = charter();
    return held->trust();
  }

  MemoryDisk disk;
  Cast cast;
  std::unique_ptr<Ledger> ledger;
  uint64_t time = kGenesisTime;
  Transaction last;
  Hash proposal{};
  std::vector<ValidatorChange> validators;
  std::shared_ptr<const Charter> held;
};

std::string IdOf(const Cast& cast, size_t member) {
  return cast.Member(member).id;
}

TEST_CASE("a change is carried out by the approval that reaches the threshold, and not before") {
  Stage stage;
  const Change change = Thresholds{0, 4, 2};
  REQUIRE(stage.Propose(change) == "ok");
  REQUIRE(stage.charter()->proposals().size() == 1);
  CHECK(stage.charter()->proposals()[0].approvals == std::vector{IdOf(stage.cast, 0)});
  CHECK(stage.Approve(0) == "already_exists");
  CHECK(stage.Approve(5) == "unknown_member");
  REQUIRE(stage.Approve(1) == "ok");
  CHECK(stage.Approve(1) == "already_exists");
  CHECK(stage.trust().quorum.k == 3);
  CHECK(stage.Propose(change, 3) == "already_exists");
  stage.proposal = stage.charter()->proposals()[0].id;
  REQUIRE(stage.Approve(2) == "ok");
  CHECK(stage.charter()->proposals().empty());
  CHECK(stage.trust().quorum.k == 4);
  CHECK(stage.charter()->govern() == 2);
  CHECK(stage.Approve(3) == "not_found");
  stage.Reopen();
  CHECK(stage.trust().quorum.k == 4);
  CHECK(stage.charter()->govern() == 2);
  stage.ledger.reset();
  CHECK(Outcome(CheckStore("/l", stage.disk.options())) == "ok");
}

TEST_CASE("with a threshold of one, proposing is doing") {
  Stage stage(1);
  REQUIRE(stage.Propose(Thresholds{1, 4, 1}) == "ok");
  CHECK(stage.charter()->proposals().empty());
  CHECK(stage.trust().quorum == Quorum{1, 4, 0, 0});
}

TEST_CASE("a proposal lapses, is at most thirty days long, and one member has eight open at most") {
  Stage stage;
  CHECK(stage.Do(Propose{Thresholds{0, 4, 3}, stage.time + 31 * kDayMs}, 0) == "invalid_value");
  CHECK(stage.Do(Propose{Thresholds{0, 4, 3}, stage.time}, 0) == "expired");
  REQUIRE(stage.Propose(Thresholds{0, 4, 3}) == "ok");
  stage.time += 2 * kDayMs;
  CHECK(stage.Approve(1) == "not_found");
  CHECK(stage.charter()->proposals().size() == 1);  // what is refused changes nothing, not even this
  for (unsigned i = 0; i < kProposalsOfMemberMax; ++i) {
    REQUIRE(stage.Propose(TsaRootsSet{{Bytes{static_cast<uint8_t>(i + 1)}}}) == "ok");
  }
  CHECK(stage.charter()->proposals().size() == kProposalsOfMemberMax);
  CHECK(stage.Propose(Thresholds{0, 4, 2}) == "too_large");
  CHECK(stage.Propose(Thresholds{0, 4, 2}, 1) == "ok");  // nobody keeps the others from proposing
}

TEST_CASE("a member joins, is suspended, resumed and removed") {
  Stage stage;
  const MemberInfo fifth = stage.cast.Member(4);
  CHECK(stage.Do(AccountAdd{Cast::AccountKey(0).public_key(), "n", {}, {}}, 4) == "unknown_member");
  REQUIRE(stage.Carry(MemberAdd{fifth, std::nullopt}) == "ok");
  CHECK(stage.charter()->members().size() == 5);
  CHECK(stage.trust().version == 2);
  CHECK(stage.trust().n() == 5);
  CHECK(stage.trust().members[4].keys[1].from_size == stage.trust().effective_size);
  CHECK(stage.Do(AccountAdd{Cast::AccountKey(0).public_key(), "n", {}, {}}, 4) == "ok");
  CHECK(stage.Propose(MemberAdd{fifth, std::nullopt}) == "already_exists");

  REQUIRE(stage.Carry(MemberSuspend{fifth.id, "r", std::nullopt}) == "ok");
  CHECK(stage.trust().version == 2);
  CHECK(stage.Do(ClockResume{"r"}, 4) == "not_authorised");
  CHECK(stage.Propose(MemberSuspend{fifth.id, "r", std::nullopt}) == "already_exists");
  REQUIRE(stage.Carry(MemberResume{fifth.id, "r", std::nullopt}) == "ok");
  CHECK(stage.Do(ClockResume{"r"}, 4) == "ok");
  CHECK(stage.Propose(MemberResume{fifth.id, "r", std::nullopt}) == "not_found");

  REQUIRE(stage.Carry(MemberRemove{fifth.id, "r", std::nullopt}) == "ok");
  CHECK(stage.Do(ClockResume{"r"}, 4) == "unknown_member");
  CHECK(stage.trust().version == 3);
  CHECK(stage.trust().n() == 4);
  CHECK(stage.trust().members[4].keys[1].until_size == stage.trust().effective_size);
  CHECK(stage.Propose(MemberAdd{fifth, std::nullopt}) == "already_exists");
  CHECK(stage.Propose(MemberRemove{"nobody.example.org", "r", std::nullopt}) == "unknown_member");
}

TEST_CASE(
    "no change leaves too few: thresholds come with it or it is refused, and none is lowered silently") {
  Stage stage;
  const std::string last = IdOf(stage.cast, 3);
  CHECK(stage.Propose(Thresholds{0, 2, 3}) == "below_safe_minimum");
  CHECK(stage.Propose(Thresholds{0, 5, 3}) == "below_safe_minimum");
  CHECK(stage.Propose(Thresholds{3, 3, 3}) == "below_safe_minimum");
  CHECK(stage.Propose(Thresholds{0, 3, 5}) == "below_safe_minimum");
  REQUIRE(stage.Carry(Thresholds{0, 4, 3}) == "ok");
  CHECK(stage.Propose(MemberRemove{last, "r", std::nullopt}) == "below_safe_minimum");
  REQUIRE(stage.Carry(MemberRemove{last, "r", Thresholds{0, 2, 2}}) == "ok");
  CHECK(stage.trust().quorum == Quorum{0, 2, 0, 0});
  CHECK(stage.trust().earlier ==
        std::vector<EarlierQuorum>{{4, {0, 3, 0, 0}}, {stage.trust().effective_size, {0, 4, 0, 0}}});
  CHECK(stage.trust().QuorumAt(3).k == 3);
  CHECK(stage.trust().QuorumAt(5).k == 4);
  CHECK(stage.trust().MembersAt(5) == 4);
}

TEST_CASE("what could be carried out when it was proposed may not be when it is due: it stays open") {
  Stage stage;
  REQUIRE(stage.Propose(Thresholds{0, 4, 3}) == "ok");
  const Hash raise = stage.proposal;
  REQUIRE(stage.Approve(1) == "ok");
  REQUIRE(stage.Carry(MemberRemove{IdOf(stage.cast, 3), "r", Thresholds{0, 3, 3}}) == "ok");
  stage.proposal = raise;
  CHECK(stage.Approve(2) == "below_safe_minimum");
  CHECK(stage.charter()->proposals().size() == 1);
}

TEST_CASE("approvals of members that are gone do not count") {
  Stage stage;
  REQUIRE(stage.Propose(TsaRootsSet{{Bytes{1}}}, 3) == "ok");
  const Hash roots = stage.proposal;
  REQUIRE(stage.Carry(MemberSuspend{IdOf(stage.cast, 3), "r", std::nullopt}) == "ok");
  stage.proposal = roots;
  REQUIRE(stage.Approve(0) == "ok");
  REQUIRE(stage.Approve(1) == "ok");
  CHECK(stage.trust().tsa_roots.empty());
  REQUIRE(stage.Approve(2) == "ok");
  CHECK(stage.trust().tsa_roots.size() == 1);
}

TEST_CASE("keys rotate; the old one is retired, and a key stands once") {
  Stage stage;
  const MemberInfo old = stage.cast.Member(1), fresh = stage.cast.Member(1, 7);
  REQUIRE(stage.Carry(KeyRotate{old.id, KeyRole::kCosign, fresh.cosign_key, {}}) == "ok");
  const auto& keys = stage.trust().members[1].keys;
  const uint64_t size = stage.trust().effective_size;
  CHECK(keys[1].until_size == size);
  CHECK(keys.back() == TrustKey{KeyPurpose::kCosign, fresh.cosign_key, {}, size, std::nullopt});
  CHECK(stage.charter()->FindMember(old.id)->cosign_key == fresh.cosign_key);
  CHECK(stage.Propose(KeyRotate{old.id, KeyRole::kCosign, old.cosign_key, {}}) == "trust_invalid");
  CHECK(stage.Propose(KeyRotate{old.id, KeyRole::kCosign, stage.cast.Member(2).cosign_key, {}}) ==
        "invalid_value");
  CHECK(stage.Propose(KeyRotate{old.id, KeyRole::kAccount, {}, stage.cast.Member(2).account_key}) ==
        "already_exists");
  REQUIRE(stage.Carry(KeyRotate{old.id, KeyRole::kAccount, {}, fresh.account_key}) == "ok");
  CHECK(stage.Do(ClockResume{"r"}, 1) == "key_invalid");
}

TEST_CASE("an account of another sponsor is suspended and removed by the members together") {
  Stage stage;
  const Hash account = Cast::AccountOf(0);
  REQUIRE(stage.Do(AccountAdd{Cast::AccountKey(0).public_key(), "n", {}, {}}, 3) == "ok");
  CHECK(stage.Do(AccountSuspend{account, "r"}, 0) == "not_authorised");
  CHECK(stage.Propose(AccountSuspend{Cast::AccountOf(1), "r"}) == "unknown_account");
  REQUIRE(stage.Carry(AccountSuspend{account, "r"}) == "ok");
  CHECK(stage.ledger->FindAccount(account).value()->suspended);
  REQUIRE(stage.Carry(AccountRemove{account, "r"}) == "ok");
  CHECK(stage.ledger->FindAccount(account).value()->removed);
  CHECK(stage.Do(AccountResume{account, "r"}, 3) == "account_suspended");
  const BlockResult deposit = MustApply(*stage.ledger, {stage.cast.Deposit(0)}, stage.time + 5'000);
  CHECK(Code(deposit.transactions[0]) == "account_suspended");
  CHECK(stage.trust().version == 1);
}

TEST_CASE("parameters that engines are laid out by stay") {
  Stage stage;
  Params params = stage.charter()->params();
  params.records_per_day_max = 5;
  REQUIRE(stage.Carry(params) == "ok");
  CHECK(stage.ledger->params().records_per_day_max == 5);
  params.batch_bytes_max += 1;
  CHECK(stage.Propose(params) == "invalid_value");
}

TEST_CASE("each version of the trust file follows from the one before, signed by k of its members") {
  Stage stage;
  Trust pinned = stage.trust();
  REQUIRE(stage.Carry(KeyRotate{
              IdOf(stage.cast, 1), KeyRole::kCosign, stage.cast.Member(1, 7).cosign_key, {}}) == "ok");
  REQUIRE(stage.Carry(MemberRemove{IdOf(stage.cast, 3), "r", Thresholds{0, 2, 2}}) == "ok");
  REQUIRE(stage.Carry(TsaRootsSet{{Bytes{1}}}) == "not_found");  // two govern now: the third came too late
  for (uint64_t version = 2; version <= stage.trust().version; ++version) {
    TrustUpdate update;
    update.trust = stage.ledger->TrustAt(version).value();
    const Trust next = DecodeTrust(update.trust).value();
    update.entry = stage.ledger->EntryAt(next.effective_size - 1).value();
    update.inclusion = stage.ledger->InclusionProof(next.effective_size - 1, next.effective_size).value();
    CHECK(stage.ledger->RootAt(next.effective_size).value() == next.effective_root);
    for (size_t member = 0; member < 3; ++member) {
      CHECK(Code(VerifyTrustUpdate(pinned, update)) == (member < pinned.quorum.k ? "quorum_not_met" : "ok"));
      update.signatures.push_back(
          {IdOf(stage.cast, member), SignTrust(stage.cast.member_key(member), update.trust)});
    }
    const auto followed = VerifyTrustUpdate(pinned, update);
    REQUIRE_MESSAGE(followed, Outcome(followed));
    CHECK(*followed == next);
    pinned = *followed;
  }
  CHECK(pinned == stage.trust());
  CHECK(pinned.version == 4);
}

TEST_CASE("validators follow the members that order") {
  Genesis genesis = Cast(4).genesis();
  const auto consensus = [](int i) {
    return PrivateKey::FromSecret(Suite::kSecp256k1, testing::Named("consensus " + std::to_string(i)))
        ->public_key();
  };
  for (int i = 0; i < 4; ++i) genesis.members[static_cast<size_t>(i)].consensus_key = consensus(i);
  genesis.f = 1;
  genesis.k = 3;
  genesis.govern = 1;
  MemoryDisk disk;
  REQUIRE(Ledger::Create("/l", EncodeGenesis(genesis), disk.options()));
  const auto ledger = MustOpen("/l", disk.options());
  Cast cast(4);
  uint64_t time = kGenesisTime;
  const auto change = [&](const Change& what) {
    Act act;
    act.ledger = ledger->id();
    act.member = genesis.members[0].id;
    act.action = Propose{what, time + kDayMs};
    act.nonce = testing::Named(std::to_string(time));
    auto verified = VerifyAct(SignAct(cast.member_key(0), act), ledger->id());
    REQUIRE(verified);
    time += 1'000;
    return MustApply(*ledger, {*verified}, time);
  };
  CHECK(Code(change(MemberSuspend{genesis.members[3].id, "r", std::nullopt}).transactions[0]) ==
        "below_safe_minimum");
  auto result = change(MemberSuspend{genesis.members[3].id, "r", Thresholds{0, 3, 1}});
  REQUIRE_MESSAGE(result.transactions[0], Outcome(result.transactions[0]));
  REQUIRE(result.validators.size() == 1);
  CHECK(result.validators[0].key == consensus(3).bytes);
  CHECK(!result.validators[0].active);
  result = change(MemberResume{genesis.members[3].id, "r", Thresholds{1, 3, 1}});
  REQUIRE(result.validators.size() == 1);
  CHECK(result.validators[0].active);
  result = change(KeyRotate{genesis.members[0].id, KeyRole::kConsensus, {}, consensus(9)});
  REQUIRE(result.validators.size() == 2);
  CHECK(result.validators[0].key == consensus(0).bytes);
  CHECK(!result.validators[0].active);
  CHECK(result.validators[1].key == consensus(9).bytes);
  CHECK(result.validators[1].active);
  CHECK(ledger->charter()->trust().version == 3);  // f moved twice; orderers are no verifier's affair
  CHECK(Code(change(MemberAdd{cast.Member(4), Thresholds{1, 4, 1}}).transactions[0]) == "invalid_value");
}

TEST_CASE("each version of the trust file can be had by its number, the first one too") {
  Stage stage;
  REQUIRE(stage.Carry(Thresholds{0, 4, 3}) == "ok");
  stage.Reopen();
  CHECK(stage.ledger->TrustAt(2).value() == CanonicalTrust(stage.trust()));
  CHECK(Code(stage.ledger->TrustAt(3)) == "not_found");
  CHECK(Code(stage.ledger->TrustAt(0)) == "not_found");
  CHECK(stage.ledger->TrustAt(1).value() ==
        CanonicalTrust(TrustFromGenesis(stage.cast.genesis_bytes(), stage.cast.genesis())));
}

}  // namespace
}  // namespace cunzheng::ledger
