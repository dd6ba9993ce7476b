#include "node/governance_input.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

#include "crypto/file.h"
#include "crypto/json.h"
#include "node/data_dir.h"

namespace cunzheng::node {
namespace {

constexpr size_t kFileLengthMax = 64u << 10;

Error In(const std::string& path, const Error& error) {
  return {error.code, path + ": " + error.detail};
}

}  // namespace

Result<std::optional<ledger::Thresholds>> ParseThresholds(const std::optional<std::string>& text) {
  if (!text) return std::optional<ledger::Thresholds>();
  unsigned f = 0, k = 0, govern = 0;
  char more = 0;
  if (std::sscanf(text->c_str(), "%2u,%2u,%2u%c", &f, &k, &govern, &more) != 3) {
    return Error{Errc::kUsage, "--thresholds: must be F,K,GOVERN, like 1,3,3"};
  }
  return std::optional(ledger::Thresholds{f, k, govern});
}

Result<ledger::MemberInfo> ReadMemberFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(path, kFileLengthMax));
  const auto value = json::Parse(text, json::Form::kReadable, kFileLengthMax);
  if (!value) return In(path, value.error());
  auto member = ledger::MemberFromJson(*value, {});
  if (!member) return In(path, member.error());
  return member;
}

// The file's array is that of the change itself, so it is read as one.
Result<std::vector<ledger::WitnessInfo>> ReadWitnessesFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(path, kFileLengthMax));
  auto value = json::Parse(text, json::Form::kReadable, kFileLengthMax);
  if (!value) return In(path, value.error());
  const auto change = ledger::ChangeFromJson(json::Object{
      {"action", "witnesses"},
      {"args",
       json::Object{{"w", uint64_t{0}}, {"witness_f", uint64_t{0}}, {"witnesses", std::move(*value)}}}});
  if (!change) return In(path, change.error());
  return std::get<ledger::WitnessesSet>(*change).witnesses;
}

Result<std::vector<Bytes>> ReadCertificates(const std::vector<std::string>& paths) {
  std::vector<Bytes> list;
  for (const std::string& path : paths) {
    ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(path, kFileLengthMax));
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
        BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free);
    const size_t before = list.size();
    for (;;) {
      const std::unique_ptr<X509, decltype(&X509_free)> certificate(
          PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), X509_free);
      if (!certificate) break;
      unsigned char* der = nullptr;
      const int length = i2d_X509(certificate.get(), &der);
      if (length <= 0) break;
      list.emplace_back(der, der + length);
      OPENSSL_free(der);
    }
    if (list.size() == before) return Error{Errc::kUsage, path + ": holds no PEM certificate"};
  }
  return list;
}

Result<ledger::Change> MakeKeyRotate(const std::string& member, const std::string& purpose,
                                     const std::string& key) {
  return ledger::ChangeFromJson(
      json::Object{{"action", "key_rotate"},
                   {"args", json::Object{{"member", member}, {"purpose", purpose}, {"key", key}}}});
}

Result<ledger::Change> WithFixedParams(const Place& place, ledger::Params params) {
  ASSIGN_OR_RETURN(const GenesisFile genesis, LoadGenesis({place.data}));
  params.batch_bytes_max = genesis.genesis.params.batch_bytes_max;
  params.checkpoint_interval_ms = genesis.genesis.params.checkpoint_interval_ms;
  return ledger::Change(params);
}

}  // namespace cunzheng::node
