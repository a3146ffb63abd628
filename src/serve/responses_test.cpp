// The door of Responses: what is kept of them, and what later requests make of it.

#include <gmock/gmock.h>

#include "serve/door_test.hpp"

namespace sighter::serve {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ResponsesTest : public DoorTest {
 protected:
  Json respond(const std::string& body) {
    const io::HttpReply reply = ask("POST", "/v1/responses", body);
    EXPECT_EQ(reply.status, 200) << reply.body;
    return json(reply);
  }
  std::string sent() { return upstream.requests().back().body; }
};

TEST_F(ResponsesTest, AnItemOfOurOwnIsFoundByItsId) {
  const Json first = respond(R"({"model":"m","input":"one"})");
  const std::string reference =
      R"({"type":"item_reference","id":")" + first.pointer("/output/0/id")->as_string() + R"("})";
  const std::string next = R"({"role":"user","content":"two"})";
  respond(R"({"model":"m","input":[)" + reference + "," + next + "]}");
  EXPECT_THAT(sent(), HasSubstr(R"({"role":"assistant","content":"good"})"));
  // It goes on from there already.
  respond(R"({"model":"m","previous_response_id":")" + *first.find_string("id") + R"(","input":[)" +
          reference + "," + next + "]}");
  const std::string body = sent();
  EXPECT_EQ(body.find("good"), body.rfind("good")) << body;
  EXPECT_NE(body.find("good"), body.npos) << body;
  const std::string unknown = R"({"type":"item_reference","id":"msg_other"})";
  EXPECT_EQ(ask("POST", "/v1/responses", R"({"model":"m","input":[)" + unknown + "]}").status, 400);
}

// The client is told that it is stored, whatever is recorded of the call.
TEST_F(ResponsesTest, AResponseIsKeptWhereNothingIsRecorded) {
  Settings none = settings();
  none.record = functions::RecordLevel::kNone;
  open(none);
  const Json first = respond(R"({"model":"m","input":"one","store":true})");
  const std::string id = *first.find_string("id");
  EXPECT_EQ(ask("GET", "/v1/responses/" + id).status, 200);
  respond(R"({"model":"m","input":"two","previous_response_id":")" + id + R"("})");
  EXPECT_THAT(sent(), HasSubstr("one"));
}

// Labels are kept here, where the upstream has no place for them.
TEST_F(ResponsesTest, MetadataIsKeptWithTheResponse) {
  upstream.add(sighter::testing::reply_json(
      R"({"id":"m1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}})"));
  const std::string labels = R"({"team":"red"})";
  const Json first = respond(R"({"model":"ant/m","input":"x","metadata":)" + labels + "}");
  EXPECT_THAT(sent(), Not(HasSubstr("red")));
  EXPECT_EQ(json_write(*first.find("metadata")), labels);
  const Json kept = json(ask("GET", "/v1/responses/" + *first.find_string("id")));
  EXPECT_EQ(json_write(*kept.find("metadata")), labels);
  const io::HttpReply wrong =
      ask("POST", "/v1/responses", R"({"model":"m","input":"x","metadata":5})");
  EXPECT_EQ(wrong.status, 400);
}

TEST_F(ResponsesTest, ItemsAreListedInAKnownOrder) {
  const Json first = respond(R"({"model":"m","input":"one"})");
  const std::string path = "/v1/responses/" + *first.find_string("id") + "/input_items";
  EXPECT_EQ(ask("GET", path + "?order=asc").status, 200);
  const io::HttpReply wrong = ask("GET", path + "?order=zz");
  EXPECT_EQ(wrong.status, 400);
  EXPECT_THAT(wrong.body, HasSubstr("order"));
  EXPECT_EQ(ask("GET", path + "?before=zz").status, 400);
}

TEST_F(DoorTest, AFullDoorSpeaksTheDialectOfThePath) {
  Settings full = settings();
  full.in_flight_max = 0;
  open(full);
  const io::HttpReply reply = ask("POST", "/v1/messages", "{}");
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(*json(reply).find("type"), Json("error")) << reply.body;
}

TEST_F(DoorTest, AnthropicsListOfModelsComesInPages) {
  const auto page = [&](const std::string& query) {
    const io::HttpReply reply =
        ask("GET", "/v1/models" + query, {}, {{"anthropic-version", "2023-06-01"}});
    const Json list = json(reply);
    std::string out;
    for (std::size_t i = 0; reply.status == 200 && i < list.find("data")->as_array().size(); ++i)
      out += *list.find("data")->at(i)->find_string("id") + " ";
    if (reply.status != 200) return reply.body;
    return out + (*list.find("has_more") == Json(true) ? "..." : ".");
  };
  EXPECT_EQ(page(""), "m two function/talk .");
  EXPECT_EQ(page("?limit=2"), "m two ...");
  EXPECT_EQ(page("?limit=2&after_id=two"), "function/talk .");
  EXPECT_EQ(page("?limit=1&before_id=function/talk"), "two ...");
  EXPECT_THAT(page("?limit=0"), HasSubstr("limit"));
  EXPECT_THAT(page("?after_id=none"), HasSubstr("after_id"));
  // OpenAI's comes whole.
  EXPECT_EQ(json(ask("GET", "/v1/models?limit=1")).find("data")->as_array().size(), 3u);
}

}  // namespace
}  // namespace sighter::serve
