#include "wire/openai_responses_item.hpp"

#include <algorithm>

#include "wire/media.hpp"

namespace sighter::wire::openai_responses {
namespace {

const Place kNowhere{};
using Mode = ObjectReader::Mode;

Block raw_block(Json json, std::uint32_t forms) {
  const std::string* type = json.find_string("type");
  Block block(Raw{.type = type == nullptr ? std::string() : *type, .json = {}});
  block.as<Raw>()->json = std::move(json);
  block.extra = {.dialect = kMe, .forms = forms};
  return block;
}

Block decode_image(ObjectReader& reader) {
  Media media{.kind = Media::Kind::kImage};
  std::string url;
  if (reader.string("image_url", url)) set_url(media, std::move(url));
  reader.string("file_id", media.file_id);
  reader.string("detail", media.detail);
  Block block(std::move(media));
  block.extra = reader.rest(kMe);
  return block;
}

Block decode_audio(ObjectReader& reader) {
  Media media{.kind = Media::Kind::kAudio};
  JsonObject* source = reader.object("input_audio");
  ObjectReader inner(*source, kNowhere, Mode::kLenient);
  inner.string("data", media.data);
  inner.string("format", media.format);
  reader.take(reader.peek("input_audio"));
  Block block(std::move(media));
  block.extra = reader.rest(kMe);
  keep_inner(block.extra, "input_audio", inner.rest(kMe));
  return block;
}

Block decode_file(ObjectReader& reader) {
  Media media{.kind = Media::Kind::kDocument};
  std::uint32_t forms = 0;
  std::string data;
  if (reader.string("file_data", data)) {
    if (data.starts_with("data:")) {
      set_url(media, std::move(data));
    } else {
      forms = forms::kBareData;
      media.data = std::move(data);
    }
  } else if (const Json* url = reader.peek("file_url");
             url != nullptr && url->is_string() && !url->as_string().starts_with("data:")) {
    reader.string("file_url", media.url);
  }
  reader.string("file_id", media.file_id);
  reader.string("filename", media.name);
  Block block(std::move(media));
  block.extra = reader.rest(kMe, forms);
  return block;
}

Block decode_text(ObjectReader& reader, bool input) {
  Text text;
  reader.string("text", text.text);
  Json* annotations = reader.peek("annotations");
  if (annotations != nullptr && annotations->is_array() && !annotations->as_array().empty()) {
    for (Json& one : annotations->as_array())
      text.citations.push_back(decode_annotation(std::move(one)));
    reader.take(annotations);
  }
  Block block(std::move(text));
  block.extra = reader.rest(kMe, input ? forms::kInputPart : 0);
  return block;
}

// What is left of the item goes with its first block.
void keep_item(Block& first, Extra rest, std::uint32_t forms) {
  first.extra.dialect = kMe;
  first.extra.forms |= forms;
  keep_inner(first.extra, "item", std::move(rest));
}

Status decode_message_item(Json& item, const Place& place, Mode mode, std::vector<Block>& out) {
  ObjectReader reader(item.as_object(), place, mode);
  const std::size_t first = out.size();
  std::uint32_t forms = forms::kItemStart;
  if (!reader.constant("type", "message")) forms |= forms::kNoType;
  reader.constant("role", "assistant");
  if (!reader.constant("status", "completed")) forms |= forms::kNoStatus;
  if (Status status = decode_parts(reader, "content", out, forms); !status) return status;
  if (out.size() == first) {
    out.emplace_back(Text{});
    forms |= forms::kDerived;
  }
  keep_item(out[first], reader.rest(kMe), forms);
  return {};
}

bool plain_thoughts(const Json* list, std::string_view type) {
  if (list == nullptr || !list->is_array()) return false;
  return std::all_of(list->as_array().begin(), list->as_array().end(), [&](const Json& part) {
    const std::string* is = part.find_string("type");
    const std::string* text = part.find_string("text");
    return is != nullptr && *is == type && text != nullptr && !text->empty() &&
           part.as_object().size() == 2;
  });
}

void decode_thoughts(ObjectReader& reader, std::string_view name, Thinking::Kind kind,
                     std::vector<Block>& out) {
  Json* list = reader.peek(name);
  if (list == nullptr || !list->is_array() || list->as_array().empty()) return;
  const bool summary = kind == Thinking::Kind::kSummary;
  if (plain_thoughts(list, summary ? "summary_text" : "reasoning_text")) {
    for (Json& part : list->as_array())
      out.emplace_back(Thinking{.kind = kind, .text = std::move(part.find("text")->as_string())});
    reader.take(list);
    return;
  }
  Thinking derived{.kind = kind};
  for (const Json& part : list->as_array()) {
    if (const std::string* text = part.find_string("text")) derived.text += *text;
  }
  Block block(std::move(derived));
  block.extra.forms = forms::kDerived;
  out.push_back(std::move(block));
}

void decode_reasoning_item(Json& item, const Place& place, std::vector<Block>& out) {
  ObjectReader reader(item.as_object(), place, Mode::kLenient);
  const std::size_t first = out.size();
  reader.constant("type", "reasoning");
  std::string id;
  std::string encrypted;
  reader.string("id", id);
  reader.string("encrypted_content", encrypted);
  decode_thoughts(reader, "summary", Thinking::Kind::kSummary, out);
  decode_thoughts(reader, "content", Thinking::Kind::kFull, out);
  if (out.size() == first) out.emplace_back(Thinking{.kind = Thinking::Kind::kSummary});
  for (std::size_t i = first; i < out.size(); ++i) {
    out[i].as<Thinking>()->id = id;
    out[i].extra.dialect = kMe;
    if (i > first) out[i].extra.forms |= forms::kContinues;
  }
  out.back().signature = std::move(encrypted);
  keep_item(out[first], reader.rest(kMe), 0);
}

Status decode_call_item(Json& item, const Place& place, Mode mode, bool custom,
                        std::vector<Block>& out) {
  ObjectReader reader(item.as_object(), place, mode);
  ToolCall call{.kind = custom ? ToolCall::Kind::kCustom : ToolCall::Kind::kFunction};
  reader.constant("type", custom ? "custom_tool_call" : "function_call");
  reader.string("call_id", call.id);
  reader.string("name", call.name);
  reader.string(custom ? "input" : "arguments", call.arguments);
  const std::uint32_t forms = reader.constant("status", "completed") ? 0 : forms::kNoStatus;
  if (!reader.ok()) return std::unexpected(reader.error());
  Block block(std::move(call));
  block.extra = reader.rest(kMe, forms);
  out.push_back(std::move(block));
  return {};
}

}  // namespace

Citation decode_annotation(Json json) {
  Citation citation{.dialect = kMe};
  const auto copy = [&](std::string_view name, std::string& into) {
    if (const std::string* text = json.find_string(name)) into = *text;
  };
  copy("url", citation.url);
  copy("title", citation.title);
  if (citation.title.empty()) copy("filename", citation.title);
  copy("file_id", citation.file_id);
  if (const Json* start = json.find("start_index")) citation.start = start->to_int();
  if (const Json* end = json.find("end_index")) citation.end = end->to_int();
  citation.raw = std::move(json);
  return citation;
}

Block decode_part(Json& part) {
  const std::string* found = part.find_string("type");
  // "item" is where the rest of the item is kept.
  if (found == nullptr || part.find("item") != nullptr) {
    return raw_block(std::move(part), forms::kPart);
  }
  const std::string type = *found;
  ObjectReader reader(part.as_object(), kNowhere, Mode::kLenient);
  if ((type == "output_text" || type == "input_text") && part.find_string("text") != nullptr) {
    reader.constant("type", type);
    return decode_text(reader, type == "input_text");
  }
  if (type == "refusal" && part.find_string("refusal") != nullptr) {
    Refusal refusal;
    reader.constant("type", type);
    reader.string("refusal", refusal.text);
    Block block(std::move(refusal));
    block.extra = reader.rest(kMe);
    return block;
  }
  if (type == "input_image" &&
      (part.find_string("image_url") != nullptr || part.find_string("file_id") != nullptr)) {
    reader.constant("type", type);
    return decode_image(reader);
  }
  if (type == "input_file") {
    reader.constant("type", type);
    return decode_file(reader);
  }
  if (type == "input_audio" && reader.object("input_audio") != nullptr) {
    reader.constant("type", type);
    return decode_audio(reader);
  }
  return raw_block(std::move(part), forms::kPart);
}

Status decode_parts(ObjectReader& reader, std::string_view name, std::vector<Block>& out,
                    std::uint32_t& forms) {
  Json* json = reader.peek(name);
  if (json == nullptr) return {};
  if (json->is_string()) {
    if (json->as_string().empty()) return {};
    Block block(Text{.text = std::move(json->as_string())});
    block.extra.dialect = kMe;
    out.push_back(std::move(block));
    forms |= forms::kContentText;
    reader.take(json);
    return {};
  }
  if (!json->is_array()) {
    if (reader.mode() == Mode::kLenient) return {};
    reader.fail(name, fmt::format("must be a string or an array, not {}", json->type_name()));
    return std::unexpected(reader.error());
  }
  if (json->as_array().empty()) return {};
  std::int64_t index = 0;
  for (Json& part : json->as_array()) {
    if (!part.is_object() && reader.mode() == Mode::kStrict) {
      const Place place{.parent = &reader.place(), .name = name, .index = index};
      return fail(Kind::kInvalid, place.text() + " must be an object");
    }
    out.push_back(decode_part(part));
    ++index;
  }
  reader.take(json);
  return {};
}

Status decode_output_item(Json& item, const Place& place, Mode mode, std::vector<Block>& out) {
  const std::string* type = item.find_string("type");
  const std::string* role = item.find_string("role");
  const bool message = item.is_object() && role != nullptr && *role == "assistant" &&
                       (type == nullptr ? item.find("type") == nullptr : *type == "message");
  if (message) return decode_message_item(item, place, mode, out);
  if (type != nullptr && *type == "reasoning") {
    decode_reasoning_item(item, place, out);
    return {};
  }
  if (type != nullptr && *type == "function_call")
    return decode_call_item(item, place, mode, false, out);
  if (type != nullptr && *type == "custom_tool_call")
    return decode_call_item(item, place, mode, true, out);
  out.push_back(raw_block(std::move(item), 0));
  return {};
}

JsonObject item_rest(const Json& item) {
  Json copy = item;
  std::vector<Block> blocks;
  if (!decode_output_item(copy, kNowhere, Mode::kLenient, blocks) || blocks.empty()) return {};
  Block& first = blocks.front();
  if (first.as<ToolCall>()) return std::move(first.extra.members);
  Json* rest = first.extra.members.find("item");
  return rest != nullptr && rest->is_object() ? std::move(rest->as_object()) : JsonObject{};
}

std::string make_id(std::string_view prefix, std::string_view response, std::size_t number) {
  const std::size_t tail = response.rfind('_');
  if (tail != response.npos) response.remove_prefix(tail + 1);
  std::string out(prefix);
  out += '_';
  for (const char c : response) {
    const bool fits = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (fits) out += c;
  }
  return out + fmt::format("_{}", number);
}

}  // namespace sighter::wire::openai_responses
