#pragma once
// Values as JavaScript sees them, for the dialects whose table says so. Internal to the template
// engine.

#include <string>
#include <string_view>

#include "text/template_ast.hpp"
#include "text/template_render.hpp"

namespace sighter::text::jinja::javascript {

// Number::toString: "1", "0.5", "1e+21", "NaN".
std::string number_text(double value);
// As Nunjucks prints: nothing for null and undefined, "1,2" for a list, "[object Object]".
void print(Renderer& r, std::string& out, const Value& value);
// String(value): like print(), but "null" and "undefined".
std::string text_of(Renderer& r, const Value& value);
// Number(value), NaN where it is none.
double to_number(Renderer& r, const Value& value);
// An integer where it is one that JavaScript holds exactly.
Value of_number(double value);
bool truth(const Value& value);
bool compare(Renderer& r, Comparison op, const Value& a, const Value& b);
Value arithmetic(Renderer& r, Arithmetic op, const Value& a, const Value& b);
// In UTF-16 units.
std::size_t length(std::string_view text);

}  // namespace sighter::text::jinja::javascript
