// A witness (specs/witness.md): cosigns what continues what it has cosigned before, and remembers it first.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/note.h"
#include "crypto/result.h"
#include "ledger/add_checkpoint.h"
#include "ledger/checkpoint.h"
#include "node/clock.h"
#include "node/response.h"

namespace cunzheng::node {

// A log that a witness knows.
struct WitnessedLog {
  std::string origin;
  std::vector<NoteKey> keys;  // log keys: a checkpoint must be signed by one of them
};
Result<WitnessedLog> DecodeWitnessedLog(std::string_view text);
std::string EncodeWitnessedLog(const WitnessedLog& log);
// What files and paths call a log: SHA-256 of its origin, in hex.
std::string LogName(std::string_view origin);

// Safe from any thread.
class Witness {
 public:
  // Reads W/logs and W/state. `clock` outlives this. Errors: kIo, decoding's, naming the file.
  static Result<std::unique_ptr<Witness>> Open(const std::string& folder, NoteSigner key, const Clock* clock,
                                               bool require_clock_sync);

  // The answer to the body of an add-checkpoint request, by the table of the specification.
  Response Add(std::string_view body);
  // The latest checkpoint of the log of that name, with this witness's line. kNotFound.
  Result<std::string> Latest(std::string_view log_name) const;
  size_t logs() const { return logs_.size(); }

 private:
  struct Held {
    WitnessedLog log;
    mutable std::mutex mutex;  // over comparing, writing and remembering
    std::optional<ledger::SignedCheckpoint> latest;
    std::string latest_text;
  };
  Witness(std::string folder, NoteSigner key, const Clock* clock, bool require_clock_sync)
      : folder_(std::move(folder)),
        key_(std::move(key)),
        clock_(clock),
        require_clock_sync_(require_clock_sync) {}
  void KeepEvidence(const std::string& name, const std::string& what, std::string_view body) const;

  const std::string folder_;
  const NoteSigner key_;
  const Clock* const clock_;
  const bool require_clock_sync_;
  std::map<std::string, std::unique_ptr<Held>, std::less<>> logs_;  // by LogName
};

}  // namespace cunzheng::node
