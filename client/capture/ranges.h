// Addresses of which a page asked for ranges, as media do, and whether what came (206) is all of them. Pure;
// safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/capture/exchanges.h"

namespace cunzheng::capture {

struct RangedAddress {
  std::string url;                 // without its fragment
  std::vector<uint64_t> parts;     // numbers of the exchanges that got ranges, ascending
  std::string range;               // of the first: "bytes 0-99/5000"
  std::optional<uint64_t> length;  // of all of it, where that was told
};

// Those whose ranges together are not the whole, and of which no 200 was seen either (one that was cut is a
// gap of its own); second fetches aside. Ascending by their first exchange.
std::vector<RangedAddress> AddressesInPart(const std::vector<Exchange>& exchanges);

// What a second fetch, the last of its redirects, brought of an address: "all of it", which has the bytes of
// every range, or why not.
std::string SecondFetchResult(const Exchange& fetched, const RangedAddress& address,
                              const std::vector<Exchange>& exchanges);

// For the completeness report: each address in part, with what a second fetch brought.
std::vector<Remark> RangeRemarks(const std::vector<Exchange>& exchanges);

}  // namespace cunzheng::capture
