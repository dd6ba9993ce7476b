// Result<T>: a value or an Error, with std::expected's names (specs/errors.md lists the codes).
//
// Every fallible function of the project returns one. Input never throws and never aborts; a broken
// invariant of our own aborts through CHECK, which stays on in release builds.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace cunzheng {

// One row per code: enumerator, stable wire name, HTTP status, exit code of `cunzheng`.
// Wire names appear in problem documents, `--json` output and test vectors; they never change meaning.
// clang-format off
#define CUNZHENG_ERRC_LIST(X)                                       \
  /* decoding */                                                    \
  X(kInvalidJson, "invalid_json", 400, 1)                           \
  X(kNotCanonical, "not_canonical", 400, 1)                         \
  X(kDuplicateKey, "duplicate_key", 400, 1)                         \
  X(kInvalidString, "invalid_string", 400, 1)                       \
  X(kTooLarge, "too_large", 413, 1)                                 \
  X(kTooDeep, "too_deep", 400, 1)                                   \
  X(kMissingField, "missing_field", 400, 1)                         \
  X(kUnknownField, "unknown_field", 400, 1)                         \
  X(kWrongType, "wrong_type", 400, 1)                               \
  X(kInvalidValue, "invalid_value", 400, 1)                         \
  X(kUnsupportedVersion, "unsupported_version", 400, 1)             \
  X(kInvalidEncoding, "invalid_encoding", 400, 1)                   \
  X(kNoteMalformed, "note_malformed", 400, 1)                       \
  X(kEnvelopeMalformed, "envelope_malformed", 400, 1)               \
  /* keys and signatures */                                         \
  X(kKeyInvalid, "key_invalid", 400, 1)                             \
  X(kSuiteUnknown, "suite_unknown", 400, 1)                         \
  X(kSignatureInvalid, "signature_invalid", 401, 1)                 \
  X(kSignatureNotLowS, "signature_not_low_s", 400, 1)               \
  X(kKeyFileInvalid, "key_file_invalid", 500, 2)                    \
  X(kPassphraseWrong, "passphrase_wrong", 500, 2)                   \
  /* trees and proofs */                                            \
  X(kIndexOutOfRange, "index_out_of_range", 400, 1)                 \
  X(kProofLength, "proof_length", 400, 1)                           \
  X(kRootMismatch, "root_mismatch", 400, 1)                         \
  /* ledger rules */                                                \
  X(kWrongLedger, "wrong_ledger", 422, 1)                           \
  X(kWrongAccount, "wrong_account", 422, 1)                         \
  X(kCountMismatch, "count_mismatch", 422, 1)                       \
  X(kRecordsMissing, "records_missing", 422, 1)                     \
  X(kRecordsUnexpected, "records_unexpected", 422, 1)               \
  X(kSaltForbidden, "salt_forbidden", 422, 1)                       \
  X(kSaltMissing, "salt_missing", 422, 1)                           \
  X(kUnknownAccount, "unknown_account", 403, 7)                     \
  X(kAccountSuspended, "account_suspended", 403, 7)                 \
  X(kQuotaExceeded, "quota_exceeded", 429, 7)                       \
  X(kClientTimeAhead, "client_time_ahead", 422, 7)                  \
  X(kExpired, "expired", 422, 7)                                    \
  X(kUnknownMember, "unknown_member", 403, 7)                       \
  X(kNotAuthorised, "not_authorised", 403, 7)                       \
  X(kBelowSafeMinimum, "below_safe_minimum", 422, 7)                \
  X(kAlreadyExists, "already_exists", 409, 7)                       \
  X(kNotFound, "not_found", 404, 1)                                 \
  /* verification */                                                \
  X(kOriginMismatch, "origin_mismatch", 422, 1)                     \
  X(kDigestMismatch, "digest_mismatch", 422, 1)                     \
  X(kLengthMismatch, "length_mismatch", 422, 1)                     \
  X(kManifestMismatch, "manifest_mismatch", 422, 1)                 \
  X(kTokenInvalid, "token_invalid", 422, 1)                         \
  X(kQuorumNotMet, "quorum_not_met", 422, 3)                        \
  X(kTrustNotEstablished, "trust_not_established", 422, 5)          \
  X(kRetiredKeysOnly, "retired_keys_only", 422, 6)                  \
  X(kTrustInvalid, "trust_invalid", 422, 5)                         \
  /* running */                                                     \
  X(kUsage, "usage", 400, 2)                                        \
  X(kIo, "io_error", 500, 8)                                        \
  X(kReadOnly, "read_only", 503, 4)                                 \
  X(kBusy, "busy", 503, 4)                                          \
  X(kRateLimited, "rate_limited", 429, 4)                           \
  X(kClockUnsound, "clock_unsound", 503, 4)                         \
  X(kStopping, "stopping", 503, 4)                                  \
  X(kStoreLocked, "store_locked", 500, 8)                           \
  X(kStoreCorrupt, "store_corrupt", 500, 8)                         \
  X(kUnsupportedFormat, "unsupported_format", 500, 8)               \
  X(kUnreachable, "unreachable", 502, 4)                            \
  X(kTimeout, "timeout", 504, 4)                                    \
  X(kInterrupted, "interrupted", 500, 130)                          \
  X(kInternal, "internal", 500, 70)
// clang-format on

enum class Errc {
#define X(name, wire, http, exit) name,
  CUNZHENG_ERRC_LIST(X)
#undef X
};

// The stable wire name, such as "signature_invalid".
std::string_view ErrcName(Errc code);
std::optional<Errc> ErrcFromName(std::string_view name);
// The HTTP status of a problem document that carries `code`.
int ErrcHttpStatus(Errc code);
// The exit code of `cunzheng` when `code` ends a command.
int ErrcExitCode(Errc code);

// What went wrong. `detail` is one English sentence fragment that names the field and the rule,
// e.g. "record.length: must be an integer from 0 to 9007199254740991".
struct Error {
  Errc code;
  std::string detail;

  // "signature_invalid: batch signature does not verify"
  std::string ToString() const;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  // Precondition: has_value(). Violations abort.
  T& value() & { return Checked(), *std::get_if<0>(&state_); }
  const T& value() const& { return Checked(), *std::get_if<0>(&state_); }
  T&& value() && { return Checked(), std::move(*std::get_if<0>(&state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // Precondition: !has_value(). Violations abort.
  const Error& error() const {
    if (has_value()) std::abort();
    return *std::get_if<1>(&state_);
  }

 private:
  void Checked() const {
    if (!has_value()) {
      std::fprintf(stderr, "Result::value() on error %s\n", std::get_if<1>(&state_)->ToString().c_str());
      std::abort();
    }
  }
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : failed_(true), error_(std::move(error)) {}

  bool has_value() const { return !failed_; }
  explicit operator bool() const { return has_value(); }
  const Error& error() const {
    if (!failed_) std::abort();
    return error_;
  }

 private:
  bool failed_ = false;
  Error error_{};
};

namespace internal {
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);
}

}  // namespace cunzheng

// Always-on assertion for our own invariants; never for input.
#define CHECK_INVARIANT(condition)                                                       \
  do {                                                                                   \
    if (!(condition)) ::cunzheng::internal::CheckFailed(__FILE__, __LINE__, #condition); \
  } while (false)

// The arguments below are statements and declarations, which parentheses would break.
// NOLINTBEGIN(bugprone-macro-parentheses)
#define CUNZHENG_CONCAT_INNER(a, b) a##b
#define CUNZHENG_CONCAT(a, b) CUNZHENG_CONCAT_INNER(a, b)
#define CUNZHENG_ASSIGN_IMPL(ret, tmp, lhs, expr) \
  auto tmp = (expr);                              \
  if (!tmp) ret tmp.error();                      \
  lhs = std::move(tmp).value()

// ASSIGN_OR_RETURN(auto x, F()); returns F's error from the enclosing function.
#define ASSIGN_OR_RETURN(lhs, expr) \
  CUNZHENG_ASSIGN_IMPL(return, CUNZHENG_CONCAT(result_, __LINE__), lhs, expr)
// The same inside a coroutine. `expr` may hold co_await.
#define ASSIGN_OR_CO_RETURN(lhs, expr) \
  CUNZHENG_ASSIGN_IMPL(co_return, CUNZHENG_CONCAT(result_, __LINE__), lhs, expr)
// RETURN_IF_ERROR(F()); for Result<void> (or any Result whose value is not needed).
#define RETURN_IF_ERROR(expr)                                    \
  do {                                                           \
    if (auto status_ = (expr); !status_) return status_.error(); \
  } while (false)
#define CO_RETURN_IF_ERROR(expr)                                    \
  do {                                                              \
    if (auto status_ = (expr); !status_) co_return status_.error(); \
  } while (false)
// NOLINTEND(bugprone-macro-parentheses)
