#include "stats/race.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/random.hpp"
#include "stats/verdict.hpp"

namespace sighter::stats {
namespace {

// Cases as pairs of scores: only the first right, only the second, both alike.
std::vector<std::pair<double, double>> pairs(int first, int second, int alike, Random& random) {
  std::vector<std::pair<double, double>> cases;
  for (int i = 0; i < first; ++i) cases.emplace_back(1, 0);
  for (int i = 0; i < second; ++i) cases.emplace_back(0, 1);
  for (int i = 0; i < alike; ++i) cases.emplace_back(i % 2, i % 2);
  random.shuffle(cases);
  return cases;
}

TEST(Race, AClearWinnerPaysLittle) {
  // 1,319 cases, 1,172 against 839 right.
  Random random(1);
  int taken = 0;
  for (int run = 0; run < 30; ++run) {
    const auto cases = pairs(382, 49, 888, random);
    Race race(1319, 2, 0.05);
    std::int64_t at = 0;
    while (!race.beaten_by(1)) {
      race.add(0, at, cases[static_cast<std::size_t>(at)].first);
      race.add(1, at, cases[static_cast<std::size_t>(at)].second);
      ++at;
    }
    EXPECT_EQ(race.beaten_by(1), 0);
    EXPECT_FALSE(race.beaten_by(0));
    taken += static_cast<int>(at);
  }
  EXPECT_LT(taken / 30, 80);
}

TEST(Race, NobodyIsBeatenAlone) {
  Race race(10, 1, 0.05);
  for (int i = 0; i < 10; ++i) race.add(0, i, 0.0);
  EXPECT_FALSE(race.beaten_by(0));
}

TEST(Race, EqualsDoNotBeatEachOther) {
  Race race(50, 2, 0.05);
  for (int i = 0; i < 50; ++i) {
    race.add(0, i, i % 2);
    race.add(1, i, i % 2);
  }
  EXPECT_FALSE(race.beaten_by(0));
  EXPECT_FALSE(race.beaten_by(1));
}

TEST(Race, OnlySharedCasesInOrderCount) {
  Race race(100, 2, 0.05);
  for (int i = 99; i >= 1; --i) {
    race.add(0, i, 1);
    race.add(1, i, 0);
  }
  EXPECT_FALSE(race.beaten_by(1)) << "the first case of the order is missing";
  race.add(0, 0, 1);
  EXPECT_FALSE(race.beaten_by(1));
  race.add(1, 0, 0);
  EXPECT_EQ(race.beaten_by(1), 0);
}

TEST(Race, TheBestOfSeveralWinnersIsNamed) {
  Random random(2);
  Race race(300, 3, 0.05);
  for (int i = 0; i < 300; ++i) {
    race.add(0, i, random.uniform() < 0.7 ? 1 : 0);
    race.add(1, i, random.uniform() < 0.3 ? 1 : 0);
    race.add(2, i, random.uniform() < 0.98 ? 1 : 0);
  }
  EXPECT_EQ(race.beaten_by(1), 2);
  EXPECT_EQ(race.beaten_by(0), 2);
}

TEST(Race, ToldHowManyMoreCasesItTakes) {
  Random random(4);
  const auto cases = pairs(382, 49, 888, random);
  Race race(1319, 2, 0.05);
  EXPECT_EQ(race.cases_left(0, 1), 1319);
  double half_way = 0;
  std::int64_t at = 0;
  while (!race.beaten_by(1)) {
    if (at == 30) half_way = race.cases_left(0, 1);
    race.add(0, at, cases[static_cast<std::size_t>(at)].first);
    race.add(1, at, cases[static_cast<std::size_t>(at)].second);
    ++at;
  }
  EXPECT_GT(at, 30);
  EXPECT_GT(half_way, 0.2 * static_cast<double>(at - 30));
  EXPECT_LT(half_way, 5 * static_cast<double>(at - 30));
  EXPECT_EQ(race.cases_left(0, 1), 0);
  EXPECT_EQ(race.cases_left(1, 0), 1319 - at) << "the beaten one does not win soon";
}

TEST(Race, TheBetterIsCalledBeatenNoMoreOftenThanStated) {
  // Four variants; the first is better than each other one by a single case of the full run.
  constexpr int kRuns = 600;
  constexpr int kCases = 80;
  Random random(3);
  int wrong = 0;
  for (int run = 0; run < kRuns; ++run) {
    std::vector<std::vector<double>> scores(4, std::vector<double>(kCases, 0));
    for (int v = 0; v < 4; ++v) {
      auto& own = scores[static_cast<std::size_t>(v)];
      std::fill_n(own.begin(), v == 0 ? 41 : 40, 1.0);
      random.shuffle(own);
    }
    Race race(kCases, 4, 0.1);
    for (int i = 0; i < kCases; ++i) {
      for (int v = 0; v < 4; ++v) {
        race.add(v, i, scores[static_cast<std::size_t>(v)][static_cast<std::size_t>(i)]);
      }
    }
    wrong += race.beaten_by(0) ? 1 : 0;
  }
  EXPECT_LE(wrong, kRuns * 0.1 + 4 * std::sqrt(kRuns * 0.09));
}

// Two variants of one run, as a runner that goes by cases_left() takes them through the cases: one
// that is decided goes on where the other is then sooner beaten than decided.
struct Duel {
  explicit Duel(const VerdictRun::Options& options)
      : cases(options.cases), run{VerdictRun(options), VerdictRun(options)}, race(cases, 2, 0.1) {}
  std::int64_t cases;
  VerdictRun run[2];
  Race race;
  std::int64_t next[2] = {0, 0};
  Verdict verdict[2] = {Verdict::kUndecided, Verdict::kUndecided};
  bool beaten[2] = {false, false};

  bool decided(int v) const { return verdict[v] != Verdict::kUndecided; }
  bool wants(int v) const {
    const int other = 1 - v;
    if (next[v] >= cases || beaten[v]) return false;
    if (!decided(v)) return true;
    if (decided(other) || beaten[other] || next[other] <= next[v]) return false;
    const auto behind = static_cast<double>(next[other] - next[v]);
    return behind + 2 * race.cases_left(v, other) < run[other].cases_left();
  }
  void take(int v, double score) {
    run[v].add(next[v], score);
    race.add(v, next[v]++, score);
    if (!decided(v)) verdict[v] = run[v].verdict();
    for (int i : {0, 1}) beaten[i] = beaten[i] || (!decided(i) && race.beaten_by(i));
  }
};

TEST(Race, GoingOnForTheRaceKeepsTheStatedError) {
  // The first misses the bar by one case; the second is worse, and better by one.
  constexpr int kRuns = 400;
  constexpr int kCases = 150;
  Random random(6);
  VerdictRun::Options options;
  options.cases = kCases;
  options.bar = 0.7;
  options.confidence = 0.9;
  options.claim = Claim::kCases;
  for (const int second : {90, 105}) {
    int wrong = 0, wrongly_beaten = 0;
    for (int run = 0; run < kRuns; ++run) {
      std::vector<double> scores[2] = {std::vector<double>(kCases, 0),
                                       std::vector<double>(kCases, 0)};
      std::fill_n(scores[0].begin(), 104, 1.0);
      std::fill_n(scores[1].begin(), second, 1.0);
      for (auto& own : scores) random.shuffle(own);
      Duel duel(options);
      for (bool any = true; any;) {
        any = false;
        for (int v : {0, 1}) {
          if (!duel.wants(v)) continue;
          any = true;
          duel.take(v, scores[v][static_cast<std::size_t>(duel.next[v])]);
        }
      }
      wrong += duel.verdict[0] == Verdict::kPass;
      wrongly_beaten += duel.beaten[second > 104 ? 1 : 0];
    }
    const double most = kRuns * 0.1 + 4 * std::sqrt(kRuns * 0.09);
    EXPECT_LE(wrong, most);
    EXPECT_LE(wrongly_beaten, most);
  }
}

}  // namespace
}  // namespace sighter::stats
