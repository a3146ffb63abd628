#include "wire/anthropic_content.hpp"

#include "wire/proof.hpp"

namespace sighter::wire::anthropic {
namespace {

constexpr Dialect kMe = Dialect::kAnthropic;
const Place kNowhere{};
using Mode = ObjectReader::Mode;

Block raw_block(Json json) {
  const std::string* type = json.find_string("type");
  Block block(Raw{.type = type == nullptr ? std::string() : *type, .json = {}});
  block.as<Raw>()->json = std::move(json);
  block.extra.dialect = kMe;
  return block;
}

Block finish(ObjectReader& reader, Block block, std::uint32_t forms = 0) {
  reader.any("cache_control", block.cache_control);
  block.extra = reader.rest(kMe, forms);
  return block;
}

// A source that the typed form can hold.
bool known_source(const Json* source, bool document) {
  const std::string* type = source == nullptr ? nullptr : source->find_string("type");
  if (type == nullptr) return false;
  const std::string_view member = *type == "base64"             ? "data"
                                  : *type == "url"              ? "url"
                                  : *type == "file"             ? "file_id"
                                  : *type == "text" && document ? "data"
                                                                : "";
  const std::string* value = member.empty() ? nullptr : source->find_string(member);
  return value != nullptr && !value->empty();
}

Block decode_media(ObjectReader& reader, Media::Kind kind) {
  Media media{.kind = kind};
  Json* source = reader.peek("source");
  ObjectReader inner(source->as_object(), kNowhere, Mode::kLenient);
  if (inner.constant("type", "base64")) {
    inner.string("data", media.data);
    inner.string("media_type", media.media_type);
  } else if (inner.constant("type", "text")) {
    inner.string("data", media.text);
    inner.string("media_type", media.media_type);
  } else if (inner.constant("type", "url")) {
    inner.string("url", media.url);
  } else if (inner.constant("type", "file")) {
    inner.string("file_id", media.file_id);
  }
  Extra kept = inner.rest(kMe);
  reader.take(source);
  if (kind == Media::Kind::kDocument) reader.string("title", media.name);
  Block block = finish(reader, Block(std::move(media)));
  keep_inner(block.extra, "source", std::move(kept));
  return block;
}

Block decode_text(ObjectReader& reader) {
  Text text;
  reader.string("text", text.text);
  Json* citations = reader.peek("citations");
  if (citations != nullptr && citations->is_array() && !citations->as_array().empty()) {
    for (Json& citation : citations->as_array()) {
      text.citations.push_back(decode_citation(std::move(citation)));
    }
    reader.take(citations);
  }
  return finish(reader, Block(std::move(text)));
}

Block decode_call(ObjectReader& reader, std::string_view type) {
  ToolCall call;
  if (type != "tool_use") {
    call.kind = ToolCall::Kind::kProvider;
    call.provider_type = type;
  }
  reader.string("id", call.id);
  reader.string("name", call.name);
  std::uint32_t forms = 0;
  if (Json* input = reader.peek("input")) {
    json_write_to(call.arguments, *input);
    reader.take(input);
  } else {
    forms |= forms::kNoInput;
  }
  return finish(reader, Block(std::move(call)), forms);
}

Result<Block> decode_result(ObjectReader& reader) {
  ToolResult result;
  std::uint32_t forms = 0;
  reader.string("tool_use_id", result.id);
  if (Status status = decode_content(reader, result.content, forms); !status) {
    return std::unexpected(status.error());
  }
  reader.boolean("is_error", result.is_error);
  if (!reader.ok()) return std::unexpected(reader.error());
  return finish(reader, Block(std::move(result)), forms);
}

}  // namespace

Citation decode_citation(Json json) {
  Citation citation{.dialect = kMe};
  const auto copy = [&](std::string_view name, std::string& into) {
    if (const std::string* text = json.find_string(name)) into = *text;
  };
  copy("url", citation.url);
  copy("title", citation.title);
  if (citation.title.empty()) copy("document_title", citation.title);
  copy("cited_text", citation.cited_text);
  copy("file_id", citation.file_id);
  const std::string* index = json.find_string("encrypted_index");
  if (index != nullptr && *index == kCitationMark) {
    citation.dialect = Dialect::kNone;
    return citation;
  }
  citation.raw = std::move(json);
  return citation;
}

Result<Block> decode_block(Json& json, const Place& place, Mode mode) {
  const std::string* found = json.find_string("type");
  if (found == nullptr) {
    if (mode == Mode::kLenient) return raw_block(std::move(json));
    return fail(Kind::kInvalid, place.text() + " must be an object with a type");
  }
  const std::string type = *found;
  ObjectReader reader(json.as_object(), place, mode);
  const auto typed = [&] { reader.constant("type", type); };
  if (type == "text" && json.find_string("text") != nullptr) {
    typed();
    return decode_text(reader);
  }
  if (type == "image" && known_source(json.find("source"), false)) {
    typed();
    return decode_media(reader, Media::Kind::kImage);
  }
  if (type == "document" && known_source(json.find("source"), true)) {
    typed();
    return decode_media(reader, Media::Kind::kDocument);
  }
  if (type == "tool_use" || type == "server_tool_use" || type == "mcp_tool_use") {
    typed();
    Block block = decode_call(reader, type);
    if (!reader.ok()) return std::unexpected(reader.error());
    return block;
  }
  if (type == "tool_result") {
    typed();
    return decode_result(reader);
  }
  if (type == "thinking" && json.find_string("thinking") != nullptr) {
    typed();
    Thinking thinking;
    Block block;
    reader.string("thinking", thinking.text);
    reader.string("signature", block.signature);
    block.what = std::move(thinking);
    return finish(reader, std::move(block));
  }
  if (type == "redacted_thinking" && json.find_string("data") != nullptr) {
    typed();
    Thinking thinking{.kind = Thinking::Kind::kRedacted};
    reader.string("data", thinking.data);
    return finish(reader, Block(std::move(thinking)));
  }
  return raw_block(std::move(json));
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
    if (reader.mode() == Mode::kLenient) return {};
    reader.fail("content", fmt::format("must be a string or an array, not {}", json->type_name()));
    return std::unexpected(reader.error());
  }
  if (json->as_array().empty()) return {};
  content.reserve(content.size() + json->as_array().size());
  std::int64_t index = 0;
  for (Json& one : json->as_array()) {
    const Place place{.parent = &reader.place(), .name = "content", .index = index++};
    Result<Block> block = decode_block(one, place, reader.mode());
    if (!block) return std::unexpected(block.error());
    content.push_back(std::move(*block));
  }
  reader.take(json);
  return {};
}

}  // namespace sighter::wire::anthropic
