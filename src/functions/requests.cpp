#include "functions/requests.hpp"

#include <algorithm>

namespace sighter::functions {
namespace {

Json blocks_as_json(const wire::Message& message) {
  const bool plain =
      std::all_of(message.content.begin(), message.content.end(),
                  [](const wire::Block& block) { return block.as<wire::Text>() != nullptr; });
  if (plain) return Json(message.all_text());
  Json parts = Json::array();
  for (const wire::Block& block : message.content) {
    if (const auto* text = block.as<wire::Text>()) {
      parts.as_array().push_back(Json::object({{"type", "text"}, {"text", text->text}}));
    } else if (const auto* media = block.as<wire::Media>()) {
      // The bytes of media stay out of the rows: their digest tells them apart.
      const std::string what = media->url.empty() ? "sha256:" + hex(sha256(media->data))
                               : media->url.starts_with("data:")
                                   ? "sha256:" + hex(sha256(media->url))
                                   : media->url;
      parts.as_array().push_back(Json::object({{"type", "media"}, {"source", what}}));
    } else if (const auto* call = block.as<wire::ToolCall>()) {
      parts.as_array().push_back(Json::object({{"type", "tool_call"},
                                               {"id", call->id},
                                               {"name", call->name},
                                               {"arguments", call->arguments}}));
    } else if (const auto* result = block.as<wire::ToolResult>()) {
      wire::Message inner;
      inner.content = result->content;
      parts.as_array().push_back(Json::object(
          {{"type", "tool_result"}, {"id", result->id}, {"content", blocks_as_json(inner)}}));
    } else if (const auto* refusal = block.as<wire::Refusal>()) {
      parts.as_array().push_back(Json::object({{"type", "refusal"}, {"refusal", refusal->text}}));
    }
  }
  return parts;
}

wire::Role role_of(const std::string& word) {
  for (const wire::Role role :
       {wire::Role::kSystem, wire::Role::kDeveloper, wire::Role::kAssistant, wire::Role::kTool}) {
    if (wire::to_string(role) == word) return role;
  }
  return wire::Role::kUser;
}

Result<wire::Block> block_of(const Json& part, std::size_t number) {
  if (const std::string* text = part.find_string("text")) return wire::Block(wire::Text{*text});
  if (const Json* url = part.pointer("/image_url/url"); url != nullptr && url->is_string())
    return wire::Block(image_of(url->as_string()));
  if (const std::string* url = part.find_string("image_url")) return wire::Block(image_of(*url));
  return fail(Kind::kUnsupported,
              fmt::format("message {}: a part is neither text nor image", number + 1),
              "use {\"type\": \"text\"} or {\"type\": \"image_url\"}");
}

void feed(Sha256& digest, const wire::Message& message) {
  digest.field(wire::to_string(message.role)).field(message.name);
  for (const wire::Block& block : message.content) {
    if (const auto* media = block.as<wire::Media>()) {
      digest.field("media")
          .field(media->url)
          .field(media->data)
          .field(media->text)
          .field(media->file_id);
    } else if (const auto* text = block.as<wire::Text>()) {
      digest.field("text").field(text->text);
    } else {
      wire::Message one;
      one.content.push_back(block);
      digest.field("block").field(json_canonical(blocks_as_json(one)));
    }
  }
}

}  // namespace

wire::Media image_of(const std::string& url) {
  wire::Media media;
  const std::size_t comma = url.find(";base64,");
  if (url.starts_with("data:") && comma != url.npos) {
    media.media_type = url.substr(5, comma - 5);
    media.data = url.substr(comma + 8);
  } else {
    media.url = url;
  }
  return media;
}

Json request_as_input(const wire::ChatRequest& request) {
  Json messages = Json::array();
  for (const wire::Message& message : request.messages) {
    messages.as_array().push_back(Json::object(
        {{"role", wire::to_string(message.role)}, {"content", blocks_as_json(message)}}));
  }
  return Json::object({{"messages", std::move(messages)}});
}

Result<std::vector<wire::Message>> messages_of(const Json& input) {
  std::vector<wire::Message> out;
  const Json* messages = input.find("messages");
  if (messages == nullptr || !messages->is_array())
    return fail(Kind::kInvalid, "the input holds no messages");
  for (const Json& item : messages->as_array()) {
    const std::string* role = item.find_string("role");
    const Json* content = item.find("content");
    if (role == nullptr || content == nullptr)
      return fail(Kind::kInvalid,
                  fmt::format("message {} has no role or no content", out.size() + 1));
    wire::Message message;
    message.role = role_of(*role);
    if (content->is_string()) {
      message.content.push_back(wire::Text{content->as_string()});
    } else if (content->is_array()) {
      for (const Json& part : content->as_array()) {
        Result<wire::Block> block = block_of(part, out.size());
        if (!block) return std::unexpected(block.error());
        message.content.push_back(std::move(*block));
      }
    } else {
      return fail(
          Kind::kInvalid,
          fmt::format("message {}: the content must be a text or a list of parts", out.size() + 1));
    }
    out.push_back(std::move(message));
  }
  return out;
}

void apply_parameters(wire::ChatRequest& request, const Json& parameters) {
  const auto number = [&](const char* name) -> std::optional<wire::Number> {
    const Json* value = parameters.find(name);
    if (value == nullptr || !value->is_number()) return std::nullopt;
    return wire::Number(JsonNumber{value->number_text()});
  };
  request.temperature = number("temperature");
  request.top_p = number("top_p");
  request.top_k = number("top_k");
  request.min_p = number("min_p");
  request.seed = number("seed");
  request.presence_penalty = number("presence_penalty");
  request.frequency_penalty = number("frequency_penalty");
  if (const Json* most = parameters.find("max_tokens")) request.max_tokens = most->to_int();
  if (const Json* stop = parameters.find("stop"); stop != nullptr && stop->is_array()) {
    for (const Json& word : stop->as_array()) request.stop.push_back(word.as_string());
  }
  if (const std::string* effort = parameters.find_string("reasoning_effort")) {
    request.reasoning.emplace();
    request.reasoning->effort = *effort;
  }
}

std::size_t text_bytes(const wire::ChatRequest& request) {
  std::size_t bytes = 0;
  for (const wire::Message& message : request.messages) bytes += message.all_text().size();
  for (const wire::Tool& tool : request.tools)
    bytes += tool.name.size() + tool.description.size() +
             (tool.schema ? json_write(*tool.schema).size() : 0);
  if (request.response_format && request.response_format->schema)
    bytes += json_write(*request.response_format->schema).size();
  return bytes;
}

void add_extras(Sha256& digest, const models::Extras& extras) {
  for (const auto& [name, value] : extras.headers) digest.field("header").field(name).field(value);
  for (const models::BodyEdit& edit : extras.body)
    digest.field("body").field(edit.pointer).field(json_canonical(edit.value));
}

Digest request_digest(const wire::ChatRequest& request) {
  Sha256 digest;
  for (const wire::Message& message : request.messages) feed(digest, message);
  for (const wire::Tool& tool : request.tools) {
    digest.field("tool")
        .field(tool.name)
        .field(tool.description)
        .field(tool.schema ? json_canonical(*tool.schema) : "");
  }
  if (request.response_format) {
    const wire::ResponseFormat& format = *request.response_format;
    digest.field(std::to_string(static_cast<int>(format.kind)))
        .field(format.schema ? json_canonical(*format.schema) : "");
  }
  const auto number = [&](const std::optional<wire::Number>& value) {
    digest.field(value ? value->text : "-");
  };
  for (const auto* value : {&request.temperature, &request.top_p, &request.top_k, &request.min_p,
                            &request.seed, &request.presence_penalty, &request.frequency_penalty})
    number(*value);
  digest.field(request.max_tokens ? std::to_string(*request.max_tokens) : "-");
  for (const std::string& word : request.stop) digest.field(word);
  digest.field(request.reasoning ? request.reasoning->effort : "-");
  return digest.finish();
}

void take_answer(const models::CompletionResult& answer, Outcome& outcome) {
  const std::vector<models::Attempt>& attempts =
      answer ? answer->attempts : answer.error().attempts;
  for (const models::Attempt& attempt : attempts) {
    models::add_usage(outcome.usage, attempt.usage);
    if (attempt.error) {
      outcome.tried.as_array().push_back(
          Json::object({{"route", attempt.route}, {"error", attempt.error->what}}));
    }
    outcome.attempts.push_back(attempt);
  }
  add_cost(outcome.cost, answer ? answer->cost : answer.error().cost);
  if (!answer) {
    outcome.output = std::unexpected(answer.error().error);
    outcome.broken = answer.error().broken;
    return;
  }
  outcome.route = answer->route;
  outcome.extras = answer->extras;
  if (!attempts.empty() && attempts.back().first_token)
    outcome.first_token = attempts.back().first_token;
  if (!answer->reply.choices.empty()) {
    const wire::FinishReason& finish = answer->reply.choices.front().finish;
    outcome.finish_reason = finish.kind == wire::FinishReason::Kind::kNone
                                ? finish.word
                                : std::string(wire::to_string(finish.kind));
  }
}

}  // namespace sighter::functions
