#include "cli/table.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "base/utf8.hpp"

namespace sighter::cli {
namespace {

Table variants() {
  Table table({{"variant"}, {"score", true}, {"input", false, 8}});
  table.row({{"rules"}, {"0.62"}, {"I was charged twice and nobody answers"}});
  table.row({{"gpt"}, {"1"}, {"日本語"}});
  return table;
}

TEST(Table, AlignsByColumns) {
  EXPECT_EQ(variants().render(Terminal::kUnlimited, false, true),
            "variant  score  input\n"
            "rules     0.62  I was charged twice and nobody answers\n"
            "gpt          1  日本語\n");
}

TEST(Table, CutsTheColumnsThatMayShrink) {
  EXPECT_EQ(variants().render(32, false, true),
            "variant  score  input\n"
            "rules     0.62  I was charged t…\n"
            "gpt          1  日本語\n");
}

TEST(Table, NoLineIsWiderThanTheRoomWhereThatCanBe) {
  for (std::size_t width = 24; width < 80; ++width) {
    std::istringstream lines(variants().render(width, false, false));
    for (std::string line; std::getline(lines, line);) EXPECT_LE(display_width(line), width);
  }
}

TEST(Table, BecomesBlocksWhereItDoesNotFit) {
  EXPECT_EQ(variants().render(22, false, false),
            "variant  rules\n"
            "score    0.62\n"
            "input    I was char...\n"
            "\n"
            "variant  gpt\n"
            "score    1\n"
            "input    日本語\n");
}

TEST(Table, IsNotCutBelowItsLeastWhereThereAreManyColumns) {
  Table table({{"a"}, {"b", false, 4}});
  table.row({{std::string(70, 'x')}, {"abcdefgh"}});
  EXPECT_EQ(table.render(60, false, false),
            "a" + std::string(71, ' ') + "b\n" + std::string(70, 'x') + "  a...\n");
}

TEST(Table, LeavesOutColumnsWhereThereIsNoRoom) {
  Table table({{"variant"}, {"p50", true, 0, 2}, {"p95", true, 0, 1}, {"score", true}});
  table.row({{"rules"}, {"1 ms"}, {"2 ms"}, {"0.62"}});
  EXPECT_EQ(table.render(26, false, false),
            "variant   p50   p95  score\nrules    1 ms  2 ms   0.62\n");
  EXPECT_EQ(table.render(25, false, false), "variant   p95  score\nrules    2 ms   0.62\n");
  EXPECT_EQ(table.render(19, false, false), "variant  score\nrules     0.62\n");
}

TEST(Table, StylesTakeNoRoom) {
  Table table({{"a"}, {"b"}});
  table.row({{"x", Style::kGreen}, {"y"}});
  EXPECT_EQ(table.render(80, true, true),
            "\x1b[2ma\x1b[0m  \x1b[2mb\x1b[0m\n\x1b[32mx\x1b[0m  y\n");
}

TEST(Table, CellsAreOneSafeLine) {
  Table table({{"a"}});
  table.row({{"x\n\x1b[31my"}});
  EXPECT_EQ(table.render(80, false, true), "a\nx \\x1b[31my\n");
}

TEST(Table, AnEmptyTableIsItsTitles) {
  const Table table({{"a"}, {"b"}});
  EXPECT_TRUE(table.empty());
  EXPECT_EQ(table.render(80, false, true), "a  b\n");
}

}  // namespace
}  // namespace sighter::cli
