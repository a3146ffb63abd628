// The whole door in one process: its own cores and a store whose writer waits, an upstream that
// follows a script.

#include "serve/door_test.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "serve/multipart.hpp"
#include "serve/openapi.hpp"
#include "serve/routes.hpp"
#include "text/schema.hpp"

namespace sighter::serve {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(DoorTest, EachLookUpByIdFindsItsCallWhileTheWriterWaits) {
  const io::HttpReply chat = ask("POST", "/v1/chat/completions",
                                 R"({"model":"m","messages":[{"role":"user","content":"x"}]})");
  const io::HttpReply applied = ask("POST", "/v1/functions/talk", R"({"input":"x"})");
  EXPECT_EQ(rows->writer().committed_rows, 0);
  for (const io::HttpReply* reply : {&chat, &applied}) {
    const std::string id(reply->headers.get("x-sighter-call").value_or(""));
    EXPECT_EQ(ask("GET", "/v1/calls/" + id).status, 200) << reply->body;
  }
  EXPECT_EQ(rows->writer().committed_rows, 0);
  const Json response = json(ask("POST", "/v1/responses", R"({"model":"m","input":"x"})"));
  EXPECT_GT(rows->writer().committed_rows, 0) << "its client finds it whatever happens to us";
  const std::string* id = response.find_string("id");
  ASSERT_NE(id, nullptr);
  EXPECT_EQ(ask("GET", "/v1/responses/" + *id).status, 200);
  const io::HttpReply next =
      ask("POST", "/v1/responses",
          fmt::format(R"({{"model":"m","input":"y","previous_response_id":"{}"}})", *id));
  EXPECT_EQ(next.status, 200) << next.body;
  // Feedback finds its call before it is on the disk.
  const std::string call(applied.headers.get("x-sighter-call").value_or(""));
  EXPECT_EQ(
      ask("POST", "/v1/feedback", fmt::format(R"({{"call":"{}","metric":"m","value":1}})", call))
          .status,
      200);
}

TEST_F(DoorTest, FeedbackFindsATraceOfAClientInTheQueue) {
  const std::string trace = shared->next_id().to_string();
  const io::HttpReply applied =
      ask("POST", "/v1/functions/talk", fmt::format(R"({{"input":"x","trace":"{}"}})", trace));
  ASSERT_EQ(applied.status, 200) << applied.body;
  EXPECT_EQ(rows->writer().committed_rows, 0);
  EXPECT_EQ(
      ask("POST", "/v1/feedback", fmt::format(R"({{"trace":"{}","metric":"m","value":1}})", trace))
          .status,
      200);
  const std::string other = shared->next_id().to_string();
  const io::HttpReply unknown =
      ask("POST", "/v1/feedback", fmt::format(R"({{"trace":"{}","metric":"m","value":1}})", other));
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(json(unknown).pointer("/error/kind")->as_string(), "not_found");
}

// What a reply loses on its way into the client's dialect is told in the header and on the row.
TEST_F(DoorTest, WhatAWholeReplyLosesIsTold) {
  upstream.add(sighter::testing::reply_json(
      R"({"id":"msg_1","type":"message","role":"assistant","model":"c","content":[{"type":"server_tool_use","id":"s","name":"web_search","input":{}},{"type":"text","text":"good"}],"stop_reason":"pause_turn","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":2}})"));
  const io::HttpReply reply =
      ask("POST", "/v1/chat/completions",
          R"({"model":"ant/c","messages":[{"role":"user","content":"x"}]})");
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.headers.get("x-sighter-dropped"), "messages.content.server_tool_use");
  EXPECT_EQ(reply.headers.get("x-sighter-approximated"), "choices.finish_reason");
  const std::string call(reply.headers.get("x-sighter-call").value_or(""));
  const io::HttpReply row = ask("GET", "/v1/calls/" + call);
  EXPECT_THAT(row.body, HasSubstr(R"("dropped":["messages.content.server_tool_use"])"));
  EXPECT_THAT(row.body, HasSubstr(R"("approximated":["choices.finish_reason"])"));
}

TEST_F(DoorTest, WhatAStreamLosesIsTold) {
  const auto event = [](const std::string& data) { return "data: " + data + "\n\n"; };
  upstream.add(sighter::testing::reply_stream(
      {event(
           R"({"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"c","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}})"),
       event(
           R"({"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"s","name":"web_search","input":{}}})"),
       event(R"({"type":"content_block_stop","index":0})"),
       event(
           R"({"type":"content_block_start","index":1,"content_block":{"type":"text","text":"good"}})"),
       event(R"({"type":"content_block_stop","index":1})"),
       event(
           R"({"type":"message_delta","delta":{"stop_reason":"pause_turn","stop_sequence":null},"usage":{"output_tokens":2}})"),
       event(R"({"type":"message_stop"})")}));
  const io::HttpReply reply =
      ask("POST", "/v1/chat/completions",
          R"({"model":"ant/c","stream":true,"messages":[{"role":"user","content":"x"}]})");
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_TRUE(
      reply.body.ends_with("data: [DONE]\n\n: sighter dropped messages.content.server_tool_use\n\n"
                           ": sighter approximated choices.finish_reason\n\n"))
      << reply.body;
  const std::string call(reply.headers.get("x-sighter-call").value_or(""));
  const io::HttpReply row = ask("GET", "/v1/calls/" + call);
  EXPECT_THAT(row.body, HasSubstr(R"("dropped":["messages.content.server_tool_use"])"));
  EXPECT_THAT(row.body, HasSubstr(R"("approximated":["choices.finish_reason"])"));
}

TEST_F(DoorTest, AReplyWithoutAnIdIsGivenOne) {
  upstream.add(sighter::testing::reply_json(
      R"({"type":"message","role":"assistant","model":"c","content":[{"type":"text","text":"good"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2}})"));
  const io::HttpReply reply =
      ask("POST", "/v1/chat/completions",
          R"({"model":"ant/c","messages":[{"role":"user","content":"x"}]})");
  const std::string call(reply.headers.get("x-sighter-call").value_or(""));
  EXPECT_EQ(json(reply).find("id")->as_string(), "chatcmpl-" + call) << reply.body;
}

// An answer that holds none is no answer: neither relayed nor translated.
TEST_F(DoorTest, AReplyWithoutAChoiceIsAnErrorOfTheUpstream) {
  const std::string none =
      R"({"id":"r","object":"chat.completion","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":0,"total_tokens":1}})";
  for (const bool translated : {false, true}) {
    upstream.otherwise([&](const sighter::testing::SeenRequest& seen) {
      const bool stream = seen.body.find("\"stream\":true") != std::string::npos;
      return stream ? sighter::testing::reply_stream({"data: [DONE]\n\n"})
                    : sighter::testing::reply_json(none);
    });
    const std::string path = translated ? "/v1/messages" : "/v1/chat/completions";
    for (const char* stream : {"false", "true"}) {
      const io::HttpReply reply = ask(
          "POST", path,
          fmt::format(
              R"({{"model":"up/m","max_tokens":5,"stream":{},"messages":[{{"role":"user","content":"x"}}]}})",
              stream));
      EXPECT_TRUE(reply.status == 502 || reply.body.find("error") != std::string::npos)
          << path << stream << reply.body;
      EXPECT_THAT(reply.body, Not(HasSubstr("[DONE]")));
      EXPECT_THAT(reply.body, Not(HasSubstr("message_stop")));
      const std::string call(reply.headers.get("x-sighter-call").value_or(""));
      EXPECT_THAT(ask("GET", "/v1/calls/" + call).body, Not(HasSubstr(R"("status":"ok")")));
    }
  }
}

TEST_F(DoorTest, AnErrorWithoutWordsSaysWhoseItIs) {
  upstream.add({step::Reply{404, ""}});
  const io::HttpReply reply = ask("POST", "/v1/chat/completions",
                                  R"({"model":"up/m","messages":[{"role":"user","content":"x"}]})");
  EXPECT_EQ(reply.status, 404);
  EXPECT_EQ(*json(reply).pointer("/error/message"), Json("up answered 404 with an empty body"));
}

TEST_F(DoorTest, AStoredResponseIsReplayedAsEvents) {
  const Json response = json(ask("POST", "/v1/responses", R"({"model":"m","input":"x"})"));
  const std::string path = "/v1/responses/" + *response.find_string("id");
  const io::HttpReply all = ask("GET", path + "?stream=true");
  EXPECT_EQ(all.headers.get("content-type"), "text/event-stream");
  EXPECT_TRUE(all.body.starts_with("event: response.created\n")) << all.body;
  EXPECT_THAT(all.body, HasSubstr("\"delta\":\"good\""));
  EXPECT_THAT(all.body, HasSubstr("event: response.completed\n"));
  EXPECT_THAT(all.body, HasSubstr(*response.find_string("id")));
  const io::HttpReply rest = ask("GET", path + "?stream=true&starting_after=1");
  EXPECT_THAT(rest.body, HasSubstr("\"sequence_number\":2"));
  EXPECT_THAT(rest.body, Not(HasSubstr("\"sequence_number\":1,")));
  EXPECT_TRUE(all.body.ends_with(rest.body));
  EXPECT_EQ(json(ask("GET", path + "?stream=false")).find_string("id") != nullptr, true);
  for (const char* wrong : {"?stream=maybe", "?starting_after=1", "?stream=true&starting_after=x"})
    EXPECT_EQ(ask("GET", path + wrong).status, 400) << wrong;
  EXPECT_EQ(ask("GET", "/v1/responses/resp_none?stream=true").status, 404);
}

TEST_F(DoorTest, CompletionsOfAFunctionNeedNoLimit) {
  const io::HttpReply reply =
      ask("POST", "/v1/completions", R"({"model":"function/talk","prompt":"x"})");
  EXPECT_EQ(reply.status, 200) << reply.body;
  const io::HttpReply limited =
      ask("POST", "/v1/completions", R"({"model":"function/talk","prompt":"x","max_tokens":5})");
  EXPECT_EQ(limited.status, 400) << "what was sent is not dropped in silence";
}

TEST_F(DoorTest, CompletionsAreConversationsWhereTheUpstreamHasNone) {
  const io::HttpReply reply =
      ask("POST", "/v1/completions", R"({"model":"m","prompt":["a","b"],"max_tokens":5})");
  ASSERT_EQ(reply.status, 200) << reply.body;
  const Json answer = json(reply);
  ASSERT_EQ(answer.find("choices")->as_array().size(), 2u);
  EXPECT_EQ(*answer.pointer("/choices/1/text"), Json("good"));
  EXPECT_EQ(*answer.pointer("/usage/prompt_tokens"), Json(20));
  for (const auto& seen : upstream.requests()) EXPECT_EQ(seen.target, "/v1/chat/completions");
  const io::HttpReply streamed =
      ask("POST", "/v1/completions", R"({"model":"m","prompt":"a","stream":true})");
  EXPECT_THAT(streamed.body, HasSubstr("\"text\":\"go\""));
  EXPECT_TRUE(streamed.body.ends_with("data: [DONE]\n\n")) << streamed.body;
  const io::HttpReply refused =
      ask("POST", "/v1/completions", R"({"model":"m","prompt":"a","suffix":"z"})");
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.body, HasSubstr("suffix"));
}

TEST_F(DoorTest, ABrokenStreamOfCompletionsEndsWithAnErrorAndNoEndMark) {
  upstream.add({step::Start{}, step::Chunk{kPiece}, step::Close{}});
  const io::HttpReply reply =
      ask("POST", "/v1/completions", R"({"model":"m","prompt":"a","stream":true})");
  EXPECT_THAT(reply.body, HasSubstr("\"error\""));
  EXPECT_THAT(reply.body, Not(HasSubstr("[DONE]")));
}

TEST_F(DoorTest, CompletionsGoAsTheyAreWhereTheUpstreamHasThem) {
  const std::string text = R"({"id":"c","object":"text_completion","choices":[]})";
  upstream.add(sighter::testing::reply_json(text));
  EXPECT_EQ(ask("POST", "/v1/completions", R"({"model":"up/x","prompt":"a"})").body, text);
  EXPECT_EQ(upstream.requests()[0].target, "/v1/completions");
}

TEST_F(DoorTest, EmbeddingsAreNoStreamWhateverTheirRequestSays) {
  const std::string text = R"({"object":"list","data":[],"model":"m"})";
  upstream.add(sighter::testing::reply_json(text));
  const io::HttpReply reply =
      ask("POST", "/v1/embeddings", R"({"model":"up/x","input":"a","stream":true})");
  EXPECT_EQ(reply.body, text);
}

TEST_F(DoorTest, WhetherAnUpstreamHasCompletionsCanBeSaid) {
  const std::string text = R"({"id":"c","object":"text_completion","choices":[]})";
  upstream.add(sighter::testing::reply_json(text));
  EXPECT_EQ(ask("POST", "/v1/completions", R"({"model":"mistral/x","prompt":"a"})").body, text);
  EXPECT_EQ(upstream.requests()[0].target, "/v1/completions");
  const io::HttpReply reply =
      ask("POST", "/v1/completions", R"({"model":"without/x","prompt":"a"})");
  EXPECT_EQ(*json(reply).pointer("/choices/0/text"), Json("good")) << reply.body;
  EXPECT_EQ(upstream.requests()[1].target, "/v1/chat/completions");
}

// What a provider says with an answer that is passed on; `keeps` of it reaches the client.
const std::vector<std::pair<std::string, std::string>> kSaid{
    {"Content-Disposition", "attachment; filename=\"a.jsonl\""},
    {"Content-Encoding", "gzip"},
    {"Retry-After", "7"},
    {"X-Request-Id", "req_1"},
    {"OpenAI-Processing-MS", "12"},
    {"X-RateLimit-Remaining-Requests", "9"},
};

TEST_F(DoorTest, AnAnswerThatIsPassedOnKeepsWhatAClientNeedsOfItsHeaders) {
  io::Headers said;
  for (const auto& [name, value] : kSaid) said.add(name, value);
  for (const auto& [name, value] :
       {std::pair("Set-Cookie", "a=b"), std::pair("Keep-Alive", "x"),
        std::pair("OpenAI-Organization", "org-of-the-provider"), std::pair("Server", "x")})
    said.add(name, value);
  // Waited for, and passed on in pieces.
  upstream.add({step::Reply{200, "\x1f\x8b", "application/jsonl", said}});
  upstream.add({step::Start{200, "application/jsonl", said}, step::Chunk{"\x1f\x8b"}, step::End{}});
  for (int i = 0; i < 2; ++i) {
    const io::HttpReply reply =
        ask("GET", "/v1/files/f1/content", {}, {{"x-sighter-provider", "up"}});
    EXPECT_EQ(reply.body, "\x1f\x8b");
    for (const auto& [name, value] : kSaid) EXPECT_EQ(reply.headers.get(name), value) << name;
    for (const char* name : {"set-cookie", "keep-alive", "openai-organization", "server"})
      EXPECT_FALSE(reply.headers.has(name)) << name;
  }
}

TEST_F(DoorTest, OtherPathsGoToTheProviderThatIsNamedWithItsOwnCredentials) {
  upstream.add({step::Reply{200, "RIFF\x01", "audio/wav"}});
  const io::HttpReply sound =
      ask("POST", "/v1/audio/speech?x=1", R"({"model":"up/tts","input":"a"})",
          {{"authorization", "Bearer of-the-client"}, {"cookie", "c"}});
  EXPECT_EQ(sound.body, "RIFF\x01");
  EXPECT_EQ(sound.headers.get("content-type"), "audio/wav");
  const auto& seen = upstream.requests()[0];
  EXPECT_EQ(seen.target, "/v1/audio/speech?x=1");
  EXPECT_EQ(seen.body, R"({"model":"tts","input":"a"})");
  EXPECT_EQ(seen.headers.get("authorization"), "Bearer sk-of-the-provider");
  EXPECT_FALSE(seen.headers.has("cookie"));

  upstream.add(sighter::testing::reply_json(R"({"deleted":true})"));
  EXPECT_EQ(ask("DELETE", "/v1/files/file-1", {}, {{"x-sighter-provider", "up"}}).status, 200);
  EXPECT_EQ(upstream.requests()[1].method, "DELETE");
  EXPECT_EQ(upstream.requests()[1].target, "/v1/files/file-1");
}

TEST_F(DoorTest, AFormsModelIsTheOnlyThingThatChangesInIt) {
  upstream.add(sighter::testing::reply_json(R"({"text":"hi"})"));
  const std::string form =
      "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"model\"\r\n\r\nx\r\n--b\r\n"
      "Content-Disposition: form-data; name=\"model\"\r\n\r\n{}\r\n--b--\r\n";
  const io::HttpReply reply =
      ask("POST", "/v1/audio/transcriptions", fmt::format(fmt::runtime(form), "up/whisper"),
          {{"content-type", "multipart/form-data; boundary=b"}});
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(upstream.requests()[0].body, fmt::format(fmt::runtime(form), "whisper"));
  EXPECT_EQ(upstream.requests()[0].headers.get("content-type"), "multipart/form-data; boundary=b");
}

TEST_F(DoorTest, AClientHearsACommentWhileTheUpstreamIsSilent) {
  upstream.add({step::Start{}, step::Chunk{kPiece}, step::Stall{}});
  io::HttpRequest request;
  request.method = "POST";
  request.url = fmt::format("http://127.0.0.1:{}/v1/chat/completions", server->port());
  request.headers.add("content-type", "application/json");
  request.body = R"({"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]})";
  auto opened = loop.run(client.open(std::move(request)));
  ASSERT_TRUE(opened) << opened.error().message();
  const Result<std::string_view> first = loop.run((*opened)->read());
  ASSERT_TRUE(first);
  EXPECT_EQ(*first, kPiece);
  for (int i = 0; i < 2; ++i) {
    const Result<std::string_view> comment = loop.run((*opened)->read());
    ASSERT_TRUE(comment);
    EXPECT_TRUE(comment->starts_with(":")) << *comment;
    EXPECT_TRUE(comment->ends_with("\n\n"));
  }
}

// Before the upstream has said anything at all; what fails then is told as an event.
TEST_F(DoorTest, AClientHearsACommentBeforeTheFirstByteAndAnErrorAfterIt) {
  struct Case {
    const char* path;
    const char* body;
    const char* error;
  };
  const Case cases[] = {
      {"/v1/chat/completions",
       R"({"model":"groq/x","stream":true,"messages":[{"role":"user","content":"x"}]})",
       "data: {\"error\":"},
      {"/v1/messages",
       R"({"model":"groq/x","stream":true,"max_tokens":5,"messages":[{"role":"user","content":"x"}]})",
       "event: error\ndata: {\"type\":\"error\""},
      {"/v1/responses", R"({"model":"groq/x","stream":true,"input":"x"})",
       "event: error\ndata: {\"type\":\"error\",\"sequence_number\":0"},
      {"/v1/completions", R"({"model":"groq/x","stream":true,"prompt":"x"})", "data: {\"error\":"},
  };
  // The whole of a stream whose upstream goes on only after the first comment.
  const auto late = [&](const Case& one) {
    io::HttpRequest request;
    request.method = "POST";
    request.url = fmt::format("http://127.0.0.1:{}{}", server->port(), one.path);
    request.headers.add("content-type", "application/json");
    request.body = one.body;
    auto opened = loop.run(client.open(std::move(request)));
    EXPECT_TRUE(opened && (*opened)->status() == 200);
    if (!opened) return std::string();
    std::string text;
    for (bool first = true;; first = false) {
      const Result<std::string_view> piece = loop.run((*opened)->read());
      if (!piece || piece->empty()) return text;
      text += *piece;
      if (first) loop.advance(std::chrono::seconds(1));
    }
  };
  for (const Case& one : cases) {
    upstream.add({step::Wait{std::chrono::seconds(1)},
                  step::Reply{.status = 400, .body = R"({"error":{"message":"not this"}})"}});
    const std::string text = late(one);
    EXPECT_TRUE(text.starts_with(": still waiting\n\n")) << text;
    EXPECT_NE(text.find(one.error), std::string::npos) << text;
    EXPECT_NE(text.find("not this"), std::string::npos) << text;
    EXPECT_LT(text.find(": x-sighter-call: "), text.find(one.error)) << text;
    EXPECT_EQ(text.find("[DONE]"), std::string::npos);
    EXPECT_NE(text.find(": x-sighter-call: "), std::string::npos) << text;
    EXPECT_NE(text.find(": x-sighter-tried: groq/x invalid"), std::string::npos) << text;
  }
  upstream.add({step::Wait{std::chrono::seconds(1)}, step::Start{}, step::Chunk{kPiece},
                step::Chunk{"data: [DONE]\n\n"}, step::End{}});
  const std::string text = late(cases[0]);
  EXPECT_NE(text.find(": x-sighter-route: groq/x\n"), std::string::npos) << text;
  EXPECT_NE(text.find(kPiece), std::string::npos) << text;
  EXPECT_TRUE(text.ends_with("data: [DONE]\n\n")) << text;
}

TEST_F(DoorTest, WhatIsPassedOnComesAsItComesAndAClientThatLeavesEndsIt) {
  const std::string piece = "data: {\"n\":1}\n\n";
  upstream.add({step::Start{200, "text/event-stream"}, step::Chunk{piece}, step::Stall{}});
  io::HttpRequest request;
  request.method = "POST";
  request.url = fmt::format("http://127.0.0.1:{}/v1/audio/speech", server->port());
  request.headers.add("content-type", "application/json");
  request.body = R"({"model":"up/tts","input":"a"})";
  auto opened = loop.run(client.open(std::move(request)));
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_EQ((*opened)->headers().get("content-type"), "text/event-stream");
  const Result<std::string_view> first = loop.run((*opened)->read());
  ASSERT_TRUE(first);
  EXPECT_EQ(*first, piece);
  opened->reset();
  EXPECT_TRUE(loop.wait_until([&] { return upstream.requests()[0].peer_closed; }));
}

TEST_F(DoorTest, WhatIsPassedOnMayBeAnyJsonAndCountTokensAsItsPathDoes) {
  upstream.add(sighter::testing::reply_json("42"));
  const io::HttpReply number = ask("POST", "/v1/audio/transcriptions", R"({"model":"up/whisper"})");
  EXPECT_EQ(number.status, 200);
  EXPECT_EQ(number.body, "42");
  upstream.add(sighter::testing::reply_json(
      R"({"text":"hi","usage":{"type":"tokens","input_tokens":14,"output_tokens":3}})"));
  const io::HttpReply whole = ask("POST", "/v1/audio/transcriptions", R"({"model":"up/whisper"})");
  const std::string call(whole.headers.get("x-sighter-call").value_or(""));
  const Json row = json(ask("GET", "/v1/calls/" + call));
  EXPECT_EQ(*row.pointer("/usage/input_tokens"), Json(14));
  EXPECT_EQ(*row.pointer("/usage/output_tokens"), Json(3));
}

TEST_F(DoorTest, WhatIsPassedOnIsMeteredAndBreaksWhereTheProviderDoes) {
  const std::string usage =
      "data: {\"type\":\"done\",\"usage\":{\"input_tokens\":7,\"output_tokens\":3}}\n\n";
  upstream.add({step::Start{200, "text/event-stream"}, step::Chunk{"data: {}\n\n"},
                step::Chunk{usage}, step::End{}});
  const io::HttpReply whole = ask("POST", "/v1/audio/speech", R"({"model":"up/tts","input":"a"})");
  EXPECT_EQ(whole.body, "data: {}\n\n" + usage);
  const std::string call(whole.headers.get("x-sighter-call").value_or(""));
  EXPECT_EQ(*json(ask("GET", "/v1/calls/" + call)).pointer("/usage/input_tokens"), Json(7));

  upstream.add({step::Start{200, "audio/wav"}, step::Chunk{"RIFF"}, step::Close{}});
  io::HttpRequest request;
  request.method = "POST";
  request.url = fmt::format("http://127.0.0.1:{}/v1/audio/speech", server->port());
  request.headers.add("content-type", "application/json");
  request.body = R"({"model":"up/tts","input":"a"})";
  EXPECT_FALSE(loop.run(client.fetch(std::move(request)))) << "a part is taken for the whole";
}

TEST_F(DoorTest, AFormIsAskedOfTheNextRouteInThatRoutesWords) {
  upstream.add({step::Reply{404, R"({"error":{"message":"no such model"}})"}});
  upstream.add(sighter::testing::reply_json(R"({"text":"hi"})"));
  const std::string form =
      "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n{}\r\n--b--\r\n";
  const io::HttpReply reply =
      ask("POST", "/v1/audio/transcriptions", fmt::format(fmt::runtime(form), "two"),
          {{"content-type", "multipart/form-data; boundary=b"}});
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(upstream.requests()[0].body, fmt::format(fmt::runtime(form), "first"));
  EXPECT_EQ(upstream.requests()[1].body, fmt::format(fmt::runtime(form), "second"));
}

TEST_F(DoorTest, OtherPathsAreNotFoundWhereNothingSaysWhoseTheyAre) {
  EXPECT_EQ(ask("GET", "/v1/files").status, 404);
  EXPECT_EQ(ask("GET", "/v1/files", {}, {{"x-sighter-provider", "nobody"}}).status, 404);
  EXPECT_EQ(ask("POST", "/v1/moderations", R"({"input":"x"})").status, 404);
  for (const char* path : {"/v1/files/..%2fx", "/v1/files/a%2Fb", "/v1/files/%2e%2e",
                           "/v1/files//x", "/v1/files/../x", "/v1/files/a\\b", "/v1/files/a%00"})
    EXPECT_EQ(ask("GET", path, {}, {{"x-sighter-provider", "up"}}).status, 404) << path;
  EXPECT_TRUE(upstream.requests().empty());
}

TEST_F(DoorTest, WhatActsIsNotSentTwice) {
  upstream.add({step::Close{}});
  EXPECT_EQ(ask("POST", "/v1/batches", R"({"x":1})", {{"x-sighter-provider", "groq"}}).status, 503);
  EXPECT_EQ(upstream.requests().size(), 1u);
}

TEST_F(DoorTest, BackgroundIsRefusedByName) {
  const io::HttpReply reply =
      ask("POST", "/v1/responses", R"({"model":"m","input":"x","background":true})");
  EXPECT_EQ(reply.status, 400);
  EXPECT_THAT(reply.body, HasSubstr("background"));
}

TEST_F(DoorTest, ASecondDoorIsToldWhichOfItsPortsIsTaken) {
  Settings settings;
  settings.listen = Address{"127.0.0.1", 0};
  settings.ops_listen = Address{"127.0.0.1", server->port()};
  const auto second = Server::start(settings, false, *shared, *hub, clock, log);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, Kind::kConflict);
  EXPECT_THAT(second.error().what, HasSubstr(settings.ops_listen->text()));
  EXPECT_THAT(second.error().what, HasSubstr("health and metrics"));
  EXPECT_THAT(second.error().hint, HasSubstr("--ops-listen"));
}

// What is asked of each door for this model, and where its error's words are.
struct NamedRequest {
  const char* path;
  std::string body;
};
std::vector<NamedRequest> requests_of(const std::string& model) {
  const std::string name = json_quote(model);
  const std::string said = R"("messages":[{"role":"user","content":"x"}])";
  return {{"/v1/chat/completions", fmt::format(R"({{"model":{},{}}})", name, said)},
          {"/v1/messages", fmt::format(R"({{"model":{},"max_tokens":9,{}}})", name, said)},
          {"/v1/messages/count_tokens", fmt::format(R"({{"model":{},{}}})", name, said)},
          {"/v1/responses", fmt::format(R"({{"model":{},"input":"x"}})", name)},
          {"/v1/embeddings", fmt::format(R"({{"model":{},"input":"x"}})", name)},
          {"/v1/completions", fmt::format(R"({{"model":{},"prompt":"x"}})", name)},
          {"/v1/moderations", fmt::format(R"({{"model":{},"input":"x"}})", name)}};
}

TEST_F(DoorTest, NoNameOfAModelIsTooMuchToKeep) {
  for (const std::string& model :
       {"up/" + std::string(300, 'x'), std::string("up/a\nb"), std::string("up/a\0b", 6)}) {
    for (const NamedRequest& request : requests_of(model)) {
      const io::HttpReply reply = ask("POST", request.path, request.body);
      EXPECT_EQ(reply.status, 400) << request.path << reply.body;
      EXPECT_THAT(reply.body, HasSubstr("model: the name")) << request.path;
      EXPECT_LT(reply.body.size(), 300u);
      EXPECT_FALSE(reply.headers.has("x-sighter-call"));
    }
  }
  EXPECT_TRUE(upstream.requests().empty());
  const std::string longest = "up/" + std::string(253, 'x');
  for (const NamedRequest& request : requests_of(longest)) {
    const io::HttpReply reply = ask("POST", request.path, request.body);
    EXPECT_THAT(reply.body, Not(HasSubstr("model: the name"))) << request.path;
  }
}

TEST_F(DoorTest, AFileOfTheServerIsNoModelOfAClientsAndNothingIsSaidOfIt) {
  folder.write("there.gguf", "not a model");
  const std::string there = (folder.path() / "there.gguf").string();
  const std::string absent = (folder.path() / "gone.gguf").string();
  for (const std::string& model : {there, absent, std::string("cache:../../there.gguf")}) {
    for (const NamedRequest& request : requests_of(model)) {
      const io::HttpReply reply = ask("POST", request.path, request.body);
      EXPECT_EQ(reply.status, 404) << request.path << reply.body;
      EXPECT_THAT(reply.body, HasSubstr("there is no model")) << request.path;
    }
  }
  const auto words = [&](const std::string& model) {
    std::string text = ask("POST", "/v1/embeddings", requests_of(model)[4].body).body;
    for (std::size_t at; (at = text.find(model)) != text.npos;) text.replace(at, model.size(), "N");
    return text;
  };
  EXPECT_EQ(words(there), words(absent));
  EXPECT_EQ(ask("GET", "/v1/models/there.gguf").status, 404);
}

// --- the description

TEST(OpenApi, HasEveryRouteOfTheTableAndNoOther) {
  const Json document = openapi_document();
  std::set<std::string> described, served;
  for (const auto& [path, methods] : document.find("paths")->as_object()) {
    for (const auto& [method, operation] : methods.as_object()) described.insert(method + path);
  }
  for (const Route& route : routes()) {
    std::string path(route.path);
    if (const auto rest = path.find("...}"); rest != path.npos) path.erase(rest, 3);
    std::string method(route.method);
    for (char& c : method) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    served.insert(method + path);
  }
  EXPECT_EQ(described, served);
}

TEST(OpenApi, SaysWhatElseIsAnsweredThanOneJson) {
  const Json document = openapi_document();
  const Json* not_ready =
      document.pointer("/paths/~1readyz/get/responses/503/content/application~1json/schema/$ref");
  ASSERT_NE(not_ready, nullptr);
  EXPECT_EQ(*not_ready, Json("#/components/schemas/Readiness"));
  EXPECT_NE(document.pointer("/paths/~1v1~1functions~1{name}/post/responses/200/content/"
                             "text~1event-stream"),
            nullptr);
  std::set<std::string> names;
  for (const Json& one :
       document.pointer("/paths/~1v1~1responses~1{id}~1input_items/get/parameters")->as_array())
    names.insert(one.find("name")->as_string());
  EXPECT_THAT(names, ::testing::IsSupersetOf({"limit", "order", "after"}));
}

TEST(OpenApi, SaysWhereEventsAndFormsAre) {
  const Json document = openapi_document();
  const auto content = [&](std::string_view what) {
    const Json* found = document.pointer("/paths/" + std::string(what) + "/content");
    EXPECT_NE(found, nullptr) << what;
    return found != nullptr ? found->as_object() : JsonObject();
  };
  for (const char* door :
       {"~1v1~1chat~1completions", "~1v1~1messages", "~1v1~1responses", "~1v1~1completions"}) {
    EXPECT_NE(content(door + std::string("/post/responses/200")).find("text/event-stream"), nullptr)
        << door;
    for (const char* header : {"x-sighter-tried", "x-sighter-truncated"})
      EXPECT_NE(
          document.pointer(fmt::format("/paths/{}/post/responses/200/headers/{}", door, header)),
          nullptr)
          << door;
  }
  EXPECT_EQ(content("~1v1~1embeddings/post/responses/200").find("text/event-stream"), nullptr);
  EXPECT_NE(content("~1v1~1audio~1{path}/post/requestBody").find("multipart/form-data"), nullptr);
  EXPECT_NE(content("~1v1~1files~1{path}/get/responses/200").find("*/*"), nullptr);
}

class OpenApiWalk : public DoorTest {
 protected:
  // Whether the answer is what the description says.
  void expect_fits(const io::HttpReply& reply, const Json& operation) {
    const Json* schema = operation.pointer("/responses/200/content/application~1json/schema");
    if (schema == nullptr) return;
    Json whole = *schema;
    whole.as_object().set("components", *document.find("components"));
    Result<text::Schema> compiled = text::Schema::compile(whole, "openapi");
    ASSERT_TRUE(compiled) << compiled.error().message();
    const auto wrong = compiled->validate(json(reply));
    EXPECT_TRUE(wrong.empty()) << text::describe(wrong) << reply.body;
  }
  const Json document = openapi_document();
};

TEST_F(OpenApiWalk, EveryPathAndMethodIsAnsweredAsItSays) {
  const io::HttpReply applied = ask("POST", "/v1/functions/talk", R"({"input":"x"})");
  const std::string call(applied.headers.get("x-sighter-call").value_or(""));
  const std::string chat = R"({"model":"m","messages":[{"role":"user","content":"x"}]})";
  const std::map<std::string, std::string> bodies = {
      {"/v1/chat/completions", chat},
      {"/v1/messages",
       R"({"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}]})"},
      {"/v1/messages/count_tokens",
       R"({"model":"ant/m","messages":[{"role":"user","content":"x"}]})"},
      {"/v1/responses", R"({"model":"m","input":"x"})"},
      {"/v1/embeddings", R"({"model":"up/e","input":"x"})"},
      {"/v1/completions", R"({"model":"m","prompt":"x"})"},
      {"/v1/functions/{name}", R"({"input":"x"})"},
      {"/v1/feedback", fmt::format(R"({{"call":"{}","metric":"m","value":1}})", call)}};
  for (const auto& [path, methods] : document.find("paths")->as_object()) {
    for (const auto& [method, operation] : methods.as_object()) {
      std::string target = path;
      if (const std::size_t open = target.find('{'); open != target.npos) {
        std::string value = "x";
        if (path.starts_with("/v1/calls")) value = call;
        if (path.starts_with("/v1/models")) value = "m";
        if (path.starts_with("/v1/functions")) value = "talk";
        if (path.starts_with("/v1/responses")) {
          const Json kept = json(ask("POST", "/v1/responses", bodies.at("/v1/responses")));
          value = *kept.find_string("id");
        }
        target.replace(open, target.find('}') - open + 1, value);
      }
      std::string word = method;
      for (char& c : word) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      const auto body = bodies.find(path);
      const bool sends = word == "POST";
      const io::HttpReply reply = ask(word, target,
                                      !sends                 ? ""
                                      : body == bodies.end() ? "{}"
                                                             : body->second,
                                      {{"x-sighter-provider", "up"}});
      EXPECT_LT(reply.status, 300) << word << " " << target << " " << reply.body;
      if (reply.status < 300) expect_fits(reply, operation);
    }
  }
}

// A request is well-formed by the description where the handler takes it, and nowhere else.
TEST_F(OpenApiWalk, RequestsAreTakenAsDescribed) {
  const std::string call =
      *json(ask("POST", "/v1/functions/talk", R"({"input":"x"})")).find_string("call");
  const std::string of_call = R"({"call":")" + call + R"(","metric":"m",)";
  const std::pair<std::string, std::string> kAsked[] = {
      {"functions/talk", R"({"input":"x"})"},
      {"functions/talk", R"({"inputs":["x"]})"},
      {"functions/talk", R"({"inputs":["x"],"stream":null,"tags":null,"trace":null})"},
      {"functions/talk", "{}"},
      {"functions/talk", R"({"input":"x","inputs":["x"]})"},
      {"functions/talk", R"({"inputs":["x"],"stream":true})"},
      {"functions/talk", R"({"input":"x","trace":"no"})"},
      {"feedback", of_call + R"("value":1})"},
      {"feedback", of_call + R"("value":false,"trace":null,"key":null,"note":null})"},
      {"feedback", of_call + R"("value":null})"},
      {"feedback", of_call + R"("value":1,"trace":")" + call + R"("})"},
      {"feedback", of_call + R"("value":1,"key":")" + std::string(257, 'k') + R"("})"},
      {"feedback", R"({"call":null,"metric":"m","value":1})"},
      {"feedback", R"({"trace":")" + call + R"(","call":null,"metric":"m","value":1})"},
      {"feedback", R"({"call":"zz","metric":"m","value":1})"},
  };
  for (const auto& [path, body] : kAsked) {
    Json schema = *document.pointer(path == "feedback" ? "/components/schemas/FeedbackRequest"
                                                       : "/components/schemas/FunctionRequest");
    schema.as_object().set("components", *document.find("components"));
    Result<text::Schema> compiled = text::Schema::compile(schema, "openapi");
    ASSERT_TRUE(compiled) << compiled.error().message();
    const bool fits = compiled->validate(*json_parse(body)).empty();
    EXPECT_EQ(fits, ask("POST", "/v1/" + path, body).status < 300) << path << " " << body;
  }
}

TEST_F(OpenApiWalk, EveryKindOfAnswerOfAFunctionAndEveryErrorFit) {
  const Json& function = *document.find("paths")->as_object().find("/v1/functions/{name}");
  for (const char* body : {R"({"input":"x","dry_run":true})", R"({"inputs":["x",7]})",
                           R"({"inputs":["x"],"dry_run":true})"})
    expect_fits(ask("POST", "/v1/functions/talk", body), *function.find("post"));
  for (const char* path : {"/v1/functions/nobody", "/v1/feedback"}) {
    Json schema = *document.pointer("/components/schemas/Error");
    schema.as_object().set("components", *document.find("components"));
    Result<text::Schema> compiled = text::Schema::compile(schema, "openapi");
    ASSERT_TRUE(compiled);
    EXPECT_TRUE(compiled->validate(json(ask("POST", path, "{}"))).empty()) << path;
  }
}

}  // namespace
}  // namespace sighter::serve
