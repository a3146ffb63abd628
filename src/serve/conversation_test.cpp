// What a request of a dialect says to the program itself.

#include "base/limits.hpp"
#include "serve/door_test.hpp"

namespace sighter::serve {
namespace {

class ConversationTest : public DoorTest {};

// As the SDKs' extra_body sends it; it goes no further, relayed or translated.
TEST_F(ConversationTest, ABodyMaySayWhatCanBeLeftOut) {
  const std::string asked =
      R"("messages":[{"role":"user","content":"x"}],"seed":1,"allow_drop":["seed"])";
  upstream.add(sighter::testing::reply_json(
      R"({"id":"m1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}})"));
  const io::HttpReply translated =
      ask("POST", "/v1/chat/completions", R"({"model":"ant/m",)" + asked + "}");
  EXPECT_EQ(translated.status, 200) << translated.body;
  EXPECT_EQ(translated.headers.get("x-sighter-dropped"), "seed");
  const io::HttpReply relayed =
      ask("POST", "/v1/chat/completions", R"({"model":"m",)" + asked + "}");
  EXPECT_EQ(relayed.status, 200) << relayed.body;
  for (const auto& seen : upstream.requests())
    EXPECT_EQ(seen.body.find("allow_drop"), seen.body.npos) << seen.body;
  EXPECT_NE(upstream.requests().back().body.find(R"("seed":1)"), std::string::npos);
  for (const char* wrong : {R"("seed")", "[1]", "{}"}) {
    const io::HttpReply reply =
        ask("POST", "/v1/chat/completions",
            fmt::format(R"({{"model":"m","messages":[],"allow_drop":{}}})", wrong));
    EXPECT_EQ(reply.status, 400) << wrong;
  }
}

TEST_F(ConversationTest, SeveralLinesOfAHeaderAreOneList) {
  io::Headers headers;
  headers.add("anthropic-beta", "one-2025");
  headers.add("anthropic-beta", "two-2025");
  headers.add("x-sighter-allow-drop", "top_k");
  headers.add("x-sighter-allow-drop", "stop_sequences");
  upstream.add(sighter::testing::reply_json(
      R"({"id":"m1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}})"));
  const std::string body =
      R"({"model":"MODEL","max_tokens":5,"top_k":3,"messages":[{"role":"user","content":"x"}]})";
  const auto for_model = [&](std::string_view model) {
    std::string out = body;
    return out.replace(out.find("MODEL"), 5, model);
  };
  EXPECT_EQ(ask("POST", "/v1/messages", for_model("ant/m"), headers).status, 200);
  EXPECT_EQ(upstream.requests().back().headers.get("anthropic-beta"), "one-2025, two-2025");
  const io::HttpReply translated = ask("POST", "/v1/messages", for_model("m"), headers);
  EXPECT_EQ(translated.status, 200) << translated.body;
}

// A tree of many small messages takes far more memory and time than their text.
TEST_F(ConversationTest, AConversationOfTooManyPiecesIsTooLarge) {
  std::string messages;
  while (messages.size() < 30 * limits::kConversationValuesMax / 3)
    messages += R"({"role":"user","content":"x"},)";
  messages += R"({"role":"user","content":"x"})";
  const io::HttpReply reply =
      ask("POST", "/v1/chat/completions", R"({"model":"ant/m","messages":[)" + messages + "]}");
  EXPECT_EQ(reply.status, 413) << reply.body;
  EXPECT_EQ(
      ask("POST", "/v1/chat/completions", R"({"model":"m","messages":[)" + messages + "]}").status,
      200);
}

}  // namespace
}  // namespace sighter::serve
