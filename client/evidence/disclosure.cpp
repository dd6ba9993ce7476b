// Some parts of a package, each with the proof that the manifest commits to it (specs/capture.md,
// "Disclosure").
#include <algorithm>

#include "client/evidence/package.h"
#include "client/evidence/package_members.h"
#include "ledger/receipt.h"
#include "ledger/trust.h"

namespace cunzheng::evidence {

const std::string_view kDisclosureReadme =
    "取证包的部分出示（cunzheng）\n"
    "\n"
    "本文件出示一个取证包中的若干组成部分，其余部分未予出示：\n"
    "  parts/           所出示的部分，逐字节与原取证包相同\n"
    "  disclosure.json  各部分属于该取证包的证明（加盐摘要与路径）\n"
    "  manifest.json    存证清单，含全部组成部分的清单根\n"
    "  receipt.json     存证回执\n"
    "  trust.json       信任文件，仅供参考，不得作为信任依据\n"
    "\n"
    "核验（离线）：\n"
    "  cunzheng verify 文件名.disclosure.zip --trust trust.json --lang zh\n"
    "\n"
    "Some parts of a package of captured evidence (cunzheng)\n"
    "\n"
    "This file shows some parts of a package and withholds the others:\n"
    "  parts/           what is shown, byte for byte as in the package\n"
    "  disclosure.json  proofs that they belong to it (salted digests and paths)\n"
    "  manifest.json    the manifest, with the root over all parts\n"
    "  receipt.json     the receipt\n"
    "  trust.json       a trust file as a hint, never as a root of trust\n"
    "\n"
    "To check it, offline:\n"
    "  cunzheng verify NAME.disclosure.zip --trust trust.json --lang en\n";

namespace {

constexpr std::string_view kType = "cunzheng/disclosure/v1";
constexpr size_t kShownMax = 10'000;
constexpr size_t kDisclosureBytesMax = 32u << 20;
constexpr size_t kPathLengthMax = 18;  // 200,000 parts

struct Shown {
  uint64_t index = 0;
  Part part;
  ledger::Path path;
};

Error Wrong(Errc code, const std::string& member, const std::string& what) {
  return {code, member + ": " + what};
}

json::Value ShownToJson(const Shown& shown) {
  json::Array path;
  for (const Hash& hash : shown.path) path.emplace_back(ToHex(hash));
  return json::Object{{"index", shown.index}, {"part", PartToJson(shown.part)}, {"path", std::move(path)}};
}

Result<Shown> ShownFromJson(const json::Value& value) {
  json::ObjectReader reader(value, "disclosure.parts");
  Shown shown;
  shown.index = reader.Integer("index", 0, kPartsMax - 1);
  if (auto part = PartFromJson(reader.Child("part"), "disclosure.parts.part")) {
    shown.part = std::move(part).value();
  } else {
    reader.Adopt(part.error());
  }
  for (const json::Value& item : reader.List("path", 0, kPathLengthMax)) {
    const std::string* text = item.AsString();
    const auto hash = text == nullptr ? Result<Hash>(Error{Errc::kWrongType, ""}) : HashFromHex(*text);
    if (hash) {
      shown.path.push_back(*hash);
    } else {
      reader.Fail(Errc::kInvalidValue, "path", "must hold strings of 64 lowercase hex digits");
      break;
    }
  }
  RETURN_IF_ERROR(reader.Finish());
  return shown;
}

Result<std::vector<Shown>> DecodeDisclosure(std::string_view text) {
  ASSIGN_OR_RETURN(const json::Value value, json::Parse(text, json::Form::kCanonical, kDisclosureBytesMax));
  json::ObjectReader reader(value, "disclosure");
  reader.Type(kType);
  std::vector<Shown> all;
  for (const json::Value& item : reader.List("parts", 1, kShownMax)) {
    auto shown = ShownFromJson(item);
    if (!shown) {
      reader.Adopt(shown.error());
      break;
    }
    if (!all.empty() && shown->index <= all.back().index) {
      reader.Fail(Errc::kInvalidValue, "parts", "must be ascending by index");
      break;
    }
    all.push_back(std::move(shown).value());
  }
  RETURN_IF_ERROR(reader.Finish());
  return all;
}

// A WARC record that is shown alone is whole, and of the address that its part names.
Result<void> CheckRecord(const Part& part, const std::string& member, std::string_view bytes) {
  const auto text = TakeGzipMember(&bytes, kWaczRecordBytesMax);
  if (!text) return Wrong(text.error().code, member, text.error().detail);
  if (!bytes.empty()) return Wrong(Errc::kInvalidValue, member, "more than one gzip member");
  const auto record = DecodeWarcRecord(*text);
  if (!record) return Wrong(record.error().code, member, record.error().detail);
  if (part.kind && *part.kind != record->Header("WARC-Type")) {
    return Wrong(Errc::kDigestMismatch, member, "WARC-Type is not the part's kind");
  }
  if (part.url && *part.url != record->Header("WARC-Target-URI")) {
    return Wrong(Errc::kDigestMismatch, member, "WARC-Target-URI is not the part's address");
  }
  return {};
}

}  // namespace

Result<void> WriteDisclosure(const std::string& path, const ZipReader& package,
                             const std::vector<Part>& parts, const std::vector<size_t>& indices,
                             bool replace) {
  if (indices.empty() || indices.size() > kShownMax) {
    return Error{Errc::kIndexOutOfRange, "from 1 to " + std::to_string(kShownMax) + " parts can be shown"};
  }
  ASSIGN_OR_RETURN(const std::string manifest,
                   ReadMember(package, kManifestMember, ledger::kManifestLengthMax));
  ASSIGN_OR_RETURN(const std::string receipt, ReadMember(package, kReceiptMember, ledger::kReceiptLengthMax));
  const ZipMember* inner = package.Find(kWaczMember);
  if (inner == nullptr) return Wrong(Errc::kNotFound, std::string(kWaczMember), "is not in the package");
  ASSIGN_OR_RETURN(const ZipReader wacz, ZipReader::Open(package.Source(*inner)));
  const std::vector<Hash> leaves = PartLeaves(parts);
  json::Array list;
  for (const size_t index : indices) {
    if (index >= parts.size())
      return Error{Errc::kIndexOutOfRange, "part " + std::to_string(index) + ": no such part"};
    list.push_back(ShownToJson({index, parts[index], ledger::InclusionPath(leaves, index)}));
  }
  ASSIGN_OR_RETURN(ZipWriter zip, ZipWriter::Create(path));
  RETURN_IF_ERROR(zip.Add(kReadmeMember, kDisclosureReadme));
  RETURN_IF_ERROR(
      zip.Add(kDisclosureMember, json::Encode(json::Object{{"type", kType}, {"parts", std::move(list)}})));
  RETURN_IF_ERROR(zip.Add(kManifestMember, manifest));
  RETURN_IF_ERROR(zip.Add(kReceiptMember, receipt));
  if (package.Find(kTrustMember) != nullptr) {
    ASSIGN_OR_RETURN(const std::string trust, ReadMember(package, kTrustMember, ledger::kTrustLengthMax));
    RETURN_IF_ERROR(zip.Add(kTrustMember, trust));
  }
  for (const size_t index : indices) {
    const Part& part = parts[index];
    const ZipMember* member = wacz.Find(part.path);
    const uint64_t offset = part.offset.value_or(0);
    if (member == nullptr || offset > member->length || part.length > member->length - offset) {
      return Wrong(Errc::kNotFound, part.Name(), "is in the list of parts, and not in the WACZ");
    }
    RETURN_IF_ERROR(zip.Add(ShownMember(part), *PartOf(wacz.Source(*member), offset, part.length)));
  }
  return zip.Finish(replace);
}

Result<std::vector<Part>> CheckProofs(const ZipReader& disclosure, const CaptureFacts& facts) {
  ASSIGN_OR_RETURN(const std::string text, ReadMember(disclosure, kDisclosureMember, kDisclosureBytesMax));
  const auto all = DecodeDisclosure(text);
  if (!all) return Wrong(all.error().code, std::string(kDisclosureMember), all.error().detail);
  // The container's own check has left nothing but parts at the end; these must be the ones listed, in their
  // order.
  std::vector<const ZipMember*> members;
  for (const ZipMember& member : disclosure.members()) {
    if (member.name.starts_with("parts/")) members.push_back(&member);
  }
  std::vector<Part> parts;
  for (size_t i = 0; i < all->size(); i++) {
    const Shown& shown = (*all)[i];
    const std::string name = ShownMember(shown.part);
    if (i >= members.size()) return Wrong(Errc::kMissingField, name, "is listed, and missing");
    if (members[i]->name != name) {
      return Wrong(Errc::kInvalidValue, members[i]->name, "stands where the list has " + name);
    }
    const auto source = disclosure.Source(*members[i]);
    ASSIGN_OR_RETURN(const FileDigest found, DigestSource(*source));
    if (found.length != shown.part.length || found.digests != shown.part.digest) {
      return Wrong(Errc::kDigestMismatch, name, "its bytes are not those of the part");
    }
    const auto proof =
        ledger::VerifyInclusion(PartLeaf(shown.part), shown.index, facts.parts, shown.path, facts.parts_root);
    if (!proof) return Wrong(proof.error().code, name, "is no part of this package: " + proof.error().detail);
    if (shown.part.offset) {
      ASSIGN_OR_RETURN(const std::string bytes, disclosure.Read(*members[i], kZipBytesMax));
      RETURN_IF_ERROR(CheckRecord(shown.part, name, bytes));
    }
    parts.push_back(shown.part);
  }
  if (members.size() > all->size()) {
    return Wrong(Errc::kUnknownField, members[all->size()]->name, "is shown, and not listed");
  }
  return parts;
}

}  // namespace cunzheng::evidence
