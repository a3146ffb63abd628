// Legacy Completions over conversations: what is lost on the way is told.

#include <gmock/gmock.h>

#include "serve/door_test.hpp"

namespace sighter::serve {
namespace {

using ::testing::HasSubstr;

std::string event(const std::string& data) {
  return "data: " + data + "\n\n";
}

TEST_F(DoorTest, WhatACompletionLosesOfItsReplyIsTold) {
  upstream.add(sighter::testing::reply_json(
      R"({"id":"m1","type":"message","role":"assistant","model":"c","content":[{"type":"thinking","thinking":"so","signature":"s"},{"type":"server_tool_use","id":"s","name":"web_search","input":{}},{"type":"text","text":"good"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2}})"));
  const io::HttpReply reply = ask("POST", "/v1/completions", R"({"model":"ant/c","prompt":"x"})");
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.headers.get("x-sighter-dropped"), "messages.content.tool_use");
  EXPECT_EQ(reply.headers.get("x-sighter-approximated"), "messages.content.thinking");
  const std::string call(reply.headers.get("x-sighter-call").value_or(""));
  EXPECT_THAT(ask("GET", "/v1/calls/" + call).body,
              HasSubstr(R"("dropped":["messages.content.tool_use"])"));
}

TEST_F(DoorTest, WhatAStreamOfCompletionsLosesIsToldAtItsEnd) {
  upstream.add(sighter::testing::reply_stream(
      {event(
           R"({"type":"message_start","message":{"id":"m1","type":"message","role":"assistant","model":"c","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}})"),
       event(
           R"({"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"s","name":"web_search","input":{}}})"),
       event(R"({"type":"content_block_stop","index":0})"),
       event(
           R"({"type":"content_block_start","index":1,"content_block":{"type":"text","text":"good"}})"),
       event(R"({"type":"content_block_stop","index":1})"),
       event(
           R"({"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":2}})"),
       event(R"({"type":"message_stop"})")}));
  const io::HttpReply reply =
      ask("POST", "/v1/completions", R"({"model":"ant/c","prompt":"x","stream":true})");
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_TRUE(
      reply.body.ends_with("data: [DONE]\n\n: sighter dropped messages.content.tool_use\n\n"))
      << reply.body;
  const std::string call(reply.headers.get("x-sighter-call").value_or(""));
  EXPECT_THAT(ask("GET", "/v1/calls/" + call).body,
              HasSubstr(R"("dropped":["messages.content.tool_use"])"));
}

}  // namespace
}  // namespace sighter::serve
