#include "ready/forecast.hpp"

#include <algorithm>
#include <cmath>

#include "base/limits.hpp"
#include "ready/lane.hpp"

namespace sighter::ready {
namespace {

constexpr double kCallSeconds = 1, kTokenSeconds = 0.02;

// Of one answer, as far as the contract and the parameters say.
std::int64_t answer_tokens(const functions::Function& function,
                           const functions::PromptBody& prompt) {
  std::int64_t tokens = kTextTokens;
  if (function.output.form() == functions::OutputContract::Form::kLabels) {
    std::size_t longest = 0;
    for (const std::string& label : function.output.labels())
      longest = std::max(longest, label.size());
    tokens = tokens_of(longest) + 2;
  }
  const Json* most = prompt.parameters.is_object() ? prompt.parameters.find("max_tokens") : nullptr;
  const auto limit = most != nullptr ? most->to_double() : std::nullopt;
  return limit ? std::min(tokens, static_cast<std::int64_t>(*limit)) : tokens;
}

struct Looking {
  functions::Engine& engine;
  const functions::Function& function;
  const functions::CaseFile& cases;
  store::Store* store;
  const RunOptions& options;
  std::vector<std::uint32_t> order;
  std::size_t step = 1;
};

// What stored calls of this variant took on average.
struct Past {
  double output_tokens = 0, seconds = 0;
};
std::optional<Past> past_of(const Looking& look, const functions::Variant& variant) {
  if (look.store == nullptr) return std::nullopt;
  store::CallFilter filter;
  filter.function = look.function.name;
  filter.variant = variant.name;
  filter.status = store::CallStatus::kOk;
  const Result<std::vector<store::Aggregate>> sums =
      look.store->aggregate(filter, store::GroupBy::kNothing);
  if (!sums || sums->empty() || sums->front().calls == 0) return std::nullopt;
  const store::Aggregate& sum = sums->front();
  return Past{static_cast<double>(sum.tokens.output) / static_cast<double>(sum.calls),
              static_cast<double>(sum.p50.count()) / 1e6};
}

io::Task<Status> add_prompt(Looking& look, const functions::Variant& variant,
                            VariantForecast& sum) {
  const auto& prompt = std::get<functions::PromptBody>(variant.body);
  std::int64_t looked = 0, asked = 0;
  double bytes = 0;
  for (std::size_t i = 0; i < look.order.size(); i += look.step) {
    const std::uint32_t which = look.order[i];
    Result<functions::Case> row = look.cases.at(which);
    if (!row) co_return std::unexpected(row.error());
    functions::ApplyOptions options;
    options.reuse = !look.options.fresh;
    options.held_out = look.cases.key(which);
    Json input = std::move(row->input);
    Result<functions::Forecast> one =
        co_await look.engine.forecast(look.function, variant, std::move(input), std::move(options));
    ++looked;
    if (!one && one.error().kind == Kind::kInvalid) continue;  // scores 0 and asks nobody
    if (!one) co_return std::unexpected(one.error());
    if (one->stored) continue;
    ++asked;
    bytes += static_cast<double>(one->request_bytes);
  }
  if (looked == 0) co_return Status{};
  const double share = static_cast<double>(asked) / static_cast<double>(looked);
  const auto cases = static_cast<double>(look.order.size());
  const auto calls = static_cast<std::int64_t>(std::ceil(share * cases));
  sum.model_calls += calls;
  sum.stored += static_cast<std::int64_t>(look.order.size()) - calls;
  if (asked == 0) co_return Status{};
  const std::optional<Past> past = past_of(look, variant);
  const double output =
      past ? past->output_tokens : static_cast<double>(answer_tokens(look.function, prompt));
  const double input =
      static_cast<double>(tokens_of(static_cast<std::size_t>(bytes / static_cast<double>(asked))));
  const double each = past ? past->seconds : seconds_of(output);
  const int parallel = parallel_of(look.engine, look.function, variant, look.options);
  sum.measured = past.has_value();
  wire::Usage usage;
  usage.input = static_cast<std::int64_t>(input * static_cast<double>(calls));
  usage.output = static_cast<std::int64_t>(std::ceil(output * static_cast<double>(calls)));
  sum.input_tokens += usage.input;
  sum.output_tokens += usage.output;
  sum.seconds += each * static_cast<double>(calls) / std::min<double>(parallel, cases);
  const std::optional<models::Price> price = price_of(look.engine, prompt.model);
  if (!price) sum.cost.reset();
  if (price && sum.cost) *sum.cost += models::cost_of(usage, *price);
  co_return Status{};
}

// Code and learned bodies ask no model; a cascade may ask each of its steps.
io::Task<Status> add(Looking& look, const functions::Variant& variant, VariantForecast& sum) {
  if (const auto* cascade = std::get_if<functions::CascadeBody>(&variant.body)) {
    for (const std::string& name : cascade->steps) {
      const functions::Variant* step = look.function.find(name);
      if (step == nullptr) continue;
      Status added = co_await add(look, *step, sum);
      if (!added) co_return added;
    }
  }
  Status added;
  if (std::holds_alternative<functions::PromptBody>(variant.body))
    added = co_await add_prompt(look, variant, sum);
  co_return added;
}

}  // namespace

std::optional<models::Price> price_of(functions::Engine& engine, const std::string& model) {
  const models::ModelsConfig& config = engine.router().hub().config();
  const Result<models::ModelSpec> spec = config.find(model);
  if (!spec) return std::nullopt;
  if (spec->local) return models::Price{};
  return spec->routes.empty() ? std::nullopt : config.price(*spec, spec->routes.front());
}

double seconds_of(double output_tokens) {
  return kCallSeconds + kTokenSeconds * output_tokens;
}

std::int64_t tokens_of(std::size_t bytes) {
  return static_cast<std::int64_t>((bytes + 3) / 4);
}

io::Task<Result<RunForecast>> forecast(functions::Engine& engine,
                                       const functions::Function& function,
                                       const functions::CaseFile& cases, store::Store* store,
                                       RunOptions options, std::size_t sample) {
  Result<std::vector<const functions::Variant*>> variants = chosen_variants(function, options);
  if (!variants) co_return std::unexpected(variants.error());
  Looking look{engine, function, cases,
               store,  options,  order_of(cases.size(), options.limit, options.seed)};
  look.step = std::max<std::size_t>(1, look.order.size() / std::max<std::size_t>(1, sample));
  RunForecast result;
  result.cases = look.order.size();
  result.cost = NanoUsd{};
  for (const functions::Variant* variant : *variants) {
    VariantForecast one;
    one.variant = variant->name;
    one.kind = variant->kind();
    one.cost = NanoUsd{};
    if (const std::optional<Error> trouble = engine.unusable(function, *variant)) {
      one.note = trouble->message();
    } else {
      Status added = co_await add(look, *variant, one);
      if (!added) co_return std::unexpected(added.error());
      one.cases = static_cast<std::int64_t>(look.order.size());
    }
    result.calls += one.cases;
    result.model_calls += one.model_calls;
    result.stored += one.stored;
    result.input_tokens += one.input_tokens;
    result.output_tokens += one.output_tokens;
    result.seconds = std::max(result.seconds, one.seconds);
    if (!one.cost) result.cost.reset();
    if (result.cost && one.cost) *result.cost += *one.cost;
    result.variants.push_back(std::move(one));
  }
  co_return result;
}

Json to_json(const RunForecast& forecast, const std::string& function,
             std::optional<NanoUsd> budget) {
  const auto usd = [](const std::optional<NanoUsd>& cost) {
    return cost ? Json(cost->usd()) : Json();
  };
  Json variants = Json::array();
  for (const VariantForecast& variant : forecast.variants) {
    Json row = Json::object({{"variant", variant.variant},
                             {"kind", variant.kind},
                             {"cases", variant.cases},
                             {"model_calls_at_most", variant.model_calls},
                             {"stored", variant.stored},
                             {"input_tokens", variant.input_tokens},
                             {"output_tokens", variant.output_tokens},
                             {"cost_usd", usd(variant.cost)},
                             {"seconds", variant.seconds},
                             {"measured", variant.measured}});
    if (!variant.note.empty()) row.as_object().set("note", variant.note);
    variants.as_array().push_back(std::move(row));
  }
  return Json::object({{"function", function},
                       {"cases", forecast.cases},
                       {"calls_at_most", forecast.calls},
                       {"model_calls_at_most", forecast.model_calls},
                       {"stored", forecast.stored},
                       {"input_tokens", forecast.input_tokens},
                       {"output_tokens", forecast.output_tokens},
                       {"cost_usd", usd(forecast.cost)},
                       {"seconds", forecast.seconds},
                       {"budget_usd", usd(budget)},
                       {"variants", std::move(variants)}});
}

}  // namespace sighter::ready
