#include "serve/settings.hpp"

#include <algorithm>
#include <charconv>

#include "base/similar.hpp"
#include "wire/differences.hpp"
#include "wire/quirks.hpp"

namespace sighter::serve {
namespace {

std::unexpected<Error> wrong(std::string_view member, std::string_view must) {
  return fail(Kind::kInvalid, fmt::format("[serve] {} must be {}", member, must));
}

Status read_text(const Json& serve, std::string_view name, std::string& out) {
  const Json* member = serve.find(name);
  if (member == nullptr) return {};
  if (!member->is_string()) return wrong(name, "a string");
  out = member->as_string();
  return {};
}

Status read_texts(const Json& serve, std::string_view name, std::vector<std::string>& out) {
  const Json* member = serve.find(name);
  if (member == nullptr) return {};
  if (!member->is_array()) return wrong(name, "a list of strings");
  for (const Json& item : member->as_array()) {
    if (!item.is_string()) return wrong(name, "a list of strings");
    out.push_back(item.as_string());
  }
  return {};
}

Result<std::int64_t> read_count(const Json& serve, std::string_view name, std::int64_t otherwise,
                                std::int64_t least, std::int64_t most) {
  const Json* member = serve.find(name);
  if (member == nullptr) return otherwise;
  const std::optional<std::int64_t> value = member->to_int();
  if (!value || *value < least || *value > most)
    return wrong(name, fmt::format("a number from {} to {}", least, most));
  return *value;
}

Status read_addresses(const Json& serve, Settings& settings) {
  std::string text;
  if (Status read = read_text(serve, "listen", text); !read) return read;
  if (!text.empty()) {
    Result<Address> address = parse_address(text);
    if (!address) return std::unexpected(address.error().in("[serve] listen"));
    settings.listen = std::move(*address);
  }
  text.clear();
  if (Status read = read_text(serve, "ops_listen", text); !read) return read;
  if (!text.empty()) {
    Result<std::optional<Address>> address = parse_ops_address(text);
    if (!address) return std::unexpected(address.error().in("[serve] ops_listen"));
    settings.ops_listen = std::move(*address);
  }
  return {};
}

Status read_files(const Json& serve, const std::filesystem::path& folder, Settings& settings) {
  std::string certificate, key;
  if (Status read = read_text(serve, "certificate", certificate); !read) return read;
  if (Status read = read_text(serve, "certificate_key", key); !read) return read;
  if (certificate.empty() != key.empty())
    return fail(Kind::kInvalid, "[serve] certificate and certificate_key belong together",
                "name both files, or neither");
  if (certificate.empty()) return {};
  settings.certificate = folder / certificate;
  settings.certificate_key = folder / key;
  return {};
}

Status read_limits(const Json& serve, Settings& settings) {
  const auto cores = read_count(serve, "cores", 0, 0, 1024);
  if (!cores) return std::unexpected(cores.error());
  const auto in_flight = read_count(serve, "in_flight_max", 10'000, 1, 10'000'000);
  if (!in_flight) return std::unexpected(in_flight.error());
  const auto grace = read_count(serve, "grace_s", 30, 0, 86'400);
  if (!grace) return std::unexpected(grace.error());
  settings.cores = static_cast<std::size_t>(*cores);
  settings.in_flight_max = static_cast<std::size_t>(*in_flight);
  settings.grace = std::chrono::seconds(*grace);
  return {};
}

// The names that are refused or dropped anywhere: parameters of requests as one dialect has them
// and another one has not, and those that a function or a local model sets itself.
std::vector<std::string> droppable_names() {
  std::vector<std::string> out = {"tools",
                                  "tool_choice",
                                  "response_format",
                                  "max_tokens",
                                  "temperature",
                                  "top_p",
                                  "top_k",
                                  "min_p",
                                  "n",
                                  "presence_penalty",
                                  "frequency_penalty",
                                  "seed",
                                  "stop",
                                  "logprobs",
                                  "logit_bias",
                                  "reasoning",
                                  "verbosity",
                                  "prediction",
                                  "reasoning.budget_tokens",
                                  "reasoning.effort",
                                  "user",
                                  "metadata",
                                  "modalities",
                                  "audio",
                                  "tools.custom",
                                  "messages.content.custom_tool_call",
                                  "messages.content.empty"};
  out.insert(out.end(), std::begin(wire::kOpenAiMembers), std::end(wire::kOpenAiMembers));
  for (const wire::Difference& difference : wire::differences()) {
    if (difference.side != wire::Difference::Side::kRequest) continue;
    std::string_view names = difference.names;
    while (!names.empty()) {
      const std::size_t end = std::min(names.find(' '), names.size());
      if (end > 0) out.emplace_back(names.substr(0, end));
      names.remove_prefix(std::min(end + 1, names.size()));
    }
  }
  return out;
}

// Providers have parameters that are known to nobody here, so a name is refused only where it is
// nearly one that is known.
Status check_allow_drop(const std::vector<std::string>& names) {
  if (names.empty()) return {};
  const std::vector<std::string> known = droppable_names();
  for (const std::string& name : names) {
    if (name.empty()) return wrong("allow_drop", "a list of parameters' names");
    if (name == "*" || std::find(known.begin(), known.end(), name) != known.end()) continue;
    const std::string meant = closest(name, known);
    if (!meant.empty())
      return fail(Kind::kInvalid, fmt::format("[serve] allow_drop: there is no '{}'", name),
                  fmt::format("did you mean '{}'?", meant));
  }
  return {};
}

// An origin as browsers write it (RFC 6454, section 6.2), of something like one; "" of anything
// else.
std::string as_origin(std::string_view text) {
  const std::size_t colon = text.find("://");
  if (colon == text.npos || colon == 0) return "";
  const std::string scheme = io::in_lower_case(text.substr(0, colon));
  std::string authority = io::in_lower_case(text.substr(colon + 3));
  authority.resize(std::min(authority.find_first_of("/?#"), authority.size()));
  if (scheme == "http" && authority.ends_with(":80")) authority.resize(authority.size() - 3);
  if (scheme == "https" && authority.ends_with(":443")) authority.resize(authority.size() - 4);
  const auto good = [](std::string_view word, std::string_view more) {
    return !word.empty() && std::ranges::all_of(word, [&](unsigned char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
             more.find(static_cast<char>(c)) != more.npos;
    });
  };
  if (!good(scheme, "+-.") || !good(authority, "-._:[]") || authority.starts_with(':')) return "";
  return scheme + "://" + authority;
}

// One that is written otherwise would match nothing, ever.
Status check_origins(const std::vector<std::string>& origins) {
  for (const std::string& origin : origins) {
    if (origin == "*" || origin == "null") continue;
    const std::string right = as_origin(origin);
    if (!right.empty() && right == origin) continue;
    return fail(Kind::kInvalid,
                fmt::format("[serve] origins: '{}' is no origin as a browser sends it", origin),
                right.empty()
                    ? "scheme, host and port alone: \"https://app.example\"; \"*\" allows all"
                    : fmt::format("write \"{}\"", right));
  }
  return {};
}

Status check_names(const Json& serve) {
  static const std::vector<std::string> kNames = {
      "listen",          "ops_listen", "key",           "origins", "record",    "certificate",
      "certificate_key", "cores",      "in_flight_max", "grace_s", "allow_drop"};
  for (const auto& [name, value] : serve.as_object()) {
    if (std::find(kNames.begin(), kNames.end(), name) != kNames.end()) continue;
    return fail(Kind::kInvalid, fmt::format("[serve] has no '{}'", name),
                did_you_mean(name, kNames));
  }
  return {};
}

}  // namespace

std::string Address::text() const {
  return host.find(':') == host.npos ? fmt::format("{}:{}", host, port)
                                     : fmt::format("[{}]:{}", host, port);
}

bool Address::is_loopback() const {
  return host == "localhost" || host.starts_with("127.") || host == "::1";
}

Result<Address> parse_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  Address address;
  std::uint16_t port = 0;
  bool good = colon != text.npos && colon + 1 < text.size();
  if (good) {
    const std::string_view digits = text.substr(colon + 1);
    const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    good = code == std::errc() && end == digits.data() + digits.size();
    std::string_view host = text.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
      host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != host.npos) {
      good = false;
    }
    address.host = host.empty() ? "0.0.0.0" : std::string(host);
  }
  if (!good)
    return fail(Kind::kInvalid, fmt::format("'{}' is no address to listen on", text),
                "write HOST:PORT, for example 127.0.0.1:7777 or [::1]:7777");
  address.port = port;
  return address;
}

Result<std::optional<Address>> parse_ops_address(std::string_view text) {
  if (text == "off") return std::nullopt;
  Result<Address> address = parse_address(text);
  if (!address) return std::unexpected(std::move(address.error()));
  return std::optional(std::move(*address));
}

Result<Settings> read_settings(const Json& serve, const std::filesystem::path& folder) {
  Settings settings;
  if (serve.is_null()) return settings;
  if (!serve.is_object()) return fail(Kind::kInvalid, "[serve] must be a table");
  if (Status known = check_names(serve); !known) return std::unexpected(known.error());
  if (Status read = read_addresses(serve, settings); !read) return std::unexpected(read.error());
  if (Status read = read_files(serve, folder, settings); !read)
    return std::unexpected(read.error());
  if (Status read = read_limits(serve, settings); !read) return std::unexpected(read.error());
  if (Status read = read_text(serve, "key", settings.key); !read)
    return std::unexpected(read.error());
  if (!settings.key.empty() && !settings.key.starts_with("env:") &&
      !settings.key.starts_with("file:"))
    return fail(Kind::kInvalid, "[serve] key: a key is given by reference, never by value",
                "key = \"env:NAME\" or \"file:PATH\"");
  if (Status read = read_texts(serve, "origins", settings.origins); !read)
    return std::unexpected(read.error());
  if (Status good = check_origins(settings.origins); !good) return std::unexpected(good.error());
  if (Status read = read_texts(serve, "allow_drop", settings.allow_drop); !read)
    return std::unexpected(read.error());
  if (Status good = check_allow_drop(settings.allow_drop); !good)
    return std::unexpected(good.error());
  std::string record = "full";
  if (Status read = read_text(serve, "record", record); !read) return std::unexpected(read.error());
  if (record == "none") {
    settings.record = functions::RecordLevel::kNone;
  } else if (record == "metadata") {
    settings.record = functions::RecordLevel::kMetadata;
  } else if (record != "full") {
    return wrong("record", "\"none\", \"metadata\" or \"full\"");
  }
  return settings;
}

}  // namespace sighter::serve
