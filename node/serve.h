// Serving HTTP until the process is told to stop: what a node and a witness share.
#pragma once

#include <functional>

#include "crypto/result.h"
#include "node/config.h"
#include "node/data_dir.h"
#include "node/metrics.h"
#include "node/request_handler.h"

namespace cunzheng::node {

// As the configuration says. Before any thread starts.
void ConfigureServerLog(const Config& config);
// Before any thread starts, so that all inherit it and the wait of ServeUntilStopped is the one receiver.
void BlockStopSignals();

// Each may be empty. `started`: the address is taken and requests are answered. `stopping`: a signal has
// come. `drained`: no request is being answered any more.
struct ServeHooks {
  std::function<void()> started, stopping, drained;
};
// Returns after SIGTERM or SIGINT; within config.shutdown_timeout_ms, or the process ends by itself. D/listen
// holds the address meanwhile. Errors: HttpServer::Listen's, kIo.
Result<void> ServeUntilStopped(const DataDir& dir, const Config& config, RequestHandler* handler,
                               Metrics* metrics, const ServeHooks& hooks);

}  // namespace cunzheng::node
