// Proofs of one provider in the hands of a client that speaks another dialect: they come back to
// their provider, at their place, and reach no other.

#include "wire/proof.hpp"

#include <gtest/gtest.h>

#include "wire/relay.hpp"
#include "wire/reply_builder.hpp"
#include "wire/test_events.hpp"

namespace sighter::wire {
namespace {

struct Case {
  Dialect upstream;
  std::string_view reply;
  std::vector<std::string> proofs;
};

// Two signed texts, one that is nothing but its signature, a thought, and calls signed or not.
constexpr std::string_view kGemini =
    R"({"candidates":[{"content":{"role":"model","parts":[{"text":"hm","thought":true,"thoughtSignature":"SIG-THOUGHT"},{"text":"one","thoughtSignature":"SIG-ONE"},{"text":"two","thoughtSignature":"SIG-TWO"},{"text":"","thoughtSignature":"SIG-EMPTY"},{"functionCall":{"id":"a","name":"f","args":{"x":1}},"thoughtSignature":"SIG-CALL"},{"functionCall":{"id":"b","name":"g","args":{}}}]},"finishReason":"STOP","index":0}],"modelVersion":"gemini-3-pro","responseId":"r"})";
constexpr std::string_view kAnthropic =
    R"({"id":"m","type":"message","role":"assistant","model":"c","content":[{"type":"thinking","thinking":"h","signature":"SIG:A"},{"type":"redacted_thinking","data":"DATA-A"},{"type":"tool_use","id":"t","name":"f","input":{"a":1}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":2}})";
constexpr std::string_view kBedrock =
    R"({"output":{"message":{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"h","signature":"SIG-B"}}},{"toolUse":{"toolUseId":"t","name":"f","input":{"a":1}}}]}},"stopReason":"tool_use","usage":{"inputTokens":1,"outputTokens":2,"totalTokens":3}})";
constexpr std::string_view kResponses =
    R"({"id":"resp_1","object":"response","status":"completed","model":"m","output":[{"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"h"}],"encrypted_content":"gAAAA-R"},{"type":"function_call","id":"fc_1","call_id":"t","name":"f","arguments":"{}","status":"completed"}]})";
// A router of many providers.
constexpr std::string_view kChat =
    R"({"id":"c","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":null,"reasoning_details":[{"type":"reasoning.text","text":"h","signature":"SIG-C","format":"google-gemini-v1","index":0},{"type":"reasoning.encrypted","data":"DATA-C","format":"xai-responses-v1","index":1}],"tool_calls":[{"id":"t","type":"function","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"SIG-CALL-C"}}}]},"finish_reason":"tool_calls"}]})";

std::vector<Case> cases() {
  return {
      {Dialect::kGemini, kGemini, {"SIG-THOUGHT", "SIG-ONE", "SIG-TWO", "SIG-EMPTY", "SIG-CALL"}},
      {Dialect::kAnthropic, kAnthropic, {"SIG:A", "DATA-A"}},
      {Dialect::kBedrock, kBedrock, {"SIG-B"}},
      {Dialect::kOpenAiResponses, kResponses, {"gAAAA-R"}},
      {Dialect::kOpenAiChat, kChat, {"SIG-C", "DATA-C", "SIG-CALL-C"}}};
}

Json parse(std::string_view text) {
  Result<Json> json = json_parse(text);
  EXPECT_TRUE(json) << json.error().what << text;
  return json ? std::move(*json) : Json();
}

ChatReply read(const Case& one) {
  return codec_of(one.upstream)->decode_reply(parse(one.reply), nullptr).value();
}

// The assistant's turn as a client of `front` holds it.
Json turn_of(Dialect front, const Json& reply) {
  if (front == Dialect::kOpenAiResponses) return *reply.find("output");
  const Json* content = front == Dialect::kAnthropic ? reply.find("content") : nullptr;
  Json message = content == nullptr ? *reply.pointer("/choices/0/message")
                                    : Json::object({{"role", "assistant"}, {"content", *content}});
  return Json::array({std::move(message)});
}

Json whole_turn(Dialect front, const Case& one) {
  return turn_of(front, parse(codec_of(front)->encode_reply(read(one), {}).body));
}

// The same out of a stream, put together by what reads this dialect's streams.
Json streamed_turn(Dialect front, const std::vector<Delta>& deltas) {
  const Codec& codec = *codec_of(front);
  const auto encoder = codec.stream_encoder({}, {});
  std::string raw;
  for (const Delta& delta : deltas) encoder->write(delta, raw);
  Streamed streamed = read_stream(codec, raw);
  EXPECT_EQ(streamed.error, "") << raw;
  return turn_of(front, parse(codec.encode_reply(streamed.builder.reply(), {}).body));
}

std::string next_body(Dialect front, const Json& turn) {
  Json body = Json::object({{"model", "m"}, {"max_tokens", 5}});
  if (front == Dialect::kOpenAiResponses) body.as_object().erase("max_tokens");
  body.as_object().set(front == Dialect::kOpenAiResponses ? "input" : "messages", turn);
  return json_write(body);
}

std::string said_to(Dialect upstream, Dialect front, const Json& turn) {
  const ChatRequest request =
      codec_of(front)->decode_request(parse(next_body(front, turn))).value();
  EncodeOptions options;
  options.model = "gemini-3-pro";
  if (upstream == Dialect::kOpenAiChat) options.quirks = &quirks_of("openrouter");
  Result<Encoded> encoded = codec_of(upstream)->encode_request(request, options);
  EXPECT_TRUE(encoded) << encoded.error().what;
  return encoded ? encoded->body : std::string();
}

void check(const Case& one, Dialect front, const Json& turn, std::string_view how) {
  SCOPED_TRACE(fmt::format("{} through {}, {}: {}", to_string(one.upstream), to_string(front), how,
                           json_write(turn)));
  const std::string back = said_to(one.upstream, front, turn);
  for (const std::string& proof : one.proofs) {
    EXPECT_NE(back.find("\"" + proof + "\""), back.npos) << proof << " in " << back;
  }
  EXPECT_EQ(back.find("sighter:"), back.npos) << back;
  EXPECT_EQ(back.find("skip_thought"), back.npos) << back;
  for (const Case& other : cases()) {
    const bool claude = one.upstream == Dialect::kBedrock || one.upstream == Dialect::kAnthropic;
    const bool same_proofs =
        claude && (other.upstream == Dialect::kBedrock || other.upstream == Dialect::kAnthropic);
    // A router takes anybody's, and compatible servers Gemini's of calls.
    if (other.upstream == one.upstream || same_proofs || other.upstream == Dialect::kOpenAiChat ||
        one.upstream == Dialect::kOpenAiChat)
      continue;
    const std::string there = said_to(other.upstream, front, turn);
    EXPECT_EQ(there.find("sighter:"), there.npos) << there;
    for (const std::string& proof : one.proofs)
      EXPECT_EQ(there.find(proof), there.npos) << to_string(other.upstream) << ": " << there;
  }
}

TEST(Proofs, ComeBackToTheirProviderAndToNoOther) {
  for (const Case& one : cases()) {
    for (const Dialect front : {Dialect::kOpenAiResponses, Dialect::kAnthropic}) {
      if (front == one.upstream) continue;
      check(one, front, whole_turn(front, one), "whole");
      check(one, front, streamed_turn(front, deltas_of(read(one))), "streamed");
    }
  }
}

// Gemini's, each at its own part, also as its stream says them: at the start of a block.
TEST(Proofs, EachAtItsOwnPart) {
  const Case gemini = cases()[0];
  const Json parts = *parse(kGemini).pointer("/candidates/0/content/parts");
  const std::string raw = "data: " + std::string(kGemini) + "\n\n";
  const std::vector<Delta> deltas = read_stream(*codec_of(Dialect::kGemini), raw).deltas;
  for (const Dialect front : {Dialect::kOpenAiResponses, Dialect::kAnthropic}) {
    SCOPED_TRACE(to_string(front));
    const Json whole = parse(said_to(Dialect::kGemini, front, whole_turn(front, gemini)));
    EXPECT_TRUE(*whole.pointer("/contents/0/parts") == parts) << json_write(whole);
    const Json streamed = parse(said_to(Dialect::kGemini, front, streamed_turn(front, deltas)));
    EXPECT_TRUE(*streamed.pointer("/contents/0/parts") == parts) << json_write(streamed);
  }
}

TEST(Proofs, ResultsMayLieBetweenACallAndItsProof) {
  const std::string body =
      R"({"model":"m","input":[{"type":"function_call","call_id":"a","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"a","output":"1"},{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"sighter:gemini:previous:SIG"}]})";
  const Json back =
      parse(said_to(Dialect::kGemini, Dialect::kOpenAiResponses, *parse(body).find("input")));
  EXPECT_EQ(back.pointer("/contents/0/parts/0/thoughtSignature")->as_string(), "SIG");
}

TEST(Proofs, MarksThatAreNoneAreTheClientsOwn) {
  for (const std::string_view mark :
       {"sighter:", "sighter:gemini", "sighter:nobody:previous:x", "sighter:gemini:previous-x:y",
        "sighter:gemini:previous-99999999999999999999:y", "sighter:gemini:previous-7:y"}) {
    const std::string body = fmt::format(
        R"({{"model":"m","input":[{{"type":"function_call","call_id":"a","name":"f","arguments":"{{}}"}},{{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"{}"}}]}})",
        mark);
    const ChatRequest request =
        codec_of(Dialect::kOpenAiResponses)->decode_request(parse(body)).value();
    EXPECT_EQ(request.messages.at(0).content.at(0).signature, "") << mark;
  }
}

TEST(Proofs, ABodyWithOneIsNotRelayed) {
  for (const Dialect front : {Dialect::kOpenAiResponses, Dialect::kAnthropic}) {
    for (const bool marked : {false, true}) {
      const Case one = cases()[0];
      const std::string body =
          marked ? next_body(front, whole_turn(front, one)) : std::string(R"({"model":"m"})");
      const Envelope envelope = Envelope::scan(body).value();
      EXPECT_EQ(relayable(front, body, envelope, quirks_of("openai")), !marked);
    }
  }
}

// Thoughts that nobody signed, of every dialect that has them, and those of the program itself.
std::vector<Case> unsigned_cases() {
  return {
      {Dialect::kOpenAiChat,
       R"({"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"t","reasoning_content":"THOUGHT"},"finish_reason":"stop"}]})",
       {}},
      {Dialect::kGemini,
       R"({"candidates":[{"content":{"role":"model","parts":[{"text":"THOUGHT","thought":true},{"text":"t"}]},"finishReason":"STOP","index":0}],"responseId":"r"})",
       {}},
      {Dialect::kBedrock,
       R"({"output":{"message":{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"THOUGHT"}}},{"text":"t"}]}},"stopReason":"end_turn"})",
       {}},
      {Dialect::kOpenAiResponses,
       R"({"id":"resp_1","object":"response","status":"completed","output":[{"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"THOUGHT"}]},{"id":"m","type":"message","role":"assistant","status":"completed","content":[{"type":"output_text","text":"t","annotations":[]}]}]})",
       {}}};
}

void reaches_none(Dialect front, const Json& turn) {
  const std::string body = next_body(front, turn);
  EXPECT_FALSE(relayable(front, body, Envelope::scan(body).value(), quirks_of("vllm"))) << body;
  const ChatRequest request = codec_of(front)->decode_request(parse(body)).value();
  const Dialect own =
      front == Dialect::kAnthropic ? Dialect::kAnthropic : Dialect::kOpenAiResponses;
  const Encoded there = codec_of(own)->encode_request(request, {}).value();
  EXPECT_EQ(there.body.find("THOUGHT"), there.body.npos) << there.body;
  EXPECT_EQ(there.body.find("sighter:"), there.body.npos) << there.body;
  EXPECT_EQ(there.approximated, std::vector<std::string>{"messages.content.thinking"});
}

TEST(Proofs, ThoughtsWithoutOneReachNoProviderAsItsOwn) {
  for (const Case& one : unsigned_cases()) {
    for (const Dialect front : {Dialect::kOpenAiResponses, Dialect::kAnthropic}) {
      if (front == one.upstream) continue;
      SCOPED_TRACE(fmt::format("{} through {}", to_string(one.upstream), to_string(front)));
      reaches_none(front, whole_turn(front, one));
      reaches_none(front, streamed_turn(front, deltas_of(read(one))));
    }
  }
  ChatReply local{.id = "l", .model = "m"};  // a local model's
  local.choices.emplace_back();
  local.choices[0].message.content = {Block(Thinking{.text = "THOUGHT"}), Block(Text{.text = "t"})};
  for (const Dialect front : {Dialect::kOpenAiResponses, Dialect::kAnthropic}) {
    reaches_none(front, turn_of(front, parse(codec_of(front)->encode_reply(local, {}).body)));
    reaches_none(front, streamed_turn(front, deltas_of(local)));
  }
}

// A server that signs nothing is given its model's thoughts again, as it said them.
TEST(Proofs, ThoughtsWithoutOneComeBackToServersOfChat) {
  for (const Dialect front : {Dialect::kOpenAiResponses, Dialect::kAnthropic}) {
    const Json turn = whole_turn(front, unsigned_cases()[0]);
    const ChatRequest request =
        codec_of(front)->decode_request(parse(next_body(front, turn))).value();
    const std::string back = codec_of(Dialect::kOpenAiChat)
                                 ->encode_request(request, {.quirks = &quirks_of("deepseek")})
                                 .value()
                                 .body;
    EXPECT_NE(back.find(R"("reasoning_content":"THOUGHT")"), back.npos) << back;
  }
}

// Another server of Messages may sign nothing; Anthropic takes signed thoughts alone.
TEST(Proofs, AnthropicIsSentNoThoughtThatNobodySigned) {
  const std::string body =
      R"({"model":"m","max_tokens":5,"messages":[{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"thinking","thinking":"h","signature": ""},{"type":"text","text":"t"}]},{"role":"user","content":"r"}]})";
  const Envelope envelope = Envelope::scan(body).value();
  const Quirks& anthropic = quirks_of("anthropic");
  EXPECT_FALSE(relayable(Dialect::kAnthropic, body, envelope, anthropic));
  EXPECT_TRUE(relayable(Dialect::kAnthropic, body, envelope, quirks_of("deepseek")));
  const ChatRequest request = codec_of(Dialect::kAnthropic)->decode_request(parse(body)).value();
  const Encoded sent =
      codec_of(Dialect::kAnthropic)->encode_request(request, {.quirks = &anthropic}).value();
  EXPECT_EQ(sent.body.find("thinking"), sent.body.npos) << sent.body;
  EXPECT_EQ(sent.approximated, std::vector<std::string>{"messages.content.thinking"});
}

TEST(Proofs, CitationsMadeOfAnothersAreSentToNone) {
  constexpr std::string_view kCited =
      R"({"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"t","annotations":[{"type":"url_citation","url_citation":{"url":"https://x","title":"T","start_index":0,"end_index":1}}]},"finish_reason":"stop"}]})";
  const Json turn = whole_turn(Dialect::kAnthropic, {Dialect::kOpenAiChat, kCited, {}});
  EXPECT_NE(json_write(turn).find("https://x"), std::string::npos);
  const std::string body = next_body(Dialect::kAnthropic, turn);
  EXPECT_FALSE(
      relayable(Dialect::kAnthropic, body, Envelope::scan(body).value(), quirks_of("vllm")));
  const ChatRequest request = codec_of(Dialect::kAnthropic)->decode_request(parse(body)).value();
  const Encoded sent = codec_of(Dialect::kAnthropic)->encode_request(request, {}).value();
  EXPECT_EQ(sent.body.find("citation"), sent.body.npos) << sent.body;
  EXPECT_EQ(sent.approximated, std::vector<std::string>{"messages.content.citations"});
}

// A reasoning item of two parts is proven by one proof, and is one item again.
TEST(Proofs, PartsOfAReasoningItemComeBackAsOneItem) {
  constexpr std::string_view kParts =
      R"({"id":"resp_1","object":"response","status":"completed","model":"m","output":[{"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"s1"},{"type":"summary_text","text":"s2"}],"encrypted_content":"ENC"},{"id":"m","type":"message","role":"assistant","status":"completed","content":[{"type":"output_text","text":"t","annotations":[]}]}]})";
  const Case one{Dialect::kOpenAiResponses, kParts, {}};
  for (const Dialect front : {Dialect::kAnthropic, Dialect::kOpenAiChat}) {
    for (const Json& turn : {whole_turn(front, one), streamed_turn(front, deltas_of(read(one)))}) {
      const Json back = parse(said_to(Dialect::kOpenAiResponses, front, turn));
      EXPECT_EQ(
          json_write(*back.pointer("/input/0")),
          R"({"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"s1"},{"type":"summary_text","text":"s2"}],"encrypted_content":"ENC"})")
          << to_string(front) << json_write(turn);
      EXPECT_EQ(back.pointer("/input")->as_array().size(), 2u) << json_write(back);
    }
  }
}

// OpenAI and Azure take neither thoughts nor proofs of others in Chat Completions.
TEST(Proofs, OpenAiIsSentNoThoughtsOfOthersInChat) {
  const std::string body =
      R"({"model":"m","messages":[{"role":"assistant","content":"t","reasoning_content":"h","reasoning_details":[{"type":"reasoning.text","text":"h","signature":"S","format":"anthropic-claude-v1"}],"tool_calls":[{"id":"t","type":"function","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"TS"}}}]}]})";
  const std::string call =
      R"({"model":"m","messages":[{"role":"assistant","content":"t","tool_calls":[{"id":"t","type":"function","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"TS"}}}]}]})";
  const ChatRequest request = codec_of(Dialect::kOpenAiChat)->decode_request(parse(body)).value();
  const auto sent = [&](std::string_view provider) {
    return codec_of(Dialect::kOpenAiChat)
        ->encode_request(request, {.quirks = &quirks_of(provider)})
        .value();
  };
  for (const std::string_view provider : {"openai", "azure"}) {
    for (const std::string& one : {body, call})
      EXPECT_FALSE(
          relayable(Dialect::kOpenAiChat, one, Envelope::scan(one).value(), quirks_of(provider)));
    const Encoded there = sent(provider);
    EXPECT_EQ(there.body.find("reasoning"), there.body.npos) << there.body;
    EXPECT_EQ(there.body.find("TS"), there.body.npos) << there.body;
    EXPECT_EQ(there.approximated, (std::vector<std::string>{"messages.content.thinking",
                                                            "messages.content.signature"}));
  }
  EXPECT_NE(sent("openrouter").body.find("\"S\""), std::string::npos);
  EXPECT_NE(sent("gemini-openai").body.find("TS"), std::string::npos);
}

// The mark of another block in a thought that has words: the words are a thought's, and no more.
TEST(Proofs, AMarkBesideWordsProvesNothing) {
  const std::string body =
      R"({"model":"m","input":[{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"s"}],"content":[{"type":"reasoning_text","text":"th"}],"encrypted_content":"sighter:gemini:previous:TS1"},{"type":"function_call","call_id":"a","name":"f","arguments":"{}"}]})";
  const std::string there =
      said_to(Dialect::kOpenAiResponses, Dialect::kOpenAiResponses, *parse(body).find("input"));
  EXPECT_EQ(there.find("TS1"), there.npos) << there;
}

}  // namespace
}  // namespace sighter::wire
