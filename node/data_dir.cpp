#include "node/data_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <future>

namespace cunzheng::node {
namespace {

constexpr size_t kConfigLengthMax = 1u << 20;

bool Exists(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0;
}

Error System(const std::string& what) {
  return {Errc::kIo, what + ": " + std::strerror(errno)};
}

}  // namespace

std::string DataDir::Resolve(const std::string& configured) const {
  return configured.empty() || configured.front() == '/' ? configured : path + "/" + configured;
}

Result<DataLock> DataLock::Take(const DataDir& dir) {
  const int descriptor = open(dir.lock().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return System(dir.lock());
  if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    const bool held = errno == EWOULDBLOCK;
    const Error error =
        held ? Error{Errc::kStoreLocked, dir.path + ": in use by another cunzhengd"} : System(dir.lock());
    close(descriptor);
    return error;
  }
  return DataLock(descriptor);
}

DataLock::~DataLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

Result<Config> LoadConfig(const DataDir& dir) {
  if (!Exists(dir.path)) return Error{Errc::kNotFound, dir.path + ": no such folder"};
  if (!Exists(dir.config())) {
    return Error{Errc::kNotFound, dir.path + ": no data folder of a node (config.toml is missing)"};
  }
  ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(dir.config(), kConfigLengthMax));
  auto config = ParseConfig(text);
  if (!config) return Error{config.error().code, dir.config() + ": " + config.error().detail};
  config->tls_certificate = dir.Resolve(config->tls_certificate);
  config->tls_key = dir.Resolve(config->tls_key);
  config->passphrase_file = dir.Resolve(config->passphrase_file);
  return config;
}

Result<GenesisFile> LoadGenesis(const DataDir& dir) {
  GenesisFile file;
  ASSIGN_OR_RETURN(file.bytes, ReadWholeFile(dir.genesis(), ledger::kGenesisLengthMax));
  ASSIGN_OR_RETURN(file.genesis, ledger::DecodeGenesis(file.bytes));
  return file;
}

Result<SecretBytes> LoadPassphrase(const DataDir& dir, const Config& config,
                                   const std::optional<std::string>& option) {
  std::optional<std::string> file = option;
  if (!file && !config.passphrase_file.empty()) file = config.passphrase_file;
  if (!file) {
    const char* credentials = std::getenv("CREDENTIALS_DIRECTORY");
    if (credentials != nullptr) {
      const std::string path = std::string(credentials) + "/cunzheng-passphrase";
      if (Exists(path)) file = path;
    }
  }
  return ObtainPassphrase(file, "Passphrase of the keys in " + dir.keys(), false);
}

Result<AccountKey> LoadAccountKey(const DataDir& dir, const Config& config, const SecretBytes& passphrase) {
  ASSIGN_OR_RETURN(const GenesisFile file, LoadGenesis(dir));
  ASSIGN_OR_RETURN(AccountKey key, ReadAccountKey(dir.account_key(), passphrase.span()));
  for (const auto& member : file.genesis.members) {
    if (member.id == config.member && member.account_key == key.key.public_key()) return key;
  }
  return Error{Errc::kKeyInvalid,
               dir.account_key() + ": not the account key of member " + config.member + " in genesis.json"};
}

Result<NodeKeys> LoadKeys(const DataDir& dir, const Config& config, const ledger::Genesis& genesis,
                          const SecretBytes& passphrase) {
  const ledger::MemberInfo* member = nullptr;
  for (const auto& candidate : genesis.members) {
    if (candidate.id == config.member) member = &candidate;
  }
  if (member == nullptr) {
    return Error{Errc::kUsage, "config: node.member " + config.member + " is no member in genesis.json"};
  }
  // scrypt makes each key take a quarter of a second, so they are opened side by side.
  auto log_later =
      std::async(std::launch::async, [&] { return ReadNoteKey(dir.log_key(), passphrase.span()); });
  auto cosign_later =
      std::async(std::launch::async, [&] { return ReadNoteKey(dir.cosign_key(), passphrase.span()); });
  ASSIGN_OR_RETURN(AccountKey account, ReadAccountKey(dir.account_key(), passphrase.span()));
  ASSIGN_OR_RETURN(NoteSigner log, log_later.get());
  ASSIGN_OR_RETURN(NoteSigner cosign, cosign_later.get());
  const auto foreign = [&](const std::string& path) {
    return Error{Errc::kKeyInvalid, path + ": not the key of member " + member->id + " in genesis.json"};
  };
  if (log.key() != member->log_key) return foreign(dir.log_key());
  if (cosign.key() != member->cosign_key) return foreign(dir.cosign_key());
  if (account.key.public_key() != member->account_key) return foreign(dir.account_key());
  return NodeKeys{std::move(log), std::move(cosign), std::move(account)};
}

Result<uint64_t> FreeBytes(const std::string& path) {
  struct statvfs info {};
  if (statvfs(path.c_str(), &info) != 0) return System(path);
  return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
}

}  // namespace cunzheng::node
