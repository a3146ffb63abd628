#pragma once
// Knowing early how a run of N cases will end. The cases come in an order drawn at random; after
// each score the certificate says between which bounds the sum of all N scores will lie. It may be
// looked at after every case: P(a bound is ever wrong) <= alpha for each of the two sides.
//
// A gambler who starts with 1 bets against "the sum of all N is at most m": under it the next score
// averages at most mu = (m - sum so far) / (cases left), so that multiplying the capital by
// 1 + g (score / mu - 1), g in [0, 1], is a fair game at best (Waudby-Smith and Ramdas, "Confidence
// sequences for sampling without replacement", 2020). Capital spread over many g is one too;
// reaching 1/alpha has probability at most alpha (Ville). The other side bets on 1 - score. What
// arithmetic settles (m exceeded already, or out of reach) is settled without a bet.

#include <array>
#include <cstdint>
#include <vector>

namespace sighter::stats {

// Tests "the sum of all N scores is at most m" against "it is more". One direction, one m.
class SumTest {
 public:
  // total_cases >= 1; alpha in (0, 1). m < 0 is rejected at once.
  SumTest(std::int64_t total_cases, double m, double alpha);
  // The next score, in [0, 1].
  void add(double score);
  bool rejected() const { return rejected_; }  // the sum is more than m
  // The largest capital so far; an anytime-valid p-value is 1 / capital.
  double capital() const { return best_; }
  // How many more scores it takes if they are like those so far; the number of all that are left
  // when it does not look like that. An estimate for choosing what to run: no claim rests on it.
  double cases_left() const;

 private:
  static constexpr std::size_t kBets = 24;
  double total_;
  double m_;
  double needed_;  // capital at which it is settled
  double seen_ = 0.0;
  double sum_ = 0.0;
  double best_ = 1.0;
  bool rejected_ = false;
  std::array<double, kBets> share_;    // g of each bet
  std::array<double, kBets> capital_;  // what each has become, of 1/kBets
};

struct SumBounds {
  double low = 0.0;
  double high = 0.0;
};

// In which of three ranges the sum of all N will lie: at most `low_max`, at least `high_min`, or
// between. For sums of 0/1 scores low_max < high_min are integers; where scores may be anything in
// [0, 1], low_max may equal high_min = T, and kLow then means "less than T or equal".
class RangeCertificate {
 public:
  enum class Range { kUnknown, kLow, kBetween, kHigh };
  // `low_max` < 0: there is no low range; `high_min` > total_cases: no high one. With
  // `whole_scores`, scores are 0 or 1, and a claim is tested against the nearest integer outside
  // it.
  RangeCertificate(std::int64_t total_cases, double low_max, double high_min, double alpha_a_side,
                   bool whole_scores);
  // The next score in the run's order; at most total_cases. Answers the range, once it is settled;
  // after the last score it is what the sum is.
  Range add(double score);
  Range range() const { return range_; }
  std::int64_t count() const { return static_cast<std::int64_t>(scores_.size()); }
  double sum() const { return sum_; }
  // Until a range is settled, if the scores go on as they were: an estimate, as in SumTest.
  double cases_left() const;
  // Bounds of the sum of all N at the same error. O(count * log N): for reports, not for each case.
  SumBounds bounds() const;

 private:
  std::int64_t total_;
  double alpha_;
  bool whole_;
  double low_max_;
  double high_min_;
  SumTest not_low_;   // the sum is more than low_max
  SumTest high_;      // the sum is at least high_min
  SumTest low_;       // N - sum: the sum is at most low_max
  SumTest not_high_;  // N - sum: the sum is less than high_min
  std::vector<double> scores_;
  double sum_ = 0.0;
  Range range_ = Range::kUnknown;
};

}  // namespace sighter::stats
