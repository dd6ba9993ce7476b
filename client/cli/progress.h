// How far a long deposit or verification is: a bar with rate and time left on a terminal, a line now and then
// elsewhere; nothing at all for the first two seconds. On standard error.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace cunzheng::cli {

class Progress {
 public:
  Progress(uint64_t bytes_total, uint64_t files_total);
  ~Progress() { Clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `bytes_of_file`: of the file under way, on top of the files that are done.
  void Update(uint64_t bytes_of_file);
  void FileDone(uint64_t bytes);
  // Takes the bar off the terminal, so that other lines can be printed.
  void Clear();

 private:
  std::string Line(double elapsed_s, uint64_t bytes_done) const;

  using Clock = std::chrono::steady_clock;
  const uint64_t bytes_total_, files_total_;
  const bool terminal_;
  const Clock::time_point began_ = Clock::now();
  Clock::time_point next_;
  uint64_t bytes_done_ = 0, files_done_ = 0;
  bool shown_ = false;
};

// "3.4 GiB".
std::string BytesText(uint64_t bytes);

}  // namespace cunzheng::cli
