#include "node/config.h"

#include <arpa/inet.h>
#include <toml++/toml.h>

#include <charconv>
#include <functional>
#include <optional>
#include <set>
#include <sstream>
#include <variant>
#include <vector>

#include "crypto/json.h"

namespace cunzheng::node {
namespace {

struct IntegerField {
  uint64_t Config::*member;
  uint64_t min, max;
  bool zero_too = false;  // 0 is allowed besides min..max, with a meaning of its own
};
struct StringField {
  std::string Config::*member;
  std::vector<std::string_view> choices;  // empty: any text
};
struct BoolField {
  bool Config::*member;
};

struct Field {
  std::string_view section, key, comment;
  std::variant<IntegerField, StringField, BoolField> kind;
};

constexpr uint64_t kMiB = 1u << 20;

// The one place that knows the keys: reading, ranges and the written file all come from here.
const std::vector<Field>& Fields() {
  static const std::vector<Field> fields{
      {"node", "member", "Id of the member whose keys this node holds, as in genesis.json.",
       StringField{&Config::member, {}}},
      {"node", "passphrase_file",
       "File with the passphrase of keys/*.key (mode 0600; relative to the data folder). Empty: "
       "$CREDENTIALS_DIRECTORY/cunzheng-passphrase (systemd LoadCredential), CUNZHENG_PASSPHRASE, or a "
       "prompt.",
       StringField{&Config::passphrase_file, {}}},

      {"http", "listen", "Numeric address and port; port 0 takes a free one (see the file `listen`).",
       StringField{&Config::listen, {}}},
      {"http", "threads", "Threads that serve HTTP and check signatures; 0: one a core.",
       IntegerField{&Config::threads, 1, 256, true}},
      {"http", "tls_certificate", "PEM certificate chain; with tls_key it turns TLS 1.2 and later on.",
       StringField{&Config::tls_certificate, {}}},
      {"http", "tls_key", "PEM private key of that certificate.", StringField{&Config::tls_key, {}}},
      {"http", "header_bytes_max", "Longest request header.",
       IntegerField{&Config::header_bytes_max, 1'024, 65'536}},
      {"http", "body_bytes_in_flight_max", "Bytes of all request bodies being read at once.",
       IntegerField{&Config::body_bytes_in_flight_max, 2 * kMiB, uint64_t{1} << 40}},
      {"http", "connections_max", "Open connections; the limit on open files may lower it.",
       IntegerField{&Config::connections_max, 1, 1'000'000}},
      {"http", "connections_per_address_max", "Open connections of one address (IPv6: one /64); 0: no limit.",
       IntegerField{&Config::connections_per_address_max, 1, 1'000'000, true}},
      {"http", "requests_per_second_per_address",
       "Sustained rate of one address, with bursts of twice that; 0: no limit.",
       IntegerField{&Config::requests_per_second_per_address, 1, 1'000'000, true}},
      {"http", "header_timeout_ms", "For a request's header, from the connection or its first byte.",
       IntegerField{&Config::header_timeout_ms, 100, 600'000}},
      {"http", "body_timeout_ms", "For a request's whole body.",
       IntegerField{&Config::body_timeout_ms, 100, 600'000}},
      {"http", "write_timeout_ms", "For a client to take an answer.",
       IntegerField{&Config::write_timeout_ms, 100, 600'000}},
      {"http", "idle_timeout_ms", "For a connection between two requests.",
       IntegerField{&Config::idle_timeout_ms, 100, 3'600'000}},

      {"engine", "type", "Who orders the ledger: this process alone, or CometBFT among the members' nodes.",
       StringField{&Config::engine_type, {"embedded", "cometbft"}}},
      {"engine", "queue_count_max", "Submissions that may wait for a block; over it: 503 busy.",
       IntegerField{&Config::queue_count_max, 1, 1'000'000}},
      {"engine", "queue_bytes_max", "Bytes of them.",
       IntegerField{&Config::queue_bytes_max, 2 * kMiB, uint64_t{1} << 40}},
      {"engine", "block_count_max", "Submissions of one block.",
       IntegerField{&Config::block_count_max, 1, 65'536}},
      {"engine", "block_bytes_max", "Bytes of them; one submission may exceed it alone.",
       IntegerField{&Config::block_bytes_max, 2 * kMiB, 256 * kMiB}},
      {"engine", "require_clock_sync",
       "Refuse writes while the kernel says that the clock is not synchronised. Set it wherever NTP runs.",
       BoolField{&Config::require_clock_sync}},
      {"engine", "shutdown_timeout_ms", "Longest drain after SIGTERM.",
       IntegerField{&Config::shutdown_timeout_ms, 100, 600'000}},

      {"cometbft", "abci",
       "Where this node serves CometBFT (its proxy_app): unix:PATH, relative to the data folder, or "
       "tcp:HOST:PORT.",
       StringField{&Config::cometbft_abci, {}}},
      {"cometbft", "rpc", "Where CometBFT takes transactions (its rpc.laddr): numeric HOST:PORT.",
       StringField{&Config::cometbft_rpc, {}}},
      {"cometbft", "p2p_nodes",
       "Ids of the CometBFT nodes that may be its peers, separated by spaces; empty: any.",
       StringField{&Config::cometbft_p2p_nodes, {}}},
      {"cometbft", "snapshot_interval",
       "Blocks from one snapshot to the next, the same on every node; 0: none are made.",
       IntegerField{&Config::snapshot_interval, 1, 1'000'000'000, true}},
      {"cometbft", "retain_blocks",
       "Blocks that CometBFT must keep, and those after the oldest snapshot; older ones are dropped. 0: all.",
       IntegerField{&Config::retain_blocks, 1'000, 1'000'000'000, true}},

      {"peers", "members",
       "The other members' nodes, whose cosignatures are fetched: \"MEMBER=HOST:PORT ...\".",
       StringField{&Config::peers_members, {}}},

      {"witnesses", "nodes",
       "Outside witnesses that are shown each new checkpoint: \"WITNESS=HOST:PORT ...\". Their keys are the "
       "trust "
       "file's (cunzhengd propose witnesses).",
       StringField{&Config::witnesses_nodes, {}}},

      {"store", "cache_bytes", "Block cache of the store.",
       IntegerField{&Config::cache_bytes, kMiB, uint64_t{1} << 40}},
      {"store", "write_buffer_bytes", "Write buffer of the store.",
       IntegerField{&Config::write_buffer_bytes, kMiB, 1'024 * kMiB}},
      {"store", "free_bytes_min", "Below this much free disk, writes answer 503; 0: until the disk is full.",
       IntegerField{&Config::free_bytes_min, 1, uint64_t{1} << 50, true}},

      {"log", "level", "On standard error.",
       StringField{&Config::log_level, {"debug", "info", "warning", "error"}}},
      {"log", "format", "One line an event.", StringField{&Config::log_format, {"text", "json"}}},
  };
  return fields;
}

std::string Name(const Field& field) {
  return std::string(field.section) + "." + std::string(field.key);
}

std::string Rule(const Field& field) {
  if (const auto* integer = std::get_if<IntegerField>(&field.kind)) {
    return (integer->zero_too ? "0, or " : "") + std::to_string(integer->min) + ".." +
           std::to_string(integer->max);
  }
  if (const auto* text = std::get_if<StringField>(&field.kind)) {
    std::string rule;
    for (const auto choice : text->choices)
      rule += (rule.empty() ? "\"" : " or \"") + std::string(choice) + "\"";
    return rule.empty() ? "a string" : rule;
  }
  return "true or false";
}

Error Bad(const Field& field) {
  return {Errc::kUsage, "config: " + Name(field) + " must be " + Rule(field)};
}

Result<void> Assign(const Field& field, const toml::node& node, Config* config) {
  if (const auto* integer = std::get_if<IntegerField>(&field.kind)) {
    const auto value = node.is_integer() ? node.value<int64_t>() : std::nullopt;
    if (!value || *value < 0) return Bad(field);
    const auto number = static_cast<uint64_t>(*value);
    const bool zero = number == 0 && integer->zero_too;
    if (!zero && (number < integer->min || number > integer->max)) return Bad(field);
    config->*integer->member = number;
  } else if (const auto* text = std::get_if<StringField>(&field.kind)) {
    auto value = node.is_string() ? node.value<std::string>() : std::nullopt;
    if (!value) return Bad(field);
    bool known = text->choices.empty();
    for (const auto choice : text->choices) known = known || choice == *value;
    if (!known) return Bad(field);
    config->*text->member = *std::move(value);
  } else {
    const auto value = node.is_boolean() ? node.value<bool>() : std::nullopt;
    if (!value) return Bad(field);
    config->*std::get<BoolField>(field.kind).member = *value;
  }
  return {};
}

// Checks that concern more than one value.
Result<void> CheckWhole(const Config& config) {
  if (auto listen = ParseListenAddress(config.listen); !listen) {
    return Error{Errc::kUsage, "config: http.listen " + listen.error().detail};
  }
  if (config.tls_certificate.empty() != config.tls_key.empty()) {
    return Error{Errc::kUsage, "config: http.tls_certificate and http.tls_key must be set together"};
  }
  return {};
}

}  // namespace

Result<Config> ParseConfig(const std::string& text) {
  toml::table root;
  try {
    root = toml::parse(text);
  } catch (const toml::parse_error& error) {
    std::ostringstream detail;
    detail << "config: line " << error.source().begin.line << ": " << error.description();
    return Error{Errc::kUsage, detail.str()};
  }
  Config config;
  for (auto& [section_name, section_node] : root) {
    const toml::table* section = section_node.as_table();
    if (section == nullptr) {
      return Error{Errc::kUsage, "config: unknown key " + std::string(section_name.str())};
    }
    for (auto& [key, node] : *section) {
      const Field* found = nullptr;
      for (const Field& field : Fields()) {
        if (field.section == section_name.str() && field.key == key.str()) found = &field;
      }
      if (found == nullptr) {
        return Error{Errc::kUsage,
                     "config: unknown key " + std::string(section_name.str()) + "." + std::string(key.str())};
      }
      RETURN_IF_ERROR(Assign(*found, node, &config));
    }
  }
  RETURN_IF_ERROR(CheckWhole(config));
  return config;
}

std::string FormatConfig(const Config& config) {
  std::string out =
      "# cunzhengd: configuration of this node. Every value is shown with what it means and its range;\n"
      "# an unknown key is an error. Read at start.\n";
  std::string_view section;
  for (const Field& field : Fields()) {
    if (field.section != section) {
      section = field.section;
      out += "\n[" + std::string(section) + "]\n";
    }
    out += "# " + std::string(field.comment);
    const bool free_text =
        std::holds_alternative<StringField>(field.kind) && std::get<StringField>(field.kind).choices.empty();
    if (!free_text) out += " (" + Rule(field) + ")";
    out += "\n" + std::string(field.key) + " = ";
    if (const auto* integer = std::get_if<IntegerField>(&field.kind)) {
      out += std::to_string(config.*integer->member);
    } else if (const auto* text = std::get_if<StringField>(&field.kind)) {
      json::AppendQuoted(config.*text->member, &out);
    } else {
      out += config.*std::get<BoolField>(field.kind).member ? "true" : "false";
    }
    out += "\n";
  }
  return out;
}

Result<ListenAddress> ParseListenAddress(const std::string& text) {
  const Error bad{Errc::kUsage,
                  "\"" + text + "\": must be a numeric address and a port, e.g. 127.0.0.1:8750 or [::1]:0"};
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) return bad;
  ListenAddress address;
  address.host = text.substr(0, colon);
  const std::string port = text.substr(colon + 1);
  uint16_t number = 0;
  const auto [end, status] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (port.empty() || status != std::errc() || end != port.data() + port.size()) return bad;
  address.port = number;
  in6_addr scratch{};
  if (address.host.size() > 2 && address.host.front() == '[' && address.host.back() == ']') {
    address.host = address.host.substr(1, address.host.size() - 2);
    if (inet_pton(AF_INET6, address.host.c_str(), &scratch) != 1) return bad;
  } else if (inet_pton(AF_INET, address.host.c_str(), &scratch) != 1) {
    return bad;
  }
  return address;
}

}  // namespace cunzheng::node
