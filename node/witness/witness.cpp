#include "node/witness/witness.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "crypto/digest.h"
#include "crypto/file.h"
#include "crypto/json.h"
#include "ledger/merkle.h"
#include "node/log.h"

namespace cunzheng::node {
namespace {

constexpr std::string_view kLogType = "cunzheng/witness_log/v1";
constexpr std::string_view kSizeType = "text/x.tlog.size";
constexpr size_t kLogLengthMax = 64u << 10;
constexpr size_t kKeysMax = 64;

std::string StatePath(const std::string& folder, const std::string& log_name) {
  return folder + "/state/" + log_name + ".txt";
}

Response SizeAnswer(uint64_t size) {
  Response response;
  response.status = 409;
  response.content_type = kSizeType;
  response.body = std::to_string(size) + "\n";
  return response;
}

const NoteKey* KeyOf(const WitnessedLog& log, const NoteSignature& line) {
  const auto it = std::find_if(log.keys.begin(), log.keys.end(), [&](const NoteKey& key) {
    return key.name == line.name && key.Id() == line.key_id;
  });
  return it == log.keys.end() ? nullptr : &*it;
}

// The lines of the log's own keys, all of which verify; none is an error too.
Result<std::vector<NoteSignature>> LinesOf(const WitnessedLog& log, const Note& note) {
  std::vector<NoteSignature> lines;
  for (const NoteSignature& line : note.signatures) {
    const NoteKey* key = KeyOf(log, line);
    if (key == nullptr) continue;
    RETURN_IF_ERROR(VerifyNoteSignature(note, line, *key));
    lines.push_back(line);
  }
  if (lines.empty()) return Error{Errc::kSignatureInvalid, "checkpoint: no line of a key of its log"};
  return lines;
}

}  // namespace

Result<WitnessedLog> DecodeWitnessedLog(std::string_view text) {
  ASSIGN_OR_RETURN(const json::Value value, json::Parse(text, json::Form::kReadable, kLogLengthMax));
  json::ObjectReader reader(value, "log");
  WitnessedLog log;
  reader.Type(kLogType);
  log.origin = reader.String("origin", 1, 255);
  for (const json::Value& item : reader.List("keys", 1, kKeysMax)) {
    auto key = item.AsString() == nullptr ? Result<NoteKey>(Error{Errc::kWrongType, "log.keys"})
                                          : ParseNoteKey(*item.AsString());
    if (!key || key->type != NoteKeyType::kEd25519 || key->name != log.origin) {
      reader.Fail(Errc::kKeyInvalid, "keys",
                  "every element must be a vkey of note type 01, named as the origin");
      break;
    }
    log.keys.push_back(std::move(*key));
  }
  RETURN_IF_ERROR(reader.Finish());
  return log;
}

std::string EncodeWitnessedLog(const WitnessedLog& log) {
  json::Array keys;
  for (const NoteKey& key : log.keys) keys.emplace_back(key.Encode());
  return json::EncodePretty(
      json::Object{{"type", kLogType}, {"origin", log.origin}, {"keys", std::move(keys)}});
}

std::string LogName(std::string_view origin) {
  return ToHex(Sha256(AsBytes(origin)));
}

Result<std::unique_ptr<Witness>> Witness::Open(const std::string& folder, NoteSigner key, const Clock* clock,
                                               bool require_clock_sync) {
  std::unique_ptr<Witness> witness(new Witness(folder, std::move(key), clock, require_clock_sync));
  std::error_code error;
  for (const auto& item : std::filesystem::directory_iterator(folder + "/logs", error)) {
    const std::string path = item.path().string();
    if (item.path().extension() != ".json") continue;
    const auto at = [&](const Error& e) { return Error{e.code, path + ": " + e.detail}; };
    ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(path, kLogLengthMax));
    auto known = DecodeWitnessedLog(text);
    if (!known) return at(known.error());
    const std::string name = LogName(known->origin);
    if (item.path().stem() != name) return at({Errc::kInvalidValue, "must be named " + name + ".json"});
    auto held = std::make_unique<Held>();
    held->log = *std::move(known);
    const std::string state = StatePath(folder, name);
    if (std::filesystem::exists(state, error)) {
      ASSIGN_OR_RETURN(held->latest_text, ReadWholeFile(state, kNoteLengthMax));
      auto latest = ledger::ParseCheckpoint(held->latest_text);
      if (!latest || latest->checkpoint.origin != held->log.origin) {
        return Error{Errc::kStoreCorrupt, state + ": is no checkpoint of " + held->log.origin};
      }
      held->latest = *std::move(latest);
    }
    witness->logs_.emplace(name, std::move(held));
  }
  if (error) return Error{Errc::kIo, folder + "/logs: " + error.message()};
  return witness;
}

void Witness::KeepEvidence(const std::string& name, const std::string& what, std::string_view body) const {
  const std::string path = folder_ + "/evidence/" + name + "." + what + ".txt";
  const auto kept = WriteFileAtomically(path, body, 0600, false);
  Log(LogLevel::kError, "a checkpoint does not continue what this witness has cosigned: perhaps a fork",
      {{"log", name},
       {"evidence", kept || kept.error().code == Errc::kAlreadyExists ? path : kept.error().ToString()}});
}

Response Witness::Add(std::string_view body) {
  const uint64_t now_ms = clock_->WallMs();
  const auto request = ledger::DecodeAddCheckpoint(body);
  if (!request) {
    return request.error().code == Errc::kTooLarge
               ? Problem(request.error(), now_ms)
               : Problem(400, ErrcName(request.error().code), request.error().detail);
  }
  const ledger::Checkpoint& tree = request->checkpoint.checkpoint;
  const std::string name = LogName(tree.origin);
  const auto it = logs_.find(name);
  if (it == logs_.end()) return Problem(404, "not_found", "checkpoint: this witness does not know the log");
  Held& held = *it->second;
  auto lines = LinesOf(held.log, request->checkpoint.note);
  if (!lines) return Problem(403, ErrcName(lines.error().code), lines.error().detail);
  if (request->old_size > tree.size) {
    return Problem(400, "invalid_value", "body: the old size is larger than the checkpoint's");
  }

  const std::lock_guard lock(held.mutex);
  const uint64_t latest_size = held.latest ? held.latest->checkpoint.size : 0;
  if (request->old_size != latest_size) return SizeAnswer(latest_size);
  if (latest_size == tree.size && latest_size != 0 && held.latest->checkpoint.root != tree.root) {
    KeepEvidence(name, std::to_string(tree.size), body);
    return Problem(409, "root_mismatch", "checkpoint: another root was cosigned for this size");
  }
  const bool proven = latest_size == 0 ? request->proof.empty()
                                       : ledger::VerifyConsistency(latest_size, tree.size, request->proof,
                                                                   held.latest->checkpoint.root, tree.root)
                                             .has_value();
  if (!proven) {
    KeepEvidence(name, std::to_string(latest_size) + "-" + std::to_string(tree.size), body);
    return Problem(422, "root_mismatch", "body: the proof does not lead from the cosigned tree to this one");
  }
  if (require_clock_sync_ && !clock_->Synchronised()) {
    return Problem({Errc::kClockUnsound, "clock: the kernel says that it is not synchronised"}, now_ms);
  }
  ledger::SignedCheckpoint next = request->checkpoint;
  const NoteSignature mine = key_.Sign(next.note.body, now_ms / 1'000);
  next.note.signatures = *std::move(lines);
  if (next.note.signatures.size() == kNoteSignaturesMax) next.note.signatures.pop_back();
  next.note.signatures.push_back(mine);
  std::string text = EncodeNote(next.note);
  if (auto written = WriteFileAtomically(StatePath(folder_, name), text, 0600, true); !written) {
    return Problem({Errc::kReadOnly, written.error().detail}, now_ms);
  }
  held.latest = std::move(next);
  held.latest_text = std::move(text);
  Response response;
  response.content_type = kTextType;
  const std::string alone = EncodeNote({held.latest->note.body, {mine}});
  response.body = alone.substr(held.latest->note.body.size() + 1);
  return response;
}

Result<std::string> Witness::Latest(std::string_view log_name) const {
  const auto it = logs_.find(log_name);
  if (it == logs_.end()) return Error{Errc::kNotFound, "log: this witness does not know it"};
  const std::lock_guard lock(it->second->mutex);
  if (!it->second->latest) return Error{Errc::kNotFound, "log: nothing of it was cosigned yet"};
  return it->second->latest_text;
}

}  // namespace cunzheng::node
