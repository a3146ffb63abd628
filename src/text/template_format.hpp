#pragma once
// printf-style formatting as Python's '%' does it. Internal to the template engine.

#include "text/template_value.hpp"

namespace sighter::text::jinja {

class Renderer;

// format % arguments: a tuple gives several, a mapping named ones, anything else one.
Value format_printf(Renderer& renderer, const Value& format, const Value& arguments);

}  // namespace sighter::text::jinja
