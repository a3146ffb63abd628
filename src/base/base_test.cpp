#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/hash.hpp"
#include "base/id.hpp"
#include "base/money.hpp"
#include "base/random.hpp"
#include "base/similar.hpp"
#include "base/text_position.hpp"
#include "base/utf8.hpp"

namespace sighter {
namespace {

class FileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / fmt::format("sighter_base_{}", ::getpid());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST_F(FileTest, ReadsLinesOfEveryEnding) {
  ASSERT_TRUE(write_file(folder_ / "a", "\xEF\xBB\xBFone\r\ntwo\n\nfour"));
  auto reader = LineReader::open(folder_ / "a");
  ASSERT_TRUE(reader);
  std::vector<std::string> lines;
  while (true) {
    const auto line = reader->next(100);
    ASSERT_TRUE(line);
    if (!*line) break;
    lines.emplace_back(**line);
  }
  EXPECT_EQ(lines, (std::vector<std::string>{"one", "two", "", "four"}));
  EXPECT_EQ(reader->line(), 4);
}

TEST_F(FileTest, RefusesALineThatIsTooLong) {
  ASSERT_TRUE(write_file(folder_ / "a", "ok\n" + std::string(1 << 20, 'x') + "\n"));
  auto reader = LineReader::open(folder_ / "a");
  ASSERT_TRUE(reader->next(1000));
  const auto second = reader->next(1000);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, Kind::kTooLarge);
  EXPECT_NE(second.error().what.find("a:2: the line is longer"), std::string::npos);
}

TEST_F(FileTest, ReplacesAFileAtOnce) {
  ASSERT_TRUE(write_file(folder_ / "a", "old"));
  ASSERT_TRUE(write_file(folder_ / "a", "new"));
  EXPECT_EQ(*read_file(folder_ / "a", 10), "new");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
  EXPECT_EQ(create_file(folder_ / "a", "x").error().kind, Kind::kConflict);
}

TEST_F(FileTest, SaysWhatIsMissing) {
  EXPECT_EQ(read_file(folder_ / "no", 10).error().kind, Kind::kNotFound);
  EXPECT_EQ(read_file(folder_, 10).error().kind, Kind::kInvalid);
  ASSERT_TRUE(write_file(folder_ / "a", "12345678901"));
  EXPECT_EQ(read_file(folder_ / "a", 10).error().kind, Kind::kTooLarge);
}

TEST(Ids, SortByTimeAndSurviveText) {
  const RealClock clock;
  IdMaker maker(clock);
  std::set<Id> seen;
  Id last;
  for (int i = 0; i < 20000; ++i) {
    const Id id = maker.next();
    EXPECT_LT(last, id);
    last = id;
    seen.insert(id);
  }
  EXPECT_EQ(seen.size(), 20000u);
  EXPECT_EQ(Id::parse(last.to_string()), last);
  EXPECT_EQ(last.to_string()[14], '7');
  EXPECT_FALSE(Id::parse("not an id"));
}

TEST(Hashes, MatchPublishedValues) {
  EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_NE(Sha256().field("ab").field("c").finish(), Sha256().field("a").field("bc").finish());
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 100000; ++i) seen.insert(hash64(fmt::format("w{}", i)) & 0xffffffff);
  EXPECT_GT(seen.size(), 99990u);
}

TEST(Randoms, AreUniformAndReplay) {
  Random a(1), b(1);
  int counts[6] = {};
  for (int i = 0; i < 60000; ++i) {
    const auto x = a.below(6);
    EXPECT_EQ(x, b.below(6));
    ++counts[x];
  }
  for (int count : counts) EXPECT_NEAR(count, 10000, 500);
}

TEST(Money, IsExactAndReadable) {
  EXPECT_EQ(NanoUsd::from_usd(0.25e-6)->value, 250);
  EXPECT_EQ(format_usd({0}), "$0");
  EXPECT_EQ(format_usd({1'250'000'000}), "$1.25");
  EXPECT_EQ(format_usd({12'300'000}), "$0.012");
  EXPECT_EQ(format_usd({12'300}), "$0.000012");
  EXPECT_FALSE(NanoUsd::from_usd(1e300));
}

TEST(Utf8, FindsWhatIsIllFormed) {
  EXPECT_EQ(find_invalid_utf8("a\xC3\xA9\xF0\x9F\x98\x80"), std::nullopt);
  EXPECT_EQ(find_invalid_utf8("ab\xC0\x80"), 2u);
  EXPECT_EQ(find_invalid_utf8("\xED\xA0\x80"), 0u);
  EXPECT_EQ(find_invalid_utf8("\xF4\x90\x80\x80"), 0u);
  EXPECT_EQ(repair_utf8("a\xFFz"), "a\xEF\xBF\xBDz");
  EXPECT_EQ(complete_utf8_prefix("ab\xF0\x9F\x98"), 2u);
  EXPECT_EQ(complete_utf8_prefix("ab\xF0\x9F\x98\x80"), 6u);
  EXPECT_EQ(display_width("a\xE4\xB8\xAD\xF0\x9F\x98\x80"
                          "e\xCC\x81"),
            6u);
}

TEST(Similar, SuggestsTheNearest) {
  const std::vector<std::string> names{"listen", "origins", "key"};
  EXPECT_EQ(closest("lsiten", names), "listen");
  EXPECT_EQ(closest("zebra", names), "");
  EXPECT_EQ(edit_distance("ca", "abc"), 3u);
}

TEST(Times, AreWrittenInUtc) {
  EXPECT_EQ(iso8601(SystemTime(std::chrono::microseconds(1'700'000'000'123'456))),
            "2023-11-14T22:13:20.123Z");
  EXPECT_EQ(at("f", position_at("a\n\xC3\xA9x", 4)), "f:2:2");
}

}  // namespace
}  // namespace sighter
