#pragma once
// The filters, by what they work on; the dialects' tables put them together. Internal to the
// template engine.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/template_builtin.hpp"

namespace sighter::text::jinja {

std::span<const Builtin> text_filters();
std::span<const Builtin> list_filters();
std::span<const Builtin> select_filters();  // map, select, reject, ...
std::span<const Builtin> number_filters();
std::span<const Builtin> html_filters();
std::span<const Builtin> json_filters();  // tojson, pprint
std::span<const Builtin> all_tests();
std::span<const Builtin> all_functions();
// Functions that only chat templates have: raise_exception, strftime_now.
std::span<const Builtin> chat_functions();

// Those of Nunjucks that do otherwise than Jinja's of the same name, or are its own.
std::span<const Builtin> nunjucks_filters();
std::span<const Builtin> nunjucks_json_filters();  // dump
std::span<const Builtin> nunjucks_tests();
std::span<const Builtin> nunjucks_functions();

// pprint.pformat(value).
std::string pretty(Renderer& renderer, const Value& value);
// Text without tags and comments, white space collapsed, entities replaced.
std::string strip_tags(std::string_view text);
// The character entities of HTML 4 and numeric ones, replaced.
std::string replace_entities(std::string_view text);
struct UrlizeOptions {
  std::optional<std::int64_t> trim_limit;
  std::string rel, target;  // empty: none
  std::vector<std::string> extra_schemes;
};
// Links around the addresses in a text that is escaped already.
std::string urlize(std::string_view escaped_text, const UrlizeOptions& options);

}  // namespace sighter::text::jinja
