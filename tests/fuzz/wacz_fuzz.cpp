// The texts and pictures of a WACZ, and a good one with edits, digested and signed again: what decodes
// encodes to itself, and no edit of records, index or pictures passes the check.
//
// Input: one byte that says what follows: 0 pages, 1 datapackage.json, 2 datapackage-digest.json, 3 an index
// line, 4 a picture, else edits of the member of that number. An edit is be16 of a place, what to do there
// (replace, insert, erase), and a byte.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>

#include "client/evidence/screenshot.h"
#include "client/evidence/wacz_text.h"
#include "tests/unit/wacz_fixture.h"

using namespace cunzheng;
using namespace cunzheng::evidence;

namespace {

struct Source {
  Source() {
    context.setAsDefaultForAssertsOutOfTestCases();
    // Archives are written to disk and synced, which memory spares.
    if (std::filesystem::is_directory("/dev/shm")) setenv("TMPDIR", "/dev/shm", 1);
    members = Unpack(MakeTestWacz());
    package = *DecodePackage(*Find(&members, kWaczPackage));
    first_line = Find(&members, kWaczIndex)->substr(0, Find(&members, kWaczIndex)->find('\n'));
  }
  doctest::Context context;
  Members members;
  Package package;
  std::string first_line;
};

std::string Edited(std::string text, std::string_view edits) {
  for (; edits.size() >= 4 && !text.empty(); edits.remove_prefix(4)) {
    const size_t at =
        (static_cast<size_t>(static_cast<uint8_t>(edits[0])) << 8 | static_cast<uint8_t>(edits[1])) %
        text.size();
    if (edits[2] % 3 == 0) text[at] = edits[3];
    if (edits[2] % 3 == 1) text.insert(at, 1, edits[3]);
    if (edits[2] % 3 == 2) text.erase(at, 1);
  }
  return text;
}

void FuzzEdits(const Source& source, size_t number, std::string_view edits) {
  Members members = source.members;
  auto& [name, bytes] = members[number % members.size()];
  bytes = Edited(bytes, edits);
  const bool changed = bytes != source.members[number % members.size()].second;
  const bool sealed = name == kWaczPackage || name == kWaczPackageDigest;
  if (!sealed) Reseal(&members);
  const std::string error = CheckText(Pack(members));
  if (!changed) CHECK_INVARIANT(error.empty());
  // Only a page's title and time, and what nobody but people read, can be said otherwise.
  if (changed && error.empty()) CHECK_INVARIANT(name == kWaczPages || name == "evidence/dom.html");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Source source;
  if (size == 0) return 0;
  const std::string_view text = AsText({data + 1, size - 1});
  if (data[0] == 0) {
    const auto pages = DecodePages(text);
    if (pages) CHECK_INVARIANT(EncodePages(*pages) == text);
  } else if (data[0] == 1) {
    const auto package = DecodePackage(text);
    if (package) CHECK_INVARIANT(EncodePackage(*package) == text);
  } else if (data[0] == 2) {
    CHECK_INVARIANT(!CheckPackageSignature(text, EncodePackage(source.package), source.package));
  } else if (data[0] == 3) {
    CHECK_INVARIANT(!CdxjDifference(source.first_line, text).empty());
    (void)CdxjOffset(text);
  } else if (data[0] == 4) {
    const TileSource tile = [text](size_t) -> Result<std::string> { return std::string(text); };
    const auto picture = StitchTiles(1, tile);
    if (picture) CHECK_INVARIANT(CheckStitched(*picture, 1, tile));
  } else {
    FuzzEdits(source, data[0], text);
  }
  return 0;
}
