#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <random>
#include <thread>

#include "crypto/digest.h"
#include "tests/unit/temp_dir.h"

using namespace cunzheng;

namespace {

Bytes Pattern(size_t length) {
  std::mt19937 random(static_cast<uint32_t>(length));
  Bytes bytes(length);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

// Holes read as zeros, so that a large file costs no disk. Digesting it takes well over the tenth of a
// second after which progress is reported.
std::string LargeFile(const TempDir& dir) {
  const std::string path = dir / "large";
  dir.Write("large", "");
  REQUIRE(truncate(path.c_str(), off_t{256} << 20) == 0);
  return path;
}

// Lets standard input come from `fd` for as long as it lives.
class StdinFrom {
 public:
  explicit StdinFrom(int fd) : saved_(dup(STDIN_FILENO)) { REQUIRE(dup2(fd, STDIN_FILENO) == STDIN_FILENO); }
  ~StdinFrom() {
    dup2(saved_, STDIN_FILENO);
    close(saved_);
  }
  StdinFrom(const StdinFrom&) = delete;
  StdinFrom& operator=(const StdinFrom&) = delete;

 private:
  int saved_;
};

}  // namespace

TEST_CASE("SHA-256 and SM3 give the examples of their standards") {
  CHECK(ToHex(Sha256(AsBytes("abc"))) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(ToHex(Sha256({})) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(ToHex(Sm3(AsBytes("abc"))) == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
  std::string abcd;
  for (int i = 0; i < 16; ++i) abcd += "abcd";
  CHECK(ToHex(Sm3(AsBytes(abcd))) == "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732");
}

TEST_CASE("SHA-256 of parts and of a stream is that of the whole") {
  const Bytes all = Pattern(300);
  const ByteSpan span(all);
  Sha256Stream moved;
  for (const size_t cut : {size_t{0}, size_t{1}, size_t{64}, size_t{299}, size_t{300}}) {
    CHECK(Sha256(span.first(cut), span.subspan(cut)) == Sha256(all));
    CHECK(Sha256(span.first(cut), {}, span.subspan(cut)) == Sha256(all));
    Sha256Stream stream;
    stream.Update(span.first(cut));
    moved = std::move(stream);
    moved.Update(span.subspan(cut));
    CHECK(moved.Finish() == Sha256(all));
  }
}

TEST_CASE("SM3 on many threads at once gives each its own digest") {
  std::vector<std::thread> threads;
  std::vector<int> good(4, 0);
  for (size_t t = 0; t < good.size(); ++t) {
    threads.emplace_back([t, &good] {
      const Bytes bytes = Pattern(100 + t);
      const Hash expected = Sm3(bytes);
      for (int i = 0; i < 200; ++i) good[t] += Sm3(bytes) == expected ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const int count : good) CHECK(count == 200);
}

TEST_CASE("a file's digests are those of its bytes at every border of the ring's blocks") {
  const TempDir dir;
  constexpr size_t kBlock = 1 << 20;
  for (const size_t length :
       {size_t{0}, size_t{1}, kBlock - 1, kBlock, kBlock + 1, 4 * kBlock, 5 * kBlock - 1, 9 * kBlock + 123}) {
    CAPTURE(length);
    const Bytes bytes = Pattern(length);
    dir.Write("file", AsText(bytes));
    const auto digest = DigestFile(dir / "file");
    REQUIRE(digest);
    CHECK(digest->length == length);
    CHECK(digest->digests == DigestBytes(bytes));
  }
}

TEST_CASE("standard input is digested from where it stands, pipe or file") {
  const Bytes bytes = Pattern((3 << 20) + 5);
  {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    std::thread writer([&] {
      size_t done = 0;
      while (done < bytes.size()) {
        const ssize_t put = write(ends[1], bytes.data() + done, bytes.size() - done);
        if (put <= 0) break;
        done += static_cast<size_t>(put);
      }
      close(ends[1]);
    });
    const StdinFrom input(ends[0]);
    const auto digest = DigestFile("-");
    writer.join();
    close(ends[0]);
    REQUIRE(digest);
    CHECK(digest->length == bytes.size());
    CHECK(digest->digests == DigestBytes(bytes));
  }
  const TempDir dir;
  dir.Write("file", AsText(bytes));
  const int fd = open((dir / "file").c_str(), O_RDONLY);
  REQUIRE(lseek(fd, 10, SEEK_SET) == 10);
  const StdinFrom input(fd);
  close(fd);
  const auto digest = DigestFile("-");
  REQUIRE(digest);
  CHECK(digest->digests == DigestBytes(ByteSpan(bytes).subspan(10)));
}

TEST_CASE("a missing file and a directory are I/O errors that name the path") {
  const TempDir dir;
  const auto missing = DigestFile(dir / "missing");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == Errc::kIo);
  CHECK(missing.error().detail == (dir / "missing") + ": No such file or directory");
  const auto directory = DigestFile(dir.path());
  REQUIRE_FALSE(directory);
  CHECK(directory.error().code == Errc::kIo);
  CHECK(directory.error().detail == dir.path() + ": Is a directory");
}

TEST_CASE("progress grows and may stop the work") {
  const TempDir dir;
  const std::string path = LargeFile(dir);
  uint64_t last = 0;
  int calls = 0;
  const auto whole = DigestFile(path, [&](uint64_t done) {
    CHECK(done > last);
    last = done;
    ++calls;
    return true;
  });
  REQUIRE(whole);
  CHECK(calls > 0);
  CHECK(last <= whole->length);
  const auto stopped = DigestFile(path, [](uint64_t) { return false; });
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().code == Errc::kInterrupted);
}

TEST_CASE("a file that grows, shrinks or is written to while it is read is an I/O error") {
  const TempDir dir;
  const std::string path = LargeFile(dir);
  const std::function<void()> changes[] = {
      [&] { CHECK(truncate(path.c_str(), (off_t{256} << 20) + 1) == 0); },
      [&] { CHECK(truncate(path.c_str(), off_t{1} << 20) == 0); },
      [&] {
        const int fd = open(path.c_str(), O_WRONLY);
        CHECK(pwrite(fd, "x", 1, 5) == 1);  // already read; the length stays
        close(fd);
      },
  };
  for (const auto& change : changes) {
    REQUIRE(truncate(path.c_str(), off_t{256} << 20) == 0);
    bool changed = false;
    const auto digest = DigestFile(path, [&](uint64_t) {
      if (!changed) change();
      changed = true;
      return true;
    });
    CHECK(changed);
    REQUIRE_FALSE(digest);
    CHECK(digest.error().code == Errc::kIo);
    CHECK(digest.error().detail == path + ": changed while it was being read");
  }
}
