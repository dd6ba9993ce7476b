// Addresses to capture, and what their packages are called. Pure but for reading the list's file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/result.h"

namespace cunzheng::cli {

inline constexpr size_t kCaptureListMax = 100'000;
inline constexpr size_t kCaptureUrlBytesMax = 8'192;

// http or https with a host, without user name and password. Errors: kUsage, naming the rule.
Result<void> CheckCaptureUrl(const std::string& url);
// Lower-case host of an address that was checked.
std::string HostOf(std::string_view url);

// One address a line; blank lines and those that begin with # are passed over, repeated ones too.
// Errors: kIo, kTooLarge, kUsage (the line's number and what is wrong with it).
Result<std::vector<std::string>> ReadCaptureList(const std::string& path);

// "example.com-20261121T120000Z": a single capture.
std::string CaptureName(std::string_view url, uint64_t time_unix_s);
// "example.com-1f0c33a8b2d4e6f7": one of a list, the same in every run, so that a run can be resumed.
std::string ListedName(std::string_view url);

}  // namespace cunzheng::cli
