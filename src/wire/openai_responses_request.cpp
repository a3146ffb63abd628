#include "wire/openai_responses_request.hpp"

#include <algorithm>

#include "wire/openai_responses.hpp"
#include "wire/openai_responses_item.hpp"
#include "wire/proof.hpp"

namespace sighter::wire::openai_responses {
namespace {

using Mode = ObjectReader::Mode;

// What is included anyway, or asked for in another way.
bool includes_the_usual(const Json& include) {
  for (std::size_t i = 0; include.at(i) != nullptr; ++i) {
    const Json& one = *include.at(i);
    if (!one.is_string() || (one.as_string() != "reasoning.encrypted_content" &&
                             one.as_string() != "message.output_text.logprobs"))
      return false;
  }
  return true;
}

// What a front door takes care of itself, or what says nothing of the model's work: no upstream of
// another dialect needs to express it.
bool of_the_service(std::string_view name, const Json& value) {
  if (name == "include") return includes_the_usual(value);
  if (name == "store" || name == kService || name == kPrevious) return true;
  if (name == "background") return value.is_bool() && !value.as_bool();
  return name == "truncation" && value.is_string() && value.as_string() == "disabled";
}

Result<Message> decode_message(Json& json, const Place& place) {
  ObjectReader reader(json.as_object(), place, Mode::kStrict);
  Message message{.role = Role::kOther};
  std::uint32_t forms = 0;
  if (!reader.constant("type", "message")) forms |= forms::kNoType;
  for (const Role role : {Role::kUser, Role::kSystem, Role::kDeveloper}) {
    if (reader.constant("role", to_string(role))) message.role = role;
  }
  reader.string("id", message.id);
  if (Status status = decode_parts(reader, "content", message.content, forms); !status)
    return std::unexpected(status.error());
  if (!reader.ok()) return std::unexpected(reader.error());
  message.extra = reader.rest(kMe, forms);
  return message;
}

Result<Message> decode_tool_output(Json& json, const Place& place, bool custom) {
  ObjectReader reader(json.as_object(), place, Mode::kStrict);
  ToolResult result;
  std::uint32_t forms = custom ? forms::kCustomOutput : 0;
  reader.constant("type", custom ? "custom_tool_call_output" : "function_call_output");
  reader.string("call_id", result.id);
  if (Status status = decode_parts(reader, "output", result.content, forms); !status)
    return std::unexpected(status.error());
  if (!reader.ok()) return std::unexpected(reader.error());
  Message message{.role = Role::kTool};
  message.extra.dialect = kMe;
  Block block(std::move(result));
  block.extra = reader.rest(kMe, forms);
  message.content.push_back(std::move(block));
  return message;
}

bool assistant_message(const Json& item) {
  const std::string* role = item.find_string("role");
  return role != nullptr && *role == "assistant";
}

// True where the item of the assistant's side begins a message of its own: one text after another
// is not one text.
bool begins_message(const std::vector<Message>& messages, const Json& item) {
  if (messages.empty() || messages.back().role != Role::kAssistant) return true;
  const Block& last = messages.back().content.back();
  return assistant_message(item) && (last.as<Text>() || last.as<Refusal>());
}

Status decode_item(Json& json, const Place& place, std::vector<Message>& messages) {
  if (!json.is_object()) return sighter::fail(Kind::kInvalid, place.text() + " must be an object");
  const std::string* type = json.find_string("type");
  const bool message = type == nullptr
                           ? json.find("type") == nullptr && json.find("role") != nullptr
                           : *type == "message";
  if (message && !assistant_message(json)) {
    Result<Message> one = decode_message(json, place);
    if (!one) return std::unexpected(one.error());
    messages.push_back(std::move(*one));
    return {};
  }
  const bool custom = type != nullptr && *type == "custom_tool_call_output";
  if (type != nullptr && (custom || *type == "function_call_output")) {
    Result<Message> one = decode_tool_output(json, place, custom);
    if (!one) return std::unexpected(one.error());
    messages.push_back(std::move(*one));
    return {};
  }
  const bool begins = begins_message(messages, json);
  std::vector<Block> blocks;
  if (Status status = decode_output_item(json, place, Mode::kStrict, blocks); !status)
    return status;
  if (begins) {
    Message one{.role = Role::kAssistant};
    one.extra.dialect = kMe;
    messages.push_back(std::move(one));
  }
  for (Block& block : blocks) messages.back().content.push_back(std::move(block));
  return {};
}

Status decode_input(ObjectReader& reader, ChatRequest& request, std::uint32_t& forms) {
  std::string instructions;
  if (reader.string("instructions", instructions)) {
    Message message = Message::text(Role::kSystem, std::move(instructions));
    message.apart = true;
    message.extra.dialect = message.content[0].extra.dialect = kMe;
    request.messages.push_back(std::move(message));
  }
  Json* input = reader.peek("input");
  if (input == nullptr) {
    for (const std::string_view other : {"previous_response_id", "prompt", "conversation"}) {
      if (reader.peek(other) != nullptr) return {};
    }
    return sighter::fail(Kind::kInvalid, "input is missing");
  }
  if (input->is_string()) {
    if (input->as_string().empty()) return {};
    Message message = Message::text(Role::kUser, std::move(input->as_string()));
    message.extra.dialect = message.content[0].extra.dialect = kMe;
    request.messages.push_back(std::move(message));
    forms |= forms::kInputText;
    reader.take(input);
    return {};
  }
  if (!input->is_array()) {
    return sighter::fail(Kind::kInvalid, fmt::format("input must be a string or an array, not {}",
                                                     input->type_name()));
  }
  if (input->as_array().empty()) return {};
  std::int64_t index = 0;
  for (Json& json : input->as_array()) {
    const Place place{.parent = &reader.place(), .name = "input", .index = index++};
    if (Status status = decode_item(json, place, request.messages); !status) return status;
  }
  reader.take(input);
  restore_proofs(request.messages, kMe);
  return {};
}

Result<Tool> decode_tool(Json& json, const Place& place) {
  if (!json.is_object()) return sighter::fail(Kind::kInvalid, place.text() + " must be an object");
  Tool tool;
  const std::string* type = json.find_string("type");
  if (type == nullptr || *type != "function") {
    tool.kind = type != nullptr && *type == "custom" ? Tool::Kind::kCustom : Tool::Kind::kBuiltIn;
    if (type != nullptr) tool.type = *type;
    if (const std::string* name = json.find_string("name")) tool.name = *name;
    if (const std::string* text = json.find_string("description")) tool.description = *text;
    tool.extra.dialect = kMe;
    tool.raw = std::move(json);
    return tool;
  }
  ObjectReader reader(json.as_object(), place, Mode::kStrict);
  reader.constant("type", "function");
  reader.string("name", tool.name);
  reader.string("description", tool.description);
  reader.any("parameters", tool.schema);
  reader.boolean("strict", tool.strict);
  if (!reader.ok()) return std::unexpected(reader.error());
  tool.extra = reader.rest(kMe);
  return tool;
}

Status decode_tools(ObjectReader& reader, ChatRequest& request) {
  JsonArray* tools = reader.array("tools");
  if (tools == nullptr || tools->empty()) return {};
  std::int64_t index = 0;
  for (Json& json : *tools) {
    const Place place{.parent = &reader.place(), .name = "tools", .index = index++};
    Result<Tool> tool = decode_tool(json, place);
    if (!tool) return std::unexpected(tool.error());
    request.tools.push_back(std::move(*tool));
  }
  reader.take(reader.peek("tools"));
  return {};
}

ToolChoice decode_tool_choice(Json json) {
  ToolChoice choice{.mode = ToolChoice::Mode::kOther};
  choice.extra.dialect = kMe;
  if (json.is_string()) {
    const std::string& word = json.as_string();
    if (word == "auto") choice.mode = ToolChoice::Mode::kAuto;
    if (word == "none") choice.mode = ToolChoice::Mode::kNone;
    if (word == "required") choice.mode = ToolChoice::Mode::kRequired;
  }
  const std::string* type = json.find_string("type");
  const std::string* name = json.find_string("name");
  if (type != nullptr && (*type == "function" || *type == "custom") && name != nullptr) {
    choice.mode = ToolChoice::Mode::kNamed;
    choice.names.push_back(*name);
    copy_others(&json, {"type", "name"}, choice.extra.members);
  } else if (type != nullptr && *type == "allowed_tools") {
    const Json* tools = json.find("tools");
    const std::string* mode = json.find_string("mode");
    choice.required = mode != nullptr && *mode == "required";
    bool all_named = tools != nullptr && tools->is_array();
    for (std::size_t i = 0; all_named && tools->at(i) != nullptr; ++i) {
      const std::string* one = tools->at(i)->find_string("name");
      all_named = one != nullptr;
      if (all_named) choice.names.push_back(*one);
    }
    if (all_named) {
      choice.mode = ToolChoice::Mode::kAllowed;
      Extra others;
      for (const Json& one : tools->as_array()) copy_others(&one, {"type", "name"}, others.members);
      copy_others(&json, {"type", "mode", "tools"}, choice.extra.members);
      keep_inner(choice.extra, "tools", std::move(others));
    }
  }
  choice.raw = std::move(json);
  return choice;
}

ResponseFormat decode_format(Json json) {
  ResponseFormat format{.kind = ResponseFormat::Kind::kOther};
  format.extra.dialect = kMe;
  const std::string* type = json.find_string("type");
  if (type != nullptr && (*type == "text" || *type == "json_object")) {
    format.kind = *type == "text" ? ResponseFormat::Kind::kText : ResponseFormat::Kind::kJsonObject;
    copy_others(&json, {"type"}, format.extra.members);
    return format;
  }
  if (type == nullptr || *type != "json_schema") {
    format.raw = std::move(json);
    return format;
  }
  format.kind = ResponseFormat::Kind::kJsonSchema;
  const Place place{};
  ObjectReader reader(json.as_object(), place, Mode::kLenient);
  reader.constant("type", "json_schema");
  reader.string("name", format.name);
  reader.string("description", format.description);
  reader.any("schema", format.schema);
  reader.boolean("strict", format.strict);
  format.extra = reader.rest(kMe);
  return format;
}

// "text" and "reasoning": objects that several typed members come from.
void decode_text(ObjectReader& reader, ChatRequest& request, Extra& rest) {
  JsonObject* text = reader.object("text");
  if (text == nullptr || text->empty()) return;
  ObjectReader inner(*text, reader.place(), Mode::kLenient);
  std::optional<Json> format;
  if (Json* peeked = inner.peek("format"); peeked != nullptr && peeked->is_object()) {
    inner.any("format", format);
    request.response_format = decode_format(std::move(*format));
  }
  inner.string("verbosity", request.verbosity);
  if (!request.response_format.has_value() && !request.verbosity.has_value()) return;
  rest = inner.rest(kMe);
  reader.take(reader.peek("text"));
}

void decode_reasoning(ObjectReader& reader, ChatRequest& request) {
  JsonObject* object = reader.object("reasoning");
  if (object == nullptr || object->empty()) return;
  ObjectReader inner(*object, reader.place(), Mode::kLenient);
  Reasoning reasoning;
  inner.string("effort", reasoning.effort);
  inner.string("summary", reasoning.summary);
  reasoning.extra = inner.rest(kMe);
  reader.take(reader.peek("reasoning"));
  request.reasoning = std::move(reasoning);
}

bool asks_for_logprobs(ObjectReader& reader) {
  const Json* include = reader.peek("include");
  for (std::size_t i = 0; include != nullptr && include->at(i) != nullptr; ++i) {
    const Json& one = *include->at(i);
    if (one.is_string() && one.as_string() == "message.output_text.logprobs") return true;
  }
  return false;
}

}  // namespace

Result<ChatRequest> decode_request(Json body) {
  if (!body.is_object()) return sighter::fail(Kind::kInvalid, "the body must be a JSON object");
  const Place root{};
  ObjectReader reader(body.as_object(), root, Mode::kStrict);
  ChatRequest request{.dialect = kMe};
  std::uint32_t forms = 0;
  reader.string("model", request.model);
  if (Status status = decode_input(reader, request, forms); !status)
    return std::unexpected(status.error());
  if (Status status = decode_tools(reader, request); !status)
    return std::unexpected(status.error());
  std::optional<Json> choice;
  if (reader.any("tool_choice", choice))
    request.tool_choice = decode_tool_choice(std::move(*choice));
  reader.boolean("parallel_tool_calls", request.parallel_tool_calls);
  reader.integer("max_output_tokens", request.max_tokens);
  reader.number("temperature", request.temperature);
  reader.number("top_p", request.top_p);
  reader.integer("top_logprobs", request.top_logprobs);
  if (asks_for_logprobs(reader) || request.top_logprobs.value_or(0) > 0) request.logprobs = true;
  Extra text_rest;
  decode_text(reader, request, text_rest);
  decode_reasoning(reader, request);
  reader.string("service_tier", request.service_tier);
  reader.any("metadata", request.metadata);
  reader.string("user", request.user);
  reader.boolean("stream", request.stream);
  if (!reader.ok()) return std::unexpected(reader.error());
  Extra rest = reader.rest(kMe, forms);
  request.extra = Extra{.dialect = kMe, .forms = forms};
  Extra service{.dialect = kMe};
  for (auto& [name, value] : rest.members) {
    JsonObject& into = of_the_service(name, value) ? service.members : request.extra.members;
    into.append(name, std::move(value));
  }
  keep_inner(request.extra, kService, std::move(service));
  keep_inner(request.extra, "text", std::move(text_rest));
  return request;
}

}  // namespace sighter::wire::openai_responses
