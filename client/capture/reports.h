// What a capture says of itself: the completeness report, the operation log's lines, and one page for people
// that shows all of it (specs/capture.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/capture/exchanges.h"
#include "client/capture/page_capture.h"
#include "client/evidence/capture_reports.h"
#include "crypto/digest.h"

namespace cunzheng::capture {

// `stopped` as PageResult has it. `missing`: attachments that should have been made and were not.
evidence::CompletenessReport MakeCompleteness(const std::string& url, const std::string& final_url,
                                              const std::string& stopped,
                                              const std::vector<Exchange>& exchanges,
                                              const std::vector<Remark>& remarks,
                                              const ExchangeLimits& limits, std::vector<std::string> missing);

// Details with line ends become several lines (checkpoints are such); times that go back are held.
evidence::OperationLog MakeOperationLog(std::string tool, const std::optional<Hash>& operator_account,
                                        const std::vector<OperationStep>& steps);

// The exchange whose response the page was made of: the last document of the address where it ended; null:
// none came.
const Exchange* PageExchange(const std::vector<Exchange>& exchanges, std::string_view final_url);

struct ReportAttachment {
  std::string name;  // "evidence/screenshot.png"
  uint64_t length = 0;
  Hash sha256{};
};

struct ReportInput {
  std::string url, final_url, title;
  std::string outcome;  // complete, incomplete, partial
  std::string stopped, failure;
  uint64_t began_unix_us = 0, ended_unix_us = 0;
  std::string tool, browser_version, user_agent;
  std::string operator_account;           // hex; may be empty
  std::optional<std::string> checkpoint;  // that the manifest embeds
  const Exchange* page = nullptr;         // of PageExchange; may be null
  const evidence::CompletenessReport* completeness = nullptr;
  const evidence::CleanlinessReport* cleanliness = nullptr;
  const evidence::OperationLog* operations = nullptr;
  std::vector<ReportAttachment> attachments;
};

// A page without scripts and outside resources, all text escaped. Preconditions: the three reports are there.
std::string ReportHtml(const ReportInput& input);

}  // namespace cunzheng::capture
