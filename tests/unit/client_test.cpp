// Names, folders, settings, node addresses and the retry policy: what the client decides without a network.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "client/cli/settings.h"
#include "client/cli/trust_pins.h"
#include "client/sdk/evidence_walk.h"
#include "client/sdk/http.h"
#include "client/sdk/paths.h"
#include "client/sdk/retry.h"
#include "ledger/record.h"
#include "tests/unit/temp_dir.h"

using namespace cunzheng;
using namespace cunzheng::client;

namespace {

std::string CodeOf(const auto& result) {
  return std::string(result ? "ok" : ErrcName(result.error().code));
}

std::vector<std::string> RelativePaths(const EvidenceList& list) {
  std::vector<std::string> out;
  for (const FoundFile& file : list.files) out.push_back(file.relative);
  return out;
}

std::string ReasonFor(const EvidenceList& list, const std::string& path) {
  for (const SkippedPath& skipped : list.skipped) {
    if (skipped.path != path) continue;
    switch (skipped.reason) {
      case SkipReason::kReceipt:
        return "receipt";
      case SkipReason::kSymlink:
        return "symlink";
      case SkipReason::kVisited:
        return "visited";
      case SkipReason::kSpecial:
        return "special";
      case SkipReason::kUnreadable:
        return "unreadable";
    }
  }
  return "taken";
}

cli::Environment EnvironmentOf(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end() || found->second.empty()) return std::nullopt;
    return found->second;
  };
}

}  // namespace

TEST_CASE("the receipt of a file stands beside it") {
  CHECK(ReceiptPathFor("a.pdf") == "a.pdf.receipt.json");
  CHECK(ReceiptPathFor("/x/合同.pdf") == "/x/合同.pdf.receipt.json");
  CHECK(IsReceiptName("/x/合同.pdf.receipt.json"));
  CHECK_FALSE(IsReceiptName(".receipt.json"));  // nothing that it would be the receipt of
  CHECK_FALSE(IsReceiptName("receipt.json"));
}

TEST_CASE("a receipt's name always fits a file system, and differs for different evidence") {
  for (const size_t length : {242u, 243u, 250u, 255u}) {
    const std::string name(length, 'n');
    const std::string receipt(BaseName(ReceiptPathFor("d/" + name)));
    CHECK(receipt.size() <= 255);
    CHECK(IsReceiptName(receipt));
    CHECK(ReceiptPathFor(name) == receipt);
  }
  CHECK(ReceiptPathFor(std::string(250, 'n') + "a") != ReceiptPathFor(std::string(250, 'n') + "b"));
  // Cut at a character, so that the name is still text.
  std::string chinese;
  for (int i = 0; i < 84; ++i) chinese += "证";
  const std::string receipt = ReceiptPathFor(chinese);
  CHECK(receipt.size() <= 255);
  CHECK(Printable(receipt) == receipt);
}

TEST_CASE("any file name becomes a name that a manifest accepts") {
  CHECK(ManifestName("/a/b/合同 1.pdf") == "合同 1.pdf");
  CHECK(ManifestName("a\\b") == "a%5Cb");
  CHECK(ManifestName("line\nend\x1b[31m") == "line%0Aend%1B[31m");
  CHECK(ManifestName("bad\xff\xc3") == "bad%FF%C3");
  CHECK(ManifestName("\xc2\x85") == "%C2%85");  // a C1 control in good UTF-8
  CHECK(ManifestName("..") == "unnamed");
  CHECK(ManifestName("x/") == "unnamed");
  for (int first = 1; first < 256; ++first) {
    for (int second = 0; second < 256; second += 5) {
      ledger::Manifest manifest;
      manifest.name = ManifestName(std::string{static_cast<char>(first), static_cast<char>(second)});
      CHECK(ledger::DecodeManifest(ledger::EncodeManifest(manifest)));
    }
  }
  ledger::Manifest longest;
  longest.name = ManifestName(std::string(255, '\x01') + std::string(700, '\x02'));
  CHECK(ledger::DecodeManifest(ledger::EncodeManifest(longest)));
}

TEST_CASE("text from outside cannot steer a terminal") {
  CHECK(Printable("红\x1b]0;title\x07") == "红%1B]0;title%07");
  CHECK(Printable("a\\b") == "a\\b");
}

TEST_CASE("a folder is walked in byte order, without receipts") {
  TempDir dir;
  std::filesystem::create_directories(dir / "b/inner");
  dir.Write("b/inner/z", "12345");
  dir.Write("b/y", "");
  dir.Write("a", "1");
  dir.Write("a.receipt.json", "{}");
  dir.Write("合同", "12");
  const EvidenceList list = WalkEvidence({dir.path() + "/"}, false);
  CHECK(RelativePaths(list) == std::vector<std::string>{"a", "合同", "b/y", "b/inner/z"});
  CHECK(list.length_total == 8);
  CHECK(ReasonFor(list, dir / "a.receipt.json") == "receipt");
  CHECK_FALSE(list.skipped.front().failure());
}

TEST_CASE("symbolic links within folders are left out unless they are asked for, and loops end") {
  TempDir dir;
  std::filesystem::create_directories(dir / "d");
  dir.Write("d/file", "x");
  REQUIRE(symlink("file", (dir / "d/link").c_str()) == 0);
  REQUIRE(symlink("..", (dir / "d/up").c_str()) == 0);
  REQUIRE(symlink("self", (dir / "d/self").c_str()) == 0);

  const EvidenceList plain = WalkEvidence({dir.path()}, false);
  CHECK(RelativePaths(plain) == std::vector<std::string>{"d/file"});
  CHECK(ReasonFor(plain, dir / "d/link") == "symlink");

  const EvidenceList followed = WalkEvidence({dir.path()}, true);
  CHECK(RelativePaths(followed) == std::vector<std::string>{"d/file", "d/link"});
  CHECK(ReasonFor(followed, dir / "d/up") == "visited");
  CHECK(ReasonFor(followed, dir / "d/self") == "unreadable");

  // A link that a person names is what the person means.
  const EvidenceList named = WalkEvidence({dir / "d/link"}, false);
  CHECK(RelativePaths(named) == std::vector<std::string>{"link"});
}

TEST_CASE("what is missing or is no file counts as a failure, and is never opened") {
  TempDir dir;
  REQUIRE(mkfifo((dir / "pipe").c_str(), 0600) == 0);
  REQUIRE(symlink("nowhere", (dir / "dangling").c_str()) == 0);
  const EvidenceList list = WalkEvidence({dir.path(), dir / "missing", dir / "dangling"}, false);
  CHECK(list.files.empty());
  CHECK(ReasonFor(list, dir / "pipe") == "special");
  CHECK(ReasonFor(list, dir / "missing") == "unreadable");
  CHECK(std::count_if(list.skipped.begin(), list.skipped.end(),
                      [](const SkippedPath& skipped) { return skipped.failure(); }) == 3);
}

TEST_CASE("a folder that is named twice is walked once") {
  TempDir dir;
  dir.Write("f", "x");
  const EvidenceList list = WalkEvidence({dir.path(), dir.path() + "/."}, false);
  CHECK(list.files.size() == 1);
}

TEST_CASE("a node's address has one spelling") {
  const auto text = [](const char* url) {
    const auto parsed = ParseNodeUrl(url);
    return parsed ? parsed->ToString() : std::string(ErrcName(parsed.error().code));
  };
  CHECK(text("http://127.0.0.1:8750") == "http://127.0.0.1:8750");
  CHECK(text("http://127.0.0.1:8750/") == "http://127.0.0.1:8750");
  CHECK(text("https://node.example:443/ledger/") == "https://node.example/ledger");
  CHECK(text("http://node.example:80") == "http://node.example");
  CHECK(text("http://[::1]:8750") == "http://[::1]:8750");
  for (const char* bad : {"", "127.0.0.1:8750", "ftp://x", "http://", "http://a@b", "http://a?b",
                          "http://a#b", "http://a:0", "http://a b", "http://a:99999"}) {
    CAPTURE(bad);
    CHECK(text(bad) == "usage");
  }
}

TEST_CASE("transient failures are retried with growing, jittered pauses; refusals never") {
  const RetryPolicy policy{.attempts_max = 4, .delay_ms_first = 100, .delay_ms_max = 300};
  CHECK(RetryDelayMs(policy, 1, Errc::kUnreachable, {}, 0.0) == 50u);
  CHECK(RetryDelayMs(policy, 1, Errc::kUnreachable, {}, 0.999) == 99u);
  CHECK(RetryDelayMs(policy, 2, Errc::kTimeout, {}, 0.0) == 100u);
  CHECK(RetryDelayMs(policy, 3, Errc::kBusy, {}, 0.0) == 150u);
  CHECK(RetryDelayMs(policy, 4, Errc::kBusy, {}, 0.0) == std::nullopt);
  for (const Errc refusal : {Errc::kQuotaExceeded, Errc::kSignatureInvalid, Errc::kUnknownAccount,
                             Errc::kNotFound, Errc::kTooLarge, Errc::kInterrupted}) {
    CHECK(RetryDelayMs(policy, 1, refusal, {}, 0.0) == std::nullopt);
  }
}

TEST_CASE("Retry-After is a lower bound, and one that is too far off ends the attempts") {
  const RetryPolicy policy{.delay_ms_first = 400, .retry_after_ms_max = 5'000};
  CHECK(RetryDelayMs(policy, 1, Errc::kRateLimited, 2, 0.0) == 2'050u);
  CHECK(RetryDelayMs(policy, 1, Errc::kRateLimited, 5, 0.0) == 5'050u);
  CHECK(RetryDelayMs(policy, 1, Errc::kRateLimited, 6, 0.0) == std::nullopt);
  CHECK(RetryDelayMs(policy, 1, Errc::kRateLimited, UINT64_MAX, 0.5) == std::nullopt);
  CHECK(RetryDelayMs(policy, 1, Errc::kBusy, 0, 0.0) == 200u);
}

TEST_CASE("the environment beats the configuration file") {
  TempDir dir;
  std::filesystem::create_directories(dir / "cunzheng");
  dir.Write(
      "cunzheng/config.toml",
      "node = \"http://file\"\nkey = \"k\"\ntrust = \"~/t.json\"\npassphrase_file = \"p\"\nlang = \"zh\"\n");
  std::map<std::string, std::string> variables{{"XDG_CONFIG_HOME", dir.path()}, {"HOME", "/home/u"}};
  auto settings = cli::LoadSettings(EnvironmentOf(variables));
  REQUIRE(settings);
  CHECK(settings->node == "http://file");
  CHECK(settings->key == dir / "cunzheng/k");
  CHECK(settings->trust == "/home/u/t.json");
  CHECK(settings->passphrase_file == dir / "cunzheng/p");
  CHECK(settings->lang == "zh");
  CHECK(settings->folders.state == "/home/u/.local/state/cunzheng");

  variables["CUNZHENG_NODE"] = "http://env";
  variables["CUNZHENG_KEY"] = "relative";
  variables["CUNZHENG_LANG"] = "en";
  variables["CUNZHENG_PASSPHRASE"] = "typed";  // beats the file's passphrase_file
  settings = cli::LoadSettings(EnvironmentOf(variables));
  REQUIRE(settings);
  CHECK(settings->node == "http://env");
  CHECK(settings->key == "relative");
  CHECK(settings->lang == "en");
  CHECK(settings->passphrase_file.empty());

  variables["CUNZHENG_PASSPHRASE_FILE"] = "/p";
  settings = cli::LoadSettings(EnvironmentOf(variables));
  REQUIRE(settings);
  CHECK(settings->passphrase_file == "/p");
}

TEST_CASE("settings without a file come from defaults and the locale") {
  TempDir dir;
  auto settings = cli::LoadSettings(EnvironmentOf({{"HOME", dir.path()}, {"LANG", "zh_CN.UTF-8"}}));
  REQUIRE(settings);
  CHECK(settings->lang == "zh");
  CHECK(settings->key.empty());
  std::filesystem::create_directories(dir / ".config/cunzheng");
  dir.Write(".config/cunzheng/account.key", "");
  settings =
      cli::LoadSettings(EnvironmentOf({{"HOME", dir.path()}, {"LC_ALL", "C"}, {"LANG", "zh_CN.UTF-8"}}));
  REQUIRE(settings);
  CHECK(settings->lang == "en");
  CHECK(settings->key == dir / ".config/cunzheng/account.key");
  // The specification has relative XDG paths ignored.
  settings = cli::LoadSettings(EnvironmentOf({{"HOME", dir.path()}, {"XDG_STATE_HOME", "relative"}}));
  REQUIRE(settings);
  CHECK(settings->folders.state == dir / ".local/state/cunzheng");
}

TEST_CASE("a configuration file that is wrong is named with what is wrong") {
  TempDir dir;
  std::filesystem::create_directories(dir / "cunzheng");
  const auto detail = [&](std::string_view text) {
    dir.Write("cunzheng/config.toml", text);
    const auto settings = cli::LoadSettings(EnvironmentOf({{"XDG_CONFIG_HOME", dir.path()}}));
    REQUIRE_FALSE(settings);
    CHECK(settings.error().code == Errc::kUsage);
    return settings.error().detail;
  };
  CHECK(detail("nodes = \"x\"").find("config.toml: nodes: unknown") != std::string::npos);
  CHECK(detail("node = 1").find("config.toml: node: must be a string") != std::string::npos);
  CHECK(detail("node = ").find("config.toml: line 1") != std::string::npos);
  CHECK(detail("lang = \"fr\"").find("must be zh or en") != std::string::npos);
}

TEST_CASE("a pinned trust file is replaced by its successor alone") {
  TempDir dir;
  cli::Settings settings;
  settings.folders.config = dir.path();
  const cli::TrustPins pins(settings);
  auto signer = NoteSigner::Generate("member.example", NoteKeyType::kCosignatureV1);
  REQUIRE(signer);

  ledger::Trust first;
  first.ledger = Sha256(AsBytes("a ledger"));
  first.origin = "example.org/ledger";
  ledger::TrustKey key;
  key.note_key = signer->key();
  first.members = {{"member.example", "成员", "Member", "notary", {key}}};
  REQUIRE(ledger::DecodeTrust(ledger::EncodeTrust(first)));
  REQUIRE(pins.Pin(first, false));
  REQUIRE(pins.Pin(first, false));  // the same again

  ledger::Trust second = first;
  second.version = 2;
  second.effective_size = 10;
  second.previous = ledger::TrustId(first);
  ledger::Trust stranger = second;
  stranger.previous = Sha256(AsBytes("another"));
  CHECK(CodeOf(pins.Pin(stranger, false)) == "trust_invalid");
  CHECK(CodeOf(pins.Pin(second, false)) == "ok");
  CHECK(CodeOf(pins.Pin(first, false)) == "trust_invalid");  // never back
  const auto found = pins.Find(first.ledger);
  REQUIRE(found);
  REQUIRE(*found);
  CHECK((*found)->trust == second);
  CHECK(CodeOf(pins.Pin(stranger, true)) == "ok");

  // A pin whose name and contents disagree is not used.
  const Hash other = Sha256(AsBytes("other"));
  std::filesystem::copy_file((*found)->path, dir / ("trust/" + ToHex(other) + ".json"));
  CHECK(CodeOf(pins.Find(other)) == "trust_invalid");
}
