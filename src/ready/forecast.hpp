#pragma once
// What a run would take, before anything is asked: calls, tokens, dollars and time.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "functions/engine.hpp"
#include "io/task.hpp"
#include "ready/run.hpp"

namespace sighter::ready {

// Everything "at most": if the run goes to its end and no stop comes early.
struct VariantForecast {
  std::string variant;
  std::string kind;
  std::int64_t cases = 0;
  std::int64_t model_calls = 0;    // stored answers left out, all steps of a cascade counted
  std::int64_t stored = 0;         // calls of models whose answer is stored
  std::int64_t input_tokens = 0;   // of model_calls
  std::int64_t output_tokens = 0;  // the same
  std::optional<NanoUsd> cost;     // nullopt: a price is not known
  double seconds = 0;              // of model calls; what runs on this machine is not counted
  bool measured = false;  // output tokens and time are those of this variant's stored calls
  std::string note;       // why it cannot run
};

struct RunForecast {
  std::size_t cases = 0;
  std::vector<VariantForecast> variants;
  std::int64_t calls = 0;  // cases x variants, whatever the body
  std::int64_t model_calls = 0, stored = 0, input_tokens = 0, output_tokens = 0;
  std::optional<NanoUsd> cost;  // nullopt: a price is not known
  double seconds = 0;           // of the slowest variant: they run side by side
};

// Renders the prompts of at most `sample` cases, evenly spread, and takes the rest to be like them.
// A token is 4 bytes of text. Where the variant has no stored calls yet, an answer is taken to have
// the tokens that its contract suggests, and to take 1 s and 20 ms a token. Errors as of
// evaluate().
io::Task<Result<RunForecast>> forecast(functions::Engine& engine,
                                       const functions::Function& function,
                                       const functions::CaseFile& cases, store::Store* store,
                                       RunOptions options, std::size_t sample = 500);

// Of what a model would be given and say, `bytes` long: tokens, rounded up.
std::int64_t tokens_of(std::size_t bytes);
inline constexpr std::int64_t kTextTokens = 200;  // of an answer that nothing limits
double seconds_of(double output_tokens);          // of one answer, as long as none is stored
// What a model costs on its first route; nullopt: not known. Local ones cost nothing.
std::optional<models::Price> price_of(functions::Engine& engine, const std::string& model);
Json to_json(const RunForecast& forecast, const std::string& function,
             std::optional<NanoUsd> budget);

}  // namespace sighter::ready
