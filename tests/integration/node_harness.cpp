#include "tests/integration/node_harness.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <thread>

#include "crypto/digest.h"
#include "crypto/json.h"
#include "crypto/key_file.h"
#include "crypto/result.h"
#include "ledger/record.h"

namespace cunzheng::testing {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

std::string ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void WriteText(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

// Starts cunzhengd with its streams in files.
pid_t Spawn(const std::vector<std::string>& arguments, const std::string& out, const std::string& err) {
  std::vector<std::string> words{CUNZHENGD_PATH};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t process = fork();
  CHECK_INVARIANT(process >= 0);
  if (process == 0) {
    const int in_fd = open("/dev/null", O_RDONLY);
    const int out_fd = open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const int err_fd = open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (in_fd < 0 || out_fd < 0 || err_fd < 0) _exit(126);
    dup2(in_fd, 0);
    dup2(out_fd, 1);
    dup2(err_fd, 2);
    // Neither the test's sockets nor its terminal belong to the node.
    for (int fd = 3; fd < 1'024; ++fd) close(fd);
    setsid();
    unsetenv("CUNZHENG_PASSPHRASE");
    execv(argv[0], argv.data());
    _exit(127);
  }
  return process;
}

int WaitFor(pid_t process) {
  int status = 0;
  while (waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

std::string TemporaryFolder() {
  std::string pattern = (fs::temp_directory_path() / "cunzheng-node-XXXXXX").string();
  CHECK_INVARIANT(mkdtemp(pattern.data()) != nullptr);
  return pattern;
}

}  // namespace

CommandResult RunCommand(const std::vector<std::string>& arguments) {
  const std::string folder = TemporaryFolder();
  CommandResult result;
  result.exit_code = WaitFor(Spawn(arguments, folder + "/out", folder + "/err"));
  result.out = ReadText(folder + "/out");
  result.err = ReadText(folder + "/err");
  fs::remove_all(folder);
  return result;
}

std::string HttpAnswer::code() const {
  const auto value = json::Parse(body, json::Form::kReadable, 1u << 20);
  if (!value || value->AsObject() == nullptr) return "";
  const auto found = value->AsObject()->find("code");
  return found == value->AsObject()->end() || found->second.AsString() == nullptr ? ""
                                                                                  : *found->second.AsString();
}

HttpConnection::HttpConnection(uint16_t port) {
  socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK_INVARIANT(socket_ >= 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    close(socket_);
    socket_ = -1;
    return;
  }
  const int on = 1;
  setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

HttpConnection::HttpConnection(HttpConnection&& other) noexcept
    : socket_(other.socket_), buffer_(std::move(other.buffer_)) {
  other.socket_ = -1;
}

HttpConnection::~HttpConnection() {
  if (socket_ >= 0) close(socket_);
}

bool HttpConnection::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

// Reads some more; false at the end, on an error, or at the deadline.
bool HttpConnection::Fill(steady_clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now()).count();
  pollfd waiting{socket_, POLLIN, 0};
  if (left <= 0 || poll(&waiting, 1, static_cast<int>(left)) != 1) return false;
  char chunk[65'536];
  const ssize_t got = recv(socket_, chunk, sizeof chunk, 0);
  if (got <= 0) return false;
  buffer_.append(chunk, static_cast<size_t>(got));
  return true;
}

HttpAnswer HttpConnection::Receive(milliseconds timeout, bool head) {
  const auto deadline = steady_clock::now() + timeout;
  size_t end;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (!Fill(deadline)) return {};
  }
  HttpAnswer answer;
  std::istringstream lines(buffer_.substr(0, end));
  std::string line;
  std::getline(lines, line);
  answer.status = std::stoi(line.substr(9, 3));
  while (std::getline(lines, line)) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    const size_t colon = line.find(':');
    std::string name = line.substr(0, colon);
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    answer.headers[name] = line.substr(line.find_first_not_of(' ', colon + 1));
  }
  buffer_.erase(0, end + 4);
  const auto length_field = answer.headers.find("content-length");
  const size_t length = head || length_field == answer.headers.end() ? 0 : std::stoul(length_field->second);
  while (buffer_.size() < length) {
    if (!Fill(deadline)) return {};
  }
  answer.body = buffer_.substr(0, length);
  buffer_.erase(0, length);
  return answer;
}

bool HttpConnection::ClosedWithin(milliseconds timeout) {
  const auto deadline = steady_clock::now() + timeout;
  while (Fill(deadline)) {
  }
  return steady_clock::now() < deadline;
}

HttpAnswer HttpConnection::Get(const std::string& target) {
  if (!Send("GET " + target + " HTTP/1.1\r\nHost: node\r\n\r\n")) return {};
  return Receive();
}

HttpAnswer HttpConnection::Post(const std::string& target, std::string_view body,
                                std::string_view content_type) {
  const std::string head = "POST " + target +
                           " HTTP/1.1\r\nHost: node\r\nContent-Type: " + std::string(content_type) +
                           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  Send(head + std::string(body));  // An early answer may come although the body did not get through.
  return Receive();
}

TestNode::TestNode(const Settings& config, const std::vector<std::string>& init_arguments)
    : folder_(TemporaryFolder()), data_(folder_ + "/D") {
  std::vector<std::string> arguments{"init",     "--data",     data_, "--origin", "example.org/ledger",
                                     "--listen", "127.0.0.1:0"};
  arguments.insert(arguments.end(), init_arguments.begin(), init_arguments.end());
  const CommandResult made = RunCommand(arguments);
  if (made.exit_code != 0) std::fputs(made.err.c_str(), stderr);
  CHECK_INVARIANT(made.exit_code == 0);
  ledger_ = ledger::LedgerId(ReadText(data_ + "/genesis.json"));
  for (const auto& [key, value] : config) SetConfig(key, value);
}

TestNode::~TestNode() {
  if (running()) Stop(SIGKILL);
  fs::remove_all(folder_);
}

void TestNode::SetConfig(const std::string& key, const std::string& value) {
  const std::string name = key.substr(key.find('.') + 1);
  const std::string text = ReadText(data_ + "/config.toml");
  const std::regex line("(^|\n)" + name + " = [^\n]*");
  CHECK_INVARIANT(std::regex_search(text, line));
  WriteText(data_ + "/config.toml", std::regex_replace(text, line, "$1" + name + " = " + value));
}

void TestNode::Start() {
  CHECK_INVARIANT(!running());
  ++runs_;
  const std::string name = folder_ + "/run" + std::to_string(runs_);
  process_ = Spawn({"run", "--data", data_}, name + ".out", name + ".log");
  const auto deadline = steady_clock::now() + std::chrono::seconds(30);
  while (steady_clock::now() < deadline) {
    const std::string address = ReadText(data_ + "/listen");
    if (address.size() > 1 && address.back() == '\n') {
      port_ = static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
      return;
    }
    int status = 0;
    if (waitpid(process_, &status, WNOHANG) == process_) break;
    std::this_thread::sleep_for(milliseconds(5));
  }
  std::fputs(log().c_str(), stderr);
  process_ = 0;
  CHECK_INVARIANT(!"the node did not start");
}

int TestNode::Stop(int signal_number) {
  CHECK_INVARIANT(running());
  kill(process_, signal_number);
  const int code = WaitFor(process_);
  process_ = 0;
  // A killed node leaves its address behind.
  fs::remove(data_ + "/listen");
  return code;
}

std::string TestNode::log() const {
  return ReadText(folder_ + "/run" + std::to_string(runs_) + ".log");
}

CommandResult TestNode::Command(std::vector<std::string> arguments) const {
  arguments.push_back("--data");
  arguments.push_back(data_);
  return RunCommand(arguments);
}

PrivateKey TestNode::AddAccount(const std::string& name, const std::vector<std::string>& more, Suite suite) {
  PrivateKey key = PrivateKey::Generate(suite);
  const Hash id = AccountId(key.public_key());
  const std::string path = folder_ + "/" + ToHex(id) + ".key";
  CHECK_INVARIANT(WriteAccountKey(path, key, id, AsBytes("test"), kScryptLogNMin).has_value());
  std::vector<std::string> arguments{"account", "add", "--account-key", path + ".pub", "--name", name};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const CommandResult added = Command(arguments);
  if (added.exit_code != 0) std::fputs(added.err.c_str(), stderr);
  CHECK_INVARIANT(added.exit_code == 0 && added.out == ToHex(id) + "\n");
  return key;
}

uint64_t NowMs() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<milliseconds>(now).count());
}

std::string MakeRecord(const Hash& ledger, const Hash& account, const std::string& text) {
  ledger::Record record;
  record.ledger = ledger;
  record.account = account;
  record.kind = "data";
  record.digest = DigestBytes(AsBytes(text));
  record.length = text.size();
  return ledger::EncodeRecord(record);
}

ledger::SignedBatch MakeBatch(const Hash& ledger, const PrivateKey& key, const std::string& text,
                              size_t count) {
  const Hash account = AccountId(key.public_key());
  std::vector<std::string> records;
  for (size_t i = 0; i < count; ++i) {
    records.push_back(MakeRecord(ledger, account, i == 0 ? text : text + "#" + std::to_string(i)));
  }
  ledger::BatchHeader header;
  header.ledger = ledger;
  header.account = account;
  header.client_time_unix_ms = NowMs();
  return ledger::SignBatch(key, header, records);
}

}  // namespace cunzheng::testing
