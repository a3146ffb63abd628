// What comes out of a run for programs and for people's eyes: the public JSON, and which wrong
// answers are shown first.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "ready/run.hpp"

namespace sighter::ready {
namespace {

using ::testing::ElementsAre;

VariantReport variant(const std::string& name, std::vector<float> scores) {
  VariantReport report;
  report.variant = name;
  report.kind = "prompt";
  report.scores = std::move(scores);
  report.cases = report.cases_total = static_cast<std::int64_t>(report.scores.size());
  report.ran = true;
  return report;
}

WrongAnswer wrong(std::size_t position, std::string id, std::optional<double> confidence,
                  std::uint64_t cluster = 0) {
  WrongAnswer answer;
  answer.position = position;
  answer.case_id = std::move(id);
  answer.confidence = confidence;
  answer.cluster = cluster;
  return answer;
}

std::vector<std::string> shown(const RunReport& report, std::size_t most = 10) {
  std::vector<std::string> ids;
  for (const WrongAnswer* answer : telling(report, report.variants[0], most))
    ids.push_back(answer->case_id);
  return ids;
}

TEST(Telling, first_what_all_others_got_right_then_the_most_confident) {
  RunReport report;
  report.variants = {variant("a", {0, 0, 0, 0}), variant("b", {1, 0, 1, 1}),
                     variant("c", {0, 0, 1, 1})};
  report.variants[0].wrong = {wrong(0, "one right", 0.99), wrong(1, "none right", 0.5),
                              wrong(2, "both right", 0.2), wrong(3, "both, surer", 0.9)};
  EXPECT_THAT(shown(report), ElementsAre("both, surer", "both right", "one right", "none right"));
  EXPECT_THAT(shown(report, 1), ElementsAre("both, surer"));
}

TEST(Telling, at_most_one_of_a_cluster) {
  RunReport report;
  report.variants = {variant("a", {0, 0, 0, 0})};
  report.variants[0].wrong = {wrong(0, "first of 7", 0.9, 7), wrong(1, "second of 7", 0.8, 7),
                              wrong(2, "alone", 0.7), wrong(3, "alone too", 0.6)};
  EXPECT_THAT(shown(report), ElementsAre("first of 7", "alone", "alone too"));
}

TEST(Telling, a_variant_that_did_not_run_a_case_says_nothing_about_it) {
  RunReport report;
  const float none = std::numeric_limits<float>::quiet_NaN();
  report.variants = {variant("a", {0, 0}), variant("b", {none, 1})};
  report.variants[0].wrong = {wrong(0, "unknown", 0.9), wrong(1, "known", 0.1)};
  EXPECT_THAT(shown(report), ElementsAre("known", "unknown"));
}

std::vector<std::string> names(const Json& object) {
  std::vector<std::string> list;
  for (const auto& [name, value] : object.as_object()) list.push_back(name);
  return list;
}

RunReport example() {
  RunReport report;
  report.function = "triage";
  report.metric = "exact";
  report.verdict = stats::Verdict::kReady;
  report.winner = "gpt";
  report.variants = {variant("gpt", {1, 1, 0}), variant("rules", {0, 1, 0})};
  VariantReport& gpt = report.variants[0];
  gpt.verdict = stats::Verdict::kReady;
  gpt.score = 0.96;
  gpt.bounds = {0.93, 0.98};
  gpt.calls = 300;
  gpt.cost = NanoUsd{12'000'000};
  gpt.p50_ms = 410;
  gpt.p95_ms = 900;
  gpt.wrong = {wrong(2, "c2", 0.5)};
  report.variants[1].beaten_by = "gpt";
  report.calls = 480;
  report.cost = NanoUsd{20'000'000};
  report.seconds = 12.5;
  return report;
}

// The members that PRODUCT names, under these names and in this order; more may stand beside them.
TEST(ReportJson, has_the_public_members) {
  const Json json = to_json(example());
  for (const char* name : {"function", "claim", "verdict", "winner", "bar", "variants", "calls",
                           "cost_usd", "seconds"})
    EXPECT_NE(json.find(name), nullptr) << name;
  EXPECT_THAT(names(*json.find("bar")), ElementsAre("metric", "at_least", "confidence"));
  const Json& first = json.find("variants")->as_array()[0];
  std::vector<std::string> members = names(first);
  ASSERT_GE(members.size(), 14u);
  members.erase(std::find(members.begin(), members.end(), "kind"));
  members.resize(13);
  EXPECT_THAT(members,
              ElementsAre("variant", "verdict", "score", "low", "high", "cases", "cases_total",
                          "calls", "reused", "errors", "cost_usd", "p50_ms", "p95_ms"));
}

TEST(ReportJson, says_what_the_report_says) {
  const Json json = to_json(example());
  EXPECT_EQ(*json.find("function"), Json("triage"));
  EXPECT_EQ(*json.find("claim"), Json("traffic"));
  EXPECT_EQ(*json.find("verdict"), Json("READY"));
  EXPECT_EQ(*json.find("winner"), Json("gpt"));
  EXPECT_EQ(json_write(*json.find("bar")),
            R"({"metric":"exact","at_least":0.9,"confidence":0.95})");
  const Json& gpt = json.find("variants")->as_array()[0];
  EXPECT_EQ(json_write(*gpt.find("score")), "0.96");
  EXPECT_EQ(json_write(*gpt.find("cost_usd")), "0.012");
  EXPECT_EQ(json_write(*json.find("seconds")), "12.5");
  EXPECT_EQ(*json.find("variants")->as_array()[1].find("beaten_by"), Json("gpt"));
  EXPECT_EQ(*json.find("wrong")->as_array()[0].find("case"), Json("c2"));
}

TEST(ReportJson, without_a_winner_and_stopped) {
  RunReport report;
  report.options.claim = stats::Claim::kCases;
  report.stopped = Error{Kind::kBudget, "that is enough", ""};
  const Json json = to_json(report);
  EXPECT_TRUE(json.find("winner")->is_null());
  EXPECT_EQ(*json.find("claim"), Json("cases"));
  EXPECT_EQ(*json.find("verdict"), Json("UNDECIDED"));
  EXPECT_EQ(json_write(*json.find("stopped")), R"({"kind":"budget","message":"that is enough"})");
}

TEST(ReportJson, a_price_that_is_not_known_is_null) {
  RunReport report = example();
  report.variants[0].usd_per_1k.reset();
  EXPECT_TRUE(to_json(report).find("variants")->as_array()[0].find("usd_per_1k")->is_null());
}

TEST(ExitCode, is_that_of_the_verdict) {
  EXPECT_EQ(exit_code(stats::Verdict::kReady), 0);
  EXPECT_EQ(exit_code(stats::Verdict::kPass), 0);
  EXPECT_EQ(exit_code(stats::Verdict::kNotReady), 100);
  EXPECT_EQ(exit_code(stats::Verdict::kFail), 100);
  EXPECT_EQ(exit_code(stats::Verdict::kUndecided), 101);
}

}  // namespace
}  // namespace sighter::ready
