#include "node/admission.h"

#include <algorithm>

namespace cunzheng::node {

Admission::Admission(uint64_t connections_max, uint64_t connections_per_address_max,
                     uint64_t requests_per_second)
    : connections_max_(connections_max),
      connections_per_address_max_(connections_per_address_max),
      requests_per_second_(static_cast<double>(requests_per_second)) {}

Admission::Verdict Admission::Connect(const AddressKey& address) {
  const std::lock_guard lock(mutex_);
  if (connections_ >= connections_max_) return Verdict::kFull;
  if (connections_per_address_max_ != 0) {
    uint64_t& count = per_address_[address];
    if (count >= connections_per_address_max_) return Verdict::kAddressFull;
    ++count;
  }
  ++connections_;
  return Verdict::kAdmitted;
}

void Admission::Disconnect(const AddressKey& address) {
  const std::lock_guard lock(mutex_);
  --connections_;
  if (connections_per_address_max_ == 0) return;
  const auto found = per_address_.find(address);
  if (found != per_address_.end() && --found->second == 0) per_address_.erase(found);
}

bool Admission::Request(const AddressKey& address, TimePoint now) {
  if (requests_per_second_ == 0) return true;
  const double capacity = 2 * requests_per_second_;
  const std::lock_guard lock(mutex_);
  if (buckets_.size() >= kBucketsMax) ForgetFullBuckets(now);
  const auto [found, added] = buckets_.try_emplace(address, Bucket{capacity, now});
  Bucket& bucket = found->second;
  const std::chrono::duration<double> elapsed = now - bucket.filled;
  bucket.tokens = std::min(capacity, bucket.tokens + elapsed.count() * requests_per_second_);
  bucket.filled = now;
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

void Admission::ForgetFullBuckets(TimePoint now) {
  const double capacity = 2 * requests_per_second_;
  std::erase_if(buckets_, [&](const auto& item) {
    const std::chrono::duration<double> elapsed = now - item.second.filled;
    return item.second.tokens + elapsed.count() * requests_per_second_ >= capacity;
  });
  // More busy addresses than that within two seconds is a flood; a fresh start for all is the
  // bounded answer.
  if (buckets_.size() >= kBucketsMax) buckets_.clear();
}

uint64_t Admission::connections() const {
  const std::lock_guard lock(mutex_);
  return connections_;
}

}  // namespace cunzheng::node
