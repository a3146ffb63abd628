#include <algorithm>

#include "base/utf8.hpp"
#include "wire/anthropic_content.hpp"
#include "wire/call_id.hpp"
#include "wire/media.hpp"
#include "wire/proof.hpp"
#include "wire/unsaid.hpp"

namespace sighter::wire::anthropic {
namespace {

constexpr Dialect kMe = Dialect::kAnthropic;
// Members of other dialects' blocks that carry no meaning of their own here.
constexpr std::string_view kStructure[] = {"type", "index",  "status",  "id",
                                           "role", "format", "thinking"};

void finish(ObjectWriter& writer, const Block& block, Losses& losses, std::string_view prefix) {
  writer.optional("cache_control", block.cache_control);
  losses.rest(writer, block.extra, prefix, kStructure);
  writer.end();
}

// What a document may be: PDF as base64, plain text as it is.
bool plain_text(const Media& media) {
  return media.media_type.starts_with("text/");
}

void write_source(ObjectWriter& block_writer, const Block& block, const Media& media) {
  ObjectWriter source(block_writer.key("source"));
  if (!media.data.empty()) {
    std::optional<std::string> text;
    if (media.kind == Media::Kind::kDocument && plain_text(media)) text = base64_decode(media.data);
    source.string("type", text.has_value() ? "text" : "base64");
    source.string_if("media_type", text.has_value() ? "text/plain" : media.media_type);
    source.string("data", text.has_value() ? *text : media.data);
  } else if (!media.text.empty()) {
    source.string("type", "text");
    source.string_if("media_type", media.media_type);
    source.string("data", media.text);
  } else if (!media.file_id.empty()) {
    source.string("type", "file");
    source.string("file_id", media.file_id);
  } else {
    source.string("type", "url");
    source.string("url", media.url);
  }
  source.inner_rest(block.extra, "source", kMe);
  source.end();
}

bool write_media(std::string& out, const Block& block, const Media& media, Losses& losses) {
  const bool own = losses.own(block.extra);
  const bool document = media.kind == Media::Kind::kDocument;
  if (media.kind == Media::Kind::kAudio || media.kind == Media::Kind::kVideo) {
    losses.cannot(media.kind == Media::Kind::kAudio ? "messages.content.audio"
                                                    : "messages.content.video");
    return false;
  }
  if (!own && !media.file_id.empty()) {
    losses.cannot("messages.content.file_id", "the file lies with another provider");
    return false;
  }
  if (!own && document && !media.data.empty() && !plain_text(media) &&
      media.media_type != "application/pdf") {
    losses.cannot("messages.content.file", "documents are PDF or text");
    return false;
  }
  if (!own && !media.detail.empty() && media.detail != "auto")
    losses.approximate("messages.content.detail");
  ObjectWriter writer(out);
  writer.string("type", document ? "document" : "image");
  write_source(writer, block, media);
  if (document) writer.string_if("title", media.name);
  finish(writer, block, losses, "messages.content");
  return true;
}

// Thoughts that only the provider who signed them takes back.
bool foreign_thought(const Block& block) {
  return block.extra.dialect != kMe && !signed_by_claude(block);
}

bool write_thinking(std::string& out, const Block& block, const Thinking& thinking, Losses& losses,
                    Side side) {
  if (side == Side::kRequest && foreign_thought(block)) {
    losses.approximate("messages.content.thinking");
    return false;
  }
  ObjectWriter writer(out);
  if (thinking.kind == Thinking::Kind::kRedacted) {
    writer.string("type", "redacted_thinking");
    const std::string mark = side == Side::kReply ? proof_of(block) : std::string();
    writer.string("data", mark.empty() ? claude_data(block) : mark);
  } else {
    writer.string("type", "thinking");
    writer.string("thinking", thinking.text);
    const std::string proof = side == Side::kReply ? proof_of(block) : block.signature;
    if (block.extra.dialect != kMe || !proof.empty()) writer.string("signature", proof);
  }
  finish(writer, block, losses, "messages.content.thinking");
  return true;
}

bool write_text(std::string& out, const Block& block, const Text& text, Losses& losses, Side side) {
  if (text.text.empty() && block.extra.dialect != kMe) {
    losses.foreign(block.extra, "messages.content", kStructure);
    return false;
  }
  ObjectWriter writer(out);
  writer.string("type", "text");
  writer.string("text", text.text);
  Commas commas;
  bool open = false;
  for (const Citation& citation : text.citations) {
    const bool own = citation.dialect == kMe;
    if (!own && (side == Side::kRequest || citation.url.empty())) {
      losses.approximate("messages.content.citations");
      continue;
    }
    if (!open) writer.key("citations") += '[';
    open = true;
    commas.next(out);
    write_citation(out, citation, losses);
  }
  if (open) out += ']';
  finish(writer, block, losses, "messages.content");
  return true;
}

void write_result(std::string& out, const Block& block, const ToolResult& result, Losses& losses,
                  Side side) {
  ObjectWriter writer(out);
  writer.string("type", "tool_result");
  if (!losses.own(block.extra) || !result.id.empty())
    writer.string("tool_use_id", block.extra.dialect == kMe ? result.id : plain_call_id(result.id));
  const bool one_text = result.content.size() == 1 && result.content[0].as<Text>() != nullptr;
  const bool bare = one_text && !result.content[0].cache_control.has_value() &&
                    (block.extra.dialect != kMe || losses.form(block.extra, forms::kContentText));
  if (bare) {
    losses.foreign(result.content[0].extra, "messages.content", kStructure);
    writer.string("content", result.content[0].as<Text>()->text);
  } else if (!result.content.empty()) {
    writer.key("content") += '[';
    bool first = true;
    for (const Block& inner : result.content) {
      const std::size_t before = out.size();
      if (!first) out += ',';
      if (write_block(out, inner, losses, side)) {
        first = false;
      } else {
        out.resize(before);
      }
    }
    out += ']';
  }
  writer.optional("is_error", result.is_error);
  finish(writer, block, losses, "messages.content.tool_result");
}

}  // namespace

void write_arguments(std::string& out, const ToolCall& call, Losses& losses) {
  if (call.arguments.find_first_not_of(" \n\r\t") == std::string::npos) {
    out += "{}";
    return;
  }
  const Result<Json> parsed = json_parse(call.arguments, "arguments");
  if (parsed && parsed->is_object()) {
    out += call.arguments;
    return;
  }
  // What Anthropic's own documents advise for arguments that are cut off or ill-formed.
  losses.approximate("messages.content.tool_use.input");
  ObjectWriter writer(out);
  writer.string("INVALID_JSON", call.arguments);
  writer.end();
}

bool write_citation(std::string& out, const Citation& citation, Losses& losses) {
  if (citation.dialect == kMe) {
    json_write_to(out, citation.raw);
    return true;
  }
  if (citation.url.empty()) return false;
  note_unsaid(citation, losses);
  ObjectWriter writer(out);
  writer.string("type", "web_search_result_location");
  writer.string("url", citation.url);
  writer.string("title", citation.title);
  writer.string("cited_text", citation.cited_text);
  // What comes back with the mark is known to be no citation of the provider's own.
  writer.string("encrypted_index", kCitationMark);
  writer.end();
  return true;
}

std::string proof_of(const Block& block) {
  return foreign_thought(block) ? marked_thought(block) : block.signature;
}

void write_proof(std::string& out, std::string_view mark) {
  ObjectWriter writer(out);
  writer.string("type", "thinking");
  writer.string("thinking", "");
  writer.string("signature", mark);
  writer.end();
}

namespace {

// A block of a reply that another provider signed, and the block that carries its proof: before
// calls, behind texts, so that what clients look at first and last is where they look for it.
bool write_with_proof(std::string& out, const Block& block, Losses& losses) {
  Block bare = block;
  bare.signature.clear();
  const std::size_t begin = out.size();
  if (block.as<ToolCall>()) {
    write_proof(out, marked_proof(block, proof_words::kNext));
    out += ',';
    if (write_block(out, bare, losses, Side::kReply)) return true;
    out.resize(begin);
    return false;
  }
  const bool wrote = write_block(out, bare, losses, Side::kReply);
  const Text* text = block.as<Text>();
  if (!wrote && (text == nullptr || !text->text.empty())) return false;
  if (wrote) out += ',';
  write_proof(out, marked_proof(block, wrote ? proof_words::kPrevious : proof_words::kPart));
  return true;
}

}  // namespace

bool write_block(std::string& out, const Block& block, Losses& losses, Side side) {
  const bool own = losses.own(block.extra);
  if (!block.signature.empty() && !block.as<Thinking>() && block.signed_by() != kMe) {
    if (side == Side::kReply) return write_with_proof(out, block, losses);
    losses.approximate("messages.content.signature");
  }
  if (const Text* text = block.as<Text>()) return write_text(out, block, *text, losses, side);
  if (const Media* media = block.as<Media>()) return write_media(out, block, *media, losses);
  if (const Thinking* thinking = block.as<Thinking>()) {
    return write_thinking(out, block, *thinking, losses, side);
  }
  if (const ToolResult* result = block.as<ToolResult>()) {
    write_result(out, block, *result, losses, side);
    return true;
  }
  if (const Refusal* refusal = block.as<Refusal>()) {
    losses.approximate("messages.refusal");
    ObjectWriter writer(out);
    writer.string("type", "text");
    writer.string("text", refusal->text);
    finish(writer, block, losses, "messages.content");
    return true;
  }
  if (const Raw* raw = block.as<Raw>()) {
    if (!own) {
      losses.cannot("messages.content." + (raw->type.empty() ? "raw" : raw->type));
      return false;
    }
    json_write_to(out, raw->json);
    return true;
  }
  const ToolCall& call = *block.as<ToolCall>();
  if (call.kind == ToolCall::Kind::kCustom || (call.kind == ToolCall::Kind::kProvider && !own)) {
    losses.cannot("messages.content." +
                  (call.kind == ToolCall::Kind::kCustom ? "custom_tool_call" : call.provider_type));
    return false;
  }
  ObjectWriter writer(out);
  writer.string("type", call.kind == ToolCall::Kind::kProvider ? call.provider_type : "tool_use");
  if (block.extra.dialect != kMe || !call.id.empty()) {
    writer.string("id", block.extra.dialect == kMe ? call.id : plain_call_id(call.id));
  }
  if (block.extra.dialect != kMe || !call.name.empty()) writer.string("name", call.name);
  if (block.extra.dialect == kMe && !call.arguments.empty()) {
    // Read here, so it is JSON; a stream that broke off may have left less.
    if (json_parse(call.arguments, "input")) {
      writer.raw("input", call.arguments);
    } else {
      write_arguments(writer.key("input"), call, losses);
    }
  } else if (!losses.form(block.extra, forms::kNoInput)) {
    write_arguments(writer.key("input"), call, losses);
  }
  finish(writer, block, losses, "messages.content.tool_use");
  return true;
}

void write_usage(std::string& out, const Usage& usage, Losses& losses) {
  if (usage.dialect == kMe && !usage.raw.is_null()) {
    json_write_to(out, usage.raw);
    return;
  }
  note_unsaid(usage, losses);
  ObjectWriter writer(out);
  writer.integer("input_tokens",
                 std::max<std::int64_t>(0, usage.input - usage.cache_read - usage.cache_write));
  writer.integer("cache_creation_input_tokens", usage.cache_write);
  writer.integer("cache_read_input_tokens", usage.cache_read);
  writer.integer("output_tokens", usage.output);
  if (usage.reasoning > 0) {
    ObjectWriter details(writer.key("output_tokens_details"));
    details.integer("thinking_tokens", usage.reasoning);
    details.end();
  }
  writer.end();
}

}  // namespace sighter::wire::anthropic
