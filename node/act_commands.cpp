// Governance acts and look-ups, with the node running (over its HTTP API) or stopped (on the store
// itself, through the same engine).
#include <chrono>
#include <cstdio>
#include <future>
#include <thread>

#include "crypto/json.h"
#include "crypto/key_file.h"
#include "ledger/entry.h"
#include "ledger/ledger.h"
#include "node/commands.h"
#include "node/log.h"
#include "node/new_node.h"
#include "node/node.h"
#include "node/node_client.h"

namespace cunzheng::node {
namespace {

constexpr size_t kListenFileLengthMax = 256;
constexpr auto kStartWait = std::chrono::seconds(10);
constexpr size_t kAccountsPage = 1'000;
constexpr size_t kAnswerLengthMax = 16u << 20;

Result<Hash> ParseAccountId(const std::string& text) {
  auto id = HashFromHex(text);
  if (!id) return Error{Errc::kUsage, "account: must be 64 lowercase hex digits"};
  return id;
}

// The running node's address. A node that is just starting holds the lock before it serves, so it is given
// time: decrypting its keys alone takes most of a second.
Result<std::string> ReadListenFile(const DataDir& dir) {
  auto text = ReadWholeFile(dir.listen(), kListenFileLengthMax);
  const auto deadline = std::chrono::steady_clock::now() + kStartWait;
  while (!text && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    text = ReadWholeFile(dir.listen(), kListenFileLengthMax);
  }
  if (!text) {
    return Error{Errc::kStoreLocked, dir.path + ": in use by another cunzhengd that is not serving"};
  }
  while (!text->empty() && text->back() == '\n') text->pop_back();
  return text;
}

Errc CodeFromName(std::string_view name) {
#define X(code, wire, http, exit) \
  if (name == (wire)) return Errc::code;
  CUNZHENG_ERRC_LIST(X)
#undef X
  return Errc::kInternal;
}

// The error that a problem document stands for.
Error FromProblem(const NodeAnswer& answer) {
  const auto value = json::Parse(answer.body, json::Form::kReadable, kAnswerLengthMax);
  if (value && value->AsObject() != nullptr) {
    const json::Object& object = *value->AsObject();
    const auto text = [&](std::string_view key) -> std::string {
      const auto found = object.find(key);
      return found == object.end() || found->second.AsString() == nullptr ? "" : *found->second.AsString();
    };
    if (!text("code").empty()) return {CodeFromName(text("code")), text("detail")};
  }
  return {Errc::kUnreachable, "node: answered " + std::to_string(answer.status)};
}

Result<std::string> Ask(const DataDir& dir, const Config& config, const std::string& target,
                        const std::string& body = {}) {
  ASSIGN_OR_RETURN(const std::string address, ReadListenFile(dir));
  ASSIGN_OR_RETURN(NodeAnswer answer, AskNode(address, config.tls_certificate, target, body));
  if (answer.status != 200) return FromProblem(answer);
  return std::move(answer.body);
}

Result<uint64_t> ApplyHere(OpenedLedger* opened, const std::string& envelope) {
  ASSIGN_OR_RETURN(auto act, ledger::VerifyAct(envelope, opened->ledger().id()));
  std::promise<Result<Outcome>> promise;
  auto future = promise.get_future();
  opened->engine().Submit(std::move(act),
                          [&](Result<Outcome> outcome) { promise.set_value(std::move(outcome)); });
  ASSIGN_OR_RETURN(const Outcome outcome, future.get());
  opened->engine().Drain();
  return outcome.applied.index;
}

Result<uint64_t> ApplyThere(const DataDir& dir, const Config& config, const std::string& envelope) {
  ASSIGN_OR_RETURN(const std::string body, Ask(dir, config, "/v1/acts", envelope));
  ASSIGN_OR_RETURN(const json::Value value, json::Parse(body, json::Form::kReadable, kAnswerLengthMax));
  if (value.AsObject() != nullptr) {
    const auto found = value.AsObject()->find("index");
    if (found != value.AsObject()->end() && found->second.AsInteger() != nullptr) {
      return *found->second.AsInteger();
    }
  }
  return Error{Errc::kUnreachable, "node: its answer has no index"};
}

// Signs the act with this node's account key and has it appended. Returns its entry's index.
Result<uint64_t> Perform(const Place& place, ledger::Action action) {
  const DataDir dir{place.data};
  ASSIGN_OR_RETURN(const Config config, LoadConfig(dir));
  ASSIGN_OR_RETURN(const SecretBytes passphrase, LoadPassphrase(dir, config, place.passphrase_file));
  ASSIGN_OR_RETURN(const AccountKey key, LoadAccountKey(dir, config, passphrase));
  ASSIGN_OR_RETURN(const GenesisFile genesis, LoadGenesis(dir));
  ledger::Act act;
  act.ledger = ledger::LedgerId(genesis.bytes);
  act.member = config.member;
  act.action = std::move(action);
  act.client_time_unix_ms = NowMs();
  act.nonce = RandomHash();
  const std::string envelope = ledger::SignAct(key.key, act);

  // The log of an engine that runs for one act would only get between the lines of a command.
  ConfigureLog(LogFormat::kText, LogLevel::kError);
  if (config.engine_type == "cometbft") {
    // Alone, a member orders nothing.
    auto there = ApplyThere(dir, config, envelope);
    if (!there && there.error().code == Errc::kNotFound) {
      return Error{Errc::kUnreachable,
                   dir.path + ": the node does not run, and an act needs the other members too"};
    }
    return there;
  }
  auto opened = OpenedLedger::Open(dir, config, passphrase);
  if (opened) return ApplyHere(opened->get(), envelope);
  if (opened.error().code != Errc::kStoreLocked) return opened.error();
  return ApplyThere(dir, config, envelope);
}

// Opens the store for reading, when no other process has it. The lock comes first, so that it is
// released last.
struct IdleStore {
  DataLock lock;
  std::unique_ptr<ledger::Ledger> ledger;
};
Result<IdleStore> OpenIdle(const DataDir& dir) {
  ASSIGN_OR_RETURN(DataLock lock, DataLock::Take(dir));
  ASSIGN_OR_RETURN(auto ledger, ledger::Ledger::Open(dir.ledger()));
  return IdleStore{std::move(lock), std::move(ledger)};
}

void PrintAccount(const json::Object& account) {
  const auto text = [&](std::string_view key) -> std::string {
    const auto found = account.find(key);
    if (found == account.end()) return "";
    if (const auto* string = found->second.AsString()) return *string;
    if (const auto* integer = found->second.AsInteger()) return std::to_string(*integer);
    return "";
  };
  std::printf("%s  %-9s  %s\n", text("account").c_str(), text("status").c_str(), text("name").c_str());
}

Result<void> ListFromStore(const ledger::Ledger& ledger) {
  std::optional<Hash> after;
  for (;;) {
    ASSIGN_OR_RETURN(const auto accounts, ledger.ListAccounts(after, kAccountsPage));
    for (const auto& account : accounts) {
      ASSIGN_OR_RETURN(const json::Value value,
                       json::Parse(ledger::EncodeAccount(account), json::Form::kCanonical, kAnswerLengthMax));
      PrintAccount(*value.AsObject());
    }
    if (accounts.size() < kAccountsPage) return {};
    after = accounts.back().id;
  }
}

Result<void> ListFromNode(const DataDir& dir, const Config& config) {
  std::string from;
  do {
    std::string target = "/v1/accounts?limit=" + std::to_string(kAccountsPage);
    if (!from.empty()) target += "&from=" + from;
    from.clear();
    ASSIGN_OR_RETURN(const std::string body, Ask(dir, config, target));
    ASSIGN_OR_RETURN(const json::Value value, json::Parse(body, json::Form::kReadable, kAnswerLengthMax));
    json::ObjectReader reader(value, "accounts");
    for (const json::Value& item : reader.List("items", 0, kAccountsPage)) {
      if (item.AsObject() != nullptr) PrintAccount(*item.AsObject());
    }
    if (reader.Has("next")) from = reader.String("next", 64, 64);
    RETURN_IF_ERROR(reader.Finish());
  } while (!from.empty());
  return {};
}

}  // namespace

Result<void> AddAccount(const Place& place, const AccountAddOptions& options) {
  ASSIGN_OR_RETURN(const AccountPublicKey key, ReadAccountPublicKey(options.public_key_file));
  ledger::AccountAdd add;
  add.key = key.key;
  add.name = options.name;
  add.records_per_day_max = options.records_per_day_max;
  add.bytes_per_day_max = options.bytes_per_day_max;
  ASSIGN_OR_RETURN(const uint64_t index, Perform(place, std::move(add)));
  std::fprintf(stderr, "account added: entry %llu\n", static_cast<unsigned long long>(index));
  std::printf("%s\n", ToHex(AccountId(key.key)).c_str());
  return {};
}

Result<void> ListAccounts(const Place& place) {
  const DataDir dir{place.data};
  ASSIGN_OR_RETURN(const Config config, LoadConfig(dir));
  const auto idle = OpenIdle(dir);
  if (idle) return ListFromStore(*idle->ledger);
  if (idle.error().code != Errc::kStoreLocked) return idle.error();
  return ListFromNode(dir, config);
}

Result<void> SuspendAccount(const Place& place, const std::string& account, const std::string& reason) {
  ASSIGN_OR_RETURN(const Hash id, ParseAccountId(account));
  ASSIGN_OR_RETURN(const uint64_t index, Perform(place, ledger::AccountSuspend{id, reason}));
  std::fprintf(stderr, "account suspended: entry %llu\n", static_cast<unsigned long long>(index));
  return {};
}

Result<void> ResumeAccount(const Place& place, const std::string& account, const std::string& reason) {
  ASSIGN_OR_RETURN(const Hash id, ParseAccountId(account));
  ASSIGN_OR_RETURN(const uint64_t index, Perform(place, ledger::AccountResume{id, reason}));
  std::fprintf(stderr, "account resumed: entry %llu\n", static_cast<unsigned long long>(index));
  return {};
}

Result<void> SetQuota(const Place& place, const std::string& account, uint64_t records_per_day_max,
                      uint64_t bytes_per_day_max) {
  ASSIGN_OR_RETURN(const Hash id, ParseAccountId(account));
  ASSIGN_OR_RETURN(const uint64_t index,
                   Perform(place, ledger::AccountQuota{id, records_per_day_max, bytes_per_day_max}));
  std::fprintf(stderr, "quota set: entry %llu\n", static_cast<unsigned long long>(index));
  return {};
}

Result<void> ConfirmClock(const Place& place, const std::string& reason) {
  ASSIGN_OR_RETURN(const uint64_t index, Perform(place, ledger::ClockResume{reason}));
  std::fprintf(stderr, "clock confirmed: entry %llu\n", static_cast<unsigned long long>(index));
  return {};
}

Result<void> ShowStatus(const Place& place) {
  const DataDir dir{place.data};
  ASSIGN_OR_RETURN(const Config config, LoadConfig(dir));
  auto idle = OpenIdle(dir);
  if (idle) {
    const ledger::Head head = idle->ledger->head();
    std::printf("node: stopped\nledger: %s\norigin: %s\nsize: %llu\nroot: %s\n",
                ToHex(idle->ledger->id()).c_str(), idle->ledger->genesis().origin.c_str(),
                static_cast<unsigned long long>(head.size), ToHex(head.root).c_str());
    return {};
  }
  if (idle.error().code != Errc::kStoreLocked) return idle.error();
  ASSIGN_OR_RETURN(const std::string address, ReadListenFile(dir));
  ASSIGN_OR_RETURN(const std::string body, Ask(dir, config, "/v1/ledger"));
  ASSIGN_OR_RETURN(const json::Value value, json::Parse(body, json::Form::kReadable, kAnswerLengthMax));
  const json::Object* object = value.AsObject();
  if (object == nullptr) return Error{Errc::kUnreachable, "node: its answer is no object"};
  std::printf("node: running at %s\n", address.c_str());
  for (const char* key : {"ledger", "origin", "size", "root", "writable", "reason"}) {
    const auto found = object->find(std::string_view(key));
    if (found == object->end()) continue;
    std::string text;
    if (const auto* string = found->second.AsString()) text = *string;
    if (const auto* integer = found->second.AsInteger()) text = std::to_string(*integer);
    if (const auto* flag = found->second.AsBool()) text = *flag ? "yes" : "no";
    std::printf("%s: %s\n", key, text.c_str());
  }
  return {};
}

}  // namespace cunzheng::node
