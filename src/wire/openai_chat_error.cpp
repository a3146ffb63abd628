#include "wire/errors.hpp"
#include "wire/object_writer.hpp"
#include "wire/openai_chat.hpp"

namespace sighter::wire::openai_chat {
namespace {

struct Words {
  std::string_view type;
  std::string_view code;  // empty: null
};

Words words_of(Kind kind) {
  switch (kind) {
    case Kind::kInvalid:
      return {"invalid_request_error", ""};
    case Kind::kNotFound:
      return {"invalid_request_error", "model_not_found"};
    case Kind::kUnauthorized:
      return {"invalid_request_error", "invalid_api_key"};
    case Kind::kForbidden:
      return {"invalid_request_error", "permission_denied"};
    case Kind::kTooLarge:
      return {"invalid_request_error", "context_length_exceeded"};
    case Kind::kConflict:
      return {"invalid_request_error", "conflict"};
    case Kind::kRateLimited:
      return {"rate_limit_error", "rate_limit_exceeded"};
    case Kind::kBudget:
      return {"insufficient_quota", "insufficient_quota"};
    case Kind::kUnsupported:
      return {"invalid_request_error", "unsupported"};
    case Kind::kTimeout:
      return {"server_error", "timeout"};
    case Kind::kUnavailable:
      return {"server_error", "unavailable"};
    default:
      return {"server_error", ""};
  }
}

}  // namespace

WireError decode_error(int status, std::string_view body) {
  return read_error(Dialect::kOpenAiChat, status, body);
}

std::string encode_error(const WireError& error) {
  // Some servers that are like it speak Anthropic's form of errors, or say a mere text.
  const Json* said = error.raw.find("error");
  const bool own_form = said != nullptr && said->is_object() && error.raw.find("type") == nullptr;
  if (error.dialect == Dialect::kOpenAiChat && own_form) return json_write(error.raw);
  const Words words = words_of(error.kind);
  std::string out;
  ObjectWriter writer(out);
  ObjectWriter inner(writer.key("error"));
  inner.string("message", error.message);
  inner.string("type", words.type);
  if (error.param.empty()) {
    inner.raw("param", "null");
  } else {
    inner.string("param", error.param);
  }
  const std::string_view code = error.code.empty() ? words.code : std::string_view(error.code);
  if (code.empty()) {
    inner.raw("code", "null");
  } else {
    inner.string("code", code);
  }
  inner.end();
  writer.end();
  return out;
}

}  // namespace sighter::wire::openai_chat
