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

// Errors: kIo (directories too), kTooLarge.
Result<std::string> ReadWholeFile(const std::string& path, size_t length_max);

// The same for a file that holds a secret: a regular file whose mode has any bit outside 0600 is
// kNotAuthorised, with the command that mends it. Errors: kIo, kTooLarge, kNotAuthorised.
Result<std::string> ReadSecretFile(const std::string& path, size_t length_max);

}  // namespace cunzheng
