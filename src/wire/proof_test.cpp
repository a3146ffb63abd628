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

}  // namespace
}  // namespace sighter::wire
