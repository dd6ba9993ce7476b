// Any text: what the canonical decoder accepts re-encodes to itself, what the readable decoder accepts
// keeps its meaning, and canonical text is readable text.
#include "crypto/json.h"

using namespace cunzheng;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = AsText({data, size});
  const auto readable = json::Parse(text, json::Form::kReadable, size);
  const auto canonical = json::Parse(text, json::Form::kCanonical, size);
  if (canonical) {
    CHECK_INVARIANT(json::Encode(*canonical) == text);
    CHECK_INVARIANT(readable && *readable == *canonical);
  }
  if (readable) {
    const std::string pretty = json::EncodePretty(*readable);
    const auto again = json::Parse(pretty, json::Form::kReadable, pretty.size());
    CHECK_INVARIANT(again && *again == *readable);
    CHECK_INVARIANT(json::EncodePretty(*again) == pretty);
    // Text of this profile in another form is told apart from text outside it.
    const bool line_end = json::Encode(*readable).find("\\n") != std::string::npos;
    const bool mark = text.starts_with("\xEF\xBB\xBF");
    if (!canonical && !line_end && !mark) CHECK_INVARIANT(canonical.error().code == Errc::kNotCanonical);
  }
  return 0;
}
