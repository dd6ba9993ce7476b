// Progress of a long command on standard error: nothing for the first two seconds, then what is done
// and how long the rest will take. Not thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace cunzheng::node {

class Progress {
 public:
  explicit Progress(std::string unit);
  ~Progress();  // ends the line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void Update(uint64_t done, uint64_t total);

 private:
  const std::string unit_;
  const bool terminal_;
  const std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point shown_;
  bool open_line_ = false;
};

}  // namespace cunzheng::node
