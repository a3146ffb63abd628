// Filters that write a value for programs and for people: tojson and pprint.

#include <algorithm>
#include <cmath>

#include "base/utf8.hpp"
#include "text/template_filters.hpp"
#include "text/template_javascript.hpp"
#include "text/template_number.hpp"
#include "text/template_render.hpp"

namespace sighter::text::jinja {

namespace {

constexpr int kDepthMax = 300;

// json.dumps(), with Python's separators.
class JsonWriter {
 public:
  struct Style {
    bool ascii = false;
    bool sorted = false;
    bool html_safe = false;
    bool javascript = false;  // JSON.stringify
    std::optional<std::string> indent;
    std::string item_separator = ", ";
    std::string key_separator = ": ";
  };
  JsonWriter(Renderer& r, Style style) : r_(r), style_(std::move(style)) {}

  std::string run(const Value& value) {
    write(value, 0);
    return std::move(out_);
  }

 private:
  void write(const Value& value, int depth) {
    if (r_.failed() || !r_.spend(1) || !r_.may_make(out_.size())) return;
    if (depth > kDepthMax) {
      r_.fail("the value is nested too deeply to be written as JSON");
      return;
    }
    switch (value.type()) {
      case Type::kNone:
        out_ += "null";
        return;
      case Type::kBool:
        out_ += value.as_bool() ? "true" : "false";
        return;
      case Type::kInt:
        out_ += std::to_string(value.as_int());
        return;
      case Type::kBigInt:
        out_ += value.text();
        return;
      case Type::kFloat:
        out_ += number(value.as_float());
        return;
      case Type::kString:
        string(value.text());
        return;
      case Type::kUndefined:
        r_.check_defined(value, true);
        return;
      default:
        break;
    }
    const bool is_list = value.is_object(Object::Kind::kList);
    const bool plain =
        is_list && (style_.javascript || value.as<ListObject>().form == ListObject::Form::kList ||
                    value.as<ListObject>().is_tuple());
    if (value.type() == Type::kJsonArray || plain) {
      list(value, depth);
    } else if (value.is_mapping()) {
      mapping(value, depth);
    } else {
      r_.fail(std::string(type_phrase(value)) + " cannot be written as JSON",
              is_list || value.is_object(Object::Kind::kRange) ? "add |list in front" : "");
    }
  }

  std::string number(double value) {
    if (style_.javascript) return std::isfinite(value) ? javascript::number_text(value) : "null";
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
    return float_repr(value);
  }

  void line(int depth) {
    if (!style_.indent) return;
    out_ += '\n';
    for (int i = 0; i < depth; ++i) out_ += *style_.indent;
  }

  void list(const Value& value, int depth) {
    const std::size_t size = Renderer::sequence_size(value);
    out_ += '[';
    for (std::size_t i = 0; i < size && !r_.failed(); ++i) {
      if (i != 0) out_ += style_.item_separator;
      line(depth + 1);
      write(Renderer::sequence_at(value, i), depth + 1);
    }
    if (size != 0) line(depth);
    out_ += ']';
  }

  std::string key(const Value& name) {
    switch (name.type()) {
      case Type::kString:
      case Type::kBigInt:
        return std::string(name.text());
      case Type::kNone:
        return "null";
      case Type::kBool:
        return name.as_bool() ? "true" : "false";
      case Type::kInt:
        return std::to_string(name.as_int());
      case Type::kFloat:
        return number(name.as_float());
      default:
        r_.fail(std::string(type_phrase(name)) + " cannot be the name of a JSON member");
        return "";
    }
  }

  void mapping(const Value& value, int depth) {
    std::vector<std::pair<Value, Value>> members;
    for (std::size_t i = 0; i < Renderer::mapping_size(value); ++i) {
      members.push_back(Renderer::mapping_at(value, i));
    }
    if (style_.sorted) {
      std::stable_sort(members.begin(), members.end(),
                       [&](const auto& a, const auto& b) { return r_.less(a.first, b.first); });
    }
    out_ += '{';
    for (std::size_t i = 0; i < members.size() && !r_.failed(); ++i) {
      if (i != 0) out_ += style_.item_separator;
      line(depth + 1);
      string(key(members[i].first));
      out_ += style_.key_separator;
      write(members[i].second, depth + 1);
    }
    if (!members.empty()) line(depth);
    out_ += '}';
  }

  void escape(char32_t c) {
    static constexpr char kHex[] = "0123456789abcdef";
    out_ += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out_ += kHex[c >> shift & 15];
  }

  void string(std::string_view text) {
    out_ += '"';
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t start = at;
      const char32_t c = next_code_point(text, at);
      static constexpr std::string_view kShort = "\b\f\n\r\t\"\\";
      static constexpr std::string_view kLetters = "bfnrt\"\\";
      const std::size_t simple =
          c < 0x80 ? kShort.find(static_cast<char>(c)) : std::string_view::npos;
      if (simple != std::string_view::npos) {
        out_ += '\\';
        out_ += kLetters[simple];
      } else if (c < 0x20 ||
                 (style_.html_safe && (c == '<' || c == '>' || c == '&' || c == '\''))) {
        escape(c);
      } else if (style_.ascii && c >= 0x7F) {
        if (c >= 0x10000) {
          escape(0xD800 + ((c - 0x10000) >> 10));
          escape(0xDC00 + ((c - 0x10000) & 0x3FF));
        } else {
          escape(c);
        }
      } else {
        out_ += text.substr(start, at - start);
      }
    }
    out_ += '"';
  }

  Renderer& r_;
  Style style_;
  std::string out_;
};

Value tojson(Renderer& r, Call& call) {
  const bool html = r.input().options.html_safe_json;
  JsonWriter::Style style;
  style.html_safe = html;
  style.sorted = r.flag_argument(call, 4, html);
  style.ascii = r.flag_argument(call, 2, html);
  if (call.has(1) && !call[1].is_none()) {
    if (call[1].is_string()) {
      style.indent = std::string(call[1].text());
    } else {
      const std::int64_t width = r.integer_argument(call, 1, 0);
      if (width > 1000) return r.fail("the indent of 'tojson' is too large");
      style.indent = std::string(static_cast<std::size_t>(std::max<std::int64_t>(width, 0)), ' ');
    }
    style.item_separator = ",";
  }
  if (call.has(3) && !call[3].is_none()) {
    const auto both = r.list_of(call[3]);
    if (r.failed()) return {};
    if (both->items.size() != 2) return r.fail("the separators of 'tojson' are two strings");
    style.item_separator = r.str(both->items[0]);
    style.key_separator = r.str(both->items[1]);
  }
  std::string out = JsonWriter(r, std::move(style)).run(call.self());
  return r.failed() ? Value() : r.text(std::move(out), html);
}

Value pprint(Renderer& r, Call& call) {
  std::string out = pretty(r, call.self());
  return r.failed() ? Value() : r.text(std::move(out));
}

// JSON.stringify(value, null, indent)
Value dump(Renderer& r, Call& call) {
  if (call.self().is_undefined()) return {};
  JsonWriter::Style style;
  style.html_safe = style.sorted = style.ascii = false;
  style.javascript = true;
  style.item_separator = ",";
  style.key_separator = ":";
  if (call.has(1) && !call[1].is_none() && !call[1].is_undefined()) {
    const std::string text = call[1].is_string() ? std::string(call[1].text()) : std::string();
    const std::int64_t width = call[1].is_string() ? 0 : r.integer_argument(call, 1, 0);
    style.indent =
        call[1].is_string()
            ? text.substr(0, 10)
            : std::string(static_cast<std::size_t>(std::clamp<std::int64_t>(width, 0, 10)), ' ');
    if (style.indent->empty()) style.indent.reset();
    if (style.indent) style.key_separator = ": ";
  }
  std::string out = JsonWriter(r, std::move(style)).run(call.self());
  return r.failed() ? Value() : r.text(std::move(out));
}

constexpr Builtin kNunjucksFilters[] = {{"dump", "value, spaces=", dump, true}};

constexpr Builtin kFilters[] = {
    {"pprint", "value", pprint},
    {"tojson", "value, indent=, ensure_ascii=, separators=, sort_keys=", tojson},
};

}  // namespace

std::span<const Builtin> json_filters() {
  return kFilters;
}

std::span<const Builtin> nunjucks_json_filters() {
  return kNunjucksFilters;
}

}  // namespace sighter::text::jinja
