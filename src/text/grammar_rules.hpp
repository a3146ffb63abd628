#pragma once
// The rules of one GBNF grammar while it is built, and the parts that every grammar of JSON needs.
// Private to this room.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "text/regex_ecma.hpp"

namespace sighter::text {

// Expressions are GBNF text. An atom is an expression that a repetition can stand behind.
class GrammarRules {
 public:
  // The name of a rule with that body: an old one when there is one. `hint` becomes part of the
  // name.
  std::string add(std::string_view hint, std::string body);
  // A name whose body comes later (for recursion).
  std::string reserve(std::string_view hint);
  void define(const std::string& name, std::string body);
  std::size_t size() const { return rules_.size(); }
  // All rules, "root" first.
  std::string text(const std::string& root) const;

  // ---- parts of JSON
  std::string comma();  // "," and perhaps a space
  std::string colon();
  std::string any_char();    // one character of a string, as written in JSON
  std::string any_string();  // with its quotes
  std::string any_number();
  std::string any_value();
  // An array or object of `atom`s: at least `least`, at most `most` of them, commas between.
  std::string list(const std::string& atom, std::size_t least, std::optional<std::size_t> most);

 private:
  std::vector<std::pair<std::string, std::string>> rules_;
  std::unordered_map<std::string, std::string> by_body_;
  std::unordered_map<std::string, int> names_;
  std::string any_;  // the name of any_value's rule
};

// "text" as a GBNF literal.
std::string gbnf_literal(std::string_view text);
// [a-z\x2D] for ranges that are not empty.
std::string gbnf_class(const std::vector<CodeRange>& ranges);
// atom{least,most}, atom*, atom+, atom? ...; `atom` for 1 to 1.
std::string gbnf_repeat(const std::string& atom, std::size_t least,
                        std::optional<std::size_t> most);
// Matches nothing.
std::string gbnf_never();

// grammar_number.cpp. Integers from least to most, written plainly; an expression with "|".
struct IntegerBounds {
  std::optional<long long> least, most;
};
std::string integer_expression(IntegerBounds bounds);
// Decimals between bounds that are integers, with at most `digits` (1 to 16) behind the point.
struct NumberBounds {
  std::optional<long long> least, most;
  bool above = false;  // more than least, not equal to it
  bool below = false;
};
std::string number_expression(GrammarRules& rules, NumberBounds bounds, int digits);

// grammar_pattern.cpp. What is between the quotes of a JSON string that matches the pattern;
// nullopt where that cannot be said as a grammar.
struct PatternExpression {
  std::string expression;
  std::size_t least = 0;            // characters
  std::optional<std::size_t> most;  // nullopt: no end
};
std::optional<PatternExpression> pattern_expression(GrammarRules& rules, std::string_view pattern);
// One character out of the ranges, as json_write writes it; an atom.
std::string json_char(GrammarRules& rules, const std::vector<CodeRange>& ranges);
// The same text as it stands between the quotes of a JSON string.
std::string json_inside(std::string_view text);
// Any JSON string's inside but those names; nullopt when they are too long together.
std::optional<std::string> other_names(GrammarRules& rules, const std::vector<std::string>& names);
// The inside of a string of that format (date, time, date-time, uuid, ipv4), or nullopt.
std::optional<std::string> format_expression(GrammarRules& rules, std::string_view format);

}  // namespace sighter::text
