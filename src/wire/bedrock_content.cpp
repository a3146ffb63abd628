#include "wire/bedrock_content.hpp"

#include <algorithm>

#include "wire/bedrock_media.hpp"

namespace sighter::wire::bedrock {
namespace {

constexpr Dialect kMe = Dialect::kBedrock;
const Place kNowhere{};
using Mode = ObjectReader::Mode;

Block raw_block(std::string type, Json json) {
  Block block(Raw{.type = std::move(type), .json = std::move(json)});
  block.extra.dialect = kMe;
  return block;
}

Block made(auto&& what, Extra extra) {
  Block block(std::forward<decltype(what)>(what));
  block.extra = std::move(extra);
  return block;
}

bool has_text(const Json* json) {
  return json != nullptr && json->is_string() && !json->as_string().empty();
}

// {"bytes"}, {"text"} or {"s3Location": {"uri"}}, as the typed form can hold it.
bool known_source(const Json* source, Media::Kind kind) {
  if (source == nullptr || !source->is_object()) return false;
  const Json* place = source->find("s3Location");
  const bool text = kind == Media::Kind::kDocument && has_text(source->find("text"));
  return has_text(source->find("bytes")) || text ||
         (place != nullptr && has_text(place->find("uri")));
}

Block decode_media(ObjectReader& reader, Media::Kind kind) {
  Media media{.kind = kind};
  std::string format;
  if (const Json* word = reader.peek("format"); word != nullptr && word->is_string()) {
    media.media_type = type_of_format(kind, word->as_string());
    if (!media.media_type.empty()) reader.take(word);
  }
  Json* source = reader.peek("source");
  ObjectReader inner(source->as_object(), kNowhere, Mode::kLenient);
  Extra place_rest;
  const bool held = inner.string("bytes", media.data) ||
                    (kind == Media::Kind::kDocument && inner.string("text", media.text));
  if (JsonObject* place = held ? nullptr : inner.object("s3Location")) {
    ObjectReader fields(*place, kNowhere, Mode::kLenient);
    fields.string("uri", media.file_id);
    place_rest = fields.rest(kMe);
    inner.take(inner.peek("s3Location"));
  }
  Extra kept = inner.rest(kMe);
  keep_inner(kept, "s3Location", std::move(place_rest));
  reader.take(source);
  if (kind == Media::Kind::kDocument) reader.string("name", media.name);
  Extra extra = reader.rest(kMe);
  keep_inner(extra, "source", std::move(kept));
  return made(std::move(media), std::move(extra));
}

Block decode_call(ObjectReader& reader) {
  ToolCall call;
  reader.string("toolUseId", call.id);
  reader.string("name", call.name);
  if (const Json* type = reader.peek("type");
      has_text(type) && type->is_string() && type->as_string() != "tool_use") {
    call.kind = ToolCall::Kind::kProvider;
    reader.string("type", call.provider_type);
  }
  std::uint32_t forms = 0;
  if (Json* input = reader.peek("input")) {
    json_write_to(call.arguments, *input);
    reader.take(input);
  } else {
    forms |= forms::kNoInput;
  }
  return made(std::move(call), reader.rest(kMe, forms));
}

Result<Block> decode_result(ObjectReader& reader) {
  ToolResult result;
  std::uint32_t forms = 0;
  reader.string("toolUseId", result.id);
  if (JsonArray* content = reader.array("content")) {
    if (Status status =
            decode_blocks(*content, reader.place(), "content", reader.mode(), result.content);
        !status)
      return std::unexpected(status.error());
    reader.take(reader.peek("content"));
  } else {
    forms |= forms::kNoContent;
  }
  if (reader.constant("status", "error")) result.is_error = true;
  if (reader.constant("status", "success")) result.is_error = false;
  if (!reader.ok()) return std::unexpected(reader.error());
  return made(std::move(result), reader.rest(kMe, forms));
}

// {"reasoningText": {"text", "signature"}} or {"redactedContent"}; nullopt for any other shape.
std::optional<Block> decode_thought(Json& json) {
  if (Json* text = json.find("reasoningText"); text != nullptr && text->is_object()) {
    Extra beside;
    copy_others(&json, {"reasoningText"}, beside.members);
    ObjectReader reader(text->as_object(), kNowhere, Mode::kLenient);
    Thinking thinking;
    std::string signature;
    reader.string("text", thinking.text);
    reader.string("signature", signature);
    Block block = made(std::move(thinking), reader.rest(kMe));
    keep_inner(block.extra, "reasoningContent", std::move(beside));
    block.signature = std::move(signature);
    return block;
  }
  if (Json* data = json.find("redactedContent"); has_text(data)) {
    Extra beside;
    copy_others(&json, {"redactedContent"}, beside.members);
    Extra extra{.dialect = kMe};
    keep_inner(extra, "reasoningContent", std::move(beside));
    return made(Thinking{.kind = Thinking::Kind::kRedacted, .data = std::move(data->as_string())},
                std::move(extra));
  }
  return std::nullopt;
}

// {"content": [{"text"}], "citations": [...]}; nullopt for any other shape.
std::optional<Block> decode_cited(Json& json) {
  Json* content = json.find("content");
  Json* first = content != nullptr && content->is_array() && content->as_array().size() == 1
                    ? &content->as_array().front()
                    : nullptr;
  Json* said = first == nullptr ? nullptr : first->find("text");
  if (said == nullptr || !said->is_string()) return std::nullopt;
  Text text{.text = std::move(said->as_string())};
  Extra beside;
  copy_others(first, {"text"}, beside.members);
  ObjectReader reader(json.as_object(), kNowhere, Mode::kLenient);
  reader.take(content);
  if (JsonArray* citations = reader.array("citations");
      citations != nullptr && !citations->empty()) {
    for (Json& one : *citations) text.citations.push_back(decode_citation(std::move(one)));
    reader.take(reader.peek("citations"));
  }
  Block block = made(std::move(text), reader.rest(kMe, forms::kCited));
  keep_inner(block.extra, "content", std::move(beside));
  return block;
}

struct MediaWord {
  std::string_view word;
  Media::Kind kind;
};
constexpr MediaWord kMedia[] = {{"image", Media::Kind::kImage},
                                {"document", Media::Kind::kDocument},
                                {"video", Media::Kind::kVideo},
                                {"audio", Media::Kind::kAudio}};

// The block in an object of one member; nullopt where the typed form cannot hold it.
Result<std::optional<Block>> decode_known(const std::string& type, Json& value, const Place& place,
                                          Mode mode) {
  if (type == "text" && value.is_string())
    return made(Text{.text = std::move(value.as_string())}, Extra{.dialect = kMe});
  if (type == "json") {
    return made(Text{.text = json_write(value)},
                Extra{.dialect = kMe, .forms = forms::kJson, .members = {}});
  }
  if (!value.is_object()) return std::nullopt;
  const Place at{.parent = &place, .name = type};
  ObjectReader reader(value.as_object(), at, mode);
  for (const MediaWord& row : kMedia) {
    if (row.word != type || !known_source(value.find("source"), row.kind)) continue;
    return decode_media(reader, row.kind);
  }
  if (type == "toolUse") {
    Block block = decode_call(reader);
    if (!reader.ok()) return std::unexpected(reader.error());
    return block;
  }
  // With a type it is the result of a tool that the provider ran.
  if (type == "toolResult" && value.find("type") == nullptr) {
    Result<Block> block = decode_result(reader);
    if (!block) return std::unexpected(block.error());
    return std::move(*block);
  }
  if (type == "reasoningContent") return decode_thought(value);
  if (type == "citationsContent") return decode_cited(value);
  return std::nullopt;
}

// The member of a block that says what it is: the only one, or the only one that is known, beside
// which others stand. nullptr where there are several, or none.
JsonObject::Member* saying(JsonObject& block) {
  if (block.size() == 1) return &*block.begin();
  constexpr std::string_view kWords[] = {
      "text",    "json",       "image",      "document",         "video",           "audio",
      "toolUse", "toolResult", "cachePoint", "reasoningContent", "citationsContent"};
  JsonObject::Member* out = nullptr;
  for (JsonObject::Member& member : block) {
    if (std::find(std::begin(kWords), std::end(kWords), member.first) == std::end(kWords)) continue;
    if (out != nullptr) return nullptr;
    out = &member;
  }
  return out;
}

std::string type_of_raw(const std::string& name, const Json& value) {
  const std::string* type = name == "toolResult" ? value.find_string("type") : nullptr;
  return type != nullptr && !type->empty() ? *type : name;
}

}  // namespace

Family family_of(std::string_view model) {
  struct Row {
    std::string_view part;
    Family family;
  };
  constexpr Row kRows[] = {{"anthropic.", Family::kAnthropic}, {"amazon.nova-2", Family::kNova2},
                           {"amazon.nova", Family::kNova},     {"openai.", Family::kOpenAi},
                           {"qwen.", Family::kQwen},           {"mistral.", Family::kMistral},
                           {"amazon.", Family::kOther},        {"meta.", Family::kOther},
                           {"deepseek.", Family::kOther},      {"cohere.", Family::kOther},
                           {"ai21.", Family::kOther},          {"writer.", Family::kOther},
                           {"google.", Family::kOther},        {"nvidia.", Family::kOther},
                           {"minimax.", Family::kOther},       {"moonshot.", Family::kOther},
                           {"zai.", Family::kOther},           {"luma.", Family::kOther},
                           {"stability.", Family::kOther},     {"twelvelabs.", Family::kOther}};
  for (const Row& row : kRows) {
    // In front, or behind the region's "us.".
    const std::size_t at = model.find(row.part);
    if (at == 0 || (at != model.npos && model[at - 1] == '.') ||
        (at != model.npos && model[at - 1] == '/'))
      return row.family;
  }
  return Family::kUnknown;
}

bool caches(Family family) {
  return family == Family::kUnknown || family == Family::kAnthropic || family == Family::kNova ||
         family == Family::kNova2;
}

Citation decode_citation(Json json) {
  Citation citation{.dialect = kMe};
  if (const std::string* title = json.find_string("title")) citation.title = *title;
  if (const Json* place = json.find("location")) {
    const Json* web = place->find("web");
    const std::string* url = web == nullptr ? nullptr : web->find_string("url");
    if (url != nullptr) citation.url = *url;
  }
  const Json* quoted = json.find("sourceContent");
  for (std::size_t i = 0; quoted != nullptr && quoted->at(i) != nullptr; ++i) {
    if (const std::string* text = quoted->at(i)->find_string("text")) citation.cited_text += *text;
  }
  citation.raw = std::move(json);
  return citation;
}

std::optional<Json> mark_of(const Json& cache_point) {
  if (!cache_point.is_object()) return std::nullopt;
  Json mark = Json::object({{"type", "ephemeral"}});
  bool typed = false;
  for (const auto& [name, value] : cache_point.as_object()) {
    if (name == "type" && value.is_string() && value.as_string() == "default") {
      typed = true;
    } else if (name == "ttl" && has_text(&value)) {
      mark.as_object().set("ttl", value);
    } else {
      return std::nullopt;
    }
  }
  if (!typed) return std::nullopt;
  return mark;
}

Status decode_blocks(JsonArray& list, const Place& place, std::string_view name, Mode mode,
                     std::vector<Block>& content) {
  const std::size_t before = content.size();
  content.reserve(before + list.size());
  std::int64_t index = 0;
  for (Json& one : list) {
    const Place at{.parent = &place, .name = name, .index = index++};
    if (!one.is_object()) {
      if (mode == Mode::kStrict) return fail(Kind::kInvalid, at.text() + " must be an object");
      content.push_back(raw_block("", std::move(one)));
      continue;
    }
    JsonObject::Member* const member = saying(one.as_object());
    if (member == nullptr) {
      content.push_back(raw_block("", std::move(one)));
      continue;
    }
    auto& [type, value] = *member;
    const bool alone = one.as_object().size() == 1;
    if (type == "cachePoint" && alone && content.size() > before && !content.back().cache_control) {
      if (std::optional<Json> mark = mark_of(value)) {
        content.back().cache_control = std::move(mark);
        continue;
      }
    }
    Result<std::optional<Block>> block = decode_known(type, value, at, mode);
    if (!block) return std::unexpected(block.error());
    if (*block) {
      Extra beside;
      copy_others(&one, {type}, beside.members);
      keep_inner((*block)->extra, kBeside, std::move(beside));
      content.push_back(std::move(**block));
    } else {
      std::string word = type_of_raw(type, value);
      content.push_back(raw_block(std::move(word), std::move(one)));
    }
  }
  return {};
}

}  // namespace sighter::wire::bedrock
