#include "client/cli/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace cunzheng::cli {
namespace {

// A file costs about as much as this many bytes besides its own, so that a million tiny files have an honest
// estimate.
constexpr double kFileCostBytes = 64 * 1024;
constexpr int kBarWidth = 24;
constexpr auto kQuiet = std::chrono::seconds(2);

std::string DurationText(double seconds) {
  char text[48];
  const auto whole = static_cast<long long>(std::min(seconds + 0.5, 359'999.0));
  if (whole >= 3'600) {
    std::snprintf(text, sizeof text, "%lld:%02lld:%02lld", whole / 3'600, whole / 60 % 60, whole % 60);
  } else {
    std::snprintf(text, sizeof text, "%lld:%02lld", whole / 60, whole % 60);
  }
  return text;
}

}  // namespace

std::string BytesText(uint64_t bytes) {
  constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB"};
  char text[48];
  if (bytes < 1'024) {
    std::snprintf(text, sizeof text, "%llu B", static_cast<unsigned long long>(bytes));
    return text;
  }
  double value = static_cast<double>(bytes) / 1'024;
  size_t unit = 0;
  while (value >= 1'024 && unit + 1 < std::size(kUnits)) {
    value /= 1'024;
    ++unit;
  }
  std::snprintf(text, sizeof text, "%.1f %s", value, kUnits[unit]);
  return text;
}

Progress::Progress(uint64_t bytes_total, uint64_t files_total)
    : bytes_total_(bytes_total),
      files_total_(files_total),
      terminal_(isatty(STDERR_FILENO) == 1),
      next_(began_ + kQuiet) {}

void Progress::FileDone(uint64_t bytes) {
  bytes_done_ += bytes;
  ++files_done_;
  Update(0);
}

void Progress::Update(uint64_t bytes_of_file) {
  const auto now = Clock::now();
  if (now < next_) return;
  next_ = now + (terminal_ ? std::chrono::milliseconds(100) : std::chrono::milliseconds(5'000));
  const double elapsed_s = std::chrono::duration<double>(now - began_).count();
  const std::string line = Line(elapsed_s, bytes_done_ + bytes_of_file);
  std::fprintf(stderr, terminal_ ? "\r\x1b[K%s" : "%s\n", line.c_str());
  std::fflush(stderr);
  shown_ = terminal_;
}

void Progress::Clear() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
  shown_ = false;
}

std::string Progress::Line(double elapsed_s, uint64_t bytes_done) const {
  const double files_cost = kFileCostBytes * static_cast<double>(files_total_);
  const double done = static_cast<double>(bytes_done) + kFileCostBytes * static_cast<double>(files_done_);
  const double total = std::max(static_cast<double>(bytes_total_) + files_cost, 1.0);
  const double share = std::clamp(done / total, 0.0, 1.0);
  const auto rate = static_cast<uint64_t>(static_cast<double>(bytes_done) / elapsed_s);

  std::string line;
  if (terminal_) {
    const int filled = static_cast<int>(share * kBarWidth);
    line = "[" + std::string(static_cast<size_t>(filled), '#') +
           std::string(static_cast<size_t>(kBarWidth - filled), '.') + "] ";
  }
  char percent[16];
  std::snprintf(percent, sizeof percent, "%3.0f%%  ", share * 100);
  line += percent;
  line += std::to_string(files_done_) + "/" + std::to_string(files_total_) + "  " + BytesText(bytes_done) +
          "/" + BytesText(bytes_total_) + "  " + BytesText(rate) + "/s";
  if (share > 0 && share < 1) line += "  ETA " + DurationText(elapsed_s * (1 - share) / share);
  return line;
}

}  // namespace cunzheng::cli
