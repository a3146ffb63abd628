// A public set of text messages, ham or spam; skipped where it is not at hand.

#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.hpp"
#include "base/json.hpp"
#include "learn/calibrate.hpp"
#include "learn/learner.hpp"

namespace sighter::learn {
namespace {

const std::vector<std::string> kLabels = {"ham", "spam"};

std::vector<Example> read_rows(const std::filesystem::path& path, std::size_t count) {
  std::vector<Example> rows;
  auto lines = LineReader::open(path);
  while (lines && rows.size() < count) {
    const auto line = lines->next(1 << 20);
    if (!line || !*line) break;
    const auto json = json_parse(**line);
    if (!json) break;
    const Json* text = json->pointer("/input/text");
    const std::string* label = json->find_string("expect");
    if (text == nullptr || label == nullptr) break;
    rows.push_back({text->as_string(), {}, *label == "spam" ? 1 : 0, ""});
  }
  return rows;
}

class Sms : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::filesystem::path folder =
        std::filesystem::path(SIGHTER_SOURCE_DIR) / "../shared/data/sms";
    if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder << " is not there";
    train_ = read_rows(folder / "train.jsonl", 1000);
    test_ = read_rows(folder / "test.jsonl", 1000);
    ASSERT_EQ(train_.size(), 1000u);
    ASSERT_EQ(test_.size(), 1000u);
  }
  std::vector<Example> train_, test_;
};

TEST_F(Sms, LinearFindsSpamAfterAThousandMessages) {
  const auto model = fit(train_, kLabels, {});
  ASSERT_TRUE(model) << model.error().message();
  int right = 0;
  std::vector<double> confidence;
  std::vector<std::uint8_t> correct;
  for (const Example& test : test_) {
    const auto prediction = model->predict(test.text);
    confidence.push_back(prediction->confidence);
    correct.push_back(prediction->label == test.label);
    right += correct.back();
  }
  EXPECT_GE(right, 960);
  EXPECT_LT(calibration_error(confidence, correct), 0.03);
}

TEST_F(Sms, NearestFindsSpamAfterAThousandMessages) {
  const auto model = fit(train_, kLabels, {.learner = LearnerKind::kNearest});
  ASSERT_TRUE(model) << model.error().message();
  int right = 0;
  for (const Example& test : test_) right += model->predict(test.text)->label == test.label;
  EXPECT_GE(right, 950);
}

}  // namespace
}  // namespace sighter::learn
