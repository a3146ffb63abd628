#include "serve/reply.hpp"

#include <gtest/gtest.h>

namespace sighter::serve {
namespace {

TEST(Joined, IsAListThatAHeaderMayHold) {
  EXPECT_EQ(joined({}), "");
  EXPECT_EQ(joined({"a", "b\r\nc", "\xc3\xa9"}), "a, b??c, ??");
}

// Clients do not read headers of any length.
TEST(Joined, EndsWhereAHeaderWouldBeTooLong) {
  std::vector<std::string> names;
  for (int i = 0; i < 8000; ++i) names.push_back(fmt::format("field_{}", i));
  const std::string all = joined(names);
  EXPECT_LE(all.size(), kJoinedBytesMax + 5);
  EXPECT_GT(all.size(), kJoinedBytesMax - 20);
  EXPECT_TRUE(all.starts_with("field_0, field_1, "));
  EXPECT_TRUE(all.ends_with(", ..."));
  // No name is cut.
  const std::string last = all.substr(0, all.size() - 5);
  EXPECT_EQ(last.substr(last.rfind(' ') + 1),
            fmt::format("field_{}", std::count(last.begin(), last.end(), ',')));
}

TEST(Joined, TellsTheBeginningOfALongName) {
  EXPECT_EQ(joined({std::string(5000, 'x')}), std::string(kJoinedBytesMax, 'x') + ", ...");
  EXPECT_EQ(joined({"a", std::string(5000, 'x')}), "a, ...");
}

TEST(CallHeaders, HaveALimitEach) {
  models::ReplyBegin begin;
  begin.tried = std::string(3000, 't');
  begin.dropped.assign(1000, "dropped");
  begin.approximated.assign(1000, "approximated");
  io::Headers headers;
  add_call_headers(headers, Id(), begin);
  for (const char* name : {"x-sighter-tried", "x-sighter-dropped", "x-sighter-approximated"}) {
    const auto value = headers.get(name);
    ASSERT_TRUE(value) << name;
    EXPECT_LE(value->size(), kJoinedBytesMax + 5) << name;
    EXPECT_TRUE(value->ends_with(", ...")) << name;
  }
}

}  // namespace
}  // namespace sighter::serve
