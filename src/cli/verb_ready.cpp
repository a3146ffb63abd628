// sighter ready FUNCTION | FILE

#include <unistd.h>

#include <algorithm>

#include "base/similar.hpp"
#include "cli/arguments.hpp"
#include "cli/progress.hpp"
#include "cli/report.hpp"
#include "cli/session.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs_run.hpp"
#include "functions/case_check.hpp"
#include "ready/first_touch.hpp"
#include "ready/forecast.hpp"
#include "ready/run.hpp"

namespace sighter::cli {
namespace {

bool is_file(const std::string& name) {
  std::error_code code;
  return std::filesystem::is_regular_file(name, code);
}

// A file of the same folder that is spelt nearly so.
std::string hint_for_missing(const std::filesystem::path& wanted) {
  const std::filesystem::path folder = wanted.has_parent_path() ? wanted.parent_path() : ".";
  std::vector<std::string> names;
  std::error_code code;
  for (const auto& entry : std::filesystem::directory_iterator(folder, code)) {
    if (names.size() >= 1000) break;
    names.push_back(entry.path().filename().string());
  }
  const std::string near = closest(wanted.filename().string(), names);
  return near.empty() ? "and no function of that name" : fmt::format("did you mean '{}'?", near);
}

// Looked at before anything is spent; those beyond are refused when their turn comes.
constexpr std::size_t kCasesCheckedMax = 100'000;

// Inputs that no body could take, and answers that no body could give.
Status check_cases(const functions::Function& function, const functions::CaseFile& cases,
                   bool exact) {
  for (std::size_t i = 0; i < std::min(cases.size(), kCasesCheckedMax); ++i) {
    const Result<functions::Case> row = cases.at(i);
    if (!row) return std::unexpected(row.error());
    const Result<Json> input = functions::admit_case(function, cases, i, *row, exact);
    if (!input) return std::unexpected(input.error());
  }
  return {};
}

// For a body that stands in no file.
std::string free_name(const functions::Function& function) {
  std::string name = "prompt";
  for (int i = 2; function.find(name) != nullptr; ++i) name = fmt::format("prompt_{}", i);
  return name;
}

struct Asked {
  functions::Function own;                        // of a first touch
  const functions::Function* function = nullptr;  // of the project, or &own
  std::vector<std::string> taken;
  bool touched = false;  // made from a file
  bool kept = false;     // and written into the project
  std::string further;   // the body that --model adds to a function of the project
};

// A function's name that is like the file's.
std::string name_for(std::string stem) {
  for (char& c : stem) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '-') c = '_';
  }
  return stem.substr(0, 64);
}

Result<functions::Function> keep(Session& session, const functions::Function& function,
                                 const std::string& name) {
  if (!session.in_project())
    return fail(Kind::kInvalid, "--keep writes into a project, and there is none here",
                "sighter init makes one");
  if (name_for(name) != name || name.empty())
    return fail(Kind::kInvalid, fmt::format("'{}' cannot be the name of a function", name),
                "letters, digits, '_' and '-', at most 64");
  return ready::keep(function, session.project().folder / "functions" / name);
}

Result<std::unique_ptr<Asked>> asked_function(const Arguments& arguments, Session& session) {
  const std::optional<std::string> name = arguments.positional("FUNCTION|FILE");
  if (!name)
    return fail(Kind::kInvalid, "which function?",
                "sighter ready FUNCTION, or sighter ready cases.csv -m MODEL");
  auto asked = std::make_unique<Asked>();
  if (session.project().find(*name) == nullptr && is_file(*name)) {
    ready::FirstTouchOptions options;
    options.input = arguments.texts("input");
    options.expect = arguments.text("expect", "");
    options.labels = arguments.texts("labels");
    options.text = arguments.flag("text");
    options.model = arguments.text("model", "");
    options.metric = arguments.text("metric", "");
    options.at_least = arguments.number("at-least").value_or(0.9);
    options.confidence = arguments.number("confidence").value_or(0.95);
    Result<ready::FirstTouch> touched = ready::first_touch(*name, options);
    if (!touched) return std::unexpected(touched.error());
    asked->own = std::move(touched->function);
    asked->taken = std::move(touched->taken);
    asked->touched = true;
    asked->function = &asked->own;
    if (const auto kept = arguments.text("keep"); kept && !arguments.flag("dry-run")) {
      Result<functions::Function> read = keep(session, asked->own, *kept);
      if (!read) return std::unexpected(read.error());
      asked->own = std::move(*read);
      asked->kept = true;
      asked->taken.push_back(fmt::format("kept: {}", asked->own.folder.string()));
    }
    return asked;
  }
  Result<const functions::Function*> function = session.project().function(*name);
  if (!function) {
    Error error = function.error();
    std::error_code ignored;
    if (std::filesystem::is_directory(*name, ignored))
      return fail(Kind::kInvalid,
                  fmt::format("'{}' is a folder, and no function of that name", *name),
                  "name a file of cases in it, or with --project DIR a project and its function");
    if (name->find_first_of("./") != name->npos)
      return fail(Kind::kNotFound, fmt::format("there is no file '{}'", *name),
                  hint_for_missing(*name));
    if (!session.in_project())
      error.hint =
          "there is no project here: sighter init makes one, and a file of cases works without";
    return std::unexpected(error);
  }
  asked->function = *function;
  if (arguments.given("keep"))
    return fail(Kind::kInvalid, "--keep is for a file of cases",
                fmt::format("'{}' is a function of the project already", *name));
  if (const auto model = arguments.text("model")) {
    // A further body: the function as it is, and one prompt more.
    asked->own = **function;
    Result<functions::Variant> variant =
        ready::plain_prompt(free_name(asked->own), *model, asked->own, 0);
    if (!variant) return std::unexpected(variant.error());
    asked->further = variant->name;
    asked->own.variants.push_back(std::move(*variant));
    asked->function = &asked->own;
  }
  return asked;
}

ready::RunOptions options_of(const Arguments& arguments, const functions::Function& function) {
  ready::RunOptions options;
  if (arguments.text("claim", "traffic") == "cases") options.claim = stats::Claim::kCases;
  if (function.bar) {
    options.at_least = function.bar->at_least;
    options.confidence = function.bar->confidence;
    options.max_usd_per_1k = function.bar->max_usd_per_1k;
    options.max_p95_ms = function.bar->max_p95_ms;
  }
  options.at_least = arguments.number("at-least").value_or(options.at_least);
  options.confidence = arguments.number("confidence").value_or(options.confidence);
  options.budget = arguments.money("budget");
  if (!options.budget) options.budget = function.budget;
  options.full = arguments.flag("full");
  options.fresh = arguments.flag("fresh");
  options.limit = static_cast<std::size_t>(arguments.integer("limit").value_or(0));
  options.seed = static_cast<std::uint64_t>(arguments.integer("seed").value_or(1));
  options.parallel = static_cast<int>(arguments.integer("parallel").value_or(0));
  options.variants = arguments.texts("variant");
  return options;
}

std::string where_of_metric(const Arguments& arguments, const functions::Function& function) {
  return function.bar && !arguments.given("metric") ? function.bar->where : "--metric";
}

Json metric_of(const Arguments& arguments, const functions::Function& function) {
  if (const auto named = arguments.text("metric")) return Json(*named);
  return function.bar ? function.bar->metric : Json("exact");
}

// Everything is stored under an id of the run: what was asked and what came out.
Status record(Session& session, const ready::RunReport& report, SystemTime started) {
  if (session.store() == nullptr) return {};
  store::Batch batch;
  store::RunRow run;
  run.id = session.ids().next();
  run.kind = "ready";
  run.function = report.function;
  run.seed = report.options.seed;
  run.started = started;
  run.finished = session.clock().system_now();
  Json variants = Json::array();  // none: all of them
  for (const std::string& name : report.options.variants) variants.as_array().push_back(name);
  run.asked = json_write(Json::object({{"metric", report.metric},
                                       {"at_least", report.options.at_least},
                                       {"confidence", report.options.confidence},
                                       {"full", report.options.full},
                                       {"variants", variants}}));
  run.result = json_write(
      Json::object({{"verdict", stats::to_string(report.verdict)}, {"winner", report.winner}}));
  for (const ready::VariantReport& v : report.variants) {
    store::VerdictRow row;
    row.run = run.id;
    row.variant = v.variant;
    row.verdict = stats::to_string(v.verdict);
    row.score = v.score;
    row.low = v.bounds.low;
    row.high = v.bounds.high;
    row.cases = v.cases;
    row.cases_total = v.cases_total;
    row.calls = v.calls;
    row.reused = v.reused;
    row.errors = v.errors;
    row.cost = v.cost;
    row.p50 = store::Micros(static_cast<std::int64_t>(v.p50_ms * 1000));
    row.p95 = store::Micros(static_cast<std::int64_t>(v.p95_ms * 1000));
    row.beaten_by = v.beaten_by;
    batch.verdicts.push_back(std::move(row));
  }
  batch.runs.push_back(std::move(run));
  const Result<store::Receipt> receipt = session.store()->commit(std::move(batch));
  if (!receipt) return std::unexpected(receipt.error());
  return {};
}

// The metric lives on the core, and so it is made and ended there.
Result<ready::RunReport> run_with_progress(const Arguments& arguments, Terminal& terminal,
                                           Session& session, const functions::Function& function,
                                           const functions::CaseFile& cases,
                                           const ready::RunOptions& options) {
  Result<std::unique_ptr<ready::Metric>> metric = fail(Kind::kInternal, "not made");
  session.core().call([&] {
    metric =
        ready::make_metric(metric_of(arguments, function), where_of_metric(arguments, function),
                           function.folder.string(), session.core(), session.log());
  });
  if (!metric) return std::unexpected(metric.error());
  Progress progress(terminal, session.clock(), function.name);
  const auto tell = [&](const ready::RunProgress& state) {
    progress.update(static_cast<std::uint64_t>(state.done),
                    static_cast<std::uint64_t>(state.at_most), state.spent, state.note);
  };
  const io::StopSignals& signals = session.signals();
  io::CancelRegistration on_stop;
  session.core().call([&] {
    on_stop = signals.nicely().on_cancel(session.core(), [&] {
      terminal.remark("stopping: waiting for what is under way; Ctrl-C again stops at once\n");
    });
  });
  Result<ready::RunReport> report = session.run(
      ready::evaluate(session.engine(), function, cases, **metric, session.store(), session.clock(),
                      options, {signals.nicely(), signals.at_once()}, tell));
  session.core().call([&] {
    on_stop = {};
    metric->reset();
  });
  return report;
}

void tell(const Arguments& arguments, Terminal& terminal, const ready::RunReport& report) {
  if (arguments.flag("json")) {
    terminal.out(json_write(ready::to_json(report)) + "\n");
  } else if (arguments.given("wrong")) {
    print_wrong(terminal, report, report.winner,
                static_cast<std::size_t>(arguments.integer("wrong").value_or(20)));
    terminal.remark(wrap(wrong_words(report), terminal.width(), 0) + "\n");
  } else {
    print_report(terminal, report);
  }
}

// The exit code.
int ended(Terminal& terminal, const Session& session, const ready::RunReport& report) {
  if (!report.stopped) return report.winner.empty() ? 1 : ready::exit_code(report.verdict);
  terminal.error(*report.stopped);
  terminal.remark("what was answered is stored: the same command goes on from here\n");
  const int signal = session.signals().last_signal();
  if (signal != 0) return 128 + signal;
  if (report.stopped->kind != Kind::kBudget) return 1;
  // What the money did not reach may still be better: only a bar that is reached stands.
  const int code = ready::exit_code(report.verdict);
  return code == 0 ? 0 : ready::exit_code(stats::Verdict::kUndecided);
}

}  // namespace

Result<int> run_ready(const Arguments& arguments, Terminal& terminal) {
  Result<std::unique_ptr<Session>> opened = Session::open(arguments, terminal);
  if (!opened) return std::unexpected(opened.error());
  Session& session = **opened;
  // A model that was asked for by name and cannot run: the others' verdict would not answer that.
  if (const auto model = arguments.text("model")) {
    if (std::optional<Error> why = session.engine().router().unusable(*model))
      return std::unexpected(std::move(*why));
  }
  Result<std::unique_ptr<Asked>> asked = asked_function(arguments, session);
  if (!asked) return std::unexpected(asked.error());
  session.tell_broken(terminal);
  const functions::Function& function = *(*asked)->function;
  if (function.cases.empty())
    return fail(Kind::kNotFound, fmt::format("the function '{}' has no cases", function.name),
                fmt::format("write {}", (function.folder / "cases.jsonl").string()));
  Result<functions::CaseFile> cases =
      functions::CaseFile::open(function.cases, function.case_columns);
  if (!cases) return std::unexpected(cases.error());
  const bool exact = metric_of(arguments, function) == Json("exact");
  if (Status good = check_cases(function, *cases, exact); !good)
    return std::unexpected(good.error());
  ready::RunOptions options = options_of(arguments, function);
  if (!options.variants.empty() && !(*asked)->further.empty())
    options.variants.push_back((*asked)->further);
  const bool json = arguments.flag("json");
  for (const std::string& line : (*asked)->taken) terminal.remark(line + "\n");
  if (!(*asked)->taken.empty() || arguments.flag("dry-run")) {
    const Result<ready::RunForecast> forecast =
        session.run(ready::forecast(session.engine(), function, *cases, session.store(), options));
    if (!forecast) return std::unexpected(forecast.error());
    if (arguments.flag("dry-run")) {
      if (json)
        terminal.out(json_write(ready::to_json(*forecast, function.name, options.budget)) + "\n");
      else
        print_forecast(terminal, *forecast, options.budget);
      return 0;
    }
    terminal.remark(forecast_words(*forecast, options.budget) + "\n");
    if (forecast->model_calls > 0 && forecast->cost != NanoUsd{} && !arguments.flag("yes") &&
        ::isatty(0) && terminal.err_is_terminal() && !terminal.confirm("Go on?"))
      return 1;  // no verdict
  }
  const SystemTime started = session.clock().system_now();
  Result<ready::RunReport> report =
      run_with_progress(arguments, terminal, session, function, *cases, options);
  if (!report) return std::unexpected(report.error());
  if (Status stored = record(session, *report, started); !stored) terminal.error(stored.error());
  tell(arguments, terminal, *report);
  if (!json && !arguments.given("wrong") && (*asked)->touched && !(*asked)->kept)
    terminal.remark(fmt::format("to keep it in a project: the same command with --keep {}\n",
                                name_for(function.name)));
  return ended(terminal, session, *report);
}

}  // namespace sighter::cli
