#include "node/data_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <future>
#include <type_traits>

#include "node/log.h"

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

namespace {

// The key in `path`, and the one that is to follow it, if there is one.
template <typename Read>
auto ReadWithNext(const std::string& path, const SecretBytes& passphrase, Read read)
    -> Result<std::vector<typename std::decay_t<decltype(*read(path, passphrase.span()))>>> {
  std::vector<typename std::decay_t<decltype(*read(path, passphrase.span()))>> keys;
  ASSIGN_OR_RETURN(auto key, read(path, passphrase.span()));
  keys.push_back(std::move(key));
  if (const std::string next = DataDir::Next(path); Exists(next)) {
    ASSIGN_OR_RETURN(auto next_key, read(next, passphrase.span()));
    keys.push_back(std::move(next_key));
  }
  return keys;
}

}  // namespace

Result<std::vector<AccountKey>> LoadAccountKeys(const DataDir& dir, const SecretBytes& passphrase) {
  return ReadWithNext(dir.account_key(), passphrase, ReadAccountKey);
}

Result<NodeKeys> LoadKeys(const DataDir& dir, const SecretBytes& passphrase) {
  // scrypt makes each key take a quarter of a second, so they are opened side by side.
  auto log_later =
      std::async(std::launch::async, [&] { return ReadWithNext(dir.log_key(), passphrase, ReadNoteKey); });
  auto cosign_later =
      std::async(std::launch::async, [&] { return ReadWithNext(dir.cosign_key(), passphrase, ReadNoteKey); });
  NodeKeys keys;
  ASSIGN_OR_RETURN(keys.account, LoadAccountKeys(dir, passphrase));
  ASSIGN_OR_RETURN(keys.log, log_later.get());
  ASSIGN_OR_RETURN(keys.cosign, cosign_later.get());
  return keys;
}

Result<void> CheckKeys(const DataDir& dir, const std::string& member, const ledger::Charter& charter,
                       const NodeKeys& keys) {
  const ledger::MemberInfo* info = charter.FindMember(member);
  if (info == nullptr) {
    Log(LogLevel::kWarning, "node.member is no member of this ledger: the node follows, and does not cosign",
        {{"member", member}});
    return {};
  }
  const auto has = [](const auto& list, const auto& wanted) {
    return std::any_of(list.begin(), list.end(), wanted);
  };
  const auto foreign = [&](const std::string& path) {
    return Error{Errc::kKeyInvalid, path + ": not the key of member " + member + " on this ledger"};
  };
  if (!has(keys.log, [&](const NoteSigner& key) { return key.key() == info->log_key; })) {
    return foreign(dir.log_key());
  }
  if (!has(keys.cosign, [&](const NoteSigner& key) { return key.key() == info->cosign_key; })) {
    return foreign(dir.cosign_key());
  }
  if (!has(keys.account, [&](const AccountKey& key) { return key.key.public_key() == info->account_key; })) {
    return foreign(dir.account_key());
  }
  return {};
}

Result<uint64_t> FreeBytes(const std::string& path) {
  struct statvfs info {};
  if (statvfs(path.c_str(), &info) != 0) return System(path);
  return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
}

}  // namespace cunzheng::node
