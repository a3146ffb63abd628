#pragma once
// The messages of OpenAI Chat Completions, as requests and replies have them. Inside of the room.

#include <string>
#include <string_view>
#include <vector>

#include "wire/codec.hpp"
#include "wire/object_reader.hpp"
#include "wire/object_writer.hpp"

namespace sighter::wire::openai_chat {

// Bits of Extra::forms.
namespace forms {
// of a request
inline constexpr std::uint32_t kStopText = 1;             // "stop" was a bare string
inline constexpr std::uint32_t kMaxCompletionTokens = 2;  // so was the limit named
inline constexpr std::uint32_t kReasoningObject = 4;      // "reasoning": {"effort"}
// of a message
inline constexpr std::uint32_t kContentText = 1;  // "content" was a bare string
inline constexpr std::uint32_t kNoRole = 2;
// of a block, a tool or a tool choice
inline constexpr std::uint32_t kNoType = 1;           // "type" was absent
inline constexpr std::uint32_t kBareUrl = 2;          // "image_url" was a bare string
inline constexpr std::uint32_t kBareData = 4;         // base64 without "data:"
inline constexpr std::uint32_t kThinkContent = 8;     // "reasoning_content"
inline constexpr std::uint32_t kThinkWord = 16;       // "reasoning"
inline constexpr std::uint32_t kThinkDetail = 32;     // one of "reasoning_details"
inline constexpr std::uint32_t kThinkPart = 64;       // a content part
inline constexpr std::uint32_t kLegacyCall = 128;     // "function_call"
inline constexpr std::uint32_t kArgumentsJson = 256;  // "arguments" was not a string
inline constexpr std::uint32_t kRefusalPart = 512;    // a content part
inline constexpr std::uint32_t kAny = 1024;           // tool_choice "any"
inline constexpr std::uint32_t kMadeId = 2048;        // the call had no id: it was made
// of a reply
inline constexpr std::uint32_t kNoObject = 1;  // "object" was absent
// of a choice
inline constexpr std::uint32_t kNoIndex = 1;
}  // namespace forms

Result<Message> decode_message(Json& json, const Place& place, ObjectReader::Mode mode);
// A piece of streamed "content" that is a list, and a member of "reasoning_details".
Block decode_part(Json& json);
Block decode_detail(JsonObject& detail);
bool is_detail(const Json& json);
Result<Block> decode_tool_call(Json& json, const Place& place, ObjectReader::Mode mode);
Citation decode_annotation(Json json);

// Whether the server takes Google's signatures of calls: Google's own, and those that take members
// that OpenAI does not document.
bool takes_call_proofs(const Quirks& quirks);
// "messages.content.image": what a reply has no place for.
std::string media_name(const Media& media);
// "reasoning.text", "reasoning.summary" or "reasoning.encrypted"
std::string_view detail_type(const Thinking& thinking);
// One `reasoning_details` member. `index` is written where it has none: what adds up the deltas of
// a stream asks for it; nullopt: not in a stream.
void write_detail(std::string& out, const Block& block, Losses& losses,
                  std::optional<int> index = {});
// One `annotations` member; false (and nothing written) where it has no URL. `index` as above.
bool write_annotation(std::string& out, const Citation& citation, Losses& losses,
                      std::optional<int> index = {});

class MessageWriter {
 public:
  enum class Side { kRequest, kReply };
  MessageWriter(std::string& out, Losses& losses, const Quirks* quirks, Side side)
      : out_(out), losses_(losses), quirks_(quirks), side_(side) {}

  // An element of "messages": zero, one or more JSON objects, with their commas.
  void write(const Message& message);
  // After the last: media that tools returned and that only a user message may carry.
  void flush();
  // One assistant message without a comma, as a reply holds it.
  void write_one(const Message& message);

 private:
  void write_content(ObjectWriter& writer, const Message& message,
                     const std::vector<const Block*>& parts);
  // False, and nothing written, where `losses` took note of it.
  bool write_part(const Block& block);
  // A JSON list of them; true where something stands in it.
  bool write_parts(const std::vector<const Block*>& parts, bool read_here);
  bool refused(const Block& block, const Media& media);
  void write_media(const Block& block, const Media& media);
  void write_thinking(ObjectWriter& writer, const std::vector<const Block*>& thoughts);
  void leave_out_thoughts(ObjectWriter& writer, const Extra& extra);
  void write_calls(ObjectWriter& writer, const std::vector<const Block*>& calls);
  void write_call(const Block& block, const ToolCall& call);
  void write_citations(ObjectWriter& writer, const Message& message);
  void write_tool_result(const Message& message, const Block& block, const ToolResult& result);
  void write_role(ObjectWriter& writer, const Message& message);
  std::string tool_id(std::string_view id) const;
  bool bare(const Block& block) const;

  std::string& out_;
  Losses& losses_;
  const Quirks* quirks_;
  Side side_;
  Commas commas_;
  std::vector<const Block*> held_media_;
};

}  // namespace sighter::wire::openai_chat
