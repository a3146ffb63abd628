#pragma once
// From an input to what the model is really sent. Private to the room.

#include <optional>
#include <string>
#include <vector>

#include "functions/body.hpp"
#include "local/labels.hpp"
#include "wire/message.hpp"

namespace sighter::functions {

struct Rendered {
  std::string system;
  std::string user;  // empty for a conversation without a user template
  std::string text;  // the input's own text, for label scoring
  std::vector<std::pair<std::string, std::string>> shown;  // examples: rendered input, output
  std::vector<local::LabelExample> examples;               // the same, for label scoring
};

// kInvalid when a template meets something that is not there.
Result<Rendered> render_prompt(const Function& function, const PromptBody& prompt, const Call& call,
                               const ExampleSet* set);

// How the answer's form is asked for.
enum class AnswerForm { kPlain, kStrict, kTool, kJson };
struct Answering {
  AnswerForm form = AnswerForm::kPlain;
  std::optional<Json> schema;  // in the form that is sent
  bool nulls_removed = false;  // optional members come back as null
};
Answering answering(const Function& function, const PromptBody& prompt);
inline constexpr std::string_view kAnswerTool = "answer";

// The request, parameters, tools and all. `tools` are the functions that the model may call.
Result<wire::ChatRequest> build_request(const Function& function, const PromptBody& prompt,
                                        const Call& call, const Rendered& rendered,
                                        const Answering& answer,
                                        const std::vector<const Function*>& tools);

}  // namespace sighter::functions
