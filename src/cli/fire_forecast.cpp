#include "cli/fire_forecast.hpp"

#include "base/limits.hpp"
#include "cli/arguments.hpp"
#include "cli/report.hpp"
#include "cli/session.hpp"
#include "cli/terminal.hpp"
#include "functions/call_json.hpp"
#include "ready/forecast.hpp"

namespace sighter::cli {

Result<int> forecast_prompt(const Arguments& arguments, Terminal& terminal, Session& session,
                            const std::string& text) {
  const std::string model = arguments.text("model", "");
  if (const std::optional<Error> trouble = session.engine().router().unusable(model))
    return std::unexpected(*trouble);
  wire::Usage usage;
  usage.input = ready::tokens_of(text.size() + arguments.text("system", "").size());
  usage.output = arguments.integer("max-tokens").value_or(ready::kTextTokens);
  const std::optional<models::Price> price = ready::price_of(session.engine(), model);
  const std::optional<NanoUsd> cost =
      price ? std::optional(models::cost_of(usage, *price)) : std::nullopt;
  const double seconds = ready::seconds_of(static_cast<double>(usage.output));
  if (arguments.flag("json")) {
    terminal.out(json_write(Json::object({{"model", model},
                                          {"calls", 1},
                                          {"input_tokens", usage.input},
                                          {"output_tokens", usage.output},
                                          {"cost_usd", functions::usd_json(cost)},
                                          {"seconds", seconds}})) +
                 "\n");
    return 0;
  }
  terminal.out(fmt::format("1 call of {}: about {} + {} tokens, {}, about {}\n", model, usage.input,
                           usage.output, cost ? format_usd(*cost) : "price not known",
                           format_ms(seconds * 1000)));
  return 0;
}

Result<int> forecast_rows(const Arguments& arguments, Terminal& terminal, Session& session,
                          const functions::Function& function, const functions::Variant* variant) {
  const std::string in = arguments.text("in", "");
  if (in.empty())
    return fail(Kind::kInvalid, "--dry-run of a function is about many rows",
                "name them with --in FILE");
  Result<functions::CaseFile> rows = functions::CaseFile::open(in);
  if (!rows) return std::unexpected(rows.error());
  ready::RunOptions options;
  if (variant != nullptr) options.variants = {variant->name};
  options.parallel =
      static_cast<int>(arguments.integer("parallel").value_or(limits::kInFlightDefault));
  const Result<ready::RunForecast> forecast =
      session.run(ready::forecast(session.engine(), function, *rows, session.store(), options));
  if (!forecast) return std::unexpected(forecast.error());
  if (arguments.flag("json"))
    terminal.out(json_write(ready::to_json(*forecast, function.name, function.budget)) + "\n");
  else
    terminal.out(wrap(forecast_words(*forecast, function.budget), terminal.width(), 0) + "\n");
  return 0;
}

}  // namespace sighter::cli
