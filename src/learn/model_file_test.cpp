#include "learn/model_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "base/random.hpp"
#include "learn/learner.hpp"
#include "learn/synthetic.hpp"

namespace sighter::learn {
namespace {

using ::testing::HasSubstr;

std::string file_of(LearnerKind learner, FeatureKind features) {
  LearnerOptions options;
  options.learner = learner;
  options.features = features;
  options.calibrate = false;
  return fit(made_up(40, 5, 0.5, 1), label_names(20), options)->save();
}

std::string some_file() {
  return file_of(LearnerKind::kLinear, FeatureKind::kLexical);
}

TEST(ModelFile, RefusesWhatIsNoModel) {
  EXPECT_THAT(Model::load("").error().what, HasSubstr("not a model file"));
  EXPECT_THAT(Model::load("{\"a\": 1}").error().what, HasSubstr("not a model file"));
}

TEST(ModelFile, RefusesEveryPrefix) {
  const std::string file = some_file();
  for (std::size_t size = 0; size < file.size(); size += 1 + size / 50) {
    EXPECT_FALSE(Model::load(file.substr(0, size))) << size;
  }
  EXPECT_THAT(Model::load(file.substr(0, file.size() - 1)).error().what, HasSubstr("bytes where"));
}

TEST(ModelFile, RefusesTrailingBytes) {
  EXPECT_FALSE(Model::load(some_file() + "x"));
}

TEST(ModelFile, RefusesAnyFlippedBit) {
  std::string file = some_file();
  Random random(3);
  for (int i = 0; i < 300; ++i) {
    const std::size_t at = random.below(file.size());
    const auto bit = static_cast<char>(1 << random.below(8));
    file[at] ^= bit;
    EXPECT_FALSE(Model::load(file)) << "bit " << int(bit) << " of byte " << at;
    file[at] ^= bit;
  }
}

TEST(ModelFile, NamesANewerVersion) {
  std::string file = some_file();
  file[8] = 2;
  const auto loaded = Model::load(file);
  EXPECT_EQ(loaded.error().kind, Kind::kConflict);
  EXPECT_THAT(loaded.error().what, HasSubstr("version 2"));
}

TEST(ModelFile, StartsWithTheSameBytesOnEveryMachine) {
  EXPECT_EQ(seal("abc").substr(0, 23), std::string("sightmod\x01\0\0\0\x03\0\0\0\0\0\0\0abc", 23));
}

// Hostile files with a good checksum: whatever loads must predict without harm.
TEST(ModelFile, SurvivesContentThatMakesNoSense) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(1500);
  Random random(7);
  const std::vector<std::string> files = {file_of(LearnerKind::kMajority, FeatureKind::kLexical),
                                          file_of(LearnerKind::kNearest, FeatureKind::kLexical),
                                          file_of(LearnerKind::kLinear, FeatureKind::kLexical),
                                          file_of(LearnerKind::kNearest, FeatureKind::kEmbedding),
                                          file_of(LearnerKind::kLinear, FeatureKind::kEmbedding)};
  const std::vector<float> vector(16, 0.5f);
  int loaded = 0, refused = 0;
  for (int i = 0; i < 20'000 && std::chrono::steady_clock::now() < end; ++i) {
    std::string payload(*unseal(files[static_cast<std::size_t>(i) % files.size()]));
    for (std::uint64_t edits = 1 + random.below(4); edits > 0; --edits) {
      // Often near the front, where the numbers that steer the reader stand.
      const std::size_t reach =
          random.below(2) == 0 ? std::min<std::size_t>(300, payload.size()) : payload.size();
      const std::size_t at = random.below(reach);
      switch (random.below(4)) {
        case 0:
          payload[at] = static_cast<char>(random.next());
          break;
        case 1:
          payload[at] = static_cast<char>(random.below(2) == 0 ? 0xff : 0);
          break;
        case 2:
          payload.erase(at, 1 + random.below(4));
          break;
        default:
          payload.insert(at, 1, static_cast<char>(random.next()));
          break;
      }
      if (payload.empty()) payload = "x";
    }
    const auto model = Model::load(seal(payload));
    if (!model) {
      ++refused;
      EXPECT_FALSE(model.error().what.empty());
      continue;
    }
    ++loaded;
    const auto prediction = model->predict("abcd word of some kind", vector);
    if (!prediction) continue;  // another number of dimensions
    ASSERT_LT(static_cast<std::size_t>(prediction->label), model->info().labels.size());
    ASSERT_TRUE(prediction->confidence >= 0 && prediction->confidence <= 1);
  }
  EXPECT_GT(loaded, 10);
  EXPECT_GT(refused, 10);
}

}  // namespace
}  // namespace sighter::learn
