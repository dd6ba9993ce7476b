// The node as CometBFT's application (ABCI 2.0; specs/engine.md): verifies what enters the mempool, proposes
// and judges blocks, executes them on the ledger, and commits each with one synced write.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "crypto/result.h"
#include "ledger/ledger.h"
#include "node/clock.h"
#include "node/transactions.h"

namespace tendermint::abci {
class Request;
class Response;
class RequestFinalizeBlock;
class RequestPrepareProposal;
class RequestProcessProposal;
class RequestCheckTx;
class RequestInitChain;
class ResponseFinalizeBlock;
class ResponsePrepareProposal;
class ResponseProcessProposal;
class ResponseCheckTx;
class RequestQuery;
class ResponseQuery;
class ResponseListSnapshots;
class RequestOfferSnapshot;
class ResponseOfferSnapshot;
class RequestApplySnapshotChunk;
class ResponseApplySnapshotChunk;
}  // namespace tendermint::abci

namespace cunzheng::node {

// What became of one transaction of a committed block.
struct CommittedTransaction {
  Hash id{};
  Result<ledger::Applied> applied;
  std::string clock_confirmed_by;  // the acting member of a clock_resume
};
struct CommittedBlock {
  uint64_t engine_height = 0;
  ledger::Head head;
  bool changed = false;  // something was appended, or taken over from a snapshot
  std::vector<CommittedTransaction> transactions;
};

// The chain's name in CometBFT: "cunzheng-" and the first 32 hex digits of the ledger's id.
std::string ChainId(const Hash& ledger);
// The genesis document's `app_state` there.
std::string AppState(const Hash& ledger);

struct ApplicationOptions {
  uint64_t snapshot_interval = 0;   // blocks; 0: no snapshots are made
  uint64_t retain_blocks = 0;       // that CometBFT must keep; 0: all
  std::set<std::string> p2p_nodes;  // CometBFT node ids that may be its peers; empty: any
};

// Safe from any thread: CometBFT's four connections call at once, in order on each.
class Application {
 public:
  // All outlive it. `committed` runs on the consensus connection's thread, after the write. `fatal` is told
  // why the process must not go on: a disk error in the middle of a block, which CometBFT cannot be told to
  // retry.
  struct Hooks {
    std::function<void(const CommittedBlock&)> committed;
    std::function<void(const Error&)> fatal;
  };
  Application(ledger::Ledger* ledger, TransactionCache* transactions, const Clock* clock, Hooks hooks,
              ApplicationOptions options = {});

  tendermint::abci::Response Handle(const tendermint::abci::Request& request);
  // What would keep the transaction out of a block for reasons of the ledger, as far as is cheap to tell.
  // Errors: kAlreadyExists, kUnknownAccount, kAccountSuspended.
  Result<void> Admissible(const ledger::Transaction& transaction) const;

 private:
  void InitChain(const tendermint::abci::RequestInitChain& request, tendermint::abci::Response* response);
  void CheckTx(const tendermint::abci::RequestCheckTx& request, tendermint::abci::ResponseCheckTx* response);
  void PrepareProposal(const tendermint::abci::RequestPrepareProposal& request,
                       tendermint::abci::ResponsePrepareProposal* response);
  void ProcessProposal(const tendermint::abci::RequestProcessProposal& request,
                       tendermint::abci::ResponseProcessProposal* response) const;
  void FinalizeBlock(const tendermint::abci::RequestFinalizeBlock& request,
                     tendermint::abci::Response* response);
  void Commit(tendermint::abci::Response* response);
  void Query(const tendermint::abci::RequestQuery& request, tendermint::abci::ResponseQuery* response) const;
  uint64_t RetainHeight(uint64_t height) const;
  void ListSnapshots(tendermint::abci::ResponseListSnapshots* response) const;
  void OfferSnapshot(const tendermint::abci::RequestOfferSnapshot& request,
                     tendermint::abci::ResponseOfferSnapshot* response);
  void ApplySnapshotChunk(const tendermint::abci::RequestApplySnapshotChunk& request,
                          tendermint::abci::ResponseApplySnapshotChunk* response);

  ledger::Ledger* const ledger_;
  TransactionCache* const transactions_;
  const Clock* const clock_;
  const Hooks hooks_;
  const ApplicationOptions options_;
  const Hash ledger_id_;
  const size_t envelope_bytes_max_;
  std::mutex consensus_mutex_;
  std::optional<CommittedBlock> block_;  // between FinalizeBlock and Commit
};

}  // namespace cunzheng::node
