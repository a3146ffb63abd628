#pragma once
// What a template reads from outside, found without rendering it. Internal to the template engine.

#include <vector>

#include "text/template.hpp"
#include "text/template_ast.hpp"
#include "text/template_dialect.hpp"
#include "text/template_render.hpp"

namespace sighter::text::jinja {

// Follows includes whose name is written out, through the library.
std::vector<TemplatePath> find_paths(const Unit& unit, const Library& library,
                                     const DialectTable& dialect, bool lenient);

}  // namespace sighter::text::jinja
