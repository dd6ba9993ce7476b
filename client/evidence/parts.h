// The salted list of a package's parts (specs/capture.md, "Parts"): one root in the manifest commits to all
// of them, and each can be shown alone. Encode and decode are pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/evidence/zip.h"
#include "crypto/digest.h"
#include "crypto/json.h"
#include "crypto/result.h"
#include "ledger/merkle.h"

namespace cunzheng::evidence {

inline constexpr size_t kPartsBytesMax = 64u << 20;
inline constexpr size_t kPartsMax = 200'000;

struct Part {
  std::string path;                // member of the WACZ
  std::optional<uint64_t> offset;  // of a gzip member within it; absent: all of it
  uint64_t length = 0;
  Digests digest;
  Hash salt{};
  std::optional<std::string> url, kind;  // of a WARC record
  bool operator==(const Part&) const = default;

  // "dom.html", or "archive/data.warc.gz@1234".
  std::string Name() const;
};

json::Value PartToJson(const Part& part);
Result<Part> PartFromJson(const json::Value& value, std::string what);
// Of the part's canonical JSON.
Hash PartLeaf(const Part& part);

// Errors of Decode: specs/json.md's.
std::string EncodeParts(const std::vector<Part>& parts);
Result<std::vector<Part>> DecodeParts(std::string_view text);
std::vector<Hash> PartLeaves(const std::vector<Part>& parts);

// Makes the list, with new salts: each member, and after an archive its records.
// Errors: kIo, kTooLarge, kInvalidValue (an archive that is none), kInterrupted.
Result<std::vector<Part>> ListParts(const ZipReader& wacz, const DigestProgress& progress = {});

// Whether the WACZ has exactly these parts, in this order. Errors: kDigestMismatch, kInvalidValue, naming the
// first part that differs, is missing, or is not listed; kIo, kInterrupted.
Result<void> CheckParts(const ZipReader& wacz, const std::vector<Part>& parts,
                        const DigestProgress& progress = {});

}  // namespace cunzheng::evidence
