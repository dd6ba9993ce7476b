// The report in words and as JSON. What it says is for a judge: plain, dated, sourced, and no more than what
// the checks in verify.cpp have shown.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

#include "client/verify/verify.h"
#include "crypto/json.h"
#include "crypto/utf8.h"

namespace cunzheng::verify {
namespace {

constexpr uint64_t kBeijingOffsetS = 8 * 3'600;
constexpr uint64_t kPrintableTimeMax = 253'402'300'799;  // the last second of the year 9999

struct Phrase {
  std::string_view en, zh;
};

class Language {
 public:
  explicit Language(std::string_view name) : zh_(name == "zh") {}
  bool zh() const { return zh_; }
  std::string operator()(const Phrase& phrase) const { return std::string(zh_ ? phrase.zh : phrase.en); }
  std::string operator()(std::string_view en, std::string_view zh) const { return (*this)(Phrase{en, zh}); }

 private:
  const bool zh_;
};

struct StepName {
  StepId id;
  std::string_view name;
  Phrase phrase;
};
constexpr StepName kStepNames[] = {
    {StepId::kDecode,
     "decode",
     {"Receipt, record, entry and manifest are well formed", "回执、记录、条目与清单格式正确"}},
    {StepId::kEvidence,
     "evidence",
     {"Evidence has the length, SHA-256 and SM3 of the record", "证据的长度、SHA-256 与 SM3 摘要与记录一致"}},
    {StepId::kBinding,
     "binding",
     {"Record and entry belong to this ledger and to one account", "记录与条目属于本账本及同一账户"}},
    {StepId::kManifest, "manifest", {"Manifest is the one that the record names", "清单即记录所指的清单"}},
    {StepId::kBatch, "batch", {"Record stands in the batch that was signed", "记录在已签名的批次之中"}},
    {StepId::kSignature,
     "signature",
     {"Depositor's signature over the batch verifies", "存证人对批次的签名验证通过"}},
    {StepId::kAttestations,
     "attestations",
     {"Entry stands in the ledger tree of each checkpoint; signatures verify",
      "条目在各检查点的账本树之中，检查点签名验证通过"}},
    {StepId::kQuorum, "quorum", {"Enough institutions cosigned", "联署机构达到法定数量"}},
    {StepId::kTokens, "tokens", {"Timestamp tokens (RFC 3161) verify", "时间戳令牌（RFC 3161）验证通过"}},
    {StepId::kRetiredKeys,
     "retired_keys",
     {"The result does not rest on retired keys alone", "结论不仅依赖已停用的密钥"}},
    {StepId::kTimes, "times", {"Times were derived", "时间界限已得出"}},
};

constexpr std::pair<StepState, std::string_view> kStateNames[] = {
    {StepState::kPassed, "passed"},
    {StepState::kFailed, "failed"},
    {StepState::kNotDone, "not_done"},
    {StepState::kRemark, "remark"},
};

struct RemarkName {
  Remark remark;
  std::string_view name;
  Phrase phrase;
};
constexpr RemarkName kRemarkNames[] = {
    {Remark::kSingleOperator,
     "single_operator",
     {"One institution runs this ledger alone; nobody else vouches for it.",
      "本账本由单一机构运营，没有其他机构共同证明。"}},
    {Remark::kManifestAbsent,
     "manifest_absent",
     {"The record names a manifest, but the receipt does not carry it; file name and capture details are "
      "unchecked.",
      "记录指明了清单，但回执未附清单；文件名与取证细节未经核验。"}},
    {Remark::kSealed,
     "sealed",
     {"The batch is sealed: its other records were not seen.", "本批次为密封批次，其余记录未经查看。"}},
    {Remark::kTokensUnchecked,
     "tokens_unchecked",
     {"Timestamp tokens are present but unchecked: the trust file names no time-stamping authority.",
      "回执附有时间戳令牌，但信任文件未列时间戳机构，故未核验。"}},
    {Remark::kAnchorsUnchecked,
     "anchors_unchecked",
     {"Anchors to other systems are present; this program does not check them.",
      "回执附有其他系统的锚定数据，本程序不予核验。"}},
    {Remark::kEntryTimeFarFromT2,
     "entry_time_far_from_t2",
     {"The ledger's own entry time and T2 are more than 60 seconds apart; rely on T2.",
      "账本自述的入账时间与 T2 相差超过 60 秒；应以 T2 为准。"}},
    {Remark::kNoManifestCheckpoint,
     "no_manifest_checkpoint",
     {"No T1: nothing in the receipt bounds when the evidence was packaged.",
      "无 T1：回执中没有可界定打包起始时间的内容。"}},
    {Remark::kNameDiffers,
     "name_differs",
     {"The file has another name than the manifest gives; contents are the same.",
      "文件名与清单所载不同；内容一致。"}},
    {Remark::kT1AfterT2,
     "t1_after_t2",
     {"T1 is later than T2: the institutions' clocks disagree by that much.",
      "T1 晚于 T2：各机构时钟存在相应偏差。"}},
    {Remark::kEvidenceWithheld,
     "evidence_withheld",
     {"Only parts of the evidence were shown: of the rest nothing but its digest was seen.",
      "仅出示了证据的部分内容：其余内容除摘要外未经查看。"}},
};

std::string_view SourceName(TimeSource source) {
  switch (source) {
    case TimeSource::kCosignatures:
      return "cosignatures";
    case TimeSource::kWitnesses:
      return "witnesses";
    case TimeSource::kToken:
      break;
  }
  return "token";
}

const StepName& NameOf(StepId id) {
  return *std::find_if(std::begin(kStepNames), std::end(kStepNames),
                       [id](const StepName& s) { return s.id == id; });
}
const RemarkName& NameOf(Remark remark) {
  return *std::find_if(std::begin(kRemarkNames), std::end(kRemarkNames),
                       [remark](const RemarkName& r) { return r.remark == remark; });
}
std::string_view NameOf(StepState state) {
  return std::find_if(std::begin(kStateNames), std::end(kStateNames),
                      [state](const auto& s) { return s.first == state; })
      ->second;
}

// Text from outside (a file's name) as it may stand in a terminal and in JSON: what is no plain UTF-8
// character comes out as \xNN.
std::string Printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    char32_t c = 0;
    const size_t length = DecodeUtf8(text, &c);
    if (length == 0 || c < 0x20 || (c >= 0x7f && c <= 0x9f)) {
      char escaped[5];
      std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned>(static_cast<uint8_t>(text[0])));
      out += escaped;
      text.remove_prefix(1);
    } else {
      out += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  return out;
}

std::string DateTime(uint64_t time_unix_s) {
  namespace chrono = std::chrono;
  const chrono::sys_seconds time{chrono::seconds(time_unix_s)};
  const auto day = chrono::floor<chrono::days>(time);
  const chrono::year_month_day date(day);
  const chrono::hh_mm_ss clock(time - day);
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02u %02d:%02d:%02d", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text.data();
}

// Both in Beijing time, where it will be read, and in UTC, in which it was signed.
std::string FormatTime(uint64_t time_unix_s, const Language& say) {
  if (time_unix_s > kPrintableTimeMax - kBeijingOffsetS) {
    return std::to_string(time_unix_s) + say(" seconds since 1970", "（自 1970 年起的秒数）");
  }
  return say("", "北京时间 ") + DateTime(time_unix_s + kBeijingOffsetS) + say(" Beijing time (", "（") +
         DateTime(time_unix_s) + say(" UTC)", " UTC）");
}

std::string Grouped(uint64_t number) {
  std::string digits = std::to_string(number);
  for (size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, 1, ',');
  return digits;
}

std::string Join(const std::vector<std::string>& items, std::string_view separator) {
  std::string text;
  for (const std::string& item : items) {
    if (!text.empty()) text += separator;
    text += item;
  }
  return text;
}

std::vector<Remark> RemarksOf(const Report& report, std::string_view name) {
  std::vector<Remark> remarks = report.remarks;
  const std::string_view base = name.substr(name.find_last_of('/') + 1);
  const bool same_contents = std::any_of(report.steps.begin(), report.steps.end(), [](const Step& step) {
    return step.id == StepId::kEvidence && step.state == StepState::kPassed;
  });
  if (same_contents && report.manifest && !base.empty() && base != "-" && base != report.manifest->name) {
    remarks.push_back(Remark::kNameDiffers);
  }
  return remarks;
}

// JSON

json::Value IntegerJson(uint64_t value) {
  return std::min(value, json::kIntegerMax);
}

json::Value ErrorJson(const Error& error) {
  return json::Object{{"code", ErrcName(error.code)}, {"detail", Printable(error.detail)}};
}

json::Value StepsJson(const std::vector<Step>& steps) {
  json::Array list;
  for (const Step& step : steps) {
    json::Object object{{"step", NameOf(step.id).name}, {"state", NameOf(step.state)}};
    if (step.error) object.emplace("error", ErrorJson(*step.error));
    if (!step.note.empty()) object.emplace("note", step.note);
    list.push_back(std::move(object));
  }
  return list;
}

json::Value BoundJson(const TimeBound& bound) {
  json::Array by;
  for (const std::string& who : bound.by) by.emplace_back(Printable(who));
  return json::Object{{"time_unix_s", IntegerJson(bound.time_unix_s)},
                      {"source", SourceName(bound.source)},
                      {"by", std::move(by)}};
}

json::Value VouchersJson(const std::vector<Voucher>& vouchers) {
  json::Array list;
  for (const Voucher& v : vouchers) {
    list.push_back(json::Object{{"member", v.member_id},
                                {"name", json::Object{{"en", v.name_en}, {"zh", v.name_zh}}},
                                {"role", v.role},
                                {"time_unix_s", IntegerJson(v.time_unix_s)},
                                {"retired_key", v.retired_key}});
  }
  return list;
}

json::Value RecordJson(const ledger::Record& record) {
  json::Object object{{"account", ToHex(record.account)},
                      {"ledger", ToHex(record.ledger)},
                      {"kind", record.kind},
                      {"length", record.length},
                      {"digest", ledger::DigestsToJson(record.digest)}};
  if (record.case_ref) object.emplace("case", *record.case_ref);
  return object;
}

json::Value EntryJson(const Report& report) {
  const ledger::DepositEntry& entry = *report.entry;
  return json::Object{{"index", report.index},
                      {"record_index", report.batch_index},
                      {"record_count", entry.header.count},
                      {"sealed", entry.header.mode == ledger::BatchMode::kSealed},
                      {"account_name", entry.account_name},
                      {"sponsor", entry.sponsor},
                      {"time_unix_ms", entry.time_unix_ms}};
}

// Words

class TextReport {
 public:
  TextReport(const Report& report, std::string_view name, std::string_view language)
      : report_(report),
        name_(Printable(name)),
        remarks_(RemarksOf(report, name)),
        say_(language),
        language_(language) {}

  std::string Write() {
    What();
    Steps();
    if (report_.t2) {
      When();
      Who();
      Proven();
    }
    for (Remark remark : remarks_) Line(say_("Remark: ", "说明：") + say_(NameOf(remark).phrase));
    Verdict();
    return std::move(text_);
  }

 private:
  void Line(const std::string& line) { text_.append(line).append("\n"); }
  void Field(const Phrase& label, const std::string& value) { Line(say_(label) + say_(": ", "：") + value); }

  void What() {
    Field({"Evidence", "证据"}, name_);
    if (!report_.record || !report_.entry) return;
    const ledger::Record& record = *report_.record;
    const ledger::DepositEntry& entry = *report_.entry;
    Field({"Length", "长度"}, Grouped(record.length) + say_(" bytes", " 字节"));
    Field({"SHA-256 in the record", "记录中的 SHA-256"}, ToHex(record.digest.sha256));
    Field({"SM3 in the record", "记录中的 SM3"}, ToHex(record.digest.sm3));
    if (report_.manifest) Field({"Name in the manifest", "清单中的名称"}, report_.manifest->name);
    if (record.case_ref) Field({"Case", "案件编号"}, *record.case_ref);
    Field({"Deposited by", "存证人"}, entry.account_name + say_(", account ", "，账户 ") +
                                          ToHex(entry.account) + say_(", sponsored by ", "，由 ") +
                                          entry.sponsor + say_("", " 担保准入"));
    Field({"Place on the ledger", "账本位置"},
          (report_.origin.empty() ? std::string() : Printable(report_.origin) + say_(", ", "，")) +
              say_("entry ", "第 ") + std::to_string(report_.index) + say_(", record ", " 条，批次内第 ") +
              std::to_string(report_.batch_index + 1) + say_(" of ", " 项，共 ") +
              std::to_string(entry.header.count) + say_("", " 项"));
    if (!report_.trust_fingerprint.empty()) {
      Field({"Trust file", "信任文件"}, say_("version ", "第 ") + std::to_string(report_.trust_version) +
                                            say_(", fingerprint ", " 版，指纹 ") + report_.trust_fingerprint);
    }
  }

  void Steps() {
    size_t number = 0;
    for (const Step& step : report_.steps) {
      std::string line =
          Mark(step.state) + " " + std::to_string(++number) + ". " + say_(NameOf(step.id).phrase);
      if (step.error) {
        line += say_(": ", "：") + std::string(ErrcName(step.error->code)) + say_(" (", "（") +
                Printable(step.error->detail) + say_(")", "）");
      } else if (step.id == StepId::kQuorum && step.state == StepState::kPassed) {
        const size_t of = step.note.find(" of ");  // "3 of 4"
        line += say_(" (" + step.note + ", needed ",
                     "（" + step.note.substr(of + 4) + " 家中 " + step.note.substr(0, of) + " 家，需要 ") +
                std::to_string(report_.k) + say_(")", " 家）");
      }
      Line(line);
    }
  }

  std::string Mark(StepState state) const {
    switch (state) {
      case StepState::kPassed:
        return say_("[pass]", "[通过]");
      case StepState::kFailed:
        return say_("[FAIL]", "[失败]");
      case StepState::kRemark:
        return say_("[note]", "[说明]");
      case StepState::kNotDone:
        break;
    }
    return say_("[ -- ]", "[未做]");
  }

  std::string Source(const TimeBound& bound) const {
    const std::string by = Join(bound.by, say_(", ", "、"));
    switch (bound.source) {
      case TimeSource::kCosignatures:
        return say_("cosignature clocks of ", "依据联署机构的时钟：") + by;
      case TimeSource::kWitnesses:
        return say_("clocks of the witnesses ", "依据见证方的时钟：") + by;
      case TimeSource::kToken:
        break;
    }
    return say_("time-stamping authority ", "依据时间戳机构：") + Printable(by);
  }

  void Bound(const Phrase& label, const TimeBound& bound) {
    Field(label, FormatTime(bound.time_unix_s, say_) + say_("; source: ", "；") + Source(bound));
  }

  void When() {
    if (report_.t1) Bound({"T1, packaged no earlier than", "T1，打包不早于"}, *report_.t1);
    Bound({"T2, existed no later than", "T2，存在不晚于"}, *report_.t2);
    Field({"Entry time, the ledger's own statement", "入账时间（账本自述）"},
          FormatTime(report_.entry->time_unix_ms / 1'000, say_));
    const auto& times = report_.cosignature_times_unix_s;
    if (times.size() > 1) {
      Field({"Spread of the cosignature times", "联署时间的最大间隔"},
            Grouped(times.back() - times.front()) + say_(" seconds", " 秒"));
    }
  }

  void Who() {
    std::vector<std::string> names;
    for (const Voucher& v : report_.vouchers) {
      const std::string& name = say_.zh() ? v.name_zh : v.name_en;
      names.push_back(name + say_(" (", "（") + v.member_id +
                      (v.retired_key ? say_(", retired key", "，密钥已停用") : "") + say_(")", "）"));
    }
    const std::string list = Join(names, say_(", ", "、"));
    if (report_.n == 1) {
      Field({"Who vouches", "证明机构"}, say_("single operator: ", "单一运营机构：") + list);
    } else {
      Field({"Who vouches", "证明机构"},
            say_("", "共 ") + std::to_string(report_.n) + say_(" institutions, ", " 家机构，其中 ") +
                std::to_string(report_.vouchers.size()) + say_(" cosigned (", " 家联署（需要 ") +
                std::to_string(report_.k) + say_(" needed, up to ", " 家，容许 ") +
                std::to_string(report_.f) + say_(" may lie): ", " 家失实）：") + list);
    }
    if (!report_.witnesses.empty()) {
      Field({"Witnesses", "见证方"}, Join(report_.witnesses, say_(", ", "、")));
    }
  }

  bool Withheld() const {
    return std::find(remarks_.begin(), remarks_.end(), Remark::kEvidenceWithheld) != remarks_.end();
  }

  void Proven() {
    const Phrase label =
        report_.verdict == Verdict::kRetiredOnly
            ? Phrase{"Proven only if no retired key was misused", "仅在停用密钥未被滥用时可证明"}
            : Phrase{"Proven", "已证明"};
    Field(label, Withheld()
                     ? say_("the parts shown existed at T2 in a package whose digest the holder of the "
                            "account's key had "
                            "deposited by then; nothing of them was changed since.",
                            "所出示的部分在 T2 "
                            "时已存在于该证据包中，账户密钥持有人此前已存入该包的摘要；此后未被改动。")
                     : say_("these very bytes existed at T2, and the holder of the account's key had "
                            "deposited their digest "
                            "by then; nothing of it was changed since.",
                            "该内容在 T2 时已经存在，且账户密钥持有人此前已存入其摘要；此后未被改动。"));
    Field(
        {"Not proven", "未证明"},
        say_("authorship, ownership or priority of rights; nor that what the evidence shows is true. A "
             "deposit "
             "proves existence and possession of a digest since T2, never authorship or priority of rights.",
             "作者身份、权利归属或权利在先；亦不证明证据所示内容属实。存证仅证明自 T2 起摘要的存在与持有，"
             "从不证明作者身份或权利在先。"));
    if (report_.t1) {
      Field(
          {"Meaning of T1", "T1 的含义"},
          say_(
              "the evidence was packaged no earlier than T1; that its source looked so at that time rests on "
              "the operator and the tool.",
              "证据的打包不早于 T1；其来源当时确为如此，取决于操作者与工具。"));
    }
  }

  void Verdict() {
    if (report_.error) {
      const Explanation why = Explain(*report_.error, language_);
      Field({"Reason", "原因"}, why.sentence);
      Field({"Hint", "提示"}, why.hint);
    }
    Line(say_("VERDICT: ", "结论：") + VerdictWords());
  }

  std::string VerdictWords() const {
    switch (report_.verdict) {
      case Verdict::kValid:
        return ValidWords();
      case Verdict::kPending:
        return say_("pending. Everything checked so far fits, but too few institutions have cosigned yet.",
                    "待定。已核验的各项均相符，但联署机构尚未达到法定数量。");
      case Verdict::kTrustNotEstablished:
        return say_(
            "trust not established. Receipt and evidence fit together, but nobody's keys are pinned, so this "
            "proves nothing about time or institutions.",
            "信任未建立。回执与证据相互吻合，但未确认任何机构的密钥，因此不能证明时间与机构。");
      case Verdict::kRetiredOnly:
        return say_(
            "valid under retired keys, not refreshed. It rests on keys, or a membership, of before: cunzheng "
            "renew ties the receipt to today's.",
            "仅在已停用的密钥下有效，未续证。结论依赖以往的密钥或成员构成，请执行 cunzheng renew 续证。");
      case Verdict::kNotValid:
        break;
    }
    return say_("not valid. The receipt does not prove anything about this evidence.",
                "无效。该回执不能就此证据证明任何事项。");
  }

  // A capture's two bounds belong together, and what they do not say belongs beside them.
  std::string ValidWords() const {
    const std::string t2 = FormatTime(report_.t2->time_unix_s, say_);
    if (report_.record->kind != "capture" || !report_.t1) {
      return say_("valid. The evidence existed no later than ", "有效。证据的存在不晚于") + t2 +
             say_(".", "。");
    }
    const std::string t1 = FormatTime(report_.t1->time_unix_s, say_);
    return say_("valid. Packaged no earlier than " + t1 + ", existed no later than " + t2 +
                    ". What the page showed rests on the tool and its operator.",
                "有效。打包不早于" + t1 + "，存在不晚于" + t2 + "。页面当时所示内容取决于取证工具与操作者。");
  }

  const Report& report_;
  const std::string name_;
  const std::vector<Remark> remarks_;
  const Language say_;
  const std::string_view language_;
  std::string text_;
};

}  // namespace

std::string ReportToJson(const Report& report, std::string_view name) {
  json::Array remarks;
  for (Remark remark : RemarksOf(report, name)) remarks.emplace_back(NameOf(remark).name);
  json::Array spread;
  for (uint64_t time : report.cosignature_times_unix_s) spread.push_back(IntegerJson(time));
  json::Array witnesses(report.witnesses.begin(), report.witnesses.end());
  json::Object object{{"type", "cunzheng/verification/v1"},
                      {"name", Printable(name)},
                      {"verdict", VerdictName(report.verdict)},
                      {"exit_code", IntegerJson(static_cast<uint64_t>(VerdictExitCode(report.verdict)))},
                      {"steps", StepsJson(report.steps)},
                      {"remarks", std::move(remarks)},
                      {"vouchers", VouchersJson(report.vouchers)},
                      {"witnesses", std::move(witnesses)},
                      {"cosignature_times_unix_s", std::move(spread)}};
  if (report.error) object.emplace("error", ErrorJson(*report.error));
  if (report.record) object.emplace("record", RecordJson(*report.record));
  if (report.entry) object.emplace("entry", EntryJson(report));
  if (report.manifest) object.emplace("manifest_name", report.manifest->name);
  if (report.t1) object.emplace("t1", BoundJson(*report.t1));
  if (report.t2) {
    object.emplace("t2", BoundJson(*report.t2));
    object.emplace("tree_size", report.tree_size);
  }
  if (!report.origin.empty()) object.emplace("origin", Printable(report.origin));
  if (!report.trust_fingerprint.empty()) {
    object.emplace("trust", json::Object{{"fingerprint", report.trust_fingerprint},
                                         {"version", report.trust_version},
                                         {"k", report.k},
                                         {"n", report.n},
                                         {"f", report.f}});
  }
  return json::EncodePretty(object);
}

std::string TimeToText(uint64_t time_unix_s, std::string_view language) {
  return FormatTime(time_unix_s, Language(language));
}

std::string ReportToText(const Report& report, std::string_view name, std::string_view language) {
  return TextReport(report, name, language).Write();
}

}  // namespace cunzheng::verify
