#include "tests/bench/cast.h"

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "crypto/digest.h"
#include "crypto/note.h"
#include "ledger/batch.h"
#include "ledger/record.h"

namespace cunzheng::bench {
namespace {

Hash Named(const std::string& seed) {
  return Sha256(AsBytes(seed));
}

PrivateKey Key(const std::string& seed) {
  return Must(PrivateKey::FromSecret(Suite::kSecp256k1, Named(seed)));
}

}  // namespace

void Fail(const std::string& what) {
  std::fprintf(stderr, "error: %s\n", what.c_str());
  std::exit(1);
}

Cast::Cast() : member_(Key("member")), account_(Key("account")) {
  genesis_.origin = "example.org/bench";
  genesis_.created_unix_ms = kGenesisTime;
  genesis_.nonce = Named("nonce");
  const std::string id = "operator.example.org";
  const auto log = Must(NoteSigner::FromSeed(genesis_.origin, NoteKeyType::kEd25519, Named("log")));
  const auto cosign = Must(NoteSigner::FromSeed(id, NoteKeyType::kCosignatureV1, Named("cosign")));
  ledger::MemberInfo member;
  member.id = id;
  member.name_zh = "示例公证处";
  member.name_en = "Example Notary Office";
  member.role = "operator";
  member.account_key = member_.public_key();
  member.log_key = log.key();
  member.cosign_key = cosign.key();
  genesis_.members.push_back(member);
  genesis_.params.records_per_day_max = uint64_t{1} << 52;
  genesis_.params.bytes_per_day_max = uint64_t{1} << 52;
  genesis_bytes_ = ledger::EncodeGenesis(genesis_);
  ledger_ = ledger::LedgerId(genesis_bytes_);
}

std::string Cast::Record(uint64_t number) const {
  const std::string seed = "item " + std::to_string(number);
  ledger::Record record;
  record.ledger = ledger_;
  record.account = AccountId(account_.public_key());
  record.kind = "file";
  record.digest = {Named(seed), Named(seed + " sm3")};
  record.length = number;
  return ledger::EncodeRecord(record);
}

std::string Cast::Envelope(uint64_t number, uint64_t count) const {
  std::vector<std::string> records;
  for (uint64_t i = 0; i < count; ++i) records.push_back(Record(number + i));
  ledger::BatchHeader header;
  header.ledger = ledger_;
  header.account = AccountId(account_.public_key());
  header.client_time_unix_ms = kGenesisTime;
  return ledger::SignBatch(account_, header, records).envelope;
}

std::string Cast::AddAccount() const {
  ledger::Act act;
  act.ledger = ledger_;
  act.member = genesis_.members[0].id;
  act.action = ledger::AccountAdd{account_.public_key(), "Example account", {}, {}};
  act.client_time_unix_ms = kGenesisTime;
  act.nonce = Named("act");
  return ledger::SignAct(member_, act);
}

}  // namespace cunzheng::bench
