#include "functions/contract.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

#include "base/check.hpp"
#include "base/similar.hpp"
#include "base/utf8.hpp"
#include "functions/contract_schema.hpp"

namespace sighter::functions {
namespace {

const std::vector<std::string>& field_types() {
  static const std::vector<std::string> types{"string", "number", "integer", "boolean",
                                              "array",  "object", "image",   "any"};
  return types;
}

Json field_schema(const std::string& type) {
  if (type == "any") return Json(true);
  // An image is a data: or https: URL.
  return Json::object({{"type", type == "image" ? "string" : type}});
}

Json fields_schema(const std::vector<Field>& fields) {
  Json properties = Json::object();
  Json required = Json::array();
  for (const Field& field : fields) {
    properties.as_object().set(field.name, field_schema(field.type));
    if (field.required) required.as_array().push_back(field.name);
  }
  return Json::object({{"type", "object"},
                       {"properties", std::move(properties)},
                       {"required", std::move(required)},
                       {"additionalProperties", false}});
}

Json messages_schema() {
  Json message = Json::object(
      {{"type", "object"},
       {"required", Json::array({"role", "content"})},
       {"properties",
        Json::object({{"role", Json::object({{"enum", Json::array({"system", "developer", "user",
                                                                   "assistant", "tool"})}})}})}});
  return Json::object(
      {{"type", "object"},
       {"required", Json::array({"messages"})},
       {"properties",
        Json::object({{"messages", Json::object({{"type", "array"},
                                                 {"minItems", 1},
                                                 {"items", std::move(message)}})}})}});
}

std::shared_ptr<const text::Schema> compile_own(const Json& schema) {
  Result<text::Schema> compiled = text::Schema::compile(schema, "input contract");
  CHECK(compiled.has_value());
  return std::make_shared<const text::Schema>(std::move(*compiled));
}

std::string_view trimmed(std::string_view text) {
  const auto junk = [](char c) {
    return std::isspace(static_cast<unsigned char>(c)) || c == '"' || c == '\'' || c == '`' ||
           c == '*';
  };
  while (!text.empty() && junk(text.front())) text.remove_prefix(1);
  while (!text.empty() && (junk(text.back()) || text.back() == '.')) text.remove_suffix(1);
  return text;
}

// The beginning of a text, for a message.
std::string shown(std::string_view text) {
  const std::string_view begin = text.substr(0, 80);
  return std::string(begin.substr(0, complete_utf8_prefix(begin)));
}

bool same_letters(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

Result<Json> read_label(std::string_view text, const std::vector<std::string>& labels) {
  std::string_view word = trimmed(text);
  for (const std::string& label : labels) {
    if (word == label) return Json(label);
  }
  // "Label: billing" and the like: what stands behind the last colon of the first line.
  const std::string_view line = word.substr(0, word.find('\n'));
  const std::size_t colon = line.rfind(':');
  for (const std::string_view candidate :
       {word, trimmed(line), trimmed(colon == line.npos ? line : line.substr(colon + 1))}) {
    for (const std::string& label : labels) {
      if (same_letters(candidate, label)) return Json(label);
    }
  }
  return fail(Kind::kInvalid, fmt::format("'{}' is not one of the labels", shown(word)),
              fmt::format("answer with one of: {}", fmt::join(labels, ", ")));
}

// The JSON value inside a model's text: all of it, what a Markdown fence holds, or from the first
// brace to the last.
Result<Json> find_json(std::string_view text) {
  Result<Json> whole = json_parse(text, "the answer");
  if (whole) return whole;
  const std::size_t fence = text.find("```");
  if (fence != text.npos) {
    const std::size_t begin = text.find('\n', fence);
    const std::size_t end = begin == text.npos ? text.npos : text.find("```", begin);
    if (end != text.npos) {
      Result<Json> inside = json_parse(text.substr(begin, end - begin), "the answer");
      if (inside) return inside;
    }
  }
  const std::size_t begin = text.find_first_of("{[");
  const std::size_t end = text.find_last_of("}]");
  if (begin != text.npos && end != text.npos && begin < end) {
    Result<Json> inside = json_parse(text.substr(begin, end - begin + 1), "the answer");
    if (inside) return inside;
  }
  return whole;
}

std::optional<text::Schema> schema_from_file(const TomlTable& table,
                                             const std::filesystem::path& folder) {
  if (table.is_table("schema")) {
    table.json("schema");
    table.mistake("schema", "'schema' must name a file, not hold the schema",
                  "write the schema into a file of the function's folder: { schema = "
                  "\"output.schema.json\" }");
    return std::nullopt;
  }
  const std::optional<std::string> name = table.string("schema");
  if (!name) return std::nullopt;
  Result<text::Schema> schema = read_schema(folder / *name);
  if (!schema) {
    table.mistake("schema", schema.error().what, schema.error().hint);
    return std::nullopt;
  }
  return std::move(*schema);
}

}  // namespace

InputContract InputContract::of_fields(std::vector<Field> fields) {
  InputContract contract;
  contract.schema_ = compile_own(fields_schema(fields));
  contract.fields_ = std::move(fields);
  return contract;
}

InputContract InputContract::of_schema(text::Schema schema) {
  InputContract contract;
  contract.form_ = Form::kSchema;
  if (const Json* properties = schema.json().find("properties");
      properties != nullptr && properties->is_object()) {
    const Json* required = schema.json().find("required");
    for (const auto& [name, member] : properties->as_object()) {
      const std::string* type = member.find_string("type");
      const bool needed = required != nullptr && required->is_array() &&
                          std::find(required->as_array().begin(), required->as_array().end(),
                                    Json(name)) != required->as_array().end();
      contract.fields_.push_back({name, type != nullptr ? *type : "any", needed});
    }
  }
  contract.schema_ = std::make_shared<const text::Schema>(std::move(schema));
  return contract;
}

InputContract InputContract::of_messages() {
  InputContract contract;
  contract.form_ = Form::kMessages;
  contract.schema_ = compile_own(messages_schema());
  return contract;
}

const Json& InputContract::schema() const {
  return schema_->json();
}

Result<Json> InputContract::admit(Json input) const {
  if (form_ == Form::kMessages) {
    if (input.is_string())
      input = Json::array({Json::object({{"role", "user"}, {"content", input}})});
    if (input.is_array()) input = Json::object({{"messages", std::move(input)}});
  } else if (input.is_string()) {
    const Field* field = only_text();
    if (field == nullptr) {
      std::vector<std::string> names;
      for (const Field& f : fields_) names.push_back(f.name);
      return fail(Kind::kInvalid, "the input is a bare text, but the function takes several fields",
                  fmt::format("give a JSON object with: {}", fmt::join(names, ", ")));
    }
    input = Json::object({{field->name, std::move(input)}});
  }
  const std::vector<text::Violation> violations = schema_->validate(input);
  if (violations.empty()) return input;
  std::string hint;
  if (form_ == Form::kFields && input.is_object()) {
    std::vector<std::string> names;
    for (const Field& f : fields_) names.push_back(f.name);
    for (const auto& [name, value] : input.as_object()) {
      if (std::find(names.begin(), names.end(), name) == names.end())
        hint = fmt::format("unknown field '{}', {}", name, did_you_mean(name, names));
    }
  }
  return fail(Kind::kInvalid, "the input does not fit the contract: " + text::describe(violations),
              hint);
}

std::string InputContract::mistaken(const Json& input) const {
  if (form_ == Form::kFields && input.is_object()) {
    for (const auto& [name, value] : input.as_object()) {
      const auto known =
          std::ranges::any_of(fields_, [&](const Field& f) { return f.name == name; });
      if (!known) return "/" + name;
    }
  }
  const std::vector<text::Violation> violations = schema_->validate(input, 1);
  return violations.empty() ? std::string() : violations.front().instance;
}

const Field* InputContract::only_text() const {
  const Field* found = nullptr;
  for (const Field& field : fields_) {
    if (field.type == "string") {
      if (found != nullptr) return nullptr;
      found = &field;
    } else if (field.required && field.type != "image") {
      return nullptr;
    }
  }
  return found;
}

const Field* InputContract::image() const {
  const auto found = std::find_if(fields_.begin(), fields_.end(),
                                  [](const Field& field) { return field.type == "image"; });
  return found == fields_.end() ? nullptr : &*found;
}

OutputContract OutputContract::of_text() {
  return OutputContract();
}

OutputContract OutputContract::of_labels(std::vector<std::string> labels) {
  OutputContract contract;
  contract.form_ = Form::kLabels;
  contract.labels_ = std::move(labels);
  return contract;
}

OutputContract OutputContract::of_schema(text::Schema schema) {
  OutputContract contract;
  contract.form_ = Form::kSchema;
  contract.schema_ = std::make_shared<const text::Schema>(std::move(schema));
  return contract;
}

Status OutputContract::check(const Json& output) const {
  if (form_ == Form::kSchema) {
    const std::vector<text::Violation> violations = schema_->validate(output);
    if (violations.empty()) return {};
    return fail(Kind::kInvalid,
                "the output does not fit its schema: " + text::describe(violations));
  }
  if (!output.is_string())
    return fail(Kind::kInvalid,
                fmt::format("the output must be a string, not {}", output.type_name()));
  if (form_ == Form::kText) return {};
  if (std::find(labels_.begin(), labels_.end(), output.as_string()) != labels_.end()) return {};
  return fail(Kind::kInvalid,
              fmt::format("'{}' is not one of the labels", shown(output.as_string())),
              did_you_mean(output.as_string(), labels_));
}

Result<Json> OutputContract::read(std::string_view text) const {
  if (form_ == Form::kText) return Json(text);
  if (form_ == Form::kLabels) return read_label(text, labels_);
  Result<Json> value = find_json(text);
  if (!value) return std::unexpected(value.error());
  if (Status status = check(*value); !status) return std::unexpected(status.error());
  return value;
}

InputContract parse_input(const TomlTable& function, const std::filesystem::path& folder) {
  const InputContract text_only = InputContract::of_fields({{"text", "string", true}});
  if (function.is_string("input")) {
    if (!function.word("input", {"messages"})) return text_only;
    return InputContract::of_messages();
  }
  if (!function.has("input")) {
    const std::string near = closest("input", function.keys());
    static_cast<void>(function.json(near));  // so that it is not told as an unknown key, too
    function.mistake(near, "the function has no 'input'",
                     near.empty() ? "for example: input = { text = \"string\" }"
                                  : fmt::format("did you mean 'input' by '{}'?", near));
    return text_only;
  }
  const TomlTable table = function.table("input");
  if (!table.present()) return text_only;
  if (table.keys() == std::vector<std::string>{"schema"} && table.is_string("schema") &&
      std::find(field_types().begin(), field_types().end(), table.string("schema", "")) ==
          field_types().end()) {
    std::optional<text::Schema> schema = schema_from_file(table, folder);
    return schema ? InputContract::of_schema(std::move(*schema)) : text_only;
  }
  std::vector<Field> fields;
  for (const std::string& name : table.keys()) {
    std::string type = table.string(name, "any");
    const bool required = !type.ends_with('?');
    if (!required) type.pop_back();
    if (std::find(field_types().begin(), field_types().end(), type) == field_types().end()) {
      table.mistake(name, fmt::format("the field '{}' cannot be of type '{}'", name, type),
                    did_you_mean(type, field_types()));
      type = "any";  // so that what follows is told too
    }
    fields.push_back({name, type, required});
  }
  if (fields.empty())
    function.mistake("input", "'input' names no field",
                     "for example: input = { text = \"string\" }");
  return InputContract::of_fields(std::move(fields));
}

OutputContract parse_output(const TomlTable& function, const std::filesystem::path& folder) {
  if (function.is_string("output")) {
    function.word("output", {"text"});
    return OutputContract::of_text();
  }
  if (!function.has("output")) {
    function.mistake("", "the function has no 'output'",
                     "for example: output = \"text\", or { labels = [\"yes\", \"no\"] }");
    return OutputContract::of_text();
  }
  const TomlTable table = function.table("output");
  if (!table.present()) return OutputContract::of_text();
  if (table.has("labels")) {
    std::vector<std::string> labels = table.strings("labels");
    std::vector<std::string> sorted = labels;
    std::sort(sorted.begin(), sorted.end());
    if (labels.size() < 2) table.mistake("labels", "'labels' must name at least two labels");
    if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
      table.mistake("labels", "'labels' names a label twice");
    if (!sorted.empty() && sorted.front().empty()) table.mistake("labels", "a label is empty");
    return OutputContract::of_labels(std::move(labels));
  }
  std::optional<text::Schema> schema = schema_from_file(table, folder);
  if (!schema && !table.has("schema"))
    function.mistake("output",
                     "'output' must be \"text\", { labels = [...] } or { schema = \"file\" }");
  return schema ? OutputContract::of_schema(std::move(*schema)) : OutputContract::of_text();
}

}  // namespace sighter::functions
