#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/parse_options.hpp>
#include <unordered_set>

#include "base/json.hpp"
#include "base/limits.hpp"
#include "base/text_position.hpp"

namespace sighter {
namespace {

namespace bj = boost::json;
using boost::json::error_code;

// Above this many members, duplicates are looked for in a set.
constexpr std::size_t kLinearMembers = 16;

// An object or array whose end has not been seen.
struct Frame {
  Json container;
  std::string key;
  std::unique_ptr<std::unordered_set<std::string>> names;
};

// Builds the value from the parser's events. Boost.JSON's own document would rewrite numbers and
// keep duplicate names in silence.
struct Builder {
  static constexpr std::size_t max_object_size = std::size_t(-1);
  static constexpr std::size_t max_array_size = std::size_t(-1);
  static constexpr std::size_t max_key_size = std::size_t(-1);
  static constexpr std::size_t max_string_size = std::size_t(-1);

  std::vector<Frame> stack;
  std::string part;
  Json root;
  std::optional<std::string> duplicate;

  bool add(Json value) {
    if (stack.empty()) {
      root = std::move(value);
    } else if (Frame& top = stack.back(); top.container.is_array()) {
      top.container.as_array().push_back(std::move(value));
    } else {
      top.container.as_object().append(std::move(top.key), std::move(value));
    }
    return true;
  }
  bool end_container() {
    Json value = std::move(stack.back().container);
    stack.pop_back();
    return add(std::move(value));
  }
  bool is_duplicate(Frame& top) {
    const JsonObject& object = top.container.as_object();
    if (object.size() < kLinearMembers) return object.contains(top.key);
    if (!top.names) {
      top.names = std::make_unique<std::unordered_set<std::string>>();
      for (const auto& [name, value] : object) top.names->insert(name);
    }
    return !top.names->insert(top.key).second;
  }

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) {
    stack.push_back({Json(JsonObject()), {}, {}});
    return true;
  }
  bool on_object_end(std::size_t, error_code&) { return end_container(); }
  bool on_array_begin(error_code&) {
    stack.push_back({Json(JsonArray()), {}, {}});
    return true;
  }
  bool on_array_end(std::size_t, error_code&) { return end_container(); }
  bool on_key_part(bj::string_view text, std::size_t, error_code&) {
    part.append(text.data(), text.size());
    return true;
  }
  bool on_key(bj::string_view text, std::size_t, error_code& ec) {
    part.append(text.data(), text.size());
    Frame& top = stack.back();
    top.key = std::move(part);
    part.clear();
    if (!is_duplicate(top)) return true;
    duplicate = top.key;
    ec = bj::error::syntax;
    return false;
  }
  bool on_string_part(bj::string_view text, std::size_t, error_code&) {
    part.append(text.data(), text.size());
    return true;
  }
  bool on_string(bj::string_view text, std::size_t, error_code&) {
    part.append(text.data(), text.size());
    Json value(std::move(part));
    part.clear();
    return add(std::move(value));
  }
  bool on_number_part(bj::string_view text, error_code&) {
    part.append(text.data(), text.size());
    return true;
  }
  bool number(bj::string_view text) {
    part.append(text.data(), text.size());
    Json value(JsonNumber{std::move(part)});
    part.clear();
    return add(std::move(value));
  }
  bool on_int64(std::int64_t, bj::string_view text, error_code&) { return number(text); }
  bool on_uint64(std::uint64_t, bj::string_view text, error_code&) { return number(text); }
  bool on_double(double, bj::string_view text, error_code&) { return number(text); }
  bool on_bool(bool value, error_code&) { return add(Json(value)); }
  bool on_null(error_code&) { return add(Json()); }
  bool on_comment_part(bj::string_view, error_code&) { return true; }
  bool on_comment(bj::string_view, error_code&) { return true; }
};

struct Words {
  std::string what;
  std::string hint;
};

// What is wrong where the parser stopped, and what to do about it.
Words words_for(const error_code& ec, std::string_view rest) {
  if (rest.empty() || ec == bj::error::incomplete)
    return {"the JSON ends too early", "close what is open: a '\"', '}' or ']' is missing"};
  if (ec == bj::error::too_deep)
    return {fmt::format("nested deeper than {} levels", limits::kJsonDepthMax),
            "write it with fewer lists and objects inside each other"};
  if (ec == bj::error::extra_data)
    return {"more text behind the JSON value", "take it away; of JSON Lines each value is a line"};
  const unsigned char c = static_cast<unsigned char>(rest.front());
  if (ec == bj::error::syntax && c >= 0x80)
    return {"bytes that are not UTF-8", "save the text as UTF-8"};
  if (c == '\'') return {"strings need double quotes", "write \"...\""};
  if (c == '}' || c == ']')
    return {fmt::format("unexpected '{}' (a comma too many before it?)", rest.front()),
            "take the comma away, or write the value that is missing"};
  if (c == 0) return {"a NUL byte", "take it away, or write it as \\u0000 inside a string"};
  if (c == '\n' || c == '\r')
    return {"the line ends inside a string", "write a line break in a string as \\n"};
  if (c < 0x20)
    return {fmt::format("a control character (byte {:#04x}) that must be escaped", c),
            fmt::format("write it as \\u{:04x} inside a string", c)};
  if (c >= 0x80)
    return {"a character that JSON does not allow here", "write texts in double quotes"};
  return {fmt::format("unexpected '{}'", rest.front()),
          "a value is \"text\", a number, true, false, null, [...] or {\"name\": ...}"};
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The UTF-16 unit of the escape "\\uXXXX" that stands there; -1 where none does.
int unit_at(std::string_view text, std::size_t at) {
  if (text.size() < at + 6 || text[at] != '\\' || text[at + 1] != 'u') return -1;
  int unit = 0;
  for (std::size_t i = at + 2; i < at + 6; ++i) {
    const int digit = hex_digit(text[i]);
    if (digit < 0) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

// With "\\ufffd" for each escape of half a surrogate pair: as long as before.
std::string with_whole_pairs(std::string_view text) {
  std::string out(text);
  for (std::size_t at = text.find('\\'); at < text.size(); at = text.find('\\', at)) {
    const int unit = unit_at(text, at);
    if (unit < 0xd800 || unit > 0xdfff) {
      at += unit < 0 ? 2 : 6;
      continue;
    }
    const int next = unit < 0xdc00 ? unit_at(text, at + 6) : -1;
    if (next >= 0xdc00 && next <= 0xdfff) {
      at += 12;
      continue;
    }
    out.replace(at, 6, "\\ufffd");
    at += 6;
  }
  return out;
}

// Whether that may be what the parser stopped at.
bool half_a_pair(const error_code& ec, std::string_view text) {
  const bool syntax = ec == bj::error::syntax || ec == bj::error::illegal_leading_surrogate ||
                      ec == bj::error::illegal_trailing_surrogate ||
                      ec == bj::error::expected_utf16_escape;
  return syntax && (text.find("\\ud") != text.npos || text.find("\\uD") != text.npos);
}

}  // namespace

Result<Json> json_parse(std::string_view text, std::string_view origin, std::int64_t first_line) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  bj::parse_options options;
  options.max_depth = limits::kJsonDepthMax;
  bj::basic_parser<Builder> parser(options);
  error_code ec;
  std::size_t used = parser.write_some(false, text.data(), text.size(), ec);
  Builder& builder = parser.handler();
  if (!ec && used < text.size()) {
    const std::size_t extra = text.find_first_not_of(" \t\r\n", used);
    if (extra == text.npos) return std::move(builder.root);
    used = extra;
    ec = bj::error::extra_data;
  }
  if (!ec) return std::move(builder.root);
  // JSON's grammar allows halves, and models whose characters were cut apart write them. They are
  // read as the replacement character, as others do.
  if (half_a_pair(ec, text)) {
    if (std::string whole = with_whole_pairs(text); whole != text)
      return json_parse(whole, origin, first_line);
  }
  TextPosition position = position_at(text, used);
  position.line += first_line - 1;
  const Words words = !builder.duplicate
                          ? words_for(ec, text.substr(used))
                          : Words{fmt::format("the member \"{}\" occurs twice", *builder.duplicate),
                                  "take one of them away, or rename it"};
  return fail(Kind::kInvalid, fmt::format("{}: {}", at(origin, position), words.what), words.hint);
}

}  // namespace sighter
