#pragma once
// Anthropic Messages (version 2023-06-01), both directions; see codec.hpp for what each function
// promises.

#include "wire/codec.hpp"

namespace sighter::wire::anthropic {

Result<ChatRequest> decode_request(Json body);
Result<Encoded> encode_request(const ChatRequest& request, const EncodeOptions& options = {});
// The same request for /v1/messages/count_tokens: without max_tokens, stream and sampling.
Result<Encoded> encode_count_tokens(const ChatRequest& request, const EncodeOptions& options = {});

Result<ChatReply> decode_reply(Json body, const Quirks* quirks = nullptr);
Encoded encode_reply(const ChatReply& reply, const EncodeOptions& options = {});

std::unique_ptr<StreamDecoder> stream_decoder(const Quirks* quirks = nullptr);
std::unique_ptr<StreamEncoder> stream_encoder(const ChatRequest& request,
                                              const EncodeOptions& options = {});

// {"type": "error", "error": {"type", "message"}}; any other body is kept as words.
WireError decode_error(int status, std::string_view body);
std::string encode_error(const WireError& error);

Usage decode_usage(Json usage);
FinishReason finish_reason(std::string_view word);

}  // namespace sighter::wire::anthropic
