// Record: what a submitter says of one item (specs/record.md); and the manifest that travels beside it.
// Pure; safe from any thread. Decoders accept canonical bytes only.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/digest.h"
#include "crypto/json.h"
#include "crypto/result.h"
#include "ledger/merkle.h"

namespace cunzheng::ledger {

inline constexpr size_t kRecordLengthMax = 16 * 1024;
inline constexpr size_t kManifestLengthMax = 1024 * 1024;
// The `rel` by which a record of kind reveal, and no other, cites the sealed batch that it opens.
inline constexpr std::string_view kRevealRel = "reveals";

struct Ref {
  std::string rel;
  Hash id{};
  bool operator==(const Ref&) const = default;
};

struct Record {
  Hash ledger{};
  Hash account{};
  std::string kind;  // file, capture, recording, data, reveal
  Digests digest;
  uint64_t length = 0;  // bytes of evidence
  std::optional<Digests> manifest;
  std::optional<std::string> case_ref;
  std::vector<Ref> refs;
  std::map<std::string, std::string> attrs;
  std::optional<Hash> salt;
  bool operator==(const Record&) const = default;
};

// Errors of Decode*: specs/json.md's, kTooLarge, kInvalidValue (a rule by kind).
Result<Record> DecodeRecord(std::string_view bytes);
// Precondition: the fields satisfy the schema (decode what you encode when they come from outside).
std::string EncodeRecord(const Record& record);
// The record's name, and its leaf hash in the batch tree.
inline Hash RecordId(std::string_view record_bytes) {
  return LeafHash(AsBytes(record_bytes));
}

struct Manifest {
  std::string name;
  std::optional<std::string> media_type;
  std::optional<uint64_t> modified_unix_ms;
  std::optional<std::string> checkpoint;  // the signed note's whole text, rebuilt from its lines
  std::map<std::string, std::string> attrs;
  bool operator==(const Manifest&) const = default;
};
Result<Manifest> DecodeManifest(std::string_view bytes);
std::string EncodeManifest(const Manifest& manifest);

// Shared by record, manifest and others.
json::Value DigestsToJson(const Digests& digests);
Result<Digests> DigestsFromJson(const json::Value& value, std::string what);

}  // namespace cunzheng::ledger
