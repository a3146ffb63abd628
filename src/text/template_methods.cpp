#include "text/template_methods.hpp"

#include <algorithm>
#include <iterator>

#include "base/utf8.hpp"
#include "text/template_lines.hpp"
#include "text/template_render.hpp"
#include "text/template_text.hpp"
#include "text/template_unicode.hpp"

namespace sighter::text::jinja {

namespace {

constexpr PythonMethod kKnown[] = {
    {"append", "add lists: {% set xs = xs + [x] %}"},
    {"capitalize", "use the filter |capitalize"},
    {"center", "use the filter |center"},
    {"clear", "set it to an empty one"},
    {"copy", "values are never changed in place: no copy is needed"},
    {"count", "use |select('equalto', x)|list|length"},
    {"encode", "text stays text here"},
    {"endswith", "compare the end: x[-3:] == 'abc'"},
    {"extend", "add lists: {% set xs = xs + ys %}"},
    {"find", "use 'in' to look whether it is there"},
    {"format", "use the filter |format, or ~ to join"},
    {"get", "use x.key|default(...)"},
    {"index", "loop over it and look at loop.index0"},
    {"insert", "add lists: {% set xs = [x] + xs %}"},
    {"isalnum", "check the input before it gets here"},
    {"isalpha", "check the input before it gets here"},
    {"isdigit", "check the input before it gets here"},
    {"islower", "use the test 'is lower'"},
    {"isnumeric", "check the input before it gets here"},
    {"isspace", "use x|trim == ''"},
    {"isupper", "use the test 'is upper'"},
    {"items", "use the filter |items"},
    {"join", "use the filter: xs|join(', ')"},
    {"keys", "loop over the mapping itself, or use |list"},
    {"ljust", "use the filter |format: '%-10s'|format(x)"},
    {"lower", "use the filter |lower"},
    {"lstrip", "use the filter |trim"},
    {"partition", "pass the parts as fields of their own"},
    {"pop", "use a slice: xs[1:]"},
    {"popitem", "use |items"},
    {"remove", "use |reject('equalto', x)"},
    {"removeprefix", "use a slice: x[3:]"},
    {"removesuffix", "use a slice: x[:-3]"},
    {"replace", "use the filter |replace"},
    {"reverse", "use the filter |reverse"},
    {"rfind", "use 'in' to look whether it is there"},
    {"rjust", "use the filter |format: '%10s'|format(x)"},
    {"rsplit", "pass the parts as a list"},
    {"rstrip", "use the filter |trim"},
    {"setdefault", "use |default"},
    {"sort", "use the filter |sort"},
    {"split", "pass the parts as a list"},
    {"splitlines", "pass the lines as a list"},
    {"startswith", "compare the start: x[:3] == 'abc'"},
    {"strip", "use the filter |trim"},
    {"swapcase", "use |upper or |lower"},
    {"title", "use the filter |title"},
    {"translate", "use the filter |replace"},
    {"update", "build it anew: dict(a, **b)"},
    {"upper", "use the filter |upper"},
    {"values", "use |items and take the second of each pair"},
    {"zfill", "use the filter |format: '%05d'|format(x)"},
};

std::optional<Value> text_argument(Renderer& r, const Call& call, std::size_t i) {
  if (call[i].is_string()) return call[i];
  if (r.check_defined(call[i], true)) {
    r.fail("the method needs a string, not " + std::string(type_phrase(call[i])));
  }
  return std::nullopt;
}

// --- str ---

template <bool left, bool right>
Value strip_method(Renderer& r, Call& call) {
  return strip(r, call.self(), call.has(1) ? &call[1] : nullptr, left, right);
}

template <std::string (*change)(std::string_view)>
Value change_method(Renderer& r, Call& call) {
  return r.text(change(call.self().text()), call.self().is_markup());
}

Value replace(Renderer& r, Call& call) {
  const auto from = text_argument(r, call, 1), to = text_argument(r, call, 2);
  const std::int64_t most = r.integer_argument(call, 3, -1);
  if (!from || !to || r.failed()) return {};
  const std::string_view text = call.self().text();
  const std::size_t places =
      from->text().empty() ? length(text) + 1 : count_parts(text, from->text());
  if (!r.may_make(text.size() + places * to->text().size())) return {};
  return r.text(replaced(text, from->text(), to->text(), most));
}

// str.split() and rsplit(): parts between separators, or between stretches of blanks.
class Splitter {
 public:
  struct Part {
    std::size_t from, to;
  };
  // `separator` empty: blanks. At most `most` cuts; all where it is negative.
  Splitter(std::string_view text, std::string_view separator, std::int64_t most)
      : text_(text), separator_(separator), most_(most) {}

  std::vector<Part> from_left() {
    std::size_t start = by_blanks() ? behind_blanks(0) : 0;
    for (std::size_t at = start; at < text_.size() && may_cut();) {
      std::size_t end = 0;
      if (!gap_at(at, end)) {
        next_code_point(text_, at);
        continue;
      }
      parts_.push_back({start, at});
      at = start = by_blanks() ? behind_blanks(end) : end;
    }
    if (!by_blanks() || start < text_.size()) parts_.push_back({start, text_.size()});
    return std::move(parts_);
  }

  std::vector<Part> from_right() {
    std::size_t end = by_blanks() ? before_blanks(text_.size()) : text_.size();
    for (std::size_t at = end; at > 0 && may_cut();) {
      std::size_t before = at - 1;
      while (before > 0 && (text_[before] & 0xC0) == 0x80) --before;
      const std::size_t size = by_blanks() ? at - before : separator_.size();
      std::size_t gap_end = 0;
      if (at < size || !gap_at(at - size, gap_end) || gap_end != at) {
        at = before;
        continue;
      }
      parts_.push_back({at, end});
      at = end = by_blanks() ? before_blanks(at - size) : at - size;
    }
    if (!by_blanks() || end > 0) parts_.push_back({0, end});
    std::reverse(parts_.begin(), parts_.end());
    return std::move(parts_);
  }

 private:
  bool by_blanks() const { return separator_.empty(); }
  bool may_cut() const { return most_ < 0 || static_cast<std::int64_t>(parts_.size()) < most_; }
  std::size_t behind_blanks(std::size_t at) const {
    return text_.size() - strip_left(text_.substr(at)).size();
  }
  std::size_t before_blanks(std::size_t at) const {
    return strip_right(text_.substr(0, at)).size();
  }

  // Whether a separator, or a blank, stands at `at`; then it ends at `end`.
  bool gap_at(std::size_t at, std::size_t& end) const {
    end = at;
    if (by_blanks()) return is_space(next_code_point(text_, end));
    end += separator_.size();
    return text_.substr(at).starts_with(separator_);
  }

  std::string_view text_, separator_;
  std::int64_t most_;
  std::vector<Part> parts_;
};

std::size_t count_blanks(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return c == ' ' || (c > 0 && c < 32); }));
}

Value split_text(Renderer& r, Call& call, bool from_right) {
  const std::string_view text = call.self().text();
  const std::int64_t most = r.integer_argument(call, 2, -1);
  std::string_view separator;
  if (call.has(1) && !call[1].is_none()) {
    if (!text_argument(r, call, 1)) return {};
    separator = call[1].text();
    if (separator.empty()) return r.fail("the separator to split at must not be empty");
  }
  if (r.failed() || !r.spend(text.size() / 64 + text.size() * separator.size() / 4096)) return {};
  if (!r.spend(separator.empty() ? count_blanks(text) : count_parts(text, separator))) return {};
  Splitter splitter(text, separator, most);
  auto out = r.new_list();
  for (const auto& part : from_right ? splitter.from_right() : splitter.from_left()) {
    out->append(call.self().part(part.from, part.to - part.from));
  }
  return Renderer::value_of(out);
}
Value split(Renderer& r, Call& call) {
  return split_text(r, call, false);
}
Value rsplit(Renderer& r, Call& call) {
  return split_text(r, call, true);
}

Value splitlines(Renderer& r, Call& call) {
  auto out = r.new_list();
  const std::string_view text = call.self().text();
  if (!r.spend(count_breaks(text))) return {};
  for (const std::string_view line : split_lines(text, r.flag_argument(call, 1))) {
    out->append(call.self().part(static_cast<std::size_t>(line.data() - text.data()), line.size()));
  }
  return Renderer::value_of(out);
}

Value begins_or_ends(Renderer& r, Call& call, bool begins) {
  const std::string_view text = call.self().text();
  const auto fits = [&](const Value& part) {
    return begins ? text.starts_with(part.text()) : text.ends_with(part.text());
  };
  if (call[1].is_object(Object::Kind::kList) && call[1].as<ListObject>().is_tuple()) {
    for (const Value& part : call[1].as<ListObject>().items) {
      if (!part.is_string()) return r.fail("the method needs strings");
      if (fits(part)) return Value::boolean(true);
    }
    return Value::boolean(false);
  }
  const auto part = text_argument(r, call, 1);
  return part ? Value::boolean(fits(*part)) : Value();
}
Value startswith(Renderer& r, Call& call) {
  return begins_or_ends(r, call, true);
}
Value endswith(Renderer& r, Call& call) {
  return begins_or_ends(r, call, false);
}

Value remove_affix(Renderer& r, Call& call, bool prefix) {
  const auto part = text_argument(r, call, 1);
  if (!part) return {};
  const std::string_view text = call.self().text();
  const std::size_t size = part->text().size();
  if (prefix && text.starts_with(part->text())) return call.self().part(size, text.size() - size);
  if (!prefix && text.ends_with(part->text())) return call.self().part(0, text.size() - size);
  return call.self();
}
Value removeprefix(Renderer& r, Call& call) {
  return remove_affix(r, call, true);
}
Value removesuffix(Renderer& r, Call& call) {
  return remove_affix(r, call, false);
}

Value find_text(Renderer& r, Call& call, bool last) {
  const auto part = text_argument(r, call, 1);
  const std::string_view text = call.self().text();
  if (!part || !r.spend(text.size() / 256)) return {};
  if (last && !r.spend(text.size() * part->text().size() / 4096)) return {};
  const std::size_t at = last ? text.rfind(part->text()) : find_part(text, part->text());
  if (at == std::string_view::npos) return Value::integer(-1);
  return Value::integer(static_cast<std::int64_t>(length(text.substr(0, at))));
}
Value find(Renderer& r, Call& call) {
  return find_text(r, call, false);
}
Value rfind(Renderer& r, Call& call) {
  return find_text(r, call, true);
}

Value count_text(Renderer& r, Call& call) {
  const auto part = text_argument(r, call, 1);
  const std::string_view text = call.self().text();
  if (!part || !r.spend(text.size() / 256)) return {};
  if (part->text().empty()) return Value::integer(static_cast<std::int64_t>(length(text)) + 1);
  return Value::integer(static_cast<std::int64_t>(count_parts(text, part->text())));
}

Value join(Renderer& r, Call& call) {
  Items items = r.items(call[1]);
  Value item;
  std::string out;
  bool first = true;
  while (!r.failed() && items.next(item)) {
    if (!item.is_string()) {
      return r.fail("'.join()' joins strings, not " + std::string(type_phrase(item)));
    }
    if (!std::exchange(first, false)) out += call.self().text();
    out += item.text();
    if (!r.may_make(out.size())) return {};
  }
  return r.failed() ? Value() : r.text(std::move(out));
}

template <bool (*holds)(char32_t)>
Value all_are(Renderer&, Call& call) {
  const std::string_view text = call.self().text();
  for (std::size_t at = 0; at < text.size();) {
    if (!holds(next_code_point(text, at))) return Value::boolean(false);
  }
  return Value::boolean(!text.empty());
}
bool is_digit(char32_t c) {
  return c >= '0' && c <= '9';
}
bool is_alnum(char32_t c) {
  return c != '_' && is_word(c);
}

Value islower(Renderer&, Call& call) {
  return Value::boolean(is_all_lower(call.self().text()));
}
Value isupper(Renderer&, Call& call) {
  return Value::boolean(is_all_upper(call.self().text()));
}

constexpr Builtin kText[] = {
    {"capitalize", "self", change_method<to_capitalized>},
    {"count", "self, sub", count_text},
    {"endswith", "self, suffix", endswith},
    {"find", "self, sub", find},
    {"isalnum", "self", all_are<is_alnum>},
    {"isalpha", "self", all_are<is_letter>},
    {"isdigit", "self", all_are<is_digit>},
    {"islower", "self", islower},
    {"isspace", "self", all_are<is_space>},
    {"isupper", "self", isupper},
    {"join", "self, iterable", join},
    {"lower", "self", change_method<to_lower>},
    {"lstrip", "self, chars=", strip_method<true, false>},
    {"removeprefix", "self, prefix", removeprefix},
    {"removesuffix", "self, suffix", removesuffix},
    {"replace", "self, old, new, count=", replace},
    {"rfind", "self, sub", rfind},
    {"rsplit", "self, sep=, maxsplit=", rsplit},
    {"rstrip", "self, chars=", strip_method<false, true>},
    {"split", "self, sep=, maxsplit=", split},
    {"splitlines", "self, keepends=", splitlines},
    {"startswith", "self, prefix", startswith},
    {"strip", "self, chars=", strip_method<true, true>},
    {"title", "self", change_method<to_title>},
    {"upper", "self", change_method<to_upper>},
};

// --- dict ---

Value view_of(Renderer& r, const Value& map, ListObject::Form form) {
  auto out = r.new_list(form);
  for (std::size_t i = 0; i < Renderer::mapping_size(map) && r.spend(1); ++i) {
    auto [key, value] = Renderer::mapping_at(map, i);
    out->append(form == ListObject::Form::kKeys     ? key
                : form == ListObject::Form::kValues ? value
                                                    : r.pair(key, value));
  }
  return r.failed() ? Value() : Renderer::value_of(out);
}
Value items(Renderer& r, Call& call) {
  return view_of(r, call.self(), ListObject::Form::kItems);
}
Value keys(Renderer& r, Call& call) {
  return view_of(r, call.self(), ListObject::Form::kKeys);
}
Value values(Renderer& r, Call& call) {
  return view_of(r, call.self(), ListObject::Form::kValues);
}

Value get(Renderer& r, Call& call) {
  bool found = false;
  Value value = r.mapping_get(call.self(), call[1], found);
  if (found || r.failed()) return value;
  return call.has(2) ? call[2] : Value::none();
}

constexpr Builtin kMapping[] = {
    {"get", "self, key, default=", get},
    {"items", "self", items},
    {"keys", "self", keys},
    {"values", "self", values},
};

// --- list ---

Value append(Renderer& r, Call& call) {
  if (call.self().type() == Type::kJsonArray) {
    return r.fail("a list of the input cannot be changed", "add lists: {% set xs = xs + [x] %}");
  }
  if (!r.spend(1)) return {};
  call.self().as<ListObject>().append(call[1]);
  return Value::none();
}

Value count_items(Renderer& r, Call& call) {
  std::int64_t n = 0;
  Items all = r.items(call.self());
  Value item;
  while (!r.failed() && all.next(item)) n += r.equal(item, call[1]) ? 1 : 0;
  return r.failed() ? Value() : Value::integer(n);
}

Value index(Renderer& r, Call& call) {
  Items all = r.items(call.self());
  Value item;
  for (std::int64_t i = 0; !r.failed() && all.next(item); ++i) {
    if (r.equal(item, call[1])) return Value::integer(i);
  }
  return r.fail("the item is not in the list");
}

constexpr Builtin kList[] = {
    {"append", "self, object", append},
    {"count", "self, value", count_items},
    {"index", "self, value", index},
};

const Builtin* find_in(std::span<const Builtin> table, std::string_view name) {
  const auto it =
      std::find_if(table.begin(), table.end(), [&](const Builtin& b) { return b.name == name; });
  return it == table.end() ? nullptr : &*it;
}

}  // namespace

const PythonMethod* find_python_method(std::string_view name) {
  const auto* it =
      std::lower_bound(std::begin(kKnown), std::end(kKnown), name,
                       [](const PythonMethod& m, std::string_view n) { return m.name < n; });
  return it != std::end(kKnown) && it->name == name ? it : nullptr;
}

const Builtin* find_method(const Value& self, std::string_view name) {
  if (self.is_string()) return find_in(kText, name);
  if (self.is_mapping()) return find_in(kMapping, name);
  const bool is_list =
      self.type() == Type::kJsonArray || (self.is_object(Object::Kind::kList) &&
                                          self.as<ListObject>().form == ListObject::Form::kList);
  return is_list ? find_in(kList, name) : nullptr;
}

}  // namespace sighter::text::jinja
