#pragma once
// Applies a variant of a function to one input: the one engine behind fire, ready, serve and flows.
// One engine a core, on that core's thread; what all cores share is in Shared.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/id.hpp"
#include "base/json.hpp"
#include "functions/cases.hpp"
#include "functions/project.hpp"
#include "models/router.hpp"
#include "store/inflight.hpp"
#include "store/store.hpp"

namespace sighter::functions {

// Thread-safe parts: the project snapshot, the store, ids, fitted models, example indexes.
class Shared {
 public:
  // All references outlive it. `store` may be null: nothing is recorded or reused. `inflight` may
  // be null: calls that nobody waits for are lost when the process is killed.
  Shared(Project project, models::Hub& hub, store::Store* store, const Clock& clock, Log& log,
         store::Inflight* inflight = nullptr);
  ~Shared();
  const Project& project() const;
  store::Store* store();
  // A new id for a call, a trace or a feedback.
  Id next_id();
  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

// How much of a client's call is kept.
enum class RecordLevel {
  kNone,      // nothing
  kMetadata,  // a row without input and output
  kFull,
};

// Who reads an output while a model writes it.
class OutputReader : public models::TextReader {
 public:
  // What was read so far is not the output: the model writes again (it called a tool, or its answer
  // did not fit the contract).
  virtual io::Task<Status> again() = 0;
};

struct ApplyOptions {
  Id call = {};  // nil: a new one
  models::Purse* purse = nullptr;
  io::CancelToken cancel = {};
  Id trace = {};  // nil: the call begins its own
  Id parent = {};
  Json tags = {};        // object of strings, or null
  bool reuse = false;    // take a stored output of the same fingerprint; nothing is paid
  int repeat = 0;        // which of several repeats of the same fingerprint
  bool durable = false;  // return only once the row is committed
  // The case that is being judged: learned bodies answer from a model that was not fitted to it
  // (nor to its near-duplicates), examples never show it. 0: none.
  std::uint64_t held_out = 0;
  // Use only these cases (by CaseFile::key) as labels: for learning curves. Null: all.
  std::shared_ptr<const std::vector<std::uint64_t>> only_cases = {};
  std::function<void(std::string_view)> on_text = {};  // streamed text, on the core's thread
  OutputReader* reader = nullptr;                      // the same, awaited
  std::string key = {};                                // id of the client's key
  RecordLevel record = RecordLevel::kFull;             // of this call and of those that it makes
  std::function<void()> answered = {};  // the body has answered; its row is still to be stored
  int depth = 0;                        // functions calling functions
  // Whoever asks did not write the function: what is wrong with the function itself is kInternal,
  // told without the places of its files, and logged with them.
  bool served = false;
};

struct Applied {
  Id call;
  std::string variant;
  Json output;
  std::optional<double> confidence;   // of the output, where the body has one
  std::vector<double> probabilities;  // over the labels, where the body has them
  std::optional<wire::Usage> usage;
  std::optional<NanoUsd> cost;           // nullopt: the price is not known
  std::chrono::microseconds latency{0};  // of the original call when reused
  std::optional<std::chrono::microseconds> first_token;
  std::string model;  // route that answered, or ""
  bool reused = false;
  Digest fingerprint{};
};

// A call that failed is a row too.
struct ApplyFailure {
  Error error;
  Id call;
  std::optional<NanoUsd> cost;
};
using ApplyResult = std::expected<Applied, ApplyFailure>;

struct AnswerOptions {
  Id call = {};  // nil: a new one
  models::Purse* purse = nullptr;
  io::CancelToken cancel = {};
  models::ReplySink* sink = nullptr;  // set: the answer is streamed to it
  std::string key = {};               // id of the client's key
  RecordLevel record = RecordLevel::kFull;
  Id trace = {};  // nil: the call begins its own
  Id parent = {};
  Json tags = {};           // object of strings, or null
  bool want_reply = false;  // the caller needs the typed reply of relayed answers too
  // Called once, when the answer is there and its row is not: a front door adds to `dropped` and
  // `approximated` what its dialect has no place for. On the core's thread; it must not wait.
  std::function<void(models::ClientResult&)> on_answer = {};
};

struct Answered {
  Id call;
  models::ClientResult result;
  std::chrono::microseconds latency{0};
};

// What applying a variant would send, and at most cost.
struct Preview {
  std::string variant;
  std::string kind;     // of the variant
  std::string model;    // as the variant names it; "" where no model is asked
  std::string route;    // that would be asked first; "" for a model in this process
  std::string dialect;  // in which `request` is
  Json request;         // a prompt's: what the model is sent; else what the body is given
  std::int64_t input_tokens_max = 0;              // by the length of its texts
  std::optional<std::int64_t> output_tokens_max;  // that it asks for
  std::optional<NanoUsd> cost_max;                // nullopt: the price is not known
  std::vector<Preview> steps;                     // of a cascade
};

// What applying a prompt would take.
struct Forecast {
  bool stored = false;            // its answer is there: nothing would be asked
  std::size_t request_bytes = 0;  // of what the model would be given
};

class Engine {
 public:
  Engine(io::Core& core, Shared& shared);
  ~Engine();
  // The input is checked against the contract; the output too. `function` and `variant` live as
  // long as the project.
  io::Task<ApplyResult> apply(const Function& function, const Variant& variant, Json input,
                              ApplyOptions options);
  // A plain model request: an unnamed function whose body passes the request through.
  io::Task<ApplyResult> complete(wire::ChatRequest request, std::string model,
                                 ApplyOptions options);
  // One request of a client through a front door. Its call is in the in-flight file before the
  // upstream is asked and on its way to the store when this returns; nobody waits for the disk. Not
  // storing it is no error of the request. `request` lives until this returns; so does the sink.
  io::Task<Answered> answer(models::ClientRequest& request, std::string model,
                            AnswerOptions options);
  // Everything that is slow and shared is made ready (models loaded, learners fitted, examples
  // indexed), so that the first row does not pay for it. `judged`: learned bodies will be asked
  // with held_out, so their folds are fitted. The error says why the variant cannot run (key
  // missing ...).
  io::Task<Status> prepare(const Function& function, const Variant& variant, bool judged,
                           ApplyOptions options);
  // Asks nobody. kUnsupported for a variant that is no prompt.
  io::Task<Result<Forecast>> forecast(const Function& function, const Variant& variant, Json input,
                                      ApplyOptions options);
  // The same for people to look at, and for every kind of body. Asks nobody, leaves no row.
  io::Task<Result<Preview>> preview(const Function& function, const Variant& variant, Json input,
                                    ApplyOptions options);
  // Why the variant cannot run now, without asking anybody: a missing key or model file.
  std::optional<Error> unusable(const Function& function, const Variant& variant) const;
  models::Router& router();
  io::Core& core();
  Shared& shared();
  struct Impl;  // for this room's sources

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace sighter::functions
