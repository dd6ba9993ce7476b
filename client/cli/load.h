// The part of `cunzheng bench` that talks: many connections, one submission each at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "client/sdk/http.h"
#include "crypto/result.h"

namespace cunzheng::cli {

struct LoadOptions {
  uint64_t count = 0;        // envelopes to send
  uint64_t connections = 1;  // at once
  uint64_t rate = 0;         // envelopes a second; 0: as fast as answers come
  uint64_t seconds_max = 3'600;
  std::function<bool()> stop{};  // polled between envelopes
};

struct LoadResult {
  uint64_t sent = 0;
  uint64_t elapsed_us = 0;
  uint64_t cpu_us = 0;                       // of this process meanwhile
  std::vector<uint64_t> latencies_us;        // of what was acknowledged, ascending
  std::map<std::string, uint64_t> refusals;  // error's name → how often
};

// Sends envelope(0), envelope(1), … each once, and waits for the answers. With a rate the latency of an
// envelope counts from when it was due, not from when a connection was free for it: a slow node cannot hide
// its queue. Errors: as AsyncClient::Make.
Result<LoadResult> RunLoad(const client::ClientOptions& client_options, const LoadOptions& options,
                           const std::function<std::string(uint64_t number)>& envelope);

}  // namespace cunzheng::cli
