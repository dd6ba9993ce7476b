// Watched pages: what counts as a change, its picture, and the history of looks.
#include <doctest/doctest.h>

#include <filesystem>

#include "client/capture/page_watch.h"
#include "client/capture/watch.h"
#include "client/evidence/history.h"
#include "client/evidence/png_rows.h"
#include "client/evidence/zip.h"
#include "crypto/digest.h"
#include "tests/unit/temp_dir.h"

namespace {

using namespace cunzheng;
using namespace cunzheng::capture;
using evidence::History;
using evidence::kPngChannels;
using evidence::Look;
using evidence::LookState;
using evidence::PictureSize;
using evidence::PngReader;
using evidence::PngWriter;

// One colour, but for a block of another from (x, y) on.
std::string Png(PictureSize size, uint8_t grey, uint32_t x = 0, uint32_t y = 0, PictureSize block = {},
                uint8_t block_grey = 0) {
  PngWriter writer(size);
  for (uint32_t row = 0; row < size.height; ++row) {
    std::string pixels(size.width * kPngChannels, static_cast<char>(grey));
    if (row >= y && row < y + block.height) {
      pixels.replace(x * kPngChannels, block.width * kPngChannels,
                     std::string(block.width * kPngChannels, static_cast<char>(block_grey)));
    }
    writer.Row(pixels);
  }
  return writer.End();
}

struct Pixels {
  PictureSize size;
  std::vector<std::string> rows;
  std::array<int, 3> At(uint32_t x, uint32_t y) const {
    std::array<int, 3> rgb{};
    for (size_t i = 0; i < 3; ++i) rgb[i] = static_cast<uint8_t>(rows[y][x * kPngChannels + i]);
    return rgb;
  }
};

Pixels Decode(const std::string& png) {
  PngReader reader(png);
  Pixels pixels;
  const auto size = reader.Begin();
  REQUIRE(size);
  pixels.size = *size;
  for (uint32_t y = 0; y < size->height; ++y) {
    pixels.rows.emplace_back();
    REQUIRE(reader.Row(&pixels.rows.back()));
  }
  REQUIRE(reader.End());
  return pixels;
}

PageChange Compare(const std::string& before, const std::string& after) {
  const auto change = ComparePages(before, "<p>x</p>", after, "<p>x</p>");
  REQUIRE_MESSAGE(change, (change ? "" : change.error().ToString()));
  return *change;
}

Look MakeLook(LookState state) {
  Look look;
  look.time_unix_us = 1'000;
  look.state = state;
  if (state == LookState::kFailed) {
    look.reason = "net::ERR_NAME_NOT_RESOLVED";
    return look;
  }
  look.text_sha256 = Sha256({});
  look.pixels = 100;
  if (state == LookState::kUnchanged) return look;
  look.package = "shop.evidence.zip";
  look.wacz_sha256 = Sha256({});
  if (state == LookState::kFirst) return look;
  look.pixels_changed = 7;
  look.difference = "shop.difference.png";
  look.difference_sha256 = Sha256({});
  return look;
}

std::string SampleHistory() {
  std::string text = evidence::BeginHistory("https://shop.example/", 600);
  for (const LookState state :
       {LookState::kFirst, LookState::kUnchanged, LookState::kFailed, LookState::kChanged}) {
    text += evidence::HistoryLine(text, MakeLook(state));
  }
  return text;
}

}  // namespace

TEST_CASE("the normalised text is what a page says, one piece a line") {
  CHECK(NormalisedText("<p class=\"a\">Price:\n  <b>¥ 12</b></p>") == "<p\nPrice:\n<b\n¥ 12\n");
  CHECK(NormalisedText("<IMG data-nonce=1 SRC='a.png' alt=\"a &gt; b\">") ==
        "<img\nsrc=a.png\nalt=a &gt; b\n");
  CHECK(NormalisedText("<script nonce=\"1\">if (a < b) c = '</p>'</SCRIPT><p>x") == "<p\nx\n");
  CHECK(NormalisedText("<style>p{}</style><!-- <p> --><p>x</p>") == "<p\nx\n");
  CHECK(NormalisedText("<input value=abc/>") == "<input\nvalue=abc/\n");
  CHECK(NormalisedText("") == "");
}

TEST_CASE("a DOM that breaks off anywhere is read to its end") {
  const std::string dom = "<!-- c --><a href=\"x\" title='y' z=1 w>t<script src=s>x</script></a><style>";
  for (size_t length = 0; length <= dom.size(); ++length) {
    const std::string text = NormalisedText(dom.substr(0, length));
    CHECK(text.size() <= dom.size() + 8);
  }
}

TEST_CASE("scripts, styles, comments and attributes that nobody sees are no change; words and links are") {
  const std::string png = Png({4, 4}, 200);
  const auto text_changed = [&](const char* before, const char* after) {
    const auto change = ComparePages(png, before, png, after);
    REQUIRE(change);
    CHECK_FALSE(change->picture_changed);
    return change->text_changed();
  };
  CHECK_FALSE(text_changed("<p id=a>x</p>", "<p  id=b>x\n</p><!-- 7 --><script>1</script>"));
  CHECK(text_changed("<p>x</p>", "<p>y</p>"));
  CHECK(text_changed("<a href=x>x</a>", "<a href=y>x</a>"));
  CHECK(text_changed("<p>x</p>", "<h1>x</h1>"));
}

TEST_CASE("pictures differ when more than their share of pixels does") {
  // 1,000,000 pixels, of which the share allows 1,000.
  const PictureSize size{1'000, 1'000};
  const std::string before = Png(size, 200);
  CHECK(Compare(before, before).difference_png.empty());
  CHECK_FALSE(Compare(before, before).changed());
  const PageChange few = Compare(before, Png(size, 200, 5, 5, {40, 25}, 0));
  CHECK(few.pixels_changed == 1'000);
  CHECK_FALSE(few.picture_changed);
  const PageChange more = Compare(before, Png(size, 200, 5, 5, {91, 11}, 0));
  CHECK(more.pixels_changed == 1'001);
  CHECK(more.picture_changed);
}

TEST_CASE("a shade that nobody sees is no difference") {
  const std::string before = Png({10, 10}, 100);
  CHECK(Compare(before, Png({10, 10}, 116)).pixels_changed == 0);
  CHECK(Compare(before, Png({10, 10}, 117)).pixels_changed == 100);
  CHECK(Compare(before, Png({10, 10}, 83)).pixels_changed == 100);
}

TEST_CASE("the picture of the difference is pale, and red where it changed") {
  const PageChange change = Compare(Png({20, 10}, 250), Png({20, 10}, 250, 4, 2, {3, 3}, 0));
  CHECK(change.pixels_changed == 9);
  const Pixels pixels = Decode(change.difference_png);
  CHECK(pixels.size == PictureSize{20, 10});
  const auto changed = pixels.At(5, 3), same = pixels.At(10, 3);
  CHECK(changed[0] > 100 + changed[1]);
  CHECK(changed[0] > 100 + changed[2]);
  CHECK(same[0] == same[1]);
  CHECK(same[0] > 240);
}

TEST_CASE("what only one of two pictures has is changed") {
  const PageChange taller = Compare(Png({10, 10}, 9), Png({10, 15}, 9));
  CHECK(taller.pixels == 150);
  CHECK(taller.pixels_changed == 50);
  CHECK(Decode(taller.difference_png).size == PictureSize{10, 15});
  const PageChange shorter = Compare(Png({10, 15}, 9), Png({12, 10}, 9));
  CHECK(shorter.pixels == 180);
  // 5 rows of 10 that went, 10 of 2 that came, and a corner that neither has.
  CHECK(shorter.pixels_changed == 70);
}

TEST_CASE("what is no picture is an error") {
  const std::string png = Png({10, 10}, 9);
  for (const std::string& broken :
       {std::string(), std::string("no picture"), png.substr(0, png.size() - 13), png + "x"}) {
    CHECK_FALSE(ComparePages(broken, "", png, ""));
    CHECK_FALSE(ComparePages(png, "", broken, ""));
  }
}

TEST_CASE("a history says what was seen at each look") {
  const auto history = evidence::DecodeHistory(SampleHistory());
  REQUIRE_MESSAGE(history, (history ? "" : history.error().ToString()));
  CHECK(history->url == "https://shop.example/");
  CHECK(history->interval_s == 600);
  REQUIRE(history->looks.size() == 4);
  CHECK(history->looks[0] == MakeLook(LookState::kFirst));
  CHECK(history->looks[1] == MakeLook(LookState::kUnchanged));
  CHECK(history->looks[2] == MakeLook(LookState::kFailed));
  CHECK(history->looks[3] == MakeLook(LookState::kChanged));
}

TEST_CASE("the first look that did not fail is called the first, and no other") {
  const auto read = [](std::vector<LookState> states) {
    std::string text = evidence::BeginHistory("https://shop.example/", 600);
    for (const LookState state : states) text += evidence::HistoryLine(text, MakeLook(state));
    return evidence::DecodeHistory(text);
  };
  CHECK(read({LookState::kFailed, LookState::kFailed, LookState::kFirst, LookState::kChanged}));
  CHECK_FALSE(read({LookState::kChanged}));
  CHECK_FALSE(read({LookState::kFailed, LookState::kUnchanged}));
  CHECK_FALSE(read({LookState::kFirst, LookState::kFirst}));
}

// What a watch reads of packages, and nothing else.
std::string WaczOf(const TempDir& folder, const std::string& name, uint8_t grey, const std::string& dom) {
  auto zip = evidence::ZipWriter::Create(folder / name);
  REQUIRE(zip);
  REQUIRE(zip->Add("evidence/screenshot.png", Png({20, 20}, grey)));
  REQUIRE(zip->Add("evidence/dom.html", dom));
  REQUIRE(zip->Finish(true));
  return folder / name;
}
void Pack(const TempDir& folder, const std::string& wacz, const std::string& name) {
  auto zip = evidence::ZipWriter::Create(folder / name);
  REQUIRE(zip);
  REQUIRE(zip->AddFile("capture.wacz", wacz));
  REQUIRE(zip->Finish(true));
}

TEST_CASE("a watch compares each look with the last package, also after it was started anew") {
  const TempDir folder;
  const std::string path = folder / "shop.history.jsonl", url = "https://shop.example/";
  const auto open = [&] {
    auto watch = PageWatch::Open(path, url, 600);
    REQUIRE_MESSAGE(watch, (watch ? "" : watch.error().ToString()));
    return std::move(*watch);
  };
  const auto compare = [&](PageWatch* watch, uint8_t grey, const std::string& dom) {
    auto look = watch->Compare(WaczOf(folder, "new.wacz", grey, dom), 5);
    REQUIRE_MESSAGE(look, (look ? "" : look.error().ToString()));
    return *look;
  };
  PageWatch watch = open();
  REQUIRE(watch.RecordFailure("net::ERR_NAME_NOT_RESOLVED", 4));
  const Look first = compare(&watch, 100, "<p>1");
  CHECK(first.state == LookState::kFirst);
  Pack(folder, folder / "new.wacz", "a.evidence.zip");
  REQUIRE(watch.Record(first, "a.evidence.zip"));
  CHECK(compare(&watch, 100, "<p>1</p>").state == LookState::kUnchanged);
  REQUIRE(watch.Record(compare(&watch, 100, "<p>1"), ""));

  PageWatch again = open();
  CHECK(again.looks() == 3);
  CHECK(again.last() == watch.last());
  CHECK(compare(&again, 100, "<p>1").state == LookState::kUnchanged);
  const Look changed = compare(&again, 200, "<p>1");
  CHECK(changed.state == LookState::kChanged);
  CHECK(changed.pixels_changed == 400);
  Pack(folder, folder / "new.wacz", "b.evidence.zip");
  const std::string b_wacz = folder.Read("new.wacz");
  REQUIRE(again.Record(changed, "b.evidence.zip"));
  CHECK(Decode(folder.Read("b.difference.png")).size == PictureSize{20, 20});
  CHECK(compare(&again, 200, "<p>1").state == LookState::kUnchanged);
  CHECK(compare(&again, 200, "<p>2").state == LookState::kChanged);

  const auto history = evidence::DecodeHistory(folder.Read("shop.history.jsonl"));
  REQUIRE(history);
  CHECK(history->looks.back().difference == "b.difference.png");
  CHECK(history->looks.back().wacz_sha256 == Sha256(AsBytes(b_wacz)));
}

TEST_CASE("a watch goes on only with its own page and an unchanged package") {
  const TempDir folder;
  const std::string path = folder / "shop.history.jsonl";
  auto watch = PageWatch::Open(path, "https://shop.example/", 600);
  REQUIRE(watch);
  const auto look = watch->Compare(WaczOf(folder, "new.wacz", 100, "<p>1"), 5);
  REQUIRE(look);
  Pack(folder, folder / "new.wacz", "a.evidence.zip");
  REQUIRE(watch->Record(*look, "a.evidence.zip"));
  const auto code = [](const Result<PageWatch>& opened) {
    return opened ? Errc::kInternal : opened.error().code;
  };
  CHECK(code(PageWatch::Open(path, "https://other.example/", 600)) == Errc::kInvalidValue);
  // Another package, under the same name.
  Pack(folder, WaczOf(folder, "other.wacz", 101, "<p>1"), "a.evidence.zip");
  CHECK(code(PageWatch::Open(path, "https://shop.example/", 600)) == Errc::kDigestMismatch);
  std::filesystem::remove(folder / "a.evidence.zip");
  CHECK(code(PageWatch::Open(path, "https://shop.example/", 600)) == Errc::kIo);
}

TEST_CASE("a capture without a screenshot cannot be compared, and the history stays as it was") {
  const TempDir folder;
  auto watch = PageWatch::Open(folder / "h.history.jsonl", "https://shop.example/", 600);
  REQUIRE(watch);
  auto zip = evidence::ZipWriter::Create(folder / "new.wacz");
  REQUIRE(zip);
  REQUIRE(zip->Add("evidence/dom.html", "<p>"));
  REQUIRE(zip->Finish(true));
  const auto look = watch->Compare(folder / "new.wacz", 5);
  REQUIRE_FALSE(look);
  CHECK(look.error().detail == "evidence/screenshot.png: the capture has none to compare");
  CHECK_FALSE(std::filesystem::exists(folder / "h.history.jsonl"));
}

TEST_CASE("a history with a line taken out, changed, doubled or moved is rejected") {
  const std::string text = SampleHistory();
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin) + 1;
    lines.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  const auto join = [](const std::vector<std::string>& all) {
    std::string joined;
    for (const std::string& line : all) joined += line;
    return joined;
  };
  // The last line can go unseen; whoever holds its digest sees that.
  for (size_t i = 0; i + 1 < lines.size(); ++i) {
    CAPTURE(i);
    auto fewer = lines, doubled = lines, swapped = lines;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    doubled.insert(doubled.begin() + static_cast<std::ptrdiff_t>(i), doubled[i]);
    std::swap(swapped[i], swapped[i + 1]);
    CHECK_FALSE(evidence::DecodeHistory(join(fewer)));
    CHECK_FALSE(evidence::DecodeHistory(join(doubled)));
    CHECK_FALSE(evidence::DecodeHistory(join(swapped)));
  }
  std::string changed = text;
  changed.replace(changed.find("\"time_unix_us\":1000"), 19, "\"time_unix_us\":1001");
  const auto decoded = evidence::DecodeHistory(changed);
  REQUIRE_FALSE(decoded);
  CHECK(decoded.error().code == Errc::kDigestMismatch);
  CHECK_FALSE(evidence::DecodeHistory(text.substr(0, text.size() - 1)));
  CHECK_FALSE(evidence::DecodeHistory(""));
}
