#include "node/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <array>

namespace cunzheng::node {
namespace {

using prometheus::Counter;
using prometheus::Gauge;
using prometheus::Histogram;

const Histogram::BucketBoundaries kSeconds{0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05,
                                           0.1,    0.2,   0.5,   1.0,   2.0,  5.0};
const Histogram::BucketBoundaries kTransactions{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096};

}  // namespace

struct Metrics::Impl {
  prometheus::Registry registry;

  Counter& MakeCounter(const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
  }
  Gauge& MakeGauge(const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
  }
  Histogram& MakeHistogram(const char* name, const char* help, const Histogram::BucketBoundaries& buckets) {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add({}, buckets);
  }

  Counter& deposits = MakeCounter("cunzheng_deposits_total", "Batches appended to the ledger.");
  Counter& records = MakeCounter("cunzheng_records_total", "Records of the batches appended.");
  Counter& repeats = MakeCounter("cunzheng_repeats_total", "Batches that were on the ledger already.");
  Counter& acts = MakeCounter("cunzheng_acts_total", "Governance acts appended.");
  prometheus::Family<Counter>& rejections = prometheus::BuildCounter()
                                                .Name("cunzheng_rejections_total")
                                                .Help("Submissions refused, by error code.")
                                                .Register(registry);
  Histogram& deposit_seconds = MakeHistogram(
      "cunzheng_deposit_seconds", "From the whole request being read to the durable answer.", kSeconds);
  Histogram& block_transactions =
      MakeHistogram("cunzheng_block_transactions", "Transactions of each block.", kTransactions);
  Histogram& commit_seconds = MakeHistogram(
      "cunzheng_commit_seconds", "Applying a block and syncing it to disk (one sync a block).", kSeconds);
  Counter& checkpoints = MakeCounter("cunzheng_checkpoints_total", "Checkpoints signed.");
  Gauge& checkpoint_size = MakeGauge("cunzheng_checkpoint_size", "Tree size of the newest checkpoint.");
  Gauge& queue_transactions = MakeGauge("cunzheng_queue_transactions", "Transactions waiting for a block.");
  Gauge& queue_bytes = MakeGauge("cunzheng_queue_bytes", "Bytes of the transactions waiting.");
  Gauge& ledger_size = MakeGauge("cunzheng_ledger_size", "Entries on the ledger.");
  Gauge& clock_sound = MakeGauge("cunzheng_clock_sound", "1 while the clock may stamp entries.");
  Gauge& writable = MakeGauge("cunzheng_writable", "1 while writes are accepted.");
  prometheus::Family<Counter>& requests = prometheus::BuildCounter()
                                              .Name("cunzheng_http_requests_total")
                                              .Help("Requests answered, by class of status.")
                                              .Register(registry);
  std::array<Counter*, 5> request_classes{
      &requests.Add({{"status", "1xx"}}), &requests.Add({{"status", "2xx"}}),
      &requests.Add({{"status", "3xx"}}), &requests.Add({{"status", "4xx"}}),
      &requests.Add({{"status", "5xx"}})};
  Gauge& connections = MakeGauge("cunzheng_http_connections", "Open connections.");
  Counter& connections_refused =
      MakeCounter("cunzheng_http_connections_refused_total", "Connections answered 503: over a limit.");
  Counter& connections_evicted = MakeCounter("cunzheng_http_connections_evicted_total",
                                             "Idle connections closed to make room for new ones.");
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

void Metrics::Deposited(uint64_t records, double seconds) {
  impl_->deposits.Increment();
  impl_->records.Increment(static_cast<double>(records));
  impl_->deposit_seconds.Observe(seconds);
}

void Metrics::Repeated() {
  impl_->repeats.Increment();
}

void Metrics::Acted() {
  impl_->acts.Increment();
}

void Metrics::Rejected(Errc code) {
  // Add() gives back the counter that is there already; rejections are not the hot path.
  impl_->rejections.Add({{"code", std::string(ErrcName(code))}}).Increment();
}

void Metrics::BlockCommitted(size_t transactions, double seconds) {
  impl_->block_transactions.Observe(static_cast<double>(transactions));
  impl_->commit_seconds.Observe(seconds);
}

void Metrics::CheckpointSigned(uint64_t size) {
  impl_->checkpoints.Increment();
  impl_->checkpoint_size.Set(static_cast<double>(size));
}

void Metrics::Queue(size_t transactions, size_t bytes) {
  impl_->queue_transactions.Set(static_cast<double>(transactions));
  impl_->queue_bytes.Set(static_cast<double>(bytes));
}

void Metrics::LedgerSize(uint64_t size) {
  impl_->ledger_size.Set(static_cast<double>(size));
}

void Metrics::ClockSound(bool sound) {
  impl_->clock_sound.Set(sound ? 1 : 0);
}

void Metrics::Writable(bool writable) {
  impl_->writable.Set(writable ? 1 : 0);
}

void Metrics::Request(int status) {
  const int index = status / 100 - 1;
  if (index >= 0 && index < 5) impl_->request_classes[static_cast<size_t>(index)]->Increment();
}

void Metrics::ConnectionOpened() {
  impl_->connections.Increment();
}

void Metrics::ConnectionClosed() {
  impl_->connections.Decrement();
}

void Metrics::ConnectionRefused() {
  impl_->connections_refused.Increment();
}

void Metrics::ConnectionEvicted() {
  impl_->connections_evicted.Increment();
}

std::string Metrics::Text() const {
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace cunzheng::node
