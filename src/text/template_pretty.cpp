// A value over several lines of at most 80 columns, as Python's pprint.pformat() lays it out.

#include <algorithm>

#include "text/template_filters.hpp"
#include "text/template_lines.hpp"
#include "text/template_render.hpp"
#include "text/template_unicode.hpp"

namespace sighter::text::jinja {

namespace {

constexpr std::size_t kWidth = 80;
constexpr int kDepthMax = 200;

class Pretty {
 public:
  explicit Pretty(Renderer& r) : r_(r) {}

  std::string run(const Value& value) {
    write(value, 0, 0, 1);
    return std::move(out_);
  }

 private:
  static bool is_list(const Value& value) {
    return value.type() == Type::kJsonArray ||
           (value.is_object(Object::Kind::kList) &&
            (value.as<ListObject>().form == ListObject::Form::kList ||
             value.as<ListObject>().is_tuple()));
  }

  // Members in the order of their names; names of different types by the names of the types.
  std::vector<std::pair<Value, Value>> members(const Value& map) {
    std::vector<std::pair<Value, Value>> all;
    for (std::size_t i = 0; i < Renderer::mapping_size(map); ++i) {
      all.push_back(Renderer::mapping_at(map, i));
    }
    std::stable_sort(all.begin(), all.end(), [&](const auto& a, const auto& b) {
      const bool alike =
          a.first.type() == b.first.type() || (is_number(a.first) && is_number(b.first));
      return alike && !a.first.is_none() ? r_.less(a.first, b.first)
                                         : type_phrase(a.first) < type_phrase(b.first);
    });
    return all;
  }

  // repr() with sorted members.
  std::string flat(const Value& value, int depth) {
    std::string out;
    if (depth > kDepthMax) {
      r_.fail("the value is nested too deeply to be printed");
      return out;
    }
    if (!r_.spend(1) || !r_.may_make(out_.size())) return out;
    if (value.is_mapping()) {
      for (const auto& [key, member] : members(value)) {
        if (r_.failed()) break;
        out += out.empty() ? "{" : ", ";
        out += flat(key, depth + 1) + ": " + flat(member, depth + 1);
      }
      return out.empty() ? "{}" : out + "}";
    }
    if (!is_list(value)) {
      r_.repr(out, value);
      r_.spend(out.size() / 128);
      return out;
    }
    const bool tuple = value.type() == Type::kObject && value.as<ListObject>().is_tuple();
    const std::size_t size = Renderer::sequence_size(value);
    out = tuple ? "(" : "[";
    for (std::size_t i = 0; i < size && !r_.failed(); ++i) {
      if (i != 0) out += ", ";
      out += flat(Renderer::sequence_at(value, i), depth + 1);
    }
    return out + (tuple ? size == 1 ? ",)" : ")" : "]");
  }

  void write(const Value& value, std::size_t indent, std::size_t allowance, int level) {
    if (r_.failed()) return;
    const std::string line = flat(value, level);
    const std::size_t room = indent + allowance < kWidth ? kWidth - indent - allowance : 0;
    if (r_.failed()) return;
    if (length(line) <= room) {
      out_ += line;
    } else if (value.is_mapping()) {
      mapping(value, indent, allowance, level);
    } else if (is_list(value)) {
      list(value, indent, allowance, level);
    } else if (value.is_string() && !value.text().empty() && !value.is_markup()) {
      string(value, indent, allowance, level);
    } else {
      out_ += line;
    }
  }

  void mapping(const Value& value, std::size_t indent, std::size_t allowance, int level) {
    const auto all = members(value);
    out_ += '{';
    for (std::size_t i = 0; i < all.size() && !r_.failed(); ++i) {
      const bool last = i + 1 == all.size();
      const std::string key = flat(all[i].first, level + 1);
      out_ += key + ": ";
      write(all[i].second, indent + 1 + length(key) + 2, last ? allowance + 1 : 1, level + 1);
      if (!last) out_ += ",\n" + std::string(indent + 1, ' ');
    }
    out_ += '}';
  }

  void list(const Value& value, std::size_t indent, std::size_t allowance, int level) {
    const bool tuple = value.type() == Type::kObject && value.as<ListObject>().is_tuple();
    const std::size_t size = Renderer::sequence_size(value);
    const std::string_view close = tuple ? size == 1 ? ",)" : ")" : "]";
    out_ += tuple ? '(' : '[';
    for (std::size_t i = 0; i < size && !r_.failed(); ++i) {
      const bool last = i + 1 == size;
      write(Renderer::sequence_at(value, i), indent + 1, last ? allowance + close.size() : 1,
            level + 1);
      if (!last) out_ += ",\n" + std::string(indent + 1, ' ');
    }
    out_ += close;
  }

  std::string quoted(std::string_view text) {
    std::string out;
    r_.repr(out, Value::string(text));
    return out;
  }

  // Words with the blanks behind them.
  static std::vector<std::string_view> words(std::string_view line) {
    std::vector<std::string_view> out;
    for (std::size_t at = 0; at < line.size();) {
      const std::string_view rest = line.substr(at);
      std::size_t end = 0;
      while (end < rest.size() && !strip_left(rest.substr(end, 1)).empty()) ++end;
      end = rest.size() - strip_left(rest.substr(end)).size();
      out.push_back(rest.substr(0, end));
      at += end;
    }
    return out;
  }

  void string(const Value& value, std::size_t indent, std::size_t allowance, int level) {
    std::vector<std::string> chunks;
    const auto lines = split_lines(value.text(), true);
    if (level == 1) {
      ++indent;
      ++allowance;
    }
    const auto room = static_cast<std::ptrdiff_t>(kWidth) - static_cast<std::ptrdiff_t>(indent);
    for (std::size_t i = 0; i < lines.size() && r_.spend(1); ++i) {
      const bool last_line = i + 1 == lines.size();
      const auto less = static_cast<std::ptrdiff_t>(last_line ? allowance : 0);
      const std::string whole = quoted(lines[i]);
      if (static_cast<std::ptrdiff_t>(length(whole)) <= room - less) {
        chunks.push_back(whole);
        continue;
      }
      std::string current;
      const auto parts = words(lines[i]);
      for (std::size_t j = 0; j < parts.size() && r_.spend(1); ++j) {
        const bool last = last_line && j + 1 == parts.size();
        const std::string candidate = current + std::string(parts[j]);
        if (static_cast<std::ptrdiff_t>(length(quoted(candidate))) <= room - (last ? less : 0)) {
          current = candidate;
          continue;
        }
        if (!current.empty()) chunks.push_back(quoted(current));
        current = parts[j];
      }
      if (!current.empty()) chunks.push_back(quoted(current));
    }
    const bool brackets = level == 1 && chunks.size() > 1;
    if (brackets) out_ += '(';
    for (std::size_t i = 0; i < chunks.size(); ++i) {
      if (i != 0) out_ += '\n' + std::string(indent, ' ');
      out_ += chunks[i];
    }
    if (brackets) out_ += ')';
  }

  Renderer& r_;
  std::string out_;
};

}  // namespace

std::string pretty(Renderer& renderer, const Value& value) {
  return Pretty(renderer).run(value);
}

}  // namespace sighter::text::jinja
