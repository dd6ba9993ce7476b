#include "crypto/result.h"

namespace cunzheng {
namespace {

struct ErrcRow {
  std::string_view name;
  int http_status;
  int exit_code;
};

constexpr ErrcRow kRows[] = {
#define X(name, wire, http, exit) {wire, http, exit},
    CUNZHENG_ERRC_LIST(X)
#undef X
};

const ErrcRow& RowOf(Errc code) {
  const auto index = static_cast<size_t>(code);
  CHECK_INVARIANT(index < std::size(kRows));
  return kRows[index];
}

}  // namespace

std::string_view ErrcName(Errc code) {
  return RowOf(code).name;
}
std::optional<Errc> ErrcFromName(std::string_view name) {
  for (size_t i = 0; i < std::size(kRows); ++i) {
    if (kRows[i].name == name) return static_cast<Errc>(i);
  }
  return std::nullopt;
}
int ErrcHttpStatus(Errc code) {
  return RowOf(code).http_status;
}
int ErrcExitCode(Errc code) {
  return RowOf(code).exit_code;
}

std::string Error::ToString() const {
  std::string text(ErrcName(code));
  if (!detail.empty()) text.append(": ").append(detail);
  return text;
}

namespace internal {

void CheckFailed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "%s:%d: invariant broken: %s\n", file, line, condition);
  std::abort();
}

}  // namespace internal
}  // namespace cunzheng
