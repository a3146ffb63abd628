#include "text/schema_uri.hpp"

#include <algorithm>
#include <cctype>
#include <vector>

namespace sighter::text {
namespace {

bool is_alpha(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
int hex_value(char c) {
  return is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10;
}

bool is_scheme(std::string_view text) {
  return !text.empty() && is_alpha(text[0]) && std::ranges::all_of(text, [](char c) {
    return is_alpha(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
  });
}

// RFC 3986, section 5.2.4.
std::string without_dots(std::string_view path) {
  std::vector<std::string_view> kept;
  const bool rooted = path.starts_with('/');
  bool folder = false;
  for (std::size_t at = rooted ? 1 : 0; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view part = path.substr(at, end - at);
    folder = part == "." || part == "..";
    if (part == "..") {
      if (!kept.empty()) kept.pop_back();
    } else if (part != ".") {
      kept.push_back(part);
    }
    at = end + 1;
  }
  std::string out = rooted ? "/" : "";
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (i > 0) out += '/';
    out += kept[i];
  }
  if (folder && !kept.empty()) out += '/';
  return out;
}

std::string merged_path(const Uri& base, const std::string& path) {
  if (base.authority && base.path.empty()) return "/" + path;
  const std::size_t slash = base.path.rfind('/');
  return slash == base.path.npos ? path : base.path.substr(0, slash + 1) + path;
}

// unreserved, percent-encoded, sub-delims, and what `more` names.
bool all_of_uri(std::string_view text, std::string_view more, bool international) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size() || !is_hex(text[i + 1]) || !is_hex(text[i + 2])) return false;
      i += 2;
      continue;
    }
    if (static_cast<unsigned char>(c) >= 0x80) {
      if (!international) return false;
      continue;
    }
    if (is_alpha(c) || is_digit(c) || std::string_view("-._~!$&'()*+,;=").contains(c)) continue;
    if (!more.contains(c)) return false;
  }
  return true;
}

bool is_authority(std::string_view text, bool international) {
  if (const std::size_t at = text.rfind('@'); at != text.npos) {
    if (!all_of_uri(text.substr(0, at), ":", international)) return false;
    text.remove_prefix(at + 1);
  }
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == text.npos) return false;
    const std::string_view inside = text.substr(1, close - 1);
    const bool future =
        inside.size() > 3 && (inside[0] == 'v' || inside[0] == 'V') && inside.contains('.');
    if (!(future ? all_of_uri(inside, ":", false) : is_ipv6(inside))) return false;
    port = text.substr(close + 1);
    if (!port.empty() && !port.starts_with(':')) return false;
  } else {
    const std::size_t colon = text.find(':');
    if (!all_of_uri(text.substr(0, colon), "", international)) return false;
    if (colon != text.npos) port = text.substr(colon);
  }
  if (!port.empty()) port.remove_prefix(1);
  return std::ranges::all_of(port, is_digit);
}

bool is_percent_encoded(std::string_view text) {
  return text.size() >= 3 && text[0] == '%' && is_hex(text[1]) && is_hex(text[2]);
}

// RFC 6570, section 2.3: name with inner dots, then "*" or ":" and 1 to 9999.
bool is_template_variable(std::string_view text) {
  if (text.ends_with('*')) {
    text.remove_suffix(1);
  } else if (const std::size_t colon = text.find(':'); colon != text.npos) {
    const std::string_view prefix = text.substr(colon + 1);
    if (prefix.empty() || prefix.size() > 4 || prefix[0] == '0' ||
        !std::ranges::all_of(prefix, is_digit))
      return false;
    text = text.substr(0, colon);
  }
  if (text.empty() || text.starts_with('.') || text.ends_with('.') || text.contains(".."))
    return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '%' ? !is_percent_encoded(text.substr(i))
                 : !(is_alpha(c) || is_digit(c) || c == '_' || c == '.'))
      return false;
  }
  return true;
}

// What stands between the braces.
bool is_template_expression(std::string_view text) {
  if (!text.empty() && std::string_view("+#./;?&=,!@|").contains(text[0])) text.remove_prefix(1);
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    if (!is_template_variable(text.substr(at, end - at))) return false;
    at = end + 1;
  }
  return true;
}

bool parts_are_valid(const Uri& uri, bool international) {
  if (uri.scheme && !is_scheme(*uri.scheme)) return false;
  if (uri.authority && !is_authority(*uri.authority, international)) return false;
  if (!all_of_uri(uri.path, ":@/", international)) return false;
  if (uri.query && !all_of_uri(*uri.query, ":@/?", international)) return false;
  return !uri.fragment || all_of_uri(*uri.fragment, ":@/?", international);
}

}  // namespace

Uri Uri::parse(std::string_view text) {
  Uri uri;
  if (const std::size_t hash = text.find('#'); hash != text.npos) {
    uri.fragment = text.substr(hash + 1);
    text = text.substr(0, hash);
  }
  if (const std::size_t mark = text.find('?'); mark != text.npos) {
    uri.query = text.substr(mark + 1);
    text = text.substr(0, mark);
  }
  if (const std::size_t colon = text.find_first_of(":/");
      colon != text.npos && text[colon] == ':' && colon > 0) {
    uri.scheme = text.substr(0, colon);
    text.remove_prefix(colon + 1);
  }
  if (text.starts_with("//")) {
    const std::size_t end = std::min(text.find('/', 2), text.size());
    uri.authority = text.substr(2, end - 2);
    text.remove_prefix(end);
  }
  uri.path = text;
  return uri;
}

std::string Uri::to_string() const {
  std::string out;
  if (scheme) out += *scheme + ":";
  if (authority) out += "//" + *authority;
  out += path;
  if (query) out += "?" + *query;
  if (fragment) out += "#" + *fragment;
  return out;
}

Uri resolve_uri(const Uri& base, const Uri& reference) {
  Uri out = reference;
  if (reference.scheme) {
    if (reference.authority || reference.path.starts_with('/'))
      out.path = without_dots(reference.path);
    return out;
  }
  out.scheme = base.scheme;
  if (reference.authority) return out;
  out.authority = base.authority;
  if (reference.path.empty()) {
    out.path = base.path;
    if (!reference.query) out.query = base.query;
  } else if (reference.path.starts_with('/')) {
    out.path = without_dots(reference.path);
  } else {
    out.path = without_dots(merged_path(base, reference.path));
  }
  return out;
}

std::string percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && is_hex(text[i + 1]) && is_hex(text[i + 2])) {
      out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

bool is_uri(std::string_view text, bool international) {
  const Uri uri = Uri::parse(text);
  return uri.scheme && parts_are_valid(uri, international);
}

bool is_uri_reference(std::string_view text, bool international) {
  if (text.starts_with(':')) return false;
  return parts_are_valid(Uri::parse(text), international);
}

bool is_uri_template(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7F ||
        std::string_view("}\"<>\\^`|").contains(c))
      return false;
    if (c == '%' && !is_percent_encoded(text.substr(i))) return false;
    if (c != '{') continue;
    const std::size_t close = text.find('}', i);
    if (close == text.npos || !is_template_expression(text.substr(i + 1, close - i - 1)))
      return false;
    i = close;
  }
  return true;
}

bool is_ipv4(std::string_view text) {
  int parts = 0;
  for (std::size_t at = 0; at <= text.size(); ++parts) {
    const std::size_t end = std::min(text.find('.', at), text.size());
    const std::string_view part = text.substr(at, end - at);
    if (part.empty() || part.size() > 3 || !std::ranges::all_of(part, is_digit)) return false;
    if (part.size() > 1 && part[0] == '0') return false;
    int value = 0;
    for (char c : part) value = value * 10 + (c - '0');
    if (value > 255) return false;
    at = end + 1;
  }
  return parts == 4;
}

bool is_ipv6(std::string_view text) {
  int groups = 0;
  bool shortened = false;
  if (text.starts_with(':') && !text.starts_with("::")) return false;
  if (text.ends_with(':') && !text.ends_with("::")) return false;
  if (text.starts_with("::")) {
    shortened = true;
    text.remove_prefix(2);
  }
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(':'), text.size());
    const std::string_view part = text.substr(0, end);
    if (end == text.size() && part.contains('.')) {
      if (!is_ipv4(part)) return false;
      groups += 2;
      break;
    }
    if (part.empty() || part.size() > 4 || !std::ranges::all_of(part, is_hex)) return false;
    ++groups;
    text.remove_prefix(end);
    if (text.starts_with("::")) {
      if (shortened) return false;
      shortened = true;
      text.remove_prefix(2);
    } else if (text.starts_with(':')) {
      text.remove_prefix(1);
      if (text.empty()) return false;
    }
  }
  return shortened ? groups <= 7 : groups == 8;
}

}  // namespace sighter::text
