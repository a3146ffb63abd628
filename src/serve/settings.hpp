#pragma once
// `[serve]` of sighter.toml, read and checked.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"
#include "functions/engine.hpp"

namespace sighter::serve {

struct Address {
  std::string host;  // numeric, or "localhost"
  std::uint16_t port = 0;
  std::string text() const;  // host:port, with brackets for IPv6
  bool is_loopback() const;
};
// "127.0.0.1:7777", "[::1]:7777", "localhost:0", ":7777" (every address); kInvalid.
Result<Address> parse_address(std::string_view text);

// The same, or "off": nullopt.
Result<std::optional<Address>> parse_ops_address(std::string_view text);

struct Settings {
  Address listen{"127.0.0.1", 7777};
  std::optional<Address> ops_listen = Address{"127.0.0.1", 7778};  // nullopt: "off"
  std::string key;                   // a reference: "env:NAME" or "file:PATH"; empty: open
  std::vector<std::string> origins;  // web pages that may use the door; "*" allows all
  functions::RecordLevel record = functions::RecordLevel::kFull;
  std::filesystem::path certificate;  // both or neither
  std::filesystem::path certificate_key;
  std::size_t cores = 0;               // 0: one a processor
  std::size_t in_flight_max = 10'000;  // requests at a time, all cores; beyond: 503
  std::chrono::seconds grace{30};      // that running requests have when stopping
  // Between comments to a client that waits: below what the usual proxies call dead. Of tests.
  std::chrono::milliseconds keep_alive{15'000};
  std::vector<std::string> allow_drop;  // for every request
};

// kInvalid names the member and what it must be. Relative paths are relative to `folder`.
Result<Settings> read_settings(const Json& serve, const std::filesystem::path& folder);

}  // namespace sighter::serve
