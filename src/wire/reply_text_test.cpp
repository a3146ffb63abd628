#include "wire/reply_text.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "base/json.hpp"
#include "wire/codec.hpp"
#include "wire/openai_chat_facts.hpp"

namespace sighter::wire {
namespace {

std::optional<std::string> text(std::string_view body) {
  const std::optional<openai_chat::ChatFacts> facts = openai_chat::facts_of(body);
  if (!facts || !facts->choice || !facts->text) return std::nullopt;
  return reply_text(*facts->text);
}

std::optional<std::string> of_message(std::string_view message) {
  return text(fmt::format(R"({{"id":"c","choices":[{{"message":{}}}]}})", message));
}

TEST(ReplyText, IsThatOfTheOnlyChoice) {
  constexpr std::string_view kReply = R"( { "choices0" : [{"message":{"content":"not"}}] ,
    "id":"c\"}", "n":-1.5e3 , "choices" : [ { "index" : 0, "logprobs":{"content":["}]"]},
      "message" : { "role":"assistant" ,"refusal":null, "content" : "a {[,: text" ,"tool_calls":[] },
      "finish_reason":"stop" } ] , "usage":{} } )";
  EXPECT_EQ(text(kReply), "\"a {[,: text\"");
}

TEST(ReplyText, IsWrittenWithTheEscapesOfTheHouse) {
  EXPECT_EQ(of_message(R"({"content":"a\n\"b\"\\"})"), R"("a\n\"b\"\\")");
  EXPECT_EQ(of_message(R"({"content":"\u0041\/\u00e9\u001f"})"), "\"A/\xc3\xa9\\u001f\"");
}

TEST(ReplyText, IsEmptyWhereNothingIsSaid) {
  EXPECT_EQ(of_message(R"({"role":"assistant","content":null,"refusal":null})"), "\"\"");
  EXPECT_EQ(of_message("{}"), "\"\"");
}

TEST(ReplyText, IsLeftToTheDecoderWhereThereIsMoreThanText) {
  for (const std::string_view message : {
           R"({"content":[{"type":"text","text":"a"}]})",
           R"({"content":"a","tool_calls":[{"id":"1"}]})",
           R"({"content":"a","function_call":{"name":"f"}})",
           R"({"role":"tool","content":"a"})",
           R"({"role":"assistant","content":null,"refusal":"no"})",
           R"({"content":"a","reasoning_content":"b"})",
           R"({"content":"a","annotations":[{"type":"url_citation"}]})",
           R"({"content":null,"audio":{"transcript":"b"}})",
           R"({"cont\u0065nt":"a"})",
           R"("a")",
       }) {
    EXPECT_FALSE(of_message(message)) << message;
  }
  EXPECT_FALSE(text(R"({"choices":[{"message":{"content":"a"}},{"message":{"content":"b"}}]})"));
  EXPECT_FALSE(text(R"({"choices":[]})"));
  EXPECT_FALSE(text(R"({"choices":[{"index":0}]})"));
  EXPECT_FALSE(text(R"({"content":[{"type":"text","text":"a"}]})"));
}

TEST(ReplyText, StaysInsideOfATextThatIsCut) {
  constexpr std::string_view kReply =
      R"({"choices":[{"message":{"content":"abcdefghijklmnop\"qr"},"a":[{"b":1}],"c":2}]})";
  ASSERT_TRUE(text(kReply));
  for (std::size_t size = 0; size + 2 < kReply.size(); ++size) {
    const std::string cut(kReply.substr(0, size));  // of its own, so that a read behind it is seen
    EXPECT_FALSE(text(cut)) << cut;
  }
  EXPECT_FALSE(text("{]"));
  EXPECT_FALSE(text(R"({"a":}})"));
}

TEST(ReplyText, IsWhatTheDecoderFindsInRecordedReplies) {
  std::ifstream file(SIGHTER_SOURCE_DIR "/../shared/data/recorded_replies/openai_chat.jsonl");
  if (!file) GTEST_SKIP() << "no recorded exchanges";
  int found = 0;
  for (std::string line; std::getline(file, line);) {
    const Result<Json> exchange = json_parse(line);
    ASSERT_TRUE(exchange);
    const Json* response = exchange->find("response");
    if (response == nullptr || !response->is_object()) continue;
    const std::optional<std::string> read = text(json_write(*response));
    if (!read) continue;
    ++found;
    const Result<ChatReply> reply =
        codec_of(Dialect::kOpenAiChat)->decode_reply(*response, nullptr);
    ASSERT_TRUE(reply);
    ASSERT_EQ(reply->choices.size(), 1u);
    EXPECT_EQ(*read, json_quote(reply->text()));
    for (const Block& block : reply->choices.front().message.content)
      EXPECT_EQ(block.as<ToolCall>(), nullptr);
  }
  EXPECT_GT(found, 30);
}

}  // namespace
}  // namespace sighter::wire
