#include "node/run_mark.h"

#include <unistd.h>

#include "crypto/file.h"

namespace cunzheng::node {
namespace {

constexpr size_t kRunFileLengthMax = 256;

// One or two marks, a line each: this run's, and before it the last one's while the store may still hold
// that.
Result<void> Write(const DataDir& dir, const std::string& lines) {
  return WriteFileAtomically(dir.run(), lines, 0600, true);
}

}  // namespace

Result<void> MarkRun(const DataDir& dir, ledger::Ledger* ledger) {
  ASSIGN_OR_RETURN(const std::optional<Hash> stored, ledger->RunMark());
  const std::string before = stored ? ToHex(*stored) : std::string();
  // Without the file this is the first run, or a ledger that was moved here by itself: nothing tells.
  if (access(dir.run().c_str(), F_OK) == 0) {
    ASSIGN_OR_RETURN(const std::string lines, ReadWholeFile(dir.run(), kRunFileLengthMax));
    if (before.empty() || lines.find(before + "\n") == std::string::npos) {
      return Error{Errc::kWrongLedger, dir.ledger() +
                                           ": an older copy than the one that this node last ran; to go on "
                                           "from it could sign a second root for a size"};
    }
  }
  const Hash mark = RandomHash();
  const std::string now = ToHex(mark) + "\n";
  // Wherever this is cut short, the file knows the mark that the store has.
  RETURN_IF_ERROR(Write(dir, before.empty() ? now : before + "\n" + now));
  RETURN_IF_ERROR(ledger->SetRunMark(mark));
  return Write(dir, now);
}

}  // namespace cunzheng::node
