#pragma once
// An ECMA-262 regular expression as a tree, for those who run it (regex.cpp) and for those who turn
// it into a grammar (grammar_pattern.cpp).

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "text/regex.hpp"

namespace sighter::text {

struct CodeRange {
  char32_t low = 0;
  char32_t high = 0;  // included
};
inline constexpr char32_t kCodePointMax = 0x10FFFF;

// Sorted, joined where they touch.
std::vector<CodeRange> normal_ranges(std::vector<CodeRange> ranges);
// What is not in them, up to kCodePointMax.
std::vector<CodeRange> other_ranges(const std::vector<CodeRange>& normal);

// \p{...}: a general category ("Lu"), a script ("sc:Greek", "scx:Greek") or a binary property
// ("Alphabetic").
struct CodeProperty {
  enum class Sort { kCategory, kScript, kScriptExtensions, kBinary };
  Sort sort = Sort::kCategory;
  std::string name;
  bool negated = false;
};

// A set of code points: the union of ranges and properties, or all others when negated.
struct CodeSet {
  std::vector<CodeRange> ranges;
  std::vector<CodeProperty> properties;
  bool negated = false;
};

// Adds what is between the braces of \p{...} (or \P{...}, negated) to the set.
Status add_code_property(CodeSet& set, std::string_view word, bool negated);

struct RegexNode {
  enum class Kind {
    kEmpty,
    kSet,            // one code point out of `set`
    kConcat,         // children in order
    kAlternate,      // one of the children
    kRepeat,         // children[0], least to most times
    kCapture,        // children[0], group `index`
    kFlags,          // children[0], with ignore_case set or unset
    kLook,           // lookaround on children[0]
    kBackReference,  // group `index`
    kTextBegin,      // ^
    kTextEnd,        // $
    kLineBegin,      // ^ with flag m
    kLineEnd,        // $ with flag m
    kWordBoundary,
    kNotWordBoundary,
  };
  static constexpr std::uint32_t kUnlimited = std::numeric_limits<std::uint32_t>::max();

  Kind kind = Kind::kEmpty;
  CodeSet set;
  std::vector<RegexNode> children;
  std::uint32_t least = 0;
  std::uint32_t most = 0;
  bool greedy = true;
  std::size_t index = 0;
  bool behind = false;       // kLook: backwards
  bool negated = false;      // kLook: must not match
  bool ignore_case = false;  // kFlags
};

struct RegexTree {
  RegexNode root;
  std::size_t groups = 0;
  std::vector<std::pair<std::string, std::size_t>> names;
  bool ignore_case = false;  // for the whole pattern
};

// kInvalid for a mistake in the pattern; the message quotes it and says at which character.
Result<RegexTree> parse_ecma_regex(std::string_view pattern, RegexOptions options);

}  // namespace sighter::text
