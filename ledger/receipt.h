// Receipt (specs/receipt.md): decode and encode. Verification is client/verify's. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/json.h"
#include "crypto/result.h"
#include "ledger/merkle.h"

namespace cunzheng::ledger {

inline constexpr size_t kReceiptLengthMax = 4 * 1024 * 1024;

struct Anchor {
  std::string type;
  Bytes data;
  bool operator==(const Anchor&) const = default;
};

struct Attestation {
  Path inclusion;
  std::string checkpoint;  // signed note, exact text
  std::vector<Bytes> tokens;
  std::vector<Anchor> anchors;
  bool operator==(const Attestation&) const = default;
};
json::Value AttestationToJson(const Attestation& attestation);
Result<Attestation> AttestationFromJson(const json::Value& value, std::string what);

struct ConsistencyLink {
  uint64_t from = 0;
  uint64_t to = 0;
  Path path;
  bool operator==(const ConsistencyLink&) const = default;
};

struct Receipt {
  std::string record;  // exact bytes
  uint64_t batch_index = 0;
  Path batch_path;
  std::string entry;  // exact bytes
  uint64_t index = 0;
  std::vector<Attestation> attestations;
  std::vector<ConsistencyLink> consistency;
  std::optional<std::string> manifest;  // exact bytes
  bool operator==(const Receipt&) const = default;
};
// Decodes the outer file only; record, entry and manifest stay as bytes.
Result<Receipt> DecodeReceipt(std::string_view text);
std::string EncodeReceipt(const Receipt& receipt);

}  // namespace cunzheng::ledger
