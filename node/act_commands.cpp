// Acts of one institution for itself, on its accounts and its clock, and look-ups.
#include <cstdio>

#include "crypto/json.h"
#include "crypto/key_file.h"
#include "node/acts.h"
#include "node/commands.h"

namespace cunzheng::node {
namespace {

constexpr size_t kAccountsPage = 1'000;

Result<Hash> ParseAccountId(const std::string& text) {
  auto id = HashFromHex(text);
  if (!id) return Error{Errc::kUsage, "account: must be 64 lowercase hex digits"};
  return id;
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

Result<void> RemoveAccount(const Place& place, const std::string& account, const std::string& reason) {
  ASSIGN_OR_RETURN(const Hash id, ParseAccountId(account));
  ASSIGN_OR_RETURN(const uint64_t index, Perform(place, ledger::AccountRemove{id, reason}));
  std::fprintf(stderr, "account removed for good: entry %llu\n", static_cast<unsigned long long>(index));
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
