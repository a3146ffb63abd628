// What ./run prints: score by number of labels, then the verdict, then what to do next.

#include <algorithm>

#include "cli/arguments.hpp"
#include "cli/demo_curves.hpp"
#include "cli/progress.hpp"
#include "cli/report.hpp"
#include "cli/session.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs_run.hpp"
#include "ready/curve.hpp"
#include "ready/run.hpp"

namespace sighter::cli {
namespace {

// What each of several bodies waits for, once.
struct Waiting {
  std::string reason;
  std::string names;
};

std::vector<Waiting> sort_out(Demo& demo) {
  std::vector<Waiting> sorted;
  for (const functions::Variant& variant : demo.function.variants) {
    if (const std::optional<Error> why = demo.session.engine().unusable(demo.function, variant)) {
      const auto known = std::find_if(sorted.begin(), sorted.end(),
                                      [&](const Waiting& w) { return w.reason == why->what; });
      if (known == sorted.end())
        sorted.push_back({why->what, variant.name});
      else
        known->names += ", " + variant.name;
    } else {
      demo.runnable.push_back(&variant);
    }
  }
  return sorted;
}

Json curves_json(const std::vector<ready::Curve>& curves) {
  Json rows = Json::array();
  for (const ready::Curve& curve : curves) {
    Json points = Json::array();
    for (const ready::CurvePoint& point : curve.points) {
      if (point.known)
        points.as_array().push_back(Json::object({{"labels", point.labels},
                                                  {"score", point.score},
                                                  {"low", point.low},
                                                  {"high", point.high},
                                                  {"tested", point.tested},
                                                  {"repeats", point.repeats}}));
    }
    rows.as_array().push_back(Json::object({{"variant", curve.variant},
                                            {"uses_labels", curve.uses_labels},
                                            {"points", std::move(points)},
                                            {"note", curve.note}}));
  }
  return rows;
}

Result<ready::RunReport> verdict_of(Demo& demo, const DemoCurves& curves) {
  ready::RunOptions options;
  options.at_least = demo.function.bar->at_least;
  options.confidence = demo.function.bar->confidence;
  options.max_usd_per_1k = demo.function.bar->max_usd_per_1k;
  options.max_p95_ms = demo.function.bar->max_p95_ms;
  options.budget = demo.function.budget;
  options.seed = demo.seed;
  options.cases_max = curves.asked;
  for (const functions::Variant* variant : demo.runnable) {
    const bool local = asks_local_model(demo.session, demo.function, *variant);
    if (!local || curves.asked.contains(variant->name)) options.variants.push_back(variant->name);
  }
  Progress progress(demo.terminal, demo.session.clock(), "verdict");
  const auto tell = [&](const ready::RunProgress& state) {
    progress.update(static_cast<std::uint64_t>(state.done),
                    static_cast<std::uint64_t>(state.at_most), state.spent, state.note);
  };
  const io::StopSignals& signals = demo.session.signals();
  return demo.session.run(ready::evaluate(demo.session.engine(), demo.function, demo.cases,
                                          demo.metric, demo.session.store(), demo.session.clock(),
                                          options, {signals.nicely(), signals.at_once()}, tell));
}

void print_intro(Demo& demo) {
  Terminal& out = demo.terminal;
  out.out(out.styled(Style::kBold, "Which team should answer this customer message?") + "\n");
  out.out(wrap(fmt::format("{} messages, {} teams. Plain code, small learned models and a language "
                           "model compete on one function. All of it runs on this machine.",
                           demo.cases.size(), demo.function.output.labels().size()),
               out.width(), 0) +
          "\n\n");
  out.out(out.styled(Style::kBold, "Score by number of labels used") +
          out.styled(Style::kDim, "  (95 % intervals)") + "\n");
}

// How many messages the model was asked about, and why so few.
std::string asked_words(const DemoCurves& made) {
  if (made.asked.empty()) return {};
  std::string counts;
  for (const auto& [name, count] : made.asked)
    counts += fmt::format("{}{} {}", counts.empty() ? "" : ", ", name, count);
  std::string said = " To stay short, the language model was asked about few messages: " + counts;
  if (made.tokens_per_s) said += fmt::format("; it reads {:.0f} tokens/s here", *made.tokens_per_s);
  return said + ".";
}

void print_notes(Demo& demo, const DemoCurves& made, const std::vector<Waiting>& waiting) {
  Terminal& out = demo.terminal;
  const auto dim = [&](const std::string& text, int indent) {
    out.out(out.styled(Style::kDim, wrap(text, out.width(), indent)) + "\n");
  };
  if (const std::string said = crossing_words(demo.function, made.curves); !said.empty())
    out.out(wrap(said, out.width(), 0) + "\n");
  std::string notes = "Each is judged on messages that it has not seen. Grey: uses no labels.";
  notes += asked_words(made);
  if (made.short_of_time) notes += " `sighter ready triage` takes its time.";
  dim(notes, 0);
  for (const ready::Curve& curve : made.curves)
    if (!curve.note.empty()) dim(curve.variant + ": " + curve.note, 2);
  for (const Waiting& one : waiting) dim(visible_line(one.names + " waits: " + one.reason), 2);
}

void print_next(Terminal& out, const std::filesystem::path& project) {
  std::error_code code;
  const std::filesystem::path near = std::filesystem::relative(project, code);
  const std::string name = code || near.empty() ? project.string() : near.string();
  out.out("\n" + out.styled(Style::kBold, "Next") + "\n");
  out.out(fmt::format("  build/run/sighter ready triage --wrong{}\n",
                      name == "." ? "" : " --project " + name));
  const std::pair<std::string_view, std::string_view> more[] = {
      {"init desk", "your own function"},
      {"ready tickets.csv", "your own file; -m MODEL adds a model"}};
  for (const auto& [words, what] : more) {
    const std::string line = fmt::format("  build/run/sighter {:<18}    {}", words, what);
    // A command is never broken; what it does is left out where there is no room.
    const bool room = out.width() >= line.size();
    out.out((room ? line : fmt::format("  build/run/sighter {}", words)) + "\n");
  }
}

}  // namespace

Result<int> run_demo(const Arguments& arguments, Terminal& terminal) {
  const SteadyTime begun = RealClock().steady_now();
  Result<std::unique_ptr<Session>> opened = Session::open(arguments, terminal);
  if (!opened) return std::unexpected(opened.error());
  Session& session = **opened;
  Result<const functions::Function*> function = session.project().function("triage");
  if (!function) return std::unexpected(function.error());
  Result<functions::CaseFile> cases = functions::CaseFile::open((*function)->cases);
  if (!cases) return std::unexpected(cases.error());
  Result<std::unique_ptr<ready::Metric>> metric = fail(Kind::kInternal, "not made");
  session.core().call([&] {
    metric = ready::make_metric((*function)->bar->metric, (*function)->bar->where,
                                (*function)->folder.string(), session.core(), session.log());
  });
  if (!metric) return std::unexpected(metric.error());
  const auto seed = static_cast<std::uint64_t>(arguments.integer("seed").value_or(1));
  Demo demo{session, terminal, **function, *cases, **metric, seed, begun};
  const std::vector<Waiting> waiting = sort_out(demo);
  const bool json = arguments.flag("json");
  if (!json) print_intro(demo);
  Result<DemoCurves> curves = demo_curves(demo, json);
  if (!curves) return std::unexpected(curves.error());
  if (!json) {
    print_notes(demo, *curves, waiting);
    terminal.out("\n" +
                 terminal.styled(Style::kBold, fmt::format("Good enough to ship? The bar: {:.2f}",
                                                           demo.function.bar->at_least)) +
                 "\n");
  }
  Result<ready::RunReport> report = verdict_of(demo, *curves);
  if (!report) return std::unexpected(report.error());
  if (json) {
    terminal.out(json_write(Json::object({{"curves", curves_json(curves->curves)},
                                          {"ready", ready::to_json(*report)}})) +
                 "\n");
  } else {
    print_report(terminal, *report);
    print_next(terminal, session.project().folder);
  }
  session.core().call([&] { metric->reset(); });
  if (report->stopped) return std::unexpected(*report->stopped);
  return 0;
}

}  // namespace sighter::cli
