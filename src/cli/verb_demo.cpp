// What ./run prints: score by number of labels, then the verdict, then what to do next.

#include <algorithm>

#include "cli/arguments.hpp"
#include "cli/progress.hpp"
#include "cli/report.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs_run.hpp"
#include "ready/curve.hpp"
#include "ready/run.hpp"

namespace sighter::cli {
namespace {

// A message costs the local model one to three seconds of a core: it gets fewer of them, and with
// examples, which make its prompts long, one column.
constexpr std::size_t kLocalTests = 32;
constexpr std::size_t kLocalTestsWithExamples = 16;
constexpr std::size_t kLocalCases = 16;  // of the verdict, among those above

bool runs_local_model(Session& session, const functions::Function& function,
                      const functions::Variant& variant) {
  if (const auto* prompt = std::get_if<functions::PromptBody>(&variant.body))
    return session.engine().router().is_local(prompt->model);
  if (const auto* cascade = std::get_if<functions::CascadeBody>(&variant.body)) {
    return std::any_of(cascade->steps.begin(), cascade->steps.end(), [&](const std::string& step) {
      return function.find(step) != nullptr &&
             runs_local_model(session, function, *function.find(step));
    });
  }
  return false;
}

Cell cell_of(const ready::Curve& curve, std::size_t labels) {
  if (curve.points.empty()) return {"", Style::kDim};
  const ready::CurvePoint* found = nullptr;
  for (const ready::CurvePoint& point : curve.points) {
    if (point.labels == labels || !curve.uses_labels) found = &point;
  }
  if (found == nullptr) return {"", Style::kDim};
  if (!found->known) return {"-", Style::kDim};
  const double half = (found->high - found->low) / 2;
  return {fmt::format("{:.2f} ±{:.2f}", found->score, half),
          curve.uses_labels ? Style::kPlain : Style::kDim};
}

// What each of several bodies waits for, once.
struct Waiting {
  std::string reason;
  std::string names;
};

struct Demo {
  Session& session;
  Terminal& terminal;
  const functions::Function& function;
  const functions::CaseFile& cases;
  ready::Metric& metric;
  std::uint64_t seed;
  std::vector<const functions::Variant*> runnable;
  std::vector<Waiting> waiting;
};

void sort_out(Demo& demo) {
  for (const functions::Variant& variant : demo.function.variants) {
    const bool cascade = std::holds_alternative<functions::CascadeBody>(variant.body);
    if (const std::optional<Error> why = demo.session.engine().unusable(demo.function, variant)) {
      const auto known = std::find_if(demo.waiting.begin(), demo.waiting.end(),
                                      [&](const Waiting& w) { return w.reason == why->what; });
      if (known == demo.waiting.end())
        demo.waiting.push_back({why->what, variant.name});
      else
        known->names += ", " + variant.name;
    } else if (!cascade) {
      demo.runnable.push_back(&variant);
    }
  }
}

Result<std::vector<ready::Curve>> curves_of(Demo& demo) {
  std::vector<ready::Curve> curves;
  Progress progress(demo.terminal, demo.session.clock(), "score by number of labels");
  for (const functions::Variant* variant : demo.runnable) {
    ready::CurveOptions options;
    options.seed = demo.seed;
    options.repeats = 3;
    options.tests_max = 150;
    const bool local = runs_local_model(demo.session, demo.function, *variant);
    if (local) {
      const auto* prompt = std::get_if<functions::PromptBody>(&variant->body);
      const bool examples = prompt != nullptr && prompt->examples > 0;
      options.repeats = 1;
      options.tests_max = examples ? kLocalTestsWithExamples : kLocalTests;
      options.sizes.clear();
    }
    const auto tell = [&](std::size_t done, std::size_t total) {
      progress.update(done, total, {}, variant->name);
    };
    Result<ready::Curve> curve = demo.session.run(
        ready::by_labels(demo.session.engine(), demo.function, *variant, demo.cases, demo.metric,
                         options, demo.session.signals().nicely(), tell));
    if (!curve) return std::unexpected(curve.error());
    curves.push_back(std::move(*curve));
  }
  return curves;
}

void print_curves(Demo& demo, const std::vector<ready::Curve>& curves) {
  const std::vector<std::size_t> sizes{0, 10, 50, demo.cases.size()};
  Table table({{"body"},
               {"0 labels", true},
               {"10", true},
               {"50", true},
               {fmt::format("all {}", demo.cases.size()), true}});
  for (const ready::Curve& curve : curves) {
    std::vector<Cell> cells{{curve.variant}};
    for (const std::size_t size : sizes) cells.push_back(cell_of(curve, size));
    table.row(std::move(cells));
  }
  table.print(demo.terminal);
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

Result<ready::RunReport> verdict_of(Demo& demo) {
  ready::RunOptions options;
  options.at_least = demo.function.bar->at_least;
  options.confidence = demo.function.bar->confidence;
  options.max_usd_per_1k = demo.function.bar->max_usd_per_1k;
  options.max_p95_ms = demo.function.bar->max_p95_ms;
  options.budget = demo.function.budget;
  options.seed = demo.seed;
  options.local_cases_max = kLocalCases;
  for (const functions::Variant* variant : demo.runnable) options.variants.push_back(variant->name);
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

// The best prompt without labels against the best learner at each size: where the lines cross.
std::string crossing(Demo& demo, const std::vector<ready::Curve>& curves) {
  const ready::Curve* prompt = nullptr;
  for (const ready::Curve& curve : curves) {
    const functions::Variant* variant = demo.function.find(curve.variant);
    const bool asks = variant != nullptr && variant->kind() == "prompt" && !curve.uses_labels;
    if (asks && !curve.points.empty() &&
        (prompt == nullptr || curve.points.back().score > prompt->points.back().score))
      prompt = &curve;
  }
  if (prompt == nullptr) return {};
  const double score = prompt->points.back().score;
  const ready::CurvePoint* first = nullptr;
  std::string learner;
  for (const ready::Curve& curve : curves) {
    const functions::Variant* variant = demo.function.find(curve.variant);
    if (variant == nullptr || variant->kind() != "learned") continue;
    for (const ready::CurvePoint& point : curve.points) {
      if (!point.known || point.score <= score) continue;
      if (first == nullptr || point.labels < first->labels ||
          (point.labels == first->labels && point.score > first->score)) {
        first = &point;
        learner = curve.variant;
      }
    }
  }
  std::string said = fmt::format("Without one label {} is right on {:.0f} % of the messages",
                                 prompt->variant, score * 100);
  if (first == nullptr) return said + ", and no learned model passes it.";
  return said + fmt::format("; {} passes it with {}.", learner, first->labels);
}

void print_notes(Demo& demo, const std::vector<ready::Curve>& curves) {
  Terminal& out = demo.terminal;
  const auto dim = [&](const std::string& text, int indent) {
    out.out(out.styled(Style::kDim, wrap(text, out.width(), indent)) + "\n");
  };
  if (const std::string said = crossing(demo, curves); !said.empty())
    out.out(wrap(said, out.width(), 0) + "\n");
  std::string notes = "Each is judged on messages that it has not seen. Grey: uses no labels.";
  for (const functions::Variant* variant : demo.runnable) {
    if (!runs_local_model(demo.session, demo.function, *variant)) continue;
    notes += fmt::format(" To stay short, the language model gets {} messages, {} with examples.",
                         kLocalTests, kLocalTestsWithExamples);
    break;
  }
  dim(notes, 0);
  for (const ready::Curve& curve : curves)
    if (!curve.note.empty()) dim(curve.variant + ": " + curve.note, 2);
  for (const Waiting& waiting : demo.waiting)
    dim(visible_line(waiting.names + " waits: " + waiting.reason), 2);
}

void print_next(Terminal& out) {
  out.out("\n" + out.styled(Style::kBold, "Next") + "\n");
  out.out("  build/run/sighter ready triage --wrong --project examples/support\n");
  out.out("  build/run/sighter init desk             your own function\n");
  out.out("  build/run/sighter ready tickets.csv     your own file; -m MODEL adds a model\n");
}

}  // namespace

Result<int> run_demo(const Arguments& arguments, Terminal& terminal) {
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
  Demo demo{session, terminal, **function,
            *cases,  **metric, static_cast<std::uint64_t>(arguments.integer("seed").value_or(1)),
            {},      {}};
  sort_out(demo);
  const bool json = arguments.flag("json");
  if (!json) print_intro(demo);
  Result<std::vector<ready::Curve>> curves = curves_of(demo);
  if (!curves) return std::unexpected(curves.error());
  if (!json) {
    print_curves(demo, *curves);
    print_notes(demo, *curves);
    terminal.out("\n" +
                 terminal.styled(Style::kBold, fmt::format("Good enough to ship? The bar: {:.2f}",
                                                           demo.function.bar->at_least)) +
                 "\n");
  }
  Result<ready::RunReport> report = verdict_of(demo);
  if (!report) return std::unexpected(report.error());
  if (json) {
    terminal.out(json_write(Json::object(
                     {{"curves", curves_json(*curves)}, {"ready", ready::to_json(*report)}})) +
                 "\n");
  } else {
    print_report(terminal, *report);
    print_next(terminal);
  }
  session.core().call([&] { metric->reset(); });
  if (report->stopped) return std::unexpected(*report->stopped);
  return 0;
}

}  // namespace sighter::cli
