// The checkpoints of one node (specs/checkpoint.md): signs what the node computed itself, collects the other
// members' cosignatures over the same bytes, and publishes a checkpoint once k institutions have signed it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "ledger/ledger.h"
#include "node/cosigner.h"
#include "node/engine.h"
#include "node/metrics.h"

namespace cunzheng::node {

// Safe from any thread.
class Checkpoints {
 public:
  // Pending checkpoints that are still collected for; older ones are covered by newer ones.
  static constexpr size_t kPendingMax = 1'024;

  // Both pointers outlive this. Takes up what the last run left pending.
  Checkpoints(ledger::Ledger* ledger, Cosigner cosigner, Metrics* metrics);

  // Signs the head's checkpoint unless it is signed already, or expects it where this node is no member.
  // Precondition: this process computed `head` and it is synced; the clock is sound.
  void Sign(const ledger::Head& head, uint64_t now_unix_ms);
  // Collects the others' cosignatures of the head's checkpoint without one of its own: the clock is unsound,
  // or the head came with a snapshot. Precondition: it is synced.
  void Expect(const ledger::Head& head);
  // The newest size that this node has signed; 0 before the first.
  uint64_t signed_size() const;
  // The newest checkpoint that k members have signed; null before the first.
  std::shared_ptr<const Published> Newest() const;
  // Runs whenever Newest() has changed, on the thread that changed it. Set before the first Sign.
  void OnAttested(std::function<void()> attested) { attested_ = std::move(attested); }

  // What this node knows of `size`: attested or pending. kNotFound.
  Result<std::string> NoteAt(uint64_t size) const;
  // Adds the cosignature of `member` out of its note for the same checkpoint. Errors: kNoteMalformed,
  // kSignatureInvalid, kUnknownMember (no key of it holds at this size), kNotFound (nothing pending of that
  // size), kRootMismatch: the member signed another root for this size, which is proof of a fork or of a
  // lying member.
  Result<void> Add(const std::string& member, uint64_t size, const std::string& note_text);
  // The smallest pending size over `after` that lacks the cosignature of `member`; waits up to `wait_ms` for
  // one.
  std::optional<uint64_t> NextLacking(const std::string& member, uint64_t after, uint64_t wait_ms) const;
  // Adds a witness's line to the attested checkpoint of `size`; does nothing when the line is there, or the
  // note is full. Precondition: the line verifies. Errors: kNotFound, the store's.
  Result<void> AddWitness(uint64_t size, const NoteSignature& line);
  // Ends waits for good.
  void Stop();

 private:
  bool Suffices(uint64_t size, const Note& note) const;
  void ExpectLocked(const ledger::Head& head);
  void Keep(uint64_t size, const Note& note, std::unique_lock<std::mutex>* lock);

  ledger::Ledger* const ledger_;
  const Cosigner cosigner_;
  Metrics* const metrics_;
  std::function<void()> attested_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::map<uint64_t, Note> pending_;  // without lines: expected, and nobody's is here yet
  std::shared_ptr<const Published> newest_;
  uint64_t signed_size_ = 0;
  bool member_ = true;  // as far as the last Sign could tell
  bool stopping_ = false;
};

}  // namespace cunzheng::node
