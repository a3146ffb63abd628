#pragma once
// What a row keeps of a model's reply. docs/store.md has the form. Private to the room.

#include "base/json.hpp"
#include "wire/message.hpp"

namespace sighter::functions {

// A reply that is one text: that string; "" where nothing is said. Of several choices a list. Else
// an object of what there is:
//   content       the text, "" where there is none; of several blocks a list of their texts
//   refusal       a text
//   thinking      [{"text", "kind", "data", "signature"}]
//   tool_calls    [{"id", "name", "arguments", "kind", "signature"}]
//   tool_results  [{"id", "content"}], of tools that the provider ran itself
//   citations     [{"block", "url", "title", "cited_text", "file_id", "start", "end", "raw"}]
//   media         [{"kind", "type", "url", "file_id", "text", "transcript", "sha256", "bytes"}]
//   other         [{"type", "json"}], what only the provider's dialect has
//   order         the parts one by one, where they are not thinking, then text, then the others
// Left out: proofs of texts and of empty thoughts, logprobs, the bytes of media.
Json reply_as_output(const wire::ChatReply& reply);

// What a person would read of such an output: the text, else the refusal; as it is where it asks
// for tools, has several choices or has neither.
Json words_of_output(const Json& output);

}  // namespace sighter::functions
