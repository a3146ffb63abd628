#include "serve/multipart.hpp"

#include <algorithm>
#include <string>

#include "io/http.hpp"

namespace sighter::serve {
namespace {

std::string_view boundary_of(std::string_view type) {
  constexpr std::string_view kName = "boundary=";
  const std::size_t at = type.find(kName);
  if (at == type.npos) return {};
  std::string_view value = type.substr(at + kName.size());
  if (value.starts_with('"')) {
    value.remove_prefix(1);
    return value.substr(0, value.find('"'));
  }
  return value.substr(0, value.find_first_of("; \t"));
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Takes the next parameter off the line: up to a ';' outside of quotes.
std::string_view take_parameter(std::string_view& line) {
  bool quoted = false;
  std::size_t end = 0;
  for (; end < line.size() && (quoted || line[end] != ';'); ++end) {
    if (line[end] == '\\' && quoted) {
      ++end;
    } else if (line[end] == '"') {
      quoted = !quoted;
    }
  }
  end = std::min(end, line.size());
  const std::string_view out = trimmed(line.substr(0, end));
  line.remove_prefix(std::min(end + 1, line.size()));
  return out;
}

// Whether these header lines belong to the field, which is no file. Its name may stand without
// quotes (RFC 9110, 5.6.6).
bool names(std::string_view head, std::string_view name) {
  while (!head.empty()) {
    const std::size_t end = head.find("\r\n");
    std::string_view line = head.substr(0, end);
    head.remove_prefix(end == head.npos ? head.size() : end + 2);
    constexpr std::string_view kDisposition = "content-disposition:";
    if (line.size() < kDisposition.size() ||
        !io::equals_ignoring_case(line.substr(0, kDisposition.size()), kDisposition))
      continue;
    bool found = false;
    while (!line.empty()) {
      const std::string_view parameter = take_parameter(line);
      const std::size_t equals = std::min(parameter.find('='), parameter.size());
      const std::string_view key = trimmed(parameter.substr(0, equals));
      std::string_view value = trimmed(parameter.substr(std::min(equals + 1, parameter.size())));
      if (value.size() > 1 && value.starts_with('"') && value.ends_with('"'))
        value = value.substr(1, value.size() - 2);
      if (io::equals_ignoring_case(key, "filename") || io::equals_ignoring_case(key, "filename*"))
        return false;
      found = found || (io::equals_ignoring_case(key, "name") && value == name);
    }
    return found;
  }
  return false;
}

}  // namespace

std::optional<FormField> find_form_field(std::string_view content_type, std::string_view body,
                                         std::string_view name) {
  const std::string_view boundary = boundary_of(content_type);
  if (boundary.empty()) return std::nullopt;
  const std::string mark = "--" + std::string(boundary);
  const std::string next = "\r\n" + mark;
  std::size_t at = body.starts_with(mark) ? 0 : body.find(next);
  if (at == body.npos) return std::nullopt;
  if (at != 0) at += 2;
  for (;;) {
    at += mark.size();
    if (body.substr(at, 2) != "\r\n") return std::nullopt;  // the last one, or no part at all
    at += 2;
    const std::size_t empty = body.find("\r\n\r\n", at);
    const std::size_t end = empty == body.npos ? body.npos : body.find(next, empty + 2);
    if (end == body.npos) return std::nullopt;
    const std::size_t begin = empty + 4;
    if (names(body.substr(at, empty - at), name) && begin <= end) return FormField{begin, end};
    at = end + 2;
  }
}

}  // namespace sighter::serve
