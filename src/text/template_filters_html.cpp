// Filters for HTML and for addresses.

#include <algorithm>
#include <set>

#include "base/utf8.hpp"
#include "text/template_filters.hpp"
#include "text/template_render.hpp"
#include "text/template_unicode.hpp"

namespace sighter::text::jinja {

namespace {

Value escape(Renderer& r, Call& call) {
  return r.escaped(call.self());
}

Value forceescape(Renderer& r, Call& call) {
  const Value text = r.soft_string(call.self());
  return r.failed() ? Value() : r.escaped(text.with_markup(false));
}

Value safe(Renderer& r, Call& call) {
  const Value text = r.soft_string(call.self());
  return r.failed() ? Value() : text.with_markup(true);
}

Value striptags(Renderer& r, Call& call) {
  std::string storage;
  const std::string_view text = r.view(call.self(), storage);
  if (r.failed() || !r.spend(text.size() / 256)) return {};
  return r.text(strip_tags(text));
}

// RFC 3986: everything but letters, digits and _.-~ (and `safe`) as %XX of its UTF-8.
void quote(std::string& out, std::string_view text, bool for_query) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
                       c == '_' || c == '.' || c == '-' || c == '~' || (c == '/' && !for_query);
    if (plain) {
      out += c;
    } else if (for_query && c == ' ') {
      out += '+';
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
}

Value urlencode(Renderer& r, Call& call) {
  const Value& value = call.self();
  std::string out, storage;
  if (value.is_string() || !r.is_iterable(value)) {
    quote(out, r.view(value, storage), false);
    return r.text(std::move(out));
  }
  const auto add = [&](const Value& name, const Value& content) {
    if (!out.empty()) out += '&';
    quote(out, r.view(name, storage), true);
    out += '=';
    quote(out, r.view(content, storage), true);
    return r.may_make(out.size());
  };
  if (value.is_mapping()) {
    for (std::size_t i = 0; i < Renderer::mapping_size(value) && r.spend(1); ++i) {
      const auto [name, content] = Renderer::mapping_at(value, i);
      if (!add(name, content)) return {};
    }
    return r.text(std::move(out));
  }
  Items items = r.items(value);
  Value item;
  while (!r.failed() && items.next(item)) {
    const auto parts = r.list_of(item);
    if (r.failed()) return {};
    if (parts->items.size() != 2) return r.fail("'urlencode' needs pairs of name and value");
    if (!add(parts->items[0], parts->items[1])) return {};
  }
  return r.text(std::move(out));
}

Value xmlattr(Renderer& r, Call& call) {
  const Value& map = call.self();
  const bool autospace = r.flag_argument(call, 1, true);
  if (!map.is_mapping())
    return r.fail("'xmlattr' needs a mapping, not " + std::string(type_phrase(map)));
  std::string out, storage;
  for (std::size_t i = 0; i < Renderer::mapping_size(map) && r.spend(1); ++i) {
    const auto [key, value] = Renderer::mapping_at(map, i);
    if (value.is_none() || value.is_undefined()) continue;
    if (!key.is_string()) return r.fail("the name of an attribute is a string");
    if (key.text().find_first_of(" \t\n\r\f\v/>=") != std::string_view::npos) {
      return r.fail("the name of an attribute holds a blank or one of / > =");
    }
    if (!out.empty()) out += ' ';
    key.is_markup() ? void(out += key.text()) : r.escape(out, key.text());
    out += "=\"";
    value.is_markup() ? void(out += value.text()) : r.escape(out, r.view(value, storage));
    out += '"';
    if (!r.may_make(out.size())) return {};
  }
  if (r.failed()) return {};
  return r.text((autospace && !out.empty() ? " " : "") + out, r.autoescape());
}

bool is_scheme(const std::string& text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos || text.size() - colon > 3) return false;
  if (text.find_first_not_of('/', colon + 1) != std::string::npos) return false;
  const std::string_view name = std::string_view(text).substr(0, colon);
  for (std::size_t at = 0; at < name.size();) {
    const char32_t c = next_code_point(name, at);
    if (!is_word(c) && c != '.' && c != '+' && c != '-') return false;
  }
  return length(name) >= 2;
}

Value urlize_filter(Renderer& r, Call& call) {
  UrlizeOptions options;
  if (call.has(1) && !call[1].is_none()) options.trim_limit = r.integer_argument(call, 1, 0);
  std::set<std::string> rel = {"noopener"};  // what Jinja adds always
  if (r.flag_argument(call, 2)) rel.insert("nofollow");
  if (call.has(4) && !call[4].is_none()) {
    const std::string words = r.str(call[4]);
    for (std::size_t at = 0; at < words.size();) {
      const std::size_t end = std::min(words.find(' ', at), words.size());
      if (end > at) rel.insert(words.substr(at, end - at));
      at = end + 1;
    }
  }
  std::string joined;
  for (const std::string& word : rel) joined += (joined.empty() ? "" : " ") + word;
  r.escape(options.rel, joined);
  if (call.has(3) && !call[3].is_none()) r.escape(options.target, r.str(call[3]));
  if (call.has(5) && !call[5].is_none()) {
    const auto schemes = r.list_of(call[5]);
    for (const Value& scheme : schemes->items) {
      options.extra_schemes.push_back(r.str(scheme));
      if (!is_scheme(options.extra_schemes.back())) {
        return r.fail("'extra_schemes' holds what is not the start of an address");
      }
    }
  }
  const Value text = r.escaped(call.self());
  if (r.failed() || !r.spend(text.text().size() / 64)) return {};
  return r.text(urlize(text.text(), options), r.autoescape());
}

constexpr Builtin kFilters[] = {
    {"e", "s", escape},
    {"escape", "s", escape},
    {"forceescape", "value", forceescape},
    {"safe", "value", safe},
    {"striptags", "value", striptags},
    {"urlencode", "value", urlencode},
    {"urlize", "value, trim_url_limit=, nofollow=, target=, rel=, extra_schemes=", urlize_filter},
    {"xmlattr", "d, autospace=", xmlattr},
};

}  // namespace

std::span<const Builtin> html_filters() {
  return kFilters;
}

}  // namespace sighter::text::jinja
