#include "text/template_dialect.hpp"

#include <algorithm>

#include "base/check.hpp"
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
const DialectTable::Refused* DialectTable::refused_test(std::string_view wanted) const {
  return find(refused_tests, wanted);
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
  out.else_if = out.else_if_too = "elif";
  out.escaped_quote = "&#34;";
  out.escaped_backslash = "\\";
  out.filters = tables.filters;
  out.tests = tables.tests;
  if (chat) {
    out.functions = tables.chat_functions_too;
  } else {
    out.functions = tables.functions;
  }
  return out;
}

// ---- Nunjucks 3.2: all that differs from Jinja

constexpr DialectTable::Literal kNunjucksLiterals[] = {
    {"true", Word::kTrue},
    {"false", Word::kFalse},
    {"none", Word::kNone},
    {"null", Word::kNone},
};
constexpr std::string_view kInLoop = "Nunjucks does not have it: put {% if %} around what is meant";
constexpr Refused kNunjucksStatements[] = {
    {"extends", kOneFile},
    {"block", kOneFile},
    {"import", "define the macro in this template, or {% include %} text"},
    {"from", "define the macro in this template, or {% include %} text"},
    {"switch", "write {% if %}, {% elif %} and {% else %}"},
    {"case", "write {% if %}, {% elif %} and {% else %}"},
    {"asyncEach", "write {% for %}: nothing is asynchronous here"},
    {"asyncAll", "write {% for %}: nothing is asynchronous here"},
    {"ifAsync", "write {% if %}: nothing is asynchronous here"},
    {"break", kInLoop},
    {"continue", kInLoop},
    {"with", "Nunjucks does not have it: write {% set %}"},
    {"do", "Nunjucks does not have it: write {% set %}"},
    {"print", "Nunjucks does not have it: write {{ }}"},
    {"autoescape", "Nunjucks does not have it: write |safe or |escape"},
    {"generation", "it belongs to the chat templates of models"},
};
constexpr std::string_view kPrepare = "Nunjucks does not have it: prepare the value before";
constexpr Refused kNunjucksFilters[] = {
    {"attr", "Nunjucks does not have it: write x[name]"},
    {"count", "Nunjucks does not have it: write |length"},
    {"filesizeformat", kPrepare},
    {"format", "Nunjucks does not have it: join the parts by ~"},
    {"items", "Nunjucks does not have it: write {% for key, value in x %}"},
    {"map", "Nunjucks does not have it: go over the list with {% for %}"},
    {"max", kPrepare},
    {"min", kPrepare},
    {"pprint", "Nunjucks does not have it: write |dump(2)"},
    {"tojson", "Nunjucks does not have it: write |dump"},
    {"unique", kPrepare},
    {"urlize", "its rules for what is an address are not Jinja's: write <a href> yourself"},
    {"wordwrap", kPrepare},
    {"xmlattr", "Nunjucks does not have it: write the attributes"},
};
constexpr Refused kNunjucksTests[] = {
    {"boolean", "Nunjucks does not have it: write x === true or x === false"},
    {"false", "Nunjucks does not have it: write x === false"},
    {"true", "Nunjucks does not have it: write x === true"},
    {"float", "Nunjucks does not have it: write 'is number'"},
    {"integer", "Nunjucks does not have it: write 'is number'"},
    {"in", "Nunjucks does not have it: write x in y"},
    {"sequence", "Nunjucks does not have it: write 'is iterable'"},
    {"filter", "Nunjucks does not have it"},
    {"test", "Nunjucks does not have it"},
    {"callable", "Nunjucks calls other things so"},
};
constexpr Refused kNunjucksFunctions[] = {
    {"super", "there are no blocks"},
    {"dict", "Nunjucks does not have it: write { key: value }"},
    {"namespace", "Nunjucks does not have it: {% set %} reaches out of a loop"},
    {"lipsum", "Nunjucks does not have it: write the text"},
};
// What the two have in common, by name; the engine's values make the rest of the difference.
constexpr std::string_view kSharedFilters[] = {
    "abs",   "batch",  "capitalize", "center",      "d",       "default", "dictsort",
    "e",     "escape", "first",      "forceescape", "groupby", "join",    "last",
    "lower", "random", "reject",     "replace",     "reverse", "safe",    "select",
    "slice", "sort",   "string",     "striptags",   "sum",     "trim",    "upper",
};
constexpr std::string_view kSharedTests[] = {
    "defined", "divisibleby", "escaped", "even",      "ge",    "greaterthan",
    "gt",      "iterable",    "le",      "lessthan",  "lower", "lt",
    "mapping", "odd",         "string",  "undefined", "upper",
};
constexpr std::string_view kSharedFunctions[] = {"cycler", "range"};
constexpr std::string_view kNunjucksLoop[] = {"index", "index0", "revindex", "revindex0",
                                              "first", "last",   "length"};

std::vector<Builtin> chosen(std::span<const std::span<const Builtin>> from,
                            std::span<const std::string_view> names) {
  std::vector<Builtin> out;
  for (const std::string_view name : names) {
    const Builtin* found = find(from, name);
    CHECK(found != nullptr);
    out.push_back(*found);
  }
  return out;
}

struct NunjucksTables {
  std::vector<Builtin> shared_filters = chosen(jinja_tables().filters, kSharedFilters);
  std::vector<Builtin> shared_tests = chosen(jinja_tables().tests, kSharedTests);
  std::vector<Builtin> shared_functions = chosen(jinja_tables().functions, kSharedFunctions);
  std::span<const Builtin> filters[3] = {nunjucks_filters(), nunjucks_json_filters(),
                                         shared_filters};
  std::span<const Builtin> tests[2] = {nunjucks_tests(), shared_tests};
  std::span<const Builtin> functions[2] = {nunjucks_functions(), shared_functions};
};

DialectTable make_nunjucks() {
  static const NunjucksTables tables;
  DialectTable out;
  out.name = "Nunjucks";
  out.literals = kNunjucksLiterals;
  out.prints_true = "true";
  out.prints_false = "false";
  out.prints_none = "";
  out.else_if = "elif";
  out.else_if_too = "elseif";
  out.refused_statements = kNunjucksStatements;
  out.refused_filters = kNunjucksFilters;
  out.refused_tests = kNunjucksTests;
  out.refused_functions = kNunjucksFunctions;
  out.strict_equality = true;
  out.regex_literals = true;
  out.plain_escapes = true;
  out.verbatim = true;
  out.bare_keys = true;
  out.slices = false;
  out.loop_clauses = false;
  out.javascript_values = true;
  out.undefined_chains = true;
  out.loops_over_entries = true;
  out.set_reaches_out = true;
  out.cycler_gave = true;
  out.escaped_quote = "&quot;";
  out.escaped_backslash = "&#92;";
  out.loop_members = kNunjucksLoop;
  out.filters = tables.filters;
  out.tests = tables.tests;
  out.functions = tables.functions;
  return out;
}

}  // namespace

const DialectTable& dialect_table(const TemplateOptions& options) {
  static const DialectTable nunjucks = make_nunjucks();
  if (options.dialect == Dialect::kNunjucks) return nunjucks;
  static const DialectTable plain = make_jinja(false);
  static const DialectTable chat = make_jinja(true);
  return options.chat_functions ? chat : plain;
}

}  // namespace sighter::text::jinja
