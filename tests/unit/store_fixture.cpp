#include "tests/unit/store_fixture.h"

#include <doctest/doctest.h>
#include <leveldb/helpers/memenv.h>

#include "crypto/digest.h"
#include "ledger/record.h"

namespace cunzheng::ledger::testing {

Hash Named(const std::string& seed) {
  return Sha256(AsBytes(seed));
}

namespace {

// Institutions that are no members at genesis, and act all the same.
constexpr size_t kStrangers = 4;

std::string MemberId(size_t member) {
  return "member-" + std::to_string(member) + ".example.org";
}

}  // namespace

Cast::Cast(size_t members, const Params& params, uint64_t govern) {
  genesis_.origin = "example.org/ledger";
  genesis_.created_unix_ms = kGenesisTime;
  genesis_.nonce = Named("nonce");
  genesis_.k = members / 2 + 1;
  genesis_.govern = govern;
  genesis_.params = params;
  for (size_t i = 0; i < members + kStrangers; ++i) {
    member_keys_.push_back(*PrivateKey::FromSecret(Suite::kSecp256k1, Named(MemberId(i))));
    if (i < members) genesis_.members.push_back(Member(i));
  }
  genesis_bytes_ = EncodeGenesis(genesis_);
  ledger_ = LedgerId(genesis_bytes_);
}

MemberInfo Cast::Member(size_t member, unsigned generation) const {
  const std::string id = MemberId(member);
  const std::string seed = generation == 0 ? id : id + " " + std::to_string(generation);
  return {id,
          "某某公证处",
          "A notary office",
          "notary",
          PrivateKey::FromSecret(Suite::kSecp256k1, Named(seed))->public_key(),
          NoteSigner::FromSeed("example.org/ledger", NoteKeyType::kEd25519, Named(seed + " log"))->key(),
          NoteSigner::FromSeed(id, NoteKeyType::kCosignatureV1, Named(seed + " cosign"))->key(),
          std::nullopt};
}

PrivateKey Cast::AccountKey(size_t account, Suite suite) {
  return *PrivateKey::FromSecret(suite, Named("account " + std::to_string(account)));
}

Transaction Cast::Act(const Action& action, size_t member) {
  ledger::Act act;
  act.ledger = ledger_;
  act.member = MemberId(member);
  act.action = action;
  act.client_time_unix_ms = kGenesisTime;
  act.nonce = Named("act " + std::to_string(++serial_));
  auto verified = VerifyAct(SignAct(member_keys_[member], act), ledger_);
  REQUIRE_MESSAGE(verified, Outcome(verified));
  return std::move(*verified);
}

Transaction Cast::AddAccount(size_t account, size_t member) {
  return Act(AccountAdd{AccountKey(account).public_key(), "Company " + std::to_string(account), {}, {}},
             member);
}

std::string Cast::MakeRecord(const Hash& account, const DepositOptions& options) {
  const std::string seed = "record " + std::to_string(++serial_);
  Record record;
  record.ledger = ledger_;
  record.account = account;
  record.kind = options.reveals ? "reveal" : "file";
  if (options.reveals) record.refs.push_back({"reveals", *options.reveals});
  record.digest = {options.sha256.value_or(Named(seed)), Named(seed + " sm3")};
  record.length = serial_;
  for (size_t i = 0; i * 64 < options.padding_length; ++i) {
    record.attrs["padding"] += ToHex(Named(seed + " " + std::to_string(i)));
  }
  if (options.mode == BatchMode::kSealed) record.salt = Named(seed + " salt");
  return EncodeRecord(record);
}

Transaction Cast::Deposit(size_t account, const DepositOptions& options) {
  const PrivateKey key = AccountKey(account);
  std::vector<std::string> records;
  for (uint64_t i = 0; i < options.count; ++i) records.push_back(MakeRecord(AccountOf(account), options));
  BatchHeader header;
  header.ledger = ledger_;
  header.account = AccountOf(account);
  header.mode = options.mode;
  header.client_time_unix_ms = options.client_time_unix_ms.value_or(kGenesisTime);
  header.expires_unix_ms = options.expires_unix_ms;
  auto verified =
      VerifyBatch(SignBatch(key, header, records).envelope, ledger_, genesis_.params.batch_bytes_max);
  REQUIRE_MESSAGE(verified, Outcome(verified));
  return std::move(*verified);
}

std::string Cast::Checkpoint(uint64_t size, const Hash& root) const {
  Note note;
  note.body = EncodeCheckpointBody({genesis_.origin, size, root});
  const std::string id = MemberId(0);
  note.signatures.push_back(
      NoteSigner::FromSeed(genesis_.origin, NoteKeyType::kEd25519, Named(id + " log"))->Sign(note.body));
  note.signatures.push_back(NoteSigner::FromSeed(id, NoteKeyType::kCosignatureV1, Named(id + " cosign"))
                                ->Sign(note.body, kGenesisTime / 1000));
  return EncodeNote(note);
}

MemoryDisk::MemoryDisk() : env_(leveldb::NewMemEnv(leveldb::Env::Default())) {}

OpenOptions MemoryDisk::options() const {
  OpenOptions options;
  options.env = env_.get();
  options.cache_bytes = 1u << 20;
  options.write_buffer_bytes = 1u << 20;
  options.reopen_pause_ms = 0;
  return options;
}

BlockResult MustApply(Ledger& ledger, const std::vector<Transaction>& transactions, uint64_t time_unix_ms) {
  std::vector<const Transaction*> pointers;
  for (const Transaction& transaction : transactions) pointers.push_back(&transaction);
  auto result = ledger.ApplyBlock(pointers, time_unix_ms);
  REQUIRE_MESSAGE(result, Outcome(result));
  return std::move(*result);
}

std::unique_ptr<Ledger> MustOpen(const std::string& path, const OpenOptions& options) {
  auto ledger = Ledger::Open(path, options);
  REQUIRE_MESSAGE(ledger, Outcome(ledger));
  return std::move(*ledger);
}

}  // namespace cunzheng::ledger::testing
