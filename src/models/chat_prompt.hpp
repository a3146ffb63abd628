#pragma once
// A conversation as the prompt of a local model: the model file's own template, with what people
// wrote kept apart from the template's markup, so that no text can end its own turn. Pure; any
// thread.

#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "local/model.hpp"
#include "text/template.hpp"
#include "wire/embeddings.hpp"
#include "wire/message.hpp"

namespace sighter::models {

// The model's template; ChatML where the file has none.
Result<text::Template> chat_template(const local::ChatTemplate& source);

// kUnsupported, by name, for what is no text (images, tool calls ...). The template may refuse,
// too.
Result<local::Prompt> chat_prompt(const text::Template& chat, const local::ChatTemplate& source,
                                  const std::vector<wire::Message>& messages, SystemTime now);

// Parameters that a local model cannot honour and that `allow_drop` lets be left out. kUnsupported
// names those that it does not.
Result<std::vector<std::string>> local_losses(const wire::ChatRequest& request,
                                              std::span<const std::string> allow_drop);
// The same of embeddings, but for `dimensions`, which only the model's own vectors can answer.
Result<std::vector<std::string>> local_losses(const wire::EmbeddingRequest& request,
                                              std::span<const std::string> allow_drop);
// Everything of a request but its messages and response format, as parameters of a generation.
local::GenerateRequest generate_request(const wire::ChatRequest& request);
struct ResponseGrammar {
  std::string gbnf;  // empty: anything
  // Places of the schema that no grammar can hold ("#/uniqueItems"); what is generated has to be
  // checked for them.
  std::vector<std::string> unchecked;
};
// Of the response format.
Result<ResponseGrammar> response_grammar(const wire::ChatRequest& request);
// The generated text as a reply; log-probabilities in the shape of Chat Completions.
wire::ChatReply chat_reply(const local::GenerateReply& generated, const std::string& model,
                           SystemTime now);

}  // namespace sighter::models
