// Looking at calls, and saying something about them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
