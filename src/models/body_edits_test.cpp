#include "models/body_edits.hpp"

#include <gtest/gtest.h>

namespace sighter::models {
namespace {

TEST(BodyEdits, SetsRemovesAndAppends) {
  std::string body = R"({"a":{"b":1},"list":[1,2],"c/d":0.10})";
  const auto edits = read_body_edits(*json_parse(
      R"({"/a/b":2,"/new/deep":{"x":1},"/list/0":9,"/list/-":3,"/c~1d":null,"/n":1e400})"));
  ASSERT_TRUE(edits) << edits.error().message();
  ASSERT_TRUE(edit_body(body, *edits));
  EXPECT_EQ(body, R"({"a":{"b":2},"list":[9,2,3],"new":{"deep":{"x":1}},"n":1e400})");
}

TEST(BodyEdits, MakesTheListThatAnElementIsFor) {
  const std::pair<const char*, const char*> kMade[] = {
      {R"({"/stop/-":"Z"})", R"({"stop":["Z"]})"},
      {R"({"/stop/0":"Z","/stop/1":"Y"})", R"({"stop":["Z","Y"]})"},
      {R"({"/tools/-/name":"t"})", R"({"tools":[{"name":"t"}]})"},
      {R"({"/logit_bias/1234":5})", R"({"logit_bias":{"1234":5}})"},
      {R"({"/reasoning/effort":null})", "{}"},
  };
  for (const auto& [edits, wanted] : kMade) {
    std::string body = "{}";
    ASSERT_TRUE(edit_body(body, *read_body_edits(*json_parse(edits))));
    EXPECT_EQ(body, wanted);
  }
}

// "stop" is one text or a list of them, as the client likes.
TEST(BodyEdits, AnElementIsPutBehindOneTextToo) {
  std::string body = R"({"stop":"a"})";
  ASSERT_TRUE(edit_body(body, {{"/stop/-", Json("b")}}));
  EXPECT_EQ(body, R"({"stop":["a","b"]})");
}

TEST(BodyEdits, RefusesWhatLeadsNowhere) {
  EXPECT_FALSE(read_body_edits(*json_parse(R"({"a":1})")));
  EXPECT_FALSE(read_body_edits(*json_parse("[]")));
  EXPECT_FALSE(read_body_edits(Json("[]")));
  for (const char* pointer : {"/a/b", "/list/7", "/list/x", "/list/1/y"}) {
    std::string body = R"({"a":1,"list":[1,2]})";
    const Status edited = edit_body(body, {{pointer, Json(1)}});
    EXPECT_FALSE(edited) << pointer;
    EXPECT_EQ(body, R"({"a":1,"list":[1,2]})");
  }
}

}  // namespace
}  // namespace sighter::models
