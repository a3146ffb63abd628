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
  std::string_view else_if;  // the word for it
  std::span<const Refused> refused_statements, refused_filters, refused_functions;
  Tables filters, tests, functions;

  // Null where there is none of that name.
  const Builtin* filter(std::string_view wanted) const;
  const Builtin* test(std::string_view wanted) const;
  const Builtin* function(std::string_view wanted) const;
  const Refused* refused_statement(std::string_view wanted) const;
  const Refused* refused_filter(std::string_view wanted) const;
  const Refused* refused_function(std::string_view wanted) const;
  std::vector<std::string> filter_names() const;
  std::vector<std::string> test_names() const;
};

// The table of options.dialect, with the functions of chat templates where asked for.
const DialectTable& dialect_table(const TemplateOptions& options);

}  // namespace sighter::text::jinja
