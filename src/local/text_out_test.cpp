#include "local/text_out.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/utf8.hpp"

namespace sighter::local {
namespace {

// Feeds `text` in pieces of `size` bytes.
std::pair<std::string, std::string> through(const std::string& text, std::vector<std::string> stops,
                                            std::size_t size) {
  TextOut out(std::move(stops));
  std::string shown;
  for (std::size_t at = 0; at < text.size(); at += size) {
    const std::string piece = out.feed(std::string_view(text).substr(at, size));
    EXPECT_FALSE(find_invalid_utf8(piece)) << piece;
    shown += piece;
  }
  shown += out.finish();
  return {shown, out.stopped_by()};
}

struct Case {
  std::string text;
  std::vector<std::string> stops;
  std::string shown;
  std::string stopped_by;
};

TEST(TextOut, IsTheSameHoweverTheTextIsSplit) {
  const std::vector<Case> cases = {
      {"plain text", {}, "plain text", ""},
      {"one\nUser: two", {"\nUser:"}, "one", "\nUser:"},
      {"xyzzy", {"xyzzy", "zz"}, "xy", "zz"},
      {"aXab", {"ab", "Xab"}, "a", "Xab"},
      {"almost \nUse", {"\nUser:"}, "almost \nUse", ""},
      {"\n\n\nX", {"\n\nX"}, "\n", "\n\nX"},
      {"stop", {"stop"}, "", "stop"},
      {"ä木🌳", {}, "ä木🌳", ""},
      {"ä木🌳 end", {"🌳"}, "ä木", "🌳"},
      {"cut \xe6\x9c", {}, "cut \uFFFD", ""},
      {"bad \xff byte", {}, "bad \uFFFD byte", ""},
      {"", {"x"}, "", ""},
  };
  for (const Case& c : cases)
    for (std::size_t size = 1; size <= c.text.size() + 1; ++size) {
      const auto [shown, stopped_by] = through(c.text, c.stops, size);
      EXPECT_EQ(shown, c.shown) << c.text << " by " << size;
      EXPECT_EQ(stopped_by, c.stopped_by) << c.text << " by " << size;
    }
}

TEST(TextOut, ShowsAtOnceWhatCannotBecomeAStop) {
  TextOut out({"###"});
  EXPECT_EQ(out.feed("text #"), "text ");
  EXPECT_EQ(out.feed("1"), "#1");
}

TEST(TextOut, NothingComesAfterAStop) {
  TextOut out({"."});
  EXPECT_EQ(out.feed("a.b"), "a");
  EXPECT_EQ(out.feed("c"), "");
  EXPECT_EQ(out.finish(), "");
}

}  // namespace
}  // namespace sighter::local
