// Configuration of a node: D/config.toml. Every value has a default and a documented range; an
// unknown key is an error, so that a misspelt limit is not silently the default.
#pragma once

#include <cstdint>
#include <string>

#include "crypto/result.h"

namespace cunzheng::node {

struct Config {
  // [node]
  std::string member;
  std::string passphrase_file;

  // [http]
  std::string listen = "127.0.0.1:8750";
  uint64_t threads = 0;
  std::string tls_certificate;
  std::string tls_key;
  uint64_t header_bytes_max = 8'192;
  uint64_t body_bytes_in_flight_max = 256u << 20;
  uint64_t connections_max = 16'384;
  uint64_t connections_per_address_max = 0;
  uint64_t requests_per_second_per_address = 0;
  uint64_t header_timeout_ms = 10'000;
  uint64_t body_timeout_ms = 30'000;
  uint64_t write_timeout_ms = 30'000;
  uint64_t idle_timeout_ms = 60'000;

  // [engine]
  std::string engine_type = "embedded";
  uint64_t queue_count_max = 8'192;
  uint64_t queue_bytes_max = 64u << 20;
  uint64_t block_count_max = 2'048;
  uint64_t block_bytes_max = 8u << 20;
  bool require_clock_sync = false;
  uint64_t shutdown_timeout_ms = 10'000;

  // [cometbft]
  std::string cometbft_abci = "unix:cometbft/abci.sock";
  std::string cometbft_rpc = "127.0.0.1:26657";
  std::string cometbft_p2p_nodes;
  uint64_t snapshot_interval = 10'000;
  uint64_t retain_blocks = 0;

  // [peers]
  std::string peers_members;

  // [witnesses]
  std::string witnesses_nodes;

  // [store]
  uint64_t cache_bytes = 64u << 20;
  uint64_t write_buffer_bytes = 32u << 20;
  uint64_t free_bytes_min = 128u << 20;

  // [log]
  std::string log_level = "info";
  std::string log_format = "text";
};

// Errors: kUsage, which names the line (syntax) or the key and its rule.
Result<Config> ParseConfig(const std::string& text);
// The file as `init` writes it: every value of `config`, each with its meaning and range.
std::string FormatConfig(const Config& config);

// "127.0.0.1:8750", "[::1]:0". Errors: kUsage.
struct ListenAddress {
  std::string host;  // numeric, without brackets
  uint16_t port = 0;
};
Result<ListenAddress> ParseListenAddress(const std::string& text);

}  // namespace cunzheng::node
