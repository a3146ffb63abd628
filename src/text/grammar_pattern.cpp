// Strings: characters as JSON writes them, regular expressions, formats, names that are not taken.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/json.hpp"
#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "text/grammar_rules.hpp"

namespace sighter::text {
namespace {

using NodeKind = RegexNode::Kind;

constexpr std::size_t kNamesBytesMax = 1'000;

// What stands for itself inside a JSON string: no control character, quote, backslash or surrogate.
const std::vector<CodeRange> kPlain = {
    {0x20, 0x21}, {0x23, 0x5B}, {0x5D, 0xD7FF}, {0xE000, kCodePointMax}};

std::vector<CodeRange> both(const std::vector<CodeRange>& a, const std::vector<CodeRange>& b) {
  std::vector<CodeRange> out;
  for (const CodeRange& x : a) {
    for (const CodeRange& y : b) {
      const CodeRange common{std::max(x.low, y.low), std::min(x.high, y.high)};
      if (common.low <= common.high) out.push_back(common);
    }
  }
  return normal_ranges(std::move(out));
}

bool holds(const std::vector<CodeRange>& ranges, char32_t c) {
  return std::ranges::any_of(ranges, [c](const CodeRange& r) { return r.low <= c && c <= r.high; });
}

struct Length {
  std::size_t least = 0;
  std::optional<std::size_t> most = 0;
};

// Turns a regular expression into an expression of the grammar; gives up by ok_ = false.
class Pattern {
 public:
  explicit Pattern(GrammarRules& rules) : rules_(rules) {}

  std::optional<PatternExpression> whole(const RegexNode& node) {
    Length length;
    std::string out = top(node, length);
    if (!ok_) return std::nullopt;
    return PatternExpression{std::move(out), length.least, length.most};
  }

 private:
  std::string give_up() {
    ok_ = false;
    return "";
  }

  static const RegexNode& bare(const RegexNode& node) {
    const bool wrapper =
        node.kind == NodeKind::kCapture || (node.kind == NodeKind::kFlags && !node.ignore_case);
    return wrapper ? bare(node.children[0]) : node;
  }

  // Anchors are understood at the ends of the whole pattern and of its alternatives.
  std::string top(const RegexNode& outer, Length& length) {
    const RegexNode& node = bare(outer);
    if (node.kind == NodeKind::kAlternate) {
      std::string out;
      for (std::size_t i = 0; i < node.children.size(); ++i) {
        Length one;
        out += (i ? " | " : "") + top(node.children[i], one);
        widen(length, one, i == 0);
      }
      return "(" + out + ")";
    }
    std::vector<const RegexNode*> parts;
    if (node.kind == NodeKind::kConcat) {
      for (const RegexNode& child : node.children) parts.push_back(&child);
    } else {
      parts.push_back(&node);
    }
    const bool begins = !parts.empty() && parts.front()->kind == NodeKind::kTextBegin;
    if (begins) parts.erase(parts.begin());
    const bool ends = !parts.empty() && parts.back()->kind == NodeKind::kTextEnd;
    if (ends) parts.pop_back();
    std::string out = sequence(parts, length);
    if (!begins) out = rules_.any_char() + "* " + out;
    if (!ends) out += " " + rules_.any_char() + "*";
    if (!begins || !ends) length.most = std::nullopt;
    return out;
  }

  static void widen(Length& all, const Length& one, bool first) {
    all.least = first ? one.least : std::min(all.least, one.least);
    if (first)
      all.most = one.most;
    else if (all.most && one.most)
      all.most = std::max(*all.most, *one.most);
    else
      all.most = std::nullopt;
  }
  static void append(Length& all, const Length& one) {
    all.least += one.least;
    if (all.most && one.most)
      *all.most += *one.most;
    else
      all.most = std::nullopt;
  }

  static std::optional<char32_t> single(const RegexNode& node) {
    const bool one = node.kind == NodeKind::kSet && !node.set.negated &&
                     node.set.properties.empty() && node.set.ranges.size() == 1 &&
                     node.set.ranges[0].low == node.set.ranges[0].high;
    return one ? std::optional(node.set.ranges[0].low) : std::nullopt;
  }

  std::string sequence(const std::vector<const RegexNode*>& parts, Length& length) {
    std::string out;
    std::string literal;
    const auto flush = [&] {
      if (!literal.empty()) out += (out.empty() ? "" : " ") + gbnf_literal(json_inside(literal));
      literal.clear();
    };
    for (const RegexNode* part : parts) {
      if (const auto c = single(*part)) {
        append_utf8(literal, *c);
        append(length, {1, 1});
        continue;
      }
      flush();
      Length one;
      const std::string text = expression(*part, one);
      append(length, one);
      out += (out.empty() ? "" : " ") + text;
    }
    flush();
    return out.empty() ? "\"\"" : out;
  }

  std::string expression(const RegexNode& node, Length& length) {
    switch (node.kind) {
      case NodeKind::kEmpty:
        return "\"\"";
      case NodeKind::kSet:
        return set(node.set, length);
      case NodeKind::kConcat: {
        std::vector<const RegexNode*> parts;
        for (const RegexNode& child : node.children) parts.push_back(&child);
        return sequence(parts, length);
      }
      case NodeKind::kAlternate: {
        std::string out;
        for (std::size_t i = 0; i < node.children.size(); ++i) {
          Length one;
          out += (i ? " | " : "") + expression(node.children[i], one);
          widen(length, one, i == 0);
        }
        return "(" + out + ")";
      }
      case NodeKind::kFlags:
        if (node.ignore_case) return give_up();
        return "(" + expression(node.children[0], length) + ")";
      case NodeKind::kCapture:
        return "(" + expression(node.children[0], length) + ")";
      case NodeKind::kRepeat:
        return repeat(node, length);
      default:
        return give_up();
    }
  }

  std::string set(const CodeSet& set, Length& length) {
    length = {1, 1};
    if (!set.properties.empty()) return give_up();
    const std::vector<CodeRange> ranges = normal_ranges(set.ranges);
    const std::vector<CodeRange> all = set.negated ? other_ranges(ranges) : ranges;
    if (all.empty()) return gbnf_never();
    return json_char(rules_, all);
  }

  std::string repeat(const RegexNode& node, Length& length) {
    Length one;
    const std::string body = expression(node.children[0], one);
    const bool endless = node.most == RegexNode::kUnlimited;
    const std::size_t largest = endless ? node.least : node.most;
    // A repetition of what may be empty would be left recursion.
    if (!ok_ || one.least == 0 || largest > limits::kGrammarRepeatMax) return give_up();
    const std::string atom = rules_.add("part", body);
    length.least = one.least * node.least;
    length.most = std::nullopt;
    if (!endless && one.most) length.most = *one.most * node.most;
    if (node.most == 0) return "\"\"";
    return gbnf_repeat(atom, node.least,
                       endless ? std::nullopt : std::optional<std::size_t>(node.most));
  }

  GrammarRules& rules_;
  bool ok_ = true;
};

struct Trie {
  std::map<char32_t, Trie> next;
  bool is_name = false;
};

std::string other_rest(GrammarRules& rules, const Trie& node) {
  std::vector<CodeRange> taken;
  std::vector<std::string> out;
  for (const auto& [c, child] : node.next) {
    taken.push_back({c, c});
    std::string letter;
    append_utf8(letter, c);
    out.push_back(gbnf_literal(letter) + " " + other_rest(rules, child));
  }
  taken = normal_ranges(std::move(taken));
  const std::vector<CodeRange> free = both(kPlain, other_ranges(taken));
  out.push_back(fmt::format("{} {}*", gbnf_class(free), rules.any_char()));
  const std::string body = fmt::format("{}", fmt::join(out, " | "));
  return rules.add("other", node.is_name ? body : "(" + body + ")?");
}

std::string date_rule(GrammarRules& rules) {
  const std::string leap = "(\"0\" [48] | [2468] [048] | [13579] [26])";
  const std::string leap_year =
      rules.add("leap-year", fmt::format("[0-9] [0-9] {} | (\"00\" | {}) \"00\"", leap, leap));
  return rules.add(
      "date",
      fmt::format("[0-9]{{4}} (\"-0\" [13578] | \"-1\" [02]) \"-\" (\"0\" [1-9] | [12] [0-9] | "
                  "\"3\" [01]) | "
                  "[0-9]{{4}} (\"-0\" [469] | \"-11\") \"-\" (\"0\" [1-9] | [12] [0-9] | \"30\") | "
                  "[0-9]{{4}} \"-02-\" (\"0\" [1-9] | \"1\" [0-9] | \"2\" [0-8]) | {} \"-02-29\"",
                  leap_year));
}

std::string time_rule(GrammarRules& rules) {
  return rules.add(
      "time",
      "([01] [0-9] | \"2\" [0-3]) \":\" [0-5] [0-9] \":\" [0-5] [0-9] (\".\" [0-9]{1,9})? "
      "(\"Z\" | [\\x2B\\x2D] ([01] [0-9] | \"2\" [0-3]) \":\" [0-5] [0-9])");
}

}  // namespace

std::string json_inside(std::string_view text) {
  const std::string quoted = json_quote(text);
  return quoted.substr(1, quoted.size() - 2);
}

std::string json_char(GrammarRules& rules, const std::vector<CodeRange>& ranges) {
  std::vector<std::string> out;
  const std::vector<CodeRange> plain = both(normal_ranges(ranges), kPlain);
  if (!plain.empty()) out.push_back(gbnf_class(plain));
  std::vector<CodeRange> brief;      // what follows a backslash
  std::vector<CodeRange> low, high;  // last digit of \u000x and \u001x
  for (char32_t c = 0; c <= '\\'; ++c) {
    if (!holds(ranges, c) || holds(kPlain, c)) continue;
    const std::string written = json_inside(std::string(1, static_cast<char>(c)));
    const auto last = static_cast<char32_t>(written.back());
    if (written.size() == 2)
      brief.push_back({last, last});
    else
      (c < 0x10 ? low : high).push_back({last, last});
  }
  if (!brief.empty()) out.push_back("\"\\\\\" " + gbnf_class(normal_ranges(brief)));
  if (!low.empty()) out.push_back("\"\\\\u000\" " + gbnf_class(normal_ranges(low)));
  if (!high.empty()) out.push_back("\"\\\\u001\" " + gbnf_class(normal_ranges(high)));
  if (out.empty()) return gbnf_never();
  if (out.size() == 1 && !plain.empty()) return out[0];
  return rules.add("char", fmt::format("{}", fmt::join(out, " | ")));
}

std::optional<PatternExpression> pattern_expression(GrammarRules& rules, std::string_view pattern) {
  const Result<RegexTree> tree = parse_ecma_regex(pattern, {});
  if (!tree || tree->ignore_case) return std::nullopt;
  return Pattern(rules).whole(tree->root);
}

std::optional<std::string> other_names(GrammarRules& rules, const std::vector<std::string>& names) {
  Trie root;
  std::size_t bytes = 0;
  for (const std::string& name : names) {
    const std::string inside = json_inside(name);
    bytes += inside.size();
    if (inside.size() != name.size() || bytes > kNamesBytesMax) return std::nullopt;
    Trie* node = &root;
    for (std::size_t at = 0; at < inside.size();) node = &node->next[next_code_point(inside, at)];
    node->is_name = true;
  }
  return other_rest(rules, root);
}

std::optional<std::string> format_expression(GrammarRules& rules, std::string_view format) {
  if (format == "date") return date_rule(rules);
  if (format == "time") return time_rule(rules);
  if (format == "date-time")
    return fmt::format("({}) \"T\" ({})", date_rule(rules), time_rule(rules));
  if (format == "uuid")
    return "[0-9a-f]{8} \"-\" [0-9a-f]{4} \"-\" [0-9a-f]{4} \"-\" [0-9a-f]{4} \"-\" [0-9a-f]{12}";
  if (format == "ipv4") {
    const std::string byte = rules.add("byte", integer_expression({0, 255}));
    return fmt::format("{0} \".\" {0} \".\" {0} \".\" {0}", byte);
  }
  return std::nullopt;
}

}  // namespace sighter::text
