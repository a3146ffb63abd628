#include "text/template_dialect.hpp"

#include <algorithm>

#include "text/template_filters.hpp"

namespace sighter::text::jinja {

namespace {

const Builtin* find(std::span<const Builtin> table, std::string_view name) {
  const auto it =
      std::find_if(table.begin(), table.end(), [&](const Builtin& b) { return b.name == name; });
  return it == table.end() ? nullptr : &*it;
}

const Builtin* find(std::span<const std::span<const Builtin>> tables, std::string_view name) {
  for (const auto& table : tables) {
    if (const Builtin* found = find(table, name)) return found;
  }
  return nullptr;
}

const DialectTable::Refused* find(std::span<const DialectTable::Refused> table,
                                  std::string_view name) {
  const auto it = std::find_if(table.begin(), table.end(),
                               [&](const DialectTable::Refused& r) { return r.name == name; });
  return it == table.end() ? nullptr : &*it;
}

std::vector<std::string> names_of(std::span<const std::span<const Builtin>> tables) {
  std::vector<std::string> names;
  for (const auto& table : tables) {
    for (const Builtin& builtin : table) names.emplace_back(builtin.name);
  }
  return names;
}

}  // namespace

const Builtin* DialectTable::filter(std::string_view wanted) const {
  return find(filters, wanted);
}
const Builtin* DialectTable::test(std::string_view wanted) const {
  return find(tests, wanted);
}
const Builtin* DialectTable::function(std::string_view wanted) const {
  return find(functions, wanted);
}
const DialectTable::Refused* DialectTable::refused_filter(std::string_view wanted) const {
  return find(refused_filters, wanted);
}
const DialectTable::Refused* DialectTable::refused_function(std::string_view wanted) const {
  return find(refused_functions, wanted);
}
const DialectTable::Refused* DialectTable::refused_statement(std::string_view wanted) const {
  return find(refused_statements, wanted);
}
std::vector<std::string> DialectTable::filter_names() const {
  return names_of(filters);
}
std::vector<std::string> DialectTable::test_names() const {
  return names_of(tests);
}

namespace {

using Refused = DialectTable::Refused;

constexpr std::string_view kOneFile = "put the text here, or {% include %} it";
constexpr Refused kJinjaStatements[] = {
    {"extends", kOneFile},
    {"block", kOneFile},
    {"import", "define the macro in this template, or {% include %} text"},
    {"from", "define the macro in this template, or {% include %} text"},
    {"trans", "translate the text before it gets here"},
    {"pluralize", "translate the text before it gets here"},
    {"debug", "use {{ value|pprint }}"},
    {"generation", "it belongs to the chat templates of models"},
};
constexpr Refused kJinjaFunctions[] = {
    {"lipsum", "it is random; write the text"},
    {"super", "there are no blocks"},
    {"self", "there are no blocks"},
    {"gettext", "translate the text before it gets here"},
    {"ngettext", "translate the text before it gets here"},
    {"_", "translate the text before it gets here"},
};
constexpr DialectTable::Literal kJinjaLiterals[] = {
    {"true", Word::kTrue},   {"True", Word::kTrue}, {"false", Word::kFalse},
    {"False", Word::kFalse}, {"none", Word::kNone}, {"None", Word::kNone},
};

struct JinjaTables {
  std::span<const Builtin> filters[6] = {text_filters(),   list_filters(), select_filters(),
                                         number_filters(), html_filters(), json_filters()};
  std::span<const Builtin> tests[1] = {all_tests()};
  std::span<const Builtin> functions[1] = {all_functions()};
  std::span<const Builtin> chat_functions_too[2] = {all_functions(), chat_functions()};
};

const JinjaTables& jinja_tables() {
  static const JinjaTables tables;
  return tables;
}

DialectTable make_jinja(bool chat) {
  const JinjaTables& tables = jinja_tables();
  DialectTable out;
  out.name = "Jinja";
  out.literals = kJinjaLiterals;
  out.prints_true = "True";
  out.prints_false = "False";
  out.prints_none = "None";
  out.refused_statements = kJinjaStatements;
  out.refused_functions = kJinjaFunctions;
  out.else_if = "elif";
  out.filters = tables.filters;
  out.tests = tables.tests;
  if (chat) {
    out.functions = tables.chat_functions_too;
  } else {
    out.functions = tables.functions;
  }
  return out;
}

}  // namespace

const DialectTable& dialect_table(const TemplateOptions& options) {
  static const DialectTable plain = make_jinja(false);
  static const DialectTable chat = make_jinja(true);
  return options.chat_functions ? chat : plain;
}

}  // namespace sighter::text::jinja
