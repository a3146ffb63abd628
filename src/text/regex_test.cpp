#include "text/regex.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.hpp"
#include "base/test_fuzz.hpp"
#include "base/utf8.hpp"

namespace sighter::text {
namespace {

using ::testing::HasSubstr;

bool matches(std::string_view pattern, std::string_view text, RegexOptions options = {}) {
  const Result<Regex> regex = Regex::compile(pattern, options);
  EXPECT_TRUE(regex.has_value()) << pattern << ": " << (regex ? "" : regex.error().message());
  if (!regex) return false;
  const Result<bool> found = regex->search(text);
  EXPECT_TRUE(found.has_value()) << pattern;
  return found.value_or(false);
}

std::string mistake(std::string_view pattern) {
  const Result<Regex> regex = Regex::compile(pattern);
  return regex ? "" : regex.error().message();
}

struct Case {
  const char* pattern;
  const char* text;
  bool expected;
};

class RegexCases : public ::testing::TestWithParam<Case> {};

TEST_P(RegexCases, SearchAgreesWithEcma) {
  EXPECT_EQ(matches(GetParam().pattern, GetParam().text), GetParam().expected)
      << GetParam().pattern << " on " << GetParam().text;
}

// Expected values by a JavaScript engine: new RegExp(pattern, "u").test(text).
INSTANTIATE_TEST_SUITE_P(
    Ecma, RegexCases,
    ::testing::Values(
        Case{"^a+$", "aaa", true}, Case{"^a+$", "aaa\n", false}, Case{"^$", "", true},
        Case{"b", "abc", true}, Case{"^\\d$", "\u0663", false}, Case{"^\\w$", "\u00e9", false},
        Case{"^\\W$", "\u00e9", true}, Case{"^\\s$", "\u00a0", true}, Case{"^\\s$", "\ufeff", true},
        Case{"^\\S$", "\u2003", false}, Case{"^.$", "\u2028", false},
        Case{"^.$", "\U0001F600", true}, Case{"^[^a]$", "\n", true}, Case{"^[^]$", "\n", true},
        Case{"[]", "a", false}, Case{"^\\cC$", "\x03", true},
        Case{"^\\x41\\u0042\\u{43}$", "ABC", true}, Case{"^\\ud83d\\ude00$", "\U0001F600", true},
        Case{"^\\p{Lu}$", "\u00c9", true}, Case{"^\\p{Letter}+$", "\u00c9a", true},
        Case{"^\\P{Letter}$", "1", true}, Case{"^\\p{Script=Greek}$", "\u03b1", true},
        Case{"^\\p{sc=Grek}$", "\u03b1", true}, Case{"^\\p{Alphabetic}$", "\u03b1", true},
        Case{"^[\\p{Nd}x]+$", "\u0663x", true}, Case{"^[\\d-.]+$", "1-2.", true},
        Case{"^[a\\-z]$", "-", true}, Case{"^[\\b]$", "\b", true},
        Case{"\\bfoo\\b", "a foo b", true}, Case{"\\Boo", "foo", true},
        Case{"^a{2,3}$", "aaaa", false}, Case{"^a{,3}$", "a{,3}", true},
        Case{"^\\/x\\-y\\_$", "/x-y_", true}, Case{"^(?=.*\\d)(?=.*[a-z]).{4,}$", "abc1", true},
        Case{"^(?!x)", "xa", false}, Case{"(?<=\\$)\\d+", "$12", true},
        Case{"(?<!\\$)\\b\\d+", "$12", false}, Case{"^(.)\\1$", "aa", true},
        Case{"^(.)\\1$", "ab", false}, Case{"^(?<q>['\"]).*\\k<q>$", "'x'", true},
        Case{"\\k<a>(?<a>x)", "x", true}, Case{"^(a)?\\1b$", "b", true},
        Case{"^a{1500}$", "aaa", false}, Case{"^(?i:a)b$", "Ab", true},
        Case{"^(?i:a)b$", "AB", false}, Case{"^(?:a|b)+?c$", "abac", true},
        Case{"^\\0$", "x", false}, Case{"a|", "", true}));

TEST(Regex, FlagsAreThoseOfJavaScript) {
  EXPECT_TRUE(matches("ABC", "xabc", {.ignore_case = true}));
  EXPECT_TRUE(matches("[^x]", "a", {.ignore_case = true}));
  EXPECT_FALSE(matches("^[^x]$", "X", {.ignore_case = true}));
  EXPECT_TRUE(matches("^b$", "a\nb\nc", {.multi_line = true}));
  EXPECT_TRUE(matches("a.b", "a\nb", {.dot_all = true}));
  EXPECT_TRUE(matches("(?i)abc", "ABC", {.leading_flags = true}));
  EXPECT_TRUE(matches("(?s)a.b", "a\nb", {.leading_flags = true}));
}

TEST(Regex, FindReturnsGroups) {
  const Result<Regex> regex = Regex::compile("(?<key>\\w+)=(?:(\\d+)|(\\w+))");
  ASSERT_TRUE(regex.has_value());
  const std::string_view text = "  size=12;";
  const auto match = regex->find(text);
  ASSERT_TRUE(match.has_value() && match->has_value());
  EXPECT_EQ((*match)->begin, 2u);
  EXPECT_EQ((*match)->end, 9u);
  EXPECT_EQ((*match)->groups[1], "size");
  EXPECT_EQ((*match)->groups[2], "12");
  EXPECT_EQ((*match)->groups[3], std::nullopt);
  ASSERT_EQ(regex->group_names().size(), 1u);
  EXPECT_EQ(regex->group_names()[0], (std::pair<std::string, std::size_t>("key", 1)));
}

TEST(Regex, FindGroupsOfPcre2) {
  const Result<Regex> regex = Regex::compile("(a)(?=(b)|c)");
  ASSERT_TRUE(regex.has_value());
  EXPECT_FALSE(regex->linear());
  const auto match = regex->find("xac");
  ASSERT_TRUE(match.has_value() && match->has_value());
  EXPECT_EQ((*match)->begin, 1u);
  EXPECT_EQ((*match)->groups[1], "a");
  EXPECT_EQ((*match)->groups[2], std::nullopt);
}

TEST(Regex, FindStartsWhereItIsTold) {
  const Result<Regex> regex = Regex::compile("^a|b");
  ASSERT_TRUE(regex.has_value());
  EXPECT_EQ((*regex->find("aab", 1))->begin, 2u);
  EXPECT_FALSE(regex->find("a", 1)->has_value());
  EXPECT_FALSE(regex->find("a", 2)->has_value());
}

TEST(Regex, EnginesAreChosenByWhatThePatternNeeds) {
  EXPECT_TRUE(Regex::compile("^[a-z]+@(x|y)*$")->linear());
  EXPECT_FALSE(Regex::compile("(?=a)")->linear());
  EXPECT_FALSE(Regex::compile("(a)\\1")->linear());
  EXPECT_FALSE(Regex::compile("a{2000}")->linear());
}

TEST(Regex, MistakesSayWhereAndWhatToDo) {
  EXPECT_THAT(mistake("(a"), HasSubstr("character 3: a group is not closed"));
  EXPECT_THAT(mistake("a)"), HasSubstr("unmatched ')'"));
  EXPECT_THAT(mistake("[a"), HasSubstr("class is not closed"));
  EXPECT_THAT(mistake("*a"), HasSubstr("nothing to repeat"));
  EXPECT_THAT(mistake("a**"), HasSubstr("two quantifiers"));
  EXPECT_THAT(mistake("[z-a]"), HasSubstr("wrong order"));
  EXPECT_THAT(mistake("a{3,1}"), HasSubstr("wrong order"));
  EXPECT_THAT(mistake("\\a"), HasSubstr("unknown escape \\a"));
  EXPECT_THAT(mistake("\\Aab\\Z"), HasSubstr("write ^"));
  EXPECT_THAT(mistake("(?P<n>a)"), HasSubstr("(?<name>...)"));
  EXPECT_THAT(mistake("(?i)a"), HasSubstr("(?i:...)"));
  EXPECT_THAT(mistake("\\2(a)"), HasSubstr("no group 2"));
  EXPECT_THAT(mistake("\\k<b>(?<a>x)"), HasSubstr("no group named 'b'"));
  EXPECT_THAT(mistake("(?<a>x)(?<a>y)"), HasSubstr("two groups"));
  EXPECT_THAT(mistake("\\p{Foo}"), HasSubstr("unknown Unicode property 'Foo'"));
  EXPECT_THAT(mistake("\\ud800"), HasSubstr("surrogate"));
  EXPECT_THAT(mistake("a\\"), HasSubstr("backslash at the end"));
  EXPECT_THAT(mistake("\xff"), HasSubstr("not UTF-8"));
}

TEST(Regex, UnlimitedLookbehindIsValidButNotSupported) {
  EXPECT_TRUE(Regex::check("(?<=a+)b").has_value());
  const Result<Regex> regex = Regex::compile("(?<=a+)b");
  ASSERT_FALSE(regex.has_value());
  EXPECT_EQ(regex.error().kind, Kind::kUnsupported);
}

TEST(Regex, CatastrophicPatternsAreLinearOrStopped) {
  const std::string text(200, 'a');
  EXPECT_FALSE(matches("^(a+)+$", text + "!"));  // RE2
  const Result<Regex> slow = Regex::compile("^(?=a)(a|aa|a*)+$");
  ASSERT_TRUE(slow.has_value());
  const Result<bool> found = slow->search(text + "!");
  ASSERT_FALSE(found.has_value());
  EXPECT_EQ(found.error().kind, Kind::kTooLarge);
}

TEST(Regex, DeepAndHugePatternsAreRefused) {
  EXPECT_THAT(mistake(std::string(5'000, '(') + std::string(5'000, ')')),
              HasSubstr("groups within groups"));
  EXPECT_THAT(mistake(std::string(100'000, 'a')), HasSubstr("more than"));
  const Result<Regex> nested = Regex::compile("((((a{1000}){1000}){1000}){1000}){1000}");
  ASSERT_FALSE(nested.has_value());
  EXPECT_EQ(nested.error().kind, Kind::kUnsupported);
}

TEST(Regex, InvalidTextIsSearchedWithoutHarm) {
  EXPECT_TRUE(matches("b", "\xff\xfe b"));
  EXPECT_TRUE(matches("(?=b)", "\xff\xfe b"));
}

// Any text as a pattern: an error or a machine, never a crash; and what is accepted can be
// searched.
TEST(RegexFuzz, RandomPatternsNeverBreak) {
  const std::vector<std::string> pieces = {
      "a",     "b",      "(",       ")",      "[",   "]",    "{",     "}",    "{2}",
      "{1,3}", "*",      "+",       "?",      "|",   "^",    "$",     ".",    "\\",
      "\\d",   "\\p{L}", "\\u{61}", "(?:",    "(?=", "(?<!", "(?<n>", "\\1",  "\\k<n>",
      "-",     "^",      ",",       "\u00e9", "\\x", "\\c",  "(?i:",  "\xff", "0"};
  Random random(7);
  int accepted = 0;
  const FuzzRounds fuzz(8'000);
  for (int round = 0; fuzz.has(round); ++round) {
    std::string pattern;
    for (std::uint64_t n = random.below(12); n > 0; --n)
      pattern += pieces[random.below(pieces.size())];
    const Result<Regex> regex = Regex::compile(pattern);
    EXPECT_EQ(Regex::check(pattern).has_value(),
              regex.has_value() || regex.error().kind == Kind::kUnsupported)
        << pattern;
    if (!regex) continue;
    ++accepted;
    const auto match = regex->find("ab1-\u00e9b");
    if (!match || !*match) continue;
    EXPECT_LE((*match)->begin, (*match)->end) << pattern;
  }
  EXPECT_GT(accepted, 500);
}

}  // namespace
}  // namespace sighter::text
