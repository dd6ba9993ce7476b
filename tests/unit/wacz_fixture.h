// A small WACZ for tests: a page, a picture, a redirect, a form that is posted, a failed address; and its
// tiles.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/evidence/wacz.h"
#include "client/evidence/zip.h"

namespace cunzheng::evidence {

inline constexpr uint64_t kWaczTestTime = 1'763'718'323'123'456;  // 2025-11-21T09:45:23.123456Z

// A PNG of one colour, 8-bit RGB.
std::string PlainPng(uint32_t width, uint32_t height, uint32_t rgb);

// A response's record, linked to its request's.
struct TestExchange {
  WarcRecord request, response;
};
TestExchange MakeTestExchange(std::string_view method, std::string_view url, std::string_view status_line,
                              std::string_view content_type, std::string_view body, uint64_t time_unix_us);

// All of its bytes.
std::string MakeTestWacz();

// Members by name, in order, and back to an archive of the one shape.
using Members = std::vector<std::pair<std::string, std::string>>;
Members Unpack(std::string_view zip);
std::string Pack(const Members& members);
std::string* Find(Members* members, std::string_view name);

// Makes datapackage.json and its signed digest again after a member was changed, added or removed, so that
// only a deeper check can see it. The fields of datapackage.json stay as they are.
void Reseal(Members* members);

// CheckWacz of an archive's bytes; "" or the error.
std::string CheckText(std::string_view zip);

}  // namespace cunzheng::evidence
