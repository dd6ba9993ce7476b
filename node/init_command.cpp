// `cunzhengd init`: a new ledger of one member.
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "crypto/key_file.h"
#include "ledger/ledger.h"
#include "ledger/trust.h"
#include "node/commands.h"

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

// Makes the folder, or takes an empty one. Returns whether it was made.
Result<bool> MakeFolder(const std::string& path) {
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

struct Passphrase {
  SecretBytes bytes;
  uint32_t log_n = kScryptLogNDefault;
  std::string configured;  // config.toml's node.passphrase_file
  bool made = false;
};

// One that was given, in the usual order; with none given, a random one beside the keys.
Result<Passphrase> TakePassphrase(const DataDir& dir, const InitOptions& options) {
  Passphrase passphrase;
  if (options.passphrase_file || options.ask_passphrase || std::getenv("CUNZHENG_PASSPHRASE") != nullptr) {
    ASSIGN_OR_RETURN(passphrase.bytes,
                     ObtainPassphrase(options.passphrase_file, "Passphrase for the node's keys", true));
    if (options.passphrase_file) passphrase.configured = fs::absolute(*options.passphrase_file).string();
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

std::string MemberOf(const InitOptions& options) {
  if (!options.member.empty()) return options.member;
  return "operator." + options.origin.substr(0, options.origin.find('/'));
}

}  // namespace

Result<void> Init(const InitOptions& options) {
  Config config;
  config.member = MemberOf(options);
  config.listen = options.listen;
  RETURN_IF_ERROR(ParseListenAddress(options.listen));
  // All that can be refused is refused before the folder is touched.
  ASSIGN_OR_RETURN(NoteSigner log, NoteSigner::Generate(options.origin, NoteKeyType::kEd25519));
  ASSIGN_OR_RETURN(NoteSigner cosign, NoteSigner::Generate(config.member, NoteKeyType::kCosignatureV1));
  const PrivateKey account = PrivateKey::Generate(Suite::kSecp256k1);
  ledger::Genesis genesis;
  genesis.origin = options.origin;
  genesis.created_unix_ms = NowMs();
  genesis.nonce = RandomHash();
  genesis.params.checkpoint_interval_ms = options.checkpoint_interval_ms;
  genesis.members.push_back({.id = config.member,
                             .name_zh = options.name_zh.empty() ? config.member : options.name_zh,
                             .name_en = options.name_en.empty() ? config.member : options.name_en,
                             .role = options.role,
                             .account_key = account.public_key(),
                             .log_key = log.key(),
                             .cosign_key = cosign.key()});
  const std::string genesis_bytes = ledger::EncodeGenesis(genesis);
  RETURN_IF_ERROR(ledger::DecodeGenesis(genesis_bytes));

  const DataDir dir{options.data};
  ASSIGN_OR_RETURN(const bool made_folder, MakeFolder(dir.path));
  Undo undo(dir, made_folder);
  if (mkdir(dir.keys().c_str(), 0700) != 0) {
    return Error{Errc::kIo, dir.keys() + ": " + std::error_code(errno, std::system_category()).message()};
  }
  ASSIGN_OR_RETURN(const Passphrase passphrase, TakePassphrase(dir, options));
  config.passphrase_file = passphrase.configured;
  const ByteSpan secret = passphrase.bytes.span();
  RETURN_IF_ERROR(WriteNoteKey(dir.log_key(), log, secret, passphrase.log_n));
  RETURN_IF_ERROR(WriteNoteKey(dir.cosign_key(), cosign, secret, passphrase.log_n));
  RETURN_IF_ERROR(
      WriteAccountKey(dir.account_key(), account, AccountId(account.public_key()), secret, passphrase.log_n));
  RETURN_IF_ERROR(WriteFileAtomically(dir.genesis(), genesis_bytes, 0644, false));
  RETURN_IF_ERROR(ledger::Ledger::Create(dir.ledger(), genesis_bytes));
  const ledger::Trust trust = ledger::TrustFromGenesis(genesis_bytes, genesis);
  RETURN_IF_ERROR(WriteFileAtomically(dir.trust(), ledger::EncodeTrust(trust), 0644, false));
  // Last: a folder without it is no node's, whenever this was interrupted.
  RETURN_IF_ERROR(WriteFileAtomically(dir.config(), FormatConfig(config), 0600, false));
  undo.Keep();

  std::printf("ledger: %s\n", ToHex(ledger::LedgerId(genesis_bytes)).c_str());
  std::printf("member: %s\n", config.member.c_str());
  std::printf("trust fingerprint: %s\n", ledger::TrustFingerprint(trust).c_str());
  std::printf("trust file: %s\n", dir.trust().c_str());
  if (passphrase.made) {
    std::fprintf(
        stderr,
        "note: a random passphrase for the keys is in %s\n"
        "hint: keep it apart from the keys, e.g. as systemd LoadCredential=cunzheng-passphrase:PATH, and "
        "empty node.passphrase_file in %s\n",
        dir.passphrase().c_str(), dir.config().c_str());
  }
  return {};
}

}  // namespace cunzheng::node
