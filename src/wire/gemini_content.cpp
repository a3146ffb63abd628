#include "wire/gemini_content.hpp"

#include <algorithm>
#include <array>

#include "wire/media.hpp"

namespace sighter::wire::gemini {
namespace {

constexpr Dialect kMe = Dialect::kGemini;
const Place kNowhere{};
using Mode = ObjectReader::Mode;

struct Spelling {
  std::string_view camel;
  std::string_view snake;
};
constexpr std::array kSpellings{
    Spelling{"inlineData", "inline_data"},
    Spelling{"fileData", "file_data"},
    Spelling{"mimeType", "mime_type"},
    Spelling{"fileUri", "file_uri"},
    Spelling{"displayName", "display_name"},
    Spelling{"functionCall", "function_call"},
    Spelling{"functionResponse", "function_response"},
    Spelling{"executableCode", "executable_code"},
    Spelling{"codeExecutionResult", "code_execution_result"},
    Spelling{"thoughtSignature", "thought_signature"},
    Spelling{"functionDeclarations", "function_declarations"},
    Spelling{"parametersJsonSchema", "parameters_json_schema"},
    Spelling{"systemInstruction", "system_instruction"},
    Spelling{"generationConfig", "generation_config"},
    Spelling{"toolConfig", "tool_config"},
    Spelling{"functionCallingConfig", "function_calling_config"},
    Spelling{"allowedFunctionNames", "allowed_function_names"},
    Spelling{"topP", "top_p"},
    Spelling{"topK", "top_k"},
    Spelling{"maxOutputTokens", "max_output_tokens"},
    Spelling{"stopSequences", "stop_sequences"},
    Spelling{"candidateCount", "candidate_count"},
    Spelling{"presencePenalty", "presence_penalty"},
    Spelling{"frequencyPenalty", "frequency_penalty"},
    Spelling{"responseLogprobs", "response_logprobs"},
    Spelling{"responseMimeType", "response_mime_type"},
    Spelling{"responseSchema", "response_schema"},
    Spelling{"responseJsonSchema", "response_json_schema"},
    Spelling{"responseModalities", "response_modalities"},
    Spelling{"thinkingConfig", "thinking_config"},
    Spelling{"thinkingBudget", "thinking_budget"},
    Spelling{"thinkingLevel", "thinking_level"},
    Spelling{"includeThoughts", "include_thoughts"},
};

Block raw_block(Json json) {
  std::string type;
  if (json.is_object()) {
    for (const auto& [name, value] : json.as_object()) {
      if (type.empty() && name != "thought" && name != "thoughtSignature") type = name;
    }
  }
  Block block(Raw{.type = std::move(type), .json = std::move(json)});
  block.extra.dialect = kMe;
  return block;
}

Media::Kind kind_of(const Media& media) {
  const std::string_view type = media.media_type;
  if (type.starts_with("image/")) return Media::Kind::kImage;
  if (type.starts_with("audio/")) return Media::Kind::kAudio;
  if (type.starts_with("video/")) return Media::Kind::kVideo;
  if (type.empty()) {
    const std::string_view url = media.url;
    for (const std::string_view host : {"youtube.com/", "youtu.be/"}) {
      if (url.find(host) != url.npos) return Media::Kind::kVideo;
    }
    for (const std::string_view ending : {".png", ".jpg", ".jpeg", ".webp", ".gif", ".heic"}) {
      if (url.ends_with(ending)) return Media::Kind::kImage;
    }
  }
  return Media::Kind::kDocument;
}

// Files of the Files API and of Cloud Storage: only the provider can read them.
bool held_by_provider(std::string_view uri) {
  if (uri.starts_with("gs://")) return true;
  return uri.starts_with("https://generativelanguage.googleapis.com/") &&
         uri.find("/files/") != uri.npos;
}

bool url_safe(std::string_view text) {
  return text.find_first_of("-_") != text.npos && text.find_first_of("+/") == text.npos;
}

void read_media(ObjectReader& inner, bool file, Media& media, std::uint32_t& forms) {
  inner.string(either(inner, "mimeType", forms, forms::kSnakeInner), media.media_type);
  inner.string(either(inner, "displayName", forms, forms::kSnakeInner), media.name);
  if (file) {
    std::string uri;
    inner.string(either(inner, "fileUri", forms, forms::kSnakeInner), uri);
    if (held_by_provider(uri)) {
      media.file_id = std::move(uri);
    } else {
      media.url = std::move(uri);
    }
  } else if (inner.string("data", media.data) && url_safe(media.data)) {
    media.data = usual_base64(std::move(media.data));
    forms |= forms::kUrlSafe;
  }
  if (!file && media.data.empty()) forms |= forms::kNoData;
  media.kind = kind_of(media);
}

struct Part {
  ObjectReader& reader;
  std::uint32_t forms = 0;
  Block block{};
  Extra inner{};
  std::string_view name{};
};

void read_call(ObjectReader& inner, Part& part) {
  ToolCall call;
  inner.string("id", call.id);
  inner.string("name", call.name);
  if (Json* args = inner.peek("args")) {
    json_write_to(call.arguments, *args);
    inner.take(args);
  } else {
    part.forms |= forms::kNoArguments;
  }
  part.block.what = std::move(call);
}

// The answer's own words where the object holds nothing else.
std::string words_of(Json& response, std::uint32_t& forms) {
  struct Word {
    std::string_view name;
    std::uint32_t form;
  };
  constexpr Word kWords[] = {
      {"output", forms::kOutputWord}, {"result", forms::kResultWord}, {"error", forms::kErrorWord}};
  if (response.is_object() && response.as_object().size() == 1) {
    for (const Word& word : kWords) {
      Json* only = response.find(word.name);
      if (only == nullptr || !only->is_string()) continue;
      forms |= word.form;
      return std::move(only->as_string());
    }
  }
  return json_write(response);
}

Status read_result(ObjectReader& inner, Part& part) {
  ToolResult result;
  inner.string("id", result.id);
  inner.string("name", result.name);
  if (Json* response = inner.peek("response")) {
    Block text(Text{.text = words_of(*response, part.forms)});
    text.extra.dialect = kMe;
    if ((part.forms & forms::kErrorWord) != 0) result.is_error = true;
    result.content.push_back(std::move(text));
    inner.take(response);
  } else {
    part.forms |= forms::kNoResponse;
  }
  std::uint32_t ignored = 0;
  if (Status status = decode_parts(inner, result.content, ignored); !status) return status;
  part.block.what = std::move(result);
  return {};
}

}  // namespace

std::string_view snake(std::string_view camel) {
  for (const Spelling& row : kSpellings) {
    if (row.camel == camel) return row.snake;
  }
  return camel;
}

std::string_view either(ObjectReader& reader, std::string_view camel, std::uint32_t& forms,
                        std::uint32_t bit) {
  if (reader.peek(camel) != nullptr) return camel;
  const std::string_view other = snake(camel);
  if (other == camel || reader.peek(other) == nullptr) return camel;
  forms |= bit;
  return other;
}

std::string usual_base64(std::string text) {
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  return text;
}

std::string url_safe_base64(std::string text) {
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

Result<Block> decode_part(Json& json, const Place& place, Mode mode) {
  if (!json.is_object()) {
    if (mode == Mode::kLenient) return raw_block(std::move(json));
    return fail(Kind::kInvalid, place.text() + " must be an object");
  }
  ObjectReader reader(json.as_object(), place, mode);
  Part part{.reader = reader};
  std::optional<bool> thought;
  const Json* said = json.find("thought");
  const bool thinks = said != nullptr && said->is_bool() && said->as_bool();
  if (json.find_string("text") != nullptr) {
    std::string text;
    reader.string("text", text);
    if (thinks) {
      reader.boolean("thought", thought);
      part.block.what = Thinking{.kind = Thinking::Kind::kSummary, .text = std::move(text)};
    } else {
      part.block.what = Text{.text = std::move(text)};
    }
  } else {
    for (const std::string_view known :
         {"inlineData", "fileData", "functionCall", "functionResponse"}) {
      const std::string_view name = either(reader, known, part.forms);
      Json* member = reader.peek(name);
      if (member == nullptr || !member->is_object()) continue;
      const Place at{.parent = &place, .name = name};
      ObjectReader inner(member->as_object(), at, mode);
      if (known == "functionCall") {
        read_call(inner, part);
      } else if (known == "functionResponse") {
        if (Status status = read_result(inner, part); !status)
          return std::unexpected(status.error());
      } else {
        Media media;
        read_media(inner, known == "fileData", media, part.forms);
        part.block.what = std::move(media);
      }
      if (!inner.ok()) return std::unexpected(inner.error());
      part.inner = inner.rest(kMe);
      part.name = known;
      reader.take(member);
      break;
    }
    if (part.name.empty()) return raw_block(std::move(json));
  }
  reader.string(either(reader, "thoughtSignature", part.forms), part.block.signature);
  if (!reader.ok()) return std::unexpected(reader.error());
  part.block.extra = reader.rest(kMe, part.forms);
  if (!part.name.empty()) keep_inner(part.block.extra, part.name, std::move(part.inner));
  return std::move(part.block);
}

Status decode_parts(ObjectReader& reader, std::vector<Block>& content, std::uint32_t& forms) {
  JsonArray* parts = reader.array("parts");
  if (parts == nullptr) {
    if (!reader.ok()) return std::unexpected(reader.error());
    forms |= forms::kNoParts;
    return {};
  }
  content.reserve(content.size() + parts->size());
  std::int64_t index = 0;
  for (Json& one : *parts) {
    const Place place{.parent = &reader.place(), .name = "parts", .index = index++};
    Result<Block> block = decode_part(one, place, reader.mode());
    if (!block) return std::unexpected(block.error());
    content.push_back(std::move(*block));
  }
  reader.take(reader.peek("parts"));
  return {};
}

}  // namespace sighter::wire::gemini
