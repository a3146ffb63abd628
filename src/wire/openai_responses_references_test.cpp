// Items of responses that are kept here: in pages, and referred to.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/openai_responses_state.hpp"

namespace sighter::wire::openai_responses {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::string_view kCall = "01a21c207ee5743abfd73a7fda6b3899";
constexpr std::string_view kResponse = "resp_01a21c20-7ee5-743a-bfd7-3a7fda6b3899";

std::string item(std::string_view id) {
  return fmt::format(R"({{"type":"message","role":"user","id":"{}","content":"x"}})", id);
}

std::vector<std::string> ids_of(const Json& list) {
  std::vector<std::string> out;
  for (const Json& one : list.as_array()) {
    const std::string* id = one.find_string("id");
    out.push_back(id == nullptr ? "" : *id);
  }
  return out;
}

TEST(InputItems, PagesGoBothWays) {
  const std::string items = fmt::format(R"({{"input":[{},{},{},{}],"output":[]}})", item("a"),
                                        item("b"), item("c"), item("d"));
  const auto page = [&](Page asked) {
    asked.descending = false;
    const Result<std::string> got = input_items("resp_1", items, asked);
    if (!got) return std::vector<std::string>{got.error().what};
    const Json json = *json_parse(*got);
    std::vector<std::string> ids = ids_of(*json.find("data"));
    if (*json.find("has_more") == Json(true)) ids.emplace_back("more");
    return ids;
  };
  EXPECT_THAT(page({.before = "c"}), ElementsAre("a", "b"));
  EXPECT_THAT(page({.limit = 1, .before = "c"}), ElementsAre("b", "more"));
  EXPECT_THAT(page({.limit = 2, .after = "a"}), ElementsAre("b", "c", "more"));
  EXPECT_THAT(page({.after = "a", .before = "d"}), ElementsAre("b", "c"));
  EXPECT_THAT(page({.after = "c", .before = "b"}), IsEmpty());
  EXPECT_THAT(page({.before = "x"}), ElementsAre("before names no item of this response"));
}

TEST(ItemReference, SaysWhoseResponseItIsOf) {
  const std::string body = fmt::format(
      R"({{"input":[{{"type":"item_reference","id":"msg_{0}_0"}},{{"type":"item_reference","id":"rs_{0}_12"}},)"
      R"({{"type":"item_reference","id":"msg_up1"}},{{"type":"item_reference","id":"msg_{0}"}},)"
      R"({{"type":"message","id":"msg_{0}_1"}}]}})",
      kCall);
  EXPECT_THAT(referenced_responses(*json_parse(body)), ElementsAre(kResponse));
  EXPECT_THAT(referenced_responses(*json_parse(R"({"input":"x"})")), IsEmpty());
}

TEST(ItemReference, BecomesTheItemOrNothingWhereItIsKnown) {
  const std::string output = fmt::format("msg_{}_0", kCall);
  const std::string items =
      fmt::format(R"({{"input":[{{"role":"user","content":"q"}}],"output":[{}]}})", item(output));
  const std::string body = fmt::format(
      R"({{"input":[{{"type":"item_reference","id":"{0}"}},{{"type":"item_reference","id":"msg_{1}_0i"}},)"
      R"({{"type":"item_reference","id":"other"}},{{"role":"user","content":"x"}}]}})",
      output, kCall);
  Json asked = *json_parse(body);
  ASSERT_TRUE(resolve_references(asked, kResponse, items, false));
  EXPECT_THAT(ids_of(*asked.find("input")),
              ElementsAre(output, fmt::format("msg_{}_0i", kCall), "other", ""));
  EXPECT_EQ(*asked.pointer("/input/0/content"), Json("x"));
  Json going_on = *json_parse(body);
  ASSERT_TRUE(resolve_references(going_on, kResponse, items, true));
  EXPECT_THAT(ids_of(*going_on.find("input")), ElementsAre("other", ""));
}

}  // namespace
}  // namespace sighter::wire::openai_responses
