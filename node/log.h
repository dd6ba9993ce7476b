// Structured log lines on stderr: one event a line, as JSON or as text. Never keys, passphrases or
// bodies. Thread-safe.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace cunzheng::node {

enum class LogLevel { kDebug, kInfo, kWarning, kError };
enum class LogFormat { kText, kJson };

struct LogField {
  std::string_view key;
  std::string value;
};

// Before any thread starts. Without it, text at level info.
void ConfigureLog(LogFormat format, LogLevel level);
bool LogEnabled(LogLevel level);
void Log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {});
// Writes out what is buffered; at the end of a process.
void FlushLog();

}  // namespace cunzheng::node
