#include "node/cometbft/application.h"

#include <algorithm>

#include "cometbft/abci.pb.h"
#include "crypto/digest.h"
#include "crypto/json.h"
#include "node/log.h"

namespace cunzheng::node {
namespace {

namespace abci = tendermint::abci;

constexpr uint64_t kAppVersion = 1;
// Every member's weight in the ordering; the genesis document of the chain says the same.
constexpr int64_t kPower = 1;
// CometBFT's block time is the median of the *previous* block's votes: after idle hours it is that old. A
// proposer whose clock is this far past it proposes no transactions; the empty block refreshes the median,
// and they follow.
constexpr uint64_t kStaleMs = 2'000;
// The code of a transaction that was not appended. Code and data enter the header's hash, so they say no more
// than every node agrees on in every version; the reason is in the log.
constexpr uint32_t kRefused = 1;
constexpr const char* kCodespace = "cunzheng";

// Times before 1970 are 1970; times that no ledger can have are json::kIntegerMax and a little more.
uint64_t TimeMs(const abci::Timestamp& time) {
  if (time.seconds() < 0) return 0;
  const auto seconds =
      std::min<uint64_t>(static_cast<uint64_t>(time.seconds()), json::kIntegerMax / 1'000 + 1);
  const auto nanos = static_cast<uint64_t>(std::clamp(time.nanos(), 0, 999'999'999));
  return seconds * 1'000 + nanos / 1'000'000;
}

void Exception(const std::string& what, abci::Response* response) {
  Log(LogLevel::kError, "the engine asked for what this node cannot do", {{"reason", what}});
  response->mutable_exception()->set_error(what);
}

}  // namespace

std::string ChainId(const Hash& ledger) {
  return "cunzheng-" + ToHex(ledger).substr(0, 32);
}

std::string AppState(const Hash& ledger) {
  return "{\"ledger\":\"" + ToHex(ledger) + "\"}";
}

Application::Application(ledger::Ledger* ledger, TransactionCache* transactions, const Clock* clock,
                         Hooks hooks, ApplicationOptions options)
    : ledger_(ledger),
      transactions_(transactions),
      clock_(clock),
      hooks_(std::move(hooks)),
      options_(std::move(options)),
      ledger_id_(ledger->id()),
      envelope_bytes_max_(ledger->params().batch_bytes_max) {}

abci::Response Application::Handle(const abci::Request& request) {
  abci::Response response;
  switch (request.value_case()) {
    case abci::Request::kEcho:
      response.mutable_echo()->set_message(request.echo().message());
      break;
    case abci::Request::kFlush:
      response.mutable_flush();
      break;
    case abci::Request::kInfo: {
      // The pair that is really on disk: CometBFT replays from there.
      const std::lock_guard lock(consensus_mutex_);
      auto* info = response.mutable_info();
      info->set_data("cunzheng");
      info->set_app_version(kAppVersion);
      const uint64_t height = ledger_->engine_height();
      info->set_last_block_height(static_cast<int64_t>(height));
      if (height != 0) info->set_last_block_app_hash(std::string(AsText(ledger_->head().app_hash)));
      break;
    }
    case abci::Request::kInitChain:
      InitChain(request.init_chain(), &response);
      break;
    case abci::Request::kQuery:
      Query(request.query(), response.mutable_query());
      break;
    case abci::Request::kCheckTx:
      CheckTx(request.check_tx(), response.mutable_check_tx());
      break;
    case abci::Request::kPrepareProposal:
      PrepareProposal(request.prepare_proposal(), response.mutable_prepare_proposal());
      break;
    case abci::Request::kProcessProposal:
      ProcessProposal(request.process_proposal(), response.mutable_process_proposal());
      break;
    case abci::Request::kFinalizeBlock:
      FinalizeBlock(request.finalize_block(), &response);
      break;
    case abci::Request::kCommit:
      Commit(&response);
      break;
    case abci::Request::kListSnapshots:
      ListSnapshots(response.mutable_list_snapshots());
      break;
    case abci::Request::kOfferSnapshot:
      OfferSnapshot(request.offer_snapshot(), response.mutable_offer_snapshot());
      break;
    case abci::Request::kLoadSnapshotChunk: {
      // An empty chunk says that there is none.
      const auto& wanted = request.load_snapshot_chunk();
      auto chunk = ledger_->SnapshotChunk(wanted.height(), wanted.chunk());
      auto* answer = response.mutable_load_snapshot_chunk();
      if (chunk && wanted.format() == ledger::kSnapshotFormat) answer->set_chunk(*std::move(chunk));
      break;
    }
    case abci::Request::kApplySnapshotChunk:
      ApplySnapshotChunk(request.apply_snapshot_chunk(), response.mutable_apply_snapshot_chunk());
      break;
    // Vote extensions are off: cosignatures travel over HTTP.
    case abci::Request::kExtendVote:
    case abci::Request::kVerifyVoteExtension:
    case abci::Request::VALUE_NOT_SET:
      Exception("request: of a kind that this application does not answer", &response);
      break;
  }
  return response;
}

void Application::InitChain(const abci::RequestInitChain& request, abci::Response* response) {
  const std::lock_guard lock(consensus_mutex_);
  if (request.chain_id() != ChainId(ledger_id_)) {
    return Exception("chain_id: must be " + ChainId(ledger_id_) + ", the name of this node's ledger",
                     response);
  }
  if (request.app_state_bytes() != AppState(ledger_id_)) {
    return Exception("app_state: must be " + AppState(ledger_id_), response);
  }
  if (request.initial_height() != 1) return Exception("initial_height: must be 1", response);
  if (ledger_->head().height != 0 || ledger_->engine_height() != 0) {
    return Exception(
        "init_chain: this node's ledger has blocks already; CometBFT's data folder is not its own", response);
  }
  response->mutable_init_chain()->set_app_hash(std::string(AsText(ledger_->head().app_hash)));
}

Result<void> Application::Admissible(const ledger::Transaction& transaction) const {
  ASSIGN_OR_RETURN(const auto known, ledger_->FindTransaction(IdOf(transaction)));
  if (known) return Error{Errc::kAlreadyExists, "transaction: entry " + std::to_string(*known) + " already"};
  if (const auto* batch = std::get_if<ledger::VerifiedBatch>(&transaction)) {
    ASSIGN_OR_RETURN(const auto account, ledger_->FindAccount(batch->header.account));
    if (!account) return Error{Errc::kUnknownAccount, "header.account: not on this ledger"};
    if (account->suspended || account->removed) {
      return Error{Errc::kAccountSuspended, "header.account: suspended or removed"};
    }
  }
  return {};
}

void Application::CheckTx(const abci::RequestCheckTx& request, abci::ResponseCheckTx* response) {
  const auto transaction = transactions_->Verify(request.tx());
  const Result<void> verdict = transaction ? Admissible(**transaction) : Result<void>(transaction.error());
  if (verdict) return;
  response->set_code(kRefused);
  response->set_codespace(kCodespace);
  response->set_log(verdict.error().ToString());
}

void Application::PrepareProposal(const abci::RequestPrepareProposal& request,
                                  abci::ResponsePrepareProposal* response) {
  if (clock_->WallMs() > TimeMs(request.time()) + kStaleMs) return;
  int64_t bytes = 0;
  for (const std::string& tx : request.txs()) {
    const auto transaction = transactions_->Verify(tx);
    if (!transaction || !Admissible(**transaction)) continue;
    // Protobuf adds a tag and a length of at most four bytes.
    const auto length = static_cast<int64_t>(tx.size()) + 5;
    if (bytes + length > request.max_tx_bytes()) break;
    bytes += length;
    response->add_txs(tx);
  }
}

// Cheap rules that depend on the block alone. What is wrong with a transaction beyond them is found by
// FinalizeBlock, which leaves no trace of it: a proposal that is rejected costs a round, and a rule on which
// nodes could differ costs the chain.
void Application::ProcessProposal(const abci::RequestProcessProposal& request,
                                  abci::ResponseProcessProposal* response) const {
  const bool fits = std::all_of(request.txs().begin(), request.txs().end(), [&](const std::string& tx) {
    return !tx.empty() && tx.size() <= envelope_bytes_max_;
  });
  response->set_status(fits ? abci::ResponseProcessProposal::ACCEPT : abci::ResponseProcessProposal::REJECT);
}

void Application::FinalizeBlock(const abci::RequestFinalizeBlock& request, abci::Response* response) {
  const std::lock_guard lock(consensus_mutex_);
  const uint64_t expected = ledger_->engine_height() + 1;
  if (request.height() < 0 || static_cast<uint64_t>(request.height()) != expected) {
    return Exception("finalize_block.height: must be " + std::to_string(expected) + ", is " +
                         std::to_string(request.height()),
                     response);
  }
  const uint64_t time_unix_ms = std::max(ledger_->head().time_unix_ms + 1, TimeMs(request.time()));
  if (time_unix_ms > json::kIntegerMax) {
    return Exception("finalize_block.time: past what a ledger can hold", response);
  }

  std::vector<Result<SharedTransaction>> verified;
  std::vector<const ledger::Transaction*> block;
  for (const std::string& tx : request.txs()) {
    verified.push_back(transactions_->Verify(tx));
    if (verified.back()) block.push_back(verified.back()->get());
  }
  auto result = ledger_->PrepareBlock(block, time_unix_ms);
  if (!result) {
    hooks_.fatal(result.error());
    return Exception("finalize_block: " + result.error().ToString(), response);
  }

  CommittedBlock committed;
  committed.engine_height = expected;
  committed.head = result->head;
  committed.changed = result->changed;
  auto* answer = response->mutable_finalize_block();
  auto next = result->transactions.begin();
  for (const auto& transaction : verified) {
    const Result<ledger::Applied> applied = transaction ? std::move(*next++) : transaction.error();
    abci::ExecTxResult* tx = answer->add_tx_results();
    if (applied) {
      std::string index;
      AppendBe64(applied->index, &index);
      tx->set_data(index);
    } else {
      tx->set_code(kRefused);
      tx->set_codespace(kCodespace);
      tx->set_log(applied.error().ToString());
    }
    if (!transaction) continue;
    const auto* act = std::get_if<ledger::VerifiedAct>(&**transaction);
    const bool confirms = act != nullptr && std::holds_alternative<ledger::ClockResume>(act->act.action);
    committed.transactions.push_back(
        {IdOf(**transaction), applied, confirms ? act->act.member : std::string()});
  }
  for (const ledger::ValidatorChange& change : result->validators) {
    abci::ValidatorUpdate* update = answer->add_validator_updates();
    update->mutable_pub_key()->set_secp256k1(std::string(AsText(change.key)));
    update->set_power(change.active ? kPower : 0);
  }
  answer->set_app_hash(std::string(AsText(result->head.app_hash)));
  block_ = std::move(committed);
}

void Application::Commit(abci::Response* response) {
  CommittedBlock block;
  {
    const std::lock_guard lock(consensus_mutex_);
    if (!block_) return Exception("commit: no block was finalized", response);
    block = *std::move(block_);
    block_.reset();
    if (const auto committed = ledger_->CommitBlock(block.engine_height); !committed) {
      hooks_.fatal(committed.error());
      return Exception("commit: " + committed.error().ToString(), response);
    }
  }
  // Deposits wait for no snapshot: they are answered first.
  hooks_.committed(block);
  if (options_.snapshot_interval != 0 && block.engine_height % options_.snapshot_interval == 0) {
    if (const auto taken = ledger_->TakeSnapshot(); !taken) {
      Log(LogLevel::kWarning, "no snapshot could be made", {{"reason", taken.error().ToString()}});
    }
  }
  response->mutable_commit()->set_retain_height(static_cast<int64_t>(RetainHeight(block.engine_height)));
}

// CometBFT drops its blocks below this; 0: none. What follows the oldest snapshot stays, since whoever takes
// it over goes on from there.
uint64_t Application::RetainHeight(uint64_t height) const {
  if (options_.retain_blocks == 0 || height <= options_.retain_blocks) return 0;
  const auto snapshots = ledger_->Snapshots();
  if (!snapshots || snapshots->empty()) return 0;
  return std::min(height - options_.retain_blocks, snapshots->front().engine_height);
}

// The ledger's queries are the HTTP API's affair. CometBFT asks here whom it may have as a peer.
void Application::Query(const abci::RequestQuery& request, abci::ResponseQuery* response) const {
  constexpr std::string_view kById = "/p2p/filter/id/", kByAddress = "/p2p/filter/addr/";
  const std::string_view path = request.path();
  if (path.starts_with(kByAddress)) return;
  if (path.starts_with(kById)) {
    const std::string id(path.substr(kById.size()));
    if (options_.p2p_nodes.empty() || options_.p2p_nodes.contains(id)) return;
    response->set_log("p2p: cometbft.p2p_nodes does not name " + id);
    Log(LogLevel::kWarning, "a CometBFT node that is not in cometbft.p2p_nodes was refused", {{"id", id}});
  } else {
    response->set_log("query: the node's HTTP API answers queries");
  }
  response->set_code(kRefused);
}

void Application::ListSnapshots(abci::ResponseListSnapshots* response) const {
  const auto snapshots = ledger_->Snapshots();
  if (!snapshots) return;
  for (const ledger::Snapshot& snapshot : *snapshots) {
    // Who takes it over verifies it by the headers of the two blocks that follow.
    if (snapshot.engine_height + 2 > ledger_->engine_height()) continue;
    const std::string metadata = ledger::EncodeSnapshot(snapshot);
    abci::Snapshot* offer = response->add_snapshots();
    offer->set_height(snapshot.engine_height);
    offer->set_format(ledger::kSnapshotFormat);
    offer->set_chunks(static_cast<uint32_t>(snapshot.chunks));
    offer->set_hash(std::string(AsText(Sha256(AsBytes(metadata)))));
    offer->set_metadata(metadata);
  }
}

void Application::OfferSnapshot(const abci::RequestOfferSnapshot& request,
                                abci::ResponseOfferSnapshot* response) {
  const std::lock_guard lock(consensus_mutex_);
  const abci::Snapshot& offer = request.snapshot();
  if (offer.format() != ledger::kSnapshotFormat) {
    return response->set_result(abci::ResponseOfferSnapshot::REJECT_FORMAT);
  }
  const auto refuse = [&](const std::string& why, abci::ResponseOfferSnapshot::Result result) {
    Log(LogLevel::kWarning, "a snapshot is refused",
        {{"height", std::to_string(offer.height())}, {"reason", why}});
    response->set_result(result);
  };
  const auto snapshot = ledger::DecodeSnapshot(offer.metadata());
  if (!snapshot) return refuse(snapshot.error().ToString(), abci::ResponseOfferSnapshot::REJECT);
  const Hash hash = Sha256(AsBytes(offer.metadata()));
  Hash app_hash{};
  if (AsText(hash) != offer.hash() || snapshot->engine_height != offer.height() ||
      snapshot->chunks != offer.chunks() || request.app_hash().size() != app_hash.size()) {
    return refuse("offer: its fields differ from its metadata", abci::ResponseOfferSnapshot::REJECT);
  }
  std::copy_n(request.app_hash().begin(), app_hash.size(), app_hash.begin());
  block_.reset();
  const auto begun = ledger_->BeginRestore(*snapshot, app_hash);
  if (!begun) {
    return refuse(begun.error().ToString(), begun.error().code == Errc::kInvalidValue
                                                ? abci::ResponseOfferSnapshot::REJECT
                                                : abci::ResponseOfferSnapshot::ABORT);
  }
  Log(LogLevel::kInfo, "takes a snapshot over",
      {{"height", std::to_string(offer.height())},
       {"entries", std::to_string(snapshot->size)},
       {"chunks", std::to_string(snapshot->chunks)}});
  response->set_result(abci::ResponseOfferSnapshot::ACCEPT);
}

void Application::ApplySnapshotChunk(const abci::RequestApplySnapshotChunk& request,
                                     abci::ResponseApplySnapshotChunk* response) {
  std::optional<CommittedBlock> restored;
  {
    const std::lock_guard lock(consensus_mutex_);
    const auto done = ledger_->RestoreChunk(request.chunk());
    if (!done) {
      Log(LogLevel::kWarning, "a snapshot's chunk is refused",
          {{"sender", request.sender()}, {"reason", done.error().ToString()}});
      if (done.error().code == Errc::kRootMismatch) {
        response->set_result(abci::ResponseApplySnapshotChunk::RETRY);
        response->add_refetch_chunks(request.index());
        response->add_reject_senders(request.sender());
      } else {
        response->set_result(done.error().code == Errc::kInvalidValue
                                 ? abci::ResponseApplySnapshotChunk::REJECT_SNAPSHOT
                                 : abci::ResponseApplySnapshotChunk::ABORT);
      }
      return;
    }
    Log(LogLevel::kInfo, "a snapshot's chunk is taken over", {{"chunk", std::to_string(request.index())}});
    response->set_result(abci::ResponseApplySnapshotChunk::ACCEPT);
    if (*done) restored = CommittedBlock{ledger_->engine_height(), ledger_->head(), true, {}};
  }
  if (restored) hooks_.committed(*restored);
}

}  // namespace cunzheng::node
