#include "cli/arguments.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>

namespace sighter::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

text::Verbs every_verb() {
  text::Verbs verbs;
  for (const text::Verb& verb : text::all_verbs()) verbs.push_back(&verb);
  return verbs;
}

Result<Arguments> parse(std::initializer_list<const char*> words) {
  return parse_arguments({words.begin(), words.size()}, every_verb());
}

std::string mistake(std::initializer_list<const char*> words) {
  const Result<Arguments> arguments = parse(words);
  if (arguments) return "no mistake";
  EXPECT_EQ(arguments.error().kind, Kind::kInvalid);
  return arguments.error().message();
}

TEST(Arguments, ReadsVerbOptionsAndPositionals) {
  const auto arguments =
      parse({"fire", "triage", "I was charged twice", "--variant", "gpt", "--json"});
  ASSERT_TRUE(arguments) << arguments.error().message();
  EXPECT_EQ(arguments->verb()->name, "fire");
  EXPECT_EQ(arguments->positional("FUNCTION|TEXT"), "triage");
  EXPECT_EQ(arguments->positional("INPUT"), "I was charged twice");
  EXPECT_EQ(arguments->text("variant"), "gpt");
  EXPECT_TRUE(arguments->flag("json"));
  EXPECT_FALSE(arguments->flag("no-stream"));
}

TEST(Arguments, WhatIsNotGivenIsAbsent) {
  const auto arguments = parse({"fire"});
  ASSERT_TRUE(arguments);
  EXPECT_EQ(arguments->positional("INPUT"), std::nullopt);
  EXPECT_EQ(arguments->text("model"), std::nullopt);
  EXPECT_EQ(arguments->text("model", "smol"), "smol");
  EXPECT_EQ(arguments->integer("max-tokens"), std::nullopt);
  EXPECT_FALSE(arguments->given("model"));
}

TEST(Arguments, EveryWayToWriteAValue) {
  for (const auto& words : {std::initializer_list<const char*>{"fire", "x", "--model", "smol"},
                            {"fire", "x", "--model=smol"},
                            {"fire", "x", "-m", "smol"},
                            {"fire", "x", "-msmol"},
                            {"fire", "-m", "smol", "x"}}) {
    const auto arguments = parse(words);
    ASSERT_TRUE(arguments) << arguments.error().message();
    EXPECT_EQ(arguments->text("model"), "smol");
    EXPECT_EQ(arguments->positional("FUNCTION|TEXT"), "x");
  }
}

TEST(Arguments, AnEqualsSignInsideAValueStays) {
  const auto arguments = parse({"fire", "x", "--system=a=b"});
  ASSERT_TRUE(arguments);
  EXPECT_EQ(arguments->text("system"), "a=b");
}

TEST(Arguments, LettersOfFlagsMayBeJoined) {
  const auto arguments = parse({"fire", "x", "-qvmsmol"});
  ASSERT_TRUE(arguments);
  EXPECT_TRUE(arguments->flag("quiet"));
  EXPECT_TRUE(arguments->flag("verbose"));
  EXPECT_EQ(arguments->text("model"), "smol");
}

TEST(Arguments, GlobalOptionsStandBeforeTheVerbToo) {
  const auto arguments = parse({"--project", "desk", "--color=never", "ready", "triage"});
  ASSERT_TRUE(arguments);
  EXPECT_EQ(arguments->verb()->name, "ready");
  EXPECT_EQ(arguments->text("project"), "desk");
  EXPECT_EQ(arguments->color(), ColorChoice::kNever);
  EXPECT_EQ(arguments->positional("FUNCTION|FILE"), "triage");
}

TEST(Arguments, AnAliasIsTheVerb) {
  const auto arguments = parse({"eval", "triage"});
  ASSERT_TRUE(arguments);
  EXPECT_EQ(arguments->verb()->name, "ready");
}

TEST(Arguments, SubCommandsHaveOptionsOfTheirOwn) {
  const auto arguments = parse({"store", "erase", "--tag", "customer=4711", "--yes"});
  ASSERT_TRUE(arguments) << arguments.error().message();
  EXPECT_EQ(arguments->child()->name, "erase");
  EXPECT_THAT(arguments->pairs("tag"), ElementsAre(Pair("customer", "4711")));
}

TEST(Arguments, BehindTwoDashesNothingIsAnOption) {
  const auto arguments = parse({"fire", "-m", "smol", "--", "--json"});
  ASSERT_TRUE(arguments);
  EXPECT_EQ(arguments->positional("FUNCTION|TEXT"), "--json");
  EXPECT_FALSE(arguments->flag("json"));
}

TEST(Arguments, AFunctionMayBearAVerbsName) {
  const auto arguments = parse({"fire", "log"});
  ASSERT_TRUE(arguments);
  EXPECT_EQ(arguments->verb()->name, "fire");
  EXPECT_EQ(arguments->positional("FUNCTION|TEXT"), "log");
}

TEST(Arguments, ASingleDashIsAValue) {
  const auto arguments = parse({"fire", "triage", "-"});
  ASSERT_TRUE(arguments);
  EXPECT_EQ(arguments->positional("INPUT"), "-");
}

TEST(Arguments, TypedValues) {
  const auto arguments = parse({"ready", "triage", "--at-least", "0.9", "--budget", "$1.50",
                                "--limit", "20_000", "--input", "a,b", "--input", "c"});
  ASSERT_TRUE(arguments) << arguments.error().message();
  EXPECT_DOUBLE_EQ(*arguments->number("at-least"), 0.9);
  EXPECT_EQ(arguments->money("budget")->value, 1'500'000'000);
  EXPECT_EQ(arguments->integer("limit"), 20'000);
  EXPECT_THAT(arguments->texts("input"), ElementsAre("a", "b", "c"));
}

TEST(Arguments, RepeatableOptionsKeepTheirOrder) {
  const auto arguments = parse({"ready", "triage", "--variant", "b", "--variant", "a"});
  ASSERT_TRUE(arguments);
  EXPECT_THAT(arguments->texts("variant"), ElementsAre("b", "a"));
}

TEST(Arguments, AnOptionalValueMayBeLeftOut) {
  const auto bare = parse({"ready", "--wrong", "triage"});
  ASSERT_TRUE(bare);
  EXPECT_TRUE(bare->given("wrong"));
  EXPECT_EQ(bare->integer("wrong"), std::nullopt);
  EXPECT_EQ(bare->positional("FUNCTION|FILE"), "triage");
  const auto counted = parse({"ready", "triage", "--wrong", "5"});
  ASSERT_TRUE(counted);
  EXPECT_EQ(counted->integer("wrong"), 5);
}

TEST(Arguments, ANegativeNumberIsAValue) {
  EXPECT_THAT(mistake({"fire", "x", "--temperature", "-1"}), HasSubstr("it goes from 0 to 2"));
}

TEST(Arguments, HelpNeedsNothingElse) {
  const auto arguments = parse({"ready", "--help"});
  ASSERT_TRUE(arguments) << arguments.error().message();
  EXPECT_TRUE(arguments->help());
}

TEST(Arguments, NothingAtAllIsNoMistake) {
  const auto arguments = parse({});
  ASSERT_TRUE(arguments);
  EXPECT_EQ(arguments->verb(), nullptr);
}

TEST(ArgumentMistakes, VerbWithATypo) {
  EXPECT_EQ(mistake({"raedy", "triage"}), "unknown verb 'raedy'\n  did you mean 'sighter ready'?");
}

TEST(ArgumentMistakes, VerbOfALaterVersion) {
  EXPECT_THAT(mistake({"aim"}), HasSubstr("has no 'aim' yet"));
}

TEST(ArgumentMistakes, VerbThatIsNotLinked) {
  const text::Verbs only = {text::find_verb(every_verb(), "fire")};
  const char* const words[] = {"log"};
  const auto arguments = parse_arguments(words, only);
  ASSERT_FALSE(arguments);
  EXPECT_THAT(arguments.error().message(), HasSubstr("has no 'log' yet\n  it has fire"));
}

TEST(ArgumentMistakes, OptionWithATypo) {
  EXPECT_EQ(mistake({"ready", "triage", "--at-lest", "0.9"}),
            "'sighter ready' has no option '--at-lest'\n  did you mean '--at-least'?");
}

TEST(ArgumentMistakes, OptionOfAnotherVerb) {
  EXPECT_THAT(mistake({"log", "--claim", "cases"}), HasSubstr("--claim is an option of ready"));
}

TEST(ArgumentMistakes, LetterNobodyKnows) {
  EXPECT_THAT(mistake({"log", "-z"}), HasSubstr("has no option '-z'"));
}

TEST(ArgumentMistakes, WordWithATypo) {
  EXPECT_EQ(mistake({"ready", "triage", "--claim", "case"}),
            "--claim cannot be 'case'\n  did you mean 'cases'?");
}

TEST(ArgumentMistakes, SubCommandWithATypo) {
  EXPECT_EQ(mistake({"store", "prun"}), "'sighter store' knows no 'prun'\n  did you mean 'prune'?");
}

TEST(ArgumentMistakes, SubCommandLeftOut) {
  EXPECT_EQ(
      mistake({"store"}),
      "'sighter store' needs to be told what to do\n  known: prune, backup, check, size, erase");
}

TEST(ArgumentMistakes, ValueLeftOut) {
  EXPECT_EQ(mistake({"fire", "x", "--model"}), "--model needs a value: --model MODEL");
  EXPECT_EQ(mistake({"fire", "x", "-m", "--json"}), "-m needs a value: -m MODEL");
}

TEST(ArgumentMistakes, ValueForAFlag) {
  EXPECT_EQ(mistake({"fire", "x", "--json=yes"}), "--json takes no value");
}

TEST(ArgumentMistakes, GivenTwice) {
  EXPECT_THAT(mistake({"fire", "x", "-m", "a", "-m", "b"}), HasSubstr("--model is given twice"));
}

TEST(ArgumentMistakes, NotANumber) {
  EXPECT_EQ(mistake({"ready", "x", "--limit", "many"}), "--limit needs a whole number, not 'many'");
  EXPECT_THAT(mistake({"ready", "x", "--at-least", "0,9"}), HasSubstr("needs a number, not '0,9'"));
  EXPECT_THAT(mistake({"ready", "x", "--at-least", "nan"}), HasSubstr("needs a number"));
  EXPECT_THAT(mistake({"ready", "x", "--budget", "-1"}), HasSubstr("needs dollars"));
}

TEST(ArgumentMistakes, OutOfRange) {
  EXPECT_EQ(mistake({"ready", "x", "--confidence", "95"}),
            "--confidence 95 is out of range\n  it goes from 0.5 to 0.999999");
}

TEST(ArgumentMistakes, PairWithoutEquals) {
  EXPECT_EQ(mistake({"log", "--tag", "customer"}), "--tag needs NAME=VALUE, not 'customer'");
}

TEST(ArgumentMistakes, RequiredArgumentLeftOut) {
  EXPECT_THAT(mistake({"ready"}), HasSubstr("FUNCTION|FILE is missing"));
}

TEST(ArgumentMistakes, OneArgumentTooMany) {
  EXPECT_THAT(mistake({"ready", "triage", "now"}), HasSubstr("'now' is one argument too many"));
}

}  // namespace
}  // namespace sighter::cli
