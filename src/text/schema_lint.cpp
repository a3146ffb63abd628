#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/limits.hpp"
#include "base/similar.hpp"
#include "text/schema.hpp"
#include "text/schema_format.hpp"
#include "text/schema_keywords.hpp"
#include "text/schema_node.hpp"

namespace sighter::text {
namespace {

struct Foreign {
  std::string_view keyword;
  std::string_view advice;
};
// Keywords of other drafts and of OpenAPI 3.0 that people write into schemas.
constexpr auto kForeign = std::to_array<Foreign>({
    {"nullable", "is OpenAPI 3.0's: write \"type\": [..., \"null\"]"},
    {"discriminator", "is OpenAPI's: give the alternatives a \"const\" each"},
    {"xml", "is OpenAPI's and does nothing here"},
    {"externalDocs", "is OpenAPI's and does nothing here"},
    {"example", "is OpenAPI's: write \"examples\": [...]"},
    {"id", "is draft 4's: write \"$id\""},
    {"divisibleBy", "is draft 3's: write \"multipleOf\""},
    {"disallow", "is draft 3's: write \"not\""},
    {"extends", "is draft 3's: write \"allOf\""},
});

class Lint {
 public:
  explicit Lint(Draft draft) : draft_(draft) {}

  void schema(const Json& schema, const std::string& pointer, std::size_t depth) {
    if (!schema.is_object() || depth > limits::kJsonDepthMax) return;
    if (draft_ == Draft::k7 && schema.find("$ref")) return ref_siblings(schema, pointer);
    for (const auto& [keyword, value] : schema.as_object()) {
      if (const Holds* holds = keyword_of(draft_, keyword)) {
        children(value, *holds, pointer + "/" + keyword, depth + 1);
      } else {
        unknown(keyword, pointer);
      }
    }
    required_names(schema, pointer);
    lonely(schema, pointer);
    format(schema, pointer);
  }

  std::vector<LintWarning> take() { return std::move(warnings_); }

 private:
  void warn(const std::string& pointer, std::string_view keyword, std::string_view what) {
    warnings_.push_back({pointer, std::string(keyword), fmt::format("#{}: {}", pointer, what)});
  }

  void unknown(const std::string& keyword, const std::string& pointer) {
    if (keyword.starts_with("x-") || keyword == "$defs") return;
    const Draft other = draft_ == Draft::k7 ? Draft::k2020 : Draft::k7;
    if (keyword_of(other, keyword)) {
      return warn(pointer, keyword,
                  fmt::format("'{}' is a keyword of {}, but this schema is of {}, which ignores it",
                              keyword, name_of(other), name_of(draft_)));
    }
    const auto known = std::ranges::find(kForeign, keyword, &Foreign::keyword);
    if (known != kForeign.end())
      return warn(pointer, keyword, fmt::format("'{}' {}", keyword, known->advice));
    const std::string near = closest(keyword, keywords_of(draft_));
    const std::string advice = near.empty()
                                   ? "it does nothing; begin its name with \"x-\" if that is meant"
                                   : fmt::format("did you mean '{}'?", near);
    warn(pointer, keyword, fmt::format("unknown keyword '{}', {}", keyword, advice));
  }

  void ref_siblings(const Json& schema, const std::string& pointer) {
    for (const auto& [keyword, _] : schema.as_object()) {
      const bool harmless = keyword == "$ref" || keyword == "$comment" || keyword == "title" ||
                            keyword == "description" || keyword == "default" ||
                            keyword == "definitions" || keyword == "$schema" ||
                            keyword == "examples";
      if (!harmless)
        warn(pointer, keyword,
             fmt::format("'{}' beside '$ref' is ignored by draft 7: put both into \"allOf\"",
                         keyword));
    }
  }

  void children(const Json& value, Holds holds, const std::string& pointer, std::size_t depth) {
    if (holds == Holds::kValue) return;
    if (value.is_array()) {
      for (std::size_t i = 0; i < value.as_array().size(); ++i)
        schema(value.as_array()[i], fmt::format("{}/{}", pointer, i), depth);
    } else if (holds == Holds::kSchemaMap || holds == Holds::kDependencies) {
      if (!value.is_object()) return;
      for (const auto& [name, child] : value.as_object())
        schema(child, pointer + "/" + pointer_token(name), depth);
    } else {
      schema(value, pointer, depth);
    }
  }

  // Names that can never be there.
  void required_names(const Json& schema, const std::string& pointer) {
    const Json* required = schema.find("required");
    const Json* additional = schema.find("additionalProperties");
    const Json* properties = schema.find("properties");
    const bool closed = additional && additional->is_bool() && !additional->as_bool() &&
                        !schema.find("patternProperties");
    if (!closed || !required || !required->is_array()) return;
    std::vector<std::string> known;
    if (properties && properties->is_object()) {
      for (const auto& [name, _] : properties->as_object()) known.push_back(name);
    }
    for (const Json& name : required->as_array()) {
      if (!name.is_string() || std::ranges::find(known, name.as_string()) != known.end()) continue;
      warn(pointer, "required",
           fmt::format("requires '{}', which \"properties\" does not have and "
                       "\"additionalProperties\": false forbids; {}",
                       name.as_string(), did_you_mean(name.as_string(), known)));
    }
  }

  // Keywords that do nothing without another one.
  void lonely(const Json& schema, const std::string& pointer) {
    constexpr auto kNeeds = std::to_array<std::pair<std::string_view, std::string_view>>(
        {{"then", "if"}, {"else", "if"}, {"minContains", "contains"}, {"maxContains", "contains"}});
    for (const auto& [keyword, needs] : kNeeds) {
      if (!keyword_of(draft_, keyword) || !schema.find(keyword) || schema.find(needs)) continue;
      warn(pointer, keyword, fmt::format("'{}' does nothing without '{}'", keyword, needs));
    }
  }

  void format(const Json& schema, const std::string& pointer) {
    const std::string* name = schema.find_string("format");
    if (name == nullptr || std::ranges::find(format_names(), *name) != format_names().end()) return;
    const std::string near = closest(*name, format_names());
    if (!near.empty())
      warn(pointer, "format", fmt::format("unknown format '{}', did you mean '{}'?", *name, near));
  }

  Draft draft_;
  std::vector<LintWarning> warnings_;
};

}  // namespace

std::vector<LintWarning> schema_lint(const Json& schema, Draft otherwise) {
  const std::string* uri = schema.find_string("$schema");
  if (uri && uri->contains("draft-07")) otherwise = Draft::k7;
  if (uri && uri->contains("2020-12")) otherwise = Draft::k2020;
  Lint lint(otherwise);
  lint.schema(schema, "", 0);
  return lint.take();
}

}  // namespace sighter::text
