#pragma once
// OpenAI Chat Completions, as OpenAI and the many compatible servers speak it. Both directions; see
// codec.hpp for what each function promises.

#include "wire/codec.hpp"

namespace sighter::wire::openai_chat {

Result<ChatRequest> decode_request(Json body);
Result<Encoded> encode_request(const ChatRequest& request, const EncodeOptions& options = {});

Result<ChatReply> decode_reply(Json body, const Quirks* quirks = nullptr);
Encoded encode_reply(const ChatReply& reply, const EncodeOptions& options = {});

// A chunk of several deltas becomes several events; each event of a stream that came from this
// dialect carries the members that every chunk of it had.
std::unique_ptr<StreamDecoder> stream_decoder(const Quirks* quirks = nullptr);
std::unique_ptr<StreamEncoder> stream_encoder(const ChatRequest& request,
                                              const EncodeOptions& options = {});

// {"error": {"message", "type", "code", "param"}} and what compatible servers make of it; any other
// body is kept as words.
WireError decode_error(int status, std::string_view body);
std::string encode_error(const WireError& error);

// {"prompt_tokens", "completion_tokens", ...} with the details that providers add.
Usage decode_usage(Json usage);
// `calls`: the message wants tools to be run. OpenAI says "stop" all the same where the request
// named the tool, and some servers always do; other dialects never do.
FinishReason finish_reason(std::string_view word, bool calls = false);

}  // namespace sighter::wire::openai_chat
