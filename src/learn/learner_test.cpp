#include "learn/learner.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "learn/calibrate.hpp"
#include "learn/synthetic.hpp"

namespace sighter::learn {
namespace {

using ::testing::HasSubstr;

LearnerOptions options_of(LearnerKind learner, FeatureKind features = FeatureKind::kLexical) {
  LearnerOptions options;
  options.learner = learner;
  options.features = features;
  return options;
}

const std::vector<LearnerOptions> kAll = {
    options_of(LearnerKind::kMajority), options_of(LearnerKind::kNearest),
    options_of(LearnerKind::kLinear), options_of(LearnerKind::kNearest, FeatureKind::kEmbedding),
    options_of(LearnerKind::kLinear, FeatureKind::kEmbedding)};

Model must_fit(const std::vector<Example>& examples, const std::vector<std::string>& labels,
               const LearnerOptions& options) {
  auto model = fit(examples, labels, options);
  if (!model) ADD_FAILURE() << model.error().message();
  return std::move(*model);
}

double accuracy(const Model& model, const std::vector<Example>& tests) {
  double right = 0;
  for (const Example& test : tests) {
    right += model.predict(test.text, test.vector)->label == test.label ? 1 : 0;
  }
  return right / static_cast<double>(tests.size());
}

std::vector<Example> few() {
  return {{"I was charged twice", {1, 0}, 0, ""}, {"refund my payment please", {1, 0.1f}, 0, ""},
          {"the app crashes", {0, 1}, 1, ""},     {"error 500 when saving", {0.1f, 1}, 1, ""},
          {"change my password", {-1, 0}, 2, ""}, {"I cannot log in", {-1, 0.1f}, 2, ""}};
}

class EachLearner : public ::testing::TestWithParam<LearnerOptions> {};

TEST_P(EachLearner, GivesADistributionWithEveryLabelAboveZero) {
  const auto labels = label_names(6);  // three of them never seen
  const Model model = must_fit(few(), labels, GetParam());
  for (const std::string text : {"charged", "", "\xff\xfe", "完全に別の言語", "🙂"}) {
    const std::vector<float> vector = {0.3f, -0.2f};
    const auto prediction = model.predict(text, vector);
    ASSERT_TRUE(prediction) << prediction.error().message();
    const auto& p = prediction->probabilities;
    ASSERT_EQ(p.size(), 6u);
    EXPECT_NEAR(std::accumulate(p.begin(), p.end(), 0.0), 1, 1e-5);
    for (const float share : p) EXPECT_GT(share, 0);
    EXPECT_NEAR(prediction->confidence, p[static_cast<std::size_t>(prediction->label)], 1e-6);
  }
}

TEST_P(EachLearner, NeverPrefersALabelThatNoExampleBears) {
  const Model model = must_fit(few(), label_names(6), GetParam());
  const std::vector<float> vector = {0.3f, -0.2f};
  EXPECT_LT(model.predict("something else", vector)->label, 3);
}

TEST_P(EachLearner, ClaimsNoMoreThanItsExamplesCanShow) {
  const Model model = must_fit(few(), label_names(3), GetParam());
  for (const Example& example : few()) {
    EXPECT_LT(model.predict(example.text, example.vector)->confidence, 1 - 0.5 / 8);
  }
}

TEST_P(EachLearner, SaysTheOnlyLabelThereIs) {
  std::vector<Example> examples = few();
  for (Example& example : examples) example.label = 0;
  const Model model = must_fit(examples, label_names(1), GetParam());
  EXPECT_DOUBLE_EQ(model.predict("x", examples[0].vector)->confidence, 1);
}

TEST_P(EachLearner, LearnsFromOneExample) {
  const std::vector<Example> one = {few()[0]};
  const Model model = must_fit(one, label_names(2), GetParam());
  EXPECT_EQ(model.predict(one[0].text, one[0].vector)->label, 0);
}

TEST_P(EachLearner, IsDividedWhenTwinsContradictEachOther) {
  std::vector<Example> examples;
  for (int i = 0; i < 20; ++i) examples.push_back({"same words", {1, 2}, i % 2, ""});
  const Model model = must_fit(examples, label_names(2), GetParam());
  EXPECT_NEAR(model.predict("same words", examples[0].vector)->confidence, 0.5, 0.1);
}

TEST_P(EachLearner, GivesTheSameModelForTheSameSeed) {
  const auto examples = made_up(150, 4, 0.4, 1);
  EXPECT_EQ(must_fit(examples, label_names(4), GetParam()).save(),
            must_fit(examples, label_names(4), GetParam()).save());
}

TEST_P(EachLearner, PredictsTheSameAfterSavingAndLoading) {
  const auto examples = made_up(300, 5, 0.4, 2);
  const Model model = must_fit(examples, label_names(7), GetParam());
  const std::string file = model.save();
  const auto loaded = Model::load(file);
  ASSERT_TRUE(loaded) << loaded.error().message();
  EXPECT_EQ(loaded->save(), file);
  EXPECT_EQ(loaded->describe(), model.describe());
  for (const Example& test : made_up(100, 5, 0.4, 3)) {
    const auto a = model.predict(test.text, test.vector);
    const auto b = loaded->predict(test.text, test.vector);
    ASSERT_EQ(a->probabilities, b->probabilities);
    ASSERT_EQ(a->neighbours.size(), b->neighbours.size());
  }
}

TEST_P(EachLearner, StopsWhenAsked) {
  std::stop_source source;
  source.request_stop();
  const auto model = fit(made_up(200, 3, 0.4, 1), label_names(3), GetParam(), source.get_token());
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().kind, Kind::kCancelled);
}

TEST_P(EachLearner, RefusesToLearnFromNothing) {
  const auto model = fit({}, label_names(2), GetParam());
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().kind, Kind::kInvalid);
  EXPECT_THAT(model.error().what, HasSubstr("no examples"));
}

INSTANTIATE_TEST_SUITE_P(All, EachLearner, ::testing::ValuesIn(kAll), [](const auto& each) {
  return std::string(to_string(each.param.learner)) + "_" +
         std::string(to_string(each.param.features));
});

TEST(Majority, GivesTheSharesOfTheLabels) {
  std::vector<Example> examples(8, Example{"x", {}, 1, ""});
  examples[0].label = 0;
  const Model model = must_fit(examples, label_names(2), kAll[0]);
  EXPECT_FLOAT_EQ(model.predict("anything")->probabilities[1], 0.8f);  // (7 + 1) / (8 + 2)
}

TEST(Linear, LearnsWhatMajorityCannot) {
  const auto tests = made_up(500, 4, 0.5, 9);
  const auto examples = made_up(800, 4, 0.5, 8);
  EXPECT_LT(accuracy(must_fit(examples, label_names(4), kAll[0]), tests), 0.4);
  EXPECT_GT(accuracy(must_fit(examples, label_names(4), kAll[2]), tests), 0.95);
}

TEST(Linear, LearnsFromEmbeddings) {
  const auto tests = made_up(500, 4, 0.9, 9);
  EXPECT_GT(accuracy(must_fit(made_up(800, 4, 0.9, 8), label_names(4), kAll[4]), tests), 0.85);
}

TEST(Linear, LearnsFromTenLabels) {
  const auto examples = made_up(10, 6, 0.7, 4);
  EXPECT_GT(accuracy(must_fit(examples, label_names(6), kAll[2]), made_up(300, 6, 0.7, 5)), 0.3);
}

double error_of_calibration(const Model& model, const std::vector<Example>& tests) {
  std::vector<double> confidence;
  std::vector<std::uint8_t> correct;
  for (const Example& test : tests) {
    const auto prediction = model.predict(test.text);
    confidence.push_back(prediction->confidence);
    correct.push_back(prediction->label == test.label);
  }
  return calibration_error(confidence, correct);
}

TEST(Linear, IsCalibratedOnTextsItHasNotSeen) {
  const auto tests = made_up(3000, 4, 0.3, 12);
  EXPECT_LT(
      error_of_calibration(must_fit(made_up(300, 4, 0.3, 11), label_names(4), kAll[2]), tests),
      0.03);
  EXPECT_LT(
      error_of_calibration(must_fit(made_up(2500, 4, 0.3, 11), label_names(4), kAll[2]), tests),
      0.03);
}

TEST(Linear, IsFarOffWithoutCalibration) {
  LearnerOptions options = kAll[2];
  options.calibrate = false;
  const Model model = must_fit(made_up(300, 4, 0.3, 11), label_names(4), options);
  EXPECT_GT(error_of_calibration(model, made_up(3000, 4, 0.3, 12)), 0.06);
}

TEST(Linear, WithoutCalibrationTakesTemperatureOne) {
  LearnerOptions options = kAll[2];
  options.calibrate = false;
  EXPECT_EQ(must_fit(few(), label_names(3), options).info().temperature, 1);
}

TEST(Linear, ReadsScriptsWithoutSpaces) {
  std::vector<Example> examples;
  for (int i = 0; i < 5; ++i) {
    examples.push_back({"請求書が二重になっています" + std::to_string(i), {}, 0, ""});
    examples.push_back({"パスワードを忘れました" + std::to_string(i), {}, 1, ""});
  }
  const Model model = must_fit(examples, label_names(2), kAll[2]);
  EXPECT_EQ(model.predict("請求書について")->label, 0);
  EXPECT_EQ(model.predict("パスワード変更")->label, 1);
}

TEST(Nearest, NamesTheExamplesThatVoted) {
  const Model model = must_fit(few(), label_names(3), kAll[1]);
  const auto prediction = model.predict("the app crashes all the time");
  ASSERT_FALSE(prediction->neighbours.empty());
  EXPECT_EQ(prediction->neighbours[0].index, 2u);
  EXPECT_EQ(prediction->label, 1);
}

TEST(Nearest, AsksAsManyNeighboursAsToldTo) {
  LearnerOptions options = kAll[1];
  options.neighbours = 2;
  const Model model = must_fit(made_up(50, 2, 0.9, 1), label_names(2), options);
  EXPECT_EQ(model.predict(made_up(1, 2, 0.9, 2)[0].text)->neighbours.size(), 2u);
}

TEST(Fit, NamesTheExampleWhoseEmbeddingIsWrong) {
  auto examples = few();
  examples[3].vector = {1};
  EXPECT_THAT(fit(examples, label_names(3), kAll[3]).error().what, HasSubstr("example 4"));
  examples[3].vector = {1, std::numeric_limits<float>::quiet_NaN()};
  EXPECT_THAT(fit(examples, label_names(3), kAll[4]).error().what, HasSubstr("NaN"));
  examples[0].vector = {};
  EXPECT_THAT(fit(examples, label_names(3), kAll[4]).error().what, HasSubstr("no embedding"));
}

TEST(Fit, RefusesLabelsThatCannotBe) {
  auto examples = few();
  EXPECT_EQ(fit(examples, label_names(2), kAll[2]).error().kind, Kind::kInvalid);
  EXPECT_EQ(fit(examples, {}, kAll[2]).error().kind, Kind::kInvalid);
  const std::vector<std::string> twice = {"a", "b", "a"};
  EXPECT_THAT(fit(examples, twice, kAll[2]).error().what, HasSubstr("twice"));
}

TEST(Fit, ReportsProgressUpToOne) {
  double last = 0;
  bool fell = false;
  (void)fit(made_up(300, 3, 0.4, 1), label_names(3), kAll[2], {}, [&](double share) {
    fell |= share < last;
    last = share;
  });
  EXPECT_FALSE(fell);
  EXPECT_EQ(last, 1);
}

TEST(Predict, RefusesAVectorOfAnotherModel) {
  const Model model = must_fit(few(), label_names(3), kAll[4]);
  const std::vector<float> longer = {1, 2, 3};
  EXPECT_THAT(model.predict("x", longer).error().what, HasSubstr("3 dimensions where 2"));
  EXPECT_THAT(model.predict("x").error().what, HasSubstr("no embedding"));
}

TEST(Describe, SaysWhatTheModelIs) {
  const Model model = must_fit(few(), label_names(6), kAll[2]);
  EXPECT_THAT(model.describe(), HasSubstr("linear on lexical features: 3 of 6 labels, 6 examples"));
  EXPECT_EQ(model.info().file_bytes, model.save().size());
}

TEST(Names, SuggestTheRightOne) {
  EXPECT_EQ(learner_from("nearest").value(), LearnerKind::kNearest);
  EXPECT_THAT(learner_from("nearset").error().hint, HasSubstr("nearest"));
  EXPECT_EQ(features_from("embedding").value(), FeatureKind::kEmbedding);
  EXPECT_EQ(features_from("words").error().kind, Kind::kInvalid);
}

}  // namespace
}  // namespace sighter::learn
