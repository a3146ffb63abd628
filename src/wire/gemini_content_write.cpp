#include <algorithm>

#include "wire/gemini_content.hpp"
#include "wire/media.hpp"

namespace sighter::wire::gemini {
namespace {

constexpr Dialect kMe = Dialect::kGemini;
// Members of other dialects' blocks that carry no meaning of their own here.
constexpr std::string_view kStructure[] = {"type", "index",  "status",   "id",
                                           "role", "format", "thinking", "caller"};

std::string_view type_of_format(std::string_view format) {
  if (format == "wav") return "audio/wav";
  if (format == "mp3") return "audio/mp3";
  if (format == "flac") return "audio/flac";
  if (format == "opus" || format == "ogg") return "audio/ogg";
  if (format == "aac") return "audio/aac";
  return {};
}

// What a server that is asked for the URL cannot be waited for to say: by its ending.
std::string_view guessed_type(const Media& media) {
  struct Row {
    std::string_view ending;
    std::string_view type;
  };
  constexpr Row kRows[] = {
      {".png", "image/png"},   {".jpg", "image/jpeg"},  {".jpeg", "image/jpeg"},
      {".webp", "image/webp"}, {".gif", "image/gif"},   {".pdf", "application/pdf"},
      {".mp4", "video/mp4"},   {".webm", "video/webm"}, {".mp3", "audio/mpeg"},
      {".wav", "audio/wav"},   {".txt", "text/plain"}};
  std::string url = media.url.substr(0, media.url.find_first_of("?#"));
  for (char& c : url) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  for (const Row& row : kRows) {
    if (url.ends_with(row.ending)) return row.type;
  }
  return {};
}

bool write_media(ObjectWriter& part, const Block& block, const Media& media, Losses& losses,
                 bool lines) {
  const bool own = block.extra.dialect == kMe;
  const bool inner_lines = losses.form(block.extra, forms::kSnakeInner);
  if (!own && !media.file_id.empty()) {
    losses.cannot("messages.content.file_id", "the file lies with another provider");
    return false;
  }
  if (!own && !media.detail.empty() && media.detail != "auto")
    losses.approximate("messages.content.detail");
  const bool file = !media.url.empty() || !media.file_id.empty() ||
                    (own && media.data.empty() && media.text.empty() &&
                     !losses.form(block.extra, forms::kNoData));
  const std::string_view name = file ? "fileData" : "inlineData";
  ObjectWriter inner(part.key(spelled(name, lines)));
  std::string_view type = media.media_type;
  if (!own && type.empty()) type = type_of_format(media.format);
  if (!own && type.empty()) {
    type = file ? guessed_type(media) : media.text.empty() ? "application/pdf" : "text/plain";
    if (type.empty() && media.kind == Media::Kind::kImage) {
      type = "image/jpeg";  // it demands one, and most are
      losses.approximate("messages.content.media_type");
    }
  }
  inner.string_if(spelled("mimeType", inner_lines), type);
  if (file) {
    const std::string& uri = media.file_id.empty() ? media.url : media.file_id;
    if (!uri.empty()) inner.string(spelled("fileUri", inner_lines), uri);
  } else if (!media.text.empty()) {
    inner.string("data", base64_encode(media.text));
  } else if (!media.data.empty()) {
    const bool safe = losses.form(block.extra, forms::kUrlSafe);
    inner.string("data", safe ? url_safe_base64(media.data) : media.data);
  }
  // The Gemini API takes names of files only from its own clients' requests.
  if (own) {
    inner.string_if(spelled("displayName", inner_lines), media.name);
  } else if (!media.name.empty()) {
    losses.approximate("messages.content.name");
  }
  inner.inner_rest(block.extra, name, kMe);
  inner.end();
  return true;
}

void write_call(ObjectWriter& part, const Block& block, const ToolCall& call, Losses& losses,
                bool lines) {
  const bool own = block.extra.dialect == kMe;
  ObjectWriter inner(part.key(spelled("functionCall", lines)));
  if (!losses.form(block.extra, forms::kMadeId)) inner.string_if("id", call.id);
  if (!own || !call.name.empty()) inner.string("name", call.name);
  if (!losses.form(block.extra, forms::kNoArguments)) {
    const bool blank = call.arguments.find_first_not_of(" \n\r\t") == std::string::npos;
    const Result<Json> parsed = json_parse(blank ? "{}" : call.arguments, "arguments");
    if (parsed && (parsed->is_object() || own)) {
      inner.raw("args", blank ? "{}" : call.arguments);
    } else {
      losses.approximate("messages.content.tool_use.input");
      ObjectWriter broken(inner.key("args"));
      broken.string("INVALID_JSON", call.arguments);
      broken.end();
    }
  }
  inner.inner_rest(block.extra, "functionCall", kMe);
  inner.end();
}

void write_response(ObjectWriter& inner, const Block& block, const std::string& text, bool is_error,
                    Losses& losses) {
  if (losses.form(block.extra, forms::kNoResponse)) return;
  const bool own = block.extra.dialect == kMe;
  std::string_view word = is_error ? "error" : "output";
  if (own) {
    word = {};
    if (losses.form(block.extra, forms::kOutputWord)) word = "output";
    if (losses.form(block.extra, forms::kResultWord)) word = "result";
    if (losses.form(block.extra, forms::kErrorWord)) word = "error";
  }
  if (word.empty()) {
    inner.raw("response", text.empty() ? "{}" : text);
    return;
  }
  ObjectWriter response(inner.key("response"));
  response.string(word, text);
  response.end();
}

void write_result(ObjectWriter& part, const Block& block, const ToolResult& result, Losses& losses,
                  Side side, bool lines) {
  const bool own = block.extra.dialect == kMe;
  ObjectWriter inner(part.key(spelled("functionResponse", lines)));
  if (!losses.form(block.extra, forms::kMadeId)) inner.string_if("id", result.id);
  if (!own || !result.name.empty()) inner.string("name", result.name);
  std::string text;
  std::vector<const Block*> media;
  for (const Block& one : result.content) {
    if (const Text* said = one.as<Text>()) {
      if (!own) losses.foreign(one.extra, "messages.content.tool_result.content", kStructure);
      text += said->text;
    } else {
      media.push_back(&one);
    }
  }
  write_response(inner, block, text, result.is_error.value_or(false), losses);
  if (!media.empty()) {
    std::string list;
    for (const Block* one : media) {
      const std::size_t before = list.size();
      if (!list.empty()) list += ',';
      if (!write_part(list, *one, losses, side)) list.resize(before);
    }
    if (!list.empty()) inner.raw("parts", "[" + list + "]");
  }
  inner.inner_rest(block.extra, "functionResponse", kMe);
  inner.end();
}

// Names what of a block has no place here; true when nothing is left to write.
bool refused(const Block& block, Losses& losses, Side side) {
  const bool own = losses.own(block.extra);
  if (const Raw* raw = block.as<Raw>(); raw && !own) {
    losses.cannot("messages.content." + (raw->type.empty() ? "raw" : raw->type));
    return true;
  }
  if (const ToolCall* call = block.as<ToolCall>();
      call && call->kind != ToolCall::Kind::kFunction) {
    losses.cannot("messages.content." + (call->kind == ToolCall::Kind::kCustom
                                             ? "custom_tool_call"
                                             : call->provider_type));
    return true;
  }
  if (const Thinking* thinking = block.as<Thinking>()) {
    if (!own && side == Side::kRequest) {  // thoughts of another model
      losses.approximate("messages.content.thinking");
      return true;
    }
    if (thinking->kind == Thinking::Kind::kRedacted) {
      losses.cannot("messages.content.redacted_thinking");
      return true;
    }
  }
  if (const Text* text = block.as<Text>()) {
    if (!text->text.empty() || block.extra.dialect == kMe || !block.signature.empty()) return false;
    losses.foreign(block.extra, "messages.content", kStructure);
    return true;
  }
  return false;
}

}  // namespace

bool own_signature(const Block& block) {
  if (block.signature.empty()) return false;
  const Dialect signer = block.signed_by();
  if (signer == kMe || signer == Dialect::kNone) return true;
  // Chat Completions carries those of calls as "google.thought_signature".
  return signer == Dialect::kOpenAiChat && block.as<ToolCall>() != nullptr;
}

bool write_part(std::string& out, const Block& block, Losses& losses, Side side,
                std::string_view signature) {
  if (refused(block, losses, side)) return false;
  if (const Raw* raw = block.as<Raw>()) {
    json_write_to(out, raw->json);
    return true;
  }
  const bool own = block.extra.dialect == kMe;
  const bool lines = losses.form(block.extra, forms::kSnake);
  const std::size_t before = out.size();
  ObjectWriter part(out);
  std::string_view inside;
  if (const Text* text = block.as<Text>()) {
    if (!own || !text->text.empty()) part.string("text", text->text);
    if (side == Side::kRequest && !text->citations.empty() &&
        text->citations.front().dialect != kMe) {
      losses.approximate("messages.content.citations");
    }
  } else if (const Refusal* refusal = block.as<Refusal>()) {
    losses.approximate("messages.refusal");
    part.string("text", refusal->text);
  } else if (const Thinking* thinking = block.as<Thinking>()) {
    if (!own || !thinking->text.empty()) part.string("text", thinking->text);
    part.boolean("thought", true);
  } else if (const Media* media = block.as<Media>()) {
    inside = "inlineData";
    part.skip("fileData");
    if (!write_media(part, block, *media, losses, lines)) {
      out.resize(before);
      return false;
    }
  } else if (const ToolCall* call = block.as<ToolCall>()) {
    inside = "functionCall";
    write_call(part, block, *call, losses, lines);
  } else if (const ToolResult* result = block.as<ToolResult>()) {
    inside = "functionResponse";
    write_result(part, block, *result, losses, side, lines);
  }
  if (!signature.empty()) part.string(spelled("thoughtSignature", lines), signature);
  if (block.cache_control.has_value()) losses.approximate("cache_control");
  if (!inside.empty()) part.skip(inside);
  losses.rest(part, block.extra, "messages.content", kStructure);
  part.end();
  return true;
}

bool write_part(std::string& out, const Block& block, Losses& losses, Side side) {
  const bool ours = own_signature(block);
  // Thoughts of another model are left out of requests whole.
  const bool whole = side == Side::kRequest && block.as<Thinking>() != nullptr;
  if (!ours && !block.signature.empty() && !whole) losses.approximate("messages.content.signature");
  return write_part(out, block, losses, side, ours ? block.signature : std::string_view());
}

}  // namespace sighter::wire::gemini
