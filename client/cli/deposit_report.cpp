#include "client/cli/deposit_report.h"

#include <filesystem>

#include "client/sdk/paths.h"

namespace cunzheng::cli {

std::string ShownPath(const std::string& path) {
  static const std::string here = [] {
    std::error_code ec;
    std::string folder = std::filesystem::current_path(ec).string();
    if (!folder.ends_with('/')) folder += '/';
    return folder;
  }();
  return client::Printable(path.starts_with(here) ? path.substr(here.size()) : path);
}

void DepositReport::Item(std::string_view status, std::string_view en, std::string_view zh,
                         const std::string& receipt_path, const client::Delivery* delivery) {
  if (json_) {
    json::Object object{{"status", status}, {"receipt", client::Printable(receipt_path)}};
    if (delivery != nullptr) {
      object.emplace("index", delivery->index);
      object.emplace("batch", ToHex(delivery->id));
    }
    items_.emplace_back(std::move(object));
  } else if (each_item_) {
    std::string line = context_.Say(en, zh);
    line += "  " + ShownPath(receipt_path);
    if (delivery != nullptr) {
      line +=
          context_.Say("  (entry ", "  （条目 ") + std::to_string(delivery->index) + context_.Say(")", "）");
    }
    PrintLine(line);
  }
}

void DepositReport::Batch(const client::QueuedBatch& batch, const Result<client::Delivery>& delivery) {
  ++batches_;
  for (const client::QueuedItem& item : batch.items) {
    if (!delivery) {
      Item("queued", "queued   ", "已排队", item.receipt_path, nullptr);
    } else if (delivery->attested) {
      Item("deposited", "deposited", "已存证", item.receipt_path, &*delivery);
    } else {
      Item("pending", "pending  ", "待联署", item.receipt_path, &*delivery);
    }
  }
  if (!delivery) {
    queued_ += batch.items.size();
    const Errc code = delivery.error().code;
    if (client::IsTransient(code)) {
      transient_.push_back(delivery.error());
    } else if (code == Errc::kIo) {
      failures_.push_back(delivery.error());  // on the ledger, but the receipts cannot be written
      Note("error: " + client::Printable(delivery.error().detail));
    } else if (code != Errc::kInterrupted) {
      refusals_.push_back(delivery.error());
    }
  } else {
    (delivery->attested ? deposited_ : pending_) += batch.items.size();
  }
}

void DepositReport::Captured(const std::string& path, const std::string& summary) {
  if (!json_) {
    PrintLine(context_.Say("captured ", "已取证") + "  " + ShownPath(path) + context_.Say("  (", "  （") +
              summary + context_.Say(")", "）"));
  }
}

void DepositReport::Unchanged(const std::string& receipt_path) {
  ++unchanged_;
  Item("unchanged", "unchanged", "已有回执", receipt_path, nullptr);
}

void DepositReport::AlreadyQueued(const std::string& receipt_path) {
  ++queued_;
  Item("queued", "queued   ", "已排队", receipt_path, nullptr);
}

void DepositReport::Failed(const std::string& path, const Error& error) {
  failures_.push_back(error);
  Note("error: " + client::Printable(error.detail.find(path) == std::string::npos ? path + ": " + error.detail
                                                                                  : error.detail));
}

void DepositReport::LeftOut(const std::string& path, const std::string& why) {
  ++left_out_;
  if (each_item_) Note(context_.Say("skipped: ", "略过：") + client::Printable(path) + ": " + why);
}

void DepositReport::PrintSummary() {
  if (json_) {
    Print(json::EncodePretty(json::Object{{"items", std::move(items_)},
                                          {"batches", batches_},
                                          {"deposited", deposited_},
                                          {"pending", pending_},
                                          {"queued", queued_},
                                          {"unchanged", unchanged_},
                                          {"left_out", left_out_},
                                          {"failed", uint64_t{failures_.size()}}}));
    return;
  }
  // One item has said all in its own line.
  const uint64_t all = deposited_ + pending_ + queued_ + unchanged_ + failures_.size();
  if (each_item_ && all == 1) return;
  std::string line;
  const auto add = [&](uint64_t count, std::string_view en, std::string_view zh) {
    if (count == 0) return;
    if (!line.empty()) line += context_.Say(", ", "，");
    line += context_.zh() ? std::string(zh) + " " + std::to_string(count)
                          : std::to_string(count) + " " + std::string(en);
  };
  add(deposited_, "deposited", "已存证");
  add(pending_, "pending", "待联署");
  add(queued_, "queued", "已排队");
  add(unchanged_, "unchanged", "已有回执");
  add(failures_.size(), "failed", "失败");
  add(left_out_, "skipped", "略过");
  if (line.empty()) line = context_.Say("nothing to deposit", "没有可存证的内容");
  if (deposited_ + pending_ > 0) {
    line += context_.Say("; batches: ", "；批次：") + std::to_string(batches_);
  }
  PrintLine(line);
}

int DepositReport::Finish(const Result<void>& end, std::string_view hint) {
  PrintSummary();
  if (!refusals_.empty()) {
    const int code = context_.Fail(refusals_.front());
    Note(context_.Say(
        "What was not accepted stays queued: `cunzheng sync` tries again, `cunzheng queue --drop ID` "
        "gives it up.",
        "未被接受的内容仍在队列中：`cunzheng sync` 再次提交，`cunzheng queue --drop ID` 放弃。"));
    return code;
  }
  if (!end) return context_.Fail(end.error(), hint);
  if (!transient_.empty() && queued_ > 0) {
    return context_.Fail(
        transient_.front(),
        context_.Say("Nothing is lost: what is queued is sent by `cunzheng sync`, or with the next "
                     "deposit.",
                     "不会丢失：排队的内容可用 `cunzheng sync` 提交，或随下次存证一并提交。"));
  }
  if (!failures_.empty()) {
    Note(context_.Say("hint: What is named above has no receipt; all else was done.",
                      "hint: 上面列出的内容没有回执，其余均已处理。"));
    return ErrcExitCode(Errc::kIo);
  }
  if (pending_ > 0) {
    Note(context_.Say(
        "hint: The ledger has it; `cunzheng sync` completes the receipts once enough institutions have "
        "cosigned.",
        "hint: 账本已收录；待足够机构联署后，用 `cunzheng sync` 补全回执。"));
    return ErrcExitCode(Errc::kQuorumNotMet);
  }
  return 0;
}

}  // namespace cunzheng::cli
