#pragma once
// The items of OpenAI Responses, as requests, replies and streams have them. Inside of the room.

#include <string>
#include <string_view>
#include <vector>

#include "wire/codec.hpp"
#include "wire/object_reader.hpp"
#include "wire/object_writer.hpp"

namespace sighter::wire::openai_responses {

inline constexpr Dialect kMe = Dialect::kOpenAiResponses;

// Members of other dialects that carry no meaning of their own here.
inline constexpr std::string_view kStructure[] = {
    "type",   "index",  "status",   "id",        "object",           "role",
    "caller", "format", "thinking", "reasoning", "reasoning_content"};

// Bits of Extra::forms.
namespace forms {
// of the first block of a message item, or of a message
inline constexpr std::uint32_t kItemStart = 1;
inline constexpr std::uint32_t kNoType = 2;       // "type" was absent
inline constexpr std::uint32_t kNoStatus = 4;     // "status" was absent; also of calls
inline constexpr std::uint32_t kContentText = 8;  // content, or a tool's output: a bare string
// of a block
inline constexpr std::uint32_t kInputPart = 16;  // "input_text"
inline constexpr std::uint32_t kPart = 32;       // raw: a part of a message, not an item
inline constexpr std::uint32_t kContinues = 64;  // thinking: of the item of the block before
inline constexpr std::uint32_t kDerived = 128;   // the item's rest says it exactly; to be read only
inline constexpr std::uint32_t kBareData = 256;  // base64 without "data:"
inline constexpr std::uint32_t kCustomOutput = 512;  // "custom_tool_call_output"
// of a request
inline constexpr std::uint32_t kInputText = 1;  // "input" was a bare string
}  // namespace forms

// ---- reading ----------------------------------------------------------------------------------

// An item of the assistant's side as blocks, at least one. Types that no block has stay raw.
Status decode_output_item(Json& item, const Place& place, ObjectReader::Mode mode,
                          std::vector<Block>& out);
// A part of a message's content.
Block decode_part(Json& part);
// "output" of a tool's result, or the content of a message that is not the assistant's.
Status decode_parts(ObjectReader& reader, std::string_view name, std::vector<Block>& out,
                    std::uint32_t& forms);
Citation decode_annotation(Json json);
// What an item of that type has beside what blocks hold. "status": "completed" is the rule and is
// not among it.
JsonObject item_rest(const Json& item);

// ---- writing ----------------------------------------------------------------------------------

enum class Side { kRequest, kReply };
enum class Stage { kAdded, kDone };  // an item of a stream: as it begins, whole

struct Item {
  enum class Kind { kMessage, kReasoning, kCall, kRaw, kLost };
  Kind kind = Kind::kLost;
  std::vector<const Block*> blocks{};
};
// What kind of item holds that block.
Item::Kind kind_of(const Block& block);
// True where the block belongs to the item that is there, of kind `open`, and begins no other.
bool continues(const Block& block, Item::Kind open, bool open_is_own);
std::vector<Item> items_of(const std::vector<Block>& content, Side side);

struct ItemContext {
  Losses& losses;
  Side side = Side::kReply;
  Stage stage = Stage::kDone;
  std::string_view id = {};  // where the item has none of its own
  std::string_view status = "completed";
  const Json* logprobs = nullptr;  // a list, for the first text that has none
};
// Writes one item and true; false, and nothing, for what `losses` took note of.
bool write_item(std::string& out, const Item& item, ItemContext& context);
// A part of the assistant's message; at Stage::kAdded without its text.
void write_part(std::string& out, const Block& block, ItemContext& context);
// A part of what somebody else says, or of a tool's result. False: `losses` took note.
bool write_input_part(std::string& out, const Block& block, Losses& losses);
// False, and nothing written, for a source that has no URL. `text` is what the block says.
bool write_annotation(std::string& out, const Citation& citation, std::string_view text,
                      Losses& losses);

// ---- proofs of other dialects -----------------------------------------------------------------

// What encrypted_content says for a block of another dialect; empty where there is no proof. Where
// the block is no thought, `back` blocks lie between it and the end of its item.
std::string proof_of(const Block& block, std::size_t back = 0);
// The item that carries the proof of a block that is no thinking.
void write_proof_item(std::string& out, std::string_view id, std::string_view proof);
// True where the dialect's own provider takes that thinking back: its encrypted content.
bool own_thought(const Block& block);

// An id that the dialect would give: "msg_<tail of the response's id>_<n>".
std::string make_id(std::string_view prefix, std::string_view response, std::size_t number);

// ---- other parts that several sources need ----------------------------------------------------

void write_usage(std::string& out, const Usage& usage, Losses& losses);
// A token's entry of Chat Completions' logprobs as this dialect has it: `bytes` is a list.
Json with_bytes(Json token);
// What a response says again of its request, with defaults where there is none.
JsonObject echo_of(const ChatRequest* request);
// Into what an upstream of this dialect said again: what the client asked of us, not we of it.
void say_again(JsonObject& echo, const ChatRequest& request);
// The word for the tier, where the dialect that said it means the same; else empty.
std::string_view own_tier(Dialect dialect, std::string_view tier);

// A response object of the provider without its output.
struct ResponseHead {
  std::string id{};
  std::string model{};
  std::optional<std::int64_t> created_s{};
  std::string service_tier{};
  std::optional<Usage> usage{};
  std::string status{};
  std::string incomplete{};  // the reason
  Extra extra{};             // "response": what it says again and its state; others as they came
  Json output{};
};
ResponseHead read_response(JsonObject& response);
FinishReason finish_of(const ResponseHead& head, const std::vector<Block>& content);

// Writes a response object.
struct ResponseShape {
  std::string_view id = {};
  std::string_view model = {};
  std::optional<std::int64_t> created_s = {};
  std::string_view service_tier = {};
  std::string_view status = {};      // empty: as `echo` says
  std::string_view incomplete = {};  // the reason
  std::string_view error = {};       // JSON; empty: null
  const Usage* usage = nullptr;
  std::string_view output = {};  // the items, without brackets
  const JsonObject* echo = nullptr;
  const JsonObject* others = nullptr;
};
void write_response(std::string& out, const ResponseShape& shape, Losses& losses);
// "completed", "incomplete", "failed"; and the reason of the second.
std::string_view status_word(const FinishReason& reason);
std::string_view incomplete_word(const FinishReason& reason);
// What these words say of a reason.
FinishReason::Kind said_kind(const FinishReason& reason);
// A code that the dialect has for errors inside of a response.
std::string_view error_code(const WireError& error);

}  // namespace sighter::wire::openai_responses
