// The key of an address in an index of web archives: SURT, "sort-friendly URI reordering transform".
#pragma once

#include <string>
#include <string_view>

namespace cunzheng::evidence {

// "http://www.Example.org:8080/b?y=2&x=1#f" becomes "org,example:8080)/b?x=1&y=2", as the Python library
// `surt` makes it, whose keys pywb looks up (its list of session ids that it cuts off is left out). The key
// has no white space and nothing outside printable ASCII. Of an address that is neither http nor https:
// itself, escaped. Pure.
std::string Surt(std::string_view url);

}  // namespace cunzheng::evidence
