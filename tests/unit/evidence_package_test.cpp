// Parts, packages and disclosures (specs/capture.md), as far as no ledger is needed: the receipts of real
// ones are tests/integration/capture_test.py's affair.
#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>

#include "client/evidence/package.h"
#include "client/evidence/package_members.h"
#include "crypto/file.h"
#include "ledger/receipt.h"

using namespace cunzheng;
using namespace cunzheng::evidence;

namespace {

namespace fs = std::filesystem;

// A folder of one test's own.
class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / ("cz-package-" + ToHex(RandomBytes(8)))) {
    fs::create_directory(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  const fs::path path_;
};

Part SamplePart() {
  Part part;
  part.path = "archive/data.warc.gz";
  part.offset = 1'234;
  part.length = 5;
  part.digest = DigestBytes(AsBytes("hello"));
  part.salt.fill(7);
  part.url = "https://例子.example/图";
  part.kind = "response";
  return part;
}

CaptureFacts SampleFacts() {
  CaptureFacts facts;
  facts.capture = "page";
  facts.url = "https://shop.example/";
  facts.outcome = "complete";
  facts.tool = "cunzheng/0.1.0 sha256:00";
  facts.parts = 3;
  facts.parts_root.fill(9);
  return facts;
}

std::string ZipOf(const Folder& folder, const std::vector<std::pair<std::string, std::string>>& members) {
  const std::string path = folder / ("z" + ToHex(RandomBytes(4)));
  auto zip = ZipWriter::Create(path);
  REQUIRE(zip);
  for (const auto& [name, bytes] : members) REQUIRE(zip->Add(name, bytes));
  REQUIRE(zip->Finish(false));
  return path;
}

ZipReader Open(const std::string& path) {
  auto source = OpenFileSource(path);
  REQUIRE(source);
  auto zip = ZipReader::Open(*source);
  REQUIRE_MESSAGE(zip, zip.error().ToString());
  return std::move(zip).value();
}

std::string Gzipped(std::string_view type, std::string_view url, std::string_view body) {
  WarcRecord record = MakeWarcRecord(type, 1'790'000'000'000'000, "text/plain", std::string(body));
  record.Set("WARC-Target-URI", std::string(url));
  record.Set("WARC-Payload-Digest", WarcDigest(body));
  return GzipMember(EncodeWarcRecord(record));
}

// Something like a WACZ: an archive of two records and an attachment.
struct Sample {
  Folder folder;
  std::string archive =
      Gzipped("resource", "https://a.example/1", "one") + Gzipped("resource", "https://a.example/2", "two");
  std::string wacz = ZipOf(folder, {{"archive/data.warc.gz", archive}, {"evidence/dom.html", "<p>"}});
  std::vector<Part> parts = [this] {
    auto list = ListParts(Open(wacz));
    REQUIRE_MESSAGE(list, list.error().ToString());
    return std::move(list).value();
  }();
};

std::string WhyNot(const Sample& sample, const std::vector<std::pair<std::string, std::string>>& members) {
  const auto same = CheckParts(Open(ZipOf(sample.folder, members)), sample.parts);
  return same ? "" : same.error().ToString();
}

bool Holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

std::string Why(const PackageReport& report, CheckId id) {
  for (const Check& check : report.checks) {
    if (check.id == id) return check.error ? check.error->ToString() : "";
  }
  return "no such check";
}

const TrustFinder kNobody = [](std::string_view) -> Result<const ledger::Trust*> { return nullptr; };

PackageReport Verified(const std::string& path) {
  auto source = OpenFileSource(path);
  REQUIRE(source);
  auto report = VerifyPackage(*source, {}, kNobody);
  REQUIRE_MESSAGE(report, report.error().ToString());
  return std::move(report).value();
}

// A package of the sample without a receipt.
std::string Packed(const Sample& sample, CaptureFacts facts) {
  facts.parts = sample.parts.size();
  facts.parts_root = ledger::RootFromLeaves(PartLeaves(sample.parts));
  ledger::Manifest manifest;
  manifest.name = "sample.wacz";
  manifest.attrs = FactsToAttrs(facts);
  const std::string path = sample.folder / ("p" + ToHex(RandomBytes(4)) + ".evidence.zip");
  REQUIRE(WritePackage(path, sample.wacz,
                       {EncodeParts(sample.parts), ledger::EncodeManifest(manifest), {}, {}}, false));
  return path;
}

// A receipt that carries the package's manifest and is of nothing real.
std::string ReceiptOf(const std::string& package) {
  const ZipReader zip = Open(package);
  ledger::Receipt receipt;
  receipt.record = "r";
  receipt.entry = "e";
  ledger::Attestation attestation;
  attestation.checkpoint = "c";
  receipt.attestations = {attestation};
  receipt.manifest = ReadMember(zip, kManifestMember, ledger::kManifestLengthMax).value();
  return ledger::EncodeReceipt(receipt);
}

}  // namespace

TEST_CASE("a part is written and read back, and every rule of its fields is kept") {
  const Part part = SamplePart();
  const auto back = PartFromJson(PartToJson(part), "part");
  REQUIRE(back);
  CHECK(*back == part);
  CHECK(part.Name() == "archive/data.warc.gz@1234");

  const auto refused = [&](std::string_view key, json::Value value) {
    json::Value changed = PartToJson(part);
    changed.AsObject()->insert_or_assign(std::string(key), std::move(value));
    const auto decoded = PartFromJson(changed, "part");
    return decoded ? std::string("accepted") : decoded.error().ToString();
  };
  CHECK(Holds(refused("path", "a/../b"), "invalid_value: part.path"));
  CHECK(Holds(refused("path", ""), "invalid_value: part.path"));
  CHECK(Holds(refused("length", "5"), "wrong_type: part.length"));
  CHECK(Holds(refused("offset", uint64_t{0xffff'ffff}), "invalid_value: part.offset"));
  CHECK(Holds(refused("salt", "00"), "invalid_value: part.salt"));
  CHECK(Holds(refused("url", ""), "invalid_value: part.url"));
  CHECK(Holds(refused("more", uint64_t{1}), "unknown_field: part.more"));
}

TEST_CASE("a list of parts is canonical and has at least one") {
  const std::vector<Part> parts = {SamplePart()};
  const std::string text = EncodeParts(parts);
  CHECK(DecodeParts(text).value() == parts);
  CHECK(DecodeParts(text + "\n").error().code == Errc::kNotCanonical);
  CHECK(DecodeParts(EncodeParts({})).error().code == Errc::kInvalidValue);
  CHECK(DecodeParts(R"({"parts":[],"type":"cunzheng/parts/v2"})").error().code == Errc::kUnsupportedVersion);
}

TEST_CASE("the list has each member, and the records of an archive, with a salt of their own") {
  const Sample sample;
  REQUIRE(sample.parts.size() == 4);
  CHECK(sample.parts[0].Name() == "archive/data.warc.gz");
  CHECK(sample.parts[0].length == sample.archive.size());
  CHECK(sample.parts[1].Name() == "archive/data.warc.gz@0");
  CHECK(sample.parts[1].url == "https://a.example/1");
  CHECK(sample.parts[1].kind == "resource");
  CHECK(sample.parts[1].length + sample.parts[2].length == sample.archive.size());
  CHECK(sample.parts[3].Name() == "evidence/dom.html");
  CHECK(sample.parts[3].digest == DigestBytes(AsBytes("<p>")));
  CHECK(sample.parts[1].salt != sample.parts[2].salt);
  CHECK(CheckParts(Open(sample.wacz), sample.parts));
}

TEST_CASE("a part that was changed, added, taken out, renamed or moved is named") {
  const Sample sample;
  const std::pair<std::string, std::string> archive{"archive/data.warc.gz", sample.archive},
      dom{"evidence/dom.html", "<p>"};
  CHECK(WhyNot(sample, {archive, dom}).empty());
  CHECK(
      Holds(WhyNot(sample, {archive, {dom.first, "<b>"}}), "digest_mismatch: evidence/dom.html: its bytes"));
  CHECK(Holds(WhyNot(sample, {archive, dom, {"evidence/x", "x"}}),
              "evidence/x: is in the WACZ, and not in the list"));
  CHECK(Holds(WhyNot(sample, {archive}), "evidence/dom.html: is in the list of parts, and not in the WACZ"));
  CHECK(Holds(WhyNot(sample, {archive, {"evidence/dom.htm", "<p>"}}),
              "evidence/dom.html: is in the list of parts"));
  CHECK(Holds(WhyNot(sample, {dom, archive}),
              "evidence/dom.html: stands where the list of parts has archive/data.warc.gz"));
  const std::string swapped =
      Gzipped("resource", "https://a.example/2", "two") + Gzipped("resource", "https://a.example/1", "one");
  CHECK(Holds(WhyNot(sample, {{archive.first, swapped}, dom}), "archive/data.warc.gz: its bytes"));
}

TEST_CASE("what a manifest says of a capture is read strictly") {
  const CaptureFacts facts = SampleFacts();
  ledger::Manifest manifest;
  manifest.attrs = FactsToAttrs(facts);
  CHECK(FactsFromManifest(manifest).value() == facts);
  CaptureFacts with_digests = facts;
  with_digests.url.clear();
  with_digests.url_sha256 = RandomHash();
  with_digests.trust_sha256 = RandomHash();
  manifest.attrs = FactsToAttrs(with_digests);
  CHECK(FactsFromManifest(manifest).value() == with_digests);

  const auto refused = [&](const std::string& key, const std::string& value) {
    ledger::Manifest changed;
    changed.attrs = FactsToAttrs(facts);
    changed.attrs[key] = value;
    const auto read = FactsFromManifest(changed);
    return read ? std::string("accepted") : read.error().ToString();
  };
  CHECK(refused("capture", "photo") ==
        "invalid_value: manifest.attrs.capture: must be one of page, session, recording");
  CHECK(refused("outcome", "") ==
        "invalid_value: manifest.attrs.outcome: must be one of complete, incomplete, partial");
  CHECK(Holds(refused("parts", "03"), "manifest.attrs.parts: must be a number"));
  CHECK(Holds(refused("parts", "0"), "manifest.attrs.parts: must be a number"));
  CHECK(Holds(refused("parts_root", "zz"), "manifest.attrs.parts_root: must be 64"));
  CHECK(Holds(refused("colour", "red"), "unknown_field: manifest.attrs.colour"));
  for (const std::string key : {"capture", "url", "outcome", "tool", "parts_root"}) {
    ledger::Manifest changed;
    changed.attrs = FactsToAttrs(facts);
    changed.attrs.erase(key);
    CHECK(FactsFromManifest(changed).error().ToString() ==
          "missing_field: manifest.attrs." + key + ": is mandatory");
  }
}

TEST_CASE("a package without a receipt is pending, and what is wrong with it is named") {
  const Sample sample;
  const std::string path = Packed(sample, SampleFacts());
  const PackageReport report = Verified(path);
  CHECK(Why(report, CheckId::kContainer).empty());
  CHECK(Why(report, CheckId::kManifest).empty());
  CHECK(Why(report, CheckId::kParts).empty());
  // The sample is no whole WACZ.
  CHECK_FALSE(Why(report, CheckId::kWacz).empty());
  CHECK(report.without_receipt);
  CHECK(report.receipt.verdict == verify::Verdict::kNotValid);

  // The small members, one after the other, each with another byte at its end.
  const ZipReader zip = Open(path);
  for (const ZipMember& changed : zip.members()) {
    std::vector<std::pair<std::string, std::string>> members;
    for (const ZipMember& member : zip.members()) {
      std::string bytes = zip.Read(member, 1 << 20).value();
      if (member.name == changed.name) bytes.back() ^= 1;
      members.emplace_back(member.name, bytes);
    }
    const PackageReport found = Verified(ZipOf(sample.folder, members));
    CHECK(found.receipt.verdict == verify::Verdict::kNotValid);
    REQUIRE(found.receipt.error);
    CHECK_MESSAGE(Holds(found.receipt.error->detail, changed.name), found.receipt.error->ToString());
  }
}

TEST_CASE("a package has the members of its format in their order, and no other") {
  const Sample sample;
  const ZipReader zip = Open(Packed(sample, SampleFacts()));
  std::vector<std::pair<std::string, std::string>> members;
  for (const ZipMember& member : zip.members())
    members.emplace_back(member.name, zip.Read(member, 1 << 20).value());
  const auto why = [&](const std::vector<std::pair<std::string, std::string>>& changed) {
    return Why(Verified(ZipOf(sample.folder, changed)), CheckId::kContainer);
  };
  CHECK(why(members).empty());
  auto more = members;
  more.emplace_back("extra.txt", "x");
  CHECK(Holds(why(more), "unknown_field: extra.txt"));
  auto fewer = members;
  fewer.erase(fewer.begin() + 2);
  CHECK(why(fewer) == "missing_field: parts.json: is missing");
  auto moved = members;
  std::swap(moved[1], moved[2]);
  CHECK(why(moved) == "invalid_value: capture.wacz: stands in another place than the format gives it");
}

TEST_CASE("a receipt goes into a package once, and only its own") {
  const Sample sample;
  const std::string path = Packed(sample, SampleFacts());
  CaptureFacts other_facts = SampleFacts();
  other_facts.outcome = "partial";
  const std::string other = Packed(sample, other_facts);
  CHECK(AddReceipt(path, ReceiptOf(other)).error().code == Errc::kManifestMismatch);
  CHECK(AddReceipt(path, "{}").error().code == Errc::kMissingField);
  const std::string receipt = ReceiptOf(path);
  REQUIRE(AddReceipt(path, receipt));
  CHECK(ReadMember(Open(path), kReceiptMember, 1 << 20).value() == receipt);
  CHECK(Why(Verified(path), CheckId::kManifest).empty());
  CHECK(AddReceipt(path, receipt).error().code == Errc::kAlreadyExists);
}

TEST_CASE("a disclosure proves its parts, and a part that is not the package's is named") {
  const Sample sample;
  const std::string path = Packed(sample, SampleFacts());
  const std::string out = sample.folder / "d.disclosure.zip";
  CHECK(WriteDisclosure(out, Open(path), sample.parts, {1}, false).error().code == Errc::kNotFound);
  REQUIRE(AddReceipt(path, ReceiptOf(path)));
  CHECK(WriteDisclosure(out, Open(path), sample.parts, {}, false).error().code == Errc::kIndexOutOfRange);
  CHECK(WriteDisclosure(out, Open(path), sample.parts, {4}, false).error().code == Errc::kIndexOutOfRange);
  CHECK_FALSE(fs::exists(out));
  REQUIRE(WriteDisclosure(out, Open(path), sample.parts, {1, 3}, false));

  const auto verified = [&](const std::string& file) {
    auto report = VerifyDisclosure(OpenFileSource(file).value(), kNobody);
    REQUIRE(report);
    return std::move(report).value();
  };
  const PackageReport whole = verified(out);
  CHECK(Why(whole, CheckId::kContainer).empty());
  CHECK(Why(whole, CheckId::kManifest).empty());
  CHECK(Why(whole, CheckId::kProofs).empty());
  REQUIRE(whole.shown.size() == 2);
  CHECK(whole.shown[1].Name() == "evidence/dom.html");

  const ZipReader zip = Open(out);
  std::vector<std::pair<std::string, std::string>> members;
  for (const ZipMember& member : zip.members())
    members.emplace_back(member.name, zip.Read(member, 1 << 20).value());
  CHECK(members[4].first == "parts/archive/data.warc.gz@0.warc.gz");
  const auto why = [&](size_t index,
                       const std::function<void(std::pair<std::string, std::string>&)>& change) {
    auto changed = members;
    change(changed[index]);
    const PackageReport report = verified(ZipOf(sample.folder, changed));
    CHECK(report.receipt.verdict == verify::Verdict::kNotValid);
    return report.receipt.error->ToString();
  };
  CHECK(Holds(why(5, [](auto& m) { m.second = "<b>"; }), "digest_mismatch: parts/evidence/dom.html"));
  CHECK(Holds(why(5, [](auto& m) { m.first = "parts/evidence/x"; }), "parts/evidence/x: stands where"));
  CHECK(Holds(why(1, [](auto& m) { m.second.back() = ' '; }), "disclosure.json"));
  const std::string salt = ToHex(sample.parts[3].salt);
  CHECK(Holds(why(1,
                  [&](auto& m) {
                    std::string& text = m.second;
                    text.replace(text.find(salt), 1, salt[0] == '0' ? "1" : "0");
                  }),
              "root_mismatch: parts/evidence/dom.html: is no part of this package"));
}
