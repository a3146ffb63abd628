#pragma once
// OpenAI Responses, both directions; see codec.hpp for what each function promises.
//
// A reply is a list of items (reasoning, message, function_call ...), a message of the middle form
// is a list of blocks. Every block knows the item that it belongs to (Extra), so that the list
// returns as it was. In a request, neighbouring items of the assistant's side are one message.
//
// Proofs of other dialects (Anthropic's signatures of thinking, Gemini's of any part) travel in the
// encrypted_content of reasoning items, marked with the dialect that they are of, and are what they
// were when a client, or the store, sends the items back.

#include "wire/codec.hpp"

namespace sighter::wire::openai_responses {

Result<ChatRequest> decode_request(Json body);
Result<Encoded> encode_request(const ChatRequest& request, const EncodeOptions& options = {});

// A response whose status is "failed" or "cancelled" is an error (of the kind that its code says).
Result<ChatReply> decode_reply(Json body, const Quirks* quirks = nullptr);
// With options.request what it asked is said again (tools, instructions ...), as the dialect does.
Encoded encode_reply(const ChatReply& reply, const EncodeOptions& options = {});

std::unique_ptr<StreamDecoder> stream_decoder(const Quirks* quirks = nullptr);
// Each event has a sequence_number, from 0. A stream that broke ends with `error` and
// `response.failed`.
std::unique_ptr<StreamEncoder> stream_encoder(const ChatRequest& request,
                                              const EncodeOptions& options = {});

WireError decode_error(int status, std::string_view body);
std::string encode_error(const WireError& error);

Usage decode_usage(Json usage);

}  // namespace sighter::wire::openai_responses
