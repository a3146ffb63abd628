#pragma once
// Google Gemini: generateContent and streamGenerateContent (?alt=sse), as the Gemini API (v1beta)
// and Vertex speak them, both directions; see codec.hpp for what each function promises.
//
// The model and whether to stream are said in the URL, not in the body: decode_request leaves them
// empty, encode_request writes neither (a body that names its model keeps it).

#include "wire/codec.hpp"

namespace sighter::wire::gemini {

Result<ChatRequest> decode_request(Json body);
Result<Encoded> encode_request(const ChatRequest& request, const EncodeOptions& options = {});
// The path behind the base URL: "/models/gemini-2.5-flash:streamGenerateContent?alt=sse". A model
// that brings a path of its own ("tunedModels/x", "publishers/google/models/x") keeps it.
std::string path(std::string_view model, bool stream);

Result<ChatReply> decode_reply(Json body, const Quirks* quirks = nullptr);
Encoded encode_reply(const ChatReply& reply, const EncodeOptions& options = {});

// The dialect has no mark of completeness: a stream is complete when it ends after every candidate
// gave its finish reason (or the prompt was blocked).
std::unique_ptr<StreamDecoder> stream_decoder(const Quirks* quirks = nullptr);
std::unique_ptr<StreamEncoder> stream_encoder(const ChatRequest& request,
                                              const EncodeOptions& options = {});

// {"error": {"code", "message", "status", "details"}}; any other body is kept as words.
WireError decode_error(int status, std::string_view body);
std::string encode_error(const WireError& error);

// usageMetadata: prompt and tool-use tokens are input, candidates and thoughts are output.
Usage decode_usage(Json usage);
// "STOP" is kToolCalls where the candidate `calls` functions.
FinishReason finish_reason(std::string_view word, bool calls = false);

}  // namespace sighter::wire::gemini
