#include <algorithm>

#include "wire/anthropic_content.hpp"
#include "wire/bedrock_content.hpp"
#include "wire/bedrock_media.hpp"
#include "wire/call_id.hpp"
#include "wire/media.hpp"
#include "wire/proof.hpp"
#include "wire/unsaid.hpp"

namespace sighter::wire::bedrock {
namespace {

constexpr Dialect kMe = Dialect::kBedrock;

std::string_view word_of(Media::Kind kind) {
  switch (kind) {
    case Media::Kind::kImage:
      return "image";
    case Media::Kind::kDocument:
      return "document";
    case Media::Kind::kVideo:
      return "video";
    default:
      return "audio";
  }
}

// What stood beside the block's own object.
void end(ObjectWriter& outer, const Block& block) {
  outer.inner_rest(block.extra, kBeside, kMe);
  outer.end();
}

// Own members are written into the block's own object, those of another dialect are refused.
void finish(ObjectWriter& inner, const Block& block, Writing& writing, std::string_view prefix) {
  inner.skip(kBeside);
  writing.losses.rest(inner, block.extra, prefix, kBlockStructure);
  inner.end();
}

bool in_s3(std::string_view uri) {
  return uri.starts_with("s3://");
}

// What keeps a medium from being written, noted; false where nothing does.
bool refused(const Media& media, Losses& losses) {
  const std::string kind(word_of(media.kind));
  if (!media.file_id.empty() && !in_s3(media.file_id)) {
    losses.cannot("messages.content.file_id", "the file lies with another provider");
    return true;
  }
  if (!media.url.empty() && !in_s3(media.url)) {
    losses.cannot("messages.content." + kind + ".url", "media come as bytes, or lie in S3");
    return true;
  }
  if (format_of(media).empty()) {
    losses.cannot("messages.content." + kind + ".media_type", "a format that is not taken there");
    return true;
  }
  return false;
}

void write_source(ObjectWriter& inner, const Block& block, const Media& media, bool own) {
  ObjectWriter source(inner.key("source"));
  const std::string& uri = media.file_id.empty() ? media.url : media.file_id;
  if (!media.data.empty()) {
    source.string("bytes", media.data);
  } else if (!media.text.empty() && own) {
    source.string("text", media.text);
  } else if (!media.text.empty()) {
    source.string("bytes", base64_encode(media.text));
  } else if (!uri.empty()) {
    ObjectWriter place(source.key("s3Location"));
    place.string("uri", uri);
    if (const Json* rest = own ? block.extra.members.find("source") : nullptr) {
      const Json* more = rest->find("s3Location");
      if (more != nullptr && more->is_object()) place.rest(more->as_object());
    }
    place.end();
  }
  source.inner_rest(block.extra, "source", kMe);
  source.end();
}

bool write_media(std::string& out, const Block& block, const Media& media, Writing& writing) {
  const bool own = block.extra.dialect == kMe;
  Losses& losses = writing.losses;
  if (!own && refused(media, losses)) return false;
  if (!own && !media.detail.empty() && media.detail != "auto")
    losses.approximate("messages.content.detail");
  ObjectWriter outer(out);
  ObjectWriter inner(outer.key(word_of(media.kind)));
  if (!own || !media.media_type.empty()) inner.string_if("format", format_of(media));
  if (media.kind == Media::Kind::kDocument) {
    ++writing.documents;
    std::string name = own ? media.name : document_name(media.name);
    if (!own && name.empty()) name = fmt::format("document {}", writing.documents);
    if (!own && !media.name.empty() && name != media.name)
      losses.approximate("messages.content.document.name");
    inner.string_if("name", name);
  }
  write_source(inner, block, media, own);
  finish(inner, block, writing, "messages.content");
  end(outer, block);
  return true;
}

// Thoughts that the provider does not take back: it takes its own, and those that Anthropic signed.
bool foreign_thought(const Block& block) {
  return block.extra.dialect != kMe && !signed_by_claude(block);
}

bool write_thinking(std::string& out, const Block& block, const Thinking& thinking,
                    Writing& writing) {
  const bool own = block.extra.dialect == kMe;
  if (writing.side == Side::kRequest && foreign_thought(block)) {
    writing.losses.approximate("messages.content.thinking");
    return false;
  }
  ObjectWriter outer(out);
  ObjectWriter inner(outer.key("reasoningContent"));
  if (thinking.kind == Thinking::Kind::kRedacted) {
    // The member is a blob: base64 around what Anthropic gives as text.
    inner.string("redactedContent", own ? thinking.data : base64_encode(thinking.data));
    writing.losses.foreign(block.extra, "messages.content.thinking", kBlockStructure);
  } else {
    ObjectWriter text(inner.key("reasoningText"));
    if (!own || !thinking.text.empty()) text.string("text", thinking.text);
    text.string_if("signature", block.signature);
    text.skip("reasoningContent");
    finish(text, block, writing, "messages.content.thinking");
  }
  inner.inner_rest(block.extra, "reasoningContent", kMe);
  inner.end();
  end(outer, block);
  return true;
}

bool write_cited(std::string& out, const Block& block, const Text& text, Writing& writing) {
  ObjectWriter outer(out);
  ObjectWriter inner(outer.key("citationsContent"));
  ObjectWriter said(inner.key("content") += '[');
  said.string("text", text.text);
  said.inner_rest(block.extra, "content", kMe);
  said.end();
  out += ']';
  if (!text.citations.empty()) {
    inner.key("citations") += '[';
    Commas commas;
    for (const Citation& citation : text.citations) {
      if (citation.dialect != kMe && citation.url.empty()) continue;
      commas.next(out);
      write_citation(out, citation, writing.losses);
    }
    out += ']';
  }
  finish(inner, block, writing, "messages.content");
  end(outer, block);
  return true;
}

bool write_text(std::string& out, const Block& block, const Text& text, Writing& writing) {
  const bool own = block.extra.dialect == kMe;
  Losses& losses = writing.losses;
  if (text.text.empty() && !own) {
    losses.foreign(block.extra, "messages.content", kBlockStructure);
    return false;
  }
  bool cited = losses.form(block.extra, forms::kCited);
  for (const Citation& citation : text.citations) {
    const bool fits =
        citation.dialect == kMe || (writing.side == Side::kReply && !citation.url.empty());
    if (!fits) losses.approximate("messages.content.citations");
    cited = cited || fits;
  }
  if (cited) return write_cited(out, block, text, writing);
  ObjectWriter outer(out);
  if (losses.form(block.extra, forms::kJson) && json_parse(text.text, "json")) {
    outer.raw("json", text.text);
  } else {
    outer.string("text", text.text);
  }
  losses.foreign(block.extra, "messages.content", kBlockStructure);
  end(outer, block);
  return true;
}

void write_result(std::string& out, const Block& block, const ToolResult& result,
                  Writing& writing) {
  const bool own = block.extra.dialect == kMe;
  ObjectWriter outer(out);
  ObjectWriter inner(outer.key("toolResult"));
  if (!own || !result.id.empty())
    inner.string("toolUseId", own ? result.id : plain_call_id(result.id));
  if (!writing.losses.form(block.extra, forms::kNoContent)) {
    inner.key("content") += '[';
    Commas commas;
    if (own) {
      write_blocks(out, result.content, commas, writing);
    } else {
      std::vector<Block> unmarked = result.content;
      for (Block& one : unmarked) {
        if (one.cache_control) writing.losses.approximate("cache_control");
        one.cache_control.reset();
      }
      write_blocks(out, unmarked, commas, writing);
    }
    out += ']';
  }
  if (result.is_error.has_value()) inner.string("status", *result.is_error ? "error" : "success");
  finish(inner, block, writing, "messages.content.tool_result");
  end(outer, block);
}

bool write_call(std::string& out, const Block& block, const ToolCall& call, Writing& writing) {
  const bool own = block.extra.dialect == kMe;
  Losses& losses = writing.losses;
  if (call.kind == ToolCall::Kind::kCustom || (call.kind == ToolCall::Kind::kProvider && !own)) {
    losses.cannot("messages.content." + (call.kind == ToolCall::Kind::kCustom
                                             ? std::string("custom_tool_call")
                                             : call.provider_type));
    return false;
  }
  ObjectWriter outer(out);
  ObjectWriter inner(outer.key("toolUse"));
  if (!own || !call.id.empty()) inner.string("toolUseId", own ? call.id : plain_call_id(call.id));
  if (!own || !call.name.empty()) inner.string("name", call.name);
  if (!losses.form(block.extra, forms::kNoInput)) {
    if (own && !call.arguments.empty() && json_parse(call.arguments, "input")) {
      inner.raw("input", call.arguments);
    } else {
      anthropic::write_arguments(inner.key("input"), call, losses);
    }
  }
  inner.string_if("type", call.provider_type);
  finish(inner, block, writing, "messages.content.tool_use");
  end(outer, block);
  return true;
}

}  // namespace

bool write_citation(std::string& out, const Citation& citation, Losses& losses) {
  if (citation.dialect == kMe) {
    json_write_to(out, citation.raw);
    return true;
  }
  if (citation.url.empty()) return false;
  note_unsaid(citation, losses);
  ObjectWriter writer(out);
  writer.string_if("title", citation.title);
  if (!citation.cited_text.empty()) {
    ObjectWriter quoted(writer.key("sourceContent") += '[');
    quoted.string("text", citation.cited_text);
    quoted.end();
    out += ']';
  }
  ObjectWriter place(writer.key("location"));
  ObjectWriter web(place.key("web"));
  web.string("url", citation.url);
  web.end();
  place.end();
  writer.end();
  return true;
}

bool write_block(std::string& out, const Block& block, Writing& writing) {
  Losses& losses = writing.losses;
  if (block.signed_by() != kMe && !block.signature.empty() && !block.as<Thinking>())
    losses.approximate("messages.content.signature");
  if (const Text* text = block.as<Text>()) return write_text(out, block, *text, writing);
  if (const Media* media = block.as<Media>()) return write_media(out, block, *media, writing);
  if (const Thinking* thinking = block.as<Thinking>())
    return write_thinking(out, block, *thinking, writing);
  if (const ToolResult* result = block.as<ToolResult>()) {
    write_result(out, block, *result, writing);
    return true;
  }
  if (const Refusal* refusal = block.as<Refusal>()) {
    losses.approximate("messages.refusal");
    ObjectWriter writer(out);
    writer.string("text", refusal->text);
    losses.foreign(block.extra, "messages.content", kBlockStructure);
    writer.end();
    return true;
  }
  if (const Raw* raw = block.as<Raw>()) {
    if (!losses.own(block.extra)) {
      losses.cannot("messages.content." + (raw->type.empty() ? "raw" : raw->type));
      return false;
    }
    json_write_to(out, raw->json);
    return true;
  }
  return write_call(out, block, *block.as<ToolCall>(), writing);
}

void write_mark(std::string& out, const std::optional<Json>& mark, Commas& commas,
                Writing& writing) {
  if (!mark.has_value() || mark->is_null()) return;
  if (!writing.caches) {
    writing.losses.approximate("cache_control");
    return;
  }
  const std::string* type = mark->find_string("type");
  if (type == nullptr || *type != "ephemeral") writing.losses.approximate("cache_control");
  commas.next(out);
  ObjectWriter writer(out);
  ObjectWriter inner(writer.key("cachePoint"));
  inner.string("type", "default");
  if (const std::string* ttl = mark->find_string("ttl")) inner.string_if("ttl", *ttl);
  note_unsaid_mark(*mark, writing.losses);
  inner.end();
  writer.end();
}

// A mark inside a result has no place there: it comes behind the result.
std::optional<Json> mark_of(const Block& block, Writing& writing) {
  const ToolResult* result = block.as<ToolResult>();
  if (block.cache_control || result == nullptr || block.extra.dialect == kMe)
    return block.cache_control;
  for (const Block& inner : result->content) {
    if (!inner.cache_control) continue;
    writing.losses.approximate("cache_control");
    return inner.cache_control;
  }
  return std::nullopt;
}

void write_blocks(std::string& out, const std::vector<Block>& blocks, Commas& commas,
                  Writing& writing) {
  for (const Block& block : blocks) {
    const std::size_t before = out.size();
    const Commas commas_before = commas;
    commas.next(out);
    if (!write_block(out, block, writing)) {
      out.resize(before);
      commas = commas_before;
      continue;
    }
    write_mark(out, mark_of(block, writing), commas, writing);
  }
}

void write_usage(std::string& out, const Usage& usage, Losses& losses) {
  if (usage.dialect == kMe && !usage.raw.is_null()) {
    json_write_to(out, usage.raw);
    return;
  }
  if (usage.reasoning > 0) losses.approximate("usage.reasoning");
  note_unsaid(usage, losses);
  ObjectWriter writer(out);
  writer.integer("inputTokens",
                 std::max<std::int64_t>(0, usage.input - usage.cache_read - usage.cache_write));
  writer.integer("outputTokens", usage.output);
  writer.integer("totalTokens", usage.total());
  if (usage.cache_read > 0) writer.integer("cacheReadInputTokens", usage.cache_read);
  if (usage.cache_write > 0) writer.integer("cacheWriteInputTokens", usage.cache_write);
  if (usage.cache_write_1h > 0) {
    ObjectWriter detail(writer.key("cacheDetails") += '[');
    detail.integer("inputTokens", usage.cache_write_1h);
    detail.string("ttl", "1h");
    detail.end();
    out += ']';
  }
  writer.end();
}

}  // namespace sighter::wire::bedrock
