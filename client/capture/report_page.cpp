// report.html: what was asked for, what came, what is missing, and what all of it proves, on one page for
// people.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iterator>
#include <span>

#include "client/capture/reports.h"
#include "crypto/bytes.h"
#include "crypto/digest.h"
#include "crypto/utf8.h"

namespace cunzheng::capture {
namespace {

using evidence::PlainText;

constexpr size_t kRowsMax = 500, kStepsMax = 2'000, kFactsBytesMax = 32u << 10, kShownUrlBytesMax = 512;
constexpr int64_t kBeijingOffsetUs = int64_t{8} * 3'600 * 1'000'000;
constexpr uint64_t kPrintableUsMax = 253'402'214'400'000'000;  // the year 9999, in any time zone

constexpr std::string_view kStyle = R"(
:root{--ink:#1b1f24;--soft:#5b6570;--line:#d5dae0;--paper:#fff;--ok:#1a7f47;--notice:#8a5a00;--warning:#b3261e;--none:#5b6570}
*{box-sizing:border-box}
body{margin:0;background:#f2f4f6;color:var(--ink);font:15px/1.6 "Noto Sans CJK SC","Source Han Sans SC","Microsoft YaHei","PingFang SC",sans-serif}
main{max-width:1080px;margin:24px auto;padding:32px 40px;background:var(--paper);border:1px solid var(--line)}
h1{margin:0;font-size:26px;line-height:1.3}
h2{margin:36px 0 10px;padding-bottom:4px;border-bottom:2px solid var(--ink);font-size:18px}
.en{display:block;color:var(--soft);font-size:12.5px;line-height:1.45;font-weight:400}
h1 .en{font-size:15px}
table{width:100%;border-collapse:collapse;font-size:13.5px}
th,td{padding:6px 8px;border-bottom:1px solid var(--line);text-align:left;vertical-align:top;overflow-wrap:anywhere}
thead th{border-bottom:1.5px solid var(--ink)}
table.pairs th{width:190px;font-weight:600}
td.number,th.number{text-align:right;white-space:nowrap;overflow-wrap:normal}
td.tight,th.tight{white-space:nowrap;overflow-wrap:normal}
code,pre{font:12.5px/1.5 "Noto Sans Mono CJK SC","DejaVu Sans Mono",Consolas,monospace}
pre{margin:6px 0 0;padding:8px;background:#f6f7f9;white-space:pre-wrap;overflow-wrap:anywhere}
.state{display:inline-block;min-width:64px;padding:1px 8px;border:1px solid;border-radius:3px;font-size:12.5px;text-align:center;white-space:nowrap}
.ok{color:var(--ok)}.notice{color:var(--notice)}.warning{color:var(--warning)}.not_checked{color:var(--none)}
.outcome{margin:18px 0 0;padding:12px 16px;border-left:5px solid}
.outcome strong{font-size:17px}
.outcome p{margin:4px 0 0;color:var(--ink)}
summary{color:var(--soft);font-size:12.5px;cursor:pointer}
ul{margin:8px 0;padding-left:22px}li{margin:5px 0}
footer{margin-top:36px;padding-top:8px;border-top:1px solid var(--line);color:var(--soft);font-size:12.5px}
@media print{@page{size:A4;margin:16mm 14mm}body{background:none;font-size:10.5pt}main{max-width:none;margin:0;padding:0;border:0}
h2{break-after:avoid}tr,li,.outcome{break-inside:avoid}thead{display:table-header-group}table,code,pre{font-size:8.5pt}.en,summary{font-size:8pt}details:not([open]){display:none}}
)";

struct Words {
  std::string_view zh, en;
};

struct Named {
  std::string_view name;
  Words words;
};

constexpr Named kStops[] = {
    {"settled", {"网页已加载完毕并静止", "the page had settled"}},
    {"interrupted", {"操作者中止", "the operator ended it"}},
    {"closed", {"操作者关闭了浏览窗口", "the window was closed"}},
    {"failed", {"网页未能加载", "the page could not be loaded"}},
    {"download", {"网址给出的是要下载的文件", "the address gave a file to download"}},
    {"time_limit", {"取证超过总时限", "the capture took longer than its limit"}},
    {"load_limit", {"加载超过时限", "loading took longer than its limit"}},
    {"scroll_limit", {"滚动超过时限", "scrolling took longer than its limit"}},
    {"height_limit", {"页面高度超过上限", "the page is taller than the limit"}},
    {"exchange_limit", {"请求次数达到上限", "the page made as many requests as the limit allows"}},
    {"target_limit",
     {"打开的窗口与框架达到上限", "the page opened as many windows and frames as the limit allows"}},
    {"navigation_limit", {"网页反复跳转", "the page went on navigating"}},
    {"dialog_limit", {"网页反复弹出对话框", "the page went on asking"}},
    {"memory_limit", {"浏览器占用的内存超过上限", "the browser took more memory than the limit"}},
    {"disk_limit", {"浏览器占用的磁盘超过上限", "the browser took more disk than the limit"}},
    {"crashed", {"网页进程崩溃", "the page's process crashed"}},
    {"browser_ended", {"浏览器意外退出", "the browser ended unexpectedly"}},
    {"hung", {"网页不再响应", "the page did not answer any more"}},
};

constexpr Named kRemarks[] = {
    {"auth_required", {"网站要求登录，未提供", "a password was asked for, and not given"}},
    {"downgrade", {"由 HTTPS 转到 HTTP", "from HTTPS to HTTP"}},
    {"limit_exchanges", {"请求次数达到上限", "limit on requests"}},
    {"limit_frames", {"WebSocket 消息达到上限", "limit on WebSocket messages"}},
    {"not_scrolled_inside", {"未滚动的较小区域", "smaller elements, not scrolled"}},
    {"range", {"只取得部分区段", "got in part"}},
    {"refetch_limit", {"未能再次完整获取", "second fetch: a limit"}},
    {"refused_address", {"已拒绝：本机或内网地址", "refused: a local address"}},
    {"refused_url", {"已拒绝的网址", "refused address"}},
    {"request_body_missed", {"请求体缺失", "request body missed"}},
    {"scrolled_inside", {"页内滚动区域（像素）", "scrolled within (pixels)"}},
    {"untold", {"浏览器未说明的响应", "response untold"}},
};

constexpr Named kItems[] = {
    {"system", {"系统", "System"}},
    {"virtualisation", {"虚拟化", "Virtualisation"}},
    {"users", {"登录用户", "Users"}},
    {"processes", {"进程", "Processes"}},
    {"preload", {"强制加载的库", "Forced libraries"}},
    {"hosts", {"hosts 文件", "Hosts file"}},
    {"proxy", {"代理", "Proxy"}},
    {"dns", {"域名解析", "Name resolution"}},
    {"interfaces", {"网络接口", "Network interfaces"}},
    {"routes", {"路由", "Routes"}},
    {"roots", {"根证书", "Root certificates"}},
    {"clock", {"时钟", "Clock"}},
    {"browser", {"浏览器", "Browser"}},
    {"profile", {"浏览器配置", "Browser profile"}},
};
static_assert(std::size(kItems) == evidence::kCleanlinessItems.size());

// Parallel to evidence::GapState and evidence::ItemState.
constexpr Words kGapWords[] = {{"响应体缺失", "body missed"},
                               {"超过大小上限，已截断", "cut: too long"},
                               {"超过时限，已截断", "cut: took too long"},
                               {"未完成", "unfinished"},
                               {"请求失败", "failed"}};
constexpr Words kItemWords[] = {
    {"正常", "ok"}, {"注意", "notice"}, {"警告", "warning"}, {"未检查", "not checked"}};

constexpr Words kShown[] = {
    {"本页与各附件由取证程序在操作者的机器上写出；程序记录了浏览器发出的每个请求与收到的每个响应。",
     "This page and the attachments were written by the capture tool on the operator's machine; it recorded "
     "every "
     "request that the browser made and every response that it got."},
    {"存证之后，数据包的任何一个字节被改动，核验都会发现。",
     "Once deposited, a change to any byte of the package is found when it is verified."},
    {"清单内嵌入的检查点证明数据包的形成不早于该检查点；回执证明数据包在存证时间之前已经存在。",
     "The checkpoint in the manifest shows that the package was made no earlier than it; the receipt, that "
     "the package "
     "existed no later than its deposit."},
};
constexpr Words kNotShown[] = {
    {"账本只证明存证之后的内容未变；存证之前网页显示了什么，取决于取证工具与操作者是否可靠。",
     "The ledger speaks only from the deposit on; what the page showed before rests on the tool and its "
     "operator."},
    {"网站可能向不同的访问者、在不同的时间显示不同的内容；本次取证只说明这台机器在这段时间收到了什么。",
     "A web site may show other things to others or at other times; this capture says what this machine got "
     "then."},
    {"清洁性报告是机器对自身的描述；被完全控制的机器可以作出虚假的描述。",
     "The cleanliness report is what the machine says of itself; a machine that is wholly controlled can "
     "lie."},
    {"TLS 证书说明连接的对方是谁，但网站并未对内容签名。",
     "A TLS certificate says who was at the other end; the site has signed none of the content."},
    {"本报告不判断网页内容是否真实、是否侵权，也不证明作者身份。",
     "This report does not judge whether the page's content is true or infringing, nor who made it."},
};

const Words* Find(std::span<const Named> list, std::string_view name) {
  const auto it = std::find_if(list.begin(), list.end(), [&](const Named& one) { return one.name == name; });
  return it == list.end() ? nullptr : &it->words;
}

// Characters that turn the direction of the text after them could make one address look like another.
bool TurnsDirection(char32_t c) {
  return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f ||
         c == 0x061c;
}

std::string Escaped(std::string_view bytes) {
  const std::string text = PlainText(bytes, bytes.size() * 3 + 3);
  std::string out;
  for (std::string_view rest = text; !rest.empty();) {
    char32_t c = 0;
    const size_t length = DecodeUtf8(rest, &c);
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (c == '\'') {
      out += "&#39;";
    } else if (TurnsDirection(c)) {
      char code[16];
      std::snprintf(code, sizeof code, "[U+%04X]", static_cast<unsigned>(c));
      out += code;
    } else {
      out += rest.substr(0, length);
    }
    rest.remove_prefix(length);
  }
  return out;
}

std::string DateTime(int64_t unix_us) {
  using namespace std::chrono;
  const sys_time<microseconds> time{microseconds(unix_us)};
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u %02d:%02d:%02d.%03d", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()),
                static_cast<int>(clock.subseconds().count() / 1'000));
  return text;
}

std::string Times(uint64_t unix_us) {
  const auto us = static_cast<int64_t>(std::min(unix_us, kPrintableUsMax));
  return "北京时间 " + DateTime(us + kBeijingOffsetUs) + "<span class=\"en\">UTC " + DateTime(us) + "</span>";
}

std::string Grouped(const Hash& hash) {
  const std::string hex = ToHex(hash);
  std::string text;
  for (size_t i = 0; i < hex.size(); i += 8) text += (i == 0 ? "" : " ") + hex.substr(i, 8);
  return text;
}

std::string Seconds(uint64_t us) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", static_cast<double>(us) / 1e6);
  return text;
}

class Page {
 public:
  void Raw(std::string_view markup) { out_ += markup; }
  void Text(std::string_view text) { out_ += Escaped(text); }
  void Both(Words words) {
    Text(words.zh);
    out_ += "<span class=\"en\">";
    Text(words.en);
    out_ += "</span>";
  }
  void Heading(Words words) {
    out_ += "<h2>";
    Both(words);
    out_ += "</h2>\n";
  }
  // A table's head; classes by column, "" for none.
  void Table(std::initializer_list<std::pair<Words, std::string_view>> columns) {
    out_ += "<table><thead><tr>";
    for (const auto& [words, style] : columns) {
      out_ += style.empty() ? "<th>" : "<th class=\"" + std::string(style) + "\">";
      Both(words);
      out_ += "</th>";
    }
    out_ += "</tr></thead><tbody>\n";
  }
  void EndTable() { out_ += "</tbody></table>\n"; }
  // A row of a table of pairs; `markup` is not escaped.
  void Pair(Words words, std::string_view markup) {
    out_ += "<tr><th>";
    Both(words);
    out_ += "</th><td>";
    out_ += markup;
    out_ += "</td></tr>\n";
  }
  void PairText(Words words, std::string_view text) {
    if (!text.empty()) Pair(words, Escaped(text));
  }
  void Cell(std::string_view text, std::string_view style = {}) {
    out_ += style.empty() ? "<td>" : "<td class=\"" + std::string(style) + "\">";
    Text(text);
    out_ += "</td>";
  }
  void State(std::string_view style, Words words) {
    out_ += "<span class=\"state " + std::string(style) + "\">";
    Text(words.zh);
    out_ += "</span><span class=\"en\">";
    Text(words.en);
    out_ += "</span>";
  }
  // Text whose line ends stay.
  void TextLines(std::string_view text) {
    while (!text.empty()) {
      const size_t end = std::min(text.find('\n'), text.size());
      Text(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
      if (!text.empty()) out_ += '\n';
    }
  }
  // How many of `count` rows are only in the file.
  void Rest(size_t count, size_t shown, std::string_view file) {
    if (count <= shown) return;
    const std::string number = std::to_string(count - shown), name(file);
    out_ += "<p>";
    const std::string zh = "另有 " + number + " 行，见 " + name, en = number + " more rows are in " + name;
    Both({zh, en});
    out_ += "</p>\n";
  }
  std::string Take() { return std::move(out_); }

 private:
  std::string out_;
};

void PutOutcome(const ReportInput& input, Page* page) {
  Words words{"未完成：取证在结束之前停止，数据包只含此前取得的内容。",
              "Partial: the capture stopped before its end; the package has what there was until then."};
  std::string_view style = "warning";
  if (input.outcome == "complete") {
    words = {"完整：浏览器收到的响应均已完整保存。",
             "Complete: every response that the browser got is kept whole."};
    style = "ok";
  } else if (input.outcome == "incomplete") {
    words = {"不完整：部分内容未能保存，缺失项见下文“完整性”。",
             "Incomplete: something could not be kept; “Completeness” below says what."};
    style = "notice";
  }
  if (input.stopped == "download") {
    words = {"网址给出的是要下载的文件，没有可显示的网页；响应已记录在数据包中。",
             "The address gave a file to download and no page to show; the response is in the package."};
    style = "notice";
  } else if (!input.failure.empty()) {
    // However complete the record of that is, nobody should take it for the page.
    words = {"网页未能加载；数据包只记录了所发生的情况。",
             "The page could not be loaded; the package records what happened instead."};
    style = "warning";
  }
  page->Raw("<div class=\"outcome " + std::string(style) + "\"><strong>");
  page->Text(words.zh);
  page->Raw("</strong><span class=\"en\">");
  page->Text(words.en);
  page->Raw("</span><p>");
  const Words* known = Find(kStops, input.stopped);
  const Words stop = known != nullptr ? *known : Words{input.stopped, input.stopped};
  const std::string zh = "结束原因：" + std::string(stop.zh),
                    en = "It ended because: " + std::string(stop.en);
  page->Both({zh, en});
  if (!input.failure.empty()) {
    const std::string failed_zh = "浏览器报告：" + input.failure,
                      failed_en = "The browser says: " + input.failure;
    page->Raw("</p><p>");
    page->Both({failed_zh, failed_en});
  }
  page->Raw("</p></div>\n");
}

void PutSummary(const ReportInput& input, Page* page) {
  page->Heading({"取证概要", "Summary"});
  page->Raw("<table class=\"pairs\"><tbody>\n");
  page->PairText({"请求的网址", "Address asked for"}, input.url);
  page->PairText({"最终网址", "Address in the end"}, input.final_url);
  page->PairText({"网页标题", "Title"}, input.title);
  page->Pair({"开始时间", "Began"}, Times(input.began_unix_us));
  page->Pair({"结束时间", "Ended"}, Times(input.ended_unix_us));
  page->PairText({"取证工具", "Tool"}, input.tool);
  page->PairText({"浏览器", "Browser"}, input.browser_version);
  page->PairText({"发出的用户代理", "User agent sent"}, input.user_agent);
  page->PairText({"操作者账户", "Operator's account"}, input.operator_account);
  if (input.checkpoint) {
    page->Raw("<tr><th>");
    page->Both({"取证前的检查点", "Checkpoint before the capture"});
    page->Raw("</th><td><pre>");
    page->TextLines(*input.checkpoint);
    page->Raw("</pre></td></tr>\n");
  }
  page->EndTable();
}

void PutConnection(const Exchange* exchange, Page* page) {
  page->Heading({"网页的连接", "The page's connection"});
  if (exchange == nullptr) {
    page->Raw("<p>");
    page->Both({"没有收到网页的响应。", "No response came for the page."});
    page->Raw("</p>\n");
    return;
  }
  std::string server = exchange->remote_ip.find(':') == std::string::npos ? exchange->remote_ip
                                                                          : "[" + exchange->remote_ip + "]";
  if (!server.empty()) server += ":" + std::to_string(exchange->remote_port);
  page->Raw("<table class=\"pairs\"><tbody>\n");
  page->PairText({"响应状态", "Status"}, std::to_string(exchange->status) + " " + exchange->status_text);
  page->PairText({"服务器地址", "Server's address"}, server.empty() ? "未知 unknown" : server);
  page->PairText({"协议", "Protocol"}, exchange->protocol);
  const boost::json::object& tls = exchange->security;
  if (tls.empty()) {
    page->Pair({"加密", "Encryption"}, "无 TLS<span class=\"en\">none</span>");
  } else {
    page->PairText({"加密", "Encryption"}, TextOf(tls, "protocol") + " " + TextOf(tls, "cipher"));
    page->PairText({"证书主体", "Certificate's subject"}, TextOf(tls, "subjectName"));
    page->PairText({"证书签发者", "Certificate's issuer"}, TextOf(tls, "issuer"));
    const auto valid = [&](std::string_view key) {
      const double seconds = std::clamp(NumberOf(tls, key), 0.0, static_cast<double>(kPrintableUsMax) / 1e6);
      return Times(static_cast<uint64_t>(seconds) * 1'000'000);
    };
    page->Pair({"证书生效", "Valid from"}, valid("validFrom"));
    page->Pair({"证书到期", "Valid to"}, valid("validTo"));
  }
  page->EndTable();
}

void PutCompleteness(const evidence::CompletenessReport& report, Page* page) {
  page->Heading({"完整性", "Completeness"});
  page->Table({{{"请求", "requests"}, "number"},
               {{"响应", "responses"}, "number"},
               {{"完整保存", "bodies kept whole"}, "number"},
               {{"无响应体", "without a body"}, "number"},
               {{"缺失", "missed"}, "number"},
               {{"截断", "cut"}, "number"},
               {{"未完成", "unfinished"}, "number"},
               {{"失败", "failed"}, "number"},
               {{"字节数", "bytes"}, "number"}});
  page->Raw("<tr>");
  for (const uint64_t count :
       {report.exchanges, report.responses, report.bodies_whole, report.bodies_none, report.missed,
        report.cut_length + report.cut_time, report.unfinished, report.failed, report.body_bytes}) {
    page->Cell(std::to_string(count), "number");
  }
  page->Raw("</tr>\n");
  page->EndTable();
  const auto list = [&](Words words, const std::vector<std::string>& names) {
    if (names.empty()) return;
    std::string joined;
    for (const std::string& name : names) joined += (joined.empty() ? "" : ", ") + name;
    page->Raw("<p>");
    const std::string zh = std::string(words.zh) + joined, en = std::string(words.en) + joined;
    page->Both({zh, en});
    page->Raw("</p>\n");
  };
  list({"达到的上限：", "Limits that were met: "}, report.limits_hit);
  list({"未能生成的附件：", "Attachments that could not be made: "}, report.attachments_missing);
  if (report.gaps.empty()) {
    page->Raw("<p>");
    page->Both({"没有缺失项。", "Nothing is missing."});
    page->Raw("</p>\n");
  } else {
    page->Table({{{"序号", "no."}, "number"},
                 {{"情形", "what"}, "tight"},
                 {{"状态码", "status"}, "number"},
                 {{"网址与原因", "address, and why"}, ""},
                 {{"已存字节", "bytes kept"}, "number"}});
    for (size_t i = 0; i < std::min(report.gaps.size(), kRowsMax); ++i) {
      const evidence::Gap& gap = report.gaps[i];
      page->Raw("<tr>");
      page->Cell(std::to_string(gap.number), "number");
      page->Raw("<td class=\"tight\">");
      page->Both(kGapWords[static_cast<size_t>(gap.state)]);
      page->Raw("</td>");
      page->Cell(gap.status == 0 ? "–" : std::to_string(gap.status), "number");
      page->Raw("<td>");
      page->Text(gap.method + " " + PlainText(gap.url, kShownUrlBytesMax));
      page->Raw("<span class=\"en\">");
      page->Text(gap.reason);
      page->Raw("</span></td>");
      page->Cell(std::to_string(gap.bytes_kept), "number");
      page->Raw("</tr>\n");
    }
    page->EndTable();
    page->Rest(report.gaps.size(), kRowsMax, "completeness.json");
  }
  if (report.remarks.empty()) return;
  page->Table({{{"备注", "remark"}, "tight"}, {{"内容", "detail"}, ""}});
  for (size_t i = 0; i < std::min(report.remarks.size(), kRowsMax); ++i) {
    page->Raw("<tr>");
    const Words* known = Find(kRemarks, report.remarks[i].what);
    page->Raw("<td class=\"tight\">");
    page->Both(known != nullptr ? *known : Words{report.remarks[i].what, report.remarks[i].what});
    page->Raw("</td>");
    page->Cell(PlainText(report.remarks[i].detail, kShownUrlBytesMax));
    page->Raw("</tr>\n");
  }
  page->EndTable();
  page->Rest(report.remarks.size(), kRowsMax, "completeness.json");
}

void PutCleanliness(const evidence::CleanlinessReport& report, Page* page) {
  page->Heading({"清洁性检查（取证之前）", "Cleanliness, checked before the capture"});
  page->Raw("<p>");
  page->Raw(Times(report.began_unix_us));
  page->Raw("</p>\n");
  page->Table({{{"项目", "item"}, "tight"}, {{"状态", "state"}, "tight"}, {{"结论", "finding"}, ""}});
  for (const evidence::CleanlinessItem& item : report.items) {
    const Words* words = Find(kItems, item.id);
    page->Raw("<tr><td class=\"tight\">");
    page->Both(words != nullptr ? *words : Words{item.id, item.id});
    page->Raw("</td><td class=\"tight\">");
    page->State(evidence::ItemStateName(item.state), kItemWords[static_cast<size_t>(item.state)]);
    page->Raw("</td><td>");
    page->Both({item.zh, item.en});
    if (!item.facts.empty()) {
      const std::string facts = json::EncodePretty(item.facts);
      page->Raw("<details><summary>依据 Facts</summary><pre>");
      page->TextLines(facts.size() <= kFactsBytesMax ? facts : "cleanliness.json");
      page->Raw("</pre></details>");
    }
    page->Raw("</td></tr>\n");
  }
  page->EndTable();
}

void PutAttachments(const std::vector<ReportAttachment>& attachments, Page* page) {
  page->Heading({"附件清单", "Attachments"});
  page->Table({{{"文件", "file"}, ""},
               {{"字节数", "bytes"}, "number"},
               {{"SHA-256", "in groups of eight digits"}, ""}});
  for (const ReportAttachment& attachment : attachments) {
    page->Raw("<tr>");
    page->Cell(attachment.name);
    page->Cell(std::to_string(attachment.length), "number");
    page->Raw("<td><code>");
    page->Text(Grouped(attachment.sha256));
    page->Raw("</code></td></tr>\n");
  }
  page->EndTable();
}

void PutOperations(const evidence::OperationLog& log, Page* page) {
  page->Heading({"过程日志", "Operation log"});
  page->Table({{{"秒", "seconds"}, "number"},
               {{"北京时间", "Beijing time"}, "tight"},
               {{"步骤", "step"}, "tight"},
               {{"内容", "detail"}, ""}});
  for (size_t i = 0; i < std::min(log.lines.size(), kStepsMax); ++i) {
    const evidence::OperationLine& line = log.lines[i];
    const auto us = static_cast<int64_t>(std::min(line.time_unix_us, kPrintableUsMax));
    page->Raw("<tr>");
    page->Cell(Seconds(line.monotonic_us), "number");
    page->Cell(DateTime(us + kBeijingOffsetUs), "tight");
    page->Cell(line.what, "tight");
    page->Raw("<td>");
    for (size_t n = 0; n < line.detail.size(); ++n) {
      if (n > 0) page->Raw("<br>");
      page->Text(PlainText(line.detail[n], kShownUrlBytesMax));
    }
    page->Raw("</td></tr>\n");
  }
  page->EndTable();
  page->Rest(log.lines.size(), kStepsMax, "operations.jsonl");
}

void PutMeaning(Page* page) {
  const auto list = [&](std::span<const Words> all) {
    page->Raw("<ul>\n");
    for (const Words& words : all) {
      page->Raw("<li>");
      page->Both(words);
      page->Raw("</li>\n");
    }
    page->Raw("</ul>\n");
  };
  page->Heading({"证明了什么", "What is shown"});
  list(kShown);
  page->Heading({"未证明什么", "What is not shown"});
  list(kNotShown);
}

}  // namespace

std::string ReportHtml(const ReportInput& input) {
  const std::string style_digest = ToBase64(Sha256(AsBytes(kStyle)));
  Page page;
  page.Raw("<!DOCTYPE html>\n<html lang=\"zh-CN\">\n<head>\n<meta charset=\"utf-8\">\n");
  page.Raw("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-" +
           style_digest + "'; base-uri 'none'; form-action 'none'\">\n");
  page.Raw("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>网页取证报告 ");
  page.Text(PlainText(input.url, kShownUrlBytesMax));
  page.Raw("</title>\n<style>");
  page.Raw(kStyle);
  page.Raw("</style>\n</head>\n<body>\n<main>\n<h1>");
  page.Both({"网页取证报告", "Report on the capture of a web page"});
  page.Raw("</h1>\n");
  PutOutcome(input, &page);
  PutSummary(input, &page);
  PutConnection(input.page, &page);
  PutCompleteness(*input.completeness, &page);
  PutCleanliness(*input.cleanliness, &page);
  PutAttachments(input.attachments, &page);
  PutOperations(*input.operations, &page);
  PutMeaning(&page);
  page.Raw("<footer>");
  page.Both({"核验：cunzheng verify NAME.evidence.zip", "To verify: cunzheng verify NAME.evidence.zip"});
  page.Raw("</footer>\n</main>\n</body>\n</html>\n");
  return page.Take();
}

}  // namespace cunzheng::capture
