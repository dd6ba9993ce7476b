#include "client/capture/browser_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

#include "crypto/file.h"

namespace cunzheng::capture {
namespace {

// Among them: an address is asked for as it was given, without a try by HTTPS or a warning before.
constexpr char kDisabledFeatures[] =
    "--disable-features=Translate,OptimizationHints,MediaRouter,HttpsUpgrades,HttpsFirstBalancedMode,"
    "HttpsFirstBalancedModeAutoEnable,HttpsFirstModeV2,"
    // A process kept ready for the next site, which a capture seldom has.
    "SpareRendererForSitePerProcess";

namespace fs = std::filesystem;

constexpr std::array<const char*, 3> kPrograms = {"chromium", "chromium-browser", "google-chrome"};
constexpr auto kEndWithin = std::chrono::seconds(5);
constexpr size_t kComplaintsMax = 64 << 10;
// Where DevTools reads and writes (--remote-debugging-pipe).
constexpr int kBrowserReads = 3, kBrowserWrites = 4;

Error IoError(const std::string& what) {
  return {Errc::kIo, what + ": " + std::strerror(errno)};
}

std::string EnvOr(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : otherwise;
}

// A file of /proc/PID, up to 256 KiB; empty when the process is gone.
std::string ReadProc(const std::string& pid, const char* file) {
  const int descriptor = open(("/proc/" + pid + "/" + file).c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return {};
  std::string text(256 << 10, '\0');
  size_t length = 0;
  while (length < text.size()) {
    const ssize_t count = read(descriptor, text.data() + length, text.size() - length);
    if (count <= 0) break;
    length += static_cast<size_t>(count);
  }
  close(descriptor);
  text.resize(length);
  return text;
}

// The process group of a line of /proc/PID/stat: "PID (NAME) STATE PARENT GROUP …", where NAME may hold
// anything.
pid_t GroupOf(const std::string& stat) {
  const size_t name_end = stat.rfind(')');
  int parent = 0, group = 0;
  char state = 0;
  if (name_end == std::string::npos) return 0;
  return std::sscanf(stat.c_str() + name_end + 1, " %c %d %d", &state, &parent, &group) == 3 ? group : 0;
}

// "RssAnon:    1234 kB"
uint64_t KilobytesOf(const std::string& status, const char* name) {
  const size_t at = status.find(name);
  return at == std::string::npos ? 0 : std::strtoull(status.c_str() + at + std::strlen(name), nullptr, 10);
}

// Docker's default leaves less room than renderers need.
bool SharedMemoryIsSmall() {
  constexpr uint64_t kEnough = 512u << 20;
  struct statvfs room {};
  return statvfs("/dev/shm", &room) != 0 || room.f_bavail * room.f_frsize < kEnough;
}

// Sockets, since writing to a browser that has ended must not end this process (MSG_NOSIGNAL).
struct Channel {
  int read = -1, write = -1;
  bool Open() {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return false;
    read = ends[0];
    write = ends[1];
    return true;
  }
  ~Channel() {
    if (read >= 0) close(read);
    if (write >= 0) close(write);
  }
};

std::vector<char*> Pointers(std::vector<std::string>* words) {
  std::vector<char*> pointers;
  for (std::string& word : *words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Result<std::string> FindChromium(const std::string& program) {
  if (!program.empty() && program.find('/') != std::string::npos) {
    if (access(program.c_str(), X_OK) == 0) return program;
    return Error{Errc::kNotFound, program + ": no program"};
  }
  const std::string path = EnvOr("PATH", "/usr/bin:/bin");
  std::vector<std::string> names(kPrograms.begin(), kPrograms.end());
  if (!program.empty()) names = {program};
  for (const std::string& name : names) {
    for (size_t begin = 0; begin <= path.size();) {
      const size_t end = std::min(path.find(':', begin), path.size());
      const std::string file = path.substr(begin, end - begin) + "/" + name;
      if (end > begin && access(file.c_str(), X_OK) == 0) return file;
      begin = end + 1;
    }
  }
  return Error{Errc::kNotFound, names.front() + ": no Chromium on PATH"};
}

Result<std::unique_ptr<BrowserProcess>> BrowserProcess::Start(const BrowserOptions& options) {
  if (!options.headless && std::getenv("DISPLAY") == nullptr && std::getenv("WAYLAND_DISPLAY") == nullptr) {
    return Error{Errc::kUsage, "browser: there is no display for a visible one"};
  }
  std::unique_ptr<BrowserProcess> browser(new BrowserProcess);
  ASSIGN_OR_RETURN(browser->program_, FindChromium(options.program));
  ASSIGN_OR_RETURN(browser->profile_, ProfileFolder::Create());
  const std::string& profile = browser->profile();

  browser->command_ = {
      browser->program_, "--remote-debugging-pipe", "--user-data-dir=" + profile + "/profile",
      "--window-size=" + std::to_string(options.width) + "," + std::to_string(options.height),
      "--no-first-run", "--no-default-browser-check", "--disable-background-networking", "--disable-breakpad",
      "--disable-component-update", "--disable-default-apps", "--disable-domain-reliability",
      "--disable-extensions", "--disable-quic", "--disable-sync", "--disable-gpu", "--no-pings",
      kDisabledFeatures,
      // What peers tell each other past HTTP could not be recorded.
      "--force-webrtc-ip-handling-policy=disable_non_proxied_udp", "--password-store=basic",
      "--use-mock-keychain", "--mute-audio"};
  std::vector<std::string>& command = browser->command_;
  if (options.headless) command.emplace_back("--headless");
  if (!options.sandbox) command.emplace_back("--no-sandbox");
  if (SharedMemoryIsSmall()) command.emplace_back("--disable-dev-shm-usage");
  const auto chooses_proxy = [](const std::string& argument) { return argument.starts_with("--proxy-"); };
  if (std::none_of(options.arguments.begin(), options.arguments.end(), chooses_proxy)) {
    command.emplace_back("--no-proxy-server");
  }
  command.insert(command.end(), options.arguments.begin(), options.arguments.end());
  command.emplace_back("about:blank");
  // Nothing of the person's own settings but what a browser cannot do without.
  std::vector<std::string> environment = {"HOME=" + profile, "PATH=/usr/local/bin:/usr/bin:/bin",
                                          "TMPDIR=" + profile, "LANG=" + EnvOr("LANG", "C.UTF-8")};
  for (const char* name : {"TZ", "DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "XAUTHORITY"}) {
    if (const char* value = std::getenv(name)) environment.push_back(std::string(name) + "=" + value);
  }

  Channel down, up;
  if (!down.Open() || !up.Open()) return IoError("socketpair");
  const std::string complaints = profile + "/stderr";
  std::vector<char*> arguments = Pointers(&command), variables = Pointers(&environment);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) return IoError("fork");
  if (pid == 0) {
    // Between fork and exec nothing but system calls.
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);
    const int null = open("/dev/null", O_RDWR);
    const int log = open(complaints.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    // Neither end may be one of the two that the other is to become.
    const int reads = fcntl(down.read, F_DUPFD, 10), writes = fcntl(up.write, F_DUPFD, 10);
    dup2(null, 0);
    dup2(null, 1);
    dup2(log, 2);
    dup2(reads, kBrowserReads);
    dup2(writes, kBrowserWrites);
    close_range(kBrowserWrites + 1, ~0U, 0);
    execve(arguments[0], arguments.data(), variables.data());
    _exit(127);
  }
  setpgid(pid, pid);
  browser->pid_ = pid;
  browser->cdp_ = std::make_unique<Cdp>(std::exchange(down.write, -1), std::exchange(up.read, -1));
  return browser;
}

BrowserProcess::~BrowserProcess() {
  if (pid_ > 0) {
    if (cdp_ && !cdp_->gone()) cdp_->Send("", "Browser.close", {});
    const auto until = Clock::now() + kEndWithin;
    while (waitpid(pid_, nullptr, WNOHANG) == 0 && Clock::now() < until) {
      if (cdp_ && !cdp_->gone()) {
        static_cast<void>(cdp_->Run(Clock::now() + std::chrono::milliseconds(50), [] { return false; }));
      } else {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
    }
    kill(-pid_, SIGKILL);  // renderers and helpers too
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  cdp_.reset();
}

void BrowserProcess::Kill() {
  if (pid_ > 0) kill(-pid_, SIGKILL);
}

std::string BrowserProcess::Executable() const {
  std::error_code failed;
  const fs::path file = fs::read_symlink("/proc/" + std::to_string(pid_) + "/exe", failed);
  return failed ? std::string() : file.string();
}

std::vector<std::string> BrowserProcess::RealCommand() const {
  std::vector<std::string> words;
  const std::string text = ReadProc(std::to_string(pid_), "cmdline");
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\0', begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

uint64_t BrowserProcess::MemoryBytes() const {
  uint64_t kilobytes = 0;
  std::error_code failed;
  for (fs::directory_iterator it("/proc", failed), end; !failed && it != end; it.increment(failed)) {
    const std::string pid = it->path().filename();
    if (pid.empty() || pid.find_first_not_of("0123456789") != std::string::npos) continue;
    if (GroupOf(ReadProc(pid, "stat")) != pid_) continue;
    const std::string status = ReadProc(pid, "status");
    kilobytes += KilobytesOf(status, "RssAnon:") + KilobytesOf(status, "RssShmem:");
  }
  return kilobytes << 10;
}

uint64_t BrowserProcess::ProfileBytes() const {
  uint64_t bytes = 0;
  std::error_code failed, gone;
  for (fs::recursive_directory_iterator it(profile(), failed), end; !failed && it != end;
       it.increment(failed)) {
    if (!it->is_regular_file(gone)) continue;
    const auto size = it->file_size(gone);
    if (!gone) bytes += size;
  }
  return bytes;
}

std::string BrowserProcess::Complaints() const {
  std::error_code failed;
  const std::string path = profile() + "/stderr";
  const auto size = fs::file_size(path, failed);
  if (failed) return {};
  auto text = ReadWholeFile(path, size + kComplaintsMax);
  if (!text) return {};
  return text->size() > kComplaintsMax ? text->substr(text->size() - kComplaintsMax) : *text;
}

}  // namespace cunzheng::capture
