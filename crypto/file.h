// Whole files: read within a limit, written so that a crash leaves the old bytes or the new ones.
// Safe from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "crypto/result.h"

namespace cunzheng {

// Writes bytes to a new temporary file beside `path`, syncs, renames, syncs the folder.
// `mode` e.g. 0600, whatever the umask. With `replace` false an existing path is kAlreadyExists and stays
// as it is, also when another process creates it at the same moment. Errors: kIo, kAlreadyExists.
Result<void> WriteFileAtomically(const std::string& path, std::string_view bytes, uint32_t mode,
                                 bool replace);

// The same in pieces, for what does not fit into memory: a file that grows beside `path` and gets its name
// when it is whole and durable. Until then, and when the object goes away before, there is no file of that
// name (an older one stays). Not thread-safe.
class NewFile {
 public:
  // Errors: kIo.
  static Result<NewFile> Create(std::string path, uint32_t mode);
  NewFile(NewFile&& other) noexcept;
  NewFile& operator=(NewFile&& other) noexcept;
  ~NewFile();

  // Errors: kIo.
  Result<void> Append(std::string_view bytes);
  // Writes again what is there already. Precondition: offset + bytes.size() <= length(). Errors: kIo.
  Result<void> Overwrite(uint64_t offset, std::string_view bytes);
  uint64_t length() const { return length_; }
  // Once; nothing is written afterwards. Errors: kIo, kAlreadyExists.
  Result<void> Finish(bool replace);

 private:
  NewFile() = default;
  void Discard();

  std::string path_, temporary_path_;  // the latter empty when there is nothing left to remove
  int fd_ = -1;
  uint64_t length_ = 0;
};

// Errors: kIo (directories too), kTooLarge.
Result<std::string> ReadWholeFile(const std::string& path, size_t length_max);

// The same for a file that holds a secret: a regular file whose mode has any bit outside 0600 is
// kNotAuthorised, with the command that mends it. Errors: kIo, kTooLarge, kNotAuthorised.
Result<std::string> ReadSecretFile(const std::string& path, size_t length_max);

}  // namespace cunzheng
