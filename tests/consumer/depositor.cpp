// The least program that deposits: depositor NODE KEY PASSPHRASE-FILE QUEUE FILE writes FILE.receipt.json.
#include "client/sdk/depositor.h"

#include <cstdio>
#include <string>

#include "client/sdk/paths.h"
#include "crypto/digest.h"
#include "crypto/key_file.h"

namespace {

using namespace cunzheng;

Result<void> Deposit(const std::string& node, const std::string& key_path, const std::string& passphrase_path,
                     const std::string& queue, const std::string& path) {
  ASSIGN_OR_RETURN(const SecretBytes passphrase, ObtainPassphrase(passphrase_path, "", false));
  ASSIGN_OR_RETURN(const AccountKey key, ReadAccountKey(key_path, passphrase.span()));
  ASSIGN_OR_RETURN(client::Journal journal, client::Journal::Open(queue));
  ASSIGN_OR_RETURN(client::Client connection, client::Client::Make({.node = node}));
  ASSIGN_OR_RETURN(const client::LedgerView ledger, client::FetchLedgerView(connection));

  Result<void> outcome;
  const auto observer = [&](const client::QueuedBatch&, const Result<client::Delivery>& delivery) {
    if (!delivery) outcome = delivery.error();
  };
  client::Depositor depositor(&connection, &journal, &key.key, key.account, ledger, {.node = node}, observer);
  ASSIGN_OR_RETURN(const FileDigest digest, DigestFile(path));
  RETURN_IF_ERROR(depositor.Add({.evidence = digest,
                                 .name = std::string(client::BaseName(path)),
                                 .receipt_path = client::ReceiptPathFor(path)}));
  RETURN_IF_ERROR(depositor.Finish());
  return outcome;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr, "usage: depositor NODE KEY PASSPHRASE-FILE QUEUE FILE\n");
    return 2;
  }
  const auto done = Deposit(argv[1], argv[2], argv[3], argv[4], argv[5]);
  if (!done) std::fprintf(stderr, "error: %s\n", done.error().ToString().c_str());
  return done ? 0 : ErrcExitCode(done.error().code);
}
