#include "ledger/state.h"

#include <doctest/doctest.h>

#include <map>

#include "crypto/digest.h"
#include "crypto/file.h"
#include "tests/unit/store_fixture.h"

namespace cunzheng::ledger {
namespace {

using testing::Cast;
using testing::Code;
using testing::DepositOptions;
using testing::kGenesisTime;
using testing::Named;
using testing::Outcome;

constexpr uint64_t kTime = kGenesisTime + 1000;
constexpr uint64_t kDayMs = 86'400'000;

class MapHistory : public History {
 public:
  Result<std::optional<BatchHeader>> FindBatch(const Hash& id) override {
    const auto it = batches.find(id);
    return it == batches.end() ? std::nullopt : std::optional(it->second);
  }
  void Add(const Transaction& transaction) {
    const auto& batch = std::get<VerifiedBatch>(transaction);
    batches[batch.id] = batch.header;
  }
  std::map<Hash, BatchHeader> batches;
};

// A state with account 0 (sponsored by member 0), for transactions that must or must not pass.
struct Stage {
  explicit Stage(Cast cast_) : cast(std::move(cast_)), state(State::FromGenesis(cast.genesis())) {
    REQUIRE(Outcome(Apply(cast.AddAccount(0))) == "ok");
    state.Commit();
  }
  Stage() : Stage(Cast(3)) {}

  Result<std::string> Apply(const Transaction& transaction, uint64_t time = kTime) {
    if (const auto* batch = std::get_if<VerifiedBatch>(&transaction)) {
      return state.ApplyBatch(*batch, time, history);
    }
    return state.ApplyAct(std::get<VerifiedAct>(transaction), 7, time);
  }
  // The error, having checked that it left no trace.
  std::string Refusal(const Transaction& transaction, uint64_t time = kTime) {
    const Hash before = state.StateHash();
    const auto accounts = state.accounts();
    const auto result = Apply(transaction, time);
    CHECK(state.StateHash() == before);
    CHECK(state.accounts() == accounts);
    CHECK(state.ChangedAccounts().empty());
    return Code(result);
  }

  Cast cast;
  State state;
  MapHistory history;
};

// A copy of `transaction` under another key, as if another had signed it.
Transaction WithKey(Transaction transaction, const PublicKey& key) {
  std::visit([&](auto& t) { t.signature.key = key; }, transaction);
  return transaction;
}

}  // namespace

TEST_CASE("a deposit's entry holds header, signature, and account as the ledger knows it") {
  Stage stage;
  const Transaction transaction = stage.cast.Deposit(0);
  const auto& batch = std::get<VerifiedBatch>(transaction);
  const auto bytes = stage.Apply(transaction);
  REQUIRE_MESSAGE(bytes, Outcome(bytes));
  const auto entry = DecodeDepositEntry(*bytes);
  REQUIRE_MESSAGE(entry, Outcome(entry));
  CHECK(entry->header_bytes == batch.header_bytes);
  CHECK(entry->signature == batch.signature);
  CHECK(entry->account == Cast::AccountOf(0));
  CHECK(entry->account_name == "Company 0");
  CHECK(entry->sponsor == "member-0.example.org");
  CHECK(entry->time_unix_ms == kTime);
}

TEST_CASE("a batch of an account that is not on the ledger is unknown_account") {
  Stage stage;
  CHECK(stage.Refusal(stage.cast.Deposit(1)) == "unknown_account");
}

TEST_CASE("a batch under another key than the account's is key_invalid") {
  Stage stage;
  CHECK(stage.Refusal(WithKey(stage.cast.Deposit(0), Cast::AccountKey(1).public_key())) == "key_invalid");
}

TEST_CASE("a suspended account may not deposit until it is resumed") {
  Stage stage;
  REQUIRE(stage.Apply(stage.cast.Act(AccountSuspend{Cast::AccountOf(0), "lost key"})));
  stage.state.Commit();
  CHECK(stage.Refusal(stage.cast.Deposit(0)) == "account_suspended");
  REQUIRE(stage.Apply(stage.cast.Act(AccountResume{Cast::AccountOf(0), "found again"})));
  CHECK(stage.Apply(stage.cast.Deposit(0)));
}

TEST_CASE("client time may be exactly the limit ahead of the ledger's, and no more") {
  Stage stage;
  const uint64_t ahead = stage.cast.genesis().params.client_time_ahead_ms_max;
  DepositOptions options;
  options.client_time_unix_ms = kTime + ahead + 1;
  CHECK(stage.Refusal(stage.cast.Deposit(0, options)) == "client_time_ahead");
  options.client_time_unix_ms = kTime + ahead;
  CHECK(stage.Apply(stage.cast.Deposit(0, options)));
  options.client_time_unix_ms = 0;  // behind is no fault
  CHECK(stage.Apply(stage.cast.Deposit(0, options)));
}

TEST_CASE("a batch expires after its expiry, not at it") {
  Stage stage;
  DepositOptions options;
  options.expires_unix_ms = kTime - 1;
  CHECK(stage.Refusal(stage.cast.Deposit(0, options)) == "expired");
  options.expires_unix_ms = kTime;
  CHECK(stage.Apply(stage.cast.Deposit(0, options)));
}

TEST_CASE("a reveal must cite a sealed batch of the same account that is on the ledger") {
  Stage stage;
  REQUIRE(stage.Apply(stage.cast.AddAccount(1)));
  stage.state.Commit();
  DepositOptions sealed;
  sealed.mode = BatchMode::kSealed;
  sealed.count = 3;
  const Transaction own = stage.cast.Deposit(0, sealed);
  const Transaction others = stage.cast.Deposit(1, sealed);
  const Transaction plain = stage.cast.Deposit(0);
  const auto reveal = [&](const Transaction& cited) {
    DepositOptions options;
    options.reveals = std::get<VerifiedBatch>(cited).id;
    return stage.cast.Deposit(0, options);
  };
  CHECK(stage.Refusal(reveal(own)) == "not_found");
  stage.history.Add(own);
  stage.history.Add(others);
  stage.history.Add(plain);
  CHECK(stage.Refusal(reveal(others)) == "not_authorised");
  CHECK(stage.Refusal(reveal(plain)) == "not_authorised");
  CHECK(stage.Apply(reveal(own)));
}

TEST_CASE("quotas count records and envelope bytes of a UTC day of ledger time, sealed records too") {
  Params params;
  params.records_per_day_max = 10;
  Stage stage(Cast(1, params));
  DepositOptions seven;
  seven.count = 7;
  DepositOptions sealed;
  sealed.count = 4;
  sealed.mode = BatchMode::kSealed;
  REQUIRE(stage.Apply(stage.cast.Deposit(0, seven)));
  stage.state.Commit();
  CHECK(stage.Refusal(stage.cast.Deposit(0, seven)) == "quota_exceeded");
  CHECK(stage.Refusal(stage.cast.Deposit(0, sealed)) == "quota_exceeded");
  sealed.count = 3;
  CHECK(stage.Apply(stage.cast.Deposit(0, sealed)));
  stage.state.Commit();
  CHECK(stage.state.FindAccount(Cast::AccountOf(0))->used_records == 10);
  CHECK(stage.Refusal(stage.cast.Deposit(0)) == "quota_exceeded");

  const uint64_t midnight = (kTime / kDayMs + 1) * kDayMs;
  CHECK(stage.Refusal(stage.cast.Deposit(0), midnight - 1) == "quota_exceeded");
  CHECK(stage.Apply(stage.cast.Deposit(0), midnight));
  const Account& account = *stage.state.FindAccount(Cast::AccountOf(0));
  CHECK(account.used_day == midnight / kDayMs);
  CHECK(account.used_records == 1);
}

TEST_CASE("an account's own quota stands before the ledger's, and may be lowered below what is used") {
  Stage stage;
  const Transaction transaction = stage.cast.Deposit(0);
  const uint64_t length = std::get<VerifiedBatch>(transaction).length;
  REQUIRE(stage.Apply(stage.cast.Act(AccountQuota{Cast::AccountOf(0), 5, length - 1})));
  stage.state.Commit();
  CHECK(stage.Refusal(transaction) == "quota_exceeded");
  REQUIRE(stage.Apply(stage.cast.Act(AccountQuota{Cast::AccountOf(0), 5, length})));
  CHECK(stage.Apply(transaction));
  CHECK(stage.state.FindAccount(Cast::AccountOf(0))->used_bytes == length);
  REQUIRE(stage.Apply(stage.cast.Act(AccountQuota{Cast::AccountOf(0), 5, length - 1})));
  stage.state.Commit();
  CHECK(stage.Refusal(stage.cast.Deposit(0)) == "quota_exceeded");
  // 0: the ledger's own limit again.
  REQUIRE(stage.Apply(stage.cast.Act(AccountQuota{Cast::AccountOf(0), 0, 0})));
  CHECK(stage.Apply(stage.cast.Deposit(0)));
}

TEST_CASE("acts must come from a member under its own key") {
  Stage stage;
  Transaction stranger = stage.cast.AddAccount(1);
  std::get<VerifiedAct>(stranger).act.member = "stranger.example.org";
  CHECK(stage.Refusal(stranger) == "unknown_member");
  CHECK(stage.Refusal(WithKey(stage.cast.AddAccount(1), stage.cast.member_key(1).public_key())) ==
        "key_invalid");
}

TEST_CASE("an account is added once, by any member, with the quota that the act gives it") {
  Stage stage;
  CHECK(stage.Refusal(stage.cast.AddAccount(0)) == "already_exists");
  CHECK(stage.Refusal(stage.cast.AddAccount(0, 2)) == "already_exists");
  const PublicKey key = Cast::AccountKey(7, Suite::kSm2).public_key();
  REQUIRE(stage.Apply(stage.cast.Act(AccountAdd{key, "某公司 \"七\"", 3, 4000}, 2)));
  const Account* account = stage.state.FindAccount(AccountId(key));
  REQUIRE(account);
  CHECK(account->name == "某公司 \"七\"");
  CHECK(account->sponsor == "member-2.example.org");
  CHECK(account->records_per_day_max == 3);
  CHECK(account->bytes_per_day_max == 4000);
  CHECK(*DecodeAccount(EncodeAccount(*account)) == *account);
}

TEST_CASE("only an account's sponsor may suspend, resume or limit it") {
  Stage stage;
  const Hash id = Cast::AccountOf(0);
  const Hash nobody = Cast::AccountOf(9);
  CHECK(stage.Refusal(stage.cast.Act(AccountSuspend{id, "r"}, 1)) == "not_authorised");
  CHECK(stage.Refusal(stage.cast.Act(AccountResume{id, "r"}, 1)) == "not_authorised");
  CHECK(stage.Refusal(stage.cast.Act(AccountQuota{id, 1, 1}, 1)) == "not_authorised");
  CHECK(stage.Refusal(stage.cast.Act(AccountSuspend{nobody, "r"})) == "unknown_account");
  CHECK(stage.Refusal(stage.cast.Act(AccountResume{nobody, "r"})) == "unknown_account");
  CHECK(stage.Refusal(stage.cast.Act(AccountQuota{nobody, 1, 1})) == "unknown_account");
}

TEST_CASE("a clock resume is an entry that changes no state") {
  Stage stage;
  const Hash before = stage.state.StateHash();
  const auto bytes = stage.Apply(stage.cast.Act(ClockResume{"clock set by hand"}, 1));
  REQUIRE_MESSAGE(bytes, Outcome(bytes));
  CHECK(DecodeActEntry(*bytes)->member == "member-1.example.org");
  CHECK(stage.state.StateHash() == before);
  CHECK(stage.state.ChangedAccounts().empty());
}

TEST_CASE("whom an institution sponsors is its own affair, however many must agree on members") {
  Cast cast(3, {}, 2);
  State state = State::FromGenesis(cast.genesis());
  const Transaction transaction = cast.AddAccount(0);
  const auto entry = state.ApplyAct(std::get<VerifiedAct>(transaction), 1, kTime);
  REQUIRE_MESSAGE(entry, Outcome(entry));
  CHECK(state.accounts().size() == 1);
}

TEST_CASE("rollback restores accounts and hash to the last commit, whatever came between") {
  Stage stage;
  REQUIRE(stage.Apply(stage.cast.Deposit(0)));
  stage.state.Commit();
  const Hash before = stage.state.StateHash();
  const auto accounts = stage.state.accounts();
  for (const bool hash_between : {false, true}) {
    CAPTURE(hash_between);
    REQUIRE(stage.Apply(stage.cast.Deposit(0)));
    REQUIRE(stage.Apply(stage.cast.Deposit(0)));
    REQUIRE(stage.Apply(stage.cast.AddAccount(1)));
    REQUIRE(stage.Apply(stage.cast.Deposit(1)));
    REQUIRE(stage.Apply(stage.cast.Act(AccountSuspend{Cast::AccountOf(1), "r"})));
    CHECK(stage.state.ChangedAccounts().size() == 2);
    if (hash_between) CHECK(stage.state.StateHash() != before);
    stage.state.Rollback();
    CHECK(stage.state.accounts() == accounts);
    CHECK(stage.state.StateHash() == before);
    CHECK(stage.state.ChangedAccounts().empty());
  }
}

TEST_CASE("the state hash is that of the accounts' lines by first byte, also when rebuilt from parts") {
  Stage stage;
  for (size_t i = 1; i < 600; ++i) REQUIRE(stage.Apply(stage.cast.AddAccount(i, i % 3)));
  REQUIRE(stage.Apply(stage.cast.Deposit(5)));
  // specs/entry.md, "App hash", taken literally.
  json::Array members;
  for (const MemberInfo& member : stage.state.charter().members()) members.push_back(MemberToJson(member));
  std::string text = "cunzheng/state/v1\n";
  text += AsText(Sha256(AsBytes(json::Encode(ParamsToJson(stage.state.params())))));
  text += AsText(Sha256(AsBytes(json::Encode(members))));
  for (unsigned bucket = 0; bucket < 256; ++bucket) {
    std::string lines;
    for (const auto& [id, account] : stage.state.accounts()) {
      if (id[0] == bucket) lines += EncodeAccount(account) + "\n";
    }
    text += AsText(lines.empty() ? Hash{} : Sha256(AsBytes(lines)));
  }
  CHECK(stage.state.StateHash() == Sha256(AsBytes(text)));

  std::vector<Account> accounts;
  for (const auto& [id, account] : stage.state.accounts()) accounts.push_back(account);
  State rebuilt = State::FromParts(stage.state.charter(), accounts);
  CHECK(rebuilt.StateHash() == stage.state.StateHash());
}

TEST_CASE("state hash and app hash are those of the independent vectors") {
  const auto text = ReadWholeFile(CUNZHENG_VECTORS_DIR "/entry/app_hash.json", 16u << 20);
  REQUIRE_MESSAGE(text, Outcome(text));
  const auto file = json::Parse(*text, json::Form::kReadable, text->size());
  REQUIRE_MESSAGE(file, Outcome(file));
  const json::Array& cases = *file->AsObject()->at("cases").AsArray();
  REQUIRE(cases.size() >= 8);
  for (const json::Value& value : cases) {
    const json::Object& vector = *value.AsObject();
    const auto field = [&](const char* name) { return *vector.at(name).AsString(); };
    CAPTURE(field("desc"));
    REQUIRE(field("expect") == "ok");
    Genesis genesis;
    genesis.origin = "example.org/ledger";
    const auto params = ParamsFromJson(*json::Parse(field("params"), json::Form::kCanonical, 1u << 20));
    REQUIRE_MESSAGE(params, Outcome(params));
    genesis.params = *params;
    const json::Value member_list = *json::Parse(field("members"), json::Form::kCanonical, 1u << 20);
    for (const json::Value& item : *member_list.AsArray()) {
      auto member = MemberFromJson(item, "example.org/ledger");
      REQUIRE_MESSAGE(member, Outcome(member));
      genesis.members.push_back(std::move(*member));
    }
    std::vector<Account> accounts;
    for (const json::Value& item : *vector.at("accounts").AsArray()) {
      auto account = DecodeAccount(*item.AsString());
      REQUIRE_MESSAGE(account, Outcome(account));
      CHECK(EncodeAccount(*account) == *item.AsString());
      accounts.push_back(std::move(*account));
    }
    Charter charter = Charter::FromGenesis(genesis);
    if (vector.contains("governance")) {
      const auto stored = Charter::Decode(genesis, field("params"), field("members"), field("governance"));
      REQUIRE_MESSAGE(stored, Outcome(stored));
      charter = *stored;
    }
    State state = State::FromParts(std::move(charter), std::move(accounts));
    CHECK(ToHex(state.StateHash()) == field("state_hash"));
    const Hash root = *HashFromHex(field("root"));
    CHECK(ToHex(AppHash(*vector.at("size").AsInteger(), root, state.StateHash())) == field("app_hash"));
  }
}

TEST_CASE("an account's bytes are canonical JSON with every field of the format") {
  Account account;
  account.id = AccountId(Cast::AccountKey(0).public_key());
  account.key = Cast::AccountKey(0).public_key();
  account.name = "名\\";
  account.sponsor = "member.example.org";
  account.suspended = true;
  account.records_per_day_max = 1;
  account.bytes_per_day_max = 2;
  account.used_day = 3;
  account.used_records = 4;
  account.used_bytes = 5;
  const std::string bytes = EncodeAccount(account);
  CHECK(bytes ==
        "{\"account\":\"" + ToHex(account.id) +
            "\",\"bytes_per_day_max\":2,\"name\":\"名\\\\\",\"public_key\":\"" + ToHex(account.key.bytes) +
            "\",\"records_per_day_max\":1,\"sponsor\":\"member.example.org\",\"status\":\"suspended\","
            "\"suite\":\"ecdsa-secp256k1-sha256\",\"used_bytes\":5,\"used_day\":3,\"used_records\":4}");
  CHECK(*DecodeAccount(bytes) == account);
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = bytes;
    changed.replace(changed.find(from), from.size(), to);
    return Code(DecodeAccount(changed));
  };
  CHECK(with("suspended", "sleeping") == "invalid_value");
  CHECK(with("sha256", "sha512") == "suite_unknown");
  CHECK(with(",\"used_day\":3", "") == "missing_field");
  CHECK(with("\"used_day\":3", "\"used_day\":3,\"used_ever\":1") == "unknown_field");
  CHECK(with("\"used_bytes\":5", "\"used_bytes\": 5") == "not_canonical");
  CHECK(with(ToHex(account.key.bytes), std::string(66, '0')) == "key_invalid");
}

}  // namespace cunzheng::ledger
