#include "text/regex_ecma.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/limits.hpp"
#include "base/utf8.hpp"

namespace sighter::text {
namespace {

using NodeKind = RegexNode::Kind;

const std::vector<CodeRange> kDigits = {{'0', '9'}};
const std::vector<CodeRange> kWord = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
// WhiteSpace and LineTerminator of ECMA-262.
const std::vector<CodeRange> kSpace = {
    {0x09, 0x0D},     {0x20, 0x20},     {0xA0, 0xA0},     {0x1680, 0x1680}, {0x2000, 0x200A},
    {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
const std::vector<CodeRange> kLineEnds = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};

bool is_digit(char32_t c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char32_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_name_start(char32_t c) {
  return is_letter(c) || c == '_' || c == '$' || c >= 0x80;
}
bool is_name_part(char32_t c) {
  return is_name_start(c) || is_digit(c);
}

std::optional<unsigned> hex_value(char32_t c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

struct Flags {
  bool ignore_case = false;
  bool multi_line = false;
  bool dot_all = false;
};

class Parser {
 public:
  Parser(std::string_view pattern, RegexOptions options)
      : pattern_(pattern), flags_{options.ignore_case, options.multi_line, options.dot_all} {
    for (std::size_t at = 0; at < pattern.size();) text_.push_back(next_code_point(pattern, at));
    if (options.leading_flags) take_leading_flags();
  }

  Result<RegexTree> parse() {
    tree_.ignore_case = flags_.ignore_case;
    RegexNode root = alternatives(0);
    if (!error_ && !done()) mistake("unmatched ')'");
    if (!error_) resolve_names(root);
    if (error_) return std::unexpected(std::move(*error_));
    tree_.root = std::move(root);
    return std::move(tree_);
  }

 private:
  bool done() const { return at_ >= text_.size() || error_; }
  char32_t peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : U'\0';
  }
  bool take(char32_t c) {
    if (done() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool take(std::u32string_view word) {
    if (error_ || !std::u32string_view(text_).substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  void mistake(std::string_view what, std::string hint = {}) {
    if (error_) return;
    const std::string shown =
        pattern_.size() <= 200
            ? std::string(pattern_)
            : std::string(pattern_.substr(0, complete_utf8_prefix(pattern_.substr(0, 200)))) +
                  "...";
    error_ = Error{Kind::kInvalid,
                   fmt::format("regular expression '{}', character {}: {}", shown, at_ + 1, what),
                   std::move(hint)};
  }
  static RegexNode set_of(std::vector<CodeRange> ranges, bool negated = false) {
    RegexNode node;
    node.kind = NodeKind::kSet;
    node.set.ranges = std::move(ranges);
    node.set.negated = negated;
    return node;
  }
  static RegexNode simple(NodeKind kind) {
    RegexNode node;
    node.kind = kind;
    return node;
  }

  void take_leading_flags() {
    std::size_t at = 2;
    if (!std::u32string_view(text_).starts_with(U"(?")) return;
    Flags flags = flags_;
    for (; at < text_.size() && text_[at] != ')'; ++at) {
      if (text_[at] == 'i')
        flags.ignore_case = true;
      else if (text_[at] == 'm')
        flags.multi_line = true;
      else if (text_[at] == 's')
        flags.dot_all = true;
      else if (text_[at] != 'u')
        return;
    }
    if (at >= text_.size() || at == 2) return;
    flags_ = flags;
    at_ = at + 1;
  }

  RegexNode alternatives(std::size_t depth) {
    if (depth > limits::kRegexDepthMax) {
      mistake(fmt::format("more than {} groups within groups", limits::kRegexDepthMax));
      return {};
    }
    std::vector<RegexNode> branches;
    do {
      branches.push_back(sequence(depth));
    } while (take(U'|'));
    if (branches.size() == 1) return std::move(branches.front());
    RegexNode node = simple(NodeKind::kAlternate);
    node.children = std::move(branches);
    return node;
  }

  RegexNode sequence(std::size_t depth) {
    RegexNode node = simple(NodeKind::kConcat);
    while (!done() && peek() != '|' && peek() != ')') node.children.push_back(term(depth));
    if (node.children.empty()) return {};
    if (node.children.size() == 1) {
      RegexNode only = std::move(node.children.front());
      return only;
    }
    return node;
  }

  RegexNode term(std::size_t depth) {
    RegexNode one = atom(depth);
    if (error_) return one;
    std::uint32_t least = 0;
    std::uint32_t most = 0;
    if (!quantifier(least, most)) return one;
    const bool countable = one.kind == NodeKind::kSet || one.kind == NodeKind::kCapture ||
                           one.kind == NodeKind::kBackReference || one.kind == NodeKind::kFlags;
    if (!countable) {
      mistake("nothing to repeat here");
      return one;
    }
    RegexNode node = simple(NodeKind::kRepeat);
    node.least = least;
    node.most = most;
    node.greedy = !take(U'?');
    node.children.push_back(std::move(one));
    std::size_t here = at_;
    if (quantifier(least, most)) {
      at_ = here;
      mistake("two quantifiers after each other");
    }
    return node;
  }

  // Reads * + ? {n} {n,} {n,m}; a brace that is none of these is left alone.
  bool quantifier(std::uint32_t& least, std::uint32_t& most) {
    if (take(U'*')) return least = 0, most = RegexNode::kUnlimited, true;
    if (take(U'+')) return least = 1, most = RegexNode::kUnlimited, true;
    if (take(U'?')) return least = 0, most = 1, true;
    const std::size_t start = at_;
    if (!take(U'{')) return false;
    const auto number = [&]() -> std::optional<std::uint32_t> {
      if (!is_digit(peek())) return std::nullopt;
      std::uint64_t value = 0;
      while (!done() && is_digit(peek()))
        value = std::min<std::uint64_t>(value * 10 + (text_[at_++] - '0'), 1u << 31);
      return static_cast<std::uint32_t>(value);
    };
    const auto low = number();
    std::optional<std::uint32_t> high = low;
    if (low && take(U',')) high = peek() == '}' ? std::optional(RegexNode::kUnlimited) : number();
    if (!low || !high || !take(U'}')) return at_ = start, false;
    if (*high < *low) mistake("the repetition's numbers are in the wrong order");
    least = *low;
    most = *high;
    return true;
  }

  RegexNode atom(std::size_t depth) {
    const char32_t c = peek();
    switch (c) {
      case '(':
        return group(depth);
      case '[':
        ++at_;
        return set();
      case '.':
        ++at_;
        return flags_.dot_all ? set_of({}, true) : set_of(kLineEnds, true);
      case '^':
        ++at_;
        return simple(flags_.multi_line ? NodeKind::kLineBegin : NodeKind::kTextBegin);
      case '$':
        ++at_;
        return simple(flags_.multi_line ? NodeKind::kLineEnd : NodeKind::kTextEnd);
      case '\\':
        return escape();
      case '*':
      case '+':
      case '?':
        mistake("nothing to repeat here");
        return {};
      case '{': {
        std::uint32_t least = 0;
        std::uint32_t most = 0;
        if (quantifier(least, most)) mistake("nothing to repeat here");
        break;
      }
      default:
        break;
    }
    ++at_;
    return set_of({{c, c}});
  }

  RegexNode group(std::size_t depth) {
    ++at_;
    RegexNode node = simple(NodeKind::kCapture);
    const Flags outer = flags_;
    if (take(U"?:")) {
      node.kind = NodeKind::kFlags;
      node.ignore_case = flags_.ignore_case;
    } else if (take(U"?=")) {
      node.kind = NodeKind::kLook;
    } else if (take(U"?!")) {
      node.kind = NodeKind::kLook;
      node.negated = true;
    } else if (take(U"?<=")) {
      node.kind = NodeKind::kLook;
      node.behind = true;
    } else if (take(U"?<!")) {
      node.kind = NodeKind::kLook;
      node.behind = node.negated = true;
    } else if (take(U"?<")) {
      node.index = ++tree_.groups;
      name_group(node.index);
    } else if (take(U"?")) {
      group_flags(node);
    } else {
      node.index = ++tree_.groups;
    }
    node.children.push_back(alternatives(depth + 1));
    flags_ = outer;
    if (!take(U')'))
      mistake("a group is not closed", "add a ')' or write \\( for the character itself");
    return node;
  }

  // (?i: ...), (?s-i: ...): modifiers of ECMA-262, 2025.
  void group_flags(RegexNode& node) {
    node.kind = NodeKind::kFlags;
    bool on = true;
    bool any = false;
    for (; !done() && peek() != ':'; ++at_) {
      const char32_t c = peek();
      if (c == '-' && on)
        on = false;
      else if (c == 'i')
        flags_.ignore_case = on;
      else if (c == 'm')
        flags_.multi_line = on;
      else if (c == 's')
        flags_.dot_all = on;
      else
        break;
      any = true;
    }
    node.ignore_case = flags_.ignore_case;
    if (any && take(U':')) return;
    if (peek() == 'P')
      mistake("(?P is not ECMA-262",
              "write (?<name>...) for a named group and \\k<name> to refer to it");
    else if (any && peek() == ')')
      mistake("flags for the rest of the pattern are not ECMA-262",
              "write (?i:...) around what they are for");
    else
      mistake("unknown kind of group after '(?'", "known: (?: (?= (?! (?<= (?<! (?<name> (?i:");
  }

  std::string name() {
    std::string out;
    if (!is_name_start(peek())) mistake("a group's name begins with a letter, _ or $");
    while (!done() && is_name_part(peek())) append_utf8(out, text_[at_++]);
    if (!take(U'>')) mistake("a group's name ends with '>'");
    return out;
  }

  void name_group(std::size_t index) {
    std::string word = name();
    if (error_) return;
    for (const auto& [known, _] : tree_.names) {
      if (known == word) return mistake(fmt::format("two groups are named '{}'", word));
    }
    tree_.names.emplace_back(std::move(word), index);
  }

  RegexNode escape() {
    ++at_;
    if (at_ >= text_.size()) {
      mistake("a backslash at the end", "write \\\\ for the character itself");
      return {};
    }
    if (take(U'b')) return simple(NodeKind::kWordBoundary);
    if (take(U'B')) return simple(NodeKind::kNotWordBoundary);
    if (peek() == 'k' && peek(1) == '<') {
      at_ += 2;
      RegexNode node = simple(NodeKind::kBackReference);
      waiting_.emplace_back(name(), at_);
      node.index = tree_unresolved_ + waiting_.size();
      return node;
    }
    if (peek() >= '1' && peek() <= '9') {
      RegexNode node = simple(NodeKind::kBackReference);
      std::size_t index = 0;
      while (!done() && is_digit(peek()))
        index = std::min<std::size_t>(index * 10 + (text_[at_++] - '0'), 1u << 20);
      node.index = index;
      highest_reference_ = std::max(highest_reference_, index);
      return node;
    }
    RegexNode node = simple(NodeKind::kSet);
    if (class_escape(node.set)) return node;
    const char32_t c = character_escape(false);
    node.set.ranges = {{c, c}};
    return node;
  }

  // \d \D \w \W \s \S \p{..} \P{..}, added to the set.
  bool class_escape(CodeSet& set) {
    const char32_t c = peek();
    const auto add = [&](const std::vector<CodeRange>& ranges, bool negated) {
      const std::vector<CodeRange> all = negated ? other_ranges(normal_ranges(ranges)) : ranges;
      set.ranges.insert(set.ranges.end(), all.begin(), all.end());
    };
    switch (c) {
      case 'd':
      case 'D':
        add(kDigits, c == 'D');
        break;
      case 'w':
      case 'W':
        add(kWord, c == 'W');
        break;
      case 's':
      case 'S':
        add(kSpace, c == 'S');
        break;
      case 'p':
      case 'P':
        ++at_;
        property(set, c == 'P');
        return true;
      default:
        return false;
    }
    ++at_;
    return true;
  }

  void property(CodeSet& set, bool negated) {
    std::string word;
    if (take(U'{')) {
      while (!done() && peek() != '}') append_utf8(word, text_[at_++]);
      if (!take(U'}')) return mistake("\\p{ is not closed");
    }
    if (Status status = add_code_property(set, word, negated); !status) {
      mistake(status.error().what, status.error().hint);
    }
  }

  char32_t hex_digits(int count) {
    char32_t value = 0;
    for (int i = 0; i < count; ++i) {
      const auto digit = hex_value(peek());
      if (!digit) return mistake(fmt::format("{} hexadecimal digits belong here", count)), value;
      value = value * 16 + *digit;
      ++at_;
    }
    return value;
  }

  char32_t unicode_escape() {
    if (take(U'{')) {
      char32_t value = 0;
      std::size_t digits = 0;
      for (; hex_value(peek()); ++at_, ++digits)
        value = std::min<char32_t>(value * 16 + *hex_value(peek()), 0x110000);
      if (digits == 0 || value > kCodePointMax || !take(U'}'))
        mistake("\\u{ } must hold the number of a character, at most 10FFFF");
      return value;
    }
    char32_t value = hex_digits(4);
    if (value >= 0xD800 && value < 0xDC00 && peek() == '\\' && peek(1) == 'u') {
      const std::size_t start = at_;
      at_ += 2;
      const char32_t low = peek() == '{' ? 0 : hex_digits(4);
      if (low >= 0xDC00 && low < 0xE000) return 0x10000 + ((value - 0xD800) << 10) + (low - 0xDC00);
      at_ = start;
    }
    if (value >= 0xD800 && value < 0xE000)
      mistake("half of a surrogate pair", "write both halves, or \\u{1F600}");
    return value;
  }

  char32_t character_escape(bool in_set) {
    const char32_t c = peek();
    ++at_;
    switch (c) {
      case 't':
        return '\t';
      case 'n':
        return '\n';
      case 'v':
        return '\v';
      case 'f':
        return '\f';
      case 'r':
        return '\r';
      case 'x':
        return hex_digits(2);
      case 'u':
        return unicode_escape();
      case 'b':
        if (in_set) return '\b';
        break;
      case '0':
        if (!is_digit(peek())) return U'\0';
        --at_;
        return mistake("octal escapes are not allowed", "write \\xHH"), c;
      case 'c':
        if (is_letter(peek())) return text_[at_++] % 32;
        --at_;
        return mistake("\\c must be followed by a letter"), c;
      default:
        break;
    }
    if (is_letter(c) || is_digit(c)) {
      --at_;
      std::string shown = "\\";
      append_utf8(shown, c);
      mistake(fmt::format("unknown escape {}", shown),
              c == 'A'               ? "write ^ for the beginning of the text"
              : c == 'Z' || c == 'z' ? "write $ for the end of the text"
                                     : "");
    }
    return c;
  }

  // Behind the '['.
  RegexNode set() {
    RegexNode node = simple(NodeKind::kSet);
    node.set.negated = take(U'^');
    while (!done() && peek() != ']') {
      char32_t low = 0;
      const bool single = set_atom(node.set, low);
      if (error_ || peek() != '-' || peek(1) == ']' || at_ + 1 >= text_.size()) {
        if (single) node.set.ranges.push_back({low, low});
        continue;
      }
      ++at_;
      char32_t high = 0;
      const bool single_high = set_atom(node.set, high);
      if (!single || !single_high) {  // [\w-.]: the hyphen is itself
        node.set.ranges.push_back({'-', '-'});
        if (single) node.set.ranges.push_back({low, low});
        if (single_high) node.set.ranges.push_back({high, high});
      } else if (high < low) {
        mistake("the range's ends are in the wrong order");
      } else {
        node.set.ranges.push_back({low, high});
      }
    }
    if (!take(U']'))
      mistake("a character class is not closed", "add a ']' or write \\[ for the character itself");
    node.set.ranges = normal_ranges(std::move(node.set.ranges));
    return node;
  }

  // One character into `c` (true), or a class escape into the set (false).
  bool set_atom(CodeSet& set, char32_t& c) {
    if (!take(U'\\')) return c = text_[at_++], true;
    if (at_ >= text_.size()) return mistake("a backslash at the end"), false;
    if (class_escape(set)) return false;
    c = character_escape(true);
    return true;
  }

  void resolve_names(RegexNode& node) {
    if (highest_reference_ > tree_.groups) {
      return mistake(fmt::format("there is no group {}", highest_reference_));
    }
    if (node.kind == NodeKind::kBackReference && node.index > tree_unresolved_) {
      const std::string& word = waiting_[node.index - tree_unresolved_ - 1].first;
      const auto found =
          std::ranges::find(tree_.names, word, &std::pair<std::string, std::size_t>::first);
      if (found == tree_.names.end())
        return mistake(fmt::format("there is no group named '{}'", word));
      node.index = found->second;
    }
    for (RegexNode& child : node.children) resolve_names(child);
  }

  static constexpr std::size_t tree_unresolved_ = 1u << 24;  // indices above wait for a name
  std::string_view pattern_;
  std::u32string text_;
  Flags flags_;
  std::size_t at_ = 0;
  RegexTree tree_;
  std::vector<std::pair<std::string, std::size_t>> waiting_;
  std::size_t highest_reference_ = 0;
  std::optional<Error> error_;
};

}  // namespace

Result<RegexTree> parse_ecma_regex(std::string_view pattern, RegexOptions options) {
  if (pattern.size() > limits::kRegexBytesMax) {
    return fail(Kind::kTooLarge, fmt::format("the regular expression has {} bytes, more than {}",
                                             pattern.size(), limits::kRegexBytesMax));
  }
  if (const auto bad = find_invalid_utf8(pattern)) {
    return fail(Kind::kInvalid,
                fmt::format("the regular expression is not UTF-8 at byte {}", *bad));
  }
  return Parser(pattern, options).parse();
}

}  // namespace sighter::text
