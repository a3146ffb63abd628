// Filters on strings.

#include <re2/re2.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "base/utf8.hpp"
#include "text/template_filters.hpp"
#include "text/template_format.hpp"
#include "text/template_lines.hpp"
#include "text/template_render.hpp"
#include "text/template_text.hpp"
#include "text/template_unicode.hpp"

namespace sighter::text::jinja {

std::size_t find_part(std::string_view text, std::string_view part, std::size_t from) {
  if (from > text.size()) return std::string_view::npos;
  // memmem of the C library takes linear time (two-way search); find() may take the product.
  const void* found = memmem(text.data() + from, text.size() - from, part.data(), part.size());
  return found == nullptr ? std::string_view::npos
                          : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

std::size_t count_parts(std::string_view text, std::string_view part) {
  std::size_t n = 0;
  for (std::size_t at = find_part(text, part); at != std::string_view::npos;
       at = find_part(text, part, at + part.size())) {
    ++n;
  }
  return n;
}

std::string replaced(std::string_view text, std::string_view from, std::string_view to,
                     std::int64_t most) {
  std::string out;
  auto left = most < 0 ? std::numeric_limits<std::int64_t>::max() : most;
  std::size_t at = 0;
  if (from.empty()) {  // between all characters, and at both ends
    while (left-- > 0) {
      out += to;
      if (at >= text.size()) return out;
      const std::size_t start = at;
      next_code_point(text, at);
      out += text.substr(start, at - start);
    }
  }
  while (left-- > 0) {
    const std::size_t found = find_part(text, from, at);
    if (found == std::string_view::npos) break;
    out += text.substr(at, found - at);
    out += to;
    at = found + from.size();
  }
  return out += text.substr(at);
}

std::string_view stripped(std::string_view text, std::string_view characters, bool left,
                          bool right) {
  std::set<char32_t> set;
  for (std::size_t at = 0; at < characters.size();) set.insert(next_code_point(characters, at));
  while (left && !text.empty()) {
    std::size_t at = 0;
    if (!set.contains(next_code_point(text, at))) break;
    text.remove_prefix(at);
  }
  while (right && !text.empty()) {
    std::size_t start = text.size() - 1;
    while (start > 0 && (text[start] & 0xC0) == 0x80) --start;
    std::size_t at = start;
    if (!set.contains(next_code_point(text, at))) break;
    text.remove_suffix(text.size() - start);
  }
  return text;
}

Value strip(Renderer& r, const Value& text, const Value* characters, bool left, bool right) {
  std::string_view kept = text.text();
  if (characters == nullptr || characters->is_none()) {
    if (left) kept = strip_left(kept);
    if (right) kept = strip_right(kept);
  } else if (characters->is_string()) {
    kept = stripped(kept, characters->text(), left, right);
  } else {
    if (r.check_defined(*characters, true)) {
      r.fail("the characters to strip are a string, not " + std::string(type_phrase(*characters)));
    }
    return {};
  }
  return text.part(static_cast<std::size_t>(kept.data() - text.text().data()), kept.size());
}

namespace {

// A string that the filter insists on; an undefined one, where allowed, is empty.
std::optional<Value> need_string(Renderer& r, const Value& value, std::string_view filter) {
  if (value.is_string()) return value;
  if (value.is_undefined() && r.check_defined(value)) return Value::string("");
  r.fail("the filter '" + std::string(filter) + "' needs a string, not " +
             std::string(type_phrase(value)),
         "add |string in front");
  return std::nullopt;
}

Value map_text(Renderer& r, Call& call, std::string (*change)(std::string_view)) {
  const Value text = r.soft_string(call.self());
  return r.failed() ? Value() : r.text(change(text.text()), text.is_markup());
}

Value upper(Renderer& r, Call& call) {
  return map_text(r, call, to_upper);
}
Value lower(Renderer& r, Call& call) {
  return map_text(r, call, to_lower);
}
Value capitalize(Renderer& r, Call& call) {
  return map_text(r, call, to_capitalized);
}

// Words begin behind blanks, hyphens and opening brackets; unlike str.title(), "it's" stays one.
Value title(Renderer& r, Call& call) {
  const Value text = r.soft_string(call.self());
  if (r.failed()) return {};
  const auto separates = [](char32_t c) {
    return c == '-' || c == '(' || c == '{' || c == '[' || c == '<' || is_space(c);
  };
  std::string out;
  const std::string_view all = text.text();
  for (std::size_t at = 0; at < all.size();) {
    std::size_t first = at;
    const bool separator = separates(next_code_point(all, first));
    std::size_t end = first, next = first;
    while (end < all.size() && separates(next_code_point(all, next)) == separator) end = next;
    out += to_upper(all.substr(at, first - at));
    out += to_lower(all.substr(first, end - first));
    at = end;
  }
  return r.text(std::move(out));
}

Value center(Renderer& r, Call& call) {
  const Value text = r.soft_string(call.self());
  const std::int64_t width = r.integer_argument(call, 1, 80);
  if (r.failed()) return {};
  const auto size = static_cast<std::int64_t>(length(text.text()));
  if (width <= size) return text;
  if (!r.may_make(static_cast<std::size_t>(width) + text.text().size())) return {};
  const std::int64_t pad = width - size;
  const std::int64_t left = pad / 2 + (pad & width & 1);
  std::string out(static_cast<std::size_t>(left), ' ');
  out += text.text();
  out.append(static_cast<std::size_t>(pad - left), ' ');
  return r.text(std::move(out), text.is_markup());
}

Value trim(Renderer& r, Call& call) {
  const Value text = r.soft_string(call.self());
  return r.failed() ? Value() : strip(r, text, call.has(1) ? &call[1] : nullptr, true, true);
}

Value replace(Renderer& r, Call& call) {
  Value text = r.soft_string(call.self());
  const std::int64_t most = r.integer_argument(call, 3, -1);
  std::string from_storage, to_storage;
  Value from = r.soft_string(call[1]), to = r.soft_string(call[2]);
  if (r.failed()) return {};
  bool markup = false;
  if (r.autoescape()) {
    if (from.is_markup() || (to.is_markup() && !text.is_markup())) text = r.escaped(text);
    markup = text.is_markup();
    if (markup) {
      from = r.escaped(from);
      to = r.escaped(to);
    }
  }
  // The result is at most this large; say so before making it.
  const std::size_t grown = from.text().size() >= to.text().size()
                                ? text.text().size()
                                : (text.text().size() + 1) * (to.text().size() + 1);
  if (grown > r.input().limits.bytes_max) {
    std::size_t places = from.text().empty() ? 0 : count_parts(text.text(), from.text());
    if (from.text().empty()) places = length(text.text()) + 1;
    if (!r.may_make(text.text().size() + places * to.text().size())) return {};
  }
  return r.text(replaced(text.text(), from.text(), to.text(), most), markup);
}

Value format(Renderer& r, Call& call) {
  const Value text = r.soft_string(call.self());
  if (!call.positional.empty() && !call.named.empty()) {
    return r.fail("the filter 'format' takes positional or named arguments, not both");
  }
  if (r.failed()) return {};
  if (!call.named.empty()) {
    auto named = r.new_dict();
    for (auto& [name, value] : call.named) named->set(name, value);
    return format_printf(r, text, Renderer::value_of(named));
  }
  auto tuple = r.new_list(ListObject::Form::kTuple);
  for (const Value& value : call.positional) tuple->append(value);
  return format_printf(r, text, Renderer::value_of(tuple));
}

Value indent(Renderer& r, Call& call) {
  const auto text = need_string(r, call.self(), "indent");
  if (!text) return {};
  std::string by;
  if (call.has(1) && call[1].is_string()) {
    by = call[1].text();
  } else {
    const std::int64_t width = r.integer_argument(call, 1, 4);
    if (width > 0 && !r.may_make(static_cast<std::size_t>(width))) return {};
    by.assign(static_cast<std::size_t>(std::max<std::int64_t>(width, 0)), ' ');
  }
  const bool first = r.flag_argument(call, 2), blank = r.flag_argument(call, 3);
  if (r.failed()) return {};
  if (text->is_markup() && call.has(1) && call[1].is_string() && !call[1].is_markup()) {
    by = call[1].text();  // Markup(width): taken as it is
  }
  if (!r.spend(count_breaks(text->text()))) return {};
  const std::string with_end = std::string(text->text()) + "\n";
  const auto lines = split_lines(with_end);
  if (!r.may_make(text->text().size() + lines.size() * (by.size() + 1))) return {};
  std::string out(first ? by : "");
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i != 0) out += '\n';
    if (i != 0 && (blank || !lines[i].empty())) out += by;
    out += lines[i];
  }
  return r.text(std::move(out), text->is_markup());
}

Value truncate(Renderer& r, Call& call) {
  const auto text = need_string(r, call.self(), "truncate");
  const std::int64_t size = r.integer_argument(call, 1, 255);
  const bool kill_words = r.flag_argument(call, 2);
  const Value end = call.has(3) ? r.soft_string(call[3]) : Value::string("...");
  const std::int64_t leeway = r.integer_argument(call, 4, 5);
  if (!text || r.failed()) return {};
  const auto end_size = static_cast<std::int64_t>(length(end.text()));
  if (size < end_size) {
    return r.fail("the length to truncate to is at least that of the end, " +
                  std::to_string(end_size));
  }
  if (leeway < 0) return r.fail("the leeway is at least 0");
  const auto length_of = static_cast<std::int64_t>(length(text->text()));
  if (length_of - leeway <= size) return *text;
  const std::size_t cut = byte_offset(text->text(), static_cast<std::size_t>(size - end_size));
  Value kept = text->part(0, cut);
  if (!kill_words) {
    const std::size_t blank = kept.text().rfind(' ');
    if (blank != std::string_view::npos) kept = kept.part(0, blank);
  }
  return r.arithmetic(Arithmetic::kAdd, kept, end);
}

Value wordcount(Renderer& r, Call& call) {
  const Value text = r.soft_string(call.self());
  if (r.failed() || !r.spend(text.text().size() / 256)) return {};
  static const RE2 kWord(R"([\pL\pN_]+)");
  re2::StringPiece left(text.text().data(), text.text().size());
  std::int64_t words = 0;
  while (RE2::FindAndConsume(&left, kWord)) ++words;
  return Value::integer(words);
}

Value wordwrap(Renderer& r, Call& call) {
  const auto text = need_string(r, call.self(), "wordwrap");
  const std::int64_t width = r.integer_argument(call, 1, 79);
  const bool break_long = r.flag_argument(call, 2, true);
  const bool on_hyphens = r.flag_argument(call, 4, true);
  std::string wrap = "\n";
  if (call.has(3) && !call[3].is_none()) wrap = r.str(call[3]);
  if (!text || r.failed() || !r.spend(text->text().size())) return {};
  if (width <= 0) return r.fail("the width to wrap to is at least 1");
  std::string out;
  bool first = true;
  for (const std::string_view line : split_lines(text->text())) {
    // A paragraph without words is an empty line.
    auto lines = wrap_words(line, static_cast<std::size_t>(width), break_long, on_hyphens);
    if (lines.empty()) lines.emplace_back();
    for (const std::string& part : lines) {
      if (!std::exchange(first, false)) out += wrap;
      out += part;
      if (!r.may_make(out.size())) return {};
    }
  }
  return r.text(std::move(out));
}

Value to_text(Renderer& r, Call& call) {
  return r.soft_string(call.self());
}

constexpr Builtin kFilters[] = {
    {"capitalize", "s", capitalize},
    {"center", "value, width=", center},
    {"format", "value, *, **", format},
    {"indent", "s, width=, first=, blank=", indent},
    {"lower", "s", lower},
    {"replace", "s, old, new, count=", replace},
    {"string", "object", to_text},
    {"title", "s", title},
    {"trim", "value, chars=", trim},
    {"truncate", "s, length=, killwords=, end=, leeway=", truncate},
    {"upper", "s", upper},
    {"wordcount", "s", wordcount},
    {"wordwrap", "s, width=, break_long_words=, wrapstring=, break_on_hyphens=", wordwrap},
};

}  // namespace

std::span<const Builtin> text_filters() {
  return kFilters;
}

}  // namespace sighter::text::jinja
