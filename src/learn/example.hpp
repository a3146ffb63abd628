#pragma once
// What a learner learns from.

#include <string>
#include <vector>

namespace sighter::learn {

// One labelled text. The label set lives beside the examples, as a vector of names; `label` is an
// index into it.
struct Example {
  std::string text;           // UTF-8; ill-formed bytes are read as U+FFFD; may be empty
  std::vector<float> vector;  // its embedding, from the caller; needed for FeatureKind::kEmbedding
  int label = -1;
  std::string cluster;  // examples of one cluster are never split; "" = of no cluster
};

}  // namespace sighter::learn
