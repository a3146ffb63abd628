#pragma once
// Amazon Bedrock: Converse and ConverseStream (version 2023-09-30), both directions; see codec.hpp
// for what each function promises.
//
// The model and whether to stream are said in the URL, not in the body: decode_request leaves them
// empty and encode_request writes neither. Parameters that Converse has no name for (thinking,
// top_k) go to `additionalModelRequestFields` in the words of the model's family, which is told
// from the model's name.
//
// A stream is binary (io/event_stream.hpp); here an event is its `:event-type` or
// `:exception-type` and its payload. The encoder writes events as server-sent ones of that name.

#include "wire/codec.hpp"

namespace sighter::wire::bedrock {

Result<ChatRequest> decode_request(Json body);
Result<Encoded> encode_request(const ChatRequest& request, const EncodeOptions& options = {});

Result<ChatReply> decode_reply(Json body, const Quirks* quirks = nullptr);
Encoded encode_reply(const ChatReply& reply, const EncodeOptions& options = {});

// A stream is complete with `metadata`, or when it ends after `messageStop`.
std::unique_ptr<StreamDecoder> stream_decoder(const Quirks* quirks = nullptr);
std::unique_ptr<StreamEncoder> stream_encoder(const ChatRequest& request,
                                              const EncodeOptions& options = {});

// {"message"}; any other body is kept as words.
WireError decode_error(int status, std::string_view body);
std::string encode_error(const WireError& error);

// inputTokens leaves out what came from the cache or went to it; Usage::input counts it.
Usage decode_usage(Json usage);
FinishReason finish_reason(std::string_view word);

}  // namespace sighter::wire::bedrock
