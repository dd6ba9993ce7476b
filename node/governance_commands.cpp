// Governance (specs/governance.md): proposing, approving, listing, and the keys that a rotation leads to.
#include <algorithm>
#include <cstdio>

#include "crypto/json.h"
#include "crypto/key_file.h"
#include "node/acts.h"
#include "node/commands.h"
#include "node/new_node.h"

namespace cunzheng::node {
namespace {

constexpr uint64_t kDayMs = 86'400'000;

void PrintProposal(const json::Object& proposal, uint64_t govern) {
  const auto field = [](const json::Object& object, std::string_view key) -> const json::Value* {
    const auto found = object.find(key);
    return found == object.end() ? nullptr : &found->second;
  };
  const json::Value* id = field(proposal, "id");
  const json::Value* change = field(proposal, "change");
  const json::Value* approvals = field(proposal, "approvals");
  if (id == nullptr || id->AsString() == nullptr || change == nullptr || approvals == nullptr ||
      approvals->AsArray() == nullptr) {
    return;
  }
  std::string by;
  for (const json::Value& member : *approvals->AsArray()) {
    if (member.AsString() != nullptr) by += (by.empty() ? "" : ", ") + *member.AsString();
  }
  std::printf("%s\n  %s\n  approved by %zu of %llu needed: %s\n", id->AsString()->c_str(),
              json::Encode(*change).c_str(), approvals->AsArray()->size(),
              static_cast<unsigned long long>(govern), by.c_str());
}

struct OpenProposals {
  json::Array items;
  uint64_t govern = 1;
};

// With the node running or stopped.
Result<OpenProposals> LoadProposals(const DataDir& dir, const Config& config) {
  OpenProposals open;
  const auto idle = OpenIdle(dir);
  if (idle) {
    const auto charter = idle->ledger->charter();
    open.govern = charter->govern();
    for (const auto& proposal : charter->proposals()) open.items.push_back(ledger::ProposalToJson(proposal));
    return open;
  }
  if (idle.error().code != Errc::kStoreLocked) return idle.error();
  ASSIGN_OR_RETURN(const std::string body, Ask(dir, config, "/v1/proposals"));
  ASSIGN_OR_RETURN(const json::Value value, json::Parse(body, json::Form::kReadable, kAnswerLengthMax));
  json::ObjectReader reader(value, "proposals");
  open.govern = reader.Integer("govern", 1, ledger::kMembersMax);
  open.items = reader.List("items", 0, ledger::kProposalsMax);
  RETURN_IF_ERROR(reader.Finish());
  return open;
}

bool IsOpen(const OpenProposals& open, const std::string& id) {
  return std::any_of(open.items.begin(), open.items.end(), [&](const json::Value& item) {
    if (item.AsObject() == nullptr) return false;
    const auto found = item.AsObject()->find("id");
    return found != item.AsObject()->end() && found->second.AsString() != nullptr &&
           *found->second.AsString() == id;
  });
}

}  // namespace

Result<void> Propose(const Place& place, ledger::Change change, uint64_t days) {
  ASSIGN_OR_RETURN(const Performed done,
                   PerformAct(place, ledger::Propose{std::move(change), NowMs() + days * kDayMs}));
  const std::string id = ToHex(done.id);
  std::printf("%s\n", id.c_str());
  const DataDir dir{place.data};
  ASSIGN_OR_RETURN(const Config config, LoadConfig(dir));
  ASSIGN_OR_RETURN(const OpenProposals open, LoadProposals(dir, config));
  const auto entry = static_cast<unsigned long long>(done.index);
  if (IsOpen(open, id)) {
    std::fprintf(stderr,
                 "proposed: entry %llu\nhint: %llu members must approve: cunzhengd approve --data DIR %s\n",
                 entry, static_cast<unsigned long long>(open.govern), id.c_str());
  } else {
    std::fprintf(stderr, "proposed and carried out: entry %llu\n", entry);
  }
  return {};
}

Result<void> Approve(const Place& place, const std::string& proposal) {
  const auto id = HashFromHex(proposal);
  if (!id) return Error{Errc::kUsage, "proposal: must be 64 lowercase hex digits"};
  ASSIGN_OR_RETURN(const uint64_t index, Perform(place, ledger::Approve{*id}));
  std::fprintf(stderr, "approved: entry %llu\n", static_cast<unsigned long long>(index));
  return {};
}

Result<void> ListProposals(const Place& place) {
  const DataDir dir{place.data};
  ASSIGN_OR_RETURN(const Config config, LoadConfig(dir));
  ASSIGN_OR_RETURN(const OpenProposals open, LoadProposals(dir, config));
  for (const json::Value& item : open.items) {
    if (item.AsObject() != nullptr) PrintProposal(*item.AsObject(), open.govern);
  }
  return {};
}

Result<void> MakeNextKey(const Place& place, ledger::KeyRole role) {
  const DataDir dir{place.data};
  ASSIGN_OR_RETURN(const Config config, LoadConfig(dir));
  ASSIGN_OR_RETURN(const GenesisFile genesis, LoadGenesis(dir));
  ASSIGN_OR_RETURN(const SecretBytes passphrase, LoadPassphrase(dir, config, place.passphrase_file));
  if (role == ledger::KeyRole::kAccount) {
    ASSIGN_OR_RETURN(const auto keys, LoadAccountKeys(dir, passphrase));  // the passphrase is the right one
    const PrivateKey key = PrivateKey::Generate(Suite::kSecp256k1);
    RETURN_IF_ERROR(WriteAccountKey(DataDir::Next(dir.account_key()), key, AccountId(key.public_key()),
                                    passphrase.span(), kScryptLogNDefault));
    std::printf("%s:%s\n", std::string(SuiteName(key.public_key().suite)).c_str(),
                ToHex(key.public_key().bytes).c_str());
    return {};
  }
  const bool log = role == ledger::KeyRole::kLog;
  const std::string path = log ? dir.log_key() : dir.cosign_key();
  RETURN_IF_ERROR(ReadNoteKey(path, passphrase.span()));
  ASSIGN_OR_RETURN(const NoteSigner key,
                   NoteSigner::Generate(log ? genesis.genesis.origin : config.member,
                                        log ? NoteKeyType::kEd25519 : NoteKeyType::kCosignatureV1));
  RETURN_IF_ERROR(WriteNoteKey(DataDir::Next(path), key, passphrase.span(), kScryptLogNDefault));
  std::printf("%s\n", key.key().Encode().c_str());
  return {};
}

}  // namespace cunzheng::node
