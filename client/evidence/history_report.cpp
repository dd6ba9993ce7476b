// What the checks of a history come to, in words and as JSON.
#include <map>

#include "client/evidence/capture_reports.h"
#include "client/evidence/history_verify.h"
#include "crypto/json.h"

namespace cunzheng::evidence {
namespace {

constexpr size_t kTextBytesMax = 4'096;

class TextReport {
 public:
  TextReport(const HistoryReport& report, std::string_view name, std::string_view language)
      : report_(report), name_(name), language_(language), zh_(language == "zh") {}

  std::string Write() {
    Field(Say("History of a watched page", "网页监视记录"), std::string(name_));
    if (report_.history) Looks(*report_.history);
    Check("1", report_.chain_passed, true,
          Say("Every line has its number and the digest of the line before", "每行均有序号及前一行的摘要"));
    Check("2", report_.packages_passed, report_.chain_passed,
          Say("Packages and pictures that are here are those that the lines name",
              "在此的取证包与差异图即各行所指者"));
    for (const NamedPackage& package : report_.packages) Package(package);
    if (report_.pictures + report_.pictures_absent > 0) {
      Field(Say("Pictures of differences", "差异图"),
            std::to_string(report_.pictures) + Say(" here, ", " 幅在此，") +
                std::to_string(report_.pictures_absent) + Say(" not here", " 幅不在此"));
    }
    for (const CoveredLooks& covered : report_.receipts) Covered(covered);
    Verdict();
    return std::move(text_);
  }

 private:
  std::string Say(std::string_view en, std::string_view zh) const { return std::string(zh_ ? zh : en); }
  void Line(const std::string& line) { text_.append(line).append("\n"); }
  void Field(const std::string& label, const std::string& value) {
    Line(label + Say(": ", "：") + PlainText(value, kTextBytesMax));
  }
  std::string Time(uint64_t time_unix_s) const { return verify::TimeToText(time_unix_s, language_); }

  void Looks(const History& history) {
    Field(Say("Address watched", "监视网址"), history.url);
    std::map<LookState, uint64_t> counts;
    for (const Look& look : history.looks) ++counts[look.state];
    std::string text = std::to_string(history.looks.size());
    for (const auto& [state, count] : counts) {
      text += Say(", ", "，") + Name(state) + " " + std::to_string(count);
    }
    Field(Say("Looks", "查看次数"), text);
    if (history.looks.empty()) return;
    Field(Say("By the operator's clock", "按操作者时钟"),
          Time(history.looks.front().time_unix_us / 1'000'000) + Say(" to ", " 至 ") +
              Time(history.looks.back().time_unix_us / 1'000'000));
  }

  std::string Name(LookState state) const {
    switch (state) {
      case LookState::kFirst:
        return Say("first", "首次");
      case LookState::kChanged:
        return Say("changed", "有变化");
      case LookState::kUnchanged:
        return Say("unchanged", "无变化");
      case LookState::kFailed:
        break;
    }
    return Say("failed", "失败");
  }

  void Check(std::string_view number, bool passed, bool done, const std::string& what) {
    const std::string mark = passed ? Say("[pass]", "[通过]")
                             : done ? Say("[FAIL]", "[失败]")
                                    : Say("[ -- ]", "[未做]");
    Line(mark + Say(" history ", " 监视记录 ") + std::string(number) + ". " + what);
  }

  void Package(const NamedPackage& package) {
    std::string line = Say("  look ", "  第 ") + std::to_string(package.look) + Say(": ", " 次：") +
                       PlainText(package.name, kTextBytesMax) + Say(": ", "：");
    if (!package.here) {
      line += Say("not here", "不在此");
    } else if (package.t2_unix_s) {
      line += Say("existed no later than ", "存在不晚于") + Time(*package.t2_unix_s);
    } else {
      line += std::string(verify::VerdictName(package.verdict));
    }
    Line(line);
  }

  void Covered(const CoveredLooks& covered) {
    if (!covered.report.t2) return;
    Field(Say("Receipt", "回执"), covered.receipt + Say(": the first ", "：前 ") +
                                      std::to_string(covered.looks) +
                                      Say(" looks were written down no later than ", " 次查看的记录不晚于") +
                                      Time(covered.report.t2->time_unix_s));
  }

  // The newest receipt's own report ends in the verdict, unless there is none, or something else is wrong.
  void Verdict() {
    if (report_.verdict == verify::Verdict::kNotValid) {
      const verify::Explanation why = verify::Explain(*report_.error, language_);
      Field(Say("Reason", "原因"), std::string(ErrcName(report_.error->code)) + Say(" (", "（") +
                                       report_.error->detail + Say("): ", "）：") + why.sentence);
      Line(Say("VERDICT: not valid. The history, or what it names, is not what was written down.",
               "结论：无效。监视记录或其所指文件与当时所记不符。"));
    } else if (report_.receipts.empty()) {
      Field(Say("Reason", "原因"),
            Say("the history itself has no receipt: each package bounds the looks before its own.",
                "监视记录本身没有回执：各取证包的时间仅约束其之前的查看。"));
      Line(Say("VERDICT: pending. Its lines chain, and nothing bounds the history as a whole in time.",
               "结论：待定。各行相连，但整份记录尚无时间约束。"));
    } else {
      Line(Say("That the page looked so at each look rests on the tool and its operator. Of the receipt:",
               "页面每次查看时是否如此，取决于取证工具与操作者。回执核验如下："));
      text_ += verify::ReportToText(report_.receipts.front().report, name_, language_);
    }
  }

  const HistoryReport& report_;
  const std::string_view name_, language_;
  const bool zh_;
  std::string text_;
};

json::Value PackageToJson(const NamedPackage& package) {
  json::Object object{{"look", uint64_t{package.look}}, {"package", PlainText(package.name, kTextBytesMax)}};
  object.emplace("verdict", package.here ? verify::VerdictName(package.verdict) : "absent");
  if (package.t2_unix_s) object.emplace("t2_unix_s", *package.t2_unix_s);
  return object;
}

json::Value CoveredToJson(const CoveredLooks& covered) {
  json::Object object{{"receipt", PlainText(covered.receipt, kTextBytesMax)},
                      {"verdict", verify::VerdictName(covered.report.verdict)},
                      {"looks", uint64_t{covered.looks}}};
  if (covered.report.t2) object.emplace("t2_unix_s", covered.report.t2->time_unix_s);
  return object;
}

}  // namespace

std::string HistoryReportToText(const HistoryReport& report, std::string_view name,
                                std::string_view language) {
  return TextReport(report, name, language).Write();
}

std::string HistoryReportToJson(const HistoryReport& report, std::string_view name) {
  json::Array packages, receipts;
  for (const NamedPackage& package : report.packages) packages.push_back(PackageToJson(package));
  for (const CoveredLooks& covered : report.receipts) receipts.push_back(CoveredToJson(covered));
  json::Object object{{"type", "cunzheng/history_verification/v1"},
                      {"name", PlainText(name, kTextBytesMax)},
                      {"kind", "history"},
                      {"verdict", verify::VerdictName(report.verdict)},
                      {"exit_code", static_cast<uint64_t>(verify::VerdictExitCode(report.verdict))},
                      {"packages", std::move(packages)},
                      {"receipts", std::move(receipts)}};
  if (report.history) {
    object.emplace("url", report.history->url);
    object.emplace("looks", uint64_t{report.history->looks.size()});
  }
  if (report.error) {
    object.emplace("error", json::Object{{"code", ErrcName(report.error->code)},
                                         {"detail", PlainText(report.error->detail, kTextBytesMax)}});
  }
  return json::EncodePretty(object);
}

}  // namespace cunzheng::evidence
