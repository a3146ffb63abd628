#pragma once
// A function: a contract and its interchangeable bodies, as function.toml says. Immutable once
// read.

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/hash.hpp"
#include "base/json.hpp"
#include "base/money.hpp"
#include "functions/cases.hpp"
#include "functions/contract.hpp"
#include "io/subprocess.hpp"
#include "learn/learner.hpp"
#include "local/labels.hpp"
#include "models/body_edits.hpp"
#include "text/template.hpp"

namespace sighter::functions {

// A program: JSON Lines in, JSON Lines out.
struct CodeBody {
  std::vector<std::string> command;
  std::chrono::milliseconds timeout{60'000};  // one row
  bool network = false;
  std::vector<std::string>
      environment;  // names of variables that it may see beside PATH, HOME, LANG
  int workers = 0;  // processes a core; 0: the number of processors
  // Of each process; no limit of memory unless one is set, since some languages reserve a lot of
  // it.
  io::ProcessLimits limits{.open_files = 1024, .file_bytes = std::uint64_t{1} << 30};
};

// A small model fitted to the function's cases.
struct LearnedBody {
  learn::LearnerOptions options;
  std::string embedding_model;  // for embedding features
  int folds = 5;
  std::filesystem::path artifact;  // a proven NAME.model beside the toml; empty: fitted on use
};

enum class ExampleChoice { kSimilar, kRandom, kFixed };
enum class Structured { kAuto, kStrict, kTool, kJson, kNone };

// Instructions to a foundation model.
struct PromptBody {
  std::string model;
  std::shared_ptr<const text::Template> system;  // may be null
  std::shared_ptr<const text::Template> user;    // null: the input as JSON, or its only text
  int examples = 0;
  ExampleChoice choice = ExampleChoice::kSimilar;
  std::vector<std::string> example_ids;        // kFixed
  std::optional<local::LabelScoring> scoring;  // label outputs of local models
  Structured structured = Structured::kAuto;
  bool repair = true;              // one more try when the answer does not fit the contract
  std::vector<std::string> tools;  // names of functions
  int tool_turns = 8;
  Json parameters;  // temperature, max_tokens, top_p, seed, stop, effort ...
  models::Extras extras;
};

// The cheapest body first; the next one when it is not sure.
struct CascadeBody {
  std::vector<std::string> steps;
  std::optional<double> threshold;  // confidence from which a step's answer is taken
  double max_disagreement = 0.02;   // else: chosen on the cases so that this holds
};

struct Variant {
  std::string name;
  std::string where;  // file:line:column, for messages
  std::variant<CodeBody, LearnedBody, PromptBody, CascadeBody> body;
  Digest digest{};  // of the body as configured (templates and examples included, not programs)
  std::string_view kind() const;  // "code", "learned", "prompt", "cascade"
};

// What a function must reach to ship.
struct Bar {
  Json metric;        // "exact" or {"kind": ..., ...}
  std::string where;  // of the metric
  double at_least = 0.9;
  double confidence = 0.95;
  std::optional<double> max_usd_per_1k;
  std::optional<double> max_p95_ms;
};

struct Function {
  std::string name;
  std::filesystem::path folder;
  std::string description;
  InputContract input = InputContract::of_fields({{"text", "string", true}});
  OutputContract output;
  std::vector<std::string> meanings;  // of the labels, as many as these, or none
  std::optional<Bar> bar;
  std::optional<NanoUsd> budget;  // [run] budget_usd
  std::optional<int> parallel;    // [run] parallel
  std::vector<Variant> variants;  // in the order of the file
  std::filesystem::path cases;    // empty: there are none
  CaseColumns case_columns;       // how to read them

  const Variant* find(std::string_view variant) const;
  Result<const Variant*> variant(std::string_view name) const;  // kNotFound with did you mean
};

// `folder`/function.toml. Mistakes are kInvalid with file:line:column.
Result<Function> read_function(const std::filesystem::path& folder, std::string name);

}  // namespace sighter::functions
