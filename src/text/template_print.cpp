// What values look like when they are printed: Python's str() and repr().

#include "base/utf8.hpp"
#include "text/template_javascript.hpp"
#include "text/template_number.hpp"
#include "text/template_render.hpp"
#include "text/template_unicode.hpp"

namespace sighter::text::jinja {

namespace {

constexpr int kReprDepthMax = 300;  // above what JSON and a template's own literals can nest

void append_hex(std::string& out, char letter, char32_t c, int digits) {
  static constexpr char kDigits[] = "0123456789abcdef";
  out += '\\';
  out += letter;
  for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4) out += kDigits[c >> shift & 15];
}

// ASCII that stands for itself between any quotes.
bool is_plain(char c) {
  return c >= ' ' && c < 0x7F && c != '\'' && c != '"' && c != '\\';
}

void repr_string(std::string& out, std::string_view text) {
  const bool has_single = text.find('\'') != std::string_view::npos;
  const char quote = has_single && text.find('"') == std::string_view::npos ? '"' : '\'';
  const bool plain = is_printable_beyond_ascii(text);
  out += quote;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t start = at;
    while (at < text.size() && is_plain(text[at])) ++at;
    out += text.substr(start, at - start);
    if (at == text.size()) break;
    const std::size_t odd = at;
    const char32_t c = next_code_point(text, at);
    if (c == static_cast<unsigned char>(quote) || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if ((plain && c >= 0x80) || is_printable(c)) {
      out += text.substr(odd, at - odd);
    } else if (c < 0x100) {
      append_hex(out, 'x', c, 2);
    } else if (c < 0x10000) {
      append_hex(out, 'u', c, 4);
    } else {
      append_hex(out, 'U', c, 8);
    }
  }
  out += quote;
}

// "[", "]" and what stands around them for each form.
std::pair<std::string_view, std::string_view> brackets(const ListObject& list) {
  switch (list.form) {
    case ListObject::Form::kTuple:
    case ListObject::Form::kGroup:
      return {"(", list.items.size() == 1 ? ",)" : ")"};
    case ListObject::Form::kKeys:
      return {"dict_keys([", "])"};
    case ListObject::Form::kValues:
      return {"dict_values([", "])"};
    case ListObject::Form::kItems:
      return {"dict_items([", "])"};
    default:
      return {"[", "]"};
  }
}

}  // namespace

void Renderer::escape(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '"':
        out += input_.dialect.escaped_quote;
        break;
      case '\\':
        out += input_.dialect.escaped_backslash;
        break;
      default:
        out += c;
    }
  }
}

void Renderer::print(std::string& out, const Value& value) {
  if (input_.dialect.javascript_values) return javascript::print(*this, out, value);
  switch (value.type()) {
    case Type::kUndefined:
      check_defined(value);
      return;
    case Type::kString:
    case Type::kBigInt:
      if (may_make(out.size() + value.text().size())) out += value.text();
      return;
    default:
      repr(out, value);
  }
}

void Renderer::repr_sequence(std::string& out, const Value& value, int depth) {
  const std::size_t size = sequence_size(value);
  for (std::size_t i = 0; i < size && !failed(); ++i) {
    if (i != 0) out += ", ";
    repr(out, sequence_at(value, i), depth + 1);
    if (i % 64 == 0 && !(spend(1) && may_make(out.size()))) return;
  }
}

void Renderer::repr_mapping(std::string& out, const Value& value, int depth) {
  out += '{';
  const std::size_t size = mapping_size(value);
  for (std::size_t i = 0; i < size && !failed(); ++i) {
    if (i != 0) out += ", ";
    const auto [key, member_value] = mapping_at(value, i);
    repr(out, key, depth + 1);
    out += ": ";
    repr(out, member_value, depth + 1);
    if (i % 64 == 0 && !(spend(1) && may_make(out.size()))) return;
  }
  out += '}';
}

void Renderer::repr(std::string& out, const Value& value, int depth) {
  if (failed()) return;
  if (depth > kReprDepthMax) {
    fail("the value is nested too deeply to be printed");
    return;
  }
  switch (value.type()) {
    case Type::kUndefined:
      if (check_defined(value)) out += "Undefined";
      return;
    case Type::kNone:
      out += input_.dialect.prints_none;
      return;
    case Type::kBool:
      out += value.as_bool() ? input_.dialect.prints_true : input_.dialect.prints_false;
      return;
    case Type::kInt:
      out += std::to_string(value.as_int());
      return;
    case Type::kFloat:
      out += float_repr(value.as_float());
      return;
    case Type::kBigInt:
      out += value.text();
      return;
    case Type::kString:
      if (!may_make(out.size() + value.text().size())) return;
      if (value.is_markup()) out += "Markup(";
      repr_string(out, value.text());
      if (value.is_markup()) out += ')';
      return;
    case Type::kJsonArray:
      out += '[';
      repr_sequence(out, value, depth);
      out += ']';
      return;
    case Type::kJsonObject:
      return repr_mapping(out, value, depth);
    case Type::kFunction:
      fail("the function '" + std::string(value.builtin().name) + "' cannot be printed",
           "call it: " + std::string(value.builtin().name) + "()");
      return;
    case Type::kObject:
      return repr_object(out, value, depth);
  }
}

void Renderer::repr_object(std::string& out, const Value& value, int depth) {
  switch (value.owner()->kind) {
    case Object::Kind::kList: {
      const auto& list = value.as<ListObject>();
      if (list.form == ListObject::Form::kGenerator) {
        fail("what the filter yields cannot be printed as it is", "add |list or |join(', ')");
        return;
      }
      const auto [open, close] = brackets(list);
      out += open;
      repr_sequence(out, value, depth);
      out += close;
      return;
    }
    case Object::Kind::kDict:
      return repr_mapping(out, value, depth);
    case Object::Kind::kRange: {
      const auto& range = value.as<RangeObject>();
      out += "range(" + std::to_string(range.start) + ", " + std::to_string(range.stop);
      if (range.step != 1) out += ", " + std::to_string(range.step);
      out += ')';
      return;
    }
    case Object::Kind::kNamespace:
      out += "<Namespace ";
      repr_mapping(out, value_of(value.as<NamespaceObject>().attributes), depth);
      out += '>';
      return;
    case Object::Kind::kMacro:
      out += "<Macro ";
      repr_string(out, value.as<MacroObject>().macro.name);
      out += '>';
      return;
    case Object::Kind::kLoop: {
      auto& loop = value.as<LoopObject>();
      out += "<LoopContext " + std::to_string(loop.index0 + 1) + "/" +
             std::to_string(loop_length(loop)) + ">";
      return;
    }
    default:
      fail(std::string(type_phrase(value)) + " cannot be printed");
  }
}

std::string Renderer::str(const Value& value) {
  std::string out;
  print(out, value);
  return out;
}

std::string_view Renderer::view(const Value& value, std::string& storage) {
  if (value.is_string()) return value.text();
  storage.clear();
  print(storage, value);
  return storage;
}

Value Renderer::soft_string(const Value& value) {
  return value.is_string() ? value : text(str(value));
}

Value Renderer::escaped(const Value& value) {
  if (value.is_markup()) return value;
  std::string storage, out;
  escape(out, view(value, storage));
  return text(std::move(out), true);
}

}  // namespace sighter::text::jinja
