#pragma once
// A function in the place of a model: what a conversation is to it.

#include <string>
#include <string_view>

#include "functions/engine.hpp"

namespace sighter::functions {

// "function/NAME" or "function/NAME/VARIANT".
bool names_function(std::string_view model);
// kNotFound, with what was meant, unless there is such a function and variant.
Status check_function_name(const Project& project, std::string_view model);

// What of a request a function has no place for, by name.
struct Lost {
  std::vector<std::string> dropped{};       // the request allowed it, or could not do without
  std::vector<std::string> approximated{};  // it changes nothing of the answer: marks of a cache
};

// A function that takes a conversation is given it; one that takes one text, what the user said
// last; any other, the JSON object that the user said last. kInvalid says what the function wants,
// and names every parameter that only a model or its provider takes, unless it may be dropped.
Result<Json> input_of_conversation(const Function& function, const models::ClientRequest& request,
                                   Lost& lost);

// Engine::answer() for such a name. Text that cannot be taken back (a prompt's plain text) is
// streamed as it comes, everything else in one piece.
io::Task<Answered> answer_function(Engine& engine, models::ClientRequest& request,
                                   std::string model, AnswerOptions options);

}  // namespace sighter::functions
