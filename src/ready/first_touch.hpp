#pragma once
// From a file of rows to a function, without a line of configuration: which columns are input,
// which is the expectation, and whether the answers are labels, numbers or free text.

#include <string>
#include <vector>

#include "base/error.hpp"
#include "functions/function.hpp"

namespace sighter::ready {

struct FirstTouchOptions {
  std::vector<std::string> input;   // columns; empty: all but the expectation
  std::string expect;               // column; empty: by name, else the last one
  std::vector<std::string> labels;  // empty: found
  bool text = false;                // answers are free text
  std::string model;                // empty: only what costs nothing
  std::string metric;               // empty: by the answers
  double at_least = 0.9;
  double confidence = 0.95;
};

struct FirstTouch {
  functions::Function function;
  std::vector<std::string> taken;  // what was taken for what, one line each
};

// The system template of such a prompt: the contract in words.
std::string plain_instructions(const functions::Function& function);
// A prompt that nobody wrote: the contract in words, and so many examples. With --model.
Result<functions::Variant> plain_prompt(std::string name, const std::string& model,
                                        const functions::Function& function, int examples);
// kInvalid names the file, what is missing and which option says it.
Result<FirstTouch> first_touch(const std::filesystem::path& file, const FirstTouchOptions& options);

// Writes a function made by first_touch into `folder`, which must not exist: function.toml,
// system.md, cases.jsonl; and reads it back. kConflict, kIo, kInvalid (a name that cannot be one);
// nothing is left of it then.
Result<functions::Function> keep(const functions::Function& function,
                                 const std::filesystem::path& folder);

}  // namespace sighter::ready
