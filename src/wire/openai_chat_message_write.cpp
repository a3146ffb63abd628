#include <algorithm>

#include "wire/call_id.hpp"
#include "wire/media.hpp"
#include "wire/openai_chat_message.hpp"
#include "wire/proof.hpp"
#include "wire/unsaid.hpp"

namespace sighter::wire::openai_chat {
namespace {

constexpr Dialect kMe = Dialect::kOpenAiChat;
// Members of other dialects' blocks and messages that carry no meaning of their own here.
constexpr std::string_view kStructure[] = {"type",   "index", "status",  "id",
                                           "caller", "role",  "thinking"};

std::string lost_block(const Block& block) {
  if (const Raw* raw = block.as<Raw>())
    return "messages.content." + (raw->type.empty() ? "raw" : raw->type);
  const ToolCall* call = block.as<ToolCall>();
  return "messages.content." + (call != nullptr ? call->provider_type : std::string("block"));
}

bool is_part(const Block& block) {
  if (block.as<Text>() || block.as<Media>()) return true;
  if (block.extra.dialect != kMe) return false;
  if (const Raw* raw = block.as<Raw>()) return raw->type != "tool_call";
  if (block.as<Thinking>()) return (block.extra.forms & forms::kThinkPart) != 0;
  return block.as<Refusal>() && (block.extra.forms & forms::kRefusalPart) != 0;
}

bool says_no_word(const Block& block) {
  const Text* text = block.as<Text>();
  return text != nullptr && text->text.find_first_not_of(" \n\r\t") == std::string::npos;
}

std::string_view audio_format(const Media& media) {
  if (!media.format.empty()) return media.format;
  const std::string_view type = media.media_type;
  if (type == "audio/wav" || type == "audio/x-wav") return "wav";
  if (type == "audio/mpeg" || type == "audio/mp3") return "mp3";
  return {};
}

}  // namespace

bool takes_call_proofs(const Quirks& quirks) {
  return quirks.reasoning_field != ReasoningField::kNone || quirks.provider == "gemini-openai";
}

std::string media_name(const Media& media) {
  switch (media.kind) {
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

bool write_annotation(std::string& out, const Citation& citation, Losses& losses,
                      std::optional<int> index) {
  if (citation.dialect == kMe) {
    json_write_to(out, citation.raw);
    if (index && citation.raw.is_object() && citation.raw.find("index") == nullptr) {
      out.pop_back();
      out += fmt::format("{}\"index\":{}}}", citation.raw.as_object().empty() ? "" : ",", *index);
    }
    return true;
  }
  if (citation.url.empty()) return false;
  note_unsaid(citation, losses);
  ObjectWriter writer(out);
  writer.string("type", "url_citation");
  ObjectWriter inner(writer.key("url_citation"));
  inner.string("url", citation.url);
  inner.string("title", citation.title);
  inner.integer("start_index", citation.start.value_or(0));
  inner.integer("end_index", citation.end.value_or(0));
  inner.end();
  if (index) writer.integer("index", *index);
  writer.end();
  return true;
}

std::string_view detail_type(const Thinking& thinking) {
  switch (thinking.kind) {
    case Thinking::Kind::kSummary:
      return "reasoning.summary";
    case Thinking::Kind::kRedacted:
      return "reasoning.encrypted";
    default:
      return "reasoning.text";
  }
}

void write_detail(std::string& out, const Block& block, Losses& losses, std::optional<int> index) {
  const Thinking& thinking = *block.as<Thinking>();
  const Json* pieces = losses.own(block.extra) ? block.extra.members.find(kPieces) : nullptr;
  if (pieces != nullptr && pieces->is_array()) {  // as they came
    Commas commas;
    for (const Json& piece : pieces->as_array()) {
      commas.next(out);
      json_write_to(out, piece);
    }
    return;
  }
  ObjectWriter writer(out);
  writer.string("type", detail_type(thinking));
  switch (thinking.kind) {
    case Thinking::Kind::kFull:
      writer.string_if("text", thinking.text);
      break;
    case Thinking::Kind::kSummary:
      writer.string_if("summary", thinking.text);
      break;
    case Thinking::Kind::kRedacted:
      writer.string_if("data", claude_data(block));
      break;
  }
  writer.string_if("signature", block.signature);
  writer.string_if("id", thinking.id);
  if (block.extra.dialect != kMe && signed_by_claude(block)) {
    writer.string("format", "anthropic-claude-v1");
  } else if (block.extra.dialect == Dialect::kOpenAiResponses) {
    writer.string("format", "openai-responses-v1");
  } else if (block.extra.dialect == Dialect::kGemini) {
    writer.string("format", "google-gemini-v1");
  }
  losses.rest(writer, block.extra, "messages.content.thinking", kStructure);
  if (index && !(losses.own(block.extra) && block.extra.members.contains("index")))
    writer.integer("index", *index);
  writer.end();
}

// Only a plain text can be written as a bare string.
bool MessageWriter::bare(const Block& block) const {
  if (block.as<Text>() == nullptr) return false;
  const bool own = losses_.own(block.extra);
  const bool marks = own || (quirks_ != nullptr && quirks_->cache_control);
  return (!block.cache_control.has_value() || !marks) && (block.extra.members.empty() || !own);
}

std::string MessageWriter::tool_id(std::string_view id) const {
  const std::size_t length = quirks_ == nullptr ? 0 : quirks_->tool_id_length;
  return length == 0 ? std::string(id) : short_call_id(id, length);
}

void MessageWriter::write_role(ObjectWriter& writer, const Message& message) {
  switch (message.role) {
    case Role::kDeveloper:
      writer.string("role",
                    quirks_ != nullptr && !quirks_->developer_role ? "system" : "developer");
      return;
    case Role::kOther:
      if (!losses_.own(message.extra)) losses_.wrong(unknown_role(message));
      return;
    default:
      if (!losses_.form(message.extra, forms::kNoRole))
        writer.string("role", to_string(message.role));
  }
}

void MessageWriter::write_media(const Block& block, const Media& media) {
  const bool read_here = block.extra.dialect == kMe;
  ObjectWriter part(out_);
  const auto inner_end = [&](ObjectWriter& inner, std::string_view name) {
    inner.inner_rest(block.extra, name, kMe);
    inner.end();
  };
  switch (media.kind) {
    case Media::Kind::kImage:
    case Media::Kind::kVideo: {
      const std::string_view name = media.kind == Media::Kind::kImage ? "image_url" : "video_url";
      part.string("type", name);
      if (losses_.form(block.extra, forms::kBareUrl)) {
        part.string(name, url_of(media));
        break;
      }
      ObjectWriter inner(part.key(name));
      const std::string url = url_of(media);
      if (!url.empty() || !read_here) inner.string("url", url);
      inner.string_if("detail", media.detail);
      inner_end(inner, name);
      break;
    }
    case Media::Kind::kAudio: {
      part.string("type", "input_audio");
      ObjectWriter inner(part.key("input_audio"));
      if (!media.data.empty() || !read_here) inner.string("data", media.data);
      inner.string_if("format", audio_format(media));
      inner_end(inner, "input_audio");
      break;
    }
    case Media::Kind::kDocument: {
      part.string("type", "file");
      ObjectWriter inner(part.key("file"));
      inner.string_if("file_id", media.file_id);
      inner.string_if("filename", media.name);
      if (media.name.empty() && media.file_id.empty() && !losses_.own(block.extra)) {
        inner.string("filename", "document");  // demanded beside file_data
      }
      if (!media.text.empty()) {
        Media encoded = media;
        encoded.data = base64_encode(media.text);
        if (encoded.media_type.empty()) encoded.media_type = "text/plain";
        inner.string("file_data", url_of(encoded));
      } else if (!media.data.empty()) {
        inner.string("file_data",
                     losses_.form(block.extra, forms::kBareData) ? media.data : url_of(media));
      }
      inner_end(inner, "file");
      break;
    }
  }
  if (block.cache_control.has_value() &&
      (losses_.own(block.extra) || (quirks_ != nullptr && quirks_->cache_control))) {
    part.json("cache_control", *block.cache_control);
  }
  losses_.rest(part, block.extra, "messages.content", kStructure);
  part.end();
}

bool MessageWriter::refused(const Block& block, const Media& media) {
  if (losses_.own(block.extra)) return false;
  // Responses' files are those of the same account.
  const bool there =
      block.extra.dialect == Dialect::kOpenAiResponses && media.kind == Media::Kind::kDocument;
  if (!media.file_id.empty() && !there) {
    const bool image = block.extra.dialect == Dialect::kOpenAiResponses;
    losses_.cannot("messages.content.file_id", image ? "Chat Completions take no image by its id"
                                                     : "the file lies with another provider");
    return true;
  }
  if (media.kind == Media::Kind::kDocument && !media.url.empty()) {
    losses_.cannot("messages.content.document.url");
    return true;
  }
  if (media.kind == Media::Kind::kAudio && (audio_format(media).empty() || media.data.empty())) {
    losses_.cannot("messages.content.audio", "only wav and mp3 as data are taken");
    return true;
  }
  return false;
}

bool MessageWriter::write_part(const Block& block) {
  const bool own = losses_.own(block.extra);
  if (!own && block.cache_control.has_value() && (quirks_ == nullptr || !quirks_->cache_control)) {
    losses_.approximate("cache_control");
  }
  if (const Media* media = block.as<Media>()) {
    if (refused(block, *media)) return false;
    write_media(block, *media);
    return true;
  }
  if (const Raw* raw = block.as<Raw>()) {
    json_write_to(out_, raw->json);
    return true;
  }
  ObjectWriter part(out_);
  if (const Text* text = block.as<Text>()) {
    part.string("type", "text");
    if (!text->text.empty() || block.extra.dialect != kMe) part.string("text", text->text);
  } else if (const Refusal* refusal = block.as<Refusal>()) {
    part.string("type", "refusal");
    if (!refusal->text.empty() || block.extra.dialect != kMe) part.string("refusal", refusal->text);
  } else if (const Thinking* thinking = block.as<Thinking>()) {
    part.string("type", "thinking");
    if (!block.extra.members.contains("thinking")) {
      std::string& list = part.key("thinking");
      list += '[';
      ObjectWriter piece(list);
      piece.string("type", "text");
      piece.string("text", thinking->text);
      piece.end();
      list += ']';
    }
  }
  if (block.cache_control.has_value() && (own || (quirks_ != nullptr && quirks_->cache_control))) {
    part.json("cache_control", *block.cache_control);
  }
  losses_.rest(part, block.extra, "messages.content", kStructure);
  part.end();
  return true;
}

bool MessageWriter::write_parts(const std::vector<const Block*>& parts, bool read_here) {
  out_ += '[';
  bool some = false;
  for (const Block* block : parts) {
    if (!read_here && block->as<Text>() && block->as<Text>()->text.empty()) {
      losses_.foreign(block->extra, "messages.content", kStructure);
      continue;
    }
    const std::size_t before = out_.size();
    if (some) out_ += ',';
    if (write_part(*block)) {
      some = true;
    } else {
      out_.resize(before);
    }
  }
  out_ += ']';
  return some;
}

void MessageWriter::write_content(ObjectWriter& writer, const Message& message,
                                  const std::vector<const Block*>& parts) {
  const bool read_here = message.extra.dialect == kMe;
  if (parts.empty()) {
    if (read_here) return;  // as it came: absent, or null or empty in the rest
    if (message.role == Role::kAssistant) {
      writer.raw("content", "null");
    } else {
      writer.string("content", "");
    }
    return;
  }
  const bool all_bare =
      std::all_of(parts.begin(), parts.end(), [&](const Block* b) { return bare(*b); });
  const bool as_text = read_here ? losses_.form(message.extra, forms::kContentText)
                                 : parts.size() == 1 || side_ == Side::kReply;
  if (all_bare && as_text) {
    std::string joined;
    for (const Block* block : parts) {
      losses_.foreign(block->extra, "messages.content", kStructure);
      if (block->cache_control.has_value()) losses_.approximate("cache_control");
      if (parts.size() > 1) joined += block->as<Text>()->text;
    }
    writer.string("content", parts.size() > 1 ? joined : parts[0]->as<Text>()->text);
    return;
  }
  writer.key("content");
  const std::size_t begin = out_.size();
  if (write_parts(parts, read_here) || read_here) return;
  out_.resize(
      begin);  // nothing could be said: an empty list is refused there, an empty text is not
  out_ += "\"\"";
}

void MessageWriter::write_thinking(ObjectWriter& writer,
                                   const std::vector<const Block*>& thoughts) {
  std::vector<const Block*> details;
  std::string text;
  std::string_view member;
  for (const Block* block : thoughts) {
    const Thinking& thinking = *block->as<Thinking>();
    if (block->extra.dialect == kMe) {
      if (side_ == Side::kRequest && quirks_ != nullptr &&
          quirks_->reasoning_field == ReasoningField::kNone) {
        losses_.approximate("messages.content.thinking");
        continue;
      }
      if (block->extra.forms & forms::kThinkDetail) {
        details.push_back(block);
      } else {
        text += thinking.text;
        const bool word = (block->extra.forms & forms::kThinkWord) != 0 ||
                          (side_ == Side::kRequest && quirks_ != nullptr &&
                           (quirks_->reasoning_field == ReasoningField::kReasoning ||
                            quirks_->reasoning_field == ReasoningField::kReasoningDetails));
        member = word ? "reasoning" : "reasoning_content";
      }
      continue;
    }
    if (side_ == Side::kReply) {
      text += thinking.text;
      member = "reasoning_content";
      details.push_back(block);
      continue;
    }
    switch (quirks_ == nullptr ? ReasoningField::kNone : quirks_->reasoning_field) {
      case ReasoningField::kNone:
        losses_.approximate("messages.content.thinking");
        break;
      case ReasoningField::kReasoningDetails:
        details.push_back(block);
        break;
      case ReasoningField::kReasoning:
      case ReasoningField::kReasoningContent:
        member = quirks_->reasoning_field == ReasoningField::kReasoning ? "reasoning"
                                                                        : "reasoning_content";
        text += thinking.text;
        losses_.foreign(block->extra, "messages.content.thinking", kStructure);
        // A text alone: what proves it, or stands for it, has no place.
        if (!thinking.data.empty()) losses_.approximate("messages.content.redacted_thinking");
        if (!block->signature.empty()) losses_.approximate("messages.content.signature");
        break;
    }
  }
  if (!text.empty() && !member.empty()) writer.string(member, text);
  if (details.empty()) return;
  writer.key("reasoning_details") += '[';
  Commas commas;
  for (const Block* block : details) {
    commas.next(out_);
    write_detail(out_, *block, losses_);
  }
  out_ += ']';
}

void MessageWriter::write_call(const Block& block, const ToolCall& call) {
  const bool custom = call.kind == ToolCall::Kind::kCustom;
  ObjectWriter writer(out_);
  if (!losses_.form(block.extra, forms::kMadeId)) writer.string_if("id", tool_id(call.id));
  if (!losses_.form(block.extra, forms::kNoType))
    writer.string("type", custom ? "custom" : "function");
  const std::string_view member = custom ? "custom" : "function";
  ObjectWriter inner(writer.key(member));
  const bool read_here = block.extra.dialect == kMe;
  if (!read_here || !call.name.empty()) inner.string("name", call.name);
  // A stream of pieces may have been none together.
  if (losses_.form(block.extra, forms::kArgumentsJson) && json_parse(call.arguments)) {
    inner.raw("arguments", call.arguments);
  } else if (custom) {
    if (!read_here || !call.arguments.empty()) inner.string("input", call.arguments);
  } else if (!call.arguments.empty()) {
    inner.string("arguments", call.arguments);
  } else if (!read_here) {
    inner.string("arguments", "{}");
  }
  inner.inner_rest(block.extra, member, kMe);
  inner.end();
  // Gemini's own dialect signed it: of the servers that speak this one, Google's alone takes it.
  const bool theirs = side_ == Side::kReply || quirks_ == nullptr ||
                      quirks_->provider == "gemini-openai" ||
                      (block.signed_by() != Dialect::kGemini && takes_call_proofs(*quirks_));
  if (!block.signature.empty() && !theirs) losses_.approximate("messages.content.signature");
  if (!block.signature.empty() && theirs) {
    ObjectWriter content(writer.key("extra_content"));
    ObjectWriter google(content.key("google"));
    google.string("thought_signature", block.signature);
    google.end();
    content.end();
  }
  if (block.cache_control.has_value()) losses_.approximate("cache_control");
  losses_.rest(writer, block.extra, "messages.content.tool_use", kStructure);
  writer.end();
}

void MessageWriter::write_calls(ObjectWriter& writer, const std::vector<const Block*>& calls) {
  Commas commas;
  bool open = false;
  for (const Block* block : calls) {
    const ToolCall* call = block->as<ToolCall>();
    if (losses_.form(block->extra, forms::kLegacyCall)) continue;
    if (!open) writer.key("tool_calls") += '[';
    open = true;
    commas.next(out_);
    if (call == nullptr) {
      json_write_to(out_, block->as<Raw>()->json);
    } else {
      write_call(*block, *call);
    }
  }
  if (open) out_ += ']';
  for (const Block* block : calls) {
    const ToolCall* call = block->as<ToolCall>();
    if (call == nullptr || !losses_.form(block->extra, forms::kLegacyCall)) continue;
    ObjectWriter inner(writer.key("function_call"));
    inner.string("name", call->name);
    inner.string_if("arguments", call->arguments);
    inner.rest(block->extra.members);
    inner.end();
  }
}

void MessageWriter::write_citations(ObjectWriter& writer, const Message& message) {
  Commas commas;
  bool open = false;
  for (const Block& block : message.content) {
    const Text* text = block.as<Text>();
    if (text == nullptr || text->citations.empty()) continue;
    const bool own = text->citations.front().dialect == kMe;
    if (!own && side_ == Side::kRequest) {
      losses_.approximate("messages.content.citations");
      continue;
    }
    for (const Citation& citation : text->citations) {
      if (citation.dialect != kMe && citation.url.empty()) {
        losses_.cannot("messages.content.citations");
        continue;
      }
      if (!open) writer.key("annotations") += '[';
      open = true;
      commas.next(out_);
      write_annotation(out_, citation, losses_);
    }
  }
  if (open) out_ += ']';
}

void MessageWriter::write_one(const Message& message) {
  std::vector<const Block*> parts;
  std::vector<const Block*> thoughts;
  std::vector<const Block*> calls;
  std::string refusal;
  for (const Block& block : message.content) {
    if (block.as<ToolResult>()) continue;
    if (side_ == Side::kReply && block.as<Media>() && !losses_.own(block.extra)) {
      // A reply's content is one text.
      losses_.cannot(media_name(*block.as<Media>()));
    } else if (is_part(block)) {
      // Content stands before the calls.
      if (!calls.empty() && !says_no_word(block)) losses_.approximate("messages.content.order");
      parts.push_back(&block);
    } else if (block.as<Thinking>()) {
      thoughts.push_back(&block);
    } else if (const Refusal* said = block.as<Refusal>()) {
      refusal += said->text;
      losses_.foreign(block.extra, "messages.content", kStructure);
    } else if (const ToolCall* call = block.as<ToolCall>();
               call && call->kind != ToolCall::Kind::kProvider) {
      const bool custom = call->kind == ToolCall::Kind::kCustom && !losses_.own(block.extra) &&
                          side_ == Side::kRequest && quirks_ != nullptr && !quirks_->openai_members;
      if (custom) losses_.cannot("messages.content.custom_tool_call");
      if (!custom) calls.push_back(&block);
    } else if (const Raw* raw = block.as<Raw>(); raw && block.extra.dialect == kMe) {
      calls.push_back(&block);
    } else {
      losses_.cannot(lost_block(block));
    }
    if (!block.signature.empty() && !block.as<ToolCall>() && !block.as<Thinking>()) {
      losses_.approximate("messages.content.signature");
    }
  }
  ObjectWriter writer(out_);
  write_role(writer, message);
  write_content(writer, message, parts);
  writer.string_if("name", message.name);
  if (!refusal.empty()) {
    writer.string("refusal", refusal);
  } else if (side_ == Side::kReply && message.extra.dialect != kMe) {
    writer.raw("refusal", "null");
  }
  write_thinking(writer, thoughts);
  write_calls(writer, calls);
  write_citations(writer, message);
  if (side_ == Side::kRequest && quirks_ != nullptr &&
      quirks_->reasoning_field == ReasoningField::kNone) {
    leave_out_thoughts(writer, message.extra);
  }
  // With details, "reasoning" only repeats them.
  losses_.rest(writer, message.extra, "messages", kStructure);
  writer.end();
}

// What a server that does not know them is not sent, where they were not read as thoughts.
void MessageWriter::leave_out_thoughts(ObjectWriter& writer, const Extra& extra) {
  if (extra.dialect != kMe) return;
  for (const std::string_view name : {"reasoning", "reasoning_content", "reasoning_details"}) {
    const Json* member = extra.members.find(name);
    if (member == nullptr) continue;
    writer.skip(name);
    if (!says_nothing(*member)) losses_.approximate("messages.content.thinking");
  }
}

void MessageWriter::write_tool_result(const Message& message, const Block& block,
                                      const ToolResult& result) {
  const bool read_here = message.extra.dialect == kMe && message.role == Role::kTool;
  std::vector<const Block*> parts;
  const std::size_t held = held_media_.size();
  for (const Block& part : result.content) {
    if (is_part(part) && (read_here || part.as<Text>())) {
      parts.push_back(&part);
    } else if (part.as<Media>()) {
      losses_.approximate("messages.content.tool_result.media");
      held_media_.push_back(&part);
    } else {
      losses_.cannot(lost_block(part));
    }
  }
  commas_.next(out_);
  ObjectWriter writer(out_);
  writer.string("role", "tool");
  if (!read_here || !result.id.empty()) writer.string("tool_call_id", tool_id(result.id));
  if (parts.empty() && !read_here && held_media_.size() > held) {
    writer.string("content", "(see the next message)");
  } else {
    Message shape{.role = Role::kTool};
    shape.extra.dialect = message.extra.dialect;
    shape.extra.forms = message.extra.forms;
    write_content(writer, shape, parts);
  }
  if (result.is_error.value_or(false)) losses_.approximate("messages.content.is_error");
  if (!read_here && block.cache_control.has_value()) losses_.approximate("cache_control");
  losses_.foreign(block.extra, "messages.content.tool_result", kStructure);
  if (read_here) {
    writer.string_if("name", message.name);
    writer.rest(message.extra.members);
  }
  writer.end();
}

void MessageWriter::flush() {
  if (held_media_.empty()) return;
  const std::size_t before = out_.size();
  const Commas commas_before = commas_;
  commas_.next(out_);
  ObjectWriter writer(out_);
  writer.string("role", "user");
  writer.key("content");
  const bool some = write_parts(held_media_, false);
  writer.end();
  if (!some) {
    out_.resize(before);
    commas_ = commas_before;
  }
  held_media_.clear();
}

void MessageWriter::write(const Message& message) {
  bool results = false;
  bool others = message.content.empty();
  for (const Block& block : message.content) {
    if (const ToolResult* result = block.as<ToolResult>()) {
      results = true;
      write_tool_result(message, block, *result);
    } else {
      others = true;
    }
  }
  if (!others) {
    if (message.extra.dialect != kMe) losses_.foreign(message.extra, "messages", kStructure);
    return;
  }
  flush();
  if (results && message.role == Role::kTool) {
    Message user = message;  // what is not a result speaks for the user
    user.role = Role::kUser;
    commas_.next(out_);
    write_one(user);
    return;
  }
  commas_.next(out_);
  write_one(message);
}

}  // namespace sighter::wire::openai_chat
