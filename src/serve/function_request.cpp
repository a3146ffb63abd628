#include "serve/function_request.hpp"

#include <algorithm>

#include "functions/call_json.hpp"
#include "functions/choice.hpp"

namespace sighter::serve {
namespace {

constexpr std::size_t kRowsMax = 10'000;

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
  constexpr std::string_view kKnown[] = {"input", "inputs", "variant", "tags",
                                         "trace", "parent", "stream",  "dry_run"};
  if (!body.is_object()) return fail(Kind::kInvalid, "request: must be a JSON object");
  for (const auto& [name, value] : body.as_object()) {
    if (std::find(std::begin(kKnown), std::end(kKnown), name) == std::end(kKnown))
      return fail(Kind::kInvalid, fmt::format("{}: is not known here", name),
                  "input or inputs, variant, tags, trace, parent, stream, dry_run");
  }
  return {};
}

Result<FunctionRequest> asked_of(Exchange& exchange, Json body) {
  FunctionRequest asked;
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
  for (const auto& [name, place] :
       {std::pair("stream", &asked.stream), {"dry_run", &asked.dry_run}}) {
    const Json* value = body.find(name);
    if (value == nullptr || value->is_null()) continue;
    if (!value->is_bool())
      return fail(Kind::kInvalid, fmt::format("{}: must be true or false", name));
    *place = value->as_bool();
  }
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
  if (asked.stream) return fail(Kind::kInvalid, "stream: takes one input, not rows");
  asked.rows = true;
  asked.inputs = std::move(inputs->as_array());
  return asked;
}

// Whose trace it is, where only the call that made it is named.
io::Task<void> find_trace(Exchange& exchange, functions::ApplyOptions& options) {
  store::Store* store = exchange.door.shared.store();
  if (!options.trace.is_nil() || options.parent.is_nil()) co_return;
  options.trace = options.parent;
  if (store == nullptr) co_return;
  auto look = [store, id = options.parent]() { return store->call(id); };
  const Result<std::optional<store::CallRow>> parent =
      co_await exchange.door.lookups.run(exchange.core(), std::move(look));
  if (parent && *parent) options.trace = (*parent)->trace;
}

Json id_json(const Id& id) {
  return id.is_nil() ? Json() : Json(id.to_string());
}

}  // namespace

io::Task<Result<FunctionRequest>> read_function_request(Exchange& exchange) {
  Result<JsonBody> body = co_await read_json_body(exchange);
  if (!body) co_return std::unexpected(std::move(body.error()));
  Result<Json> json = json_parse(body->text, "request");
  if (!json) co_return std::unexpected(std::move(json.error()));
  Result<FunctionRequest> asked = asked_of(exchange, std::move(*json));
  if (!asked) co_return asked;
  if (asked->variant == nullptr) {
    Result<const functions::Variant*> chosen =
        co_await functions::choose_variant_aside(exchange.engine, *asked->function);
    if (!chosen) co_return std::unexpected(std::move(chosen.error()));
    asked->variant = *chosen;
  }
  co_await find_trace(exchange, asked->options);
  asked->options.cancel = exchange.request.gone();
  asked->options.record = exchange.door.settings.record;
  asked->options.served = true;
  if (!exchange.door.key.empty()) asked->options.key = "serve";
  co_return asked;
}

Json result_json(const FunctionRequest& request, const functions::Applied& applied) {
  const Id& trace = request.options.trace;
  Json out = Json::object({{"output", applied.output},
                           {"call", applied.call.to_string()},
                           {"trace", trace.is_nil() ? applied.call.to_string() : trace.to_string()},
                           {"parent", id_json(request.options.parent)},
                           {"variant", applied.variant},
                           {"cost_usd", functions::usd_json(applied.cost)},
                           {"ms", static_cast<double>(applied.latency.count()) / 1000},
                           {"usage", functions::usage_json(applied.usage)}});
  if (applied.confidence) out.as_object().set("confidence", *applied.confidence);
  return out;
}

Json failure_json(const functions::ApplyFailure& failure) {
  Json out = native_error(failure.error);
  out.as_object().set("call", failure.call.to_string());
  out.as_object().set("cost_usd", functions::usd_json(failure.cost));
  return out;
}

Json preview_json(const functions::Preview& preview) {
  const auto name = [](const std::string& text) { return text.empty() ? Json() : Json(text); };
  Json out = Json::object(
      {{"variant", preview.variant},
       {"kind", preview.kind},
       {"model", name(preview.model)},
       {"route", name(preview.route)},
       {"dialect", name(preview.dialect)},
       {"request", preview.request},
       {"input_tokens_max", preview.input_tokens_max},
       {"output_tokens_max", preview.output_tokens_max ? Json(*preview.output_tokens_max) : Json()},
       {"cost_usd_max", functions::usd_json(preview.cost_max)}});
  if (preview.kind != "cascade") return out;
  Json steps = Json::array();
  for (const functions::Preview& step : preview.steps)
    steps.as_array().push_back(preview_json(step));
  out.as_object().set("steps", std::move(steps));
  return out;
}

}  // namespace sighter::serve
