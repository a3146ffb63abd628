#include "text/grammar_rules.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.hpp"

namespace sighter::text {
namespace {

bool is_plain(char32_t c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string class_member(char32_t c) {
  if (is_plain(c)) return std::string(1, static_cast<char>(c));
  const auto number = static_cast<std::uint32_t>(c);
  if (number <= 0xFF) return fmt::format("\\x{:02X}", number);
  if (number <= 0xFFFF) return fmt::format("\\u{:04X}", number);
  return fmt::format("\\U{:08X}", number);
}

}  // namespace

std::string gbnf_literal(std::string_view text) {
  std::string out = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_code_point(text, at);
    if (c == '"' || c == '\\')
      out += '\\', out += static_cast<char>(c);
    else if (c >= 0x20 && c != 0x7F)
      append_utf8(out, c);
    else if (c == '\n')
      out += "\\n";
    else
      out += class_member(c);
  }
  return out + "\"";
}

std::string gbnf_class(const std::vector<CodeRange>& ranges) {
  std::string out = "[";
  for (const CodeRange& range : ranges) {
    out += class_member(range.low);
    if (range.high > range.low) out += "-" + class_member(range.high);
  }
  return out + "]";
}

std::string gbnf_repeat(const std::string& atom, std::size_t least,
                        std::optional<std::size_t> most) {
  if (!most)
    return least == 0   ? atom + "*"
           : least == 1 ? atom + "+"
                        : fmt::format("{}{{{},}}", atom, least);
  if (least == 1 && *most == 1) return atom;
  if (least == 0 && *most == 1) return atom + "?";
  return least == *most ? fmt::format("{}{{{}}}", atom, least)
                        : fmt::format("{}{{{},{}}}", atom, least, *most);
}

std::string gbnf_never() {
  return "[^\\x00-\\U0010FFFF]";
}

std::string GrammarRules::reserve(std::string_view hint) {
  std::string name;
  for (char c : hint.substr(0, 40)) name += is_plain(static_cast<unsigned char>(c)) ? c : '-';
  if (name.empty() || name == "root") name = "value";
  const int count = names_[name]++;
  if (count > 0) name += fmt::format("-{}", count + 1);
  while (count > 0 && names_.contains(name)) name += "x";
  if (count > 0) names_[name] = 1;
  rules_.emplace_back(name, "");
  return name;
}

void GrammarRules::define(const std::string& name, std::string body) {
  const auto rule = std::ranges::find(rules_, name, &std::pair<std::string, std::string>::first);
  if (rule != rules_.end()) rule->second = std::move(body);
}

std::string GrammarRules::add(std::string_view hint, std::string body) {
  if (const auto known = by_body_.find(body); known != by_body_.end()) return known->second;
  const std::string name = reserve(hint);
  rules_.back().second = body;
  by_body_.emplace(std::move(body), name);
  return name;
}

std::string GrammarRules::text(const std::string& root) const {
  std::string out = "root ::= " + root + "\n";
  for (const auto& [name, body] : rules_)
    out += name + " ::= " + (body.empty() ? "\"\"" : body) + "\n";
  return out;
}

std::string GrammarRules::comma() {
  return add("comma", "\",\" \" \"?");
}
std::string GrammarRules::colon() {
  return add("colon", "\":\" \" \"?");
}
std::string GrammarRules::any_char() {
  return json_char(*this, {{0, kCodePointMax}});
}
std::string GrammarRules::any_string() {
  return add("string", fmt::format("\"\\\"\" {}* \"\\\"\"", any_char()));
}

std::string GrammarRules::any_number() {
  return add(
      "number",
      "\"-\"? (\"0\" | [1-9] [0-9]{0,17}) (\".\" [0-9]{1,16})? ([eE] [\\x2D\\x2B]? [0-9]{1,3})?");
}

std::string GrammarRules::any_value() {
  if (!any_.empty()) return any_;
  any_ = reserve("any");
  const std::string member =
      add("any-member", fmt::format("{} {} {}", any_string(), colon(), any_));
  const std::string object =
      add("any-object", fmt::format("\"{{\" {} \"}}\"", list(member, 0, std::nullopt)));
  const std::string array =
      add("any-array", fmt::format("\"[\" {} \"]\"", list(any_, 0, std::nullopt)));
  define(any_, fmt::format("{} | {} | {} | {} | \"true\" | \"false\" | \"null\"", object, array,
                           any_string(), any_number()));
  return any_;
}

std::string GrammarRules::list(const std::string& atom, std::size_t least,
                               std::optional<std::size_t> most) {
  if (most == 0u) return "\"\"";
  const std::string next = add("next", fmt::format("{} {}", comma(), atom));
  const std::size_t least_next = least > 0 ? least - 1 : 0;
  std::optional<std::size_t> most_next = most;
  if (most_next) --*most_next;
  std::string body = atom;
  if (most_next != 0u) body += " " + gbnf_repeat(next, least_next, most_next);
  return least == 0 ? "(" + body + ")?" : body;
}

}  // namespace sighter::text
