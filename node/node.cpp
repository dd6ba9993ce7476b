#include "node/node.h"

#include <sys/stat.h>

#include <cerrno>
#include <optional>
#include <sstream>

#include "crypto/key_file.h"
#include "ledger/trust.h"
#include "node/api.h"
#include "node/clock.h"
#include "node/cometbft/comet_engine.h"
#include "node/embedded_engine.h"
#include "node/log.h"
#include "node/run_mark.h"
#include "node/serve.h"
#include "node/witness/witness_client.h"

namespace cunzheng::node {
namespace {

constexpr size_t kClockFileLengthMax = 4'096;

std::optional<ClockReference> ReadClockFile(const DataDir& dir) {
  const auto text = ReadWholeFile(dir.clock(), kClockFileLengthMax);
  if (!text) return std::nullopt;  // the first start
  auto reference = DecodeClockReference(*text);
  if (!reference) {
    Log(LogLevel::kWarning, "clock reference unreadable; a new one is taken",
        {{"reason", reference.error().ToString()}});
    return std::nullopt;
  }
  return *std::move(reference);
}

void KeepClockFile(const DataDir& dir, const ClockReference& reference) {
  const auto written = WriteFileAtomically(dir.clock(), EncodeClockReference(reference), 0600, true);
  // The guard goes on with what it has in memory; only a restart would forget.
  if (!written) Log(LogLevel::kError, "clock reference not kept", {{"reason", written.error().ToString()}});
}

EmbeddedEngineOptions EngineOptions(const DataDir& dir, const Config& config) {
  EmbeddedEngineOptions options;
  options.queue_count_max = config.queue_count_max;
  options.queue_bytes_max = config.queue_bytes_max;
  options.block_count_max = config.block_count_max;
  options.block_bytes_max = config.block_bytes_max;
  options.free_bytes_min = config.free_bytes_min;
  options.free_bytes = [path = dir.ledger()] { return FreeBytes(path); };
  return options;
}

Result<CometEngineOptions> CometOptions(const DataDir& dir, const Config& config) {
  CometEngineOptions options;
  options.member = config.member;
  options.abci_address = config.cometbft_abci;
  if (options.abci_address.starts_with("unix:")) {
    options.abci_address = "unix:" + dir.Resolve(options.abci_address.substr(5));
  }
  options.rpc_address = config.cometbft_rpc;
  ASSIGN_OR_RETURN(options.peers, ParsePeers(config.peers_members, "peers.members", config.member));
  options.application.snapshot_interval = config.snapshot_interval;
  options.application.retain_blocks = config.retain_blocks;
  std::istringstream ids(config.cometbft_p2p_nodes);
  for (std::string id; ids >> id;) options.application.p2p_nodes.insert(id);
  options.evidence_folder = dir.evidence();
  options.queue_count_max = config.queue_count_max;
  options.queue_bytes_max = config.queue_bytes_max;
  return options;
}

}  // namespace

struct OpenedLedger::Impl {
  explicit Impl(DataLock held) : lock(std::move(held)) {}
  DataLock lock;
  SystemClock clock;
  Metrics metrics;
  std::unique_ptr<ledger::Ledger> ledger;
  std::optional<ClockGuard> guard;
  std::optional<TrustVersions> trust_versions;
  std::unique_ptr<Engine> engine;
};

OpenedLedger::OpenedLedger(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
OpenedLedger::~OpenedLedger() = default;

Result<std::unique_ptr<OpenedLedger>> OpenedLedger::Open(const DataDir& dir, const Config& config,
                                                         const SecretBytes& passphrase) {
  ASSIGN_OR_RETURN(DataLock lock, DataLock::Take(dir));
  auto impl = std::make_unique<Impl>(std::move(lock));
  ASSIGN_OR_RETURN(const GenesisFile genesis, LoadGenesis(dir));
  ASSIGN_OR_RETURN(NodeKeys keys, LoadKeys(dir, passphrase));
  ledger::OpenOptions options;
  options.cache_bytes = config.cache_bytes;
  options.write_buffer_bytes = config.write_buffer_bytes;
  struct stat folder {};
  if (config.engine_type == "cometbft" && stat(dir.ledger().c_str(), &folder) != 0 && errno == ENOENT) {
    // The other members have it all: CometBFT replays the chain, and every block's hash is checked.
    Log(LogLevel::kWarning, "no ledger here; it is built anew from genesis and the engine's blocks");
    RETURN_IF_ERROR(ledger::Ledger::Create(dir.ledger(), genesis.bytes));
  }
  ASSIGN_OR_RETURN(impl->ledger, ledger::Ledger::Open(dir.ledger(), options));
  if (impl->ledger->genesis_bytes() != genesis.bytes) {
    return Error{Errc::kWrongLedger, dir.ledger() + ": holds another ledger than genesis.json"};
  }
  impl->guard.emplace(impl->clock, config.require_clock_sync, ReadClockFile(dir),
                      [dir](const ClockReference& reference) { KeepClockFile(dir, reference); });
  if (!config.require_clock_sync && !impl->clock.Synchronised()) {
    Log(LogLevel::kWarning,
        "the kernel says that the clock is not synchronised; set require_clock_sync where NTP runs");
  }
  const auto charter = impl->ledger->charter();
  RETURN_IF_ERROR(CheckKeys(dir, config.member, *charter, keys));
  Cosigner cosigner(std::move(keys.log), std::move(keys.cosign));
  impl->trust_versions.emplace(impl->ledger.get(), config.member, std::move(keys.account), dir.trust());
  if (config.engine_type == "cometbft") {
    ASSIGN_OR_RETURN(CometEngineOptions comet, CometOptions(dir, config));
    comet.trust_versions = &*impl->trust_versions;
    for (const Peer& peer : comet.peers) {
      if (charter->FindMember(peer.member) != nullptr) continue;
      Log(LogLevel::kWarning, "peers.members names no member of this ledger", {{"member", peer.member}});
    }
    ASSIGN_OR_RETURN(impl->engine, CometEngine::Start(impl->ledger.get(), &*impl->guard, &impl->clock,
                                                      std::move(cosigner), &impl->metrics, std::move(comet)));
  } else if (const uint64_t k = charter->trust().quorum.k; k > 1) {
    return Error{Errc::kUsage,
                 "config: engine.type: embedded orders alone, and this ledger needs the cosignatures of " +
                     std::to_string(k) + " members"};
  } else {
    RETURN_IF_ERROR(MarkRun(dir, impl->ledger.get()));
    EmbeddedEngineOptions embedded = EngineOptions(dir, config);
    embedded.trust_versions = &*impl->trust_versions;
    impl->engine = std::make_unique<EmbeddedEngine>(impl->ledger.get(), &*impl->guard, &impl->clock,
                                                    std::move(cosigner), &impl->metrics, std::move(embedded));
  }
  return std::unique_ptr<OpenedLedger>(new OpenedLedger(std::move(impl)));
}

const ledger::Ledger& OpenedLedger::ledger() const {
  return *impl_->ledger;
}
Engine& OpenedLedger::engine() {
  return *impl_->engine;
}
Metrics& OpenedLedger::metrics() {
  return impl_->metrics;
}
const TrustVersions& OpenedLedger::trust_versions() const {
  return *impl_->trust_versions;
}
const Clock& OpenedLedger::clock() const {
  return impl_->clock;
}

Result<void> RunNode(const DataDir& dir, const Config& config, const SecretBytes& passphrase) {
  BlockStopSignals();
  ASSIGN_OR_RETURN(auto witnesses, ParsePeers(config.witnesses_nodes, "witnesses.nodes", config.member));
  ASSIGN_OR_RETURN(const auto opened, OpenedLedger::Open(dir, config, passphrase));
  Api api(&opened->ledger(), &opened->engine(), &opened->trust_versions(), &opened->clock(),
          &opened->metrics());
  std::optional<WitnessClients> clients;
  const ServeHooks hooks{.started =
                             [&] {
                               clients.emplace(&opened->ledger(), &opened->engine().checkpoints(),
                                               std::move(witnesses));
                               Log(LogLevel::kInfo, "serving",
                                   {{"ledger", ToHex(opened->ledger().id())},
                                    {"size", std::to_string(opened->ledger().head().size)}});
                             },
                         .stopping = [&] { api.Stop(); },
                         .drained =
                             [&] {
                               clients.reset();
                               opened->engine().Drain();
                             }};
  RETURN_IF_ERROR(ServeUntilStopped(dir, config, &api, &opened->metrics(), hooks));
  Log(LogLevel::kInfo, "stopped", {{"size", std::to_string(opened->ledger().head().size)}});
  FlushLog();
  return {};
}

}  // namespace cunzheng::node
