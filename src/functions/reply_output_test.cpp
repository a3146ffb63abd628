// What a row keeps of a model's reply.

#include "functions/reply_output.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "wire/codec.hpp"

namespace sighter::functions {
namespace {

std::string output(wire::Dialect dialect, std::string_view body) {
  const Result<Json> json = json_parse(body);
  CHECK(json.has_value());
  const Result<wire::ChatReply> reply = wire::codec_of(dialect)->decode_reply(*json, nullptr);
  CHECK(reply.has_value());
  return json_write(reply_as_output(*reply));
}

std::string of_chat(std::string_view message) {
  return output(
      wire::Dialect::kOpenAiChat,
      fmt::format(R"({{"choices":[{{"index":0,"message":{},"finish_reason":"stop"}}]}})", message));
}

std::string of_anthropic(std::string_view content) {
  return output(
      wire::Dialect::kAnthropic,
      fmt::format(
          R"({{"id":"m","type":"message","role":"assistant","model":"m","content":{},"stop_reason":"end_turn","stop_sequence":null,"usage":{{"input_tokens":3,"output_tokens":2}}}})",
          content));
}

TEST(ReplyOutput, IsTheTextWhereThatIsAll) {
  EXPECT_EQ(of_chat(R"({"role":"assistant","content":"hi","refusal":null})"), R"("hi")");
  EXPECT_EQ(of_anthropic(R"([{"type":"text","text":"hi"}])"), R"("hi")");
  EXPECT_EQ(of_chat(R"({"role":"assistant","content":""})"), R"("")");
}

// Thoughts of which a provider shows nothing say nothing.
TEST(ReplyOutput, IsTheTextBesideEmptyThoughts) {
  EXPECT_EQ(
      of_anthropic(
          R"([{"type":"thinking","thinking":"","signature":"S"},{"type":"text","text":"a"}])"),
      R"("a")");
  EXPECT_EQ(of_chat(R"({"role":"assistant","content":"hi","reasoning_content":""})"), R"("hi")");
}

TEST(ReplyOutput, HoldsRefusals) {
  EXPECT_EQ(of_chat(R"({"role":"assistant","content":null,"refusal":"no"})"),
            R"({"content":"","refusal":"no"})");
}

TEST(ReplyOutput, HoldsToolCalls) {
  EXPECT_EQ(
      of_chat(
          R"({"role":"assistant","content":null,"tool_calls":[{"id":"t","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"u","type":"custom","custom":{"name":"g","input":"x"}}]})"),
      R"({"content":"","tool_calls":[{"id":"t","name":"f","arguments":"{}"},{"id":"u","name":"g","arguments":"x","kind":"custom"}]})");
}

TEST(ReplyOutput, HoldsThoughts) {
  EXPECT_EQ(of_chat(R"({"role":"assistant","content":"a","reasoning_content":"so"})"),
            R"({"content":"a","thinking":[{"text":"so"}]})");
  EXPECT_EQ(
      of_anthropic(
          R"([{"type":"thinking","thinking":"so","signature":"S"},{"type":"redacted_thinking","data":"D"},{"type":"text","text":"a"}])"),
      R"({"content":"a","thinking":[{"text":"so","signature":"S"},{"text":"","kind":"redacted","data":"D"}]})");
}

TEST(ReplyOutput, HoldsWhatWasSpokenWithoutItsBytes) {
  EXPECT_EQ(
      of_chat(
          R"({"role":"assistant","content":null,"audio":{"id":"a","data":"AAAA","transcript":"hi","expires_at":1}})"),
      R"({"content":"","media":[{"kind":"audio","file_id":"a","transcript":"hi","sha256":")" +
          hex(sha256("AAAA")) + R"(","bytes":4}]})");
}

TEST(ReplyOutput, HoldsSources) {
  EXPECT_EQ(
      of_chat(
          R"({"role":"assistant","content":"a","annotations":[{"type":"url_citation","url_citation":{"url":"http://u","title":"t","start_index":0,"end_index":1}}]})"),
      R"({"content":"a","citations":[{"block":0,"url":"http://u","title":"t","start":0,"end":1,"raw":{"type":"url_citation","url_citation":{"url":"http://u","title":"t","start_index":0,"end_index":1}}}]})");
}

TEST(ReplyOutput, KeepsTextsApartAndInTheirOrder) {
  EXPECT_EQ(
      of_anthropic(
          R"([{"type":"text","text":"A"},{"type":"tool_use","id":"t","name":"f","input":{"x":1}},{"type":"text","text":"B"}])"),
      R"({"content":["A","B"],"tool_calls":[{"id":"t","name":"f","arguments":"{\"x\":1}"}],"order":["content","tool_calls","content"]})");
  EXPECT_EQ(of_anthropic(R"([{"type":"text","text":"A"},{"type":"text","text":"B"}])"),
            R"({"content":["A","B"]})");
}

TEST(ReplyOutput, OfSeveralChoicesIsAList) {
  EXPECT_EQ(
      output(
          wire::Dialect::kOpenAiChat,
          R"({"choices":[{"index":0,"message":{"role":"assistant","content":"a"},"finish_reason":"stop"},{"index":1,"message":{"role":"assistant","content":null,"refusal":"no"},"finish_reason":"stop"}]})"),
      R"(["a",{"content":"","refusal":"no"}])");
}

TEST(ReplyOutput, OfADialectsOwnPartsHoldsThemAsTheyAre) {
  const std::string kept = of_anthropic(R"([{"type":"text","text":"a"},{"type":"new","x":1}])");
  EXPECT_EQ(kept, R"({"content":"a","other":[{"type":"new","json":{"type":"new","x":1}}]})");
}

// All texts that the output holds, at any depth.
void collect(const Json& json, std::set<std::string>& texts) {
  if (json.is_string()) texts.insert(json.as_string());
  if (json.is_array()) {
    for (const Json& item : json.as_array()) collect(item, texts);
  }
  if (json.is_object()) {
    for (const auto& [name, value] : json.as_object()) collect(value, texts);
  }
}

// What a block says to somebody, and must not be lost.
std::string said_by(const wire::Block& block) {
  if (const auto* text = block.as<wire::Text>()) return text->text;
  if (const auto* thinking = block.as<wire::Thinking>()) return thinking->text + thinking->data;
  if (const auto* call = block.as<wire::ToolCall>()) return call->arguments;
  if (const auto* refusal = block.as<wire::Refusal>()) return refusal->text;
  return "";
}

TEST(ReplyOutput, LosesNothingThatRecordedRepliesSay) {
  int replies = 0, plain = 0;
  for (const auto& [name, dialect] : {std::pair("openai_chat", wire::Dialect::kOpenAiChat),
                                      {"compatible_chat", wire::Dialect::kOpenAiChat},
                                      {"anthropic", wire::Dialect::kAnthropic},
                                      {"openai_responses", wire::Dialect::kOpenAiResponses},
                                      {"gemini", wire::Dialect::kGemini},
                                      {"bedrock", wire::Dialect::kBedrock}}) {
    std::ifstream file(
        fmt::format("{}/../shared/data/recorded_replies/{}.jsonl", SIGHTER_SOURCE_DIR, name));
    if (!file) GTEST_SKIP() << "no recorded exchanges";
    for (std::string line; std::getline(file, line);) {
      const Result<Json> exchange = json_parse(line);
      ASSERT_TRUE(exchange);
      const Json* response = exchange->find("response");
      if (response == nullptr || !response->is_object()) continue;
      const Result<wire::ChatReply> reply =
          wire::codec_of(dialect)->decode_reply(*response, nullptr);
      if (!reply) continue;
      ++replies;
      const Json kept = reply_as_output(*reply);
      std::set<std::string> texts{""};
      collect(kept, texts);
      std::size_t blocks = 0;
      for (const wire::Choice& choice : reply->choices) {
        for (const wire::Block& block : choice.message.content) {
          const std::string said = said_by(block);
          blocks += said.empty() ? 0 : 1;
          EXPECT_TRUE(texts.contains(said)) << name << ": " << said;
        }
      }
      if (!kept.is_string()) continue;
      ++plain;
      EXPECT_LE(blocks, 1u) << name << ": " << kept.as_string();
    }
  }
  EXPECT_GT(replies, 500);
  EXPECT_GT(plain, 200);
}

TEST(ReplyOutput, HasWordsForPeople) {
  const auto words = [](std::string_view json) {
    return json_write(words_of_output(*json_parse(json)));
  };
  EXPECT_EQ(words(R"("a")"), R"("a")");
  EXPECT_EQ(words(R"({"content":"a","thinking":[{"text":"so"}]})"), R"("a")");
  EXPECT_EQ(words(R"({"content":["a","b"]})"), R"("ab")");
  EXPECT_EQ(words(R"({"content":"","refusal":"no"})"), R"("no")");
  EXPECT_EQ(words(R"({"content":"","tool_calls":[]})"), R"({"content":"","tool_calls":[]})");
  EXPECT_EQ(words(R"({"content":"","media":[]})"), R"({"content":"","media":[]})");
}

}  // namespace
}  // namespace sighter::functions
