#include "wire/codec.hpp"

#include "wire/anthropic.hpp"
#include "wire/bedrock.hpp"
#include "wire/gemini.hpp"
#include "wire/openai_chat.hpp"
#include "wire/openai_responses.hpp"

namespace sighter::wire {
namespace {

constexpr Codec kOpenAiChat{.dialect = Dialect::kOpenAiChat,
                            .decode_request = openai_chat::decode_request,
                            .encode_request = openai_chat::encode_request,
                            .decode_reply = openai_chat::decode_reply,
                            .encode_reply = openai_chat::encode_reply,
                            .stream_decoder = openai_chat::stream_decoder,
                            .stream_encoder = openai_chat::stream_encoder,
                            .decode_error = openai_chat::decode_error,
                            .encode_error = openai_chat::encode_error};
constexpr Codec kAnthropic{.dialect = Dialect::kAnthropic,
                           .decode_request = anthropic::decode_request,
                           .encode_request = anthropic::encode_request,
                           .decode_reply = anthropic::decode_reply,
                           .encode_reply = anthropic::encode_reply,
                           .stream_decoder = anthropic::stream_decoder,
                           .stream_encoder = anthropic::stream_encoder,
                           .decode_error = anthropic::decode_error,
                           .encode_error = anthropic::encode_error};
constexpr Codec kOpenAiResponses{.dialect = Dialect::kOpenAiResponses,
                                 .decode_request = openai_responses::decode_request,
                                 .encode_request = openai_responses::encode_request,
                                 .decode_reply = openai_responses::decode_reply,
                                 .encode_reply = openai_responses::encode_reply,
                                 .stream_decoder = openai_responses::stream_decoder,
                                 .stream_encoder = openai_responses::stream_encoder,
                                 .decode_error = openai_responses::decode_error,
                                 .encode_error = openai_responses::encode_error};
constexpr Codec kGemini{.dialect = Dialect::kGemini,
                        .decode_request = gemini::decode_request,
                        .encode_request = gemini::encode_request,
                        .decode_reply = gemini::decode_reply,
                        .encode_reply = gemini::encode_reply,
                        .stream_decoder = gemini::stream_decoder,
                        .stream_encoder = gemini::stream_encoder,
                        .decode_error = gemini::decode_error,
                        .encode_error = gemini::encode_error};
constexpr Codec kBedrock{.dialect = Dialect::kBedrock,
                         .decode_request = bedrock::decode_request,
                         .encode_request = bedrock::encode_request,
                         .decode_reply = bedrock::decode_reply,
                         .encode_reply = bedrock::encode_reply,
                         .stream_decoder = bedrock::stream_decoder,
                         .stream_encoder = bedrock::stream_encoder,
                         .decode_error = bedrock::decode_error,
                         .encode_error = bedrock::encode_error};

}  // namespace

const Codec* codec_of(Dialect dialect) {
  switch (dialect) {
    case Dialect::kOpenAiChat:
      return &kOpenAiChat;
    case Dialect::kAnthropic:
      return &kAnthropic;
    case Dialect::kOpenAiResponses:
      return &kOpenAiResponses;
    case Dialect::kGemini:
      return &kGemini;
    case Dialect::kBedrock:
      return &kBedrock;
    default:
      return nullptr;
  }
}

}  // namespace sighter::wire
