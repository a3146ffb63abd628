#pragma once
// What `sighter ready` says to people: short, true, in the order in which it matters.

#include "cli/terminal.hpp"
#include "ready/forecast.hpp"
#include "ready/run.hpp"

namespace sighter::cli {

void print_report(Terminal& terminal, const ready::RunReport& report);
// The listing of --wrong: case, input, expected, given, why; of one variant.
void print_wrong(Terminal& terminal, const ready::RunReport& report, const std::string& variant,
                 std::size_t most);
// How many of the winner's answers were wrong, and of how many.
std::string wrong_words(const ready::RunReport& report);
// What a run would take, a line a variant and the sum; the same in one line.
void print_forecast(Terminal& terminal, const ready::RunForecast& forecast,
                    std::optional<NanoUsd> budget);
std::string forecast_words(const ready::RunForecast& forecast, std::optional<NanoUsd> budget);
Style verdict_style(stats::Verdict verdict);
// "0.2 ms", "41 ms", "1.2 s"
std::string format_ms(double ms);
// "$0", "$0.42", "?" per 1,000 calls
std::string format_per_1k(std::optional<double> usd);

}  // namespace sighter::cli
