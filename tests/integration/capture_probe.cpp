// One capture with limits of one's choice, for tests of what browsers meet on pages:
//
//   capture_probe WACZ URL [load=MS] [body=MS] [phone] [local] … [--browser-argument…]
//
// Prints what CapturePage says, and whether the verifier takes what it wrote, as one line of JSON. Exit: 0, 1
// for errors.
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <functional>
#include <map>
#include <string>

#include "client/capture/capture.h"
#include "client/evidence/wacz.h"
#include "client/evidence/zip.h"
#include "crypto/json.h"

namespace {

using namespace cunzheng;

volatile std::sig_atomic_t interrupted = 0;

bool SetLimit(const std::string& word, capture::CaptureOptions* options) {
  using Setter = std::function<void(uint64_t)>;
  using Milliseconds = std::chrono::milliseconds;
  const std::map<std::string, Setter> setters = {
      {"quiet", [&](uint64_t n) { options->page.quiet = Milliseconds(n); }},
      {"load", [&](uint64_t n) { options->page.load_within = Milliseconds(n); }},
      {"scroll", [&](uint64_t n) { options->page.scroll_within = Milliseconds(n); }},
      {"answer", [&](uint64_t n) { options->page.answer_within = Milliseconds(n); }},
      {"total", [&](uint64_t n) { options->page.total_within = Milliseconds(n); }},
      {"height", [&](uint64_t n) { options->page.height_max = static_cast<uint32_t>(n); }},
      {"refetches", [&](uint64_t n) { options->page.refetches_max = static_cast<uint32_t>(n); }},
      {"refetch", [&](uint64_t n) { options->page.refetch_within = Milliseconds(n); }},
      {"targets", [&](uint64_t n) { options->page.targets_max = static_cast<uint32_t>(n); }},
      {"memory", [&](uint64_t n) { options->page.memory_bytes_max = n << 20; }},
      {"profile", [&](uint64_t n) { options->page.profile_bytes_max = n << 20; }},
      {"body", [&](uint64_t n) { options->exchanges.body_within = Milliseconds(n); }},
      {"body_kib", [&](uint64_t n) { options->exchanges.body_bytes_max = n << 10; }},
      {"exchanges", [&](uint64_t n) { options->exchanges.exchanges_max = n; }},
      {"rebind", [&](uint64_t n) { options->rebind_every = std::chrono::seconds(n); }},
      {"record", [&](uint64_t n) { options->record = Milliseconds(n); }},
      {"phone", [&](uint64_t) { options->phone = true; }},
      {"local", [&](uint64_t) { options->allow_local = true; }},
  };
  const size_t equals = word.find('=');
  const auto setter = setters.find(word.substr(0, equals));
  uint64_t number = 0;
  if (equals != std::string::npos) {
    const char* const end = word.data() + word.size();
    if (std::from_chars(word.data() + equals + 1, end, number).ptr != end) return false;
  }
  if (setter == setters.end()) return false;
  setter->second(number);
  return true;
}

// "ok", or why not.
std::string Check(const std::string& path) {
  const auto source = evidence::OpenFileSource(path);
  if (!source) return source.error().ToString();
  const auto zip = evidence::ZipReader::Open(*source);
  if (!zip) return zip.error().ToString();
  const auto report = evidence::CheckWacz(*zip);
  return report ? "ok" : report.error().ToString();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  capture::CaptureOptions options;
  options.url = argv[2];
  options.tool = "capture_probe/1";
  options.ask_outside = false;
  options.browser.sandbox = geteuid() != 0;
  options.checkpoint = "probe.test/ledger\n1\nAAAA\n\n— probe.test/ledger AAAA\n";
  options.ledger.fetch_checkpoint = [&options]() -> Result<std::string> { return *options.checkpoint; };
  for (int i = 3; i < argc; i++) {
    const std::string word = argv[i];
    if (word.starts_with("--")) {
      options.browser.arguments.push_back(word);
    } else if (!SetLimit(word, &options)) {
      std::fprintf(stderr, "error: %s: no such limit\n", word.c_str());
      return 2;
    }
  }
  std::signal(SIGINT, [](int) { interrupted = 1; });
  const auto summary = capture::CapturePage(
      options, argv[1],
      [](const capture::OperationStep& step) {
        std::fprintf(stderr, "%7.2f %s %s\n", static_cast<double>(step.monotonic_us) / 1e6, step.what.c_str(),
                     step.detail.substr(0, step.detail.find('\n')).c_str());
      },
      [] { return interrupted != 0; });
  if (!summary) {
    std::printf("%s\n", json::Encode(json::Object{{"error", std::string(ErrcName(summary.error().code))},
                                                  {"detail", summary.error().detail}})
                            .c_str());
    return 1;
  }
  std::printf("%s\n", json::Encode(json::Object{{"outcome", OutcomeName(summary->outcome)},
                                                {"check", Check(argv[1])},
                                                {"stopped", summary->stopped},
                                                {"url", summary->url},
                                                {"final_url", summary->final_url},
                                                {"title", summary->title},
                                                {"failure", summary->failure},
                                                {"status", static_cast<uint64_t>(summary->status)}})
                          .c_str());
  return 0;
}
