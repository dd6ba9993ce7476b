#include "node/response.h"

#include <algorithm>

#include "crypto/json.h"

namespace cunzheng::node {
namespace {

// What a client can do about it; empty where the detail says all.
std::string_view Hint(Errc code) {
  switch (code) {
    case Errc::kUnknownAccount:
      return "ask the institution to add the account: cunzhengd account add --account-key K.pub";
    case Errc::kAccountSuspended:
      return "ask the institution that sponsors the account";
    case Errc::kQuotaExceeded:
      return "wait for the next day (UTC), or ask the institution for a higher quota";
    case Errc::kWrongLedger:
      return "the batch was made for another ledger; compare with GET /v1/ledger";
    case Errc::kClientTimeAhead:
      return "set the client's clock";
    case Errc::kSignatureNotLowS:
      return "sign with a library that gives low-S signatures, such as libsecp256k1";
    case Errc::kBusy:
    case Errc::kRateLimited:
    case Errc::kReadOnly:
    case Errc::kStopping:
      return "send the same bytes again later; a repeated batch is stored once";
    case Errc::kClockUnsound:
      return "send the same bytes again later; operators: cunzhengd clock resume";
    default:
      return {};
  }
}

std::optional<uint64_t> RetryAfter(Errc code, uint64_t now_unix_ms) {
  switch (code) {
    case Errc::kBusy:
    case Errc::kRateLimited:
      return 1;
    case Errc::kStopping:
      return 5;
    case Errc::kClockUnsound:
    case Errc::kReadOnly:
      return 30;
    case Errc::kQuotaExceeded:
      return 86'400 - now_unix_ms / 1'000 % 86'400;
    default:
      return std::nullopt;
  }
}

// Details may quote what a client sent; JSON strings of the profile hold no control characters.
std::string Printable(std::string_view text) {
  std::string out(text.substr(0, 1'000));
  for (char& c : out) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f) c = '?';
  }
  return out;
}

Response Build(int status, std::string_view code, std::string_view detail, std::string_view hint) {
  std::string title(code);
  std::replace(title.begin(), title.end(), '_', ' ');
  Response response;
  response.status = status;
  response.content_type = kProblemType;
  json::Object object;
  object["type"] = "urn:cunzheng:error:" + std::string(code);
  object["title"] = std::move(title);
  object["status"] = static_cast<uint64_t>(status);
  object["code"] = code;
  object["detail"] = Printable(detail);
  if (!hint.empty()) object["hint"] = hint;
  response.body = json::EncodePretty(std::move(object));
  return response;
}

}  // namespace

Response Problem(int status, std::string_view code, std::string_view detail) {
  return Build(status, code, detail, {});
}

Response Problem(const Error& error, uint64_t now_unix_ms) {
  Response response = Build(ErrcHttpStatus(error.code), ErrcName(error.code), error.detail, Hint(error.code));
  response.retry_after_s = RetryAfter(error.code, now_unix_ms);
  return response;
}

}  // namespace cunzheng::node
