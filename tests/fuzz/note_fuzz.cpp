// Any text: a note that is accepted encodes to the same bytes, and so does a note key.
#include "crypto/note.h"

using namespace cunzheng;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = AsText({data, size});
  // The cosigner of the seed corpus, so that valid signatures are met too.
  static const NoteKey key =
      ParseNoteKey("notary-a+95db8e5f+BAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4").value();
  if (const auto note = ParseNote(text)) {
    CHECK_INVARIANT(EncodeNote(*note) == text);
    CHECK_INVARIANT(note->body.ends_with('\n') && !note->signatures.empty());
    for (const NoteSignature& signature : note->signatures) {
      const auto verified = VerifyNoteSignature(*note, signature, key);
      CHECK_INVARIANT(verified || verified.error().code == Errc::kSignatureInvalid);
    }
  }
  if (const auto parsed = ParseNoteKey(text)) CHECK_INVARIANT(parsed->Encode() == text);
  return 0;
}
