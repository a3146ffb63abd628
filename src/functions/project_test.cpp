#include "functions/project.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "functions/test_folder.hpp"

namespace sighter::functions {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::string_view kTriage = R"(input = { text = "string" }
output = { labels = ["a", "b"] }
[variants.linear]
kind = "learned"
learner = "linear"
[variants.gpt]
kind = "prompt"
model = "openai/gpt-5-mini"
user = "user.md"
)";

// The error of a project whose only function has this function.toml and this user.md.
Error mistake(std::string_view toml, std::string_view user = "{{ input.text }}",
              const std::string& name = "triage") {
  const TestFolder folder;
  folder.write("sighter.toml", "");
  folder.write("functions/" + name + "/function.toml", toml);
  folder.write("functions/" + name + "/user.md", user);
  const Result<Project> project = read_project(folder.path());
  if (!project) return project.error();
  return project->broken.empty() ? Error{Kind::kInternal, "no mistake was found", ""}
                                 : project->broken.front().why;
}

TEST(Project, reads_the_bundled_example) {
  const Result<Project> project = read_project(SIGHTER_SOURCE_DIR "/examples/support");
  ASSERT_TRUE(project) << project.error().message();
  ASSERT_EQ(project->functions.size(), 4u);
  const Function* triage = project->find("triage");
  ASSERT_NE(triage, nullptr);
  EXPECT_EQ(triage->variants.size(), 13u);
  EXPECT_EQ(triage->find("ship")->kind(), "cascade");
  EXPECT_EQ(triage->output.labels().size(), 6u);
  EXPECT_EQ(std::get<PromptBody>(triage->find("smol_few")->body).examples, 4);
  EXPECT_NE(triage->find("gpt")->digest, triage->find("claude")->digest);
}

TEST(Project, goes_on_without_a_function_that_holds_a_mistake_and_without_those_that_call_it) {
  const TestFolder folder;
  folder.write("sighter.toml", "[models.m]\nfile = \"m.gguf\"\n");
  const std::string head = "input = { text = \"string\" }\noutput = \"text\"\n";
  const std::string prompt = "[variants.v]\nkind = \"prompt\"\nmodel = \"m\"\n";
  folder.write("functions/bad/function.toml", head + "inptu = 1\n");
  folder.write("functions/caller/function.toml", head + prompt + "tools = [\"bad\"]\n");
  folder.write("functions/good/function.toml", head + prompt);
  const Result<Project> project = read_project(folder.path());
  ASSERT_TRUE(project) << project.error().message();
  ASSERT_EQ(project->functions.size(), 1u);
  EXPECT_EQ(project->functions.front().name, "good");
  EXPECT_EQ(project->broken.size(), 2u);
  EXPECT_THAT(project->function("bad").error().message(), HasSubstr("bad/function.toml:3:1"));
  EXPECT_THAT(project->function("caller").error().message(), HasSubstr("bad/function.toml:3:1"));
}

TEST(Project, is_found_from_a_folder_below) {
  const TestFolder folder;
  folder.write("sighter.toml", "");
  folder.write("a/b/file", "");
  EXPECT_EQ(find_project(folder.path() / "a" / "b"), folder.path());
}

TEST(Project, tells_an_unknown_function_with_what_was_meant) {
  const Result<Project> project = read_project(SIGHTER_SOURCE_DIR "/examples/support");
  ASSERT_TRUE(project);
  EXPECT_THAT(project->function("triaje").error().hint, HasSubstr("did you mean 'triage'"));
}

TEST(FunctionToml, the_edit_of_a_template_changes_the_digest) {
  const TestFolder folder;
  folder.write("f/function.toml", kTriage);
  folder.write("f/user.md", "{{ input.text }}");
  const Result<Function> before = read_function(folder.path() / "f", "f");
  folder.write("f/user.md", "Text: {{ input.text }}");
  const Result<Function> after = read_function(folder.path() / "f", "f");
  ASSERT_TRUE(before && after) << before.error().message();
  EXPECT_NE(before->find("gpt")->digest, after->find("gpt")->digest);
  EXPECT_EQ(before->find("linear")->digest, after->find("linear")->digest);
}

TEST(FunctionToml, a_meaning_is_of_a_label_and_each_label_has_one) {
  const std::string head =
      "input = \"messages\"\noutput = { labels = [\"billing\", \"bug\"] }\n[meanings]\n";
  const TestFolder folder;
  folder.write("f/function.toml", head + "billing = \"money\"\nbug = \"it is broken\"\n");
  const Result<Function> read = read_function(folder.path() / "f", "f");
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_THAT(read->meanings, ::testing::ElementsAre("money", "it is broken"));
  EXPECT_THAT(mistake(head + "billing = \"money\"\n").message(), HasSubstr("'bug' has no meaning"));
  EXPECT_THAT(mistake(head + "biling = \"money\"\nbug = \"x\"\n").message(),
              HasSubstr("'billing'"));
}

TEST(FunctionToml, an_unknown_key_is_told_with_what_was_meant) {
  const Error error = mistake(std::string(kTriage) + "exampels = 3\n");
  EXPECT_THAT(error.message(),
              AllOf(HasSubstr("function.toml:10:"), HasSubstr("exampels"), HasSubstr("examples")));
}

TEST(FunctionToml, a_wrong_path_in_a_template_is_told_at_its_place) {
  const Error error = mistake(kTriage, "Text:\n{{ input.txet }}");
  EXPECT_THAT(error.message(), AllOf(HasSubstr("user.md:2:4"), HasSubstr("input.text")));
}

TEST(FunctionToml, a_field_without_input_in_front_is_told) {
  const Error error = mistake(kTriage, "{{ text }}");
  EXPECT_THAT(error.message(),
              AllOf(HasSubstr("user.md:1:4"), HasSubstr("did you mean 'input.text'")));
}

TEST(FunctionToml, a_missing_template_is_told_at_its_key) {
  const Error error = mistake(std::string(kTriage) + "system = \"sytem.md\"\n");
  EXPECT_THAT(error.message(), AllOf(HasSubstr("function.toml:10:"), HasSubstr("sytem.md")));
}

TEST(FunctionToml, a_missing_step_is_told_with_what_was_meant) {
  const Error error = mistake(
      std::string(kTriage) +
      "[variants.ship]\nkind = \"cascade\"\nthreshold = 0.9\nsteps = [\"liner\", \"gpt\"]\n");
  EXPECT_THAT(error.message(),
              AllOf(HasSubstr("function.toml:13:"), HasSubstr("did you mean 'linear'")));
}

TEST(FunctionToml, cascades_in_a_circle_are_refused) {
  const Error error =
      mistake(std::string(kTriage) +
              "[variants.x]\nkind = \"cascade\"\nthreshold = 0.5\nsteps = "
              "[\"y\"]\n[variants.y]\nkind = \"cascade\"\nthreshold = 0.5\nsteps = [\"x\"]\n");
  EXPECT_THAT(error.what, HasSubstr("leads back to itself"));
}

TEST(FunctionToml, a_model_that_is_not_named_is_told_at_the_variant) {
  const Error error = mistake(
      "input = { text = \"string\" }\noutput = \"text\"\n[variants.p]\nkind = \"prompt\"\nmodel = "
      "\"nobody\"\n");
  EXPECT_THAT(error.what, AllOf(HasSubstr("function.toml:"), HasSubstr("nobody")));
}

TEST(FunctionToml, a_learned_body_needs_labels) {
  const Error error = mistake(
      "input = { text = \"string\" }\noutput = \"text\"\n[variants.l]\nkind = \"learned\"\nlearner "
      "= \"linear\"\n");
  EXPECT_THAT(error.what, HasSubstr("function.toml:4:"));
}

TEST(FunctionToml, a_command_of_the_program_cannot_name_a_function) {
  EXPECT_THAT(mistake(kTriage, "", "prune").what, HasSubstr("'prune'"));
}

TEST(FunctionToml, an_include_stays_inside_the_folder) {
  EXPECT_THAT(mistake(kTriage, "{% include \"../../sighter.toml\" %}").message(),
              HasSubstr("outside"));
}

}  // namespace
}  // namespace sighter::functions
