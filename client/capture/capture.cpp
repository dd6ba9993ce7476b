#include "client/capture/capture.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <set>

#include "client/capture/addresses.h"
#include "client/capture/cleanliness.h"
#include "client/capture/exchange_records.h"
#include "client/capture/ledger_errands.h"
#include "client/capture/reports.h"
#include "client/capture/unix_time.h"
#include "client/evidence/package.h"
#include "client/evidence/screenshot.h"
#include "client/evidence/wacz.h"
#include "crypto/digest.h"
#include "crypto/json.h"

namespace cunzheng::capture {
namespace {

constexpr std::string_view kSelf = "/proc/self/exe";
constexpr size_t kTitleBytesMax = 512;

std::string EncodeCertificates(const std::map<std::string, std::vector<std::string>>& certificates) {
  json::Array origins;
  for (const auto& [origin, chain] : certificates) {
    json::Array list;
    for (const std::string& der : chain) list.emplace_back(ToBase64(AsBytes(der)));
    origins.push_back(json::Object{{"origin", evidence::PlainText(origin, evidence::kReportUrlBytesMax)},
                                   {"chain", std::move(list)}});
  }
  return json::Encode(json::Object{{"type", "cunzheng/certificates/v1"}, {"origins", std::move(origins)}});
}

// The package's insides, and the list of attachments that the report shows.
class Contents {
 public:
  // `page_is_there`: whether there was a page at the end to be pictured; a window that a person has closed
  // has none.
  Contents(evidence::WaczWriter* wacz, bool page_is_there) : wacz_(wacz), page_is_there_(page_is_there) {}

  Result<void> Attach(const std::string& name, const std::string& bytes) {
    RETURN_IF_ERROR(wacz_->AddAttachment(name, bytes));
    attached_.push_back(
        {std::string(evidence::kWaczAttachments) + name, bytes.size(), Sha256(AsBytes(bytes))});
    return {};
  }
  // One that a capture should have, and has not when it ended early.
  Result<void> AttachOrMiss(const std::string& name, const std::string& bytes) {
    if (!bytes.empty()) return Attach(name, bytes);
    if (page_is_there_) missing_.push_back(name);
    return {};
  }
  const std::vector<ReportAttachment>& attached() const { return attached_; }
  const std::vector<std::string>& missing() const { return missing_; }

 private:
  evidence::WaczWriter* const wacz_;
  const bool page_is_there_;
  std::vector<ReportAttachment> attached_;
  std::vector<std::string> missing_;
};

// Returns how many exchanges could not be written.
Result<uint64_t> AddExchanges(const std::vector<Exchange>& exchanges, evidence::WaczWriter* wacz,
                              OperationSteps* steps) {
  uint64_t left_out = 0;
  for (const Exchange& exchange : exchanges) {
    const auto added = wacz->AddRecords(ExchangeRecords(exchange));
    if (added) continue;
    // An address or header beyond what a record can hold is told, and costs this exchange alone.
    if (added.error().code != Errc::kTooLarge && added.error().code != Errc::kInvalidValue) {
      return added.error();
    }
    ++left_out;
    steps->Note("records_left_out", std::to_string(exchange.number) + ": " + added.error().detail);
  }
  return left_out;
}

// The segments of a recording, each with the receipt that it got while the recording went on.
Result<void> AddRecording(const std::vector<evidence::RecordingSegment>& recording,
                          const std::map<size_t, std::string>& receipts, Contents* contents) {
  for (size_t i = 0; i < recording.size(); i++) {
    RETURN_IF_ERROR(contents->Attach(evidence::RecordingFilmName(i), recording[i].film));
    RETURN_IF_ERROR(contents->Attach(evidence::RecordingIndexName(i), recording[i].index));
    const auto receipt = receipts.find(i);
    if (receipt == receipts.end()) continue;
    RETURN_IF_ERROR(contents->Attach(evidence::RecordingReceiptName(i), receipt->second));
  }
  return {};
}

Result<void> AddPictures(const PageResult& page, Contents* contents, OperationSteps* steps) {
  for (size_t i = 0; i < page.tiles.size(); i++) {
    char name[48];
    std::snprintf(name, sizeof name, "screenshot-%03zu.png", i);
    RETURN_IF_ERROR(contents->Attach(name, page.tiles[i].png));
  }
  std::string stitched;
  if (!page.tiles.empty()) {
    auto whole = evidence::StitchTiles(page.tiles.size(),
                                       [&](size_t i) -> Result<std::string> { return page.tiles[i].png; });
    if (whole) {
      stitched = std::move(whole).value();
    } else {
      steps->Note("missed", "screenshot.png: " + whole.error().detail);
    }
  }
  RETURN_IF_ERROR(contents->AttachOrMiss("screenshot.png", stitched));
  for (size_t i = 0; i < page.views.size(); i++) {
    char name[48];
    std::snprintf(name, sizeof name, "view-%03zu.png", i);
    RETURN_IF_ERROR(contents->Attach(name, page.views[i].png));
  }
  RETURN_IF_ERROR(contents->AttachOrMiss("page.pdf", page.pdf));
  RETURN_IF_ERROR(contents->AttachOrMiss("page.mhtml", page.mhtml));
  return contents->AttachOrMiss("dom.html", page.dom);
}

// One capture, from the machine's cleanliness to the finished file.
class Capture {
 public:
  Capture(const CaptureOptions& options, const StepObserver& on_step, const std::function<bool()>& stop)
      : options_(options), stop_(stop), steps_(on_step) {}

  Result<CaptureSummary> Run(const std::string& wacz_path) {
    summary_.began_unix_us = UnixUs();
    if (const auto allowed = CheckUrl(options_.url, options_.allow_local); !allowed) {
      return Error{Errc::kUsage, allowed.error().detail};
    }
    RETURN_IF_ERROR(Begin());
    ASSIGN_OR_RETURN(evidence::WaczWriter wacz, evidence::WaczWriter::Create(wacz_path));
    BrowserOptions browser_options = options_.browser;
    const Identity identity = Identify(&browser_options);
    ASSIGN_OR_RETURN(const auto browser, BrowserProcess::Start(browser_options));
    LedgerErrands errands(&options_.ledger, options_.rebind_every, &steps_);
    PageCapture page(browser.get(), options_.page, options_.exchanges,
                     {options_.allow_local, options_.phone, identity, options_.record,
                      [&](size_t segment, const std::string& index) { errands.SegmentEnded(segment, index); },
                      options_.enough},
                     &steps_, stop_);
    page.OnTick([&] { errands.Tick(); });
    auto ran = page.Run(options_.url);
    if (!ran) return Explained(ran.error(), *browser);
    page_ = std::move(ran).value();
    errands.Finish(options_.anchor_within, stop_);
    receipts_ = errands.receipts();
    RETURN_IF_ERROR(Write(page.exchanges(), &wacz));
    RETURN_IF_ERROR(
        wacz.Finish(page_.title.empty() ? options_.url : page_.title, options_.tool, UnixUs(), false));
    return summary_;
  }

 private:
  // A browser that ends at once has said why on its standard error.
  Error Explained(const Error& error, const BrowserProcess& browser) const {
    if (error.code != Errc::kUnreachable) return error;
    if (options_.browser.sandbox && geteuid() == 0) {
      return {Errc::kUsage,
              "Chromium's sandbox cannot be had as root: run this as another user, or give --no-sandbox"};
    }
    std::string complaints = browser.Complaints();
    while (complaints.ends_with('\n')) complaints.pop_back();
    return {error.code, error.detail + ": " + complaints.substr(complaints.find_last_of('\n') + 1)};
  }

  // What the browser says that it is; one with a window says it by itself. Where that cannot be learnt it is
  // not changed, and the browser's start tells why.
  Identity Identify(BrowserOptions* browser) {
    if (!browser->headless && !options_.phone) return {};
    auto identity = LearnIdentity(*browser, options_.phone, stop_);
    if (!identity) {
      steps_.Note("missed", "user agent: " + identity.error().detail);
      return {};
    }
    steps_.Note("user_agent", IdentityText(*identity));
    if (!identity->override.empty()) browser->arguments.push_back(IdentityArgument(*identity));
    return std::move(identity).value();
  }

  // Who and what, and in what state the machine is.
  Result<void> Begin() {
    const std::string program = options_.tool_program.empty() ? std::string(kSelf) : options_.tool_program;
    ASSIGN_OR_RETURN(const FileDigest self, DigestFile(program));
    summary_.tool = options_.tool + " sha256:" + ToHex(self.digests.sha256);
    steps_.Note("begin", summary_.tool);
    if (options_.checkpoint) steps_.Note("checkpoint", *options_.checkpoint);
    if (options_.history) steps_.Note("history", ToHex(*options_.history));
    CleanlinessOptions clean;
    clean.url = options_.url;
    clean.tool = options_.tool;
    ASSIGN_OR_RETURN(clean.browser_program, FindChromium(options_.browser.program));
    clean.browser_arguments = options_.browser.arguments;
    if (!options_.resolvers.empty()) clean.resolvers = options_.resolvers;
    if (!options_.time_servers.empty()) clean.time_servers = options_.time_servers;
    if (!options_.ask_outside) {
      clean.resolvers.clear();
      clean.time_servers.clear();
    }
    steps_.Note("cleanliness");
    cleanliness_ = CheckCleanliness(clean, RealProbes(), stop_);
    return {};
  }

  Result<void> Write(const ExchangeRecorder& recorder, evidence::WaczWriter* wacz) {
    const std::vector<Exchange>& exchanges = recorder.exchanges();
    steps_.Note("packing", std::to_string(exchanges.size()) + " exchanges");
    RETURN_IF_ERROR(wacz->AddRecord(InfoRecord(options_.tool, summary_.began_unix_us)));
    ASSIGN_OR_RETURN(left_out_, AddExchanges(exchanges, wacz, &steps_));
    Summarise(exchanges);
    AddPages(wacz);
    Contents contents(wacz, page_.stopped != "closed");
    RETURN_IF_ERROR(AddPictures(page_, &contents, &steps_));
    RETURN_IF_ERROR(AddRecording(page_.recording, receipts_, &contents));
    RETURN_IF_ERROR(contents.Attach("certificates.json", EncodeCertificates(page_.certificates)));
    return Report(recorder, &contents);
  }

  // The page that was asked for first, then where it ended and what a person came by, each once.
  void AddPages(evidence::WaczWriter* wacz) const {
    std::set<std::string> listed;
    const auto add = [&](const std::string& url, const std::string& title, uint64_t time_unix_us) {
      if (!url.empty() && listed.insert(url).second) wacz->AddPage(url, title, time_unix_us);
    };
    add(summary_.url, page_.title, summary_.began_unix_us);
    add(page_.final_url, page_.title, summary_.began_unix_us);
    for (const View& view : page_.views) add(view.url, view.title, view.time_unix_us);
  }

  void Summarise(const std::vector<Exchange>& exchanges) {
    // As the browser asked for it, which is how the archive has it.
    const auto first = std::find_if(exchanges.begin(), exchanges.end(), [](const Exchange& exchange) {
      return exchange.resource_type == "Document";
    });
    summary_.url = first == exchanges.end() ? options_.url : first->url;
    summary_.final_url = page_.final_url;
    summary_.title = page_.title;
    summary_.stopped = page_.stopped;
    summary_.failure = page_.failure;
    summary_.exchanges = exchanges.size();
    for (const Exchange& exchange : exchanges) {
      if (exchange.body_state == BodyState::kNone) continue;
      ++(exchange.body_state == BodyState::kWhole ? summary_.bodies : summary_.bodies_missed);
      summary_.body_bytes += exchange.body.size();
    }
    if (const Exchange* page = PageExchange(exchanges, page_.final_url)) summary_.status = page->status;
  }

  Result<void> Report(const ExchangeRecorder& recorder, Contents* contents) {
    const evidence::CompletenessReport completeness =
        MakeCompleteness(summary_.url, page_.final_url, page_.stopped, recorder.exchanges(),
                         recorder.remarks(), options_.exchanges, contents->missing());
    const bool to_its_end =
        page_.stopped == "settled" || page_.stopped == "download" || page_.stopped == "closed";
    const bool complete = to_its_end && completeness.Complete() && left_out_ == 0;
    summary_.outcome = page_.partial ? Outcome::kPartial
                       : complete    ? Outcome::kComplete
                                     : Outcome::kIncomplete;
    std::optional<Hash> account;
    if (!options_.operator_account.empty()) {
      ASSIGN_OR_RETURN(account, HashFromHex(options_.operator_account));
    }
    summary_.ended_unix_us = UnixUs();
    const evidence::OperationLog operations = MakeOperationLog(summary_.tool, account, steps_.list());
    RETURN_IF_ERROR(
        contents->Attach(std::string(evidence::kCompletenessFile), EncodeCompleteness(completeness)));
    RETURN_IF_ERROR(
        contents->Attach(std::string(evidence::kCleanlinessFile), EncodeCleanliness(cleanliness_)));
    RETURN_IF_ERROR(contents->Attach(std::string(evidence::kOperationsFile), EncodeOperations(operations)));
    ReportInput input;
    input.url = summary_.url;
    input.final_url = page_.final_url;
    input.title = evidence::PlainText(page_.title, kTitleBytesMax);
    input.outcome = OutcomeName(summary_.outcome);
    input.stopped = page_.stopped;
    input.failure = page_.failure;
    input.began_unix_us = summary_.began_unix_us;
    input.ended_unix_us = summary_.ended_unix_us;
    input.tool = summary_.tool;
    input.browser_version = page_.browser_version;
    input.user_agent = page_.user_agent;
    input.operator_account = options_.operator_account;
    input.checkpoint = options_.checkpoint;
    input.page = PageExchange(recorder.exchanges(), page_.final_url);
    input.completeness = &completeness;
    input.cleanliness = &cleanliness_;
    input.operations = &operations;
    input.attachments = contents->attached();
    return contents->Attach("report.html", ReportHtml(input));
  }

  const CaptureOptions& options_;
  const std::function<bool()>& stop_;
  OperationSteps steps_;
  evidence::CleanlinessReport cleanliness_;
  PageResult page_;
  std::map<size_t, std::string> receipts_;  // of a recording's segments
  CaptureSummary summary_;
  uint64_t left_out_ = 0;  // exchanges
};

}  // namespace

std::string_view OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kComplete:
      return "complete";
    case Outcome::kIncomplete:
      return "incomplete";
    case Outcome::kPartial:
      break;
  }
  return "partial";
}

Result<CaptureSummary> CapturePage(const CaptureOptions& options, const std::string& wacz_path,
                                   const StepObserver& on_step, const std::function<bool()>& stop) {
  return Capture(options, on_step, stop).Run(wacz_path);
}

}  // namespace cunzheng::capture
