#include "ready/first_touch.hpp"

#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "functions/test_folder.hpp"

namespace sighter::ready {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Bench {
  Result<FirstTouch> touch(const std::string& name, std::string_view content,
                           const FirstTouchOptions& options = {}) {
    return first_touch(folder.write(name, content), options);
  }
  FirstTouch taken(const std::string& name, std::string_view content,
                   const FirstTouchOptions& options = {}) {
    Result<FirstTouch> touched = touch(name, content, options);
    if (!touched) ADD_FAILURE() << touched.error().message();
    return touched ? std::move(*touched) : FirstTouch{};
  }
  std::string refusal(const std::string& name, std::string_view content,
                      const FirstTouchOptions& options = {}) {
    const Result<FirstTouch> touched = touch(name, content, options);
    return touched ? "accepted" : touched.error().message();
  }
  functions::TestFolder folder;
};

// `count` rows of two labels.
std::string tickets(char separator, int count = 20) {
  std::string out = fmt::format("message{}team\n", separator);
  for (int i = 0; i < count; ++i)
    out += fmt::format("request {}{}{}\n", i, separator, i % 2 == 0 ? "billing" : "bug");
  return out;
}

std::vector<std::string> variants(const functions::Function& function) {
  std::vector<std::string> names;
  for (const functions::Variant& variant : function.variants) names.push_back(variant.name);
  return names;
}

FirstTouchOptions with_model() {
  FirstTouchOptions options;
  options.model = "lab/m";
  return options;
}

TEST(FirstTouch, the_last_column_of_a_csv_file_is_the_answer_and_few_values_are_labels) {
  Bench bench;
  const FirstTouch touch = bench.taken("tickets.csv", tickets(','));
  EXPECT_EQ(touch.function.name, "tickets");
  EXPECT_EQ(touch.function.case_columns.expect, "team");
  EXPECT_THAT(touch.function.case_columns.input, ElementsAre("message"));
  EXPECT_THAT(touch.function.output.labels(), ElementsAre("billing", "bug"));
  EXPECT_EQ(touch.function.bar->metric, Json("exact"));
  EXPECT_THAT(variants(touch.function), ElementsAre("majority", "nearest", "linear"));
}

TEST(FirstTouch, what_was_taken_for_what_is_told_with_how_to_say_otherwise) {
  Bench bench;
  const FirstTouch touch = bench.taken("tickets.csv", tickets(','));
  EXPECT_THAT(touch.taken, Contains(AllOf(HasSubstr("input: message"), HasSubstr("--input"))));
  EXPECT_THAT(touch.taken, Contains(AllOf(HasSubstr("expected answer: team"),
                                          HasSubstr("last column"), HasSubstr("--expect"))));
  EXPECT_THAT(touch.taken, Contains(AllOf(HasSubstr("billing, bug"), HasSubstr("--text"))));
  EXPECT_THAT(touch.taken, Contains(AllOf(HasSubstr("exact"), HasSubstr("--metric"))));
}

TEST(FirstTouch, tabs_are_read_too) {
  Bench bench;
  const FirstTouch touch = bench.taken("tickets.tsv", tickets('\t'));
  EXPECT_EQ(touch.function.case_columns.expect, "team");
  EXPECT_EQ(touch.function.output.labels().size(), 2u);
}

TEST(FirstTouch, a_column_with_a_known_name_is_the_answer_wherever_it_stands) {
  Bench bench;
  std::string rows = "label,subject,body\n";
  for (int i = 0; i < 12; ++i) rows += fmt::format("{},s{},b{}\n", i % 2 ? "x" : "y", i, i);
  const FirstTouch touch = bench.taken("t.csv", rows);
  EXPECT_EQ(touch.function.case_columns.expect, "label");
  EXPECT_THAT(touch.function.case_columns.input, ElementsAre("subject", "body"));
}

TEST(FirstTouch, ids_clusters_and_tags_are_neither) {
  Bench bench;
  std::string rows = "id,text,verdict,cluster\n";
  for (int i = 0; i < 12; ++i) rows += fmt::format("r{},t{},{},c{}\n", i, i, i % 2 ? "x" : "y", i);
  FirstTouchOptions options;
  options.expect = "verdict";
  const FirstTouch touch = bench.taken("t.csv", rows, options);
  EXPECT_THAT(touch.function.case_columns.input, ElementsAre("text"));
}

TEST(FirstTouch, json_lines_in_the_house_form_and_flat) {
  Bench bench;
  std::string shaped, flat;
  for (int i = 0; i < 12; ++i) {
    shaped +=
        fmt::format("{{\"id\": \"a{}\", \"input\": {{\"text\": \"t{}\"}}, \"expect\": \"{}\"}}\n",
                    i, i, i % 2 ? "x" : "y");
    flat += fmt::format("{{\"question\": \"t{}\", \"answer\": \"{}\"}}\n", i, i % 2 ? "x" : "y");
  }
  const FirstTouch house = bench.taken("house.jsonl", shaped);
  EXPECT_THAT(house.taken, Contains("input: the member 'input'"));
  EXPECT_EQ(house.function.input.fields().front().name, "text");
  const FirstTouch other = bench.taken("flat.jsonl", flat);
  EXPECT_EQ(other.function.case_columns.expect, "answer");
  EXPECT_THAT(other.function.case_columns.input, ElementsAre("question"));
}

TEST(FirstTouch, many_different_answers_are_text_and_numbers_are_numbers) {
  Bench bench;
  std::string text = "question,answer\n", numbers = text;
  for (int i = 0; i < 12; ++i) {
    text += fmt::format("q{},words and {}\n", i, i);
    numbers += fmt::format("q{},\"{},5{}0\"\n", i, i, i);
  }
  const FirstTouch words = bench.taken("words.csv", text, with_model());
  EXPECT_EQ(words.function.bar->metric, Json("contains"));
  EXPECT_THAT(variants(words.function), ElementsAre("prompt", "prompt_with_examples"));
  EXPECT_EQ(bench.taken("numbers.csv", numbers, with_model()).function.bar->metric,
            Json("final_number"));
}

TEST(FirstTouch, options_say_otherwise) {
  Bench bench;
  FirstTouchOptions options = with_model();
  options.text = true;
  options.at_least = 0.7;
  options.metric = "exact";
  const FirstTouch text = bench.taken("t.csv", tickets(','), options);
  EXPECT_EQ(text.function.output.form(), functions::OutputContract::Form::kText);
  EXPECT_EQ(text.function.bar->at_least, 0.7);
  EXPECT_EQ(text.function.bar->metric, Json("exact"));
  options = {};
  options.labels = {"billing", "bug", "sales"};
  EXPECT_EQ(bench.taken("t.csv", tickets(','), options).function.output.labels().size(), 3u);
  options = {};
  options.expect = "message";
  options.input = {"team"};
  options.model = "lab/m";
  EXPECT_EQ(bench.taken("t.csv", tickets(','), options).function.case_columns.expect, "message");
}

TEST(FirstTouch, a_label_with_braces_stays_text_in_the_prompt) {
  Bench bench;
  std::string rows = "text,label\n";
  for (int i = 0; i < 12; ++i)
    rows += fmt::format("t{},{}\n", i, i % 2 ? "{{ 7 * 7 }}" : "{% x %}");
  const FirstTouch touch = bench.taken("t.csv", rows, with_model());
  const functions::Variant* prompt = touch.function.find("prompt");
  ASSERT_NE(prompt, nullptr);
  const auto& body = std::get<functions::PromptBody>(prompt->body);
  const Result<std::string> system = body.system->render(Json::object());
  ASSERT_TRUE(system);
  EXPECT_THAT(*system, AllOf(HasSubstr("{{ 7 * 7 }}"), HasSubstr("{% x %}")));
}

TEST(FirstTouch, mistakes_say_what_there_is) {
  Bench bench;
  FirstTouchOptions options;
  options.input = {"mesage"};
  EXPECT_THAT(bench.refusal("t.csv", tickets(','), options),
              AllOf(HasSubstr("no column 'mesage'"), HasSubstr("message, team")));
  options = {};
  options.expect = "squad";
  EXPECT_THAT(bench.refusal("t.csv", tickets(','), options), HasSubstr("no column 'squad'"));
  EXPECT_THAT(bench.refusal("one.csv", "text\na\nb\n"), HasSubstr("--expect COLUMN"));
  std::string text = "question,answer\n";
  for (int i = 0; i < 12; ++i) text += fmt::format("q{},words and {}\n", i, i);
  EXPECT_THAT(bench.refusal("text.csv", text),
              AllOf(HasSubstr("without a model"), HasSubstr("-m")));
}

TEST(FirstTouch, rows_without_an_answer_are_told_by_the_first_ones_line) {
  Bench bench;
  const std::string rows = tickets(',') + "nobody has read this,\nnor this, \n";
  EXPECT_THAT(
      bench.refusal("t.csv", rows),
      AllOf(HasSubstr("t.csv:22: no expected answer in 'team'"), HasSubstr("in 2 of 22 rows")));
  FirstTouchOptions options = with_model();
  options.text = true;
  EXPECT_EQ(bench.refusal("t.csv", rows, options), "accepted");
}

TEST(FirstTouch, a_first_line_that_looks_like_a_row_is_told) {
  Bench bench;
  const std::string rows = tickets(',');
  const std::string headless = rows.substr(rows.find('\n') + 1);
  EXPECT_THAT(bench.refusal("t.csv", headless),
              AllOf(HasSubstr("t.csv:1"), HasSubstr("'billing' is an answer below")));
  EXPECT_THAT(bench.refusal("n.csv", "1,x\n2,y\n"), HasSubstr("'1' is a number"));
  EXPECT_THAT(bench.refusal("l.csv", std::string(90, 'a') + ",b\nc,d\n"), HasSubstr("a long text"));
  FirstTouchOptions options;
  options.expect = "billing";
  EXPECT_EQ(bench.refusal("t.csv", headless, options), "accepted");
}

TEST(FirstTouch, what_is_kept_is_the_same_function_in_files) {
  Bench bench;
  std::string rows = "id,subject,body text,label\n";
  for (int i = 0; i < 12; ++i)
    rows += fmt::format("r{},s{},\"b \"\"{}\"\"\",{}\n", i, i, i, i % 2 ? "x {{ 1 }}" : "y\\");
  FirstTouchOptions options = with_model();
  options.at_least = 0.75;
  const FirstTouch touch = bench.taken("t.csv", rows, options);
  const std::filesystem::path folder = bench.folder.path() / "functions" / "desk";
  const Result<functions::Function> kept = keep(touch.function, folder);
  ASSERT_TRUE(kept) << kept.error().message();
  EXPECT_EQ(kept->name, "desk");
  EXPECT_EQ(variants(*kept), variants(touch.function));
  EXPECT_EQ(kept->output.labels(), touch.function.output.labels());
  EXPECT_EQ(kept->input.schema(), touch.function.input.schema());
  EXPECT_EQ(kept->bar->at_least, 0.75);
  const auto instructions = [](const functions::Function& function) {
    return std::get<functions::PromptBody>(function.find("prompt")->body)
        .system->render(Json::object())
        .value_or("");
  };
  EXPECT_EQ(instructions(*kept), instructions(touch.function));
  const Result<functions::CaseFile> cases = functions::CaseFile::open(kept->cases);
  ASSERT_TRUE(cases) << cases.error().message();
  ASSERT_EQ(cases->size(), 12u);
  const Result<functions::Case> row = cases->at(3);
  ASSERT_TRUE(row);
  EXPECT_EQ(row->id, "r3");
  EXPECT_EQ(row->input, (Json::object({{"subject", "s3"}, {"body text", "b \"3\""}})));
  EXPECT_EQ(row->expect, Json("x {{ 1 }}"));
  const Result<functions::Function> again = keep(touch.function, folder);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, Kind::kConflict);
}

TEST(FirstTouch, a_name_that_cannot_be_one_leaves_nothing_behind) {
  Bench bench;
  const FirstTouch touch = bench.taken("t.csv", tickets(','));
  const std::filesystem::path folder = bench.folder.path() / "functions" / "no good";
  EXPECT_FALSE(keep(touch.function, folder));
  EXPECT_FALSE(std::filesystem::exists(folder));
}

TEST(FirstTouch, a_broken_row_is_told_by_its_line) {
  Bench bench;
  EXPECT_THAT(bench.refusal("t.csv", "text,label\na,x\nb,y,z\n"), HasSubstr("t.csv:3"));
  EXPECT_THAT(bench.refusal("t.jsonl", "{\"a\": 1, \"label\": \"x\"}\n{\"a\": \n"),
              HasSubstr("t.jsonl:2:"));
}

}  // namespace
}  // namespace sighter::ready
