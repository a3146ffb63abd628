#include "serve/openapi.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "serve/handlers.hpp"
#include "serve/reply.hpp"
#include "serve/routes.hpp"

namespace sighter::serve {
namespace {

// Of the program's own routes in full; dialects are described by those who own them.
constexpr std::string_view kSchemas = R"json({
"Error": {"type": "object", "required": ["error"], "properties": {"error": {"type": "object", "required": ["kind", "message"],
  "additionalProperties": false, "properties": {
    "kind": {"enum": ["invalid", "not_found", "unauthorized", "forbidden", "conflict", "too_large", "rate_limited", "budget", "unavailable",
      "timeout", "cancelled", "upstream", "unsupported", "io", "internal"]},
    "message": {"type": "string"}, "hint": {"type": "string", "description": "what to do about it"}}}}},
"Id": {"type": "string", "format": "uuid", "pattern": "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"},
"IdOrNull": {"anyOf": [{"$ref": "#/components/schemas/Id"}, {"type": "null"}]},
"Usage": {"type": ["object", "null"], "required": ["input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens"],
  "additionalProperties": false, "properties": {"input_tokens": {"type": "integer"}, "output_tokens": {"type": "integer"},
    "cached_tokens": {"type": "integer", "description": "of the input, read from the provider's cache"},
    "cache_write_tokens": {"type": "integer", "description": "of the input, written to it"}, "reasoning_tokens": {"type": "integer"}}},
"FunctionRequest": {"type": "object", "additionalProperties": false, "properties": {
  "input": {"description": "one input, as the function's contract has it"},
  "inputs": {"type": "array", "maxItems": 10000, "description": "rows, instead of input"},
  "variant": {"type": ["string", "null"], "description": "without it: the last verdict's winner, else the first that can run"},
  "tags": {"type": ["object", "null"], "additionalProperties": {"type": "string"}},
  "trace": {"$ref": "#/components/schemas/IdOrNull"}, "parent": {"$ref": "#/components/schemas/IdOrNull"},
  "stream": {"type": ["boolean", "null"], "description": "answer as events: delta, again, result, error"},
  "dry_run": {"type": ["boolean", "null"], "description": "show what would be sent; ask nobody"}},
  "oneOf": [{"required": ["input"]}, {"required": ["inputs"], "properties": {"stream": {"enum": [false, null]}}}]},
"FunctionResult": {"type": "object", "required": ["output", "call", "trace", "parent", "variant", "cost_usd", "ms", "usage"],
  "additionalProperties": false, "properties": {"output": {}, "call": {"$ref": "#/components/schemas/Id"},
    "trace": {"$ref": "#/components/schemas/Id"}, "parent": {"$ref": "#/components/schemas/IdOrNull"}, "variant": {"type": "string"},
    "cost_usd": {"type": ["number", "null"], "description": "null: a price is not known"}, "ms": {"type": "number"},
    "usage": {"$ref": "#/components/schemas/Usage"}, "confidence": {"type": "number"}}},
"FunctionFailure": {"type": "object", "required": ["error", "call", "cost_usd"], "properties": {
  "error": {"$ref": "#/components/schemas/Error/properties/error"}, "call": {"$ref": "#/components/schemas/Id"},
  "cost_usd": {"type": ["number", "null"]}}},
"Preview": {"type": "object", "required": ["variant", "kind", "model", "route", "dialect", "request", "input_tokens_max",
    "output_tokens_max", "cost_usd_max"], "additionalProperties": false, "properties": {
  "dry_run": {"const": true}, "variant": {"type": "string"}, "kind": {"enum": ["code", "learned", "prompt", "cascade"]},
  "model": {"type": ["string", "null"]}, "route": {"type": ["string", "null"]}, "dialect": {"type": ["string", "null"]},
  "request": {"type": ["object", "null"], "description": "what the model would be sent, or what the body would be given"},
  "input_tokens_max": {"type": "integer"}, "output_tokens_max": {"type": ["integer", "null"]},
  "cost_usd_max": {"type": ["number", "null"]}, "steps": {"type": "array", "items": {"$ref": "#/components/schemas/Preview"}}}},
"FunctionAnswer": {"anyOf": [{"$ref": "#/components/schemas/FunctionResult"}, {"$ref": "#/components/schemas/Preview"},
  {"type": "object", "required": ["results"], "additionalProperties": false, "properties": {"results": {"type": "array", "items":
    {"anyOf": [{"$ref": "#/components/schemas/FunctionResult"}, {"$ref": "#/components/schemas/FunctionFailure"},
      {"$ref": "#/components/schemas/Preview"}, {"$ref": "#/components/schemas/Error"}]}}}}]},
"FeedbackRequest": {"type": "object", "required": ["metric", "value"], "additionalProperties": false, "properties": {
  "call": {"$ref": "#/components/schemas/IdOrNull"}, "trace": {"$ref": "#/components/schemas/IdOrNull"},
  "metric": {"type": "string", "minLength": 1, "maxLength": 256, "description": "at most 256 bytes, as source and key"},
  "value": {"not": {"type": "null"}, "description": "any JSON value but null"},
  "source": {"type": ["string", "null"], "maxLength": 256}, "note": {"type": ["string", "null"]},
  "key": {"type": ["string", "null"], "maxLength": 256, "description": "the same key again is the same feedback"}},
  "oneOf": [{"required": ["call"], "properties": {"call": {"type": "string"}, "trace": {"type": "null"}}},
    {"required": ["trace"], "properties": {"trace": {"type": "string"}, "call": {"type": "null"}}}]},
"FeedbackAnswer": {"type": "object", "required": ["feedback", "known_already"], "additionalProperties": false, "properties": {
  "feedback": {"$ref": "#/components/schemas/Id", "description": "of the first with this key"},
  "known_already": {"type": ["boolean", "null"], "description": "null: not known yet"},
  "queued": {"const": true, "description": "the disk is in trouble; it will be written when that is over"}}},
"Call": {"type": "object", "required": ["call", "function", "variant", "status", "start", "ms", "model", "cost_usd", "cache_hit", "input", "output"],
  "additionalProperties": false, "properties": {
  "call": {"$ref": "#/components/schemas/Id"}, "trace": {"$ref": "#/components/schemas/Id"}, "parent": {"$ref": "#/components/schemas/Id"},
  "function": {"type": "string", "description": "empty: a plain request to a model"}, "variant": {"type": "string"},
  "status": {"enum": ["ok", "error", "cancelled", "interrupted", "broken"]}, "start": {"type": "string", "format": "date-time"},
  "ms": {"type": "number"}, "first_token_ms": {"type": "number", "description": "until the first content"},
  "model": {"type": "string", "description": "as it was asked for"}, "route": {"type": "string", "description": "that answered, provider/name"},
  "finish_reason": {"type": "string"}, "cost_usd": {"type": ["number", "null"]}, "cache_hit": {"type": "boolean"},
  "input": {}, "output": {"description": "of a model its text, or an object where it said more"}, "error": {"type": "object"}, "usage": {"$ref": "#/components/schemas/Usage"}, "tags": {"type": "object"},
  "tried": {"type": "object"}, "extras": {}, "scores": {"type": "array"}, "attempts": {"type": "array", "items": {"$ref": "#/components/schemas/Attempt"}},
  "feedback": {"type": "array", "items": {"$ref": "#/components/schemas/Feedback"}},
  "children": {"type": "array", "items": {"$ref": "#/components/schemas/Call"}}}},
"Attempt": {"type": "object", "required": ["number", "route", "status", "ms", "cost_usd", "error"], "additionalProperties": false, "properties": {
  "number": {"type": "integer", "minimum": 2, "description": "the first one is the call itself"}, "route": {"type": "string"},
  "status": {"enum": ["ok", "error", "cancelled", "interrupted", "broken"]}, "ms": {"type": "number"}, "first_token_ms": {"type": "number"},
  "cost_usd": {"type": ["number", "null"]}, "usage": {"$ref": "#/components/schemas/Usage"}, "error": {"type": "string"}}},
"Feedback": {"type": "object", "required": ["feedback", "metric", "value"], "additionalProperties": false, "properties": {
  "feedback": {"$ref": "#/components/schemas/Id"}, "metric": {"type": "string"}, "value": {},
  "trace": {"$ref": "#/components/schemas/Id", "description": "it is of the whole trace"}, "source": {"type": "string"},
  "note": {"type": "string"}, "key": {"type": "string"}}},
"CallPage": {"type": "object", "required": ["calls", "next"], "additionalProperties": false, "properties": {
  "calls": {"type": "array", "items": {"$ref": "#/components/schemas/Call"}}, "next": {"$ref": "#/components/schemas/IdOrNull"}}},
"Health": {"type": "object", "required": ["status"], "properties": {"status": {"const": "ok"}}},
"Readiness": {"type": "object", "required": ["status"], "properties": {"status": {"enum": ["ready", "not ready"]},
  "problems": {"type": "array", "items": {"type": "string"}}}},
"Document": {"type": "object", "required": ["openapi", "info", "paths"]}
})json";

struct Shape {
  std::string_view method;
  std::string_view path;
  std::string_view request;   // name of a schema; empty: none
  std::string_view response;  // empty: text
};
constexpr Shape kShapes[] = {
    {"POST", "/v1/functions/{name}", "FunctionRequest", "FunctionAnswer"},
    {"POST", "/v1/feedback", "FeedbackRequest", "FeedbackAnswer"},
    {"GET", "/v1/calls", "", "CallPage"},
    {"GET", "/v1/calls/{id}", "", "Call"},
    {"GET", "/healthz", "", "Health"},
    {"GET", "/readyz", "", "Readiness"},
    {"GET", "/metrics", "", ""},
    {"GET", "/openapi.json", "", "Document"},
};

Json ref(std::string_view schema) {
  return Json::object({{"$ref", fmt::format("#/components/schemas/{}", schema)}});
}

Json content(std::string_view type, Json schema) {
  Json one = Json::object();
  one.as_object().set(std::string(type), Json::object({{"schema", std::move(schema)}}));
  return one;
}

Json parameter(std::string_view name, std::string_view in, std::string_view description = {}) {
  Json out = Json::object({{"name", name},
                           {"in", in},
                           {"required", in == "path"},
                           {"schema", Json::object({{"type", "string"}})}});
  if (!description.empty()) out.as_object().set("description", description);
  return out;
}

Json parameters_of(const Route& route) {
  Json list = Json::array();
  if (const std::size_t open = route.path.find('{'); open != route.path.npos) {
    const std::string_view name = route.path.substr(open + 1);
    list.as_array().push_back(parameter(name.substr(0, name.find_first_of(".}")), "path"));
  }
  if (route.path == "/v1/calls") {
    for (const std::string_view name : kCallQuery)
      list.as_array().push_back(parameter(name, "query"));
  }
  if (route.handler == list_input_items) {
    for (const auto& [name, text] : {std::pair("limit", "from 1 to 100; 20 without it"),
                                     {"order", "asc or desc; desc without it"},
                                     {"after", "the id of the item before the page"},
                                     {"before", "the id of the item behind the page"}})
      list.as_array().push_back(parameter(name, "query", text));
  }
  if (route.path == "/v1/responses/{id}" && route.method == "GET") {
    list.as_array().push_back(parameter("stream", "query", "\"true\": as events again"));
    list.as_array().push_back(
        parameter("starting_after", "query", "the number of the event that was the last one seen"));
  }
  if (route.handler == list_models) {
    for (const auto& [name, text] :
         {std::pair("limit", "from 1 to 1000; all without it. Of clients of Anthropic, as these:"),
          {"after_id", "the model before the page"},
          {"before_id", "the model behind the page"}})
      list.as_array().push_back(parameter(name, "query", text));
  }
  if (route.handler == pass_through) {
    list.as_array().push_back(parameter("x-sighter-provider", "header",
                                        "whose path it is, unless 'model' says provider/model"));
  } else if (route.dialect != wire::Dialect::kNone && route.method == "POST") {
    list.as_array().push_back(
        parameter("x-sighter-allow-drop", "header",
                  "parameters that may be left out where an upstream cannot express them"));
  }
  return list;
}

Json answer_headers() {
  Json headers = Json::object();
  for (const auto& [name, text] :
       {std::pair("x-sighter-call", "id of the call, for feedback and GET /v1/calls/{id}"),
        {"x-sighter-route", "which provider and model answered"},
        {"x-sighter-attempts", "physical requests"},
        {"x-sighter-tried", "of them, those that failed, and of what kind the error was"},
        {"x-sighter-dropped", "what the upstream could not be told"},
        {"x-sighter-approximated", "what it was told less exactly"},
        {"x-sighter-cost-usd", "what it cost; of whole answers"},
        {"x-sighter-truncated", "of Responses: items of the conversation that were left out"}}) {
    headers.as_object().set(name, Json::object({{"description", text},
                                                {"schema", Json::object({{"type", "string"}})}}));
  }
  return headers;
}

Json described(std::string_view description) {
  return Json::object({{"type", "string"}, {"description", description}});
}

// In which events a route answers; empty: in none.
std::string_view events_of(const Route& route) {
  if (route.handler == call_function)
    return "with stream: true; the events delta, again, result and error, each with a JSON object";
  if (route.handler == show_response) return "with stream=true; the dialect's events";
  const auto doors = {answer_chat, answer_messages, answer_responses, answer_completions};
  const bool door = std::find(doors.begin(), doors.end(), route.handler) != doors.end();
  return door ? "with stream: true; the dialect's events, and comments" : "";
}

Json good_answer(const Route& route, const Shape* shape, const Json& any) {
  Json types = Json::object();
  if (shape == nullptr) {
    types = content("application/json", any);
    if (route.handler == pass_through)
      types.as_object().set("*/*", Json::object({{"schema", any}}));
  } else if (shape->response.empty()) {
    types = content("text/plain", Json::object({{"type", "string"}}));
  } else {
    types = content("application/json", ref(shape->response));
  }
  if (const std::string_view events = events_of(route); !events.empty())
    types.as_object().set("text/event-stream", Json::object({{"schema", described(events)}}));
  Json good = Json::object({{"description", "the answer"}, {"content", std::move(types)}});
  if (shape == nullptr && route.method == "POST") good.as_object().set("headers", answer_headers());
  return good;
}

Json request_of(const Route& route, const Shape* shape, const Json& any) {
  const bool passed = route.handler == pass_through;
  Json types = content("application/json", shape != nullptr ? ref(shape->request) : any);
  if (passed) {
    Json form = Json::object({{"type", "object"},
                              {"description",
                               "as the provider has it; a field named model says "
                               "whose it is, and is the only one that changes"}});
    types.as_object().set("multipart/form-data", Json::object({{"schema", std::move(form)}}));
    types.as_object().set("*/*", Json::object({{"schema", any}}));
  }
  return Json::object({{"required", !passed}, {"content", std::move(types)}});
}

Json operation_of(const Route& route) {
  const auto found = std::find_if(std::begin(kShapes), std::end(kShapes), [&](const Shape& s) {
    return s.method == route.method && s.path == route.path;
  });
  const Shape* shape = found != std::end(kShapes) ? found : nullptr;
  const Json any = Json::object({{"description", "as the dialect or the provider has it"}});
  Json bad = Json::object({{"description", "what went wrong"}});
  bad.as_object().set(
      "content",
      content("application/json", route.dialect == wire::Dialect::kNone ? ref("Error") : any));
  Json out = Json::object({{"summary", route.summary}, {"parameters", parameters_of(route)}});
  if (shape != nullptr ? !shape->request.empty() : route.method == "POST")
    out.as_object().set("requestBody", request_of(route, shape, any));
  Json responses = Json::object();
  responses.as_object().set("200", good_answer(route, shape, any));
  if (route.handler == show_readiness)
    responses.as_object().set(
        "503", Json::object({{"description", "not ready, and why"},
                             {"content", content("application/json", ref("Readiness"))}}));
  responses.as_object().set("default", std::move(bad));
  out.as_object().set("responses", std::move(responses));
  if (route.open) out.as_object().set("security", Json::array());
  return out;
}

}  // namespace

Json openapi_document() {
  Json paths = Json::object();
  for (const Route& route : routes()) {
    std::string path(route.path);
    if (const std::size_t rest = path.find("...}"); rest != path.npos) path.erase(rest, 3);
    JsonObject& all = paths.as_object();
    if (all.find(path) == nullptr) all.set(path, Json::object());
    Json one = *all.find(path);
    one.as_object().set(io::in_lower_case(route.method), operation_of(route));
    all.set(path, std::move(one));
  }
  Result<Json> schemas = json_parse(kSchemas, "openapi");
  CHECK(schemas.has_value());
  Json key = Json::object({{"type", "http"}, {"scheme", "bearer"}});
  return Json::object(
      {{"openapi", "3.1.0"},
       {"info", Json::object({{"title", "Sighter"},
                              {"version", SIGHTER_VERSION},
                              {"description",
                               "Every path below /v1 is found without /v1 too. A key, where the "
                               "door has one, is sent as a bearer token or as x-api-key."}})},
       {"security", Json::array({Json::object({{"key", Json::array()}})})},
       {"paths", std::move(paths)},
       {"components", Json::object({{"securitySchemes", Json::object({{"key", std::move(key)}})},
                                    {"schemas", std::move(*schemas)}})}});
}

io::Task<void> show_openapi(Exchange& exchange) {
  static const std::string kText = json_write(openapi_document());
  std::string body = kText;
  co_await send_json(exchange, 200, std::move(body));
}

}  // namespace sighter::serve
