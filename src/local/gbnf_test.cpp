#include "local/gbnf.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.hpp"
#include "base/test_fuzz.hpp"

namespace sighter::local {
namespace {

using ::testing::HasSubstr;

TEST(Gbnf, GoodGrammarsPass) {
  for (const char* grammar : {
           "root ::= \"yes\" | \"no\"",
           "# comment\n\nroot ::= a b* # more\na ::= [a-z]+\nb ::= (\"x\" |\n  \"y\"){2,3}\n",
           "root ::= [^\"\\\\\\x7F\\x00-\\x1F] | \"\\\\\" [\"\\\\/bfnrt]",
           "root ::= \"ä木🌳\" . \"\\u00e4\" {1} {2,}",
           "root ::=\n  \"x\" |\n  \"y\"",
           "root ::= <[12]> !<|end|> \"x\"",
           "root ::= |\"x\"",
           "root ::= [-a] [a-] \"\"",
           "root ::= \"a\" | ()\r\nother ::= \"b\"",
       }) {
    const Status status = check_grammar(grammar, "root");
    EXPECT_TRUE(status) << grammar << "\n" << status.error().message();
  }
}

struct Bad {
  const char* grammar;
  const char* says;
};

TEST(Gbnf, MistakesAreToldWithTheirPlace) {
  for (const Bad& bad : std::vector<Bad>{
           {"", "there is no rule 'root' to start with"},
           {"start ::= \"x\"", "there is no rule 'root' to start with"},
           {"root = \"x\"", "grammar:1:6: expected ::="},
           {"root ::= \"x", "grammar:1:10: this text is never closed"},
           {"root ::= [a-", "grammar:1:10: this [ is never closed"},
           {"root ::= [a", "grammar:1:10: this [ is never closed"},
           {"root ::= (\"x\"", "grammar:1:10: this ( is never closed"},
           {"root ::= \"x\" )", "grammar:1:14: expected the end of the line, found ')'"},
           {"root ::= itme\nitem ::= \"x\"", "grammar:1:10: there is no rule 'itme'"},
           {"root ::= * \"x\"", "grammar:1:10: '*' has nothing before it"},
           {"root ::= \"x\"{3,1}", "at least 3 and at most 1 is impossible"},
           {"root ::= \"x\"{99999}", "more than 2000 repetitions"},
           {"root ::= \"x\"{a}", "expected a number"},
           {"root ::= \"\\q\"", "unknown escape \\q"},
           {"root ::= \"\\u12\"", "\\u needs 4 hexadecimal digits"},
           {"root ::= \"x\"\nroot ::= \"y\"", "grammar:2:1: rule 'root' is defined twice"},
           {"root ::= a_b\na ::= \"x\"", "expected the end of the line, found '_'"},
           {"root ::= <x", "this < is never closed"},
           {"root ::= \"\xff\"", "grammar:1:11: not UTF-8"},
       }) {
    const Status status = check_grammar(bad.grammar, "root");
    ASSERT_FALSE(status) << bad.grammar;
    EXPECT_EQ(status.error().kind, Kind::kInvalid);
    EXPECT_THAT(status.error().what, HasSubstr(bad.says)) << bad.grammar;
  }
}

TEST(Gbnf, AMissingRuleSuggestsTheNearest) {
  EXPECT_THAT(check_grammar("root ::= itme\nitem ::= \"x\"", "root").error().hint,
              HasSubstr("'item'"));
}

TEST(Gbnf, NestingHasALimit) {
  EXPECT_THAT(check_grammar("root ::= " + std::string(100'000, '(') + "\"x\"", "root").error().what,
              HasSubstr("nested too deep"));
}

TEST(Gbnf, MutatedGrammarsNeverHangOrCrash) {
  const std::string seed =
      "root ::= (\"a\" | [^b-c]){1,2} item? # x\nitem ::= <[3]> \"\\u00e4\\n\" .\n";
  const std::string alphabet = "\"[](){}|<>!*+?.\\-^:=,#\n ab0\xc3";
  Random random(7);
  int refused = 0;
  const FuzzRounds fuzz(20'000);
  for (int i = 0; fuzz.has(i); ++i) {
    std::string text = seed;
    for (std::uint64_t n = 1 + random.below(4); n > 0; --n) {
      const std::size_t at = random.below(text.size());
      if (random.below(3) == 0) {
        text.erase(at, 1 + random.below(5));
      } else {
        text.insert(at, 1, alphabet[random.below(alphabet.size())]);
      }
      if (text.empty()) text = "r";
    }
    refused += !check_grammar(text, "root");
  }
  EXPECT_GT(refused, 10'000);
}

}  // namespace
}  // namespace sighter::local
