// WACZ files: what the writer makes passes the check, and whatever was changed since does not, named by its
// member.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <functional>

#include "client/evidence/gzip.h"
#include "client/evidence/wacz.h"
#include "client/evidence/wacz_index.h"
#include "client/evidence/wacz_text.h"
#include "tests/unit/temp_dir.h"
#include "tests/unit/wacz_fixture.h"

using namespace cunzheng;
using namespace cunzheng::evidence;

namespace {

const std::string& Whole() {
  static const std::string bytes = MakeTestWacz();
  return bytes;
}

using Change = std::function<void(Members*)>;

// The check's error after a change; with datapackage.json and its signature made again, or left as they were.
std::string Changed(const Change& change) {
  Members members = Unpack(Whole());
  change(&members);
  return CheckText(Pack(members));
}
std::string Resealed(const Change& change) {
  return Changed([&change](Members* members) {
    change(members);
    Reseal(members);
  });
}

void Replace(std::string* text, std::string_view from, std::string_view to) {
  const size_t at = text->find(from);
  REQUIRE_MESSAGE(at != std::string::npos, from);
  text->replace(at, from.size(), to);
}

std::vector<WarcRecord> Records(const std::string& archive) {
  const auto source = MemorySource(archive);
  GzipReader reader(*source);
  std::vector<WarcRecord> records;
  while (true) {
    const auto member = reader.Next(1 << 20);
    REQUIRE(member);
    if (!*member) return records;
    const auto record = DecodeWarcRecord((*member)->bytes);
    REQUIRE(record);
    records.push_back(*record);
  }
}

// The error after a change of the records, with everything else made again as far as it can be: the index
// too, unless the records are such that there is none.
std::string WithRecords(const std::function<void(std::vector<WarcRecord>*)>& change) {
  return Resealed([&change](Members* members) {
    std::string* archive = Find(members, kWaczArchive);
    auto records = Records(*archive);
    change(&records);
    archive->clear();
    WaczIndex index;
    const bool sound = index.Check(records).has_value();
    for (const auto& record : records) {
      const std::string member = GzipMember(EncodeWarcRecord(record));
      const RecordPlace place{.offset = archive->size(),
                              .length = member.size(),
                              .type = std::string(record.Header("WARC-Type")),
                              .url = std::string(record.Header("WARC-Target-URI"))};
      if (sound) index.Add(record, place, Sha256(AsBytes(member)));
      *archive += member;
    }
    if (!sound || !index.Close()) return;
    std::string* text = Find(members, kWaczIndex);
    text->clear();
    for (const auto& line : index.lines()) *text += line.text + "\n";
  });
}

void SetHeader(WarcRecord* record, std::string_view name, std::string value) {
  for (auto& [key, old] : record->headers) {
    if (key == name) {
      old = std::move(value);
      return;
    }
  }
  FAIL(name);
}

void DropHeader(WarcRecord* record, std::string_view name) {
  CHECK(std::erase_if(record->headers, [name](const auto& header) { return header.first == name; }) == 1);
}

// The offset of the record that the test's archive has at this place.
std::string At(size_t record) {
  const auto source = MemorySource(Unpack(Whole())[0].second);
  const auto places = ListRecords(*source);
  REQUIRE(places);
  return "archive/data.warc.gz: at " + std::to_string(places->at(record).offset) + ": warc: ";
}

std::string ErrorOf(const Result<void>& result) {
  return result ? "" : result.error().ToString();
}

// The test's records: 0 warcinfo; responses at 1, 3, 5, 7 with their requests after them; 9 resource.
constexpr size_t kPage = 1, kPageRequest = 2, kPicture = 3, kForm = 7, kShown = 9;

}  // namespace

TEST_CASE("what the writer makes passes the check, which says what there is") {
  const auto reader = ZipReader::Open(MemorySource(Whole()));
  REQUIRE(reader);
  std::vector<WaczStage> stages;
  const auto report = CheckWacz(*reader, [&stages](WaczStage stage, uint64_t) {
    if (stages.empty() || stages.back() != stage) stages.push_back(stage);
    return true;
  });
  REQUIRE(report);
  CHECK(stages == std::vector{WaczStage::kMembers, WaczStage::kPackage, WaczStage::kSignature,
                              WaczStage::kRecords, WaczStage::kIndex, WaczStage::kPages,
                              WaczStage::kPictures});
  CHECK(report->records == 10);
  CHECK(report->responses == 4);
  CHECK(report->tiles == 2);
  CHECK(report->created == "2025-11-21T09:45:23Z");
  CHECK(report->software == "cunzheng/test");
  REQUIRE(report->pages.size() == 2);
  CHECK(report->pages[0].url == "https://www.example.org/page?b=2&a=1#part");
  CHECK(report->pages[0].title == "A \"page\" 存证");
  CHECK(report->pages[0].time == "2025-11-21T09:45:23.123456Z");
  REQUIRE(report->places.size() == 10);
  uint64_t next = 0;
  for (const auto& place : report->places) {
    CHECK(place.offset == next);
    next += place.length;
  }
  CHECK(next == reader->Find(kWaczArchive)->length);
  CHECK(report->places[kPage].type == "response");
  CHECK(report->places[kPage].url == "https://www.example.org/page?b=2&a=1");
  CHECK(report->places[0].url == "");
  const auto listed = ListRecords(*reader->Source(*reader->Find(kWaczArchive)));
  REQUIRE(listed);
  CHECK(listed->size() == 10);
}

TEST_CASE("each stage of the check can be interrupted") {
  const auto reader = ZipReader::Open(MemorySource(Whole()));
  REQUIRE(reader);
  for (const auto stage : {WaczStage::kMembers, WaczStage::kPackage, WaczStage::kSignature,
                           WaczStage::kRecords, WaczStage::kIndex, WaczStage::kPages, WaczStage::kPictures}) {
    const auto report = CheckWacz(*reader, [stage](WaczStage now, uint64_t) { return now != stage; });
    REQUIRE_FALSE(report);
    CHECK(report.error().ToString() ==
          "interrupted: " + std::string(WaczStageName(stage)) + ": stopped before the end");
  }
}

TEST_CASE("the index has a line for each response, found by its key and time") {
  Members members = Unpack(Whole());
  const std::string& index = *Find(&members, kWaczIndex);
  CHECK(index.starts_with(
      "org,example)/form 20251121094523127 {\"url\":\"https://example.org/form\",\"digest\":\"sha256:"));
  CHECK(index.find("org,example)/old 20251121094523126 ") != std::string::npos);
  CHECK(index.find("org,example)/page?a=1&b=2 20251121094523124 ") != std::string::npos);
  CHECK(index.find("\"mime\":\"text/html\",\"filename\":\"data.warc.gz\",\"offset\":") != std::string::npos);
  CHECK(index.find("\"status\":404,\"method\":\"POST\"}\n") != std::string::npos);
  CHECK(index.find("urn:view") == std::string::npos);
}

TEST_CASE("any byte of any member that changes is refused with the member's name") {
  const Members members = Unpack(Whole());
  for (const auto& [name, bytes] : members) {
    CAPTURE(name);
    for (size_t at = 0; at < bytes.size(); at += 97) {
      const std::string error = Changed([&](Members* changed) { (*Find(changed, name))[at] ^= 1; });
      // What datapackage.json says of itself is that of its digest.
      if (name == kWaczPackage) {
        CHECK(error != "");
      } else {
        CHECK_MESSAGE(error.find(": " + name + ": ") != std::string::npos, error);
      }
    }
  }
}

TEST_CASE(
    "any byte of what follows from the records is refused also when everything is digested and signed "
    "again") {
  const Members members = Unpack(Whole());
  for (const std::string_view name :
       {kWaczArchive, kWaczIndex, kWaczPages, std::string_view("evidence/screenshot.png"),
        std::string_view("evidence/screenshot-001.png")}) {
    Members whole = members;
    const size_t length = Find(&whole, name)->size();
    CAPTURE(name);
    for (size_t at = name == kWaczArchive ? 3 : 0; at < length; at += name == kWaczArchive ? 41 : 7) {
      const std::string error = Resealed([&](Members* changed) { (*Find(changed, name))[at] ^= 4; });
      const bool picture = name.ends_with(".png");
      // A page's title and time are the capture's word alone; the record that the ledger has covers them.
      if (error.empty()) {
        CHECK(name == kWaczPages);
        continue;
      }
      const bool named = error.find(": " + std::string(name) + ": ") != std::string::npos ||
                         (picture && error.find(": evidence/screenshot.png: ") != std::string::npos) ||
                         (name == kWaczPages &&
                          error.find("datapackage.json: mainPageUrl, mainPageDate") != std::string::npos);
      CHECK_MESSAGE(named, error);
    }
  }
}

TEST_CASE("a member that is missing is named") {
  for (const std::string_view name :
       {kWaczArchive, kWaczIndex, kWaczPages, kWaczPackage, kWaczPackageDigest}) {
    CHECK(Changed([name](Members* members) {
            std::erase_if(*members, [name](const auto& member) { return member.first == name; });
          }) == "invalid_value: " + std::string(name) + ": missing");
  }
  CHECK(CheckText(Pack({})) == "invalid_value: archive/data.warc.gz: missing");
}

TEST_CASE("members that stand elsewhere or have no place are refused") {
  CHECK(Resealed([](Members* m) { std::swap((*m)[1], (*m)[2]); }) ==
        "invalid_value: pages/pages.jsonl: stands where indexes/index.cdxj must be");
  CHECK(Resealed([](Members* m) {
          m->insert(m->begin() + 3, {"extra.txt", "x"});
        }) == "invalid_value: extra.txt: stands where evidence/… must be");
  CHECK(Resealed([](Members* m) {
          m->insert(m->begin() + 1, {"archive/more.warc.gz", ""});
        }) == "invalid_value: archive/more.warc.gz: stands where indexes/index.cdxj must be");
  CHECK(Resealed([](Members* m) {
          m->insert(m->end(), {"evidence/last.txt", "x"});
        }) == "invalid_value: datapackage.json: stands where evidence/… must be");
  CHECK(Resealed([](Members* m) {
          m->insert(m->begin() + 3, {"evidence/a/b", "x"});
        }).starts_with("invalid_value: evidence/a/b: a/b: an attachment's name must be 1 to 100 bytes"));
  CHECK(Resealed([](Members* m) {
          m->insert(m->begin() + 3, {"evidence/pages.jsonl", "x"});
        }) == "invalid_value: evidence/pages.jsonl: pages.jsonl: is the name of a WACZ's own member");
}

TEST_CASE("an attachment that was added, removed, renamed or moved is refused") {
  CHECK(Changed([](Members* m) {
          m->insert(m->end() - 2, {"evidence/more.txt", "x"});
        }) ==
        "invalid_value: evidence/more.txt: must be listed in datapackage.json, in the order of the members");
  CHECK(Changed([](Members* m) { m->erase(m->end() - 3); }) ==
        "invalid_value: datapackage.json: resources: lists what the archive has not: evidence/dom.html");
  CHECK(Changed([](Members* m) { (*m)[m->size() - 3].first = "evidence/dom2.html"; }) ==
        "invalid_value: evidence/dom2.html: must be listed in datapackage.json, in the order of the members");
  CHECK(Changed([](Members* m) { std::swap((*m)[4], (*m)[5]); }) ==
        "invalid_value: evidence/screenshot-001.png: must be listed in datapackage.json, in the order of the "
        "members");
  CHECK(Changed([](Members* m) { *Find(m, "evidence/dom.html") += "x"; }) ==
        "invalid_value: evidence/dom.html: must be as long as datapackage.json says, 13 bytes");
}

TEST_CASE("a CRC-32 that is not the member's is refused, though digests are right") {
  std::string bytes = Whole();
  const auto reader = ZipReader::Open(MemorySource(bytes));
  REQUIRE(reader);
  const auto& member = *reader->Find("evidence/dom.html");
  bytes[member.offset - member.name.size() - 16] ^= 1;
  bytes[bytes.find(member.name, member.offset + 1 + bytes.substr(member.offset + 1).find("PK\x01\x02")) -
        30] ^= 1;
  CHECK(CheckText(bytes) == "digest_mismatch: evidence/dom.html: its bytes do not have its CRC-32");
}

TEST_CASE("datapackage.json has one form") {
  const auto with = [](std::string_view from, std::string_view to) {
    return Changed([&](Members* m) { Replace(Find(m, kWaczPackage), from, to); });
  };
  const std::string form =
      "invalid_value: datapackage.json: must be profile, wacz_version 1.1.1, title, software, created, "
      "mainPageUrl, "
      "mainPageDate and resources of name, path, hash, bytes and, of an attachment, type, in their one form";
  CHECK(with("\"title\"", " \"title\"") == form);
  CHECK(with("1.1.1", "1.1.2") == form);
  CHECK(with("data-package", "wacz-package") == form);
  CHECK(with("\"title\":", "\"more\":1,\"title\":") == form);
  CHECK(with("\"name\":\"data.warc.gz\"", "\"name\":\"else\"") == form);
  CHECK(with("\"title\":", "\"heading\":") == "invalid_value: datapackage.json: title: must be a string");
  CHECK(with("\"bytes\":", "\"size\":") ==
        "invalid_value: datapackage.json: resources[0].bytes: must be a whole number");
  CHECK(with("\"resources\":", "\"files\":") ==
        "invalid_value: datapackage.json: resources: must be an array");
  CHECK(with("2025-11-21T09:45:23Z", "2025-11-31T09:45:23Z") ==
        "invalid_value: datapackage.json: created: must be a time in UTC to the second");
  CHECK(with("{", "") == "invalid_value: datapackage.json: must be a JSON object");
}

TEST_CASE("the signature must be that of this datapackage.json") {
  const auto with = [](std::string_view from, std::string_view to) {
    return Changed([&](Members* m) { Replace(Find(m, kWaczPackageDigest), from, to); });
  };
  const std::string name = "datapackage-digest.json: ";
  CHECK(Changed([](Members* m) { Replace(Find(m, kWaczPackage), "存证", "存疑"); }) ==
        "digest_mismatch: " + name + "hash: is not that of datapackage.json");
  CHECK(with("\"hash\":\"sha256:", "\"hash\":\"sha256:0") ==
        "digest_mismatch: " + name + "hash: is not that of datapackage.json");
  CHECK(with("{\"hash\":\"sha256:", "{\"hash\":\"sha256:0") ==
        "digest_mismatch: " + name + "signedData.hash: is not that of datapackage.json");
  CHECK(with("2025", "2026") == "invalid_value: " + name + "signedData.created: must be datapackage.json's");
  CHECK(with("cunzheng/test", "cunzheng/tesu") ==
        "invalid_value: " + name + "signedData.software: must be datapackage.json's");
  CHECK(with("signedData", "signed") == "invalid_value: " + name + "signedData: missing");
  CHECK(
      with("0.1.0", "0.1.1").starts_with("invalid_value: " + name + "must be path, hash and signedData of"));
  CHECK(with("{\"path\"", "{ \"path\"")
            .starts_with("invalid_value: " + name + "must be path, hash and signedData of"));
  CHECK(with("\"publicKey\":\"M", "\"publicKey\":\"N") ==
        "invalid_value: " + name + "signedData.publicKey: must be a P-384 key in base64");
  // A P-256 key, as SubjectPublicKeyInfo.
  CHECK(Changed([](Members* m) {
          std::string* text = Find(m, kWaczPackageDigest);
          const size_t at = text->find("\"publicKey\":\"") + 13;
          text->replace(
              at, text->size() - at,
              "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/"
              "hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\"}}");
        }) == "invalid_value: " + name + "signedData.publicKey: must be a P-384 key in base64");
  CHECK(with("\"signature\":\"", "\"signature\":\"AAAA") ==
        "invalid_value: " + name + "signedData.signature: must be 96 bytes in base64");
  const auto other_part = [](std::string_view field) {
    return Changed([field](Members* m) {
      // The same datapackage.json, signed by another key.
      std::string* text = Find(m, kWaczPackageDigest);
      const std::string& package_text = *Find(m, kWaczPackage);
      const std::string other = SignPackage(package_text, *DecodePackage(package_text));
      const auto value = [field](const std::string& json) {
        const size_t at = json.find("\"" + std::string(field) + "\":\"") + field.size() + 4;
        return json.substr(at, json.find('"', at) - at);
      };
      Replace(text, value(*text), value(other));
    });
  };
  for (const std::string_view field : {"signature", "publicKey"}) {
    CHECK(other_part(field) ==
          "signature_invalid: " + name + "signedData.signature: does not verify with its publicKey");
  }
  // By another key over another hash, which says so in both places.
  CHECK(Changed([](Members* m) {
          Package package = *DecodePackage(*Find(m, kWaczPackage));
          *Find(m, kWaczPackageDigest) = SignPackage("another", package);
        }) == "digest_mismatch: " + name + "hash: is not that of datapackage.json");
}

TEST_CASE("a record that breaks a rule is refused by its offset") {
  const auto with = [](size_t record, const std::function<void(WarcRecord*)>& change) {
    return WithRecords([&](std::vector<WarcRecord>* records) { change(&(*records)[record]); });
  };
  CHECK(WithRecords([](auto*) {}) == "");
  const std::string invalid = "invalid_value: ";
  CHECK(with(kPage, [](WarcRecord* r) {
          r->block.back() ^= 1;
        }).starts_with("digest_mismatch: " + At(kPage) + "WARC-Block-Digest of <urn:"));
  CHECK(with(kPage, [](WarcRecord* r) {
          SetHeader(r, "WARC-Payload-Digest", WarcDigest(""));
        }).starts_with("digest_mismatch: " + At(kPage) + "WARC-Payload-Digest of <urn:"));
  for (const size_t record : {kPage, kPageRequest, kShown}) {
    CHECK(with(record, [](WarcRecord* r) { DropHeader(r, "WARC-Payload-Digest"); }) ==
          invalid + At(record) + "WARC-Payload-Digest: missing");
    CHECK(with(record, [](WarcRecord* r) { DropHeader(r, "WARC-Block-Digest"); }) ==
          invalid + At(record) + "WARC-Block-Digest: missing");
    CHECK(with(record, [](WarcRecord* r) { SetHeader(r, "WARC-Target-URI", "http://a b/"); }) ==
          invalid + At(record) + "WARC-Target-URI: must be visible ASCII, and absent of warcinfo");
    CHECK(with(record, [](WarcRecord* r) { DropHeader(r, "WARC-Target-URI"); }) ==
          invalid + At(record) + "WARC-Target-URI: must be visible ASCII, and absent of warcinfo");
    CHECK(with(record, [](WarcRecord* r) { SetHeader(r, "WARC-Type", "conversion"); }) ==
          invalid + At(record) +
              "WARC-Type: must be warcinfo, request, response, resource, metadata or revisit");
    CHECK(with(record, [](WarcRecord* r) { SetHeader(r, "WARC-Record-ID", "<urn:uuid:1>"); }) ==
          invalid + At(record) + "WARC-Record-ID: must be <urn:uuid:…> in lower case");
    for (const char* date :
         {"2025-11-21T09:45:23Z", "2025-02-29T09:45:23.000000Z", "2025-11-21T24:00:00.000000Z"}) {
      CHECK(with(record, [date](WarcRecord* r) { SetHeader(r, "WARC-Date", date); }) ==
            invalid + At(record) + "WARC-Date: must be a time in UTC to the microsecond");
    }
  }
  CHECK(with(0, [](WarcRecord* r) { r->Set("WARC-Target-URI", "http://a/"); }) ==
        invalid + At(0) + "WARC-Target-URI: must be visible ASCII, and absent of warcinfo");
  CHECK(with(kShown, [](WarcRecord* r) { DropHeader(r, "Content-Type"); }) ==
        invalid + At(kShown) + "Content-Type: missing");
  CHECK(with(kPage, [](WarcRecord* r) {
          SetHeader(r, "Content-Type", "text/html");
          SetHeader(r, "WARC-Payload-Digest", WarcDigest(r->block));
        }) == invalid + At(kPage) + "Content-Type: must be application/http of a request or response");
  for (const char* line :
       {"HTTP/1.1 2000 OK", "HTTP/1.1 20", "HTTP/1.1 099 Low", "FTP/1.1 200 OK", "HTTP/1.1"}) {
    CHECK(with(kPage, [line](WarcRecord* r) {
            Replace(&r->block, "HTTP/1.1 200 OK", line);
            SetHeader(r, "WARC-Block-Digest", WarcDigest(r->block));
          }) == invalid + At(kPage) + "a response must begin with HTTP's version and a status");
  }
  CHECK(with(kPageRequest, [](WarcRecord* r) {
          r->block = "GET\r\n\r\n";
          SetHeader(r, "WARC-Block-Digest", WarcDigest(r->block));
        }) == invalid + At(kPageRequest) + "a request must begin with method and address");
}

TEST_CASE("records that are linked to nothing, to themselves or to a stranger are refused") {
  const auto place = [](size_t record) {
    return At(record).substr(std::string("archive/data.warc.gz: at ").size());
  };
  const std::string of =
      " of the record at " + place(kPageRequest).substr(0, place(kPageRequest).find(':')) + ": ";
  const auto to = [](const std::string& value) {
    return WithRecords([&](std::vector<WarcRecord>* records) {
      SetHeader(&(*records)[kPageRequest], "WARC-Concurrent-To", value);
    });
  };
  const std::string rule = "invalid_value: archive/data.warc.gz: warc: WARC-Concurrent-To" + of;
  CHECK(to("<urn:uuid:00000000-0000-0000-0000-000000000000>") ==
        rule + "must lead to another record of the archive");
  const auto records = Records(Unpack(Whole())[0].second);
  const auto id = [&records](size_t record) { return std::string(records[record].Header("WARC-Record-ID")); };
  CHECK(to(id(kPageRequest)) == rule + "must lead to another record of the archive");
  const std::string partner = rule + "must lead from a request to its response, or back, of the same address";
  CHECK(to(id(kPicture)) == partner);
  CHECK(to(id(kPicture + 1)) == partner);
  CHECK(to(id(0)) == partner);
  CHECK(WithRecords([&id](std::vector<WarcRecord>* r) { r->back().Set("WARC-Refers-To", id(kPage)); }) == "");
  CHECK(WithRecords([](std::vector<WarcRecord>* r) {
          r->back().Set("WARC-Refers-To", "<urn:uuid:x>");
        }).ends_with("must lead to another record of the archive"));
  CHECK(WithRecords([](std::vector<WarcRecord>* r) {
          SetHeader(&r->back(), "WARC-Record-ID", std::string(r->front().Header("WARC-Record-ID")));
        }).ends_with("> is there twice"));
}

TEST_CASE("an archive that is no row of single records is refused") {
  const auto with = [](const std::function<void(std::string*)>& change) {
    return Resealed([&](Members* m) { change(Find(m, kWaczArchive)); });
  };
  const size_t length = Unpack(Whole())[0].second.size();
  CHECK(with([](std::string* a) { a->pop_back(); }) ==
        "invalid_value: " + At(kShown).substr(0, At(kShown).find("warc: ")) +
            "gzip: the last member is cut off");
  CHECK(with([](std::string* a) { *a += '\0'; }) ==
        "invalid_value: archive/data.warc.gz: at " + std::to_string(length) +
            ": gzip: a member must begin with the plain header, without name and time");
  CHECK(with([](std::string* a) { *a += GzipMember(""); }) ==
        "invalid_value: archive/data.warc.gz: at " + std::to_string(length) +
            ": warc: a record must begin with WARC/1.1");
  CHECK(with([](std::string* a) {
          const auto records = Records(*a);
          *a = GzipMember(EncodeWarcRecord(records[0]) + EncodeWarcRecord(records[9]));
        }) ==
        "invalid_value: archive/data.warc.gz: at 0: warc: Content-Length: is not the length of what follows "
        "before "
        "two line ends");
  CHECK(with([](std::string* a) { *a = GzipMember(std::string(kWaczRecordBytesMax + 1, '\0')); }) ==
        "too_large: archive/data.warc.gz: at 0: gzip: a member must unpack to at most 268435456 bytes");
  CHECK(with([](std::string* a) {
          a->clear();
        }).starts_with("invalid_value: indexes/index.cdxj: line 1: offset: no response begins at "));
}

TEST_CASE("a record that was removed, added or moved does not fit the index") {
  const auto only_archive = [](const std::function<void(std::vector<WarcRecord>*)>& change) {
    return Resealed([&change](Members* members) {
      std::string* archive = Find(members, kWaczArchive);
      auto records = Records(*archive);
      change(&records);
      archive->clear();
      for (const auto& record : records) *archive += GzipMember(EncodeWarcRecord(record));
    });
  };
  const std::string index = "invalid_value: indexes/index.cdxj: ";
  CHECK(only_archive([](auto* r) {
          r->erase(r->begin() + kForm, r->begin() + kForm + 2);
        }).starts_with(index + "line 1: offset: no response begins at "));
  CHECK(only_archive([](auto* r) {
          std::swap((*r)[0], (*r)[9]);
        }).starts_with(index + "line 1: offset: no response begins at "));
  CHECK(only_archive([](auto* r) {
          r->push_back(
              MakeTestExchange("GET", "https://z.example/", "HTTP/1.1 200 OK", "text/plain", "", 0).response);
          r->back().Set("WARC-Payload-Digest", WarcDigest(""));
        }).starts_with(index + "has no line for the response at "));
}

TEST_CASE("an index that is not the records' is refused by line and field") {
  const auto with = [](std::string_view from, std::string_view to) {
    return Resealed([&](Members* m) { Replace(Find(m, kWaczIndex), from, to); });
  };
  const std::string index = "invalid_value: indexes/index.cdxj: ";
  CHECK(with("\"status\":404", "\"status\":200") ==
        index + "line 1: status: must be 404, as the record has it");
  CHECK(with("\"mime\":\"text/plain\"", "\"mime\":\"text/html\"") ==
        index + "line 1: mime: must be \"text/plain\", as the record has it");
  CHECK(with("\"method\":\"POST\"", "\"method\":\"GET\"") ==
        index + "line 1: method: must be \"POST\", as the record has it");
  CHECK(with("\"url\":\"https://example.org/form", "\"url\":\"https://example.org/forn") ==
        index + "line 1: url: must be \"https://example.org/form\", as the record has it");
  CHECK(with("\"digest\":\"sha256:", "\"digest\":\"sha1:")
            .starts_with(index + "line 1: digest: must be \"sha256:"));
  CHECK(with("\"recordDigest\":\"sha256:", "\"recordDigest\":\"sha1:")
            .starts_with(index + "line 1: recordDigest: must be \"sha256:"));
  CHECK(with("\"offset\":", "\"offset\":1").starts_with(index + "line 1: offset: no response begins at 1"));
  CHECK(with("\"length\":", "\"length\":1").starts_with(index + "line 1: length: must be "));
  CHECK(with("\"filename\":\"data", "\"filename\":\"date") ==
        index + "line 1: filename: must be \"data.warc.gz\", as the record has it");
  CHECK(with("org,example)/form ", "org,example)/forn ") ==
        index + "line 1: its key must be org,example)/form");
  CHECK(with("20251121094523127", "20251121094523128") ==
        index + "line 1: its time must be 20251121094523127");
  CHECK(with("{\"url\"", "{ \"url\"") ==
        index + "line 1: must have no other fields, in their one order and form");
  CHECK(with("{\"url\"", "{\"more\":1,\"url\"") ==
        index + "line 1: must have no other fields, in their one order and form");
  CHECK(with("{\"url\"", "\"url\"") == index + "line 1: must be a JSON object");
  CHECK(with("org,example)/form 20251121094523127 ", "") == index + "line 1: must be a key, a time and JSON");

  const auto lines = [](const std::function<void(std::vector<std::string>*)>& change) {
    return Resealed([&change](Members* m) {
      std::string* text = Find(m, kWaczIndex);
      std::vector<std::string> all;
      for (size_t at = 0; at < text->size(); at = text->find('\n', at) + 1)
        all.push_back(text->substr(at, text->find('\n', at) + 1 - at));
      change(&all);
      text->clear();
      for (const auto& line : all) *text += line;
    });
  };
  CHECK(lines([](auto* l) {
          std::swap((*l)[1], (*l)[2]);
        }).starts_with(index + "has no line for the response at "));
  CHECK(lines([](auto* l) { l->insert(l->begin(), (*l)[0]); }) ==
        index + "line 2: must come after the line before it, bytewise");
  CHECK(lines([](auto* l) {
          std::swap((*l)[0], (*l)[3]), l->erase(l->begin() + 1, l->end() - 1);
        }).starts_with(index + "has no line for the response at "));
  for (size_t i = 0; i < 4; ++i) {
    CHECK(lines([i](auto* l) {
            l->erase(l->begin() + static_cast<ptrdiff_t>(i));
          }).starts_with(index + "has no line for the response at "));
  }
  CHECK(lines([](auto* l) { l->back().pop_back(); }) == index + "line 4: must end with a line end");
  CHECK(lines([](auto* l) { l->push_back("\n"); }) ==
        index + "line 5: must come after the line before it, bytewise");
  CHECK(lines([](auto* l) { l->push_back("z\n"); }) == index + "line 5: must be a key, a time and JSON");
  CHECK(lines([](auto* l) { l->push_back("z 1 {\"offset\":0}\n"); }) ==
        index + "line 5: offset: no response begins at 0");
  CHECK(lines([](auto* l) { l->clear(); }).starts_with(index + "has no line for the response at "));
}

TEST_CASE("a list of pages that says what the records do not is refused by its line") {
  const auto with = [](std::string_view from, std::string_view to) {
    return Resealed([&](Members* m) { Replace(Find(m, kWaczPages), from, to); });
  };
  const std::string pages = "invalid_value: pages/pages.jsonl: ";
  CHECK(
      with("\"status\":200", "\"status\":404") ==
      pages +
          "line 2: status: must be 200, as the archive has it of https://www.example.org/page?b=2&a=1#part");
  CHECK(with("\"status\":0", "\"status\":200") ==
        pages + "line 3: status: must be 0: the archive has no response of https://nowhere.example/");
  CHECK(with("www.example.org", "ww2.example.org") ==
        pages +
            "line 2: status: must be 0: the archive has no response of "
            "https://ww2.example.org/page?b=2&a=1#part");
  CHECK(with("\"id\":\"1\"", "\"id\":\"2\"")
            .starts_with(pages + "must be the header line, then id, url, ts, title, status"));
  CHECK(with("json-pages-1.0", "json-pages-1.1")
            .starts_with(pages + "must be the header line, then id, url, ts, title, status"));
  CHECK(with("\"title\":\"\"", "\"title\":\"\" ")
            .starts_with(pages + "must be the header line, then id, url, ts, title, status"));
  CHECK(with("\"title\":\"\"", "\"title\":1") == pages + "line 3: title: must be a string");
  CHECK(with("\"url\":\"https://nowhere", "\"url\":\"https:// nowhere") ==
        pages + "line 3: url: must be visible ASCII");
  CHECK(with("T09:45:23.123456Z", "T09:45:23Z") ==
        pages + "line 2: ts: must be a time in UTC to the microsecond");
  CHECK(with("09:45:23.123456Z", "09:45:23.123457Z") ==
        "invalid_value: datapackage.json: mainPageUrl, mainPageDate: must be those of the first page");
  CHECK(Resealed([](Members* m) {
          std::string* text = Find(m, kWaczPages);
          text->resize(text->find('\n') + 1);
        }) == pages + "must list a page");
  CHECK(Resealed([](Members* m) { Find(m, kWaczPages)->clear(); }) == pages + "must list a page");
  CHECK(Resealed([](Members* m) { Find(m, kWaczPages)->pop_back(); }) ==
        pages + "line 3: must end with a line end");
}

TEST_CASE("a screenshot that is not its tiles' is refused") {
  const std::string name = "evidence/screenshot.png: ";
  CHECK(Resealed([](Members* m) {
          std::swap(*Find(m, "evidence/screenshot-000.png"), *Find(m, "evidence/screenshot-001.png"));
        }) == "digest_mismatch: " + name + "is not what tile 0 shows in its row 0");
  CHECK(Resealed([](Members* m) { *Find(m, "evidence/screenshot.png") = PlainPng(8, 8, 0); }) ==
        "digest_mismatch: " + name + "is not what tile 0 shows in its row 0");
  CHECK(Resealed([](Members* m) {
          std::erase_if(*m, [](auto& x) { return x.first == "evidence/screenshot-001.png"; });
        }) == "digest_mismatch: " + name + "is 8 by 8 pixels, and its tiles make 8 by 5");
  CHECK(Resealed([](Members* m) {
          std::erase_if(*m, [](auto& x) { return x.first == "evidence/screenshot-000.png"; });
        }) ==
        "invalid_value: evidence/screenshot-000.png: missing: tiles must be numbered from 000 without gaps");
  CHECK(Resealed([](Members* m) { *Find(m, "evidence/screenshot-001.png") = "GIF, not PNG"; }) ==
        "invalid_value: " + name + "tile 1: png: Not a PNG file");
  const auto without_picture = [](Members* m) {
    std::erase_if(*m, [](auto& x) { return x.first == "evidence/screenshot.png"; });
  };
  CHECK(Resealed([&](Members* m) {
          without_picture(m);
          Find(m, "evidence/screenshot-001.png")->back() ^= 1;
        }).starts_with("invalid_value: evidence/screenshot-001.png: tile 1: png: "));
  // A capture that was stopped has tiles and no picture, or neither.
  CHECK(Resealed([](Members* m) {
          std::erase_if(*m, [](auto& x) { return x.first == "evidence/screenshot.png"; });
        }) == "");
  CHECK(Resealed([](Members* m) { std::erase_if(*m, [](auto& x) { return x.first.ends_with(".png"); }); }) ==
        "");
}

TEST_CASE("the writer refuses what the check would, and leaves nothing behind") {
  const TempDir dir;
  auto writer = WaczWriter::Create(dir / "a.wacz");
  REQUIRE(writer);
  CHECK(std::filesystem::is_empty(dir.path()));
  auto exchange =
      MakeTestExchange("GET", "http://a.example/", "HTTP/1.1 200 OK", "text/html", "x", kWaczTestTime);
  WarcRecord long_one = exchange.response;
  SetHeader(&long_one, "WARC-Target-URI", "http://a.example/" + std::string(kWarcHeaderBytesMax, 'a'));
  CHECK(ErrorOf(writer->AddRecord(long_one)) == "too_large: warc: a header must be at most 64 KiB");
  WarcRecord large = exchange.response;
  large.block.append(kWaczRecordBytesMax, 'x');
  CHECK(ErrorOf(writer->AddRecord(large)) == "too_large: warc: a record must be at most 256 MiB");
  WarcRecord wrong = exchange.response;
  SetHeader(&wrong, "WARC-Block-Digest", WarcDigest("else"));
  CHECK(writer->AddRecord(wrong).error().code == Errc::kDigestMismatch);
  wrong = exchange.response;
  SetHeader(&wrong, "WARC-Target-URI", "http://a\r\nWARC-Type: warcinfo");
  CHECK(ErrorOf(writer->AddRecord(wrong)) == "invalid_value: warc: WARC-Type: there twice");
  REQUIRE(writer->AddRecord(exchange.response));
  CHECK(ErrorOf(writer->AddRecord(exchange.response)).ends_with(" is there twice"));
  for (const char* name : {"", "A", "a/b", ".hidden", "datapackage.json", "存"}) {
    CHECK_MESSAGE(writer->AddAttachment(name, "").error().code == Errc::kInvalidValue, name);
  }
  REQUIRE(writer->AddAttachment("dom.html", ""));
  CHECK(ErrorOf(writer->AddAttachment("dom.html", "")) == "invalid_value: dom.html: there twice");
  CHECK(ErrorOf(writer->Finish("", "s", 0, false)) ==
        "invalid_value: " + (dir / "a.wacz") + ": a WACZ must list a page");
  writer->AddPage("http://a.example/", std::string("\xff\0é\x7f", 5) + std::string(2'000, 'x'),
                  kWaczTestTime);
  REQUIRE(writer->Finish("\xe5\xad", "s", kWaczTestTime, false));
  CHECK(writer->Finish("", "s", 0, true).error().code == Errc::kIo);
  const std::string bytes = dir.Read("a.wacz");
  CHECK(CheckText(bytes) == "");
  const auto report = CheckWacz(*ZipReader::Open(MemorySource(bytes)));
  REQUIRE(report);
  CHECK(report->pages[0].title == "\uFFFD é " + std::string(kWaczTitleBytesMax - 7, 'x'));
  CHECK(report->records == 1);

  auto other = WaczWriter::Create(dir / "a.wacz");
  REQUIRE(other);
  REQUIRE(other->AddRecord(exchange.response));
  other->AddPage("http://a.example/", "", kWaczTestTime);
  CHECK(other->Finish("", "s", 0, false).error().code == Errc::kAlreadyExists);
  CHECK(dir.Read("a.wacz") == bytes);

  auto linked = WaczWriter::Create(dir / "b.wacz");
  REQUIRE(linked);
  REQUIRE(linked->AddRecord(exchange.request));
  linked->AddPage("http://a.example/", "", kWaczTestTime);
  CHECK(ErrorOf(linked->Finish("", "s", 0, false)).ends_with("must lead to another record of the archive"));
  auto unlisted = WaczWriter::Create(dir / "b.wacz");
  REQUIRE(unlisted);
  unlisted->AddPage("no address", "", kWaczTestTime);
  CHECK(ErrorOf(unlisted->Finish("", "s", 0, false)) == "invalid_value: line 2: url: must be visible ASCII");
  CHECK_FALSE(std::filesystem::exists(dir / "b.wacz"));
  CHECK(WaczWriter::Create(dir / "no/such/a.wacz").error().code == Errc::kIo);
}

TEST_CASE("records that belong together are added all or none") {
  const TempDir dir;
  auto writer = WaczWriter::Create(dir / "a.wacz");
  REQUIRE(writer);
  auto [request, response] =
      MakeTestExchange("GET", "http://a.example/", "HTTP/1.1 200 OK", "text/html", "x", kWaczTestTime);
  response.Set("WARC-Concurrent-To", std::string(request.Header("WARC-Record-ID")));
  WarcRecord wrong = request;
  wrong.block = "nonsense\r\n\r\n";
  SetHeader(&wrong, "WARC-Block-Digest", WarcDigest(wrong.block));
  CHECK(ErrorOf(writer->AddRecords({response, wrong})) ==
        "invalid_value: warc: a request must begin with method and address");
  CHECK(ErrorOf(writer->AddRecords({response, response})).ends_with("> is there twice"));
  REQUIRE(writer->AddRecords({}));
  REQUIRE(writer->AddRecords({response, request}));
  CHECK(ErrorOf(writer->AddRecords({request})).ends_with("> is there twice"));
  writer->AddPage("http://a.example/", "", kWaczTestTime);
  REQUIRE(writer->Finish("", "s", kWaczTestTime, false));
  const auto report = CheckWacz(*ZipReader::Open(MemorySource(dir.Read("a.wacz"))));
  REQUIRE(report);
  CHECK(report->records == 2);
}

TEST_CASE("on a disk that is full the writer says so and leaves nothing behind") {
  const TempDir dir;
  // What writing beyond a limit does: EFBIG in place of ENOSPC, and a signal that is not wanted.
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto handler = signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 20'000;
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  auto early = WaczWriter::Create(dir / "a.wacz"), late = WaczWriter::Create(dir / "b.wacz");
  REQUIRE(early);
  REQUIRE(late);
  early->AddPage("http://a.example/", "", kWaczTestTime);
  late->AddPage("http://a.example/", "", kWaczTestTime);
  std::string noise;
  for (int i = 0; i < 500; ++i) noise += AsText(Sha256(AsBytes(std::to_string(i))));
  const auto attached = early->AddAttachment("noise", noise + noise);
  const auto finished_early = early->Finish("", "s", 0, false);
  const auto fits = late->AddAttachment("a", noise), fits_too = late->AddAttachment("b", "x");
  auto exchange =
      MakeTestExchange("GET", "http://a.example/", "HTTP/1.1 200 OK", "image/png", noise, kWaczTestTime);
  const auto added = late->AddRecord(exchange.response);
  const auto finished_late = late->Finish("", "s", 0, false);
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, handler);
  CHECK(ErrorOf(attached) == "io_error: " + (dir / "a.wacz") + ": File too large");
  CHECK(ErrorOf(finished_early) ==
        "io_error: " + (dir / "a.wacz") + ": an earlier part could not be written");
  CHECK(fits);
  CHECK(fits_too);
  CHECK(added);
  CHECK(ErrorOf(finished_late) == "io_error: " + (dir / "b.wacz") + ": File too large");
  CHECK(std::filesystem::is_empty(dir.path()));
}

TEST_CASE("an archive can be empty but for a page that could not be loaded") {
  const TempDir dir;
  auto writer = WaczWriter::Create(dir / "a.wacz");
  REQUIRE(writer);
  writer->AddPage("https://nowhere.example/", "", kWaczTestTime);
  REQUIRE(writer->Finish("", "s", kWaczTestTime, false));
  CHECK(CheckText(dir.Read("a.wacz")) == "");
}

TEST_CASE("revisits and resources of the web are indexed, others are not") {
  const TempDir dir;
  auto writer = WaczWriter::Create(dir / "a.wacz");
  REQUIRE(writer);
  WarcRecord revisit = MakeWarcRecord("revisit", kWaczTestTime, "application/http;msgtype=response",
                                      "HTTP/1.1 304 Not Modified\r\n\r\n");
  revisit.Set("WARC-Target-URI", "http://a.example/");
  revisit.Set("WARC-Payload-Digest", WarcDigest(""));
  WarcRecord resource = MakeWarcRecord("resource", kWaczTestTime, "Text/CSS; charset=x", "p{}");
  resource.Set("WARC-Target-URI", "https://b.example/");
  WarcRecord metadata = MakeWarcRecord("metadata", kWaczTestTime, "application/warc-fields", "");
  metadata.Set("WARC-Target-URI", "https://c.example/");
  for (const auto& record : {revisit, resource, metadata}) REQUIRE(writer->AddRecord(record));
  writer->AddPage("https://b.example/", "", kWaczTestTime);
  REQUIRE(writer->Finish("", "s", kWaczTestTime, false));
  const std::string bytes = dir.Read("a.wacz");
  CHECK(CheckText(bytes) == "");
  Members members = Unpack(bytes);
  const std::string& index = *Find(&members, kWaczIndex);
  CHECK(index.starts_with("example,a)/ 20251121094523123 {\"url\":\"http://a.example/\""));
  CHECK(index.find("\"mime\":\"warc/revisit\"") != std::string::npos);
  CHECK(index.find("\"status\":304") != std::string::npos);
  CHECK(index.find("\"mime\":\"Text/CSS\"") != std::string::npos);
  CHECK(std::count(index.begin(), index.end(), '\n') == 2);
}
