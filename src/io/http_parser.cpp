#include "io/http_parser.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/check.hpp"
#include "io/http_characters.hpp"

namespace sighter::io {
namespace {

constexpr std::size_t kChunkLineBytesMax = 8192;
constexpr int kEmptyLinesMax = 2;      // before a request (RFC 9112, section 2.2)
constexpr const char* kTooLarge = "";  // the one fault that is not about the form

bool is_space(char c) {
  return c == ' ' || c == '\t';
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

bool is_token_list(std::string_view list) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    const std::string_view word = trimmed(list.substr(0, comma));
    if (!word.empty() && !is_token(word)) return false;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return true;
}

// Takes the digits at the front of `text`; false when there are none, or too many for 64 bits.
bool take_number(std::string_view& text, int base, std::uint64_t& value) {
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value, base);
  text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
  return error == std::errc{};
}

}  // namespace

// The fields that say where a message ends and what follows it.
struct HttpParser::Fields {
  int hosts = 0, lengths = 0, codings = 0;
  std::string_view host, length, coding;
};

HttpParser::HttpParser(Role role, std::size_t header_bytes_max)
    : role_(role), header_bytes_max_(header_bytes_max) {}

void HttpParser::restart() {
  Headers headers = std::move(headers_);
  headers.clear();
  *this = HttpParser(role_, header_bytes_max_);
  headers_ = std::move(headers);
}

Error HttpParser::error_of(Wrong wrong) const {
  if (wrong == kTooLarge)
    return {Kind::kTooLarge,
            fmt::format("an HTTP header of more than {} bytes", header_bytes_max_),
            {}};
  const Kind kind = role_ == Role::kRequest ? Kind::kInvalid : Kind::kUpstream;
  return {kind, fmt::format("malformed HTTP: {}", wrong), {}};
}

std::size_t HttpParser::line_bytes_max() const {
  return std::min(kChunkLineBytesMax, header_bytes_max_);
}

bool HttpParser::in_lines() const {
  return part_ <= Part::kFields || part_ == Part::kChunkLine || part_ == Part::kTrailer;
}

Result<std::size_t> HttpParser::feed(std::string_view bytes) {
  std::size_t taken = 0;
  Wrong wrong = nullptr;
  while (part_ != Part::kDone && !wrong) {
    if (in_lines()) {
      const std::optional<std::string_view> line = next_line(bytes, taken, wrong);
      if (!line) break;
      wrong = on_line(*line);
    } else {
      const std::size_t more = on_bytes(bytes.substr(taken), wrong);
      if (more == 0) break;
      taken += more;
    }
  }
  if (wrong) return std::unexpected(error_of(wrong));
  return taken;
}

std::optional<std::string_view> HttpParser::next_line(std::string_view bytes, std::size_t& taken,
                                                      Wrong& wrong) {
  const std::string_view rest = bytes.substr(taken);
  const std::size_t end = rest.find('\n', searched_);
  if (!begun_) begun_ = !(rest.empty() || rest == "\r" || rest.starts_with("\r\n"));
  if (end == rest.npos) {
    searched_ = rest.size();
    wrong = check_pending(rest);
    return std::nullopt;
  }
  searched_ = 0;
  line_bytes_ += end + 1;
  taken += end + 1;
  const bool of_header = part_ <= Part::kFields;
  if (of_header && line_bytes_ > header_bytes_max_) wrong = kTooLarge;
  if (!of_header && line_bytes_ > line_bytes_max()) wrong = "a chunk line or trailer too long";
  if (end == 0 || rest[end - 1] != '\r') wrong = "a line that does not end in CRLF";
  if (wrong) return std::nullopt;
  return rest.substr(0, end - 1);
}

// What can be told of a line before its end has come.
HttpParser::Wrong HttpParser::check_pending(std::string_view pending) const {
  if (part_ > Part::kFields) {
    return line_bytes_ + pending.size() > line_bytes_max() ? "a chunk line or trailer without end"
                                                           : nullptr;
  }
  if (line_bytes_ + pending.size() > header_bytes_max_) return kTooLarge;
  if (part_ == Part::kFields || pending.empty() || pending == "\r") return nullptr;
  constexpr std::string_view kVersion = "HTTP/1.";
  if (role_ == Role::kResponse) {
    const std::size_t both = std::min(pending.size(), kVersion.size());
    return pending.substr(0, both) == kVersion.substr(0, both) ? nullptr : "this is no HTTP/1";
  }
  const std::string_view method = pending.substr(0, pending.find(' '));
  return is_token(method) ? nullptr : "a method that is none";
}

HttpParser::Wrong HttpParser::on_line(std::string_view line) {
  switch (part_) {
    case Part::kStartLine:
      return on_start_line(line);
    case Part::kFields:
      return line.empty() ? on_header_end() : on_field(line);
    case Part::kChunkLine:
      return on_chunk_line(line);
    default:
      break;
  }
  if (!line.empty()) return on_field(line);
  part_ = Part::kDone;
  return nullptr;
}

HttpParser::Wrong HttpParser::on_start_line(std::string_view line) {
  if (role_ == Role::kRequest && line.empty() && empty_lines_ < kEmptyLinesMax) {
    ++empty_lines_;
    return nullptr;
  }
  part_ = Part::kFields;
  return role_ == Role::kRequest ? on_request_line(line) : on_status_line(line);
}

HttpParser::Wrong HttpParser::on_request_line(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t second = first == line.npos ? line.npos : line.find(' ', first + 1);
  if (second == line.npos) return "a request line that is none";
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, second - first - 1);
  const std::string_view version = line.substr(second + 1);
  if (!is_token(method)) return "a method that is none";
  const bool visible = std::ranges::all_of(
      target, [](char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7f; });
  if (target.empty() || !visible) return "an address that is none";
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return "another version than HTTP/1";
  method_ = method;
  target_ = target;
  version_1_1_ = version.back() == '1';
  return nullptr;
}

HttpParser::Wrong HttpParser::on_status_line(std::string_view line) {
  constexpr std::size_t kCode = 9;     // "HTTP/1.1 "
  constexpr std::size_t kReason = 13;  // "HTTP/1.1 200 "
  if (!line.starts_with("HTTP/1.1 ") && !line.starts_with("HTTP/1.0 ")) return "this is no HTTP/1";
  if (line.size() < kReason || line[kReason - 1] != ' ') return "a status line that is none";
  int status = 0;
  for (const char c : line.substr(kCode, 3)) {
    if (c < '0' || c > '9') return "a status that is no number";
    status = status * 10 + (c - '0');
  }
  const std::string_view reason = line.substr(kReason);
  if (!is_field_text(reason)) return "a control character in the status line";
  status_ = status;
  reason_ = reason;
  version_1_1_ = line[kCode - 2] == '1';
  return nullptr;
}

// Of the header or the trailer. Trailers are dropped: nobody who reads a header expects it to
// change after the body.
HttpParser::Wrong HttpParser::on_field(std::string_view line) {
  const bool of_header = part_ == Part::kFields;
  if (is_space(line.front())) {
    // Two readers who disagree about folded lines see two different messages.
    if (role_ == Role::kRequest || !of_header) return "a folded header line";
    if (!is_field_text(line) || (of_header && headers_.empty()))
      return "a header line that is none";
    headers_.fold(trimmed(line));
    return nullptr;
  }
  const std::size_t colon = line.find(':');
  if (colon == line.npos) return "a header line without a colon";
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (!is_token(name)) return "a header with a name that is none";
  if (!is_field_text(value)) return "a control character in a header";
  if (!of_header && (equals_ignoring_case(name, "Content-Length") ||
                     equals_ignoring_case(name, "Transfer-Encoding")))
    return "a trailer that says where the message ends";
  if (of_header) headers_.add(name, value);
  return nullptr;
}

HttpParser::Wrong HttpParser::check_framing(const Fields& fields) {
  if (fields.codings > 0) {
    if (fields.codings > 1 || !equals_ignoring_case(fields.coding, "chunked"))
      return "a transfer coding other than chunked";
    if (!version_1_1_) return "a transfer coding in HTTP/1.0";
    if (fields.lengths > 0) return "both a length and a transfer coding";
    chunked_ = true;
  }
  if (fields.lengths > 0) {
    std::string_view digits = fields.length;
    std::uint64_t length = 0;
    if (fields.lengths > 1 || !take_number(digits, 10, length) || !digits.empty())
      return "more than one Content-Length, or one that is no number";
    length_ = length;
  }
  if (role_ == Role::kResponse) return nullptr;
  if (fields.hosts > 1) return "more than one Host";
  if (fields.hosts == 0 && version_1_1_) return "no Host";
  const auto ends_host = [](char c) { return is_space(c) || c == ',' || c == '/' || c == '@'; };
  if (std::ranges::any_of(fields.host, ends_host)) return "a Host that is none";
  return nullptr;
}

HttpParser::Wrong HttpParser::on_header_end() {
  Fields fields;
  for (const auto& [name, value] : headers_.fields()) {
    // Few names have these lengths; most fields are not looked at twice.
    switch (name.size()) {
      case 4:
        if (!equals_ignoring_case(name, "Host")) break;
        ++fields.hosts;
        fields.host = value;
        break;
      case 10:
      case 16:
        if (!equals_ignoring_case(name, "Connection") &&
            !equals_ignoring_case(name, "Proxy-Connection"))
          break;
        if (!is_token_list(value)) return "a Connection that is no list of words";
        close_ = close_ || list_has_token(value, "close");
        keep_alive_ = keep_alive_ || list_has_token(value, "keep-alive");
        break;
      case 14:
        if (!equals_ignoring_case(name, "Content-Length")) break;
        ++fields.lengths;
        fields.length = value;
        break;
      case 17:
        if (!equals_ignoring_case(name, "Transfer-Encoding")) break;
        ++fields.codings;
        fields.coding = value;
        break;
      default:
        break;
    }
  }
  if (const Wrong wrong = check_framing(fields)) return wrong;
  line_bytes_ = 0;
  left_ = length_.value_or(0);
  const bool bodyless =
      role_ == Role::kResponse && (status_ / 100 == 1 || status_ == 204 || status_ == 304);
  if (skip_body_ || bodyless) {
    part_ = Part::kDone;
  } else if (chunked_) {
    part_ = Part::kChunkLine;
  } else if (length_ || role_ == Role::kRequest) {
    part_ = left_ > 0 ? Part::kBody : Part::kDone;
  } else {
    part_ = Part::kBodyToEnd;
    until_close_ = true;
  }
  return nullptr;
}

HttpParser::Wrong HttpParser::on_chunk_line(std::string_view line) {
  line_bytes_ = 0;
  if (!take_number(line, 16, left_)) return "a chunk without a length";
  while (!line.empty() && is_space(line.front()) && line.find(';') != line.npos)
    line.remove_prefix(1);
  if (!line.empty() && (line.front() != ';' || !is_field_text(line)))
    return "a chunk line that is none";
  // A quote that another reader would look for in what follows.
  if (std::count(line.begin(), line.end(), '"') % 2 != 0 || line.find('\\') != line.npos)
    return "a chunk line with an open quote";
  part_ = left_ > 0 ? Part::kChunk : Part::kTrailer;
  return nullptr;
}

// Of a body, as far as it goes; returns how many were taken.
std::size_t HttpParser::on_bytes(std::string_view bytes, Wrong& wrong) {
  if (part_ == Part::kChunkEnd) {
    constexpr std::string_view kEnd = "\r\n";
    const std::string_view end = bytes.substr(0, kEnd.size());
    if (end != kEnd.substr(0, end.size())) wrong = "a chunk that does not end where it says";
    if (wrong || end.size() < kEnd.size()) return 0;
    part_ = Part::kChunkLine;
    return kEnd.size();
  }
  const bool to_end = part_ == Part::kBodyToEnd;
  const std::size_t size =
      to_end ? bytes.size()
             : static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
  body_.append(bytes.data(), size);
  body_bytes_ += size;
  if (to_end) return size;
  left_ -= size;
  if (left_ == 0) part_ = part_ == Part::kBody ? Part::kDone : Part::kChunkEnd;
  return size;
}

Status HttpParser::end_of_input() {
  const Kind bad = role_ == Role::kRequest ? Kind::kInvalid : Kind::kUpstream;
  if (done()) return {};
  if (!begun_) return fail(bad, "the connection was closed before anything came");
  if (!header_done()) return fail(bad, "the connection was closed in the middle of the header");
  if (length_) {
    return fail(
        bad, fmt::format("the connection was closed after {} of {} bytes", body_bytes_, *length_));
  }
  if (chunked_) return fail(bad, "the connection was closed before the last chunk");
  part_ = Part::kDone;
  return {};
}

void HttpParser::skip_body() {
  CHECK(!begun_);
  skip_body_ = true;
}

bool HttpParser::keep_alive() const {
  return (version_1_1_ ? !close_ : keep_alive_) && !until_close_;
}

}  // namespace sighter::io
