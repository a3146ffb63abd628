#include "text/template_format.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/utf8.hpp"
#include "text/template_number.hpp"
#include "text/template_render.hpp"
#include "text/template_unicode.hpp"

namespace sighter::text::jinja {

namespace {

constexpr std::int64_t kWidthMax = 1'000'000;
constexpr std::int64_t kPrecisionMax = 1000;

class Formatter {
 public:
  Formatter(Renderer& r, const Value& format, const Value& arguments)
      : r_(r), format_(format), text_(format.text()), arguments_(arguments) {
    is_tuple_ = arguments.is_object(Object::Kind::kList) && arguments.as<ListObject>().is_tuple();
  }

  Value run() {
    while (at_ < text_.size() && !r_.failed()) {
      const std::size_t percent = std::min(text_.find('%', at_), text_.size());
      out_ += text_.substr(at_, percent - at_);
      at_ = percent + 1;
      if (percent < text_.size()) conversion();
      if (!r_.may_make(out_.size())) return {};
    }
    if (r_.failed()) return {};
    const bool all_used =
        is_tuple_ ? used_ >= Renderer::sequence_size(arguments_)
                  : used_ > 0 || arguments_.is_mapping() || arguments_.type() == Type::kJsonArray;
    if (!all_used) return r_.fail("the format has fewer places than arguments are given");
    return r_.text(std::move(out_), format_.is_markup());
  }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  Value next_argument() {
    if (key_) {
      bool found = false;
      Value value = r_.mapping_get(arguments_, *key_, found);
      if (!found)
        r_.fail("the format names '" + std::string(key_->text()) + "', which is not given");
      return value;
    }
    if (is_tuple_) {
      if (used_ < Renderer::sequence_size(arguments_))
        return Renderer::sequence_at(arguments_, used_++);
    } else if (used_++ == 0) {
      return arguments_;
    }
    return r_.fail("the format has more places than arguments are given");
  }

  bool key() {
    if (peek() != '(') return true;
    int depth = 1;
    const std::size_t start = ++at_;
    while (at_ < text_.size() && depth > 0) {
      depth += text_[at_] == '(' ? 1 : text_[at_] == ')' ? -1 : 0;
      ++at_;
    }
    if (depth > 0) return fail("a ')' is missing in the format");
    if (!arguments_.is_mapping()) return fail("the format names its arguments: give a mapping");
    key_ = format_.part(start, at_ - 1 - start);
    used_ = 1;
    return true;
  }

  bool fail(std::string what) {
    r_.fail(std::move(what));
    return false;
  }

  bool count(std::int64_t& out, std::int64_t most) {
    if (peek() == '*') {
      ++at_;
      const Value value = next_argument();
      if (r_.failed()) return false;
      if (!value.is_int()) return fail("'*' in the format needs an integer");
      out = value.as_int();
      if (out > most || out < -most) return fail("the width of the format is too large");
      return true;
    }
    out = 0;
    while (peek() >= '0' && peek() <= '9') {
      out = out * 10 + (peek() - '0');
      if (out > most) return fail("the width of the format is too large");
      ++at_;
    }
    return true;
  }

  void conversion() {
    key_.reset();
    flags_.clear();
    width_ = 0;
    precision_ = -1;
    if (!key()) return;
    while (peek() != '\0' && std::string_view("-+ 0#").find(peek()) != std::string_view::npos) {
      flags_ += text_[at_++];
    }
    if (!count(width_, kWidthMax)) return;
    if (width_ < 0) {
      flags_ += '-';
      width_ = -width_;
    }
    if (peek() == '.') {
      ++at_;
      if (!count(precision_, kPrecisionMax)) return;
      precision_ = std::max<std::int64_t>(precision_, 0);
    }
    while (peek() == 'h' || peek() == 'l' || peek() == 'L') ++at_;
    if (at_ >= text_.size()) {
      fail("the format ends within a place");
      return;
    }
    const char letter = text_[at_++];
    if (letter == '%') {
      out_ += '%';
      return;
    }
    if (std::string_view("diuoxXeEfFgGcrsa").find(letter) == std::string_view::npos) {
      fail(std::string("the format has an unknown letter '") + letter + "'");
      return;
    }
    const Value value = next_argument();
    if (!r_.failed() && r_.check_defined(value)) convert(letter, value);
  }

  void convert(char letter, const Value& value) {
    switch (letter) {
      case 's':
      case 'r':
      case 'a':
        return convert_text(letter, value);
      case 'c':
        return convert_character(value);
      case 'd':
      case 'i':
      case 'u':
      case 'o':
      case 'x':
      case 'X':
        return convert_integer(letter, value);
      default:
        return convert_float(letter, value);
    }
  }

  bool has(char flag) const { return flags_.find(flag) != std::string::npos; }

  void pad(std::string_view sign, std::string_view digits, bool is_number) {
    const auto size = static_cast<std::int64_t>(sign.size() + length(digits));
    const auto blanks = static_cast<std::size_t>(std::max<std::int64_t>(width_ - size, 0));
    if (has('-')) {
      out_ += sign;
      out_ += digits;
      out_.append(blanks, ' ');
    } else if (is_number && has('0')) {
      out_ += sign;
      out_.append(blanks, '0');
      out_ += digits;
    } else {
      out_.append(blanks, ' ');
      out_ += sign;
      out_ += digits;
    }
  }

  void convert_text(char letter, const Value& value) {
    std::string storage;
    if (letter == 's') {
      r_.print(storage, value);
    } else {
      r_.repr(storage, value);
    }
    if (letter == 'a') storage = ascii_only(storage);
    if (format_.is_markup() && !value.is_markup()) {
      std::string safe;
      r_.escape(safe, storage);
      storage = std::move(safe);
    }
    std::string_view shown = storage;
    if (precision_ >= 0)
      shown = shown.substr(0, byte_offset(shown, static_cast<std::size_t>(precision_)));
    pad("", shown, false);
  }

  static std::string ascii_only(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
      const char32_t c = next_code_point(text, at);
      char buffer[16];
      const char* form = c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x";
      if (c < 0x80) {
        out += static_cast<char>(c);
      } else {
        std::snprintf(buffer, sizeof buffer, form, static_cast<unsigned>(c));
        out += buffer;
      }
    }
    return out;
  }

  void convert_character(const Value& value) {
    std::string character;
    if (value.is_string() && length(value.text()) == 1) {
      character = value.text();
    } else if (value.is_int() && value.as_int() >= 0 && value.as_int() <= 0x10FFFF &&
               (value.as_int() < 0xD800 || value.as_int() > 0xDFFF)) {
      append_utf8(character, static_cast<char32_t>(value.as_int()));
    } else {
      r_.fail("'%c' needs one character or its number");
      return;
    }
    pad("", character, false);
  }

  std::string_view sign_of(bool negative) const {
    return negative ? "-" : has('+') ? "+" : has(' ') ? " " : "";
  }

  void convert_integer(char letter, const Value& value) {
    const bool decimal = letter == 'd' || letter == 'i' || letter == 'u';
    std::int64_t number = 0;
    if (value.is_int() || value.is_bool()) {
      number = value.as_int();
    } else if (decimal && value.is_float() && std::fabs(value.as_float()) < 9.2e18) {
      number = static_cast<std::int64_t>(value.as_float());
    } else if (decimal && value.type() == Type::kBigInt) {
      const bool negative = value.text().starts_with('-');
      return pad(sign_of(negative), value.text().substr(negative ? 1 : 0), true);
    } else {
      r_.fail(std::string("'%") + letter + "' needs " + (decimal ? "a number" : "an integer") +
              ", not " + std::string(type_phrase(value)));
      return;
    }
    const auto magnitude =
        number < 0 ? ~static_cast<std::uint64_t>(number) + 1 : static_cast<std::uint64_t>(number);
    char buffer[32];
    const char* form = letter == 'o'   ? "%llo"
                       : letter == 'x' ? "%llx"
                       : letter == 'X' ? "%llX"
                                       : "%llu";
    std::snprintf(buffer, sizeof buffer, form, static_cast<unsigned long long>(magnitude));
    std::string digits(buffer);
    if (precision_ > static_cast<std::int64_t>(digits.size())) {
      digits.insert(0, static_cast<std::size_t>(precision_) - digits.size(), '0');
    }
    std::string sign(sign_of(number < 0));
    if (has('#') && !decimal) sign += letter == 'o' ? "0o" : letter == 'x' ? "0x" : "0X";
    pad(sign, digits, true);
  }

  void convert_float(char letter, const Value& value) {
    double number = 0;
    if (value.is_float()) {
      number = value.as_float();
    } else if (value.is_int() || value.is_bool()) {
      number = static_cast<double>(value.as_int());
    } else if (value.type() == Type::kBigInt) {
      number = parse_float(value.text()).value_or(0);
    } else {
      r_.fail(std::string("'%") + letter + "' needs a number, not " +
              std::string(type_phrase(value)));
      return;
    }
    const bool upper = letter == 'E' || letter == 'F' || letter == 'G';
    std::string digits;
    if (std::isfinite(number)) {
      char form[8] = {'%', '.', '*', letter, '\0'};
      if (has('#')) std::snprintf(form, sizeof form, "%%#.*%c", letter);
      const int precision = precision_ < 0 ? 6 : static_cast<int>(precision_);
      const int size = std::snprintf(nullptr, 0, form, precision, std::fabs(number));
      digits.resize(static_cast<std::size_t>(size) + 1);
      std::snprintf(digits.data(), digits.size(), form, precision, std::fabs(number));
      digits.pop_back();
    } else {
      digits = std::isnan(number) ? (upper ? "NAN" : "nan") : (upper ? "INF" : "inf");
    }
    pad(sign_of(std::signbit(number) && !std::isnan(number)), digits, true);
  }

  Renderer& r_;
  const Value& format_;
  std::string_view text_;
  const Value& arguments_;
  bool is_tuple_;
  std::size_t at_ = 0;
  std::size_t used_ = 0;
  std::optional<Value> key_;
  std::string flags_;
  std::int64_t width_ = 0;
  std::int64_t precision_ = -1;
  std::string out_;
};

}  // namespace

Value format_printf(Renderer& renderer, const Value& format, const Value& arguments) {
  return Formatter(renderer, format, arguments).run();
}

}  // namespace sighter::text::jinja
