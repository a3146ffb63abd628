#include "models/prefix.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sighter::models {
namespace {

std::uint64_t of(const std::string& body) {
  const Result<wire::Envelope> envelope = wire::Envelope::scan(body);
  EXPECT_TRUE(envelope) << body;
  return envelope ? conversation_of(body, *envelope) : 0;
}

TEST(Prefix, ALaterTurnBeginsTheSame) {
  const std::string first =
      R"({"model":"m","messages":[{"role":"system","content":"be brief"},{"role":"user","content":"hi"}]})";
  const std::string later =
      R"({"messages": [ {"content":"be brief","role":"system"}, {"role": "user", "content": "hi"},
         {"role":"assistant","content":"hello"},{"role":"user","content":"more"}], "model":"other"})";
  const std::string same_order =
      R"({"messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"},
         {"role":"assistant","content":"hello"},{"role":"user","content":"more"}], "model":"other"})";
  EXPECT_EQ(of(first), of(same_order));
  EXPECT_NE(of(first), of(later)) << "a client that writes in another order is another client";
  EXPECT_NE(of(first), 0u);
}

TEST(Prefix, WithoutASystemPromptItEndsWithTheFirstMessage) {
  EXPECT_EQ(
      of(R"({"messages":[{"role":"user","content":"hi"}]})"),
      of(R"({"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"x"}]})"));
}

TEST(Prefix, AnotherBeginningIsAnotherConversation) {
  const std::uint64_t one = of(R"({"system":"a","messages":[{"role":"user","content":"hi"}]})");
  EXPECT_NE(one, of(R"({"system":"b","messages":[{"role":"user","content":"hi"}]})"));
  EXPECT_NE(one, of(R"({"system":"a","messages":[{"role":"user","content":"ho"}]})"));
}

TEST(Prefix, CacheMarksDoNotCount) {
  EXPECT_EQ(
      of(R"({"messages":[{"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral","ttl":"1h"}}]}]})"),
      of(R"({"messages":[{"role":"user","content":[{"type":"text","text":"a"}]}]})"));
}

TEST(Prefix, BracketsAndQuotesInTextAreText) {
  EXPECT_EQ(
      of(R"({"messages":[{"content":"]}\"{,","role":"user"},{"role":"assistant","content":"x"}]})"),
      of(R"({"messages":[{"content":"]}\"{,","role":"user"},{"role":"assistant","content":"y"}]})"));
}

TEST(Prefix, ResponsesAndGeminiHaveOne) {
  EXPECT_NE(of(R"({"input":"hello"})"), of(R"({"input":"other"})"));
  EXPECT_EQ(
      of(R"({"instructions":"i","input":[{"role":"user","content":"a"}]})"),
      of(R"({"instructions":"i","input":[{"role":"user","content":"a"},{"type":"message"}]})"));
  EXPECT_EQ(of(R"({"contents":[{"role":"user","parts":[{"text":"a"}]}]})"),
            of(R"({"contents":[{"role":"user","parts":[{"text":"a"}]},{"role":"model"}]})"));
}

TEST(Prefix, OddShapesEnd) {
  for (const char* body : {R"({"messages":[]})", R"({"messages":null})", R"({"messages":{}})",
                           R"({"messages":[1,[2],"x",{"role":1}]})", R"({"messages":"\\"})"})
    EXPECT_NE(of(body), 0u) << body;
  EXPECT_EQ(of(R"({"model":"m"})"), 0u);
}

TEST(Prefix, OfARequestThatWasMadeHere) {
  wire::ChatRequest request;
  EXPECT_EQ(conversation_of(request), 0u);
  request.messages.push_back(wire::Message::text(wire::Role::kSystem, "s"));
  request.messages.push_back(wire::Message::text(wire::Role::kUser, "u"));
  const std::uint64_t first = conversation_of(request);
  request.messages.push_back(wire::Message::text(wire::Role::kAssistant, "a"));
  EXPECT_EQ(conversation_of(request), first);
  request.messages[0] = wire::Message::text(wire::Role::kSystem, "t");
  EXPECT_NE(conversation_of(request), first);
}

}  // namespace
}  // namespace sighter::models
