#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/demo_curves.hpp"

namespace sighter::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

functions::Function function() {
  functions::Function function;
  function.name = "triage";
  functions::Variant prompt, learner;
  prompt.name = "smol";
  prompt.body = functions::PromptBody{};
  learner.name = "linear";
  learner.body = functions::LearnedBody{};
  function.variants = {prompt, learner};
  return function;
}

ready::CurvePoint point(std::size_t labels, double score, double half) {
  ready::CurvePoint point;
  point.labels = labels;
  point.known = true;
  point.score = score;
  point.low = score - half;
  point.high = score + half;
  point.tested = 20;
  return point;
}

std::string words(double prompt, double prompt_half, std::vector<ready::CurvePoint> learner) {
  ready::Curve fixed, learned;
  fixed.variant = "smol";
  fixed.points = {point(341, prompt, prompt_half)};
  learned.variant = "linear";
  learned.uses_labels = true;
  learned.points = std::move(learner);
  return crossing_words(function(), {fixed, learned});
}

TEST(DemoCrossing, is_told_where_the_intervals_tell_them_apart) {
  EXPECT_THAT(words(0.4, 0.05, {point(10, 0.3, 0.05), point(50, 0.6, 0.05), point(341, 0.7, 0.05)}),
              HasSubstr("linear passes it with 50 labels"));
}

TEST(DemoCrossing, a_difference_within_the_interval_is_about_level) {
  const std::string said = words(0.5, 0.2, {point(50, 0.55, 0.1), point(341, 0.65, 0.08)});
  EXPECT_THAT(said, HasSubstr("linear with 341 labels is about level with it"));
  EXPECT_THAT(said, Not(HasSubstr("passes")));
}

TEST(DemoCrossing, learners_that_stay_below_are_told) {
  EXPECT_THAT(words(0.9, 0.05, {point(50, 0.3, 0.05), point(341, 0.5, 0.05)}),
              HasSubstr("no learned model comes near it"));
}

TEST(DemoCrossing, nothing_is_told_without_a_prompt) {
  ready::Curve learned;
  learned.variant = "linear";
  learned.points = {point(50, 0.3, 0.05)};
  EXPECT_EQ(crossing_words(function(), {learned}), "");
}

}  // namespace
}  // namespace sighter::cli
