// The data folder of a node: its paths, its lock, its files.
//
//   D/genesis.json    the ledger's first entry        D/config.toml   written last by `init`
//   D/trust.json      for verifiers                   D/clock.json    the clock's reference
//   D/keys/*.key      log, cosigning and account key  D/lock          held while D is in use
//   D/ledger/         the store (LevelDB)             D/listen        the running node's address
//   D/cometbft/       CometBFT's own folder           D/evidence/     notes of members that signed a fork
//   D/run             the last run's mark           D/member.json    of `init --join`: what the members add
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/key_file.h"
#include "crypto/note.h"
#include "crypto/result.h"
#include "ledger/charter.h"
#include "ledger/entry.h"
#include "node/config.h"

namespace cunzheng::node {

struct DataDir {
  std::string path;

  std::string genesis() const { return path + "/genesis.json"; }
  std::string trust() const { return path + "/trust.json"; }
  std::string config() const { return path + "/config.toml"; }
  std::string clock() const { return path + "/clock.json"; }
  std::string run() const { return path + "/run"; }
  std::string lock() const { return path + "/lock"; }
  std::string listen() const { return path + "/listen"; }
  std::string ledger() const { return path + "/ledger"; }
  std::string member() const { return path + "/member.json"; }
  std::string cometbft() const { return path + "/cometbft"; }
  std::string evidence() const { return path + "/evidence"; }
  std::string keys() const { return path + "/keys"; }
  std::string log_key() const { return keys() + "/log.key"; }
  std::string cosign_key() const { return keys() + "/cosign.key"; }
  std::string account_key() const { return keys() + "/account.key"; }
  // The key that a rotation leads to, beside the one in use: "D/keys/cosign.key" -> "D/keys/cosign.next.key".
  static std::string Next(const std::string& key) { return key.substr(0, key.size() - 4) + ".next.key"; }
  std::string passphrase() const { return keys() + "/passphrase"; }
  // A path of config.toml: relative ones are relative to the folder.
  std::string Resolve(const std::string& configured) const;
};

// An exclusive lock on D/lock; released on destruction and when the process dies.
class DataLock {
 public:
  // Errors: kStoreLocked (another process has it), kIo.
  static Result<DataLock> Take(const DataDir& dir);
  DataLock(DataLock&& other) noexcept : descriptor_(other.descriptor_) { other.descriptor_ = -1; }
  DataLock& operator=(DataLock&&) = delete;
  ~DataLock();

 private:
  explicit DataLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

// Errors: kNotFound (no such folder, or an `init` that did not finish), kUsage (the configuration).
Result<Config> LoadConfig(const DataDir& dir);

struct GenesisFile {
  std::string bytes;
  ledger::Genesis genesis;
};
Result<GenesisFile> LoadGenesis(const DataDir& dir);

// The passphrase of the node's keys: `option`, then config's passphrase_file, then systemd's
// credential, then as ObtainPassphrase.
Result<SecretBytes> LoadPassphrase(const DataDir& dir, const Config& config,
                                   const std::optional<std::string>& option);

// Of each kind the key in use, and then the next one if `keys next` has made it.
struct NodeKeys {
  std::vector<NoteSigner> log;
  std::vector<NoteSigner> cosign;
  std::vector<AccountKey> account;
};
// Errors: as of the key files.
Result<NodeKeys> LoadKeys(const DataDir& dir, const SecretBytes& passphrase);
// Only the account keys, for governance acts.
Result<std::vector<AccountKey>> LoadAccountKeys(const DataDir& dir, const SecretBytes& passphrase);
// That `keys` has the keys in use of `member`; an institution that is no member yet, or no longer, passes
// with a warning. Errors: kKeyInvalid.
Result<void> CheckKeys(const DataDir& dir, const std::string& member, const ledger::Charter& charter,
                       const NodeKeys& keys);

// Free bytes, for unprivileged writers, of the disk that holds `path`. Errors: kIo.
Result<uint64_t> FreeBytes(const std::string& path);

}  // namespace cunzheng::node
