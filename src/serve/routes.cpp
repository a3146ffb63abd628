#include "serve/routes.hpp"

#include "serve/handlers.hpp"
#include "serve/reply.hpp"

namespace sighter::serve {
namespace {

using wire::Dialect;

constexpr std::string_view kPassed = "A provider's own path, passed on unchanged";

constexpr Route kRoutes[] = {
    {"POST", "/v1/chat/completions", Dialect::kOpenAiChat, answer_chat, false,
     "OpenAI Chat Completions, whole and streamed"},
    {"POST", "/v1/messages", Dialect::kAnthropic, answer_messages, false,
     "Anthropic Messages, whole and streamed"},
    {"POST", "/v1/responses", Dialect::kOpenAiResponses, answer_responses, false,
     "OpenAI Responses, whole and streamed, over any upstream"},
    {"GET", "/v1/responses/{id}", Dialect::kOpenAiResponses, show_response, false,
     "A response that was kept"},
    {"DELETE", "/v1/responses/{id}", Dialect::kOpenAiResponses, delete_response, false,
     "Forgets a response"},
    {"GET", "/v1/responses/{id}/input_items", Dialect::kOpenAiResponses, list_input_items, false,
     "What a response was an answer to, in pages"},
    {"POST", "/v1/messages/count_tokens", Dialect::kAnthropic, count_tokens, false,
     "How many tokens a request of Anthropic Messages has"},
    {"POST", "/v1/embeddings", Dialect::kOpenAiChat, answer_embeddings, false, "OpenAI Embeddings"},
    {"POST", "/v1/completions", Dialect::kOpenAiChat, answer_completions, false,
     "OpenAI's legacy Completions, over any upstream"},
    {"POST", "/v1/functions/{name}", Dialect::kNone, call_function, false,
     "Applies a function of the project to an input or to rows"},
    {"POST", "/v1/feedback", Dialect::kNone, take_feedback, false,
     "A value for a metric, for a call or a trace"},
    {"GET", "/v1/calls", Dialect::kNone, list_calls, false, "Calls, the newest first"},
    {"GET", "/v1/calls/{id}", Dialect::kNone, show_call, false, "One call with all that it called"},
    {"GET", "/v1/models", Dialect::kOpenAiChat, list_models, false, "The models that can be asked"},
    {"GET", "/v1/models/{id...}", Dialect::kOpenAiChat, show_model, false, "One of them"},
    {"POST", "/v1/moderations", Dialect::kOpenAiChat, pass_through, false, kPassed},
    {"POST", "/v1/audio/{path...}", Dialect::kOpenAiChat, pass_through, false, kPassed},
    {"POST", "/v1/images/{path...}", Dialect::kOpenAiChat, pass_through, false, kPassed},
    {"GET", "/v1/files", Dialect::kOpenAiChat, pass_through, false, kPassed},
    {"POST", "/v1/files", Dialect::kOpenAiChat, pass_through, false, kPassed},
    {"GET", "/v1/files/{path...}", Dialect::kOpenAiChat, pass_through, false, kPassed},
    {"POST", "/v1/files/{path...}", Dialect::kOpenAiChat, pass_through, false, kPassed},
    {"DELETE", "/v1/files/{path...}", Dialect::kOpenAiChat, pass_through, false, kPassed},
    {"POST", "/v1/uploads", Dialect::kOpenAiChat, pass_through, false, kPassed},
    {"POST", "/v1/uploads/{path...}", Dialect::kOpenAiChat, pass_through, false, kPassed},
    {"GET", "/v1/batches", Dialect::kOpenAiChat, pass_through, false, kPassed},
    {"POST", "/v1/batches", Dialect::kOpenAiChat, pass_through, false, kPassed},
    {"GET", "/v1/batches/{path...}", Dialect::kOpenAiChat, pass_through, false, kPassed},
    {"POST", "/v1/batches/{path...}", Dialect::kOpenAiChat, pass_through, false, kPassed},
    {"GET", "/v1/messages/batches", Dialect::kAnthropic, pass_through, false, kPassed},
    {"POST", "/v1/messages/batches", Dialect::kAnthropic, pass_through, false, kPassed},
    {"GET", "/v1/messages/batches/{path...}", Dialect::kAnthropic, pass_through, false, kPassed},
    {"POST", "/v1/messages/batches/{path...}", Dialect::kAnthropic, pass_through, false, kPassed},
    {"DELETE", "/v1/messages/batches/{path...}", Dialect::kAnthropic, pass_through, false, kPassed},
    {"POST", "/v1/rerank", Dialect::kOpenAiChat, pass_through, false, kPassed},
    {"GET", "/v1/fine_tuning/{path...}", Dialect::kOpenAiChat, pass_through, false, kPassed},
    {"POST", "/v1/fine_tuning/{path...}", Dialect::kOpenAiChat, pass_through, false, kPassed},
    {"GET", "/v1/vector_stores", Dialect::kOpenAiChat, pass_through, false, kPassed},
    {"POST", "/v1/vector_stores", Dialect::kOpenAiChat, pass_through, false, kPassed},
    {"GET", "/v1/vector_stores/{path...}", Dialect::kOpenAiChat, pass_through, false, kPassed},
    {"POST", "/v1/vector_stores/{path...}", Dialect::kOpenAiChat, pass_through, false, kPassed},
    {"DELETE", "/v1/vector_stores/{path...}", Dialect::kOpenAiChat, pass_through, false, kPassed},
    {"GET", "/openapi.json", Dialect::kNone, show_openapi, false, "This description"},
    {"GET", "/healthz", Dialect::kNone, show_health, true, "Answers while the program runs", true},
    {"GET", "/readyz", Dialect::kNone, show_readiness, true,
     "Fails when calls cannot be stored, or when stopping", true},
    {"GET", "/metrics", Dialect::kNone, show_metrics, false, "Counters as text for Prometheus",
     true},
};

bool clean(std::string_view path) {
  if (!path.starts_with('/')) return false;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view segment = path.substr(0, end);
    if (segment.empty() || segment == "." || segment == "..") return false;
    path.remove_prefix(end);
  }
  return true;
}

// Whether `path` has the form of `pattern`; `value` is what stands in its place, still encoded.
bool fits(std::string_view pattern, std::string_view path, std::string_view& value) {
  const std::size_t open = pattern.find('{');
  if (open == pattern.npos) return pattern == path;
  const std::size_t close = pattern.find('}', open);
  if (!path.starts_with(pattern.substr(0, open))) return false;
  const bool rest = pattern.substr(open, close - open).ends_with("...");
  const std::string_view tail = pattern.substr(close + 1);
  value = path.substr(open);
  if (value.size() <= tail.size() || !value.ends_with(tail)) return false;
  value.remove_suffix(tail.size());
  return rest || value.find('/') == value.npos;
}

Match find_exactly(std::string_view method, std::string_view path) {
  Match match;
  for (const Route& route : kRoutes) {
    std::string_view value;
    if (!fits(route.path, path, value)) continue;
    std::optional<std::string> decoded = percent_decoded(value, false);
    if (!decoded || (!decoded->empty() && !clean("/" + *decoded))) continue;
    match.path_known = true;
    match.dialect = route.dialect;
    if (route.method != method && !(method == "HEAD" && route.method == "GET")) continue;
    match.route = &route;
    match.value = std::move(*decoded);
    break;
  }
  return match;
}

}  // namespace

std::span<const Route> routes() {
  return kRoutes;
}

Match find_route(std::string_view method, std::string_view path) {
  if (!clean(path)) return {};
  Match match = find_exactly(method, path);
  if (match.path_known || path.starts_with("/v1/")) return match;
  return find_exactly(method, "/v1" + std::string(path));
}

std::string methods_of(std::string_view path) {
  std::string out;
  for (const std::string_view method : {"GET", "HEAD", "POST", "DELETE"}) {
    if (find_route(method, path).route == nullptr) continue;
    if (!out.empty()) out += ", ";
    out += method;
  }
  return out;
}

}  // namespace sighter::serve
