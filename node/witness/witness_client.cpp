#include "node/witness/witness_client.h"

#include <algorithm>
#include <chrono>

#include "node/log.h"
#include "node/node_client.h"
#include "node/target.h"
#include "node/witness/witness.h"

namespace cunzheng::node {
namespace {

constexpr auto kPoll = std::chrono::milliseconds(100);
constexpr auto kPauseMax = std::chrono::milliseconds(10'000);

const NoteKey* WitnessKey(const ledger::Trust& trust, std::string_view id, uint64_t size) {
  for (const ledger::TrustMember& witness : trust.witnesses) {
    if (witness.id != id) continue;
    for (const ledger::TrustKey& key : witness.keys) {
      if (key.HoldsAt(size)) return &key.note_key;
    }
  }
  return nullptr;
}

}  // namespace

WitnessClients::WitnessClients(const ledger::Ledger* ledger, Checkpoints* checkpoints,
                               std::vector<Peer> witnesses)
    : ledger_(ledger), checkpoints_(checkpoints) {
  for (Peer& witness : witnesses) {
    threads_.emplace_back([this, held = std::move(witness)] { Follow(held); });
    pthread_setname_np(threads_.back().native_handle(), "witness");
  }
}

WitnessClients::~WitnessClients() {
  stopping_ = true;
  for (std::thread& thread : threads_) thread.join();
}

void WitnessClients::Follow(const Peer& witness) {
  uint64_t seen = 0;
  bool in_order = true;
  auto pause = kPoll;
  while (!stopping_) {
    const auto newest = checkpoints_->Newest();
    if (newest && newest->size > seen) {
      const auto shown = Show(witness, *newest, seen);
      if (shown) {
        seen = *shown;
        pause = kPoll;
        if (!in_order) Log(LogLevel::kInfo, "witness cosigns again", {{"witness", witness.member}});
        in_order = true;
        continue;
      }
      if (in_order) {
        Log(LogLevel::kWarning, "a witness does not cosign",
            {{"witness", witness.member},
             {"address", witness.address},
             {"reason", shown.error().ToString()}});
      }
      in_order = false;
      pause = std::min(pause * 2, kPauseMax);
    }
    for (auto slept = std::chrono::milliseconds(0); slept < pause && !stopping_; slept += kPoll) {
      std::this_thread::sleep_for(kPoll);
    }
  }
}

Result<uint64_t> WitnessClients::Show(const Peer& witness, const Published& checkpoint, uint64_t from) {
  const auto charter = ledger_->charter();
  const NoteKey* key = WitnessKey(charter->trust(), witness.member, checkpoint.size);
  if (key == nullptr) {
    return Error{Errc::kUnknownMember,
                 "the trust file lists no key of it at size " + std::to_string(checkpoint.size)};
  }
  for (bool again = true;; again = false) {
    ledger::Path proof;
    if (from != 0) {
      ASSIGN_OR_RETURN(proof, ledger_->ConsistencyProof(from, checkpoint.size));
    }
    ASSIGN_OR_RETURN(const NodeAnswer answer,
                     AskNode(witness.address, {}, "/add-checkpoint",
                             ledger::EncodeAddCheckpoint(from, proof, checkpoint.note)));
    if (answer.status == 200) {
      ASSIGN_OR_RETURN(const ledger::SignedCheckpoint ours, ledger::ParseCheckpoint(checkpoint.note));
      ASSIGN_OR_RETURN(const Note theirs, ParseNote(ours.note.body + "\n" + answer.body));
      for (const NoteSignature& line : theirs.signatures) {
        if (line.name != key->name || line.key_id != key->Id()) continue;
        RETURN_IF_ERROR(VerifyNoteSignature(theirs, line, *key));
        RETURN_IF_ERROR(checkpoints_->AddWitness(checkpoint.size, line));
        return checkpoint.size;
      }
      return Error{Errc::kSignatureInvalid, "its answer has no line of its key"};
    }
    // Where it stands: the first time this node asks, or when another node of the ledger has asked since.
    const std::string text = answer.body.substr(0, answer.body.find('\n'));
    const auto size =
        answer.status == 409 ? ParseDecimal(text, 0, json::kIntegerMax, "size") : Error{Errc::kIo, ""};
    if (!size || !again) {
      return Error{Errc::kQuorumNotMet,
                   "it answered " + std::to_string(answer.status) + ": " + answer.body.substr(0, 300)};
    }
    if (*size > checkpoint.size) return *size;  // it is ahead by another node's hand
    from = *size;
  }
}

}  // namespace cunzheng::node
