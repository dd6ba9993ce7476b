// Field shapes that several formats share. Internal to ledger's decoders and encoders. Pure.
//
// Readers take the ObjectReader of the object that holds the field, report their errors through it, and
// return a default after an error, as its own accessors do.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/json.h"
#include "crypto/note.h"
#include "crypto/sign.h"
#include "ledger/batch.h"
#include "ledger/merkle.h"

namespace cunzheng::ledger {

// The line up to the next line end, which is taken off `rest` with it; nullopt when there is none.
std::optional<std::string_view> TakeLine(std::string_view* rest);

// Origins and member ids: [a-z0-9.-]+(/[a-z0-9._-]+)* (specs/entry.md, "Genesis"). Length is the caller's.
bool IsOriginName(std::string_view text);
// Reads such a name of 1..`length_max` bytes.
std::string ReadOriginName(json::ObjectReader& reader, std::string_view key, size_t length_max);

std::optional<uint64_t> ReadOptionalInteger(json::ObjectReader& reader, std::string_view key, uint64_t min,
                                            uint64_t max);

// An array of 0..`count_max` hex32.
Path ReadPath(json::ObjectReader& reader, std::string_view key, size_t count_max);
json::Value PathToJson(const Path& path);

inline constexpr size_t kMemberIdLengthMax = 128;
inline constexpr size_t kAccountNameLengthMax = 200;
// Any text up to this length is a suite, known or not.
inline constexpr size_t kSuiteNameLengthMax = 1'024;

// `suite` and `public_key` of an account that is being named for the first time: the point is checked here.
PublicKey ReadPublicKey(json::ObjectReader& reader);
// A vkey of that type, and of that name unless it is empty.
NoteKey ReadNoteKey(json::ObjectReader& reader, std::string_view field, NoteKeyType type,
                    std::string_view name);
// "<suite>:<66 hex digits>".
std::optional<PublicKey> ParsePublicKey(std::string_view text);
std::string PublicKeyText(const PublicKey& key);
// An array of 0..`count_max` strings, each base64 of 1..`length_max` bytes.
std::vector<Bytes> ReadBase64List(json::ObjectReader& reader, std::string_view field, size_t count_max,
                                  size_t length_max);

// `suite`, `public_key`, `signature` (specs/batch.md, entry.md). That the key is a point on its curve is
// VerifySignature's to say, because that check costs as much as decoding all the rest.
SignatureBlock ReadSignatureBlock(json::ObjectReader& reader);
void PutSignatureBlock(const SignatureBlock& block, json::Object* object);

// The optional field `attrs` (specs/record.md). An empty map stands for its absence.
std::map<std::string, std::string> ReadAttrs(json::ObjectReader& reader);
void PutAttrs(const std::map<std::string, std::string>& attrs, json::Object* object);

// An institution's name in both languages, {"en":…,"zh":…}.
struct Names {
  std::string en, zh;
};
Names ReadNames(json::ObjectReader& reader, std::string_view key);
json::Value NamesToJson(std::string_view en, std::string_view zh);

// notary, court, platform, agency, arbitration, operator.
std::string ReadRole(json::ObjectReader& reader);

}  // namespace cunzheng::ledger
