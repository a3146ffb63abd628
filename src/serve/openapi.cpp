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
"Id": {"type": "string", "format": "uuid"},
"IdOrNull": {"type": ["string", "null"], "format": "uuid"},
"Usage": {"type": ["object", "null"], "required": ["input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens"],
  "additionalProperties": false, "properties": {"input_tokens": {"type": "integer"}, "output_tokens": {"type": "integer"},
    "cached_tokens": {"type": "integer"}, "reasoning_tokens": {"type": "integer"}}},
"FunctionRequest": {"type": "object", "additionalProperties": false, "properties": {
  "input": {"description": "one input, as the function's contract has it"},
  "inputs": {"type": "array", "maxItems": 10000, "description": "rows, instead of input"},
  "variant": {"type": ["string", "null"], "description": "without it: the last verdict's winner, else the first that can run"},
  "tags": {"type": ["object", "null"], "additionalProperties": {"type": "string"}},
  "trace": {"$ref": "#/components/schemas/IdOrNull"}, "parent": {"$ref": "#/components/schemas/IdOrNull"},
  "stream": {"type": ["boolean", "null"], "description": "answer as events: delta, again, result, error"},
  "dry_run": {"type": ["boolean", "null"], "description": "show what would be sent; ask nobody"}}},
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
  "call": {"$ref": "#/components/schemas/Id"}, "trace": {"$ref": "#/components/schemas/Id"}, "metric": {"type": "string", "minLength": 1, "maxLength": 256},
  "value": {"description": "any JSON value but null"}, "source": {"type": "string"}, "note": {"type": "string"},
  "key": {"type": "string", "description": "the same key again is the same feedback"}},
  "oneOf": [{"required": ["call"]}, {"required": ["trace"]}]},
"FeedbackAnswer": {"type": "object", "required": ["feedback", "known_already"], "additionalProperties": false, "properties": {
  "feedback": {"$ref": "#/components/schemas/Id", "description": "of the first with this key"}, "known_already": {"type": "boolean"}}},
"Call": {"type": "object", "required": ["call", "function", "variant", "status", "start", "ms", "model", "cost_usd", "cache_hit", "input", "output"],
  "additionalProperties": false, "properties": {
  "call": {"$ref": "#/components/schemas/Id"}, "trace": {"$ref": "#/components/schemas/Id"}, "parent": {"$ref": "#/components/schemas/Id"},
  "function": {"type": "string", "description": "empty: a plain request to a model"}, "variant": {"type": "string"},
  "status": {"enum": ["ok", "error", "cancelled", "interrupted", "broken"]}, "start": {"type": "string", "format": "date-time"},
  "ms": {"type": "number"}, "model": {"type": "string"}, "cost_usd": {"type": ["number", "null"]}, "cache_hit": {"type": "boolean"},
  "input": {}, "output": {}, "error": {"type": "object"}, "usage": {"$ref": "#/components/schemas/Usage"}, "tags": {"type": "object"},
  "tried": {"type": "object"}, "extras": {}, "scores": {"type": "array"}, "attempts": {"type": "array"},
  "feedback": {"type": "array", "items": {"$ref": "#/components/schemas/Feedback"}},
  "children": {"type": "array", "items": {"$ref": "#/components/schemas/Call"}}}},
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
                                     {"after", "the id of the item before the page"}})
      list.as_array().push_back(parameter(name, "query", text));
  }
  if (route.path == "/v1/responses/{id}" && route.method == "GET") {
    list.as_array().push_back(parameter("stream", "query", "\"true\": as events again"));
    list.as_array().push_back(
        parameter("starting_after", "query", "the number of the event that was the last one seen"));
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
        {"x-sighter-dropped", "what the upstream could not be told"},
        {"x-sighter-approximated", "what it was told less exactly"},
        {"x-sighter-cost-usd", "what it cost; of whole answers"}}) {
    headers.as_object().set(name, Json::object({{"description", text},
                                                {"schema", Json::object({{"type", "string"}})}}));
  }
  return headers;
}

Json operation_of(const Route& route) {
  const auto shape = std::find_if(std::begin(kShapes), std::end(kShapes), [&](const Shape& s) {
    return s.method == route.method && s.path == route.path;
  });
  const bool own = shape != std::end(kShapes);
  const Json any = Json::object({{"description", "as the dialect or the provider has it"}});
  Json good = Json::object({{"description", "the answer"}});
  if (!own) {
    good.as_object().set("content", content("application/json", any));
    if (route.method == "POST") good.as_object().set("headers", answer_headers());
  } else {
    good.as_object().set("content", shape->response.empty()
                                        ? content("text/plain", Json::object({{"type", "string"}}))
                                        : content("application/json", ref(shape->response)));
  }
  if (route.handler == call_function)
    good.as_object().find("content")->as_object().set(
        "text/event-stream",
        Json::object({{"schema", Json::object({{"type", "string"},
                                               {"description",
                                                "with stream: true; the events delta, again, "
                                                "result and error, each with a JSON object"}})}}));
  Json bad = Json::object({{"description", "what went wrong"}});
  bad.as_object().set(
      "content",
      content("application/json", route.dialect == wire::Dialect::kNone ? ref("Error") : any));
  Json out = Json::object({{"summary", route.summary}, {"parameters", parameters_of(route)}});
  if (own ? !shape->request.empty() : route.method == "POST") {
    out.as_object().set(
        "requestBody",
        Json::object({{"required", own || route.handler != pass_through},
                      {"content", content("application/json", own ? ref(shape->request) : any)}}));
  }
  Json responses = Json::object();
  responses.as_object().set("200", std::move(good));
  if (route.handler == show_readiness)
    responses.as_object().set(
        "503", Json::object({{"description", "not ready, and why"},
                             {"content", content("application/json", ref("Readiness"))}}));
  responses.as_object().set("default", std::move(bad));
  out.as_object().set("responses", std::move(responses));
  if (route.open) out.as_object().set("security", Json::array());
  return out;
}

std::string lower(std::string_view word) {
  std::string out(word);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
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
    one.as_object().set(lower(route.method), operation_of(route));
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
