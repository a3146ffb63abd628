#include "functions/function_templates.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "base/file.hpp"
#include "base/limits.hpp"
#include "base/similar.hpp"
#include "base/text_position.hpp"

namespace sighter::functions {
namespace {

const std::vector<std::string>& known_variables() {
  static const std::vector<std::string> names{"input",       "labels",   "meanings",
                                              "description", "examples", "function"};
  return names;
}

bool names_a_file(std::string_view text) {
  if (text.find_first_of(" \t\r\n{") != text.npos) return false;
  return text.ends_with(".md") || text.ends_with(".txt") || text.ends_with(".j2");
}

// An included name stays inside the function's folder: it may come from a row.
bool stays_inside(const std::filesystem::path& name) {
  if (name.empty() || name.is_absolute()) return false;
  const std::filesystem::path normal = name.lexically_normal();
  return normal.begin() == normal.end() || *normal.begin() != "..";
}

// What to do about a file that is not there: perhaps another one was meant.
std::string missing(const std::filesystem::path& wanted) {
  std::vector<std::string> names;
  std::error_code code;
  for (std::filesystem::directory_iterator it(wanted.parent_path(), code), end;
       !code && it != end && names.size() < 1000; it.increment(code))
    names.push_back(it->path().filename().string());
  const std::string near = closest(wanted.filename().string(), names);
  if (!near.empty()) return fmt::format("did you mean '{}'?", near);
  return fmt::format("create {}, or write 'ignore missing' behind the name", wanted.string());
}

std::function<Result<std::string>(std::string_view)> loader(std::filesystem::path folder) {
  return [folder = std::move(folder)](std::string_view name) -> Result<std::string> {
    if (!stays_inside(name)) {
      return fail(Kind::kInvalid, fmt::format("'{}' is outside the function's folder", name),
                  "copy the file into the folder and name it from there");
    }
    Result<std::string> text = read_text_file(folder / name, limits::kTemplateBytesMax);
    if (!text && text.error().kind == Kind::kNotFound) text.error().hint = missing(folder / name);
    return text;
  };
}

std::vector<std::string> field_names(const InputContract& input) {
  std::vector<std::string> names;
  if (input.form() == InputContract::Form::kMessages) names.push_back("messages");
  for (const Field& field : input.fields()) names.push_back(field.name);
  return names;
}

// Whether the contract admits members that it does not name.
bool is_open(const InputContract& input) {
  if (input.form() == InputContract::Form::kFields) return false;
  if (input.form() == InputContract::Form::kMessages) return false;
  const Json* more = input.schema().find("additionalProperties");
  return input.fields().empty() || more == nullptr || !more->is_bool() || more->as_bool();
}

std::optional<Error> check_path(const text::TemplatePath& path, const InputContract& input) {
  const std::vector<std::string> fields = field_names(input);
  const auto has = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  const std::string& first = path.steps.front();
  if (!has(known_variables(), first)) {
    const std::string hint = has(fields, first) ? fmt::format("did you mean 'input.{}'?", first)
                                                : did_you_mean(first, known_variables());
    return Error{Kind::kInvalid,
                 fmt::format("{}: the template knows no '{}'", path.where(), path.text()), hint};
  }
  if (first != "input" || path.steps.size() < 2 || is_open(input)) return std::nullopt;
  if (has(fields, path.steps[1])) return std::nullopt;
  std::vector<std::string> full;
  for (const std::string& name : fields) full.push_back("input." + name);
  return Error{Kind::kInvalid,
               fmt::format("{}: the function's input has no '{}'", path.where(), path.steps[1]),
               did_you_mean("input." + path.steps[1], full)};
}

}  // namespace

std::shared_ptr<const text::Template> read_template(const TomlTable& table, const std::string& key,
                                                    TemplateReading& reading) {
  const std::optional<std::string> given = table.string(key);
  reading.sources->field(key);
  if (!given) return nullptr;
  std::string source = *given;
  std::string origin = fmt::format("{} ({})", table.where(key), key);
  if (names_a_file(*given)) {
    Result<std::string> text = read_text_file(reading.folder / *given, limits::kTemplateBytesMax);
    if (!text) {
      table.mistake(key, text.error().what,
                    fmt::format("create it, or write the text itself: {} = \"\"\"...\"\"\"", key));
      return nullptr;
    }
    source = std::move(*text);
    origin = (reading.folder / *given).string();
  }
  if (const std::size_t nul = source.find('\0'); nul != source.npos) {
    const TextPosition at = position_at(source, nul);
    reading.error =
        Error{Kind::kInvalid, fmt::format("{}:{}:{}: a NUL byte", origin, at.line, at.column),
              "save the file as UTF-8 text"};
    return nullptr;
  }
  reading.sources->field(source);
  text::TemplateOptions options;
  const auto load = loader(reading.folder);
  options.load = [load, sources = reading.sources](std::string_view name) {
    Result<std::string> text = load(name);
    if (text) sources->field(*text);
    return text;
  };
  if (Result<text::Template> parsed = text::Template::parse(source, origin, options); !parsed) {
    if (!reading.error) reading.error = parsed.error();
    return nullptr;
  }
  // Parsed again with a loader that any thread may call, since the first one feeds the digest.
  options.load = load;
  Result<text::Template> parsed = text::Template::parse(source, origin, options);
  if (!parsed) {
    reading.error = parsed.error();
    return nullptr;
  }
  for (const text::TemplatePath& path : parsed->paths()) {
    if (path.optional || path.steps.empty()) continue;
    std::optional<Error> mistake = check_path(path, *reading.input);
    if (mistake && !reading.error) reading.error = std::move(mistake);
  }
  return std::make_shared<const text::Template>(std::move(*parsed));
}

}  // namespace sighter::functions
