// WARC records, gzip members and addresses: what decodes encodes to itself, both readers of gzip agree,
// nothing unpacks beyond its limit, and no key of an address breaks its line of an index.
//
// Input: one byte that says what follows: 0 a record; 1 the type, headers and, after an empty line, the block
// of a record whose digests are made; 2 gzip members; else an address.
#include <algorithm>

#include "client/evidence/gzip.h"
#include "client/evidence/surt.h"
#include "client/evidence/wacz_index.h"
#include "client/evidence/warc.h"

using namespace cunzheng;
using namespace cunzheng::evidence;

namespace {

constexpr size_t kUnpackedMax = 1 << 20;

void FuzzRecord(std::string_view text) {
  const auto record = DecodeWarcRecord(text);
  if (!record) return;
  CHECK_INVARIANT(EncodeWarcRecord(*record) == text);
  // Whatever the rules of an archive make of it, an index of one record has at most one line, and that is one
  // line.
  WaczIndex index;
  const RecordPlace place{.offset = 0,
                          .length = 1,
                          .type = std::string(record->Header("WARC-Type")),
                          .url = std::string(record->Header("WARC-Target-URI"))};
  if (!index.Check({&*record, 1})) return;
  index.Add(*record, place, Hash{});
  if (!index.Close()) return;
  CHECK_INVARIANT(index.lines().size() <= 1 && index.places().size() == 1);
  for (const auto& line : index.lines()) {
    CHECK_INVARIANT(line.text.find('\n') == std::string::npos);
    CHECK_INVARIANT(*CdxjOffset(line.text) == 0);
  }
}

void FuzzMadeRecord(std::string_view text) {
  const auto take_line = [&text] {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    return line;
  };
  WarcRecord record;
  record.Set("WARC-Type", std::string(take_line()));
  for (std::string_view line = take_line(); !line.empty(); line = take_line()) {
    const size_t colon = std::min(line.find(": "), line.size());
    record.Set(std::string(line.substr(0, colon)),
               std::string(line.substr(std::min(colon + 2, line.size()))));
  }
  record.block = text;
  record.Set("WARC-Block-Digest", WarcDigest(text));
  if (const auto payload = record.Payload()) record.Set("WARC-Payload-Digest", WarcDigest(*payload));
  FuzzRecord(EncodeWarcRecord(record));
}

void FuzzGzip(std::string_view text) {
  const auto source = MemorySource(std::string(text));
  GzipReader reader(*source);
  std::string_view rest = text;
  while (!rest.empty()) {
    const uint64_t offset = text.size() - rest.size();
    const auto taken = TakeGzipMember(&rest, kUnpackedMax);
    const auto member = reader.Next(kUnpackedMax);
    CHECK_INVARIANT(taken.has_value() == member.has_value());
    if (!taken) {
      CHECK_INVARIANT(taken.error().code == member.error().code);
      return;
    }
    CHECK_INVARIANT(*member && (*member)->bytes == *taken && taken->size() <= kUnpackedMax);
    CHECK_INVARIANT((*member)->offset == offset && offset + (*member)->length == text.size() - rest.size());
  }
  const auto end = reader.Next(kUnpackedMax);
  CHECK_INVARIANT(end && !*end);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text = AsText({data + 1, size - 1});
  if (data[0] == 0) {
    FuzzRecord(text);
  } else if (data[0] == 1) {
    FuzzMadeRecord(text);
  } else if (data[0] == 2) {
    FuzzGzip(text);
  } else {
    const std::string key = Surt(text);
    CHECK_INVARIANT(std::all_of(key.begin(), key.end(), [](char c) { return c > 0x20 && c < 0x7f; }));
  }
  return 0;
}
