#include <doctest/doctest.h>
#include <pty.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "crypto/json.h"
#include "crypto/key_file.h"
#include "tests/unit/temp_dir.h"

using namespace cunzheng;

namespace {

const ByteSpan kPassphrase = AsBytes("correct horse");
constexpr uint32_t kLogN = kScryptLogNMin;  // strength is not what these tests are about

std::string CodeOf(const auto& result) {
  return std::string(result ? "ok" : ErrcName(result.error().code));
}

unsigned ModeOf(const std::string& path) {
  struct stat status {};
  REQUIRE(stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

size_t FilesIn(const TempDir& dir) {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(dir.path())) ++count;
  return count;
}

// A key file's text with one place changed.
std::string Replaced(std::string text, std::string_view from, std::string_view to) {
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

// The file's text with the first digit of a hex field changed, and the file still well-formed.
std::string WithChangedHex(const std::string& text, std::string_view field) {
  const size_t at = text.find("\"" + std::string(field) + "\": \"");
  REQUIRE(at != std::string::npos);
  std::string changed = text;
  char& digit = changed[at + field.size() + 5];
  digit = digit == '0' ? '1' : '0';
  return changed;
}

class EnvironmentVariable {
 public:
  EnvironmentVariable(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~EnvironmentVariable() { unsetenv(name_); }
  EnvironmentVariable(const EnvironmentVariable&) = delete;
  EnvironmentVariable& operator=(const EnvironmentVariable&) = delete;

 private:
  const char* name_;
};

// What ObtainPassphrase says to a person who types `lines` at a terminal, one a prompt.
std::string Typed(const std::vector<std::string>& lines, bool confirm) {
  int answer[2];
  REQUIRE(pipe(answer) == 0);
  int terminal = -1;
  const pid_t child = forkpty(&terminal, nullptr, nullptr, nullptr);
  REQUIRE(child >= 0);
  if (child == 0) {
    const auto passphrase = ObtainPassphrase({}, "Passphrase: ", confirm);
    const std::string text =
        passphrase ? "ok " + std::string(AsText(passphrase->span())) : CodeOf(passphrase);
    _exit(write(answer[1], text.data(), text.size()) > 0 ? 0 : 1);
  }
  close(answer[1]);
  std::string shown;
  for (const std::string& line : lines) {
    // What is typed before the prompt is discarded, so wait for it.
    char buffer[256];
    while (!shown.ends_with(": ")) {
      const ssize_t got = read(terminal, buffer, sizeof buffer);
      REQUIRE(got > 0);
      shown.append(buffer, static_cast<size_t>(got));
    }
    shown.clear();
    REQUIRE(write(terminal, line.data(), line.size()) == static_cast<ssize_t>(line.size()));
    // No echo: nothing of what was typed comes back, only the line end.
    while (!shown.ends_with('\n')) {
      const ssize_t got = read(terminal, buffer, 1);
      if (got <= 0) break;
      shown.append(buffer, 1);
    }
    CHECK((shown == "\r\n" || shown.empty()));
    shown.clear();
  }
  std::string text;
  char buffer[2048];
  for (ssize_t got = 0; (got = read(answer[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<size_t>(got));
  close(answer[0]);
  close(terminal);
  int status = 0;
  waitpid(child, &status, 0);
  return text;
}

}  // namespace

TEST_CASE("account keys of both suites come back from their files") {
  const TempDir dir;
  for (const Suite suite : {Suite::kSecp256k1, Suite::kSm2}) {
    const std::string path = dir / SuiteName(suite);
    const PrivateKey key = PrivateKey::Generate(suite);
    const Hash account = RandomHash();  // a rotated key keeps an id that is not its own hash
    REQUIRE(WriteAccountKey(path, key, account, kPassphrase, kLogN));
    CHECK(ModeOf(path) == 0600);
    CHECK(ModeOf(path + ".pub") == 0644);
    const auto read = ReadAccountKey(path, kPassphrase);
    REQUIRE(read);
    CHECK(read->key.public_key() == key.public_key());
    CHECK(ToHex(read->key.secret()) == ToHex(key.secret()));
    CHECK(read->account == account);
    const auto published = ReadAccountPublicKey(path + ".pub");
    REQUIRE(published);
    CHECK(published->key == key.public_key());
    CHECK(published->account == account);
    CHECK(CodeOf(ReadAccountKey(path, AsBytes("wrong"))) == "passphrase_wrong");
    CHECK(CodeOf(ReadAccountKey(path, {})) == "passphrase_wrong");
    CHECK(CodeOf(ReadNoteKey(path, kPassphrase)) == "key_file_invalid");
    CHECK(dir.Read(SuiteName(suite)).find(ToHex(key.secret())) == std::string::npos);
  }
  CHECK(FilesIn(dir) == 4);
}

TEST_CASE("note keys come back from their files") {
  const TempDir dir;
  const NoteSigner signer = NoteSigner::Generate("公证处", NoteKeyType::kCosignatureV1).value();
  REQUIRE(WriteNoteKey(dir / "key", signer, kPassphrase, kLogN));
  const auto read = ReadNoteKey(dir / "key", kPassphrase);
  REQUIRE(read);
  CHECK(read->key() == signer.key());
  CHECK(ToHex(read->seed()) == ToHex(signer.seed()));
  CHECK(CodeOf(ReadNoteKey(dir / "key", AsBytes("wrong"))) == "passphrase_wrong");
  CHECK(CodeOf(ReadAccountKey(dir / "key", kPassphrase)) == "key_file_invalid");
  CHECK(CodeOf(WriteNoteKey(dir / "key", signer, kPassphrase, kLogN)) == "already_exists");
}

TEST_CASE("a key file is never overwritten, and half a pair is never left behind") {
  const TempDir dir;
  const PrivateKey key = PrivateKey::Generate(Suite::kSecp256k1);
  dir.Write("a", "mine");
  CHECK(CodeOf(WriteAccountKey(dir / "a", key, {}, kPassphrase, kLogN)) == "already_exists");
  CHECK(dir.Read("a") == "mine");
  dir.Write("b.pub", "mine");
  CHECK(CodeOf(WriteAccountKey(dir / "b", key, {}, kPassphrase, kLogN)) == "already_exists");
  CHECK(FilesIn(dir) == 2);
}

TEST_CASE("a key file that others may read is refused with the command that mends it") {
  const TempDir dir;
  const std::string path = dir / "key";
  REQUIRE(WriteAccountKey(path, PrivateKey::Generate(Suite::kSecp256k1), {}, kPassphrase, kLogN));
  for (const unsigned mode : {0640u, 0604u, 0620u, 0700u, 0644u}) {
    REQUIRE(chmod(path.c_str(), mode) == 0);
    const auto read = ReadAccountKey(path, kPassphrase);
    REQUIRE_FALSE(read);
    CHECK(read.error().code == Errc::kKeyFileInvalid);
    CHECK(read.error().detail.find("run: chmod 600 " + path) != std::string::npos);
  }
  REQUIRE(chmod(path.c_str(), 0400) == 0);
  CHECK(CodeOf(ReadAccountKey(path, kPassphrase)) == "ok");
  CHECK(CodeOf(ReadAccountKey(dir / "missing", kPassphrase)) == "io_error");
}

TEST_CASE("every field of a key file is covered by the tag") {
  const PrivateKey key = PrivateKey::Generate(Suite::kSecp256k1);
  const std::string text = EncodeKeyFile(SealKey(
      AccountPublicKey{.key = key.public_key(), .account = RandomHash()}, key.secret(), kPassphrase, kLogN));
  REQUIRE(OpenKey(DecodeKeyFile(text).value(), kPassphrase));
  const PublicKey other = PrivateKey::Generate(Suite::kSecp256k1).public_key();
  for (const std::string& changed :
       {WithChangedHex(text, "account"), WithChangedHex(text, "salt"), WithChangedHex(text, "nonce"),
        WithChangedHex(text, "text"), Replaced(text, "\"log_n\": 14", "\"log_n\": 15"),
        Replaced(text, ToHex(key.public_key().bytes), ToHex(other.bytes))}) {
    const auto file = DecodeKeyFile(changed);
    REQUIRE(file);
    CHECK(CodeOf(OpenKey(*file, kPassphrase)) == "passphrase_wrong");
  }
}

TEST_CASE("a key file that holds another key than it names is invalid") {
  const TempDir dir;
  const PrivateKey key = PrivateKey::Generate(Suite::kSecp256k1);
  const PrivateKey other = PrivateKey::Generate(Suite::kSecp256k1);
  const AccountPublicKey owner{.key = key.public_key(), .account = {}};
  dir.Write("key", EncodeKeyFile(SealKey(owner, other.secret(), kPassphrase, kLogN)));
  REQUIRE(chmod((dir / "key").c_str(), 0600) == 0);
  CHECK(CodeOf(ReadAccountKey(dir / "key", kPassphrase)) == "key_file_invalid");
  const NoteSigner signer = NoteSigner::Generate("a", NoteKeyType::kEd25519).value();
  dir.Write("note", EncodeKeyFile(SealKey(signer.key(), other.secret(), kPassphrase, kLogN)));
  REQUIRE(chmod((dir / "note").c_str(), 0600) == 0);
  CHECK(CodeOf(ReadNoteKey(dir / "note", kPassphrase)) == "key_file_invalid");
}

TEST_CASE("key files outside the schema are invalid, and the error names the field") {
  const PrivateKey key = PrivateKey::Generate(Suite::kSm2);
  const AccountPublicKey owner{.key = key.public_key(), .account = RandomHash()};
  const std::string text = EncodeKeyFile(SealKey(owner, key.secret(), kPassphrase, kLogN));
  const auto detail = [](std::string_view changed) {
    const auto file = DecodeKeyFile(changed);
    REQUIRE_FALSE(file);
    CHECK(file.error().code == Errc::kKeyFileInvalid);
    return file.error().detail;
  };
  CHECK(detail("").starts_with("json: "));
  CHECK(detail("[]") == "key_file: must be an object");
  CHECK(detail(Replaced(text, "account_key/v1", "account_key/v2")).starts_with("key_file.type: "));
  CHECK(detail(Replaced(text, "\"log_n\": 14", "\"log_n\": 13")).starts_with("key_file.kdf.log_n: "));
  CHECK(detail(Replaced(text, "\"log_n\": 14", "\"log_n\": 21")).starts_with("key_file.kdf.log_n: "));
  CHECK(detail(Replaced(text, "\"p\": 1", "\"p\": 2")).starts_with("key_file.kdf.p: "));
  CHECK(detail(Replaced(text, "\"r\": 8", "\"r\": 1")).starts_with("key_file.kdf.r: "));
  CHECK(detail(Replaced(text, "scrypt", "argon2")).starts_with("key_file.kdf.name: "));
  CHECK(detail(Replaced(text, "aes-256-gcm", "aes-128-gcm")).starts_with("key_file.cipher.name: "));
  CHECK(detail(Replaced(text, "\"nonce\": \"", "\"nonce\": \"00")).starts_with("key_file.cipher.nonce: "));
  CHECK(detail(Replaced(text, "\"text\": \"", "\"text\": \"00")).starts_with("key_file.cipher.text: "));
  CHECK(detail(Replaced(text, "sm2-sm3", "rsa")).starts_with("key_file.suite: "));
  CHECK(detail(Replaced(text, ToHex(key.public_key().bytes), "02")).starts_with("key_file.public_key: "));
  CHECK(detail(Replaced(text, "\"kdf\"", "\"kdg\"")).starts_with("key_file.kdf: is missing"));
  CHECK(detail(Replaced(text, "{", "{\"zz\": 1,")).starts_with("key_file.zz: "));
  CHECK(detail(Replaced(text, "\"account\"", "\"account\": \"\", \"account\"")).starts_with("json: "));

  const std::string published = EncodeAccountPublicKey(owner);
  CHECK(DecodeAccountPublicKey(published).value() == owner);
  CHECK(CodeOf(DecodeAccountPublicKey(Replaced(published, "public_key/v1", "public_key/v2"))) ==
        "key_file_invalid");
  CHECK(CodeOf(DecodeAccountPublicKey(Replaced(published, "\"suite\"", "\"suit\""))) == "key_file_invalid");
  CHECK(CodeOf(DecodeAccountPublicKey(text)) == "key_file_invalid");
}

TEST_CASE("a work factor outside 14 to 20 is a usage error") {
  const TempDir dir;
  const PrivateKey key = PrivateKey::Generate(Suite::kSecp256k1);
  const NoteSigner signer = NoteSigner::Generate("a", NoteKeyType::kEd25519).value();
  for (const uint32_t log_n : {0u, 13u, 21u, 64u}) {
    CHECK(CodeOf(WriteAccountKey(dir / "a", key, {}, kPassphrase, log_n)) == "usage");
    CHECK(CodeOf(WriteNoteKey(dir / "n", signer, kPassphrase, log_n)) == "usage");
  }
  CHECK(FilesIn(dir) == 0);
}

TEST_CASE("a file is written whole, with the asked mode, and nothing stays beside it") {
  const TempDir dir;
  const mode_t mask = umask(0077);
  REQUIRE(WriteFileAtomically(dir / "a", "one", 0644, false));
  umask(mask);
  CHECK(ModeOf(dir / "a") == 0644);
  CHECK(CodeOf(WriteFileAtomically(dir / "a", "two", 0600, false)) == "already_exists");
  CHECK(dir.Read("a") == "one");
  REQUIRE(WriteFileAtomically(dir / "a", "two", 0600, true));
  CHECK(dir.Read("a") == "two");
  CHECK(ModeOf(dir / "a") == 0600);
  CHECK(CodeOf(WriteFileAtomically(dir / "no/such/folder", "x", 0600, true)) == "io_error");
  CHECK(CodeOf(WriteFileAtomically(dir.path(), "x", 0600, true)) == "io_error");  // a folder
  CHECK(FilesIn(dir) == 1);
}

TEST_CASE("a file that grows has its name when it is whole, and is gone when it never is") {
  const TempDir dir;
  {
    auto file = NewFile::Create(dir / "a", 0640);
    REQUIRE(file);
    REQUIRE(file->Append("one two"));
    CHECK_FALSE(std::filesystem::exists(dir / "a"));
    auto moved = std::move(*file);
    REQUIRE(moved.Append(" three"));
    REQUIRE(moved.Overwrite(4, "TWO"));
    CHECK(moved.length() == 13);
    REQUIRE(moved.Finish(false));
    CHECK(dir.Read("a") == "one TWO three");
    CHECK(ModeOf(dir / "a") == 0640);
  }
  {
    auto abandoned = NewFile::Create(dir / "b", 0600);
    REQUIRE(abandoned);
    REQUIRE(abandoned->Append("x"));
    // Taking another's place discards what was there.
    *abandoned = *NewFile::Create(dir / "c", 0600);
    CHECK(abandoned->length() == 0);
    CHECK(FilesIn(dir) == 2);
    auto late = NewFile::Create(dir / "a", 0600);
    REQUIRE(late);
    CHECK(CodeOf(late->Finish(false)) == "already_exists");
  }
  CHECK(FilesIn(dir) == 1);
  CHECK(dir.Read("a") == "one TWO three");
  CHECK(CodeOf(NewFile::Create(dir / "no/such/folder", 0600)) == "io_error");
}

TEST_CASE("of many writers that must not replace exactly one wins") {
  const TempDir dir;
  for (int round = 0; round < 10; ++round) {
    const std::string name = "file" + std::to_string(round);
    std::atomic<int> winner = -1;
    std::atomic<int> refused = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 6; ++t) {
      threads.emplace_back([&, t] {
        const auto written = WriteFileAtomically(dir / name, std::to_string(t), 0600, false);
        if (written) winner = t;
        if (!written && written.error().code == Errc::kAlreadyExists) ++refused;
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(refused == 5);
    CHECK(dir.Read(name) == std::to_string(winner));
  }
  CHECK(FilesIn(dir) == 10);
}

TEST_CASE("a file is read whole within its limit") {
  const TempDir dir;
  const std::string bytes(200'000, 'x');
  dir.Write("a", bytes);
  CHECK(ReadWholeFile(dir / "a", bytes.size()).value() == bytes);
  CHECK(CodeOf(ReadWholeFile(dir / "a", bytes.size() - 1)) == "too_large");
  CHECK(CodeOf(ReadWholeFile(dir / "missing", 10)) == "io_error");
  CHECK(CodeOf(ReadWholeFile(dir.path(), 10)) == "io_error");
  dir.Write("empty", "");
  CHECK(ReadWholeFile(dir / "empty", 0).value().empty());
}

TEST_CASE("a passphrase comes from a file's first line before the environment") {
  const TempDir dir;
  const auto from = [&](std::string_view text, mode_t mode) {
    dir.Write("pass", text);
    REQUIRE(chmod((dir / "pass").c_str(), mode) == 0);
    const auto passphrase = ObtainPassphrase(dir / "pass", "", false);
    return passphrase ? std::string(AsText(passphrase->span())) : CodeOf(passphrase);
  };
  const EnvironmentVariable variable("CUNZHENG_PASSPHRASE", "from the environment");
  CHECK(from("secret\nsecond line\n", 0600) == "secret");
  CHECK(from("secret", 0600) == "secret");
  CHECK(from("se cret \r\n", 0600) == "se cret ");
  CHECK(from("", 0600) == "usage");
  CHECK(from("\nsecret", 0600) == "usage");
  CHECK(from("secret\n", 0644) == "usage");
  CHECK(from(std::string(1024, 'x'), 0600) == std::string(1024, 'x'));
  CHECK(from(std::string(1025, 'x'), 0600) == "usage");
  CHECK(CodeOf(ObtainPassphrase(dir / "missing", "", false)) == "io_error");
  CHECK(AsText(ObtainPassphrase({}, "", true).value().span()) == "from the environment");
  const EnvironmentVariable empty("CUNZHENG_PASSPHRASE", "");
  CHECK(CodeOf(ObtainPassphrase({}, "", false)) == "usage");
}

TEST_CASE("a passphrase is typed without echo, may be corrected, and is asked twice to confirm") {
  unsetenv("CUNZHENG_PASSPHRASE");
  CHECK(Typed({"secret\n"}, false) == "ok secret");
  CHECK(Typed({"wrong\x15secrex\x7ft\n"}, false) == "ok secret");
  CHECK(Typed({"a存\x7f\x7f\x7f"
               "b\n"},
              false) == "ok b");
  CHECK(Typed({"secret\n", "secret\n"}, true) == "ok secret");
  CHECK(Typed({"secret\n", "other\n"}, true) == "usage");
  CHECK(Typed({"\n"}, false) == "usage");
  CHECK(Typed({"sec\x03"}, false) == "interrupted");
}

TEST_CASE("without a terminal the error says what else there is") {
  unsetenv("CUNZHENG_PASSPHRASE");
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    setsid();  // gives up the controlling terminal, if there is one
    const auto passphrase = ObtainPassphrase({}, "Passphrase: ", false);
    const bool good = !passphrase && passphrase.error().code == Errc::kUsage &&
                      passphrase.error().detail.find("CUNZHENG_PASSPHRASE") != std::string::npos;
    _exit(good ? 0 : 1);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}
