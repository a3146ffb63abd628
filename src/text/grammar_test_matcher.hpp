#pragma once
// Reads GBNF and says what it accepts, for tests: an interpreter of its own, and a generator of
// random texts of the grammar.

#include <cstddef>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/random.hpp"

namespace sighter::text {

class GrammarMatcher {
 public:
  static Result<GrammarMatcher> read(std::string_view gbnf);
  bool accepts(std::string_view text) const;
  // A text of the grammar; short ones are preferred beyond some depth. "" when it has no finite
  // text.
  std::string generate(Random& random) const;
  bool is_finite() const { return height_of_root_ < kEndless; }

 private:
  static constexpr int kEndless = 1'000'000;
  struct Expression {
    enum class Kind { kLiteral, kClass, kRule, kSequence, kChoice, kRepeat };
    Kind kind = Kind::kSequence;
    std::u32string literal;
    std::vector<std::pair<char32_t, char32_t>> ranges;
    bool negated = false;
    std::string rule;
    std::vector<Expression> children;
    std::size_t least = 0;
    std::size_t most = 0;
  };
  class Reader;
  using Memo = std::map<std::pair<const Expression*, std::size_t>, std::set<std::size_t>>;

  std::set<std::size_t> ends(const Expression& e, const std::u32string& text, std::size_t at,
                             Memo& memo) const;
  int height(const Expression& e) const;
  void generate(const Expression& e, Random& random, int depth, std::string& out) const;

  std::map<std::string, std::shared_ptr<Expression>> rules_;
  std::map<std::string, int> heights_;
  int height_of_root_ = kEndless;
};

}  // namespace sighter::text
