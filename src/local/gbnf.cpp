#include "local/gbnf.hpp"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/similar.hpp"
#include "base/text_position.hpp"
#include "base/utf8.hpp"

namespace sighter::local {

namespace {

constexpr int kNestingMax = 128;
constexpr long kRepetitionsMax = 2000;

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// Recursive descent; every step returns false once a mistake was noted.
class Checker {
 public:
  explicit Checker(std::string_view text) : text_(text) {}

  Status check(std::string_view root) {
    if (const auto bad = find_invalid_utf8(text_)) return mistake_at(*bad, "not UTF-8");
    if (const auto nul = text_.find('\0'); nul != text_.npos)
      return mistake_at(nul, "a NUL character");
    space(true);
    while (!end())
      if (!rule()) return mistake_at(mistake_, what_);
    for (const auto& [name, at] : used_)
      if (!defined_.contains(name))
        return mistake_at(at, fmt::format("there is no rule '{}'", name), suggest(name));
    if (!defined_.contains(std::string(root)))
      return fail(
          Kind::kInvalid, fmt::format("bad grammar: there is no rule '{}' to start with", root),
          defined_.empty() ? "write one: root ::= \"yes\" | \"no\"" : suggest(std::string(root)));
    return {};
  }

 private:
  bool end() const { return at_ >= text_.size(); }
  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  bool wrong(std::string what) {
    mistake_ = at_;
    what_ = std::move(what);
    return false;
  }

  Status mistake_at(std::size_t offset, std::string_view what, std::string hint = {}) const {
    return fail(Kind::kInvalid,
                fmt::format("bad grammar: {}: {}", at("grammar", position_at(text_, offset)), what),
                std::move(hint));
  }

  std::string suggest(const std::string& name) const {
    return did_you_mean(name, std::vector<std::string>(defined_.begin(), defined_.end()));
  }

  void space(bool lines) {
    while (!end()) {
      const char c = peek();
      if (c == '#') {
        while (!end() && peek() != '\n' && peek() != '\r') ++at_;
      } else if (c == ' ' || c == '\t' || (lines && (c == '\n' || c == '\r'))) {
        ++at_;
      } else {
        return;
      }
    }
  }

  std::string name() {
    const std::size_t start = at_;
    while (is_name_char(peek())) ++at_;
    return std::string(text_.substr(start, at_ - start));
  }

  bool rule() {
    const std::size_t start = at_;
    const std::string defined = name();
    if (defined.empty()) return wrong("expected the name of a rule (letters, digits and -)");
    space(false);
    if (text_.substr(at_, 3) != "::=") return wrong("expected ::= behind the name of the rule");
    if (!defined_.insert(defined).second) {
      at_ = start;
      return wrong(fmt::format("rule '{}' is defined twice", defined));
    }
    at_ += 3;
    space(true);
    if (!alternatives(0)) return false;
    if (!end() && peek() != '\n' && peek() != '\r')
      return wrong(fmt::format("expected the end of the line, found '{}'", peek()));
    space(true);
    return true;
  }

  bool alternatives(int depth) {
    if (depth > kNestingMax) return wrong("parentheses are nested too deep");
    while (true) {
      if (!sequence(depth)) return false;
      if (peek() != '|') return true;
      ++at_;
      space(true);
    }
  }

  bool sequence(int depth) {
    bool repeatable = false;
    while (!end()) {
      const char c = peek();
      if (c == '*' || c == '+' || c == '?' || c == '{') {
        if (!repeatable) return wrong(fmt::format("'{}' has nothing before it to repeat", c));
        if (!repetition()) return false;
      } else {
        const auto found = element(c, depth);
        if (!found) return false;
        if (!*found) return true;
        repeatable = true;
      }
      space(depth > 0);
    }
    return true;
  }

  // nullopt: a mistake; false: no element begins here.
  std::optional<bool> element(char c, int depth) {
    bool good = true;
    if (c == '"') {
      good = quoted();
    } else if (c == '[') {
      good = characters();
    } else if (c == '(') {
      good = group(depth);
    } else if (c == '<' || c == '!') {
      good = special();
    } else if (c == '.') {
      ++at_;
    } else if (is_name_char(c)) {
      const std::size_t start = at_;
      used_.emplace(name(), start);
    } else {
      return false;
    }
    return good ? std::optional(true) : std::nullopt;
  }

  bool repetition() {
    if (peek() != '{') {
      ++at_;
      return true;
    }
    ++at_;
    space(false);
    long least = 0, most = 0;
    if (!count(least)) return false;
    space(false);
    if (peek() == ',') {
      ++at_;
      space(false);
      most = least;
      if (is_digit(peek()) && !count(most)) return false;
      space(false);
      if (most < least)
        return wrong(fmt::format("at least {} and at most {} is impossible", least, most));
    }
    if (peek() != '}') return wrong("expected } behind the number of repetitions");
    ++at_;
    return true;
  }

  bool count(long& out) {
    if (!is_digit(peek())) return wrong("expected a number of repetitions");
    for (out = 0; is_digit(peek()); ++at_) {
      out = out * 10 + (peek() - '0');
      if (out > kRepetitionsMax)
        return wrong(fmt::format("more than {} repetitions", kRepetitionsMax));
    }
    return true;
  }

  bool group(int depth) {
    const std::size_t start = at_++;
    space(true);
    if (!alternatives(depth + 1)) return false;
    if (peek() == ')') {
      ++at_;
      return true;
    }
    if (end()) at_ = start;
    return wrong(end() || at_ == start ? "this ( is never closed"
                                       : fmt::format("expected ) or |, found '{}'", peek()));
  }

  bool quoted() {
    const std::size_t start = at_++;
    while (!end() && peek() != '"')
      if (!character()) return false;
    return closed(start, "this text is never closed");
  }

  bool characters() {
    const std::size_t start = at_++;
    if (peek() == '^') ++at_;
    while (!end() && peek() != ']') {
      if (!character()) return false;
      if (peek() == '-' && peek(1) != ']') {
        ++at_;
        if (end() || !character()) return end() ? closed(start, "this [ is never closed") : false;
      }
    }
    return closed(start, "this [ is never closed");
  }

  bool special() {
    const std::size_t start = at_;
    if (peek() == '!') ++at_;
    if (peek() != '<') return wrong("expected < behind !");
    while (!end() && peek() != '>' && peek() != '\n') ++at_;
    if (peek() == '\n') at_ = text_.size();
    return closed(start, "this < is never closed");
  }

  bool closed(std::size_t start, std::string_view otherwise) {
    if (!end()) {
      ++at_;
      return true;
    }
    at_ = start;
    return wrong(std::string(otherwise));
  }

  // One character, or an escape.
  bool character() {
    if (peek() != '\\') {
      next_code_point(text_, at_);
      return true;
    }
    const char kind = peek(1);
    const int digits = kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
    if (digits == 0 && std::string_view("trn\\\"[]-").find(kind) == std::string_view::npos)
      return wrong(fmt::format("unknown escape \\{}", kind == '\0' ? ' ' : kind));
    for (int i = 0; i < digits; ++i)
      if (!is_hex(peek(2 + static_cast<std::size_t>(i))))
        return wrong(fmt::format("\\{} needs {} hexadecimal digits", kind, digits));
    at_ += 2 + static_cast<std::size_t>(digits);
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t mistake_ = 0;
  std::string what_;
  std::set<std::string> defined_;
  std::map<std::string, std::size_t> used_;  // where first
};

}  // namespace

Status check_grammar(std::string_view grammar, std::string_view root) {
  return Checker(grammar).check(root);
}

}  // namespace sighter::local
