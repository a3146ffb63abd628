#include "cli/report.hpp"

#include <algorithm>

#include "cli/progress.hpp"
#include "cli/table.hpp"

namespace sighter::cli {
namespace {

std::string text_of(const Json& value) {
  return value.is_string() ? value.as_string() : json_write(value);
}

// The only text of an input, else all of it.
std::string input_text(const Json& input) {
  if (input.is_object() && input.as_object().size() == 1 &&
      input.as_object().begin()->second.is_string())
    return input.as_object().begin()->second.as_string();
  return text_of(input);
}

std::string verdict_words(const ready::VariantReport& report) {
  if (!report.ran) return "not run";
  if (!report.beaten_by.empty()) return "beaten by " + report.beaten_by;
  return std::string(stats::to_string(report.verdict));
}

Table table_of(const ready::RunReport& report) {
  Table table({{"variant"},
               {"verdict"},
               {"score", true},
               {"low", true},
               {"high", true},
               {"cases", true},
               {"$/1k calls", true, 0, 1},
               {"p50", true, 0, 3},
               {"p95", true, 0, 2}});
  for (const ready::VariantReport& v : report.variants) {
    if (!v.ran) {
      table.row({{v.variant, Style::kDim},
                 {"not run", Style::kDim},
                 {"-"},
                 {"-"},
                 {"-"},
                 {"0"},
                 {"-"},
                 {"-"},
                 {"-"}});
      continue;
    }
    const bool winner = v.variant == report.winner;
    table.row({{v.variant, winner ? Style::kBold : Style::kPlain},
               {verdict_words(v), v.beaten_by.empty() ? verdict_style(v.verdict) : Style::kDim},
               {fmt::format("{:.3f}", v.score)},
               {fmt::format("{:.3f}", v.bounds.low)},
               {fmt::format("{:.3f}", v.bounds.high)},
               {fmt::format("{}/{}", v.cases, v.cases_total)},
               {format_per_1k(v.usd_per_1k)},
               {format_ms(v.p50_ms)},
               {format_ms(v.p95_ms)}});
  }
  return table;
}

std::string claim_words(const ready::RunReport& report, const ready::VariantReport& winner) {
  const double bar = report.options.at_least;
  const int percent = static_cast<int>(report.options.confidence * 100 + 0.5);
  switch (report.verdict) {
    case stats::Verdict::kReady:
      return fmt::format("{} reaches {:.2f} on future traffic like these cases ({} % confidence).",
                         winner.variant, bar, percent);
    case stats::Verdict::kNotReady:
      if (!winner.note.empty()) return fmt::format("{} {}.", winner.variant, winner.note);
      return fmt::format(
          "the best, {}, is below {:.2f} on future traffic like these cases ({} % confidence).",
          winner.variant, bar, percent);
    case stats::Verdict::kPass:
      return fmt::format("{} reaches {:.2f} on these {} cases.", winner.variant, bar,
                         winner.cases_total);
    case stats::Verdict::kFail:
      return fmt::format("the best, {}, stays below {:.2f} on these {} cases.", winner.variant, bar,
                         winner.cases_total);
    case stats::Verdict::kUndecided:
      break;
  }
  std::string words = fmt::format(
      "{} scores {:.3f}; its true rate is between {:.3f} and {:.3f}, and the bar is {:.2f}.",
      winner.variant, winner.score, winner.bounds.low, winner.bounds.high, bar);
  if (winner.cases < winner.cases_total)
    words += winner.decided
                 ? fmt::format(" {} of {} cases were asked: all of them could not decide.",
                               winner.cases, winner.cases_total)
                 : fmt::format(" It stopped after {} of {} cases, before a verdict was certain.",
                               winner.cases, winner.cases_total);
  if (winner.cases_needed)
    words += fmt::format(" If it is what it looks like, about {} more cases decide.",
                         std::max<std::int64_t>(1, *winner.cases_needed - winner.cases_total));
  return words;
}

std::string seconds_words(double seconds) {
  return format_duration(std::chrono::duration_cast<std::chrono::steady_clock::duration>(
      std::chrono::duration<double>(seconds)));
}

// Of how many cases, where a run ended before all of them were asked.
std::string part_words(const ready::VariantReport& report) {
  if (report.cases >= report.cases_total) return {};
  return fmt::format(" in the {} of {} cases that were asked", report.cases, report.cases_total);
}

std::string paid_words(const ready::RunReport& report) {
  if (report.cost_known) return format_usd(report.cost);
  if (report.cost == NanoUsd{}) return "price not known";
  return format_usd(report.cost) + " and what has no known price";
}

}  // namespace

Style verdict_style(stats::Verdict verdict) {
  if (verdict == stats::Verdict::kReady || verdict == stats::Verdict::kPass) return Style::kGreen;
  return verdict == stats::Verdict::kUndecided ? Style::kYellow : Style::kRed;
}

std::string format_ms(double ms) {
  if (ms < 1) return fmt::format("{:.2f} ms", ms);
  if (ms < 10) return fmt::format("{:.1f} ms", ms);
  if (ms < 1000) return fmt::format("{:.0f} ms", ms);
  return fmt::format("{:.1f} s", ms / 1000);
}

std::string format_per_1k(std::optional<double> usd) {
  if (!usd) return "?";
  if (*usd == 0) return "$0";
  return *usd < 0.1 ? fmt::format("${:.2g}", *usd) : fmt::format("${:.2f}", *usd);
}

void print_wrong(Terminal& terminal, const ready::RunReport& report, const std::string& name,
                 std::size_t most) {
  for (const ready::VariantReport& variant : report.variants) {
    if (variant.variant != name) continue;
    const std::size_t width = terminal.table_width();
    const auto line = [&](std::string text) {
      terminal.out((width == Terminal::kUnlimited ? text : fit(text, width, terminal.unicode())) +
                   "\n");
    };
    for (const ready::WrongAnswer* wrong : ready::telling(report, variant, most)) {
      line(fmt::format("  {}  {}", wrong->case_id, visible_line(input_text(wrong->input))));
      std::string given =
          wrong->error ? "error: " + wrong->reason : "said " + text_of(wrong->output);
      if (wrong->confidence) given += fmt::format(" ({:.0f} % sure)", *wrong->confidence * 100);
      if (!wrong->error && !wrong->expect.is_null())
        given += ", expected " + text_of(wrong->expect);
      else if (!wrong->error && !wrong->reason.empty())
        given += ": " + wrong->reason;
      terminal.out(terminal.styled(Style::kDim, fit("      " + visible_line(given),
                                                    width == Terminal::kUnlimited ? 100000 : width,
                                                    terminal.unicode())) +
                   "\n");
    }
  }
}

std::string wrong_words(const ready::RunReport& report) {
  for (const ready::VariantReport& variant : report.variants) {
    if (variant.variant != report.winner) continue;
    std::string words = fmt::format("{} wrong answers of {}{}", variant.wrong.size(),
                                    variant.variant, part_words(variant));
    if (variant.cases < variant.cases_total) words += "; --full asks all";
    return words;
  }
  return "no variant was judged";
}

void print_report(Terminal& terminal, const ready::RunReport& report) {
  const ready::VariantReport* winner = nullptr;
  for (const ready::VariantReport& variant : report.variants) {
    if (variant.variant == report.winner) winner = &variant;
  }
  table_of(report).print(terminal);
  terminal.out("\n");
  if (winner != nullptr) {
    const std::string verdict(stats::to_string(report.verdict));
    terminal.out(terminal.styled(verdict_style(report.verdict), verdict) + "\n" +
                 wrap(claim_words(report, *winner), terminal.width(), 2) + "\n");
    for (const ready::PairReport& pair : report.pairs) {
      if (pair.cases == 0 || pair.interval.low <= 0) continue;
      const std::string words =
          fmt::format("better than {} by {:.3f} ({:.3f} to {:.3f}, {} shared cases)", pair.other,
                      pair.difference, pair.interval.low, pair.interval.high, pair.cases);
      terminal.out(terminal.styled(Style::kDim, wrap(words, terminal.width(), 2)) + "\n");
    }
  } else {
    terminal.out(report.stopped ? "It stopped before a case was judged.\n"
                                : "No variant could run.\n");
  }
  for (const ready::VariantReport& variant : report.variants) {
    for (const std::string& words : {&variant == winner ? "" : variant.note, variant.failures}) {
      if (words.empty()) continue;
      terminal.out(terminal.styled(Style::kDim, wrap(fmt::format("{}: {}", variant.variant, words),
                                                     terminal.width(), 2)) +
                   "\n");
    }
  }
  if (winner != nullptr && !winner->wrong.empty()) {
    terminal.out("\n" +
                 wrap(fmt::format("Most telling of {}'s {} wrong answers{}:", winner->variant,
                                  winner->wrong.size(), part_words(*winner)),
                      terminal.width(), 0) +
                 "\n");
    print_wrong(terminal, report, winner->variant, 3);
  }
  terminal.out(terminal.styled(
                   Style::kDim,
                   fmt::format("\n{} calls, {} of them read from the store; {} in {}", report.calls,
                               report.reused, paid_words(report), seconds_words(report.seconds))) +
               "\n");
}

std::string forecast_words(const ready::RunForecast& forecast, std::optional<NanoUsd> budget) {
  std::string words = fmt::format("{} cases, {} variants: at most {} calls", forecast.cases,
                                  forecast.variants.size(), forecast.calls);
  if (forecast.model_calls > 0) {
    words += fmt::format(", {} of them of models: {} + {} tokens, {}, about {}",
                         forecast.model_calls, forecast.input_tokens, forecast.output_tokens,
                         forecast.cost ? format_usd(*forecast.cost) : "price not known",
                         seconds_words(forecast.seconds));
  } else {
    words += ", none of a model";
  }
  if (forecast.stored > 0) words += fmt::format("; {} answers are stored", forecast.stored);
  if (budget) words += fmt::format("; never more than {}", format_usd(*budget));
  return words;
}

void print_forecast(Terminal& terminal, const ready::RunForecast& forecast,
                    std::optional<NanoUsd> budget) {
  Table table({{"variant"},
               {"model calls", true},
               {"stored", true},
               {"tokens in", true},
               {"out", true},
               {"cost", true},
               {"time", true}});
  bool guessed = false;
  for (const ready::VariantForecast& v : forecast.variants) {
    if (!v.note.empty()) {
      table.row({{v.variant, Style::kDim}, {"cannot run", Style::kDim}, {}, {}, {}, {}, {}});
      continue;
    }
    const bool asks = v.model_calls > 0;
    guessed = guessed || (asks && !v.measured);
    table.row({{v.variant},
               {fmt::format("{}", v.model_calls)},
               {fmt::format("{}", v.stored)},
               {asks ? fmt::format("{}", v.input_tokens) : "-"},
               {asks ? fmt::format("{}", v.output_tokens) : "-"},
               {v.cost ? format_usd(*v.cost) : "?"},
               {asks ? seconds_words(v.seconds) : "-"}});
  }
  table.print(terminal);
  const std::size_t width = terminal.width();
  terminal.out("\n" + wrap(forecast_words(forecast, budget), width, 0) + "\n");
  for (const ready::VariantForecast& v : forecast.variants) {
    if (!v.note.empty())
      terminal.out(wrap(fmt::format("{}: {}", v.variant, v.note), width, 2) + "\n");
  }
  std::string small =
      "These are the most: a run stops as soon as its verdict is certain, unless --full.";
  if (guessed) small += " Answers' length and time are assumed until there are stored calls.";
  terminal.out(terminal.styled(Style::kDim, wrap(small, width, 0)) + "\n");
}

}  // namespace sighter::cli
