#pragma once
// What reading and writing of OpenAI Responses requests share. Inside of the room.

#include <string_view>

namespace sighter::wire::openai_responses {

// The member of a request's Extra that holds what concerns the service, not the model: "store",
// "include", "stream_options", "max_tool_calls"; "background" and "truncation" where they say what
// is so anyway.
inline constexpr std::string_view kService = "responses";

// The member that names the response which the front door went on from. It is no upstream's.
inline constexpr std::string_view kPrevious = "previous";

}  // namespace sighter::wire::openai_responses
