#pragma once
// Jinja templates: parsed once, rendered for many rows.
//
//   auto t = Template::parse(source, "functions/triage/user.md");
//   auto text = t->render({{"input", &row}});
//
// The language is that of Jinja 3.1's template reference without `extends`, `block`, `import` and
// async, each refused by name, and without Python's methods unless asked for (chat templates of
// models use them). What a template inserts is never read as template again. Values print as Python
// prints them: None, True, 1.0, ['a'].
//
// Templates of Nunjucks 3 (Dialect::kNunjucks) go by its own rules: values are JavaScript's. All
// that differs is in the tables of template_dialect.cpp; docs/templates.md lists it.
//
// Errors say origin:line:column, what is wrong, and what may have been meant. They name variables
// and types, never values.
//
// Limits (base/limits.hpp): size of the source, nesting, steps of a render, bytes of what it makes.
// A template is safe to run on text from anyone: it can reach only what is passed to render().
//
// Parsed templates are immutable; render() may be called from any number of threads at once.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/limits.hpp"
#include "base/text_position.hpp"

namespace sighter {
class Random;
}

namespace sighter::text {

// Which family a template is written for; what differs is in template_dialect.cpp.
enum class Dialect { kJinja, kNunjucks };

// What a name means that nobody defined.
enum class UndefinedMode {
  kStrict,   // an error, except in `is defined`, `is undefined` and `default`
  kLenient,  // prints nothing, is false, has no items; an attribute of it is still an error
};

struct TemplateOptions {
  Dialect dialect = Dialect::kJinja;
  UndefinedMode undefined = UndefinedMode::kStrict;
  bool trim_blocks = false;            // drop the line break behind a {% %}
  bool lstrip_blocks = false;          // drop the blanks of a line before a {% %}
  bool keep_trailing_newline = false;  // else one line break at the end of the source is dropped
  bool autoescape = false;             // escape for HTML what is not marked |safe
  bool html_safe_json = true;          // |tojson writes < > & ' as \u003c ..., sorts and uses ASCII
  bool python_methods = false;         // allow 'x'.strip(), d.items(), ...; else refused by name
  bool chat_functions = false;         // raise_exception(), strftime_now(), {% generation %}
  // The text of another template, for {% include %}. Without it, an include is refused. It may be
  // called by parse() and, for a name that is computed, by render(): from any thread.
  std::function<Result<std::string>(std::string_view name)> load;

  // What the chat templates inside model files expect: lenient, trimmed blocks, Python's methods.
  static TemplateOptions chat();
  // What an environment of Nunjucks has by default: lenient, escaped for HTML, the last line break
  // kept, JSON as it is.
  static TemplateOptions nunjucks();
};

// A value for the template, by name. Not copied: both must outlive the render.
using TemplateArguments = std::vector<std::pair<std::string_view, const Json*>>;

struct RenderOptions {
  std::optional<SystemTime> now;  // for strftime_now(); without it that function is refused
  Random* random = nullptr;       // for |random; without it that filter is refused
  std::size_t steps_max = limits::kTemplateStepsMax;
  std::size_t bytes_max = limits::kRenderedBytesMax;
};

// A variable that a template reads from outside, as far as its path is written out:
// {{ input.user["name"] }} reads input.user.name.
struct TemplatePath {
  std::vector<std::string> steps;  // {"input", "user", "name"}
  std::string origin;              // the file, which may be an included one
  TextPosition position;
  // True where the template copes with its absence: `is defined`, `default`, or a condition.
  bool optional = false;

  std::string text() const;   // "input.user.name"
  std::string where() const;  // "user.md:3:7"
};

class Template {
 public:
  // `origin` names the source in errors. Includes whose name is written out are read here too.
  static Result<Template> parse(std::string_view source, std::string_view origin,
                                const TemplateOptions& options = {});
  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;
  Template(const Template&);  // shares what was parsed
  Template& operator=(const Template&);
  ~Template();

  Result<std::string> render(const TemplateArguments& arguments,
                             const RenderOptions& options = {}) const;
  // The members of an object as variables.
  Result<std::string> render(const Json& arguments, const RenderOptions& options = {}) const;

  // What it reads from outside, in the order of the source; each path once, and required if it is
  // required anywhere.
  const std::vector<TemplatePath>& paths() const;
  // The first steps of paths(), each once.
  std::vector<std::string> variables() const;
  const std::string& origin() const;

 private:
  struct State;
  explicit Template(std::shared_ptr<const State> state);
  std::shared_ptr<const State> state_;
};

}  // namespace sighter::text
