#pragma once
// Regular expressions as JSON Schema and web programs write them: ECMA-262 with the "u" flag, so
// one character is one code point, \d and \w and \b know ASCII only, and $ is the end of the text.
//
// RE2 runs what it can, in time linear in the text. PCRE2 runs what RE2 refuses (lookaround,
// backreferences, binary properties, more than 1000 repetitions), at most
// limits::kRegexMatchSteps steps a search; a search that needs more is an error, never "no match".
//
// More lenient than the standard where people expect it: \- \_ \" and other punctuation may be
// escaped, and { } ] stand for themselves where they cannot mean anything else.

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace sighter::text {

struct RegexOptions {
  bool ignore_case = false;    // flag i
  bool multi_line = false;     // flag m: ^ and $ also at line feeds
  bool dot_all = false;        // flag s: . also matches line ends
  bool leading_flags = false;  // accept (?i), (?im) ... at the very start, as Python writes them
};

struct RegexMatch {
  std::size_t begin = 0;  // bytes into the searched text
  std::size_t end = 0;
  // Group 0 is the whole match; nullopt for a group that took no part. Views of the searched text.
  std::vector<std::optional<std::string_view>> groups;
};

// Compiled once; const and safe to use from any thread. Cheap to copy.
class Regex {
 public:
  // kInvalid for a mistake in the pattern (says where), kUnsupported for what neither engine can do
  // (a lookbehind of unlimited length).
  static Result<Regex> compile(std::string_view pattern, RegexOptions options = {});
  // Syntax only, without building a machine: what format "regex" of JSON Schema asks.
  static Status check(std::string_view pattern);

  // Is there a match anywhere in the text? kTooLarge when the step limit was reached.
  Result<bool> search(std::string_view text) const;
  // The leftmost match that begins at byte `from` or later.
  Result<std::optional<RegexMatch>> find(std::string_view text, std::size_t from = 0) const;

  const std::string& pattern() const;  // as it was written
  // (name, index) of the named groups.
  const std::vector<std::pair<std::string, std::size_t>>& group_names() const;
  std::size_t group_count() const;  // without group 0
  bool linear() const;              // true where RE2 runs it

 private:
  struct Impl;
  explicit Regex(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;
};

}  // namespace sighter::text
