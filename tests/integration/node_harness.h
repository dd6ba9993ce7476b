// Drives the real cunzhengd for tests: a data folder of its own, port 0, the process by its id; and
// a plain blocking HTTP connection that can also say what no client should.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "crypto/sign.h"
#include "ledger/batch.h"
#include "ledger/entry.h"

namespace cunzheng::testing {

// What a program said and how it ended.
struct CommandResult {
  int exit_code = -1;
  std::string out;
  std::string err;
};
CommandResult RunCommand(const std::vector<std::string>& arguments);

struct HttpAnswer {
  int status = 0;                              // 0: the connection ended without an answer
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  // The problem document's `code`, or the empty string.
  std::string code() const;
};

class HttpConnection {
 public:
  explicit HttpConnection(uint16_t port);
  HttpConnection(HttpConnection&& other) noexcept;
  HttpConnection(const HttpConnection&) = delete;
  ~HttpConnection();

  bool connected() const { return socket_ >= 0; }
  // False when the peer is gone.
  bool Send(std::string_view bytes);
  // Waits at most `timeout`. `head`: the answer has no body whatever its length says.
  HttpAnswer Receive(std::chrono::milliseconds timeout = std::chrono::seconds(20), bool head = false);
  // Whether the peer closes within `timeout`.
  bool ClosedWithin(std::chrono::milliseconds timeout);
  HttpAnswer Get(const std::string& target);
  HttpAnswer Post(const std::string& target, std::string_view body,
                  std::string_view content_type = "application/vnd.cunzheng.envelope");

 private:
  bool Fill(std::chrono::steady_clock::time_point deadline);
  int socket_ = -1;
  std::string buffer_;
};

// Replacements in config.toml, "section.key" -> TOML value.
using Settings = std::map<std::string, std::string>;

// One node in a temporary folder, which goes with the object.
class TestNode {
 public:
  explicit TestNode(const Settings& config = {}, const std::vector<std::string>& init_arguments = {});
  ~TestNode();
  TestNode(const TestNode&) = delete;

  void SetConfig(const std::string& key, const std::string& value);
  void Start();
  // SIGTERM (or `signal_number`), then waits; returns the exit code, negative: the signal that ended it.
  int Stop(int signal_number = 15);
  bool running() const { return process_ > 0; }
  pid_t process() const { return process_; }
  uint16_t port() const { return port_; }
  HttpConnection Connect() const { return HttpConnection(port_); }
  std::string log() const;

  const std::string& data() const { return data_; }
  const std::string& folder() const { return folder_; }
  Hash ledger() const { return ledger_; }
  CommandResult Command(std::vector<std::string> arguments) const;  // adds --data
  // Adds an account; returns its key.
  PrivateKey AddAccount(const std::string& name, const std::vector<std::string>& more = {},
                        Suite suite = Suite::kSecp256k1);

 private:
  std::string folder_, data_;
  Hash ledger_{};
  pid_t process_ = 0;
  uint16_t port_ = 0;
  int runs_ = 0;
};

uint64_t NowMs();
// A record of `text` as evidence.
std::string MakeRecord(const Hash& ledger, const Hash& account, const std::string& text);
// A signed batch of `count` fresh records, the first of them of `text`.
ledger::SignedBatch MakeBatch(const Hash& ledger, const PrivateKey& key, const std::string& text,
                              size_t count = 1);

}  // namespace cunzheng::testing
