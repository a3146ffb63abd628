#include "functions/contract_schema.hpp"

#include <algorithm>
#include <array>

#include "base/file.hpp"
#include "base/json_place.hpp"
#include "base/limits.hpp"

namespace sighter::functions {
namespace {

constexpr auto kAnnotations = std::to_array<std::string_view>(
    {"discriminator", "xml", "externalDocs", "example", "markdownDescription", "enumNames",
     "enumDescriptions", "errorMessage", "propertyOrdering"});

bool is_annotation(std::string_view keyword) {
  return std::ranges::find(kAnnotations, keyword) != kAnnotations.end();
}

struct Source {
  std::string origin;
  std::string text;
  Json json;
};

// The mistake at a place of the text instead of at a pointer into it.
Error placed(const Source& source, Error error) {
  const std::string begin = source.origin + "#";
  if (!error.what.starts_with(begin)) return error;
  const std::string_view rest = std::string_view(error.what).substr(begin.size());
  const std::string pointer(rest.substr(0, rest.find(": ")));
  const TextPosition position = json_position(source.text, pointer, JsonPart::kName);
  error.what = fmt::format("{}: #{}", at(source.origin, position), rest);
  return error;
}

Result<Source> read_source(const std::filesystem::path& path) {
  Result<std::string> text = read_text_file(path, limits::kConfigBytesMax);
  if (!text) return std::unexpected(text.error());
  if (text->find_first_not_of(" \t\r\n") == text->npos)
    return fail(
        Kind::kInvalid, fmt::format("{}:1:1: the schema is empty", path.string()),
        "{\"type\": \"object\", \"properties\": {...}}; true is the schema that admits all");
  Result<Json> json = json_parse(*text, path.string());
  if (!json) return std::unexpected(json.error());
  Source source{path.string(), std::move(*text), std::move(*json)};
  for (const text::LintWarning& warning : text::schema_lint(source.json)) {
    if (is_annotation(warning.keyword)) continue;
    const TextPosition position =
        json_position(source.text, warning.pointer + "/" + warning.keyword, JsonPart::kName);
    return fail(Kind::kInvalid, fmt::format("{}: {}", at(source.origin, position), warning.message),
                "the standard would ignore it in silence: correct it, or begin a name of your own "
                "with \"x-\"");
  }
  return source;
}

}  // namespace

Result<text::Schema> read_schema(const std::filesystem::path& path) {
  const Result<Source> source = read_source(path);
  if (!source) return std::unexpected(source.error());
  text::SchemaOptions options;
  options.base_uri = "file://" + std::filesystem::absolute(path).string();
  options.load = [](const std::string& uri) -> Result<Json> {
    if (!uri.starts_with("file://"))
      return fail(Kind::kInvalid,
                  fmt::format("the schema refers to {}, which is not a file of the project", uri),
                  "copy it beside the schema and refer to it by its file name");
    Result<Source> other = read_source(uri.substr(7));
    if (!other) return std::unexpected(other.error());
    return std::move(other->json);
  };
  Result<text::Schema> schema = text::Schema::compile(source->json, source->origin, options);
  if (!schema) return std::unexpected(placed(*source, schema.error()));
  return schema;
}

}  // namespace sighter::functions
