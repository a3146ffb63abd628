#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/log.hpp"
#include "functions/test_folder.hpp"
#include "ready/metric.hpp"
#include "testing/loop.hpp"

namespace sighter::ready {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Json parse(std::string_view text) {
  Result<Json> json = json_parse(text, "test");
  if (!json) ADD_FAILURE() << json.error().message();
  return json ? *json : Json();
}

struct Bench {
  Result<std::unique_ptr<Metric>> make(std::string_view spec) {
    return make_metric(parse(spec), "function.toml:9:10", folder.path().string(), loop.core(), log);
  }
  std::string refusal(std::string_view spec) {
    const Result<std::unique_ptr<Metric>> metric = make(spec);
    return metric ? "accepted" : metric.error().message();
  }
  Result<Score> result(std::string_view spec, std::string_view expect, std::string_view output) {
    Result<std::unique_ptr<Metric>> metric = make(spec);
    if (!metric) return std::unexpected(metric.error());
    const Json input = Json::object({{"text", "hello"}});
    const Json expected = expect.empty() ? Json() : parse(expect);
    const Json given = parse(output);
    Result<Score> score =
        loop.run((*metric)->score({input, expect.empty() ? nullptr : &expected, given}, {}));
    metric->reset();
    loop.settle();
    return score;
  }
  Score score(std::string_view spec, std::string_view expect, std::string_view output) {
    const Result<Score> score = result(spec, expect, output);
    if (!score) ADD_FAILURE() << spec << ": " << score.error().message();
    return score ? *score : Score{-1, ""};
  }
  double value(std::string_view spec, std::string_view expect, std::string_view output) {
    return score(spec, expect, output).value;
  }

  functions::TestFolder folder;
  testing::Loop loop;
  Log log{Level::kOff};
};

TEST(Metric, exact_is_the_same_json_and_a_number_of_a_csv_file_is_its_text) {
  Bench bench;
  EXPECT_EQ(bench.value(R"("exact")", R"("billing")", R"("billing")"), 1);
  EXPECT_EQ(bench.value(R"("exact")", R"({"a": 1, "b": 2})", R"({"b": 2, "a": 1})"), 1);
  EXPECT_EQ(bench.value(R"("exact")", R"("3")", "3"), 1);
  const Score wrong = bench.score(R"("exact")", R"("billing")", R"("Billing")");
  EXPECT_EQ(wrong.value, 0);
  EXPECT_EQ(wrong.reason, "expected \"billing\"");
  EXPECT_EQ(bench.value(R"({"kind": "exact", "value": "yes"})", R"("no")", R"("yes")"), 1);
}

TEST(Metric, contains_wants_all_of_a_list) {
  Bench bench;
  EXPECT_EQ(bench.value(R"("contains")", R"("cat")", R"("a cat sat")"), 1);
  EXPECT_EQ(bench.value(R"("contains")", R"("Cat")", R"("a cat sat")"), 0);
  EXPECT_EQ(
      bench.value(R"({"kind": "contains", "ignore_case": true})", R"("Cat")", R"("a cat sat")"), 1);
  EXPECT_EQ(bench.value(R"("contains")", R"(["cat", "sat"])", R"("a cat sat")"), 1);
  const Score wrong = bench.score(R"("contains")", R"(["cat", "dog"])", R"("a cat sat")");
  EXPECT_EQ(wrong.value, 0);
  EXPECT_EQ(wrong.reason, "does not contain \"dog\"");
}

TEST(Metric, regex_is_searched_in_the_output) {
  Bench bench;
  EXPECT_EQ(bench.value(R"({"kind": "regex", "value": "^a+b$"})", "", R"("aaab")"), 1);
  EXPECT_EQ(bench.score(R"({"kind": "regex", "value": "^a+$"})", "", R"("b")").reason,
            "does not match /^a+$/");
  EXPECT_EQ(bench.value(R"("regex")", R"("[0-9]{3}")", R"("call 911 now")"), 1);
}

TEST(Metric, a_broken_pattern_is_refused_where_it_stands) {
  Bench bench;
  EXPECT_THAT(bench.refusal(R"({"kind": "regex", "value": "a(b"})"),
              HasSubstr("function.toml:9:10"));
  EXPECT_FALSE(bench.result(R"("regex")", R"("a(b")", R"("ab")"));
}

TEST(Metric, number_takes_one_number_and_nothing_else) {
  Bench bench;
  for (const char* same : {"1234.5", R"("1234.5")", R"("$1,234.50")", R"(" 1234.50. ")"})
    EXPECT_EQ(bench.value(R"("number")", "1234.5", same), 1) << same;
  EXPECT_EQ(bench.score(R"("number")", "5", R"("about 5")").reason, "no number");
  EXPECT_EQ(bench.score(R"("number")", "5", "6").reason, "6 instead of 5");
  EXPECT_EQ(bench.score(R"("number")", R"("five")", "5").reason, "the expectation holds no number");
}

TEST(Metric, a_tolerance_is_met_at_its_edge) {
  Bench bench;
  constexpr std::string_view spec = R"({"kind": "number", "tolerance": 0.5})";
  EXPECT_EQ(bench.value(spec, "5", "5.5"), 1);
  EXPECT_EQ(bench.value(spec, "5", "5.51"), 0);
}

TEST(Metric, final_number_is_the_last_of_a_text) {
  Bench bench;
  EXPECT_EQ(bench.value(R"("final_number")", R"("18")", R"("9 eggs at $2 make 9*2 = $18 a day.")"),
            1);
  EXPECT_EQ(bench.value(R"("final_number")", R"("18")", R"("18 eggs for $20")"), 0);
  EXPECT_EQ(bench.value(R"("final_number")", "20", R"("It costs $20.00.")"), 1);
}

TEST(FinalNumber, reads_signs_commas_and_points) {
  EXPECT_EQ(final_number("so $1,234.50."), "1234.50");
  EXPECT_EQ(final_number("none"), "");
  EXPECT_EQ(final_number("a loss of -$40"), "-40");
  EXPECT_EQ(final_number("from 10-12"), "12");
  EXPECT_EQ(final_number("either 1,2"), "2");
  EXPECT_EQ(final_number("one half is .5"), "0.5");
  EXPECT_EQ(final_number("1,234,567 people"), "1234567");
}

TEST(Metric, json_schema_reads_text_and_says_what_is_wrong) {
  Bench bench;
  bench.folder.write("out.json",
                     R"({"type": "object", "required": ["n"],
                         "properties": {"n": {"type": "integer"}}})");
  constexpr std::string_view spec = R"({"kind": "json_schema", "schema": "out.json"})";
  EXPECT_EQ(bench.value(spec, "", R"({"n": 3})"), 1);
  EXPECT_EQ(bench.value(spec, "", R"("{\"n\": 3}")"), 1);
  const Score wrong = bench.score(spec, "", R"({"n": "three"})");
  EXPECT_EQ(wrong.value, 0);
  EXPECT_THAT(wrong.reason, HasSubstr("/n"));
  EXPECT_EQ(bench.value(spec, "", R"("no JSON at all")"), 0);
}

TEST(Metric, a_schema_that_is_not_there_or_not_json_names_the_file) {
  Bench bench;
  EXPECT_THAT(bench.refusal(R"({"kind": "json_schema", "schema": "no.json"})"),
              AllOf(HasSubstr("function.toml:9:10"), HasSubstr("no.json")));
  bench.folder.write("broken.json", "{\"type\":\n  nonsense}");
  EXPECT_THAT(bench.refusal(R"({"kind": "json_schema", "schema": "broken.json"})"),
              HasSubstr("broken.json:2:3"));
  EXPECT_THAT(bench.refusal(R"("json_schema")"), HasSubstr("needs a schema"));
}

constexpr std::string_view kProgram = R"(import json, sys
for line in sys.stdin:
    row = json.loads(line)
    said = row["output"]
    if said == "bool": print("true", flush=True)
    elif said == "error": print(json.dumps({"error": "cannot judge"}), flush=True)
    elif said == "two": print(json.dumps({"score": 2}), flush=True)
    elif said == "words": print("fine, I think", flush=True)
    else: print(json.dumps({"score": 0.5 if said == row["expect"] else 0, "reason": row["input"]["text"]}), flush=True)
)";

TEST(Metric, a_program_gives_scores_between_0_and_1_with_a_reason) {
  Bench bench;
  bench.folder.write("check.py", kProgram);
  constexpr std::string_view spec = R"({"kind": "program", "command": ["python3", "check.py"]})";
  const Score half = bench.score(spec, R"("x")", R"("x")");
  EXPECT_EQ(half.value, 0.5);
  EXPECT_EQ(half.reason, "hello");
  EXPECT_EQ(bench.value(spec, "", R"("bool")"), 1);
}

TEST(Metric, a_program_that_does_not_answer_a_score_is_an_error_and_no_score) {
  Bench bench;
  bench.folder.write("check.py", kProgram);
  constexpr std::string_view spec = R"({"kind": "program", "command": ["python3", "check.py"]})";
  const auto says = [&](std::string_view output) {
    const Result<Score> score = bench.result(spec, "", output);
    return score ? "a score" : score.error().message();
  };
  EXPECT_THAT(says(R"("error")"), HasSubstr("cannot judge"));
  EXPECT_THAT(says(R"("two")"), AllOf(HasSubstr("{\"score\": 2}"), HasSubstr("0..1")));
  EXPECT_THAT(says(R"("words")"), HasSubstr("the metric's program"));
}

TEST(Metric, only_a_program_may_give_parts_and_needs_no_expectation) {
  Bench bench;
  bench.folder.write("check.py", kProgram);
  const auto program = bench.make(R"({"kind": "program", "command": ["python3", "check.py"]})");
  const auto exact = bench.make(R"("exact")");
  const auto fixed = bench.make(R"({"kind": "exact", "value": 1})");
  ASSERT_TRUE(program && exact && fixed);
  EXPECT_FALSE((*program)->whole_scores());
  EXPECT_FALSE((*program)->needs_expectation());
  EXPECT_TRUE((*exact)->whole_scores());
  EXPECT_TRUE((*exact)->needs_expectation());
  EXPECT_FALSE((*fixed)->needs_expectation());
}

TEST(Metric, mistakes_name_the_place_the_name_and_what_was_meant) {
  Bench bench;
  EXPECT_EQ(bench.refusal(R"("exakt")"),
            "function.toml:9:10: there is no metric 'exakt'\n  did you mean 'exact'?");
  EXPECT_EQ(bench.refusal(R"({"kind": "contains", "valeu": "x"})"),
            "function.toml:9:10: the metric 'contains' has no 'valeu'\n  did you mean 'value'?");
  EXPECT_THAT(bench.refusal(R"({"value": "x"})"), HasSubstr("has no kind"));
  EXPECT_THAT(bench.refusal("3"), HasSubstr("has no kind"));
}

TEST(Metric, a_parameter_of_the_wrong_type_is_refused) {
  Bench bench;
  for (const char* spec :
       {R"({"kind": "contains", "ignore_case": "yes"})", R"({"kind": "number", "tolerance": "1"})",
        R"({"kind": "number", "tolerance": -1})", R"({"kind": "json_schema", "schema": 3})",
        R"({"kind": "program", "command": "check.py"})",
        R"({"kind": "program", "command": ["python3", 3]})",
        R"({"kind": "program", "command": ["a"], "env": "HOME"})",
        R"({"kind": "program", "command": ["a"], "network": 1})"}) {
    EXPECT_THAT(bench.refusal(spec), AllOf(HasSubstr("function.toml:9:10"), HasSubstr("must be")))
        << spec;
  }
  EXPECT_THAT(bench.refusal(R"({"kind": "program", "command": []})"), HasSubstr("needs a command"));
}

TEST(Metric, its_digest_is_its_parameters_and_the_files_that_it_names) {
  Bench bench;
  const auto digest = [&](std::string_view spec) {
    const Result<std::unique_ptr<Metric>> metric = bench.make(spec);
    return metric ? (*metric)->digest() : Digest{};
  };
  EXPECT_EQ(digest(R"("exact")"), digest(R"({"kind": "exact"})"));
  EXPECT_NE(digest(R"("exact")"), digest(R"({"kind": "exact", "value": 1})"));
  constexpr std::string_view program = R"({"kind": "program", "command": ["python3", "check.py"]})";
  constexpr std::string_view schema = R"({"kind": "json_schema", "schema": "s.json"})";
  bench.folder.write("check.py", kProgram);
  bench.folder.write("s.json", "true");
  const Digest program_before = digest(program), schema_before = digest(schema);
  bench.folder.write("check.py", std::string(kProgram) + "# edited\n");
  bench.folder.write("s.json", "false");
  EXPECT_NE(digest(program), program_before);
  EXPECT_NE(digest(schema), schema_before);
}

}  // namespace
}  // namespace sighter::ready
