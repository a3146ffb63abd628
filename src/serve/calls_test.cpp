// Looking at calls, and saying something about them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <latch>

#include "serve/door_test.hpp"
#include "serve/reply.hpp"

namespace sighter::serve {
namespace {

using ::testing::HasSubstr;

class CallsTest : public DoorTest {
 protected:
  std::string chat() {
    const io::HttpReply reply = ask("POST", "/v1/chat/completions",
                                    R"({"model":"m","messages":[{"role":"user","content":"x"}]})");
    EXPECT_EQ(reply.status, 200) << reply.body;
    return std::string(reply.headers.get("x-sighter-call").value_or(""));
  }
  std::size_t listed(const std::string& query) {
    const Json page = json(ask("GET", "/v1/calls?" + query));
    const Json* calls = page.find("calls");
    return calls == nullptr ? 999 : calls->as_array().size();
  }
  io::HttpReply say(const std::string& call, const std::string& rest) {
    return ask("POST", "/v1/feedback", fmt::format(R"({{"call":"{}",{}}})", call, rest));
  }
};

TEST_F(CallsTest, AFilterThatIsNotUnderstoodIsRefusedByName) {
  for (const auto& [query, words] : {std::pair("modle=m", "modle"),
                                     {"function=%00", "function"},
                                     {"contains=%ff", "contains"},
                                     {"limit=1%", "limit"},
                                     {"limit=1&limit=2", "twice"},
                                     {"%zz=1", "name"},
                                     {"limit=201", "limit"},
                                     {"tag=x", "tag"},
                                     {"before=x", "before"}}) {
    const io::HttpReply reply = ask("GET", std::string("/v1/calls?") + query);
    EXPECT_EQ(reply.status, 400) << query;
    EXPECT_THAT(reply.body, HasSubstr(words)) << query;
  }
  EXPECT_THAT(ask("GET", "/v1/calls?modle=m").body, HasSubstr("did you mean 'model'?"));
  EXPECT_EQ(ask("GET", "/v1/calls?").status, 200);
}

TEST_F(CallsTest, AModelIsFoundAsItWasAskedForAndAsItsRowShowsIt) {
  chat();
  ASSERT_TRUE(rows->flush());
  EXPECT_EQ(listed("model=m"), 1u);
  EXPECT_EQ(listed("model=groq/m"), 1u);
  EXPECT_EQ(listed("model=groq%2Fother"), 0u);
  EXPECT_EQ(listed("tag=a%3Db&tag=c%3Dd"), 0u);
}

TEST_F(CallsTest, ARowSaysWhatWasAskedForAndHowItsAnswerEnded) {
  upstream.add(sighter::testing::reply_stream(
      {kPiece,
       R"(data: {"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":3,"cache_write_tokens":4}}})"
       "\n\n",
       kLast}));
  const io::HttpReply reply =
      ask("POST", "/v1/chat/completions",
          R"({"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]})");
  ASSERT_EQ(reply.status, 200) << reply.body;
  ASSERT_TRUE(rows->flush());
  const std::string call(reply.headers.get("x-sighter-call").value_or(""));
  const Json page = json(ask("GET", "/v1/calls"));
  for (const Json& row :
       {json(ask("GET", "/v1/calls/" + call)), page.find("calls")->as_array().at(0)}) {
    const std::string text = json_write(row);
    EXPECT_EQ(*row.find("model"), Json("m")) << text;
    EXPECT_EQ(*row.find("route"), Json("groq/m")) << text;
    EXPECT_EQ(*row.find("finish_reason"), Json("stop")) << text;
    EXPECT_EQ(*row.pointer("/usage/cached_tokens"), Json(3)) << text;
    EXPECT_EQ(*row.pointer("/usage/cache_write_tokens"), Json(4)) << text;
    ASSERT_NE(row.find("first_token_ms"), nullptr) << text;
    EXPECT_LE(*row.find("first_token_ms")->to_double(), *row.find("ms")->to_double());
  }
}

TEST_F(CallsTest, WhatWasSaidOfACallIsReadBack) {
  const std::string call = chat();
  const Json first = json(
      say(call, R"("metric":"helpful","value":{"stars":4},"source":"u","note":"n","key":"k")"));
  const Json again = json(
      say(call, R"("metric":"helpful","value":{"stars":4},"source":"u","note":"n","key":"k")"));
  EXPECT_EQ(*first.find("known_already"), Json(false));
  EXPECT_EQ(*again.find("known_already"), Json(true));
  EXPECT_EQ(*again.find("feedback"), *first.find("feedback")) << "it is the same feedback";
  const Json row = json(ask("GET", "/v1/calls/" + call));
  ASSERT_EQ(row.find("feedback")->as_array().size(), 1u);
  const Json& said = row.find("feedback")->as_array()[0];
  EXPECT_EQ(*said.find("feedback"), *first.find("feedback"));
  EXPECT_EQ(*said.find("metric"), Json("helpful"));
  EXPECT_EQ(*said.pointer("/value/stars"), Json(4));
  EXPECT_EQ(*said.find("source"), Json("u"));
  EXPECT_EQ(*said.find("note"), Json("n"));
  EXPECT_EQ(*said.find("key"), Json("k"));
}

// A store whose listings last until the test lets them go on.
class HeldClock final : public Clock {
 public:
  SystemTime system_now() const override { return real_.system_now(); }
  SteadyTime steady_now() const override {
    released.wait();
    return SteadyTime{};
  }
  mutable std::latch released{1};

 private:
  RealClock real_;
};

TEST_F(CallsTest, ListingsAreFewAtATimeAndKeepNobodyElseWaiting) {
  HeldClock held;
  const auto store = std::move(*store::Store::open(folder.path() / "held.db", held, {}));
  functions::Shared own(std::move(*functions::read_project(folder.path())), *hub, store.get(),
                        clock, log);
  const auto door = std::move(*Server::start(settings(), false, own, *hub, clock, log));
  store::CallRow row;
  row.id = own.next_id();
  store::Batch batch;
  batch.calls.push_back(row);
  ASSERT_TRUE(store->commit(batch));
  constexpr std::size_t kAsked = 14, kTaken = 10;  // two at work, eight that wait
  std::vector<sighter::testing::Loop::Running<Result<io::HttpReply>>> asked;
  for (std::size_t i = 0; i < kAsked; ++i) {
    io::HttpRequest request;
    request.method = "GET";
    request.url = fmt::format("http://127.0.0.1:{}/v1/calls", door->port());
    asked.push_back(loop.start(client.fetch(std::move(request))));
  }
  const auto done = [&] {
    return static_cast<std::size_t>(
        std::count_if(asked.begin(), asked.end(), [](const auto& one) { return one.done(); }));
  };
  EXPECT_TRUE(loop.wait_until([&] { return done() >= kAsked - kTaken; }));
  const std::string path = "/v1/calls/" + row.id.to_string();
  EXPECT_EQ(ask_at(door->port(), "GET", path, {}, {}).status, 200);
  const std::string said =
      fmt::format(R"({{"call":"{}","metric":"m","value":1}})", row.id.to_string());
  EXPECT_EQ(ask_at(door->port(), "POST", "/v1/feedback", said, {}).status, 200);
  held.released.count_down();
  EXPECT_TRUE(loop.wait_until([&] { return done() == kAsked; }));
  std::size_t full = 0;
  for (auto& one : asked) {
    ASSERT_TRUE(one.value());
    const io::HttpReply& reply = *one.value();
    EXPECT_TRUE(reply.status == 200 || reply.status == 503) << reply.status;
    full += reply.status == 503 ? 1 : 0;
    EXPECT_EQ(reply.headers.has("retry-after"), reply.status == 503);
  }
  // The two at work may not have begun when the last of the others came.
  EXPECT_GE(full, kAsked - kTaken);
  EXPECT_LE(full, kAsked - kTaken + 2);
  door->stop();
}

TEST_F(CallsTest, FeedbackIsRefusedByTheNameOfWhatIsWrong) {
  const std::string call = chat();
  for (const auto& [rest, words] :
       {std::pair(std::string(R"("metric":"m","value":1,"valeu":2)"), "valeu"),
        {R"("metric":"m","value":1,"key":")" + std::string(300, 'k') + "\"", "key: has 300"},
        {R"("value":1,"metric":")" + std::string(300, 'k') + "\"", "metric: has 300"}}) {
    const io::HttpReply reply = say(call, rest);
    EXPECT_EQ(reply.status, 400) << rest;
    EXPECT_THAT(reply.body, HasSubstr(words));
  }
  EXPECT_EQ(ask("POST", "/v1/feedback", "[]").status, 400);
}

}  // namespace
}  // namespace sighter::serve
