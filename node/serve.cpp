#include "node/serve.h"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "crypto/file.h"
#include "node/http_server.h"
#include "node/log.h"

namespace cunzheng::node {
namespace {

sigset_t StopSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

LogLevel LevelFromName(const std::string& name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "warning") return LogLevel::kWarning;
  if (name == "error") return LogLevel::kError;
  return LogLevel::kInfo;
}

void Call(const std::function<void()>& hook) {
  if (hook) hook();
}

}  // namespace

void ConfigureServerLog(const Config& config) {
  ConfigureLog(config.log_format == "json" ? LogFormat::kJson : LogFormat::kText,
               LevelFromName(config.log_level));
}

void BlockStopSignals() {
  const sigset_t stop_signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &stop_signals, nullptr);
  // A closed connection must be an error of its write, not the end of the process.
  signal(SIGPIPE, SIG_IGN);
}

Result<void> ServeUntilStopped(const DataDir& dir, const Config& config, RequestHandler* handler,
                               Metrics* metrics, const ServeHooks& hooks) {
  ASSIGN_OR_RETURN(const auto server, HttpServer::Listen(config, handler, metrics));
  server->Start();
  RETURN_IF_ERROR(WriteFileAtomically(dir.listen(), server->address() + "\n", 0644, true));
  Log(LogLevel::kInfo, "listening",
      {{"address", server->address()}, {"tls", config.tls_certificate.empty() ? "off" : "on"}});
  Call(hooks.started);

  const sigset_t stop_signals = StopSignals();
  int signal_number = 0;
  sigwait(&stop_signals, &signal_number);
  Log(LogLevel::kInfo, "stopping", {{"signal", signal_number == SIGINT ? "SIGINT" : "SIGTERM"}});
  unlink(dir.listen().c_str());
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(config.shutdown_timeout_ms);
  // A disk that hangs must not hold the process: what was acknowledged is synced already, and what
  // was not is as if it had never come.
  std::thread([deadline] {
    std::this_thread::sleep_until(deadline + std::chrono::seconds(1));
    Log(LogLevel::kWarning, "the drain took too long; unfinished requests are dropped");
    FlushLog();
    _exit(0);
  }).detach();
  Call(hooks.stopping);
  if (!server->Drain(deadline)) Log(LogLevel::kWarning, "some connections did not finish in time");
  Call(hooks.drained);
  return {};
}

}  // namespace cunzheng::node
