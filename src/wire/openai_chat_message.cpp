#include "wire/openai_chat_message.hpp"

#include <algorithm>

#include "wire/media.hpp"

namespace sighter::wire::openai_chat {
namespace {

constexpr Dialect kMe = Dialect::kOpenAiChat;
const Place kNowhere{};

Block raw_block(std::string type, Json json) {
  Block block(Raw{.type = std::move(type), .json = std::move(json)});
  block.extra.dialect = kMe;
  return block;
}

// The inner object of a part such as {"type": "image_url", "image_url": {...}}.
template <class Read>
void read_inner(ObjectReader& reader, std::string_view name, JsonObject& inner, Extra& kept,
                Read&& read) {
  ObjectReader inner_reader(inner, reader.place(), ObjectReader::Mode::kLenient);
  read(inner_reader);
  kept = inner_reader.rest(kMe);
  reader.take(reader.peek(name));
}

Block finish_part(ObjectReader& reader, Block block, std::uint32_t forms, std::string_view inner,
                  Extra kept) {
  reader.any("cache_control", block.cache_control);
  block.extra = reader.rest(kMe, forms);
  if (!inner.empty()) keep_inner(block.extra, inner, std::move(kept));
  return block;
}

Block decode_image(ObjectReader& reader, std::string_view member, Media::Kind kind) {
  Media media{.kind = kind};
  Extra kept;
  std::uint32_t forms = 0;
  Json* source = reader.peek(member);
  if (source->is_string()) {
    forms |= forms::kBareUrl;
    set_url(media, std::move(source->as_string()));
    reader.take(source);
  } else {
    read_inner(reader, member, source->as_object(), kept, [&](ObjectReader& inner) {
      std::string url;
      if (inner.string("url", url)) set_url(media, std::move(url));
      inner.string("detail", media.detail);
    });
  }
  return finish_part(reader, Block(std::move(media)), forms, member, std::move(kept));
}

Block decode_audio(ObjectReader& reader, JsonObject& source) {
  Media media{.kind = Media::Kind::kAudio};
  Extra kept;
  read_inner(reader, "input_audio", source, kept, [&](ObjectReader& inner) {
    inner.string("data", media.data);
    inner.string("format", media.format);
  });
  return finish_part(reader, Block(std::move(media)), 0, "input_audio", std::move(kept));
}

Block decode_file(ObjectReader& reader, JsonObject& source) {
  Media media{.kind = Media::Kind::kDocument};
  Extra kept;
  std::uint32_t forms = 0;
  read_inner(reader, "file", source, kept, [&](ObjectReader& inner) {
    std::string data;
    inner.string("file_id", media.file_id);
    inner.string("filename", media.name);
    if (!inner.string("file_data", data)) return;
    if (data.starts_with("data:")) {
      set_url(media, std::move(data));
    } else {
      forms |= forms::kBareData;
      media.data = std::move(data);
    }
  });
  return finish_part(reader, Block(std::move(media)), forms, "file", std::move(kept));
}

// Mistral: {"type": "thinking", "thinking": [{"type": "text", "text": "..."}]}
bool plain_thoughts(const Json* thinking) {
  if (thinking == nullptr || !thinking->is_array()) return false;
  return std::all_of(
      thinking->as_array().begin(), thinking->as_array().end(), [](const Json& part) {
        const std::string* type = part.find_string("type");
        return type != nullptr && *type == "text" && part.find_string("text") != nullptr;
      });
}

Block decode_thinking_part(ObjectReader& reader, const Json& thinking) {
  Thinking thoughts;
  for (const Json& part : thinking.as_array()) thoughts.text += *part.find_string("text");
  // How it was cut into pieces stays with the rest, where there are several, and what they have
  // beside their texts.
  const JsonArray& pieces = thinking.as_array();
  if (pieces.size() == 1 && pieces[0].as_object().size() == 2) reader.take(&thinking);
  return finish_part(reader, Block(std::move(thoughts)), forms::kThinkPart, {}, {});
}

// Only {"google": {"thought_signature": "..."}} is understood.
const std::string* google_signature(const Json* content) {
  if (content == nullptr || !content->is_object() || content->as_object().size() != 1)
    return nullptr;
  const Json* google = content->find("google");
  if (google == nullptr || !google->is_object() || google->as_object().size() != 1) return nullptr;
  const std::string* signature = google->find_string("thought_signature");
  // An empty one proves nothing and would not be written back: it stays where it is.
  return signature == nullptr || signature->empty() ? nullptr : signature;
}

// A list of one: the detail as it was read.
Json detail_of(const Block& block) {
  Losses losses = Losses::of_reply(kMe);
  std::string text = "[";
  write_detail(text, block, losses);
  Result<Json> json = json_parse(text + "]");
  return json ? std::move(*json) : Json(JsonArray{Json()});
}

// Pieces of one detail, as a client that keeps what a stream said hands them back: one index.
bool join_detail(Block& into, Block& piece) {
  Thinking* thought = into.as<Thinking>();
  const Thinking& more = *piece.as<Thinking>();
  const Json* index = into.extra.members.find("index");
  const Json* same = piece.extra.members.find("index");
  if (thought == nullptr || index == nullptr || same == nullptr || *index != *same) return false;
  if (thought->kind != more.kind || more.kind == Thinking::Kind::kRedacted) return false;
  if (!into.signature.empty()) return false;  // it is whole
  Json* pieces = into.extra.members.find(kPieces);
  if (pieces == nullptr) pieces = &into.extra.members.append(std::string(kPieces), detail_of(into));
  pieces->as_array().push_back(detail_of(piece).as_array()[0]);
  thought->text += more.text;
  into.signature += piece.signature;
  if (thought->id.empty()) thought->id = more.id;
  for (auto& [name, value] : piece.extra.members) {
    if (!into.extra.members.contains(name)) into.extra.members.append(name, std::move(value));
  }
  return true;
}

void decode_reasoning(ObjectReader& reader, std::vector<Block>& content) {
  if (Json* details = reader.peek("reasoning_details");
      details != nullptr && details->is_array() && !details->as_array().empty() &&
      std::all_of(details->as_array().begin(), details->as_array().end(), is_detail)) {
    for (Json& detail : details->as_array()) {
      Block block = decode_detail(detail.as_object());
      if (content.empty() || !join_detail(content.back(), block))
        content.push_back(std::move(block));
    }
    reader.take(details);
    return;  // "reasoning" repeats the same text: it stays with the rest
  }
  std::string text;
  std::uint32_t form = forms::kThinkContent;
  if (!reader.string("reasoning_content", text)) {
    form = forms::kThinkWord;
    if (!reader.string("reasoning", text)) return;
  }
  Block block(Thinking{.text = std::move(text)});
  block.extra = Extra{.dialect = kMe, .forms = form};
  content.push_back(std::move(block));
}

Status decode_content(ObjectReader& reader, std::vector<Block>& content, std::uint32_t& forms) {
  Json* json = reader.peek("content");
  if (json == nullptr) return {};
  if (json->is_string()) {
    if (json->as_string().empty()) return {};
    Block block(Text{.text = std::move(json->as_string())});
    block.extra.dialect = kMe;
    content.push_back(std::move(block));
    forms |= forms::kContentText;
    reader.take(json);
    return {};
  }
  if (!json->is_array()) {
    if (reader.mode() == ObjectReader::Mode::kLenient) return {};
    reader.fail("content", fmt::format("must be a string or an array, not {}", json->type_name()));
    return std::unexpected(reader.error());
  }
  if (json->as_array().empty()) return {};
  content.reserve(content.size() + json->as_array().size());
  std::int64_t index = 0;
  for (Json& part : json->as_array()) {
    if (!part.is_object() && reader.mode() == ObjectReader::Mode::kStrict) {
      const Place place{.parent = &reader.place(), .name = "content", .index = index};
      return fail(Kind::kInvalid, place.text() + " must be an object");
    }
    content.push_back(decode_part(part));
    ++index;
  }
  reader.take(json);
  return {};
}

Status decode_calls(ObjectReader& reader, std::vector<Block>& content) {
  if (JsonArray* calls = reader.array("tool_calls"); calls != nullptr && !calls->empty()) {
    std::int64_t index = 0;
    for (Json& json : *calls) {
      const Place place{.parent = &reader.place(), .name = "tool_calls", .index = index++};
      Result<Block> call = decode_tool_call(json, place, reader.mode());
      if (!call) return std::unexpected(call.error());
      content.push_back(std::move(*call));
    }
    reader.take(reader.peek("tool_calls"));
  }
  Json* legacy = reader.peek("function_call");
  const std::string* name = legacy == nullptr ? nullptr : legacy->find_string("name");
  if (name == nullptr || name->empty()) return {};
  ToolCall call;
  ObjectReader inner(legacy->as_object(), reader.place(), ObjectReader::Mode::kLenient);
  inner.string("name", call.name);
  inner.string("arguments", call.arguments);
  Block block(std::move(call));
  block.extra = inner.rest(kMe, forms::kLegacyCall);
  content.push_back(std::move(block));
  reader.take(legacy);
  return {};
}

void decode_annotations(ObjectReader& reader, std::vector<Block>& content) {
  Json* annotations = reader.peek("annotations");
  if (annotations == nullptr || !annotations->is_array() || annotations->as_array().empty()) return;
  const auto text = std::find_if(content.begin(), content.end(),
                                 [](const Block& block) { return block.as<Text>() != nullptr; });
  if (text == content.end()) return;
  for (Json& annotation : annotations->as_array()) {
    text->as<Text>()->citations.push_back(decode_annotation(std::move(annotation)));
  }
  reader.take(annotations);
}

}  // namespace

bool is_detail(const Json& json) {
  const std::string* type = json.find_string("type");
  return type != nullptr && (*type == "reasoning.text" || *type == "reasoning.summary" ||
                             *type == "reasoning.encrypted");
}

Block decode_detail(JsonObject& detail) {
  ObjectReader reader(detail, kNowhere, ObjectReader::Mode::kLenient);
  Thinking thinking;
  Block block;
  if (reader.constant("type", "reasoning.text")) {
    reader.string("text", thinking.text);
  } else if (reader.constant("type", "reasoning.summary")) {
    thinking.kind = Thinking::Kind::kSummary;
    reader.string("summary", thinking.text);
  } else {
    reader.constant("type", "reasoning.encrypted");
    thinking.kind = Thinking::Kind::kRedacted;
    reader.string("data", thinking.data);
  }
  reader.string("id", thinking.id);
  reader.string("signature", block.signature);
  block.what = std::move(thinking);
  block.extra = reader.rest(kMe, forms::kThinkDetail);
  return block;
}

Citation decode_annotation(Json json) {
  Citation citation{.dialect = kMe};
  if (const Json* inner = json.find("url_citation")) {
    if (const std::string* url = inner->find_string("url")) citation.url = *url;
    if (const std::string* title = inner->find_string("title")) citation.title = *title;
    if (const Json* start = inner->find("start_index")) citation.start = start->to_int();
    if (const Json* end = inner->find("end_index")) citation.end = end->to_int();
  }
  citation.raw = std::move(json);
  return citation;
}

Block decode_part(Json& json) {
  const std::string* found = json.find_string("type");
  if (found == nullptr) return raw_block({}, std::move(json));
  const std::string type = *found;
  ObjectReader reader(json.as_object(), kNowhere, ObjectReader::Mode::kLenient);
  const auto object = [&](std::string_view name) -> JsonObject* { return reader.object(name); };
  const auto type_taken = [&] { reader.constant("type", type); };

  if (type == "text" && json.find_string("text") != nullptr) {
    Text text;
    reader.string("text", text.text);
    type_taken();
    return finish_part(reader, Block(std::move(text)), 0, {}, {});
  }
  if (type == "image_url" || type == "video_url") {
    const Json* source = reader.peek(type);
    if (source != nullptr && (source->is_object() || source->is_string())) {
      type_taken();
      return decode_image(reader, type == "image_url" ? "image_url" : "video_url",
                          type == "image_url" ? Media::Kind::kImage : Media::Kind::kVideo);
    }
  }
  if (type == "input_audio" && object("input_audio") != nullptr) {
    type_taken();
    return decode_audio(reader, *object("input_audio"));
  }
  if (type == "file" && object("file") != nullptr) {
    type_taken();
    return decode_file(reader, *object("file"));
  }
  if (type == "thinking" && plain_thoughts(reader.peek("thinking"))) {
    type_taken();
    return decode_thinking_part(reader, *reader.peek("thinking"));
  }
  if (type == "refusal" && json.find_string("refusal") != nullptr) {
    Refusal refusal;
    reader.string("refusal", refusal.text);
    type_taken();
    return finish_part(reader, Block(std::move(refusal)), forms::kRefusalPart, {}, {});
  }
  return raw_block(type, std::move(json));
}

Result<Block> decode_tool_call(Json& json, const Place& place, ObjectReader::Mode mode) {
  if (!json.is_object()) {
    if (mode == ObjectReader::Mode::kStrict)
      return fail(Kind::kInvalid, place.text() + " must be an object");
    return raw_block("tool_call", std::move(json));
  }
  const std::string* type = json.find_string("type");
  const bool custom = type != nullptr && *type == "custom";
  const std::string_view member = custom ? "custom" : "function";
  if ((type != nullptr && *type != "function" && !custom) || json.find(member) == nullptr ||
      !json.find(member)->is_object()) {
    if (mode == ObjectReader::Mode::kStrict && type != nullptr && *type == "function") {
      return fail(Kind::kInvalid, fmt::format("{}.function must be an object", place.text()));
    }
    return raw_block("tool_call", std::move(json));
  }
  ObjectReader reader(json.as_object(), place, mode);
  ToolCall call{.kind = custom ? ToolCall::Kind::kCustom : ToolCall::Kind::kFunction};
  std::uint32_t forms = 0;
  if (!reader.constant("type", custom ? "custom" : "function")) forms |= forms::kNoType;
  reader.string("id", call.id);
  Block block;
  if (Json* content = reader.peek("extra_content");
      const std::string* signature = google_signature(content)) {
    block.signature = *signature;
    reader.take(content);
  }
  const Place inner_place{.parent = &place, .name = member};
  ObjectReader inner(*reader.object(member), inner_place, mode);
  inner.string("name", call.name);
  Json* arguments = inner.peek(custom ? "input" : "arguments");
  if (arguments != nullptr && !custom && (arguments->is_object() || arguments->is_array())) {
    call.arguments = json_write(*arguments);
    forms |= forms::kArgumentsJson;
    inner.take(arguments);
  } else {
    inner.string(custom ? "input" : "arguments", call.arguments);
  }
  if (!inner.ok()) return std::unexpected(inner.error());
  reader.take(reader.peek(member));
  if (!reader.ok()) return std::unexpected(reader.error());
  block.what = std::move(call);
  block.extra = reader.rest(kMe, forms);
  keep_inner(block.extra, member, inner.rest(kMe));
  return block;
}

Result<Message> decode_message(Json& json, const Place& place, ObjectReader::Mode mode) {
  if (!json.is_object()) return fail(Kind::kInvalid, place.text() + " must be an object");
  ObjectReader reader(json.as_object(), place, mode);
  Message message{.role = Role::kAssistant};
  std::uint32_t forms = 0;
  Json* role = reader.peek("role");
  if (role == nullptr || !role->is_string()) {
    if (mode == ObjectReader::Mode::kStrict) {
      return fail(Kind::kInvalid, fmt::format("{}.role {}", place.text(),
                                              role == nullptr ? "is missing" : "must be a string"));
    }
    forms |= forms::kNoRole;
  } else {
    message.role = Role::kOther;
    for (const Role known :
         {Role::kSystem, Role::kDeveloper, Role::kUser, Role::kAssistant, Role::kTool}) {
      if (role->as_string() == to_string(known)) message.role = known;
    }
    if (message.role != Role::kOther) reader.take(role);
  }
  if (message.role == Role::kAssistant) decode_reasoning(reader, message.content);
  if (Status status = decode_content(reader, message.content, forms); !status) {
    return std::unexpected(status.error());
  }
  reader.string("name", message.name);
  if (message.role == Role::kAssistant) {
    Refusal refusal;
    if (reader.string("refusal", refusal.text)) {
      Block block(std::move(refusal));
      block.extra.dialect = kMe;
      message.content.push_back(std::move(block));
    }
    decode_annotations(reader, message.content);
    if (Status status = decode_calls(reader, message.content); !status) {
      return std::unexpected(status.error());
    }
  }
  if (message.role == Role::kTool) {
    ToolResult result;
    reader.string("tool_call_id", result.id);
    result.content = std::move(message.content);
    message.content.clear();
    Block block(std::move(result));
    block.extra.dialect = kMe;
    message.content.push_back(std::move(block));
  }
  if (!reader.ok()) return std::unexpected(reader.error());
  message.extra = reader.rest(kMe, forms);
  return message;
}

}  // namespace sighter::wire::openai_chat
