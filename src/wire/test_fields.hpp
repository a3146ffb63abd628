#pragma once
// For tests of this room: what the middle form can say, one field a row, as docs/dialects.md lists
// it.

#include <functional>
#include <string>
#include <vector>

#include "wire/message.hpp"
#include "wire/openai_chat_message.hpp"

namespace sighter::wire {

// The value by which a field is found in what was written, where it is not a word of the dialect's.
inline constexpr const char* kMark = "MARK";

template <class T>
struct Field {
  std::string name{};
  // Puts the field into `subject`, whose blocks come from `dialect` where only their maker takes
  // them back (signatures, files).
  std::function<void(T& subject, Dialect dialect)> set{};
  // Parted by '|': any of these. "": the written words are shown with their places.
  std::string mark = kMark;
  // What has to be there with or without the field (the tool of a tool choice).
  std::function<void(T& subject)> around{};
};

inline Block from(Block block, Dialect dialect) {
  block.extra.dialect = dialect;
  // Proofs are said there in one of two forms.
  if (dialect == Dialect::kOpenAiChat && block.as<Thinking>())
    block.extra.forms = openai_chat::forms::kThinkDetail;
  return block;
}

inline Block signed_by(Block block, Dialect dialect) {
  block.signature = "QUJDMARKABCD";  // base64, as providers write it
  return from(std::move(block), dialect);
}

inline ToolCall call_of(std::string id, std::string name, std::string arguments) {
  return {.id = std::move(id), .name = std::move(name), .arguments = std::move(arguments)};
}

inline Tool tool_named(std::string name) {
  return {.name = std::move(name), .schema = Json::object({{"type", "object"}})};
}

inline Citation source_of(std::string url) {
  return {.url = std::move(url), .title = "t", .cited_text = "c", .start = 0, .end = 2};
}

// A field of a block that a message of the user's holds behind two texts.
inline Field<ChatRequest> user_block(std::string name, Block block, std::string mark = kMark) {
  return {.name = std::move(name),
          .set = [block](ChatRequest& r, Dialect) { r.messages.back().content.push_back(block); },
          .mark = std::move(mark)};
}

// An earlier message of the assistant's, in front of the user's.
inline void say_before(ChatRequest& request, Block block) {
  Message said{.role = Role::kAssistant};
  said.content.push_back(std::move(block));
  request.messages.insert(request.messages.begin(), std::move(said));
}

inline void call_before(ChatRequest& request, ToolCall call) {
  request.tools.push_back(tool_named(call.name));
  say_before(request, std::move(call));
}

inline void answer_call(ChatRequest& request, ToolResult result) {
  Message said{.role = Role::kTool};
  result.id = "c1";
  result.name = "f";
  said.content.emplace_back(std::move(result));
  request.messages.insert(request.messages.begin() + 1, std::move(said));
}

inline std::vector<Field<ChatRequest>> fields_of_content() {
  using R = ChatRequest;
  const auto prompt = [](Role role, bool apart) {
    return [role, apart](R& r, Dialect) {
      Message one = Message::text(role, kMark);
      one.apart = apart;
      r.messages.insert(r.messages.begin(), std::move(one));
    };
  };
  return {
      {.name = "model", .set = [](R& r, Dialect) { r.model = kMark; }},
      {.name = "system prompt", .set = prompt(Role::kSystem, true)},
      {.name = "developer's prompt", .set = prompt(Role::kDeveloper, false)},
      user_block("text", Text{.text = kMark}),
      {.name = "text of the assistant",
       .set = [](R& r, Dialect) { say_before(r, Text{.text = kMark}); }},
      {.name = "name of the speaker", .set = [](R& r, Dialect) { r.messages.back().name = kMark; }},
      user_block("image, data", Media{.data = kMark, .media_type = "image/png"}),
      user_block("image, address", Media{.url = "https://a.example/MARK.png"}),
      user_block("image, detail", Media{.data = "AAAA", .media_type = "image/png", .detail = "low"},
                 "low"),
      user_block("audio, data", Media{.kind = Media::Kind::kAudio,
                                      .data = kMark,
                                      .media_type = "audio/wav",
                                      .format = "wav"}),
      user_block("video, address",
                 Media{.kind = Media::Kind::kVideo, .url = "https://a.example/MARK.mp4"}),
      user_block(
          "document, data",
          Media{.kind = Media::Kind::kDocument, .data = kMark, .media_type = "application/pdf"}),
      user_block("document, plain text",
                 Media{.kind = Media::Kind::kDocument, .text = "hi", .media_type = "text/plain"},
                 "hi|aGk="),
      user_block("document, address",
                 Media{.kind = Media::Kind::kDocument, .url = "https://a.example/MARK.pdf"}),
      user_block("document, name", Media{.kind = Media::Kind::kDocument,
                                         .data = "AAAA",
                                         .media_type = "application/pdf",
                                         .name = kMark}),
      {.name = "file that the provider holds", .set = [](R& r, Dialect to) {
         const bool google = to == Dialect::kGemini;
         Media file{.kind = Media::Kind::kDocument,
                    .file_id = google
                                   ? "https://generativelanguage.googleapis.com/v1beta/files/MARK"
                                   : kMark,
                    .media_type = google ? "application/pdf" : ""};
         r.messages.back().content.push_back(from(file, to));
       }}};
}

inline std::vector<Field<ChatRequest>> fields_of_turns() {
  using R = ChatRequest;
  const auto called = [](R& r) { call_before(r, call_of("c1", "f", "{}")); };
  const auto result = [called](std::string name, ToolResult said, std::string mark = kMark) {
    return Field<R>{.name = std::move(name),
                    .set = [said](R& r, Dialect) { answer_call(r, said); },
                    .mark = std::move(mark),
                    .around = called};
  };
  return {
      {.name = "tool call, id",
       .set = [](R& r, Dialect) { call_before(r, call_of("MARK1", "f", "{}")); }},
      {.name = "tool call, name",
       .set = [](R& r, Dialect) { say_before(r, call_of("c1", kMark, "{}")); }},
      {.name = "tool call, arguments",
       .set = [](R& r, Dialect) { call_before(r, call_of("c1", "f", R"({"q":"MARK"})")); }},
      {.name = "tool result, id",
       .set = [](R& r, Dialect) { answer_call(r, {}); },
       .mark = "c1",
       .around = called},
      result("tool result, text", ToolResult{.content = {Text{.text = kMark}}}),
      result("tool result, image",
             ToolResult{.content = {Media{.data = kMark, .media_type = "image/png"}}}),
      {.name = "tool result, failed",
       .set = [](R& r, Dialect) { r.messages[1].content[0].as<ToolResult>()->is_error = true; },
       .mark = "",
       .around =
           [called](R& r) {
             called(r);
             answer_call(r, ToolResult{.content = {Text{.text = "x"}}});
           }},
      {.name = "thinking, text (of the same provider)",
       .set = [](R& r, Dialect to) { say_before(r, signed_by(Thinking{.text = "MARK of"}, to)); },
       .mark = "MARK of"},
      {.name = "thinking, signature (of the same provider)",
       .set = [](R& r, Dialect to) { say_before(r, signed_by(Thinking{.text = "t"}, to)); }},
      {.name = "thinking, encrypted (of the same provider)",
       .set =
           [](R& r, Dialect to) {
             say_before(
                 r, from(Thinking{.kind = Thinking::Kind::kRedacted, .data = "QUJDMARKABCD"}, to));
           }},
      {.name = "thought signature of a call (Gemini's)",
       .set =
           [](R& r, Dialect) {
             say_before(r, signed_by(call_of("c1", "f", "{}"), Dialect::kGemini));
           }},
      {.name = "citation",
       .set =
           [](R& r, Dialect) {
             Text cited{.text = "ab"};
             cited.citations.push_back(source_of("https://a.example/MARK"));
             say_before(r, cited);
           }},
      {.name = "refusal", .set = [](R& r, Dialect) { say_before(r, Refusal{.text = kMark}); }},
      {.name = "cache control of a block",
       .set =
           [](R& r, Dialect) {
             r.messages.back().content.back().cache_control = Json::object({{"type", "ephemeral"}});
           },
       .mark = ""},
  };
}

inline std::vector<Field<ChatRequest>> fields_of_tools() {
  using R = ChatRequest;
  using Mode = ToolChoice::Mode;
  const auto tool = [](R& r) { r.tools = {tool_named("f"), tool_named("g")}; };
  const auto choice = [tool](std::string name, ToolChoice said) {
    return Field<R>{.name = std::move(name),
                    .set = [said](R& r, Dialect) { r.tool_choice = said; },
                    .mark = "",
                    .around = tool};
  };
  const auto format = [](std::string name, ResponseFormat said, std::string mark = "") {
    return Field<R>{.name = std::move(name),
                    .set = [said](R& r, Dialect) { r.response_format = said; },
                    .mark = std::move(mark)};
  };
  const Json schema = Json::object({{"type", "object"}, {"$comment", kMark}});
  const Json plain = Json::object({{"type", "object"}});
  constexpr auto kSchema = ResponseFormat::Kind::kJsonSchema;
  return {
      {.name = "tool, name", .set = [](R& r, Dialect) { r.tools = {tool_named(kMark)}; }},
      {.name = "tool, description",
       .set = [](R& r, Dialect) { r.tools[0].description = kMark; },
       .around = tool},
      {.name = "tool, schema",
       .set = [schema](R& r, Dialect) { r.tools[0].schema = schema; },
       .around = tool},
      {.name = "tool, strict",
       .set = [](R& r, Dialect) { r.tools[0].strict = true; },
       .mark = "true",
       .around = tool},
      {.name = "tool, cache control",
       .set =
           [](R& r, Dialect) {
             r.tools[0].cache_control = Json::object({{"type", "ephemeral"}});
           },
       .mark = "",
       .around = tool},
      {.name = "tool with free text",
       .set =
           [](R& r, Dialect to) {
             const Json inner = Json::object({{"name", kMark}});
             const bool chat = to != Dialect::kOpenAiChat;  // the other one that has them
             Tool one{.kind = Tool::Kind::kCustom, .name = kMark, .type = "custom"};
             one.raw = chat ? Json::object({{"type", "custom"}, {"custom", inner}})
                            : Json::object({{"type", "custom"}, {"name", kMark}});
             one.extra.dialect = chat ? Dialect::kOpenAiChat : Dialect::kOpenAiResponses;
             r.tools = {one};
           }},
      choice("tool choice: auto", {.mode = Mode::kAuto}),
      choice("tool choice: none", {.mode = Mode::kNone}),
      choice("tool choice: any", {.mode = Mode::kRequired}),
      choice("tool choice: one", {.mode = Mode::kNamed, .names = {"f"}}),
      choice("tool choice: some of them", {.mode = Mode::kAllowed, .names = {"f"}}),
      {.name = "one call at a time",
       .set = [](R& r, Dialect) { r.parallel_tool_calls = false; },
       .mark = "",
       .around = tool},
      format("any JSON", {.kind = ResponseFormat::Kind::kJsonObject}),
      format("JSON of a schema", {.kind = kSchema, .name = "n", .schema = schema}, kMark),
      format("schema, name", {.kind = kSchema, .name = kMark, .schema = plain}, kMark),
      format("schema, description",
             {.kind = kSchema, .name = "n", .description = kMark, .schema = plain}, kMark),
      format("schema, strict", {.kind = kSchema, .name = "n", .schema = plain, .strict = true},
             "true"),
  };
}

inline std::vector<Field<ChatRequest>> fields_of_parameters() {
  using R = ChatRequest;
  const auto number = [](std::string name, std::optional<Number> R::*member) {
    return Field<R>{.name = std::move(name),
                    .set = [member](R& r, Dialect) { r.*member = Number(0.25); },
                    .mark = "0.25"};
  };
  const auto whole = [](std::string name, std::optional<std::int64_t> R::*member) {
    return Field<R>{
        .name = std::move(name), .set = [member](R& r, Dialect) { r.*member = 17; }, .mark = "17"};
  };
  const auto word = [](std::string name, std::optional<std::string> R::*member) {
    return Field<R>{.name = std::move(name), .set = [member](R& r, Dialect) { r.*member = kMark; }};
  };
  const auto thinks = [](std::string name, Reasoning said, std::string mark = "") {
    return Field<R>{.name = std::move(name),
                    .set = [said](R& r, Dialect) { r.reasoning = said; },
                    .mark = std::move(mark)};
  };
  const Json labels = Json::object({{"q", kMark}});
  return {
      whole("output tokens at most", &R::max_tokens),
      number("temperature", &R::temperature),
      number("top_p", &R::top_p),
      {.name = "top_k", .set = [](R& r, Dialect) { r.top_k = Number(17); }, .mark = "17"},
      number("min_p", &R::min_p),
      number("presence penalty", &R::presence_penalty),
      number("frequency penalty", &R::frequency_penalty),
      {.name = "seed", .set = [](R& r, Dialect) { r.seed = Number(17); }, .mark = "17"},
      {.name = "stop", .set = [](R& r, Dialect) { r.stop = {kMark}; }},
      whole("number of choices", &R::n),
      {.name = "logprobs", .set = [](R& r, Dialect) { r.logprobs = true; }, .mark = ""},
      {.name = "top logprobs",
       .set = [](R& r, Dialect) { r.top_logprobs = 17; },
       .mark = "17",
       .around = [](R& r) { r.logprobs = true; }},
      {.name = "logit bias",
       .set =
           [](R& r, Dialect) {
             r.logit_bias = Json::object({{"q", 17}});
           },
       .mark = "17"},
      thinks("reasoning, effort", {.effort = "low"}),
      thinks("reasoning, tokens at most", {.budget_tokens = 2048}, "2048"),
      thinks("reasoning, off", {.mode = Reasoning::Mode::kOff}),
      {.name = "reasoning, shown",
       .set = [](R& r, Dialect) { r.reasoning->summary = "auto"; },
       .mark = "",
       .around = [](R& r) { r.reasoning = Reasoning{.effort = "low"}; }},
      word("verbosity", &R::verbosity),
      {.name = "service tier",
       .set = [](R& r, Dialect) { r.service_tier = "flex"; },
       .mark = "flex"},
      {.name = "metadata", .set = [labels](R& r, Dialect) { r.metadata = labels; }},
      word("user", &R::user),
      {.name = "prediction",
       .set =
           [](R& r, Dialect) {
             r.prediction = Json::object({{"type", "content"}, {"content", kMark}});
           }},
      {.name = "cache control of the prompt",
       .set =
           [](R& r, Dialect) {
             r.cache_control = Json::object({{"type", "ephemeral"}});
           },
       .mark = ""},
      {.name = "streamed", .set = [](R& r, Dialect) { r.stream = true; }, .mark = ""},
  };
}

inline std::vector<Field<ChatReply>> fields_of_said() {
  using R = ChatReply;
  const auto block = [](std::string name, Block said, std::string mark = kMark) {
    return Field<R>{.name = std::move(name),
                    .set = [said](R& r, Dialect) { r.choices[0].message.content.push_back(said); },
                    .mark = std::move(mark)};
  };
  const auto proof = [](std::string name, Block said) {
    return Field<R>{.name = std::move(name), .set = [said](R& r, Dialect to) {
                      r.choices[0].message.content.push_back(signed_by(said, to));
                    }};
  };
  Text cited{.text = "ab"};
  cited.citations.push_back(source_of("https://a.example/MARK"));
  Json piece = Json::object(
      {{"token", kMark}, {"logprob", -0.5}, {"bytes", Json()}, {"top_logprobs", Json::array()}});
  const Json logprobs = Json::object({{"content", Json::array({std::move(piece)})}});
  return {
      {.name = "id", .set = [](R& r, Dialect) { r.id = kMark; }},
      {.name = "model that answered", .set = [](R& r, Dialect) { r.model = kMark; }},
      {.name = "time of creation", .set = [](R& r, Dialect) { r.created_s = 777; }, .mark = "777"},
      block("text", Text{.text = kMark}),
      block("image, data", Media{.data = kMark, .media_type = "image/png"}),
      block("tool call, id", call_of("MARK1", "f", "{}")),
      block("tool call, name", call_of("c1", kMark, "{}")),
      block("tool call, arguments", call_of("c1", "f", R"({"q":"MARK"})")),
      block("thinking, text", Thinking{.text = kMark}),
      proof("thinking, signature (of the same provider)", Thinking{.text = "t"}),
      {.name = "thought signature of a call (Gemini's)",
       .set =
           [](R& r, Dialect) {
             r.choices[0].message.content.push_back(
                 signed_by(call_of("c1", "f", "{}"), Dialect::kGemini));
           }},
      block("thinking, encrypted", Thinking{.kind = Thinking::Kind::kRedacted, .data = "MARKABCD"},
            "MARKABCD|TUFSS0FCQ0Q="),
      block("citation", cited),
      block("refusal", Refusal{.text = kMark}),
      {.name = "second choice",
       .set =
           [](R& r, Dialect) {
             Choice second{.index = 1, .finish = {.kind = FinishReason::Kind::kStop}};
             second.message.content.emplace_back(Text{.text = kMark});
             r.choices.push_back(std::move(second));
           }},
      {.name = "logprobs", .set = [logprobs](R& r, Dialect) { r.choices[0].logprobs = logprobs; }}};
}

inline std::vector<Field<ChatReply>> fields_of_ends() {
  using R = ChatReply;
  using Why = FinishReason::Kind;
  const auto ends = [](std::string name, Why kind) {
    return Field<R>{.name = "finish reason: " + name,
                    .set = [kind](R& r, Dialect) { r.choices[0].finish.kind = kind; },
                    .mark = "",
                    .around =
                        [kind](R& r) {
                          const bool cut = kind == Why::kLength || kind == Why::kContext;
                          r.choices[0].finish.kind = cut ? Why::kStop : Why::kLength;
                        }};
  };
  const auto tokens = [](std::string name, std::int64_t Usage::*member) {
    return Field<R>{.name = "usage: " + name,
                    .set = [member](R& r, Dialect) { (*r.usage).*member = 777; },
                    .mark = "777"};
  };
  return {
      ends("stop", Why::kStop),
      ends("stop sequence", Why::kStopSequence),
      ends("length", Why::kLength),
      ends("tool calls", Why::kToolCalls),
      ends("content filter", Why::kContentFilter),
      ends("refusal", Why::kRefusal),
      ends("pause", Why::kPause),
      ends("context full", Why::kContext),
      {.name = "the stop sequence that was written",
       .set =
           [](R& r, Dialect) {
             r.choices[0].finish.kind = Why::kStopSequence;
             r.choices[0].stop_sequence = kMark;
           }},
      tokens("input", &Usage::input),
      tokens("output", &Usage::output),
      tokens("read from the cache", &Usage::cache_read),
      tokens("written to the cache", &Usage::cache_write),
      tokens("reasoning", &Usage::reasoning),
      tokens("audio input", &Usage::audio_input),
      tokens("audio output", &Usage::audio_output),
      tokens("image input", &Usage::image_input),
      tokens("provider's tools", &Usage::tool_requests),
      {.name = "service tier that was given",
       .set = [](R& r, Dialect) { r.service_tier = "flex"; },
       .mark = "flex"},
  };
}

}  // namespace sighter::wire
