// What the checks of a package come to, in words and as JSON; the receipt's own report is client/verify's.
#include <algorithm>
#include <iterator>

#include "client/evidence/package.h"
#include "client/evidence/recording.h"
#include "crypto/json.h"

namespace cunzheng::evidence {
namespace {

using verify::StepState;

struct Phrase {
  std::string_view en, zh;
};

struct CheckName {
  CheckId id;
  std::string_view name;
  Phrase phrase;
};
constexpr CheckName kCheckNames[] = {
    {CheckId::kContainer,
     "container",
     {"The file has the members and the form of its format", "文件的成员与格式符合规定"}},
    {CheckId::kManifest,
     "manifest",
     {"Manifest and trust file are those that receipt and manifest name",
      "清单与信任文件即回执与清单所指者"}},
    {CheckId::kParts,
     "parts",
     {"Every part has its listed digests, and the manifest commits to the list",
      "各组成部分与摘要清单一致，清单根与存证清单一致"}},
    {CheckId::kWacz,
     "wacz",
     {"WACZ is well formed and its own signature verifies", "WACZ 格式正确，自带签名验证通过"}},
    {CheckId::kRecords, "records", {"Every WARC record has its digests", "每条 WARC 记录的摘要均相符"}},
    {CheckId::kIndex, "index", {"Index and pages lead to the responses", "索引与页面均指向相应的响应"}},
    {CheckId::kPictures,
     "pictures",
     {"The screenshot is made of its tiles, a recording's films of their pictures",
      "长截图由各分块拼接而成，录制影像由各帧构成"}},
    {CheckId::kReports,
     "reports",
     {"Reports and operation log agree with the manifest", "各报告及操作日志与存证清单一致"}},
    {CheckId::kAnchors,
     "anchors",
     {"The receipts of the recording's segments are of these segments", "录制各分段的回执与分段相符"}},
    {CheckId::kProofs,
     "proofs",
     {"Every part shown belongs to the package that was deposited", "所出示的各部分均属于已存证的取证包"}},
};

struct Outcome {
  std::string_view name;
  Phrase phrase;
};
constexpr Outcome kOutcomes[] = {
    {"complete", {"complete: nothing that came is missing", "完整：收到的内容均已收录"}},
    {"incomplete",
     {"incomplete: see the completeness report for what is missing", "不完整：缺失内容见完整性报告"}},
    {"partial", {"partial: stopped before its end", "部分：在完成之前停止"}},
};

const CheckName& NameOf(CheckId id) {
  return *std::find_if(std::begin(kCheckNames), std::end(kCheckNames),
                       [id](const CheckName& c) { return c.id == id; });
}

std::string_view StateName(StepState state) {
  switch (state) {
    case StepState::kPassed:
      return "passed";
    case StepState::kFailed:
      return "failed";
    case StepState::kRemark:
      return "remark";
    case StepState::kNotDone:
      break;
  }
  return "not_done";
}

constexpr size_t kTextBytesMax = 4'096;

class TextReport {
 public:
  TextReport(const PackageReport& report, std::string_view name, std::string_view language)
      : report_(report), name_(name), language_(language), zh_(language == "zh") {}

  std::string Write() {
    Field({"Package", "取证包"}, std::string(name_));
    Capture();
    Checks();
    Shown();
    if (report_.receipt.verdict == verify::Verdict::kTrustNotEstablished &&
        !report_.hint_fingerprint.empty()) {
      Field({"Trust file in the package, no proof by itself; compare its fingerprint with the one that the "
             "institutions "
             "publish, then `cunzheng trust pin`",
             "包内信任文件（本身不构成证明；请与各机构公布的指纹核对后执行 `cunzheng trust pin`）"},
            report_.hint_fingerprint);
    }
    if (report_.without_receipt) {
      Verdict();
    } else {
      text_ += verify::ReportToText(report_.receipt, Evidence(), language_);
    }
    return std::move(text_);
  }

 private:
  std::string Say(const Phrase& phrase) const { return std::string(zh_ ? phrase.zh : phrase.en); }
  std::string Say(std::string_view en, std::string_view zh) const { return std::string(zh_ ? zh : en); }
  void Line(const std::string& line) { text_.append(line).append("\n"); }
  void Field(const Phrase& label, const std::string& value) {
    Line(Say(label) + Say(": ", "：") + PlainText(value, kTextBytesMax));
  }

  // The name that the manifest gives the evidence, which is a member of the package.
  std::string Evidence() const {
    return report_.receipt.manifest ? report_.receipt.manifest->name : std::string(name_);
  }

  void Capture() {
    if (!report_.facts) return;
    const CaptureFacts& facts = *report_.facts;
    Field({"Address asked for", "取证网址"},
          facts.url_sha256 ? Say("too long for the manifest; SHA-256 ", "过长，未列入清单；SHA-256 ") +
                                 ToHex(*facts.url_sha256)
                           : facts.url);
    Field({"Tool", "取证工具"}, facts.tool);
    const auto outcome = std::find_if(std::begin(kOutcomes), std::end(kOutcomes),
                                      [&](const struct Outcome& o) { return o.name == facts.outcome; });
    Field({"Outcome", "取证结果"}, outcome == std::end(kOutcomes) ? facts.outcome : Say(outcome->phrase));
    if (report_.wacz) {
      Field({"Contents", "内容"},
            std::to_string(report_.wacz->records) + Say(" WARC records, ", " 条 WARC 记录，") +
                std::to_string(report_.wacz->responses) + Say(" responses, ", " 个响应，") +
                std::to_string(report_.wacz->tiles) + Say(" screenshot tiles", " 个截图分块"));
    }
    if (report_.wacz && !report_.wacz->segments.empty()) Recording(*report_.wacz);
    if (report_.completeness) Gaps(*report_.completeness);
    if (report_.cleanliness) Cleanliness(*report_.cleanliness);
  }

  // Each segment that was deposited while the recording went on has bounds of its own.
  void Recording(const WaczReport& wacz) {
    Field({"Recording", "录制"}, std::to_string(wacz.segments.size()) + Say(" segments, ", " 个分段，") +
                                     std::to_string(wacz.pictures) +
                                     Say(" pictures; ", " 帧；录制期间存证 ") +
                                     std::to_string(report_.anchors.size()) +
                                     Say(" segments deposited while it went on", " 个分段"));
    for (const Anchor& anchor : report_.anchors) {
      std::string line = "  " + RecordingName(anchor.segment) + Say(": ", "：");
      if (anchor.verdict == verify::Verdict::kValid && anchor.t2_unix_s) {
        if (anchor.t1_unix_s) {
          line += Say("not before ", "不早于") + verify::TimeToText(*anchor.t1_unix_s, language_) +
                  Say(", ", "，");
        }
        line += Say("no later than ", "不晚于") + verify::TimeToText(*anchor.t2_unix_s, language_);
      } else {
        line += std::string(verify::VerdictName(anchor.verdict));
      }
      Line(line);
    }
  }

  void Gaps(const CompletenessReport& report) {
    const uint64_t gaps = report.missed + report.cut_length + report.cut_time + report.unfinished;
    Field({"Completeness", "完整性"}, Say("", "完整收录 ") + std::to_string(report.bodies_whole) +
                                          Say(" bodies whole, ", " 个响应体，缺失或截断 ") +
                                          std::to_string(gaps) + Say(" missing or cut, ", " 个，请求失败 ") +
                                          std::to_string(report.failed) + Say(" requests failed", " 个"));
  }

  void Cleanliness(const CleanlinessReport& report) {
    uint64_t warnings = 0, unchecked = 0;
    for (const CleanlinessItem& item : report.items) {
      if (item.state == ItemState::kWarning) ++warnings;
      if (item.state == ItemState::kNotChecked) ++unchecked;
    }
    Field({"Cleanliness", "清洁性检查"}, Say("", "共 ") + std::to_string(report.items.size()) +
                                             Say(" items, ", " 项，警示 ") + std::to_string(warnings) +
                                             Say(" warnings, ", " 项，未检查 ") + std::to_string(unchecked) +
                                             Say(" not checked", " 项"));
    for (const CleanlinessItem& item : report.items) {
      if (item.state == ItemState::kWarning) Line("  ! " + PlainText(zh_ ? item.zh : item.en, kTextBytesMax));
    }
  }

  void Checks() {
    size_t number = 0;
    for (const Check& check : report_.checks) {
      std::string line = Mark(check.state) + Say(" package ", " 取证包 ") + std::to_string(++number) + ". " +
                         Say(NameOf(check.id).phrase);
      if (check.error) {
        line += Say(": ", "：") + std::string(ErrcName(check.error->code)) + Say(" (", "（") +
                PlainText(check.error->detail, kTextBytesMax) + Say(")", "）");
      }
      Line(line);
    }
  }

  std::string Mark(StepState state) const {
    if (state == StepState::kPassed) return Say("[pass]", "[通过]");
    if (state == StepState::kFailed) return Say("[FAIL]", "[失败]");
    return Say("[ -- ]", "[未做]");
  }

  void Shown() {
    for (const Part& part : report_.shown) {
      Field({"Part shown", "出示部分"}, part.Name() +
                                            (part.url ? Say(", ", "，") + *part.url : std::string()) +
                                            Say(", SHA-256 ", "，SHA-256 ") + ToHex(part.digest.sha256));
    }
  }

  void Verdict() {
    const verify::Report& receipt = report_.receipt;
    if (receipt.verdict != verify::Verdict::kPending) {
      const verify::Explanation why = verify::Explain(*receipt.error, language_);
      Field({"Reason", "原因"}, why.sentence);
      Line(Say("VERDICT: not valid. The package is not what its manifest says.",
               "结论：无效。取证包与其清单不符。"));
      return;
    }
    Field({"Reason", "原因"},
          Say("the package is whole, but there is no receipt, neither in it nor beside it.",
              "取证包完好，但包内及其旁均无回执。"));
    Field(
        {"Hint", "提示"},
        Say("`cunzheng sync` sends what waits and writes NAME.evidence.zip.receipt.json beside the package.",
            "`cunzheng sync` 会发送待办项，并在取证包旁写出 名称.evidence.zip.receipt.json。"));
    Line(Say("VERDICT: pending. Without a receipt nothing is proven about time or institutions.",
             "结论：待定。没有回执，不能证明时间与机构。"));
  }

  const PackageReport& report_;
  const std::string_view name_, language_;
  const bool zh_;
  std::string text_;
};

json::Value CheckToJson(const Check& check) {
  json::Object object{{"check", NameOf(check.id).name}, {"state", StateName(check.state)}};
  if (check.error) {
    object.emplace("error", json::Object{{"code", ErrcName(check.error->code)},
                                         {"detail", PlainText(check.error->detail, kTextBytesMax)}});
  }
  return object;
}

json::Value RecordingToJson(const PackageReport& report) {
  json::Array anchors;
  for (const Anchor& anchor : report.anchors) {
    json::Object object{{"segment", uint64_t{anchor.segment}},
                        {"verdict", verify::VerdictName(anchor.verdict)}};
    if (anchor.t1_unix_s) object.emplace("t1_unix_s", *anchor.t1_unix_s);
    if (anchor.t2_unix_s) object.emplace("t2_unix_s", *anchor.t2_unix_s);
    anchors.push_back(std::move(object));
  }
  return json::Object{{"segments", uint64_t{report.wacz->segments.size()}},
                      {"pictures", report.wacz->pictures},
                      {"anchors", std::move(anchors)}};
}

json::Value PartSummary(const Part& part) {
  json::Object object{{"part", part.Name()}, {"length", part.length}, {"sha256", ToHex(part.digest.sha256)}};
  if (part.url) object.emplace("url", *part.url);
  return object;
}

}  // namespace

std::string PackageReportToText(const PackageReport& report, std::string_view name,
                                std::string_view language) {
  return TextReport(report, name, language).Write();
}

std::string PackageReportToJson(const PackageReport& report, std::string_view name) {
  json::Array checks;
  for (const Check& check : report.checks) checks.push_back(CheckToJson(check));
  const uint64_t exit_code = static_cast<uint64_t>(verify::VerdictExitCode(report.receipt.verdict));
  json::Object object{{"type", "cunzheng/package_verification/v1"},
                      {"name", PlainText(name, kTextBytesMax)},
                      {"kind", report.disclosure ? "disclosure" : "package"},
                      {"verdict", verify::VerdictName(report.receipt.verdict)},
                      {"exit_code", exit_code},
                      {"checks", std::move(checks)}};
  if (report.facts) {
    json::Object facts;
    for (const auto& [key, value] : FactsToAttrs(*report.facts)) facts.emplace(key, value);
    object.emplace("facts", std::move(facts));
  }
  if (report.wacz) {
    object.emplace("wacz", json::Object{{"records", report.wacz->records},
                                        {"responses", report.wacz->responses},
                                        {"tiles", uint64_t{report.wacz->tiles}}});
    if (!report.wacz->segments.empty()) object.emplace("recording", RecordingToJson(report));
  }
  if (report.disclosure) {
    json::Array shown;
    for (const Part& part : report.shown) shown.push_back(PartSummary(part));
    object.emplace("shown", std::move(shown));
  }
  if (!report.without_receipt) {
    const std::string text = verify::ReportToJson(report.receipt, name);
    const auto parsed = json::Parse(text, json::Form::kReadable, text.size());
    CHECK_INVARIANT(parsed);
    object.emplace("receipt", *parsed);
  }
  return json::EncodePretty(object);
}

}  // namespace cunzheng::evidence
