// What the node counts, and its Prometheus text. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "crypto/result.h"

namespace cunzheng::node {

class Metrics {
 public:
  Metrics();
  ~Metrics();

  void Deposited(uint64_t records, double seconds);  // a new batch, answered after `seconds`
  void Repeated();                                   // a batch that was on the ledger already
  void Acted();
  void Rejected(Errc code);

  void BlockCommitted(size_t transactions, double seconds);  // applied, synced and published
  void CheckpointSigned(uint64_t size);
  void Queue(size_t transactions, size_t bytes);
  void LedgerSize(uint64_t size);
  void ClockSound(bool sound);
  void Writable(bool writable);

  void Request(int status);
  void ConnectionOpened();
  void ConnectionClosed();
  void ConnectionRefused();
  void ConnectionEvicted();

  std::string Text() const;  // Prometheus text format 0.0.4

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cunzheng::node
