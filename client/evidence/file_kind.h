// What a file is to whoever verifies it.
#pragma once

#include <string>
#include <string_view>

#include "crypto/result.h"

namespace cunzheng::evidence {

enum class FileKind { kOther, kPackage, kDisclosure, kHistory };

// By the file's name or else, since files are renamed on their way to a court, by how it begins. Of a file
// that cannot be read the name alone counts.
FileKind FindFileKind(const std::string& path);

}  // namespace cunzheng::evidence
