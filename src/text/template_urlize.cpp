// Links around the addresses in a text.

#include <re2/re2.h>

#include <algorithm>

#include "base/utf8.hpp"
#include "text/template_filters.hpp"
#include "text/template_unicode.hpp"

namespace sighter::text::jinja {

namespace {

bool is_label_character(char32_t c) {
  return is_word(c) || c == '%' || c == '-';
}

bool is_ascii_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return out;
}

// Characters of a label, between `least` and `most` of them.
bool is_label(std::string_view label, std::size_t least, std::size_t most) {
  std::size_t size = 0;
  for (std::size_t at = 0; at < label.size(); ++size) {
    if (!is_label_character(next_code_point(label, at))) return false;
  }
  return size >= least && size <= most;
}

// "example.com": the labels in front of the last dot, and what stands behind it.
bool is_host(std::string_view host, bool has_scheme) {
  const std::size_t dot = host.rfind('.');
  const std::string last = lowered(dot == std::string_view::npos ? host : host.substr(dot + 1));
  std::string_view front = dot == std::string_view::npos ? "" : host.substr(0, dot);
  if (has_scheme) {
    const bool plain =
        last.size() >= 2 && last.size() <= 63 &&
        std::all_of(last.begin(), last.end(), [](char c) { return c >= 'a' && c <= 'z'; });
    const bool encoded = last.starts_with("xn--") && last.find('-', 4) == std::string::npos &&
                         is_label(std::string_view(last).substr(4), 2, 59);
    if (!plain && !encoded) return false;
    if (dot == std::string_view::npos) return true;
  } else {
    static constexpr std::string_view kKnown[] = {"com", "net", "int",  "edu",
                                                  "gov", "org", "info", "mil"};
    if (dot == std::string_view::npos) return false;
    if (std::find(std::begin(kKnown), std::end(kKnown), last) == std::end(kKnown)) return false;
  }
  while (true) {
    const std::size_t end = std::min(front.find('.'), front.size());
    if (!is_label(front.substr(0, end), has_scheme ? 1 : 2, has_scheme ? front.size() : 63))
      return false;
    if (end == front.size()) return true;
    front.remove_prefix(end + 1);
  }
}

// 127.0.0.1 or [::1]
bool is_numeric_host(std::string_view host) {
  if (host.starts_with('[')) {
    static const RE2 kSix(R"((?i)\[([\da-f]{0,4}:){2}([\da-f]{0,4}:?){1,6}\])");
    return RE2::FullMatch(re2::StringPiece(host.data(), host.size()), kSix);
  }
  static const RE2 kFour(R"(\d{1,3}(\.\d{1,3}){3})");
  return RE2::FullMatch(re2::StringPiece(host.data(), host.size()), kFour);
}

bool is_web_address(std::string_view word) {
  const std::string start = lowered(word.substr(0, 8));
  const std::size_t scheme = start.starts_with("https://")  ? 8
                             : start.starts_with("http://") ? 7
                                                            : 0;
  std::string_view host = word.substr(scheme);
  host = host.substr(0, std::min(host.find_first_of("/?#"), host.size()));
  const std::size_t bracket = host.rfind(']');
  const std::size_t colon = host.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon != std::string_view::npos) {
    const std::string_view port = host.substr(colon + 1);
    if (port.empty() || port.size() > 5 || !std::all_of(port.begin(), port.end(), is_ascii_digit))
      return false;
    host = host.substr(0, colon);
  }
  if (scheme != 0 && (is_numeric_host(host) || is_host(host, true))) return true;
  if (scheme == 0 && start.starts_with("www.") && is_host(host.substr(4), true)) return true;
  return scheme == 0 && is_host(host, false);
}

// "someone@host.top"
bool is_mail_address(std::string_view word) {
  const std::size_t sign = word.rfind('@');
  if (sign == std::string_view::npos || sign == 0) return false;
  const std::string_view host = word.substr(sign + 1);
  const std::size_t dot = host.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || dot + 1 == host.size()) return false;
  for (std::size_t at = 0; at < host.size();) {
    const std::size_t from = at;
    const char32_t c = next_code_point(host, at);
    const bool mark = c == '.' || c == '-';
    if (!is_word(c) && !(mark && from > 0 && from <= dot)) return false;
  }
  return true;
}

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos;
       at = text.find(part, at + part.size())) {
    ++n;
  }
  return n;
}

// A word as brackets in front, the address, and marks behind.
struct Parts {
  std::string_view head, middle, tail;
};

Parts split(std::string_view word) {
  std::string_view middle = word;
  const auto opening = [&]() -> std::size_t {
    if (middle.starts_with('(') || middle.starts_with('<')) return 1;
    return middle.starts_with("&lt;") ? 4 : 0;
  };
  while (const std::size_t n = opening()) middle.remove_prefix(n);
  const std::string_view head = word.substr(0, word.size() - middle.size());
  const auto closing = [&]() -> std::size_t {
    if (middle.ends_with("&gt;")) return 4;
    const bool mark =
        !middle.empty() && std::string_view(")>.,\n").find(middle.back()) != std::string_view::npos;
    return mark ? 1 : 0;
  };
  while (const std::size_t n = closing()) middle.remove_suffix(n);
  // A bracket that opens within the address may close within it, too.
  std::string_view tail = word.substr(head.size() + middle.size());
  static constexpr std::pair<std::string_view, std::string_view> kPairs[] = {
      {"(", ")"}, {"<", ">"}, {"&lt;", "&gt;"}};
  for (const auto& [open, close] : kPairs) {
    const std::size_t opened = count(middle, open);
    if (opened <= count(middle, close)) continue;
    for (std::size_t n = std::min(opened, count(tail, close)); n > 0; --n) {
      const std::size_t taken = tail.find(close) + close.size();
      middle = std::string_view(middle.data(), middle.size() + taken);
      tail.remove_prefix(taken);
    }
  }
  return {head, middle, tail};
}

std::string trimmed(std::string_view text, const UrlizeOptions& options) {
  if (!options.trim_limit) return std::string(text);
  const auto size = static_cast<std::int64_t>(length(text));
  if (size <= *options.trim_limit) return std::string(text);
  const std::int64_t kept = *options.trim_limit < 0
                                ? std::max<std::int64_t>(size + *options.trim_limit, 0)
                                : *options.trim_limit;
  return std::string(text.substr(0, byte_offset(text, static_cast<std::size_t>(kept)))) + "...";
}

std::string link(std::string_view word, const UrlizeOptions& options) {
  const std::string text(word);
  const auto anchor = [&](const std::string& to, const std::string& shown, bool with_attributes) {
    std::string out = "<a href=\"" + to + "\"";
    if (with_attributes && !options.rel.empty()) out += " rel=\"" + options.rel + "\"";
    if (with_attributes && !options.target.empty()) out += " target=\"" + options.target + "\"";
    return out + ">" + shown + "</a>";
  };
  if (is_web_address(word)) {
    const bool full = word.starts_with("https://") || word.starts_with("http://");
    return anchor(full ? text : "https://" + text, trimmed(word, options), true);
  }
  if (word.starts_with("mailto:") && is_mail_address(word.substr(7))) {
    return anchor(text, text.substr(7), false);
  }
  if (word.find('@') != std::string_view::npos && !word.starts_with("www.") &&
      !word.starts_with('@') && word.find(':') == std::string_view::npos && is_mail_address(word)) {
    return anchor("mailto:" + text, text, false);
  }
  std::string out = text;
  for (const std::string& scheme : options.extra_schemes) {
    if (out != scheme && out.starts_with(scheme)) out = anchor(out, out, true);
  }
  return out;
}

}  // namespace

std::string urlize(std::string_view escaped_text, const UrlizeOptions& options) {
  std::string out;
  for (std::size_t at = 0; at < escaped_text.size();) {
    std::size_t end = at, next = at;
    const bool blank = is_space(next_code_point(escaped_text, next));
    do {
      end = next;
    } while (end < escaped_text.size() && is_space(next_code_point(escaped_text, next)) == blank);
    const std::string_view word = escaped_text.substr(at, end - at);
    at = end;
    if (blank) {
      out += word;
      continue;
    }
    const Parts parts = split(word);
    out += parts.head;
    out += link(parts.middle, options);
    out += parts.tail;
  }
  return out;
}

}  // namespace sighter::text::jinja
