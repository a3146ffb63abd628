#include "learn/folds.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "learn/synthetic.hpp"

namespace sighter::learn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

double share_right(const std::vector<Prediction>& predictions,
                   const std::vector<Example>& examples) {
  double right = 0;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    right += predictions[i].label == examples[i].label ? 1 : 0;
  }
  return right / static_cast<double>(examples.size());
}

// T does not matter for the label that comes first.
LearnerOptions quick(LearnerKind learner) {
  return {.learner = learner, .calibrate = false};
}

// Labels by chance: nothing can be learned, so any score above chance is a leak.
std::vector<Example> labelled_by_chance(std::size_t count, int labels, std::uint64_t seed) {
  auto examples = made_up(count, labels, 0.3, seed);
  Random random(seed + 100);
  for (Example& example : examples) {
    example.label = static_cast<int>(random.below(static_cast<std::uint64_t>(labels)));
  }
  return examples;
}

TEST(GroupsOf, JoinsClustersAndTwinsTransitively) {
  const std::vector<Example> examples = {{"I want to cancel my order now", {}, 0, ""},
                                         {"another thing entirely", {}, 0, "c1"},
                                         {"i want to cancel my order, now!", {}, 0, "c1"},
                                         {"nothing in common", {}, 1, ""}};
  EXPECT_THAT(groups_of(examples), ElementsAre(0, 0, 0, 1));
}

TEST(GroupsOf, ComparesVectorsWhereThereIsNoText) {
  const std::vector<Example> examples = {
      {"", {1, 0, 0}, 0, ""}, {"", {0, 1, 0}, 0, ""}, {"", {2, 0.01f, 0}, 0, ""}};
  EXPECT_THAT(groups_of(examples), ElementsAre(0, 1, 0));
}

TEST(AssignFolds, SpreadsLabelsEvenly) {
  auto examples = made_up(100, 4, 0.5, 1);
  for (std::size_t i = 0; i < 100; ++i) examples[i].label = i < 10 ? 0 : i < 50 ? 1 : 2;
  const auto fold = assign_folds(examples, groups_of(examples), 5, 1);
  for (int f = 0; f < 5; ++f) {
    int rare = 0, all = 0;
    for (std::size_t i = 0; i < 100; ++i) {
      rare += fold[i] == f && examples[i].label == 0;
      all += fold[i] == f;
    }
    EXPECT_EQ(rare, 2);
    EXPECT_EQ(all, 20);
  }
}

TEST(AssignFolds, NeverSplitsAGroup) {
  auto examples = made_up(200, 3, 0.5, 2);
  for (std::size_t i = 0; i < 200; ++i) examples[i].cluster = fmt::format("c{}", i % 37);
  const auto group = groups_of(examples);
  const auto fold = assign_folds(examples, group, 5, 3);
  std::set<std::pair<std::uint32_t, int>> seen;
  for (std::size_t i = 0; i < 200; ++i) seen.insert({group[i], fold[i]});
  EXPECT_EQ(seen.size(), 37u);
}

TEST(AssignFolds, LeavesNoFoldEmptyAndMakesNoMoreThanGroups) {
  const auto examples = made_up(3, 3, 0.9, 2);
  const auto fold = assign_folds(examples, groups_of(examples), 5, 1);
  EXPECT_EQ(std::set<int>(fold.begin(), fold.end()).size(), 3u);
}

class OutOfFold : public ::testing::TestWithParam<LearnerKind> {};

TEST_P(OutOfFold, GivesChanceForLabelsByChance) {
  const auto examples = labelled_by_chance(600, 4, 5);
  const auto predictions = out_of_fold(examples, label_names(4), quick(GetParam()));
  ASSERT_TRUE(predictions) << predictions.error().message();
  EXPECT_NEAR(share_right(*predictions, examples), 0.25, 0.08);  // four standard errors
}

TEST_P(OutOfFold, GivesChanceWhenTwinsOfEachExampleArePlanted) {
  const auto once = labelled_by_chance(300, 4, 6);
  std::vector<Example> examples;
  for (const char* end : {"", "!", "  ...", " ?"}) {
    for (const Example& example : once) {
      examples.push_back(example);
      examples.back().text += end;
    }
  }
  const auto predictions = out_of_fold(examples, label_names(4), quick(GetParam()));
  EXPECT_NEAR(share_right(*predictions, examples), 0.25, 0.1);
}

TEST_P(OutOfFold, GivesChanceWhenClustersShareALabel) {
  // Each cluster has a word of its own and a label by chance: telling only within the cluster.
  auto examples = labelled_by_chance(400, 4, 7);
  for (std::size_t i = 0; i < examples.size(); ++i) {
    examples[i].cluster = fmt::format("c{}", i % 100);
    examples[i].label = examples[i % 100].label;
    examples[i].text += " customer" + word_of(90'000 + i % 100) + word_of(80'000 + i % 100);
  }
  const auto predictions = out_of_fold(examples, label_names(4), quick(GetParam()));
  EXPECT_NEAR(share_right(*predictions, examples), 0.25, 0.17);
}

INSTANTIATE_TEST_SUITE_P(Learners, OutOfFold,
                         ::testing::Values(LearnerKind::kNearest, LearnerKind::kLinear),
                         [](const auto& each) { return std::string(to_string(each.param)); });

TEST(OutOfFoldOf, LearnableLabelsIsFarAboveChance) {
  const auto examples = made_up(400, 4, 0.5, 5);
  EXPECT_GT(
      share_right(*out_of_fold(examples, label_names(4), quick(LearnerKind::kLinear)), examples),
      0.9);
}

TEST(OutOfFoldOf, NeighboursAreExamplesOfOtherGroups) {
  auto examples = made_up(60, 2, 0.6, 5);
  for (std::size_t i = 0; i < 60; ++i) examples[i].cluster = fmt::format("c{}", i % 20);
  const auto predictions = out_of_fold(examples, label_names(2), quick(LearnerKind::kNearest));
  std::set<std::uint32_t> named;
  for (std::size_t i = 0; i < 60; ++i) {
    for (const Neighbour& neighbour : (*predictions)[i].neighbours) {
      EXPECT_NE(neighbour.index % 20, i % 20);
      named.insert(neighbour.index);
    }
  }
  EXPECT_EQ(named.size(), 60u);
}

TEST(OutOfFoldOf, OneGroupIsRefused) {
  const std::vector<Example> examples(5, Example{"all the same", {}, 0, ""});
  EXPECT_THAT(out_of_fold(examples, label_names(2), {}).error().what, HasSubstr("twins"));
}

TEST(OutOfFoldOf, NothingIsRefused) {
  EXPECT_EQ(out_of_fold({}, label_names(2), {}).error().kind, Kind::kInvalid);
}

TEST(OutOfFoldOf, ALabelSeenOnceIsNotAFault) {
  auto examples = made_up(10, 6, 0.7, 3);
  for (int i = 0; i < 10; ++i) examples[static_cast<std::size_t>(i)].label = i % 6;
  const auto predictions = out_of_fold(examples, label_names(6), {});
  ASSERT_TRUE(predictions) << predictions.error().message();
  for (const Prediction& prediction : *predictions) {
    EXPECT_GT(*std::min_element(prediction.probabilities.begin(), prediction.probabilities.end()),
              0);
  }
}

TEST(Draw, GivesEachLabelItsShareWithinOne) {
  auto examples = made_up(1000, 3, 0.5, 1);
  for (std::size_t i = 0; i < 1000; ++i) examples[i].label = i < 100 ? 0 : i < 400 ? 1 : 2;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    std::vector<int> count(3, 0);
    const auto drawn = draw(examples, 25, seed);
    ASSERT_EQ(std::set<std::uint32_t>(drawn.begin(), drawn.end()).size(), 25u);
    for (const std::uint32_t i : drawn) ++count[static_cast<std::size_t>(examples[i].label)];
    EXPECT_NEAR(count[0], 2.5, 1);
    EXPECT_NEAR(count[1], 7.5, 1);
    EXPECT_NEAR(count[2], 15, 1);
  }
}

TEST(Draw, TakesEachExampleAsOften) {
  const auto examples = made_up(40, 4, 0.5, 1);
  std::vector<int> taken(40, 0);
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    for (const std::uint32_t i : draw(examples, 10, seed)) ++taken[i];
  }
  EXPECT_GT(*std::min_element(taken.begin(), taken.end()), 400);  // 500 expected, sd 19
  EXPECT_LT(*std::max_element(taken.begin(), taken.end()), 600);
}

TEST(LearningCurve, RisesWithLabelsAndStartsBlind) {
  const auto examples = made_up(200, 4, 0.2, 5);
  CurveOptions curve;
  curve.sizes = {0, 10, 50, CurveOptions::kAll};
  const auto points = learning_curve(examples, label_names(4), {}, curve);
  ASSERT_TRUE(points) << points.error().message();
  ASSERT_EQ(points->size(), 4u);
  EXPECT_FALSE((*points)[0].learned);
  EXPECT_DOUBLE_EQ((*points)[0].accuracy, 0.25);
  for (std::size_t i = 1; i < 4; ++i) {
    const CurvePoint& point = (*points)[i];
    EXPECT_GT(point.accuracy, (*points)[i - 1].accuracy);
    EXPECT_EQ(point.accuracies.size(), 5u);
    EXPECT_LT(point.low, point.accuracy);
    EXPECT_GT(point.high, point.accuracy);
  }
  EXPECT_EQ((*points)[1].trained, 10u);
  EXPECT_EQ((*points)[3].labels, 200u);
  EXPECT_EQ((*points)[3].tested, 200u);
  EXPECT_NEAR(static_cast<double>((*points)[3].trained), 160, 8);
}

TEST(LearningCurve, DoesNotTestTwinsOfWhatItDrew) {
  // Every text stands twice, labels by chance: a curve that tests twins scores above chance.
  auto examples = labelled_by_chance(200, 4, 8);
  const auto once = examples;
  examples.insert(examples.end(), once.begin(), once.end());
  CurveOptions curve;
  curve.sizes = {150};
  const auto points =
      learning_curve(examples, label_names(4), {.learner = LearnerKind::kNearest}, curve);
  EXPECT_NEAR((*points)[0].accuracy, 0.25, 0.09);
}

TEST(LearningCurve, IntervalsCoverTheTruth) {
  // The truth: mean accuracy after 30 labels over many draws from the same source.
  CurveOptions curve;
  curve.sizes = {30};
  curve.repeats = 4;
  const LearnerOptions options{.learner = LearnerKind::kNearest, .calibrate = false};
  double truth = 0;
  std::vector<CurvePoint> points;
  for (std::uint64_t set = 0; set < 30; ++set) {
    curve.seed = set;
    points.push_back(
        learning_curve(made_up(150, 3, 0.3, 100 + set), label_names(3), options, curve)->at(0));
    truth += points.back().accuracy / 30;
  }
  const auto covered = std::count_if(points.begin(), points.end(), [&](const CurvePoint& point) {
    return point.low <= truth && truth <= point.high;
  });
  EXPECT_GE(covered, 27);
}

}  // namespace
}  // namespace sighter::learn
