#include "node/progress.h"

#include <unistd.h>

#include <cstdio>

namespace cunzheng::node {
namespace {

using std::chrono::steady_clock;

constexpr auto kQuiet = std::chrono::seconds(2);
// A terminal's line is rewritten; in a file each line stays, so they come seldom.
constexpr auto kTerminalInterval = std::chrono::milliseconds(200);
constexpr auto kFileInterval = std::chrono::seconds(10);

}  // namespace

Progress::Progress(std::string unit)
    : unit_(std::move(unit)),
      terminal_(isatty(STDERR_FILENO) == 1),
      start_(steady_clock::now()),
      shown_(start_) {}

Progress::~Progress() {
  if (open_line_) std::fputc('\n', stderr);
}

void Progress::Update(uint64_t done, uint64_t total) {
  const auto now = steady_clock::now();
  const auto interval =
      terminal_ ? steady_clock::duration(kTerminalInterval) : steady_clock::duration(kFileInterval);
  if (now - start_ < kQuiet || now - shown_ < interval || done == 0 || total == 0) return;
  shown_ = now;
  const std::chrono::duration<double> elapsed = now - start_;
  const double rate = static_cast<double>(done) / elapsed.count();
  const double left_s = done < total ? static_cast<double>(total - done) / rate : 0;
  std::fprintf(stderr, "%s%llu of %llu %s, %.0f %%, %.0f/s, %.0f s left%s", terminal_ ? "\r\033[K" : "",
               static_cast<unsigned long long>(done), static_cast<unsigned long long>(total), unit_.c_str(),
               100 * static_cast<double>(done) / static_cast<double>(total), rate, left_s,
               terminal_ ? "" : "\n");
  std::fflush(stderr);
  open_line_ = terminal_;
}

}  // namespace cunzheng::node
