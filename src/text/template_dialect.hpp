#pragma once
// What differs between the families of templates that this engine reads, in one table each.
// Internal to the template engine.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/template.hpp"
#include "text/template_builtin.hpp"

namespace sighter::text::jinja {

enum class Word { kTrue, kFalse, kNone };

struct DialectTable {
  struct Literal {
    std::string_view spelling;
    Word word;
  };
  struct Refused {
    std::string_view name;
    std::string_view why;  // or what to write instead
  };
  using Tables = std::span<const std::span<const Builtin>>;

  std::string_view name;
  std::span<const Literal> literals;
  std::string_view prints_true, prints_false, prints_none;
  std::string_view else_if, else_if_too;  // the words for it
  std::span<const Refused> refused_statements, refused_filters, refused_tests, refused_functions;

  // --- the source ---
  bool strict_equality = false;  // === and !== are there
  bool regex_literals = false;   // r/x/g is one, and refused
  bool plain_escapes = false;    // in strings \n \t \r are known, \x is x
  bool verbatim = false;         // {% verbatim %} is another word for {% raw %}
  bool bare_keys = false;        // { a: 1 } means { "a": 1 }
  bool slices = true;            // x[1:2]
  bool loop_clauses = true;      // {% for x in y if z %} and `recursive`

  // --- values ---
  // JavaScript's: how they print, what is true, ==, <, + and the other operators, .length.
  bool javascript_values = false;
  bool undefined_chains = false;  // a member of what is undefined is undefined, not an error
  bool loops_over_entries =
      false;                     // {% for k, v in object %}; with one name an object has no items
  bool set_reaches_out = false;  // {% set %} changes the variable that is there, out of a loop too
  bool cycler_gave = false;      // a cycler's `current` is what it gave last, not what comes next
  std::string_view escaped_quote, escaped_backslash;  // for HTML
  std::span<const std::string_view> loop_members;     // empty: all that Jinja has
  Tables filters, tests, functions;

  // Null where there is none of that name.
  const Builtin* filter(std::string_view wanted) const;
  const Builtin* test(std::string_view wanted) const;
  const Builtin* function(std::string_view wanted) const;
  const Refused* refused_statement(std::string_view wanted) const;
  const Refused* refused_filter(std::string_view wanted) const;
  const Refused* refused_test(std::string_view wanted) const;
  const Refused* refused_function(std::string_view wanted) const;
  std::vector<std::string> filter_names() const;
  std::vector<std::string> test_names() const;
};

// The table of options.dialect, with the functions of chat templates where asked for.
const DialectTable& dialect_table(const TemplateOptions& options);

}  // namespace sighter::text::jinja
