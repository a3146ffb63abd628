#include "io/http.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "io/http_characters.hpp"

namespace sighter::io {
namespace {

constexpr std::size_t kFieldsUsual = 8;  // of one message
constexpr std::size_t kBytesUsual = 112;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 &&
        hex_value(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

constexpr std::string_view kUrlHint = "a URL looks like https://host:port/path";

// host, host:port, [v6], [v6]:port
Status parse_authority(std::string_view text, Url& url) {
  std::string_view port;
  if (!text.empty() && text.front() == '[') {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) {
      return fail(Kind::kInvalid, "the URL has a '[' without ']'", std::string(kUrlHint));
    }
    url.host = text.substr(1, close - 1);
    const std::string_view rest = text.substr(close + 1);
    if (!rest.empty() && rest.front() != ':') {
      return fail(Kind::kInvalid, "the URL has something between ']' and the port",
                  std::string(kUrlHint));
    }
    if (!rest.empty()) port = rest.substr(1);
  } else {
    const std::size_t colon = text.find(':');
    url.host = text.substr(0, colon);
    if (colon != std::string_view::npos) port = text.substr(colon + 1);
  }
  std::ranges::transform(url.host, url.host.begin(), lower);
  const bool good_host = !url.host.empty() && std::ranges::all_of(url.host, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_' ||
           c == ':' || c == '%';
  });
  if (!good_host) {
    return fail(Kind::kInvalid, "the URL has no host, or one with characters that no host has",
                std::string(kUrlHint));
  }
  if (port.empty()) return {};
  unsigned number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc{} || end != port.data() + port.size() || number < 1 || number > 65535) {
    return fail(Kind::kInvalid, fmt::format("the URL of {} has a port that is none", url.host),
                "a port is a number from 1 to 65535");
  }
  url.port = static_cast<std::uint16_t>(number);
  return {};
}

}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i] && lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

std::string in_lower_case(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), lower);
  return out;
}

Headers::Headers(std::initializer_list<Field> fields) {
  for (const auto& [name, value] : fields) add(name, value);
}

void Headers::add(std::string_view name, std::string_view value) {
  if (places_.capacity() == 0) {
    places_.reserve(kFieldsUsual);
    text_.reserve(kBytesUsual);
  }
  places_.push_back({static_cast<std::uint32_t>(text_.size()),
                     static_cast<std::uint32_t>(name.size()),
                     static_cast<std::uint32_t>(value.size())});
  text_.append(name).append(value);
}

void Headers::clear() {
  places_.clear();
  text_.clear();
}

void Headers::fold(std::string_view more) {
  const auto [name, value] = field(places_.back());
  const std::string written(name);
  std::string folded(value);
  if (!folded.empty() && !more.empty()) folded += ' ';
  folded.append(more);
  places_.pop_back();
  add(written, folded);
}

void Headers::set(std::string_view name, std::string_view value) {
  const auto same = [&](const Place& place) {
    return equals_ignoring_case(field(place).first, name);
  };
  const auto first = std::ranges::find_if(places_, same);
  if (first == places_.end()) return add(name, value);
  const std::string written(field(*first).first);  // its case stays
  const auto at = static_cast<std::uint32_t>(text_.size());
  text_.append(written).append(value);
  *first = {at, static_cast<std::uint32_t>(written.size()),
            static_cast<std::uint32_t>(value.size())};
  places_.erase(std::remove_if(first + 1, places_.end(), same), places_.end());
}

void Headers::remove(std::string_view name) {
  std::erase_if(places_,
                [&](const Place& place) { return equals_ignoring_case(field(place).first, name); });
}

std::optional<std::string_view> Headers::get(std::string_view name) const {
  for (const Place& place : places_) {
    if (place.name != name.size()) continue;
    const auto [written, value] = field(place);
    if (equals_ignoring_case(written, name)) return value;
  }
  return std::nullopt;
}

std::vector<std::string_view> Headers::all(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const auto& [written, value] : fields()) {
    if (equals_ignoring_case(written, name)) values.push_back(value);
  }
  return values;
}

bool Headers::operator==(const Headers& other) const {
  return std::equal(
      places_.begin(), places_.end(), other.places_.begin(), other.places_.end(),
      [&](const Place& mine, const Place& theirs) { return field(mine) == other.field(theirs); });
}

void Headers::write_to(std::string& out) const {
  constexpr std::string_view kColon = ": ", kEnd = "\r\n";
  const std::size_t before = out.size();
  std::size_t more = 0;
  for (const Place& place : places_) more += place.name + kColon.size() + place.value + kEnd.size();
  out.resize_and_overwrite(before + more, [&](char* at, std::size_t size) {
    at += before;
    const auto put = [&at](std::string_view text) {
      std::memcpy(at, text.data(), text.size());
      at += text.size();
    };
    for (const auto& [name, value] : fields()) {
      put(name);
      put(kColon);
      put(value);
      put(kEnd);
    }
    return size;
  });
}

bool list_has_token(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    if (equals_ignoring_case(trim(list.substr(0, comma)), token)) return true;
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
  }
  return false;
}

bool Headers::has_token(std::string_view name, std::string_view token) const {
  return std::ranges::any_of(places_, [&](const Place& place) {
    const auto [written, value] = field(place);
    return equals_ignoring_case(written, name) && list_has_token(value, token);
  });
}

Status check_fields(const Headers& headers) {
  for (const auto& [name, value] : headers.fields()) {
    if (!is_token(name)) {
      return fail(Kind::kInvalid, fmt::format("'{}' is no name of a header", name));
    }
    const auto ends_line = [](char c) { return c == '\r' || c == '\n' || c == '\0'; };
    if (!is_field_text(value) && std::ranges::any_of(value, ends_line)) {
      return fail(Kind::kInvalid,
                  fmt::format("the value of the header {} holds a line break or NUL", name),
                  "remove it: it would become a header of its own");
    }
  }
  return {};
}

Result<Url> Url::parse(std::string_view text) {
  Url url;
  const std::size_t scheme_end = text.find("://");
  const std::string_view scheme = text.substr(0, scheme_end);
  if (scheme_end == std::string_view::npos ||
      (!equals_ignoring_case(scheme, "http") && !equals_ignoring_case(scheme, "https"))) {
    return fail(Kind::kInvalid, "the URL does not begin with http:// or https://",
                std::string(kUrlHint));
  }
  url.https = scheme.size() == 5;
  std::string_view rest = text.substr(scheme_end + 3);
  const std::size_t authority_end = std::min(rest.find_first_of("/?#"), rest.size());
  std::string_view authority = rest.substr(0, authority_end);
  rest.remove_prefix(authority_end);
  const std::size_t at = authority.rfind('@');
  if (at != std::string_view::npos) {
    url.user_info = percent_decoded(authority.substr(0, at));
    authority.remove_prefix(at + 1);
  }
  const Status parsed = parse_authority(authority, url);
  if (!parsed) return std::unexpected(parsed.error());
  if (url.port == 0) url.port = url.https ? 443 : 80;
  rest = rest.substr(0, rest.find('#'));
  for (const char c : rest) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) {
      return fail(Kind::kInvalid,
                  fmt::format("the URL of {} holds a space or a control character", url.host),
                  "write it as %20 or the like");
    }
  }
  url.target = rest;
  if (url.target.empty() || url.target.front() != '/') url.target.insert(0, "/");
  return url;
}

std::string Url::authority() const {
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return port == (https ? 443 : 80) ? name : fmt::format("{}:{}", name, port);
}

std::string Url::origin() const {
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return fmt::format("{}://{}:{}", https ? "https" : "http", name, port);
}

std::string_view reason_of(int status) {
  struct Row {
    int status;
    std::string_view reason;
  };
  // RFC 9110, section 15; RFC 6585; 499 and 529 as the servers that use them name them.
  static constexpr Row kRows[] = {
      {100, "Continue"},
      {101, "Switching Protocols"},
      {200, "OK"},
      {201, "Created"},
      {202, "Accepted"},
      {204, "No Content"},
      {206, "Partial Content"},
      {301, "Moved Permanently"},
      {302, "Found"},
      {303, "See Other"},
      {304, "Not Modified"},
      {307, "Temporary Redirect"},
      {308, "Permanent Redirect"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {402, "Payment Required"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {406, "Not Acceptable"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {410, "Gone"},
      {411, "Length Required"},
      {412, "Precondition Failed"},
      {413, "Content Too Large"},
      {414, "URI Too Long"},
      {415, "Unsupported Media Type"},
      {417, "Expectation Failed"},
      {421, "Misdirected Request"},
      {422, "Unprocessable Content"},
      {426, "Upgrade Required"},
      {428, "Precondition Required"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {499, "Client Closed Request"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {502, "Bad Gateway"},
      {503, "Service Unavailable"},
      {504, "Gateway Timeout"},
      {505, "HTTP Version Not Supported"},
      {529, "Overloaded"},
  };
  for (const Row& row : kRows) {
    if (row.status == status) return row.reason;
  }
  return "";
}

}  // namespace sighter::io
