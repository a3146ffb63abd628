#include "functions/engine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.hpp"
#include "functions/cases.hpp"
#include "functions/test_folder.hpp"
#include "io/scope.hpp"
#include "testing/loop.hpp"
#include "testing/scripted_upstream.hpp"

namespace sighter::functions {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kLabels = R"(input = { text = "string" }
output = { labels = ["good", "bad"] }
)";

constexpr std::string_view kEcho = R"(import json, sys, time, os
for line in sys.stdin:
    text = json.loads(line)["input"]["text"]
    if text == "sleep": time.sleep(600)
    if text == "die": os._exit(3)
    if text == "error": print(json.dumps({"error": "no idea"}), flush=True)
    elif text == "odd": print(json.dumps({"output": "odd"}), flush=True)
    else: print(json.dumps({"output": "good" if "nice" in text else "bad", "confidence": 0.6}), flush=True)
)";

// Forty reviews whose label the words give away; each pair of neighbours is a near-duplicate.
std::string reviews() {
  const std::vector<std::string> things{"kettle", "lamp",   "chair",  "radio",  "clock",
                                        "table",  "mirror", "basket", "pencil", "jacket"};
  std::string out;
  for (std::size_t i = 0; i < things.size(); ++i) {
    out += "{\"id\": \"g" + std::to_string(i) + "\", \"input\": \"what a nice lovely " + things[i] +
           " this is\", \"expect\": \"good\"}\n";
    out += "{\"id\": \"b" + std::to_string(i) + "\", \"input\": \"awful broken " + things[i] +
           ", never again\", \"expect\": \"bad\"}\n";
  }
  return out;
}

// A project in a folder, a store in memory of the test, and an engine on the test's loop.
struct Bench {
  explicit Bench(std::string_view function, std::string_view cases = {},
                 std::string_view sighter = {}) {
    folder.write("sighter.toml", sighter);
    folder.write("functions/f/function.toml", std::string(kLabels) + std::string(function));
    folder.write("functions/f/echo.py", kEcho);
    if (!cases.empty()) folder.write("functions/f/cases.jsonl", cases);
    Result<Project> project = read_project(folder.path());
    if (!project) ADD_FAILURE() << project.error().message();
    CHECK(project.has_value());
    auto opened = store::Store::open(folder.path() / "store.db", loop.clock());
    CHECK(opened.has_value());
    rows = std::move(*opened);
    hub = std::make_unique<models::Hub>(project->models, loop.clock(), log, 1);
    shared = std::make_unique<Shared>(std::move(*project), *hub, rows.get(), loop.clock(), log);
    engine = std::make_unique<Engine>(loop.core(), *shared);
  }
  ~Bench() {
    engine.reset();
    loop.settle();
  }
  const Function& function() const { return *shared->project().find("f"); }
  ApplyResult ask(const std::string& variant, const std::string& text, ApplyOptions options = {}) {
    options.durable = true;
    return loop.run(
        engine->apply(function(), *function().find(variant), Json(text), std::move(options)));
  }
  store::CallRow row(const Id& id) { return **rows->call(id); }

  TestFolder folder;
  testing::Loop loop;
  Log log{Level::kOff};
  std::unique_ptr<store::Store> rows;
  std::unique_ptr<models::Hub> hub;
  std::unique_ptr<Shared> shared;
  std::unique_ptr<Engine> engine;
};

constexpr std::string_view kCode =
    "[variants.code]\nkind = \"code\"\ncommand = [\"python3\", \"echo.py\"]\nworkers = "
    "1\ntimeout_s = 20\n";

TEST(CodeBody, answers_and_leaves_a_row) {
  Bench bench(kCode);
  const ApplyResult answer = bench.ask("code", "so nice");
  ASSERT_TRUE(answer) << answer.error().error.message();
  EXPECT_EQ(answer->output, Json("good"));
  EXPECT_EQ(answer->confidence, 0.6);
  const store::CallRow row = bench.row(answer->call);
  EXPECT_EQ(row.output, "\"good\"");
  EXPECT_EQ(row.input, "{\"text\":\"so nice\"}");
  EXPECT_EQ(row.variant, "code");
}

TEST(CodeBody, a_dead_program_is_an_error_and_the_next_row_works) {
  Bench bench(kCode);
  const ApplyResult dead = bench.ask("code", "die");
  ASSERT_FALSE(dead);
  EXPECT_THAT(dead.error().error.what, HasSubstr("exit status 3"));
  EXPECT_EQ(bench.row(dead.error().call).status, store::CallStatus::kError);
  bench.loop.advance(std::chrono::seconds(1));  // the pool waits a little before it starts another
  EXPECT_TRUE(bench.ask("code", "nice"));
}

TEST(CodeBody, its_own_error_is_told) {
  Bench bench(kCode);
  const ApplyResult answer = bench.ask("code", "error");
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().error.what, HasSubstr("no idea"));
}

TEST(CodeBody, an_output_outside_the_contract_is_refused) {
  Bench bench(kCode);
  const ApplyResult answer = bench.ask("code", "odd");
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().error.what, HasSubstr("not one of the labels"));
}

TEST(CodeBody, a_row_that_takes_too_long_is_given_up) {
  Bench bench(kCode);
  auto running = bench.loop.start(
      bench.engine->apply(bench.function(), *bench.function().find("code"), Json("sleep"), {}));
  EXPECT_TRUE(bench.loop.advance_until([&] { return running.done(); }, std::chrono::minutes(2)) ||
              bench.loop.wait_until([&] { return running.done(); }));
  ASSERT_FALSE(running.value());
  EXPECT_EQ(running.value().error().error.kind, Kind::kTimeout);
}

TEST(Engine, an_output_is_used_again_and_an_edit_of_the_program_asks_anew) {
  Bench bench(kCode);
  ApplyOptions options;
  options.reuse = true;
  const ApplyResult first = bench.ask("code", "nice", options);
  const ApplyResult second = bench.ask("code", "nice", options);
  ASSERT_TRUE(first && second);
  EXPECT_FALSE(first->reused);
  EXPECT_TRUE(second->reused);
  EXPECT_EQ(second->call, first->call);
  EXPECT_EQ(second->confidence, first->confidence);
  bench.folder.write("functions/f/echo.py", std::string(kEcho) + "\n# edited\n");
  bench.engine = std::make_unique<Engine>(bench.loop.core(), *bench.shared);
  EXPECT_FALSE(bench.ask("code", "nice", options)->reused);
}

TEST(Engine, an_input_that_does_not_fit_is_a_row_too) {
  Bench bench(kCode);
  const ApplyResult answer = bench.loop.run(bench.engine->apply(
      bench.function(), *bench.function().find("code"), Json(3), {.durable = true}));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().error.kind, Kind::kInvalid);
  EXPECT_EQ(bench.row(answer.error().call).error_kind, "invalid");
}

constexpr std::string_view kLearned =
    "[variants.linear]\nkind = \"learned\"\nlearner = \"linear\"\n[variants.nearest]\nkind = "
    "\"learned\"\nlearner = \"nearest\"\n";

TEST(LearnedBody, answers_with_probabilities) {
  Bench bench(kLearned, reviews());
  const ApplyResult answer = bench.ask("linear", "a nice lovely spoon");
  ASSERT_TRUE(answer) << answer.error().error.message();
  EXPECT_EQ(answer->output, Json("good"));
  ASSERT_EQ(answer->probabilities.size(), 2u);
  EXPECT_NEAR(answer->probabilities[0] + answer->probabilities[1], 1.0, 1e-5);
  EXPECT_EQ(answer->cost, NanoUsd{});
}

TEST(LearnedBody, a_case_that_is_judged_was_not_learned_from) {
  // One case whose label contradicts its words: only a model that saw it can know it.
  Bench bench(kLearned,
              reviews() +
                  "{\"id\": \"odd\", \"input\": \"zyx wvu tsr\", \"expect\": \"bad\"}\n{\"id\": "
                  "\"odd2\", \"input\": \"zyx wvu tsr!\", \"expect\": \"bad\"}\n");
  const Result<CaseFile> file = CaseFile::open(bench.function().cases);
  ASSERT_TRUE(file);
  ApplyOptions judged;
  judged.held_out = file->key(20);
  const ApplyResult seen = bench.ask("nearest", "zyx wvu tsr");
  const ApplyResult unseen = bench.ask("nearest", "zyx wvu tsr", judged);
  ASSERT_TRUE(seen && unseen);
  EXPECT_GT(seen->probabilities[1], unseen->probabilities[1] + 0.1);
  EXPECT_NE(seen->fingerprint, unseen->fingerprint);
}

TEST(LearnedBody, only_the_given_cases_are_learned_from) {
  Bench bench(kLearned, reviews());
  const Result<CaseFile> file = CaseFile::open(bench.function().cases);
  ApplyOptions few;
  few.only_cases = std::make_shared<const std::vector<std::uint64_t>>(
      std::vector<std::uint64_t>{file->key(1), file->key(3)});
  const ApplyResult answer = bench.ask("nearest", "what a nice lovely kettle this is", few);
  ASSERT_TRUE(answer) << answer.error().error.message();
  EXPECT_EQ(answer->output, Json("bad"));  // it has seen nothing but bad ones
}

TEST(Cascade, goes_on_where_the_first_step_is_not_sure_and_leaves_a_tree) {
  Bench bench(
      std::string(kCode) +
      "[variants.second]\nkind = \"code\"\ncommand = [\"python3\", \"echo.py\"]\nworkers = "
      "1\n[variants.ship]\nkind = \"cascade\"\nsteps = [\"code\", \"second\"]\nthreshold = 0.7\n");
  const ApplyResult answer = bench.ask("ship", "nice");
  ASSERT_TRUE(answer) << answer.error().error.message();
  EXPECT_EQ(answer->output, Json("good"));
  const auto tree = bench.rows->show(answer->call);
  ASSERT_TRUE(tree);
  ASSERT_EQ(tree->children.size(), 2u);
  EXPECT_EQ(tree->children[0].call.variant, "code");
  EXPECT_EQ(tree->children[1].call.variant, "second");
}

TEST(Cascade, stops_at_the_first_step_that_is_sure) {
  Bench bench(
      std::string(kCode) +
      "[variants.ship]\nkind = \"cascade\"\nsteps = [\"code\", \"code\"]\nthreshold = 0.5\n");
  const ApplyResult answer = bench.ask("ship", "nice");
  ASSERT_TRUE(answer);
  EXPECT_EQ(bench.rows->show(answer->call)->children.size(), 1u);
}

TEST(Cascade, its_steps_are_used_again) {
  Bench bench(std::string(kLearned) + kCode.data() +
                  "[variants.ship]\nkind = \"cascade\"\nsteps = [\"linear\", "
                  "\"code\"]\nmax_disagreement = 0.3\n",
              reviews());
  ApplyOptions options;
  options.reuse = true;
  const ApplyResult first = bench.ask("ship", "a nice lovely spoon", options);
  const ApplyResult second = bench.ask("ship", "a nice lovely spoon", options);
  ASSERT_TRUE(first && second) << first.error().error.message();
  EXPECT_FALSE(first->reused);
  EXPECT_TRUE(second->reused);
}

// --- prompts, against a server inside the test

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

struct PromptBench {
  explicit PromptBench(const std::string& more = {}) : upstream(outer.core()) {
    upstream.otherwise(
        [this](const testing::SeenRequest&) { return testing::reply_json(chat(next())); });
    const std::string sighter =
        "[providers.lab]\ndialect = \"openai\"\nbase_url = \"" + upstream.url("/v1") +
        "\"\nextra_body = { \"/team/-\" = \"red\" }\n[models.m]\nroutes = [\"lab/m\"]\n";
    bench = std::make_unique<Bench>(
        "[variants.p]\nkind = \"prompt\"\nmodel = \"m\"\nuser = \"Review: {{ input.text }}\"\n" +
            more,
        reviews(), sighter);
  }
  std::string next() {
    if (answers.empty()) return "good";
    std::string text = answers.front();
    answers.erase(answers.begin());
    return text;
  }
  // Both loops turn until the answer is there.
  ApplyResult ask(const std::string& text, ApplyOptions options = {}) {
    options.durable = true;
    auto running = bench->loop.start(bench->engine->apply(
        bench->function(), *bench->function().find("p"), Json(text), std::move(options)));
    bench->loop.wait_until([&] {
      outer.settle();
      return running.done();
    });
    return std::move(running.value());
  }
  const std::string& body(std::size_t i) { return upstream.requests()[i].body; }

  std::vector<std::string> answers;
  testing::Loop outer;
  testing::ScriptedUpstream upstream;
  std::unique_ptr<Bench> bench;
};

TEST(PromptBody, its_preview_is_what_is_sent) {
  PromptBench bench("temperature = 0.5\nextra_body = { \"/stop/-\" = \"S\", \"/deep/x\" = 1 }\n");
  ASSERT_TRUE(bench.ask("x"));
  ApplyOptions options;
  Bench& inner = *bench.bench;
  const Result<Preview> preview = inner.loop.run(inner.engine->preview(
      inner.function(), *inner.function().find("p"), Json("x"), std::move(options)));
  ASSERT_TRUE(preview) << preview.error().message();
  EXPECT_EQ(json_write(preview->request), bench.body(0));
  EXPECT_THAT(bench.body(0), HasSubstr(R"("team":["red"])"));
  EXPECT_THAT(bench.body(0), HasSubstr(R"("deep":{"x":1})"));
}

TEST(PromptBody, sends_the_rendered_templates_and_reads_the_label) {
  PromptBench bench;
  bench.answers = {"Label: Bad."};
  const ApplyResult answer = bench.ask("it fell {{ apart }}");
  ASSERT_TRUE(answer) << answer.error().error.message();
  EXPECT_EQ(answer->output, Json("bad"));
  EXPECT_THAT(bench.body(0), HasSubstr("Review: it fell {{ apart }}"));
  EXPECT_EQ(answer->usage->input, 10);
}

TEST(PromptBody, shows_similar_cases_but_never_the_one_that_is_judged_nor_its_twin) {
  PromptBench bench("examples = 3\n");
  const ApplyResult answer = bench.ask("what a nice lovely kettle this is!");
  ASSERT_TRUE(answer) << answer.error().error.message();
  const Result<Json> sent = json_parse(bench.body(0));
  ASSERT_TRUE(sent);
  const JsonArray& messages = sent->find("messages")->as_array();
  EXPECT_EQ(messages.size(), 8u);  // system, three pairs, the question
  EXPECT_THAT(bench.body(0), AllOf(HasSubstr("nice lovely"), Not(HasSubstr("kettle this is\""))));
}

TEST(PromptBody, an_answer_that_does_not_fit_is_asked_for_once_more) {
  PromptBench bench;
  bench.answers = {"no idea", "good"};
  const ApplyResult answer = bench.ask("hm");
  ASSERT_TRUE(answer) << answer.error().error.message();
  EXPECT_EQ(bench.upstream.requests().size(), 2u);
  EXPECT_THAT(bench.body(1), HasSubstr("not one of the labels"));
  const auto tree = bench.bench->rows->show(answer->call);
  EXPECT_THAT(tree->call.tried, HasSubstr("no idea"));
  EXPECT_EQ(tree->attempts.size(), 1u);
  EXPECT_EQ(tree->call.tokens->input, 20);
}

TEST(PromptBody, two_answers_that_do_not_fit_are_an_error_with_its_row) {
  PromptBench bench;
  bench.answers = {"no idea", "none"};
  const ApplyResult answer = bench.ask("hm");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().error.kind, Kind::kUpstream);
  EXPECT_EQ(bench.bench->row(answer.error().call).status, store::CallStatus::kError);
}

TEST(PromptBody, sends_what_its_variant_adds_to_the_request) {
  PromptBench bench(
      "headers = { \"x-team\" = \"desk\" }\nextra_body = { \"/reasoning/effort\" = \"low\" }\n");
  const ApplyResult answer = bench.ask("hm");
  ASSERT_TRUE(answer) << answer.error().error.message();
  EXPECT_EQ(bench.upstream.requests()[0].headers.get("x-team"), "desk");
  EXPECT_THAT(bench.body(0), HasSubstr(R"("reasoning":{"effort":"low"})"));
  // Another variant that sends another thing is another question.
  PromptBench other("extra_body = { \"/reasoning/effort\" = \"high\" }\n");
  const ApplyResult second = other.ask("hm");
  ASSERT_TRUE(second);
  EXPECT_NE(second->fingerprint, answer->fingerprint);
}

TEST(PromptBody, a_stored_answer_asks_nobody) {
  PromptBench bench;
  ApplyOptions options;
  options.reuse = true;
  ASSERT_TRUE(bench.ask("hm", options));
  const ApplyResult again = bench.ask("hm", options);
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->reused);
  EXPECT_EQ(bench.upstream.requests().size(), 1u);
}

}  // namespace
}  // namespace sighter::functions
