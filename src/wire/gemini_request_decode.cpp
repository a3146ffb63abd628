#include <algorithm>
#include <map>

#include "wire/call_id.hpp"
#include "wire/gemini.hpp"
#include "wire/gemini_content.hpp"

namespace sighter::wire::gemini {
namespace {

constexpr Dialect kMe = Dialect::kGemini;
using Mode = ObjectReader::Mode;

Result<Message> decode_content(Json& json, const Place& place, Role by_default) {
  if (!json.is_object()) return fail(Kind::kInvalid, place.text() + " must be an object");
  ObjectReader reader(json.as_object(), place, Mode::kStrict);
  Message message{.role = by_default};
  std::uint32_t forms = 0;
  if (Json* role = reader.peek("role"); by_default == Role::kUser && role != nullptr) {
    if (!role->is_string()) return fail(Kind::kInvalid, place.text() + ".role must be a string");
    const std::string& word = role->as_string();
    message.role = word == "user"       ? Role::kUser
                   : word == "model"    ? Role::kAssistant
                   : word == "function" ? Role::kTool
                                        : Role::kOther;
    if (message.role == Role::kTool) forms |= forms::kFunctionRole;
    if (message.role != Role::kOther) reader.take(role);
  } else {
    forms |= forms::kNoRole;  // that of a system instruction stays with the rest
  }
  if (Status status = decode_parts(reader, message.content, forms); !status)
    return std::unexpected(status.error());
  message.extra = reader.rest(kMe, forms);
  return message;
}

// Calls and results that name no id are paired by name and order; both get the same made id.
void make_ids(std::vector<Message>& messages) {
  std::size_t number = 0;
  std::map<std::string, std::vector<std::string>> open;  // by name, the oldest first
  for (Message& message : messages) {
    for (Block& block : message.content) {
      if (ToolCall* call = block.as<ToolCall>(); call && call->id.empty()) {
        call->id = made_call_id("", number++);
        block.extra.forms |= forms::kMadeId;
        open[call->name].push_back(call->id);
      }
      ToolResult* result = block.as<ToolResult>();
      if (result == nullptr || !result->id.empty()) continue;
      block.extra.forms |= forms::kMadeId;
      std::vector<std::string>& waiting = open[result->name];
      if (waiting.empty()) {
        result->id = made_call_id("", number++);
      } else {
        result->id = waiting.front();
        waiting.erase(waiting.begin());
      }
    }
  }
}

Status decode_contents(ObjectReader& reader, ChatRequest& request, std::uint32_t& forms) {
  const Place& root = reader.place();
  const std::string_view name = either(reader, "systemInstruction", forms);
  if (Json* system = reader.peek(name); system != nullptr && !says_nothing(*system)) {
    const Place place{.parent = &root, .name = name};
    Result<Message> message = decode_content(*system, place, Role::kSystem);
    if (!message) return std::unexpected(message.error());
    message->apart = true;
    reader.take(system);
    request.messages.push_back(std::move(*message));
  }
  JsonArray* contents = reader.array("contents");
  if (contents == nullptr) {
    if (!reader.ok()) return std::unexpected(reader.error());
    return fail(Kind::kInvalid, "contents is missing");
  }
  std::int64_t index = 0;
  for (Json& json : *contents) {
    const Place place{.parent = &root, .name = "contents", .index = index++};
    Result<Message> message = decode_content(json, place, Role::kUser);
    if (!message) return std::unexpected(message.error());
    request.messages.push_back(std::move(*message));
  }
  reader.take(reader.peek("contents"));
  make_ids(request.messages);
  return {};
}

Result<Tool> decode_declaration(Json& json, const Place& place) {
  if (!json.is_object()) return fail(Kind::kInvalid, place.text() + " must be an object");
  ObjectReader reader(json.as_object(), place, Mode::kStrict);
  Tool tool;
  std::uint32_t forms = 0;
  reader.string("name", tool.name);
  reader.string("description", tool.description);
  const std::string_view name = either(reader, "parametersJsonSchema", forms);
  if (reader.any(name, tool.schema)) {
    forms |= forms::kJsonSchema;
  } else if (std::optional<Json> open_api; reader.any("parameters", open_api)) {
    tool.schema = schema_of_open_api(*open_api);
    if (!(*tool.schema == *open_api)) tool.raw = std::move(*open_api);
  }
  if (!reader.ok()) return std::unexpected(reader.error());
  tool.extra = reader.rest(kMe, forms);
  return tool;
}

// One element: its functions, and each of its other members as a tool of the provider.
Status decode_element(Json& json, const Place& place, std::uint32_t list_forms,
                      std::vector<Tool>& tools) {
  if (!json.is_object()) return fail(Kind::kInvalid, place.text() + " must be an object");
  bool first = true;
  for (auto& [name, value] : json.as_object()) {
    const std::uint32_t same = list_forms | (first ? 0 : forms::kSameElement);
    if ((name == "functionDeclarations" || name == "function_declarations") && value.is_array() &&
        !value.as_array().empty()) {
      const std::uint32_t lines = name == "functionDeclarations" ? 0 : forms::kSnakeList;
      std::int64_t index = 0;
      for (Json& one : value.as_array()) {
        const Place at{.parent = &place, .name = name, .index = index++};
        Result<Tool> tool = decode_declaration(one, at);
        if (!tool) return std::unexpected(tool.error());
        tool->extra.forms |= lines | (index == 1 ? same : list_forms | forms::kSameElement);
        tools.push_back(std::move(*tool));
      }
    } else {
      Tool tool{.kind = Tool::Kind::kBuiltIn, .type = name, .raw = std::move(value)};
      tool.extra = Extra{.dialect = kMe, .forms = same};
      tools.push_back(std::move(tool));
    }
    first = false;
  }
  if (first) {  // {}: says nothing, but it was said
    Tool tool{.kind = Tool::Kind::kBuiltIn};
    tool.extra = Extra{.dialect = kMe, .forms = list_forms};
    tools.push_back(std::move(tool));
  }
  return {};
}

Status decode_tools(ObjectReader& reader, ChatRequest& request) {
  Json* tools = reader.peek("tools");
  if (tools == nullptr || (!tools->is_object() && says_nothing(*tools))) return {};
  const Place& root = reader.place();
  if (tools->is_object()) {
    const Place place{.parent = &root, .name = "tools"};
    if (Status status = decode_element(*tools, place, forms::kNoList, request.tools); !status)
      return status;
  } else if (tools->is_array()) {
    std::int64_t index = 0;
    for (Json& json : tools->as_array()) {
      const Place place{.parent = &root, .name = "tools", .index = index++};
      if (Status status = decode_element(json, place, 0, request.tools); !status) return status;
    }
  } else {
    return fail(Kind::kInvalid, "tools must be an array");
  }
  reader.take(tools);
  return {};
}

// The choice in words of the middle form. Names of all functions together are no choice.
void settle_choice(ToolChoice& choice, std::string_view mode, const std::vector<Tool>& tools) {
  choice.required = mode == "ANY";
  if (mode == "NONE") {
    choice.mode = ToolChoice::Mode::kNone;
    return;
  }
  const auto declared = std::count_if(tools.begin(), tools.end(), [](const Tool& tool) {
    return tool.kind == Tool::Kind::kFunction;
  });
  const bool some =
      !choice.names.empty() && choice.names.size() < static_cast<std::size_t>(declared);
  if (some && choice.required && choice.names.size() == 1) {
    choice.mode = ToolChoice::Mode::kNamed;
  } else if (some) {
    choice.mode = ToolChoice::Mode::kAllowed;
  } else {
    choice.mode = choice.required ? ToolChoice::Mode::kRequired : ToolChoice::Mode::kAuto;
  }
}

void decode_tool_config(ObjectReader& reader, ChatRequest& request, std::uint32_t& forms,
                        Extra& rest) {
  JsonObject* config = reader.object(either(reader, "toolConfig", forms));
  if (config == nullptr) return;
  ObjectReader inner(*config, reader.place(), Mode::kLenient);
  Json* calling = inner.peek(either(inner, "functionCallingConfig", forms, forms::kSnakeTools));
  if (calling == nullptr || !calling->is_object() || calling->as_object().empty()) return;
  ObjectReader fields(calling->as_object(), reader.place(), Mode::kLenient);
  ToolChoice choice;
  std::uint32_t choice_forms = 0;
  std::string mode;
  if (Json* word = fields.peek("mode"); word != nullptr && word->is_string()) {
    for (const std::string_view known : {"AUTO", "ANY", "NONE", "VALIDATED"}) {
      if (word->as_string() == known) mode = known;
    }
    if (mode.empty()) return;  // of a word that is not known: stays as it came
    fields.take(word);
    if (mode == "VALIDATED") choice_forms |= forms::kValidated;
  } else {
    choice_forms |= forms::kNoMode;
  }
  const std::string_view list = either(fields, "allowedFunctionNames", forms, forms::kSnakeCalling);
  if (JsonArray* names = fields.array(list); names != nullptr) {
    const bool strings = std::all_of(names->begin(), names->end(),
                                     [](const Json& name) { return name.is_string(); });
    for (Json& name : *names) {
      if (strings) choice.names.push_back(std::move(name.as_string()));
    }
    if (!choice.names.empty()) fields.take(fields.peek(list));
  }
  settle_choice(choice, mode, request.tools);
  choice.extra = fields.rest(kMe, choice_forms);
  inner.take(calling);
  request.tool_choice = std::move(choice);
  rest = inner.rest(kMe);
  reader.take(reader.peek(either(reader, "toolConfig", forms)));
}

void decode_format(ObjectReader& config, ChatRequest& request, std::uint32_t& forms) {
  ResponseFormat format;
  std::uint32_t bits = 0;
  std::string mime;
  const std::string_view mime_name = either(config, "responseMimeType", forms, forms::kSnakeConfig);
  const std::string* word = nullptr;
  if (const Json* member = config.peek(mime_name); member != nullptr && member->is_string())
    word = &member->as_string();
  const bool known = word == nullptr || *word == "application/json" || *word == "text/plain";
  if (!known) return;  // stays with the rest, refused by its name elsewhere
  config.string(mime_name, mime);
  if (mime.empty()) bits |= forms::kNoMime;
  const std::string_view schema = either(config, "responseJsonSchema", forms, forms::kSnakeConfig);
  if (config.any(schema, format.schema)) {
    format.kind = ResponseFormat::Kind::kJsonSchema;
  } else if (std::optional<Json> open_api;
             config.any(either(config, "responseSchema", forms, forms::kSnakeConfig), open_api)) {
    format.kind = ResponseFormat::Kind::kJsonSchema;
    bits |= forms::kOpenApi;
    format.schema = schema_of_open_api(*open_api);
    if (!(*format.schema == *open_api)) format.raw = std::move(*open_api);
  } else if (mime == "application/json") {
    format.kind = ResponseFormat::Kind::kJsonObject;
  } else if (mime.empty()) {
    return;
  }
  format.extra = Extra{.dialect = kMe, .forms = bits};
  request.response_format = std::move(format);
}

void decode_thinking(ObjectReader& config, ChatRequest& request, std::uint32_t& forms,
                     Extra& rest) {
  const std::string_view name = either(config, "thinkingConfig", forms, forms::kSnakeConfig);
  JsonObject* thinking = config.object(name);
  if (thinking == nullptr || thinking->empty()) return;
  ObjectReader inner(*thinking, config.place(), Mode::kLenient);
  Reasoning reasoning;
  std::uint32_t bits = 0;
  const auto spelling = [&](std::string_view camel) {
    return either(inner, camel, forms, forms::kSnakeThinking);
  };
  if (inner.integer(spelling("thinkingBudget"), reasoning.budget_tokens)) {
    reasoning.mode = *reasoning.budget_tokens == 0 ? Reasoning::Mode::kOff : Reasoning::Mode::kOn;
    if (*reasoning.budget_tokens < 0) {
      if (*reasoning.budget_tokens == -1) bits |= forms::kDynamic;
      reasoning.mode = Reasoning::Mode::kAdaptive;
      reasoning.budget_tokens.reset();
    }
  }
  if (inner.string(spelling("thinkingLevel"), reasoning.effort)) {
    std::string lower = reasoning.effort;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (lower != reasoning.effort) bits |= forms::kUpper;
    reasoning.effort = std::move(lower);
  }
  inner.boolean(spelling("includeThoughts"), reasoning.include_thoughts);
  rest = inner.rest(kMe);
  reasoning.extra = Extra{.dialect = kMe, .forms = bits};
  config.take(config.peek(name));
  request.reasoning = std::move(reasoning);
}

Status decode_stop(ObjectReader& config, ChatRequest& request, std::uint32_t& forms) {
  const std::string_view name = either(config, "stopSequences", forms, forms::kSnakeConfig);
  JsonArray* stop = config.array(name);
  if (stop == nullptr || stop->empty()) return {};
  for (Json& word : *stop) {
    if (!word.is_string()) return fail(Kind::kInvalid, "stopSequences must be an array of strings");
    request.stop.push_back(std::move(word.as_string()));
  }
  config.take(config.peek(name));
  return {};
}

// {"responseModalities": ["TEXT"]} is what is so anyway.
void decode_modalities(ObjectReader& config, std::uint32_t& forms) {
  const std::string_view name = either(config, "responseModalities", forms, forms::kSnakeConfig);
  Json* list = config.peek(name);
  if (list == nullptr || !(*list == Json::array({"TEXT"}))) return;
  forms |= forms::kTextOnly;
  config.take(list);
}

Status decode_config(ObjectReader& reader, ChatRequest& request, std::uint32_t& forms,
                     Extra& rest) {
  const std::string_view name = either(reader, "generationConfig", forms);
  JsonObject* object = reader.object(name);
  if (object == nullptr || object->empty()) return {};
  const Place place{.parent = &reader.place(), .name = name};
  ObjectReader config(*object, place, Mode::kStrict);
  const auto spelling = [&](std::string_view camel) {
    return either(config, camel, forms, forms::kSnakeConfig);
  };
  config.number("temperature", request.temperature);
  config.number(spelling("topP"), request.top_p);
  config.number(spelling("topK"), request.top_k);
  config.integer(spelling("maxOutputTokens"), request.max_tokens);
  config.integer(spelling("candidateCount"), request.n);
  config.number("seed", request.seed);
  config.number(spelling("presencePenalty"), request.presence_penalty);
  config.number(spelling("frequencyPenalty"), request.frequency_penalty);
  config.boolean(spelling("responseLogprobs"), request.logprobs);
  config.integer("logprobs", request.top_logprobs);
  if (Status status = decode_stop(config, request, forms); !status) return status;
  decode_modalities(config, forms);
  decode_format(config, request, forms);
  Extra thinking_rest;
  decode_thinking(config, request, forms, thinking_rest);
  if (!config.ok()) return std::unexpected(config.error());
  rest = config.rest(kMe);
  keep_inner(rest, "thinkingConfig", std::move(thinking_rest));
  reader.take(reader.peek(name));
  return {};
}

}  // namespace

Result<ChatRequest> decode_request(Json body) {
  if (!body.is_object()) return fail(Kind::kInvalid, "the body must be a JSON object");
  const Place root{};
  ObjectReader reader(body.as_object(), root, Mode::kStrict);
  ChatRequest request{.dialect = kMe};
  std::uint32_t forms = 0;
  reader.string("model", request.model);
  if (Status status = decode_contents(reader, request, forms); !status)
    return std::unexpected(status.error());
  if (Status status = decode_tools(reader, request); !status)
    return std::unexpected(status.error());
  Extra config_rest;
  if (Status status = decode_config(reader, request, forms, config_rest); !status)
    return std::unexpected(status.error());
  Extra tool_rest;
  decode_tool_config(reader, request, forms, tool_rest);
  reader.any("labels", request.metadata);
  if (!reader.ok()) return std::unexpected(reader.error());
  request.extra = reader.rest(kMe, forms);
  keep_inner(request.extra, "generationConfig", std::move(config_rest));
  keep_inner(request.extra, "toolConfig", std::move(tool_rest));
  return request;
}

}  // namespace sighter::wire::gemini
