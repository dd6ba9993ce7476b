// What deposit and sync say of each item and of the whole, for people or as JSON, and the exit code that
// follows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/context.h"
#include "client/sdk/delivery.h"
#include "crypto/json.h"

namespace cunzheng::cli {

class DepositReport {
 public:
  DepositReport(const Context& context, bool json) : context_(context), json_(json) {}
  // Whether each item gets a line of its own, or the summary alone speaks.
  void ListItems(bool each_item) { each_item_ = each_item; }

  // All items of a batch: deposited or pending, or still queued because of the error.
  void Batch(const client::QueuedBatch& batch, const Result<client::Delivery>& delivery);
  // A package that was made, before its deposit. `summary`: what of it.
  void Captured(const std::string& path, const std::string& summary);
  void Unchanged(const std::string& receipt_path);
  void AlreadyQueued(const std::string& receipt_path);
  // Evidence that was asked for and not reached; it counts as a local I/O error.
  void Failed(const std::string& path, const Error& error);
  // Left out on purpose: links, receipts, folders seen before.
  void LeftOut(const std::string& path, const std::string& why);

  // The node is out of reach: the exit code says so if anything waits for it.
  void Unreached(const Error& error) { transient_.push_back(error); }

  // Prints summary, error and hint; returns the exit code. `end`: why the command ended early, if it did;
  // `hint`: another than the error's own.
  int Finish(const Result<void>& end, std::string_view hint = {});

 private:
  void Item(std::string_view status, std::string_view en, std::string_view zh,
            const std::string& receipt_path, const client::Delivery* delivery);
  void PrintSummary();

  const Context& context_;
  const bool json_;
  bool each_item_ = true;
  uint64_t deposited_ = 0, pending_ = 0, queued_ = 0, unchanged_ = 0, left_out_ = 0, batches_ = 0;
  std::vector<Error> failures_, refusals_, transient_;
  json::Array items_;
};

// A path as it is shown: below the current folder without it.
std::string ShownPath(const std::string& path);

}  // namespace cunzheng::cli
