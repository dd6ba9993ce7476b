// Who may connect and ask: connections in all and per address, requests per address. Thread-safe.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>

namespace cunzheng::node {

// An IPv4 address, or the /64 of an IPv6 one: what one party can be expected to hold.
using AddressKey = std::array<uint8_t, 16>;

class Admission {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // 0: no limit per address, no limit on rate.
  Admission(uint64_t connections_max, uint64_t connections_per_address_max, uint64_t requests_per_second);

  enum class Verdict { kAdmitted, kFull, kAddressFull };
  Verdict Connect(const AddressKey& address);
  void Disconnect(const AddressKey& address);  // after kAdmitted

  // Takes one token of the address's bucket. Bursts of two seconds' worth are let through.
  bool Request(const AddressKey& address, TimePoint now);

  uint64_t connections() const;

 private:
  struct Bucket {
    double tokens = 0;
    TimePoint filled;
  };
  // Beyond it full buckets are forgotten; an address that comes back starts with a full one.
  static constexpr size_t kBucketsMax = 65'536;
  void ForgetFullBuckets(TimePoint now);

  const uint64_t connections_max_;
  const uint64_t connections_per_address_max_;
  const double requests_per_second_;

  mutable std::mutex mutex_;
  uint64_t connections_ = 0;
  std::map<AddressKey, uint64_t> per_address_;
  std::map<AddressKey, Bucket> buckets_;
};

}  // namespace cunzheng::node
