#pragma once
// From scores to a claim. Two claims, never mixed up:
//
// - About future traffic like these cases: READY when the lower end of the full run's two-sided
//   interval (Clopper-Pearson at `confidence`) is at or above the bar, NOT READY when its upper end
//   is below, else UNDECIDED.
// - About these N cases alone: PASS when the full run's mean is at or above the bar, else FAIL.
//
// Error, with alpha = 1 - confidence. READY and NOT READY cannot both be wrong: for a given truth
// one of them is right. The wrong one comes from the interval with probability at most alpha/2 (one
// of its two sides), and from stopping early with at most the certificate's error on that one side,
// which therefore gets the other alpha/2: together at most alpha. For PASS and FAIL there is no
// interval, and each side of the certificate gets alpha. Scores that are not all 0 or 1 have no
// exact interval: the claim about traffic then uses a confidence sequence at alpha as a whole,
// which is right at every moment and needs no certificate.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "stats/interval.hpp"

namespace sighter::stats {

enum class Claim { kTraffic, kCases };
enum class Verdict { kReady, kNotReady, kUndecided, kPass, kFail };
// "READY", "NOT READY", "UNDECIDED", "PASS", "FAIL"
std::string_view to_string(Verdict verdict);

// Which numbers of right answers of n are which verdict. not_ready_max = -1 or ready_min = n + 1
// where no number is.
struct VerdictRanges {
  std::int64_t not_ready_max = -1;
  std::int64_t ready_min = 0;
};
VerdictRanges verdict_ranges(std::int64_t n, double bar, double confidence);

// The verdict of a full run of 0/1 scores.
Verdict full_verdict(std::int64_t right, std::int64_t n, double bar, double confidence);

// The smallest number of right answers (or sum of scores) of n whose mean is at or above the bar.
double passing_sum(std::int64_t n, double bar, bool whole_scores);

// Follows one variant's run to its verdict.
class VerdictRun {
 public:
  struct Options {
    std::int64_t cases = 0;  // N of the full run, at least 1
    double bar = 0.9;        // in [0, 1]
    double confidence = 0.95;
    Claim claim = Claim::kTraffic;
    bool whole_scores = true;  // every score is 0 or 1; else any in [0, 1]
    bool full = false;         // no early stop: decided() only at the end
  };
  explicit VerdictRun(const Options& options);
  ~VerdictRun();
  VerdictRun(VerdictRun&&) noexcept;
  VerdictRun& operator=(VerdictRun&&) noexcept;

  // The score of the case at `position` of the run's random order; positions may come in any order,
  // each once (what is ahead waits: results that come early are the easy ones).
  void add(std::int64_t position, double score);
  // Nothing more needs to be run.
  bool decided() const;
  // The verdict as it stands; UNDECIDED for both claims while nothing is certain.
  Verdict verdict() const;
  // How many more cases until it is decided, if they are like those so far; an estimate, at most
  // the cases that are left.
  double cases_left() const;
  std::int64_t count() const;  // cases given, those that wait included
  double score() const;        // mean of the cases given
  // Traffic: the full run's interval or, when stopped early, certified bounds of it. Cases: bounds
  // of the full run's mean. O(count): for reports.
  Interval bounds() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Cases in all (not "more") after which `verdict_ranges` decides with probability at least `power`
// if each case is right with probability p; nullopt when more than `cases_max` are needed (p too
// near the bar). power 0.5: what is to be expected if the truth is what it looks like.
std::optional<std::int64_t> cases_to_decide(double p, double bar, double confidence,
                                            double power = 0.5,
                                            std::int64_t cases_max = 10'000'000);
// The same for scores between 0 and 1, which a run judges by betting (HedgedSequence): in all, if
// what comes is like these scores, in this order again and again. At least one score.
std::optional<std::int64_t> cases_to_decide(std::span<const double> scores, double bar,
                                            double confidence, std::int64_t cases_max = 100'000);

}  // namespace sighter::stats
