// A running node: a data folder opened, with engine, API and server on it.
#pragma once

#include <memory>
#include <string>

#include "crypto/result.h"
#include "ledger/ledger.h"
#include "node/clock.h"
#include "node/config.h"
#include "node/data_dir.h"
#include "node/engine.h"
#include "node/metrics.h"
#include "node/trust_versions.h"

namespace cunzheng::node {

// The ledger and the engine of a data folder, under its lock. Members end in the order
// that they need: engine, then ledger, then lock.
class OpenedLedger {
 public:
  // Errors: kStoreLocked, kNotFound, those of keys and store.
  static Result<std::unique_ptr<OpenedLedger>> Open(const DataDir& dir, const Config& config,
                                                    const SecretBytes& passphrase);
  ~OpenedLedger();

  const ledger::Ledger& ledger() const;
  Engine& engine();
  Metrics& metrics();
  const TrustVersions& trust_versions() const;
  const Clock& clock() const;

 private:
  struct Impl;
  explicit OpenedLedger(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Serves until SIGTERM or SIGINT, then drains within config.shutdown_timeout_ms. Blocks.
Result<void> RunNode(const DataDir& dir, const Config& config, const SecretBytes& passphrase);

}  // namespace cunzheng::node
