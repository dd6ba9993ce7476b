// Random blocks on several replicas that differ in all but the blocks: when they are reopened, and what is
// read of them in between. Seeds are printed; CUNZHENG_SEED repeats one.
#include <doctest/doctest.h>

#include <cstdlib>
#include <random>

#include "crypto/digest.h"
#include "ledger/ledger.h"
#include "ledger/record.h"
#include "tests/unit/store_fixture.h"

namespace cunzheng::ledger {
namespace {

using testing::Cast;
using testing::Code;
using testing::DepositOptions;
using testing::kGenesisTime;
using testing::MemoryDisk;
using testing::MustApply;
using testing::MustOpen;
using testing::Outcome;

class Simulation {
 public:
  explicit Simulation(uint64_t seed) : random_(seed), cast_(4, Limits(), 2) {
    for (Replica& replica : replicas_) {
      REQUIRE(Ledger::Create("/l", cast_.genesis_bytes(), replica.disk.options()));
      replica.ledger = MustOpen("/l", replica.disk.options());
    }
    leaves_.push_back(LeafHash(AsBytes(cast_.genesis_bytes())));
  }

  void Run(int blocks) {
    for (int block = 0; block < blocks; ++block) {
      time_ += Chance(20) ? 20'000'000 + Below(80'000'000) : 1 + Below(3000);
      const std::vector<Transaction> transactions = MakeBlock();
      std::vector<std::string> codes;
      for (Replica& replica : replicas_) {
        const BlockResult result = MustApply(*replica.ledger, transactions, time_);
        std::vector<std::string> own;
        for (const auto& applied : result.transactions) {
          own.push_back(!applied ? Code(applied)
                                 : std::to_string(applied->index) + (applied->repeated ? "r" : ""));
        }
        if (&replica == &replicas_[0]) {
          codes = own;
          Observe(transactions, result);
        }
        REQUIRE(own == codes);
        REQUIRE(replica.ledger->head() == replicas_[0].ledger->head());
      }
      if (Chance(10)) Reopen(replicas_[1]);
      if (Chance(2)) Reopen(replicas_[2]);
      while (Chance(2)) Read(replicas_[2 * Below(2)]);
    }
    trust_version_ = replicas_[0].ledger->charter()->trust().version;
    for (Replica& replica : replicas_) {
      REQUIRE(replica.ledger->charter()->EncodeGovernance() ==
              replicas_[0].ledger->charter()->EncodeGovernance());
    }
    for (Replica& replica : replicas_) {
      replica.ledger.reset();
      CHECK(Outcome(CheckStore("/l", replica.disk.options())) == "ok");
    }
  }

  uint64_t trust_version() const { return trust_version_; }
  const std::map<std::string, int>& outcomes() const { return outcomes_; }

 private:
  struct Replica {
    MemoryDisk disk;
    std::unique_ptr<Ledger> ledger;
  };

  static Params Limits() {
    Params params;
    params.records_per_day_max = 60;
    return params;
  }
  uint64_t Below(uint64_t n) { return random_() % n; }
  bool Chance(uint64_t one_in) { return Below(one_in) == 0; }
  void Reopen(Replica& replica) {
    replica.ledger.reset();
    replica.ledger = MustOpen("/l", replica.disk.options());
  }

  std::vector<Transaction> MakeBlock() {
    std::vector<Transaction> block;
    for (uint64_t i = Below(8); i-- > 0;) {
      if (!past_.empty() && Chance(6)) {
        block.push_back(past_[Below(past_.size())]);
      } else if (!block.empty() && Chance(10)) {
        block.push_back(block[Below(block.size())]);
      } else if (Chance(5)) {
        block.push_back(MakeAct());
      } else {
        block.push_back(MakeDeposit());
      }
      past_.push_back(block.back());
    }
    return block;
  }

  // A change of the kind that members propose; most could be carried out, some could not.
  Change MakeChange() {
    const auto any = [&] { return Below(7); };
    const auto id = [&] { return cast_.Member(any()).id; };
    const auto numbers = [&]() -> std::optional<Thresholds> {
      if (Chance(2)) return std::nullopt;
      const uint64_t n = replicas_[0].ledger->charter()->members().size();
      return Thresholds{Below(2), 1 + (n + Below(3)) / 2, 1 + Below(3)};
    };
    switch (Below(10)) {
      case 0:
        return MemberAdd{cast_.Member(any()), numbers()};
      case 1:
        return MemberSuspend{id(), "reason", numbers()};
      case 2:
        return MemberResume{id(), "reason", numbers()};
      case 3:
        return MemberRemove{cast_.Member(4 + Below(3)).id, "reason", numbers()};
      case 4: {
        const size_t member = any();
        const MemberInfo fresh = cast_.Member(member, ++generation_);
        if (Chance(2)) return KeyRotate{fresh.id, KeyRole::kLog, fresh.log_key, {}};
        return KeyRotate{fresh.id, KeyRole::kCosign, fresh.cosign_key, {}};
      }
      case 5:
        return numbers().value_or(Thresholds{0, 3, 2});
      case 6: {
        Params params = Limits();
        params.records_per_day_max = 20 + Below(60);
        return params;
      }
      case 7:
        return TsaRootsSet{{Bytes{1, static_cast<uint8_t>(Below(200))}}};
      case 8: {
        const MemberInfo witness = cast_.Member(any(), 90);
        return WitnessesSet{
            1,
            0,
            {{"w/" + witness.id, "见证", "Witness",
              NoteSigner::FromSeed("w/" + witness.id, NoteKeyType::kCosignatureV1, testing::Named(witness.id))
                  ->key()}}};
      }
      default:
        return AccountRemove{Cast::AccountOf(10 + Below(2)), "reason"};
    }
  }

  Transaction MakeGovernance() {
    const auto charter = replicas_[0].ledger->charter();
    const auto& open = charter->proposals();
    if (!open.empty() && !Chance(4)) {
      return cast_.Act(Approve{open[Below(open.size())].id}, Below(5));
    }
    return cast_.Act(Propose{MakeChange(), time_ + Below(4) * 400'000'000}, Below(5));
  }

  Transaction MakeAct() {
    if (!Chance(3)) return MakeGovernance();
    const size_t account = Below(12), member = account % 2 ^ (Chance(6) ? 1 : 0);
    const Hash id = Cast::AccountOf(account);
    switch (Below(6)) {
      case 0:
        return cast_.Act(AccountSuspend{id, "reason"}, member);
      case 1:
        return cast_.Act(AccountResume{id, "reason"}, member);
      case 2:
        return cast_.Act(AccountQuota{id, Below(20), Below(20'000)}, member);
      case 3:
        return cast_.Act(ClockResume{"reason"}, member);
      default:
        return cast_.AddAccount(account, member);
    }
  }

  Transaction MakeDeposit() {
    DepositOptions options;
    options.count = 1 + (Chance(4) ? Below(30) : 0);
    if (Chance(4)) options.mode = BatchMode::kSealed;
    options.client_time_unix_ms = time_ + (Chance(12) ? 700'000 : 0);
    if (Chance(8)) options.expires_unix_ms = time_ - 1 + Below(5000);
    if (options.mode == BatchMode::kPlain && !batches_.empty() && Chance(5)) {
      options.reveals = batches_[Below(batches_.size())];
    }
    Transaction transaction = cast_.Deposit(Below(12), options);
    batches_.push_back(std::get<VerifiedBatch>(transaction).id);
    return transaction;
  }

  // Holds a block's result against what any ledger must do.
  void Observe(const std::vector<Transaction>& transactions, const BlockResult& result) {
    const Ledger& ledger = *replicas_[0].ledger;
    for (size_t i = 0; i < transactions.size(); ++i) {
      const Hash id = std::visit([](const auto& t) { return t.id; }, transactions[i]);
      const auto& applied = result.transactions[i];
      ++outcomes_[!applied ? Code(applied) : applied->repeated ? "repeated" : "new"];
      const auto known = index_.find(id);
      if (!applied) {
        REQUIRE(known == index_.end());
      } else if (applied->repeated) {
        REQUIRE(known != index_.end());
        REQUIRE(known->second == applied->index);
      } else {
        REQUIRE(known == index_.end());
        REQUIRE(applied->index == leaves_.size());
        index_[id] = applied->index;
        leaves_.push_back(LeafHash(AsBytes(*ledger.EntryAt(applied->index))));
      }
    }
    REQUIRE(ledger.head().size == leaves_.size());
    REQUIRE(ledger.head().root == RootFromLeaves(leaves_));
  }

  void Read(Replica& replica) {
    const Ledger& ledger = *replica.ledger;
    const uint64_t size = 1 + Below(leaves_.size()), index = Below(size);
    const Hash root = RootFromLeaves(std::span(leaves_).first(size));
    REQUIRE(VerifyInclusion(leaves_[index], index, size, *ledger.InclusionProof(index, size), root));
    REQUIRE(VerifyConsistency(size, leaves_.size(), *ledger.ConsistencyProof(size, leaves_.size()), root,
                              ledger.head().root));
    const auto records = ledger.RecordsOf(index);
    if (!records) {
      REQUIRE(Code(records) == "not_found");
    } else {
      const uint64_t number = Below(records->size());
      const std::string& record = (*records)[number];
      REQUIRE(*ledger.FindRecord(RecordId(record)) == RecordPosition{index, number});
      REQUIRE(ledger.FindDigest(DecodeRecord(record)->digest.sha256, {}, 9)->positions ==
              std::vector<RecordPosition>{{index, number}});
    }
  }

  std::mt19937_64 random_;
  Cast cast_;
  Replica replicas_[3];
  uint64_t time_ = kGenesisTime;
  std::vector<Transaction> past_;
  std::vector<Hash> batches_;
  std::map<Hash, uint64_t> index_;
  std::vector<Hash> leaves_;
  unsigned generation_ = 0;
  uint64_t trust_version_ = 1;
  std::map<std::string, int> outcomes_;
};

}  // namespace

TEST_CASE("replicas that are fed the same blocks agree, whatever is read, reopened or repeated") {
  const char* given = std::getenv("CUNZHENG_SEED");
  const uint64_t first = given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  std::map<std::string, int> outcomes;
  uint64_t versions = 0;
  for (uint64_t seed = first; seed < first + (given ? 1 : 8); ++seed) {
    MESSAGE("seed " << seed);
    CAPTURE(seed);
    Simulation simulation(seed);
    simulation.Run(400);
    versions += simulation.trust_version() - 1;
    for (const auto& [code, count] : simulation.outcomes()) outcomes[code] += count;
  }
  // The runs must have met what they are for.
  CHECK((given || versions > 20));
  for (const char* code : {"new", "repeated", "unknown_account", "account_suspended", "client_time_ahead",
                           "expired", "not_found", "not_authorised", "already_exists", "quota_exceeded",
                           "below_safe_minimum", "unknown_member"}) {
    CAPTURE(code);
    CHECK((given || outcomes[code] > 0));
  }
}

}  // namespace cunzheng::ledger
