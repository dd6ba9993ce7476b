#include "node/checkpoints.h"

#include <algorithm>
#include <chrono>

#include "node/log.h"

namespace cunzheng::node {
namespace {

bool IsLineOf(const NoteSignature& line, const NoteKey& key) {
  return line.name == key.name && line.key_id == key.Id();
}

bool HasLineOf(const Note& note, const NoteKey& key) {
  return std::any_of(note.signatures.begin(), note.signatures.end(),
                     [&](const NoteSignature& line) { return IsLineOf(line, key); });
}

// The cosigning key of `member` that holds at `size`; null: it has none there.
const NoteKey* CosigningKey(const ledger::TrustMember& member, uint64_t size) {
  for (const ledger::TrustKey& key : member.keys) {
    if (key.purpose == ledger::KeyPurpose::kCosign && key.HoldsAt(size)) return &key.note_key;
  }
  return nullptr;
}

const NoteKey* CosigningKey(const ledger::Trust& trust, std::string_view member, uint64_t size) {
  const ledger::TrustMember* found = trust.FindMember(member);
  return found == nullptr ? nullptr : CosigningKey(*found, size);
}

}  // namespace

Checkpoints::Checkpoints(ledger::Ledger* ledger, Cosigner cosigner, Metrics* metrics)
    : ledger_(ledger), cosigner_(std::move(cosigner)), metrics_(metrics) {
  const auto pending = ledger_->PendingCheckpoints(kPendingMax);
  for (const uint64_t size : pending ? *pending : std::vector<uint64_t>{}) {
    const auto text = ledger_->PendingCheckpointAt(size);
    auto note = text ? ParseNote(*text) : text.error();
    if (note) pending_.emplace(size, *std::move(note));
  }
  if (!pending_.empty()) signed_size_ = pending_.rbegin()->first;
  if (auto note = ledger_->NewestCheckpoint(); note && *note) {
    signed_size_ = std::max(signed_size_, (*note)->first);
    newest_ = std::make_shared<const Published>(Published{(*note)->first, std::move((*note)->second)});
  }
}

void Checkpoints::Sign(const ledger::Head& head, uint64_t now_unix_ms) {
  std::unique_lock lock(mutex_);
  if (signed_size_ >= head.size) return;
  const auto charter = ledger_->charter();
  auto note =
      cosigner_.Sign({ledger_->genesis().origin, head.size, head.root}, charter->trust(), now_unix_ms);
  if (note.has_value() != member_) {
    member_ = note.has_value();
    Log(LogLevel::kWarning, member_ ? "this node's institution is a member: it cosigns"
                                    : "no key of this node is a member's at this size: it follows, and does "
                                      "not cosign");
  }
  if (!note) return ExpectLocked(head);
  signed_size_ = head.size;
  // The others may have been quicker.
  std::optional<Note> known;
  if (const auto it = pending_.find(head.size); it != pending_.end()) {
    known = it->second;
  } else if (newest_ && newest_->size == head.size) {
    if (auto attested = ParseNote(newest_->note)) known = *std::move(attested);
  }
  if (known && known->body == note->body) {
    for (NoteSignature& line : known->signatures) {
      if (note->signatures.size() < kNoteSignaturesMax) note->signatures.push_back(std::move(line));
    }
  }
  Keep(head.size, *note, &lock);
  metrics_->CheckpointSigned(head.size);
}

void Checkpoints::Expect(const ledger::Head& head) {
  const std::lock_guard lock(mutex_);
  ExpectLocked(head);
}

void Checkpoints::ExpectLocked(const ledger::Head& head) {
  if (pending_.contains(head.size) || (newest_ && newest_->size >= head.size)) return;
  pending_[head.size].body = ledger::EncodeCheckpointBody({ledger_->genesis().origin, head.size, head.root});
  if (pending_.size() > kPendingMax) pending_.erase(pending_.begin());
  changed_.notify_all();
}

bool Checkpoints::Suffices(uint64_t size, const Note& note) const {
  const auto charter = ledger_->charter();
  const ledger::Trust& trust = charter->trust();
  const auto signed_by = std::count_if(trust.members.begin(), trust.members.end(), [&](const auto& member) {
    const NoteKey* key = CosigningKey(member, size);
    return key != nullptr && HasLineOf(note, *key);
  });
  return static_cast<uint64_t>(signed_by) >= trust.QuorumAt(size).k;
}

// Every line in `note` has been verified, or is this node's own.
void Checkpoints::Keep(uint64_t size, const Note& note, std::unique_lock<std::mutex>* lock) {
  const std::string text = EncodeNote(note);
  const bool attested = Suffices(size, note);
  const auto stored =
      attested ? ledger_->StoreCheckpoint(size, text) : ledger_->StorePendingCheckpoint(size, text);
  if (!stored) {
    // The note is true all the same; the next start signs the head anew if this copy is lost.
    Log(LogLevel::kWarning, "checkpoint not stored", {{"reason", stored.error().detail}});
  }
  if (!attested) {
    pending_[size] = note;
    if (pending_.size() > kPendingMax) pending_.erase(pending_.begin());
    changed_.notify_all();
    return;
  }
  pending_.erase(size);
  if (!newest_ || newest_->size < size) {
    newest_ = std::make_shared<const Published>(Published{size, text});
    if (attested_) {
      lock->unlock();
      attested_();
    }
  }
}

uint64_t Checkpoints::signed_size() const {
  const std::lock_guard lock(mutex_);
  return signed_size_;
}

std::shared_ptr<const Published> Checkpoints::Newest() const {
  const std::lock_guard lock(mutex_);
  return newest_;
}

Result<std::string> Checkpoints::NoteAt(uint64_t size) const {
  {
    const std::lock_guard lock(mutex_);
    const auto it = pending_.find(size);
    if (it != pending_.end() && !it->second.signatures.empty()) return EncodeNote(it->second);
  }
  if (auto note = ledger_->CheckpointAt(size)) return note;
  return ledger_->PendingCheckpointAt(size);
}

Result<void> Checkpoints::Add(const std::string& member, uint64_t size, const std::string& note_text) {
  const auto charter = ledger_->charter();
  const NoteKey* key = CosigningKey(charter->trust(), member, size);
  if (key == nullptr) {
    return Error{Errc::kUnknownMember,
                 "note: no key of " + member + " holds at size " + std::to_string(size)};
  }
  ASSIGN_OR_RETURN(const ledger::SignedCheckpoint theirs, ledger::ParseCheckpoint(note_text));
  const NoteSignature* line = nullptr;
  for (const NoteSignature& each : theirs.note.signatures) {
    if (IsLineOf(each, *key)) line = &each;
  }
  if (line == nullptr) return Error{Errc::kSignatureInvalid, "note: no line of " + member};
  RETURN_IF_ERROR(VerifyNoteSignature(theirs.note, *line, *key));
  std::unique_lock lock(mutex_);
  const auto it = pending_.find(size);
  if (it == pending_.end()) {
    return Error{Errc::kNotFound, "checkpoint: none of size " + std::to_string(size) + " waits"};
  }
  if (theirs.note.body != it->second.body) {
    if (theirs.checkpoint.size == size) {
      return Error{Errc::kRootMismatch,
                   "checkpoint: " + member + " signed another root for size " + std::to_string(size)};
    }
    return Error{Errc::kNoteMalformed, "checkpoint: of another size than was asked for"};
  }
  Note note = it->second;
  if (HasLineOf(note, *key)) return {};
  if (note.signatures.size() == kNoteSignaturesMax) return {};
  note.signatures.push_back(*line);
  Keep(size, note, &lock);
  return {};
}

std::optional<uint64_t> Checkpoints::NextLacking(const std::string& member, uint64_t after,
                                                 uint64_t wait_ms) const {
  std::unique_lock lock(mutex_);
  std::optional<uint64_t> found;
  changed_.wait_for(lock, std::chrono::milliseconds(wait_ms), [&] {
    for (auto it = pending_.upper_bound(after); !stopping_ && it != pending_.end(); ++it) {
      const auto charter = ledger_->charter();
      const NoteKey* key = CosigningKey(charter->trust(), member, it->first);
      if (key == nullptr || HasLineOf(it->second, *key)) continue;
      found = it->first;
      return true;
    }
    return stopping_;
  });
  return found;
}

Result<void> Checkpoints::AddWitness(uint64_t size, const NoteSignature& line) {
  const std::lock_guard lock(mutex_);
  ASSIGN_OR_RETURN(const std::string text, ledger_->CheckpointAt(size));
  ASSIGN_OR_RETURN(Note note, ParseNote(text));
  const bool there = std::any_of(
      note.signatures.begin(), note.signatures.end(),
      [&](const NoteSignature& each) { return each.name == line.name && each.key_id == line.key_id; });
  if (there || note.signatures.size() == kNoteSignaturesMax) return {};
  note.signatures.push_back(line);
  std::string with_line = EncodeNote(note);
  RETURN_IF_ERROR(ledger_->StoreCheckpoint(size, with_line));
  if (newest_ && newest_->size == size) {
    newest_ = std::make_shared<const Published>(Published{size, std::move(with_line)});
  }
  return {};
}

void Checkpoints::Stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
}

}  // namespace cunzheng::node
