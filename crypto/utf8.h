// Strict UTF-8 (RFC 3629): shortest form, no surrogates, nothing above U+10FFFF. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cunzheng {

// Decodes the first character of `text` into `c`. Returns its length in bytes, 0 when the text does
// not begin with a well-formed character (an empty text included).
size_t DecodeUtf8(std::string_view text, char32_t* c);

// Requires a Unicode scalar value.
void AppendUtf8(char32_t c, std::string* out);

}  // namespace cunzheng
