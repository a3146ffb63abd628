#include "wire/anthropic.hpp"
#include "wire/anthropic_content.hpp"
#include "wire/proof.hpp"

namespace sighter::wire::anthropic {
namespace {

constexpr Dialect kMe = Dialect::kAnthropic;
using Mode = ObjectReader::Mode;

Status decode_system(ObjectReader& reader, ChatRequest& request) {
  Json* system = reader.peek("system");
  if (system == nullptr || says_nothing(*system)) return {};
  Message message{.role = Role::kSystem, .apart = true};
  message.extra.dialect = kMe;
  if (system->is_string()) {
    Block block(Text{.text = std::move(system->as_string())});
    block.extra.dialect = kMe;
    message.content.push_back(std::move(block));
    message.extra.forms = forms::kContentText;
  } else if (system->is_array()) {
    std::int64_t index = 0;
    for (Json& one : system->as_array()) {
      const Place place{.parent = &reader.place(), .name = "system", .index = index++};
      Result<Block> block = decode_block(one, place, Mode::kStrict);
      if (!block) return std::unexpected(block.error());
      message.content.push_back(std::move(*block));
    }
  } else {
    return fail(Kind::kInvalid, "system must be a string or an array of blocks");
  }
  reader.take(system);
  request.messages.push_back(std::move(message));
  return {};
}

Result<Message> decode_message(Json& json, const Place& place) {
  if (!json.is_object()) return fail(Kind::kInvalid, place.text() + " must be an object");
  ObjectReader reader(json.as_object(), place, Mode::kStrict);
  Message message{.role = Role::kOther};
  const std::string* role = json.find_string("role");
  if (role == nullptr)
    return fail(Kind::kInvalid, place.text() + ".role must be \"user\" or \"assistant\"");
  if (*role == "user") message.role = Role::kUser;
  if (*role == "assistant") message.role = Role::kAssistant;
  if (*role == "system") message.role = Role::kSystem;
  if (message.role != Role::kOther) reader.take(reader.peek("role"));
  std::uint32_t forms = 0;
  if (Status status = decode_content(reader, message.content, forms); !status) {
    return std::unexpected(status.error());
  }
  message.extra = reader.rest(kMe, forms);
  return message;
}

Status decode_messages(ObjectReader& reader, ChatRequest& request) {
  JsonArray* messages = reader.array("messages");
  if (messages == nullptr) {
    if (!reader.ok()) return std::unexpected(reader.error());
    return fail(Kind::kInvalid, "messages is missing");
  }
  request.messages.reserve(messages->size() + 1);
  if (Status status = decode_system(reader, request); !status) return status;
  std::int64_t index = 0;
  for (Json& json : *messages) {
    const Place place{.parent = &reader.place(), .name = "messages", .index = index++};
    Result<Message> message = decode_message(json, place);
    if (!message) return std::unexpected(message.error());
    request.messages.push_back(std::move(*message));
  }
  reader.take(reader.peek("messages"));
  return {};
}

Result<Tool> decode_tool(Json& json, const Place& place) {
  if (!json.is_object()) return fail(Kind::kInvalid, place.text() + " must be an object");
  Tool tool;
  const std::string* type = json.find_string("type");
  if (type != nullptr && *type != "custom") {
    tool.kind = Tool::Kind::kBuiltIn;
    tool.type = *type;
    if (const std::string* name = json.find_string("name")) tool.name = *name;
    tool.raw = std::move(json);
    tool.extra.dialect = kMe;
    return tool;
  }
  ObjectReader reader(json.as_object(), place, Mode::kStrict);
  const std::uint32_t forms = reader.constant("type", "custom") ? forms::kTyped : 0;
  reader.string("name", tool.name);
  reader.string("description", tool.description);
  reader.any("input_schema", tool.schema);
  reader.boolean("strict", tool.strict);
  reader.any("cache_control", tool.cache_control);
  if (!reader.ok()) return std::unexpected(reader.error());
  tool.extra = reader.rest(kMe, forms);
  return tool;
}

Status decode_tools(ObjectReader& reader, ChatRequest& request) {
  JsonArray* tools = reader.array("tools");
  if (tools != nullptr && !tools->empty()) {
    std::int64_t index = 0;
    for (Json& json : *tools) {
      const Place place{.parent = &reader.place(), .name = "tools", .index = index++};
      Result<Tool> tool = decode_tool(json, place);
      if (!tool) return std::unexpected(tool.error());
      request.tools.push_back(std::move(*tool));
    }
    reader.take(reader.peek("tools"));
  }
  JsonObject* choice = reader.object("tool_choice");
  if (choice == nullptr) return {};
  const Place place{.parent = &reader.place(), .name = "tool_choice"};
  ObjectReader inner(*choice, place, Mode::kLenient);
  ToolChoice out{.mode = ToolChoice::Mode::kOther};
  if (inner.constant("type", "auto")) {
    out.mode = ToolChoice::Mode::kAuto;
  } else if (inner.constant("type", "any")) {
    out.mode = ToolChoice::Mode::kRequired;
  } else if (inner.constant("type", "none")) {
    out.mode = ToolChoice::Mode::kNone;
  } else if (std::string name; inner.constant("type", "tool") && inner.string("name", name)) {
    out.mode = ToolChoice::Mode::kNamed;
    out.names.push_back(std::move(name));
  } else {
    out.raw = std::move(*reader.peek("tool_choice"));
    out.extra.dialect = kMe;
    reader.take(reader.peek("tool_choice"));
    request.tool_choice = std::move(out);
    return {};
  }
  std::optional<bool> one_at_a_time;
  if (inner.boolean("disable_parallel_tool_use", one_at_a_time)) {
    request.parallel_tool_calls = !*one_at_a_time;
  }
  out.extra = inner.rest(kMe);
  reader.take(reader.peek("tool_choice"));
  request.tool_choice = std::move(out);
  return {};
}

// "thinking" and "output_config"; what is left over of both goes back under its own name.
void decode_reasoning(ObjectReader& reader, ChatRequest& request, Extra& thinking_rest,
                      Extra& output_rest) {
  Reasoning reasoning;
  reasoning.extra.dialect = kMe;
  bool said = false;
  if (JsonObject* thinking = reader.object("thinking")) {
    ObjectReader inner(*thinking, reader.place(), Mode::kLenient);
    if (inner.constant("type", "enabled")) reasoning.mode = Reasoning::Mode::kOn;
    if (inner.constant("type", "disabled")) reasoning.mode = Reasoning::Mode::kOff;
    if (inner.constant("type", "adaptive")) reasoning.mode = Reasoning::Mode::kAdaptive;
    if (reasoning.mode != Reasoning::Mode::kUnsaid) {
      inner.integer("budget_tokens", reasoning.budget_tokens);
      inner.string("display", reasoning.summary);
      thinking_rest = inner.rest(kMe);
      reader.take(reader.peek("thinking"));
      said = true;
    }
  }
  if (JsonObject* output = reader.object("output_config"); output != nullptr && !output->empty()) {
    ObjectReader inner(*output, reader.place(), Mode::kLenient);
    said = inner.string("effort", reasoning.effort) || said;
    JsonObject* format = inner.object("format");
    const std::string* type =
        format == nullptr ? nullptr : inner.peek("format")->find_string("type");
    const Json* schema = format == nullptr ? nullptr : format->find("schema");
    if (type != nullptr && *type == "json_schema" && schema != nullptr && !schema->is_null()) {
      ResponseFormat response{.kind = ResponseFormat::Kind::kJsonSchema};
      ObjectReader fields(*format, reader.place(), Mode::kLenient);
      fields.constant("type", "json_schema");
      fields.any("schema", response.schema);
      response.extra = fields.rest(kMe);
      inner.take(inner.peek("format"));
      request.response_format = std::move(response);
    }
    output_rest = inner.rest(kMe);
    reader.take(reader.peek("output_config"));
  }
  if (said) request.reasoning = std::move(reasoning);
}

Status decode_stop(ObjectReader& reader, ChatRequest& request) {
  JsonArray* stop = reader.array("stop_sequences");
  if (stop == nullptr || stop->empty()) return {};
  for (const Json& word : *stop) {
    if (!word.is_string())
      return fail(Kind::kInvalid, "stop_sequences must be an array of strings");
  }
  for (Json& word : *stop) request.stop.push_back(std::move(word.as_string()));
  reader.take(reader.peek("stop_sequences"));
  return {};
}

}  // namespace

Result<ChatRequest> decode_request(Json body) {
  if (!body.is_object()) return fail(Kind::kInvalid, "the body must be a JSON object");
  const Place root{};
  ObjectReader reader(body.as_object(), root, Mode::kStrict);
  ChatRequest request{.dialect = kMe};
  reader.string("model", request.model);
  if (Status status = decode_messages(reader, request); !status)
    return std::unexpected(status.error());
  restore_proofs(request.messages, kMe);
  if (Status status = decode_tools(reader, request); !status)
    return std::unexpected(status.error());
  if (Status status = decode_stop(reader, request); !status) return std::unexpected(status.error());
  reader.integer("max_tokens", request.max_tokens);
  reader.number("temperature", request.temperature);
  reader.number("top_p", request.top_p);
  reader.number("top_k", request.top_k);
  reader.boolean("stream", request.stream);
  reader.string("service_tier", request.service_tier);
  reader.any("cache_control", request.cache_control);
  Extra metadata_rest;
  if (JsonObject* metadata = reader.object("metadata"); metadata != nullptr && !metadata->empty()) {
    const Place place{.parent = &root, .name = "metadata"};
    ObjectReader inner(*metadata, place, Mode::kStrict);
    if (inner.string("user_id", request.user)) {
      metadata_rest = inner.rest(kMe);
      reader.take(reader.peek("metadata"));
    }
  }
  Extra thinking_rest;
  Extra output_rest;
  decode_reasoning(reader, request, thinking_rest, output_rest);
  if (!reader.ok()) return std::unexpected(reader.error());
  request.extra = reader.rest(kMe);
  keep_inner(request.extra, "metadata", std::move(metadata_rest));
  keep_inner(request.extra, "thinking", std::move(thinking_rest));
  keep_inner(request.extra, "output_config", std::move(output_rest));
  return request;
}

}  // namespace sighter::wire::anthropic
