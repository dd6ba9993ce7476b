// Commands on a whole store: run it, check it, export it.
#include <cstdio>

#include "crypto/file.h"
#include "ledger/ledger.h"
#include "ledger/trust.h"
#include "node/commands.h"
#include "node/export.h"
#include "node/log.h"
#include "node/node.h"
#include "node/progress.h"
#include "node/serve.h"

namespace cunzheng::node {
Result<void> Run(const Place& place, const std::optional<std::string>& listen) {
  const DataDir dir{place.data};
  ASSIGN_OR_RETURN(Config config, LoadConfig(dir));
  if (listen) config.listen = *listen;
  ConfigureServerLog(config);
  ASSIGN_OR_RETURN(const SecretBytes passphrase, LoadPassphrase(dir, config, place.passphrase_file));
  return RunNode(dir, config, passphrase);
}

Result<void> Check(const Place& place) {
  const DataDir dir{place.data};
  RETURN_IF_ERROR(LoadConfig(dir));
  ASSIGN_OR_RETURN(const DataLock lock, DataLock::Take(dir));
  ASSIGN_OR_RETURN(const GenesisFile genesis, LoadGenesis(dir));
  ledger::CheckReport report;
  {
    Progress progress("entries");
    ASSIGN_OR_RETURN(report, ledger::CheckStore(dir.ledger(), {}, [&](uint64_t done, uint64_t total) {
                       progress.Update(done, total);
                       return true;
                     }));
  }
  // The store agrees with itself; the files beside it must agree with the store.
  ASSIGN_OR_RETURN(const auto ledger, ledger::Ledger::Open(dir.ledger()));
  if (ledger->genesis_bytes() != genesis.bytes) {
    return Error{Errc::kWrongLedger, dir.genesis() + ": not the genesis of the ledger in " + dir.ledger()};
  }
  ASSIGN_OR_RETURN(const std::string trust_text, ReadWholeFile(dir.trust(), ledger::kTrustLengthMax));
  ASSIGN_OR_RETURN(const ledger::Trust trust, ledger::DecodeTrust(trust_text));
  if (trust.ledger != ledger->id()) return Error{Errc::kWrongLedger, dir.trust() + ": of another ledger"};
  std::printf("ok: %llu entries, %llu records\nroot: %s\napp hash: %s\n",
              static_cast<unsigned long long>(report.entries),
              static_cast<unsigned long long>(report.records), ToHex(report.head.root).c_str(),
              ToHex(report.head.app_hash).c_str());
  return {};
}

Result<void> Export(const Place& place, const std::string& out) {
  const DataDir dir{place.data};
  RETURN_IF_ERROR(LoadConfig(dir));
  ASSIGN_OR_RETURN(const DataLock lock, DataLock::Take(dir));
  ASSIGN_OR_RETURN(const auto ledger, ledger::Ledger::Open(dir.ledger()));
  ExportReport report;
  {
    Progress progress("entries");
    ASSIGN_OR_RETURN(report, ExportLedger(*ledger, out, [&](uint64_t done, uint64_t total) {
                       progress.Update(done, total);
                     }));
  }
  std::printf("exported: %llu entries, %llu records, %llu checkpoints\n",
              static_cast<unsigned long long>(report.entries),
              static_cast<unsigned long long>(report.records),
              static_cast<unsigned long long>(report.checkpoints));
  return {};
}

}  // namespace cunzheng::node
