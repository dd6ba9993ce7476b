#include "client/capture/reports.h"

#include <algorithm>
#include <set>

#include "client/capture/ranges.h"
#include "crypto/digest.h"

namespace cunzheng::capture {
namespace {

using evidence::Gap;
using evidence::GapState;
using evidence::PlainText;

constexpr size_t kMethodBytesMax = 32, kTypeBytesMax = 64, kLinesMax = 64, kNameBytesMax = 32;

// Any word as a name of the reports: [a-z][a-z0-9_]{0,31}.
std::string PlainName(std::string_view word) {
  std::string name;
  for (const char c : word.substr(0, kNameBytesMax)) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    name.push_back(letter ? c : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : '_');
  }
  if (name.empty() || name[0] < 'a' || name[0] > 'z') name = "other";
  return name;
}

// What of an exchange is not in the package; nullopt: nothing.
std::optional<GapState> GapOf(const Exchange& exchange) {
  switch (exchange.body_state) {
    case BodyState::kWhole:
      return std::nullopt;
    case BodyState::kMissed:
      return GapState::kMissed;
    case BodyState::kCutLength:
      return GapState::kCutLength;
    case BodyState::kCutTime:
      return GapState::kCutTime;
    case BodyState::kNone:
      break;
  }
  if (!exchange.finished) return GapState::kUnfinished;
  if (exchange.status == 0) return GapState::kFailed;
  return exchange.failure.empty() ? std::nullopt : std::optional(GapState::kMissed);
}

std::string ReasonOf(const Exchange& exchange, GapState state) {
  if (!exchange.body_reason.empty()) return exchange.body_reason;
  if (!exchange.failure.empty()) return exchange.failure;
  if (state == GapState::kUnfinished) return "under way when the capture ended";
  return state == GapState::kFailed ? "no response was told of" : "";
}

uint64_t* CountOf(evidence::CompletenessReport* report, GapState state) {
  switch (state) {
    case GapState::kMissed:
      return &report->missed;
    case GapState::kCutLength:
      return &report->cut_length;
    case GapState::kCutTime:
      return &report->cut_time;
    case GapState::kUnfinished:
      return &report->unfinished;
    case GapState::kFailed:
      break;
  }
  return &report->failed;
}

std::string_view WithoutFragment(std::string_view url) {
  return url.substr(0, url.find('#'));
}

}  // namespace

evidence::CompletenessReport MakeCompleteness(const std::string& url, const std::string& final_url,
                                              const std::string& stopped,
                                              const std::vector<Exchange>& exchanges,
                                              const std::vector<Remark>& remarks,
                                              const ExchangeLimits& limits,
                                              std::vector<std::string> missing) {
  evidence::CompletenessReport report;
  report.url = PlainText(url, evidence::kReportUrlBytesMax);
  report.final_url = PlainText(final_url, evidence::kReportUrlBytesMax);
  report.stopped = PlainName(stopped);
  report.limits = {{"body_bytes", limits.body_bytes_max},
                   {"body_within_ms", static_cast<uint64_t>(limits.body_within.count())},
                   {"exchanges", limits.exchanges_max},
                   {"total_bytes", limits.total_bytes_max}};
  std::set<std::string> hit;
  if (report.stopped.ends_with("_limit")) hit.insert(report.stopped);
  for (const Exchange& exchange : exchanges) {
    ++report.exchanges;
    report.responses += exchange.status != 0 ? 1 : 0;
    report.from_cache += exchange.from_cache ? 1 : 0;
    report.from_service_worker += exchange.from_service_worker ? 1 : 0;
    report.body_bytes += exchange.body.size();
    const auto state = GapOf(exchange);
    if (!state) {
      ++(exchange.body_state == BodyState::kWhole ? report.bodies_whole : report.bodies_none);
      continue;
    }
    ++*CountOf(&report, *state);
    if (*state == GapState::kCutTime && !exchange.live) hit.insert("body_within_ms");
    if (*state == GapState::kCutLength) {
      // A body that was cut below its own limit met the one on all of them; one that was refused never began.
      const bool own = exchange.body.empty() || exchange.body.size() >= limits.body_bytes_max;
      hit.insert(own ? "body_bytes" : "total_bytes");
    }
    if (report.gaps.size() == evidence::kGapsMax) continue;
    Gap gap;
    gap.number = exchange.number;
    gap.method = PlainText(exchange.method, kMethodBytesMax);
    gap.url = PlainText(exchange.url, evidence::kReportUrlBytesMax);
    if (exchange.url.size() > evidence::kReportUrlBytesMax) gap.url_sha256 = Sha256(AsBytes(exchange.url));
    gap.resource_type = PlainText(exchange.resource_type, kTypeBytesMax);
    gap.status = static_cast<uint64_t>(std::clamp(exchange.status, 0, 999));
    gap.state = *state;
    gap.bytes_kept = exchange.body.size();
    std::string reason = ReasonOf(exchange, *state);
    if (exchange.second_fetch_of) {
      reason.insert(0, "second fetch of exchange " + std::to_string(*exchange.second_fetch_of) + ": ");
    }
    gap.reason = PlainText(reason, evidence::kReportTextBytesMax);
    report.gaps.push_back(std::move(gap));
  }
  std::vector<Remark> said = remarks;
  const std::vector<Remark> of_ranges = RangeRemarks(exchanges);
  said.insert(said.end(), of_ranges.begin(), of_ranges.end());
  for (const Remark& remark : said) {
    const std::string what = PlainName(remark.what);
    if (what.starts_with("limit_")) hit.insert(what.substr(6));
    if (what.ends_with("_limit")) hit.insert(what);
    if (report.remarks.size() == evidence::kRemarksMax) continue;
    report.remarks.push_back({what, PlainText(remark.detail, evidence::kReportTextBytesMax)});
  }
  report.limits_hit.assign(hit.begin(), hit.end());
  std::sort(missing.begin(), missing.end());
  missing.erase(std::unique(missing.begin(), missing.end()), missing.end());
  report.attachments_missing = std::move(missing);
  return report;
}

evidence::OperationLog MakeOperationLog(std::string tool, const std::optional<Hash>& operator_account,
                                        const std::vector<OperationStep>& steps) {
  evidence::OperationLog log;
  log.tool = std::move(tool);
  log.operator_account = operator_account;
  uint64_t last_us = 0;
  for (const OperationStep& step : steps) {
    if (log.lines.size() == evidence::kOperationsMax) break;
    evidence::OperationLine line;
    last_us = std::max(last_us, step.monotonic_us);
    line.monotonic_us = last_us;
    line.time_unix_us = step.time_unix_us;
    line.what = PlainName(step.what);
    std::string_view rest = step.detail;
    while (!rest.empty() && line.detail.size() < kLinesMax) {
      const size_t end = std::min(rest.find('\n'), rest.size());
      line.detail.push_back(PlainText(rest.substr(0, end), evidence::kReportUrlBytesMax));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    if (line.detail.size() == 1 && line.detail.front().empty()) line.detail.clear();
    log.lines.push_back(std::move(line));
  }
  return log;
}

const Exchange* PageExchange(const std::vector<Exchange>& exchanges, std::string_view final_url) {
  const auto is_document = [](const Exchange& exchange) {
    return exchange.resource_type == "Document" && exchange.status != 0 && !exchange.second_fetch_of;
  };
  const auto last = std::find_if(exchanges.rbegin(), exchanges.rend(), [&](const Exchange& exchange) {
    return is_document(exchange) && WithoutFragment(exchange.url) == WithoutFragment(final_url);
  });
  if (last != exchanges.rend()) return &*last;
  // The page gave itself another address, or there is none: its first document then.
  const auto first = std::find_if(exchanges.begin(), exchanges.end(), is_document);
  return first == exchanges.end() ? nullptr : &*first;
}

}  // namespace cunzheng::capture
