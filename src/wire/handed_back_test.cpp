// What clients make of streams of Chat Completions by adding up the deltas, as the official SDKs do
// it, and what of it comes back to the provider with the next request.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/codec.hpp"
#include "wire/reply_builder.hpp"
#include "wire/test_events.hpp"

namespace sighter::wire {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Json parse(std::string_view text) {
  Result<Json> json = json_parse(text);
  EXPECT_TRUE(json) << json.error().what << text;
  return json ? std::move(*json) : Json();
}

// openai-python, lib/streaming/_deltas.py: texts are appended, numbers added, entries of lists are
// found by their index, which each has to have.
void add_up(Json& whole, const Json& delta);

void add_entry(JsonArray& list, const Json& entry) {
  const Json* index = entry.find("index");
  ASSERT_NE(index, nullptr) << "Expected list delta entry to have an `index` key: "
                            << json_write(entry);
  const auto at = static_cast<std::size_t>(index->to_int().value_or(0));
  if (at < list.size()) {
    add_up(list[at], entry);
  } else {
    list.push_back(entry);
  }
}

void add_up(Json& whole, const Json& delta) {
  for (const auto& [name, value] : delta.as_object()) {
    Json* old = whole.find(name);
    if (old == nullptr || old->is_null() || name == "index" || name == "type") {
      whole.as_object().set(name, value);
    } else if (old->is_string() && value.is_string()) {
      old->as_string() += value.as_string();
    } else if (old->is_object() && value.is_object()) {
      add_up(*old, value);
    } else if (old->is_array() && value.is_array()) {
      for (const Json& entry : value.as_array()) add_entry(old->as_array(), entry);
    }
  }
}

// openai-node, ChatCompletionStream: of members that it does not know the last one counts.
void keep_last(Json& whole, const Json& delta) {
  for (const auto& [name, value] : delta.as_object()) whole.as_object().set(name, value);
}

std::string chat_events(const std::vector<Delta>& deltas) {
  const auto encoder = codec_of(Dialect::kOpenAiChat)->stream_encoder({}, {});
  std::string raw;
  for (const Delta& delta : deltas) encoder->write(delta, raw);
  return raw;
}

template <class Add>
Json message_of(const std::vector<Delta>& deltas, Add add) {
  Json message = Json::object();
  for (const Event& event : split_events(chat_events(deltas))) {
    if (event.data == "[DONE]") continue;
    const Json chunk = parse(event.data);
    if (const Json* delta = chunk.pointer("/choices/0/delta")) add(message, *delta);
  }
  return message;
}

std::vector<Delta> whole(Dialect dialect, std::string_view reply) {
  return deltas_of(codec_of(dialect)->decode_reply(parse(reply), nullptr).value());
}

std::string next_request(Dialect upstream, const Json& message) {
  Json body = Json::object({{"model", "m"}, {"max_tokens", 5}});
  body.as_object().set("messages", Json::array({message}));
  const ChatRequest request =
      codec_of(Dialect::kOpenAiChat)->decode_request(std::move(body)).value();
  Result<Encoded> encoded = codec_of(upstream)->encode_request(request, {.allow_drop = {}});
  EXPECT_TRUE(encoded) << encoded.error().what;
  return encoded ? encoded->body : std::string();
}

constexpr std::string_view kAnthropic =
    R"({"id":"m","type":"message","role":"assistant","model":"c","content":[{"type":"thinking","thinking":"ab","signature":"SIG1"},{"type":"redacted_thinking","data":"RED"},{"type":"text","text":"hi","citations":[{"type":"web_search_result_location","url":"https://a","title":"A","cited_text":"c","encrypted_index":"e"},{"type":"web_search_result_location","url":"https://b","title":"B","cited_text":"c","encrypted_index":"e"}]},{"type":"thinking","thinking":"cd","signature":"SIG2"},{"type":"tool_use","id":"t","name":"f","input":{"a":1}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":2}})";

constexpr std::string_view kBedrock =
    R"({"output":{"message":{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"h","signature":"SIG-B"}}},{"reasoningContent":{"redactedContent":"YWJj"}},{"toolUse":{"toolUseId":"t","name":"f","input":{"a":1}}}]}},"stopReason":"tool_use","usage":{"inputTokens":1,"outputTokens":2,"totalTokens":3}})";

TEST(HandedBack, DeltasOfChatAddUp) {
  const Json message = message_of(whole(Dialect::kAnthropic, kAnthropic), add_up);
  EXPECT_EQ(message.find("reasoning_content")->as_string(), "abcd");
  const JsonArray& details = message.find("reasoning_details")->as_array();
  ASSERT_EQ(details.size(), 3u) << json_write(message);
  EXPECT_EQ(details[0].find("text")->as_string(), "ab");
  EXPECT_EQ(details[0].find("format")->as_string(), "anthropic-claude-v1");
  EXPECT_EQ(details[1].find("data")->as_string(), "RED");
  EXPECT_EQ(details[2].find("signature")->as_string(), "SIG2");
  const JsonArray& annotations = message.find("annotations")->as_array();
  ASSERT_EQ(annotations.size(), 2u) << json_write(message);
  EXPECT_EQ(annotations[1].pointer("/url_citation/url")->as_string(), "https://b");

  const std::string back = next_request(Dialect::kAnthropic, message);
  EXPECT_THAT(back, HasSubstr(R"({"type":"thinking","thinking":"ab","signature":"SIG1"})"));
  EXPECT_THAT(back, HasSubstr(R"({"type":"redacted_thinking","data":"RED"})"));
  EXPECT_THAT(back, HasSubstr(R"({"type":"thinking","thinking":"cd","signature":"SIG2"})"));
}

TEST(HandedBack, TheLastDeltaOfAThoughtHasAllOfIt) {
  constexpr std::string_view kOne =
      R"({"id":"m","type":"message","role":"assistant","model":"c","content":[{"type":"thinking","thinking":"ab","signature":"SIG"},{"type":"text","text":"x","citations":[{"type":"web_search_result_location","url":"https://a","title":"A","cited_text":"c","encrypted_index":"e"}]},{"type":"text","text":"y","citations":[{"type":"web_search_result_location","url":"https://b","title":"B","cited_text":"c","encrypted_index":"e"}]}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2}})";
  const Json message = message_of(whole(Dialect::kAnthropic, kOne), keep_last);
  EXPECT_EQ(message.find("annotations")->as_array().size(), 2u);
  EXPECT_THAT(next_request(Dialect::kAnthropic, message),
              HasSubstr(R"({"type":"thinking","thinking":"ab","signature":"SIG"})"));
}

// Bedrock's proofs are those of Anthropic's models, and say so.
TEST(HandedBack, BedrocksProofsThroughChat) {
  const std::vector<Delta> deltas = whole(Dialect::kBedrock, kBedrock);
  Json body =
      parse(codec_of(Dialect::kOpenAiChat)
                ->encode_reply(
                    codec_of(Dialect::kBedrock)->decode_reply(parse(kBedrock), nullptr).value(), {})
                .body);
  for (const Json& message : {message_of(deltas, add_up), *body.pointer("/choices/0/message")}) {
    const std::string back = next_request(Dialect::kBedrock, message);
    EXPECT_THAT(
        back,
        HasSubstr(R"({"reasoningContent":{"reasoningText":{"text":"h","signature":"SIG-B"}}})"));
    EXPECT_THAT(back, HasSubstr(R"({"reasoningContent":{"redactedContent":"YWJj"}})"));
    EXPECT_THAT(next_request(Dialect::kAnthropic, message),
                HasSubstr(R"({"type":"redacted_thinking","data":"abc"})"));
  }
}

// Pieces of one detail, kept as they came.
TEST(HandedBack, PiecesOfOneDetailAreOneThought) {
  const Json message = parse(
      R"({"role":"assistant","content":"x","reasoning_details":[{"type":"reasoning.text","text":"a","format":"anthropic-claude-v1","index":0},{"type":"reasoning.text","text":"b","format":"anthropic-claude-v1","index":0},{"type":"reasoning.text","signature":"S","format":"anthropic-claude-v1","index":0}]})");
  EXPECT_THAT(next_request(Dialect::kAnthropic, message),
              HasSubstr(R"([{"type":"thinking","thinking":"ab","signature":"S"},)"));
}

// Read as a stream again: the thought once, with its proof.
TEST(HandedBack, AStreamOfChatIsReadAsItWasSaid) {
  const Streamed back = read_stream(*codec_of(Dialect::kOpenAiChat),
                                    chat_events(whole(Dialect::kAnthropic, kAnthropic)));
  const std::vector<Block>& content = back.builder.reply().choices.at(0).message.content;
  ASSERT_EQ(content.size(), 5u);
  EXPECT_EQ(content[0].as<Thinking>()->text, "ab");
  EXPECT_EQ(content[0].signature, "SIG1");
  EXPECT_EQ(content[2].as<Text>()->citations.size(), 2u);
  EXPECT_EQ(content[3].as<Thinking>()->text, "cd");
  EXPECT_EQ(content[3].signature, "SIG2");
}

// Calls without ids get them where a dialect needs them, and keep none where it was spoken.
TEST(HandedBack, CallsThatHadNoId) {
  const Json body = parse(
      R"({"id":"c1","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"type":"function","function":{"name":"f","arguments":"{}"}},{"type":"function","function":{"name":"g","arguments":"{}"}}]},"finish_reason":"tool_calls"}]})");
  const ChatReply reply = codec_of(Dialect::kOpenAiChat)->decode_reply(body, nullptr).value();
  const std::string claude = codec_of(Dialect::kAnthropic)->encode_reply(reply, {}).body;
  EXPECT_THAT(claude, HasSubstr(R"("id":"call_c1_0")"));
  EXPECT_THAT(claude, HasSubstr(R"("id":"call_c1_1")"));
  EXPECT_TRUE(parse(codec_of(Dialect::kOpenAiChat)->encode_reply(reply, {}).body) == body);
}

TEST(HandedBack, CallsWhoseIdComesLate) {
  constexpr std::string_view kLate =
      "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,"
      "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}}]}\n\n"
      "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,"
      "\"id\":\"late\",\"function\":{\"arguments\":\"{}\"}}]},\"finish_reason\":\"tool_calls\"}]}"
      "\n\ndata: [DONE]\n\n";
  const Streamed read = read_stream(*codec_of(Dialect::kOpenAiChat), kLate);
  EXPECT_EQ(read.builder.reply().choices.at(0).message.content.at(0).as<ToolCall>()->id,
            "call_c1_0");
  EXPECT_THAT(chat_events(read.deltas), HasSubstr(R"("id":"late")"));
  EXPECT_THAT(chat_events(read.deltas), Not(HasSubstr("call_c1_0")));
}

// Anthropic's and Bedrock's ids have fewer letters.
TEST(HandedBack, CallsWhoseIdsLookAlikeElsewhereStayTwo) {
  const std::string_view body =
      R"({"model":"m","messages":[{"role":"user","content":"q"},{"role":"assistant","tool_calls":[
      {"id":"c.1","type":"function","function":{"name":"f","arguments":"{}"}},
      {"id":"c/1","type":"function","function":{"name":"f","arguments":"{}"}}]},
      {"role":"tool","tool_call_id":"c/1","content":"second"},
      {"role":"tool","tool_call_id":"c.1","content":"first"}]})";
  for (const Dialect to : {Dialect::kAnthropic, Dialect::kBedrock}) {
    const Result<ChatRequest> request = codec_of(Dialect::kOpenAiChat)->decode_request(parse(body));
    ASSERT_TRUE(request);
    const Result<Encoded> encoded = codec_of(to)->encode_request(*request, {.model = "m"});
    ASSERT_TRUE(encoded) << encoded.error().what;
    const Result<ChatRequest> back = codec_of(to)->decode_request(parse(encoded->body));
    ASSERT_TRUE(back);
    std::vector<std::string> calls, results;
    for (const Message& message : back->messages) {
      for (const Block& block : message.content) {
        if (const auto* call = block.as<ToolCall>()) calls.push_back(call->id);
        if (const auto* result = block.as<ToolResult>()) results.push_back(result->id);
      }
    }
    ASSERT_EQ(calls.size(), 2u);
    ASSERT_EQ(results.size(), 2u);
    EXPECT_NE(calls[0], calls[1]);
    EXPECT_EQ(calls[0], results[1]);
    EXPECT_EQ(calls[1], results[0]);
    EXPECT_LE(calls[0].size(), 64u);
  }
}

Encoded encoded(Dialect from, Dialect to, std::string_view body) {
  const Result<ChatRequest> request = codec_of(from)->decode_request(parse(body));
  EXPECT_TRUE(request) << body;
  if (!request) return {};
  Result<Encoded> out = codec_of(to)->encode_request(*request, {.model = "claude-sonnet-4-5"});
  EXPECT_TRUE(out) << out.error().what;
  return out ? std::move(*out) : Encoded();
}

// Anthropic's thinking begins a turn; a turn that another provider began cannot be thought on.
TEST(HandedBack, InTheMiddleOfAnothersTurnNobodyThinksOn) {
  const std::string_view loop =
      R"("messages":[{"role":"user","content":"q"},{"role":"assistant","tool_calls":[
      {"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},
      {"role":"tool","tool_call_id":"c","content":"r"}])";
  const std::string asked = R"({"model":"m","reasoning_effort":"high",)";
  const Encoded other =
      encoded(Dialect::kOpenAiChat, Dialect::kAnthropic, asked + std::string(loop) + "}");
  EXPECT_THAT(other.body, Not(HasSubstr("\"thinking\"")));
  EXPECT_THAT(other.approximated, ::testing::Contains("reasoning.mode"));
  const Encoded first = encoded(Dialect::kOpenAiChat, Dialect::kAnthropic,
                                asked + R"("messages":[{"role":"user","content":"q"}]})");
  EXPECT_THAT(first.body, HasSubstr("\"thinking\""));
  const std::string own =
      R"({"model":"m","max_tokens":3000,"thinking":{"type":"enabled","budget_tokens":1024},"messages":[
      {"role":"user","content":"q"},{"role":"assistant","content":[SIGNED
      {"type":"tool_use","id":"c","name":"f","input":{}}]},
      {"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":"r"}]}]})";
  for (const auto& [thought, thinks] :
       {std::pair(R"({"type":"thinking","thinking":"T","signature":"EqQBCg"},)", true),
        {R"({"type":"thinking","thinking":"T","signature":"sighter:openai:thinking:"},)", false},
        {"", true}}) {  // without any it is the client's own doing
    std::string body = own;
    body.replace(body.find("SIGNED"), 6, thought);
    const Encoded out = encoded(Dialect::kAnthropic, Dialect::kAnthropic, body);
    EXPECT_EQ(out.body.find("budget_tokens") != out.body.npos, thinks) << out.body;
  }
}

TEST(HandedBack, AnEmptyMessageIsAMessage) {
  const Encoded out = encoded(Dialect::kOpenAiChat, Dialect::kOpenAiResponses,
                              R"({"model":"m","messages":[{"role":"user","content":""}]})");
  EXPECT_THAT(out.body, HasSubstr(R"("role":"user","content":"")"));
}

TEST(HandedBack, AFileOfTheSameAccountIsNamedByItsId) {
  const Encoded out = encoded(
      Dialect::kOpenAiResponses, Dialect::kOpenAiChat,
      R"({"model":"m","input":[{"role":"user","content":[{"type":"input_file","file_id":"file-1"}]}]})");
  EXPECT_THAT(out.body, HasSubstr(R"("file_id":"file-1")"));
}

Encoded told(Dialect from, Dialect to, std::string_view body) {
  const Result<ChatReply> reply = codec_of(from)->decode_reply(parse(body), nullptr);
  EXPECT_TRUE(reply) << body;
  return reply ? codec_of(to)->encode_reply(*reply, {}) : Encoded();
}

// OpenAI says "stop" where the request named the tool, and so do other servers always.
TEST(HandedBack, CallsThatEndWithStopEndForToolsElsewhere) {
  const std::string_view body =
      R"({"id":"r","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,
      "message":{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function",
      "function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"}]})";
  EXPECT_THAT(told(Dialect::kOpenAiChat, Dialect::kAnthropic, body).body,
              HasSubstr(R"("stop_reason":"tool_use")"));
  EXPECT_THAT(told(Dialect::kOpenAiChat, Dialect::kOpenAiChat, body).body,
              HasSubstr(R"("finish_reason":"stop")"));
  const auto decoder = codec_of(Dialect::kOpenAiChat)->stream_decoder(nullptr);
  const auto encoder = codec_of(Dialect::kAnthropic)->stream_encoder({}, {});
  std::vector<Delta> deltas;
  ASSERT_TRUE(decoder->feed(
      "",
      R"({"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]}}]})",
      deltas));
  ASSERT_TRUE(
      decoder->feed("", R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})", deltas));
  ASSERT_TRUE(decoder->feed("", "[DONE]", deltas));
  std::string out;
  for (const Delta& delta : deltas) encoder->write(delta, out);
  EXPECT_THAT(out, HasSubstr(R"("stop_reason":"tool_use")"));
}

TEST(HandedBack, AnEndThatNobodySaidIsNotSaidWithoutAWord) {
  const std::string_view body =
      R"({"id":"r","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,
      "message":{"role":"assistant","content":"a"},"finish_reason":null}]})";
  EXPECT_THAT(told(Dialect::kOpenAiChat, Dialect::kAnthropic, body).approximated,
              ::testing::Contains("choices.finish_reason"));
  const auto failure = [](Dialect dialect, std::string_view text) {
    const Result<ChatReply> reply = codec_of(dialect)->decode_reply(parse(text), nullptr);
    EXPECT_TRUE(reply) << text;
    const auto failed = reply ? failure_of(*reply) : std::nullopt;
    return failed ? failed->message : std::string();
  };
  EXPECT_THAT(failure(Dialect::kOpenAiResponses,
                      R"({"id":"r","object":"response","status":"in_progress","output":[]})"),
              HasSubstr("in_progress"));
  EXPECT_NE(failure(Dialect::kGemini, R"({"candidates":[],"usageMetadata":{}})"), "");
  EXPECT_EQ(failure(Dialect::kOpenAiChat, body), "");
}

// Each block of a Messages stream waits for the one before it.
TEST(HandedBack, ManyCallsSideBySideComeInOrderAndWhole) {
  const auto encoder = codec_of(Dialect::kAnthropic)->stream_encoder({}, {});
  constexpr int kCalls = 20'000;
  std::string out;
  const auto put = [&](const Delta& delta) { encoder->write(delta, out); };
  put(StreamStart{});
  for (int i = 0; i < kCalls; ++i)
    put(BlockStart{0, i, ToolCall{.id = fmt::format("c{}", i), .name = "f"}});
  for (int i = kCalls - 1; i >= 0; --i) put(ArgumentsDelta{0, i, "{}"});
  for (int i = 0; i < kCalls; ++i) put(BlockStop{0, i});
  put(End{});
  std::size_t at = 0;
  for (int i = 0; i < kCalls; ++i) {
    at = out.find(fmt::format(R"("id":"c{}")", i), at);
    ASSERT_NE(at, out.npos) << i;
    at = out.find("partial_json", at);
    ASSERT_NE(at, out.npos) << i;
    at = out.find("content_block_stop", at);
    ASSERT_NE(at, out.npos) << i;
  }
}

}  // namespace
}  // namespace sighter::wire
