#include "client/cli/trust_pins.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "client/sdk/paths.h"
#include "crypto/key_file.h"

namespace cunzheng::cli {

Result<TrustPin> ReadTrustFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(path, ledger::kTrustLengthMax));
  auto trust = ledger::DecodeTrust(text);
  // Whatever is wrong with it, it cannot be trusted; the receipt is not to blame.
  if (!trust) return Error{Errc::kTrustInvalid, path + ": " + trust.error().ToString()};
  return TrustPin{path, std::move(trust).value()};
}

std::string TrustPins::Folder() const {
  return client::JoinPath(config_, "trust");
}

Result<std::vector<TrustPin>> TrustPins::List() const {
  std::vector<TrustPin> pins;
  if (config_.empty()) return pins;
  std::vector<std::string> paths;
  std::error_code ec;
  for (const auto& item : std::filesystem::directory_iterator(Folder(), ec)) {
    if (item.path().extension() == ".json") paths.push_back(item.path().string());
  }
  std::sort(paths.begin(), paths.end());
  for (const std::string& path : paths) {
    ASSIGN_OR_RETURN(TrustPin pin, ReadTrustFile(path));
    pins.push_back(std::move(pin));
  }
  return pins;
}

Result<std::optional<TrustPin>> TrustPins::Find(const Hash& ledger) const {
  if (config_.empty()) return std::optional<TrustPin>();
  const std::string path = client::JoinPath(Folder(), ToHex(ledger) + ".json");
  if (access(path.c_str(), F_OK) != 0) return std::optional<TrustPin>();
  ASSIGN_OR_RETURN(TrustPin pin, ReadTrustFile(path));
  // The name only finds the file; what it says is what counts.
  if (pin.trust.ledger != ledger) {
    return Error{Errc::kTrustInvalid, path + ": is the trust file of another ledger than its name says"};
  }
  return std::optional<TrustPin>(std::move(pin));
}

Result<std::string> TrustPins::Pin(const ledger::Trust& trust, bool replace) const {
  if (config_.empty()) return Error{Errc::kUsage, "no folder for settings: set HOME or XDG_CONFIG_HOME"};
  const std::string path = client::JoinPath(Folder(), ToHex(trust.ledger) + ".json");
  if (!replace) {
    ASSIGN_OR_RETURN(const auto pinned, Find(trust.ledger));
    const bool follows =
        !pinned || pinned->trust == trust ||
        (trust.version == pinned->trust.version + 1 && trust.previous == TrustId(pinned->trust));
    if (!follows) {
      return Error{Errc::kTrustInvalid, "version " + std::to_string(trust.version) +
                                            " does not follow version " +
                                            std::to_string(pinned->trust.version) + " that is pinned"};
    }
  }
  std::error_code ec;
  std::filesystem::create_directories(Folder(), ec);
  RETURN_IF_ERROR(WriteFileAtomically(path, ledger::EncodeTrust(trust), 0644, true));
  return path;
}

}  // namespace cunzheng::cli
