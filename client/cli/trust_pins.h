// Trust files that this user has pinned, one a ledger: <config>/trust/<ledger id>.json (specs/trust.md). A
// file gets here only by `trust pin`, after its fingerprint was compared.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/cli/settings.h"
#include "crypto/result.h"
#include "ledger/trust.h"

namespace cunzheng::cli {

struct TrustPin {
  std::string path;
  ledger::Trust trust;
};

// Errors: kIo, kTrustInvalid; each names the file.
Result<TrustPin> ReadTrustFile(const std::string& path);

class TrustPins {
 public:
  explicit TrustPins(const Settings& settings) : config_(settings.folders.config) {}

  // Errors: as ReadTrustFile.
  Result<std::vector<TrustPin>> List() const;
  Result<std::optional<TrustPin>> Find(const Hash& ledger) const;
  // Stores; over a pin of the same ledger only what follows it: the same version again, or the next one that
  // names it as `previous`; anything, with `replace`. Returns the path. Errors: kTrustInvalid, kUsage, kIo.
  Result<std::string> Pin(const ledger::Trust& trust, bool replace) const;

 private:
  std::string Folder() const;
  std::string config_;
};

}  // namespace cunzheng::cli
