#include "node/acts.h"

#include <chrono>
#include <future>
#include <thread>

#include "crypto/json.h"
#include "crypto/key_file.h"
#include "node/log.h"
#include "node/new_node.h"
#include "node/node.h"
#include "node/node_client.h"

namespace cunzheng::node {
namespace {

constexpr size_t kListenFileLengthMax = 256;
constexpr auto kStartWait = std::chrono::seconds(10);

// The error that a problem document stands for.
Error FromProblem(const NodeAnswer& answer) {
  const auto value = json::Parse(answer.body, json::Form::kReadable, kAnswerLengthMax);
  if (value && value->AsObject() != nullptr) {
    const json::Object& object = *value->AsObject();
    const auto text = [&](std::string_view key) -> std::string {
      const auto found = object.find(key);
      return found == object.end() || found->second.AsString() == nullptr ? "" : *found->second.AsString();
    };
    if (!text("code").empty()) {
      return {ErrcFromName(text("code")).value_or(Errc::kInternal), text("detail")};
    }
  }
  return {Errc::kUnreachable, "node: answered " + std::to_string(answer.status)};
}

}  // namespace

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

Result<std::string> Ask(const DataDir& dir, const Config& config, const std::string& target,
                        const std::string& body) {
  ASSIGN_OR_RETURN(const std::string address, ReadListenFile(dir));
  ASSIGN_OR_RETURN(NodeAnswer answer, AskNode(address, config.tls_certificate, target, body));
  if (answer.status != 200) return FromProblem(answer);
  return std::move(answer.body);
}

namespace {

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

Result<uint64_t> Send(const DataDir& dir, const Config& config, const SecretBytes& passphrase,
                      const std::string& envelope) {
  // The log of an engine that runs for one act would only get between the lines of a command.
  ConfigureLog(LogFormat::kText, LogLevel::kError);
  if (config.engine_type == "cometbft") {
    // Alone, a member orders nothing.
    if (DataLock::Take(dir)) {
      return Error{Errc::kUnreachable,
                   dir.path + ": the node does not run, and an act needs the other members too"};
    }
    return ApplyThere(dir, config, envelope);
  }
  auto opened = OpenedLedger::Open(dir, config, passphrase);
  if (opened) return ApplyHere(opened->get(), envelope);
  if (opened.error().code != Errc::kStoreLocked) return opened.error();
  return ApplyThere(dir, config, envelope);
}

}  // namespace

Result<Performed> PerformAct(const Place& place, ledger::Action action) {
  const DataDir dir{place.data};
  ASSIGN_OR_RETURN(const Config config, LoadConfig(dir));
  ASSIGN_OR_RETURN(const SecretBytes passphrase, LoadPassphrase(dir, config, place.passphrase_file));
  ASSIGN_OR_RETURN(const std::vector<AccountKey> keys, LoadAccountKeys(dir, passphrase));
  ASSIGN_OR_RETURN(const GenesisFile genesis, LoadGenesis(dir));
  ledger::Act act;
  act.ledger = ledger::LedgerId(genesis.bytes);
  act.member = config.member;
  act.action = std::move(action);
  act.client_time_unix_ms = NowMs();
  act.nonce = RandomHash();

  // While a rotation is under way there are two: the ledger knows which one holds.
  Result<uint64_t> index = Error{Errc::kInternal, "keys: none"};
  for (const AccountKey& key : keys) {
    index = Send(dir, config, passphrase, ledger::SignAct(key.key, act));
    if (index || index.error().code != Errc::kKeyInvalid) break;
  }
  if (!index) return index.error();
  return Performed{ledger::ActId(ledger::EncodeAct(act)), *index};
}

Result<uint64_t> Perform(const Place& place, ledger::Action action) {
  ASSIGN_OR_RETURN(const Performed done, PerformAct(place, std::move(action)));
  return done.index;
}

Result<IdleStore> OpenIdle(const DataDir& dir) {
  ASSIGN_OR_RETURN(DataLock lock, DataLock::Take(dir));
  ASSIGN_OR_RETURN(auto ledger, ledger::Ledger::Open(dir.ledger()));
  return IdleStore{std::move(lock), std::move(ledger)};
}

}  // namespace cunzheng::node
