#include "ready/run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/log.hpp"
#include "base/random.hpp"
#include "functions/test_folder.hpp"
#include "ready/curve.hpp"
#include "ready/forecast.hpp"
#include "testing/loop.hpp"
#include "testing/scripted_upstream.hpp"

namespace sighter::ready {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string chat(const std::string& text) {
  return json_write(Json::object(
      {{"id", "c1"},
       {"object", "chat.completion"},
       {"created", 1},
       {"model", "m"},
       {"choices", Json::array({Json::object(
                       {{"index", 0},
                        {"message", Json::object({{"role", "assistant"}, {"content", text}})},
                        {"finish_reason", "stop"}})})},
       {"usage",
        Json::object({{"prompt_tokens", 10}, {"completion_tokens", 2}, {"total_tokens", 12}})}}));
}

// Cases that tell which model will be right: "case 7 good:1 poor:0".
std::string cases(int count, int good_right, int poor_right) {
  std::vector<int> good(static_cast<std::size_t>(count)), poor(good.size());
  std::fill_n(good.begin(), good_right, 1);
  std::fill_n(poor.begin(), poor_right, 1);
  Random random(5);
  random.shuffle(good);
  random.shuffle(poor);
  std::string out;
  for (std::size_t i = 0; i < good.size(); ++i)
    out += fmt::format(
        "{{\"id\": \"c{}\", \"input\": \"case {} good:{} poor:{}\", \"expect\": "
        "\"yes\"}}\n",
        i, i, good[i], poor[i]);
  return out;
}

constexpr std::string_view kPrompts = R"([variants.good]
kind = "prompt"
model = "good"
max_tokens = 2
[variants.poor]
kind = "prompt"
model = "poor"
max_tokens = 2
)";

// A project, a store and an engine on one loop with the models' server.
struct Bench {
  explicit Bench(std::string_view rows, std::string_view variants = kPrompts,
                 std::string_view more = {})
      : upstream(loop.core()) {
    upstream.otherwise([this](const testing::SeenRequest& request) { return answer(request); });
    folder.write(
        "sighter.toml",
        fmt::format("[providers.lab]\ndialect = \"openai\"\nbase_url = "
                    "\"{0}\"\n[providers.keyed]\ndialect = \"openai\"\nkey = "
                    "\"env:SIGHTER_TEST_SOME_KEY\"\nbase_url = "
                    "\"{0}\"\n[providers.closed]\ndialect = \"openai\"\nkey = "
                    "\"env:SIGHTER_TEST_NO_SUCH_KEY\"\nbase_url = \"{0}\"\n[models.good]\n"
                    "routes = [\"lab/good\"]\nprice = {{ input = 1000, output = 0 }}\n"
                    "[models.poor]\nroutes = [\"lab/poor\"]\nprice = {{ input = 100, output = 0 "
                    "}}\n[models.unpriced]\nroutes = [\"lab/good\"]\n",
                    upstream.url("/v1")));
    folder.write("functions/f/function.toml",
                 fmt::format("input = {{ text = \"string\" }}\noutput = {{ labels = [\"yes\", "
                             "\"no\"] }}\n{}{}",
                             more, variants));
    folder.write("functions/f/cases.jsonl", rows);
    auto opened = store::Store::open(folder.path() / "store.db", loop.clock());
    CHECK(opened.has_value());
    rows_ = std::move(*opened);
    read();
  }
  ~Bench() { close(); }
  void close() {
    metric.reset();
    engine.reset();
    loop.settle();
    shared.reset();
    hub.reset();
  }
  // As if the program was started again.
  void read() {
    close();
    Result<functions::Project> project = functions::read_project(folder.path());
    if (!project) ADD_FAILURE() << project.error().message();
    CHECK(project.has_value());
    hub = std::make_unique<models::Hub>(project->models, loop.clock(), log, 1);
    shared = std::make_unique<functions::Shared>(std::move(*project), *hub, rows_.get(),
                                                 loop.clock(), log);
    engine = std::make_unique<functions::Engine>(loop.core(), *shared);
    Result<functions::CaseFile> file = functions::CaseFile::open(function().cases);
    if (!file) ADD_FAILURE() << file.error().message();
    CHECK(file.has_value());
    case_file.emplace(std::move(*file));
    set_metric(Json("exact"));
  }
  void set_metric(const Json& spec) {
    auto made = make_metric(spec, "test", folder.path().string(), loop.core(), log);
    CHECK(made.has_value());
    metric = std::move(*made);
  }
  const functions::Function& function() const { return *shared->project().find("f"); }
  io::Task<Result<RunReport>> task(RunOptions options, StopTokens stop = {}) {
    return evaluate(*engine, function(), *case_file, *metric, rows_.get(), loop.clock(),
                    std::move(options), std::move(stop), {});
  }
  RunReport run(RunOptions options, StopTokens stop = {}) {
    Result<RunReport> report = loop.run(task(std::move(options), std::move(stop)));
    if (!report) ADD_FAILURE() << report.error().message();
    return report ? std::move(*report) : RunReport{};
  }
  int asked() const { return static_cast<int>(upstream.requests().size()); }

  testing::Script answer(const testing::SeenRequest& request) {
    if (on_request) {
      if (std::optional<testing::Script> own = on_request(request)) return std::move(*own);
    }
    const std::string model = request.body.contains("\"model\":\"poor\"") ? "poor" : "good";
    return testing::reply_json(chat(request.body.contains(model + ":1") ? "yes" : "no"));
  }

  functions::TestFolder folder;
  testing::Loop loop;
  testing::ScriptedUpstream upstream;
  std::function<std::optional<testing::Script>(const testing::SeenRequest&)> on_request;
  Log log{Level::kOff};
  std::unique_ptr<store::Store> rows_;
  std::unique_ptr<models::Hub> hub;
  std::unique_ptr<functions::Shared> shared;
  std::unique_ptr<functions::Engine> engine;
  std::optional<functions::CaseFile> case_file;
  std::unique_ptr<Metric> metric;
};

RunOptions bar(double at_least, stats::Claim claim = stats::Claim::kTraffic) {
  RunOptions options;
  options.at_least = at_least;
  options.claim = claim;
  return options;
}

RunOptions full(double at_least) {
  RunOptions options = bar(at_least);
  options.full = true;
  return options;
}

const VariantReport& of(const RunReport& report, const std::string& name) {
  for (const VariantReport& variant : report.variants)
    if (variant.variant == name) return variant;
  CHECK(false);
  return report.variants.front();
}

TEST(Run, a_clear_winner_is_ready_early_and_the_other_is_beaten) {
  Bench bench(cases(400, 380, 300));
  const RunReport report = bench.run(bar(0.8));
  EXPECT_EQ(report.verdict, stats::Verdict::kReady);
  EXPECT_EQ(report.winner, "good");
  EXPECT_LT(of(report, "good").cases, 250);
  EXPECT_EQ(of(report, "poor").beaten_by, "good");
  EXPECT_EQ(of(report, "poor").verdict, stats::Verdict::kUndecided);
  EXPECT_LT(of(report, "poor").cases, 120);
  EXPECT_EQ(report.calls, bench.asked());
  EXPECT_EQ(exit_code(report.verdict), 0);
}

TEST(Run, the_winner_goes_on_where_the_other_is_sooner_beaten_than_decided) {
  // Decided alone, the poor one would need about 400 cases; against the good one about 40.
  Bench bench(cases(1000, 890, 640));
  const RunReport report = bench.run(bar(0.7, stats::Claim::kCases));
  EXPECT_EQ(report.verdict, stats::Verdict::kPass);
  EXPECT_EQ(of(report, "poor").beaten_by, "good");
  EXPECT_LT(report.calls, 260);
}

TEST(Run, full_runs_every_case_and_tells_the_exact_interval) {
  Bench bench(cases(60, 57, 20));
  const RunReport report = bench.run(full(0.8));
  EXPECT_EQ(bench.asked(), 120);
  for (const auto& [name, right] : {std::pair{"good", 57}, std::pair{"poor", 20}}) {
    const stats::Interval exact = stats::clopper_pearson(right, 60, 0.95);
    EXPECT_EQ(of(report, name).cases, 60);
    EXPECT_DOUBLE_EQ(of(report, name).score, right / 60.0);
    EXPECT_DOUBLE_EQ(of(report, name).bounds.low, exact.low);
    EXPECT_DOUBLE_EQ(of(report, name).bounds.high, exact.high);
  }
  EXPECT_EQ(of(report, "poor").verdict, stats::Verdict::kNotReady);
  EXPECT_TRUE(of(report, "poor").beaten_by.empty());
}

TEST(Run, few_cases_near_the_bar_are_undecided_and_say_how_many_would_decide) {
  Bench bench(cases(30, 28, 28));
  RunOptions options = bar(0.9);
  options.variants = {"good"};
  const RunReport report = bench.run(options);
  EXPECT_EQ(report.verdict, stats::Verdict::kUndecided);
  EXPECT_EQ(exit_code(report.verdict), 101);
  ASSERT_TRUE(of(report, "good").cases_needed);
  EXPECT_EQ(*of(report, "good").cases_needed,
            *stats::cases_to_decide(of(report, "good").score, 0.9, 0.95));
  options.full = true;
  const RunReport all = bench.run(options);
  EXPECT_EQ(*of(all, "good").cases_needed, *stats::cases_to_decide(28 / 30.0, 0.9, 0.95));
  EXPECT_GT(*of(all, "good").cases_needed, 100);
}

TEST(Run, the_claim_about_these_cases_is_their_mean) {
  Bench bench(cases(30, 27, 26));
  RunOptions options = bar(0.9, stats::Claim::kCases);
  options.variants = {"good"};
  EXPECT_EQ(bench.run(options).verdict, stats::Verdict::kPass);
  options.variants = {"poor"};
  const RunReport report = bench.run(options);
  EXPECT_EQ(report.verdict, stats::Verdict::kFail);
  EXPECT_EQ(exit_code(report.verdict), 100);
}

TEST(Run, started_again_it_asks_nobody) {
  Bench bench(cases(80, 76, 30));
  const RunReport first = bench.run(full(0.8));
  const int asked = bench.asked();
  bench.read();
  const RunReport second = bench.run(full(0.8));
  EXPECT_EQ(bench.asked(), asked);
  EXPECT_EQ(second.reused, second.calls);
  EXPECT_EQ(second.cost, NanoUsd{});
  EXPECT_EQ(of(second, "good").score, of(first, "good").score);
  // What a call costs is told of stored ones too.
  EXPECT_EQ(of(second, "good").usd_per_1k, of(first, "good").usd_per_1k);
}

TEST(Run, fresh_asks_again) {
  Bench bench(cases(10, 9, 5));
  bench.run(full(0.8));
  RunOptions options = full(0.8);
  options.fresh = true;
  EXPECT_EQ(bench.run(options).reused, 0);
  EXPECT_EQ(bench.asked(), 40);
}

TEST(Run, another_metric_scores_stored_outputs_without_a_call) {
  Bench bench(cases(40, 30, 10));
  bench.run(full(0.5));
  const int asked = bench.asked();
  bench.set_metric(Json::object({{"kind", "exact"}, {"value", "no"}}));
  const RunReport report = bench.run(full(0.5));
  EXPECT_EQ(bench.asked(), asked);
  EXPECT_DOUBLE_EQ(of(report, "good").score, 0.25);
  EXPECT_EQ(report.winner, "poor");
}

TEST(Run, a_budget_stops_it_and_what_was_paid_is_not_paid_again) {
  Bench bench(cases(40, 38, 38));
  RunOptions options = full(0.8);
  options.variants = {"good"};
  options.parallel = 1;
  options.budget = NanoUsd{200'000'000};  // 20 calls of a cent; an estimate is more than a cent
  const RunReport first = bench.run(options);
  ASSERT_TRUE(first.stopped);
  EXPECT_EQ(first.stopped->kind, Kind::kBudget);
  EXPECT_GT(first.calls, 5);
  EXPECT_LE(first.cost, *options.budget);
  EXPECT_EQ(first.verdict, stats::Verdict::kUndecided);
  options.budget = NanoUsd{10'000'000'000};
  const RunReport second = bench.run(options);
  EXPECT_FALSE(second.stopped);
  EXPECT_EQ(bench.asked(), 40);
  EXPECT_EQ(second.reused, first.calls);
}

TEST(Run, what_the_money_does_not_reach_stops_and_the_others_go_on) {
  Bench bench(cases(40, 38, 38));
  RunOptions options = full(0.8);
  options.parallel = 1;
  // Enough for all of the poor one's calls at a tenth of a cent, and for a few of the good one's.
  options.budget = NanoUsd{120'000'000};
  const RunReport report = bench.run(options);
  ASSERT_TRUE(report.stopped);
  EXPECT_EQ(report.stopped->kind, Kind::kBudget);
  EXPECT_LT(of(report, "good").cases, 40);
  EXPECT_THAT(of(report, "good").note, HasSubstr("budget"));
  EXPECT_GT(of(report, "poor").cases, of(report, "good").cases);
  EXPECT_LE(report.cost, *options.budget);
}

TEST(Run, stored_answers_are_free_and_so_are_run_to_the_end_of_a_doubt) {
  Bench bench(cases(30, 28, 28));
  RunOptions options = bar(0.9);
  options.variants = {"good"};
  const RunReport first = bench.run(options);
  EXPECT_LT(of(first, "good").cases, 30);
  EXPECT_EQ(bench.asked(), of(first, "good").cases);
  // What is not stored ends it, and is not asked.
  const RunReport again = bench.run(options);
  EXPECT_EQ(of(again, "good").cases, of(first, "good").cases);
  EXPECT_EQ(bench.asked(), of(first, "good").cases);
  options.full = true;
  bench.run(options);
  EXPECT_EQ(bench.asked(), 30);
  options.full = false;
  const RunReport all = bench.run(options);
  EXPECT_EQ(bench.asked(), 30);
  EXPECT_EQ(of(all, "good").cases, 30);
  EXPECT_EQ(*of(all, "good").cases_needed, *stats::cases_to_decide(28 / 30.0, 0.9, 0.95));
}

TEST(Run, what_has_no_known_price_is_no_zero) {
  constexpr std::string_view kUnpriced = R"([variants.unpriced]
kind = "prompt"
model = "keyed/good"
[variants.poor]
kind = "prompt"
model = "poor"
max_tokens = 2
)";
  ::setenv("SIGHTER_TEST_SOME_KEY", "sk-of-the-test", 1);
  Bench bench(cases(10, 9, 5), kUnpriced);
  RunOptions options = full(0.5);
  const RunReport report = bench.run(options);
  EXPECT_FALSE(of(report, "unpriced").cost_known);
  EXPECT_FALSE(report.cost_known);
  EXPECT_GT(report.cost, NanoUsd{});
  EXPECT_TRUE(to_json(report).find("cost_usd")->is_null());
  // Under a budget it is not asked at all; what has a price is.
  options.fresh = true;
  options.budget = NanoUsd{1'000'000'000};
  const int asked = bench.asked();
  const RunReport bounded = bench.run(options);
  EXPECT_EQ(bench.asked(), asked + 10);
  EXPECT_THAT(of(bounded, "unpriced").note, HasSubstr("price of keyed/good is not known"));
  EXPECT_EQ(bounded.winner, "poor");
}

TEST(Run, a_variant_that_is_named_twice_runs_once) {
  Bench bench(cases(10, 9, 5));
  RunOptions options = full(0.5);
  options.variants = {"good", "good"};
  EXPECT_EQ(bench.run(options).variants.size(), 1u);
}

TEST(Run, a_call_that_fails_counts_as_wrong_and_is_told) {
  Bench bench(cases(20, 20, 20));
  bench.on_request = [](const testing::SeenRequest& request) -> std::optional<testing::Script> {
    if (!request.body.contains("case 7 ")) return std::nullopt;
    return testing::Script{testing::step::Reply{400, R"({"error": {"message": "too odd"}})"}};
  };
  RunOptions options = full(0.8);
  options.variants = {"good"};
  const RunReport report = bench.run(options);
  EXPECT_EQ(of(report, "good").errors, 1);
  EXPECT_EQ(of(report, "good").cases, 20);
  EXPECT_DOUBLE_EQ(of(report, "good").score, 0.95);
  ASSERT_EQ(of(report, "good").wrong.size(), 1u);
  EXPECT_TRUE(of(report, "good").wrong[0].error);
  EXPECT_EQ(of(report, "good").wrong[0].case_id, "c7");
  EXPECT_THAT(of(report, "good").wrong[0].reason, HasSubstr("too odd"));
}

TEST(Run, a_key_that_is_refused_stops_that_variant_alone) {
  Bench bench(cases(20, 20, 20));
  bench.on_request = [](const testing::SeenRequest& request) -> std::optional<testing::Script> {
    if (!request.body.contains("\"model\":\"good\"")) return std::nullopt;
    return testing::Script{testing::step::Reply{401, R"({"error": {"message": "bad key"}})"}};
  };
  const RunReport report = bench.run(full(0.8));
  EXPECT_FALSE(of(report, "good").ran);
  EXPECT_THAT(of(report, "good").note, HasSubstr("bad key"));
  EXPECT_EQ(report.winner, "poor");
  EXPECT_EQ(of(report, "poor").cases, 20);
}

TEST(Run, a_variant_that_cannot_start_says_why) {
  Bench bench(cases(10, 10, 10), R"([variants.far]
kind = "prompt"
model = "closed/some-model"
[variants.good]
kind = "prompt"
model = "good"
)");
  const RunReport report = bench.run(full(0.5));
  EXPECT_FALSE(of(report, "far").ran);
  EXPECT_THAT(of(report, "far").note, HasSubstr("SIGHTER_TEST_NO_SUCH_KEY"));
  EXPECT_EQ(report.winner, "good");
}

TEST(Run, limits_of_the_bar_break_a_verdict_and_say_which) {
  Bench bench(cases(80, 80, 80));
  RunOptions options = bar(0.8);
  options.variants = {"good"};
  options.max_usd_per_1k = 5;  // a cent each is $10
  const RunReport dear = bench.run(options);
  EXPECT_EQ(dear.verdict, stats::Verdict::kNotReady);
  EXPECT_THAT(of(dear, "good").note, AllOf(HasSubstr("$10"), HasSubstr("$5")));
  options.max_usd_per_1k = 10;
  EXPECT_EQ(bench.run(options).verdict, stats::Verdict::kReady);
}

TEST(Run, a_variant_beyond_the_bars_cost_beats_nobody) {
  Bench bench(cases(200, 195, 170));
  RunOptions options = bar(0.7);
  options.max_usd_per_1k = 5;  // the good one is $10
  const RunReport report = bench.run(options);
  EXPECT_EQ(report.winner, "poor");
  EXPECT_EQ(report.verdict, stats::Verdict::kReady);
  EXPECT_TRUE(of(report, "poor").beaten_by.empty());
}

TEST(Run, told_to_stop_it_waits_for_what_is_under_way) {
  io::CancelSource stop;
  int seen = 0;
  Bench bench(cases(200, 190, 190));
  bench.on_request = [&](const testing::SeenRequest&) -> std::optional<testing::Script> {
    if (++seen == 30) stop.cancel("stopped by Ctrl-C");
    return std::nullopt;
  };
  const RunReport report = bench.run(full(0.8), {stop.token(), {}});
  ASSERT_TRUE(report.stopped);
  EXPECT_EQ(report.stopped->what, "stopped by Ctrl-C");
  EXPECT_GE(report.calls, 30);
  EXPECT_LT(report.calls, 400);
  EXPECT_EQ(report.calls, bench.asked()) << "an answer that was paid for is lost";
}

TEST(Run, told_twice_it_gives_up_what_is_under_way) {
  // Before the bench, whose end still serves what has come in.
  io::CancelSource nicely, at_once;
  int seen = 0;
  Bench bench(cases(200, 190, 190));
  bench.on_request = [&](const testing::SeenRequest&) -> std::optional<testing::Script> {
    if (++seen < 20) return std::nullopt;
    nicely.cancel("stopped by Ctrl-C");
    if (seen == 25) at_once.cancel("stopped by Ctrl-C");
    return testing::Script{testing::step::Stall{}};
  };
  const RunReport report = bench.run(full(0.8), {nicely.token(), at_once.token()});
  ASSERT_TRUE(report.stopped);
  EXPECT_EQ(report.calls, 19);
  EXPECT_EQ(of(report, "good").errors + of(report, "poor").errors, 0);
}

TEST(Run, only_so_many_cases_are_run) {
  Bench bench(cases(100, 90, 50));
  RunOptions options = full(0.5);
  options.limit = 12;
  const RunReport report = bench.run(options);
  EXPECT_EQ(of(report, "good").cases_total, 12);
  EXPECT_EQ(bench.asked(), 24);
}

TEST(Run, an_unknown_variant_is_refused_with_what_was_meant) {
  Bench bench(cases(10, 9, 5));
  RunOptions options = bar(0.5);
  options.variants = {"godo"};
  const Result<RunReport> report = bench.loop.run(bench.task(options));
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message(), HasSubstr("did you mean 'good'?"));
}

TEST(Run, cases_without_an_expectation_are_refused_before_anything_is_paid) {
  Bench bench("{\"id\": \"a\", \"input\": \"case 1 good:1\"}\n");
  const Result<RunReport> report = bench.loop.run(bench.task(bar(0.5)));
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message(), HasSubstr("1 of 1 cases"));
  EXPECT_EQ(bench.asked(), 0);
}

// --- before a run

RunForecast forecast_of(Bench& bench, RunOptions options) {
  Result<RunForecast> result = bench.loop.run(forecast(
      *bench.engine, bench.function(), *bench.case_file, bench.rows_.get(), std::move(options)));
  if (!result) ADD_FAILURE() << result.error().message();
  return result ? std::move(*result) : RunForecast{};
}

TEST(Forecast, tells_calls_tokens_and_dollars_and_asks_nobody) {
  Bench bench(cases(50, 40, 20));
  const RunForecast result = forecast_of(bench, full(0.8));
  EXPECT_EQ(bench.asked(), 0);
  EXPECT_EQ(result.calls, 100);
  EXPECT_EQ(result.model_calls, 100);
  ASSERT_EQ(result.variants.size(), 2u);
  const VariantForecast& good = result.variants[0];
  EXPECT_GE(good.input_tokens, 50 * 5);  // "case 7 good:1 poor:0" alone
  EXPECT_GE(good.output_tokens, 50);
  ASSERT_TRUE(good.cost);
  EXPECT_NEAR(good.cost->usd(), static_cast<double>(good.input_tokens) * 1e-3, 1e-6);
  EXPECT_GT(good.seconds, 0);
  EXPECT_FALSE(good.measured);
}

TEST(Forecast, leaves_out_what_is_stored_and_measures_by_it) {
  Bench bench(cases(50, 40, 20));
  RunOptions some = full(0.8);
  some.limit = 10;
  bench.run(some);
  const RunForecast result = forecast_of(bench, full(0.8));
  EXPECT_EQ(result.stored, 20);
  EXPECT_EQ(result.model_calls, 80);
  EXPECT_TRUE(result.variants[0].measured);
  EXPECT_EQ(result.variants[0].output_tokens, 2 * 40);
  bench.run(full(0.8));
  const RunForecast none = forecast_of(bench, full(0.8));
  EXPECT_EQ(none.model_calls, 0);
  EXPECT_EQ(none.cost, NanoUsd{});
  RunOptions fresh = full(0.8);
  fresh.fresh = true;
  EXPECT_EQ(forecast_of(bench, fresh).model_calls, 100);
}

TEST(Forecast, a_price_that_is_not_known_is_not_zero) {
  Bench bench(cases(5, 4, 2),
              "[variants.x]\nkind = \"prompt\"\nmodel = \"keyed/good\"\n"
              "[variants.y]\nkind = \"prompt\"\nmodel = \"unpriced\"\n");
  ::setenv("SIGHTER_TEST_SOME_KEY", "sk-of-the-test", 1);
  const RunForecast result = forecast_of(bench, full(0.8));
  EXPECT_FALSE(result.cost);
  EXPECT_FALSE(result.variants[0].cost);
  // Who takes no key sends no bill.
  EXPECT_EQ(result.variants[1].cost, NanoUsd{});
}

TEST(Forecast, a_cascade_may_ask_each_of_its_models) {
  Bench bench(cases(50, 40, 20), std::string(kPrompts) +
                                     "[variants.ship]\nkind = \"cascade\"\nsteps = [\"poor\", "
                                     "\"good\"]\nthreshold = 0.9\n");
  RunOptions options = full(0.8);
  options.variants = {"ship"};
  EXPECT_EQ(forecast_of(bench, options).model_calls, 100);
}

TEST(Curve, a_bounded_time_asks_as_many_as_the_first_answers_show_to_fit) {
  Bench bench(cases(60, 60, 0));
  bench.on_request = [&](const testing::SeenRequest&) -> std::optional<testing::Script> {
    bench.loop.clock().advance(std::chrono::seconds(1));
    return std::nullopt;
  };
  const auto points = [&](std::size_t tests_max) {
    CurveOptions options;
    options.tests_max = tests_max;
    options.time_max = std::chrono::seconds(20);
    Result<Curve> curve =
        bench.loop.run(by_labels(*bench.engine, bench.function(), *bench.function().find("good"),
                                 *bench.case_file, *bench.metric, options, {}, {}));
    EXPECT_TRUE(curve.has_value());
    EXPECT_EQ(curve->points.size(), 1u);
    return *curve;
  };
  const Curve first = points(50);
  const std::size_t tested = first.points[0].tested;
  EXPECT_GE(tested, 12u);
  EXPECT_LE(tested, 24u);
  EXPECT_TRUE(first.points[0].cut);
  EXPECT_TRUE(first.seconds_a_case.has_value());
  const int asked = bench.asked();
  const Curve again = points(tested);
  EXPECT_EQ(again.points[0].tested, tested);
  EXPECT_FALSE(again.points[0].cut);
  EXPECT_EQ(bench.asked(), asked) << "stored answers are read";
}

}  // namespace
}  // namespace sighter::ready
