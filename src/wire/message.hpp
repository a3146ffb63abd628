#pragma once
// The middle form: what a conversation with a model is, whatever dialect it is spoken in. A dialect
// decodes into these types and encodes from them; nothing else of the program knows dialect JSON.
//
// Nothing is lost: whatever a type below has no member for stays in `extra` of the innermost type
// that encloses it, with the dialect it came from. Written back in that dialect it returns to its
// place; another dialect refuses it by name (requests) or reports it (replies). A member that is
// null, or written in one of several equal forms, is kept the same way.
//
// Plain data: copy, move, any thread. Numbers that people choose (temperature ...) keep their text.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"

namespace sighter::wire {

enum class Dialect { kNone, kOpenAiChat, kAnthropic, kOpenAiResponses, kGemini, kBedrock };
// "openai", "anthropic", "openai-responses", "gemini", "bedrock"; "none"
std::string_view to_string(Dialect dialect);
// The inverse; nullopt for another word.
std::optional<Dialect> dialect_from(std::string_view word);

// A number as it was written. Implicit from numbers of the program, which it writes shortest.
struct Number {
  std::string text = "0";
  Number() = default;
  Number(double value);  // CHECKs that it is finite
  Number(int value) : text(std::to_string(value)) {}
  explicit Number(JsonNumber number) : text(std::move(number.text)) {}
  double value() const;  // correctly rounded; infinity when it overflows
  friend bool operator==(const Number& a, const Number& b);  // the same decimal value
};

// What a dialect said beyond the typed members of the struct that holds this.
struct Extra {
  Dialect dialect = Dialect::kNone;  // that it was read from; kNone: made by the program
  std::uint32_t forms = 0;  // how it was written where the dialect leaves a choice; its own bits
  JsonObject members{};     // members of the enclosing JSON object that no typed member holds
};

// ---- content ----------------------------------------------------------------------------------

// A source that a text rests on. `raw` is the whole of it in `dialect`'s shape.
struct Citation {
  std::string url{};
  std::string title{};
  std::string cited_text{};
  std::string file_id{};
  std::optional<std::int64_t>
      start{};  // characters of the block's text that it supports: [start, end)
  std::optional<std::int64_t> end{};
  Dialect dialect = Dialect::kNone;
  Json raw{};
};

struct Text {
  std::string text{};
  std::vector<Citation> citations{};
};

// Image, audio, video or document. Exactly one of the sources is given.
struct Media {
  enum class Kind { kImage, kAudio, kVideo, kDocument };
  Kind kind = Kind::kImage;
  std::string url{};
  std::string data{};     // base64, as it came
  std::string text{};     // a document given as plain text
  std::string file_id{};  // a file that the provider holds
  std::string
      media_type{};      // of `data` and `text`: "image/png"; may be empty (audio: see `format`)
  std::string format{};  // of audio, where the dialect names it so: "wav"
  std::string name{};    // file name or title
  std::string detail{};  // of images: "low", "high", "auto"; empty: not said
};

struct ToolCall {
  enum class Kind {
    kFunction,  // arguments are the text of a JSON object
    kCustom,    // arguments are free text
    kProvider,  // run by the provider itself; `provider_type` is its word for the block
  };
  Kind kind = Kind::kFunction;
  std::string id{};
  std::string name{};
  std::string arguments{};  // as the model wrote it, possibly empty or cut off
  std::string provider_type{};
};

struct Block;

struct ToolResult {
  std::string id{};    // of the call that it answers
  std::string name{};  // of the tool; may be empty
  std::vector<Block> content{};
  std::optional<bool> is_error{};
};

// What the model thought. `signature` (in Block) proves it to the provider.
struct Thinking {
  enum class Kind {
    kFull,      // the text of the thoughts
    kSummary,   // the provider's summary of them
    kRedacted,  // `data` only
  };
  Kind kind = Kind::kFull;
  std::string text{};
  std::string data{};  // encrypted thoughts
  std::string id{};    // of the reasoning item, where the dialect has one
};

struct Refusal {
  std::string text{};
};

// A block that only `extra.dialect` has; `type` is that dialect's word for it.
struct Raw {
  std::string type{};
  Json json{};
};

struct Block {
  std::variant<Text, Media, ToolCall, ToolResult, Thinking, Refusal, Raw> what{};
  std::string signature{};  // opaque proof: Anthropic's of thinking, Gemini's of any part
  // Whose `signature` is, where it is not that of extra's dialect: a client of another dialect
  // carried it (proof.hpp).
  Dialect signer = Dialect::kNone;
  std::optional<Json>
      cache_control{};  // {"type": "ephemeral", "ttl": "5m"}: cache the prompt up to here
  Extra extra{};

  Dialect signed_by() const { return signer == Dialect::kNone ? extra.dialect : signer; }

  Block() = default;
  template <class T>
  requires(!std::is_same_v<std::remove_cvref_t<T>, Block>) Block(T&& value)
      : what(std::forward<T>(value)) {}

  template <class T>
  T* as() {
    return std::get_if<T>(&what);
  }
  template <class T>
  const T* as() const {
    return std::get_if<T>(&what);
  }
};

enum class Role { kSystem, kDeveloper, kUser, kAssistant, kTool, kOther };
std::string_view to_string(Role role);

struct Message {
  Role role = Role::kUser;       // kOther: the word is in extra
  std::vector<Block> content{};  // in order: thinking before text before tool calls
  std::string name{};            // of the speaker
  std::string id{};              // of the message item, where the dialect has one
  bool apart = false;            // a system prompt that the dialect keeps outside the list
  Extra extra{};

  static Message text(Role role, std::string text);
  // All text blocks, joined without a separator.
  std::string all_text() const;
};

// Whether it wants tools to be run by whoever asked.
bool calls_tools(const Message& message);

// ---- request ----------------------------------------------------------------------------------

struct Tool {
  enum class Kind { kFunction, kCustom, kBuiltIn };
  Kind kind = Kind::kFunction;
  std::string name{};
  std::string description{};
  std::optional<Json> schema{};  // JSON Schema of the arguments
  std::optional<bool> strict{};
  std::optional<Json> cache_control{};
  std::string type{};  // kBuiltIn: the dialect's word
  Json raw{};          // kBuiltIn: the whole of it
  Extra extra{};
};

struct ToolChoice {
  enum class Mode { kAuto, kNone, kRequired, kNamed, kAllowed, kOther };
  Mode mode = Mode::kAuto;
  std::vector<std::string> names{};  // kNamed: one; kAllowed: those that may be called
  bool required = false;             // kAllowed: one of them must be called
  Json raw{};                        // kOther: the whole of it
  Extra extra{};
};

struct ResponseFormat {
  enum class Kind { kText, kJsonObject, kJsonSchema, kOther };
  Kind kind = Kind::kText;
  std::string name{};
  std::string description{};
  std::optional<Json> schema{};
  std::optional<bool> strict{};
  Json raw{};  // kOther: the whole of it; kJsonSchema: the schema's text where it was one (Bedrock)
  Extra extra{};
};

// How much the model shall think. All may be absent: the provider's default.
struct Reasoning {
  std::string effort{};  // "none", "minimal", "low", "medium", "high", "xhigh" ...
  std::optional<std::int64_t> budget_tokens{};
  enum class Mode { kUnsaid, kOff, kOn, kAdaptive } mode = Mode::kUnsaid;
  std::string summary{};  // what to show: "auto", "concise", "detailed", "summarized"
  std::optional<bool> include_thoughts{};
  Extra extra{};
};

struct ChatRequest {
  Dialect dialect = Dialect::kNone;  // that it was read from; kNone: made by the program
  std::string model{};
  std::vector<Message> messages{};  // system prompts included, first where they are `apart`
  std::vector<Tool> tools{};
  std::optional<ToolChoice> tool_choice{};
  std::optional<bool> parallel_tool_calls{};
  std::optional<ResponseFormat> response_format{};
  std::optional<std::int64_t> max_tokens{};
  std::optional<Number> temperature{};
  std::optional<Number> top_p{};
  std::optional<Number> top_k{};
  std::optional<Number> min_p{};
  std::optional<Number> presence_penalty{};
  std::optional<Number> frequency_penalty{};
  std::optional<Number> seed{};
  std::vector<std::string> stop{};
  std::optional<std::int64_t> n{};
  std::optional<bool> logprobs{};
  std::optional<std::int64_t> top_logprobs{};
  std::optional<Json> logit_bias{};
  std::optional<Reasoning> reasoning{};
  std::optional<std::string> verbosity{};  // of the answer: "low", "medium", "high"
  std::optional<std::string> service_tier{};
  std::optional<Json> metadata{};       // labels for the provider's own records
  std::optional<std::string> user{};    // the end user's id
  std::optional<Json> prediction{};     // text that the output probably repeats
  std::optional<Json> cache_control{};  // cache the whole prompt
  std::optional<bool> stream{};
  std::optional<bool> include_usage{};  // Chat Completions streams: a last chunk with usage
  Extra extra{};
};

// ---- reply ------------------------------------------------------------------------------------

struct FinishReason {
  enum class Kind {
    kNone,           // not said (yet)
    kStop,           // the model was done
    kStopSequence,   // it wrote one of `stop`
    kLength,         // max_tokens
    kToolCalls,      // it wants tools to be run
    kContentFilter,  // the provider held it back
    kRefusal,        // the model refused
    kPause,          // the provider's own tools take longer: send it back to go on
    kContext,        // the context window is full
    kError,          // the provider failed in between
    kOther,          // only `word` says
  };
  Kind kind = Kind::kNone;
  std::string word{};  // the provider's own; empty when made by the program
};
std::string_view to_string(FinishReason::Kind kind);  // "stop", "length", "tool_calls", ...

// Tokens. `input` and `output` are totals; the others are parts of them.
struct Usage {
  std::int64_t input = 0;
  std::int64_t output = 0;
  std::int64_t cache_read = 0;       // of input: read from the provider's prompt cache
  std::int64_t cache_write = 0;      // of input: written to it
  std::int64_t cache_write_1h = 0;   // of cache_write: kept for an hour (it costs more)
  std::int64_t reasoning = 0;        // of output
  std::int64_t audio_input = 0;      // of input
  std::int64_t audio_output = 0;     // of output
  std::int64_t image_input = 0;      // of input
  std::int64_t tool_requests = 0;    // provider's own tools that are paid for by the call
  std::optional<Number> cost_usd{};  // where the provider says what it charged
  Dialect dialect = Dialect::kNone;
  static constexpr std::int64_t kCountMax = 1'000'000'000'000;  // more is a mistake
  static constexpr double kCostUsdMax = 1e6;                    // of one answer
  // A count was negative, no whole number or above kCountMax: it is 0 here, and says nothing of
  // what the answer took.
  bool doubtful = false;
  bool estimated = false;  // by this side, from the bytes that went and came
  Json raw{};              // the whole of it in `dialect`'s shape; null when made by the program

  std::int64_t total() const { return input + output; }
  // What `value` counts, absent and null nothing; sets `doubtful`.
  std::int64_t count(const Json* value);
  std::int64_t count(std::int64_t value);
};

struct Choice {
  std::int64_t index = 0;
  Message message{.role = Role::kAssistant};
  FinishReason finish{};
  // `finish`; where the provider did not say: tool calls or a plain stop, by what the message
  // holds.
  FinishReason settled_finish() const;
  std::string stop_sequence{};     // the one that was written
  std::optional<Json> logprobs{};  // in the shape of Chat Completions, whatever the dialect
  Extra extra{};
};

struct ChatReply {
  Dialect dialect = Dialect::kNone;
  std::string id{};
  std::string model{};
  std::optional<std::int64_t> created_s{};  // Unix time
  std::vector<Choice> choices{};
  std::optional<Usage> usage{};  // absent: the provider did not say
  std::string service_tier{};
  Extra extra{};

  // The text of the first choice; empty when there is none.
  std::string text() const;
};

// ---- errors -----------------------------------------------------------------------------------

// What a provider said went wrong.
struct WireError {
  Kind kind = Kind::kUpstream;  // the house's kind
  int status = 0;               // HTTP; 0 inside a stream that does not say
  std::string message{};        // the provider's own words, shortened to 2,000 bytes
  std::string type{};           // its words for the kind: "overloaded_error"
  std::string code{};           // "context_length_exceeded"; numbers as text
  std::string param{};          // the parameter that it blames
  std::optional<std::chrono::milliseconds> retry_after{};
  Dialect dialect = Dialect::kNone;
  Json raw{};  // the whole body where it was JSON

  // "openai answered 429 (rate_limit_exceeded): <message>"
  Error to_error(std::string_view provider) const;
};

}  // namespace sighter::wire
