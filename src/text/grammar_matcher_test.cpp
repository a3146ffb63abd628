#include <gtest/gtest.h>

#include <algorithm>

#include "base/utf8.hpp"
#include "text/grammar_test_matcher.hpp"

namespace sighter::text {

// Recursive descent over the notation of llama.cpp's grammars/README.
class GrammarMatcher::Reader {
 public:
  explicit Reader(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) text_.push_back(next_code_point(text, at));
  }

  Status read(GrammarMatcher& out) {
    skip(true);
    while (at_ < text_.size() && error_.empty()) {
      const std::string name = word();
      skip(false);
      for (char32_t c : std::u32string_view(U"::=")) expect(c);
      skip(true);
      auto body = std::make_shared<Expression>(choice(false));
      if (name.empty() || !out.rules_.emplace(name, body).second) error("a rule's name");
      if (at_ < text_.size() && text_[at_] != '\n') error("the end of a line");
      skip(true);
    }
    for (const std::string& name : used_) {
      if (!out.rules_.contains(name)) error("a definition of " + name);
    }
    if (!out.rules_.contains("root")) error("a rule root");
    if (!error_.empty()) return fail(Kind::kInvalid, error_);
    return {};
  }

 private:
  void error(std::string_view wanted) {
    if (error_.empty())
      error_ = "expected " + std::string(wanted) + " at character " + std::to_string(at_);
    at_ = text_.size();
  }
  char32_t peek() const { return at_ < text_.size() ? text_[at_] : U'\0'; }
  void expect(char32_t c) {
    if (peek() != c) return error("a certain character");
    ++at_;
  }
  void skip(bool lines) {
    while (peek() == ' ' || peek() == '\t' || (lines && peek() == '\n')) ++at_;
  }
  static bool is_word(char32_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  }
  std::string word() {
    std::string out;
    while (is_word(peek())) out += static_cast<char>(text_[at_++]);
    return out;
  }
  std::size_t number() {
    std::size_t value = 0;
    if (peek() < '0' || peek() > '9') error("a number");
    while (peek() >= '0' && peek() <= '9') value = value * 10 + (text_[at_++] - '0');
    return value;
  }
  char32_t character() {
    if (peek() != '\\') return text_[at_++];
    ++at_;
    const char32_t c = text_[at_++];
    const int digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (c == 'n') return '\n';
    if (c == 'r') return '\r';
    if (c == 't') return '\t';
    if (digits == 0) {
      if (!std::u32string_view(U"\\\"[]-").contains(c)) error("a known escape");
      return c;
    }
    char32_t value = 0;
    for (int i = 0; i < digits; ++i, ++at_) {
      const char32_t d = peek();
      if (d >= '0' && d <= '9')
        value = value * 16 + (d - '0');
      else if (d >= 'A' && d <= 'F')
        value = value * 16 + (d - 'A' + 10);
      else
        error("a hexadecimal digit");
    }
    return value;
  }

  Expression choice(bool inside) {
    Expression out;
    out.kind = Expression::Kind::kChoice;
    out.children.push_back(sequence(inside));
    while (peek() == '|') {
      ++at_;
      skip(true);
      out.children.push_back(sequence(inside));
    }
    return out;
  }

  Expression sequence(bool inside) {
    Expression out;
    while (at_ < text_.size() && peek() != '|' && peek() != ')' && peek() != '\n') {
      Expression one = item();
      skip(inside);
      out.children.push_back(repeated(std::move(one), inside));
      if (!error_.empty()) break;
    }
    return out;
  }

  Expression item() {
    Expression out;
    if (peek() == '"') {
      ++at_;
      out.kind = Expression::Kind::kLiteral;
      while (peek() != '"' && at_ < text_.size()) out.literal += character();
      expect('"');
    } else if (peek() == '[') {
      ++at_;
      out.kind = Expression::Kind::kClass;
      if (peek() == '^') out.negated = true, ++at_;
      while (peek() != ']' && at_ < text_.size()) {
        const char32_t low = character();
        char32_t high = low;
        if (peek() == '-') ++at_, high = character();
        if (high < low) error("a range in order");
        out.ranges.emplace_back(low, high);
      }
      expect(']');
    } else if (peek() == '(') {
      ++at_;
      skip(true);
      out = choice(true);
      expect(')');
    } else {
      out.kind = Expression::Kind::kRule;
      out.rule = word();
      if (out.rule.empty()) error("an item");
      used_.insert(out.rule);
    }
    return out;
  }

  Expression repeated(Expression one, bool inside) {
    constexpr std::size_t kMany = 1u << 30;
    Expression out;
    out.kind = Expression::Kind::kRepeat;
    if (peek() == '*')
      out.least = 0, out.most = kMany;
    else if (peek() == '+')
      out.least = 1, out.most = kMany;
    else if (peek() == '?')
      out.least = 0, out.most = 1;
    else if (peek() != '{')
      return one;
    if (text_[at_++] == '{') {
      out.least = out.most = number();
      if (peek() == ',') {
        ++at_;
        out.most = peek() == '}' ? kMany : number();
      }
      if (peek() != '}') error("}");
      ++at_;
    }
    skip(inside);
    if (out.most < kMany && out.most > 2000) error("at most 2000 repetitions");  // as llama.cpp
    out.children.push_back(std::move(one));
    return out;
  }

  std::u32string text_;
  std::size_t at_ = 0;
  std::string error_;
  std::set<std::string> used_;
};

Result<GrammarMatcher> GrammarMatcher::read(std::string_view gbnf) {
  GrammarMatcher out;
  if (Status status = Reader(gbnf).read(out); !status) return std::unexpected(status.error());
  for (const auto& [name, _] : out.rules_) out.heights_[name] = kEndless;
  for (bool changed = true; changed;) {
    changed = false;
    for (const auto& [name, body] : out.rules_) {
      const int height = out.height(*body);
      if (height < out.heights_[name]) changed = true, out.heights_[name] = height;
    }
  }
  out.height_of_root_ = out.heights_["root"];
  return out;
}

// The least depth of rules that a finite text needs.
int GrammarMatcher::height(const Expression& e) const {
  using Kind = Expression::Kind;
  if (e.kind == Kind::kClass) return e.negated ? kEndless : 0;  // only "nothing" is written negated
  if (e.kind == Kind::kRule) return std::min(kEndless, heights_.at(e.rule) + 1);
  if (e.kind == Kind::kRepeat) return e.least == 0 ? 0 : height(e.children[0]);
  int out = e.kind == Kind::kChoice ? kEndless : 0;
  for (const Expression& child : e.children)
    out = e.kind == Kind::kChoice ? std::min(out, height(child)) : std::max(out, height(child));
  return out;
}

std::set<std::size_t> GrammarMatcher::ends(const Expression& e, const std::u32string& text,
                                           std::size_t at, Memo& memo) const {
  using Kind = Expression::Kind;
  if (e.kind == Kind::kLiteral) {
    if (text.compare(at, e.literal.size(), e.literal) != 0) return {};
    return {at + e.literal.size()};
  }
  if (e.kind == Kind::kClass) {
    if (at >= text.size()) return {};
    const bool in = std::ranges::any_of(
        e.ranges, [c = text[at]](const auto& r) { return r.first <= c && c <= r.second; });
    return in != e.negated ? std::set<std::size_t>{at + 1} : std::set<std::size_t>{};
  }
  const auto key = std::pair(&e, at);
  if (const auto known = memo.find(key); known != memo.end()) return known->second;
  memo[key] = {};
  std::set<std::size_t> out;
  if (e.kind == Kind::kRule) {
    out = ends(*rules_.at(e.rule), text, at, memo);
  } else if (e.kind == Kind::kChoice) {
    for (const Expression& child : e.children) out.merge(ends(child, text, at, memo));
  } else if (e.kind == Kind::kSequence) {
    out = {at};
    for (const Expression& child : e.children) {
      std::set<std::size_t> next;
      for (std::size_t here : out) next.merge(ends(child, text, here, memo));
      out = std::move(next);
    }
  } else {
    std::set<std::size_t> here = {at};
    if (e.least == 0) out = here;
    for (std::size_t n = 1; n <= e.most && !here.empty(); ++n) {
      std::set<std::size_t> next;
      for (std::size_t from : here) next.merge(ends(e.children[0], text, from, memo));
      if (n > e.least) std::erase_if(next, [&](std::size_t p) { return out.contains(p); });
      here = std::move(next);
      if (n >= e.least) out.insert(here.begin(), here.end());
    }
  }
  return memo[key] = out;
}

bool GrammarMatcher::accepts(std::string_view text) const {
  std::u32string points;
  for (std::size_t at = 0; at < text.size();) points.push_back(next_code_point(text, at));
  Memo memo;
  return ends(*rules_.at("root"), points, 0, memo).contains(points.size());
}

std::string GrammarMatcher::generate(Random& random) const {
  std::string out;
  if (is_finite()) generate(*rules_.at("root"), random, 0, out);
  return out;
}

void GrammarMatcher::generate(const Expression& e, Random& random, int depth,
                              std::string& out) const {
  using Kind = Expression::Kind;
  constexpr int kDeep = 40;
  switch (e.kind) {
    case Kind::kLiteral:
      for (char32_t c : e.literal) append_utf8(out, c);
      return;
    case Kind::kClass: {
      const auto& range = e.ranges[random.below(e.ranges.size())];
      append_utf8(out, range.first + static_cast<char32_t>(random.below(std::min<std::uint64_t>(
                                         range.second - range.first + 1, 200))));
      return;
    }
    case Kind::kRule:
      return generate(*rules_.at(e.rule), random, depth + 1, out);
    case Kind::kSequence:
      for (const Expression& child : e.children) generate(child, random, depth, out);
      return;
    case Kind::kChoice: {
      std::vector<const Expression*> fine;
      int best = kEndless;
      for (const Expression& child : e.children) best = std::min(best, height(child));
      for (const Expression& child : e.children) {
        if (height(child) < kEndless && (depth < kDeep || height(child) == best))
          fine.push_back(&child);
      }
      return generate(*fine[random.below(fine.size())], random, depth, out);
    }
    case Kind::kRepeat: {
      const bool can = height(e.children[0]) < kEndless && depth < kDeep;
      std::size_t count =
          e.least + (can ? random.below(std::min<std::size_t>(e.most - e.least, 4) + 1) : 0);
      if (can && e.most < 1'000 && random.below(4) == 0) count = e.most;
      for (; count > 0; --count) generate(e.children[0], random, depth, out);
      return;
    }
  }
}

// ---- the matcher itself

bool accepts(std::string_view gbnf, std::string_view text) {
  const Result<GrammarMatcher> matcher = GrammarMatcher::read(gbnf);
  EXPECT_TRUE(matcher.has_value()) << gbnf << (matcher ? "" : matcher.error().what);
  return matcher && matcher->accepts(text);
}

TEST(GrammarMatcher, KnowsTheNotation) {
  constexpr auto kGrammar =
      "root ::= item (\",\" item){1,2} | \"\\x41\"\nitem ::= [a-c\\x2D]+ | \"(\" root? \")\"\n";
  EXPECT_TRUE(accepts(kGrammar, "a,b-c"));
  EXPECT_TRUE(accepts(kGrammar, "(a,b),c,()"));
  EXPECT_TRUE(accepts(kGrammar, "A"));
  EXPECT_FALSE(accepts(kGrammar, "a"));
  EXPECT_FALSE(accepts(kGrammar, "a,b,c,a"));
  EXPECT_FALSE(accepts(kGrammar, "a,d"));
}

TEST(GrammarMatcher, RefusesWhatIsNotAGrammar) {
  EXPECT_FALSE(GrammarMatcher::read("root ::= missing").has_value());
  EXPECT_FALSE(GrammarMatcher::read("other ::= \"a\"").has_value());
  EXPECT_FALSE(GrammarMatcher::read("root ::= (\"a\"").has_value());
  EXPECT_FALSE(GrammarMatcher::read("root ::= \"a\nb\" c_d").has_value());
}

}  // namespace sighter::text
