#pragma once
// One request to a model, wherever it is served: routes in order, retries, fall-back, adaptive
// concurrency, cost. One router a core, on that core's thread; what all cores share (local models,
// prices, configuration) is in Hub, which any thread may use.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/money.hpp"
#include "io/cancel.hpp"
#include "io/task.hpp"
#include "local/labels.hpp"
#include "models/attempt.hpp"
#include "models/client_request.hpp"
#include "models/config.hpp"
#include "models/purse.hpp"
#include "wire/delta.hpp"
#include "wire/message.hpp"

namespace sighter {
class Log;
}
namespace sighter::io {
class BlockingPool;
class Core;
}  // namespace sighter::io

namespace sighter::models {

struct Completion {
  wire::ChatReply reply;
  std::string extras;             // JSON: members of the raw reply that no typed member holds
  std::vector<Attempt> attempts;  // at least one; the last one answered (or failed)
  std::optional<NanoUsd> cost;    // of all attempts; nullopt: a price is not known
  std::string route;
};

// What went wrong, with what was tried (and paid) before.
struct CompletionFailure {
  Error error;
  std::vector<Attempt> attempts;
  std::optional<NanoUsd> cost;
  bool broken = false;  // some of its text was shown, and then the stream was cut
};
using CompletionResult = std::expected<Completion, CompletionFailure>;

// Where streamed text goes. It is awaited, so that a slow reader slows the upstream; an error stops
// the request (kCancelled).
class TextReader {
 public:
  virtual ~TextReader() = default;
  virtual io::Task<Status> text(std::string_view piece) = 0;
};

struct CompletionOptions {
  Purse* purse = nullptr;  // asked before every attempt
  io::CancelToken cancel = {};
  // Called with each piece of text as it comes, on the core's thread; set: the request is streamed.
  std::function<void(std::string_view)> on_text = {};
  TextReader* reader = nullptr;    // the same, awaited; set: the request is streamed
  const Extras* extras = nullptr;  // sent beside what the program says; outlives the call
};

struct LabelScores {
  std::vector<double> probabilities;  // over the labels, in their order
  std::size_t best = 0;
  wire::Usage usage;
  std::chrono::microseconds latency{0};
};

struct Embeddings {
  std::vector<std::vector<float>> vectors;  // L2-normalised, one a text
  wire::Usage usage;
  std::optional<NanoUsd> cost;
};

// What the routers of all cores share.
class Hub {
 public:
  Hub(ModelsConfig config, const Clock& clock, Log& log, std::size_t local_threads);
  ~Hub();
  const ModelsConfig& config() const;
  // A local model, loaded on first use and kept; blocks. kNotFound, kUnsupported in words.
  Result<local::Model*> local_model(const ModelSpec& spec);
  io::BlockingPool& local_pool();
  io::BlockingPool& dns_pool();
  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

class Router {
 public:
  Router(io::Core& core, Hub& hub);
  ~Router();
  // kNotFound (no such model), kUnauthorized (key missing: names the variable), kBudget, and what
  // the last attempt met, with the provider's own words.
  io::Task<CompletionResult> complete(wire::ChatRequest request, std::string model,
                                      CompletionOptions options);
  // One request of a client: routes, retries and fall-back as complete() has them, but relayed
  // where nothing has to change. Never fails apart from the result's own error. `request` lives
  // until this returns; so does the sink.
  io::Task<ClientResult> answer(ClientRequest& request, std::string model, ClientOptions options);
  // Local models only: kUnsupported for others.
  io::Task<Result<LabelScores>> score_labels(std::string model, local::LabelTask task,
                                             local::LabelScoring scoring, std::string input,
                                             io::CancelToken cancel);
  io::Task<Result<Embeddings>> embed(std::string model, std::vector<std::string> texts,
                                     CompletionOptions options);
  // Why this model cannot be used now: its key or file is missing. nullopt: nothing is known to be
  // missing. Asks nobody.
  std::optional<Error> unusable(std::string_view model) const;
  bool is_local(std::string_view model) const;
  Hub& hub() { return hub_; }

 private:
  struct Impl;
  Hub& hub_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sighter::models
