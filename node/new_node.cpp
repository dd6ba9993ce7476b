#include "node/new_node.h"

#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "crypto/key_file.h"
#include "ledger/ledger.h"
#include "ledger/trust.h"
#include "node/data_dir.h"

namespace cunzheng::node {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMachinePassphraseLength = 32;

// Removes what an `init` that failed has made, so that the folder is as it was.
class Undo {
 public:
  Undo(DataDir dir, bool made_folder) : dir_(std::move(dir)), made_folder_(made_folder) {}
  ~Undo() {
    if (done_) return;
    std::error_code ignored;
    for (const auto& path : {dir_.config(), dir_.trust(), dir_.genesis(), dir_.ledger(), dir_.keys()}) {
      fs::remove_all(path, ignored);
    }
    if (made_folder_) fs::remove(dir_.path, ignored);
  }
  Undo(const Undo&) = delete;
  Undo& operator=(const Undo&) = delete;
  void Keep() { done_ = true; }

 private:
  DataDir dir_;
  bool made_folder_;
  bool done_ = false;
};

}  // namespace

Result<bool> MakeDataFolder(const std::string& path) {
  std::error_code error;
  if (fs::exists(path, error)) {
    if (!fs::is_directory(path, error)) return Error{Errc::kAlreadyExists, path + ": not a folder"};
    if (!fs::is_empty(path, error)) return Error{Errc::kAlreadyExists, path + ": not empty"};
    if (error) return Error{Errc::kIo, path + ": " + error.message()};
    if (chmod(path.c_str(), 0700) != 0) return Error{Errc::kIo, path + ": cannot set mode 0700"};
    return false;
  }
  if (mkdir(path.c_str(), 0700) != 0) {
    return Error{Errc::kIo, path + ": " + std::error_code(errno, std::system_category()).message()};
  }
  return true;
}

Result<NodePassphrase> TakePassphrase(const DataDir& dir, const PassphraseChoice& choice) {
  NodePassphrase passphrase;
  if (choice.file || choice.ask || std::getenv("CUNZHENG_PASSPHRASE") != nullptr) {
    ASSIGN_OR_RETURN(passphrase.bytes, ObtainPassphrase(choice.file, "Passphrase for the node's keys", true));
    if (choice.file) passphrase.configured = fs::absolute(*choice.file).string();
    return passphrase;
  }
  const std::string text = ToHex(RandomBytes(kMachinePassphraseLength));
  RETURN_IF_ERROR(WriteFileAtomically(dir.passphrase(), text + "\n", 0600, false));
  passphrase.bytes = SecretBytes(Bytes(text.begin(), text.end()));
  passphrase.log_n = kScryptLogNMin;
  passphrase.configured = "keys/passphrase";
  passphrase.made = true;
  return passphrase;
}

uint64_t NowMs() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

Result<NewMember> MakeMember(const std::string& origin, const std::string& id, const std::string& name_zh,
                             const std::string& name_en, const std::string& role) {
  auto log = NoteSigner::Generate(origin, NoteKeyType::kEd25519);
  if (!log) {
    return Error{Errc::kUsage,
                 "--origin: must be like example.org/ledger, of lowercase letters, digits, '.', "
                 "'-', '_' and '/'"};
  }
  ASSIGN_OR_RETURN(NoteSigner cosign, NoteSigner::Generate(id, NoteKeyType::kCosignatureV1));
  PrivateKey account = PrivateKey::Generate(Suite::kSecp256k1);
  ledger::MemberInfo info{.id = id,
                          .name_zh = name_zh,
                          .name_en = name_en,
                          .role = role,
                          .account_key = account.public_key(),
                          .log_key = log->key(),
                          .cosign_key = cosign.key()};
  return NewMember{*std::move(log), std::move(cosign), std::move(account), std::move(info)};
}

Result<NewNode> LayOutNode(const std::string& data, Config config, const std::string& genesis_bytes,
                           const NewMember& member, const PassphraseChoice& choice) {
  ASSIGN_OR_RETURN(const ledger::Genesis genesis, ledger::DecodeGenesis(genesis_bytes));
  const DataDir dir{data};
  ASSIGN_OR_RETURN(const bool made_folder, MakeDataFolder(dir.path));
  Undo undo(dir, made_folder);
  if (mkdir(dir.keys().c_str(), 0700) != 0) {
    return Error{Errc::kIo, dir.keys() + ": " + std::error_code(errno, std::system_category()).message()};
  }
  ASSIGN_OR_RETURN(const NodePassphrase passphrase, TakePassphrase(dir, choice));
  config.passphrase_file = passphrase.configured;
  const ByteSpan secret = passphrase.bytes.span();
  RETURN_IF_ERROR(WriteNoteKey(dir.log_key(), member.log, secret, passphrase.log_n));
  RETURN_IF_ERROR(WriteNoteKey(dir.cosign_key(), member.cosign, secret, passphrase.log_n));
  RETURN_IF_ERROR(WriteAccountKey(dir.account_key(), member.account, AccountId(member.account.public_key()),
                                  secret, passphrase.log_n));
  RETURN_IF_ERROR(WriteFileAtomically(dir.genesis(), genesis_bytes, 0644, false));
  RETURN_IF_ERROR(ledger::Ledger::Create(dir.ledger(), genesis_bytes));
  const ledger::Trust trust = ledger::TrustFromGenesis(genesis_bytes, genesis);
  RETURN_IF_ERROR(WriteFileAtomically(dir.trust(), ledger::EncodeTrust(trust), 0644, false));
  RETURN_IF_ERROR(WriteFileAtomically(dir.config(), FormatConfig(config), 0600, false));
  undo.Keep();
  return NewNode{ledger::TrustFingerprint(trust), passphrase.made};
}

}  // namespace cunzheng::node
