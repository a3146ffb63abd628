#pragma once
// What a function takes and what it gives, checked on every call.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/toml.hpp"
#include "text/schema.hpp"

namespace sighter::functions {

struct Field {
  std::string name;
  std::string type;      // string | number | integer | boolean | array | object | image | any
  bool required = true;  // false for "string?"
};

// input = { text = "string" }  |  { schema = "input.schema.json" }  |  "messages"
class InputContract {
 public:
  enum class Form { kFields, kSchema, kMessages };

  static InputContract of_fields(std::vector<Field> fields);
  static InputContract of_schema(text::Schema schema);
  static InputContract of_messages();

  Form form() const { return form_; }
  const std::vector<Field>& fields() const { return fields_; }
  // The contract as a JSON Schema.
  const Json& schema() const;
  // Checks an input and brings it into its full form: a bare string fills the only string field, a
  // bare string or list of a conversation becomes {"messages": [...]}. kInvalid names what is
  // wrong.
  Result<Json> admit(Json input) const;
  // Where in an input that admit() refused the mistake is: a JSON Pointer, "" for the whole.
  std::string mistaken(const Json& input) const;
  // The only field that takes a string, or nullptr when there are several or none.
  const Field* only_text() const;
  // The name of the first field of type image, or nullptr.
  const Field* image() const;

 private:
  Form form_ = Form::kFields;
  std::vector<Field> fields_;
  std::shared_ptr<const text::Schema> schema_;
};

// output = "text"  |  { labels = [...] }  |  { schema = "output.schema.json" }
class OutputContract {
 public:
  enum class Form { kText, kLabels, kSchema };

  static OutputContract of_text();
  static OutputContract of_labels(std::vector<std::string> labels);
  static OutputContract of_schema(text::Schema schema);

  Form form() const { return form_; }
  const std::vector<std::string>& labels() const { return labels_; }
  const text::Schema* schema() const { return schema_.get(); }
  // kInvalid names what is wrong: not a string, not one of the labels, the schema's violations.
  Status check(const Json& output) const;
  // What a model wrote, read as this contract's value. Labels forgive case, surrounding white
  // space, quotes, a full stop and a leading "Label:"; a schema's value may stand in a Markdown
  // fence or between sentences. kInvalid says what is wrong, in words that can be sent back to the
  // model.
  Result<Json> read(std::string_view text) const;

 private:
  Form form_ = Form::kText;
  std::vector<std::string> labels_;
  std::shared_ptr<const text::Schema> schema_;
};

// Parse the keys `input` and `output` of function.toml. Mistakes are noted at the table's document;
// schema files are read from `folder`.
InputContract parse_input(const TomlTable& function, const std::filesystem::path& folder);
OutputContract parse_output(const TomlTable& function, const std::filesystem::path& folder);

}  // namespace sighter::functions
