#include "functions/prompt_render.hpp"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/hash.hpp"
#include "base/random.hpp"
#include "base/similar.hpp"
#include "functions/requests.hpp"
#include "text/schema_strict.hpp"

namespace sighter::functions {
namespace {

// What templates may read.
struct Variables {
  Json labels = Json::array();
  Json meanings = Json::object();  // by label
  Json description;
  Json examples = Json::array();
  Json function;

  text::TemplateArguments with(const Json& input) const {
    return {{"input", &input},       {"labels", &labels},
            {"meanings", &meanings}, {"description", &description},
            {"examples", &examples}, {"function", &function}};
  }
};

bool reads_examples(const PromptBody& prompt) {
  const auto reads = [](const std::shared_ptr<const text::Template>& source) {
    if (!source) return false;
    const std::vector<std::string> names = source->variables();
    return std::find(names.begin(), names.end(), "examples") != names.end();
  };
  return reads(prompt.system) || reads(prompt.user);
}

// What a template draws is by chance, and yet the same for the same input: rendered again, a prompt
// is the same prompt.
Result<std::string> rendered(const text::Template& source, const Variables& variables,
                             const Json& input) {
  Random random(hash64(json_write(input), 17));
  text::RenderOptions options;
  options.random = &random;
  return source.render(variables.with(input), options);
}

Result<std::string> render_user(const Function& function, const PromptBody& prompt,
                                const Json& input, const Variables& variables) {
  if (prompt.user) return rendered(*prompt.user, variables, input);
  if (function.input.form() == InputContract::Form::kMessages) return std::string();
  if (const Field* field = function.input.only_text()) {
    const std::string* text = input.find_string(field->name);
    if (text != nullptr) return *text;
  }
  Json shown = input;
  if (const Field* image = function.input.image()) shown.as_object().erase(image->name);
  return json_write(shown);
}

std::string default_system(const Function& function) {
  std::string out = function.description;
  if (function.output.form() == OutputContract::Form::kLabels) {
    if (!out.empty() && !out.ends_with('\n')) out += '\n';
    out += fmt::format("Answer with exactly one of these labels and nothing else: {}",
                       fmt::join(function.output.labels(), ", "));
    for (std::size_t i = 0; i < function.meanings.size(); ++i)
      out += fmt::format("\n{}: {}", function.output.labels()[i], function.meanings[i]);
  }
  return out;
}

std::string output_text(const Json& output) {
  return output.is_string() ? output.as_string() : json_write(output);
}

// Examples that are named are all there.
Status check_named(const Function& function, const PromptBody& prompt, const ExampleSet& set) {
  const std::vector<KnownCase>& cases = set.cases();
  for (const std::string& id : prompt.example_ids) {
    if (std::ranges::any_of(cases, [&](const KnownCase& known) { return known.id == id; }))
      continue;
    std::vector<std::string> ids;
    for (const KnownCase& known : cases) ids.push_back(known.id);
    return fail(Kind::kNotFound,
                fmt::format("examples: {} has no case '{}' with an expectation",
                            function.cases.string(), id),
                did_you_mean(id, ids));
  }
  return {};
}

}  // namespace

Result<Rendered> render_prompt(const Function& function, const PromptBody& prompt, const Call& call,
                               const ExampleSet* set) {
  Rendered out;
  Variables variables;
  for (const std::string& label : function.output.labels())
    variables.labels.as_array().push_back(label);
  for (std::size_t i = 0; i < function.meanings.size(); ++i)
    variables.meanings.as_object().set(function.output.labels()[i], function.meanings[i]);
  variables.description = Json(function.description);
  variables.function = Json(function.name);
  out.text = input_text(call.input);
  std::vector<std::uint32_t> chosen;
  if (set != nullptr && prompt.examples > 0) {
    if (Status named = check_named(function, prompt, *set); !named)
      return std::unexpected(named.error());
    const ExampleQuery query{prompt.examples, prompt.choice, &prompt.example_ids,
                             call.options.held_out, call.options.only_cases};
    chosen = set->choose(out.text, query);
  }
  for (std::uint32_t index : chosen) {
    const KnownCase& known = set->cases()[index];
    variables.examples.as_array().push_back(
        Json::object({{"input", known.input}, {"output", known.expect}}));
    out.examples.push_back({set->examples()[index].text, output_text(known.expect)});
  }
  if (!reads_examples(prompt)) {
    for (std::uint32_t index : chosen) {
      const KnownCase& known = set->cases()[index];
      Result<std::string> user = render_user(function, prompt, known.input, variables);
      if (!user) return std::unexpected(user.error());
      out.shown.emplace_back(std::move(*user), output_text(known.expect));
    }
  }
  if (prompt.system) {
    Result<std::string> system = rendered(*prompt.system, variables, call.input);
    if (!system) return std::unexpected(system.error());
    out.system = std::move(*system);
  } else {
    out.system = default_system(function);
  }
  Result<std::string> user = render_user(function, prompt, call.input, variables);
  if (!user) return std::unexpected(user.error());
  out.user = std::move(*user);
  return out;
}

Answering answering(const Function& function, const PromptBody& prompt) {
  Answering answer;
  const text::Schema* schema = function.output.schema();
  if (schema == nullptr || prompt.structured == Structured::kNone) return answer;
  if (prompt.structured == Structured::kJson) {
    answer.form = AnswerForm::kJson;
    return answer;
  }
  if (prompt.structured == Structured::kTool) {
    answer.form = AnswerForm::kTool;
    answer.schema = schema->json();
    return answer;
  }
  if (Result<Json> exact = text::openai_strict(schema->json())) {
    answer.form = AnswerForm::kStrict;
    answer.schema = std::move(*exact);
    return answer;
  }
  Result<Json> loose =
      text::openai_strict(schema->json(), {.close_objects = true, .optional_as_null = true});
  if (loose) {
    answer.form = AnswerForm::kStrict;
    answer.schema = std::move(*loose);
    answer.nulls_removed = true;
  }
  return answer;
}

Result<wire::ChatRequest> build_request(const Function& function, const PromptBody& prompt,
                                        const Call& call, const Rendered& rendered,
                                        const Answering& answer,
                                        const std::vector<const Function*>& tools) {
  wire::ChatRequest request;
  request.model = prompt.model;
  std::string system = rendered.system;
  const bool told = answer.form == AnswerForm::kPlain || answer.form == AnswerForm::kJson;
  if (const text::Schema* schema = function.output.schema(); schema != nullptr && told) {
    if (!system.empty()) system += "\n\n";
    system += "Answer with one JSON value that fits this JSON Schema, and nothing else:\n" +
              json_write(schema->json());
  }
  if (!system.empty()) request.messages.push_back(wire::Message::text(wire::Role::kSystem, system));
  for (const auto& [input, output] : rendered.shown) {
    request.messages.push_back(wire::Message::text(wire::Role::kUser, input));
    request.messages.push_back(wire::Message::text(wire::Role::kAssistant, output));
  }
  if (function.input.form() == InputContract::Form::kMessages && !prompt.user) {
    Result<std::vector<wire::Message>> messages = messages_of(call.input);
    if (!messages) return std::unexpected(messages.error());
    for (wire::Message& message : *messages) request.messages.push_back(std::move(message));
  } else {
    wire::Message user = wire::Message::text(wire::Role::kUser, rendered.user);
    const Field* image = function.input.image();
    const std::string* url = image != nullptr ? call.input.find_string(image->name) : nullptr;
    if (url != nullptr) user.content.emplace_back(image_of(*url));
    request.messages.push_back(std::move(user));
  }
  apply_parameters(request, prompt.parameters);
  for (const Function* tool : tools) {
    wire::Tool offered;
    offered.name = tool->name;
    offered.description = tool->description;
    offered.schema = tool->input.schema();
    request.tools.push_back(std::move(offered));
  }
  if (answer.form == AnswerForm::kTool) {
    wire::Tool reply;
    reply.name = std::string(kAnswerTool);
    reply.description = "Give the answer.";
    reply.schema = answer.schema;
    request.tools.push_back(std::move(reply));
    if (tools.empty()) {
      request.tool_choice.emplace();
      request.tool_choice->mode = wire::ToolChoice::Mode::kNamed;
      request.tool_choice->names.emplace_back(kAnswerTool);
    }
  } else if (answer.form != AnswerForm::kPlain) {
    request.response_format.emplace();
    const bool strict = answer.form == AnswerForm::kStrict;
    request.response_format->kind =
        strict ? wire::ResponseFormat::Kind::kJsonSchema : wire::ResponseFormat::Kind::kJsonObject;
    if (strict) {
      request.response_format->name = function.name;
      request.response_format->schema = answer.schema;
      request.response_format->strict = true;
    }
  }
  return request;
}

}  // namespace sighter::functions
