#include "client/evidence/parts.h"

#include <algorithm>

#include "client/evidence/wacz.h"
#include "ledger/record.h"

namespace cunzheng::evidence {
namespace {

constexpr std::string_view kType = "cunzheng/parts/v1";
constexpr size_t kUrlBytesMax = 4'096;
constexpr size_t kKindBytesMax = 32;

// A WARC record's address as the list may hold it; JSON of the project holds no control characters and no
// broken text.
std::optional<std::string> UrlFor(const std::string& url) {
  if (url.empty() || url.size() > kUrlBytesMax) return std::nullopt;
  const auto quoted = json::Encode(json::Value(url));
  if (!json::Parse(quoted, json::Form::kCanonical, quoted.size())) return std::nullopt;
  return url;
}

bool IsArchive(const ZipMember& member) {
  return member.name.starts_with("archive/");
}

// The parts without their salts, one after the other; `take` returns false to end the walk.
using PartTaker = std::function<Result<bool>(Part)>;

Result<void> WalkParts(const ZipReader& wacz, const DigestProgress& progress, const PartTaker& take) {
  uint64_t done = 0;
  const auto on = [&](uint64_t bytes) { return !progress || progress(done + bytes); };
  for (const ZipMember& member : wacz.members()) {
    const auto source = wacz.Source(member);
    ASSIGN_OR_RETURN(const FileDigest whole, DigestSource(*source, on));
    Part part;
    part.path = member.name;
    part.length = member.length;
    part.digest = whole.digests;
    ASSIGN_OR_RETURN(bool more, take(std::move(part)));
    if (!more) return {};
    done += member.length;
    if (!IsArchive(member)) continue;
    ASSIGN_OR_RETURN(const auto places, ListRecords(*source));
    for (const RecordPlace& place : places) {
      ASSIGN_OR_RETURN(const FileDigest piece, DigestSource(*PartOf(source, place.offset, place.length)));
      Part record;
      record.path = member.name;
      record.offset = place.offset;
      record.length = place.length;
      record.digest = piece.digests;
      record.url = UrlFor(place.url);
      record.kind = place.type;
      ASSIGN_OR_RETURN(more, take(std::move(record)));
      if (!more) return {};
      if (!on(0)) return Error{Errc::kInterrupted, "stopped"};
    }
  }
  return {};
}

Error Differs(const Part& part, const std::string& what) {
  return {Errc::kDigestMismatch, part.Name() + ": " + what};
}

// What stands at this place of the WACZ, beside what the list has there; the salt is not told by the bytes.
Result<void> Compare(const Part& found, const Part& listed, const ZipReader& wacz,
                     const std::vector<Part>& parts) {
  if (found.path != listed.path || found.offset != listed.offset) {
    if (wacz.Find(listed.path) == nullptr)
      return Differs(listed, "is in the list of parts, and not in the WACZ");
    const auto same = [&](const Part& part) {
      return part.path == found.path && part.offset == found.offset;
    };
    if (std::none_of(parts.begin(), parts.end(), same)) {
      return Differs(found, "is in the WACZ, and not in the list of parts");
    }
    return Differs(found, "stands where the list of parts has " + listed.Name());
  }
  if (found.length != listed.length || found.digest != listed.digest) {
    return Differs(found, "its bytes are not those of the list of parts");
  }
  if (found.url != listed.url || found.kind != listed.kind) {
    return Differs(found, "address or kind is not that of the list of parts");
  }
  return {};
}

}  // namespace

std::string Part::Name() const {
  return offset ? path + "@" + std::to_string(*offset) : path;
}

json::Value PartToJson(const Part& part) {
  json::Object object{{"path", part.path},
                      {"length", part.length},
                      {"digest", ledger::DigestsToJson(part.digest)},
                      {"salt", ToHex(part.salt)}};
  if (part.offset) object.emplace("offset", *part.offset);
  if (part.url) object.emplace("url", *part.url);
  if (part.kind) object.emplace("kind", *part.kind);
  return object;
}

Result<Part> PartFromJson(const json::Value& value, std::string what) {
  json::ObjectReader reader(value, std::move(what));
  Part part;
  part.path = reader.String("path", 1, 512);
  if (const auto name = CheckZipName(part.path); !part.path.empty() && !name) {
    reader.Fail(Errc::kInvalidValue, "path", name.error().detail);
  }
  if (reader.Has("offset")) part.offset = reader.Integer("offset", 0, kZipBytesMax);
  part.length = reader.Integer("length", 0, kZipBytesMax);
  if (const auto digest = ledger::DigestsFromJson(reader.Child("digest"), reader.what() + ".digest")) {
    part.digest = *digest;
  } else {
    reader.Adopt(digest.error());
  }
  part.salt = reader.Hex32("salt");
  if (reader.Has("url")) part.url = reader.String("url", 1, kUrlBytesMax);
  if (reader.Has("kind")) part.kind = reader.String("kind", 1, kKindBytesMax);
  RETURN_IF_ERROR(reader.Finish());
  return part;
}

Hash PartLeaf(const Part& part) {
  return ledger::LeafHash(AsBytes(json::Encode(PartToJson(part))));
}

std::vector<Hash> PartLeaves(const std::vector<Part>& parts) {
  std::vector<Hash> leaves;
  leaves.reserve(parts.size());
  for (const Part& part : parts) leaves.push_back(PartLeaf(part));
  return leaves;
}

std::string EncodeParts(const std::vector<Part>& parts) {
  json::Array list;
  list.reserve(parts.size());
  for (const Part& part : parts) list.push_back(PartToJson(part));
  return json::Encode(json::Object{{"type", kType}, {"parts", std::move(list)}});
}

Result<std::vector<Part>> DecodeParts(std::string_view text) {
  ASSIGN_OR_RETURN(const json::Value value, json::Parse(text, json::Form::kCanonical, kPartsBytesMax));
  json::ObjectReader reader(value, "parts");
  reader.Type(kType);
  std::vector<Part> parts;
  for (const json::Value& item : reader.List("parts", 1, kPartsMax)) {
    auto part = PartFromJson(item, "parts.parts");
    if (!part) {
      reader.Adopt(part.error());
      break;
    }
    parts.push_back(std::move(part).value());
  }
  RETURN_IF_ERROR(reader.Finish());
  return parts;
}

Result<std::vector<Part>> ListParts(const ZipReader& wacz, const DigestProgress& progress) {
  std::vector<Part> parts;
  RETURN_IF_ERROR(WalkParts(wacz, progress, [&](Part part) -> Result<bool> {
    if (parts.size() == kPartsMax) {
      return Error{Errc::kTooLarge, "parts: more than " + std::to_string(kPartsMax)};
    }
    part.salt = RandomHash();
    parts.push_back(std::move(part));
    return true;
  }));
  return parts;
}

Result<void> CheckParts(const ZipReader& wacz, const std::vector<Part>& parts,
                        const DigestProgress& progress) {
  size_t next = 0;
  RETURN_IF_ERROR(WalkParts(wacz, progress, [&](const Part& found) -> Result<bool> {
    if (next == parts.size()) return Differs(found, "is in the WACZ, and not in the list of parts");
    RETURN_IF_ERROR(Compare(found, parts[next++], wacz, parts));
    return true;
  }));
  if (next < parts.size()) return Differs(parts[next], "is in the list of parts, and not in the WACZ");
  return {};
}

}  // namespace cunzheng::evidence
