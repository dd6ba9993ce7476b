// What the API answers, apart from any HTTP library; and the problem documents of errors (RFC 9457,
// specs/http-api.md "Errors").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/result.h"

namespace cunzheng::node {

inline constexpr std::string_view kJsonType = "application/json";
inline constexpr std::string_view kProblemType = "application/problem+json";
inline constexpr std::string_view kTextType = "text/plain; charset=utf-8";
inline constexpr std::string_view kBytesType = "application/octet-stream";

struct Response {
  int status = 200;
  std::string_view content_type = kJsonType;  // a literal
  std::string body;
  std::optional<uint64_t> retry_after_s;
  std::string_view allow;  // of a 405; a literal
  bool immutable = false;  // may be cached for ever
};

// `code`: an Errc name or one of HTTP's own: "method_not_allowed", "length_required",
// "uri_too_long", "unsupported_media_type", "header_too_large", "request_timeout", "bad_request".
Response Problem(int status, std::string_view code, std::string_view detail);
// Status, hint and Retry-After by the error's code. `now_unix_ms`: for quotas, which renew at
// midnight UTC.
Response Problem(const Error& error, uint64_t now_unix_ms);

}  // namespace cunzheng::node
