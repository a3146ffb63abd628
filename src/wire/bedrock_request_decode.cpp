#include "wire/bedrock_content.hpp"

namespace sighter::wire::bedrock {
namespace {

constexpr Dialect kMe = Dialect::kBedrock;
using Mode = ObjectReader::Mode;

Status decode_system(ObjectReader& reader, ChatRequest& request) {
  JsonArray* system = reader.array("system");
  if (system == nullptr || system->empty()) return {};
  Message message{.role = Role::kSystem, .apart = true};
  message.extra.dialect = kMe;
  if (Status status =
          decode_blocks(*system, reader.place(), "system", reader.mode(), message.content);
      !status)
    return status;
  reader.take(reader.peek("system"));
  request.messages.push_back(std::move(message));
  return {};
}

Result<Message> decode_message(Json& json, const Place& place) {
  if (!json.is_object()) return fail(Kind::kInvalid, place.text() + " must be an object");
  ObjectReader reader(json.as_object(), place, Mode::kStrict);
  Message message{.role = Role::kOther};
  if (reader.constant("role", "user")) message.role = Role::kUser;
  if (reader.constant("role", "assistant")) message.role = Role::kAssistant;
  std::uint32_t forms = 0;
  if (JsonArray* content = reader.array("content")) {
    if (Status status = decode_blocks(*content, place, "content", Mode::kStrict, message.content);
        !status)
      return std::unexpected(status.error());
    reader.take(reader.peek("content"));
  } else {
    forms |= forms::kNoContent;
  }
  if (!reader.ok()) return std::unexpected(reader.error());
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

// An element of "tools" that the typed form holds as it is: {"toolSpec": {...}} alone.
JsonObject* spec_of(Json& json) {
  if (!json.is_object() || json.as_object().size() != 1) return nullptr;
  Json* spec = json.find("toolSpec");
  return spec != nullptr && spec->is_object() ? &spec->as_object() : nullptr;
}

Result<Tool> decode_tool(JsonObject& spec, const Place& place) {
  ObjectReader reader(spec, place, Mode::kStrict);
  Tool tool;
  reader.string("name", tool.name);
  reader.string("description", tool.description);
  reader.boolean("strict", tool.strict);
  std::uint32_t forms = 0;
  Extra schema_rest;
  if (JsonObject* schema = reader.object("inputSchema")) {
    ObjectReader inner(*schema, place, Mode::kLenient);
    inner.any("json", tool.schema);
    schema_rest = inner.rest(kMe);
    reader.take(reader.peek("inputSchema"));
  } else {
    forms |= forms::kNoInner;
  }
  if (!reader.ok()) return std::unexpected(reader.error());
  tool.extra = reader.rest(kMe, forms);
  keep_inner(tool.extra, "inputSchema", std::move(schema_rest));
  return tool;
}

Tool built_in(Json json) {
  Tool tool{.kind = Tool::Kind::kBuiltIn};
  if (json.is_object() && !json.as_object().empty()) {
    const auto& [name, value] = *json.as_object().begin();
    tool.type = name;
    if (const std::string* word = value.find_string("name")) tool.type = tool.name = *word;
  }
  tool.raw = std::move(json);
  tool.extra.dialect = kMe;
  return tool;
}

Status decode_tools(ObjectReader& config, ChatRequest& request) {
  JsonArray* tools = config.array("tools");
  if (tools == nullptr || tools->empty()) return {};
  std::int64_t index = 0;
  for (Json& json : *tools) {
    const Place place{.parent = &config.place(), .name = "tools", .index = index++};
    const Json* point =
        json.is_object() && json.as_object().size() == 1 ? json.find("cachePoint") : nullptr;
    if (point != nullptr && !request.tools.empty() && !request.tools.back().cache_control) {
      if (std::optional<Json> mark = mark_of(*point)) {
        request.tools.back().cache_control = std::move(mark);
        continue;
      }
    }
    if (JsonObject* spec = spec_of(json)) {
      Result<Tool> tool = decode_tool(*spec, place);
      if (!tool) return std::unexpected(tool.error());
      request.tools.push_back(std::move(*tool));
    } else {
      request.tools.push_back(built_in(std::move(json)));
    }
  }
  config.take(config.peek("tools"));
  return {};
}

// {"auto": {}}, {"any": {}} or {"tool": {"name"}}.
ToolChoice decode_choice(Json json) {
  struct Word {
    std::string_view word;
    ToolChoice::Mode mode;
  };
  constexpr Word kWords[] = {{"auto", ToolChoice::Mode::kAuto},
                             {"any", ToolChoice::Mode::kRequired},
                             {"tool", ToolChoice::Mode::kNamed}};
  ToolChoice out{.mode = ToolChoice::Mode::kOther};
  out.extra.dialect = kMe;
  const Word* said = nullptr;
  int words = 0;
  for (const Word& row : kWords) {
    const Json* value = json.find(row.word);
    if (value == nullptr || !value->is_object()) continue;
    said = &row;
    ++words;
  }
  const Json* value = words == 1 ? json.find(said->word) : nullptr;
  const bool named = value != nullptr && said->mode == ToolChoice::Mode::kNamed;
  const std::string* name = named ? value->find_string("name") : nullptr;
  if (value == nullptr || (named && name == nullptr)) {
    out.raw = std::move(json);
    return out;
  }
  out.mode = said->mode;
  if (named) out.names.push_back(*name);
  Extra inner;
  copy_others(value, {named ? std::string_view("name") : std::string_view()}, inner.members);
  copy_others(&json, {said->word}, out.extra.members);
  keep_inner(out.extra, said->word, std::move(inner));
  if (!out.extra.members.empty()) out.raw = std::move(json);  // as it came
  return out;
}

Status decode_tool_config(ObjectReader& reader, ChatRequest& request, Extra& rest) {
  JsonObject* object = reader.object("toolConfig");
  if (object == nullptr || object->empty()) return {};
  const Place place{.parent = &reader.place(), .name = "toolConfig"};
  ObjectReader config(*object, place, Mode::kStrict);
  if (Status status = decode_tools(config, request); !status) return status;
  if (config.object("toolChoice") != nullptr) {
    request.tool_choice = decode_choice(std::move(*config.peek("toolChoice")));
    config.take(config.peek("toolChoice"));
  }
  if (!config.ok()) return std::unexpected(config.error());
  if (request.tools.empty() && !request.tool_choice) return {};
  rest = config.rest(kMe);
  reader.take(reader.peek("toolConfig"));
  return {};
}

Status decode_inference(ObjectReader& reader, ChatRequest& request, Extra& rest) {
  JsonObject* object = reader.object("inferenceConfig");
  if (object == nullptr || object->empty()) return {};
  const Place place{.parent = &reader.place(), .name = "inferenceConfig"};
  ObjectReader config(*object, place, Mode::kStrict);
  config.integer("maxTokens", request.max_tokens);
  config.number("temperature", request.temperature);
  config.number("topP", request.top_p);
  JsonArray* stop = config.array("stopSequences");
  if (stop != nullptr && !stop->empty()) {
    for (Json& word : *stop) {
      if (!word.is_string())
        return fail(Kind::kInvalid, place.text() + ".stopSequences must be an array of strings");
      request.stop.push_back(std::move(word.as_string()));
    }
    config.take(config.peek("stopSequences"));
  }
  if (!config.ok()) return std::unexpected(config.error());
  rest = config.rest(kMe);
  reader.take(reader.peek("inferenceConfig"));
  return {};
}

// The object that `names` lead to, each the only member of the one before; nullptr otherwise.
JsonObject* lone(Json* json, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (json == nullptr || !json->is_object() || json->as_object().size() != 1) return nullptr;
    json = json->find(name);
  }
  return json != nullptr && json->is_object() ? &json->as_object() : nullptr;
}

// {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {...}}}}, where nothing else
// is said.
void decode_format(ObjectReader& reader, ChatRequest& request) {
  JsonObject* format = lone(reader.peek("outputConfig"), {"textFormat"});
  if (format == nullptr || format->size() != 2) return;
  const Json* type = format->find("type");
  JsonObject* fields = lone(format->find("structure"), {"jsonSchema"});
  if (type == nullptr || !type->is_string() || type->as_string() != "json_schema" ||
      fields == nullptr)
    return;
  const Json* text = fields->find("schema");
  if (text == nullptr || !text->is_string()) return;
  Result<Json> schema = json_parse(text->as_string(), "schema");
  if (!schema) return;
  ResponseFormat out{.kind = ResponseFormat::Kind::kJsonSchema};
  out.schema = std::move(*schema);
  out.raw = *text;  // the schema is a text there: as it was written
  ObjectReader inner(*fields, reader.place(), Mode::kLenient);
  inner.take(inner.peek("schema"));
  inner.string("name", out.name);
  inner.string("description", out.description);
  out.extra = inner.rest(kMe);
  request.response_format = std::move(out);
  reader.take(reader.peek("outputConfig"));
}

// {"type": "flex"} alone.
void decode_tier(ObjectReader& reader, ChatRequest& request) {
  JsonObject* tier = reader.object("serviceTier");
  if (tier == nullptr || tier->size() != 1) return;
  ObjectReader inner(*tier, reader.place(), Mode::kLenient);
  if (inner.string("type", request.service_tier)) reader.take(reader.peek("serviceTier"));
}

}  // namespace

Result<ChatRequest> decode_request(Json body) {
  if (!body.is_object()) return fail(Kind::kInvalid, "the body must be a JSON object");
  const Place root{};
  ObjectReader reader(body.as_object(), root, Mode::kStrict);
  ChatRequest request{.dialect = kMe};
  if (Status status = decode_messages(reader, request); !status)
    return std::unexpected(status.error());
  Extra tools_rest;
  if (Status status = decode_tool_config(reader, request, tools_rest); !status)
    return std::unexpected(status.error());
  Extra inference_rest;
  if (Status status = decode_inference(reader, request, inference_rest); !status)
    return std::unexpected(status.error());
  std::uint32_t forms = 0;
  Extra fields_rest;
  decode_fields(reader, request, fields_rest, forms);
  decode_format(reader, request);
  decode_tier(reader, request);
  if (const Json* labels = reader.peek("requestMetadata"); labels != nullptr && labels->is_object())
    reader.any("requestMetadata", request.metadata);
  if (!reader.ok()) return std::unexpected(reader.error());
  request.extra = reader.rest(kMe, forms);
  keep_inner(request.extra, "toolConfig", std::move(tools_rest));
  keep_inner(request.extra, "inferenceConfig", std::move(inference_rest));
  keep_inner(request.extra, "additionalModelRequestFields", std::move(fields_rest));
  return request;
}

}  // namespace sighter::wire::bedrock
