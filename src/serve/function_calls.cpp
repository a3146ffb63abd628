// The project's own functions: one input, or rows.

#include <algorithm>

#include "functions/call_json.hpp"
#include "functions/choice.hpp"
#include "io/scope.hpp"
#include "serve/handlers.hpp"
#include "serve/reply.hpp"

namespace sighter::serve {
namespace {

constexpr std::size_t kRowsMax = 10'000;
constexpr std::size_t kRowsAtATime = 16;

struct Asked {
  const functions::Function* function = nullptr;
  const functions::Variant* variant = nullptr;
  functions::ApplyOptions options;
  std::vector<Json> inputs;
  bool rows = false;  // "inputs" was given, not "input"
};

Status read_options(const Json& body, functions::ApplyOptions& options) {
  for (const auto& [name, place] :
       {std::pair("trace", &options.trace), {"parent", &options.parent}}) {
    const Json* value = body.find(name);
    if (value == nullptr || value->is_null()) continue;
    const std::optional<Id> id = value->is_string() ? Id::parse(value->as_string()) : std::nullopt;
    if (!id) return fail(Kind::kInvalid, fmt::format("{}: must be an id", name));
    *place = *id;
  }
  if (const Json* tags = body.find("tags"); tags != nullptr && !tags->is_null()) {
    const bool good =
        tags->is_object() && std::all_of(tags->as_object().begin(), tags->as_object().end(),
                                         [](const auto& tag) { return tag.second.is_string(); });
    if (!good) return fail(Kind::kInvalid, "tags: must be an object of strings");
    options.tags = *tags;
  }
  return {};
}

// What is not known is not ignored: it may be what keeps a call from being paid.
Status check_members(const Json& body) {
  constexpr std::string_view kKnown[] = {"input", "inputs", "variant", "tags", "trace", "parent"};
  if (!body.is_object()) return fail(Kind::kInvalid, "request: must be a JSON object");
  for (const auto& [name, value] : body.as_object()) {
    if (std::find(std::begin(kKnown), std::end(kKnown), name) == std::end(kKnown))
      return fail(Kind::kInvalid, fmt::format("{}: is not known here", name),
                  "input or inputs, variant, tags, trace, parent");
  }
  return {};
}

Result<Asked> asked_of(Exchange& exchange, Json body) {
  Asked asked;
  if (Status known = check_members(body); !known) return std::unexpected(known.error());
  Result<const functions::Function*> function =
      exchange.door.shared.project().function(exchange.path_value);
  if (!function) return std::unexpected(function.error());
  asked.function = *function;
  if (const Json* name = body.find("variant"); name != nullptr && !name->is_null()) {
    if (!name->is_string()) return fail(Kind::kInvalid, "variant: must be a string");
    Result<const functions::Variant*> variant = asked.function->variant(name->as_string());
    if (!variant) return std::unexpected(variant.error());
    asked.variant = *variant;
  }
  if (Status read = read_options(body, asked.options); !read) return std::unexpected(read.error());
  Json* input = body.find("input");
  Json* inputs = body.find("inputs");
  if ((input == nullptr) == (inputs == nullptr))
    return fail(Kind::kInvalid, "input: give one input, or a list as inputs");
  if (input != nullptr) {
    asked.inputs.push_back(std::move(*input));
    return asked;
  }
  if (!inputs->is_array() || inputs->as_array().size() > kRowsMax)
    return fail(Kind::kInvalid, fmt::format("inputs: must be a list of at most {}", kRowsMax));
  asked.rows = true;
  asked.inputs = std::move(inputs->as_array());
  return asked;
}

Json result_json(const functions::Applied& applied) {
  Json out = Json::object({{"output", applied.output},
                           {"call", applied.call.to_string()},
                           {"variant", applied.variant},
                           {"cost_usd", functions::usd_json(applied.cost)},
                           {"ms", static_cast<double>(applied.latency.count()) / 1000}});
  Json usage;
  if (applied.usage) {
    usage = Json::object({{"input_tokens", applied.usage->input},
                          {"output_tokens", applied.usage->output},
                          {"cached_tokens", applied.usage->cache_read},
                          {"reasoning_tokens", applied.usage->reasoning}});
  }
  out.as_object().set("usage", std::move(usage));
  if (applied.confidence) out.as_object().set("confidence", *applied.confidence);
  return out;
}

Json failure_json(const functions::ApplyFailure& failure) {
  return Json::object({{"error", Json::object({{"kind", to_string(failure.error.kind)},
                                               {"message", failure.error.message()}})},
                       {"call", failure.call.to_string()},
                       {"cost_usd", functions::usd_json(failure.cost)}});
}

// Takes rows from the list until none is left; several of these run side by side.
io::Task<void> work_off(Exchange* exchange, const Asked* asked, std::size_t* next,
                        std::vector<Json>* results) {
  const io::CancelToken gone = exchange->request.gone();
  while (*next < asked->inputs.size() && !gone.cancelled()) {
    const std::size_t row = (*next)++;
    functions::ApplyOptions options = asked->options;
    Json input = asked->inputs[row];
    functions::ApplyResult applied = co_await exchange->engine.apply(
        *asked->function, *asked->variant, std::move(input), std::move(options));
    (*results)[row] = applied ? result_json(*applied) : failure_json(applied.error());
  }
}

io::Task<void> answer_rows(Exchange& exchange, Asked asked) {
  std::vector<Json> results(asked.inputs.size());
  std::size_t next = 0;
  io::Scope scope(exchange.core());
  for (std::size_t i = 0; i < std::min(kRowsAtATime, asked.inputs.size()); ++i)
    io::spawn(scope, "rows", work_off(&exchange, &asked, &next, &results));
  co_await scope.join();
  Json list = Json::array();
  for (Json& result : results) list.as_array().push_back(std::move(result));
  Json answer = Json::object();
  answer.as_object().set("results", std::move(list));
  std::string body = json_write(answer);
  co_await send_json(exchange, 200, std::move(body));
}

}  // namespace

io::Task<void> call_function(Exchange& exchange) {
  Result<JsonBody> body = co_await read_json_body(exchange);
  if (!body) {
    co_await send_error(exchange, std::move(body.error()));
    co_return;
  }
  Result<Json> json = json_parse(body->text, "request");
  Result<Asked> asked =
      json ? asked_of(exchange, std::move(*json)) : Result<Asked>(std::unexpected(json.error()));
  if (asked && asked->variant == nullptr) {
    Result<const functions::Variant*> chosen =
        functions::choose_variant(exchange.engine, *asked->function);
    if (chosen)
      asked->variant = *chosen;
    else
      asked = std::unexpected(chosen.error());
  }
  if (!asked) {
    co_await send_error(exchange, std::move(asked.error()));
    co_return;
  }
  asked->options.cancel = exchange.request.gone();
  functions::ApplyOptions preparing;
  preparing.cancel = exchange.request.gone();
  Status prepared = co_await exchange.engine.prepare(*asked->function, *asked->variant, false,
                                                     std::move(preparing));
  if (!prepared) {
    co_await send_error(exchange, std::move(prepared.error()));
    co_return;
  }
  if (asked->rows) {
    co_await answer_rows(exchange, std::move(*asked));
    co_return;
  }
  Json input = std::move(asked->inputs.front());
  functions::ApplyOptions options = asked->options;
  functions::ApplyResult applied = co_await exchange.engine.apply(
      *asked->function, *asked->variant, std::move(input), std::move(options));
  if (!applied) {
    exchange.headers.add("x-sighter-call", applied.error().call.to_string());
    co_await send_error(exchange, std::move(applied.error().error));
    co_return;
  }
  std::string answer = json_write(result_json(*applied));
  co_await send_json(exchange, 200, std::move(answer));
}

}  // namespace sighter::serve
