#include "stats/verdict.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/check.hpp"
#include "stats/certificate.hpp"
#include "stats/sequence.hpp"

namespace sighter::stats {

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kReady:
      return "READY";
    case Verdict::kNotReady:
      return "NOT READY";
    case Verdict::kUndecided:
      return "UNDECIDED";
    case Verdict::kPass:
      return "PASS";
    case Verdict::kFail:
      return "FAIL";
  }
  return "UNDECIDED";
}

VerdictRanges verdict_ranges(std::int64_t n, double bar, double confidence) {
  CHECK(n >= 0 && bar >= 0 && bar <= 1 && confidence > 0 && confidence < 1);
  const double tail = (1 - confidence) / 2;
  // The interval's lower end for k is at or above the bar exactly when, at the bar, k or more are
  // right with probability at most `tail`; both conditions are monotone in k.
  VerdictRanges ranges;
  std::int64_t no = -1;
  std::int64_t yes = n + 1;
  while (yes - no > 1) {
    const std::int64_t k = no + (yes - no) / 2;
    const bool ready = bar == 0 || (k > 0 && binomial_at_least(k, n, bar) <= tail);
    (ready ? yes : no) = k;
  }
  ranges.ready_min = yes;
  yes = -1;
  no = n;  // the upper end for k = n is 1, never below a bar
  while (no - yes > 1) {
    const std::int64_t k = yes + (no - yes) / 2;
    (binomial_at_most(k, n, bar) < tail ? yes : no) = k;
  }
  ranges.not_ready_max = yes;
  return ranges;
}

Verdict full_verdict(std::int64_t right, std::int64_t n, double bar, double confidence) {
  const VerdictRanges ranges = verdict_ranges(n, bar, confidence);
  if (right >= ranges.ready_min) return Verdict::kReady;
  return right <= ranges.not_ready_max ? Verdict::kNotReady : Verdict::kUndecided;
}

double passing_sum(std::int64_t n, double bar, bool whole_scores) {
  const double sum = bar * static_cast<double>(n);
  // 0.7 * 10 is 7 right answers, however it is rounded.
  return whole_scores ? std::ceil(sum - 1e-9 * static_cast<double>(n)) : sum;
}

struct VerdictRun::State {
  Options options;
  std::optional<RangeCertificate> certificate;
  std::optional<HedgedSequence> sequence;  // traffic, scores that are not whole
  std::map<std::int64_t, double> waiting;  // given ahead of their turn
  std::int64_t next = 0;
  std::int64_t given = 0;
  double sum = 0.0;

  explicit State(const Options& o) : options(o) {
    CHECK(o.cases >= 1 && o.bar >= 0 && o.bar <= 1);
    const double alpha = 1 - o.confidence;
    if (o.claim == Claim::kCases) {
      const double pass = passing_sum(o.cases, o.bar, o.whole_scores);
      certificate.emplace(o.cases, o.whole_scores ? pass - 1 : pass, pass, alpha, o.whole_scores);
    } else if (o.whole_scores) {
      const VerdictRanges ranges = verdict_ranges(o.cases, o.bar, o.confidence);
      certificate.emplace(o.cases, static_cast<double>(ranges.not_ready_max),
                          static_cast<double>(ranges.ready_min), alpha / 2, true);
    } else {
      HedgedSequence::Options betting;
      betting.alpha = alpha;
      betting.tuned_to = o.cases;
      betting.watched = o.bar;
      sequence.emplace(betting);
    }
  }

  bool complete() const { return next == options.cases; }

  void take(double score) {
    ++next;
    if (certificate) {
      certificate->add(score);
    } else {
      sequence->add(score);
    }
  }

  // As far as it is certain, whether or not the run must go on to its end.
  Verdict certain() const {
    if (sequence) {
      if (sequence->certainly_above(options.bar)) return Verdict::kReady;
      return sequence->certainly_below(options.bar) ? Verdict::kNotReady : Verdict::kUndecided;
    }
    const bool cases = options.claim == Claim::kCases;
    switch (certificate->range()) {
      case RangeCertificate::Range::kHigh:
        return cases ? Verdict::kPass : Verdict::kReady;
      case RangeCertificate::Range::kLow:
        return cases ? Verdict::kFail : Verdict::kNotReady;
      default:
        return Verdict::kUndecided;
    }
  }

  bool settled() const {
    if (complete()) return true;
    if (certificate) return certificate->range() != RangeCertificate::Range::kUnknown;
    return certain() != Verdict::kUndecided;
  }
};

VerdictRun::VerdictRun(const Options& options) : state_(std::make_unique<State>(options)) {}
VerdictRun::~VerdictRun() = default;
VerdictRun::VerdictRun(VerdictRun&&) noexcept = default;
VerdictRun& VerdictRun::operator=(VerdictRun&&) noexcept = default;

void VerdictRun::add(std::int64_t position, double score) {
  State& s = *state_;
  CHECK(position >= s.next && position < s.options.cases && score >= 0 && score <= 1);
  const bool fresh = s.waiting.emplace(position, score).second;
  CHECK(fresh);
  ++s.given;
  s.sum += score;
  while (!s.waiting.empty() && s.waiting.begin()->first == s.next) {
    s.take(s.waiting.begin()->second);
    s.waiting.erase(s.waiting.begin());
  }
}

bool VerdictRun::decided() const {
  return state_->options.full ? state_->complete() : state_->settled();
}

Verdict VerdictRun::verdict() const {
  return decided() ? state_->certain() : Verdict::kUndecided;
}

double VerdictRun::cases_left() const {
  if (decided()) return 0;
  const auto left = static_cast<double>(state_->options.cases - state_->next);
  const bool early = state_->certificate && !state_->options.full;
  return early ? std::min(left, state_->certificate->cases_left()) : left;
}

std::int64_t VerdictRun::count() const {
  return state_->given;
}

double VerdictRun::score() const {
  return state_->given == 0 ? 0.0 : state_->sum / static_cast<double>(state_->given);
}

Interval VerdictRun::bounds() const {
  const State& s = *state_;
  if (s.sequence) return s.sequence->interval();
  const SumBounds sums = s.certificate->bounds();
  const auto n = static_cast<double>(s.options.cases);
  if (s.options.claim == Claim::kCases) return {sums.low / n, sums.high / n};
  const auto low = static_cast<std::int64_t>(std::llround(sums.low));
  const auto high = static_cast<std::int64_t>(std::llround(sums.high));
  return {clopper_pearson(low, s.options.cases, s.options.confidence).low,
          clopper_pearson(high, s.options.cases, s.options.confidence).high};
}

namespace {

// The least number that decides, or near it: deciding comes with more cases, but for small steps
// back. Begins at `first`; nullopt when `most` do not.
template <class Decides>
std::optional<std::int64_t> fewest(const Decides& decides, std::int64_t first, std::int64_t most) {
  std::int64_t no = 0;
  std::int64_t yes = std::min(first, most);
  while (!decides(yes)) {
    if (yes >= most) return std::nullopt;
    no = yes;
    yes = std::min(2 * yes, most);
  }
  while (yes - no > 1) {
    const std::int64_t n = no + (yes - no) / 2;
    (decides(n) ? yes : no) = n;
  }
  return yes;
}

}  // namespace

std::optional<std::int64_t> cases_to_decide(double p, double bar, double confidence, double power,
                                            std::int64_t cases_max) {
  CHECK(p >= 0 && p <= 1 && power > 0 && power < 1 && cases_max >= 1);
  const auto decides = [&](std::int64_t n) {
    const VerdictRanges ranges = verdict_ranges(n, bar, confidence);
    if (p >= bar) return binomial_at_least(ranges.ready_min, n, p) >= power;
    return binomial_at_most(ranges.not_ready_max, n, p) >= power;
  };
  return fewest(decides, 1, cases_max);
}

std::optional<std::int64_t> cases_to_decide(std::span<const double> scores, double bar,
                                            double confidence, std::int64_t cases_max) {
  CHECK(!scores.empty() && cases_max >= 1);
  const auto decides = [&](std::int64_t n) {
    HedgedSequence::Options betting;
    betting.alpha = 1 - confidence;
    betting.tuned_to = n;
    betting.watched = bar;
    HedgedSequence sequence(betting);
    for (std::int64_t i = 0; i < n; ++i) {
      sequence.add(scores[static_cast<std::size_t>(i) % scores.size()]);
      if (sequence.certainly_above(bar) || sequence.certainly_below(bar)) return true;
    }
    return false;
  };
  return fewest(decides, static_cast<std::int64_t>(scores.size()), cases_max);
}

}  // namespace sighter::stats
