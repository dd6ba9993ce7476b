// The versions of the trust file that governance has brought about (specs/trust.md): signs each that this
// node computed itself, with its institution's account key, collects the other members' signatures, and keeps
// D/trust.json the newest.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "crypto/key_file.h"
#include "crypto/result.h"
#include "ledger/ledger.h"
#include "ledger/trust_update.h"

namespace cunzheng::node {

// Safe from any thread.
class TrustVersions {
 public:
  // `ledger` outlives this. `account_keys`: those of `member` that this node has. `trust_file`: D/trust.json;
  // empty: none is kept.
  TrustVersions(ledger::Ledger* ledger, std::string member, std::vector<AccountKey> account_keys,
                std::string trust_file);

  // Takes up the versions that the ledger has by now: after every change of its head, and at start.
  void Update();
  // The trust update that leads to `version`, with the signatures known so far. kNotFound.
  Result<std::string> Document(uint64_t version) const;
  // The smallest version over `after` that `member` can sign and has not, as far as this node knows.
  std::optional<uint64_t> NextLacking(const std::string& member, uint64_t after) const;
  // Takes the signatures out of another node's trust update. Errors: decoding's, kNotFound, kTrustInvalid:
  // the other node has another version of that number; CheckTrustSignature's.
  Result<void> Add(uint64_t version, std::string_view update_text);

 private:
  struct Version {
    ledger::Trust before;
    ledger::TrustUpdate update;
  };
  Result<void> TakeUp(uint64_t version);
  void Keep(uint64_t version, const ledger::TrustUpdate& update);

  ledger::Ledger* const ledger_;
  const std::string member_;
  const std::vector<AccountKey> account_keys_;
  const std::string trust_file_;
  mutable std::mutex mutex_;
  std::map<uint64_t, Version> versions_;  // from 2 on
  uint64_t newest_ = 1;
  bool file_written_ = false;
};

}  // namespace cunzheng::node
