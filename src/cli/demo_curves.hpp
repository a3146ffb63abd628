#pragma once
// The first half of `sighter demo`: score by number of labels, in a bounded time. What the language
// model is asked is chosen by how fast it answers here; a second run asks the same and reads it
// from the store.

#include <map>
#include <string>
#include <vector>

#include "cli/session.hpp"
#include "ready/curve.hpp"

namespace sighter::cli {

struct Demo {
  Session& session;
  Terminal& terminal;
  const functions::Function& function;
  const functions::CaseFile& cases;
  ready::Metric& metric;
  std::uint64_t seed;
  SteadyTime begun;
  std::vector<const functions::Variant*> runnable = {};
};

struct DemoCurves {
  std::vector<ready::Curve> curves;  // one a runnable variant, in its order
  // How many cases bodies that ask a local model were asked about, with all labels.
  std::map<std::string, std::size_t, std::less<>> asked;
  // What the model read a second when that was chosen, now or by the first run.
  std::optional<double> tokens_per_s;
  bool short_of_time = false;  // some points are missing, or have fewer cases than wanted
};

// Whether a language model in this process answers, alone or as a step.
bool asks_local_model(Session& session, const functions::Function& function,
                      const functions::Variant& variant);

// Prints the table too, each row once it is known, unless `quiet`. Errors: Ctrl-C.
Result<DemoCurves> demo_curves(Demo& demo, bool quiet);

// The best prompt without labels beside the best learned model: who is ahead from how many labels
// on, where the intervals tell them apart; "" without a prompt.
std::string crossing_words(const functions::Function& function,
                           const std::vector<ready::Curve>& curves);

}  // namespace sighter::cli
