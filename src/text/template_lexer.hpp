#pragma once
// Template source to tokens, white-space control included. Internal to the template engine.

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "text/template.hpp"
#include "text/template_ast.hpp"

namespace sighter::text::jinja {

struct Token {
  enum class Kind : std::uint8_t {
    kData,
    kVariableBegin,
    kVariableEnd,
    kBlockBegin,
    kBlockEnd,
    kName,
    kString,
    kInteger,
    kFloat,
    kOperator,
    kEnd,
  };
  Kind kind = Kind::kEnd;
  std::uint32_t at = 0;   // offset in unit.source
  std::string_view text;  // of a name, operator, piece of data; a string's unescaped content
  std::int64_t integer = 0;
  double number = 0;
};

// Error positions are offsets; `at(unit, offset)` makes them readable.
std::string where(const Unit& unit, std::size_t offset);

// The tokens of unit.source, ending with kEnd. Unescaped strings are kept in unit.strings.
Result<std::vector<Token>> tokenize(Unit& unit, const TemplateOptions& options);

// Line breaks as \n; without the byte order mark and, unless kept, the last line break.
std::string normalized_source(std::string_view source, bool keep_trailing_newline);

}  // namespace sighter::text::jinja
