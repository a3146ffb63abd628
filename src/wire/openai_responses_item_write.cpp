#include <algorithm>

#include "wire/media.hpp"
#include "wire/openai_responses_item.hpp"
#include "wire/unsaid.hpp"

namespace sighter::wire::openai_responses {
namespace {

bool mine(const Block& block) {
  return block.extra.dialect == kMe;
}

// What the item has beside its blocks: as it was last said.
const JsonObject* rest_of(const Item& item) {
  for (auto block = item.blocks.rbegin(); block != item.blocks.rend(); ++block) {
    if (!mine(**block)) continue;
    const Json* rest = (*block)->extra.members.find("item");
    if (rest != nullptr && rest->is_object()) return &rest->as_object();
  }
  return nullptr;
}

void write_member_rest(ObjectWriter& writer, const Block& block, Losses& losses,
                       std::string_view prefix) {
  writer.skip("item");
  losses.rest(writer, block.extra, prefix, kStructure);
}

void note_marks(const Block& block, Losses& losses) {
  if (!mine(block) && block.cache_control.has_value()) losses.approximate("cache_control");
}

void write_status(ObjectWriter& writer, const JsonObject* rest, bool absent,
                  const ItemContext& context) {
  if (context.stage == Stage::kAdded) {
    writer.string("status", "in_progress");
    return;
  }
  if (absent || (rest != nullptr && rest->contains("status"))) return;
  writer.string("status", context.status);
}

void write_message(std::string& out, const Item& item, ItemContext& context) {
  const Block& first = *item.blocks.front();
  const bool own = mine(first);
  const bool reply = context.side == Side::kReply;
  const JsonObject* rest = rest_of(item);
  ObjectWriter writer(out);
  if (!own && reply) writer.string("id", context.id);
  if (!own || !(first.extra.forms & forms::kNoType)) writer.string("type", "message");
  if (own || reply)
    write_status(writer, rest, own && (first.extra.forms & forms::kNoStatus), context);
  writer.string("role", "assistant");
  const Text* text = first.as<Text>();
  const bool lone = item.blocks.size() == 1 && text != nullptr;
  if (context.stage == Stage::kAdded) {
    writer.raw("content", "[]");
  } else if (own ? (first.extra.forms & forms::kContentText) != 0 && lone : lone && !reply) {
    note_marks(first, context.losses);
    if (!own) context.losses.foreign(first.extra, "messages.content", kStructure);
    if (!own && !text->citations.empty()) context.losses.approximate("messages.content.citations");
    writer.string("content", text->text);
  } else if (!own || !(first.extra.forms & forms::kDerived)) {
    writer.key("content") += '[';
    Commas commas;
    for (const Block* block : item.blocks) {
      commas.next(out);
      write_part(out, *block, context);
    }
    out += ']';
  }
  if (rest != nullptr) writer.rest(*rest);
  writer.end();
}

void write_thoughts(ObjectWriter& writer, const Item& item, std::string_view name,
                    Thinking::Kind kind, bool always) {
  Commas commas;
  std::string list = "[";
  for (const Block* block : item.blocks) {
    const Thinking& thinking = *block->as<Thinking>();
    if (thinking.kind != kind || thinking.text.empty()) continue;
    if (mine(*block) && (block->extra.forms & forms::kDerived)) continue;
    commas.next(list);
    ObjectWriter part(list);
    part.string("type", kind == Thinking::Kind::kSummary ? "summary_text" : "reasoning_text");
    part.string("text", thinking.text);
    part.end();
  }
  if (list.size() > 1 || always) writer.raw(name, list + "]");
}

bool write_reasoning(std::string& out, const Item& item, ItemContext& context) {
  const Block& first = *item.blocks.front();
  const bool own = mine(first);
  const JsonObject* rest = rest_of(item);
  const bool theirs = std::any_of(item.blocks.begin(), item.blocks.end(),
                                  [](const Block* block) { return own_thought(*block); });
  if (context.side == Side::kRequest && !theirs) {
    context.losses.approximate("messages.content.thinking");
    return false;
  }
  ObjectWriter writer(out);
  const std::string& id = first.as<Thinking>()->id;
  if (own || context.side == Side::kRequest) {
    writer.string_if("id", id);
  } else {
    writer.string("id", context.id);
  }
  writer.string("type", "reasoning");
  if (context.stage == Stage::kAdded) {
    writer.raw("summary", "[]");
    writer.skip("content");
    writer.skip("status");
  } else {
    write_thoughts(writer, item, "summary", Thinking::Kind::kSummary, !own);
    write_thoughts(writer, item, "content", Thinking::Kind::kFull, false);
    for (const Block* block : item.blocks) {
      const std::string proof = context.side == Side::kRequest && !own && block->signature.empty()
                                    ? block->as<Thinking>()->data
                                : own || context.side == Side::kRequest ? block->signature
                                                                        : proof_of(*block);
      if (proof.empty()) continue;
      writer.string("encrypted_content", proof);
      break;
    }
  }
  if (rest != nullptr) writer.rest(*rest);
  writer.end();
  if (!own) {
    for (const Block* block : item.blocks)
      context.losses.foreign(block->extra, "messages.content.thinking", kStructure);
  }
  return true;
}

void write_call(std::string& out, const Block& block, ItemContext& context) {
  const ToolCall& call = *block.as<ToolCall>();
  const bool own = mine(block);
  const bool reply = context.side == Side::kReply;
  const bool custom = call.kind == ToolCall::Kind::kCustom;
  ObjectWriter writer(out);
  if (!own && reply) writer.string("id", context.id);
  writer.string("type", custom ? "custom_tool_call" : "function_call");
  // The documented custom_tool_call has no status; the provider writes one all the same.
  if (own || (reply && !custom)) {
    const bool absent = own && (block.extra.forms & forms::kNoStatus) != 0;
    write_status(writer, &block.extra.members, absent, context);
  }
  if (!own || !call.id.empty()) writer.string("call_id", call.id);
  if (!own || !call.name.empty()) writer.string("name", call.name);
  const std::string_view member = custom ? "input" : "arguments";
  if (context.stage == Stage::kAdded) {
    writer.string(member, "");
  } else if (!call.arguments.empty() || own) {
    if (!call.arguments.empty() || !block.extra.members.contains(member))
      writer.string_if(member, call.arguments);
  } else {
    writer.string(member, custom ? "" : "{}");
  }
  note_marks(block, context.losses);
  if (!reply && !block.signature.empty()) context.losses.approximate("messages.content.signature");
  context.losses.rest(writer, block.extra, "messages.content.tool_use", kStructure);
  writer.end();
}

std::string lost_name(const Block& block) {
  if (const Raw* raw = block.as<Raw>())
    return "messages.content." + (raw->type.empty() ? std::string("raw") : raw->type);
  if (const ToolCall* call = block.as<ToolCall>()) return "messages.content." + call->provider_type;
  const Media* media = block.as<Media>();
  if (media == nullptr) return "messages.content.block";
  switch (media->kind) {
    case Media::Kind::kAudio:
      return "messages.content.audio";
    case Media::Kind::kVideo:
      return "messages.content.video";
    case Media::Kind::kDocument:
      return "messages.content.file";
    default:
      return "messages.content.image";
  }
}

void write_media(std::string& out, const Block& block, const Media& media, Losses& losses) {
  const bool own = mine(block);
  ObjectWriter writer(out);
  if (media.kind == Media::Kind::kImage) {
    writer.string("type", "input_image");
    writer.string_if("image_url", url_of(media));
    writer.string_if("file_id", media.file_id);
    if (own) {
      writer.string_if("detail", media.detail);
    } else {
      writer.string("detail", media.detail.empty() ? "auto" : media.detail);
    }
  } else if (media.kind == Media::Kind::kDocument) {
    writer.string("type", "input_file");
    writer.string_if("file_id", media.file_id);
    Media encoded = media;
    if (!media.text.empty()) {
      encoded.data = base64_encode(media.text);
      if (encoded.media_type.empty()) encoded.media_type = "text/plain";
    }
    const bool has_data = !encoded.data.empty();
    if (!media.name.empty() || (!own && has_data))
      writer.string("filename", media.name.empty() ? "document" : media.name);
    if (has_data) {
      const bool bare = own && (block.extra.forms & forms::kBareData) != 0;
      writer.string("file_data", bare ? encoded.data : url_of(encoded));
    } else if (!media.url.empty()) {
      writer.string(media.url.starts_with("data:") ? "file_data" : "file_url", media.url);
    }
  } else {
    writer.string("type", "input_audio");
    ObjectWriter inner(writer.key("input_audio"));
    inner.string_if("data", media.data);
    inner.string_if("format", media.format);
    inner.inner_rest(block.extra, "input_audio", kMe);
    inner.end();
  }
  write_member_rest(writer, block, losses, "messages.content");
  writer.end();
}

}  // namespace

Item::Kind kind_of(const Block& block) {
  if (block.as<Text>() || block.as<Refusal>()) return Item::Kind::kMessage;
  if (block.as<Thinking>()) return Item::Kind::kReasoning;
  const bool own = mine(block);
  if (const ToolCall* call = block.as<ToolCall>()) {
    return call->kind == ToolCall::Kind::kProvider ? Item::Kind::kLost : Item::Kind::kCall;
  }
  if (!own) return Item::Kind::kLost;
  if (block.as<Media>()) return Item::Kind::kMessage;
  if (block.as<Raw>())
    return block.extra.forms & forms::kPart ? Item::Kind::kMessage : Item::Kind::kRaw;
  return Item::Kind::kLost;
}

bool continues(const Block& block, Item::Kind open, bool open_is_own) {
  const Item::Kind kind = kind_of(block);
  if (kind != open || mine(block) != open_is_own) return false;
  if (kind == Item::Kind::kMessage)
    return !mine(block) || (block.extra.forms & forms::kItemStart) == 0;
  return kind == Item::Kind::kReasoning && mine(block) &&
         (block.extra.forms & forms::kContinues) != 0;
}

namespace {

// What a client of Chat Completions was given as several details: the parts of one reasoning item.
bool same_thought(const Block& before, const Block& block) {
  const Thinking* first = before.as<Thinking>();
  const Thinking* second = block.as<Thinking>();
  return first != nullptr && second != nullptr && before.extra.dialect == Dialect::kOpenAiChat &&
         before.signature.empty() && block.extra.dialect == Dialect::kOpenAiChat &&
         !first->id.empty() && first->id == second->id;
}

}  // namespace

std::vector<Item> items_of(const std::vector<Block>& content, Side side) {
  std::vector<Item> items;
  for (const Block& block : content) {
    // Other dialects' empty texts say nothing.
    if (const Text* text = block.as<Text>(); text && !mine(block) && text->text.empty() &&
                                             text->citations.empty() && block.signature.empty()) {
      continue;
    }
    if (!items.empty() && items.back().kind != Item::Kind::kLost &&
        (continues(block, items.back().kind, mine(*items.back().blocks.front())) ||
         (side == Side::kRequest && same_thought(*items.back().blocks.back(), block)))) {
      items.back().blocks.push_back(&block);
    } else {
      items.push_back(Item{.kind = kind_of(block), .blocks = {&block}});
    }
  }
  return items;
}

bool write_item(std::string& out, const Item& item, ItemContext& context) {
  const Block& first = *item.blocks.front();
  switch (item.kind) {
    case Item::Kind::kMessage:
      write_message(out, item, context);
      return true;
    case Item::Kind::kReasoning:
      return write_reasoning(out, item, context);
    case Item::Kind::kCall:
      write_call(out, first, context);
      return true;
    case Item::Kind::kRaw: {
      const Json* later = first.extra.members.find("item");
      json_write_to(out, later != nullptr ? *later : first.as<Raw>()->json);
      return true;
    }
    case Item::Kind::kLost:
      break;
  }
  context.losses.cannot(lost_name(first));
  return false;
}

bool write_annotation(std::string& out, const Citation& citation, std::string_view text,
                      Losses& losses) {
  if (citation.dialect == kMe) {
    json_write_to(out, citation.raw);
    return true;
  }
  if (citation.url.empty()) return false;
  note_unsaid(citation, losses);
  // Characters, not bytes: those that continue a sequence do not count.
  const auto length = std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  });
  ObjectWriter writer(out);
  writer.string("type", "url_citation");
  writer.string("url", citation.url);
  writer.string("title", citation.title);
  writer.integer("start_index", citation.start.value_or(0));
  writer.integer("end_index", citation.end.value_or(length));
  writer.end();
  return true;
}

void write_part(std::string& out, const Block& block, ItemContext& context) {
  const bool own = mine(block);
  const bool whole = context.stage == Stage::kDone;
  const bool reply = context.side == Side::kReply;
  Losses& losses = context.losses;
  note_marks(block, losses);
  if (!reply && !block.signature.empty()) losses.approximate("messages.content.signature");
  if (const Raw* raw = block.as<Raw>()) {
    json_write_to(out, raw->json);
    return;
  }
  if (block.as<Media>()) {
    write_input_part(out, block, losses);
    return;
  }
  ObjectWriter writer(out);
  if (const Refusal* refusal = block.as<Refusal>()) {
    writer.string("type", "refusal");
    if (!whole || !own || !refusal->text.empty() || !block.extra.members.contains("refusal"))
      writer.string("refusal", whole ? std::string_view(refusal->text) : "");
    write_member_rest(writer, block, losses, "messages.content");
    writer.end();
    return;
  }
  const Text& text = *block.as<Text>();
  const bool input = own && (block.extra.forms & forms::kInputPart) != 0;
  writer.string("type", input ? "input_text" : "output_text");
  if (!whole || !own || !text.text.empty() || !block.extra.members.contains("text"))
    writer.string("text", whole ? std::string_view(text.text) : "");
  std::string list;
  Commas commas;
  for (const Citation& citation : text.citations) {
    if (!whole) break;
    if (!reply && citation.dialect != kMe) {
      losses.approximate("messages.content.citations");
      continue;
    }
    const std::size_t before = list.size();
    const Commas commas_before = commas;
    commas.next(list);
    if (write_annotation(list, citation, text.text, losses)) continue;
    losses.cannot("messages.content.citations");
    list.resize(before);
    commas = commas_before;
  }
  if (!list.empty() || (!own && !input)) writer.raw("annotations", "[" + list + "]");
  if (own) {
    if (!whole && block.extra.members.contains("logprobs")) writer.raw("logprobs", "[]");
  } else if (reply) {
    writer.key("logprobs");
    if (context.logprobs != nullptr && whole) {
      JsonArray tokens;
      for (const Json& one : context.logprobs->as_array()) tokens.push_back(with_bytes(one));
      json_write_to(out, Json(std::move(tokens)));
      context.logprobs = nullptr;
    } else {
      out += "[]";
    }
  }
  write_member_rest(writer, block, losses, "messages.content");
  writer.end();
}

bool write_input_part(std::string& out, const Block& block, Losses& losses) {
  const bool own = mine(block);
  note_marks(block, losses);
  if (!block.signature.empty()) losses.approximate("messages.content.signature");
  if (const Text* text = block.as<Text>()) {
    ItemContext context{.losses = losses, .side = Side::kRequest};
    if (own) {
      write_part(out, block, context);
      return true;
    }
    ObjectWriter writer(out);
    writer.string("type", "input_text");
    writer.string("text", text->text);
    if (!text->citations.empty()) losses.approximate("messages.content.citations");
    write_member_rest(writer, block, losses, "messages.content");
    writer.end();
    return true;
  }
  if (own && (block.as<Raw>() || block.as<Refusal>())) {
    ItemContext context{.losses = losses, .side = Side::kRequest};
    write_part(out, block, context);
    return true;
  }
  const Media* media = block.as<Media>();
  if (media == nullptr) {
    losses.cannot(lost_name(block));
    return false;
  }
  if (!own && (media->kind == Media::Kind::kAudio || media->kind == Media::Kind::kVideo)) {
    losses.cannot(lost_name(block));
    return false;
  }
  if (!own && !media->file_id.empty() && block.extra.dialect != Dialect::kOpenAiChat) {
    losses.cannot("messages.content.file_id", "the file lies with another provider");
    return false;
  }
  write_media(out, block, *media, losses);
  return true;
}

Json with_bytes(Json token) {
  if (!token.is_object()) return token;
  const Json* bytes = token.find("bytes");
  const std::string* text = token.find_string("token");
  if (bytes == nullptr || !bytes->is_array()) {
    JsonArray list;
    for (const char c : text == nullptr ? std::string() : *text)
      list.push_back(Json(static_cast<int>(static_cast<unsigned char>(c))));
    token.as_object().set("bytes", Json(std::move(list)));
  }
  if (Json* top = token.find("top_logprobs"); top != nullptr && top->is_array()) {
    for (Json& one : top->as_array()) one = with_bytes(std::move(one));
  }
  return token;
}

void write_usage(std::string& out, const Usage& usage, Losses& losses) {
  if (usage.dialect == kMe && !usage.raw.is_null()) {
    json_write_to(out, usage.raw);
    return;
  }
  note_unsaid(usage, losses);
  ObjectWriter writer(out);
  writer.integer("input_tokens", usage.input);
  ObjectWriter input(writer.key("input_tokens_details"));
  input.integer("cached_tokens", usage.cache_read);
  input.integer("cache_write_tokens", usage.cache_write);
  input.end();
  writer.integer("output_tokens", usage.output);
  ObjectWriter output(writer.key("output_tokens_details"));
  output.integer("reasoning_tokens", usage.reasoning);
  output.end();
  writer.integer("total_tokens", usage.total());
  writer.end();
}

}  // namespace sighter::wire::openai_responses
