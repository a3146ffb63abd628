#pragma once
// The content blocks of Converse, as requests, replies and streams have them. Inside of the room.

#include <string>
#include <string_view>
#include <vector>

#include "wire/bedrock.hpp"
#include "wire/object_reader.hpp"
#include "wire/object_writer.hpp"

namespace sighter::wire::bedrock {

// Bits of Extra::forms.
namespace forms {
// of a block
inline constexpr std::uint32_t kNoInput = 1;    // of a call: "input" was absent
inline constexpr std::uint32_t kNoContent = 2;  // of a result or message: "content" was absent
inline constexpr std::uint32_t kJson = 4;       // of a result's text: it was {"json": ...}
inline constexpr std::uint32_t kCited = 8;      // of a text: it was "citationsContent"
// of a message or reply
inline constexpr std::uint32_t kNoRole = 1;
// of a tool
inline constexpr std::uint32_t kNoInner = 1;  // "inputSchema" was absent
// of a request: where effort and top_k were said
inline constexpr std::uint32_t kReasoningEffort = 1;  // "reasoning_effort": "low"
inline constexpr std::uint32_t kReasoningConfig = 2;  // "reasoning_config": "low"
inline constexpr std::uint32_t kNova = 4;             // "reasoningConfig": {"maxReasoningEffort"}
inline constexpr std::uint32_t kNovaTopK = 8;         // "inferenceConfig": {"topK"}
}  // namespace forms

// Whose model it is, by its name: parameters beyond Converse's own are said in their words.
enum class Family { kUnknown, kAnthropic, kNova, kNova2, kOpenAi, kQwen, kMistral, kOther };
Family family_of(std::string_view model);
// Whether marks for the prompt cache are understood; a model of unknown family is believed to.
bool caches(Family family);

// A list of blocks. A "cachePoint" becomes the mark of the block before it; a block of a type that
// is not known is kept raw.
Status decode_blocks(JsonArray& list, const Place& place, std::string_view name,
                     ObjectReader::Mode mode, std::vector<Block>& content);
Citation decode_citation(Json json);
// {"type": "default", "ttl"} of a cache point as a mark; nullopt for any other shape.
std::optional<Json> mark_of(const Json& cache_point);

enum class Side { kRequest, kReply };

struct Writing {
  Losses& losses;
  Side side = Side::kRequest;
  bool caches = true;  // false: marks for the prompt cache are left out
  int documents = 0;   // written so far: names have to differ
};

// Writes one block and true, or nothing and false where there is nothing to say here: an empty
// text, or what `losses` took note of. Marks are written by write_mark.
bool write_block(std::string& out, const Block& block, Writing& writing);
// The blocks with their marks, comma-separated; `commas` goes on.
void write_blocks(std::string& out, const std::vector<Block>& blocks, Commas& commas,
                  Writing& writing);
// {"cachePoint": ...} as an element of its own, or nothing.
void write_mark(std::string& out, const std::optional<Json>& mark, Commas& commas,
                Writing& writing);
// False, and nothing written, for a source that has no URL.
bool write_citation(std::string& out, const Citation& citation, Losses& losses);
void write_usage(std::string& out, const Usage& usage, Losses& losses);
std::string_view stop_word(const FinishReason& reason, Dialect dialect);

// "additionalModelRequestFields": reads what the typed form can hold; the rest goes back.
void decode_fields(ObjectReader& reader, ChatRequest& request, Extra& rest, std::uint32_t& forms);
// Writes the member where there is anything in it.
void write_fields(ObjectWriter& writer, const ChatRequest& request, std::string_view model,
                  Losses& losses);

// Members of other dialects' blocks that carry no meaning of their own here.
inline constexpr std::string_view kBlockStructure[] = {"type", "index",  "status",   "id",
                                                       "role", "format", "thinking", "caller"};

}  // namespace sighter::wire::bedrock
