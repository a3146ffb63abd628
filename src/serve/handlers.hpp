#pragma once
// The handlers that routes.cpp names, one file each. They answer the exchange and return.

#include <string_view>

#include "io/task.hpp"

namespace sighter::serve {

struct Exchange;

// The parameters of GET /v1/calls.
inline constexpr std::string_view kCallQuery[] = {"function", "variant", "status", "model",
                                                  "since",    "until",   "trace",  "tag",
                                                  "contains", "limit",   "before"};

io::Task<void> answer_chat(Exchange& exchange);         // chat.cpp
io::Task<void> answer_messages(Exchange& exchange);     // chat.cpp
io::Task<void> answer_embeddings(Exchange& exchange);   // chat.cpp
io::Task<void> answer_completions(Exchange& exchange);  // completions.cpp
io::Task<void> count_tokens(Exchange& exchange);        // chat.cpp
io::Task<void> call_function(Exchange& exchange);       // function_calls.cpp
io::Task<void> take_feedback(Exchange& exchange);       // feedback.cpp
io::Task<void> list_calls(Exchange& exchange);          // calls.cpp
io::Task<void> show_call(Exchange& exchange);           // calls.cpp
io::Task<void> answer_responses(Exchange& exchange);    // responses.cpp
io::Task<void> show_response(Exchange& exchange);       // responses.cpp
io::Task<void> delete_response(Exchange& exchange);     // responses.cpp
io::Task<void> list_input_items(Exchange& exchange);    // responses.cpp
io::Task<void> pass_through(Exchange& exchange);        // passthrough.cpp
io::Task<void> show_openapi(Exchange& exchange);        // openapi.cpp
io::Task<void> list_models(Exchange& exchange);         // model_list.cpp
io::Task<void> show_model(Exchange& exchange);          // model_list.cpp
io::Task<void> show_health(Exchange& exchange);         // ops.cpp
io::Task<void> show_readiness(Exchange& exchange);      // ops.cpp
io::Task<void> show_metrics(Exchange& exchange);        // ops.cpp

}  // namespace sighter::serve
