// `cunzhengd witness init | add | run`.
#include <sys/stat.h>

#include <cstdio>

#include "crypto/file.h"
#include "crypto/key_file.h"
#include "ledger/trust.h"
#include "node/commands.h"
#include "node/data_dir.h"
#include "node/log.h"
#include "node/new_node.h"
#include "node/serve.h"
#include "node/witness/witness_api.h"

namespace cunzheng::node {
namespace {

std::string KeyPath(const DataDir& dir) {
  return dir.keys() + "/witness.key";
}

}  // namespace

Result<void> WitnessInit(const WitnessOptions& options) {
  Config config;
  config.member = options.name;
  config.listen = options.listen;
  RETURN_IF_ERROR(ParseListenAddress(options.listen));
  auto key = NoteSigner::Generate(options.name, NoteKeyType::kCosignatureV1);
  if (!key)
    return Error{Errc::kUsage, "--name: must be like witness.example.net/w1, without white space and '+'"};
  const DataDir dir{options.data};
  RETURN_IF_ERROR(MakeDataFolder(dir.path));
  for (const std::string& folder : {dir.keys(), dir.path + "/logs", dir.path + "/state", dir.evidence()}) {
    if (mkdir(folder.c_str(), 0700) != 0) return Error{Errc::kIo, folder + ": cannot be made"};
  }
  ASSIGN_OR_RETURN(const NodePassphrase passphrase,
                   TakePassphrase(dir, {options.passphrase_file, options.ask_passphrase}));
  config.passphrase_file = passphrase.configured;
  RETURN_IF_ERROR(WriteNoteKey(KeyPath(dir), *key, passphrase.bytes.span(), passphrase.log_n));
  RETURN_IF_ERROR(WriteFileAtomically(dir.config(), FormatConfig(config), 0600, false));
  std::printf("%s\n", key->key().Encode().c_str());
  if (passphrase.made) {
    std::fprintf(stderr, "note: a random passphrase for the key is in %s\n", dir.passphrase().c_str());
  }
  return {};
}

Result<void> WitnessAdd(const WitnessOptions& options) {
  const DataDir dir{options.data};
  RETURN_IF_ERROR(LoadConfig(dir));
  if (options.trust.empty() && options.log_keys.empty()) {
    return Error{Errc::kUsage, "witness add: give --trust, or --log-key"};
  }
  WitnessedLog log;
  if (!options.trust.empty()) {
    ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(options.trust, ledger::kTrustLengthMax));
    const auto trust = ledger::DecodeTrust(text);
    if (!trust) return Error{trust.error().code, options.trust + ": " + trust.error().detail};
    log.origin = trust->origin;
    for (const ledger::TrustMember& member : trust->members) {
      for (const ledger::TrustKey& key : member.keys) {
        if (key.purpose == ledger::KeyPurpose::kLog && key.current()) log.keys.push_back(key.note_key);
      }
    }
  } else {
    for (const std::string& text : options.log_keys) {
      ASSIGN_OR_RETURN(NoteKey key, ParseNoteKey(text));
      log.origin = key.name;
      log.keys.push_back(std::move(key));
    }
  }
  const std::string text = EncodeWitnessedLog(log);
  RETURN_IF_ERROR(DecodeWitnessedLog(text));
  RETURN_IF_ERROR(WriteFileAtomically(dir.path + "/logs/" + LogName(log.origin) + ".json", text, 0644, true));
  std::printf("%s\n", LogName(log.origin).c_str());
  std::fprintf(stderr, "hint: a witness that runs must be started anew to know it\n");
  return {};
}

Result<void> WitnessRun(const WitnessOptions& options) {
  const DataDir dir{options.data};
  ASSIGN_OR_RETURN(Config config, LoadConfig(dir));
  if (!options.listen.empty()) config.listen = options.listen;
  ASSIGN_OR_RETURN(const SecretBytes passphrase, LoadPassphrase(dir, config, options.passphrase_file));
  ConfigureServerLog(config);
  BlockStopSignals();
  ASSIGN_OR_RETURN(const DataLock lock, DataLock::Take(dir));
  ASSIGN_OR_RETURN(NoteSigner key, ReadNoteKey(KeyPath(dir), passphrase.span()));
  const SystemClock clock;
  ASSIGN_OR_RETURN(const auto witness,
                   Witness::Open(dir.path, std::move(key), &clock, config.require_clock_sync));
  Metrics metrics;
  WitnessApi api(witness.get(), &clock, &metrics);
  const auto started = [&] {
    Log(LogLevel::kInfo, "witnessing", {{"name", config.member}, {"logs", std::to_string(witness->logs())}});
  };
  RETURN_IF_ERROR(
      ServeUntilStopped(dir, config, &api, &metrics, {.started = started, .stopping = {}, .drained = {}}));
  Log(LogLevel::kInfo, "stopped");
  FlushLog();
  return {};
}

}  // namespace cunzheng::node
