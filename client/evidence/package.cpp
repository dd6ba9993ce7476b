#include "client/evidence/package.h"

#include <charconv>

#include "client/evidence/package_members.h"
#include "crypto/file.h"
#include "ledger/receipt.h"
#include "ledger/trust.h"

namespace cunzheng::evidence {

const std::string_view kPackageReadme =
    "存证取证包（cunzheng）\n"
    "\n"
    "本文件包含一次网页取证的全部结果及其存证回执：\n"
    "  capture.wacz   取证内容（WACZ 格式），可用 ReplayWeb.page 等程序离线重放\n"
    "  parts.json     各组成部分的加盐摘要清单\n"
    "  manifest.json  存证清单：网址、清单根、打包前取得的检查点\n"
    "  receipt.json   存证回执（账本应答之前没有；亦可能另存于本文件旁）\n"
    "  trust.json     信任文件，仅供参考，不得作为信任依据\n"
    "\n"
    "核验（离线，信任文件须另行取得并核对指纹）：\n"
    "  cunzheng verify 文件名.evidence.zip --trust trust.json --lang zh\n"
    "\n"
    "核验证明：取证包的打包不早于 T1、存在不晚于 T2，且此后未被改动。\n"
    "页面当时所示内容是否属实，取决于取证工具与操作者，账本不予证明。\n"
    "\n"
    "Package of captured evidence (cunzheng)\n"
    "\n"
    "This file holds what a capture of web pages brought, and the receipt of its deposit:\n"
    "  capture.wacz   what was captured (WACZ); ReplayWeb.page and others replay it offline\n"
    "  parts.json     salted digests of all parts\n"
    "  manifest.json  address, root of that list, checkpoint fetched before the capture\n"
    "  receipt.json   the receipt (none until the ledger has answered; it may stand beside this file)\n"
    "  trust.json     a trust file as a hint, never as a root of trust\n"
    "\n"
    "To check it, offline, with a trust file that you obtained and compared yourself:\n"
    "  cunzheng verify NAME.evidence.zip --trust trust.json --lang en\n"
    "\n"
    "The check shows that it was packaged no earlier than T1, existed no later than T2, and was not changed\n"
    "since. That the page showed this rests on the tool and its operator; the ledger says nothing of it.\n";

namespace {

std::optional<uint64_t> Number(std::string_view text) {
  uint64_t number = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (status != std::errc() || end != text.data() + text.size() || std::to_string(number) != text)
    return std::nullopt;
  return number;
}

// Takes attributes one by one, and knows at the end whether any was left.
class AttrReader {
 public:
  explicit AttrReader(std::map<std::string, std::string> attrs) : attrs_(std::move(attrs)) {}

  std::optional<std::string> Optional(const std::string& key) {
    const auto found = attrs_.extract(key);
    if (!found) return std::nullopt;
    return found.mapped();
  }
  std::string Mandatory(const std::string& key) {
    auto value = Optional(key);
    if (!value) Fail(Errc::kMissingField, key, "is mandatory");
    return value.value_or("");
  }
  std::optional<Hash> OptionalHash(const std::string& key) {
    const auto text = Optional(key);
    if (!text) return std::nullopt;
    const auto hash = HashFromHex(*text);
    if (!hash) Fail(Errc::kInvalidValue, key, "must be 64 lowercase hex digits");
    return hash ? *hash : Hash{};
  }
  std::string OneOf(const std::string& key, std::initializer_list<std::string_view> values) {
    std::string value = Mandatory(key), names;
    for (const std::string_view allowed : values) {
      if (value == allowed) return value;
      names += (names.empty() ? "" : ", ") + std::string(allowed);
    }
    Fail(Errc::kInvalidValue, key, "must be one of " + names);
    return value;
  }
  void Fail(Errc code, const std::string& key, const std::string& rule) {
    if (!error_) error_ = Error{code, "manifest.attrs." + key + ": " + rule};
  }
  Result<void> Finish() {
    if (!attrs_.empty()) Fail(Errc::kUnknownField, attrs_.begin()->first, "is not known");
    if (error_) return *error_;
    return {};
  }

 private:
  std::map<std::string, std::string> attrs_;
  std::optional<Error> error_;
};

Result<void> AddTexts(ZipWriter* zip, const PackageTexts& texts) {
  RETURN_IF_ERROR(zip->Add(kPartsMember, texts.parts));
  RETURN_IF_ERROR(zip->Add(kManifestMember, texts.manifest));
  if (texts.receipt) RETURN_IF_ERROR(zip->Add(kReceiptMember, *texts.receipt));
  if (texts.trust) RETURN_IF_ERROR(zip->Add(kTrustMember, *texts.trust));
  return {};
}

}  // namespace

Result<std::string> ReadMember(const ZipReader& zip, std::string_view name, size_t length_max) {
  const ZipMember* member = zip.Find(name);
  if (member == nullptr) return Error{Errc::kNotFound, std::string(name) + ": is not in the package"};
  return zip.Read(*member, length_max);
}

std::map<std::string, std::string> FactsToAttrs(const CaptureFacts& facts) {
  std::map<std::string, std::string> attrs{{"capture", facts.capture},
                                           {"outcome", facts.outcome},
                                           {"parts", std::to_string(facts.parts)},
                                           {"parts_root", ToHex(facts.parts_root)},
                                           {"tool", facts.tool}};
  if (facts.url_sha256) {
    attrs.emplace("url_sha256", ToHex(*facts.url_sha256));
  } else {
    attrs.emplace("url", facts.url);
  }
  if (facts.trust_sha256) attrs.emplace("trust_sha256", ToHex(*facts.trust_sha256));
  return attrs;
}

Result<CaptureFacts> FactsFromManifest(const ledger::Manifest& manifest) {
  AttrReader reader(manifest.attrs);
  CaptureFacts facts;
  facts.capture = reader.OneOf("capture", {"page", "session", "recording"});
  facts.url_sha256 = reader.OptionalHash("url_sha256");
  if (!facts.url_sha256) facts.url = reader.Mandatory("url");
  facts.outcome = reader.OneOf("outcome", {"complete", "incomplete", "partial"});
  facts.tool = reader.Mandatory("tool");
  const std::string parts = reader.Mandatory("parts");
  if (const auto number = Number(parts); number && *number >= 1 && *number <= kPartsMax) {
    facts.parts = *number;
  } else {
    reader.Fail(Errc::kInvalidValue, "parts", "must be a number from 1 to " + std::to_string(kPartsMax));
  }
  if (const auto root = reader.OptionalHash("parts_root")) {
    facts.parts_root = *root;
  } else {
    reader.Fail(Errc::kMissingField, "parts_root", "is mandatory");
  }
  facts.trust_sha256 = reader.OptionalHash("trust_sha256");
  RETURN_IF_ERROR(reader.Finish());
  return facts;
}

Result<void> WritePackage(const std::string& path, const std::string& wacz_path, const PackageTexts& texts,
                          bool replace) {
  ASSIGN_OR_RETURN(ZipWriter zip, ZipWriter::Create(path));
  RETURN_IF_ERROR(zip.Add(kReadmeMember, kPackageReadme));
  RETURN_IF_ERROR(zip.AddFile(kWaczMember, wacz_path));
  RETURN_IF_ERROR(AddTexts(&zip, texts));
  return zip.Finish(replace);
}

Result<void> AddReceipt(const std::string& path, std::string_view receipt) {
  ASSIGN_OR_RETURN(auto source, OpenFileSource(path));
  ASSIGN_OR_RETURN(const ZipReader old, ZipReader::Open(source));
  if (old.Find(kReceiptMember) != nullptr) return Error{Errc::kAlreadyExists, path + ": has a receipt"};
  const ZipMember* wacz = old.Find(kWaczMember);
  if (wacz == nullptr)
    return Error{Errc::kNotFound, path + ": " + std::string(kWaczMember) + ": is not in the package"};
  PackageTexts texts;
  ASSIGN_OR_RETURN(texts.parts, ReadMember(old, kPartsMember, kPartsBytesMax));
  ASSIGN_OR_RETURN(texts.manifest, ReadMember(old, kManifestMember, ledger::kManifestLengthMax));
  if (old.Find(kTrustMember) != nullptr) {
    ASSIGN_OR_RETURN(texts.trust, ReadMember(old, kTrustMember, ledger::kTrustLengthMax));
  }
  ASSIGN_OR_RETURN(const ledger::Receipt decoded, ledger::DecodeReceipt(receipt));
  if (decoded.manifest != texts.manifest) {
    return Error{Errc::kManifestMismatch, path + ": the receipt is not of this package's manifest"};
  }
  texts.receipt = ledger::EncodeReceipt(decoded);
  ASSIGN_OR_RETURN(ZipWriter zip, ZipWriter::Create(path));
  RETURN_IF_ERROR(zip.Add(kReadmeMember, kPackageReadme));
  RETURN_IF_ERROR(zip.Add(kWaczMember, *old.Source(*wacz)));
  RETURN_IF_ERROR(AddTexts(&zip, texts));
  return zip.Finish(true);
}

Result<FileDigest> DigestEvidence(const std::string& path, const DigestProgress& progress) {
  ASSIGN_OR_RETURN(const auto source, OpenFileSource(path));
  ASSIGN_OR_RETURN(const ZipReader zip, ZipReader::Open(source));
  const ZipMember* wacz = zip.Find(kWaczMember);
  if (wacz == nullptr)
    return Error{Errc::kNotFound, path + ": " + std::string(kWaczMember) + ": is not in the package"};
  return DigestSource(*zip.Source(*wacz), progress);
}

Result<std::string> ReadReceipt(const std::string& path) {
  ASSIGN_OR_RETURN(const auto source, OpenFileSource(path));
  ASSIGN_OR_RETURN(const ZipReader zip, ZipReader::Open(source));
  return ReadMember(zip, kReceiptMember, ledger::kReceiptLengthMax);
}

}  // namespace cunzheng::evidence
