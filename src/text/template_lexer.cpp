#include "text/template_lexer.hpp"

#include <charconv>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/text_position.hpp"
#include "base/utf8.hpp"
#include "text/template_dialect.hpp"
#include "text/template_unicode.hpp"

namespace sighter::text::jinja {

std::string where(const Unit& unit, std::size_t offset) {
  return sighter::at(unit.origin, position_at(unit.source, offset));
}

std::string normalized_source(std::string_view source, bool keep_trailing_newline) {
  if (source.starts_with("\xEF\xBB\xBF")) source.remove_prefix(3);
  std::string out;
  out.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      out += source[i];
    }
  }
  if (!keep_trailing_newline && out.ends_with('\n')) out.pop_back();
  return out;
}

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

class Lexer {
 public:
  Lexer(Unit& unit, const TemplateOptions& options)
      : unit_(unit), options_(options), dialect_(dialect_table(options)), source_(unit.source) {}

  Result<std::vector<Token>> run() {
    while (!error_ && at_ < source_.size()) text();
    if (error_) return std::unexpected(*error_);
    push(Token::Kind::kEnd, source_.size(), {});
    return std::move(tokens_);
  }

 private:
  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0';
  }
  bool looking_at(std::string_view text) const { return source_.substr(at_).starts_with(text); }

  void fail_at(std::size_t offset, std::string what, std::string hint = {}) {
    if (error_) return;
    error_ = Error{Kind::kInvalid, where(unit_, offset) + ": " + std::move(what), std::move(hint)};
    at_ = source_.size();
  }

  Token& push(Token::Kind kind, std::size_t at, std::string_view text) {
    Token token;
    token.kind = kind;
    token.at = static_cast<std::uint32_t>(at);
    token.text = text;
    return tokens_.emplace_back(token);
  }

  void skip_space() {
    while (at_ < source_.size()) {
      std::size_t next = at_;
      if (!is_space(next_code_point(source_, next))) return;
      at_ = next;
    }
  }

  // White-space control in front of a tag: what is left of the text between the last tag and it.
  std::string_view stripped(std::string_view data, char sign, bool is_variable) const {
    if (sign == '-') return strip_right(data);
    if (sign == '+' || is_variable || !options_.lstrip_blocks) return data;
    const std::size_t line = data.rfind('\n') + 1;  // npos + 1 == 0
    if (line == 0 && !line_starts_) return data;
    return strip_left(data.substr(line)).empty() ? data.substr(0, line) : data;
  }

  // The end of a tag, at at_: "%}", "-%}", "+%}"; moves behind it and the space that it eats.
  bool tag_end(std::string_view mark, bool trims, bool takes_plus) {
    const char sign = peek();
    const bool signed_end = (sign == '-' || (takes_plus && sign == '+'));
    if (!source_.substr(at_ + (signed_end ? 1 : 0)).starts_with(mark)) return false;
    at_ += mark.size() + (signed_end ? 1 : 0);
    if (signed_end && sign == '-') {
      skip_space();
    } else if (!signed_end && trims && peek() == '\n') {
      ++at_;
    }
    line_starts_ = source_[at_ - 1] == '\n';
    return true;
  }

  void text() {
    const std::size_t start = at_;
    std::size_t brace = start;
    for (;; ++brace) {
      brace = source_.find('{', brace);
      if (brace == std::string_view::npos || brace + 1 >= source_.size()) {
        push(Token::Kind::kData, start, source_.substr(start));
        at_ = source_.size();
        return;
      }
      const char next = source_[brace + 1];
      if (next == '{' || next == '%' || next == '#') break;
    }
    const char which = source_[brace + 1];
    at_ = brace + 2;
    const char sign = peek() == '-' || peek() == '+' ? peek() : '\0';
    if (sign != '\0') ++at_;
    const auto data = stripped(source_.substr(start, brace - start), sign, which == '{');
    if (!data.empty()) push(Token::Kind::kData, start, data);
    if (which == '#') {
      comment(brace);
    } else if (which == '%' && raw_begins()) {
      raw(brace);
    } else {
      tag(brace, which == '{');
    }
  }

  void comment(std::size_t begin) {
    const std::size_t end = source_.find("#}", at_);
    if (end == std::string_view::npos) {
      return fail_at(begin, "the comment is not closed", "close it with #}");
    }
    const bool signed_end = end > at_ && (source_[end - 1] == '-' || source_[end - 1] == '+');
    at_ = signed_end ? end - 1 : end;
    tag_end("#}", options_.trim_blocks, true);
  }

  bool raw_begins() {
    const std::size_t start = at_;
    skip_space();
    raw_word_ = dialect_.verbatim && looking_at("verbatim") ? "verbatim" : "raw";
    if (looking_at(raw_word_)) {
      at_ += raw_word_.size();
      skip_space();
      if (tag_end("%}", false, true)) return true;
    }
    at_ = start;
    return false;
  }

  void raw(std::size_t begin) {
    const std::size_t start = at_;
    for (std::size_t tag = source_.find("{%", at_); tag != std::string_view::npos;
         tag = source_.find("{%", tag + 1)) {
      at_ = tag + 2;
      const char sign = peek() == '-' || peek() == '+' ? peek() : '\0';
      if (sign != '\0') ++at_;
      skip_space();
      if (!looking_at("end") || !source_.substr(at_ + 3).starts_with(raw_word_)) continue;
      at_ += 3 + raw_word_.size();
      skip_space();
      const bool started = line_starts_;
      if (!tag_end("%}", options_.trim_blocks, true)) continue;
      const bool starts = std::exchange(line_starts_, started);
      const auto data = stripped(source_.substr(start, tag - start), sign, false);
      line_starts_ = starts;
      if (!data.empty()) push(Token::Kind::kData, start, data);
      return;
    }
    const std::string word(raw_word_);
    fail_at(begin, "'" + word + "' is not closed", "close it with {% end" + word + " %}");
  }

  void tag(std::size_t begin, bool is_variable) {
    push(is_variable ? Token::Kind::kVariableBegin : Token::Kind::kBlockBegin, begin,
         source_.substr(begin, 2));
    closers_.clear();
    while (!error_) {
      const std::size_t start = at_;
      if (closers_.empty()) {
        if (is_variable ? tag_end("}}", false, false) : tag_end("%}", options_.trim_blocks, true)) {
          push(is_variable ? Token::Kind::kVariableEnd : Token::Kind::kBlockEnd, start,
               is_variable ? "}}" : "%}");
          return;
        }
      }
      if (at_ >= source_.size()) {
        return fail_at(begin, is_variable ? "'{{' is not closed" : "'{%' is not closed",
                       closers_.empty() ? is_variable ? "close it with }}" : "close it with %}"
                                        : std::string("a '") + closers_.back() + "' is missing");
      }
      skip_space();
      if (at_ == start) token();
    }
  }

  void token() {
    const char c = peek();
    if (is_digit(c)) return number();
    if (c == '"' || c == '\'') return string();
    if (c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80) != 0) {
      return name();
    }
    operation();
  }

  void name() {
    const std::size_t start = at_;
    if (dialect_.regex_literals && looking_at("r/"))
      return fail_at(start, "a regular expression is not supported",
                     "test for text with 'in', or prepare the value before the template");
    while (at_ < source_.size()) {
      std::size_t next = at_;
      const char32_t c = next_code_point(source_, next);
      if (!is_word(c)) break;
      at_ = next;
    }
    if (at_ == start) {
      std::size_t next = at_;
      const char32_t c = next_code_point(source_, next);
      const bool quote = c >= 0x2018 && c <= 0x201F;
      return fail_at(
          start, "unexpected character '" + std::string(source_.substr(start, next - start)) + "'",
          quote ? "typographic quotes do not quote: write ' or \"" : "");
    }
    push(Token::Kind::kName, start, source_.substr(start, at_ - start));
  }

  // Digits with single underscores between them, of the given base.
  std::string digits(int base) {
    std::string out;
    while (at_ < source_.size()) {
      std::size_t i = at_;
      if (source_[i] == '_' && i + 1 < source_.size()) ++i;
      const int value = hex_value(source_[i]);
      if (value < 0 || value >= base || (out.empty() && i != at_ && base == 10)) break;
      out += source_[i];
      at_ = i + 1;
    }
    return out;
  }

  void number() {
    const std::size_t start = at_;
    if (peek() == '0' && at_ + 2 <= source_.size()) {
      const char letter = static_cast<char>(peek(1) | 0x20);
      const int base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
      if (base != 0) {
        at_ += 2;
        const std::string value = digits(base);
        if (!value.empty()) return integer(start, value, base);
        at_ = start;
      }
    }
    std::string value = digits(10);
    const bool may_be_float = start == 0 || source_[start - 1] != '.';
    const std::size_t whole_end = at_;
    bool is_float = false;
    if (may_be_float && peek() == '.' && is_digit(peek(1))) {
      ++at_;
      value += '.' + digits(10);
      is_float = true;
    }
    if (may_be_float && (peek() | 0x20) == 'e') {
      const std::size_t sign = peek(1) == '+' || peek(1) == '-' ? 1 : 0;
      if (is_digit(peek(1 + sign))) {
        value += 'e';
        if (sign != 0) value += peek(1);
        at_ += 1 + sign;
        value += digits(10);
        is_float = true;
      }
    }
    if (is_float) {
      Token& token = push(Token::Kind::kFloat, start, source_.substr(start, at_ - start));
      token.number = std::strtod(value.c_str(), nullptr);
      return;
    }
    at_ = whole_end;
    if (value.size() > 1 && value.front() == '0' &&
        value.find_first_not_of('0') != std::string::npos) {
      return fail_at(start, "an integer does not start with 0");
    }
    integer(start, value, 10);
  }

  void integer(std::size_t start, const std::string& digits_of, int base) {
    Token& token = push(Token::Kind::kInteger, start, source_.substr(start, at_ - start));
    const auto result =
        std::from_chars(digits_of.data(), digits_of.data() + digits_of.size(), token.integer, base);
    if (result.ec != std::errc()) {
      fail_at(start, "the integer does not fit into 64 bits", "write it as a float or a string");
    }
  }

  void string() {
    const std::size_t start = at_;
    const char quote = peek();
    ++at_;
    bool escapes = false;
    while (at_ < source_.size() && source_[at_] != quote) {
      if (source_[at_] == '\\') {
        escapes = true;
        ++at_;
      }
      ++at_;
    }
    if (at_ >= source_.size()) return fail_at(start, "the string is not closed");
    std::string_view content = source_.substr(start + 1, at_ - start - 1);
    ++at_;
    if (escapes) {
      std::string text;
      if (!unescape(content, start + 1, text)) return;
      content = unit_.strings.emplace_back(std::move(text));
    }
    push(Token::Kind::kString, start, content);
  }

  // Up to `size` digits of `base` from `i`; the number read, or -1 when there is none.
  static std::int64_t escaped_digits(std::string_view text, std::size_t& i, std::size_t size,
                                     int base) {
    std::int64_t value = -1;
    for (std::size_t n = 0; n < size && i < text.size(); ++n, ++i) {
      const int digit = hex_value(text[i]);
      if (digit < 0 || digit >= base) break;
      value = (value < 0 ? 0 : value) * base + digit;
    }
    return value;
  }

  bool unescape(std::string_view text, std::size_t offset, std::string& out) {
    for (std::size_t i = 0; i < text.size();) {
      if (text[i] != '\\') {
        out += text[i++];
        continue;
      }
      const std::size_t escape = i++;
      const char c = text[i++];
      if (dialect_.plain_escapes) {
        out += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
        continue;
      }
      static constexpr std::string_view kFrom = "abfnrtv\\'\"";
      static constexpr std::string_view kTo = "\a\b\f\n\r\t\v\\'\"";
      if (const std::size_t simple = kFrom.find(c); simple != std::string_view::npos) {
        out += kTo[simple];
      } else if (c == '\n') {
        continue;
      } else if (c >= '0' && c <= '7') {
        --i;
        append_utf8(out, static_cast<char32_t>(escaped_digits(text, i, 3, 8)));
      } else if (c == 'x' || c == 'u' || c == 'U') {
        const std::size_t size = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        const std::size_t first = i;
        const std::int64_t value = escaped_digits(text, i, size, 16);
        if (i - first != size || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) {
          fail_at(offset + escape, std::string("'\\") + c + "' needs " + std::to_string(size) +
                                       " hexadecimal digits of a character");
          return false;
        }
        append_utf8(out, static_cast<char32_t>(value));
      } else if (c == 'N') {
        fail_at(offset + escape, "'\\N{...}' is not supported", "write the character itself");
        return false;
      } else {
        out += '\\';
        out += c;
      }
    }
    return true;
  }

  void operation() {
    static constexpr std::string_view kTwo[] = {"//", "==", "!=", ">=", "<=", "**"};
    static constexpr std::string_view kOne = "+-/*%~[](){}><=.:|,;";
    const std::size_t start = at_;
    for (const std::string_view three : {"===", "!=="}) {
      if (!dialect_.strict_equality || !looking_at(three)) continue;
      at_ += 3;
      push(Token::Kind::kOperator, start, three);
      return;
    }
    for (const std::string_view two : kTwo) {
      if (!looking_at(two)) continue;
      at_ += 2;
      push(Token::Kind::kOperator, start, two);
      return;
    }
    const char c = peek();
    if (kOne.find(c) == std::string_view::npos) {
      const char* hint = c == '&' ? "write 'and'" : c == '!' ? "write 'not'" : "";
      return fail_at(start, std::string("unexpected character '") + c + "'", hint);
    }
    if (c == '(' || c == '[' || c == '{') {
      closers_.push_back(c == '(' ? ')' : c == '[' ? ']' : '}');
    } else if (c == ')' || c == ']' || c == '}') {
      if (closers_.empty()) return fail_at(start, std::string("unexpected '") + c + "'");
      if (closers_.back() != c) {
        return fail_at(start,
                       std::string("unexpected '") + c + "', expected '" + closers_.back() + "'");
      }
      closers_.pop_back();
    }
    ++at_;
    push(Token::Kind::kOperator, start, source_.substr(start, 1));
  }

  Unit& unit_;
  const TemplateOptions& options_;
  const DialectTable& dialect_;
  std::string_view source_;
  std::size_t at_ = 0;
  std::string_view raw_word_ = "raw";  // the one that opened the raw text
  bool line_starts_ = true;            // the last tag's end took the line break behind it
  std::string closers_;                // brackets that are open in this tag
  std::vector<Token> tokens_;
  std::optional<Error> error_;
};

}  // namespace

Result<std::vector<Token>> tokenize(Unit& unit, const TemplateOptions& options) {
  return Lexer(unit, options).run();
}

}  // namespace sighter::text::jinja
