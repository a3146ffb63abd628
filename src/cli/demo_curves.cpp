#include "cli/demo_curves.hpp"

#include <algorithm>
#include <cmath>

#include "base/file.hpp"
#include "cli/progress.hpp"
#include "cli/table.hpp"
#include "cli/terminal.hpp"

namespace sighter::cli {
namespace {

using Seconds = std::chrono::duration<double>;

// The whole demonstration stays under 90 s: no message is given to the model after this, and those
// under way then may still take long on a slow machine.
constexpr double kAskUntilS = 65;
// The most messages of a body that asks the model; of its points with few labels.
constexpr std::size_t kLocalTests = 32;
constexpr std::size_t kLocalTestsFewLabels = 16;
// With fewer, an interval says nothing.
constexpr std::size_t kLocalTestsMin = 8;
constexpr std::size_t kLocalProbes = 4;
constexpr std::size_t kPlanBytesMax = 1 << 16;

// How many messages were chosen for each point, for the next run.
class Plan {
 public:
  explicit Plan(std::filesystem::path file) : file_(std::move(file)) {
    const Result<std::string> text = read_file(file_, kPlanBytesMax);
    if (!text) return;
    Result<Json> json = json_parse(*text, file_.string());
    if (json && json->is_object()) known_ = std::move(*json);
  }
  std::optional<std::size_t> find(const std::string& point) const {
    const Json* found = known_.find(point);
    const std::optional<std::int64_t> count = found == nullptr ? std::nullopt : found->to_int();
    if (!count || *count < 0) return std::nullopt;
    return static_cast<std::size_t>(*count);
  }
  void set(const std::string& point, std::size_t count) { chosen_.as_object().set(point, count); }
  // Of the model, when the numbers were chosen.
  void set_speed(double tokens_per_s) { chosen_.as_object().set(kSpeed, tokens_per_s); }
  std::optional<double> speed() const {
    const Json* found = known_.find(kSpeed);
    return found == nullptr ? std::nullopt : found->to_double();
  }
  // A plan that cannot be kept costs the next run its time, nothing else.
  void save() const {
    if (!chosen_.as_object().empty()) static_cast<void>(write_file(file_, json_write(chosen_)));
  }

 private:
  static constexpr std::string_view kSpeed = "tokens_per_s";
  std::filesystem::path file_;
  Json known_ = Json::object();
  Json chosen_ = Json::object();
};

Cell cell_of(const ready::Curve& curve, std::size_t labels) {
  if (curve.points.empty()) return {"", Style::kDim};
  const ready::CurvePoint* found = nullptr;
  for (const ready::CurvePoint& point : curve.points) {
    if (point.labels == labels || !curve.uses_labels) found = &point;
  }
  if (found == nullptr) return {"no time", Style::kDim};
  if (!found->known) return {"-", Style::kDim};
  const double half = (found->high - found->low) / 2;
  return {fmt::format("{:.2f} ±{:.2f}", found->score, half),
          curve.uses_labels ? Style::kPlain : Style::kDim};
}

// The table, whose rows appear one by one: their widths are known before their numbers are.
class Rows {
 public:
  Rows(Demo& demo, bool quiet) : demo_(demo), quiet_(quiet) {}

  void add(const std::vector<ready::Curve>& curves) {
    if (quiet_) return;
    const std::string text = rendered(curves);
    std::vector<std::string_view> lines;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text.find('\n', at);
      lines.push_back(std::string_view(text).substr(at, end + 1 - at));
      at = end + 1;
    }
    const bool whole = curves.size() == demo_.runnable.size();
    if (lines.size() != demo_.runnable.size() + 1) {  // each row became a block of lines
      if (whole) demo_.terminal.out(text);
      return;
    }
    for (; shown_ < curves.size() + 1; ++shown_) demo_.terminal.out(lines[shown_]);
    static_cast<void>(demo_.terminal.flush());
  }

 private:
  std::string rendered(const std::vector<ready::Curve>& curves) const {
    const std::vector<std::size_t> sizes{0, 10, 50, demo_.cases.size()};
    Table table({{"body"},
                 {"0 labels", true},
                 {"10", true},
                 {"50", true},
                 {fmt::format("all {}", demo_.cases.size()), true}});
    for (std::size_t i = 0; i < demo_.runnable.size(); ++i) {
      std::vector<Cell> cells{{demo_.runnable[i]->name}};
      for (const std::size_t size : sizes)
        cells.push_back(i < curves.size() ? cell_of(curves[i], size) : Cell{"0.00 ±0.00"});
      table.row(std::move(cells));
    }
    const Terminal& terminal = demo_.terminal;
    return table.render(terminal.table_width(), terminal.out_styles(), terminal.unicode());
  }

  Demo& demo_;
  bool quiet_;
  std::size_t shown_ = 0;
};

struct Maker {
  Demo& demo;
  Progress& progress;
  Plan& plan;
  DemoCurves& made;
  std::size_t local_left = 0;  // variants that ask the model and have not been asked
  std::size_t without = 0;     // the most messages of a prompt without examples

  double seconds_left() const {
    const SteadyTime now = demo.session.clock().steady_now();
    return kAskUntilS - Seconds(now - demo.begun).count();
  }
  Result<ready::Curve> by_labels(const functions::Variant& variant, ready::CurveOptions options) {
    options.seed = demo.seed;
    const auto tell = [&](std::size_t done, std::size_t total) {
      progress.update(done, total, {}, variant.name);
    };
    return demo.session.run(ready::by_labels(demo.session.engine(), demo.function, variant,
                                             demo.cases, demo.metric, std::move(options),
                                             demo.session.signals().nicely(), tell));
  }
  Result<ready::Curve> curve(const functions::Variant& variant) {
    ready::CurveOptions options;
    options.repeats = 3;
    options.tests_max = 150;
    return by_labels(variant, std::move(options));
  }
  // One point, of a body that asks the model.
  Status point(const functions::Variant& variant, std::optional<std::size_t> labels,
               std::size_t tests_max, double seconds, ready::Curve& curve);
  Result<ready::Curve> local_curve(const functions::Variant& variant);
};

Status Maker::point(const functions::Variant& variant, std::optional<std::size_t> labels,
                    std::size_t tests_max, double seconds, ready::Curve& curve) {
  const std::string name =
      fmt::format("{} {} {} {}", variant.name, hex(variant.digest).substr(0, 12), demo.seed,
                  labels.value_or(demo.cases.size()));
  const std::optional<std::size_t> planned = plan.find(name);
  const std::size_t wanted = tests_max;
  if (planned) tests_max = std::min(tests_max, *planned);
  // Nothing is begun that cannot come to something.
  const double least = curve.seconds_a_case.value_or(0) * static_cast<double>(kLocalTestsMin);
  if (!planned && labels.value_or(0) > 0 && seconds < least) tests_max = 0;
  plan.set(name, tests_max);
  if (tests_max == 0) {
    made.short_of_time = true;
    return {};
  }
  ready::CurveOptions options;
  options.sizes.clear();
  if (labels) options.sizes.push_back(*labels);
  options.all = !labels;
  options.repeats = 1;
  options.tests_max = tests_max;
  options.time_max = std::chrono::duration_cast<std::chrono::steady_clock::duration>(
      Seconds(std::max(seconds, 0.0)));
  Result<ready::Curve> found = by_labels(variant, std::move(options));
  if (!found) return std::unexpected(found.error());
  curve.uses_labels = found->uses_labels;
  if (!found->note.empty()) curve.note = found->note;
  if (found->seconds_a_case) curve.seconds_a_case = found->seconds_a_case;
  if (found->tokens_per_s && !made.tokens_per_s) made.tokens_per_s = found->tokens_per_s;
  if (found->points.empty()) return {};
  const ready::CurvePoint& last = found->points.back();
  curve.points.push_back(last);
  if (!last.known) return {};
  plan.set(name, last.tested);
  if (last.tested < wanted) made.short_of_time = true;
  if (!labels) made.asked[variant.name] = last.tested;
  return {};
}

// The point with all labels first, which the verdict uses too; then the others as far as there is
// time for them.
Result<ready::Curve> Maker::local_curve(const functions::Variant& variant) {
  ready::Curve curve;
  curve.variant = variant.name;
  const auto* prompt = std::get_if<functions::PromptBody>(&variant.body);
  const bool fixed = prompt != nullptr && prompt->examples == 0;
  const double share = seconds_left() / static_cast<double>(std::max<std::size_t>(1, local_left));
  if (local_left > 0) --local_left;
  std::size_t most = kLocalTests;
  // The answers of its step, and no others.
  if (const auto* cascade = std::get_if<functions::CascadeBody>(&variant.body)) {
    for (const std::string& step : cascade->steps) {
      const auto asked = made.asked.find(step);
      if (asked != made.asked.end()) most = std::min(most, asked->second);
    }
  }
  if (Status done = point(variant, std::nullopt, most, share, curve); !done)
    return std::unexpected(done.error());
  if (fixed && made.asked.contains(variant.name))
    without = std::max(without, made.asked.find(variant.name)->second);
  if (fixed || !curve.uses_labels || !curve.note.empty()) return curve;
  const std::size_t few = std::min(most, kLocalTestsFewLabels);
  // What needs no labels was asked already where another body has the same prompt without examples.
  const std::size_t none = prompt == nullptr ? 1 : without > 0 ? without : most;
  const std::pair<std::size_t, std::size_t> wanted[] = {{0, none}, {50, few}, {10, few}};
  for (const auto& [labels, tests] : wanted) {
    const double rest = seconds_left();
    const double seconds = local_left == 0 ? rest : rest / static_cast<double>(local_left + 1) / 2;
    if (Status done = point(variant, labels, tests, seconds, curve); !done)
      return std::unexpected(done.error());
  }
  return curve;
}

}  // namespace

bool asks_local_model(Session& session, const functions::Function& function,
                      const functions::Variant& variant) {
  if (const auto* prompt = std::get_if<functions::PromptBody>(&variant.body))
    return session.engine().router().is_local(prompt->model);
  const auto* cascade = std::get_if<functions::CascadeBody>(&variant.body);
  if (cascade == nullptr) return false;
  return std::any_of(cascade->steps.begin(), cascade->steps.end(), [&](const std::string& step) {
    const functions::Variant* found = function.find(step);
    return found != nullptr && asks_local_model(session, function, *found);
  });
}

Result<DemoCurves> demo_curves(Demo& demo, bool quiet) {
  DemoCurves made;
  Rows rows(demo, quiet);
  Progress progress(demo.terminal, demo.session.clock(), "score by number of labels");
  Plan plan(demo.session.store_file().parent_path() / "demo.json");
  Maker maker{demo, progress, plan, made};
  for (const functions::Variant* variant : demo.runnable) {
    // A cascade asks nothing that its step was not asked.
    const bool prompt = std::holds_alternative<functions::PromptBody>(variant->body);
    if (prompt && asks_local_model(demo.session, demo.function, *variant)) ++maker.local_left;
  }
  for (const functions::Variant* variant : demo.runnable) {
    const bool local = asks_local_model(demo.session, demo.function, *variant);
    Result<ready::Curve> curve = local ? maker.local_curve(*variant) : maker.curve(*variant);
    if (!curve) return std::unexpected(curve.error());
    made.curves.push_back(std::move(*curve));
    rows.add(made.curves);
  }
  if (!made.tokens_per_s) made.tokens_per_s = plan.speed();
  if (made.tokens_per_s) plan.set_speed(*made.tokens_per_s);
  plan.save();
  return made;
}

std::string crossing_words(const functions::Function& function,
                           const std::vector<ready::Curve>& curves) {
  const auto kind_of = [&](const ready::Curve& curve) {
    const functions::Variant* variant = function.find(curve.variant);
    return variant == nullptr ? "" : variant->kind();
  };
  const ready::Curve* prompt = nullptr;
  for (const ready::Curve& curve : curves) {
    if (kind_of(curve) != "prompt" || curve.uses_labels || curve.points.empty()) continue;
    if (prompt == nullptr || curve.points.back().score > prompt->points.back().score)
      prompt = &curve;
  }
  if (prompt == nullptr) return {};
  const ready::CurvePoint& fixed = prompt->points.back();
  const ready::CurvePoint *first = nullptr, *best = nullptr;
  std::string first_name, best_name;
  // The two samples are nearly apart, so the half widths add up as independent errors do.
  const auto beyond = [&](const ready::CurvePoint& point) {
    return std::abs(point.score - fixed.score) >
           std::hypot(point.high - point.low, fixed.high - fixed.low) / 2;
  };
  for (const ready::Curve& curve : curves) {
    if (kind_of(curve) != "learned") continue;
    for (const ready::CurvePoint& point : curve.points) {
      if (!point.known) continue;
      if (best == nullptr || point.score > best->score) best = &point, best_name = curve.variant;
      if (point.score <= fixed.score || !beyond(point)) continue;
      if (first == nullptr || point.labels < first->labels ||
          (point.labels == first->labels && point.score > first->score))
        first = &point, first_name = curve.variant;
    }
  }
  const std::string said = fmt::format("Without one label {} is right on {:.0f} % of {} messages",
                                       prompt->variant, fixed.score * 100, fixed.tested);
  if (best == nullptr) return said + ".";
  if (first != nullptr)
    return said + fmt::format("; {} passes it with {} labels.", first_name, first->labels);
  if (beyond(*best)) return said + ", and no learned model comes near it.";
  return said + fmt::format(
                    "; {} with {} labels is about level with it: so few messages cannot "
                    "tell {:.0f} % from {:.0f} %.",
                    best_name, best->labels, best->score * 100, fixed.score * 100);
}

}  // namespace sighter::cli
