// Names and order of the members of a package and of a disclosure. Internal to client/evidence.
#pragma once

#include <string>
#include <string_view>

#include "client/evidence/package.h"
#include "client/evidence/parts.h"

namespace cunzheng::evidence {

inline constexpr std::string_view kReadmeMember = "README.txt";
inline constexpr std::string_view kWaczMember = "capture.wacz";
inline constexpr std::string_view kPartsMember = "parts.json";
inline constexpr std::string_view kManifestMember = "manifest.json";
inline constexpr std::string_view kReceiptMember = "receipt.json";
inline constexpr std::string_view kTrustMember = "trust.json";
inline constexpr std::string_view kDisclosureMember = "disclosure.json";

// Their text is part of the format's version: a reader compares it.
extern const std::string_view kPackageReadme;
extern const std::string_view kDisclosureReadme;

// A member's text. Errors: kNotFound ("NAME: is not in the package"), kTooLarge, kIo.
Result<std::string> ReadMember(const ZipReader& zip, std::string_view name, size_t length_max);

// The parts that a disclosure shows, each found to be one of the manifest's. Errors: detail names the member.
Result<std::vector<Part>> CheckProofs(const ZipReader& disclosure, const CaptureFacts& facts);

// The receipts of a recording's segments, each judged by its own. Errors: detail names the member; the trust
// finder's. `package`: the record of the package itself, null when there is no receipt of it.
Result<std::vector<Anchor>> CheckAnchors(const ZipReader& wacz, size_t segments,
                                         const ledger::Record* package, const TrustFinder& trust);

// "parts/PATH", "parts/PATH@OFFSET.warc.gz".
inline std::string ShownMember(const Part& part) {
  return "parts/" + part.Name() + (part.offset ? ".warc.gz" : "");
}

}  // namespace cunzheng::evidence
