#pragma once
// The parts of Gemini's contents, as requests, replies and streams have them. Inside of the room.

#include <string>
#include <string_view>
#include <vector>

#include "wire/codec.hpp"
#include "wire/object_reader.hpp"
#include "wire/object_writer.hpp"

namespace sighter::wire::gemini {

// Bits of Extra::forms. The dialect takes every name in two spellings: "fileData", "file_data".
namespace forms {
inline constexpr std::uint32_t kSnake = 1;  // this object's own names were spelled with '_'
// of a block
inline constexpr std::uint32_t kSnakeInner = 2;    // so were those of the object inside
inline constexpr std::uint32_t kUrlSafe = 4;       // base64 was of the URL-safe alphabet
inline constexpr std::uint32_t kMadeId = 8;        // the call or result had no id: it was made
inline constexpr std::uint32_t kNoArguments = 16;  // of a call: "args" was absent
inline constexpr std::uint32_t kOutputWord = 32;   // of a result: {"output": "text"}
inline constexpr std::uint32_t kResultWord = 64;   // {"result": "text"}
inline constexpr std::uint32_t kErrorWord = 128;   // {"error": "text"}
inline constexpr std::uint32_t kNoResponse = 256;  // "response" was absent
inline constexpr std::uint32_t kNoData = 512;      // of media: "inlineData" without "data"
// of a message (contents, systemInstruction)
inline constexpr std::uint32_t kNoRole = 2;
inline constexpr std::uint32_t kNoParts = 4;
inline constexpr std::uint32_t kFunctionRole = 8;  // "role": "function"
inline constexpr std::uint32_t kNoContent = 16;    // of a reply: "content" was absent
// of a tool
inline constexpr std::uint32_t kSameElement = 2;  // in one element of "tools" with the one before
inline constexpr std::uint32_t kJsonSchema = 4;   // "parametersJsonSchema"
inline constexpr std::uint32_t kSnakeList = 8;    // "function_declarations"
inline constexpr std::uint32_t kNoList = 16;      // "tools" was an object, not a list
// of a response format
inline constexpr std::uint32_t kOpenApi = 2;  // "responseSchema"
inline constexpr std::uint32_t kNoMime = 4;   // "responseMimeType" was absent
// of a tool choice
inline constexpr std::uint32_t kValidated = 2;  // "mode": "VALIDATED"
inline constexpr std::uint32_t kNoMode = 4;
// of reasoning
inline constexpr std::uint32_t kDynamic = 2;  // "thinkingBudget": -1
inline constexpr std::uint32_t kUpper = 4;    // "thinkingLevel": "LOW"
// of a request
inline constexpr std::uint32_t kTextOnly = 2;     // "responseModalities": ["TEXT"]
inline constexpr std::uint32_t kSnakeConfig = 4;  // names in generationConfig
inline constexpr std::uint32_t kSnakeThinking = 8;
inline constexpr std::uint32_t kSnakeTools = 16;  // names in toolConfig
inline constexpr std::uint32_t kSnakeCalling = 32;
// of a reply or choice
inline constexpr std::uint32_t kNoCandidate = 2;  // the choice stands for a blocked prompt
inline constexpr std::uint32_t kNoIndex = 4;
}  // namespace forms

// The other spelling of a name: "fileData" -> "file_data"; of those that this dialect's typed
// members use.
std::string_view snake(std::string_view camel);
inline std::string_view spelled(std::string_view camel, bool with_lines) {
  return with_lines ? snake(camel) : camel;
}
// The member of either spelling that is there; `forms` gains `bit` for the one with lines. What
// comes back is the name to read it by; `camel` when there is neither.
std::string_view either(ObjectReader& reader, std::string_view camel, std::uint32_t& forms,
                        std::uint32_t bit = forms::kSnake);

Result<Block> decode_part(Json& json, const Place& place, ObjectReader::Mode mode);
// "parts" of a content.
Status decode_parts(ObjectReader& reader, std::vector<Block>& content, std::uint32_t& forms);

enum class Side { kRequest, kReply };

// Writes one part and true, or writes nothing and false where there is nothing to say here.
// `signature` is written in place of the block's own.
bool write_part(std::string& out, const Block& block, Losses& losses, Side side,
                std::string_view signature);
bool write_part(std::string& out, const Block& block, Losses& losses, Side side);
// Whether another dialect's signature means something here: that of Gemini's own parts only.
bool own_signature(const Block& block);

// Base64 of the URL-safe alphabet in the usual one, and back.
std::string usual_base64(std::string text);
std::string url_safe_base64(std::string text);

// OpenAPI's schema objects ("type": "STRING", "nullable") as JSON Schema.
Json schema_of_open_api(const Json& schema);

}  // namespace sighter::wire::gemini
