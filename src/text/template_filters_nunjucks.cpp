// The filters, tests and functions of Nunjucks that do otherwise than Jinja's of the same name, and
// those that only Nunjucks has.

#include <algorithm>
#include <cmath>

#include "base/utf8.hpp"
#include "text/template_filters.hpp"
#include "text/template_javascript.hpp"
#include "text/template_unicode.hpp"

namespace sighter::text::jinja {

namespace {

// What the filters of Nunjucks take null and undefined for.
std::string text_or_empty(Renderer& r, const Value& value) {
  std::string out;
  javascript::print(r, out, value);
  return out;
}

Value nl2br(Renderer& r, Call& call) {
  const std::string text = text_or_empty(r, call.self());
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    out += text[i] == '\n' ? "<br />\n" : std::string(1, text[i]);
  }
  return r.text(std::move(out), call.self().is_markup());
}

Value indent(Renderer& r, Call& call) {
  const std::string text = text_or_empty(r, call.self());
  std::int64_t width = r.integer_argument(call, 1, 4);
  if (width == 0) width = 4;
  if (r.failed()) return {};
  if (width < 0 || width > 1000) return r.fail("the width of 'indent' lies in 0 to 1000");
  const std::string blanks(static_cast<std::size_t>(width), ' ');
  if (text.empty()) return Value::string("");
  std::string out = r.flag_argument(call, 2) ? blanks : "";
  for (const char c : text) {
    out += c;
    if (c != '\n') continue;
    if (!r.may_make(out.size() + blanks.size())) return {};
    out += blanks;
  }
  return r.text(std::move(out), call.self().is_markup());
}

// Each word between blanks, not each run of letters.
Value title(Renderer& r, Call& call) {
  const std::string text = text_or_empty(r, call.self());
  std::string out;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    if (at != 0) out += ' ';
    out += to_capitalized(std::string_view(text).substr(at, end - at));
    at = end + 1;
  }
  return r.text(std::move(out), call.self().is_markup());
}

std::size_t byte_of(std::string_view text, std::size_t characters) {
  std::size_t at = 0;
  while (characters-- > 0 && at < text.size()) next_code_point(text, at);
  return at;
}

Value truncate(Renderer& r, Call& call) {
  const std::string text = text_or_empty(r, call.self());
  std::int64_t length = r.integer_argument(call, 1, 255);
  if (length == 0) length = 255;
  const bool kill = r.flag_argument(call, 2);
  const std::string end = call.has(3) && !call[3].is_none() && !call[3].is_undefined()
                              ? text_or_empty(r, call[3])
                              : "...";
  if (r.failed()) return {};
  if (length < 0) return r.fail("the length of 'truncate' must not be negative");
  if (utf8_length(text) <= static_cast<std::size_t>(length)) return r.text(text);
  std::size_t cut = byte_of(text, static_cast<std::size_t>(length));
  if (!kill) {
    const std::size_t blank = text.rfind(' ', cut);
    if (blank != text.npos) cut = blank;
  }
  return r.text(text.substr(0, cut) + end, call.self().is_markup());
}

Value length_of(Renderer& r, Call& call) {
  const Value& value = call.self();
  if (value.is_undefined() || value.is_none()) return Value::integer(0);
  if (value.is_string())
    return Value::integer(static_cast<std::int64_t>(javascript::length(value.text())));
  if (!r.is_iterable(value)) return {};
  const auto size = r.length(value);
  return size ? Value::integer(static_cast<std::int64_t>(*size)) : Value();
}

// An object becomes a list of {key, value}.
Value list(Renderer& r, Call& call) {
  const Value& value = call.self();
  if (!value.is_mapping()) {
    const auto out = r.list_of(value);
    return r.failed() ? Value() : Renderer::value_of(out);
  }
  auto out = r.new_list();
  for (std::size_t i = 0; i < Renderer::mapping_size(value) && r.spend(1); ++i) {
    auto [key, member] = Renderer::mapping_at(value, i);
    auto entry = r.new_dict();
    entry->set(Value::string("key"), std::move(key));
    entry->set(Value::string("value"), std::move(member));
    out->append(Renderer::value_of(entry));
  }
  return r.failed() ? Value() : Renderer::value_of(out);
}

// encodeURIComponent
void encode(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80 && (std::isalnum(byte) || std::string_view("-_.!~*'()").contains(c))) {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
}

Value urlencode(Renderer& r, Call& call) {
  const Value& value = call.self();
  std::string out;
  if (!value.is_mapping()) {
    encode(out, text_or_empty(r, value));
    return r.failed() ? Value() : r.text(std::move(out));
  }
  for (std::size_t i = 0; i < Renderer::mapping_size(value) && r.spend(1); ++i) {
    const auto [key, member] = Renderer::mapping_at(value, i);
    if (i != 0) out += '&';
    encode(out, javascript::text_of(r, key));
    out += '=';
    encode(out, javascript::text_of(r, member));
  }
  return r.failed() ? Value() : r.text(std::move(out));
}

// null, which prints nothing, for no text.
Value wordcount(Renderer& r, Call& call) {
  const std::string text = text_or_empty(r, call.self());
  std::int64_t words = 0;
  bool inside = false;
  for (const char c : text) {
    const bool word = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
    words += word && !inside ? 1 : 0;
    inside = word;
  }
  return words == 0 ? Value::none() : Value::integer(words);
}

// parseFloat and parseInt read as much as is a number.
std::string_view number_prefix(std::string_view text, bool whole) {
  const std::size_t begin = std::min(text.find_first_not_of(" \t\r\n"), text.size());
  text.remove_prefix(begin);
  std::size_t at = text.starts_with('-') || text.starts_with('+') ? 1 : 0;
  const auto digits = [&] {
    const std::size_t from = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    return at - from;
  };
  std::size_t count = digits();
  if (!whole && at < text.size() && text[at] == '.') {
    ++at;
    count += digits();
  }
  if (count == 0) return {};
  if (!whole && at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    const std::size_t before = at++;
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    if (digits() == 0) at = before;
  }
  return text.substr(0, at);
}

Value parsed(Renderer& r, Call& call, bool whole) {
  const Value& value = call.self();
  if (value.is_int()) return value;
  if (value.is_float() && std::isfinite(value.as_float()))
    return javascript::of_number(whole ? std::trunc(value.as_float()) : value.as_float());
  const std::string text = text_or_empty(r, value);
  const std::string_view prefix = number_prefix(text, whole);
  if (r.failed()) return {};
  if (prefix.empty()) return call.has(1) ? call[1] : Value();
  return javascript::of_number(std::strtod(std::string(prefix).c_str(), nullptr));
}

Value to_int(Renderer& r, Call& call) {
  return parsed(r, call, true);
}
Value to_float(Renderer& r, Call& call) {
  return parsed(r, call, false);
}

// Math.round: halves go up.
Value round(Renderer& r, Call& call) {
  const double value = javascript::to_number(r, call.self());
  const double factor = std::pow(10.0, static_cast<double>(r.integer_argument(call, 1, 0)));
  const std::string method = call.has(2) ? r.str(call[2]) : "";
  if (r.failed()) return {};
  const double scaled = value * factor;
  const double whole = method == "ceil"    ? std::ceil(scaled)
                       : method == "floor" ? std::floor(scaled)
                                           : std::floor(scaled + 0.5);
  return javascript::of_number(whole / factor);
}

Value by_attribute(Renderer& r, Call& call, bool wanted) {
  auto out = r.new_list();
  Items items = r.items(call.self());
  Value item;
  while (!r.failed() && items.next(item)) {
    if (javascript::truth(r.item(item, call[1])) == wanted) out->append(item);
  }
  return r.failed() ? Value() : Renderer::value_of(out);
}

Value selectattr(Renderer& r, Call& call) {
  return by_attribute(r, call, true);
}
Value rejectattr(Renderer& r, Call& call) {
  return by_attribute(r, call, false);
}

constexpr Builtin kFilters[] = {
    {"float", "value, default=", to_float, true},
    {"indent", "s, width=, first=", indent, true},
    {"int", "value, default=", to_int, true},
    {"length", "value", length_of, true},
    {"list", "value", list},
    {"nl2br", "s", nl2br, true},
    {"rejectattr", "value, attribute", rejectattr},
    {"round", "value, precision=, method=", round, true},
    {"selectattr", "value, attribute", selectattr},
    {"title", "s", title, true},
    {"truncate", "s, length=, killwords=, end=", truncate, true},
    {"urlencode", "value", urlencode},
    {"wordcount", "s", wordcount, true},
};

Value truthy(Renderer&, Call& call) {
  return Value::boolean(javascript::truth(call.self()));
}
Value falsy(Renderer&, Call& call) {
  return Value::boolean(!javascript::truth(call.self()));
}
Value same(Renderer& r, Call& call) {
  return Value::boolean(javascript::compare(r, Comparison::kSame, call[0], call[1]));
}
Value not_same(Renderer& r, Call& call) {
  return Value::boolean(javascript::compare(r, Comparison::kNotSame, call[0], call[1]));
}
Value number(Renderer&, Call& call) {
  return Value::boolean(is_number(call.self()) && !call.self().is_bool());
}
Value is_null(Renderer&, Call& call) {
  return Value::boolean(call.self().is_none());
}

constexpr Builtin kTests[] = {
    {"eq", "a, b", same, true},        {"equalto", "a, b", same, true},
    {"falsy", "value", falsy, true},   {"ne", "a, b", not_same, true},
    {"none", "value", is_null, true},  {"null", "value", is_null, true},
    {"number", "value", number, true}, {"sameas", "a, b", same, true},
    {"truthy", "value", truthy, true},
};

Value joiner(Renderer& r, Call& call) {
  auto* out = new JoinerObject(r.heap());
  out->separator = call.has(0) ? call[0] : Value::string(",");
  return Value::object(out);
}

constexpr Builtin kFunctions[] = {{"joiner", "sep=", joiner}};

}  // namespace

std::span<const Builtin> nunjucks_filters() {
  return kFilters;
}
std::span<const Builtin> nunjucks_tests() {
  return kTests;
}
std::span<const Builtin> nunjucks_functions() {
  return kFunctions;
}

}  // namespace sighter::text::jinja
