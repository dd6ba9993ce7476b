// A temporary file without a name, beside the one that will be made of it: nothing is left of it whatever
// happens.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "client/evidence/zip.h"
#include "crypto/result.h"

namespace cunzheng::evidence {

// Appending and reading may not happen at the same time.
class Spool final : public ByteSource {
 public:
  // In the folder of `path`, which names it in errors. Errors: kIo.
  static Result<std::unique_ptr<Spool>> Create(const std::string& path);
  ~Spool() override;
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  // Errors: kIo; part of the bytes may be there then.
  Result<void> Append(std::string_view bytes);
  uint64_t length() const override { return length_; }
  Result<std::string> Read(uint64_t offset, size_t length) const override;

 private:
  Spool(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

  const std::string path_;
  const int fd_;
  uint64_t length_ = 0;
};

}  // namespace cunzheng::evidence
