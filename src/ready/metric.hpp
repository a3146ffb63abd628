#pragma once
// A rule that scores an output in [0, 1] against what is expected. To add one: a maker in
// metrics.cpp and its row in the table there.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/hash.hpp"
#include "base/json.hpp"
#include "io/cancel.hpp"
#include "io/task.hpp"

namespace sighter {
class Log;
}
namespace sighter::io {
class Core;
}

namespace sighter::ready {

struct Score {
  double value = 0;    // in [0, 1]
  std::string reason;  // why it is not 1; may be empty
};

struct Scored {
  const Json& input;
  const Json* expect;  // nullptr: the case has none
  const Json& output;
};

class Metric {
 public:
  virtual ~Metric() = default;
  // An error is a fault of the metric (its program died), not of the output.
  virtual io::Task<Result<Score>> score(Scored scored, io::CancelToken cancel) = 0;
  virtual bool needs_expectation() const = 0;
  // Every score is 0 or 1.
  virtual bool whole_scores() const = 0;
  const std::string& name() const { return name_; }
  // By what rule; with the expectation it names a score in the store.
  const Digest& digest() const { return digest_; }

 protected:
  Metric(std::string name, Digest digest) : name_(std::move(name)), digest_(digest) {}

 private:
  std::string name_;
  Digest digest_;
};

// `spec` is "exact" or {"kind": "contains", "value": ...}. `where` names its place in errors,
// `folder` is the function's. exact | contains | regex | number | final_number | json_schema |
// program.
Result<std::unique_ptr<Metric>> make_metric(const Json& spec, const std::string& where,
                                            const std::string& folder, io::Core& core, Log& log);
// The kinds there are, for messages and docs.
const std::vector<std::string>& metric_kinds();

// The last number of a text: thousands commas and a leading $ are read, a closing full stop is not
// part of it. "so $1,234.50." gives "1234.50"; "" when there is none.
std::string final_number(std::string_view text);

}  // namespace sighter::ready
