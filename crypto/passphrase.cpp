// ObtainPassphrase: file, environment, terminal.
#include <fcntl.h>
#include <openssl/crypto.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include "crypto/file.h"
#include "crypto/key_file.h"

namespace cunzheng {
namespace {

constexpr size_t kPassphraseLengthMax = 1024;
constexpr size_t kPassphraseFileLengthMax = 64 * 1024;
constexpr char kVariable[] = "CUNZHENG_PASSPHRASE";

Error Usage(const std::string& rule) {
  return {Errc::kUsage, "passphrase: " + rule};
}

Result<SecretBytes> Checked(SecretBytes passphrase) {
  if (passphrase.empty()) return Usage("must not be empty");
  if (passphrase.size() > kPassphraseLengthMax) return Usage("must be at most 1024 bytes");
  return passphrase;
}

SecretBytes FirstLine(std::string_view text) {
  std::string_view line = text.substr(0, text.find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return SecretBytes(Bytes(line.begin(), line.end()));
}

Result<SecretBytes> FromFile(const std::string& path) {
  auto text = ReadSecretFile(path, kPassphraseFileLengthMax);
  if (!text) {
    const Errc code = text.error().code;
    return Error{code == Errc::kIo ? code : Errc::kUsage, text.error().detail};
  }
  std::string& secret = *text;
  SecretBytes line = FirstLine(secret);
  OPENSSL_cleanse(secret.data(), secret.size());
  return Checked(std::move(line));
}

// The controlling terminal, without echo and with Ctrl-C as a byte, so that no signal can end the
// process while the echo is off.
class Terminal {
 public:
  Terminal() : fd_(open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)) {
    if (fd_ < 0 || tcgetattr(fd_, &saved_) != 0) return;
    termios quiet = saved_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL | ICANON | ISIG);
    quiet.c_iflag |= ICRNL;
    quiet.c_cc[VMIN] = 1;
    quiet.c_cc[VTIME] = 0;
    ready_ = tcsetattr(fd_, TCSAFLUSH, &quiet) == 0;
  }
  ~Terminal() {
    if (ready_) tcsetattr(fd_, TCSAFLUSH, &saved_);
    if (fd_ >= 0) close(fd_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  bool ready() const { return ready_; }

  Result<SecretBytes> Ask(const std::string& prompt) {
    Say(prompt);
    SecretBytes line(kPassphraseLengthMax + 1);  // never grows: no copies of the secret stay behind
    size_t length = 0;
    for (;;) {
      uint8_t c = 0;
      const ssize_t got = read(fd_, &c, 1);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return Error{Errc::kIo, "terminal: " + std::system_category().message(errno)};
      if (c == kInterrupt) {
        Say("\n");
        return Error{Errc::kInterrupted, "passphrase: interrupted"};
      }
      if (got == 0 || c == '\n' || c == kEndOfText) break;
      if (c == kEraseLine) {
        length = 0;
      } else if (c == kBackspace || c == kDelete) {
        // One character: its continuation bytes go too.
        while (length > 0 && (line.data()[--length] & 0xc0) == 0x80) {
        }
      } else if (length < line.size()) {
        line.data()[length++] = c;
      }
    }
    Say("\n");
    return Checked(SecretBytes(Bytes(line.data(), line.data() + length)));
  }

 private:
  static constexpr uint8_t kInterrupt = 0x03, kEndOfText = 0x04, kBackspace = 0x08, kEraseLine = 0x15,
                           kDelete = 0x7f;

  void Say(const std::string& text) {
    // A prompt that cannot be shown is no reason to fail: the read that follows will tell.
    [[maybe_unused]] const ssize_t put = write(fd_, text.data(), text.size());
  }

  int fd_;
  bool ready_ = false;
  termios saved_{};
};

}  // namespace

Result<SecretBytes> ObtainPassphrase(const std::optional<std::string>& file, const std::string& prompt,
                                     bool confirm) {
  if (file) return FromFile(*file);
  if (const char* text = std::getenv(kVariable)) {
    return Checked(SecretBytes(Bytes(text, text + std::strlen(text))));
  }
  Terminal terminal;
  if (!terminal.ready()) {
    return Usage("no terminal to ask on; give a passphrase file or set CUNZHENG_PASSPHRASE");
  }
  ASSIGN_OR_RETURN(SecretBytes first, terminal.Ask(prompt));
  if (!confirm) return first;
  ASSIGN_OR_RETURN(const SecretBytes second, terminal.Ask("Once more: "));
  if (!ConstantTimeEqual(first.span(), second.span())) return Usage("the two entries differ");
  return first;
}

}  // namespace cunzheng
