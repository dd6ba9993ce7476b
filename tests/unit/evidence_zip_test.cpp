// The ZIP codec of packages: one byte form, and nothing that could be changed unseen.
#include <doctest/doctest.h>

#include <filesystem>

#include "client/evidence/zip.h"
#include "tests/unit/temp_dir.h"
#include "tests/unit/wacz_fixture.h"

using namespace cunzheng;
using namespace cunzheng::evidence;

namespace {

const Members kSmall = {
    {"README.txt", "read\n"}, {"evidence/a.bin", std::string("\0\xff", 2)}, {"evidence/empty", ""}};

// "" or the error.
std::string Open(std::string_view bytes) {
  const auto reader = ZipReader::Open(MemorySource(std::string(bytes)));
  return reader ? "" : reader.error().ToString();
}

std::string Name(std::string_view name) {
  const auto fine = CheckZipName(name);
  return fine ? "" : fine.error().detail;
}

}  // namespace

TEST_CASE("what the ZIP writer writes, the reader reads") {
  const std::string bytes = Pack(kSmall);
  CHECK(Unpack(bytes) == kSmall);
  CHECK(Pack(Unpack(bytes)) == bytes);
  const auto reader = ZipReader::Open(MemorySource(bytes));
  REQUIRE(reader);
  for (const auto& member : reader->members()) CHECK(reader->CheckCrc(member));
  CHECK(reader->Find("evidence/a.bin")->length == 2);
  CHECK(reader->Find("evidence") == nullptr);
  CHECK(reader->Read(*reader->Find("README.txt"), 4).error().ToString() ==
        "too_large: README.txt: must be at most 4 bytes");
  CHECK(Unpack(Pack({})).empty());
}

TEST_CASE("the bytes of a small archive are these") {
  // One member "a" of "x", CRC-32 8cdc1683: spelled out after APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12
  // and 4.3.16.
  const std::string expected(
      "PK\x03\x04\x14\0\0\x08\0\0\0\0\x21\0\x83\x16\xdc\x8c\x01\0\0\0\x01\0\0\0\x01\0\0\0ax"
      "PK\x01\x02\x14\0\x14\0\0\x08\0\0\0\0\x21\0\x83\x16\xdc\x8c\x01\0\0\0\x01\0\0\0\x01\0\0\0\0\0\0\0\0\0\0"
      "\0\0\0\0\0\0\0"
      "a"
      "PK\x05\x06\0\0\0\0\x01\0\x01\0\x2f\0\0\0\x20\0\0\0\0\0",
      31 + 1 + 47 + 22);
  CHECK(ToHex(AsBytes(Pack({{"a", "x"}}))) == ToHex(AsBytes(expected)));
}

TEST_CASE(
    "every single-byte change of an archive is refused, or changes a member's bytes and its CRC-32 says so") {
  const std::string bytes = Pack(kSmall);
  size_t refused = 0, seen = 0;
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (int difference = 1; difference < 256; ++difference) {
      std::string changed = bytes;
      changed[at] = static_cast<char>(changed[at] ^ difference);
      const auto reader = ZipReader::Open(MemorySource(changed));
      if (!reader) {
        CHECK_MESSAGE(reader.error().code == Errc::kInvalidValue, at);
        ++refused;
        continue;
      }
      bool unsound = false;
      for (const auto& member : reader->members()) unsound |= !reader->CheckCrc(member);
      CHECK_MESSAGE(unsound, at);
      CHECK_MESSAGE(Unpack(changed) != kSmall, at);
      ++seen;
    }
  }
  CHECK(seen == 7 * 255);  // the seven bytes of the members
  CHECK(refused == (bytes.size() - 7) * 255);
}

TEST_CASE("an archive that was cut, or has bytes too many anywhere, is refused") {
  const std::string bytes = Pack(kSmall);
  for (size_t length = 0; length < bytes.size(); ++length)
    CHECK_MESSAGE(Open(bytes.substr(0, length)) != "", length);
  for (size_t at = 0; at <= bytes.size(); ++at) {
    for (const char c : {'\0', 'P', '\xff'}) {
      std::string longer = bytes;
      longer.insert(at, 1, c);
      CHECK_MESSAGE(Open(longer) != "", at);
    }
  }
  CHECK(Open("") == "invalid_value: is no ZIP archive: shorter than its end record");
  CHECK(Open(bytes + "x") ==
        "invalid_value: is no ZIP archive of the one shape: its last 22 bytes must be an end record without "
        "comment");
}

TEST_CASE("members that were exchanged in the central directory alone are refused") {
  const std::string bytes = Pack({{"a", "x"}, {"b", "x"}});
  const size_t first = bytes.find("PK\x01\x02"), second = bytes.find("PK\x01\x02", first + 1);
  const size_t end = bytes.find("PK\x05\x06");
  const std::string exchanged = bytes.substr(0, first) + bytes.substr(second, end - second) +
                                bytes.substr(first, second - first) + bytes.substr(end);
  CHECK(Open(exchanged) ==
        "invalid_value: b: its central header is not of the one shape, or not in the order of the members");
}

TEST_CASE("member names keep their rule") {
  CHECK(Name("a") == "");
  CHECK(Name("parts/archive/data.warc.gz@1234.warc.gz") == "");
  CHECK(Name("a+b=c_d-e.F9") == "");
  CHECK(Name(std::string(255, 'a') + "/" + std::string(255, 'b') + "/") != "");
  CHECK(Name(std::string(255, 'a') + "/" + std::string(255, 'b')) == "");
  CHECK(Name("") == "name : must be 1 to 512 bytes");
  CHECK(Name(std::string(513, 'a')).ends_with("must be 1 to 512 bytes"));
  CHECK(Name(std::string(256, 'a')).ends_with("its components must be 1 to 255 bytes"));
  for (const std::string_view name : {"/a", "a/", "a//b", "/"}) {
    CHECK_MESSAGE(Name(name).ends_with("its components must be 1 to 255 bytes"), name);
  }
  for (const std::string_view name : {".", "..", "../a", "a/../b", "a/."}) {
    CHECK_MESSAGE(Name(name).ends_with("must not have . or .. as a component"), name);
  }
  for (const std::string_view name : {"a b", "a\\b", "C:a", "\xe5\xad\x98", "a\n"}) {
    CHECK_MESSAGE(Name(name) == "a name has a byte outside [A-Za-z0-9._@+=/-]", name);
  }
}

TEST_CASE("names that would be one file on some system are refused by the writer and by the reader") {
  const TempDir dir;
  auto writer = ZipWriter::Create(dir / "a.zip");
  REQUIRE(writer);
  REQUIRE(writer->Add("Folder/a", ""));
  CHECK(writer->Add("Folder/a", "").error().ToString() == "invalid_value: Folder/a: there twice");
  CHECK(writer->Add("folder/A", "").error().ToString() == "invalid_value: folder/A: there twice");
  CHECK(writer->Add("folder", "").error().ToString() == "invalid_value: folder: is also a folder");
  CHECK(writer->Add("folder/a/b", "").error().ToString() ==
        "invalid_value: folder/a/b: its folder is also a member");
  REQUIRE(writer->Add("folder/b", ""));
  // The same archive with one name changed in both of its headers.
  std::string bytes = Pack({{"aa", "x"}, {"ab", "x"}});
  for (size_t at = bytes.find("ab"); at != std::string::npos; at = bytes.find("ab")) bytes[at + 1] = 'A';
  CHECK(Open(bytes) == "invalid_value: member 2: aA: there twice");
}

TEST_CASE("an archive has its name only when it is whole") {
  const TempDir dir;
  {
    auto writer = ZipWriter::Create(dir / "a.zip");
    REQUIRE(writer);
    REQUIRE(writer->Add("a", "x"));
    CHECK_FALSE(std::filesystem::exists(dir / "a.zip"));
  }
  CHECK(std::filesystem::is_empty(dir.path()));
  dir.Write("a.zip", "older");
  auto writer = ZipWriter::Create(dir / "a.zip");
  REQUIRE(writer);
  REQUIRE(writer->Add("a", "x"));
  CHECK(writer->Finish(false).error().code == Errc::kAlreadyExists);
  CHECK(dir.Read("a.zip") == "older");
  auto other = ZipWriter::Create(dir / "a.zip");
  REQUIRE(other);
  REQUIRE(other->Add("a", "x"));
  REQUIRE(other->Finish(true));
  CHECK(dir.Read("a.zip") == Pack({{"a", "x"}}));
  CHECK(ZipWriter::Create(dir / "no/such/a.zip").error().code == Errc::kIo);
}

TEST_CASE("a member that could not be written spoils the archive") {
  class Broken final : public ByteSource {
   public:
    uint64_t length() const override { return 3; }
    Result<std::string> Read(uint64_t, size_t) const override { return Error{Errc::kIo, "broken"}; }
  };
  const TempDir dir;
  auto writer = ZipWriter::Create(dir / "a.zip");
  REQUIRE(writer);
  CHECK(writer->Add("a", Broken()).error().ToString() == "io_error: broken");
  CHECK(writer->Add("b", "x").error().code == Errc::kIo);
  CHECK(writer->Finish(false).error().ToString() == "io_error: an earlier member could not be written");
  CHECK_FALSE(std::filesystem::exists(dir / "a.zip"));
}

TEST_CASE("an archive of more than 4 GiB is refused before anything of it is written") {
  class Vast final : public ByteSource {
   public:
    uint64_t length() const override {
      return kZipBytesMax - 52;
    }  // one byte more than fits beside the headers of "a"
    Result<std::string> Read(uint64_t, size_t) const override { return Error{Errc::kIo, "was read"}; }
  };
  const TempDir dir;
  auto writer = ZipWriter::Create(dir / "a.zip");
  REQUIRE(writer);
  CHECK(writer->Add("a", Vast()).error().ToString() == "too_large: a: an archive must stay below 4 GiB");
  REQUIRE(writer->Add("a1", "x"));
}

TEST_CASE("sources are read within their bounds") {
  const TempDir dir;
  dir.Write("file", "0123456789");
  const auto file = OpenFileSource(dir / "file");
  REQUIRE(file);
  for (const auto& source : {*file, MemorySource("0123456789")}) {
    CHECK(source->length() == 10);
    CHECK(*source->Read(3, 4) == "3456");
    CHECK(source->Read(8, 3).error().code == Errc::kIo);
    const auto part = PartOf(source, 2, 5);
    CHECK(*part->Read(1, 4) == "3456");
    CHECK(part->Read(1, 5).error().code == Errc::kIo);
    CHECK(part->Read(UINT64_MAX, 2).error().code == Errc::kIo);
    const auto digest = DigestSource(*part);
    REQUIRE(digest);
    CHECK(digest->length == 5);
    CHECK(digest->digests == DigestBytes(AsBytes("23456")));
    CHECK(DigestSource(*part, [](uint64_t) { return false; }).error().code == Errc::kInterrupted);
  }
  CHECK(OpenFileSource(dir / "none").error().code == Errc::kIo);
  CHECK(OpenFileSource(dir.path()).error().code == Errc::kIo);
  CHECK(OpenFileSource("/dev/null").error().code == Errc::kIo);
}
