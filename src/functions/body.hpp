#pragma once
// The inside of the engine: what all cores share, and what a kind of body must be able to do.
// Private to the room.

#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/hash.hpp"
#include "base/log.hpp"
#include "functions/engine.hpp"
#include "functions/examples.hpp"
#include "functions/fits.hpp"
#include "functions/once.hpp"
#include "io/blocking_pool.hpp"
#include "io/channel.hpp"

namespace sighter::functions {

// Any thread.
struct Shared::Impl {
  Impl(Project snapshot, models::Hub& models, store::Store* rows, const Clock& the_clock,
       Log& the_log, store::Inflight* slots);

  using Set = std::shared_ptr<const ExampleSet>;
  Once<Set>& set_of(const Function& function);
  Vectors find_vectors(const Function& function, const std::string& model);
  void keep_vectors(const Function& function, const std::string& model, Vectors vectors);
  // The fits of a learned variant; those of subsets are few and the oldest goes first.
  std::shared_ptr<Fits> fits(const Function& function, const Variant& variant, const Set& set,
                             const Vectors& vectors, const Subset& only);
  // Whether this is the first row with that configuration.
  bool first_of(const Digest& config);

  const Project project;
  models::Hub& hub;
  store::Store* store;
  store::Inflight* inflight;
  const Clock& clock;
  Log& log;
  IdMaker ids;
  io::BlockingPool pool;
  io::BlockingPool lookups;  // short reads of the store

 private:
  std::mutex mutex_;
  std::map<const Function*, std::unique_ptr<Once<Set>>> sets_;
  std::map<std::pair<const Function*, std::string>, Vectors> vectors_;
  std::list<std::pair<Digest, std::shared_ptr<Fits>>> fits_;  // the latest first
  std::set<Digest> configs_;
};

// One application on its way. Lives in the frame of Engine::apply.
struct Call {
  const Function* function = nullptr;
  const Variant* variant = nullptr;
  Json input;
  ApplyOptions options;
  Id id;
  Id trace;
};

// What a body came to. A failure may have cost something too.
struct Outcome {
  Result<Json> output = Json();
  Json kept = {};  // what the row has in place of `output`, where it says more; else null
  std::optional<double> confidence = {};
  std::vector<double> probabilities = {};
  std::optional<wire::Usage> usage = {};
  std::optional<NanoUsd> cost = NanoUsd{};                // of its own physical requests
  std::optional<NanoUsd> inner_cost = NanoUsd{};          // of the calls that it made
  std::optional<wire::Usage> inner_usage;                 // the same
  std::optional<std::chrono::microseconds> latency = {};  // where it is not that of the clock
  std::optional<std::chrono::microseconds> first_token = {};
  std::string model = {};  // as it was asked for
  std::string route = {};
  std::string finish_reason = {};
  std::string extras = {};
  Json tried = Json::array();  // what was tried before the answer, and why it failed
  std::vector<models::Attempt> attempts = {};
  bool reused = false;  // of a cascade: all of its steps were
  bool broken = false;  // some of it was shown, and then the stream was cut
};

void add_cost(std::optional<NanoUsd>& sum, const std::optional<NanoUsd>& more);

// A call whose body knows exactly what it will be given, but has not been asked yet.
class Work {
 public:
  virtual ~Work() = default;
  // Of what the body is really given; nullopt: an output of it cannot be used again as a whole.
  virtual std::optional<Digest> fingerprint() const = 0;
  // The conversation that a model will be sent; nullptr: none.
  virtual const wire::ChatRequest* chat() const { return nullptr; }
  // What the body will be given, where that is more than the input; null: the input.
  virtual Json given() const { return Json(); }
  // Of what a model will be given; 0: no model is asked.
  virtual std::size_t request_bytes() const { return 0; }
  virtual io::Task<Outcome> run() = 0;
};

// One variant on one core.
class Body {
 public:
  virtual ~Body() = default;
  virtual std::optional<Error> unusable() const = 0;
  virtual io::Task<Status> prepare(bool judged, const ApplyOptions& options) = 0;
  // `call` outlives the work.
  virtual io::Task<Result<std::unique_ptr<Work>>> plan(const Call& call) = 0;
};

struct Engine::Impl {
  Impl(Engine& the_engine, io::Core& the_core, Shared& the_shared);
  Body& body(const Function& function, const Variant& variant);
  io::Task<Result<Shared::Impl::Set>> examples(const Function& function);

  Engine& engine;
  io::Core& core;
  Shared& owner;
  Shared::Impl& shared;
  models::Router router;
  io::Gate embedding;  // of cases: one at a time
  std::map<const Variant*, std::unique_ptr<Body>> bodies;
};

// What is wrong with a function itself, told as ApplyOptions::served says.
Error of_function(const Engine::Impl& engine, const Function& function, bool served, Error error);

std::unique_ptr<Body> make_code_body(Engine::Impl& engine, const Function& function,
                                     const Variant& variant);
std::unique_ptr<Body> make_learned_body(Engine::Impl& engine, const Function& function,
                                        const Variant& variant);
std::unique_ptr<Body> make_prompt_body(Engine::Impl& engine, const Function& function,
                                       const Variant& variant);
std::unique_ptr<Body> make_cascade_body(Engine::Impl& engine, const Function& function,
                                        const Variant& variant);

// Writes the rows of a call; with options.durable returns only once they are on the disk.
struct Record {
  const Call* call = nullptr;
  SystemTime start{};
  std::chrono::microseconds latency{0};
  std::optional<Digest> fingerprint;
};
// Frees `slot` once they are.
class Slot;
io::Task<Status> record(Engine::Impl& engine, Record what, const Outcome& outcome, Slot& slot);
// Queues rows that nobody waits for; waits only while the queue is full, at most ten seconds.
io::Task<Status> append_relaxed(Engine::Impl& engine, std::shared_ptr<const store::Batch> batch,
                                store::Completion done);
// Whether rows were not taken since the queue is full: they would be in a moment.
bool is_full(const Status& appended);
// The words of an error for a row; "" below kFull: they may repeat what was sent or answered. The
// kind always stands beside them.
std::string error_text(const Error& error, RecordLevel level);
// The call's row has the sums of all its requests; these are the second and later ones by
// themselves.
void add_attempts(store::Batch& batch, const Id& call, const std::vector<models::Attempt>& attempts,
                  RecordLevel level);
std::optional<store::Tokens> tokens_of(const std::optional<wire::Usage>& usage);
// The answer that a stored row holds.
Result<Applied> applied_from(const store::CallRow& row, const Variant& variant,
                             const Digest& fingerprint);

}  // namespace sighter::functions
