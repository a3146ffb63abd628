#pragma once
// Methods of Python's str, list and dict, for the chat templates of models. Internal to the
// template engine. Prompts of people do without: each method is refused there, with what to write
// instead.

#include <string_view>

#include "text/template_builtin.hpp"

namespace sighter::text::jinja {

struct PythonMethod {
  std::string_view name;
  std::string_view instead;  // how a template without methods says it
};

// A method of that name of any of the three types, else null.
const PythonMethod* find_python_method(std::string_view name);

// The method of this value's type, where it is supported; else null.
const Builtin* find_method(const Value& self, std::string_view name);

}  // namespace sighter::text::jinja
