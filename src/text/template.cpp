#include "text/template.hpp"

#include <map>
#include <mutex>

#include "base/utf8.hpp"
#include "text/template_ast.hpp"
#include "text/template_dialect.hpp"
#include "text/template_lexer.hpp"
#include "text/template_parser.hpp"
#include "text/template_paths.hpp"
#include "text/template_render.hpp"

namespace sighter::text {

namespace {

constexpr std::size_t kUnitsMax = 1000;  // included templates of one template
constexpr int kIncludeDepthMax = 32;     // while parsing

using jinja::Parser;
using jinja::Unit;

// A template's own text and those that it includes.
class Units final : public jinja::Library {
 public:
  explicit Units(const TemplateOptions& options)
      : options_(options), dialect_(jinja::dialect_table(options)) {}

  Result<const Unit*> parse_main(std::string_view source, std::string_view origin) {
    auto unit = std::make_unique<Unit>();
    if (Status s = parse(*unit, source, origin); !s) return std::unexpected(s.error());
    main_ = std::move(unit);
    return main_.get();
  }

  Result<const Unit*> find(std::string_view name) const override {
    const std::lock_guard lock(mutex_);
    return find_locked(name);
  }

  const jinja::DialectTable& dialect() const { return dialect_; }

 private:
  Result<const Unit*> find_locked(std::string_view name) const {
    if (const auto it = units_.find(name); it != units_.end()) return it->second.get();
    if (options_.load == nullptr) {
      return fail(Kind::kNotFound, "there is no template '" + std::string(name) + "'");
    }
    if (units_.size() >= kUnitsMax || depth_ >= kIncludeDepthMax) {
      return fail(Kind::kTooLarge, "too many templates are included: '" + std::string(name) + "'");
    }
    auto source = options_.load(name);
    if (!source) return std::unexpected(source.error());
    const auto it = units_.emplace(std::string(name), std::make_unique<Unit>()).first;
    ++depth_;
    const Status status = parse(*it->second, *source, name);
    --depth_;
    if (!status) {
      units_.erase(std::string(name));
      return std::unexpected(status.error());
    }
    return units_.find(name)->second.get();
  }

  Status parse(Unit& unit, std::string_view source, std::string_view origin) const {
    if (source.size() > limits::kTemplateBytesMax) {
      return fail(Kind::kTooLarge, std::string(origin) + ": the template is larger than " +
                                       std::to_string(limits::kTemplateBytesMax) + " bytes");
    }
    unit.origin = origin;
    if (const auto bad = find_invalid_utf8(source)) {
      return fail(Kind::kInvalid,
                  at(origin, position_at(source, *bad)) + ": the template is not UTF-8 here",
                  "save the file as UTF-8");
    }
    unit.source = jinja::normalized_source(source, options_.keep_trailing_newline);
    const auto include = [&](std::span<const std::string> names, bool ignore_missing,
                             std::size_t place) {
      return read_included(unit, names, ignore_missing, place);
    };
    return Parser(unit, options_, dialect_, include).run();
  }

  Status read_included(const Unit& unit, std::span<const std::string> names, bool ignore_missing,
                       std::size_t place) const {
    std::string tried;
    std::string hint;
    for (const std::string& name : names) {
      const auto found = find_locked(name);
      if (found) return {};
      if (found.error().kind != Kind::kNotFound) {
        Error error = found.error();
        error.what += ", included from " + jinja::where(unit, place);
        return std::unexpected(error);
      }
      tried += (tried.empty() ? "'" : ", '") + name + "'";
      if (hint.empty()) hint = found.error().hint;
    }
    if (ignore_missing) return {};
    return fail(Kind::kNotFound,
                jinja::where(unit, place) + ": there is no template " +
                    (tried.empty() ? "to include" : tried),
                hint.empty() ? "correct the name, or write 'ignore missing' behind it" : hint);
  }

  const TemplateOptions& options_;
  const jinja::DialectTable& dialect_;
  std::unique_ptr<Unit> main_;
  // Parsing happens at parse(), and at render() for a name that was computed.
  mutable std::mutex mutex_;
  mutable std::map<std::string, std::unique_ptr<Unit>, std::less<>> units_;
  mutable int depth_ = 0;
};

}  // namespace

TemplateOptions TemplateOptions::chat() {
  TemplateOptions options;
  options.undefined = UndefinedMode::kLenient;
  options.trim_blocks = true;
  options.lstrip_blocks = true;
  options.html_safe_json = false;
  options.python_methods = true;
  options.chat_functions = true;
  return options;
}

TemplateOptions TemplateOptions::nunjucks() {
  TemplateOptions options;
  options.dialect = Dialect::kNunjucks;
  options.undefined = UndefinedMode::kLenient;
  options.keep_trailing_newline = true;
  options.autoescape = true;
  options.html_safe_json = false;
  return options;
}

std::string TemplatePath::text() const {
  std::string out;
  for (const std::string& step : steps) out += (out.empty() ? "" : ".") + step;
  return out;
}

std::string TemplatePath::where() const {
  return at(origin, position);
}

struct Template::State {
  explicit State(const TemplateOptions& given) : options(given), units(options) {}
  TemplateOptions options;
  Units units;
  const Unit* main = nullptr;
  std::vector<TemplatePath> paths;
};

Template::Template(std::shared_ptr<const State> state) : state_(std::move(state)) {}
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;
Template::Template(const Template&) = default;
Template& Template::operator=(const Template&) = default;
Template::~Template() = default;

Result<Template> Template::parse(std::string_view source, std::string_view origin,
                                 const TemplateOptions& options) {
  auto state = std::make_shared<State>(options);
  const auto unit = state->units.parse_main(source, origin);
  if (!unit) return std::unexpected(unit.error());
  state->main = *unit;
  state->paths = jinja::find_paths(**unit, state->units, state->units.dialect(),
                                   options.undefined == UndefinedMode::kLenient);
  return Template(std::move(state));
}

Result<std::string> Template::render(const TemplateArguments& arguments,
                                     const RenderOptions& options) const {
  const jinja::Renderer::Input input{state_->options, options, state_->units.dialect(),
                                     state_->units, arguments};
  return jinja::Renderer(input).render(*state_->main);
}

Result<std::string> Template::render(const Json& arguments, const RenderOptions& options) const {
  if (!arguments.is_object()) {
    return fail(Kind::kInvalid, origin() + ": the arguments of a template are an object, not " +
                                    std::string(arguments.type_name()));
  }
  TemplateArguments list;
  for (const auto& [name, value] : arguments.as_object()) list.emplace_back(name, &value);
  return render(list, options);
}

const std::vector<TemplatePath>& Template::paths() const {
  return state_->paths;
}

std::vector<std::string> Template::variables() const {
  std::vector<std::string> names;
  for (const TemplatePath& path : state_->paths) {
    if (std::find(names.begin(), names.end(), path.steps[0]) == names.end()) {
      names.push_back(path.steps[0]);
    }
  }
  return names;
}

const std::string& Template::origin() const {
  return state_->main->origin;
}

}  // namespace sighter::text
