#include "wire/errors.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/utf8.hpp"
#include "wire/codec.hpp"

namespace sighter::wire {
namespace {

constexpr std::size_t kWordsMax = 2000;

struct Word {
  std::string_view word;
  Kind kind;
};

// Types and codes of OpenAI, Anthropic, Google and compatible servers.
constexpr std::array kWords{
    Word{"context_length_exceeded", Kind::kTooLarge},
    Word{"string_above_max_length", Kind::kTooLarge},
    Word{"request_too_large", Kind::kTooLarge},
    Word{"model_not_found", Kind::kNotFound},
    Word{"not_found_error", Kind::kNotFound},
    Word{"NOT_FOUND", Kind::kNotFound},
    Word{"insufficient_quota", Kind::kBudget},
    Word{"billing_error", Kind::kBudget},
    Word{"billing_hard_limit_reached", Kind::kBudget},
    Word{"invalid_api_key", Kind::kUnauthorized},
    Word{"authentication_error", Kind::kUnauthorized},
    Word{"UNAUTHENTICATED", Kind::kUnauthorized},
    Word{"permission_error", Kind::kForbidden},
    Word{"PERMISSION_DENIED", Kind::kForbidden},
    Word{"rate_limit_error", Kind::kRateLimited},
    Word{"rate_limit_exceeded", Kind::kRateLimited},
    Word{"RESOURCE_EXHAUSTED", Kind::kRateLimited},
    Word{"overloaded_error", Kind::kUnavailable},
    Word{"UNAVAILABLE", Kind::kUnavailable},
    Word{"timeout_error", Kind::kTimeout},
    Word{"DEADLINE_EXCEEDED", Kind::kTimeout},
    Word{"api_error", Kind::kUpstream},
    Word{"server_error", Kind::kUpstream},
    Word{"internal_server_error", Kind::kUpstream},
    Word{"INTERNAL", Kind::kUpstream},
    Word{"previous_response_not_found", Kind::kNotFound},
    // Amazon's, as headers and bodies spell them and as streams do.
    Word{"ThrottlingException", Kind::kRateLimited},
    Word{"throttlingException", Kind::kRateLimited},
    Word{"ServiceQuotaExceededException", Kind::kRateLimited},
    Word{"ServiceUnavailableException", Kind::kUnavailable},
    Word{"serviceUnavailableException", Kind::kUnavailable},
    Word{"ModelNotReadyException", Kind::kUnavailable},
    Word{"ModelTimeoutException", Kind::kTimeout},
    Word{"modelTimeoutException", Kind::kTimeout},
    Word{"ValidationException", Kind::kInvalid},
    Word{"validationException", Kind::kInvalid},
    Word{"AccessDeniedException", Kind::kForbidden},
    Word{"UnrecognizedClientException", Kind::kUnauthorized},
    Word{"ExpiredTokenException", Kind::kUnauthorized},
    Word{"ResourceNotFoundException", Kind::kNotFound},
    Word{"InternalServerException", Kind::kUpstream},
    Word{"internalServerException", Kind::kUpstream},
    Word{"ModelErrorException", Kind::kUpstream},
    Word{"modelStreamErrorException", Kind::kUpstream},
};

Kind kind_of_status(int status) {
  switch (status) {
    case 401:
      return Kind::kUnauthorized;
    case 402:
      return Kind::kBudget;
    case 403:
      return Kind::kForbidden;
    case 404:
    case 410:
      return Kind::kNotFound;
    case 408:
    case 504:
    case 524:
      return Kind::kTimeout;
    case 409:
      return Kind::kConflict;
    case 413:
      return Kind::kTooLarge;
    case 429:
      return Kind::kRateLimited;
    case 502:
    case 503:
    case 520:
    case 521:
    case 522:
    case 523:
    case 529:
      return Kind::kUnavailable;
    default:
      break;
  }
  if (status >= 400 && status < 500) return Kind::kInvalid;
  return Kind::kUpstream;
}

std::string shortened(std::string text) {
  if (find_invalid_utf8(text)) text = repair_utf8(text);
  if (text.size() <= kWordsMax) return text;
  text.resize(complete_utf8_prefix(std::string_view(text).substr(0, kWordsMax)));
  return text + "...";
}

std::string text_of(const Json& json) {
  switch (json.type()) {
    case Json::Type::kNull:
      return {};
    case Json::Type::kString:
      return json.as_string();
    case Json::Type::kNumber:
      return json.number_text();
    default:
      return json_write(json);
  }
}

// The words of a page, without its tags, scripts and runs of white space.
std::string words_of_html(std::string_view html) {
  std::string out;
  bool space = false;
  for (std::size_t i = 0; i < html.size(); ++i) {
    const char c = html[i];
    if (c == '<') {
      const std::string_view rest = html.substr(i);
      for (const std::string_view tag : {"script", "style"}) {
        if (!rest.substr(1).starts_with(tag)) continue;
        const std::size_t close = rest.find(fmt::format("</{}", tag));
        i = close == rest.npos ? html.size() : i + close;
      }
      if (i >= html.size()) break;
      const std::size_t end = html.find('>', i);
      if (end == html.npos) break;
      i = end;
      space = true;
    } else if (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
      space = true;
    } else {
      if (space && !out.empty()) out += ' ';
      space = false;
      out += c;
    }
  }
  return out;
}

bool is_html(std::string_view body) {
  const std::size_t start = body.find_first_not_of(" \r\n\t");
  return start != body.npos && body[start] == '<';
}

// Google: {"error": {"details": [{"@type": ".../RetryInfo", "retryDelay": "13.5s"}]}}
std::optional<std::chrono::milliseconds> retry_delay(const Json& error) {
  const Json* details = error.find("details");
  for (std::size_t i = 0; details != nullptr && details->at(i) != nullptr; ++i) {
    const std::string* delay = details->at(i)->find_string("retryDelay");
    double seconds = 0;
    if (delay == nullptr || delay->empty() || delay->back() != 's') continue;
    const auto [end, code] =
        std::from_chars(delay->data(), delay->data() + delay->size() - 1, seconds);
    if (code != std::errc() || !(seconds >= 0 && seconds < 1e6)) continue;
    return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
  }
  return std::nullopt;
}

void read_members(WireError& error, const Json& from) {
  const auto take = [&](std::string_view name, std::string& into) {
    const Json* member = from.find(name);
    if (member != nullptr && into.empty()) into = text_of(*member);
  };
  take("message", error.message);
  take("Message", error.message);
  take("detail", error.message);
  take("error", error.message);
  take("msg", error.message);
  take("type", error.type);
  take("status", error.type);
  take("__type", error.type);
  take("code", error.code);
  take("param", error.param);
  if (!error.retry_after.has_value()) error.retry_after = retry_delay(from);
}

// The object that holds the words.
const Json* inner_error(const Json& body) {
  const Json* at = &body;
  if (const Json* first = at->at(0)) at = first;
  if (const Json* response = at->find("response"); response != nullptr && response->find("error")) {
    at = response;
  }
  const Json* inner = at->find("error");
  return inner != nullptr && inner->is_object() ? inner : at;
}

// A status that says what it is about; one of the four hundreds, that the request is at fault. (424
// is Bedrock's for a model that failed.)
bool telling(int status) {
  const bool request = status >= 400 && status < 500 && status != 424;
  return request || status == 503 || status == 504 || status == 529;
}

}  // namespace

Kind kind_of_error(int status, std::string_view type, std::string_view code,
                   std::string_view message) {
  for (const std::string_view word : {code, type}) {
    for (const Word& row : kWords) {
      if (word.empty() || row.word != word) continue;
      // Words that say no more than that something failed; what the status says then counts.
      if (row.kind == Kind::kUpstream && telling(status)) continue;
      return row.kind;
    }
  }
  std::string said(message);
  for (char& c : said) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  // No provider but OpenAI has a code for this, and each has other words.
  for (const std::string_view words :
       {"prompt is too long", "maximum context length", "exceeds the maximum number of tokens",
        "context window", "exceed_context_size", "input is too long", "input tokens exceed",
        "exceed context limit", "context length exceeded", "exceeds the context",
        "exceeds the available context", "maximum prompt length", "maximum model length",
        "too many input tokens", "reduce the length of the messages"}) {
    if ((status == 400 || status == 0 || status == 413) && said.find(words) != said.npos)
      return Kind::kTooLarge;
  }
  int number = 0;
  if (status == 0 && !code.empty() &&
      std::from_chars(code.data(), code.data() + code.size(), number).ec == std::errc() &&
      number >= 400 && number < 600) {
    return kind_of_status(number);
  }
  if (status == 0 && type == "invalid_request_error") return Kind::kInvalid;
  return kind_of_status(status);
}

WireError read_error(Dialect dialect, int status, Json body) {
  WireError error{.status = status, .dialect = dialect};
  if (body.is_string()) {
    error.message = body.as_string();
  } else {
    read_members(error, *inner_error(body));
    if (error.message.empty()) {
      const std::string type = std::exchange(error.type, {});
      read_members(error, body);
      if (!type.empty()) error.type = type;
    }
    if (error.message.empty()) error.message = json_write(body);
  }
  error.message = shortened(std::move(error.message));
  error.type = shortened(std::move(error.type));
  error.code = shortened(std::move(error.code));
  error.param = shortened(std::move(error.param));
  error.kind = kind_of_error(status, error.type, error.code, error.message);
  error.raw = std::move(body);
  return error;
}

WireError read_error(Dialect dialect, int status, std::string_view body) {
  const std::size_t start = body.find_first_not_of(" \r\n\t");
  if (start != body.npos && (body[start] == '{' || body[start] == '[')) {
    if (Result<Json> json = json_parse(body, "error body"))
      return read_error(dialect, status, std::move(*json));
  }
  WireError error{.status = status, .dialect = dialect};
  error.message = is_html(body.substr(0, 1000)) ? words_of_html(body.substr(0, 100'000))
                                                : std::string(body.substr(0, 2 * kWordsMax));
  while (!error.message.empty() && static_cast<unsigned char>(error.message.back()) <= ' ') {
    error.message.pop_back();
  }
  error.message = shortened(std::move(error.message));
  error.kind = kind_of_error(status, {}, {}, error.message);
  return error;
}

WireError failure_of(const FinishReason& reason, std::string_view words) {
  WireError error{.kind = Kind::kUpstream, .status = 502};
  error.message = fmt::format("the model's answer failed: {}",
                              reason.word.empty() ? std::string_view("error") : reason.word);
  if (!words.empty()) error.message += fmt::format(": {}", words);
  error.message = shortened(std::move(error.message));
  error.code = shortened(reason.word);
  return error;
}

std::optional<WireError> failure_of(const ChatReply& reply) {
  if (reply.choices.empty())
    return WireError{.kind = Kind::kUpstream, .status = 502, .message = "the answer holds nothing"};
  const Choice& first = reply.choices.front();
  // What is not finished will not be: nobody asks for it again.
  if (first.finish.kind == FinishReason::Kind::kNone && !first.finish.word.empty())
    return WireError{
        .kind = Kind::kUpstream,
        .status = 502,
        .message = fmt::format("the answer is not finished: it is '{}'", first.finish.word)};
  for (const Choice& choice : reply.choices) {
    if (choice.finish.kind != FinishReason::Kind::kError) return std::nullopt;
  }
  const Json* said = reply.extra.members.find("error");  // of Responses
  if (said != nullptr && said->is_object()) {
    WireError error = read_error(reply.dialect, 0, Json::object({{"error", *said}}));
    error.status = http_status(error.kind);
    return error;
  }
  const Json* words = first.extra.members.find("finishMessage");
  return failure_of(first.finish, words != nullptr && words->is_string()
                                      ? std::string_view(words->as_string())
                                      : std::string_view());
}

WireError to_wire_error(const Error& error) {
  WireError out{.kind = error.kind, .status = http_status(error.kind), .message = error.what};
  if (!error.hint.empty()) out.message += "; " + error.hint;
  return out;
}

}  // namespace sighter::wire
